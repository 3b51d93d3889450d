# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give a file of the administrator's other content: at once, and with all else about it as it was.

A new file with the old one's owner, mode, ACL, label and other extended attributes takes its name by rename(2), so that
whoever reads it reads the one or the other, whole. What others could have put in its place is never followed.
"""

import contextlib
import errno
import os
import stat
import uuid
from typing import Dict, Iterator, List, NamedTuple, Tuple, Type

from ..directory import open_place
from ..errors import CannotAct, CannotLook, Missing, Unneeded

CONTENT_LIMIT = 64 * 1024 * 1024  # bytes; a crontab of 10 MB works
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
# What the kernel itself keeps of the content; a copy would be of the wrong one.
_OF_THE_KERNEL = ("security.ima", "security.evm")


class Opened(NamedTuple):
    """A plain file as it was opened: its directory and the name in it, a descriptor, its fstat(2) and its content."""

    path: str
    directory: int
    name: str
    file: int
    seen: os.stat_result
    content: bytes


def beside() -> str:
    """Return a name for the new file until it has its own.

    Nobody takes it for a job or a configuration: cron and run-parts(8) pass over names with a dot, logrotate(8) over
    those that end in a tilde.
    """
    return f".phpfleet-{uuid.uuid4().hex}~"


@contextlib.contextmanager
def open_file(path: str, gone: Type[Unneeded] = Unneeded) -> Iterator[Opened]:
    """Open and read a file that root alone can replace, or its owner in a spool like cron's.

    Raises ``gone`` where it is not there any more or something else stands there, and CannotAct.
    """
    with _directory_of(path, gone) as (directory, name):
        file = _open(directory, name, path, gone)
        try:
            seen = os.fstat(file)
            _demand_replaceable(seen, path, gone)
            yield Opened(path, directory, name, file, seen, _read(file, seen.st_size, path))
        finally:
            os.close(file)


def replace(opened: Opened, content: bytes, fresh: str) -> None:
    """Let the file have that content, by way of the name ``fresh``. Raises Unneeded where it was written meanwhile."""
    try:
        _make(opened, content, fresh)
        demand_unchanged(opened)
        os.rename(fresh, opened.name, src_dir_fd=opened.directory, dst_dir_fd=opened.directory)
        os.fsync(opened.directory)
    except OSError as error:
        raise failed(opened.path, error) from error
    finally:
        unlink(opened.directory, fresh)


def demand_unchanged(opened: Opened) -> None:
    """Raise Unneeded where the name leads to another file than was opened, or that was written or given away since."""
    try:
        now = os.stat(opened.name, dir_fd=opened.directory, follow_symlinks=False)
    except FileNotFoundError as error:
        raise Unneeded(f"{opened.path}: it is gone meanwhile") from error
    if _identity(now) != _identity(opened.seen):
        raise Unneeded(f"{opened.path}: it was changed meanwhile")


def unlink(directory: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def failed(path: str, error: OSError) -> CannotAct:
    """Return what to say of a change that the kernel refused."""
    hint = ""
    if error.errno == errno.EPERM:
        hint = "; where `lsattr` shows i or a somebody wants it to stay so: ask, then `chattr -i -a` it"
    return CannotAct(f"{path}: {error.strerror}; it is as it was{hint}")


def _identity(seen: os.stat_result) -> List[int]:
    return [seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns]


@contextlib.contextmanager
def _directory_of(path: str, gone: Type[Unneeded]) -> Iterator[Tuple[int, str]]:
    try:
        place = open_place("/", path)
    except Missing as error:
        raise gone(f"{path}: its directory is gone") from error
    except CannotLook as error:
        raise CannotAct(str(error)) from error
    try:
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.directory)
    except OSError as error:
        raise CannotAct(f"{os.path.dirname(path)}: {error.strerror}; run with become") from error
    finally:
        os.close(place.directory)
    try:
        _demand_roots(os.fstat(directory), path)
        yield directory, place.name
    finally:
        os.close(directory)


def _demand_roots(seen: os.stat_result, path: str) -> None:
    """Demand that others cannot exchange the file; where a directory is sticky, each only what is theirs."""
    if seen.st_uid in (0, os.geteuid()) and (not seen.st_mode & _OTHERS_WRITE or seen.st_mode & stat.S_ISVTX):
        return
    raise CannotAct(f"{os.path.dirname(path)}: others than root can write in it; mend its owner and mode")


def _open(directory: int, name: str, path: str, gone: Type[Unneeded]) -> int:
    try:
        return os.open(name, _READ, dir_fd=directory)
    except FileNotFoundError as error:
        raise gone(f"{path}: it is gone") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise CannotAct(f"{path}: it is a symbolic link, which is not followed; change where it leads") from error
        if error.errno == errno.ENXIO:
            raise gone(f"{path}: it is no plain file any more") from error
        raise CannotAct(f"{path}: {error.strerror}; run with become") from error


def _demand_replaceable(seen: os.stat_result, path: str, gone: Type[Unneeded]) -> None:
    if not stat.S_ISREG(seen.st_mode):
        raise gone(f"{path}: it is no plain file any more")
    if seen.st_nlink != 1:
        raise CannotAct(
            f"{path}: it has {seen.st_nlink} names (hard links), and the others would keep what it is now; find them "
            f"with `find -inum {seen.st_ino}`, and change it by hand"
        )
    if seen.st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise CannotAct(f"{path}: it has a set-id bit, which nothing of its kind has; look who gave it that")


def _read(file: int, size: int, path: str) -> bytes:
    if size > CONTENT_LIMIT:
        raise CannotAct(f"{path}: it is larger than {CONTENT_LIMIT} bytes; change it by hand")
    try:
        with open(file, "rb", closefd=False) as content:
            return content.read(CONTENT_LIMIT)
    except OSError as error:
        raise CannotAct(f"{path}: {error.strerror}; it cannot be read") from error


def _make(opened: Opened, content: bytes, fresh: str) -> None:
    """Write the new file beside the old one, with all that the old one has but its content."""
    file = os.open(fresh, _CREATE, 0o600, dir_fd=opened.directory)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
        os.fchown(file, opened.seen.st_uid, opened.seen.st_gid)
        _keep_attributes(opened.file, file)
        os.fchmod(file, stat.S_IMODE(opened.seen.st_mode))
        os.fsync(file)
    finally:
        os.close(file)


def _keep_attributes(old: int, new: int) -> None:
    """Give a file the ACL, the label and all other extended attributes (xattr(7)) of another, and no more."""
    wanted, there = _attributes(old), _attributes(new)
    for name in set(there) - set(wanted):
        os.removexattr(new, name)
    for name, value in wanted.items():
        if there.get(name) != value:
            os.setxattr(new, name, value)


def _attributes(file: int) -> Dict[str, bytes]:
    try:
        names = os.listxattr(file)
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}  # the file system has none
        raise
    return {name: os.getxattr(file, name) for name in names if name not in _OF_THE_KERNEL}
