# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts that each segment holds, set against the files and the releases of now."""

from typing import NamedTuple, Optional, Tuple

from ..host import Host
from ..policy import Policy


class Outdated(NamedTuple):
    """A cached script whose file is another by now: file_time is the file's, None where there is no such file."""

    path: str
    timestamp: int
    file_time: Optional[float]
    used: Optional[int]


class OtherRelease(NamedTuple):
    """A release with cached scripts that no current link leads to.

    link: the current link beside it. switched: when that link was made, seconds since the epoch. current: where it
    leads. used: when one of its scripts was served last. scripts: how many.
    """

    release: str
    link: str
    current: str
    switched: float
    scripts: int
    used: Optional[int]
    example: str


class SegmentCode(NamedTuple):
    """master: of the segment. outdated: all of them. unseen: why some scripts could not be compared, and how many."""

    master: int
    compared: int
    outdated: Tuple[Outdated, ...]
    others: Tuple[OtherRelease, ...]
    oldest: Optional[int]
    unseen: Tuple[str, ...]


class CachedCode(NamedTuple):
    segments: Tuple[SegmentCode, ...]


def gather(host: Host, policy: Policy) -> CachedCode:
    """Set every cached script against its file, as the pool sees it. Raises as runtime_cache.gather() does."""
    raise NotImplementedError
