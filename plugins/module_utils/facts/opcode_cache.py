# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opcode caches on disk: which there are, who uses them, and which of their files are not plainly healthy."""

import re
import stat
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Forbidden, Missing, NotApplicable, TooLarge, Untrusted
from ..formats import eaccelerator, opcache
from ..host import Host
from ..policy import ABSENT, Policy
from ..tree import Blind, Leaf, Stat
from . import (
    eaccelerator_scripts,
    opcache_directories,
    opcache_scripts,
    opcode_cache_depth,
    opcode_cache_places,
    php_builds,
)
from .cached_script import (
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
    problem_of,
    unreadable,
)
from .opcache_directories import Directories, Doubtful
from .opcode_cache_depth import STRUCTURE, Depth
from .opcode_cache_places import NAMED, Place, chroot
from .php_builds import PhpBuilds, Runtime

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
    walked; unwalked: how many were not, by the reason. builds: entries by who wrote them; layouts: those that were
    walked by their layout. dead: system ids that are no installed PHP's; doubtful: those of which that is likely, and
    not certain. scripts: what is not plainly healthy, with state absent everything. sources_unknown: entries whose
    script could not be looked at. unseen: what could not be looked at, and why.
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
    layouts: Dict[str, int]
    dead: Tuple[str, ...]
    doubtful: Tuple[Doubtful, ...]
    scripts: Tuple[CachedScript, ...]
    foreign_omitted: int
    sources_unknown: int
    unseen: Tuple[str, ...]


class OpcodeCaches(NamedTuple):
    """caches by path. unseen: what could not be looked at at all, and why. users: names by uid."""

    caches: Tuple[Cache, ...]
    unseen: Tuple[str, ...]
    users: Dict[int, str]


def gather(host: Host, policy: Policy) -> OpcodeCaches:
    """Return the opcode caches of a host. Raises NotApplicable where there is none."""
    php = host.once(php_builds.gather, policy)
    unseen: List[str] = list(php.unreadable)
    places = opcode_cache_places.find(host, policy, php, unseen)
    caches: List[Cache] = []
    for place in places:
        try:
            caches.append(_read(host, policy, php, place))
        except Missing:
            continue  # it was removed meanwhile
        except TooLarge as error:
            unseen.append(f"{place.path}: {error}")
        except CannotLook as error:
            unseen.append(str(error))
    if not caches and not unseen:
        raise NotApplicable(
            "nothing is at any of the paths, or they are empty"
            if policy.opcode_cache.paths
            else "no PHP of this host keeps opcodes on disk, as far as its configuration says"
        )
    uids = {cache.stat.uid for cache in caches} | {one.stat.uid for cache in caches for one in cache.scripts}
    return OpcodeCaches(tuple(caches), tuple(unseen), {uid: host.user_name(uid) for uid in uids})


# What is in one of them.


def _read(host: Host, policy: Policy, php: PhpBuilds, place: Place) -> Cache:
    """Return what is in a cache. Raises CannotLook where it cannot be entered, or is none."""
    depth = opcode_cache_depth.choose(host, policy, place, _enters(place.engine))
    directories = _directories(host, php, place)

    def looker(tally: Tally) -> Look:
        if policy.opcode_cache.state == ABSENT:
            look = _name_looker(place.engine, directories, tally)
        elif place.engine == OPCACHE:
            look = opcache_scripts.looker(host, opcache_scripts.Reading(directories, _chroots(place)), tally)
        else:
            look = eaccelerator_scripts.looker(host, _eaccelerator_reading(place, depth), tally)
        return _beside(place, look) if place.stat.mode & stat.S_ISVTX else look

    tally = Tally()
    tree = host.survey(place.path, _enters(place.engine), looker, tally)
    said = _settled(host, place, tree.said, looker, tally)
    if NAMED in place.origins and not place.runtimes and not tally.genuine and (tally.entries or tally.foreign):
        name = ENGINE_NAMES[place.engine]
        raise CannotLook(f"{place.path}: it holds no entry of {name}, so it is refused; name the cache directory")
    said += [one for one in (_blind(host, place, blind) for blind in tree.blind) if one is not None]
    dead, doubtful = opcache_directories.settle(directories, tally.builds, tally.newest)
    return Cache(
        path=place.path,
        engine=place.engine,
        origins=place.origins,
        stat=place.stat,
        runtimes=place.runtimes,
        entries=tally.entries,
        bytes=tally.bytes,
        depth=depth.what,
        why_depth=depth.why,
        walked=tally.walked,
        unwalked=tally.unwalked,
        builds=tally.builds,
        layouts=tally.layouts,
        dead=dead,
        doubtful=doubtful,
        scripts=tuple(sorted(said, key=lambda script: script.path)),
        foreign_omitted=tally.foreign - sum(one.kind == FOREIGN for one in said),
        sources_unknown=tally.sources_unknown,
        unseen=tuple(tally.unseen),
    )


