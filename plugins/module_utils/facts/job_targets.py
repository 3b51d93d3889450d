# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which web services of this host a command means, as kill, pkill, killall and start-stop-daemon find processes.

What runs now decides. Of a service that does not run, its names do: a job finds it when it runs.
"""

import os
from typing import List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook
from ..formats import process_pattern
from ..formats.pidfile import parse_pid
from ..host import Host
from .job_deeds import EXECUTABLE, NAME, NEWEST, OLDEST, PATTERN, PID, PIDFILE, PROGRAM, Target
from .job_services import PROGRAMS, WebService, family_of
from .processes import Process

PIDFILE_LIMIT = 4096  # bytes; a genuine one has at most 8
COMM = 15  # characters of a name that the kernel keeps: TASK_COMM_LEN
_PARENT = "parent "  # of a target: only the children of a process


class Reached(NamedTuple):
    """A service and whom of it: its master, workers of it, or both."""

    service: WebService
    master: bool
    workers: bool


class _Member(NamedTuple):
    service: WebService
    is_master: bool
    process: Process


def reached(host: Host, target: Target, web: Sequence[WebService], user: str) -> Tuple[Reached, ...]:
    """Return the services that a target means, of any kind but UNIT, when ``user`` signals them.

    Raises Malformed for a pattern that is too involved to be tried.
    """
    if target.kind == PROGRAM:
        family = family_of(target.value)
        return tuple(Reached(one, True, False) for one in web if one.family == family and _may(host, one.process, user))
    members = [one for one in _members(web) if _may(host, one.process, user) and _is_of(host, one.process, target.user)]
    found = _chosen(_matching(host, target, members), target.one)
    return (*_by_service(found), *_stopped(target, web, found))


def _members(web: Sequence[WebService]) -> List[_Member]:
    running = [(one, one.process) for one in web if one.process is not None]
    return [
        member
        for service, master in running
        for member in (
            _Member(service, True, master),
            *(_Member(service, False, worker) for worker in service.workers),
        )
    ]


def _may(host: Host, process: Optional[Process], user: str) -> bool:
    """Whether a user may signal a process (kill(2)): root any, all others their own."""
    if user in ("root", "0") or process is None:
        return True
    return user in (host.user_name(process.uids[0]), host.user_name(process.uids[2]))


def _is_of(host: Host, process: Process, user: Optional[str]) -> bool:
    return user is None or user in (host.user_name(process.uids[1]), str(process.uids[1]))


def _matching(host: Host, target: Target, members: Sequence[_Member]) -> List[_Member]:
    if target.kind == PID:
        return [one for one in members if str(one.process.pid) == target.value]
    if target.kind == PIDFILE:
        return _of_pidfile(host, target.value, members)
    if target.kind == EXECUTABLE or (target.kind == NAME and "/" in target.value):
        return [one for one in members if _runs(host, one.process.executable or "", target.value)]
    if target.kind == NAME:
        return [one for one in members if target.value in _names(one.process)]
    if target.kind != PATTERN:
        return []
    pattern = process_pattern.parse(target.value)
    # Workers of a pool have one title: each is tried once.
    texts = {_text(one.process, target) for one in members}
    tried = {text: process_pattern.fits(pattern, text, target.exact) for text in texts}
    return [one for one in members if tried[_text(one.process, target)]]


def _names(process: Process) -> Tuple[str, ...]:
    """Return what killall, pidof and killproc call a process: what the kernel does, or its program's name."""
    return process.name[:COMM], process.name, os.path.basename(process.executable or "")


def _runs(host: Host, executable: str, path: str) -> bool:
    """Whether a path leads to the file that runs: /usr/sbin/php-fpm may be a link of alternatives."""
    if executable == path:
        return True
    try:
        one, other = host.stat_as_named(executable), host.stat_as_named(path)
    except CannotLook:
        return False
    return (one.device, one.inode) == (other.device, other.inode)


def _of_pidfile(host: Host, path: str, members: Sequence[_Member]) -> List[_Member]:
    """Return who a pidfile names; where it cannot be read, who is configured with it."""
    try:
        pid = parse_pid(host.read(path, PIDFILE_LIMIT, follow=True))
    except CannotLook:
        place = _place(host, path)
        masters = [one for one in members if one.is_master and one.service.pidfile]
        return [one for one in masters if _place(host, one.service.pidfile or "") == place]
    return [one for one in members if one.process.pid == pid]


def _place(host: Host, path: str) -> str:
    try:
        return host.physical(path)  # /var/run is a link to /run
    except CannotLook:
        return path


def _text(process: Process, target: Target) -> str:
    return process.title if target.whole_line else process.name[:COMM]


def _chosen(found: List[_Member], one: Optional[str]) -> List[_Member]:
    """Return what of the matches is meant: the oldest, the newest, or the children of one process (pkill -o -n -P)."""
    if one is None or not found:
        return found
    if one in (OLDEST, NEWEST):
        by_age = sorted(found, key=lambda member: (member.process.started, member.process.pid))
        return by_age[:1] if one == OLDEST else by_age[-1:]
    if one.startswith(_PARENT):
        return [member for member in found if str(member.process.parent) == one[len(_PARENT) :]]
    return [member for member in found if member.is_master]


def _by_service(found: Sequence[_Member]) -> List[Reached]:
    services = list(dict.fromkeys(one.service.process for one in found))
    grouped = [[one for one in found if one.service.process == process] for process in services]
    return [
        Reached(
            members[0].service,
            any(one.is_master for one in members),
            not all(one.is_master for one in members),
        )
        for members in grouped
    ]


def _stopped(target: Target, web: Sequence[WebService], found: Sequence[_Member]) -> List[Reached]:
    """Return the services that do not run now, and that a target would mean if they did.

    A name that means one that runs means that one: another PHP's service may be installed beside it.
    """
    if found:
        return []
    down = [one for one in web if one.process is None]
    if target.kind in (PIDFILE, EXECUTABLE):
        stem = os.path.splitext(os.path.basename(target.value))[0]
        meant = [one for one in down if stem in (one.name, os.path.basename(one.program))]
    elif target.kind == NAME:
        meant = [one for one in down if os.path.basename(target.value) in (one.name, os.path.basename(one.program))]
    elif target.kind == PATTERN:
        pattern = process_pattern.parse(target.value)
        fits = [
            (one, process_pattern.fits(pattern, text, target.exact)) for one in down for text in _titles(one, target)
        ]
        meant = list(dict.fromkeys(one for one, fit in fits if fit))
    else:
        meant = []
    return [Reached(one, True, target.one is None and target.kind != PIDFILE) for one in meant]


def _titles(service: WebService, target: Target) -> Tuple[str, ...]:
    """Return how a service would call itself if it ran."""
    program = os.path.basename(service.program)
    if not target.whole_line:
        return (program[:COMM],)
    return service.program, PROGRAMS[service.family].master_title + " " + program
