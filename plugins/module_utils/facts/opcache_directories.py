# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whose the directories of an OPcache file cache are: each build of PHP has its own, and none removes another's."""

import re
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .php_builds import Build, PhpBuilds

_NEWER = "no installed PHP calls its directory so, and yet some of its entries are newer than the installed PHP"


class Directories(NamedTuple):
    """The directories of a cache, by system id.

    minors: of the PHP that each is of, None where that is not known. strangers: those that no installed PHP is known to
    call its own; doubt: why one may do so all the same, None where that is certain. replaced: when the newest PHP was
    installed, in seconds since the epoch.
    """

    minors: Dict[str, Optional[Tuple[int, int]]]
    strangers: FrozenSet[str]
    doubt: Optional[str]
    replaced: Optional[float]

    def is_left(self, system_id: str, mtime_ns: int) -> bool:
        """Whether an entry is of a PHP that is gone: no installed one writes there, and it is older than those are."""
        gone = self.doubt is None and system_id in self.strangers
        return gone and self.replaced is not None and mtime_ns / 1e9 < self.replaced


NONE = Directories({}, frozenset(), None, None)


class Doubtful(NamedTuple):
    """A directory that may be of no installed PHP, with how many entries, and why that is not certain."""

    directory: str
    entries: int
    why: str


def judge(php: PhpBuilds, names: Sequence[str]) -> Directories:
    """Return whose each of the directories of a cache is; ``names`` are system ids."""
    builds = list({runtime.build.program: runtime.build for runtime in php.runtimes}.values())
    known = {one: build for build in builds for one in build.system_ids}
    installed = [build.installed for build in builds if build.installed is not None]
    return Directories(
        minors={one: _minor(known[one]) if one in known else None for one in names},
        strangers=frozenset(one for one in names if one not in known),
        doubt=_doubt(builds, [one for one in names if one in known]),
        replaced=max(installed) if installed else None,
    )


def settle(
    directories: Directories, entries: Mapping[str, int], newest: Mapping[str, int]
) -> Tuple[Tuple[str, ...], Tuple[Doubtful, ...]]:
    """Return the directories of PHPs that are gone, and those of which that is likely and no more.

    entries and newest (mtime, in nanoseconds): of each directory that has any. One that something was written to since
    the newest PHP was installed is in use: it is doubtful only where no installed PHP can be the one that writes.
    """
    gone: List[str] = []
    doubtful: List[Doubtful] = []
    for one in sorted(directories.strangers):
        is_old = directories.replaced is None or newest.get(one, 0) / 1e9 < directories.replaced
        if directories.doubt is None and is_old:
            gone.append(one)
        elif one in entries and (is_old or directories.doubt is None):
            doubtful.append(Doubtful(one, entries[one], directories.doubt or _NEWER))
    return tuple(gone), tuple(doubtful)


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
