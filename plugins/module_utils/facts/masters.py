# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Masters of the web programs that are made of a master and its workers: which processes they are, and what they read.

The executable is the proof. A title is believed only of a process that runs the program, and only to say which
configuration file it was started with.
"""

import os
import stat
from typing import Callable, Dict, List, NamedTuple, Optional, Pattern, Tuple

from ..errors import CannotLook, Missing, TooLarge
from ..formats import glob
from ..host import Host
from ..tree import Stat
from .processes import Process, Processes

MASTER = "master"
WORKER = "worker"
STARTING = "starting"  # or a test of the configuration, or any other short run of the program

FILES_LIMIT = 1000
BYTES_LIMIT = 8 * 1024 * 1024
NAMES_LIMIT = 10000  # that includes of a configuration are matched with
PATTERN_LIMIT = 4096  # characters, PATH_MAX

_UNPROVEN = "process {1} is titled as a master of {0}, but this user may not see its executable; run with become"


class Program(NamedTuple):
    """How to know a program: the name of its executable, and the titles that it gives its master and its workers.

    nested: whether a master may be the child of another, as nginx's is while its binary is upgraded. Where not, a child
    is a worker whatever its title says: a worker runs code of others, which can write into its title.
    """

    name: str
    executable: Pattern[str]
    master_title: str
    worker_title: str
    nested: bool


class Configured(NamedTuple):
    """What a master's configuration says.

    path: its main file. pidfile: an absolute path, None where none is configured. assumed: the pidfile is written as a
    relative path, and the directory it belongs to is what the program's build usually has. trusted: root runs the
    master, owns every file read, and no other may write one.
    """

    path: str
    pidfile: Optional[str]
    assumed: bool
    trusted: bool


class Master(NamedTuple):
    """A running master. configured is None where unknown says why it is not known, or apart why it is not ours.

    apart: it is a container's or in a chroot, so that its pids or its paths mean something else than ours do.
    """

    program: str
    process: Process
    configured: Optional[Configured]
    unknown: Optional[str]
    apart: Optional[str]


def find(
    host: Host, seen: Processes, program: Program, configuration: Callable[[Host, Process], Configured]
) -> Tuple[Master, ...]:
    """Return the masters of a program, by pid; ``configuration`` reads what one is configured with."""
    running = sorted(seen.by_pid.values(), key=lambda process: process.pid)
    masters = []
    for process in running:
        if role(process, program, seen.by_pid) == MASTER:
            masters.append(_master(host, process, program, configuration))
        elif process.executable is None and process.title.startswith(program.master_title):
            masters.append(Master(program.name, process, None, _UNPROVEN.format(program.name, process.pid), None))
    return tuple(masters)


def runs(process: Process, program: Program) -> bool:
    """Whether a process runs the program, by its executable alone."""
    return bool(process.executable and program.executable.match(os.path.basename(process.executable)))


def role(process: Process, program: Program, by_pid: Dict[int, Process]) -> Optional[str]:
    """Return MASTER, WORKER or STARTING for a process that runs the program, None for any other."""
    if not runs(process, program):
        return None
    parent = by_pid.get(process.parent)
    child = parent is not None and runs(parent, program)
    if process.title.startswith(program.master_title) and (program.nested or not child):
        return MASTER
    if child or process.title.startswith(program.worker_title):
        return WORKER
    return STARTING


def shares_pids(host: Host, process: Process) -> bool:
    """Whether a process lives in our pid namespace; a container's has pids of its own besides those that we see."""
    return host.link(f"/proc/{process.pid}/ns/pid") == host.link("/proc/self/ns/pid")


def doubt(host: Host, process: Process) -> Optional[str]:
    """Return why a process may not be what its program is called, None where root vouches for the program.

    What a user runs in a mount namespace of his own may show any path, so the file there must be the one that runs.
    Raises CannotLook.
    """
    runs_from = f"/proc/{process.pid}/exe"
    seen = host.stat_as_named(runs_from)
    if seen.uid != 0 or seen.mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others than root own or can write its program"
    if host.link(runs_from).endswith(" (deleted)"):
        return None
    try:
        there = host.stat_as_named(process.executable or "")
    except Missing:
        return f"there is no {process.executable}"
    same = (there.device, there.inode) == (seen.device, seen.inode)
    return None if same else f"what runs is another file than {process.executable}"


