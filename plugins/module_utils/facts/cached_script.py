# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One file of an opcode cache, and what is counted of those that are as they should be."""

import errno
import stat
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Forbidden, Missing, Untrusted
from ..formats.flaw import Flaw
from ..host import Host
from ..tree import Counts, Leaf, Stat

EACCELERATOR = "eaccelerator"
OPCACHE = "opcache"
ENGINES = (EACCELERATOR, OPCACHE)
ENGINE_NAMES = {EACCELERATOR: "eAccelerator", OPCACHE: "OPcache"}

ENTRY = "entry"
FOREIGN = "foreign"
UNREADABLE = "unreadable"

SAME = "same"
CHANGED = "changed"
GONE = "gone"

NO_BUILDS = "the directory that it lies in is of no installed PHP"

ENTRY_LIMIT = 64 * 1024 * 1024  # bytes; no script compiles to that, and each process may hold one in memory
NOTED_LIMIT = 1000  # foreign names of one cache that are told one by one, and reasons of blindness


class Expected(NamedTuple):
    """What an entry says of its script. size, device and inode only where the engine compares them.

    mtime: seconds since the epoch; None where the entry does not say it. written: the entry's own mtime in nanoseconds,
    by which such a script is judged.
    """

    mtime: Optional[int]
    written: int
    size: Optional[int] = None
    device: Optional[int] = None
    inode: Optional[int] = None


class CachedScript(NamedTuple):
    """One file of a cache that is not plainly healthy: the others are only counted.

    path: below the cache. kind: ENTRY, FOREIGN (not the cache's own) or UNREADABLE, the latter two with the problem.
    script: the path of what was compiled. source: SAME, CHANGED or GONE by its file, None where that is not known.
    build: who wrote it, by version texts or by system id. other_build: how it is known that no installed PHP did;
    unmistakable: the loader knows it too.
    documented_classes: classes whose doc comment the loader forgets to relocate, where the structure was walked.
    """

    path: str
    stat: Stat
    kind: str
    problem: Optional[str] = None
    script: Optional[str] = None
    source: Optional[str] = None
    build: Optional[str] = None
    other_build: Optional[str] = None
    unmistakable: bool = False
    flaws: Tuple[Flaw, ...] = ()
    documented_classes: int = 0

    @property
    def is_healthy(self) -> bool:
        sound = self.kind == ENTRY and not self.flaws and not self.documented_classes
        return sound and self.other_build is None and self.source in (SAME, None)


class Tally(Counts):
    """What is counted of one cache."""

    def __init__(self) -> None:
        self.entries = 0
        self.bytes = 0
        self.genuine = False  # whether one of the entries was seen to begin as the engine's do
        self.walked = 0
        self.unwalked: Dict[str, int] = {}
        self.builds: Dict[str, int] = {}
        self.newest: Dict[str, int] = {}  # mtime of each build's newest entry, in nanoseconds
        self.layouts: Dict[str, int] = {}
        self.sources_unknown = 0
        self.unseen: List[str] = []
        self.foreign = 0

    def add(self, other: "Tally") -> None:
        self.entries += other.entries
        self.bytes += other.bytes
        self.genuine = self.genuine or other.genuine
        self.walked += other.walked
        pairs = ((self.unwalked, other.unwalked), (self.builds, other.builds), (self.layouts, other.layouts))
        for ours, theirs in pairs:
            for name, count in theirs.items():
                ours[name] = ours.get(name, 0) + count
        for build, mtime_ns in other.newest.items():
            self.newest[build] = max(mtime_ns, self.newest.get(build, mtime_ns))
        self.sources_unknown += other.sources_unknown
        self.unseen += other.unseen
        self.foreign += other.foreign

    def entry(self, seen: Stat, build: Optional[str]) -> None:
        self.entries += 1
        self.bytes += seen.size
        if build is not None and (build in self.builds or len(self.builds) < NOTED_LIMIT):
            self.builds[build] = self.builds.get(build, 0) + 1
            self.newest[build] = max(seen.mtime_ns, self.newest.get(build, seen.mtime_ns))

    def walk(self, why_not: Optional[str]) -> None:
        if why_not is None:
            self.walked += 1
        else:
            self.unwalked[why_not] = self.unwalked.get(why_not, 0) + 1

    def lay_out(self, layout: str) -> None:
        if layout in self.layouts or len(self.layouts) < NOTED_LIMIT:
            self.layouts[layout] = self.layouts.get(layout, 0) + 1

    def not_seen(self, reason: str) -> None:
        if len(self.unseen) < NOTED_LIMIT:
            self.unseen.append(reason)

    def notes_foreign(self) -> bool:
        """Count a name that is not the cache's own. Whether it is told by itself: a directory may hold millions."""
        self.foreign += 1
        return self.foreign <= NOTED_LIMIT


