# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who uses an IPC object now, where the tables do not say: the processes that hold a segment, or wait at a queue."""

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..policy import Policy
from . import processes
from .sysv_ipc import MARKED_FOR_REMOVAL, gather_queues, gather_segments

MAPS_LIMIT = 16 * 1024 * 1024  # bytes; 65,530 mappings, the kernel's default limit, are below 8 MiB
# proc(5), maps: a segment is a file of that name whose inode is the shmid.
_MAPPED = re.compile(rb"^\S+ \S+ \S+ \S+ (\d+) +/SYSV[0-9a-f]{8} \(deleted\)$", re.MULTILINE)
# msgrcv(2) by number: x86_64; aarch64 and riscv64; powerpc64 and s390x.
_MSGRCV = (b"70", b"188", b"401")


class Holders(NamedTuple):
    """pids that have a segment attached, by shmid; complete is False where some process would not show its mappings."""

    by_segment: Dict[int, Tuple[int, ...]]
    complete: bool


class Receivers(NamedTuple):
    """pids that wait for a message, by msqid; complete is False where the host does not show who waits, or at what."""

    by_queue: Dict[int, Tuple[int, ...]]
    complete: bool


class Wait(NamedTuple):
    """A thread, and the kernel function in which it sleeps: proc(5), wchan."""

    pid: int
    thread: str
    function: bytes


def parse_maps(content: bytes) -> Set[int]:
    """Return the ids of the segments that the mappings of one process hold."""
    return {int(inode) for inode in _MAPPED.findall(content) if len(inode) < 11}


def parse_syscall(content: bytes) -> Optional[int]:
    """Return the queue at which msgrcv(2) waits, from /proc/PID/syscall; None for another call, or if hidden."""
    fields = content.split()
    if len(fields) < 2 or fields[0] not in _MSGRCV:
        return None
    try:
        return int(fields[1], 16)
    except ValueError:
        return None


def gather_holders(host: Host, policy: Policy) -> Holders:
    """Return who holds the segments that are marked for removal; nobody is asked where there is none."""
    segments = host.once(gather_segments, policy).objects
    marked = {segment.shmid for segment in segments if segment.perms & MARKED_FOR_REMOVAL and segment.nattch}
    running = host.once(processes.gather, policy) if marked else None
    if running is None:
        return Holders({}, True)
    by_segment: Dict[int, List[int]] = {}
    complete = running.complete
    for pid in sorted(running.by_pid):
        try:
            for shmid in _held(host, pid) & marked:
                by_segment.setdefault(shmid, []).append(pid)
        except Missing:
            continue  # it ended since
        except CannotLook:
            complete = False
    return Holders({shmid: tuple(pids) for shmid, pids in by_segment.items()}, complete)


def gather_receivers(host: Host, policy: Policy) -> Receivers:
    """Return who waits in msgrcv(2): no queue records that before a message came. Asked only where a queue may go."""
    table = host.once(gather_queues, policy)
    if not table.candidates(policy):
        return Receivers({}, True)
    waits = list(_waits(host, host.once(processes.gather, policy).by_pid))
    # proc(5): wchan is 0 for a process that runs, and for all when they are hidden. Somebody always sleeps.
    complete = host.is_root() and any(wait.function != b"0" for wait in waits)
    by_queue: Dict[int, List[int]] = {}
    for wait in waits:
        if wait.function.startswith(b"do_msgrcv") and _shares_ipc(host, wait.pid):
            msqid = _queue(host, wait)
            if msqid is None:
                complete = False
            else:
                by_queue.setdefault(msqid, []).append(wait.pid)
    return Receivers({msqid: tuple(pids) for msqid, pids in by_queue.items()}, complete)


def _queue(host: Host, wait: Wait) -> Optional[int]:
    try:
        return parse_syscall(host.read(f"/proc/{wait.pid}/task/{wait.thread}/syscall", 4096))
    except CannotLook:
        return None  # it ended since, or nobody may see it: either way it is not known at which queue it waited


def _held(host: Host, pid: int) -> Set[int]:
    held = parse_maps(host.read(f"/proc/{pid}/maps", MAPS_LIMIT))
    return held if held and _shares_ipc(host, pid) else set()


def _shares_ipc(host: Host, pid: int) -> bool:
    """Return whether a process sees the same IPC objects as we do: ids are numbered in each namespace for itself."""
    try:
        return host.link(f"/proc/{pid}/ns/ipc") == host.link("/proc/self/ns/ipc")
    except Missing:
        return False  # it ended since


def _waits(host: Host, pids: Iterable[int]) -> Iterator[Wait]:
    for pid in pids:
        try:
            for thread in host.list(f"/proc/{pid}/task"):
                yield Wait(pid, thread, host.read(f"/proc/{pid}/task/{thread}/wchan", 256).strip())
        except Missing:
            continue  # it ended since
