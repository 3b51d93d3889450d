# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx as it runs: masters with their workers, what they listen on, and who is still connected."""

from typing import Dict, Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..formats.nginx import seconds
from ..formats.pidfile import parse_pid
from ..host import Host
from ..policy import Policy
from . import nginx, nginx_configuration, processes, service_units, sockets
from .masters import MASTER, WORKER, Master, doubt, role, runs, shares_pids
from .nginx_configuration import File, Tree, named
from .processes import Process, Processes
from .service_units import ServiceUnit
from .sockets import LISTEN, Sockets

# Titles of ngx_process_cycle.c.
_SHUTTING_DOWN = "is shutting down"
_TASKS = ("cache manager", "cache loader", "privileged agent")
SERVING = "worker"

PEERS_SHOWN = 5
PIDFILE_LIMIT = 4096  # bytes; a genuine one has at most 8
_DELETED = " (deleted)"


class NginxWorker(NamedTuple):
    """A child of a master. task: SERVING, or what else it is for, such as ``cache manager``.

    shutting_down: it takes no new connections and ends when those it has do. clients: established connections that came
    in by what its master listens on, None where that cannot be seen. peers: some of their addresses.
    """

    process: Process
    task: str
    shutting_down: bool
    clients: Optional[int]
    peers: Tuple[str, ...]


class OldPidfile(NamedTuple):
    """The pidfile that an old master has while a new one runs beside it.

    pid: None where it says none. changed: when it got that name, in seconds since the epoch.
    """

    path: str
    pid: Optional[int]
    changed: float


class NginxMaster(NamedTuple):
    """A running master. Times in seconds since the epoch.

    version: of what runs. replaced: its executable is another file by now, or gone. arguments: its -c, -p, -g and -e.
    configuration: path of the main file; files: all that it reads. trusted: root runs it, and root alone can write
    what it reads. generation: when its present workers began, its start or last reload; where each of them has crashed
    since, that is later than it was. old_master: pid of the master that started this one, to upgrade its binary.
    listening: addresses. shutdown_timeout: worker_shutdown_timeout in seconds, None where it is not set. apart: why
    nothing of it can be judged, such as a container. unknown: sentences on what could not be seen of it.
    """

    process: Process
    version: Optional[str]
    replaced: Optional[bool]
    arguments: Tuple[str, ...]
    configuration: Optional[str]
    files: Tuple[File, ...]
    trusted: bool
    pidfile: Optional[str]
    old_pidfile: Optional[OldPidfile]
    generation: Optional[float]
    old_master: Optional[int]
    unit: Optional[ServiceUnit]
    listening: Tuple[str, ...]
    workers: Tuple[NginxWorker, ...]
    shutdown_timeout: Optional[float]
    shutdown_timeout_source: Optional[str]
    apart: Optional[str]
    unknown: Tuple[str, ...]


class NginxMasters(NamedTuple):
    """orphans: workers whose master is gone. complete: every process could be seen. now: when it was looked."""

    masters: Tuple[NginxMaster, ...]
    orphans: Tuple[NginxWorker, ...]
    complete: bool
    now: float


def gather(host: Host, policy: Policy) -> NginxMasters:
    """Return every nginx of the host. Raises CannotLook where processes cannot be seen."""
    seen = host.once(processes.gather, policy)
    trees = host.once(nginx_configuration.gather, policy)
    masters = tuple(_master(host, policy, seen, one, trees) for one in host.once(nginx.believed, policy).masters)
    return NginxMasters(masters, _orphans(host, policy, seen), seen.complete, host.now())


def serving(master: NginxMaster) -> List[NginxWorker]:
    """Return the workers that take new connections."""
    return [worker for worker in master.workers if worker.task == SERVING and not worker.shutting_down]


def shutting_down(master: NginxMaster) -> List[NginxWorker]:
    """Return the workers that only wait for their connections to end."""
    return [worker for worker in master.workers if worker.shutting_down]


