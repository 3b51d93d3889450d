# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lay a probe's file where a pool reads it, and take it away again; sweep those whose run was killed.

All is done below descriptors of directories, so that nobody who can write there sends root elsewhere. A run holds a
lock (flock(2)) on its file for as long as it lives: who gets that lock knows that the run is dead.
"""

import contextlib
import errno
import fcntl
import os
import re
import secrets
import signal
import stat
import struct
import threading
import time
from types import FrameType
from typing import Dict, Iterator, List, NamedTuple, Optional

from .directory import explained, open_place
from .errors import CannotLook, Untrusted

DIRECTORY = ".phpfleet-probe"
_MODE = 0o711
LOCK_SECONDS = 5.0
_TRIES = 10
_NAME = re.compile(r"[0-9a-f]{32}\.[A-Za-z0-9_.-]{1,33}\Z")
_ENTER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MAKE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LABEL = b"system_u:object_r:httpd_sys_content_t:s0\0"  # what php-fpm may read in the policies of RHEL and Fedora

# acl(5) as the kernel takes it (include/uapi/linux/posix_acl_xattr.h): tag, permissions and id of each entry.
_ACL = "system.posix_acl_access"
_ACL_VERSION = 2
_ACL_OWNER, _ACL_USER, _ACL_GROUP, _ACL_MASK, _ACL_OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
_ACL_NOBODY = 0xFFFFFFFF
_READ = 4

_lying: List["ProbeFiles"] = []
_making = threading.RLock()  # held by who makes a file, and for good by the handler of the signal that ends the run


class ProbePlace(NamedTuple):
    """A directory that a probe's own directory is made in.

    root: below which it is, as Host.root: the master's view of the files (/proc/PID/root), or its chroot in that.
    directory: as the pool names it. extension: of the script, with its dot. uid: whose file it is to be.
    """

    root: str
    directory: str
    extension: str
    uid: int


class ProbeFiles:
    """What lies in a directory of ours for one pool. path: of the file that it is to run, as it names it.

    name: of that one. beside: of the one that it includes. place: where our directory is.
    """

    def __init__(self, place: ProbePlace) -> None:
        self.name = secrets.token_hex(16) + place.extension
        self.beside = secrets.token_hex(16) + place.extension
        self.path = f"{place.directory.rstrip('/')}/{DIRECTORY}/{self.name}"
        self.place = place
        self._above = -1  # the directory that ours is made in
        self._directory = -1
        self._files: Dict[str, int] = {}

    def lay(self, content: bytes, beside: bytes) -> None:
        """Make both files. Raises CannotLook: no permission, a full disk, a directory that is not ours."""
        try:
            self._above = open_place(self.place.root, f"{self.place.directory}/{DIRECTORY}").directory
            _lying.append(self)
            self._enter()
            self._make(self.beside, beside)
            self._make(self.name, content)
        except OSError as error:
            self.take_away()
            raise _explained(error, f"{self.place.directory.rstrip('/')}/{DIRECTORY}") from error
        except CannotLook:
            self.take_away()
            raise
        finally:
            self._unlock()

    def take_away(self) -> None:
        """Remove the files, and their directory where no other run has one in it. Raises CannotLook."""
        try:
            self.remove(LOCK_SECONDS)
        except OSError as error:
            raise CannotLook(f"{self.path}: it cannot be removed ({error.strerror}); remove it by hand") from error
        finally:
            with contextlib.suppress(ValueError):
                _lying.remove(self)
            for descriptor in (*self._files.values(), self._directory, self._above):
                if descriptor >= 0:
                    os.close(descriptor)
            self._files.clear()
            self._directory = self._above = -1

    def remove(self, seconds: float) -> None:
        """Remove what lies there, and keep the descriptors: also for a handler of signals.

        seconds: to wait for the lock, without which the directory stays.
        """
        if self._above < 0:
            return
        if self._directory < 0:  # it was made and not opened, or is none of ours: then only an empty one goes
            with contextlib.suppress(OSError):
                os.rmdir(DIRECTORY, dir_fd=self._above)
            return
        for name, file in list(self._files.items()):
            if file < 0 or _is_same(self._directory, name, file):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=self._directory)
        if self._lock(seconds) and _is_same(self._above, DIRECTORY, self._directory):
            with contextlib.suppress(FileNotFoundError):
                _remove_empty(self._above)
        self._unlock()

    def _enter(self) -> None:
        """Open our directory, made where there is none, and lock it; sweep what dead runs left in it."""
        for _unused in range(_TRIES):
            try:
                with _making:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(DIRECTORY, _MODE, dir_fd=self._above)
                    self._directory = os.open(DIRECTORY, _ENTER, dir_fd=self._above)
            except FileNotFoundError:
                continue  # another run, the last that had a file in it, has just removed it
            self._demand_ours()
            if not self._lock(LOCK_SECONDS):
                raise CannotLook(
                    f"{self.place.directory}/{DIRECTORY}: another run has locked it for {LOCK_SECONDS:g} s"
                )
            if _is_same(self._above, DIRECTORY, self._directory):
                _sweep(self._directory)
                return
            os.close(self._directory)
            self._directory = -1
        raise CannotLook(f"{self.place.directory}/{DIRECTORY}: others remove it again and again; look again")

    def _demand_ours(self) -> None:
        """Demand a directory that is empty, or that holds nothing but probes.

        To be root's is not enough: who owns the place can move any directory of root's there that he finds beside it,
        and neither its mode nor what is in it is ours to change.
        """
        seen = os.fstat(self._directory)
        mode = stat.S_IMODE(seen.st_mode)
        names = os.listdir(self._directory)
        why = ""
        if seen.st_uid != os.geteuid() or mode & (stat.S_IWGRP | stat.S_IWOTH):
            why = "another user made it"
        elif names and (mode != _MODE or not all(map(_NAME.match, names))):
            why = "it holds what is no probe, or was made by something else"
        if why:
            os.close(self._directory)
            self._directory = -1
            raise Untrusted(f"{self.place.directory}/{DIRECTORY}: {why}; remove it")
        if mode != _MODE:
            os.fchmod(self._directory, _MODE)  # our umask, or that of a run that was killed just then

    def _make(self, name: str, content: bytes) -> None:
        with _making:
            self._files[name] = -1  # so that a signal that comes while it is made finds it too
            file = self._files[name] = os.open(name, _MAKE, 0o400, dir_fd=self._directory)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
        # To OPcache 0 is no time at all, and what has none is never cached (ext/opcache, opcache_compile_file()).
        os.utime(file, ns=(0, 0))
        _label(file)
        os.fchmod(file, 0o400)
        if self.place.uid != os.geteuid():
            _show(file, self.place.uid)

    def _lock(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(self._directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except BlockingIOError:
                if time.monotonic() > end:
                    return False
            time.sleep(0.01)

    def _unlock(self) -> None:
        if self._directory >= 0:
            fcntl.flock(self._directory, fcntl.LOCK_UN)


@contextlib.contextmanager
def removed_on_signals() -> Iterator[None]:
    """Remove all files that lie, in whatever thread, also when SIGTERM or SIGHUP ends this run.

    Python takes signals only in the main thread, so this does nothing in another. What somebody handles already, or
    ignores, is left to him.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    ours = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _end)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


