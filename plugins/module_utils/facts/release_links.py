# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The links by which deploy tools say which release is served."""

import posixpath
import stat
from typing import NamedTuple, Optional

from ..errors import CannotLook
from ..host import Host

# What deploy tools call the link to the release that is served (Capistrano and Deployer: current).
LINK_NAMES = ("current", "live", "latest", "active", "production", "release")


class Link(NamedTuple):
    """A link to a release: where it is, and where it leads to now. Times in seconds since the epoch.

    made: when it was made, which who makes it may choose. placed: when it came under its name, at the latest: a link
    that is made beside it and renamed over it is older than the switch.
    """

    path: str
    target: str
    made: float
    placed: float


def link_at(host: Host, path: str) -> Optional[Link]:
    """Return the link of that path; None where there is none, or nothing is known of it."""
    try:
        return read(host, path)
    except CannotLook:
        return None


def read(host: Host, path: str) -> Optional[Link]:
    """Return the link of that path; None where something else has it. Raises CannotLook."""
    seen = host.stat(path)
    if not stat.S_ISLNK(seen.mode):
        return None
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), host.link(path)))
    return Link(path, target, seen.mtime_ns / 1e9, seen.ctime_ns / 1e9)
