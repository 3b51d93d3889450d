# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is to be emptied in the memory of each php-fpm, or why a reset would end requests.

ext/opcache/ZendAccelerator.c: opcache_reset() switches the cache off and schedules a restart. The first request that
begins when none from before is left does it; after opcache.force_restart_timeout the engine kills those that are. Each
worker whose pool has OPcache on then empties its realpath cache, at the beginning of its next request.
"""

from typing import List, NamedTuple, Sequence, Tuple

from ..facts.cached_code import SegmentCode
from ..facts.fpm_masters import FpmMaster, FpmPool
from ..facts.runtime_cache import Segment
from ..formats.probe_answer import APCU, OPCACHE, REALPATH, YAC, ProbeAnswer, Task
from ..transition import InMemory, Plan, Step, known
from . import runtime_cache_waits as waits
from .runtime_cache_state import (
    State,
    Wanted,
    answers,
    away,
    coming_back,
    counted,
    file_caches,
    force_seconds,
    unreached,
    visit_seconds,
)

MARGIN_SECONDS = 30.0  # beside what requests in flight may take
NAMED_LIMIT = 5
_ENABLED = {OPCACHE: "opcache.enable", APCU: "apc.enabled", YAC: "yac.enable"}
_IN_ONE_MEMORY = (OPCACHE, APCU, YAC)
_ON = ("1", "on", "yes", "true")


class Work(NamedTuple):
    """What is to be done with one php-fpm. resets: caches to empty. visits: pools each of whose workers is to empty its
    realpath cache, since no restart of OPcache makes it do so. invalidate, compile: paths.
    """

    segment: Segment
    master: FpmMaster
    resets: Tuple[str, ...]
    visits: Tuple[FpmPool, ...]
    invalidate: Tuple[str, ...]
    compile: Tuple[str, ...]


def plan(state: State, wanted: Wanted) -> Plan:
    """Return the plan for what is wanted of the caches."""
    due = works(state, wanted)
    gone = [away(one) for one in unreached(state)]
    if not any(answers(state, one.master) for one in state.caches.segments):
        why = _words(gone or state.notes or ["no php-fpm that runs here can be asked"])
        return Plan((), f"nothing can be reset: {why}", passing=True, notes=state.notes)
    cut = [sentence for work in due for sentence in waits.cut_by_reset(state, work.segment.master, work.resets)]
    if cut and not wanted.allow_loss:
        return _refused_for_requests(cut, state)
    steps = [step for work in due for step in _steps(state, wanted, work)]
    blocked = [*gone, *out_of_reach(state, wanted)]
    if blocked and not steps:
        return Plan((), f"nothing else is left to do, but not all could be asked: {_words(blocked)}", passing=True)
    return Plan(steps, notes=[*state.notes, *blocked, *_notes(state, wanted)])


def works(state: State, wanted: Wanted) -> List[Work]:
    """Return what is to be done, one entry for each php-fpm where anything is."""
    found = [_work(state, wanted, one) for one in state.caches.segments if answers(state, one.master)]
    return [one for one in found if one.resets or one.visits or one.invalidate or one.compile]


def _work(state: State, wanted: Wanted, segment: Segment) -> Work:
    resets = tuple(
        cache
        for cache in _IN_ONE_MEMORY
        if cache in wanted.caches and _held(segment, cache) and not _is_newer(segment, cache, state.now, wanted)
    )
    visits = REALPATH in wanted.caches and not _is_new(segment.generation or segment.started, wanted)
    named = [state.same.get((segment.master, path), ()) for path in wanted.scripts]
    return Work(
        segment=segment,
        master=state.masters[segment.master],
        resets=resets,
        visits=tuple(
            pool
            for pool, answer in answers(state, segment.master)
            if visits and not (OPCACHE in wanted.caches and _cleans(answer))
        ),
        invalidate=tuple(dict.fromkeys(path for paths in named for path in paths)),
        compile=_uncached(state, segment, bool(wanted.scripts) or OPCACHE in resets),
    )


def _uncached(state: State, segment: Segment, emptied: bool) -> Tuple[str, ...]:
    """Return the files to compile: all where they may go before, else those that are not cached."""
    if segment.opcache is None:
        return ()
    return tuple(path for path in state.warm if emptied or not state.same.get((segment.master, path)))


def _held(segment: Segment, cache: str) -> bool:
    held = {OPCACHE: segment.opcache, APCU: segment.apcu, YAC: segment.yac}
    return held[cache] is not None


def _is_newer(segment: Segment, cache: str, now: float, wanted: Wanted) -> bool:
    """Whether a cache was empty after ``newer_than``, as each is when a generation of the master begins.

    Only OPcache says when it was emptied since: Yac does not, and APCu by a clock that is not the host's (measured:
    apcu 5.1.22 under php-fpm 8.2 says the seconds since the boot).
    """
    began = [segment.generation or segment.started]
    if cache == OPCACHE and segment.opcache is not None:
        if segment.opcache.restart_pending or segment.opcache.restart_in_progress:
            return False
        began.append(float(segment.opcache.started))
        if segment.opcache.restarted <= now:  # several restarts in one second are said to be a second apart
            began.append(float(segment.opcache.restarted))
    return _is_new(max(began), wanted)


def _is_new(began: float, wanted: Wanted) -> bool:
    return wanted.newer_than is not None and began > wanted.newer_than


def _cleans(answer: ProbeAnswer) -> bool:
    """Whether each worker of a pool empties its realpath cache after a restart of OPcache."""
    return answer.opcache is not None and is_on(answer, OPCACHE)


def is_on(answer: ProbeAnswer, cache: str) -> bool:
    """Whether a pool has the extension of a cache, and it is switched on."""
    return answer.settings.get(_ENABLED[cache], "").lower() in _ON


def is_only_on_disk(answer: ProbeAnswer) -> bool:
    return answer.settings.get("opcache.file_cache_only", "").lower() in _ON


# Steps.


def _steps(state: State, wanted: Wanted, work: Work) -> List[Step]:
    steps = [_reset(state, wanted, work)] if work.resets else []
    if work.invalidate:
        steps.append(_invalidate(state, wanted, work))
    if work.visits:
        steps.append(_visit(state, wanted, work))
    if work.compile:
        steps.append(_compile(state, wanted, work))
    return steps


def _reset(state: State, wanted: Wanted, work: Work) -> Step:
    tasks = []
    for pool, answer in answers(state, work.segment.master):
        told = {OPCACHE: answer.opcache, APCU: answer.apcu, YAC: answer.yac}
        its = tuple(cache for cache in work.resets if told[cache] is not None)
        if its:
            tasks.append((pool, Task(reset=its)))
    asked = _in_memory(state, wanted, work, tasks)
    cut = waits.cut_by_reset(state, work.segment.master, work.resets)
    names = " and ".join(_NAMES[cache] for cache in work.resets)
    return Step(
        verb="reset_memory",
        object=f"{names} of {work.segment.name}",
        does=f"one request to one of its pools empties {names}, which all of them share{_also(wanted, work)}",
        guard=known(asked) if wanted.allow_loss else waits.uncut_then(state, wanted, work.resets, asked),
        until=waits.at_once,
        seconds=asked.seconds,
        risk="; ".join([*cut, *_risks(work.resets)]),
        group=work.segment.name,
    )


def _also(wanted: Wanted, work: Work) -> str:
    """Say what comes of a restart of OPcache by itself."""
    emptied = OPCACHE in work.resets and REALPATH in wanted.caches
    return "; each worker then empties its realpath cache at its next request" if emptied else ""


_NAMES = {OPCACHE: "OPcache", APCU: "APCu", YAC: "Yac"}


def _risks(resets: Sequence[str]) -> List[str]:
    data = [_NAMES[cache] for cache in resets if cache != OPCACHE]
    risks = [f"what the application keeps in {' and '.join(data)} is gone for good"] if data else []
    if OPCACHE in resets:
        risks.append(
            "until the requests in flight have ended, new ones run without OPcache, which takes longer; then each "
            "script is compiled anew"
        )
    return risks


def _invalidate(state: State, wanted: Wanted, work: Work) -> Step:
    asked = _in_memory(
        state, wanted, work, [(pool, Task(invalidate=work.invalidate)) for pool in _with_opcache(state, work)]
    )
    return Step(
        verb="invalidate_scripts",
        object=f"{counted(len(work.invalidate), 'script')} in OPcache of {work.segment.name}",
        does=f"OPcache forgets {counted(len(work.invalidate), 'script')}: {_words(work.invalidate)}",
        guard=known(asked),
        until=waits.at_once,
        seconds=asked.seconds,
        risk="each of them is compiled anew, and the memory that it had is wasted until a restart of OPcache",
        group=work.segment.name,
    )


def _visit(state: State, wanted: Wanted, work: Work) -> Step:
    tasks = tuple((pool, Task(reset=(REALPATH,))) for pool in work.visits)
    seconds = visit_seconds(state, wanted)
    names = ", ".join(pool.name for pool in work.visits[:NAMED_LIMIT])
    more = len(work.visits) - NAMED_LIMIT
    pools = f"pool{'' if len(work.visits) == 1 else 's'} {names}{f' and {more} more' if more > 0 else ''}"
    return Step(
        verb="clear_realpath",
        object=f"workers of php-fpm {work.segment.master} ({pools})",
        does="each of them empties its realpath cache, which no restart of OPcache does for it",
        guard=known(InMemory(work.master, work.segment.generation, tasks, seconds, wanted.policy)),
        until=waits.at_once,
        seconds=seconds,
        risk="paths are looked up anew",
        group=f"workers of {work.segment.name}",
    )


def _compile(state: State, wanted: Wanted, work: Work) -> Step:
    tasks = [(pool, Task(compile=work.compile)) for pool in _with_opcache(state, work)]
    asked = _in_memory(state, wanted, work, tasks)._replace(generation=None)
    return Step(
        verb="compile_scripts",
        object=f"{counted(len(work.compile), 'file')} for OPcache of {work.segment.name}",
        does=f"OPcache compiles {counted(len(work.compile), 'file')}: {_words(work.compile)}",
        guard=known(asked),
        until=waits.at_once,
        seconds=asked.seconds,
        group=work.segment.name,
    )


def _with_opcache(state: State, work: Work) -> List[FpmPool]:
    return [pool for pool, answer in answers(state, work.segment.master) if answer.opcache is not None]


def _in_memory(state: State, wanted: Wanted, work: Work, tasks: Sequence[Tuple[FpmPool, Task]]) -> InMemory:
    seconds = _patience(state, wanted, work.segment.master)
    return InMemory(work.master, work.segment.generation, tuple(tasks), seconds, wanted.policy)


def _patience(state: State, wanted: Wanted, master: int) -> float:
    """Return how long a restart may wait for requests: as long as they may take, or the engine lets them."""
    limits = [seconds for (of, _unused), seconds in state.bounds.items() if of == master]
    bounded = max([one for one in limits if one is not None], default=0.0) if None not in limits else None
    forced = force_seconds(state, master)
    known_limits = [one for one in (bounded, forced) if one is not None]
    return wanted.timeout or min(known_limits, default=0.0) + MARGIN_SECONDS


# Refusals, and what cannot be done.


def _refused_for_requests(cut: Sequence[str], state: State) -> Plan:
    refusal = (
        f"a reset could end requests in flight: {_words(cut)}. Say by longest_request how long a request may take, set "
        "request_terminate_timeout below opcache.force_restart_timeout, wait until none is in flight (wait_idle), or "
        "say allow_loss"
    )
    return Plan((), refusal, passing=True, notes=state.notes)


def out_of_reach(state: State, wanted: Wanted) -> List[str]:
    """Return what is there and cannot be changed from outside, a sentence each."""
    return [why for one in state.caches.segments for why in _out_of_reach(state, wanted, one)]


def _out_of_reach(state: State, wanted: Wanted, segment: Segment) -> List[str]:
    found = []
    for cache in _concerned(state, wanted):
        on = [one for one in answers(state, segment.master) if is_on(one[1], cache) and not _on_disk(one[1], cache)]
        if on and not _held(segment, cache):
            pool, answer = on[0]
            why = answer.reasons.get(cache, "it does not say why")
            found.append(f"{segment.name}: {_NAMES[cache]} cannot be changed from outside: pool {pool.name}: {why}")
    if wanted.scripts and segment.opcache is not None and segment.scripts is None:
        found.append(f"{segment.name}: which scripts it has cached cannot be seen: {segment.scripts_reason}")
    return found


def _on_disk(answer: ProbeAnswer, cache: str) -> bool:
    return cache == OPCACHE and is_only_on_disk(answer)


def _concerned(state: State, wanted: Wanted) -> List[str]:
    compiled = bool(wanted.scripts or state.warm)
    return [one for one in _IN_ONE_MEMORY if one in wanted.caches or (one == OPCACHE and compiled)]


def _notes(state: State, wanted: Wanted) -> List[str]:
    absent = [note for one in state.caches.segments for note in _absences(state, wanted, one)]
    return absent + [note for one in state.caches.segments for note in _stored(state, wanted, one)]


def _stored(state: State, wanted: Wanted, segment: Segment) -> List[str]:
    """Return what a reset will bring back from a file cache, or may."""
    caches = file_caches(state, segment.master)
    if not caches or OPCACHE not in wanted.caches:
        return []
    code = state.code.get(segment.master)
    maybe = [one.path for one in code.doubtful if one.stored] if code is not None else []
    unseen = (
        f"after a reset, scripts come back from opcache.file_cache ({_words(caches)}), and nobody looks at their files "
        "with opcache.validate_timestamps=0; that they are of now is known only of those that were in memory"
        f"{f', less {len(maybe)} that may be old: {_words(maybe)}' if maybe else ''}; {_EMPTY_FIRST}"
    )
    return [f"{segment.name}: {why}" for why in [*taken_back([code] if code is not None else []), unseen]]


def taken_back(codes: Sequence[SegmentCode]) -> List[str]:
    """Return what comes back from a file cache whatever is reset, in a sentence; nothing where nothing does."""
    paths = list(dict.fromkeys(one.path for code in codes for one in coming_back(code)))
    if not paths:
        return []
    return [
        "with opcache.validate_timestamps=0, what opcache.file_cache has is served whatever the files are by now, and "
        f"comes back after each reset: {_words(paths)}; {_EMPTY_FIRST}"
    ]


_EMPTY_FIRST = "remove it by phpfleet.remediation.opcode_cache with state=absent, and then reset"


def _absences(state: State, wanted: Wanted, segment: Segment) -> List[str]:
    """Return what is asked for and a php-fpm does not have in memory, a sentence each."""
    own = [answer for _unused, answer in answers(state, segment.master)]
    found = [
        f"{segment.name} has no {_NAMES[cache]}, or it is switched off, so nothing of it is changed"
        for cache in _concerned(state, wanted)
        if own and not any(is_on(one, cache) for one in own)
    ]
    if segment.scripts is not None:
        found += [
            f"{segment.name} has nothing cached of {path}"
            for path in wanted.scripts
            if not state.same.get((segment.master, path))
        ]
    if OPCACHE in _concerned(state, wanted) and any(is_only_on_disk(one) for one in own):
        found.append(
            f"{segment.name} keeps no code in memory (opcache.file_cache_only), so there is nothing to reset; what is "
            "on disk, phpfleet.remediation.opcode_cache removes"
        )
    return found


def _words(sentences: Sequence[str]) -> str:
    more = len(sentences) - NAMED_LIMIT
    return "; ".join(sentences[:NAMED_LIMIT]) + (f"; and {more} more" if more > 0 else "")
