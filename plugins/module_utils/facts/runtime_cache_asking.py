# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask pools what they hold in memory, some at once: a pool that is stuck or lies must not keep us from the others."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Callable, List, NamedTuple, Optional, Sequence, TypeVar

from ..errors import CannotLook, broken
from ..formats.probe_answer import ProbeAnswer, Task
from ..host import Host
from ..policy import Policy
from . import pool_probe
from .runtime_cache_pools import Wanted

ASKED_AT_ONCE = 16
ASKING_SECONDS = 60.0  # after which no further pool is asked

T = TypeVar("T")
R = TypeVar("R")


class Asked(NamedTuple):
    """What asking a pool came to: its answer, or the reason why there is none. seconds: that it took."""

    wanted: Wanted
    answer: Optional[ProbeAnswer]
    reason: Optional[str]
    seconds: float


class Asking:
    """The asking of one look, with one end for all of its pools."""

    def __init__(self, host: Host, policy: Policy) -> None:
        self.host = host
        self.policy = policy
        self._end = time.monotonic() + ASKING_SECONDS

    def each(self, work: Callable[[T], R], things: Sequence[T]) -> List[R]:
        """Return what ``work`` makes of each thing, some at once."""
        with ThreadPoolExecutor(max_workers=ASKED_AT_ONCE) as at_once:
            return list(at_once.map(work, things))

    def ask(self, wanted: Wanted) -> Asked:
        """Ask one pool for all but its scripts. Whatever goes wrong is that pool's reason, and no other's."""
        begun = time.monotonic()
        if begun > self._end:
            reason = f"pool {wanted.pool.name}: not asked, because the others took {ASKING_SECONDS:g} s"
            return Asked(wanted, None, reason, 0.0)
        try:
            answer = self.through(wanted, lambda opened: self.put(opened, Task()))
        except CannotLook as error:
            return Asked(wanted, None, str(error), time.monotonic() - begun)
        return Asked(wanted, answer, None, time.monotonic() - begun)

    def through(self, wanted: Wanted, work: Callable[[pool_probe.Probe], R]) -> R:
        """Return what ``work`` makes of a probe of one pool. Raises CannotLook, for whatever reason it fails."""
        try:
            with pool_probe.opened(self.host, self.policy, wanted.master, wanted.pool) as opened:
                return work(opened)
        except CannotLook:
            raise
        except Exception as error:  # what one pool makes our code stumble over must not hide the others
            raise broken(error) from error

    def put(self, opened: pool_probe.Probe, task: Task) -> ProbeAnswer:
        """Ask by a probe that is open. Raises CannotLook as Probe.ask() does."""
        return opened.ask(task, float(self.policy.runtime_cache.answer_seconds))
