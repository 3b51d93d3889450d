# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each pool holds in memory, and which pools share it: OPcache, APCu, Yac, and the realpath cache of a worker."""

from typing import NamedTuple, Optional, Tuple

from ..formats.probe_answer import Apcu, CachedScript, Opcache, ProbeAnswer, Yac
from ..host import Host
from ..policy import Policy


class PoolCaches(NamedTuple):
    """One pool's own word, or the reason why there is none; seconds: that asking it took.

    master: its pid, whose memory the pool shares. master and pool are None for an address of the policy's ``sockets``
    at which no php-fpm of the host's listens. address is None only for a pool that does not say where it listens.
    """

    master: Optional[int]
    pool: Optional[str]
    address: Optional[str]
    answer: Optional[ProbeAnswer]
    reason: Optional[str]
    seconds: float


class Segment(NamedTuple):
    """The memory of one master, which all of its pools share whatever their users are.

    name: in words, ``php-fpm 812 (pools www, api)``. master, started: pid and start time. generation: as FpmMaster's.
    root: as FpmMaster's. by: the pool that told of it, the first that could tell of OPcache; None where none answered.
    blocked_by: while a restart is pending, the requests that it waits for, in words, the oldest first.
    still_pending: after how many seconds it was pending still; None where it was not pending, or passed meanwhile.
    """

    name: str
    master: int
    started: float
    generation: Optional[float]
    version: Optional[str]
    root: str
    pools: Tuple[str, ...]
    by: Optional[str]
    opcache: Optional[Opcache]
    apcu: Optional[Apcu]
    yac: Optional[Yac]
    scripts: Optional[Tuple[CachedScript, ...]]
    scripts_reason: Optional[str]
    reason: Optional[str]
    still_pending: Optional[float] = None
    blocked_by: Tuple[str, ...] = ()


class RuntimeCaches(NamedTuple):
    """probed: whether pools were asked at all. apart: masters that are not asked, each with the reason."""

    probed: bool
    pools: Tuple[PoolCaches, ...]
    segments: Tuple[Segment, ...]
    apart: Tuple[str, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> RuntimeCaches:
    """Return what is in the memory of every pool. Raises CannotLook where processes cannot be seen, NotApplicable where
    no php-fpm runs or pools are not to be probed.
    """
    raise NotImplementedError
