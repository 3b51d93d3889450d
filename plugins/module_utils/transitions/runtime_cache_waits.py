# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which requests in flight a restart of OPcache would end, seen when it is planned and again just before it."""

from typing import Any, Callable, List, Optional, Sequence, Tuple

from ..errors import CannotAct
from ..facts import fpm_masters, fpm_workers
from ..facts.fpm_in_flight import READING
from ..facts.fpm_workers import Worker
from ..formats.probe_answer import OPCACHE
from ..host import Host
from ..transition import InMemory
from .runtime_cache_state import State, Wanted, force_seconds, segment_of

LOOKS = 40  # at whether a request in flight could be ended, just before the reset
PAUSE = 0.05


def at_once(host: Host) -> Optional[str]:
    """For what its verb waits for itself."""
    return None


def uncut_then(
    state: State, wanted: Wanted, resets: Sequence[str], asked: InMemory
) -> Callable[[Host], Tuple[Any, ...]]:
    """Give what to ask, at a moment when no request in flight could be ended by it."""
    master = asked.master.process.pid

    def guard(host: Host) -> Tuple[Any, ...]:
        if not cut_by_any(state, master, resets):
            return asked
        host.once(fpm_masters.gather, wanted.policy)
        for _unused in range(LOOKS):
            seen = fpm_workers.gather(host.again(fpm_masters.gather), wanted.policy)
            if not cut_by_reset(state._replace(workers=seen.workers), master, resets):
                return asked
            host.pause(PAUSE)
        raise CannotAct(
            "requests came in of which nothing says how long they may take, so nothing was reset; drain the host, or "
            "say it by longest_request"
        )

    return guard


def cut_by_any(state: State, master: int, resets: Sequence[str]) -> bool:
    """Whether a request that comes in next could take longer than a restart waits for it."""
    force = _force(state, master, resets)
    bounds = [seconds for (of, _unused), seconds in state.bounds.items() if of == master]
    return force is not None and (not bounds or any(seconds is None or seconds >= force for seconds in bounds))


def cut_by_reset(state: State, master: int, resets: Sequence[str]) -> List[str]:
    """Return the requests in flight that may outlive the wait of a restart, and then be killed, a sentence each."""
    force = _force(state, master, resets)
    if force is None:
        return []
    own = [one for one in state.workers if one.master == master and not one.idle and one.state != READING]
    return [sentence for one in own for sentence in _outlives(state, one, force)]


def _force(state: State, master: int, resets: Sequence[str]) -> Optional[float]:
    """Return after how many seconds a restart would kill, None where it never does, or none is to be begun."""
    segment = segment_of(state, master)
    if OPCACHE not in resets or segment is None or segment.opcache is None or segment.opcache.restart_pending:
        return None
    return force_seconds(state, master)


def _outlives(state: State, worker: Worker, force: float) -> List[str]:
    bound = state.bounds.get((worker.master, worker.pool or ""))
    age = worker.request_seconds
    of = f"worker {worker.process.pid} of pool {worker.pool or 'unknown'}"
    what = f"serves {worker.request}" if worker.request else "serves a request"
    if age is not None and age > force:
        why = f"for {age:.0f} s already"
    elif bound is None:
        why = "of which nothing says how long it may take"
    elif bound - (age or 0.0) >= force:
        why = f"that may take {bound:g} s"
    else:
        return []
    return [f"{of} {what} {why}, and opcache.force_restart_timeout kills it after {force:g} s"]
