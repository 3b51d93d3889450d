# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which sockets of the host a process listens on."""

from typing import Dict, List, Optional, Tuple

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import sockets
from .sockets import Socket, Sockets


class HeldSockets:
    """The sockets of one look, asked for once; ``unseen`` gets why they cannot be seen."""

    def __init__(self, host: Host, policy: Policy, unseen: List[str]) -> None:
        self._host = host
        self._policy = policy
        self._unseen = unseen
        self._table: Optional[Dict[int, Socket]] = None

    def table(self) -> Dict[int, Socket]:
        """Return the sockets of the host by inode; where they cannot be seen that is said once, and there are none."""
        if self._table is None:
            try:
                seen = self._host.once(sockets.gather, self._policy)
            except CannotLook as error:
                self._unseen.append(str(error))
                seen = Sockets({})
            if seen.twice:
                self._unseen.append(
                    f"socket {seen.twice[0]}: ss(8) tells of it in two ways, because the name of another one forges a "
                    "line; find who has such a name open with `ss -xap`"
                )
            self._table = seen.by_inode
        return self._table

    def of_this_network(self, pid: int) -> Tuple[Socket, ...]:
        """As listening(), for a process that lives in our network. Raises CannotLook for another."""
        if self._host.link(f"/proc/{pid}/ns/net") != self._host.link("/proc/self/ns/net"):
            raise CannotLook(f"process {pid}: it lives in another network namespace, so its sockets are not seen")
        return self.listening(pid)

    def listening(self, pid: int) -> Tuple[Socket, ...]:
        """Return the listening sockets that a process has open. Raises CannotLook."""
        table = self.table()
        held = (table.get(inode) for inode in sorted(set(sockets.of_process(self._host, pid).values())))
        return tuple(socket for socket in held if socket is not None and socket.state == sockets.LISTEN)
