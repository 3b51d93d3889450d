# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is in the memory of each php-fpm, who is asked for it, and what requests in flight would make of a reset."""

import re
from typing import AbstractSet, Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, NotApplicable
from ..facts import (
    cached_code,
    fpm_masters,
    fpm_time_limits,
    fpm_workers,
    runtime_cache,
    stored_scripts,
    worker_visits,
)
from ..facts.cached_code import Outdated, SegmentCode
from ..facts.fpm_in_flight import READING
from ..facts.fpm_masters import FpmMaster, FpmPool
from ..facts.fpm_time_limits import longest_request
from ..facts.fpm_workers import Worker
from ..facts.processes import Process
from ..facts.runtime_cache import PoolCaches, RuntimeCaches, Segment
from ..facts.worker_visits import Visit, Visits
from ..formats.probe_answer import ProbeAnswer, Task
from ..host import Host
from ..policy import Policy

WARM_LIST_LIMIT = 16 * 1024 * 1024  # bytes
LONGEST_VISIT = 30.0  # seconds that a worker's own request is waited for
LOOKS_AT_WORKERS = 4
PAUSE = 0.05  # seconds between two of them; a worker is back at accept(2) sooner
_SECONDS = re.compile(r"[0-9]{1,9}\Z")  # isdigit() says yes to what is no number, such as a raised 2
FORCE_RESTART_TIMEOUT = 180.0  # opcache.force_restart_timeout (php-src, ext/opcache/zend_accelerator_module.c)


class Wanted(NamedTuple):
    """What is asked for. caches: to empty, of probe_answer.CACHES; none where scripts are named. scripts: files and
    directories of which no cached script is to be kept. warm: files to be cached afterwards; warm_list: a file that
    names more. newer_than: seconds since the epoch. timeout: seconds, 0 for as long as requests in flight may take.
    reset: masters (pids) whose scripts are compared with their files, since they were compiled anew. visited: masters
    each worker of which is asked. Both are what a proof is over.
    """

    caches: Tuple[str, ...]
    scripts: Tuple[str, ...]
    warm: Tuple[str, ...]
    warm_list: Optional[str]
    newer_than: Optional[float]
    allow_loss: bool
    timeout: float
    policy: Policy
    reset: AbstractSet[int] = frozenset()
    visited: AbstractSet[int] = frozenset()


class State(NamedTuple):
    """One look. masters: those that can be asked, by pid. bounds: for how long a request may run, in seconds, by master
    and pool, None where nothing says it. code: by master; without a proof, only of those that take scripts back from a
    file cache. misled: workers that answered and look up a path elsewhere than where it leads to by now, by pid, each
    with a sentence. warm: the files to be cached. same: for each path of warm and scripts, the paths under which the
    caches of a master have it. notes: what could not be seen.
    """

    now: float
    caches: RuntimeCaches
    masters: Mapping[int, FpmMaster]
    workers: Sequence[Worker]
    bounds: Mapping[Tuple[int, str], Optional[float]]
    code: Mapping[int, SegmentCode]
    visits: Sequence[Visits]
    misled: Mapping[int, str]
    warm: Tuple[str, ...]
    same: Mapping[Tuple[int, str], Tuple[str, ...]]
    notes: Tuple[str, ...]


def look(host: Host, wanted: Wanted) -> State:
    """Return what is in memory now. Raises CannotLook."""
    warm = _warm(host, wanted)
    caches = _caches(host, wanted.policy)
    running = host.once(fpm_masters.gather, wanted.policy).masters
    masters = {one.process.pid: one for one in running if one.apart is None}
    workers = _workers(host, wanted.policy)
    notes: List[str] = [*caches.apart, *caches.unseen]
    state = State(
        now=host.now(),
        caches=caches,
        masters=masters,
        workers=workers,
        bounds=_bounds(host, wanted.policy, notes),
        code={},
        visits=(),
        misled={},
        warm=warm,
        same={},
        notes=(),
    )
    compared = wanted.reset or {one.master for one in caches.segments if file_caches(state, one.master)}
    if compared:
        code = host.once(cached_code.gather, wanted.policy).segments
        state = state._replace(code={one.master: one for one in code if one.master in compared})
    visits = _visits(host, wanted, state)
    state = state._replace(visits=visits, misled=_misled(host, state, visits))
    return state._replace(same=_same(host, wanted, state), notes=tuple(dict.fromkeys(notes)))