def foreign(leaf: Leaf, tally: Tally, problem: str) -> Optional[CachedScript]:
    """Return the record of a name that is not the cache's own; None when it is gone, or too many are."""
    try:
        seen = leaf.stat()
    except Missing:
        return None
    except CannotLook as error:
        tally.not_seen(str(error))
        return None
    if stat.S_ISLNK(seen.mode):
        problem = "it is a link; no engine makes one, and PHP would follow it"
    return CachedScript(leaf.path, seen, FOREIGN, problem) if tally.notes_foreign() else None


def read_entry(leaf: Leaf, tally: Tally) -> Tuple[Optional[bytes], Optional[Stat], Optional[CachedScript]]:
    """Return the bytes of an entry and its stat; in their place the record of one that is there and cannot be read."""
    try:
        data, seen = leaf.read(ENTRY_LIMIT)
    except Missing:
        return None, None, None
    except Forbidden as error:
        tally.not_seen(str(error))
        return None, None, None
    except CannotLook as error:
        return None, None, unreadable(leaf, tally, error)
    return data, seen, None


def unreadable(leaf: Leaf, tally: Tally, error: CannotLook) -> Optional[CachedScript]:
    """Return the record of what is there and cannot be read; None when it is gone."""
    try:
        return CachedScript(leaf.path, leaf.stat(), UNREADABLE, problem_of(error, leaf.path))
    except Missing:
        return None
    except CannotLook as worse:
        tally.not_seen(str(worse))
        return None


def problem_of(error: CannotLook, path: str) -> str:
    """Return what an error says, without the path: many files share a problem, and are told as one."""
    return str(error).split(f"{path}: ", 1)[-1]


def source(host: Host, chroots: Tuple[str, ...], tally: Tally, script: str, expected: Expected) -> Optional[str]:
    """Return how the file of a script compares to what its entry says: SAME, CHANGED, GONE; None where unknown.

    chroots: where the pools that use the cache have their root, "" for the host's own; the nearest match counts.
    """
    answer: Optional[str] = GONE
    for chroot in chroots:
        one = _source(host, chroot + script, expected)
        if _NEARNESS.index(one) < _NEARNESS.index(answer):
            answer = one
    if answer is None:
        tally.sources_unknown += 1
    return answer


_NEARNESS = (SAME, None, CHANGED, GONE)


def _source(host: Host, path: str, expected: Expected) -> Optional[str]:
    try:
        seen = host.stat_as_named(path)
    except (Missing, Untrusted):
        return GONE
    except CannotLook as error:  # no file can be called so: whoever wrote the entry chose the name in it
        return GONE if error.details.get("errno") in (errno.ENAMETOOLONG, errno.EINVAL) else None
    if expected.mtime is None:
        # Either time may be later by itself: an archive brings an mtime of its own, a chmod changes the ctime.
        return CHANGED if min(seen.mtime_ns, seen.ctime_ns) > expected.written else SAME
    if seen.mtime_ns // 10**9 != expected.mtime:
        return CHANGED
    pairs = ((expected.size, seen.size), (expected.device, seen.device), (expected.inode, seen.inode))
    same = all(wanted is None or wanted == found for wanted, found in pairs)
    return SAME if same else CHANGED
