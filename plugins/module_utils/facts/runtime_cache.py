# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each pool holds in memory, and which pools share it: OPcache, APCu, Yac, and the realpath cache of a worker.

A master makes the memory of OPcache, APCu and Yac before it starts its workers, so all of its pools share it.
"""

from functools import partial
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, NotApplicable
from ..formats.probe_answer import APCU, OPCACHE, YAC, Apcu, CachedScript, Opcache, ProbeAnswer, Task, Yac
from ..host import Host
from ..policy import Policy
from . import fpm_masters, pool_probe, runtime_cache_pending, runtime_cache_pools, runtime_cache_strangers
from .fpm_masters import FpmMaster, FpmMasters
from .fpm_orphans import Orphan
from .pool_probe import Probe
from .runtime_cache_asking import Asked, Asking
from .runtime_cache_pending import NOTHING_PENDING, Pending
from .runtime_cache_pools import Wanted

NOT_PROBED = (
    "pools are not asked what they hold in memory, because that hands each of them a script; set `probe: true` in the "
    "options of runtime_cache, or look with phpfleet.remediation.runtime_cache_info"
)
NAMES_LIMIT = 5  # pools that the name of a segment tells
LISTING_LIMIT = 3  # pools of a master that are asked for its scripts, one after the other, until one lists them
WOKEN_LIMIT = 3  # pools without a worker that are asked, one after the other, where no other pool of theirs answers


class PoolCaches(NamedTuple):
    """One pool's own word, or the reason why there is none; seconds: that asking it took.

    master: its pid, whose memory the pool shares. master and pool are None for an address of the policy's ``sockets``
    at which no php-fpm of the host's listens. address is None only for a pool that does not say where it listens.
    asleep: it was not asked, because it has no worker (pm = ondemand): it has no realpath cache either, and what it
    shares with the other pools of its master is told by them.
    """

    master: Optional[int]
    pool: Optional[str]
    address: Optional[str]
    answer: Optional[ProbeAnswer]
    reason: Optional[str]
    seconds: float
    asleep: bool = False


class Segment(NamedTuple):
    """The memory of one master, which all of its pools share whatever their users are.

    name: in words, ``php-fpm 812 (pools www, api)``. master, started: pid and start time. generation: as FpmMaster's.
    root: as FpmMaster's. by: the pool that told of it, if possible one that uses OPcache; None where none answered.
    reason: why no pool answered. Where one did and nothing is told of OPcache, the answers say why.
    scripts: every cached script, or scripts_reason why there is no list of them.
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
    """apart: masters that are not asked, each with the reason. unseen: what of php-fpm could not be seen."""

    pools: Tuple[PoolCaches, ...]
    segments: Tuple[Segment, ...]
    apart: Tuple[str, ...]
    unseen: Tuple[str, ...]


class _Memory(NamedTuple):
    """What the pools of one master told of themselves, and of what they share."""

    pools: Tuple[PoolCaches, ...]
    segment: Segment


class _Listing(NamedTuple):
    """answer: by the pool ``by``, with the scripts of its segment; or the reason why no pool lists them."""

    by: Optional[str]
    answer: Optional[ProbeAnswer]
    reason: Optional[str]
    pending: Pending


def gather(host: Host, policy: Policy) -> RuntimeCaches:
    """Return what is in the memory of every pool. Raises CannotLook where processes cannot be seen, NotApplicable where
    no php-fpm runs or pools are not to be probed.
    """
    if not policy.runtime_cache.probe:
        raise NotApplicable(NOT_PROBED)
    seen = host.once(fpm_masters.gather, policy)
    _demand_something_to_ask(host, policy, seen)
    masters = [one for one in seen.masters if one.apart is None]
    apart = tuple(f"php-fpm {one.process.pid}: {one.apart}" for one in seen.masters if one.apart is not None)
    selection = runtime_cache_pools.select(host, policy, masters)
    shared = [one for one in masters if not policy.runtime_cache.sockets or _pools_of(one, selection.pools)]
    asking = Asking(host, policy)
    with pool_probe.removed_on_signals():
        asked = asking.each(asking.ask, [one for one in selection.pools if not one.asleep])
        memories = asking.each(lambda one: _memory(asking, one, _pools_of(one, selection.pools), asked), shared)
    strangers = asking.each(partial(runtime_cache_strangers.reason, host), selection.strangers)
    return RuntimeCaches(
        pools=(*(pool for one in memories for pool in one.pools), *map(_stranger, selection.strangers, strangers)),
        segments=tuple(one.segment for one in memories),
        apart=apart,
        unseen=(*seen.unseen, *(() if policy.runtime_cache.sockets else _orphaned(seen.orphans))),
    )


def _orphaned(orphans: Sequence[Orphan]) -> List[str]:
    """Say which workers serve from a memory that nobody can ask for, since their master is gone."""
    pids: Dict[Tuple[str, Tuple[str, ...]], List[str]] = {}
    for one in orphans:
        if one.addresses:
            pids.setdefault((one.pool or "unknown", one.addresses), []).append(str(one.process.pid))
    return [
        f"worker{'s' * (len(own) > 1)} {', '.join(own[:NAMES_LIMIT])} of pool {pool}: the master is gone, and what "
        f"they serve on {', '.join(addresses)} is of a memory that nobody can see or empty; let php_fpm with "
        "reap_orphans end them"
        for (pool, addresses), own in pids.items()
    ]


