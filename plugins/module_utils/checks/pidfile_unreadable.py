# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A pidfile of php-fpm, of nginx, or one that was named, which says no pid."""

import re
from typing import Optional

from ..facts import pidfile
from ..facts.bearer import UNCERTAIN
from ..facts.pidfile import NAMED, Pidfile, Pidfiles
from ..model import LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .pidfile_evidence import RISK, evidence, is_ours, plan, remedy, verdict

EMPTY = "it was made and not written: the disk was full, the power failed, or nginx -t ran while no nginx did"
OTHER = "something else than the program wrote it or put it there"


def find(seen: Pidfiles, policy: Policy) -> Verdict:
    return verdict(seen, [_finding(seen, file) for file in seen.files if file.problem and _is_judged(file)])


def _is_judged(file: Pidfile) -> bool:
    return file.bearer != UNCERTAIN and (file.program is not None or NAMED in file.origins)


def _finding(seen: Pidfiles, file: Pidfile) -> Finding:
    what = _remedy(seen, file)
    return Finding(
        check=CHECK.id,
        object=file.path,
        severity=MEDIUM if file.masters and is_ours(file) else LOW,
        summary=f"{file.path} says no pid: {file.problem}",
        evidence=evidence(seen, file, EMPTY if file.content is not None and not file.content.strip() else OTHER),
        remedy=what,
        risk=RISK if what else None,
    )


def _remedy(seen: Pidfiles, file: Pidfile) -> Optional[str]:
    """Only for php-fpm's and nginx's, whose form is known: others may write more than a pid, as PostgreSQL does."""
    if file.program is None or file.content is None:
        return None
    living = {pid for pid, _unused in seen.heads[file.program]}
    said = {int(number) for number in re.findall(rb"[0-9]{1,8}", file.content)}
    return None if living & said else remedy(file)


CHECK = Check(id="pidfile.unreadable", gathers=(pidfile.gather,), find=find, plan=plan)
