# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a script can lie so that a pool runs it: open_basedir, chroot, private mounts, extensions, restrict_api."""

import os
import re
import stat
from typing import List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..probe import ProbePlace
from .fpm_masters import FpmMaster, FpmPool

PLACES_LIMIT = 6
DIRECTORIES_LIMIT = 100  # of an open_basedir that are looked at
_SHOWN = 100  # characters of a path that is too long
DEPTH_LIMIT = 64  # directories above a place: each is looked at, and the pool may name, and make, thousands
PASSWD_LIMIT = 4 * 1024 * 1024
EXTENSION = ".php"
_BEST = "/run"
_USUAL = ("/tmp", "/var/tmp")
_NEVER = ("/boot", "/dev", "/etc", "/proc", "/sys")  # what a pool says leads root to none of these
_OWN = ("session.save_path", "upload_tmp_dir", "sys_temp_dir")  # directories that a pool's settings may name
_RESTRICTED = re.compile(
    r"open_basedir restriction in effect\. File\(.{0,4096}?\) is not within the allowed path\(s\): \(([^)]{1,16384})\)"
)
_EXTENSION = re.compile(r"\.[A-Za-z0-9_.-]{1,32}\Z")


class Learnt(NamedTuple):
    """What a pool said of itself: its open_basedir, and its opcache.restrict_api; None where it did not."""

    open_basedir: Optional[str] = None
    restrict_api: Optional[str] = None


def open_basedir_said(text: str) -> Optional[str]:
    """Return the open_basedir that PHP names in its warning (main/fopen_wrappers.c), None where there is none."""
    match = _RESTRICTED.search(text)
    return match.group(1) if match else None


def places(host: Host, master: FpmMaster, pool: FpmPool, learnt: Learnt) -> Sequence[ProbePlace]:
    """Return where to try, the best first, at most PLACES_LIMIT. Raises CannotLook where there is none."""
    its = host.within(master.process.pid) if host.is_root() else host
    uid = _uid(host, its, master, pool)
    inside = _inside(its, master, pool)
    look = _Look(inside, uid, _directories(inside, _said(pool, "open_basedir", learnt.open_basedir)))
    found = [one for one in map(look.rank, _candidates(pool, look.allowed, learnt)) if one is not None]
    best = [directory for _unused, directory in sorted(found, key=lambda one: one[0])]
    if not best:
        raise CannotLook(f"pool {pool.name}: {_none_fits(look.unfit, learnt)}")
    extension = _extension(pool)
    found_at = [(_root(host, master, pool, inside, one), one) for one in list(dict.fromkeys(best))[:PLACES_LIMIT]]
    trusted = [ProbePlace(root, one, extension, uid) for root, one in found_at if root is not None]
    if not trusted:
        raise CannotLook(
            f"pool {pool.name}: uid {uid} runs its master, which sees other files than this host ({', '.join(best)}), "
            "and who runs it could lead root anywhere there; have root start it"
        )
    return trusted


def _none_fits(unfit: Sequence[str], learnt: Learnt) -> str:
    """Return why there is no place, and what to do about it."""
    why = f" ({'; '.join(unfit)})" if unfit else ""
    if learnt.restrict_api is not None:
        return (
            f"opcache.restrict_api lets only scripts below {learnt.restrict_api} look into OPcache, which is no "
            f"directory that is there, that the pool may read and that no other user can change{why}"
        )
    return (
        "there is no directory for a probe that it may read and no other user than its own can change"
        f"{why}; allow it {_BEST} in open_basedir"
    )


def _uid(host: Host, its: Host, master: FpmMaster, pool: FpmPool) -> int:
    """Return whose file a pool's script has to be.

    By the configuration, never by a worker's title: a script of another pool could write that into its own, and get
    the file that this pool runs.
    """
    if master.process.uids[1] != 0:
        return master.process.uids[1]  # it can't become another, and its configuration's user is of no effect
    user = pool.settings.get("user", "")
    if user.isdigit():
        return int(user)
    uid = host.user_id(user) if master.root == "/" else _uid_of(its, user)
    if uid is None:
        raise CannotLook(f"pool {pool.name}: there is no user {user!r}, whom its configuration says that it runs as")
    return uid


def _uid_of(its: Host, user: str) -> Optional[int]:
    for line in its.read("/etc/passwd", PASSWD_LIMIT).decode("utf-8", "replace").splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[0] == user and fields[2].isdigit():
            return int(fields[2])
    return None


def _inside(its: Host, master: FpmMaster, pool: FpmPool) -> Host:
    """Return the files as the pool's workers see them; only a master of root's can lock them up."""
    chroot = pool.settings.get("chroot", "").replace("$pool", pool.name).rstrip("/")
    if not chroot or master.process.uids[1] != 0:
        return its
    physical = _physical(its, chroot)
    above = os.path.dirname(physical)
    while True:
        seen = its.stat(above)
        if seen.uid != 0 or seen.mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise CannotLook(
                f"pool {pool.name}: others than root can write {above}, and so put a link to anywhere in place of its "
                f"chroot {chroot}; let only root write above it"
            )
        if above == "/":
            return Host(its.root.rstrip("/") + physical)
        above = os.path.dirname(above)


