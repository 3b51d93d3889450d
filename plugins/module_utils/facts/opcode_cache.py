# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opcode caches on disk: which there are, who uses them, and which of their files are not plainly healthy."""

import contextlib
import re
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Forbidden, Missing, NotApplicable
from ..formats import eaccelerator, opcache
from ..host import Host
from ..policy import Policy
from ..tree import Blind, Leaf, Stat
from . import eaccelerator_scripts, opcache_scripts, php_builds, worker_crashes
from .cached_script import (
    EACCELERATOR,
    ENGINE_NAMES,
    ENTRY,
    ENTRY_LIMIT,
    FOREIGN,
    NO_BUILDS,
    OPCACHE,
    UNREADABLE,
    CachedScript,
    Tally,
    foreign,
    unreadable,
)
from .php_builds import Build, PhpBuilds, Runtime

NAMED = "named"
CONFIGURED = "configured"

EACCELERATOR_DEFAULT = "/tmp/eaccelerator"  # nosec: what eaccelerator.c has where no php.ini says more

CHECKSUM = "checksum"
STRUCTURE = "structure"

WALK_BYTES_A_SECOND = 15 * 10**6  # on a slow processor; twice that was measured
ABSENT = "absent"  # the state in which no entry is wanted

YOUNG_SECONDS = 3.0  # an engine writes an entry in place, so a young one may be half written
SECOND_LOOK_SECONDS = 1.0

Look = Callable[[Leaf], Optional[CachedScript]]


