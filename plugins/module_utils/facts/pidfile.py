# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pidfiles: which there are, what each of them says, and who bears the pid that it says."""

import os
import re
import stat
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed, Missing, TooLarge
from ..formats.pidfile import parse_pid
from ..host import Host
from ..policy import Policy
from ..tree import Stat
from . import nginx, php_fpm, processes
from .bearer import (
    HIDDEN,
    NAME,
    NAMESAKE,
    PROGRAM,
    PROGRAMS,
    STRANGER,
    SUPERVISOR,
    THREAD,
    UNCERTAIN,
    Heads,
    bearer,
    heads,
    is_called_for,
    lives_apart,
    program_by_name,
)
from .masters import Master
from .processes import Process, Processes

NAMED = "named"
CONFIGURED = "configured"
USUAL = "usual place"

PLACES = ("/run", "/var/run")
CONTENT_LIMIT = 4096  # bytes; a genuine one has at most 8
FILES_LIMIT = 2000
SECOND_LOOK_SECONDS = 0.3

_KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISLNK, "link"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISFIFO, "FIFO"),
    (stat.S_ISSOCK, "socket"),
)


class Pidfile(NamedTuple):
    """One path where a pidfile is, or should be.

    origins: NAMED, CONFIGURED, USUAL. kind: ``file``, ``link``, ``directory``, ``FIFO``, ``socket``, ``device``, or
    ``absent``. content: None where it is no file or larger than CONTENT_LIMIT. problem: why content is no pid.
    program: php-fpm or nginx, by the master that is configured with it or by its name. masters: those that are.
    bearer: who bears the pid, None where there is no pid; UNCERTAIN also where its name is not enough to judge what it
    holds. process: that process, for a thread the one it belongs to. has_directory: whether the one for it is there.
    """

    path: str
    origins: Tuple[str, ...]
    kind: str
    stat: Optional[Stat]
    content: Optional[bytes]
    pid: Optional[int]
    problem: Optional[str]
    program: Optional[str]
    masters: Tuple[Master, ...]
    bearer: Optional[str]
    process: Optional[Process]
    has_directory: bool


class FileSeen(NamedTuple):
    inode: int
    mtime_ns: int
    content: bytes


class Guard(NamedTuple):
    """What makes a change to a pidfile valid: what was seen of the file, of the pid in it, and of the program.

    file: None where there was none. masters: pids of those configured with the path. heads: as in Pidfiles, of this
    program. wanted: what belongs into the file, None where it is to go.
    """

    path: str
    file: Optional[FileSeen]
    pid: Optional[int]
    bearer: Optional[str]
    program: Optional[str]
    masters: Tuple[int, ...]
    heads: Heads
    wanted: Optional[bytes]


class Pidfiles(NamedTuple):
    """files by path. masters: all of php-fpm and nginx. unseen: what could not be looked at, and why.

    complete: whether every process could be seen. heads: of php-fpm and nginx each, pid and start of every process that
    is no worker. users: names by uid. booted: when the host was, in seconds since the epoch.
    """

    files: Tuple[Pidfile, ...]
    masters: Tuple[Master, ...]
    unseen: Tuple[str, ...]
    complete: bool
    heads: Dict[str, Heads]
    users: Dict[int, str]
    booted: Optional[int]


def gather(host: Host, policy: Policy) -> Pidfiles:
    """Return the pidfiles of a host. Where one is not plainly right, a second look must say the same of it.

    Between two steps of a start a pidfile is absent, empty or names a parent that has gone. Raises CannotLook where
    processes cannot be seen.
    """
    first = _look(host, policy)
    if all(_is_plain(file) for file in first.files):
        return first
    host.pause(SECOND_LOOK_SECONDS)
    second = _look(host.again(), policy)
    before = {file.path: file for file in first.files}
    settled = tuple(file for file in second.files if _is_plain(file) or _is_same(file, before.get(file.path)))
    changing = [file.path for file in second.files if file not in settled]
    unseen = tuple(f"{path}: it changed while it was looked at; look again" for path in changing)
    return second._replace(files=settled, unseen=second.unseen + unseen)


def _look(host: Host, policy: Policy) -> Pidfiles:
    masters = host.once(php_fpm.gather, policy).masters + host.once(nginx.believed, policy).masters
    unseen: List[str] = []
    origins = _candidates(host, policy, masters, unseen)
    read = [_read(host, path, tuple(origins[path]), unseen) for path in sorted(origins)]
    seen = host.once(processes.gather, policy)
    apart = [name for name in PROGRAMS if lives_apart(host, seen, name)]
    known = [_with_program(host, file, masters) for file in read if file is not None]
    files = tuple(_with_doubt(_with_bearer(host, seen, file), apart) for file in known)
    uids = {file.stat.uid for file in files if file.stat} | {file.process.uids[1] for file in files if file.process}
    users = {uid: host.user_name(uid) for uid in uids | {0}}
    running = {name: heads(host, seen, name) for name in PROGRAMS}
    return Pidfiles(files, masters, tuple(unseen), seen.complete, running, users, _booted(host))


def _candidates(host: Host, policy: Policy, masters: Sequence[Master], unseen: List[str]) -> Dict[str, List[str]]:
    """Return physical paths with their origins, so that /var/run/x.pid and /run/x.pid are one."""
    wanted = [(path, NAMED) for path in policy.pidfile.paths]
    if policy.pidfile.usual_places:
        wanted += [(path, CONFIGURED) for path in _configured(host, masters)]
        wanted += [(path, USUAL) for path in _usual(host, unseen)]
    origins: Dict[str, List[str]] = {}
    for path, origin in wanted:
        try:
            known = origins.setdefault(_physical(host, path), [])
        except CannotLook as error:
            unseen.append(str(error))
            continue
        if origin not in known:
            known.append(origin)
    return origins