def _caches(host: Host, policy: Policy) -> RuntimeCaches:
    try:
        return host.once(runtime_cache.gather, policy)
    except NotApplicable as error:
        return RuntimeCaches((), (), (), (str(error),))


def _workers(host: Host, policy: Policy) -> Sequence[Worker]:
    """Return the workers, looked at again where one is busy: it may be the one that has just answered our question."""
    seen = host.once(fpm_workers.gather, policy).workers
    for _unused in range(LOOKS_AT_WORKERS):
        if all(one.idle or one.state == READING for one in seen):
            break
        host.pause(PAUSE)
        seen = fpm_workers.gather(host.again(fpm_masters.gather), policy).workers
    return seen


def _warm(host: Host, wanted: Wanted) -> Tuple[str, ...]:
    if wanted.warm_list is None:
        return wanted.warm
    text = host.read(wanted.warm_list, WARM_LIST_LIMIT, follow=True).decode("utf-8", "surrogateescape")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    strange = [line for line in lines if line and not line.startswith("/")]
    if strange:
        raise CannotLook(f"{wanted.warm_list}: {strange[0][:200]!r} is not an absolute path; write it from / on")
    return tuple(dict.fromkeys([*wanted.warm, *filter(None, lines)]))


def _bounds(host: Host, policy: Policy, notes: List[str]) -> Dict[Tuple[int, str], Optional[float]]:
    try:
        limits = host.once(fpm_time_limits.gather, policy).masters
    except CannotLook as error:
        notes.append(str(error))
        return {}
    return {
        (one.master.process.pid, pool.pool.name): longest_request(pool, policy) for one in limits for pool in one.pools
    }


# Whom to ask.


def asked(state: State, master: int) -> List[PoolCaches]:
    """Return the pools of a master that answered, first the one that told of its memory."""
    by = next((one.by for one in state.caches.segments if one.master == master), None)
    own = [one for one in state.caches.pools if one.master == master and one.answer is not None]
    return sorted(own, key=lambda one: one.pool != by)


def answers(state: State, master: int) -> List[Tuple[FpmPool, ProbeAnswer]]:
    """Return the pools of a master with what they answered, in the order of asked()."""
    pools = {pool.name: pool for pool in state.masters[master].pools} if master in state.masters else {}
    return [
        (pools[one.pool], one.answer)
        for one in asked(state, master)
        if one.answer is not None and one.pool is not None and one.pool in pools
    ]


def unreached(state: State) -> List[PoolCaches]:
    """Return the pools that could not be asked. One without a worker has nothing that could be stale."""
    return [one for one in state.caches.pools if one.answer is None and not one.asleep]


def away(one: PoolCaches) -> str:
    """Say why a pool could not be asked."""
    where = f"php-fpm {one.master}" if one.master is not None else "sockets"
    return f"{where}: {one.reason}"


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def file_caches(state: State, master: int) -> List[str]:
    """Return the directories from which the memory of a master is filled without a look at the files."""
    return stored_scripts.directories([answer for _unused, answer in answers(state, master)])


def coming_back(code: SegmentCode) -> List[Outdated]:
    """Return the scripts whose old code a reset brings back, from opcache.file_cache."""
    return [one for one in code.outdated if one.stored]


def segment_of(state: State, master: int) -> Optional[Segment]:
    return next((one for one in state.caches.segments if one.master == master), None)


def force_seconds(state: State, master: int) -> Optional[float]:
    """Return for how long a restart of the cache waits for requests before the engine kills them, None for ever."""
    said = [answer.settings.get("opcache.force_restart_timeout", "") for _unused, answer in answers(state, master)]
    seconds = min([float(text) for text in said if _SECONDS.match(text)], default=FORCE_RESTART_TIMEOUT)
    return seconds or None


