# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The caches in memory as an info module shows them: what masters share, and what each pool says of itself."""

from typing import Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook
from ..formats.probe_answer import OPCACHE, Apcu, Opcache, Realpath, Yac
from ..host import Host
from ..policy import Policy
from . import cached_code, runtime_cache
from .cached_code import SegmentCode
from .runtime_cache import PoolCaches, Segment

EXAMPLES_LIMIT = 5


class ReleaseOverview(NamedTuple):
    """As cached_code.OtherRelease."""

    release: str
    link: str
    current: str
    switched: float
    scripts: int
    used: Optional[int]


class CodeOverview(NamedTuple):
    """As cached_code.SegmentCode. compared, outdated, doubtful: how many. outdated_examples: paths.

    releases: other ones than the current that scripts are cached from. unseen: what could not be compared or told.
    """

    compared: int
    outdated: int
    outdated_examples: Tuple[str, ...]
    doubtful: int
    oldest: Optional[int]
    releases: Tuple[ReleaseOverview, ...]
    unseen: Tuple[str, ...]


class ApcuOverview(NamedTuple):
    """As probe_answer.Apcu. started: None where APCu says what cannot be.

    From its first clearing on, APCu 5.1.22 counts that time from the boot of the host, and not from the epoch.
    """

    entries: int
    hits: int
    misses: int
    expunges: int
    started: Optional[int]
    memory: int
    free: int


class SegmentOverview(NamedTuple):
    """As runtime_cache.Segment; code is None where the scripts are not known."""

    name: str
    master: int
    started: float
    generation: Optional[float]
    version: Optional[str]
    root: str
    pools: Tuple[str, ...]
    told_by: Optional[str]
    reason: Optional[str]
    opcache: Optional[Opcache]
    still_pending: Optional[float]
    blocked_by: Tuple[str, ...]
    code: Optional[CodeOverview]
    code_reason: Optional[str]
    apcu: Optional[ApcuOverview]
    yac: Optional[Yac]


class RealpathOverview(NamedTuple):
    """As probe_answer.Realpath: of the one worker that answered. links: how many of them lead elsewhere."""

    used: int
    entries: int
    links: int
    links_examples: Tuple[str, ...]


class PoolOverview(NamedTuple):
    """As runtime_cache.PoolCaches. worker: the pid of the one that answered. reasons: of caches that it has no say on.

    settings: of php.ini and of the pool, as that worker has them.
    """

    master: Optional[int]
    pool: Optional[str]
    address: Optional[str]
    reason: Optional[str]
    seconds: float
    worker: Optional[int]
    settings: Mapping[str, str]
    reasons: Mapping[str, str]
    realpath: Optional[RealpathOverview]


class Overview(NamedTuple):
    """apart: masters that are not asked, and why. unseen: what could not be looked at, and why."""

    segments: Tuple[SegmentOverview, ...]
    pools: Tuple[PoolOverview, ...]
    apart: Tuple[str, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> Overview:
    """Return the overview. Raises as runtime_cache.gather() does."""
    seen = host.once(runtime_cache.gather, policy)
    unseen = list(seen.unseen)
    codes: Dict[int, SegmentCode] = {}
    try:
        codes = {one.master: one for one in host.once(cached_code.gather, policy).segments}
    except CannotLook as error:
        unseen.append(str(error))
    return Overview(
        segments=tuple(_segment(one, codes.get(one.master), seen.pools) for one in seen.segments),
        pools=tuple(_pool(one) for one in seen.pools),
        apart=seen.apart,
        unseen=tuple(unseen),
    )


def _segment(one: Segment, code: Optional[SegmentCode], pools: Sequence[PoolCaches]) -> SegmentOverview:
    return SegmentOverview(
        name=one.name,
        master=one.master,
        started=one.started,
        generation=one.generation,
        version=one.version,
        root=one.root,
        pools=one.pools,
        told_by=one.by,
        reason=one.reason or _unsaid(one, pools),
        opcache=one.opcache,
        still_pending=one.still_pending,
        blocked_by=one.blocked_by,
        code=None if code is None or one.scripts is None else _code(code),
        code_reason=one.scripts_reason,
        apcu=None if one.apcu is None else _apcu(one.apcu, one.started),
        yac=one.yac,
    )


def _apcu(seen: Apcu, master_started: float) -> ApcuOverview:
    return ApcuOverview(**dict(seen._asdict(), started=seen.started if seen.started >= master_started - 1 else None))


def _unsaid(one: Segment, pools: Sequence[PoolCaches]) -> Optional[str]:
    """Return why a pool that answered tells nothing of OPcache."""
    if one.opcache is not None:
        return None
    answers = [pool.answer for pool in pools if pool.master == one.master and pool.pool == one.by]
    return next((answer.reasons.get(OPCACHE) for answer in answers if answer is not None), None)


def _code(code: SegmentCode) -> CodeOverview:
    return CodeOverview(
        compared=code.compared,
        outdated=len(code.outdated),
        outdated_examples=tuple(one.path for one in code.outdated[:EXAMPLES_LIMIT]),
        doubtful=len(code.doubtful),
        oldest=code.oldest,
        releases=tuple(
            ReleaseOverview(one.release, one.link, one.current, one.switched, one.scripts, one.used)
            for one in code.others
        ),
        unseen=(*code.unseen, *code.unlinked),
    )


def _pool(one: PoolCaches) -> PoolOverview:
    empty = PoolOverview(one.master, one.pool, one.address, one.reason, round(one.seconds, 3), None, {}, {}, None)
    if one.answer is None:
        return empty
    said = one.answer
    return empty._replace(
        worker=said.pid,
        settings=said.settings,
        reasons=said.reasons,
        realpath=None if said.realpath is None else _realpath(said.realpath),
    )


def _realpath(seen: Realpath) -> RealpathOverview:
    examples = tuple(f"{one.path} -> {one.target}" for one in seen.links[:EXAMPLES_LIMIT])
    return RealpathOverview(seen.used, seen.entries, len(seen.links), examples)
