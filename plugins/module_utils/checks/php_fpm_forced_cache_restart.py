# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers ended by a SIGTERM that php-fpm did not send: so OPcache ends who still uses a cache that it must restart."""

from typing import Dict, List, NamedTuple, Tuple

from ..facts import fpm_history
from ..facts.fpm_history import KILLED, OPCACHE, Ending, FpmHistory, History
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm_history import EXAMPLES, owner, pool_object, severity, stamp, times, verdict

SAID = "OPcache restarted its memory, and after opcache.force_restart_timeout ended the workers that still used it"
UNSAID = "either OPcache did it after opcache.force_restart_timeout, or somebody signalled the workers"
_SIGTERM = 15


class Evidence(NamedTuple):
    """said: of how many workers OPcache says so, which it does with opcache.log_verbosity_level=2 or more.

    first, last: seconds since the epoch.
    """

    owner: str
    cause: str
    log: str
    killed: int
    said: int
    workers: Tuple[str, ...]
    first: float
    last: float


def find(seen: FpmHistory, policy: Policy) -> Verdict:
    findings = []
    for history in seen.histories:
        pools: Dict[str, List[Ending]] = {}
        for ending in history.endings:
            if ending.ended == OPCACHE or (ending.ended == KILLED and ending.signal == _SIGTERM):
                pools.setdefault(ending.pool, []).append(ending)
        findings += [_finding(seen, history, pool, endings) for pool, endings in pools.items()]
    return verdict(seen, findings)


def _finding(seen: FpmHistory, history: History, pool: str, endings: List[Ending]) -> Finding:
    said = sum(ending.ended == OPCACHE for ending in endings)
    last = endings[-1].moment
    what = Evidence(
        owner=owner(history, pool),
        cause=SAID if said else UNSAID,
        log=history.log.name,
        killed=len(endings),
        said=said,
        workers=tuple(f"{stamp(one.moment)} process {one.child}, {one.word}" for one in endings[-EXAMPLES:]),
        first=endings[0].moment,
        last=last,
    )
    return Finding(
        check=CHECK.id,
        object=pool_object(history, pool),
        severity=severity(seen.now, last, HIGH if said else MEDIUM, MEDIUM, LOW),
        summary=(
            f"workers of pool {pool} were ended {times(what.killed)} by a signal that php-fpm did not send, last at "
            f"{stamp(last)}: {what.cause}; half of what they served was done"
        ),
        evidence=what,
        remedy=None,
        risk=None,
    )


CHECK = Check(id="php_fpm.forced_cache_restart", gathers=(fpm_history.gather,), find=find)
