# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait for a restart of OPcache that is pending, and say which requests it waits for.

ext/opcache/ZendAccelerator.c: the restart is done by the first request that begins while no other one uses the memory.
So each question is such a request, and by itself ends a restart that waits for nothing but the next request.
"""

import time
from typing import List, NamedTuple, Optional, Tuple

from ..errors import CannotLook
from ..formats.probe_answer import ProbeAnswer, Task
from ..host import Host
from ..policy import Policy
from . import fpm_masters, fpm_workers
from .fpm_in_flight import READING
from .fpm_workers import Worker
from .pool_probe import Probe
from .runtime_cache_asking import Asking
from .runtime_cache_pools import Wanted

PAUSE = 0.25  # seconds between two questions
BLOCKING_LIMIT = 10


class Pending(NamedTuple):
    """What waiting for a restart came to. seconds: for how long it was pending still; None where none is, or it passed.

    answer: the last. blocked_by: the requests that it waits for, in words, the oldest first.
    """

    answer: Optional[ProbeAnswer]
    seconds: Optional[float]
    blocked_by: Tuple[str, ...]


NOTHING_PENDING = Pending(None, None, ())


def is_pending(answer: ProbeAnswer) -> bool:
    return answer.opcache is not None and (answer.opcache.restart_pending or answer.opcache.restart_in_progress)


def wait(asking: Asking, opened: Probe, wanted: Wanted, first: ProbeAnswer) -> Pending:
    """Ask until no restart is pending, for as long as the policy lets it be. Raises CannotLook."""
    limit = asking.policy.runtime_cache.pending_seconds
    end = time.monotonic() + limit
    begun = asking.host.now()
    last = first
    for _unused in range(int(limit / PAUSE)):
        if not is_pending(last) or time.monotonic() > end:
            break
        asking.host.pause(PAUSE)
        last = asking.put(opened, Task())
    if not is_pending(last):
        return Pending(last, None, ())
    seconds = asking.host.now() - begun  # never by the pool's own word
    return Pending(last, seconds, _blocked_by(asking.host, asking.policy, wanted.master.process.pid, seconds))


def _blocked_by(host: Host, policy: Policy, master: int, seconds: float) -> Tuple[str, ...]:
    """Return the requests that were there before the first look at the restart, the oldest first.

    What began later takes no part: while a restart is pending, requests do without the memory.
    """
    try:
        seen = host.again(fpm_masters.gather).once(fpm_workers.gather, policy).workers
    except CannotLook as error:
        return (f"the requests in flight cannot be seen: {error}",)
    held = [one for one in seen if one.master == master and one.idle is False and one.state != READING]
    old = [one for one in held if one.request_seconds is None or one.request_seconds >= seconds]
    old.sort(key=lambda one: -(one.request_seconds or 0.0))
    more = [f"and {len(old) - BLOCKING_LIMIT} more"] if len(old) > BLOCKING_LIMIT else []
    return tuple(_words(old[:BLOCKING_LIMIT]) + more)


def _words(workers: List[Worker]) -> List[str]:
    return [f"worker {one.process.pid} of pool {one.pool or 'unknown'}: {_request(one)}" for one in workers]


def _request(worker: Worker) -> str:
    if worker.request is None or worker.request_seconds is None:
        return "a request of unknown age; set pm.status_path for its pool to have it told"
    return f"{worker.request} for {worker.request_seconds:.1f} s"
