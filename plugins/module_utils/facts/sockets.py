# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The sockets of a host, who holds them, and whom they are connected with."""

from typing import Dict, NamedTuple, Optional, Sequence, Tuple

from ..host import Host
from ..policy import Policy
from .processes import Processes


class Socket(NamedTuple):
    """One TCP or stream Unix socket, as ss(8) says it.

    family: tcp or unix. state: LISTEN, ESTAB and so on. local, peer: ``host:port`` (``[::1]:9000``), a path, or "" for
    a Unix socket without name. peer_inode and file_inode (of the file that a path names): of Unix sockets, else None.
    waiting: connections in the queue of a listening socket, else bytes not yet read. limit: of that queue.
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
    """by_inode: every socket of our network namespace that has an inode."""

    by_inode: Dict[int, Socket]


def gather(host: Host, policy: Policy) -> Sockets:
    """Return the sockets of our network namespace. Raises CannotLook without ss(8)."""
    raise NotImplementedError


def of_process(host: Host, pid: int) -> Dict[int, int]:
    """Return the inode of each socket that a process has open, by descriptor. Raises CannotLook."""
    raise NotImplementedError


def holders(host: Host, seen: Processes, inodes: Sequence[int]) -> Dict[int, Tuple[int, ...]]:
    """Return the pids that have each of some sockets open. Raises CannotLook where a process hides what it has open."""
    raise NotImplementedError
