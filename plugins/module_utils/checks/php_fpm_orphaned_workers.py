# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers of php-fpm that live on after their master died."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_masters
from ..facts.fpm_masters import FpmMasters
from ..facts.fpm_orphans import Orphan
from ..model import HIGH, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm import verdict

CAUSE = (
    "their master was killed, or ended by a signal that its build does not handle, such as SIGHUP where SIGUSR2 was "
    "meant"
)
LOST = (
    "no worker is started again and none is stopped by request_terminate_timeout; with pm.max_requests they die out "
    "one by one, and then nobody serves"
)
ADVICE = (
    "drain the host, then run phpfleet.remediation.php_fpm with reap_orphans: true and state: started; it ends each of "
    "them after its request, and starts a master when the last is gone"
)
_START_SAYS_PATH = "ERROR: Another FPM instance seems to already listen on {}"
_START_SAYS_PORT = "ERROR: unable to bind listening socket for address '{}': Address already in use (98)"


class Evidence(NamedTuple):
    """Times in seconds since the epoch. The master still lived at last_started, when it started the youngest of them.

    pool: by their titles, which a worker can set. serving: where they still accept requests. start_says: what a php-fpm
    that is started meanwhile ends with. lost: what they do without. advice: what to do.
    """

    owner: str
    cause: str
    pool: Optional[str]
    pids: Tuple[int, ...]
    executables: Tuple[str, ...]
    first_started: float
    last_started: float
    serving: Tuple[str, ...]
    start_says: Tuple[str, ...]
    lost: str
    advice: str


def find(seen: FpmMasters, policy: Policy) -> Verdict:
    groups: Dict[Tuple[Optional[str], Tuple[str, ...]], List[Orphan]] = {}
    for one in seen.orphans:
        groups.setdefault((one.pool, one.addresses), []).append(one)
    return verdict(seen, [_finding(pool, serving, orphans) for (pool, serving), orphans in groups.items()])


def _finding(pool: Optional[str], serving: Tuple[str, ...], orphans: Sequence[Orphan]) -> Finding:
    place = f" on {', '.join(serving)}" if serving else ""
    workers = "1 worker" if len(orphans) == 1 else f"{len(orphans)} workers"
    doing = f"they still serve{place}, where no php-fpm can start" if serving else "they live on"
    return Finding(
        check=CHECK.id,
        object=f"orphans of pool {pool}{place}",
        severity=HIGH if serving else MEDIUM,
        summary=f"{workers} of pool {pool} have no master any more: {doing}; {ADVICE}",
        evidence=_evidence(pool, serving, orphans),
        remedy=None,
        risk=None,
    )


def _evidence(pool: Optional[str], serving: Tuple[str, ...], orphans: Sequence[Orphan]) -> Evidence:
    started = [one.process.started for one in orphans]
    says = [(_START_SAYS_PATH if place.startswith("/") else _START_SAYS_PORT).format(place) for place in serving]
    return Evidence(
        owner=orphans[0].user,
        cause=CAUSE,
        pool=pool,
        pids=tuple(one.process.pid for one in orphans),
        executables=tuple(sorted({one.process.executable or "" for one in orphans})),
        first_started=min(started),
        last_started=max(started),
        serving=serving,
        start_says=tuple(says),
        lost=LOST,
        advice=ADVICE,
    )


CHECK = Check(id="php_fpm.orphaned_workers", gathers=(fpm_masters.gather,), find=find)
