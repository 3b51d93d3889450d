# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a process is blocked in, by the system call that it waits in (proc(5), /proc/PID/syscall).

That line is the number of the call, its six arguments, the stack pointer and the program counter, all but the first in
hexadecimal; ``running``, or -1 for a number where it waits in none. What its arguments point to is in its memory.
"""

import os
import re
import struct
from typing import Dict, List, NamedTuple, Optional, Sequence

from ..errors import Missing
from ..host import Host
from .sockets import Socket

ACCEPT = "accept"
SOCKET = "socket"
FILE_LOCK = "file lock"
LOCK = "lock"
SLEEP = "sleep"
CHILD = "child"
PIPE = "pipe"
FILE = "file"
NOTHING = "none"

LINE_LIMIT = 4096
DESCRIPTORS_LIMIT = 64  # of one poll(2) that are looked at
PATH_LIMIT = 200
_ADDRESS_LIMIT = 110  # bytes of struct sockaddr_un
_POLLED = struct.Struct("=ihh")  # struct pollfd
_SELECTED_LIMIT = 1024  # FD_SETSIZE
_AF_UNIX = 1
_F_SETLKW, _F_OFD_SETLKW = 7, 38

_INODE = re.compile(r"socket:\[([0-9]{1,20})\]\Z")
# PHP names a session's file sess_ID, and whoever knows the ID is that visitor.
_SESSION = re.compile(r"/sess_[^/]*\Z")

# arch/x86/entry/syscalls/syscall_64.tbl, and include/uapi/asm-generic/unistd.h for all newer architectures.
_X86_64 = {
    "descriptor": (0, 1, 17, 18, 19, 20, 44, 45, 46, 47),  # read, write and their kin: it is the first argument
    "accept": (43, 288),
    "connect": (42,),
    "poll": (7, 271),
    "select": (23, 270),
    "epoll": (232, 281),
    "sleep": (34, 35, 230),
    "child": (61, 247),
    "lock": (65, 202, 220),  # of System V semaphores or a futex
    "flock": (73,),
    "fcntl": (72,),
}
_GENERIC = {
    "descriptor": (63, 64, 65, 66, 67, 68, 206, 207, 211, 212),
    "accept": (202, 242),
    "connect": (203,),
    "poll": (73,),
    "select": (72,),
    "epoll": (22,),
    "sleep": (101, 115),
    "child": (95, 260),
    "lock": (98, 192, 193),
    "flock": (32,),
    "fcntl": (25,),
}
CALLS = {
    machine: {number: name for name, numbers in table.items() for number in numbers}
    for machine, table in (("x86_64", _X86_64), ("aarch64", _GENERIC), ("riscv64", _GENERIC))
}
_PLAIN = {"sleep": SLEEP, "child": CHILD, "lock": LOCK}


class Waiting(NamedTuple):
    """What a process is blocked in.

    on: one of the names above; NOTHING while it runs. peer: whom the socket is connected with, or the path of the file
    or lock. seconds: since that peer was last heard of, where it is TCP.
    """

    on: str
    peer: Optional[str]
    seconds: Optional[float]


class Blocked(NamedTuple):
    """inode: of the socket that it waits on, None where it is none or several."""

    waiting: Waiting
    inode: Optional[int]


class _Call(NamedTuple):
    name: str
    arguments: Sequence[int]


_RUNNING = Blocked(Waiting(NOTHING, None, None), None)


def look(host: Host, pid: int, by_inode: Dict[int, Socket]) -> Optional[Blocked]:
    """Return what a process waits in; None for a call or a processor that is not known here. Raises CannotLook.

    by_inode: the sockets of the host, to tell who the peer is.
    """
    line = _line(host, pid)
    if not line[:1].isdigit():
        return _RUNNING
    call = _call(line, host.machine())
    if call is None:
        return None
    try:
        blocked = _blocked(host, pid, call, by_inode)
    except Missing:
        _line(host, pid)  # raises Missing where it is the process that has gone
        return _RUNNING  # it closed the descriptor, so it has left the call
    # What the descriptors were then holds for the line that was read only while it still waits there.
    return blocked if _line(host, pid) == line else _RUNNING


def _line(host: Host, pid: int) -> str:
    return host.read(f"/proc/{pid}/syscall", LINE_LIMIT).decode("ascii", "replace").strip()


def _call(line: str, machine: str) -> Optional[_Call]:
    words = line.split()
    try:
        number, arguments = int(words[0]), [int(word, 16) for word in words[1:]]
    except ValueError:
        return None
    if len(arguments) != 8 or arguments[6] < 1 << 32:
        return None  # its stack is where 32-bit programs have theirs, and those number their calls otherwise
    name = CALLS.get(machine, {}).get(number)
    return _Call(name, arguments) if name else None


def _blocked(host: Host, pid: int, call: _Call, by_inode: Dict[int, Socket]) -> Optional[Blocked]:
    if call.name in _PLAIN:
        return Blocked(Waiting(_PLAIN[call.name], None, None), None)
    if call.name in ("poll", "select", "epoll"):
        return _of_several(host, pid, _watched(host, pid, call), by_inode)
    descriptor = call.arguments[0]
    if call.name == "flock" or (call.name == "fcntl" and call.arguments[1] in (_F_SETLKW, _F_OFD_SETLKW)):
        return Blocked(Waiting(FILE_LOCK, _path(_target(host, pid, descriptor)), None), None)
    if call.name == "fcntl":
        return None
    blocked = _of_descriptor(host, pid, descriptor, by_inode)
    if call.name == "accept":
        return Blocked(Waiting(ACCEPT, None, None), blocked.inode)
    if call.name == "connect" and blocked.waiting.peer is None:
        return blocked._replace(waiting=Waiting(SOCKET, _wanted(host, pid, call.arguments), None))
    return blocked


def _of_descriptor(host: Host, pid: int, descriptor: int, by_inode: Dict[int, Socket]) -> Blocked:
    target = _target(host, pid, descriptor)
    match = _INODE.match(target)
    if match:
        inode = int(match.group(1))
        socket = by_inode.get(inode)
        peer, silent = (socket.peer or None, socket.silent) if socket else (None, None)
        return Blocked(Waiting(SOCKET, peer, silent), inode)
    if target.startswith("pipe:"):
        return Blocked(Waiting(PIPE, None, None), None)
    return Blocked(Waiting(FILE, _path(target), None), None)


def _of_several(host: Host, pid: int, descriptors: Sequence[int], by_inode: Dict[int, Socket]) -> Blocked:
    """Return what the first of several descriptors is that has a peer; waiting for none at all is a sleep."""
    seen = [_of_descriptor(host, pid, descriptor, by_inode) for descriptor in descriptors]
    if not seen:
        return Blocked(Waiting(SLEEP, None, None), None)
    connected = [one for one in seen if one.inode is not None and one.waiting.peer is not None]
    first = (connected or [one for one in seen if one.inode is not None] or seen)[0]
    return first if len({one.waiting.peer for one in connected}) < 2 else first._replace(inode=None)


def _watched(host: Host, pid: int, call: _Call) -> List[int]:
    """Return the descriptors that a poll(2), select(2) or epoll_wait(2) waits for."""
    if call.name == "epoll":
        said = host.read(f"/proc/{pid}/fdinfo/{call.arguments[0] & 0x7FFFFFFF}", 1 << 16)
        return [int(number) for number in re.findall(rb"^tfd: +([0-9]{1,7}) ", said, re.MULTILINE)][:DESCRIPTORS_LIMIT]
    if call.name == "poll":
        count = min(call.arguments[1], DESCRIPTORS_LIMIT)
        said = host.memory(pid, call.arguments[0], count * _POLLED.size) if count else b""
        whole = len(said) - len(said) % _POLLED.size
        return [number for number, events, _unused in _POLLED.iter_unpack(said[:whole]) if number >= 0 and events]
    count = min(call.arguments[0], _SELECTED_LIMIT)
    sets = [host.memory(pid, address, (count + 7) // 8) for address in call.arguments[1:3] if address and count]
    return [number for number in range(count) if any(_is_set(one, number) for one in sets)][:DESCRIPTORS_LIMIT]


def _is_set(bits: bytes, number: int) -> bool:
    return number // 8 < len(bits) and bool(bits[number // 8] >> number % 8 & 1)


def _wanted(host: Host, pid: int, arguments: Sequence[int]) -> Optional[str]:
    """Return the path that a connect(2) is for which a full queue lets wait; a TCP socket knows its peer by itself."""
    said = host.memory(pid, arguments[1], min(arguments[2], _ADDRESS_LIMIT))
    if len(said) < 3 or struct.unpack("=H", said[:2])[0] != _AF_UNIX:
        return None
    path = said[2:].split(b"\0")[0]
    return os.fsdecode(path) if path.startswith(b"/") else None


def _target(host: Host, pid: int, descriptor: int) -> str:
    return host.link(f"/proc/{pid}/fd/{descriptor & 0x7FFFFFFF}")


def _path(target: str) -> str:
    return _SESSION.sub("/sess_…", target)[:PATH_LIMIT]
