# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take entries out of an opcode cache while workers read and write it, and put them back.

Whoever owns the cache can exchange any name in it at any moment. So a file is never unlinked by its public name: it is
renamed to where only root can reach it, looked at there, and given back with link(2), which takes no name that is
taken, unless it is what was seen. Every directory is reached by descriptors, through no link and on no other mount.
"""

import contextlib
import errno
import os
import stat
import uuid
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Type, Union, cast

from ..directory import mount_of, open_place
from ..errors import CannotAct, CannotLook, Missing, Taken, Unneeded
from ..facts.cached_script import ENTRY_LIMIT
from ..facts.opcode_cache import FileSeen, Guard
from ..model import Action
from ..tree import list_tree, read_plain_file
from .journal import Intent, Journal
from .shelf import make_shelf, open_shelf
from .verb import Prepared, Verb

ASIDE = ".phpfleet-"
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Kept(NamedTuple):
    """One file as it was, and where it is now.

    aside: its name while it is taken away, on the shelf where shelved, else in its own directory. copy: where in the
    quarantine its content is. A file that is neither shelved nor copied is deleted.
    """

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    mode: int
    uid: int
    gid: int
    aside: str
    shelved: bool
    copy: Optional[Dict[str, Any]]

    @property
    def is_kept(self) -> bool:
        return self.shelved or self.copy is not None


class DirectoryKept(NamedTuple):
    """A directory as it was. path: below the cache."""

    path: str
    mode: int
    uid: int
    gid: int


class Back(NamedTuple):
    """What undo puts back into a cache; directories from the outermost on."""

    cache: str
    shelf: str
    files: Tuple[Kept, ...]
    directories: Tuple[DirectoryKept, ...]


# What the verbs of a remedy do.


def look(action: Action) -> None:
    guard = cast(Guard, action.guard)
    with _cache(guard.cache) as cache:
        if not any(_is_seen(cache, file) for file in guard.files):
            raise Unneeded(f"{action.object}: {_GONE}")


def prepare(action: Action, journal: Journal) -> Prepared:
    guard = cast(Guard, action.guard)
    shelf = make_shelf(journal)
    with _cache(guard.cache) as cache, open_shelf(shelf) as shelf_directory:
        same_mount = mount_of(shelf_directory) == cache.mount
        files = [_kept(cache, guard, number, file, journal, same_mount) for number, file in enumerate(guard.files)]
        directories = _directories(cache, guard.directory) if guard.directory else []
    still = [file for file in files if file is not None]
    if not still:
        raise Unneeded(f"{action.object}: {_GONE}")
    return Prepared(
        action,
        dict(
            cache=guard.cache,
            shelf=shelf if same_mount else "",
            files=[list(file) for file in still],
            directories=[list(directory) for directory in directories],
        ),
    )


_GONE = "what was seen there is gone, or was written anew meanwhile"


def _kept(
    cache: "_Cache", guard: Guard, number: int, file: FileSeen, journal: Journal, same_mount: bool
) -> Optional[Kept]:
    """Return how a file is taken away, None where it is no longer what was seen; and copy it, if it must be."""
    try:
        directory, name = cache.place(file.path)
        seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not _is(seen, file):
            return None
        copy = None
        keep = number < guard.kept
        if keep and not same_mount:
            content, read = read_plain_file(directory, name, file.path, ENTRY_LIMIT)
            if (read.device, read.inode, read.size, read.mtime_ns) != file[1:]:
                return None
            copy = journal.keep(content)
    except (FileNotFoundError, Unneeded, Missing):
        return None
    except (OSError, CannotLook) as error:
        raise CannotAct(f"{guard.cache}/{file.path}: {error}") from error
    return Kept(
        *file,
        mode=stat.S_IMODE(seen.st_mode),
        uid=seen.st_uid,
        gid=seen.st_gid,
        aside=ASIDE + uuid.uuid4().hex,
        shelved=keep and same_mount,
        copy=copy,
    )


def act(prepared: Prepared) -> str:
    back = _back(prepared.kept)
    with _cache(back.cache) as cache, _place_of(back) as shelf:
        removed, left, failures = _each(back.files, lambda file: _take(cache, shelf, file))
        stays = _remove_directories(cache, back.directories)
    if failures:
        raise CannotAct(f"{len(failures)} of {len(back.files)} files could not be removed, the first: {failures[0]}")
    if not removed:
        raise Unneeded(left[0])
    return _removed_sentence(back.files, removed, left) + stays


def _removed_sentence(files: Sequence[Kept], removed: Sequence[Kept], left: Sequence[str]) -> str:
    lost = sum(not file.is_kept for file in removed)
    if len(files) == 1:
        return "deleted, beyond quarantine_limit" if lost else "moved into the quarantine"
    said = f"{_files(len(removed) - lost)} moved into the quarantine"
    said += f", {lost} deleted, beyond quarantine_limit" if lost else ""
    return said + (f", {len(left)} left: they were written anew meanwhile" if left else "")


def undo(intent: Intent) -> Union[Action, str]:
    back = _back(intent.kept)
    if not any(file.is_kept for file in back.files):
        return "it was beyond quarantine_limit, and is deleted"
    return Action(intent.check, "put_back_cache_entries", intent.object, back, "the host has what was wrong again")


def diff(action: Action) -> Tuple[str, str]:
    guard = cast(Guard, action.guard)
    size = sum(file.size for file in guard.files)
    return f"{action.object}: {_files(len(guard.files))}, {size} bytes", ""


# What undo does.


def look_back(action: Action) -> None:
    back = cast(Back, action.guard)
    with _cache(back.cache, Taken) as cache, _place_of(back) as shelf:
        states = [_state(cache, shelf, back, file) for file in back.files if file.is_kept]
    if _FREE in states:
        return
    taken = [one for one in states if one != _BACK]
    if taken:
        raise Taken(taken[0])
    raise Unneeded(f"{action.object}: it is as it was before the run")


def prepare_back(action: Action, journal: Journal) -> Prepared:
    look_back(action)
    return Prepared(action, dict(cache=cast(Back, action.guard).cache))


def act_back(prepared: Prepared) -> str:
    back = cast(Back, prepared.action.guard)
    with _cache(back.cache, Taken) as cache, _place_of(back) as shelf:
        _make_directories(cache, back.directories)
        free = [file for file in back.files if file.is_kept and _state(cache, shelf, back, file) == _FREE]
        returned, left, failures = _each(free, lambda file: _give_back(cache, shelf, file))
    if failures:
        raise CannotAct(f"{len(failures)} of {len(free)} files could not be put back, the first: {failures[0]}")
    if not returned:
        raise Taken(left[0] if left else f"{prepared.action.object}: something else stands there now")
    if len(back.files) == 1:
        return "put back"
    more = len(back.files) - len(returned)
    return f"{_files(len(returned))} put back" + (
        f"; {more} are there already, taken, or were not kept" if more else ""
    )


def undo_back(intent: Intent) -> str:
    return "it was put back by an undo; run the module opcode_cache to take it away again"


def diff_back(action: Action) -> Tuple[str, str]:
    back = cast(Back, action.guard)
    size = sum(file.size for file in back.files if file.is_kept)
    return "", f"{action.object}: {_files(sum(file.is_kept for file in back.files))}, {size} bytes"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


_REMOVE = Verb(look, prepare, act, undo, diff)
VERBS: Dict[str, Verb] = {
    "remove_cache_entries": _REMOVE,
    "remove_cache_directory": _REMOVE,
    "put_back_cache_entries": Verb(look_back, prepare_back, act_back, undo_back, diff_back),
}


# One file.


def _each(files: Sequence[Kept], do: Callable[[Kept], None]) -> Tuple[List[Kept], List[str], List[str]]:
    """Do it to each file; return those it was done to, why others are left, and what failed."""
    done, left, failures = [], [], []
    for file in files:
        try:
            do(file)
            done.append(file)
        except Unneeded as error:
            left.append(str(error))
        except (CannotAct, OSError) as error:
            failures.append(f"{file.path}: {error.strerror if isinstance(error, OSError) else error}")
    return done, left, failures


def _take(cache: "_Cache", shelf: Optional[int], file: Kept) -> None:
    directory, name = cache.place(file.path)
    place = directory if shelf is None else shelf
    try:
        if not _is(os.stat(name, dir_fd=directory, follow_symlinks=False), file):
            raise Unneeded(f"{file.path}: it was written anew meanwhile")
        os.rename(name, file.aside, src_dir_fd=directory, dst_dir_fd=place)
    except FileNotFoundError as error:
        raise Unneeded(f"{file.path}: it is gone meanwhile") from error
    taken = os.stat(file.aside, dir_fd=place, follow_symlinks=False)
    if not _is(taken, file):
        _return_stranger(directory, name, place, file.aside, stat.S_ISDIR(taken.st_mode))
        raise Unneeded(f"{file.path}: it was written anew meanwhile")
    if not file.shelved:
        os.unlink(file.aside, dir_fd=place)


def _return_stranger(directory: int, name: str, place: int, aside: str, is_directory: bool) -> None:
    """Give back what took the place of a file just before it was taken."""
    if is_directory:  # link(2) makes none of a directory
        os.rename(aside, name, src_dir_fd=place, dst_dir_fd=directory)
        return
    with contextlib.suppress(FileExistsError):  # a worker wrote a still newer one, and would have replaced this
        os.link(aside, name, src_dir_fd=place, dst_dir_fd=directory, follow_symlinks=False)
    os.unlink(aside, dir_fd=place)


_FREE = "free"
_BACK = "back"


def _state(cache: "_Cache", shelf: Optional[int], back: Back, file: Kept) -> str:
    """Return _FREE where a file can be put back, _BACK where it is, else why neither."""
    try:
        directory, name = cache.place(file.path)
        there: Optional[os.stat_result] = os.stat(name, dir_fd=directory, follow_symlinks=False)
        aside = directory if shelf is None else shelf
    except FileNotFoundError:
        there, aside = None, directory if shelf is None else shelf
    except Unneeded as error:
        if os.path.dirname(file.path) not in {one.path for one in back.directories}:
            return str(error)
        there, aside = None, shelf if shelf is not None else -1
    if there is not None:
        same = _is(there, file) or (file.copy is not None and _is_alike(there, file))
        return _BACK if same else f"{file.path}: something else stands there now"
    if file.copy is not None or _exists(aside, file.aside):
        return _FREE
    return f"{file.path}: it is no longer where the run has put it"


def _give_back(cache: "_Cache", shelf: Optional[int], file: Kept) -> None:
    directory, name = cache.place(file.path)
    place = directory if shelf is None else shelf
    if file.copy is not None and not _exists(directory, file.aside):
        _make(directory, file)
        place = directory
    try:
        os.link(file.aside, name, src_dir_fd=place, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError as error:
        if place is directory:
            os.unlink(file.aside, dir_fd=directory)
        raise Taken(f"{file.path}: something else stands there now") from error
    os.unlink(file.aside, dir_fd=place)


def _make(directory: int, file: Kept) -> None:
    """Write a copy out of the quarantine, under the name that it has aside."""
    descriptor = os.open(file.aside, _CREATE, 0o600, dir_fd=directory)
    try:
        view = memoryview(_copied(cast(Dict[str, Any], file.copy)))
        while view:
            view = view[os.write(descriptor, view) :]
        os.fchown(descriptor, file.uid, file.gid)
        os.fchmod(descriptor, file.mode)
        os.utime(descriptor, ns=(file.mtime_ns, file.mtime_ns))
    except BaseException:
        os.unlink(file.aside, dir_fd=directory)
        raise
    finally:
        os.close(descriptor)


def _copied(copy: Dict[str, Any]) -> bytes:
    descriptor = os.open(copy["path"], os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        content = os.pread(descriptor, copy["size"], copy["offset"])
    finally:
        os.close(descriptor)
    if len(content) != copy["size"]:
        raise CannotAct(f"{copy['path']}: it is cut short; restore by hand from a backup")
    return content


def _is(now: os.stat_result, file: Any) -> bool:
    """Whether a file is the very one that was seen; ``file`` is a FileSeen or a Kept."""
    plain = stat.S_ISREG(now.st_mode)
    return plain and (now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns) == (
        file.device,
        file.inode,
        file.size,
        file.mtime_ns,
    )


def _is_alike(now: os.stat_result, file: Kept) -> bool:
    return stat.S_ISREG(now.st_mode) and (now.st_size, now.st_mtime_ns) == (file.size, file.mtime_ns)


def _exists(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.EBADF):
            return False
        raise
    return True


# Directories.


class _Cache:
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
def _cache(path: str, other: Type[Unneeded] = Unneeded) -> Iterator[_Cache]:
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
    cache = _Cache(path, directory, other)
    try:
        yield cache
    finally:
        cache.close()
        os.close(directory)


@contextlib.contextmanager
def _place_of(back: Back) -> Iterator[Optional[int]]:
    """Open the shelf of a run; None where it has none, and everything is aside in its own directory."""
    if not back.shelf:
        yield None
        return
    with contextlib.ExitStack() as opened:
        try:
            shelf = opened.enter_context(open_shelf(back.shelf))
        except FileNotFoundError as error:
            raise Taken(f"{back.shelf}: what the run took away is no longer kept") from error
        yield shelf


def _is_seen(cache: _Cache, file: FileSeen) -> bool:
    try:
        directory, name = cache.place(file.path)
        return _is(os.stat(name, dir_fd=directory, follow_symlinks=False), file)
    except (FileNotFoundError, Unneeded):
        return False
    except OSError as error:
        raise CannotAct(f"{cache.path}/{file.path}: {error.strerror}; run with become") from error


def _directories(cache: _Cache, top: str) -> List[DirectoryKept]:
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


def _remove_directories(cache: _Cache, directories: Sequence[DirectoryKept]) -> str:
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


def _make_directories(cache: _Cache, directories: Sequence[DirectoryKept]) -> None:
    for one in directories:
        directory, name = cache.place(one.path)
        try:
            os.mkdir(name, 0o700, dir_fd=directory)
        except FileExistsError:
            continue
        made = os.open(name, _DIRECTORY, dir_fd=directory)
        try:
            os.fchown(made, one.uid, one.gid)
            os.fchmod(made, one.mode)
        finally:
            os.close(made)


# What the journal keeps.


def _back(kept: Dict[str, Any]) -> Back:
    files = tuple(Kept(*file) for file in kept["files"])
    return Back(kept["cache"], kept["shelf"], files, tuple(DirectoryKept(*one) for one in kept["directories"]))
