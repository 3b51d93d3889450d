# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The SysV IPC tables of a host: shared memory segments, semaphore sets and message queues, and what limits them.

Sources: proc(5) and sysvipc(7); ipc/shm.c, ipc/sem.c and ipc/msg.c of the kernel print the tables. Fields carry the
names of the tables' own columns. Nothing in here attaches a segment: that would overwrite who used it last, and when.
"""

import re
import time
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Set, Tuple, TypeVar, Union

from ..errors import CannotLook, Forbidden, Malformed, Missing, NotApplicable
from ..host import Host, Semaphore
from ..policy import Policy

TABLE_LIMIT = 64 * 1024 * 1024  # bytes; 32,768 segments are 6 MiB
LINE_LIMIT = 512  # bytes; the widest line of a genuine table is below 300
SEMAPHORES_READ = 200000  # in one look; anybody may make sets of 32,000 semaphores, PHP's have 3
LOOKS_APART = 0.1  # seconds between the two looks

PRIVATE_KEY = 0  # IPC_PRIVATE: no program can find the object by a key
MARKED_FOR_REMOVAL = 0o1000  # SHM_DEST in the mode of a segment
_INITIAL_PID_NAMESPACE = 0xEFFFFFFC  # include/linux/proc_ns.h
_INITIAL_IPC_NAMESPACE = 0xEFFFFFFF
_RELEASE = re.compile(rb"(\d{1,4})\.(\d{1,4})\.")


class Segment(NamedTuple):
    """A shared memory segment, a line of /proc/sysvipc/shm. Size in bytes; times since the epoch, 0 for never."""

    key: int
    perms: int
    shmid: int
    size: int
    cpid: int
    lpid: int
    nattch: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    atime: int
    dtime: int
    ctime: int

    @property
    def id(self) -> int:
        return self.shmid

    @property
    def object(self) -> str:
        return f"shm {self.shmid}"

    @property
    def last_used(self) -> int:
        return max(self.atime, self.dtime, self.ctime)


class SemaphoreSet(NamedTuple):
    """A semaphore set, a line of /proc/sysvipc/sem. semaphores: what semctl(2) says, None where it was not asked."""

    key: int
    perms: int
    semid: int
    nsems: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    otime: int
    ctime: int
    semaphores: Optional[Tuple[Semaphore, ...]] = None

    @property
    def id(self) -> int:
        return self.semid

    @property
    def object(self) -> str:
        return f"sem {self.semid}"

    @property
    def last_used(self) -> int:
        return max(self.otime, self.ctime)


class Queue(NamedTuple):
    """A message queue, a line of /proc/sysvipc/msg; cbytes and qnum are what waits in it."""

    key: int
    perms: int
    msqid: int
    cbytes: int
    qnum: int
    lspid: int
    lrpid: int
    uid: int
    gid: int
    cuid: int
    cgid: int
    stime: int
    rtime: int
    ctime: int

    @property
    def id(self) -> int:
        return self.msqid

    @property
    def object(self) -> str:
        return f"msg {self.msqid}"

    @property
    def last_used(self) -> int:
        return max(self.stime, self.rtime, self.ctime)


class SegmentGuard(NamedTuple):
    """What makes a segment the one that was seen, and unused since."""

    id: int
    key: int
    ctime: int
    atime: int
    dtime: int
    lpid: int
    nattch: int


class SetGuard(NamedTuple):
    """As SegmentGuard, for a semaphore set; waiters counts the processes that wait at any of its semaphores."""

    id: int
    key: int
    ctime: int
    otime: int
    values: Tuple[int, ...]
    waiters: int


class QueueGuard(NamedTuple):
    """As SegmentGuard, for a message queue."""

    id: int
    key: int
    ctime: int
    stime: int
    rtime: int
    qnum: int


IpcObject = Union[Segment, SemaphoreSet, Queue]
Record = TypeVar("Record", Segment, SemaphoreSet, Queue)


class Limits(NamedTuple):
    """What the kernel allows: /proc/sys/kernel/{shmmni,shmall,shmmax,sem,msgmni}. shmall in pages, shmmax in bytes."""

    shmmni: int
    shmall: int
    shmmax: int
    semmsl: int
    semmns: int
    semopm: int
    semmni: int
    msgmni: int
    page_size: int


class Table(NamedTuple):
    """One table at one time.

    now: when it was read. objects: all of them. changing: those that were not the same in two looks. unread: sets about
    which semctl(2) said nothing sure, for want of permission, because they changed, or because there are more than
    SEMAPHORES_READ. users: names of the owners by uid. shared: processes of another pid namespace use this table too; a
    user who is not seen may live. foreign_pids: their pids are recorded in their own numbers, not in ours or as 0.
    """

    now: float
    objects: Sequence[Any]
    changing: FrozenSet[str]
    unread: FrozenSet[str]
    users: Dict[int, str]
    shared: bool
    foreign_pids: bool = False

    def candidates(self, policy: Policy) -> Sequence[Any]:
        """Return the objects that are looked at closely."""
        return select_candidates(self.objects, self.users, policy, self.now)


SEGMENT_COLUMNS = Segment._fields
SET_COLUMNS = SemaphoreSet._fields[:-1]
QUEUE_COLUMNS = Queue._fields


def parse_table(content: bytes, columns: Sequence[str], make: Callable[..., Record], path: str) -> List[Record]:
    """Return the lines of a table, their columns found by the names in its header: order and number vary by kernel.

    ``columns`` begin with key and perms, the two that are not plain decimals. Raises Malformed.
    """
    lines = content.split(b"\n")
    longest = max(map(len, lines))
    if longest > LINE_LIMIT:
        raise Malformed(f"{path}: a line of {longest} bytes is no line of this table", path=path)
    header, *rest = lines
    names = header.decode("ascii", "replace").split()
    absent = [name for name in columns if name not in names]
    if absent:
        raise Malformed(
            f"{path}: its header names no column {absent[0]}; report it with the kernel's version", path=path
        )
    rows = [line.split() for line in rest if line]
    if not rows:
        return []
    if min(map(len, rows)) < len(names):
        raise Malformed(f"{path}: {min(rows, key=len)[:3]} begins a line of fewer fields than its header", path=path)
    return _parse_columns(dict(zip(names, zip(*rows))), columns, make, path)


def _parse_columns(
    fields: Dict[str, Sequence[bytes]], columns: Sequence[str], make: Callable[..., Record], path: str
) -> List[Record]:
    """Not line by line: a table may have 32,768 of them, and is parsed at each look."""
    key, perms, *others = [fields[name] for name in columns]
    try:
        keys = [int(number) & 0xFFFFFFFF for number in key]
        return list(map(make, keys, [int(octal, 8) for octal in perms], *[map(int, numbers) for numbers in others]))
    except ValueError as error:
        raise Malformed(f"{path}: it does not hold the numbers that its header names: {error}", path=path) from error


def parse_numbers(content: bytes, count: int, path: str) -> List[int]:
    """Return the ``count`` numbers that a file of /proc/sys/kernel holds. Raises Malformed."""
    fields = content.split()
    try:
        numbers = [int(field) for field in fields if len(field) <= 20]
    except ValueError:
        numbers = []
    if not len(numbers) == len(fields) == count:
        raise Malformed(f"{path}: {content[:80]!r} is not {count} numbers", path=path)
    return numbers


def select(things: Sequence[Record], users: Dict[int, str], policy: Policy) -> Sequence[Record]:
    """Return what the policy's owners, keys and ids take in; each that is empty takes in everything."""
    wanted = policy.sysv_ipc
    if wanted.owners:
        uids = {uid for uid, name in users.items() if name in wanted.owners or str(uid) in wanted.owners}
        things = [thing for thing in things if thing.uid in uids]
    if wanted.keys:
        things = [thing for thing in things if thing.key in wanted.keys]
    if wanted.ids:
        things = [thing for thing in things if thing.id in wanted.ids]
    return things