def _end(number: int, frame: Optional[FrameType]) -> None:
    _making.acquire()  # no thread makes another file from here on
    for one in list(_lying):
        # The others are to be removed as well. One that its thread takes away just now has closed its descriptors.
        with contextlib.suppress(OSError, ValueError):
            one.remove(0.0)  # a thread of ours may hold the lock for good; then its own one removes the directory
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)


def _sweep(directory: int) -> None:
    """Remove the files of dead runs. No user but us can add a name here, or lock the directory against us."""
    for name in os.listdir(directory):
        if not _NAME.match(name):
            continue
        try:
            opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(name, dir_fd=directory)
        except (BlockingIOError, FileNotFoundError):
            continue  # its run lives, or removed it just now
        finally:
            os.close(opened)


def _is_same(directory: int, name: str, opened: int) -> bool:
    """Whether what is open is still what has the name."""
    try:
        there = os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    here = os.fstat(opened)
    return (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino)


def _remove_empty(above: int) -> None:
    try:
        os.rmdir(DIRECTORY, dir_fd=above)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _show(file: int, uid: int) -> None:
    """Let a user read the file. It stays root's: an owner could change it, and fill a file system that is not his.

    Where the file system knows no access control lists, the file becomes that user's for as long as it lies.
    """
    entries = (
        (_ACL_OWNER, _READ, _ACL_NOBODY),
        (_ACL_USER, _READ, uid),
        (_ACL_GROUP, 0, _ACL_NOBODY),
        (_ACL_MASK, _READ, _ACL_NOBODY),
        (_ACL_OTHERS, 0, _ACL_NOBODY),
    )
    listed = struct.pack("<I", _ACL_VERSION) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(file, _ACL, listed)
    except OSError:
        os.fchown(file, uid, -1)


def _label(file: int) -> None:
    """Let SELinux's php-fpm read the file; where that label is unknown, the pool's own answer says what came of it."""
    if os.path.exists("/sys/fs/selinux/enforce"):
        with contextlib.suppress(OSError):
            os.setxattr(file, "security.selinux", _LABEL)


def _explained(error: OSError, path: str) -> CannotLook:
    if error.errno in (errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM):
        return CannotLook(f"{path}: a probe's file cannot be written there ({os.strerror(error.errno)})")
    return explained(error, path)