def _master(
    host: Host, process: Process, program: Program, configuration: Callable[[Host, Process], Configured]
) -> Master:
    try:
        apart = _apart(host, process)
        if apart:
            return Master(program.name, process, None, None, apart)
        configured = configuration(host, process)
        for path in (configured.path, configured.pidfile):
            if path and not sees_as_we_do(host, process, os.path.dirname(path)):
                return Master(program.name, process, None, None, f"{os.path.dirname(path)} is another directory to it")
        trusted = configured.trusted and set(process.uids) == {0}
        return Master(program.name, process, configured._replace(trusted=trusted), None, None)
    except CannotLook as error:
        return Master(program.name, process, None, str(error), None)


def _apart(host: Host, process: Process) -> Optional[str]:
    if not shares_pids(host, process):
        return "it lives in another pid namespace, such as a container's"
    if host.link(f"/proc/{process.pid}/root") != "/":
        return "it lives in a chroot"
    return None


def sees_as_we_do(host: Host, process: Process, directory: str) -> bool:
    """Whether a directory is the same one to a process as it is to us."""
    # Not by the mount namespace: systemd gives a service its own for PrivateTmp= alone, and /run is still the same.
    return _identity(host.within(process.pid), directory) == _identity(host, directory)


def _identity(host: Host, directory: str) -> Optional[Tuple[int, int]]:
    try:
        seen = host.stat(directory, follow=True)
    except Missing:
        return None
    return seen.device, seen.inode


class Reading:
    """One reading of a configuration with all that it includes, within the limits above. files: which were read."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.trusted = True
        self.files: List[Tuple[str, Stat]] = []
        self._bytes = 0
        self._names_seen = 0

    def read(self, path: str) -> str:
        """Return the text of one file. Raises CannotLook as Host.read() does, and TooLarge past the limits."""
        content, seen = self.host.read_with_stat(path, BYTES_LIMIT, follow=True)
        self.files.append((path, seen))
        self._bytes += len(content)
        if len(self.files) > FILES_LIMIT or self._bytes > BYTES_LIMIT:
            raise TooLarge(
                f"{path}: with it the configuration has more than {FILES_LIMIT} files or {BYTES_LIMIT} bytes; "
                "look for an include that includes itself",
                path=path,
            )
        self.trusted = self.trusted and seen.uid == 0 and not seen.mode & (stat.S_IWGRP | stat.S_IWOTH)
        return os.fsdecode(content)

    def matching(self, pattern: str) -> List[str]:
        """Return the paths that an absolute pattern of glob(7) matches, sorted, as an include wants them."""
        if not glob.is_pattern(pattern):
            return [pattern]
        if len(pattern) > PATTERN_LIMIT:
            raise TooLarge(f"{pattern[:200]!r}: an include has a pattern of more than {PATTERN_LIMIT} characters")
        paths = [""]
        for part in pattern.split("/")[1:]:
            paths = [
                path + "/" + name for path in paths if self._is_directory(path) for name in self._names(path, part)
            ]
        return [path for path in paths if self._is_there(path)]

    def _names(self, directory: str, part: str) -> List[str]:
        """Return what of a directory a part of a pattern matches; a plain part need not be there."""
        if not glob.is_pattern(part):
            return [part]
        names = self.host.list(directory or "/")
        self._count(directory, len(names))
        return glob.matching(names, part)

    def _is_directory(self, path: str) -> bool:
        """Whether glob(7) goes on below a path; what is no directory, or is gone, is passed over."""
        self._count(path, 1)
        try:
            return stat.S_ISDIR(self.host.stat(path or "/", follow=True).mode)
        except Missing:
            return False

    def _is_there(self, path: str) -> bool:
        try:
            self.host.stat(path or "/")
        except Missing:
            return False
        return True

    def _count(self, path: str, names: int) -> None:
        self._names_seen += names
        if self._names_seen > NAMES_LIMIT:
            raise TooLarge(
                f"{path}: with it, patterns of include were matched with more than {NAMES_LIMIT} names; make them "
                "narrower",
                path=path,
            )
