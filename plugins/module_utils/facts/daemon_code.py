# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which code a process of PHP runs, and whether that is still the code that its script's name leads to."""

import posixpath
import stat
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..tree import Counts, Leaf, Look, Stat, Tree
from .release_links import LINK_NAMES, Link, link_at

COMMAND_LIMIT = 1024 * 1024
DESCRIPTORS_LIMIT = 2000
LEVELS_LIMIT = 6  # directories above a daemon's that such a link is looked for in
_GONE = " (deleted)"  # what proc(5) adds to a path


class Place(NamedTuple):
    """Where a process is, or has a file open: its path, and whether it is gone from there."""

    path: str
    gone: bool


class Left(NamedTuple):
    """The release that a process runs, where the link now leads to another one."""

    release: str
    link: Link


class Code(NamedTuple):
    """What a process runs.

    script: the path that its command line names. opened: the file that it has open under that name; PHP keeps the
    script open that it was started with. same: whether the name still leads to that file, None where none is open.
    changed: when the file that the name leads to was written, None where it leads to nothing. directory: where it
    works. left: releases that it lies in and that are no longer led to.
    """

    script: Optional[str]
    opened: Optional[Place]
    same: Optional[bool]
    changed: Optional[float]
    directory: Place
    left: Tuple[Left, ...]


def of(host: Host, pid: int, script: Optional[str], named: Sequence[str]) -> Code:
    """Return the code of a process; named: links that the administrator says lead to releases. Raises CannotLook."""
    directory = place(host.link(f"/proc/{pid}/cwd"))
    path = posixpath.normpath(posixpath.join(directory.path, script)) if script else None
    descriptor = _descriptor(host, pid, path) if path else None
    opened = place(host.link(f"/proc/{pid}/fd/{descriptor}")) if descriptor else None
    if not _shares_files(host, pid):
        return Code(path, opened, None, None, directory, ())
    there = _at(host, path) if path else None
    held = _at(host, f"/proc/{pid}/fd/{descriptor}") if descriptor else None
    places = [directory.path, *([posixpath.dirname(opened.path)] if opened else [])]
    return Code(
        script=path,
        opened=opened,
        same=_is_same(there, held) if opened else None,
        changed=there.mtime_ns / 1e9 if there else None,
        directory=directory,
        left=tuple(_left(host, places, path or "", named)),
    )


def _shares_files(host: Host, pid: int) -> bool:
    """Whether a path means to a process what it means to us, which it does not in a container or a chroot."""
    return _is_same(_at(host, f"/proc/{pid}/root"), _at(host, "/"))


def place(text: str) -> Place:
    """Return what a link of proc(5) says."""
    gone = text.endswith(_GONE)
    return Place(text[: -len(_GONE)] if gone else text, gone)


def _descriptor(host: Host, pid: int, path: str) -> Optional[str]:
    """Return the lowest descriptor that has a file open which is called as the script is."""
    numbers = sorted((name for name in host.list(f"/proc/{pid}/fd") if name.isdigit()), key=int)
    for number in numbers[:DESCRIPTORS_LIMIT]:
        try:
            seen = place(host.link(f"/proc/{pid}/fd/{number}"))
        except Missing:
            continue  # it was closed meanwhile
        if posixpath.basename(seen.path) == posixpath.basename(path):
            return number
    return None


def _at(host: Host, path: str) -> Optional[Stat]:
    try:
        return host.stat_as_named(path)
    except Missing:
        return None


def _is_same(one: Optional[Stat], other: Optional[Stat]) -> bool:
    return one is not None and other is not None and (one.device, one.inode) == (other.device, other.inode)


def _left(host: Host, places: Sequence[str], script: str, named: Sequence[str]) -> Iterator[Left]:
    """Yield each release that a place lies in, with the link that leads to another one beside it."""
    for above in {tuple(_above(path)) for path in places}:
        for path in [*(f"{directory}/{name}" for directory in above for name in LINK_NAMES), *named]:
            link = link_at(host, path)
            beside = [one for one in above if link and posixpath.dirname(one) == posixpath.dirname(link.target)]
            if link is None or not beside or beside[0] == link.path:
                continue
            # A link among the directories it leads to may be of another program, unless the script was named by it.
            apart = posixpath.dirname(link.path) != posixpath.dirname(link.target)
            related = apart or path in named or script.startswith(link.path + "/")
            now, own = _at(host, link.path), _at(host, beside[0])
            if related and now is not None and not _is_same(now, own):
                yield Left(beside[0], link)


def _above(path: str) -> List[str]:
    """Return a directory and those above it, without ``/``."""
    parts = path.strip("/").split("/")
    return ["/" + "/".join(parts[:length]) for length in range(len(parts), 0, -1)][:LEVELS_LIMIT]


class _Newest(Counts):
    """When the newest PHP file of a tree was written, in nanoseconds since the epoch; 0 for none."""

    def __init__(self) -> None:
        self.mtime_ns = 0

    def add(self, other: "_Newest") -> None:
        self.mtime_ns = max(self.mtime_ns, other.mtime_ns)


def is_link(host: Host, path: str) -> bool:
    """Whether a path is a link itself. Raises CannotLook."""
    return stat.S_ISLNK(host.stat(path).mode)


def newest(host: Host, path: str) -> float:
    """Return when the newest PHP file below a directory was written, in seconds since the epoch; 0 for none."""
    counts = _Newest()
    tree: Tree[None] = host.survey(path, lambda _path: True, _looker, counts)
    if tree.blind:
        raise CannotLook(f"{path}: {tree.blind[0].path}: {tree.blind[0].reason}")
    return counts.mtime_ns / 1e9


def _looker(counts: _Newest) -> Look[None]:
    def look(leaf: Leaf) -> None:
        if leaf.path.endswith(".php"):
            counts.mtime_ns = max(counts.mtime_ns, leaf.stat().mtime_ns)

    return look
