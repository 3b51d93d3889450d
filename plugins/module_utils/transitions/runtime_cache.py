# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The caches in the memory of php-fpm, emptied as asked: OPcache, APCu, Yac, and the realpath cache of each worker."""

import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import Refused
from ..facts import fpm_logs
from ..facts.cached_code import SegmentCode
from ..facts.runtime_cache import Segment
from ..facts.worker_visits import Visits
from ..formats.probe_answer import APCU, CACHES, OPCACHE, REALPATH, Apcu, Opcache, Yac
from ..host import Host
from ..plain import one_line
from ..policy import PHP_FPM_OPTIONS, RUNTIME_CACHE_OPTIONS, policy_from
from ..transition import Transition, parse_time
from . import runtime_cache_plan
from .runtime_cache_plan import Work, out_of_reach, taken_back, works
from .runtime_cache_state import State, Wanted, answers, away, look, segment_of, unreached, workers_of

_ASKING = ("sockets", "releases", "answer_seconds")
_MASTERS = ("configurations", "longest_request")
DEFAULT_CACHES = (OPCACHE, REALPATH)
OPTIONS: Dict[str, Dict[str, Any]] = dict(
    caches=dict(type="list", elements="str", choices=list(CACHES), default=list(DEFAULT_CACHES)),
    scripts=dict(type="list", elements="path", default=[]),
    warm=dict(type="list", elements="path", default=[]),
    warm_list=dict(type="path"),
    **{name: RUNTIME_CACHE_OPTIONS[name] for name in _ASKING},
    **{name: PHP_FPM_OPTIONS[name] for name in _MASTERS},
)
LINES_LIMIT = 20  # of a log, in the problems of a result
NAMED_LIMIT = 5


class ShownSegment(NamedTuple):
    """One php-fpm. workers, workers_proven: None where no proof needed them. seconds: that asking its pools took."""

    name: str
    master: int
    started: float
    generation: Optional[float]
    version: Optional[str]
    pools: Tuple[str, ...]
    opcache: Optional[Opcache]
    apcu: Optional[Apcu]
    yac: Optional[Yac]
    reason: Optional[str]
    workers: Optional[int]
    workers_proven: Optional[int]
    seconds: float


class Shown(NamedTuple):
    """What a result tells of a state."""

    segments: Tuple[ShownSegment, ...]
    unreached: Tuple[str, ...]


class ReloadNeeded(NamedTuple):
    """What only a reload empties. workers: their pids; empty where it is not about single workers."""

    master: int
    pools: Tuple[str, ...]
    workers: Tuple[int, ...]
    why: str


def read(params: Dict[str, Any]) -> Wanted:
    """Return what is asked for. Raises Refused, naming the option."""
    newer_than = parse_time(params["newer_than"])
    if newer_than is not None and newer_than > time.time():
        raise Refused("newer_than: that time has not come on this host, so no memory can ever be newer")
    scripts = _absolute(params, "scripts")
    if scripts and newer_than is not None:
        raise Refused("newer_than: it belongs to a reset, and with scripts nothing is reset")
    if scripts and tuple(params["caches"]) not in (DEFAULT_CACHES, ()):
        raise Refused("caches: with scripts nothing is emptied; leave out one of the two")
    if any(not path.strip("/.") for path in scripts):
        raise Refused("scripts: / is all that is cached; leave out scripts to reset it")
    own = {name: params[name] for name in _ASKING}
    return Wanted(
        caches=() if scripts else tuple(dict.fromkeys(params["caches"])),
        scripts=scripts,
        warm=_absolute(params, "warm"),
        warm_list=params["warm_list"],
        newer_than=newer_than,
        allow_loss=params["allow_loss"],
        timeout=float(params["timeout"]),
        policy=policy_from(
            dict(runtime_cache=dict(own, probe=True), php_fpm={name: params[name] for name in _MASTERS})
        ),
    )


def _absolute(params: Dict[str, Any], option: str) -> Tuple[str, ...]:
    for path in params[option]:
        if not path.startswith("/"):
            raise Refused(f"{option}: {path!r} is not an absolute path; write it from / on")
    return tuple(dict.fromkeys(params[option]))


def again(before: State, wanted: Wanted) -> Wanted:
    """Have the second look see what proves a reset: the scripts that were compiled since, and each worker."""
    due = works(before, wanted)
    reset = frozenset(one.segment.master for one in due if OPCACHE in one.resets)
    visited = frozenset(one.segment.master for one in due if one.visits)
    return wanted._replace(reset=reset, visited=visited | (reset if REALPATH in wanted.caches else frozenset()))