def _master(host: Host, policy: Policy, seen: Processes, one: Master, trees: nginx_configuration.Trees) -> NginxMaster:
    unknown = [one.unknown] if one.unknown else []
    pid = one.process.pid
    parent = seen.by_pid.get(one.process.parent)
    empty = NginxMaster(
        process=one.process,
        version=None,
        replaced=None,
        arguments=(),
        configuration=one.configured.path if one.configured else None,
        files=(),
        trusted=False,
        pidfile=one.configured.pidfile if one.configured else None,
        old_pidfile=None,
        generation=None,
        old_master=parent.pid if parent and role(parent, nginx.PROGRAM, seen.by_pid) == MASTER else None,
        unit=None,
        listening=(),
        workers=(),
        shutdown_timeout=None,
        shutdown_timeout_source=None,
        apart=one.apart,
        unknown=tuple(unknown),
    )
    children = [child for child in _of(seen, WORKER) if child.parent == pid]
    if one.apart or one.process.executable is None:
        return empty._replace(workers=tuple(_worker(child, None, ()) for child in children))
    listening, workers = _connected(host, policy, pid, children, unknown)
    starts = [worker.process.started for worker in workers if worker.task == SERVING and not worker.shutting_down]
    known = _configured(empty, one, trees.get(pid), unknown)
    return known._replace(
        version=_version(host, one.process, unknown),
        replaced=_replaced(host, pid),
        arguments=_arguments(one.process),
        old_pidfile=_old_pidfile(host, known.pidfile, unknown),
        generation=min(starts) if starts else None,
        unit=_unit(host, pid, unknown),
        listening=listening,
        workers=workers,
        unknown=tuple(unknown),
    )


def _of(seen: Processes, part: str) -> List[Process]:
    return [
        process
        for _unused, process in sorted(seen.by_pid.items())
        if role(process, nginx.PROGRAM, seen.by_pid) == part and not process.zombie
    ]


def _orphans(host: Host, policy: Policy, seen: Processes) -> Tuple[NginxWorker, ...]:
    """Return the workers that no nginx is the parent of; those of a container have their master with them.

    Where it cannot be seen what the parent runs, that may be the master: www-data sees its workers and not root's.
    """
    orphans = []
    for process in _of(seen, WORKER):
        parent = seen.by_pid.get(process.parent)
        if parent is None or parent.executable is None or runs(parent, nginx.PROGRAM):
            continue
        if _is_ours(host, policy, process):
            orphans.append(_worker(process, None, ()))
    return tuple(orphans)


def _is_ours(host: Host, policy: Policy, process: Process) -> bool:
    """Whether it is a worker of this host, and root's program; any user can give another one nginx's name and title."""
    try:
        if not shares_pids(host, process) or doubt(host, process) is not None:
            return False
        held = sockets.of_process(host, process.pid).values()
    except Missing:
        return False  # it ended
    except CannotLook:
        return True
    if process.title.endswith(_SHUTTING_DOWN):
        return True  # it has closed what it listened on
    try:
        return bool(_listening(host.once(sockets.gather, policy), held))
    except CannotLook:
        return True


def _worker(process: Process, clients: Optional[int], peers: Tuple[str, ...]) -> NginxWorker:
    task = next((task for task in _TASKS if task in process.title), SERVING)
    return NginxWorker(process, task, process.title.endswith(_SHUTTING_DOWN), clients, peers)


