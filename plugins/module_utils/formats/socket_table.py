# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The tables that ss(8) prints with ``-e``, and with ``-i`` below each line of TCP (iproute2, misc/ss.c)."""

import re
from typing import Iterator, NamedTuple, Optional

# With TCP alone there is no column that says so.
_INTERNET = re.compile(r"(?:(tcp|udp) +)?([A-Z0-9-]+) +([0-9]+) +([0-9]+) +(\S+) +(\S+)(.*)")
_INODE = re.compile(r"\bino:([0-9]+)")
_HEARD = re.compile(r"\blastrcv:([0-9]+)")
# A name may hold spaces, so the columns after it are found from the end on.
_UNIX = re.compile(
    r"u_str +([A-Z0-9-]+) +([0-9]+) +([0-9]+) +(.*) ([0-9]+) +\S.* ([0-9]+) +(?:<->|<--|-->|---)(?: +ino:([0-9]+))?"
)


class InternetRow(NamedTuple):
    """One socket of TCP or UDP, by family tcp or udp, that has an inode, 0 where no process has it any more.

    heard: milliseconds since the peer sent data, None for UDP and listening sockets.
    """

    family: str
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


def parse_internet(text: str) -> Iterator[InternetRow]:
    """Yield what ``ss -tuie`` prints; a line that is no socket, as the heading, is passed over."""
    row: Optional[InternetRow] = None
    for line in text.split("\n"):
        if row is not None and line[:1].isspace():
            heard = _HEARD.search(line)
            row = row._replace(heard=int(heard.group(1)) if heard else None)
            continue
        if row is not None:
            yield row
        row = _internet_row(line)
    if row is not None:
        yield row


def _internet_row(line: str) -> Optional[InternetRow]:
    match = _INTERNET.match(line)
    inode = _INODE.search(match.group(7)) if match else None
    if match is None or inode is None:
        return None
    family, state, waiting, limit, local, peer, _unused = match.groups()
    return InternetRow(family or "tcp", state, int(waiting), int(limit), local, peer, int(inode.group(1)), None)


def parse_unix(text: str) -> Iterator[UnixRow]:
    """Yield the stream sockets of what ``ss -xe`` prints. A name may hold a line break, and so forge a whole line."""
    for line in text.split("\n"):
        match = _UNIX.match(line)
        if match is None:
            continue
        state, waiting, limit, local, inode, peer, file = match.groups()
        name = "" if local.strip() == "*" else local.strip()
        yield UnixRow(state, int(waiting), int(limit), name, int(inode), int(peer), int(file) if file else None)
