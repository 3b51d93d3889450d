# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""IPC tables that are full or nearly so: "failed for key 0x…: No space left on device" comes from one of them."""

from collections import Counter
from typing import Any, Callable, Iterator, NamedTuple, Sequence
from typing import Counter as Counts

from ..facts import sysv_ipc
from ..facts.sysv_ipc import Limits, Table
from ..model import CRITICAL, HIGH, Check, Finding, Verdict, found
from ..policy import Policy
from .sysv_ipc import is_near

OWNERS_SHOWN = 5


class Owner(NamedTuple):
    owner: str
    used: int


class Evidence(NamedTuple):
    """used and limit count what unit says; owners are the greatest users, at most OWNERS_SHOWN, and owner the first."""

    owner: str
    cause: str
    unit: str
    used: int
    limit: int
    percent: int
    owners: Sequence[Owner]


class Usage(NamedTuple):
    """How much of one limit is used: setting is its name, calls are what fails when less than a step is left of it."""

    setting: str
    unit: str
    calls: str
    by_owner: Counts[str]
    limit: int
    step: int = 1


def find(segments: Table, sets: Table, queues: Table, limits: Limits, policy: Policy) -> Verdict:
    """Compare every table with its limits."""
    return found(
        [_finding(usage, policy) for usage in usages(segments, sets, queues, limits) if _is_near(usage, policy)]
    )


def usages(segments: Table, sets: Table, queues: Table, limits: Limits) -> Iterator[Usage]:
    """Yield the use of each limit: newseg(), newary() and newque() of the kernel's ipc/ fail by these with ENOSPC."""
    attach, sem_get, queue = "shm_attach and shmop_open", "sem_get", "msg_get_queue"
    yield Usage("kernel.shmmni", "shared memory segments", attach, _count(segments, lambda _: 1), limits.shmmni)
    pages = _count(segments, lambda segment: -(-segment.size // limits.page_size))
    yield Usage("kernel.shmall", "pages of shared memory", attach, pages, limits.shmall)
    yield Usage("kernel.sem (SEMMNI)", "semaphore sets", sem_get, _count(sets, lambda _: 1), limits.semmni)
    yield Usage("kernel.sem (SEMMNS)", "semaphores", sem_get, _count(sets, lambda thing: thing.nsems), limits.semmns, 3)
    yield Usage("kernel.msgmni", "message queues", queue, _count(queues, lambda _: 1), limits.msgmni)


def _count(table: Table, weigh: Callable[[Any], int]) -> Counts[str]:
    """Return what each owner uses."""
    by_owner: Counts[str] = Counter()
    for thing in table.objects:
        by_owner[table.users[thing.uid]] += weigh(thing)
    return by_owner


def _used(usage: Usage) -> int:
    return sum(usage.by_owner.values())


def _is_near(usage: Usage, policy: Policy) -> bool:
    return is_near(_used(usage), usage.limit, policy)


def _finding(usage: Usage, policy: Policy) -> Finding:
    used = _used(usage)
    greatest = [Owner(owner, count) for owner, count in usage.by_owner.most_common(OWNERS_SHOWN)]
    full = used + usage.step > usage.limit
    evidence = Evidence(
        greatest[0].owner if greatest else "nobody",
        f"the table of {usage.unit} is " + ("full" if full else "nearly full"),
        usage.unit,
        used,
        usage.limit,
        used * 100 // usage.limit if usage.limit else 100,
        greatest,
    )
    most = f", {greatest[0].used} of them {greatest[0].owner}'s" if greatest else ""
    effect = (
        f"{usage.calls} fail now with 'No space left on device', whatever the key"
        if full
        else f"when it is full, {usage.calls} fail with 'No space left on device', whatever the key"
    )
    return Finding(
        CHECK.id,
        usage.setting,
        CRITICAL if full else HIGH,
        f"{used} of {usage.limit} {usage.unit} are in use ({usage.setting}){most}; {effect}. Remove what is orphaned, "
        f"find the program that leaves it, and raise {usage.setting} only if all of it is needed",
        evidence,
        None,
        None,
    )


CHECK = Check(
    id="sysv_ipc.near_limit",
    gathers=(sysv_ipc.gather_segments, sysv_ipc.gather_sets, sysv_ipc.gather_queues, sysv_ipc.gather_limits),
    find=find,
)
