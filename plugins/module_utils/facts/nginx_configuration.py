# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nginx's configuration says, with all that it includes in their place, and where it says so."""

import os
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

from ..errors import CannotLook, Malformed, TooLarge
from ..formats import nginx as language
from ..host import Host
from ..policy import Policy
from . import nginx
from .masters import Reading

STATEMENTS_LIMIT = 200_000


class Said(NamedTuple):
    """A directive at ``file:line``; block is what its braces hold, None without any."""

    name: str
    arguments: Tuple[str, ...]
    source: str
    block: Optional[Tuple["Said", ...]]


class File(NamedTuple):
    """A file of it: when its content changed, and when it or its attributes did, in seconds since the epoch."""

    path: str
    modified: float
    changed: float


class Tree(NamedTuple):
    """A whole configuration as it is in its files now, which need not be in force.

    trusted: root owns all of the files, and no other may write one.
    """

    path: str
    said: Tuple[Said, ...]
    files: Tuple[File, ...]
    trusted: bool


Trees = Dict[int, Union[Tree, CannotLook]]


def gather(host: Host, policy: Policy) -> Trees:
    """Return the configuration of every running master that is not apart, by pid, or why it cannot be read."""
    masters = host.once(nginx.believed, policy).masters
    trees: Trees = {}
    read: Dict[str, Union[Tree, CannotLook]] = {}
    for master in masters:
        if master.configured is not None:
            path = master.configured.path
            read.setdefault(path, _tree(host, path))
            trees[master.process.pid] = read[path]
    return trees


def _tree(host: Host, path: str) -> Union[Tree, CannotLook]:
    reading = Reading(host)
    includes = _Includes(reading, path)
    try:
        return Tree(path, includes.read(path, 1), tuple(includes.files.values()), reading.trusted)
    except CannotLook as error:
        return error


class _Includes:
    """Reads a file and puts what it includes in the place of the include; relative ones belong to the main file."""

    def __init__(self, reading: Reading, path: str) -> None:
        self.files: Dict[str, File] = {}
        self._reading = reading
        self._directory = os.path.dirname(path)
        self._statements = 0
        self._blocks = 0  # that are open, also around an include

    def read(self, path: str, depth: int) -> Tuple[Said, ...]:
        if depth > nginx.INCLUDE_DEPTH:
            raise TooLarge(f"{path}: it is included {depth} deep; look for an include that includes itself", path=path)
        try:
            text = self._reading.read(path)
            seen = self._reading.host.stat(path, follow=True)
            self.files[path] = File(path, seen.mtime_ns / 1e9, seen.ctime_ns / 1e9)
            return self._expanded(language.directives(text), path, depth)
        except Malformed as error:
            raise CannotLook(f"{path}: {error}", path=path) from error

    def _expanded(self, directives: Sequence[language.Directive], path: str, depth: int) -> Tuple[Said, ...]:
        self._count(path, len(directives))
        said: List[Said] = []
        for words, line, block in directives:
            if words[0] == "include" and len(words) == 2 and block is None:
                for included in self._reading.matching(os.path.join(self._directory, words[1])):
                    said += self.read(included, depth + 1)
                continue
            inside = None if block is None else self._inside(block, path, depth)
            said.append(Said(words[0], words[1:], f"{path}:{line}", inside))
        return tuple(said)

    def _inside(self, block: Sequence[language.Directive], path: str, depth: int) -> Tuple[Said, ...]:
        self._blocks += 1
        if self._blocks > language.DEPTH_LIMIT:
            raise TooLarge(f"{path}: it has more than {language.DEPTH_LIMIT} blocks in one another", path=path)
        inside = self._expanded(block, path, depth)
        self._blocks -= 1
        return inside

    def _count(self, path: str, statements: int) -> None:
        self._statements += statements
        if self._statements > STATEMENTS_LIMIT:
            raise TooLarge(f"{path}: with it the configuration has more than {STATEMENTS_LIMIT} statements", path=path)


def named(said: Sequence[Said], *names: str) -> Iterator[Said]:
    """Yield the directives of these names that stand side by side in one block."""
    return (one for one in said if one.name in names)


def everywhere(said: Sequence[Said], *names: str) -> Iterator[Said]:
    """Yield the directives of these names in any block, in order."""
    for one in said:
        if one.name in names:
            yield one
        yield from everywhere(one.block or (), *names)
