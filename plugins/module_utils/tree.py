# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at every file of a tree that others can write: by descriptors, following no link and crossing no mount.

One thread lists, and as many as there are processors look: reading a file and summing it up both free the interpreter.
A directory is opened once for all that is in it.
"""

import os
import stat
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Callable, Deque, Generic, Iterator, List, NamedTuple, Optional, Tuple, TypeVar

from .directory import explained, mount_of
from .errors import CannotLook, Missing, TooLarge, Untrusted

F = TypeVar("F")

DEPTH_LIMIT = 100  # directories below one another; a path of PATH_MAX may have 2,048
CHUNK = 128  # files that one thread looks at before it hands back what it found
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody planted must not wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class Stat(NamedTuple):
    """What lstat(2) says. Times in nanoseconds since the epoch."""

    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    inode: int
    device: int


class Leaf:
    """A name of a tree that is not entered. path: from the top of the tree on, such as ``1/5/eaccelerator-1.2``."""

    def __init__(self, directory: int, name: str, path: str) -> None:
        self.path = path
        self._directory = directory
        self._name = name

    def stat(self) -> Stat:
        """lstat(2) of it. Raises CannotLook."""
        try:
            return stat_of(os.stat(self._name, dir_fd=self._directory, follow_symlinks=False))
        except OSError as error:
            raise explained(error, self.path) from error

    def read(self, limit: int) -> Tuple[bytes, Stat]:
        """Its whole content, and the fstat(2) of what was read. Raises TooLarge, Untrusted for no plain file."""
        return read_plain_file(self._directory, self._name, self.path, limit)


class Blind(NamedTuple):
    """A directory of a tree that was not looked into, and why."""

    path: str
    reason: CannotLook


class Tree(Generic[F]):
    """What a survey came to: what was said of each leaf, in no order, and the directories that it is blind to."""

    def __init__(self) -> None:
        self.said: List[F] = []
        self.blind: List[Blind] = []


def survey(top: int, enters: Callable[[str], bool], look: Callable[[Leaf], Optional[F]]) -> Tree[F]:
    """Call ``look`` for every leaf below an open directory, in several threads, and keep what it says unless None.

    enters(path) says whether a directory is entered; one that is not is a leaf too. Raises what ``look`` raises.
    """
    tree: Tree[F] = Tree()
    workers = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(workers) as pool:
        pending: Deque[Future[List[F]]] = deque()

        def hand_out(directory: int, path: str, names: List[str]) -> None:
            pending.append(pool.submit(_look_at, os.dup(directory), path, names, look))
            while len(pending) > 4 * workers:
                tree.said.extend(pending.popleft().result())

        _list(top, "", mount_of(top), enters, hand_out, tree.blind)
        for future in pending:
            tree.said.extend(future.result())
    return tree


def _look_at(directory: int, path: str, names: List[str], look: Callable[[Leaf], Optional[F]]) -> List[F]:
    try:
        said = (look(Leaf(directory, name, _join(path, name))) for name in names)
        return [one for one in said if one is not None]
    finally:
        os.close(directory)


def _list(
    directory: int,
    path: str,
    mount: Tuple[int, Optional[int]],
    enters: Callable[[str], bool],
    hand_out: Callable[[int, str, List[str]], None],
    blind: List[Blind],
) -> None:
    names: List[str] = []
    inner: List[str] = []
    for name, is_directory in _entries(directory):
        if is_directory and enters(_join(path, name)):
            inner.append(name)
            continue
        names.append(name)
        if len(names) == CHUNK:
            hand_out(directory, path, names)
            names = []
    if names:
        hand_out(directory, path, names)
    for name in inner:
        below = _join(path, name)
        try:
            opened = _enter(directory, name, below, mount)
        except Missing:
            continue  # it went meanwhile
        except CannotLook as error:
            blind.append(Blind(below, error))
            continue
        try:
            _list(opened, below, mount, enters, hand_out, blind)
        finally:
            os.close(opened)


def _entries(directory: int) -> Iterator[Tuple[str, bool]]:
    """Yield each name of an open directory, and whether it is a directory. Python 3.6 lists by name only."""
    opened = os.dup(directory) if os.scandir in os.supports_fd else f"/proc/self/fd/{directory}"
    try:
        with os.scandir(opened) as entries:
            for entry in entries:
                yield entry.name, entry.is_dir(follow_symlinks=False)
    finally:
        if isinstance(opened, int):
            os.close(opened)


def _enter(directory: int, name: str, path: str, mount: Tuple[int, Optional[int]]) -> int:
    if path.count("/") >= DEPTH_LIMIT:
        raise TooLarge(f"{path[:200]}…: deeper than {DEPTH_LIMIT} directories, which no cache is; remove it")
    try:
        opened = os.open(name, _ENTER, dir_fd=directory)
    except OSError as error:
        raise explained(error, path) from error
    if mount_of(opened) != mount:
        os.close(opened)
        raise Untrusted(f"{path}: something else is mounted there; unmount it, or name it by itself")
    return opened


def _join(path: str, name: str) -> str:
    return path + "/" + name if path else name


def read_plain_file(directory: int, name: str, path: str, limit: int) -> Tuple[bytes, Stat]:
    """The whole content of a plain file with its fstat(2); ``path`` is for errors. Raises TooLarge and Untrusted."""
    descriptor, seen = _open_plain_file(directory, name, path)
    try:
        return _read_all(descriptor, path, limit), seen
    except OSError as error:
        raise explained(error, path) from error
    finally:
        os.close(descriptor)


def read_end_of_plain_file(directory: int, name: str, path: str, limit: int) -> bytes:
    """The last ``limit`` bytes that a plain file has when it is opened, or all of it. Raises Untrusted."""
    descriptor, seen = _open_plain_file(directory, name, path)
    try:
        return os.pread(descriptor, limit, max(seen.size - limit, 0))
    except OSError as error:
        raise explained(error, path) from error
    finally:
        os.close(descriptor)


def _open_plain_file(directory: int, name: str, path: str) -> Tuple[int, Stat]:
    try:
        descriptor = os.open(name, _READ, dir_fd=directory)
    except OSError as error:
        raise explained(error, path) from error
    seen = os.fstat(descriptor)
    if stat.S_ISREG(seen.st_mode):
        return descriptor, stat_of(seen)
    os.close(descriptor)
    raise Untrusted(f"{path}: it is no plain file; remove it or name another path", path=path)


def _read_all(descriptor: int, path: str, limit: int) -> bytes:
    pieces: List[bytes] = []
    left = limit + 1
    while left > 0:
        piece = os.read(descriptor, min(left, 1 << 20))
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
        left -= len(piece)
    raise TooLarge(f"{path}: larger than {limit} bytes, which nothing genuine of its kind is", path=path, limit=limit)


def stat_of(seen: os.stat_result) -> Stat:
    """The fields of a stat(2) that anybody here needs."""
    return Stat(seen.st_mode, seen.st_uid, seen.st_gid, seen.st_size, seen.st_mtime_ns, seen.st_ino, seen.st_dev)