def idle_seconds(thing: IpcObject, now: float) -> int:
    """Return how long nothing was recorded about an object; negative where the clock was set back since."""
    return int(now) - thing.last_used


def select_candidates(things: Sequence[Record], users: Dict[int, str], policy: Policy, now: float) -> Sequence[Record]:
    """Return the objects that are looked at closely: selected, and idle for min_age."""
    latest = int(now) - policy.sysv_ipc.min_age
    return [thing for thing in select(things, users, policy) if thing.last_used <= latest]


def gather_limits(host: Host, policy: Policy) -> Limits:
    """Return the limits. Raises NotApplicable where the kernel has no SysV IPC."""
    _demand_sysv_ipc(host)
    shmmni, shmall, shmmax, msgmni = [_numbers(host, name, 1)[0] for name in ("shmmni", "shmall", "shmmax", "msgmni")]
    semmsl, semmns, semopm, semmni = _numbers(host, "sem", 4)
    return Limits(shmmni, shmall, shmmax, semmsl, semmns, semopm, semmni, msgmni, host.page_size())


def gather_segments(host: Host, policy: Policy) -> Table:
    """Return the shared memory segments."""
    table = _gather(host, policy, "/proc/sysvipc/shm", SEGMENT_COLUMNS, Segment)
    return table._replace(shared=_is_shared(host, any(map(_has_foreign_user_of_segment, table.objects))))


def gather_queues(host: Host, policy: Policy) -> Table:
    """Return the message queues."""
    table = _gather(host, policy, "/proc/sysvipc/msg", QUEUE_COLUMNS, Queue)
    return table._replace(shared=_is_shared(host, any(map(_has_foreign_user_of_queue, table.objects))))


def gather_sets(host: Host, policy: Policy) -> Table:
    """Return the semaphore sets; semctl(2) is asked about the candidates only, after the second look.

    An operation between the two looks shows in otime and a SETVAL in ctime, so one answer of semctl is enough.
    """
    table = _gather(host, policy, "/proc/sysvipc/sem", SET_COLUMNS, SemaphoreSet)
    unread: Set[str] = set()
    gone: Set[str] = set()
    asked = _ask(host, policy, table, unread, gone)
    return table._replace(
        objects=asked,
        changing=table.changing | gone,
        unread=frozenset(unread),
        shared=_is_shared(host, any(map(_has_foreign_user_of_set, asked))),
    )


