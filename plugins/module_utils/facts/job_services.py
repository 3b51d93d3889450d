# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services that jobs may touch, as far as this host has them; what one of them hides stops no look at the others."""

from typing import NamedTuple, Optional, Tuple

from ..host import Host
from ..policy import Policy
from .fpm_masters import FpmMasters
from .fpm_time_limits import FpmTimeLimits
from .nginx_masters import NginxMasters


class JobServices(NamedTuple):
    """fpm and nginx: None where the host has none, or where ``blind`` says why they could not be seen.

    limits: how long requests of each php-fpm may take, and how long a reload of it waits.
    """

    fpm: Optional[FpmMasters]
    limits: Optional[FpmTimeLimits]
    nginx: Optional[NginxMasters]
    blind: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> JobServices:
    """Return what the host has of the services."""
    raise NotImplementedError
