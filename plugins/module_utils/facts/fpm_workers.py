# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The workers of php-fpm: what each does, and what it waits for.

What the kernel says of them is read first, for asking a pool for its status wakes a worker of it.
"""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import AbstractSet, Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..formats.fpm_status import Status, WorkerStatus
from ..host import Host
from ..policy import Policy
from . import blocked, fpm_masters, fpm_ping, php_fpm, processes, sockets
from .blocked import ACCEPT, SOCKET, Blocked, Waiting
from .fpm_masters import FpmMaster, FpmPool
from .masters import WORKER, role
from .processes import Process
from .sockets import Socket

IDLE = "Idle"
RUNNING = "Running"
WEB_SERVER = "web server"  # Waiting.on: who handed the request over, or keeps a connection without one

ASKED_AT_ONCE = 16
ASKING_SECONDS = 10.0  # for all pools of the host
STATUS_LIMIT = 64 * 1024
_TITLE = re.compile(re.escape(php_fpm.PROGRAM.worker_title) + r"(.+)\Z")
_SWITCHES = re.compile(rb"^voluntary_ctxt_switches:\s+([0-9]{1,20})$", re.MULTILINE)


class Worker(NamedTuple):
    """A worker of a running master.

    pool: by the status page that lists it, else by its title, which a script can set. memory: resident bytes. state: as
    the page says it: Idle, Running, Reading headers, Finishing and so on; the worker that answers us is Idle, for its
    request is ours. requests: how many it has served, the running one included. request: method and path of its last or
    running one, without the query. request_seconds: how long that runs or took. These are None without a page. idle: it
    waits for a connection and has none; None where neither the page nor /proc can say it. switches: how often it gave
    up the processor by itself: unchanged between two looks, it has served nothing.
    """

    process: Process
    master: int
    pool: Optional[str]
    memory: Optional[int]
    state: Optional[str]
    requests: Optional[int]
    request: Optional[str]
    request_seconds: Optional[float]
    script: Optional[str]
    waiting: Optional[Waiting]
    idle: Optional[bool]
    switches: Optional[int]


class PoolStatus(NamedTuple):
    """A pool's own word on itself. started: when its generation began, seconds since the epoch. reason: why none.

    listen_queue: connections that wait for a worker, by the kernel's word where it can be had: the page says 0 for Unix
    sockets. asked: how many of those accepted are this look's own.
    """

    master: int
    pool: str
    started: Optional[float]
    accepted: Optional[int]
    listen_queue: Optional[int]
    max_children_reached: Optional[int]
    reason: Optional[str]
    asked: int = 0


class FpmWorkers(NamedTuple):
    workers: Tuple[Worker, ...]
    pools: Tuple[PoolStatus, ...]
    unseen: Tuple[str, ...]


class _Asked(NamedTuple):
    """What asking one pool came to: a status, or the reason why there is none."""

    master: FpmMaster
    pool: FpmPool
    status: Optional[Status]
    reason: Optional[str]


class _Front(NamedTuple):
    """Where a master takes connections: the inodes of its sockets, and the names under which it listens."""

    inodes: FrozenSet[int]
    addresses: FrozenSet[str]


def gather(host: Host, policy: Policy) -> FpmWorkers:
    """Return the workers of every master that is not apart. Raises CannotLook where processes cannot be seen."""
    masters = [one for one in host.once(fpm_masters.gather, policy).masters if one.apart is None]
    unseen: List[str] = []
    by_inode = _sockets(host, policy, unseen)
    workers = _workers(host, policy, masters, by_inode, unseen)
    asked = _ask_all(host, masters, workers) if policy.php_fpm.ask_pools else _not_asked(masters)
    told = _lines_of_own(host, asked, workers)
    return FpmWorkers(
        workers=tuple(_told(worker, told.get((worker.master, worker.process.pid))) for worker in workers),
        pools=tuple(_pool_status(one, by_inode) for one in asked),
        unseen=tuple(unseen),
    )


def _sockets(host: Host, policy: Policy, unseen: List[str]) -> Dict[int, Socket]:
    try:
        return host.once(sockets.gather, policy).by_inode
    except CannotLook as error:
        unseen.append(f"whom the workers of php-fpm wait for: {error}")
        return {}


def _workers(
    host: Host, policy: Policy, masters: Sequence[FpmMaster], by_inode: Dict[int, Socket], unseen: List[str]
) -> List[Worker]:
    seen = host.once(processes.gather, policy)
    by_master = {one.process.pid: one for one in masters}
    fronts: Dict[int, _Front] = {}
    workers: List[Worker] = []
    failures: List[str] = []
    for process in sorted(seen.by_pid.values(), key=lambda one: one.pid):
        master = by_master.get(process.parent)
        if master is None or process.zombie or role(process, php_fpm.PROGRAM, seen.by_pid) != WORKER:
            continue
        if process.parent not in fronts:
            fronts[process.parent] = _front(host, master, by_inode)
        try:
            workers.append(_worker(host, process, master, fronts[process.parent], by_inode, failures))
        except Missing:
            continue  # it ended meanwhile
    if failures:
        others = f" (and so of {len(failures) - 1} others)" if len(failures) > 1 else ""
        unseen.append(f"what workers of php-fpm do: {failures[0]}{others}")
    return workers


def _front(host: Host, master: FpmMaster, by_inode: Dict[int, Socket]) -> _Front:
    try:
        inodes = frozenset(sockets.of_process(host, master.process.pid).values())
    except CannotLook:
        inodes = frozenset(pool.listening for pool in master.pools if pool.listening is not None)
    listening = (by_inode[inode].local for inode in inodes if inode in by_inode)
    return _Front(inodes, frozenset(name if name.startswith("/") else _port(name) for name in listening if name))


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _worker(
    host: Host,
    process: Process,
    master: FpmMaster,
    front: _Front,
    by_inode: Dict[int, Socket],
    failures: List[str],
) -> Worker:
    match = _TITLE.match(process.title)
    pool = match.group(1) if match else None
    worker = Worker(process, master.process.pid, pool, None, None, None, None, None, None, None, None, None)
    try:
        memory = int(host.read(f"/proc/{process.pid}/statm", 4096).split()[1]) * host.page_size()
        worker = worker._replace(memory=memory, switches=_switches(host, process.pid))
        seen = blocked.look(host, process.pid, by_inode)
    except Missing:
        raise
    except CannotLook as error:
        failures.append(str(error))
        return worker
    if seen is None:
        return worker
    return worker._replace(waiting=_with_web_server(seen, front, by_inode), idle=_is_idle(seen, front))


def _switches(host: Host, pid: int) -> Optional[int]:
    match = _SWITCHES.search(host.read(f"/proc/{pid}/status", STATUS_LIMIT))
    return int(match.group(1)) if match else None


def _is_idle(seen: Blocked, front: _Front) -> bool:
    """Whether a worker waits in accept(2) on a socket of its master's; a script may accept on one of its own."""
    return seen.waiting.on == ACCEPT and seen.inode in front.inodes