def _demand_something_to_ask(host: Host, policy: Policy, seen: FpmMasters) -> None:
    if seen.masters or policy.runtime_cache.sockets:
        if not host.is_root():
            raise CannotLook("only root can hand each pool a script that none but its user can read; run with become")
        return
    if seen.unseen:
        raise CannotLook(seen.unseen[0])
    raise NotApplicable("no php-fpm runs on this host")


def _pools_of(master: FpmMaster, pools: Sequence[Wanted]) -> List[Wanted]:
    return [one for one in pools if one.master.process.pid == master.process.pid]


def _memory(asking: Asking, master: FpmMaster, pools: Sequence[Wanted], asked: Sequence[Asked]) -> _Memory:
    told = {one.wanted.pool.name: one for one in asked if one.wanted.master.process.pid == master.process.pid}
    for one in [pool for pool in pools if pool.asleep][:WOKEN_LIMIT]:
        if not any(other.answer for other in told.values()):
            told[one.pool.name] = asking.ask(one)
    segment = _segment(asking, master, list(told.values()))
    return _Memory(tuple(_pool(one, told.get(one.pool.name), segment.by) for one in pools), segment)


def _stranger(address: str, reason: str) -> PoolCaches:
    return PoolCaches(None, None, address, None, reason, 0.0)


def _pool(wanted: Wanted, asked: Optional[Asked], by: Optional[str]) -> PoolCaches:
    empty = PoolCaches(wanted.master.process.pid, wanted.pool.name, wanted.pool.address, None, None, 0.0)
    if asked is not None:
        return empty._replace(answer=asked.answer, reason=asked.reason, seconds=asked.seconds)
    shares = f"; it shares the memory that pool {by} tells of" if by else ""
    reason = f"pool {wanted.pool.name}: not asked, because it has no worker, and would start one{shares}"
    return empty._replace(reason=reason, asleep=True)


def _segment(asking: Asking, master: FpmMaster, asked: Sequence[Asked]) -> Segment:
    answered = [(one.wanted, one.answer) for one in asked if one.answer is not None]
    tellers = [(wanted, answer) for wanted, answer in answered if answer.opcache is not None]
    listing = _list(asking, sorted(tellers, key=lambda one: not _uses_it(one[1])))
    answers = [answer for answer in (listing.answer, *(answer for _unused, answer in answered)) if answer is not None]
    return Segment(
        name=_name(master),
        master=master.process.pid,
        started=master.process.started,
        generation=master.generation,
        version=answers[0].version if answers else master.version,
        root=master.root,
        pools=tuple(pool.name for pool in master.pools),
        by=listing.by or next((wanted.pool.name for wanted, _unused in answered), None),
        opcache=_first(answers, OPCACHE),
        apcu=_first(answers, APCU),
        yac=_first(answers, YAC),
        scripts=listing.answer.scripts if listing.answer is not None else None,
        scripts_reason=listing.reason,
        reason=None if answered else _why_no_answer(master, asked),
        still_pending=listing.pending.seconds,
        blocked_by=listing.pending.blocked_by,
    )


def _uses_it(answer: ProbeAnswer) -> bool:
    """Whether a pool uses the memory that it tells of; one with opcache.enable=0 of its own lists and empties none."""
    return runtime_cache_pending.is_pending(answer) or (answer.opcache is not None and answer.opcache.enabled)


def _first(answers: Sequence[ProbeAnswer], cache: str) -> Any:
    """Return what the first of some pools that can tell of a cache tells of it."""
    return next((getattr(one, cache) for one in answers if getattr(one, cache) is not None), None)


def _name(master: FpmMaster) -> str:
    names = [pool.name for pool in master.pools]
    if not names:
        return f"php-fpm {master.process.pid} (no pool is known)"
    more = f" and {len(names) - NAMES_LIMIT} more" if len(names) > NAMES_LIMIT else ""
    return f"php-fpm {master.process.pid} (pool{'s' * (len(names) > 1)} {', '.join(names[:NAMES_LIMIT])}{more})"


def _why_no_answer(master: FpmMaster, asked: Sequence[Asked]) -> str:
    if not master.pools:
        return next(iter(master.unknown), master.failure or "its configuration names no pool")
    reasons = [one.reason for one in asked if one.reason is not None]
    return reasons[0] + (f" (and {len(reasons) - 1} more that gave no answer)" if len(reasons) > 1 else "")


def _list(asking: Asking, tellers: Sequence[Tuple[Wanted, ProbeAnswer]]) -> _Listing:
    """Have the scripts of a segment listed by one of the pools that can tell of OPcache, after a pending restart."""
    last = _Listing(None, None, None, NOTHING_PENDING)
    for wanted, answer in tellers[:LISTING_LIMIT]:
        try:
            last = asking.through(wanted, partial(_listed, asking, wanted, answer))
        except CannotLook as error:
            last = last._replace(by=last.by or wanted.pool.name, reason=str(error))
        if last.reason is None or last.pending.seconds is not None:
            break  # while a restart is pending, no pool of them can list scripts
    return last


def _listed(asking: Asking, wanted: Wanted, first: ProbeAnswer, opened: Probe) -> _Listing:
    pending = runtime_cache_pending.wait(asking, opened, wanted, first)
    try:
        answer = asking.put(opened, Task(scripts=True))
    except CannotLook as error:
        return _Listing(wanted.pool.name, pending.answer, str(error), pending)
    why = None if answer.scripts is not None else answer.reasons.get("scripts", "it lists no scripts")
    return _Listing(wanted.pool.name, answer, f"pool {wanted.pool.name}: {why}" if why else None, pending)
