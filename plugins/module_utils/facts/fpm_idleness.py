# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a php-fpm serves anything: in one look at its workers, or in two looks and between them.

What is proven: with a status page, that no worker was serving when the page was made, and that between the pages no
connection was accepted but our own. Without one, that each worker waited in accept(2) on a socket of its master's, and
that it never gave up the processor in between: a worker that takes a connection does so at least once. What is not
proven: that no request comes the moment after. Only a drain can see to that.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from .fpm_workers import FpmWorkers, PoolStatus, Worker

REASONS_LIMIT = 10


class Idleness(NamedTuple):
    """idle: True is proven, False is seen not to be, None is neither. reasons: why it is not True, in sentences."""

    idle: Optional[bool]
    reasons: Tuple[str, ...]


def idle_now(seen: FpmWorkers, master: int) -> Idleness:
    """Return whether every worker of a master waited for work, and no work for a worker."""
    workers = _workers(seen, master)
    busy = [_serving(worker) for worker in workers if worker.idle is False]
    busy += [
        f"pool {pool.pool}: {pool.listen_queue} connections wait for a worker"
        for pool in _pools(seen, master).values()
        if pool.listen_queue
    ]
    why = next(iter(seen.unseen), "have pm.status_path set for its pool, or look as root")
    blind = [
        f"worker {worker.process.pid}: what it does is not seen; {why}" for worker in workers if worker.idle is None
    ]
    return _idleness(busy, blind)


def quiet_between(first: FpmWorkers, second: FpmWorkers, master: int) -> Idleness:
    """Return whether a master served nothing in either of two looks, and nothing between them."""
    looks = [idle_now(seen, master) for seen in (first, second)]
    busy = [reason for look in looks if look.idle is False for reason in look.reasons]
    blind = [reason for look in looks if look.idle is None for reason in look.reasons]
    taken = _taken(_pools(first, master), _pools(second, master))
    busy += [f"pool {pool}: it took {count} connections between two looks" for pool, count in taken.items() if count]
    before, after = (
        {(one.process.pid, one.process.started): one for one in _workers(seen, master) if one.pool not in taken}
        for seen in (first, second)
    )
    busy += [f"worker {pid}: it began or ended between two looks" for pid, _unused in sorted(set(before) ^ set(after))]
    for one in set(before) & set(after):
        if before[one].switches is None or after[one].switches is None:
            blind.append(f"worker {one[0]}: whether it ran between two looks is not seen; look as root")
        elif before[one].switches != after[one].switches:
            busy.append(f"worker {one[0]}: it ran between two looks")
    return _idleness(busy, blind)


def _workers(seen: FpmWorkers, master: int) -> List[Worker]:
    return [worker for worker in seen.workers if worker.master == master]


def _pools(seen: FpmWorkers, master: int) -> Dict[str, PoolStatus]:
    return {pool.pool: pool for pool in seen.pools if pool.master == master}


def _taken(before: Dict[str, PoolStatus], after: Dict[str, PoolStatus]) -> Dict[str, int]:
    """Return how many connections of others each pool took between two pages of one generation of it."""
    taken = {}
    for name in set(before) & set(after):
        first, second = before[name].accepted, after[name].accepted
        if first is not None and second is not None and before[name].started == after[name].started:
            taken[name] = second - first - after[name].asked
    return taken


def _serving(worker: Worker) -> str:
    what = " ".join(word for word in (worker.state or "serves", worker.request) if word)
    since = f" for {worker.request_seconds:.1f} s" if worker.request_seconds is not None else ""
    return f"worker {worker.process.pid} of pool {worker.pool or 'unknown'}: {what}{since}"


def _idleness(busy: Sequence[str], blind: Sequence[str]) -> Idleness:
    reasons = list(dict.fromkeys([*busy, *blind]))
    more = [f"and {len(reasons) - REASONS_LIMIT} more"] if len(reasons) > REASONS_LIMIT else []
    return Idleness(False if busy else None if blind else True, tuple(reasons[:REASONS_LIMIT] + more))