class FileSeen(NamedTuple):
    """What makes one file of a cache that one. path: below the cache. Sizes in bytes."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int


class Guard(NamedTuple):
    """What makes the removal of entries valid: the cache, and each file as it was seen.

    cache: its physical path. directory: the one of a dead build that goes with them, below the cache. kept: how many of
    the files, from the first on, fit the budget of the quarantine; the others are deleted.
    """

    cache: str
    engine: str
    files: Tuple[FileSeen, ...]
    directory: Optional[str]
    kept: int


class Cache(NamedTuple):
    """One cache directory.

    origins: NAMED, CONFIGURED. stat: of the directory. runtimes: those configured with it, on this host. entries,
    bytes: all that is the cache's own. depth: CHECKSUM or STRUCTURE, and why. walked: entries whose structure was
    walked; unwalked: how many were not, by the reason. builds: entries by who wrote them. dead: system ids that are no
    installed PHP's; doubtful: those that may not be, and why that is not certain. scripts: what is not plainly healthy,
    with state absent everything. sources_unknown: entries whose script could not be looked at. unseen: what could not
    be looked at, and why.
    """

    path: str
    engine: str
    origins: Tuple[str, ...]
    stat: Stat
    runtimes: Tuple[Runtime, ...]
    entries: int
    bytes: int
    depth: str
    why_depth: str
    walked: int
    unwalked: Dict[str, int]
    builds: Dict[str, int]
    dead: Tuple[str, ...]
    doubtful: Dict[str, str]
    scripts: Tuple[CachedScript, ...]
    foreign_omitted: int
    sources_unknown: int
    unseen: Tuple[str, ...]


class OpcodeCaches(NamedTuple):
    """caches by path. unseen: what could not be looked at at all, and why. users: names by uid."""

    caches: Tuple[Cache, ...]
    unseen: Tuple[str, ...]
    users: Dict[int, str]


_Wanted = Tuple[str, str, Tuple[str, ...]]  # physical path, engine, origins


class _Place(NamedTuple):
    path: str
    engine: str
    origins: Tuple[str, ...]
    stat: Stat
    runtimes: Tuple[Runtime, ...]


def gather(host: Host, policy: Policy) -> OpcodeCaches:
    """Return the opcode caches of a host. Raises NotApplicable where there is none."""
    php = host.once(php_builds.gather, policy)
    unseen: List[str] = list(php.unreadable)
    places = _places(host, policy, php, unseen)
    caches: List[Cache] = []
    for place in places:
        try:
            caches.append(_read(host, policy, php, place))
        except Missing:
            continue  # it was removed meanwhile
        except CannotLook as error:
            unseen.append(str(error))
    if not caches and not unseen:
        raise NotApplicable("no PHP of this host keeps opcodes on disk, as far as its configuration says")
    uids = {cache.stat.uid for cache in caches} | {one.stat.uid for cache in caches for one in cache.scripts}
    return OpcodeCaches(tuple(caches), tuple(unseen), {uid: host.user_name(uid) for uid in uids})


# Which directories.


def _places(host: Host, policy: Policy, php: PhpBuilds, unseen: List[str]) -> List[_Place]:
    configured = _configured(host, php, unseen)
    if not policy.opcode_cache.paths:
        wanted: List[_Wanted] = [(path, engine, (CONFIGURED,)) for path, engine in configured if _wants(policy, engine)]
    else:
        wanted = [one for path in policy.opcode_cache.paths for one in _named(host, policy, path, configured, unseen)]
    places = []
    for path, engine, origins in sorted(set(wanted)):
        try:
            seen = host.stat(path)
        except Missing:
            continue  # nothing was cached there yet, or it was removed
        except CannotLook as error:
            unseen.append(str(error))
            continue
        places.append(_Place(path, engine, origins, seen, tuple(configured.get((path, engine), ()))))
    return places


def _wants(policy: Policy, engine: str) -> bool:
    return policy.opcode_cache.engine in ("auto", engine)


def _configured(host: Host, php: PhpBuilds, unseen: List[str]) -> Dict[Tuple[str, str], List[Runtime]]:
    """Return the runtimes by the physical path and the engine of the cache that they are configured with."""
    users: Dict[Tuple[str, str], List[Runtime]] = {}
    for runtime in php.runtimes:
        for engine, path in _caches_of(runtime):
            try:
                users.setdefault((host.physical(path), engine), []).append(runtime)
            except Missing:
                continue  # the directory above it is not there
            except CannotLook as error:
                unseen.append(str(error))
    return users


def _caches_of(runtime: Runtime) -> List[Tuple[str, str]]:
    """Return the engine and the directory of each cache; workers open it after they have gone into their chroot."""
    settings = runtime.settings
    wanted = [(OPCACHE, settings.get("opcache.file_cache", ""))]
    loaded = "eaccelerator" in settings.get("zend_extension", "") + settings.get("extension", "")
    if not is_on(settings, "eaccelerator.shm_only", False):
        wanted.append((EACCELERATOR, settings.get("eaccelerator.cache_dir", EACCELERATOR_DEFAULT if loaded else "")))
    return [(engine, _chroot(runtime) + path) for engine, path in wanted if path.startswith("/")]


def _chroot(runtime: Runtime) -> str:
    return runtime.settings.get("chroot", "").rstrip("/")


def is_on(settings: Mapping[str, str], name: str, default: bool) -> bool:
    """Whether a setting of a php.ini is on, as PHP reads one."""
    if name not in settings:
        return default
    text = settings[name].strip().lower()
    return text in ("on", "yes", "true") or bool(re.match(r"-?0*[1-9]", text))


def _named(
    host: Host,
    policy: Policy,
    path: str,
    configured: Dict[Tuple[str, str], List[Runtime]],
    unseen: List[str],
) -> List[_Wanted]:
    """Return the caches that a path of the options names: none, and a reason in unseen, where it is refused."""
    try:
        physical = host.physical(path)
        engines = [engine for known, engine in configured if known == physical and _wants(policy, engine)]
        if engines:
            return [(physical, engine, (NAMED, CONFIGURED)) for engine in engines]
        if host.is_mount(physical):
            raise CannotLook(
                f"{path}: it is a mount point that no PHP here is configured with, so it is refused; name the "
                "directory in it that is the cache"
            )
        engine = _engine(policy, host.list(physical), path)
    except Missing:
        return []
    except CannotLook as error:
        unseen.append(str(error))
        return []
    return [(physical, engine, (NAMED,))] if engine else []


def _engine(policy: Policy, names: Sequence[str], path: str) -> Optional[str]:
    """Return whose cache a directory is, by the names in it; None where it is empty."""
    makes = {
        OPCACHE: any(opcache_scripts.is_system_id(name) for name in names),
        EACCELERATOR: any(eaccelerator.parse_name(name) or eaccelerator_scripts.enters(name) for name in names),
    }
    engines = [engine for engine, is_its in makes.items() if is_its and _wants(policy, engine)]
    if len(engines) == 1 or not names:
        return engines[0] if engines else None
    wanted = ENGINE_NAMES.get(policy.opcode_cache.engine, "eAccelerator or OPcache")
    what = "entries of both engines" if engines else f"no entry of {wanted}"
    raise CannotLook(
        f"{path}: it holds {what}, so it is refused; name the cache directory, and engine where it can be either"
    )


# What is in one of them.


def _read(host: Host, policy: Policy, php: PhpBuilds, place: _Place) -> Cache:
    """Return what is in a cache. Raises CannotLook where it cannot be entered, or is none."""
    depth, why = _depth(host, policy, place)
    unknown = _unknown_ids(host, php, place) if place.engine == OPCACHE else _Ids({}, (), {}, None)

    def looker(tally: Tally) -> Look:
        if policy.opcode_cache.state == ABSENT:
            return _name_looker(place.engine, unknown, tally)
        if place.engine == OPCACHE:
            reading = opcache_scripts.Reading(unknown.minors, unknown.dead, unknown.replaced, _chroots(place))
            return opcache_scripts.looker(host, reading, tally)
        return eaccelerator_scripts.looker(host, _eaccelerator_reading(place, depth, why), tally)

    tally = Tally()
    tree = host.survey(place.path, _enters(place.engine), looker, tally)
    said = _settled(host, place, tree.said, looker, tally)
    if NAMED in place.origins and not place.runtimes and tally.foreign and not tally.genuine:
        name = ENGINE_NAMES[place.engine]
        raise CannotLook(f"{place.path}: it holds no entry of {name}, so it is refused; name the cache directory")
    said += [one for one in (_blind(host, place, blind) for blind in tree.blind) if one is not None]
    return Cache(
        path=place.path,
        engine=place.engine,
        origins=place.origins,
        stat=place.stat,
        runtimes=place.runtimes,
        entries=tally.entries,
        bytes=tally.bytes,
        depth=depth,
        why_depth=why,
        walked=tally.walked,
        unwalked=tally.unwalked,
        builds=tally.builds,
        dead=unknown.dead,
        doubtful=unknown.doubtful,
        scripts=tuple(sorted(said, key=lambda script: script.path)),
        foreign_omitted=tally.foreign - sum(one.kind == FOREIGN for one in said),
        sources_unknown=tally.sources_unknown,
        unseen=tuple(tally.unseen),
    )


def _enters(engine: str) -> Callable[[str], bool]:
    return opcache_scripts.enters if engine == OPCACHE else eaccelerator_scripts.enters


def _name_looker(engine: str, ids: "_Ids", tally: Tally) -> Look:
    """Return what tells of every entry, whatever is in it, and opens one only to see that they are the engine's."""
    problem_of = opcache_scripts.foreign_name if engine == OPCACHE else eaccelerator_scripts.foreign_name
    magic = opcache.MAGIC if engine == OPCACHE else eaccelerator.MAGIC

    def look(leaf: Leaf) -> Optional[CachedScript]:
        problem = problem_of(leaf.path)
        if problem is not None:
            return foreign(leaf, tally, problem)
        try:
            seen = leaf.stat()
            if not tally.genuine and leaf.read(ENTRY_LIMIT)[0].startswith(magic):
                tally.genuine = True
        except Missing:
            return None
        except Forbidden as error:
            tally.not_seen(str(error))
            return None
        except CannotLook as error:
            return unreadable(leaf, tally, error)
        build = leaf.path.partition("/")[0] if engine == OPCACHE else None
        tally.entry(seen.size, build)
        left = build in ids.dead and ids.replaced is not None and seen.mtime_ns / 1e9 < ids.replaced
        return CachedScript(leaf.path, seen, ENTRY, build=build, other_build=NO_BUILDS if left else None)

    return look