def _gather(host: Host, policy: Policy, path: str, columns: Sequence[str], make: Callable[..., Record]) -> Table:
    """Look once, and where there is a candidate once more: only what is the same in both can be judged abandoned.

    Whether the table is shared is for the caller to say.
    """
    _demand_sysv_ipc(host)
    content = host.read(path, TABLE_LIMIT)
    read = time.monotonic()
    first = parse_table(content, columns, make, path)
    now = host.now()
    users = {uid: host.user_name(uid) for uid in {thing.uid for thing in first}}
    changing: FrozenSet[str] = frozenset()
    foreign_pids = False
    if select_candidates(first, users, policy, now):
        host.pause(max(0.0, read + LOOKS_APART - time.monotonic()))
        again = host.read(path, TABLE_LIMIT)
        if again != content:
            same = set(parse_table(again, columns, make, path))
            changing = frozenset(thing.object for thing in first if thing not in same)
        foreign_pids = _has_foreign_pids(host)
    return Table(now, first, changing, frozenset(), users, False, foreign_pids)


def _ask(host: Host, policy: Policy, table: Table, unread: Set[str], gone: Set[str]) -> List[SemaphoreSet]:
    left = SEMAPHORES_READ
    asked = []
    candidates = {thing.semid for thing in table.candidates(policy)}
    for thing in table.objects:
        if thing.semid not in candidates:
            asked.append(thing)
        elif thing.nsems > left:
            unread.add(thing.object)
            asked.append(thing)
        else:
            left -= thing.nsems
            asked.append(_with_semaphores(host, thing, unread, gone))
    return asked


def _with_semaphores(host: Host, thing: SemaphoreSet, unread: Set[str], gone: Set[str]) -> SemaphoreSet:
    try:
        return SemaphoreSet(*thing[:-1], host.semaphores(thing.semid, thing.nsems))
    except Missing:
        gone.add(thing.object)
    except CannotLook:
        unread.add(thing.object)
    return thing


def _is_shared(host: Host, has_foreign_user: bool) -> bool:
    if has_foreign_user:
        return True
    return _namespace(host, "ipc") == _INITIAL_IPC_NAMESPACE and _namespace(host, "pid") != _INITIAL_PID_NAMESPACE


# Somebody used an object whose pid has no number here: the kernel prints 0 for it.
def _has_foreign_user_of_segment(thing: Segment) -> bool:
    return thing.cpid == 0 or (thing.lpid == 0 and thing.atime != 0)


def _has_foreign_user_of_queue(thing: Queue) -> bool:
    return (thing.lspid == 0 and thing.stime != 0) or (thing.lrpid == 0 and thing.rtime != 0)


def _has_foreign_user_of_set(thing: SemaphoreSet) -> bool:
    return thing.otime != 0 and any(semaphore.pid == 0 for semaphore in thing.semaphores or ())


def _has_foreign_pids(host: Host) -> bool:
    """Return whether a pid in the tables may be a number of another pid namespace than ours.

    Linux 4.17 made ipc/shm.c, sem.c and msg.c keep a struct pid; before, they kept the number that its user saw.
    """
    if not _is_before_struct_pid(host):
        return False
    return any(_is_foreign(host, pid) for pid in host.list("/proc") if pid.isdigit())


def _is_before_struct_pid(host: Host) -> bool:
    try:
        release = _RELEASE.match(host.read("/proc/sys/kernel/osrelease", 4096))
    except CannotLook:
        release = None
    return release is None or (int(release.group(1)), int(release.group(2))) < (4, 17)


def _is_foreign(host: Host, pid: str) -> bool:
    """Return whether a process shares our IPC objects, but not our pids; where it may not be seen, it may."""
    try:
        return host.link(f"/proc/{pid}/ns/ipc") == host.link("/proc/self/ns/ipc") and host.link(
            f"/proc/{pid}/ns/pid"
        ) != host.link("/proc/self/ns/pid")
    except Missing:
        return False  # it ended since
    except Forbidden:
        return True


def _namespace(host: Host, kind: str) -> int:
    try:
        name = host.link("/proc/self/ns/" + kind)
    except Missing:
        return 0  # a kernel without this kind of namespace
    return int(name[name.index("[") + 1 : -1])


def _demand_sysv_ipc(host: Host) -> None:
    try:
        host.list("/proc/sysvipc")
    except Missing as error:
        host.list("/proc/sys/kernel")  # without /proc nothing is known: Missing again, which ends as unknown
        raise NotApplicable("this kernel has no SysV IPC: there is no /proc/sysvipc") from error


def _numbers(host: Host, name: str, count: int) -> List[int]:
    path = "/proc/sys/kernel/" + name
    return parse_numbers(host.read(path, 4096), count, path)