# Proof.


def prove(before: State, after: State, wanted: Wanted) -> Sequence[str]:
    """Return what is not as it was asked, a sentence each."""
    doubts = [doubt for work in works(before, wanted) for doubt in _undone(before, after, work)]
    return [*doubts, *out_of_reach(after, wanted), *_untouched(before, after), *map(away, unreached(after))]


def _untouched(before: State, after: State) -> List[str]:
    """Return where nothing could be planned, of the php-fpm of which no pool is told of by itself."""
    told = {one.master for one in unreached(after)}
    return [
        f"{one.name}: {one.reason or 'none of its pools could be asked'}; nothing was done there"
        for one in before.caches.segments
        if not answers(before, one.master) and one.master not in told
    ]


def _undone(before: State, after: State, work: Work) -> List[str]:
    segment = segment_of(after, work.segment.master)
    if segment is None:
        return [f"{work.segment.name}: it does not run any more"]
    if (segment.started, segment.generation) != (work.segment.started, work.segment.generation):
        return []  # its memory is new
    doubts = [_not_restarted(work.segment, segment, _why(after, segment, OPCACHE))] if OPCACHE in work.resets else []
    if APCU in work.resets:
        doubts.append(_not_emptied(work.segment, segment, _why(after, segment, APCU)))
    code = after.code.get(segment.master)
    if code is not None:
        doubts += _stale(code, int(before.now))
    if OPCACHE in work.resets:
        doubts += _contradicted(before, after, segment)
        doubts += taken_back([one.code[segment.master] for one in (before, after) if segment.master in one.code])
    doubts += _cold(after, segment, work)
    return [f"{segment.name}: {doubt}" for doubt in doubts if doubt is not None]


def _why(after: State, segment: Segment, cache: str) -> str:
    """Return why nothing is told of a cache, in the words of the first pool that says it."""
    said = [answer.reasons.get(cache) for _unused, answer in answers(after, segment.master)]
    return next(filter(None, [*said, segment.reason]), "no pool says why")


def _not_restarted(before: Segment, now: Segment, why: str) -> Optional[str]:
    if now.opcache is None:
        return f"whether OPcache restarted cannot be seen: {why}"
    if now.opcache.restart_pending or now.opcache.restart_in_progress:
        waits = f"; it waits for {'; '.join(now.blocked_by[:NAMED_LIMIT])}" if now.blocked_by else ""
        return f"a restart of OPcache is pending{waits}"
    if before.opcache is not None and _restarts(now.opcache) <= _restarts(before.opcache):
        return f"OPcache did not restart: it has done so {_restarts(now.opcache)} times, as before"
    return None


def _contradicted(before: State, after: State, segment: Segment) -> List[str]:
    """Return what other pools say against a restart of the memory that is theirs too: one pool may lie."""
    told = {pool.name: answer.opcache for pool, answer in answers(before, segment.master)}
    doubts = []
    for pool, answer in answers(after, segment.master):
        then, now = told.get(pool.name), answer.opcache
        if pool.name == segment.by or then is None or now is None or then.started != now.started:
            continue
        if _restarts(now) <= _restarts(then):
            doubts.append(f"pool {pool.name} sees no restart of OPcache, of which pool {segment.by} tells")
    return doubts[:NAMED_LIMIT]


def _restarts(opcache: Opcache) -> int:
    return opcache.manual_restarts + opcache.out_of_memory_restarts + opcache.hash_restarts


def _not_emptied(before: Segment, now: Segment, why: str) -> Optional[str]:
    """Say where APCu has neither begun anew nor lost its entries or its counters, all of which it does when emptied."""
    if now.apcu is None or before.apcu is None:
        return f"whether APCu was emptied cannot be seen: {why}"
    kept = now.apcu.hits + now.apcu.misses >= before.apcu.hits + before.apcu.misses
    if now.apcu.started == before.apcu.started and now.apcu.entries and kept:
        return "APCu was not emptied: its entries and counters are those from before"
    return None


def _stale(code: SegmentCode, since: int) -> List[str]:
    """Return what is served of code that is no longer the current one. What is preloaded is not judged by its use."""
    old = [one for one in code.outdated if one.used is not None and one.used >= since and not one.stored]
    others = [one for one in code.others if one.used is not None and one.used >= since]
    doubts = [f"{one_line(one.path)} was compiled again, and its file is another by now" for one in old[:NAMED_LIMIT]]
    return doubts + [
        f"{one.release} is served still, where {one.link} leads to {one.current}: {one.scripts} of its scripts were "
        f"compiled again, such as {one_line(one.example)}"
        for one in others[:NAMED_LIMIT]
    ]


