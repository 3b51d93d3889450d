# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Change what a php-fpm keeps in memory, by scripts that are handed to its pools.

The master is compared with what was seen just before. Who answers is proven by the probe: a worker of that very master.
"""

import time
from typing import Callable, Dict, List, Optional, Sequence, Tuple, cast

from ..errors import CannotAct, CannotLook, Unneeded
from ..facts import fpm_process, fpm_workers, pool_probe, worker_visits
from ..facts.fpm_masters import FpmPool
from ..facts.processes import bears
from ..facts.worker_visits import Visit
from ..formats.probe_answer import OPCACHE, Opcache, ProbeAnswer, Task
from ..host import Host
from ..journal_file import Intent
from ..model import Action
from ..transition import InMemory
from .journal import Journal
from .verb import Prepared, Verb

# Seconds between two requests, each of which would do a restart that is pending: a tenth of what it has taken so far.
POLL, SLOWEST_POLL = 0.1, 1.0
NAMED_LIMIT = 5


def look(action: Action) -> None:
    _demand_same(Host(), cast(InMemory, action.guard))


def prepare(action: Action, journal: Journal) -> Prepared:
    look(action)
    asked = cast(InMemory, action.guard)
    return Prepared(action, dict(pid=asked.master.process.pid, pools=[pool.name for pool, _unused in asked.tasks]))


def undo(intent: Intent) -> str:
    return "what was in memory cannot be put back; the next requests fill it anew"


def diff(action: Action) -> Tuple[str, str]:
    return "", f"{action.verb} {action.object}"


def reset(prepared: Prepared) -> str:
    """Empty caches that all pools share, and wait until the restart of OPcache is done."""
    asked = _asked(prepared)
    end = time.monotonic() + asked.seconds
    wanted = _named(asked, lambda task: task.reset)
    left = list(wanted)
    troubles: List[str] = []
    restarts: Optional[Tuple[ProbeAnswer, int]] = None
    for pool, task in asked.tasks:
        caches = tuple(cache for cache in task.reset if cache in left)
        answer = _answer(asked, pool, Task(reset=caches), troubles) if caches else None
        if answer is None:
            continue
        done = [cache for cache in caches if _is_reset(answer, cache)]
        left = [cache for cache in left if cache not in done]
        troubles += [f"pool {pool.name}: {cache}: {_why(answer, cache)}" for cache in caches if cache in left]
        if OPCACHE in done:
            restarts = answer, _restarts_before(answer)
    said = [f"{cache} was emptied" for cache in wanted if cache not in left and cache != OPCACHE]
    if restarts is not None:
        said.append(_until_restarted(asked, *restarts, end=end))
    if left:
        raise CannotAct(f"{' and '.join(left)} could not be emptied: {_words(troubles)}")
    return "; ".join(said)


def clear_realpath(prepared: Prepared) -> str:
    """Have each worker of some pools empty its realpath cache; who was not met is told by the proof."""
    asked = _asked(prepared)
    host = Host()
    master = asked.master.process.pid
    try:
        seen = host.once(fpm_workers.gather, asked.policy).workers
    except CannotLook as error:
        raise CannotAct(str(error)) from error
    visits = [
        Visit(asked.master, pool, [one.process for one in seen if (one.master, one.pool) == (master, pool.name)], task)
        for pool, task in asked.tasks
    ]
    met = worker_visits.visit_all(host, asked.policy, visits, asked.seconds)
    silent = [f"pool {one.pool}: {one.reason}" for one in met if one.missed and not one.answers]
    if silent:
        raise CannotAct(f"no worker could be asked: {_words(silent)}")
    workers = sum(len(one.workers) for one in visits)
    return f"{workers - sum(len(one.missed) for one in met)} of {workers} workers emptied their realpath cache"


def invalidate(prepared: Prepared) -> str:
    """Have OPcache forget scripts."""
    asked = _asked(prepared)
    wanted = _named(asked, lambda task: task.invalidate)

    def left(answer: ProbeAnswer, paths: Sequence[str]) -> Dict[str, str]:
        why = answer.reasons.get("invalidate", "it is cached still")
        return {path: why for path in paths if not answer.invalidated.get(path)}

    failed = _each(asked, wanted, lambda paths: Task(invalidate=paths), left)
    if failed:
        raise CannotAct(f"{len(failed)} of {len(wanted)} scripts could not be invalidated: {_told(failed)}")
    return f"{len(wanted)} of {len(wanted)} scripts were invalidated"


def compile_scripts(prepared: Prepared) -> str:
    """Have OPcache compile files; one that cannot be keeps no other from it."""
    asked = _asked(prepared)
    wanted = _named(asked, lambda task: task.compile)

    def left(answer: ProbeAnswer, paths: Sequence[str]) -> Dict[str, str]:
        said = {one.path: one.reason for one in answer.compiled}
        reasons = {path: said.get(path, "nothing was said of it") for path in paths}
        return {path: why for path, why in reasons.items() if why is not None}

    failed = _each(asked, wanted, lambda paths: Task(compile=paths), left)
    if failed:
        raise CannotAct(f"{len(failed)} of {len(wanted)} files could not be compiled: {_told(failed)}")
    return f"{len(wanted)} of {len(wanted)} files were compiled"


VERBS: Dict[str, Verb] = {
    "reset_memory": Verb(look, prepare, reset, undo, diff),
    "clear_realpath": Verb(look, prepare, clear_realpath, undo, diff),
    "invalidate_scripts": Verb(look, prepare, invalidate, undo, diff),
    "compile_scripts": Verb(look, prepare, compile_scripts, undo, diff),
}


def _asked(prepared: Prepared) -> InMemory:
    asked = cast(InMemory, prepared.action.guard)
    _demand_same(Host(), asked)
    return asked


def _demand_same(host: Host, asked: InMemory) -> None:
    """Demand the master, and the generation of it, whose memory was seen."""
    seen = asked.master
    pid = seen.process.pid
    try:
        now = bears(host, pid)
        if now is None or now.zombie:
            raise Unneeded(f"php-fpm {pid}: it has ended meanwhile, and its memory with it")
        if (now.started, now.executable, now.uids) != (
            seen.process.started,
            seen.process.executable,
            seen.process.uids,
        ):
            raise Unneeded(f"process {pid}: another bears this pid now, {now.title or now.name}")
        if asked.generation is not None and _generation(host, asked) != asked.generation:
            raise Unneeded(f"php-fpm {pid}: it was reloaded meanwhile, so its memory is new")
    except CannotLook as error:
        raise CannotAct(str(error)) from error


def _generation(host: Host, asked: InMemory) -> Optional[float]:
    pid = asked.master.process.pid
    inside = host if asked.master.root == "/" else host.within(pid)
    return fpm_process.generation(host, inside, asked.master.process, asked.master.pidfile)


def _named(asked: InMemory, of: Callable[[Task], Tuple[str, ...]]) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(one for _unused, task in asked.tasks for one in of(task)))


def _answer(asked: InMemory, pool: FpmPool, task: Task, troubles: List[str]) -> Optional[ProbeAnswer]:
    """Return what a pool answers; None, and the reason in ``troubles``, where it does not."""
    try:
        with pool_probe.removed_on_signals(), pool_probe.opened(Host(), asked.policy, asked.master, pool) as opened:
            return opened.ask(task, _seconds(asked, task))
    except CannotLook as error:
        troubles.append(f"pool {pool.name}: {error}")
        return None


def _seconds(asked: InMemory, task: Task) -> float:
    """Return how long a pool may take to answer: to compile is work, all else is not."""
    return asked.seconds if task.compile else float(asked.policy.runtime_cache.answer_seconds)


# The restart of OPcache.


def _is_reset(answer: ProbeAnswer, cache: str) -> bool:
    """Whether a cache is emptied or, for OPcache, is going to be: a restart that is pending was scheduled by another,
    which keeps the function from scheduling it again, and comes after this moment.
    """
    returned = bool(answer.returned.get(cache))
    if cache != OPCACHE:
        return returned
    return answer.opcache is not None and (returned or answer.opcache.restart_pending)


def _why(answer: ProbeAnswer, cache: str) -> str:
    return answer.reasons.get(f"reset_{cache}") or answer.reasons.get(cache) or "its reset function returned false"


def _restarts_before(answer: ProbeAnswer) -> int:
    """Return the restarts before the reset, as seen by the very request that made it."""
    return _restarts(answer.opcache_before or cast(Opcache, answer.opcache))


def _restarts(opcache: Opcache) -> int:
    """Return how often it was emptied. One that is pending may be for lack of memory, which empties as much."""
    return opcache.manual_restarts + opcache.out_of_memory_restarts + opcache.hash_restarts


def _until_restarted(asked: InMemory, first: ProbeAnswer, before: int, end: float) -> str:
    began = time.monotonic()
    host = Host()
    started = cast(Opcache, first.opcache).started
    now: Optional[Opcache] = None
    troubles: List[str] = []
    while True:
        answer = _first_answer(asked, troubles)
        now = answer.opcache if answer is not None else now
        if answer is not None and answer.opcache is not None and _is_restarted(answer.opcache, before, started):
            count = _restarts(answer.opcache)
            return f"OPcache restarted after {time.monotonic() - began:.1f} s (restart {count} of this memory)"
        if time.monotonic() > end:
            break
        host.pause(max(POLL, min((time.monotonic() - began) / 10, SLOWEST_POLL)))
    if now is None:
        raise CannotAct(f"whether OPcache restarted is not known: {_words(troubles)}")
    raise CannotAct(
        f"OPcache has not restarted within {asked.seconds:g} s: it waits for the requests that were in flight, and "
        "new ones run without it until then; it restarts when they have ended"
    )


def _is_restarted(now: Opcache, before: int, started: int) -> bool:
    if now.restart_pending or now.restart_in_progress:
        return False
    return _restarts(now) > before or now.started > started


def _first_answer(asked: InMemory, troubles: List[str]) -> Optional[ProbeAnswer]:
    """Return what the first pool that can tells of OPcache. Only what this question came to stays in ``troubles``."""
    del troubles[:]
    for pool, task in asked.tasks:
        answer = _answer(asked, pool, Task(), troubles) if OPCACHE in task.reset else None
        if answer is not None and answer.opcache is not None:
            return answer
    return None


# Paths, which one pool may be allowed to open and another not.


def _each(
    asked: InMemory,
    wanted: Sequence[str],
    task_of: Callable[[Tuple[str, ...]], Task],
    left_of: Callable[[ProbeAnswer, Sequence[str]], Dict[str, str]],
) -> Dict[str, str]:
    """Ask the pools in turn for what those before could not do. Return what none could, with what the first said."""
    failed: Dict[str, str] = {}
    left: Sequence[str] = wanted
    for pool, _unused in asked.tasks:
        troubles: List[str] = []
        answer = _answer(asked, pool, task_of(tuple(left)), troubles) if left else None
        now = left_of(answer, left) if answer is not None else dict.fromkeys(left, "; ".join(troubles))
        for path, why in now.items():
            failed.setdefault(path, why)
        left = list(now)
    return {path: failed[path] for path in left}


def _told(failed: Dict[str, str]) -> str:
    return _words([f"{path}: {why}" for path, why in failed.items()])


def _words(sentences: Sequence[str]) -> str:
    more = len(sentences) - NAMED_LIMIT
    return "; ".join(sentences[:NAMED_LIMIT]) + (f"; and {more} more" if more > 0 else "")