# Workers, each with a realpath cache of its own.


def _visits(host: Host, wanted: Wanted, state: State) -> Sequence[Visits]:
    due = [
        Visit(state.masters[master], pool, workers_of(state, master, pool.name), Task())
        for master in sorted(wanted.visited)
        for pool, _unused in answers(state, master)
    ]
    return worker_visits.visit_all(host, wanted.policy, due, visit_seconds(state, wanted))


def workers_of(state: State, master: int, pool: str) -> Sequence[Process]:
    return [one.process for one in state.workers if one.master == master and one.pool == pool]


def visit_seconds(state: State, wanted: Wanted) -> float:
    """Return how long to wait for the workers of a pool to come round. One that is busy for longer is told of."""
    known = [seconds for seconds in state.bounds.values() if seconds is not None]
    longest = min(max(known, default=0.0), LONGEST_VISIT)
    return wanted.timeout or longest + wanted.policy.runtime_cache.answer_seconds


def _misled(host: Host, state: State, visits: Sequence[Visits]) -> Dict[int, str]:
    """Return the workers whose realpath cache is not of now. A chroot's absolute links cannot be followed from here."""
    found: Dict[int, str] = {}
    followed: Dict[str, Optional[Tuple[int, int]]] = {}
    for visit in visits:
        master = state.masters[visit.master]
        pool = next(one for one in master.pools if one.name == visit.pool)
        if master.root != "/" or pool.settings.get("chroot"):
            continue
        for pid, answer in visit.answers.items():
            for link in answer.realpath.links if answer.realpath else ():
                for path in (link.path, link.target):
                    if path not in followed:
                        followed[path] = _identity(host, path)
                if followed[link.path] != followed[link.target]:
                    found[pid] = f"it looks up {link.path} as {link.target}, and that is no longer where it leads to"
    return found


# Paths: a cache has a script under its real path, which the links of a path that was named lead to.


def _same(host: Host, wanted: Wanted, state: State) -> Dict[Tuple[int, str], Tuple[str, ...]]:
    found: Dict[Tuple[int, str], Tuple[str, ...]] = {}
    for segment in state.caches.segments:
        if segment.scripts is None or not (state.warm or wanted.scripts):
            continue
        its = host if segment.root == "/" else host.within(segment.master)
        paths = [one.path for one in segment.scripts]
        if state.warm:
            files = _by_file(its, paths)
            found.update({(segment.master, path): _cached_as(its, path, files) for path in state.warm})
        found.update({(segment.master, path): _cached_below(its, path, paths) for path in wanted.scripts})
    return found


def _by_file(its: Host, cached: Sequence[str]) -> Dict[Any, Tuple[str, ...]]:
    """Return the cached paths by the file that each is, and by themselves."""
    files: Dict[Any, List[str]] = {}
    for path in cached:
        for key in (path, _identity(its, path)):
            files.setdefault(key, []).append(path)
    files.pop(None, None)  # those that are gone are no one file
    return {key: tuple(paths) for key, paths in files.items()}


def _cached_as(its: Host, path: str, files: Mapping[Any, Tuple[str, ...]]) -> Tuple[str, ...]:
    """Return the cached paths that are one file."""
    return files.get(_identity(its, path)) or files.get(path, ())


def _cached_below(its: Host, path: str, cached: Sequence[str]) -> Tuple[str, ...]:
    """Return the cached paths that are a file, or below a directory, by whatever links it was named."""
    path = path.rstrip("/") or path
    wanted = _identity(its, path)
    directories: Dict[str, bool] = {"": False}

    def is_below(directory: str) -> bool:
        if directory not in directories:
            here = directory == path or (wanted is not None and _identity(its, directory) == wanted)
            directories[directory] = here or is_below(directory.rpartition("/")[0])
        return directories[directory]

    return tuple(one for one in cached if is_below(one))


def _identity(its: Host, path: str) -> Optional[Tuple[int, int]]:
    try:
        seen = its.stat_as_named(path)
    except CannotLook:
        return None  # it is gone, so that no other path leads to it: its own name is all that it has
    return seen.device, seen.inode
