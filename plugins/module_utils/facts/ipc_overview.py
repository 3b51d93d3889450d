# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a person sees of a host's SysV IPC: limits, what is used of them, the selected objects, what is protected."""

from typing import Any, Callable, NamedTuple, Optional, Sequence

from ..attach import read_segment
from ..errors import CannotLook
from ..formats.php_shm import LENGTH, parse_header
from ..host import Host
from ..policy import Policy
from . import ipc_owners
from .sysv_ipc import (
    Limits,
    Queue,
    Segment,
    SemaphoreSet,
    Table,
    gather_limits,
    gather_queues,
    gather_segments,
    gather_sets,
    select,
)

HEADERS_READ = 100  # attaching changes what a segment tells about its use, so no more are read than are shown


class Used(NamedTuple):
    """How much of each limit is in use; None where a table could not be read. segment_bytes counts whole segments."""

    segments: Optional[int]
    segment_bytes: Optional[int]
    semaphore_sets: Optional[int]
    semaphores: Optional[int]
    queues: Optional[int]


class Header(NamedTuple):
    """What PHP's shm_attach wrote at the beginning of a segment, in bytes; or why there is nothing to tell."""

    shmid: int
    used: Optional[int]
    free: Optional[int]
    total: Optional[int]
    reason: Optional[str]


class SysvIpc(NamedTuple):
    """None is what could not be read; the checks say why. headers is empty unless read_headers asks for them."""

    limits: Optional[Limits]
    used: Used
    segments: Optional[Sequence[Segment]]
    semaphore_sets: Optional[Sequence[SemaphoreSet]]
    queues: Optional[Sequence[Queue]]
    protected: Optional[Sequence[ipc_owners.Protected]]
    headers: Sequence[Header]


def gather(host: Host, policy: Policy) -> SysvIpc:
    """Return the overview. Raises NotApplicable where the kernel has no SysV IPC."""
    segments, sets, queues = [_try(host, policy, look) for look in (gather_segments, gather_sets, gather_queues)]
    shown = _selected(segments, "segment", policy)
    return SysvIpc(
        limits=_try(host, policy, gather_limits),
        used=_used(segments, sets, queues),
        segments=shown,
        semaphore_sets=_selected(sets, "semaphore", policy),
        queues=_selected(queues, "queue", policy),
        protected=_try(host, policy, ipc_owners.gather_protected),
        headers=[_header(segment) for segment in (shown or ())[:HEADERS_READ]] if policy.sysv_ipc.read_headers else [],
    )


def _try(host: Host, policy: Policy, look: Callable[[Host, Policy], Any]) -> Any:
    try:
        return host.once(look, policy)
    except CannotLook:
        return None


def _selected(table: Optional[Table], kind: str, policy: Policy) -> Optional[Sequence[Any]]:
    if table is None:
        return None
    if kind not in policy.sysv_ipc.kinds:
        return ()
    return select(table.objects, table.users, policy)


def _used(segments: Optional[Table], sets: Optional[Table], queues: Optional[Table]) -> Used:
    return Used(
        segments=None if segments is None else len(segments.objects),
        segment_bytes=None if segments is None else sum(segment.size for segment in segments.objects),
        semaphore_sets=None if sets is None else len(sets.objects),
        semaphores=None if sets is None else sum(thing.nsems for thing in sets.objects),
        queues=None if queues is None else len(queues.objects),
    )


def _header(segment: Segment) -> Header:
    try:
        header = parse_header(read_segment(segment.shmid, min(LENGTH, segment.size)))
    except CannotLook as error:
        return Header(segment.shmid, None, None, None, str(error))
    if header is None:
        return Header(segment.shmid, None, None, None, "PHP's shm_attach did not make it")
    return Header(segment.shmid, header.end - header.start, header.free, header.total, None)
