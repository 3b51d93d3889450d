# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What changed on disk since a php-fpm was started or last reloaded, so that it runs with what was there before."""

import os
import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..policy import Policy
from ..tree import Stat
from . import fpm_masters, php_builds
from .fpm_masters import ConfigurationFile, FpmMaster
from .php_builds import Build, PhpBuilds

CONFIGURATION = "configuration"
INI = "php.ini"
EXECUTABLE = "executable"
EXTENSION = "extension"
LIBRARY = "library"

MAPS_LIMIT = 4 * 1024 * 1024  # bytes; a master with 60 extensions has 60 KB

# /proc/PID/maps: address, permissions, offset, device, inode, path; newlines in a path are written \012 there.
_MAPPED = re.compile(r"^\S+ \S+ \S+ (\S+) ([0-9]+) +(/\S.*?\.so(?:\.[0-9.]+)?)( \(deleted\))?$", re.MULTILINE)
_GONE = "00:00"  # no device


class Change(NamedTuple):
    """One file that is not what the master was started with.

    kind: one of the words above. when: seconds since the epoch, None for a file that is gone. certain: its content is
    another; else only its attributes or its directory changed since, as by a package that keeps its files' times.
    """

    kind: str
    path: str
    when: Optional[float]
    certain: bool


class MasterChanges(NamedTuple):
    """changes: by path. settings: those that say settings, whether certain by path. unknown: what was not compared."""

    master: FpmMaster
    changes: Tuple[Change, ...]
    settings: Mapping[str, bool]
    unknown: Tuple[str, ...]


class FpmChanges(NamedTuple):
    """masters: those that are not apart."""

    masters: Tuple[MasterChanges, ...]


def gather(host: Host, policy: Policy) -> FpmChanges:
    """Return what changed since each master's generation began. Raises CannotLook where processes cannot be seen."""
    seen = host.once(fpm_masters.gather, policy)
    builds = _builds(host, policy)
    masters = tuple(_of_master(host, master, builds) for master in seen.masters if not master.apart)
    return FpmChanges(masters)


def in_force(changed: MasterChanges, source: str) -> Optional[bool]:
    """Return whether what was read at a source (``file:line`` or a word) is what runs; None where that is not certain.

    What no file says may have been said by one that changed since.
    """
    if changed.master.generation is None:
        return None
    path = source.rpartition(":")[0]
    if path.startswith("/"):
        certain = changed.settings.get(path)
        return True if certain is None else False if certain else None
    return None if changed.settings else True


def _builds(host: Host, policy: Policy) -> Optional[PhpBuilds]:
    try:
        return host.once(php_builds.gather, policy)
    except CannotLook:
        return None


def _of_master(host: Host, master: FpmMaster, builds: Optional[PhpBuilds]) -> MasterChanges:
    unknown: List[str] = []
    if master.generation is None:
        unknown.append(
            f"{_name(master)}: when it was started or last reloaded cannot be seen, so nothing on disk can be compared "
            "with it; set pid in its [global] section, which each reload writes anew, or pm.status_path in a pool"
        )
    since = master.generation
    changes = [_executable(master)] if master.replaced else []
    if since is not None:
        changes += _configuration(master.files, since)
        changes += _ini(host, master, _build(builds, master), since, unknown)
    changes += _mapped(host, master, since, unknown)
    unique: Dict[Tuple[str, str], Change] = {(change.kind, change.path): change for change in reversed(changes)}
    settings = {change.path: change.certain for change in unique.values() if change.kind in (CONFIGURATION, INI)}
    return MasterChanges(master, tuple(sorted(unique.values(), key=_by_path)), settings, tuple(unknown))


def _by_path(change: Change) -> Tuple[str, str]:
    return change.path, change.kind


def _name(master: FpmMaster) -> str:
    if master.configuration is None:
        return f"php-fpm {master.process.pid}"
    return f"php-fpm {master.root.rstrip('/')}{master.configuration}"


def _executable(master: FpmMaster) -> Change:
    return Change(EXECUTABLE, master.process.executable or "", None, True)


def _configuration(files: Sequence[ConfigurationFile], since: float) -> List[Change]:
    found = [_change(CONFIGURATION, file.path, file.modified, file.changed, since) for file in files]
    return [change for change in found if change]


def _change(kind: str, path: str, modified: float, changed: float, since: float) -> Optional[Change]:
    if modified > since:
        return Change(kind, path, modified, True)
    return Change(kind, path, changed, False) if changed > since else None


def _build(builds: Optional[PhpBuilds], master: FpmMaster) -> Optional[Build]:
    pid = master.process.pid
    return next((one.build for one in builds.runtimes if pid in one.masters), None) if builds else None


def _ini(host: Host, master: FpmMaster, build: Optional[Build], since: float, unknown: List[str]) -> List[Change]:
    if build is None or build.scan_directory is None:
        unknown.append(f"{_name(master)}: which ini files it reads is not known, so they were not compared")
        return []
    files = [build.ini_file] if build.ini_file else []
    for directory in filter(None, build.scan_directory.split(":")):
        files += [f"{directory}/{name}" for name in _names(host, directory, unknown) if name.endswith(".ini")]
    found = []
    for path in files:
        seen = _stat(host, path, unknown)
        if seen:
            found.append(_change(INI, path, seen.mtime_ns / 1e9, seen.ctime_ns / 1e9, since))
    return [change for change in found if change]


def _mapped(host: Host, master: FpmMaster, since: Optional[float], unknown: List[str]) -> List[Change]:
    """Return what it has loaded that is another file by now, or was written over."""
    try:
        maps = os.fsdecode(host.read(f"/proc/{master.process.pid}/maps", MAPS_LIMIT))
    except CannotLook as error:
        unknown.append(f"{_name(master)}: what it has loaded cannot be seen: {error}")
        return []
    within = host if master.root == "/" else host.within(master.process.pid)
    return [
        change
        for device, inode, path, deleted in sorted(set(_MAPPED.findall(maps)))
        if device != _GONE
        for change in [_loaded(within, path, int(inode), bool(deleted), since, unknown)]
        if change
    ]


def _loaded(
    host: Host, path: str, inode: int, deleted: bool, since: Optional[float], unknown: List[str]
) -> Optional[Change]:
    kind = LIBRARY if os.path.basename(path).startswith("lib") or ".so." in path else EXTENSION
    if deleted:
        return Change(kind, path, None, True)
    seen = _stat(host, path, unknown)
    if seen is None or since is None:
        return None
    written_over = seen.inode == inode and seen.mtime_ns / 1e9 > since
    return Change(kind, path, seen.mtime_ns / 1e9, True) if written_over else None


def _names(host: Host, directory: str, unknown: List[str]) -> List[str]:
    try:
        return host.list(directory)
    except Missing:
        return []
    except CannotLook as error:
        unknown.append(str(error))
        return []


def _stat(host: Host, path: str, unknown: List[str]) -> Optional[Stat]:
    try:
        return host.stat(path, follow=True)
    except Missing:
        return None
    except CannotLook as error:
        unknown.append(str(error))
        return None
