# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A pidfile that names a process which is not the one it should: stopping or reloading by it hits another."""

from typing import Dict, Optional

from ..facts import pidfile
from ..facts.bearer import A_WORKER, ANOTHER_MASTER, HIDDEN, KERNEL_THREAD, STRANGER, THREAD, ZOMBIE
from ..facts.pidfile import Pidfile, Pidfiles
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .pidfile_evidence import RISK, evidence, is_ours, plan, remedy, verdict

RECYCLED = "its process ended without removing it, and the kernel gave the number to another since"
CAUSES: Dict[str, str] = {
    STRANGER: RECYCLED,
    KERNEL_THREAD: RECYCLED,
    THREAD: RECYCLED,
    ZOMBIE: "its process ended, and its parent has not noticed",
    A_WORKER: "a script wrote the pid of a worker, or the kernel gave the number of an earlier master to one",
    ANOTHER_MASTER: "two masters are configured with one pidfile, or it was copied",
}


def find(seen: Pidfiles, policy: Policy) -> Verdict:
    findings = [_finding(seen, file) for file in seen.files if file.bearer in CAUSES]
    hidden = [
        f"{file.path}: this user may not see which program process {file.pid} runs; run with become"
        for file in seen.files
        if file.bearer == HIDDEN
    ]
    return verdict(seen, findings, hidden)


def _finding(seen: Pidfiles, file: Pidfile) -> Finding:
    what = _remedy(file)
    return Finding(
        check=CHECK.id,
        object=file.path,
        severity=_severity(file),
        summary=f"{file.path} names process {file.pid}, {_who(file)}",
        evidence=evidence(seen, file, CAUSES[file.bearer or ""]),
        remedy=what,
        risk=RISK if what else None,
    )


def _severity(file: Pidfile) -> str:
    # A stop script sends its signal to that process, and to no thread or zombie that would mind.
    if file.program and file.bearer in (STRANGER, A_WORKER, ANOTHER_MASTER):
        return HIGH
    return MEDIUM if is_ours(file) else LOW


def _remedy(file: Pidfile) -> Optional[str]:
    # A signal to one of its threads reaches the whole process, so a program may have written that number.
    return None if file.bearer == THREAD and file.program is None else remedy(file)


def _who(file: Pidfile) -> str:
    process = file.process
    name = f"{process.name!r} ({process.executable or process.title or 'no executable'})" if process else "that ended"
    program = file.program or "the program it is called after"
    return {
        STRANGER: f"which is {name} and not {program}",
        KERNEL_THREAD: f"which is the kernel's own {name}",
        THREAD: f"which is a thread of {name}",
        ZOMBIE: f"which has ended and waits as a zombie: {name}",
        A_WORKER: f"which is a worker of {program} and not its master",
        ANOTHER_MASTER: f"which is a master of {program}, but not the one configured with this file",
    }[file.bearer or ""]


CHECK = Check(id="pidfile.foreign_process", gathers=(pidfile.gather,), find=find, plan=plan)
