# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run checks over one look at a host. A check that cannot look ends as unknown and stops no other."""

import time
from typing import Any, Dict, List, NamedTuple, Sequence

from .errors import CannotLook, NotApplicable, Refused, broken
from .host import Host
from .model import Check, Checked, Finding, Verdict, not_applicable, unknown
from .plain import plain
from .policy import Policy


class Audit(NamedTuple):
    """What one look at a host said, check by check."""

    checked: Sequence[Checked]

    @property
    def findings(self) -> List[Finding]:
        return [finding for checked in self.checked for finding in checked.verdict.findings]


def select(checks: Sequence[Check], wanted: Sequence[str], skipped: Sequence[str]) -> List[Check]:
    """Return the checks whose id or subject is wanted (none named: all) and not skipped. Raises Refused."""
    names = {check.id for check in checks} | {check.subject for check in checks}
    strangers = sorted((set(wanted) | set(skipped)) - names)
    if strangers:
        raise Refused(f"there is no check or subject {strangers[0]!r}; there are {', '.join(sorted(names))}")
    return [
        check
        for check in checks
        if (not wanted or {check.id, check.subject} & set(wanted)) and not {check.id, check.subject} & set(skipped)
    ]


def audit(host: Host, policy: Policy, checks: Sequence[Check]) -> Audit:
    """Look at the host once and let every check judge."""
    return Audit([_run(host, policy, check) for check in checks])


def _run(host: Host, policy: Policy, check: Check) -> Checked:
    started = time.monotonic()
    verdict = _verdict(host, policy, check)
    return Checked(check, verdict, time.monotonic() - started)


def _verdict(host: Host, policy: Policy, check: Check) -> Verdict:
    try:
        facts = [host.once(gather, policy) for gather in check.gathers]
        return check.find(*facts, policy)
    except CannotLook as error:
        return unknown(str(error))
    except NotApplicable as error:
        return not_applicable(str(error))
    except Exception as error:  # one check that fails must not blind the others; it says so, and is not clean
        return unknown(str(broken(error)))


def entries(seen: Audit) -> List[Dict[str, Any]]:
    """Return what each check came to: id, verdict, reason, and the seconds it took."""
    return [
        dict(
            id=checked.check.id,
            verdict=checked.verdict.state,
            reason=plain(checked.verdict.reason),
            seconds=round(checked.seconds, 3),
        )
        for checked in seen.checked
    ]