def _with_web_server(seen: Blocked, front: _Front, by_inode: Dict[int, Socket]) -> Waiting:
    """Name the web server where a worker waits for the one who handed it its request, or left it a connection."""
    socket = by_inode.get(seen.inode) if seen.inode is not None else None
    if seen.waiting.on != SOCKET or socket is None:
        return seen.waiting
    local = socket.local if socket.family == "unix" else _port(socket.local)
    return seen.waiting._replace(on=WEB_SERVER) if local and local in front.addresses else seen.waiting


def _not_asked(masters: Sequence[FpmMaster]) -> List[_Asked]:
    reason = "pools are not asked; leave ask_pools on to have their own word"
    return [_Asked(master, pool, None, reason) for master in masters for pool in master.pools]


def _ask_all(host: Host, masters: Sequence[FpmMaster], workers: Sequence[Worker]) -> List[_Asked]:
    """Ask every pool that has a status page, some at once: a pool that is stuck must not keep us from the others."""
    end = time.monotonic() + ASKING_SECONDS
    manned = {(worker.master, worker.pool) for worker in workers}
    wanted = [(master, pool) for master in masters for pool in master.pools]
    with ThreadPoolExecutor(max_workers=ASKED_AT_ONCE) as asking:
        return list(asking.map(lambda one: _ask(host, one[0], one[1], manned, end), wanted))


