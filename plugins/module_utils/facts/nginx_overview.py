# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nginx_info shows beside the findings: the masters, and where they hand requests to php-fpm."""

from typing import NamedTuple, Tuple

from ..host import Host
from ..policy import Policy
from . import fastcgi_fronts, nginx_masters
from .fastcgi_fronts import Front
from .nginx_masters import NginxMaster, NginxWorker


class NginxOverview(NamedTuple):
    """masters, orphans and complete: as nginx_masters.NginxMasters. fronts and unseen: as fastcgi_fronts.Fronts."""

    masters: Tuple[NginxMaster, ...]
    orphans: Tuple[NginxWorker, ...]
    fronts: Tuple[Front, ...]
    unseen: Tuple[str, ...]
    complete: bool


def gather(host: Host, policy: Policy) -> NginxOverview:
    """Return the overview. Raises CannotLook where processes cannot be seen."""
    seen = host.once(nginx_masters.gather, policy)
    fronts = host.once(fastcgi_fronts.gather, policy)
    return NginxOverview(seen.masters, seen.orphans, fronts.fronts, fronts.unseen, seen.complete)
