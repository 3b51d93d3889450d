# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a pool listens: what its configuration says, and which socket of its master that is."""

import re
from typing import Optional, Sequence

from .sockets import Socket


def address(listen: str) -> Optional[str]:
    """Return ``listen`` of a pool as ss(8) writes such an address: a bare port is any address."""
    if listen.isdigit():
        return f"*:{listen}"
    if listen.startswith("localhost:"):
        return "127.0.0.1" + listen[len("localhost") :]
    return listen or None


def held(address: Optional[str], listening: Sequence[Socket]) -> Optional[Socket]:
    """Return the socket for an address among those that a master holds; a name of a host is known by its port."""
    names = [address]
    for every in ("*", "[::]"):
        if address and address.startswith(every + ":"):
            # One socket of IPv6 takes IPv4 too, and is ``*`` to ss(8); without IPv6, or where each has its own
            # (net.ipv6.bindv6only), it is not.
            names += [f"{one}:{address[len(every) + 1 :]}" for one in ("*", "0.0.0.0", "[::]")]
    exact = [socket for socket in listening if socket.local in names]
    if exact or not address or address.startswith("/"):
        return exact[0] if exact else None
    port = address.rsplit(":", 1)[-1]
    alike = [socket for socket in listening if socket.family == "tcp" and socket.local.rsplit(":", 1)[-1] == port]
    return alike[0] if len(alike) == 1 and not _is_numeric(address) else None


def _is_numeric(address: str) -> bool:
    return bool(re.match(r"(?:\*|[0-9.]+|\[[0-9a-fA-F:.]+\]):[0-9]+\Z", address))
