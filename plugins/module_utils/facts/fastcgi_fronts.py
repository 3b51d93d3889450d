# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a web server hands requests to php-fpm, and how long it waits for them."""

from typing import NamedTuple, Optional, Tuple

from ..host import Host
from ..policy import Policy


class Front(NamedTuple):
    """One fastcgi_pass of a running nginx, for one address of the upstream that it names.

    address: a path, or host:port, as FpmPool.address. where: the server and location it stands in, in nginx's words.
    source: ``file:line`` of the fastcgi_pass. *_timeout: seconds; *_source: where they are said, None for the default.
    keeps_connections: fastcgi_keep_conn is on and the upstream has keepalive. next_upstream: its words.
    """

    master: int
    address: str
    where: str
    source: str
    read_timeout: float
    read_timeout_source: Optional[str]
    send_timeout: float
    connect_timeout: float
    keeps_connections: bool
    next_upstream: Tuple[str, ...]


class Fronts(NamedTuple):
    """unseen: why there may be more; fastcgi_pass with a variable is one such."""

    fronts: Tuple[Front, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> Fronts:
    """Return the fronts of every running nginx. Raises CannotLook where processes cannot be seen."""
    raise NotImplementedError