def _settled(
    host: Host, place: _Place, said: List[CachedScript], looker: Callable[[Tally], Look], tally: Tally
) -> List[CachedScript]:
    """Look again at what seems damaged and is young, for it may have been half written; what changed is unseen."""
    now = host.now()
    young = {one.path: one for one in said if one.flaws and now - one.stat.mtime_ns / 1e9 < YOUNG_SECONDS}
    if not young:
        return said

    def young_looker(tally: Tally) -> Look:
        look = looker(tally)
        return lambda leaf: look(leaf) if leaf.path in young else None

    host.pause(SECOND_LOOK_SECONDS)
    again = host.again().survey(place.path, _enters(place.engine), young_looker, Tally()).said
    settled = [one for one in again if not one.flaws or one.stat == young[one.path].stat]
    for path in {one.path for one in again} - {one.path for one in settled}:
        tally.not_seen(f"{place.path}/{path}: it changed while it was looked at; look again")
    return [one for one in said if one.path not in young] + settled


def _blind(host: Host, place: _Place, blind: Blind) -> Optional[CachedScript]:
    try:
        seen = host.stat(f"{place.path}/{blind.path}")
    except Missing:
        return None
    if isinstance(blind.reason, Forbidden):
        raise blind.reason
    return CachedScript(blind.path, seen, UNREADABLE, str(blind.reason))


def _chroots(place: _Place) -> Tuple[str, ...]:
    return tuple(sorted({_chroot(runtime) for runtime in place.runtimes})) or ("",)


# How the entries of eAccelerator are read.


