# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who really listens where php-fpm's pools are configured to listen, and whether a socket's file leads there."""

import re
import stat
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..policy import Policy
from . import fpm_masters, processes, service_units, sockets
from .fpm_masters import FpmMasters, FpmPool
from .processes import Process, Processes
from .sockets import Socket

ABSENT = "absent"
SOCKET = "socket"
OTHER = "other"

_ANY = ("*", "0.0.0.0", "[::]")
_PLACE = re.compile(r"(.*):([0-9]+)\Z", re.DOTALL)


class Holder(NamedTuple):
    """A process that has a listening socket open. parent: None where it is gone. user: who runs it.

    unit: the service whose cgroup it lives in, which it inherits from what started it, and so tells who that was.
    at_work: it runs below php-fpm, as what a script runs does until it ends.
    """

    process: Process
    parent: Optional[Process]
    user: str
    unit: Optional[str]
    is_php_fpm: bool
    at_work: bool


class Listener(NamedTuple):
    """A listening socket in a pool's place. file_inode: of the file that it made, of Unix sockets."""

    inode: int
    local: str
    file_inode: Optional[int]
    holders: Tuple[Holder, ...]


class PoolSocket(NamedTuple):
    """Where one pool is to listen.

    master: pid, None for one that is stopped; root and configuration: its. file: ABSENT, SOCKET or OTHER, and
    file_inode, of what is now at the path; None for TCP. in_the_way: the sockets that listen there already, the
    master's own among them.
    """

    pool: FpmPool
    master: Optional[int]
    root: str
    configuration: Optional[str]
    file: Optional[str]
    file_inode: Optional[int]
    in_the_way: Tuple[Listener, ...]


class PoolSockets(NamedTuple):
    """masters: what the pools are of. unseen: of which pools it could not be seen where they listen, and why."""

    masters: FpmMasters
    pools: Tuple[PoolSocket, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> PoolSockets:
    """Return the sockets of every pool that runs or should. Raises CannotLook where sockets or holders are hidden."""
    found = host.once(fpm_masters.gather, policy)
    unseen: List[str] = []
    places = _places(host, found, unseen)
    if not places:
        return PoolSockets(found, (), tuple(unseen))
    table = host.once(sockets.gather, policy).by_inode
    listening = [socket for socket in table.values() if socket.state == sockets.LISTEN]
    seen = host.once(processes.gather, policy)
    pools = []
    for place, inside in places:
        try:
            pools.append(_with_file(inside, place, listening))
        except CannotLook as error:
            unseen.append(f"pool {place.pool.name} of {place.configuration}: {error}")
    held = sockets.holders(host, seen, sorted({one.inode for pool in pools for one in pool.in_the_way}))
    ours = _php_fpm(seen, found)
    known = {pid: _holder(host, seen, seen.by_pid[pid], ours) for pids in held.values() for pid in pids}
    return PoolSockets(found, tuple(_with_holders(pool, held, known) for pool in pools), tuple(unseen))


def _places(host: Host, found: FpmMasters, unseen: List[str]) -> List[Tuple[PoolSocket, Host]]:
    """Return where pools are to listen, each with the files as its master sees them."""
    places = []
    for master in found.masters:
        if master.apart is not None:
            continue
        pid = master.process.pid
        if not master.pools or not _shares_network(host, pid):
            unseen += master.unknown or (f"php-fpm {pid}: where it listens cannot be seen",)
            continue
        inside = host.within(pid) if master.root != "/" else host
        place = (pid, master.root, master.configuration, None, None, ())
        places += [(PoolSocket(pool, *place), inside) for pool in master.pools if pool.address]
    for stopped in found.stopped:
        unseen += () if stopped.pools else stopped.unknown
        nowhere = (None, "/", stopped.configuration, None, None, ())
        places += [(PoolSocket(pool, *nowhere), host) for pool in stopped.pools if pool.address]
    return places


def _shares_network(host: Host, pid: int) -> bool:
    try:
        return host.link(f"/proc/{pid}/ns/net") == host.link("/proc/self/ns/net")
    except CannotLook:
        return False  # it ended meanwhile


def _with_file(inside: Host, place: PoolSocket, listening: Sequence[Socket]) -> PoolSocket:
    address = place.pool.address or ""
    if not address.startswith("/"):
        there = [socket for socket in listening if socket.family == "tcp" and conflict(socket.local, address)]
        return place._replace(in_the_way=_listeners(there))
    file, inode = _file(inside, address)
    # A path leads to the one socket whose file it is; others of that name are left from before it was made anew.
    there = [
        socket
        for socket in listening
        if socket.family == "unix" and socket.local == address and inode is not None
        if socket.file_inode in (inode, None)
    ]
    return place._replace(file=file, file_inode=inode, in_the_way=_listeners(there))


def _file(inside: Host, path: str) -> Tuple[str, Optional[int]]:
    try:
        seen = inside.stat(path)
    except Missing:
        return ABSENT, None
    return (SOCKET if stat.S_ISSOCK(seen.mode) else OTHER), seen.inode


def _listeners(there: Sequence[Socket]) -> Tuple[Listener, ...]:
    return tuple(Listener(socket.inode, socket.local, socket.file_inode, ()) for socket in there)


def conflict(one: str, other: str) -> bool:
    """Whether two TCP sockets cannot both listen: the same port, and the same address or any (ip(7), ipv6(7)).

    ``*`` is any address of either family, as ss(8) writes it; ``0.0.0.0`` any of IPv4, and ``[::]`` any of IPv6 alone.
    """
    first, second = _PLACE.match(one), _PLACE.match(other)
    if first is None or second is None or first.group(2) != second.group(2):
        return False
    hosts = (first.group(1), second.group(1))
    if hosts[0] == hosts[1] or "*" in hosts:
        return True
    return any(host in _ANY for host in hosts) and hosts[0].startswith("[") == hosts[1].startswith("[")


def _php_fpm(seen: Processes, found: FpmMasters) -> FrozenSet[int]:
    """Return the pids of php-fpm: of masters that are judged, of their workers, and of workers without a master."""
    masters = {one.process.pid for one in found.masters if one.apart is None}
    workers = {one.pid for one in seen.by_pid.values() if one.parent in masters}
    return frozenset(masters | workers | {one.process.pid for one in found.orphans})


def _with_holders(pool: PoolSocket, held: Dict[int, Tuple[int, ...]], known: Dict[int, Holder]) -> PoolSocket:
    return pool._replace(
        in_the_way=tuple(one._replace(holders=tuple(known[pid] for pid in held[one.inode])) for one in pool.in_the_way)
    )


def _holder(host: Host, seen: Processes, process: Process, ours: FrozenSet[int]) -> Holder:
    is_php_fpm = process.pid in ours
    try:
        unit = None if is_php_fpm else service_units.unit_of(host, process.pid)
    except CannotLook:
        unit = None  # it ended meanwhile
    return Holder(
        process=process,
        parent=seen.by_pid.get(process.parent),
        user=host.user_name(process.uids[1]),
        unit=unit,
        is_php_fpm=is_php_fpm,
        at_work=_is_at_work(seen, process, ours),
    )


def _is_at_work(seen: Processes, process: Process, ours: FrozenSet[int]) -> bool:
    above: Set[int] = set()
    parent = seen.by_pid.get(process.parent)
    while parent is not None and parent.pid not in above:  # parents are read one after the other, so they may circle
        if parent.pid in ours:
            return True
        above.add(parent.pid)
        parent = seen.by_pid.get(parent.parent)
    return False
