# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a script can lie so that a pool runs it: open_basedir, chroot, private mounts, extensions, restrict_api."""

from typing import NamedTuple, Optional, Sequence

from ..host import Host
from ..policy import Policy
from .fpm_masters import FpmMaster, FpmPool


class ProbePlace(NamedTuple):
    """A directory that a probe's own directory is made in.

    root: below which it is, as Host.root: the master's view of the files (/proc/PID/root), or its chroot in that.
    directory: as the pool names it. extension: of the script, with its dot. uid: whose file it is to be.
    """

    root: str
    directory: str
    extension: str
    uid: int
    gid: int


def places(host: Host, policy: Policy, master: FpmMaster, pool: FpmPool, said: Optional[str]) -> Sequence[ProbePlace]:
    """Return where to try, the best first, at most PLACES_LIMIT.

    said: what the pool said when the last one failed, its open_basedir or its opcache.restrict_api in PHP's own words.
    Raises CannotLook where there is none.
    """
    raise NotImplementedError


PLACES_LIMIT = 6
