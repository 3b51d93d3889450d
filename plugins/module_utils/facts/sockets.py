# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sockets of a host, who holds them, and whom they are connected with."""

import os
import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Missing
from ..formats import socket_table
from ..formats.socket_table import InternetRow, UnixRow
from ..host import Host
from ..policy import Policy
from .processes import Processes

LISTEN = "LISTEN"
PROGRAMS = ("/usr/bin/ss", "/bin/ss", "/usr/sbin/ss", "/sbin/ss")
# A busy host has a hundred thousand connections in TIME-WAIT, which no process holds any more.
INTERNET = ("-tuanie", "exclude", "time-wait")
UNIX = ("-xae",)
ANSWER_SECONDS = 10.0
ANSWER_LIMIT = 64 * 1024 * 1024
_SOCKET = re.compile(r"socket:\[([0-9]+)\]\Z")


class Socket(NamedTuple):
    """One TCP, UDP or stream Unix socket, as ss(8) says it.

    family: tcp, udp or unix. state: LISTEN, ESTAB and so on. local, peer: ``host:port`` (``[::1]:9000``), a path, or ""
    for a Unix socket without name. peer_inode and file_inode (of the file that a path names): of Unix sockets, else
    None. waiting: connections in the queue of a listening socket, else bytes not yet read. limit: of that queue.
    silent: seconds since the peer sent data, of established TCP.
    """

    family: str
    state: str
    local: str
    peer: str
    inode: int
    peer_inode: Optional[int]
    file_inode: Optional[int]
    waiting: int
    limit: int
    silent: Optional[float]


class Sockets(NamedTuple):
    """by_inode: every socket of our network namespace that has an inode.

    twice: those of which two lines tell different things, and which are left out: the name of a socket may hold a line
    break, and so forge a line.
    """

    by_inode: Dict[int, Socket]
    twice: Tuple[int, ...] = ()


def gather(host: Host, policy: Policy) -> Sockets:
    """Return the sockets of our network namespace. Raises CannotLook without ss(8)."""
    program = _program(host)
    seen = [_of_internet(row) for row in socket_table.parse_internet(_run(host, program, INTERNET)) if row.inode]
    seen += [_of_unix(row) for row in socket_table.parse_unix(_run(host, program, UNIX))]
    by_inode: Dict[int, Socket] = {}
    twice: Set[int] = set()
    for socket in seen:
        known = by_inode.setdefault(socket.inode, socket)
        if (known.family, known.local, known.file_inode) != (socket.family, socket.local, socket.file_inode):
            twice.add(socket.inode)
    for inode in twice:
        del by_inode[inode]
    complete = {inode: _with_peer(socket, by_inode) for inode, socket in by_inode.items()}
    return Sockets(complete, tuple(sorted(twice)))


def of_process(host: Host, pid: int) -> Dict[int, int]:
    """Return the inode of each socket that a process has open, by descriptor. Raises CannotLook."""
    directory = f"/proc/{pid}/fd"
    inodes: Dict[int, int] = {}
    for name in host.list(directory):
        try:
            match = _SOCKET.match(host.link(f"{directory}/{name}"))
        except Missing:
            continue  # it was closed meanwhile
        if match:
            inodes[int(name)] = int(match.group(1))
    return inodes


def holders(host: Host, seen: Processes, inodes: Sequence[int]) -> Dict[int, Tuple[int, ...]]:
    """Return the pids that have each of some sockets open. Raises CannotLook where a process hides what it has open."""
    if seen.hidden:
        raise CannotLook(f"process {min(seen.hidden)}: this user may not see what it has open; run with become")
    held: Dict[int, List[int]] = {inode: [] for inode in inodes}
    for pid in sorted(seen.by_pid) if held else ():
        try:
            opened = set(of_process(host, pid).values())
        except Missing:
            continue  # it ended meanwhile
        for inode in opened & set(held):
            held[inode].append(pid)
    return {inode: tuple(pids) for inode, pids in held.items()}


def _program(host: Host) -> str:
    for path in PROGRAMS:
        try:
            host.stat(path, follow=True)
        except Missing:
            continue
        return path
    raise CannotLook("ss(8) is in none of its usual places, so sockets cannot be seen; install the package iproute2")


def _run(host: Host, program: str, options: Sequence[str]) -> str:
    ran = host.run([program, *options], ANSWER_SECONDS, ANSWER_LIMIT)
    said = os.fsdecode(ran.output)
    if ran.status != 0:
        raise CannotLook(f"{program}: `{' '.join((program, *options))}` ends with {ran.status}: {said[:200].strip()!r}")
    return said


def _of_internet(row: InternetRow) -> Socket:
    silent = row.heard / 1000 if row.heard is not None and row.state != LISTEN else None
    return Socket(row.family, row.state, row.local, row.peer, row.inode, None, None, row.waiting, row.limit, silent)


def _of_unix(row: UnixRow) -> Socket:
    peer = row.peer_inode or None
    return Socket("unix", row.state, row.local, "", row.inode, peer, row.file_inode, row.waiting, row.limit, None)


def _with_peer(socket: Socket, by_inode: Dict[int, Socket]) -> Socket:
    """Name a Unix socket's peer by that one's own line, not by what stands in a column that its name can shift."""
    peer = by_inode.get(socket.peer_inode) if socket.peer_inode is not None else None
    return socket._replace(peer=peer.local) if peer else socket