def _root(host: Host, master: FpmMaster, pool: FpmPool, inside: Host, directory: str) -> Optional[str]:
    """Return through whose mounts a directory is written: ours where it is the same; the master's may be read-only.

    None where only a master has it that is not root's: its user chooses what it sees (user_namespaces(7)).
    """
    theirs = inside.root if master.process.uids[1] == 0 else None
    if master.root != "/":
        return theirs
    try:
        ours = _inside(host, master, pool)
        here, there = (one.stat(directory, follow=True) for one in (ours, inside))
    except CannotLook:
        return theirs
    return ours.root if (here.device, here.inode) == (there.device, there.inode) else theirs


def _physical(its: Host, directory: str) -> str:
    """Return where a directory is, with the administrator's links on the way and at its end resolved."""
    return os.path.dirname(its.physical(f"{directory}/entry"))


def _said(pool: FpmPool, name: str, learnt: Optional[str]) -> Optional[str]:
    """Return a setting of PHP's as the pool itself says it, or its configuration, which it may not have read yet."""
    forms = (f"php_admin_value[{name}]", f"php_value[{name}]")
    return learnt or pool.settings.get(forms[0]) or pool.settings.get(forms[1]) or None


def _directories(inside: Host, basedir: Optional[str]) -> Optional[List[str]]:
    """Return the physical directories of an open_basedir, None for all; relative ones depend on the script's own."""
    if basedir is None:
        return None
    found = []
    for one in basedir.split(":")[:DIRECTORIES_LIMIT]:
        try:
            if (
                one.startswith("/")
                and one.count("/") <= DEPTH_LIMIT
                and stat.S_ISDIR(inside.stat(one, follow=True).mode)
            ):
                found.append(_physical(inside, one))
        except CannotLook:
            continue  # what is not there, or others lead elsewhere, is no place for us
    return found


def _candidates(pool: FpmPool, allowed: Optional[Sequence[str]], learnt: Learnt) -> List[str]:
    prefix = _said(pool, "opcache.restrict_api", learnt.restrict_api)
    if prefix is not None and learnt.restrict_api is not None:
        return [prefix]
    if allowed is not None:
        return [*([prefix] if prefix else []), _BEST, *allowed]
    own = [_said(pool, name, None) or "" for name in _OWN]
    named = [one.split(";")[-1] for one in (*own, pool.settings.get("chdir", ""))]
    last = ["/"] if pool.settings.get("chroot") else []
    return [*([prefix] if prefix else []), _BEST, *_USUAL, *(one for one in named if one.startswith("/")), *last]


def _extension(pool: FpmPool) -> str:
    allowed = pool.settings.get("security.limit_extensions", "").split()
    if not allowed or EXTENSION in allowed:
        return EXTENSION
    fit = [one for one in allowed if _EXTENSION.match(one)]
    if not fit:
        raise CannotLook(f"pool {pool.name}: its security.limit_extensions {' '.join(allowed)!r} lets no script be run")
    return fit[0]


class _Look:
    """What is known of the directories that a pool may read. unfit: why some are no place for a probe."""

    def __init__(self, inside: Host, uid: int, allowed: Optional[List[str]]) -> None:
        self.inside = inside
        self.uid = uid
        self.allowed = allowed
        self.unfit: List[str] = []

    def rank(self, directory: str) -> Optional[Tuple[int, str]]:
        """Return how good a place is, and its path; the lower the better, None for none."""
        if directory.count("/") > DEPTH_LIMIT:
            self.unfit.append(f"{directory[:_SHOWN]}…: more than {DEPTH_LIMIT} directories are above it")
            return None
        try:
            physical = _physical(self.inside, directory)
            if any(_is_below(physical, one) for one in _NEVER):
                self.unfit.append(f"{physical}: the system's own, which no script of a pool's belongs in")
                return None
            if self.allowed is not None and not any(_is_below(physical, one) for one in self.allowed):
                return None
            risk = self._risk(physical)
        except Missing:
            return None
        except CannotLook as error:
            self.unfit.append(str(error))
            return None
        # restrict_api is compared with the script's path as it is asked for, so a link in it has to stay.
        return None if risk is None else (risk, directory.rstrip("/") or "/")

    def _risk(self, physical: str) -> Optional[int]:
        """0: only root can write there. 1: others can too, but not rename what is ours. 2: it is the pool's own.

        The pool runs what it finds under the path, so no other user may be able to change what that leads to.
        """
        parts = [part for part in physical.split("/") if part]
        for depth in range(len(parts) + 1):
            path = "/" + "/".join(parts[:depth])
            seen = self.inside.stat(path)
            shared = bool(seen.mode & (stat.S_IWGRP | stat.S_IWOTH))
            if seen.uid not in (0, self.uid) or (shared and not seen.mode & stat.S_ISVTX):
                self.unfit.append(f"others than root and uid {self.uid} can write {path}")
                return None
        return 2 if seen.uid != 0 else int(shared)


def _is_below(path: str, directory: str) -> bool:
    return path == directory or directory == "/" or path.startswith(directory + "/")
