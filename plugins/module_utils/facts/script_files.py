# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of many scripts as they are now, looked at a directory at a time: a cache may hold 100,000 of them."""

import re
import stat
import time
from typing import Dict, Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..tree import Stat

# Who owns a pool may have it name paths, as deep and as many as its answer holds.
DEPTH_LIMIT = 100  # directories of a path
LOOK_SECONDS = 30.0  # for all paths of one segment; 100,000 scripts in 10,000 directories take 3 s
_NOT_PLAIN = re.compile(r"/\.{0,2}(?:/|\Z)")  # what no resolved path has: //, /./, /../, and a slash at its end


class File(NamedTuple):
    """modified: None where there is no such file. changed: when its content, its place or it itself was changed or
    went, at the latest; of these two only ``modified`` can be set by whoever writes the file. Seconds since the epoch.
    """

    modified: Optional[float]
    changed: float


class ScriptFiles(NamedTuple):
    """files: by path, one for each root below which there is one. unseen: how many were not looked at, and why."""

    files: Mapping[str, Tuple[File, ...]]
    unseen: Tuple[str, ...]


def look(host: Host, roots: Sequence[str], paths: Sequence[str]) -> ScriptFiles:
    """Return what each path leads to below each root ("" for the host's own). Raises Missing where / is gone."""
    plain = [path for path in paths if is_plain(path)]
    end = time.monotonic() + LOOK_SECONDS
    below = [_Root(host, root, end) for root in roots]
    looks = [root.files(_by_directory(plain)) for root in below]
    files = {path: _known([one[path] for one in looks]) for path in plain if all(path in one for one in looks)}
    unseen = []
    if len(plain) < len(paths):
        odd = f"in no file of their own, as in a phar, or deeper than {DEPTH_LIMIT} directories"
        unseen.append(f"{len(paths) - len(plain)} are {odd}")
    reasons = [reason for root in below for reason in root.reasons]
    if reasons:
        unseen.append(f"{len(plain) - len(files)} could not be looked at: {reasons[0]}")
    return ScriptFiles(files, tuple(unseen))


def is_plain(path: str) -> bool:
    """Whether a path is one that the engine has resolved, to a file, and no deeper than any genuine one."""
    return path.startswith("/") and path.count("/") <= DEPTH_LIMIT and not _NOT_PLAIN.search(path)


def _known(files: Sequence[File]) -> Tuple[File, ...]:
    """Return those that are there; where none is, when the last of them went."""
    there = tuple(one for one in files if one.modified is not None)
    return there or (max(files, key=lambda one: one.changed),)


def _by_directory(paths: Iterable[str]) -> Dict[str, List[str]]:
    names: Dict[str, List[str]] = {}
    for path in paths:
        directory, _slash, name = path.rpartition("/")
        names.setdefault(directory, []).append(name)
    return names


class _Root:
    """A directory that a pool takes for /. reasons: why some of what is below it could not be looked at."""

    def __init__(self, host: Host, root: str, end: float) -> None:
        self.reasons: List[str] = []
        self._host = host
        self._root = root
        self._end = end
        self._changed: Dict[str, Optional[float]] = {}  # when a directory was changed last, None where it is not there

    def files(self, names: Mapping[str, Sequence[str]]) -> Dict[str, File]:
        """Return the files by path, less those that cannot be looked at. Raises Missing where not even / is there."""
        found: Dict[str, File] = {}
        for directory, inside in names.items():
            if time.monotonic() > self._end:
                self.reasons.append(f"the others took {LOOK_SECONDS:g} s; look again when the disk is less busy")
                break
            try:
                there = self._stats(directory, inside)
            except CannotLook as error:
                self.reasons.append(str(error))
                continue
            for name in inside:
                try:
                    found[f"{directory}/{name}"] = self._file(directory, name, there)
                except Missing:  # not even / is there
                    raise
                except CannotLook as error:
                    self.reasons.append(str(error))
        return found

    def _stats(self, directory: str, names: Sequence[str]) -> Mapping[str, Stat]:
        try:
            return self._host.stats(f"{self._root}{directory}" or "/", [".", *names])
        except Missing:
            return {}

    def _file(self, directory: str, name: str, there: Mapping[str, Stat]) -> File:
        named = there.get(name)
        seen = named
        if named is not None and stat.S_ISLNK(named.mode):  # PHP follows it; we do where only root could have placed it
            seen = self._target(f"{self._root}{directory}/{name}")
        if named is not None and seen is not None and stat.S_ISREG(seen.mode):
            return File(seen.mtime_ns / 1e9, max(named.ctime_ns, seen.ctime_ns) / 1e9)
        return File(None, there["."].ctime_ns / 1e9 if "." in there else self._went(directory))

    def _target(self, path: str) -> Optional[Stat]:
        try:
            return self._host.stat(path, follow=True)
        except Missing:
            return None

    def _went(self, directory: str) -> float:
        """Return when a directory went, at the latest: what is left of the way to it was changed by that."""
        went = self._change("/")
        if went is None:
            raise Missing(f"{self._root}/: there is no such directory", path=self._root)
        above = ""
        for name in directory.split("/")[1:]:
            above += "/" + name
            changed = self._change(above)
            if changed is None:
                break
            went = changed
        return went

    def _change(self, directory: str) -> Optional[float]:
        if directory not in self._changed:
            try:
                self._changed[directory] = self._host.stat(f"{self._root}{directory}", follow=True).ctime_ns / 1e9
            except Missing:
                self._changed[directory] = None
        return self._changed[directory]
