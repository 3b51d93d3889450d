# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at every file of a tree that others can write: by descriptors, following no link and crossing no mount.

One process a processor does it: threads would hinder one another at each of the several short system calls a file.
Each lists the whole tree, which is cheap, and looks at the files that are its own by their path, so that nothing needs
to be handed to it.
"""

import multiprocessing
import os
import stat
import zlib
from multiprocessing.connection import Connection
from typing import Any, Callable, Generic, Iterator, List, NamedTuple, Optional, Tuple, TypeVar

from .directory import explained, mount_of
from .errors import CannotLook, Missing, PhpfleetError, TooLarge, Untrusted, broken

F = TypeVar("F")

DEPTH_LIMIT = 100  # directories below one another; a path of PATH_MAX may have 2,048
PROCESSES_LIMIT = 8
TOLD_LIMIT = 400_000  # files of which something is said, of all processes together; each takes 1.6 KB
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: opening a FIFO that somebody planted must not wait for its writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FORK = multiprocessing.get_context("fork")  # looks are closures, which only a fork takes along


class Stat(NamedTuple):
    """What lstat(2) says. Times in nanoseconds since the epoch; ctime_ns is the one that nobody can set.

    links: how many names the file has.
    """

    mode: int
    uid: int
    gid: int
    size: int
    mtime_ns: int
    inode: int
    device: int
    ctime_ns: int = 0
    links: int = 1


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


class Counts:
    """What a look counts besides: each process has its own, and survey() adds them up."""

    def add(self, other: Any) -> None:
        """Add what another process has counted."""


C = TypeVar("C", bound=Counts)
Look = Callable[[Leaf], Optional[F]]


def survey(top: int, enters: Callable[[str], bool], looker: Callable[[C], Look[F]], counts: C) -> Tree[F]:
    """Look at every leaf below an open directory, in several processes, and keep what is said of it unless None.

    enters(path) says whether a directory is entered; one that is not is a leaf too. looker(counts) returns what looks,
    and adds to these counts. Raises what that raises, and TooLarge where there is something to say of too many.
    """
    processes = min(len(os.sched_getaffinity(0)), PROCESSES_LIMIT)
    others = [_start(top, enters, looker, type(counts)(), number, processes) for number in range(1, processes)]
    tree = _share(top, enters, looker, counts, 0, processes)
    for process, answer in others:
        said, blind, counted = _answer(answer)
        process.join()
        tree.said.extend(said)
        tree.blind.extend(blind)
        counts.add(counted)
    tree.blind = list({one.path: one for one in tree.blind}.values())  # what one can't see, the others hardly can
    return tree


def _start(
    top: int, enters: Callable[[str], bool], looker: Callable[[C], Look[F]], counts: C, number: int, processes: int
) -> Tuple[Any, Connection]:
    def work() -> None:
        try:
            share = _share(top, enters, looker, counts, number, processes)
            theirs.send((share.said, share.blind, counts))
        except PhpfleetError as error:
            theirs.send(error)
        except Exception as error:  # whatever it is, who waits for the answer must be told
            theirs.send(broken(error))

    ours, theirs = _FORK.Pipe(duplex=False)
    process = _FORK.Process(target=work, daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _answer(connection: Connection) -> Any:
    try:
        answer = connection.recv()
    except EOFError as error:
        raise CannotLook("a process that read files was killed; look again with more memory, or at less") from error
    finally:
        connection.close()
    if isinstance(answer, PhpfleetError):
        raise answer
    return answer


def _share(
    top: int, enters: Callable[[str], bool], looker: Callable[[C], Look[F]], counts: C, number: int, processes: int
) -> Tree[F]:
    """Look at the leaves whose path falls to one of several processes."""
    tree: Tree[F] = Tree()
    look = looker(counts)

    def see(directory: int, name: str, path: str) -> None:
        if zlib.crc32(os.fsencode(path)) % processes == number:
            said = look(Leaf(directory, name, path))
            if said is not None:
                tree.said.append(said)
            if len(tree.said) > TOLD_LIMIT // processes:
                raise TooLarge(
                    f"more than {TOLD_LIMIT} files are to be told, as somebody may plant them to fill the memory; "
                    "look who wrote them, and empty the directory by hand"
                )

    tree.blind = list_tree(top, enters, see)
    return tree


def list_tree(top: int, enters: Callable[[str], bool], see: Callable[[int, str, str], None]) -> List[Blind]:
    """Call see(directory, name, path) for every leaf below an open directory; return what it is blind to."""
    blind: List[Blind] = []
    # Opened anew: where in a directory a listing stands is shared with whoever has the same descriptor after a fork.
    own = os.open(".", _ENTER, dir_fd=top)
    try:
        _list(own, "", mount_of(own), enters, see, blind)
    finally:
        os.close(own)
    return blind


def _list(
    directory: int,
    path: str,
    mount: Tuple[int, Optional[int]],
    enters: Callable[[str], bool],
    see: Callable[[int, str, str], None],
    blind: List[Blind],
) -> None:
    inner: List[str] = []
    for name, is_directory in _entries(directory):
        below = _join(path, name)
        if is_directory and enters(below):
            inner.append(name)
        else:
            see(directory, name, below)
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
            _list(opened, below, mount, enters, see, blind)
        except OSError as error:  # of the listing itself: a disk that fails, a network that is gone
            blind.append(Blind(below, explained(error, below)))
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
        return _read_all(descriptor, path, seen.size, limit), seen
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


def _read_all(descriptor: int, path: str, size: int, limit: int) -> bytes:
    """Return all of a file; ``size`` is what it says, which files of /proc do not."""
    pieces: List[bytes] = []
    left = limit + 1
    while left > 0:
        piece = os.read(descriptor, min(left, max(size + 1, 1 << 16)))
        if not piece or (len(piece) == size < left and not pieces):
            return b"".join([*pieces, piece])
        pieces.append(piece)
        left -= len(piece)
    raise TooLarge(f"{path}: larger than {limit} bytes, which nothing genuine of its kind is", path=path, limit=limit)


def stat_of(seen: os.stat_result) -> Stat:
    """The fields of a stat(2) that anybody here needs."""
    return Stat(
        seen.st_mode,
        seen.st_uid,
        seen.st_gid,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ino,
        seen.st_dev,
        seen.st_ctime_ns,
        seen.st_nlink,
    )