def _cold(after: State, segment: Segment, work: Work) -> List[str]:
    if segment.scripts is None:
        return []  # what each request that compiled them said is all that there is
    cold = [path for path in work.compile if not after.same.get((segment.master, path))]
    more = f" (and {len(cold) - NAMED_LIMIT} more)" if len(cold) > NAMED_LIMIT else ""
    return [f"not cached: {', '.join(cold[:NAMED_LIMIT])}{more}"] if cold else []


# What only a reload can do.


def more(before: State, after: Optional[State], wanted: Wanted) -> Dict[str, Any]:
    """Return which masters have to be reloaded for all of their code to be the current one."""
    needed = [one for work in works(before, wanted) for one in _preloaded(work)]
    if after is not None:
        needed += [one for visits in after.visits for one in _unmet(after, visits)]
        needed += _unvisited(after)
    return dict(reload_needed=needed)


def _preloaded(work: Work) -> List[ReloadNeeded]:
    opcache = work.segment.opcache
    if OPCACHE not in work.resets or opcache is None or not opcache.preloaded:
        return []
    why = f"preloaded scripts ({opcache.preloaded}, by opcache.preload) stay as they are until a reload"
    return [ReloadNeeded(work.segment.master, work.segment.pools, (), why)]


def _unmet(after: State, visits: Visits) -> List[ReloadNeeded]:
    """Return the workers of a pool that are not proven to look up paths anew."""
    needed = []
    if visits.missed:
        why = f"whether they look up paths anew is not proven: {visits.reason}"
        needed.append(ReloadNeeded(visits.master, (visits.pool,), tuple(one.pid for one in visits.missed), why))
    for pid in visits.answers:
        misled = after.misled.get(pid)
        if misled is not None:
            needed.append(ReloadNeeded(visits.master, (visits.pool,), (pid,), misled))
    return needed


def _unvisited(after: State) -> List[ReloadNeeded]:
    """Return the pools none of whose workers could be asked, of the masters whose workers were."""
    visited = {one.master for one in after.visits}
    return [
        ReloadNeeded(
            one.master,
            (one.pool,),
            tuple(worker.pid for worker in workers_of(after, one.master, one.pool)),
            f"whether its workers look up paths anew is not proven: {one.reason}",
        )
        for one in unreached(after)
        if one.master is not None and one.pool is not None and one.master in visited
    ]


def show(state: State) -> Shown:
    return Shown(
        segments=tuple(_segment(state, one) for one in state.caches.segments),
        unreached=tuple(map(away, unreached(state))),
    )


def _segment(state: State, segment: Segment) -> ShownSegment:
    visits = [one for one in state.visits if one.master == segment.master]
    pools = [one for one in state.caches.pools if one.master == segment.master]
    workers = sum(len(workers_of(state, segment.master, one.pool or "")) for one in pools)
    proven = sum(_proven(state, one) for one in visits)
    return ShownSegment(
        name=segment.name,
        master=segment.master,
        started=segment.started,
        generation=segment.generation,
        version=segment.version,
        pools=segment.pools,
        opcache=segment.opcache,
        apcu=segment.apcu,
        yac=segment.yac,
        reason=segment.reason,
        workers=workers if visits else None,
        workers_proven=proven if visits else None,
        seconds=round(sum(one.seconds for one in pools), 3),
    )


def _proven(state: State, visits: Visits) -> int:
    own = [one.pid for one in workers_of(state, visits.master, visits.pool)]
    missed = {one.pid for one in visits.missed}
    return sum(pid not in missed and pid not in state.misled for pid in own)


def tell(host: Host, before: State, since: float) -> Sequence[str]:
    """Return what each php-fpm has logged since, of which only itself knows why it failed; less what is its routine."""
    lines = [
        line for one in before.masters.values() for line in fpm_logs.recent(host, one, since) if "NOTICE: " not in line
    ]
    return [f"log: {line}" for line in lines[-LINES_LIMIT:]]


TRANSITION = Transition(
    subject="runtime_cache",
    options=OPTIONS,
    read=read,
    look=look,
    plan=runtime_cache_plan.plan,
    prove=prove,
    show=show,
    tell=tell,
    again=again,
    more=more,
)
