# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reach a directory by descriptor, one component at a time, without trusting a link that others could have placed.

Root reads and removes below directories that the web user can write. Whoever resolves such a path by name can be sent
elsewhere between two calls, so every path is walked with openat(2) and O_NOFOLLOW. Links of the administrator
(``/var/run -> /run``) are followed by hand: only where no one but root, or ourselves, could have placed them.
"""

import errno
import os
import stat
from typing import List, NamedTuple, Optional, Tuple

from .errors import CannotLook, Forbidden, Missing, Untrusted

LINKS_LIMIT = 40  # as the kernel's own MAXSYMLINKS
PATH_LIMIT = 4096  # bytes; PATH_MAX, with the NUL at its end
_OPEN = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Place(NamedTuple):
    """An open directory, which the caller closes, and a name in it; ``path`` is physical, as seen below the root."""

    directory: int
    name: str
    path: str


def open_place(root: str, path: str, follow: bool = False) -> Place:
    """Open the directory that holds ``path`` (absolute, below ``root``); ``follow`` resolves a trusted link at its end.

    The name itself need not exist. Raises Missing, Forbidden, Untrusted or CannotLook.
    """
    _demand_name(path)
    parts = [part for part in path.split("/") if part not in ("", ".")] or ["."]
    for _unused in range(LINKS_LIMIT):
        place, parts = _walk(root, parts, path, follow)
        if place is not None:
            return place
    raise Untrusted(f"{path}: more than {LINKS_LIMIT} links on the way; remove the loop", path=path)


def _demand_name(path: str) -> None:
    """Demand that the kernel can be asked for ``path``: a configuration may write what no file can be called."""
    try:
        name = os.fsencode(path)
        possible = b"\0" not in name and len(name) < PATH_LIMIT
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise CannotLook(f"{path[:200]!r}: no file can be called so; correct the path where it is written", path=path)


def _walk(root: str, parts: List[str], path: str, follow: bool) -> Tuple[Optional[Place], List[str]]:
    """Walk until the end, or until a link or ``..``: then return the parts to begin again with, physical before it."""
    try:
        directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise explained(error, root) from error
    try:
        for index, name in enumerate(parts):
            if name == "..":
                return None, parts[: max(index - 1, 0)] + parts[index + 1 :] or ["."]
            last = index == len(parts) - 1
            target = _link_target(directory, name, path) if follow or not last else None
            if target is not None:
                before = [] if target.startswith("/") else parts[:index]
                between = [part for part in target.split("/") if part not in ("", ".")]
                return None, before + between + parts[index + 1 :] or ["."]
            if last:
                return Place(os.dup(directory), name, "/" + "/".join(parts)), parts
            step = os.open(name, _OPEN, dir_fd=directory)
            os.close(directory)
            directory = step
    except OSError as error:
        raise explained(error, path) from error
    finally:
        os.close(directory)
    raise CannotLook(f"{path}: it has no last component", path=path)


def _link_target(directory: int, name: str, path: str) -> Optional[str]:
    """Return where a link points, None where ``name`` is no link; Untrusted where others could have placed it."""
    try:
        target = os.readlink(name, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return None
        raise
    above = os.fstat(directory)
    link = os.stat(name, dir_fd=directory, follow_symlinks=False)
    ours = (0, os.geteuid())
    writable = above.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not above.st_mode & stat.S_ISVTX
    if above.st_uid not in ours or link.st_uid not in ours or writable:
        raise Untrusted(
            f"{path}: {name} is a link in a directory that others than root can write; name the real path instead",
            path=path,
            link=name,
            target=target,
        )
    return target


def mount_of(descriptor: int) -> Tuple[int, Optional[int]]:
    """Return the device of an open file, and the number of its mount: two bind mounts of one device differ in it.

    The number is mnt_id of proc(5) fdinfo, None on kernels older than 3.15 and where /proc is not mounted.
    """
    device = os.fstat(descriptor).st_dev
    try:
        with open(f"/proc/self/fdinfo/{descriptor}", "rb") as information:
            numbers = [line[len(b"mnt_id:") :] for line in information if line.startswith(b"mnt_id:")]
    except FileNotFoundError:
        return device, None
    return device, int(numbers[0]) if numbers else None


def explained(error: OSError, path: str) -> CannotLook:
    """Return the error of the tree that says what ``error`` means for a look at ``path``."""
    if error.errno in (errno.ENOENT, errno.ESRCH):
        return Missing(f"{path}: there is no such file", path=path)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Forbidden(f"{path}: not readable for uid {os.geteuid()}; run with become", path=path)
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return Untrusted(f"{path}: a link or a plain file stands where a directory or a file was expected", path=path)
    return CannotLook(f"{path}: {os.strerror(error.errno or 0)}", path=path, errno=error.errno)
