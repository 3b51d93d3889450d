# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One file of a cache: how it is taken away while workers may write a new one in its place, and how it is given back.

A file is never unlinked by its public name: it is renamed to where only root can reach it, looked at there, and given
back with link(2), which takes no name that is taken, unless it is what was seen.
"""

import contextlib
import errno
import os
import stat
import uuid
from typing import Any, Dict, NamedTuple, Optional, cast

from ..errors import CannotAct, CannotLook, Missing, Taken, Unneeded
from ..facts.cached_script import ENTRY_LIMIT
from ..facts.opcode_cache import FileSeen
from ..tree import read_plain_file
from .cache_directory import Cache
from .journal import Journal

ASIDE = ".phpfleet-"
FREE = "free"
BACK = "back"
_PERMISSIONS = 0o777  # no engine sets more, and whoever did so is not to get a copy of it from root
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


def is_seen(cache: Cache, file: FileSeen) -> bool:
    try:
        directory, name = cache.place(file.path)
        return _is(os.stat(name, dir_fd=directory, follow_symlinks=False), file)
    except (FileNotFoundError, Unneeded):
        return False
    except OSError as error:
        raise CannotAct(f"{cache.path}/{file.path}: {error.strerror}; run with become") from error


def keep(cache: Cache, file: FileSeen, shelved: bool, journal: Optional[Journal]) -> Optional[Kept]:
    """Return how a file is taken away, None where it is no longer what was seen.

    shelved: it is moved to the shelf of the run. journal: it is copied there, now. Neither: it will be deleted.
    """
    try:
        directory, name = cache.place(file.path)
        seen = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not _is(seen, file):
            return None
        copy = None
        if journal is not None:
            content, read = read_plain_file(directory, name, file.path, ENTRY_LIMIT)
            if (read.device, read.inode, read.size, read.mtime_ns) != file[1:]:
                return None
            copy = journal.keep(content)
    except (FileNotFoundError, Unneeded, Missing):
        return None
    except (OSError, CannotLook) as error:
        raise CannotAct(f"{cache.path}/{file.path}: {error}") from error
    return Kept(
        *file,
        mode=stat.S_IMODE(seen.st_mode),
        uid=seen.st_uid,
        gid=seen.st_gid,
        aside=ASIDE + uuid.uuid4().hex,
        shelved=shelved,
        copy=copy,
    )


def take(cache: Cache, shelf: Optional[int], file: Kept) -> None:
    """Take a file away. Raises Unneeded where it is no longer what was seen, OSError and CannotAct."""
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


def state_of(cache: Cache, shelf: Optional[int], file: Kept, comes_back: bool) -> str:
    """Return FREE where a file can be put back, BACK where it is, else why neither.

    comes_back: whether its directory went with it, and is made again first.
    """
    try:
        directory, name = cache.place(file.path)
        there: Optional[os.stat_result] = os.stat(name, dir_fd=directory, follow_symlinks=False)
        aside = directory if shelf is None else shelf
    except FileNotFoundError:
        there, aside = None, directory if shelf is None else shelf
    except Unneeded as error:
        if not comes_back:
            return str(error)
        there, aside = None, shelf if shelf is not None else -1
    if there is not None:
        same = _is(there, file) or (file.copy is not None and _is_alike(there, file))
        return BACK if same else f"{file.path}: something else stands there now"
    if file.copy is not None or _exists(aside, file.aside):
        return FREE
    return f"{file.path}: it is no longer where the run has put it"


def give_back(cache: Cache, shelf: Optional[int], file: Kept) -> None:
    """Give a file back that state_of() calls FREE. Raises Taken where something has its name, OSError and CannotAct."""
    directory, name = cache.place(file.path)
    place = directory if shelf is None else shelf
    if file.copy is not None and not _exists(directory, file.aside):
        _make(directory, file)
        place = directory
    try:
        os.link(file.aside, name, src_dir_fd=place, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError as error:
        if place == directory:
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
        os.fchmod(descriptor, file.mode & _PERMISSIONS)
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
