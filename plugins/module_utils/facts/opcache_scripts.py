# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of OPcache's file cache, one by one: whose they are, what is wrong with each, and who wrote it."""

import re
import stat
from typing import Callable, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Malformed
from ..formats import opcache
from ..formats.flaw import Flaw
from ..host import Host
from ..tree import Leaf
from .cached_script import (
    ENTRY,
    NO_BUILDS,
    SAME,
    CachedScript,
    Expected,
    Tally,
    foreign,
    read_entry,
    source,
    unreadable,
)
from .opcache_directories import Directories

_SYSTEM_ID = re.compile(r"[0-9a-f]{32}\Z")


class Reading(NamedTuple):
    """How the entries of one cache are read. directories: whose each is. chroots: as source() takes them."""

    directories: Directories
    chroots: Tuple[str, ...]


def is_system_id(name: str) -> bool:
    """Whether a name is one that OPcache gives to the directory of a build."""
    return bool(_SYSTEM_ID.match(name))


def enters(path: str) -> bool:
    """Whether a directory is OPcache's: a system id, and all below one mirrors the host's own tree."""
    return is_system_id(path.partition("/")[0])


def foreign_name(path: str) -> Optional[str]:
    """Return why OPcache does not look for a file of that path; None where it may."""
    return None if opcache.script_of(path) else "OPcache gives no such name"


def looker(host: Host, reading: Reading, tally: Tally) -> Callable[[Leaf], Optional[CachedScript]]:
    """Return what looks at one file of a cache, counts it in ``tally``, and tells of it where it is not healthy."""

    def look(leaf: Leaf) -> Optional[CachedScript]:
        script = opcache.script_of(leaf.path)
        if script is None:
            return foreign(leaf, tally, foreign_name(leaf.path) or "")
        system_id = leaf.path.partition("/")[0]
        left = _left(leaf, reading.directories, system_id, script)
        if left is not None:
            tally.entry(left.stat, system_id)
            return left
        data, seen, unread = read_entry(leaf, tally)
        if data is None or seen is None:
            return unread
        try:
            entry, flaws = opcache.read(data, reading.directories.minors.get(system_id))
        except Malformed as error:
            return unreadable(leaf, tally, error)
        tally.entry(seen, system_id)
        state = None
        if entry is not None:
            tally.genuine = True
            flaws += _place_flaws(entry, system_id, script)
            if entry.script is None and not flaws and not opcache.shows(data, entry, script):
                tally.walk(f"those of {_version(reading, system_id)} do not show whose they are")
            state = source(host, reading.chroots, tally, script, Expected(entry.timestamp or None, seen.mtime_ns))
        if not flaws and state in (SAME, None):
            return None  # as nearly all are
        return CachedScript(leaf.path, seen, ENTRY, script=script, source=state, build=system_id, flaws=flaws)

    return look


def _version(reading: Reading, system_id: str) -> str:
    minor = reading.directories.minors.get(system_id)
    return f"PHP {minor[0]}.{minor[1]}" if minor else "a PHP that is not known"


def _left(leaf: Leaf, directories: Directories, system_id: str, script: str) -> Optional[CachedScript]:
    """Return the record of an entry that no installed PHP loads, unread; None where it is not certain, or gone."""
    if system_id not in directories.strangers:
        return None
    try:
        seen = leaf.stat()
    except CannotLook:
        return None  # reading it says why
    if not directories.is_left(system_id, seen.mtime_ns) or not stat.S_ISREG(seen.mode):
        return None
    return CachedScript(
        leaf.path, seen, ENTRY, script=script, build=system_id, other_build=NO_BUILDS, unmistakable=True
    )


def _place_flaws(entry: opcache.Entry, system_id: str, script: str) -> Tuple[Flaw, ...]:
    if entry.system_id == system_id and entry.script in (script, None):
        return ()
    flaws = []
    if is_system_id(entry.system_id) and entry.system_id != system_id:
        flaws.append(Flaw("system_id", 8, f"it is of build {entry.system_id}, and lies in the directory of another"))
    if entry.script is not None and entry.script != script:
        flaws.append(Flaw("other_script", None, f"it was compiled from {entry.script}, and would be run as {script}"))
    return tuple(flaws)
