# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A master that runs while the pidfile it is configured with is not there."""

import os
from typing import List, Optional

from ..facts import pidfile
from ..facts.pidfile import Pidfile, Pidfiles
from ..model import MEDIUM, Check, Finding, Verdict, not_applicable
from ..policy import Policy
from .pidfile_evidence import RISK, WRITE, evidence, is_ours, plan, replaceable, verdict

CAUSE = "something removed it: a cleaner of temporary files, or a second instance that used the same file and stopped"


def find(seen: Pidfiles, policy: Policy) -> Verdict:
    if not seen.masters and seen.complete:
        return not_applicable("no master of php-fpm or nginx runs here")
    absent = [file for file in seen.files if file.kind == "absent" and file.masters and not _is_elsewhere(seen, file)]
    sure = [file for file in absent if not _is_assumed(file)]
    return verdict(seen, [_finding(seen, file) for file in sure], _blind(seen, absent))


def _blind(seen: Pidfiles, absent: List[Pidfile]) -> List[str]:
    masters = [master.unknown for master in seen.masters if master.unknown]
    hidden = [] if seen.complete else ["this user may not see all processes, so there may be masters; run with become"]
    return (
        masters
        + hidden
        + [
            f"{file.path}: the configuration names it as a relative path, which may belong to another directory; "
            "write the path from / on in the configuration, or name the pidfile in paths"
            for file in absent
            if _is_assumed(file)
        ]
    )


def _is_elsewhere(seen: Pidfiles, file: Pidfile) -> bool:
    """Whether every master configured with the file is named by another one, as nginx's is while it is upgraded."""
    named = {other.pid for other in seen.files if other.pid is not None and other.program == file.program}
    return all(master.process.pid in named for master in file.masters)


def _is_assumed(file: Pidfile) -> bool:
    return any(master.configured is not None and master.configured.assumed for master in file.masters)


def _finding(seen: Pidfiles, file: Pidfile) -> Finding:
    pids = ", ".join(str(master.process.pid) for master in file.masters)
    what = _remedy(file)
    return Finding(
        check=CHECK.id,
        object=file.path,
        severity=MEDIUM,
        summary=f"{file.program} master {pids} runs, but its pidfile {file.path} is not there{_advice(file)}",
        evidence=evidence(seen, file, CAUSE),
        remedy=what,
        risk=RISK if what else None,
    )


def _remedy(file: Pidfile) -> Optional[str]:
    return WRITE if file.has_directory and is_ours(file) and replaceable(file) else None


def _advice(file: Pidfile) -> str:
    if file.has_directory:
        return ""
    return f"; nor is its directory: make {os.path.dirname(file.path)} as the package does and reload the service"


CHECK = Check(id="pidfile.missing", gathers=(pidfile.gather,), find=find, plan=plan)
