# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An open cache whose owner may exchange any name in it: its directories are reached by descriptors alone."""

import contextlib
import errno
import os
import stat
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type

from ..directory import mount_of, open_place
from ..errors import CannotAct, CannotLook, Missing, Taken, Unneeded
from ..tree import list_tree

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class DirectoryKept(NamedTuple):
    """A directory as it was. path: below the cache."""

    path: str
    mode: int
    uid: int
    gid: int


class Cache:
    """An open cache. place() reaches the directories below it, and keeps the last one open: files come in order."""

    def __init__(self, path: str, directory: int, other: Type[Unneeded]) -> None:
        self.path = path
        self.mount = mount_of(directory)
        self._directory = directory
        self._other = other
        self._last: Optional[Tuple[str, int]] = None

    def place(self, path: str) -> Tuple[int, str]:
        """Return the open directory of a path below the cache, and the name in it. Raises Unneeded or Taken."""
        above, _unused, name = path.rpartition("/")
        if self._last is None or self._last[0] != above:
            self.close()
            self._last = (above, self._open(above))
        return self._last[1], name

    def close(self) -> None:
        if self._last is not None:
            os.close(self._last[1])
            self._last = None

    def _open(self, path: str) -> int:
        directory = os.dup(self._directory)
        try:
            for name in path.split("/") if path else ():
                step = os.open(name, _DIRECTORY, dir_fd=directory)
                os.close(directory)
                directory = step
            if mount_of(directory) != self.mount:
                raise self._other(f"{self.path}/{path}: something else is mounted there now")
        except OSError as error:
            os.close(directory)
            if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
                raise self._other(f"{self.path}/{path}: the directory is gone, or is no directory any more") from error
            raise CannotAct(f"{self.path}/{path}: {error.strerror}; run with become") from error
        except BaseException:
            os.close(directory)
            raise
        return directory


@contextlib.contextmanager
def open_cache(path: str, other: Type[Unneeded] = Unneeded) -> Iterator[Cache]:
    """Open a cache by its physical path. Raises ``other`` where it is gone or elsewhere, and CannotAct."""
    try:
        place = open_place("/", path)
    except Missing as error:
        raise other(f"{path}: the cache is gone") from error
    except CannotLook as error:
        raise CannotAct(str(error)) from error
    try:
        if place.path != path:
            raise other(f"{path}: the way to it leads to {place.path} now")
        directory = os.open(place.name, _DIRECTORY, dir_fd=place.directory)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
            raise other(f"{path}: the cache is gone, or is no directory any more") from error
        raise CannotAct(f"{path}: {error.strerror}; run with become") from error
    finally:
        os.close(place.directory)
    cache = Cache(path, directory, other)
    try:
        yield cache
    finally:
        cache.close()
        os.close(directory)


def directories_below(cache: Cache, top: str) -> List[DirectoryKept]:
    """Return a directory of a cache and all below it, the outermost first."""
    paths = [top]

    def enters(path: str) -> bool:
        paths.append(f"{top}/{path}")
        return True

    directory, name = cache.place(top + "/x")
    list_tree(directory, enters, lambda directory, name, path: None)
    found = []
    for path in sorted(paths):
        with contextlib.suppress(FileNotFoundError, Unneeded):
            directory, name = cache.place(path)
            seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
            found.append(DirectoryKept(path, stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid))
    return found


def remove_empty(cache: Cache, directories: Sequence[DirectoryKept]) -> str:
    """Remove the directories that are empty, from the innermost on; say what stays."""
    stays = 0
    for one in reversed(directories):
        try:
            directory, name = cache.place(one.path)
            os.rmdir(name, dir_fd=directory)
        except (FileNotFoundError, Unneeded):
            continue
        except OSError:
            stays += 1  # something that is not the cache's own, or newer, is in it
    return f"; {stays} directories stay, because something else is in them" if stays else ""


def make_again(cache: Cache, directories: Sequence[DirectoryKept]) -> None:
    for one in directories:
        directory, name = cache.place(one.path)
        try:
            os.mkdir(name, 0o700, dir_fd=directory)
        except FileExistsError:
            continue
        made = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            # Whoever owns the directory above may have put another one there since, to have it given to him.
            if not _is_new(made):
                raise Taken(f"{one.path}: something else stands there now")
            os.fchown(made, one.uid, one.gid)
            os.fchmod(made, one.mode)
        finally:
            os.close(made)


def _is_new(directory: int) -> bool:
    seen = os.fstat(directory)
    is_ours = seen.st_uid == os.geteuid() and not stat.S_IMODE(seen.st_mode) & 0o077
    return is_ours and not os.listdir(directory)