def _ask(
    host: Host, master: FpmMaster, pool: FpmPool, manned: AbstractSet[Tuple[int, Optional[str]]], end: float
) -> _Asked:
    if pool.settings.get("pm") == "ondemand" and (master.process.pid, pool.name) not in manned:
        # Of 500 such pools, each would start one for us alone.
        return _Asked(master, pool, None, f"pool {pool.name}: not asked, because it has no worker, and would start one")
    if time.monotonic() > end:
        return _Asked(master, pool, None, f"pool {pool.name}: not asked, because others took {ASKING_SECONDS:g} s")
    try:
        return _Asked(master, pool, fpm_ping.ask_status(host, master, pool), None)
    except CannotLook as error:
        return _Asked(master, pool, None, str(error))


def _lines_of_own(
    host: Host, asked: Sequence[_Asked], workers: Sequence[Worker]
) -> Dict[Tuple[int, int], Tuple[_Asked, WorkerStatus]]:
    """Return the lines by master and worker, of workers that run as the pool's user.

    A worker may answer on its pool's socket whatever it likes, and must not make those of other users look idle.
    """
    uids = {(worker.master, worker.process.pid): worker.process.uids[1] for worker in workers}
    told: Dict[Tuple[int, int], Tuple[_Asked, WorkerStatus]] = {}
    for one in asked:
        user = one.pool.settings.get("user")  # none where php-fpm itself does not run as root
        for line in _lines(one):
            key = (one.master.process.pid, line.pid)
            if key in uids and user in (None, host.user_name(uids[key]), str(uids[key])):
                told[key] = (one, line)
    return told


def _lines(asked: _Asked) -> List[WorkerStatus]:
    """Return the lines of a pool's workers, that of the one who answers us as it was before we asked."""
    lines = list(asked.status.workers or ()) if asked.status else []
    place = fpm_ping.status_place(asked.pool)
    if place is None or not place.own:
        return lines
    answering = [one for one in lines if one.state == RUNNING and one.request == f"GET {place.path}"]
    if not answering:
        return lines
    ours = min(answering, key=lambda one: one.request_seconds or 0.0)
    return [
        one._replace(state=IDLE, request=None, request_seconds=None, script=None) if one is ours else one
        for one in lines
    ]


def _told(worker: Worker, told: Optional[Tuple[_Asked, WorkerStatus]]) -> Worker:
    if told is None:
        return worker
    asked, line = told
    return worker._replace(
        pool=asked.pool.name,
        state=line.state,
        requests=line.requests,
        request=line.request,
        request_seconds=line.request_seconds,
        script=line.script,
        idle=line.state == IDLE,
    )


def _pool_status(asked: _Asked, by_inode: Dict[int, Socket]) -> PoolStatus:
    listening = by_inode.get(asked.pool.listening) if asked.pool.listening is not None else None
    empty = PoolStatus(asked.master.process.pid, asked.pool.name, None, None, None, None, asked.reason)
    status = asked.status
    if status is None:
        return empty._replace(listen_queue=listening.waiting if listening else None)
    place = fpm_ping.status_place(asked.pool)
    return empty._replace(
        started=status.started,
        accepted=status.accepted,
        listen_queue=listening.waiting if listening else status.listen_queue,
        max_children_reached=status.max_children_reached,
        asked=1 if place is not None and place.own else 0,
    )
