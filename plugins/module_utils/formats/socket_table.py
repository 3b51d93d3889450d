# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables that ss(8) prints with ``-e``, and with ``-i`` below each line of TCP (iproute2, misc/ss.c)."""

import re
from typing import Iterator, NamedTuple, Optional

_TCP = re.compile(r"([A-Z0-9-]+) +([0-9]+) +([0-9]+) +(\S+) +(\S+)(.*)")
_INODE = re.compile(r"\bino:([0-9]+)")
_HEARD = re.compile(r"\blastrcv:([0-9]+)")
# A name may hold spaces, so the columns after it are found from the end on.
_UNIX = re.compile(
    r"u_str +([A-Z0-9-]+) +([0-9]+) +([0-9]+) +(.*) ([0-9]+) +\S.* ([0-9]+) +(?:<->|<--|-->|---)(?: +ino:([0-9]+))?"
)


class TcpRow(NamedTuple):
    """One TCP socket: inode is 0 where no process has it; heard: milliseconds since the peer sent data."""

    state: str
    waiting: int
    limit: int
    local: str
    peer: str
    inode: int
    heard: Optional[int]


class UnixRow(NamedTuple):
    """One stream socket. local: its path, "" without one; an abstract one begins with @. peer_inode: 0 for none."""

    state: str
    waiting: int
    limit: int
    local: str
    inode: int
    peer_inode: int
    file_inode: Optional[int]


def parse_tcp(text: str) -> Iterator[TcpRow]:
    """Yield what ``ss -tie`` prints; a line that is no socket, as the heading, is passed over."""
    row: Optional[TcpRow] = None
    for line in text.split("\n"):
        if row is not None and line[:1].isspace():
            heard = _HEARD.search(line)
            row = row._replace(heard=int(heard.group(1)) if heard else None)
            continue
        if row is not None:
            yield row
        row = _tcp_row(line)
    if row is not None:
        yield row


def _tcp_row(line: str) -> Optional[TcpRow]:
    match = _TCP.match(line)
    inode = _INODE.search(match.group(6)) if match else None
    if match is None or inode is None:
        return None
    state, waiting, limit, local, peer, _unused = match.groups()
    return TcpRow(state, int(waiting), int(limit), local, peer, int(inode.group(1)), None)


def parse_unix(text: str) -> Iterator[UnixRow]:
    """Yield the stream sockets of what ``ss -xe`` prints. A name may hold a line break, and so forge a whole line."""
    for line in text.split("\n"):
        match = _UNIX.match(line)
        if match is None:
            continue
        state, waiting, limit, local, inode, peer, file = match.groups()
        name = "" if local.strip() == "*" else local.strip()
        yield UnixRow(state, int(waiting), int(limit), name, int(inode), int(peer), int(file) if file else None)