def _configured(host: Host, masters: Sequence[Master]) -> List[str]:
    paths = [master.configured.pidfile for master in masters if master.configured]
    known = [path for path in paths if path]
    # While nginx is upgraded, the old master's pidfile has this name; at all other times it is rightly absent.
    return known + [path + ".oldbin" for path in known if _is_there(host, path + ".oldbin")]


def _is_there(host: Host, path: str) -> bool:
    try:
        host.stat(path)
    except Missing:
        return False
    except CannotLook:
        return True  # as a candidate it is said why
    return True


def _physical(host: Host, path: str) -> str:
    try:
        return host.physical(path)
    except Missing:
        return path  # the directory is not there; then nor is the file


def _usual(host: Host, unseen: List[str]) -> List[str]:
    found: List[str] = []
    for place in PLACES:
        for name in _names(host, place, unseen):
            path = os.path.join(place, name)
            if NAME.match(name):
                found.append(path)
            elif _is_directory(host, path, unseen):
                found += [os.path.join(path, inner) for inner in _names(host, path, unseen) if NAME.match(inner)]
    if len(found) > FILES_LIMIT:
        unseen.append(f"/run: only {FILES_LIMIT} of {len(found)} pidfiles were looked at; remove what fills it")
    return found[:FILES_LIMIT]


def _names(host: Host, directory: str, unseen: List[str]) -> List[str]:
    try:
        return host.list(directory)
    except Missing:
        return []
    except CannotLook as error:
        unseen.append(str(error))
        return []


def _is_directory(host: Host, path: str, unseen: List[str]) -> bool:
    try:
        return stat.S_ISDIR(host.stat(path).mode)
    except Missing:
        return False
    except CannotLook as error:
        unseen.append(str(error))
        return False


def _read(host: Host, path: str, origins: Tuple[str, ...], unseen: List[str]) -> Optional[Pidfile]:
    """Return what is under a path; None, and a line in unseen, where it cannot be seen."""
    empty = Pidfile(path, origins, "absent", None, None, None, None, None, (), None, None, True)
    try:
        seen = host.stat(path)
        kind = next((name for is_kind, name in _KINDS if is_kind(seen.mode)), "device")
        if kind != "file":
            return empty._replace(kind=kind, stat=seen, problem=f"it is a {kind}, not a file")
        content, seen = host.read_with_stat(path, CONTENT_LIMIT)
        return empty._replace(kind=kind, stat=seen, content=content, pid=parse_pid(content))
    except Missing:
        return empty._replace(has_directory=_is_directory(host, os.path.dirname(path), unseen))
    except TooLarge:
        return empty._replace(kind=kind, stat=seen, problem=f"it has more than {CONTENT_LIMIT} bytes")
    except Malformed as error:
        return empty._replace(kind=kind, stat=seen, content=content, problem=str(error))
    except CannotLook as error:
        unseen.append(str(error))
        return None


def _with_program(host: Host, file: Pidfile, masters: Sequence[Master]) -> Pidfile:
    own = tuple(master for master in masters if _is_configured(host, master, file.path))
    program = own[0].program if own else program_by_name(file.path)
    return file._replace(program=program, masters=own)


def _is_configured(host: Host, master: Master, path: str) -> bool:
    """Whether a master is configured with a pidfile; while nginx is upgraded, its old master's is called .oldbin."""
    if master.configured is None or master.configured.pidfile is None:
        return False
    try:
        name = _physical(host, master.configured.pidfile)
    except CannotLook:
        return False  # nobody looks at a file of that path, and as a candidate it was said why
    return path in (name, name + ".oldbin")


def _with_bearer(host: Host, seen: Processes, file: Pidfile) -> Pidfile:
    if file.pid is None:
        return file
    masters = [master.process.pid for master in file.masters]
    who, process = bearer(host, seen, file.pid, file.path, file.program, masters)
    return file._replace(bearer=who, process=process)


def _with_doubt(file: Pidfile, apart: Sequence[str]) -> Pidfile:
    """Leave a file undecided that is nobody's but by its name, where that is not enough to call it wrong."""
    if file.program is None or file.masters or NAMED in file.origins or file.kind == "absent":
        return file
    if file.program in apart:  # a directory of /run may be shared with a container, whose pids are not ours
        doubtful = file.bearer not in (PROGRAM, NAMESAKE, SUPERVISOR, HIDDEN)
    else:
        doubtful = file.bearer in (STRANGER, THREAD) and not _is_called_for(file)
    return file._replace(bearer=UNCERTAIN) if doubtful else file


def _is_called_for(file: Pidfile) -> bool:
    return file.process is None or is_called_for(file.process, file.path, file.program or "")


def _is_plain(file: Pidfile) -> bool:
    """Whether one look is enough: it names who it should, or nobody says that it is a pidfile of anything."""
    if file.kind == "absent":
        return not file.masters
    return file.bearer in (PROGRAM, NAMESAKE, SUPERVISOR, UNCERTAIN)


def _is_same(file: Pidfile, before: Optional[Pidfile]) -> bool:
    return before is not None and (file.stat, file.content, file.bearer) == (before.stat, before.content, before.bearer)


def _booted(host: Host) -> Optional[int]:
    content = host.read("/proc/stat", 16 * 1024 * 1024)
    found = re.search(rb"^btime ([0-9]+)$", content, re.MULTILINE)
    return int(found.group(1)) if found else None