def _enters(engine: str) -> Callable[[str], bool]:
    return opcache_scripts.enters if engine == OPCACHE else eaccelerator_scripts.enters


def _foreign_name(engine: str) -> Callable[[str], Optional[str]]:
    return opcache_scripts.foreign_name if engine == OPCACHE else eaccelerator_scripts.foreign_name


def _directories(host: Host, php: PhpBuilds, place: Place) -> Directories:
    if place.engine != OPCACHE:
        return opcache_directories.NONE
    return opcache_directories.judge(
        php, [name for name in host.list(place.path) if opcache_scripts.is_system_id(name)]
    )


def _beside(place: Place, look: Look) -> Look:
    """Return a look that passes over what lies beside the cache in a directory that all users share, such as /tmp."""
    foreign_name = _foreign_name(place.engine)
    return lambda leaf: None if "/" not in leaf.path and foreign_name(leaf.path) else look(leaf)


def _name_looker(engine: str, directories: Directories, tally: Tally) -> Look:
    """Return what tells of every entry, whatever is in it, and opens one only to see that they are the engine's."""
    foreign_name = _foreign_name(engine)
    magic = opcache.MAGIC if engine == OPCACHE else eaccelerator.MAGIC

    def look(leaf: Leaf) -> Optional[CachedScript]:
        problem = foreign_name(leaf.path)
        if problem is not None:
            return foreign(leaf, tally, problem)
        try:
            seen = leaf.stat()
            if not stat.S_ISREG(seen.mode):
                raise Untrusted(f"{leaf.path}: it is no plain file")
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
        tally.entry(seen, build)
        left = build is not None and directories.is_left(build, seen.mtime_ns)
        return CachedScript(leaf.path, seen, ENTRY, build=build, other_build=NO_BUILDS if left else None)

    return look


def _settled(
    host: Host, place: Place, said: List[CachedScript], looker: Callable[[Tally], Look], tally: Tally
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


def _blind(host: Host, place: Place, blind: Blind) -> Optional[CachedScript]:
    try:
        seen = host.stat(f"{place.path}/{blind.path}")
    except Missing:
        return None
    if isinstance(blind.reason, Forbidden):
        raise blind.reason
    return CachedScript(blind.path, seen, UNREADABLE, problem_of(blind.reason, blind.path))


def _chroots(place: Place) -> Tuple[str, ...]:
    return tuple(sorted({chroot(runtime) for runtime in place.runtimes})) or ("",)


# How the entries of eAccelerator are read.


def _eaccelerator_reading(place: Place, depth: Depth) -> eaccelerator_scripts.Reading:
    builds = {runtime.build for runtime in place.runtimes}
    return eaccelerator_scripts.Reading(
        structure=None if depth.what == STRUCTURE else depth.why,
        installed=tuple(sorted((build.version, build.installed) for build in builds if build.version)),
        memory_limit=_memory_limit(place),
        chroots=_chroots(place),
    )


def _memory_limit(place: Place) -> Optional[int]:
    """Return the least memory_limit of those that use a cache, in bytes; None where there is none."""
    texts = [runtime.settings.get("memory_limit", "128M") for runtime in place.runtimes] or ["128M"]
    limits = [limit for limit in map(_bytes, texts) if limit is not None and limit >= 0]
    return min(limits) if limits else None


def _bytes(text: str) -> Optional[int]:
    """Return what a size of a php.ini means in bytes; None where it is no number."""
    found = re.match(r"\s*(-?[0-9]+)\s*([kmg]?)", text, re.IGNORECASE)
    return int(found.group(1)) << _SHIFTS[found.group(2).lower()] if found else None


_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30}