def _eaccelerator_reading(place: _Place, depth: str, why: str) -> eaccelerator_scripts.Reading:
    builds = {runtime.build for runtime in place.runtimes}
    return eaccelerator_scripts.Reading(
        structure=None if depth == STRUCTURE else why,
        installed=tuple(sorted((build.version, build.installed) for build in builds if build.version)),
        memory_limit=_memory_limit(place),
        chroots=_chroots(place),
    )


def _memory_limit(place: _Place) -> Optional[int]:
    """Return the least memory_limit of those that use a cache, in bytes; None where there is none."""
    texts = [runtime.settings.get("memory_limit", "128M") for runtime in place.runtimes] or ["128M"]
    limits = [limit for limit in map(_bytes, texts) if limit is not None and limit >= 0]
    return min(limits) if limits else None


def _bytes(text: str) -> Optional[int]:
    """Return what a size of a php.ini means in bytes; None where it is no number."""
    found = re.match(r"\s*(-?[0-9]+)\s*([kmg]?)", text, re.IGNORECASE)
    return int(found.group(1)) << _SHIFTS[found.group(2).lower()] if found else None


_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30}


def _depth(host: Host, policy: Policy, place: _Place) -> Tuple[str, str]:
    """Return how deeply the entries of a cache are read, and why."""
    options = policy.opcode_cache
    if options.state == ABSENT:
        return CHECKSUM, "with state=absent no entry is read"
    if place.engine == OPCACHE:
        return CHECKSUM, "OPcache's own checksum covers all that its loader follows"
    if options.depth != "auto":
        return options.depth, f"depth={options.depth} was asked for"
    if _workers_crash(host, policy):
        return STRUCTURE, "workers of this host crash"
    budget = options.structure_seconds * WALK_BYTES_A_SECOND
    size = _size(host, place)
    if size <= budget:
        return STRUCTURE, f"its {size} bytes are walked within {options.structure_seconds} s"
    return CHECKSUM, (
        f"walking its {size} bytes may take more than structure_seconds={options.structure_seconds}; set "
        "depth=structure, or more seconds"
    )


def _workers_crash(host: Host, policy: Policy) -> bool:
    try:
        return bool(host.once(worker_crashes.gather, policy).pools)
    except (CannotLook, NotApplicable):
        return False  # then the size of the cache decides alone


def _size(host: Host, place: _Place) -> int:
    def looker(tally: Tally) -> Look:
        def look(leaf: Leaf) -> None:
            with contextlib.suppress(CannotLook):  # when it is read it is said why
                tally.entry(leaf.stat().size, None)

        return look

    tally = Tally()
    host.survey(place.path, _enters(place.engine), looker, tally)
    return tally.bytes


# Whose the directories of OPcache are.


class _Ids(NamedTuple):
    """The directories of a cache: minors as the reading takes them; dead and doubtful as in Cache; replaced: when the
    newest PHP was installed, so that an older entry of a dead id is one that nobody will load.
    """

    minors: Dict[str, Optional[Tuple[int, int]]]
    dead: Tuple[str, ...]
    doubtful: Dict[str, str]
    replaced: Optional[float]


def _unknown_ids(host: Host, php: PhpBuilds, place: _Place) -> _Ids:
    there = [name for name in host.list(place.path) if opcache_scripts.is_system_id(name)]
    builds = list({runtime.build.program: runtime.build for runtime in php.runtimes}.values())
    known = {one: build for build in builds for one in build.system_ids}
    minors = {one: _minor(known[one]) if one in known else None for one in there}
    strangers = [one for one in there if one not in known]
    doubt = _doubt(builds, [one for one in there if one in known])
    if not strangers or doubt is not None:
        return _Ids(minors, (), dict.fromkeys(strangers, doubt or ""), None)
    replaced = max(build.installed for build in builds if build.installed is not None)
    return _Ids(minors, tuple(strangers), {}, replaced)


def _doubt(builds: Sequence[Build], siblings: Sequence[str]) -> Optional[str]:
    """Return why a directory of no computed id may yet be an installed PHP's; None where it cannot."""
    if not builds:
        return "no installed PHP was found that could tell whose it is"
    for build in builds:
        if not build.system_ids or build.installed is None:
            return (
                f"{build.program}: what it calls its directory is not known ({build.unknown or 'no installation time'})"
            )
    if not siblings:
        return "no directory beside it is an installed PHP's, which would prove that such names are computed rightly"
    return None


def _minor(build: Build) -> Optional[Tuple[int, int]]:
    found = re.match(r"([0-9]+)\.([0-9]+)\.", build.version or "")
    return (int(found.group(1)), int(found.group(2))) if found else None
