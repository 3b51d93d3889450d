# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of eAccelerator's disk cache, one by one: whose they are, what is wrong with each, and who wrote it."""

import re
from typing import Callable, NamedTuple, Optional, Tuple

from ..formats import eaccelerator
from ..formats.eaccelerator_layouts import MIDDLE
from ..formats.eaccelerator_walk import Walk, not_walkable, walk
from ..host import Host
from ..tree import Leaf, Stat
from .cached_script import ENTRY, CachedScript, Expected, Tally, foreign, read_entry, source

# Flaws at which the loader never looks: the rest of the entry is as it was written.
LOADED_ALL_THE_SAME = frozenset(("trailing", "header"))

# The releases whose loader forgets to relocate a class's doc comment; that of 0.9.5 does it, 1.0 is not walked.
FORGETFUL = MIDDLE.name

WALK_LIMIT = 16 * 1024 * 1024  # bytes; walking takes ten times as much memory

_LEVEL = re.compile(r"[0-9a-f]\Z")
_FIRST = re.compile(r"(?:[0-9a-f]|[0-9]{1,10})\Z")  # 1.0 has a directory a uid above the two levels
_NUMBERS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


class Reading(NamedTuple):
    """How the entries of one cache are read.

    structure: whether they are walked, else why not. installed: version and installation (seconds since the epoch) of
    each PHP that uses the cache. memory_limit: bytes, None for no limit. chroots: as source() takes them.
    """

    structure: Optional[str]
    installed: Tuple[Tuple[str, Optional[float]], ...]
    memory_limit: Optional[int]
    chroots: Tuple[str, ...]


def enters(path: str) -> bool:
    """Whether a directory may be eAccelerator's: two levels of one hexadecimal digit, in 1.0 below a uid."""
    parts = path.split("/")
    return len(parts) <= 3 and bool(_FIRST.match(parts[0])) and all(_LEVEL.match(part) for part in parts[1:])


def foreign_name(path: str) -> Optional[str]:
    """Return why eAccelerator does not look for a file of that path; None where it may."""
    place, _unused, name = path.rpartition("/")
    parsed = eaccelerator.parse_name(name)
    if parsed is None:
        return "eAccelerator gives no such name"
    if not _belongs(place, eaccelerator.directories(parsed)):
        return "eAccelerator looks for a file of this name elsewhere"
    return None


def looker(host: Host, reading: Reading, tally: Tally) -> Callable[[Leaf], Optional[CachedScript]]:
    """Return what looks at one file of a cache, counts it in ``tally``, and tells of it where it is not healthy."""

    def look(leaf: Leaf) -> Optional[CachedScript]:
        problem = foreign_name(leaf.path)
        parsed = eaccelerator.parse_name(leaf.path.rpartition("/")[2])
        if problem is not None or parsed is None:
            return foreign(leaf, tally, problem or "")
        data, seen, unread = read_entry(leaf, tally)
        if data is None or seen is None:
            return unread
        script = _judged(host, reading, tally, leaf.path, data, seen, parsed)
        return None if script.is_healthy else script

    return look


def _belongs(place: str, levels: Tuple[str, ...]) -> bool:
    parts = tuple(place.split("/")) if place else ()
    return not parts or parts == levels or (parts[1:] == levels and parts[0].isdigit())


def _judged(
    host: Host,
    reading: Reading,
    tally: Tally,
    path: str,
    data: bytes,
    seen: Stat,
    name: eaccelerator.Name,
) -> CachedScript:
    entry, flaws = eaccelerator.read(data, name, reading.memory_limit)
    build = f"eAccelerator {entry.eaccelerator}, PHP {entry.php}, {entry.abi}" if entry else None
    tally.entry(seen, build)
    script = CachedScript(path, seen, ENTRY, build=build, flaws=flaws)
    if entry is None:
        return script
    tally.genuine = True
    script = script._replace(
        script=entry.script if name.key != "user" else None,
        source=_source(host, reading, tally, entry, name, seen),
    )
    other_build, unmistakable = _other_build(reading, entry, seen)
    script = script._replace(other_build=other_build, unmistakable=unmistakable)
    if any(flaw.kind not in LOADED_ALL_THE_SAME for flaw in flaws):
        return script
    walked = _structure(reading, tally, data, entry)
    if walked.layout is not None and other_build is None:
        tally.lay_out(f"{build}, {walked.layout}")
    return script._replace(
        flaws=flaws + ((walked.flaw,) if walked.flaw else ()),
        documented_classes=walked.documented_classes if entry.family == FORGETFUL else 0,
    )


def _source(
    host: Host, reading: Reading, tally: Tally, entry: eaccelerator.Entry, name: eaccelerator.Name, seen: Stat
) -> Optional[str]:
    if name.key == "user":
        return None
    expected = Expected(entry.script_mtime, seen.mtime_ns, entry.script_size, entry.device, entry.inode)
    return source(host, reading.chroots, tally, entry.script, expected)


def _other_build(reading: Reading, entry: eaccelerator.Entry, seen: Stat) -> Tuple[Optional[str], bool]:
    """Return why no installed PHP wrote an entry, None where one may have; and whether the loader knows it too."""
    if not reading.installed:
        return None, False
    wrote = _numbers(entry.php)
    same = [installed for version, installed in reading.installed if _numbers(version) == wrote]
    if not same:
        there = ", ".join(sorted({version for version, _unused in reading.installed}))
        return f"PHP {entry.php} wrote it, and PHP {there} is installed", True
    if all(installed is not None and seen.mtime_ns / 1e9 < installed for installed in same):
        return f"it is older than the PHP {wrote} or the eAccelerator that is installed", False
    return None, False


def _numbers(version: str) -> str:
    found = _NUMBERS.match(version)
    return found.group() if found else version


def _structure(reading: Reading, tally: Tally, data: bytes, entry: eaccelerator.Entry) -> Walk:
    why_not = reading.structure or not_walkable(entry)
    if why_not is None and len(data) > WALK_LIMIT:
        why_not = f"it is larger than {WALK_LIMIT} bytes"
    tally.walk(why_not)
    return walk(data, entry) if why_not is None else Walk(None, None, 0)
