# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests that php-fpm ended by request_terminate_timeout: half of each was done, and nothing was cleaned up."""

from typing import NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_history
from ..facts.fpm_history import FpmHistory, History
from ..formats.fpm_log import TimedOut
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm_history import doubt, most_common, owner, pool_object, severity, stamp, times, verdict

CAUSE = "request_terminate_timeout ended the worker in the middle of its request"


class Evidence(NamedTuple):
    """limit: request_terminate_timeout as it is configured now. longest: seconds. scripts, requests: the most frequent.

    first, last: seconds since the epoch. Requests are without their queries.
    """

    owner: str
    cause: str
    log: str
    limit: Optional[str]
    killed: int
    longest: float
    scripts: Tuple[str, ...]
    requests: Tuple[str, ...]
    first: float
    last: float


def find(seen: FpmHistory, policy: Policy) -> Verdict:
    findings = []
    for history in seen.histories:
        names = dict.fromkeys(one.event.pool for one in history.moments if isinstance(one.event, TimedOut))
        findings += [_finding(seen, history, name, history.late(name)) for name in names]
    return verdict(seen, findings)


def _finding(seen: FpmHistory, history: History, pool: str, late: Sequence[Tuple[float, TimedOut]]) -> Finding:
    told = [event for _unused, event in late]
    last = late[-1][0]
    configured = history.pool(pool)
    what = Evidence(
        owner=owner(history, pool),
        cause=CAUSE,
        log=history.log.name,
        limit=configured.settings.get("request_terminate_timeout") if configured else None,
        killed=len(told),
        longest=max(event.seconds for event in told),
        scripts=most_common(event.script for event in told),
        requests=most_common(event.request for event in told),
        first=late[0][0],
        last=last,
    )
    return Finding(
        check=CHECK.id,
        object=pool_object(history, pool),
        severity=severity(seen.now, last, HIGH, MEDIUM, LOW),
        summary=(
            f"php-fpm ended a request of pool {pool} {times(what.killed)} because it took longer than "
            f"request_terminate_timeout allows, mostly {what.scripts[0]}, last at {stamp(last)}: half of it was done"
            f"{doubt(history, pool)}"
        ),
        evidence=what,
        remedy=None,
        risk=None,
    )


CHECK = Check(id="php_fpm.killed_by_time_limit", gathers=(fpm_history.gather,), find=find)
