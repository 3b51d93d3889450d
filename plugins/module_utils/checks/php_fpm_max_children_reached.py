# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pools that wanted more workers than they may have, so that requests waited. Static pools never log it."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_history, fpm_workers
from ..facts.fpm_history import FpmHistory, History
from ..facts.fpm_masters import FpmMaster, FpmPool
from ..facts.fpm_workers import FpmWorkers
from ..formats.fpm_log import MaxChildren
from ..model import LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm_history import doubt, owner, pool_object, severity, stamp, times, verdict

LOGGED = "every worker that pm.max_children allows was busy"
COUNTED = "the status page counts it since the pool was started"
BUSY = "every worker of a static pool is busy at this moment, and requests wait"


class Evidence(NamedTuple):
    """reached: how often. workers, busy: now, None where that can't be seen. waiting: requests in the queue now.

    first, last: seconds since the epoch, None where only the status page or the workers tell it.
    """

    owner: str
    cause: str
    log: str
    manager: Optional[str]
    limit: Optional[str]
    reached: int
    workers: Optional[int]
    busy: Optional[int]
    waiting: Optional[int]
    first: Optional[float]
    last: Optional[float]


def find(seen: FpmHistory, workers: FpmWorkers, policy: Policy) -> Verdict:
    findings: List[Finding] = []
    blind: List[str] = []
    for history in seen.histories:
        names = dict.fromkeys(one.event.pool for one in history.moments if isinstance(one.event, MaxChildren))
        findings += [_logged(seen, history, workers, name, history.full(name)) for name in names]
        for master in history.masters:
            others = [pool for pool in master.pools if pool.name not in names]
            findings += [one for pool in others for one in _now(seen, history, workers, master, pool)]
            told = {finding.object for finding in findings}
            blind += [
                f"pool {pool.name}: a static pool never logs that all of its workers are busy; watch its listen queue"
                for pool in others
                if pool.settings.get("pm") == "static" and pool_object(history, pool.name) not in told
            ]
    return verdict(seen, findings, blind)


def _logged(
    seen: FpmHistory, history: History, workers: FpmWorkers, pool: str, full: Sequence[Tuple[float, MaxChildren]]
) -> Finding:
    last = full[-1][0]
    what = _evidence(history, workers, None, pool)._replace(
        cause=LOGGED, reached=len(full), limit=str(full[-1][1].limit), first=full[0][0], last=last
    )
    return Finding(
        check=CHECK.id,
        object=pool_object(history, pool),
        severity=severity(seen.now, last, MEDIUM, MEDIUM, LOW),
        summary=(
            f"pool {pool} reached its pm.max_children of {what.limit} {times(what.reached)}, last at {stamp(last)}: "
            f"requests waited for a worker{doubt(history, pool)}"
        ),
        evidence=what,
        remedy=None,
        risk=None,
    )


def _now(seen: FpmHistory, history: History, workers: FpmWorkers, master: FpmMaster, pool: FpmPool) -> List[Finding]:
    """Return what the status page counts and how busy the workers are, of a pool whose log tells nothing."""
    own = (master.process.pid, pool.name)
    counted = [one.max_children_reached or 0 for one in workers.pools if (one.master, one.pool) == own]
    what = _evidence(history, workers, master, pool.name)
    if sum(counted):
        what = what._replace(cause=COUNTED, reached=sum(counted))
        summary = f"pool {pool.name} reached its pm.max_children {times(what.reached)} since it was started"
    elif what.manager == "static" and what.workers and what.busy == what.workers and what.waiting:
        what = what._replace(cause=BUSY)  # without a queue, it may be the work of a moment
        summary = (
            f"each worker of the static pool {pool.name} ({what.workers}) is busy at this moment, and "
            f"{'a request waits' if what.waiting == 1 else f'{what.waiting} requests wait'}"
        )
    else:
        return []
    grade = LOW if what.cause == COUNTED else MEDIUM
    return [Finding(CHECK.id, pool_object(history, pool.name), grade, summary, what, None, None)]


def _evidence(history: History, workers: FpmWorkers, master: Optional[FpmMaster], pool: str) -> Evidence:
    masters = [master] if master else [one for one in history.masters if any(own.name == pool for own in one.pools)]
    pids = {one.process.pid for one in masters}
    own = [worker for worker in workers.workers if worker.master in pids and worker.pool == pool]
    waiting = [one.listen_queue for one in workers.pools if one.master in pids and one.pool == pool]
    configured = history.pool(pool)
    settings = configured.settings if configured else {}
    known = all(worker.idle is not None for worker in own)
    return Evidence(
        owner=owner(history, pool),
        cause="",
        log=history.log.name,
        manager=settings.get("pm"),
        limit=settings.get("pm.max_children"),
        reached=0,
        workers=len(own) or None,
        busy=sum(worker.idle is False for worker in own) if own and known else None,
        waiting=next((number for number in waiting if number is not None), None),
        first=None,
        last=None,
    )


CHECK = Check(id="php_fpm.max_children_reached", gathers=(fpm_history.gather, fpm_workers.gather), find=find)