def _connected(
    host: Host, policy: Policy, pid: int, children: Sequence[Process], unknown: List[str]
) -> Tuple[Tuple[str, ...], Tuple[NginxWorker, ...]]:
    """Return what a master listens on, and its workers with whom they serve."""
    try:
        known = host.once(sockets.gather, policy)
        listening = _listening(known, sockets.of_process(host, pid).values())
    except CannotLook as error:
        unknown.append(f"nginx {pid}: its connections cannot be seen: {error}")
        return (), tuple(_worker(child, None, ()) for child in children)
    workers = []
    for child in children:
        try:
            peers = _peers(known, listening, sockets.of_process(host, child.pid).values())
            workers.append(_worker(child, len(peers), tuple(peers[:PEERS_SHOWN])))
        except Missing:
            continue  # it ended meanwhile
        except CannotLook as error:
            unknown.append(f"nginx {pid}: the connections of its worker {child.pid} cannot be seen: {error}")
            workers.append(_worker(child, None, ()))
    return tuple(sorted(listening)), tuple(workers)


def _listening(known: Sockets, inodes: Iterable[int]) -> Set[str]:
    held = (known.by_inode.get(inode) for inode in inodes)
    return {socket.local for socket in held if socket is not None and socket.state == LISTEN}


def _peers(known: Sockets, listening: Set[str], inodes: Iterable[int]) -> List[str]:
    """Return the peers of the connections that came in by one of the addresses."""
    ports = {address.rpartition(":")[2] for address in listening if not address.startswith("/")}
    held = (known.by_inode.get(inode) for inode in inodes)
    return sorted(
        socket.peer
        for socket in held
        if socket is not None
        and socket.state != LISTEN
        and (socket.local in listening or (socket.family == "tcp" and socket.local.rpartition(":")[2] in ports))
    )


def _configured(known: NginxMaster, one: Master, tree: object, unknown: List[str]) -> NginxMaster:
    if isinstance(tree, CannotLook):
        unknown.append(str(tree))
    if not isinstance(tree, Tree):
        return known
    timeout = next(named(tree.said, "worker_shutdown_timeout"), None)
    value = None
    if timeout is not None:
        try:
            value = seconds(timeout.arguments[0] if timeout.arguments else "")
        except Malformed as error:
            unknown.append(f"{timeout.source}: {error}")
    return known._replace(
        files=tree.files,
        trusted=bool(one.configured and one.configured.trusted) and tree.trusted,
        shutdown_timeout=value,
        shutdown_timeout_source=timeout.source if timeout else None,
    )


def _arguments(master: Process) -> Tuple[str, ...]:
    given = nginx.options(master.title[: nginx.TITLE_LIMIT])
    return tuple(word for option in sorted(given) for word in (option, given[option]))


def _version(host: Host, master: Process, unknown: List[str]) -> Optional[str]:
    try:
        return nginx.Build(host, master).version()
    except CannotLook as error:
        unknown.append(str(error))
        return None


def _replaced(host: Host, pid: int) -> Optional[bool]:
    """Whether the file that a process runs is no longer the one at its path; None where it cannot be seen."""
    try:
        path = host.link(f"/proc/{pid}/exe")
        if path.endswith(_DELETED):
            return True
        running, there = (host.stat_as_named(one) for one in (f"/proc/{pid}/exe", path))
    except CannotLook:
        return None
    return (running.device, running.inode) != (there.device, there.inode)


def _old_pidfile(host: Host, pidfile: Optional[str], unknown: List[str]) -> Optional[OldPidfile]:
    if pidfile is None:
        return None
    path = pidfile + ".oldbin"
    try:
        content, seen = host.read_with_stat(path, PIDFILE_LIMIT)
    except Missing:
        return None
    except CannotLook as error:
        unknown.append(str(error))
        return None
    try:
        pid: Optional[int] = parse_pid(content)
    except Malformed:
        pid = None
    return OldPidfile(path, pid, seen.ctime_ns / 1e9)


def _unit(host: Host, pid: int, unknown: List[str]) -> Optional[ServiceUnit]:
    try:
        name = service_units.unit_of(host, pid)
        units: Dict[str, ServiceUnit] = service_units.show(host, [name]) if name else {}
    except Missing:
        return None  # this host has no systemd
    except CannotLook as error:
        unknown.append(f"nginx {pid}: its service cannot be seen: {error}")
        return None
    return units.get(name or "")
