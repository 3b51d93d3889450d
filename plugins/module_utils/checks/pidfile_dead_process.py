# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A pidfile that names a process which has ended."""

from typing import List

from ..facts import pidfile
from ..facts.bearer import HIDDEN, NOBODY
from ..facts.pidfile import Pidfile, Pidfiles
from ..model import LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .pidfile_evidence import NAME_IT, RISK, evidence, is_ours, plan, remedy, verdict

CAUSE = "its process ended without removing it, as one does that is killed or crashes"


def find(seen: Pidfiles, policy: Policy) -> Verdict:
    findings = [_finding(seen, file) for file in seen.files if file.bearer == NOBODY]
    hidden = [
        f"{file.path}: this user may not see whether process {file.pid} lives; run with become"
        for file in _hidden(seen)
    ]
    return verdict(seen, findings, hidden)


def _hidden(seen: Pidfiles) -> List[Pidfile]:
    return [file for file in seen.files if file.bearer == HIDDEN and file.process is None]


def _finding(seen: Pidfiles, file: Pidfile) -> Finding:
    what = remedy(file)
    return Finding(
        check=CHECK.id,
        object=file.path,
        severity=MEDIUM if is_ours(file) else LOW,
        summary=f"{file.path} names process {file.pid}, which has ended" + ("" if what else f"; {NAME_IT}"),
        evidence=evidence(seen, file, CAUSE),
        remedy=what,
        risk=RISK if what else None,
    )


CHECK = Check(id="pidfile.dead_process", gathers=(pidfile.gather,), find=find, plan=plan)
