# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who bears the pid that a pidfile says, seen from the program that the file belongs to."""

import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from ..errors import Forbidden, Missing
from ..host import Host
from . import nginx, php_fpm, processes
from .masters import MASTER, STARTING, WORKER, Program, role, runs, shares_pids
from .processes import Process, Processes

PROGRAM = "program"  # its master, or one that starts
SUPERVISOR = "supervisor"  # an ancestor of it: a wrapper that was started in its place
NAMESAKE = "namesake"  # a program that is called as the file is
ANOTHER_MASTER = "another master"  # of the same program, but configured with another pidfile
A_WORKER = "worker"
STRANGER = "stranger"
UNCERTAIN = "uncertain"  # it lives, and nothing says whether it is the right one
HIDDEN = "hidden"  # it may live, but may not be seen
ZOMBIE = "zombie"
KERNEL_THREAD = "kernel thread"
THREAD = "thread"
NOBODY = "nobody"

NAME = re.compile(r".+\.pid(?:\.oldbin)?\Z", re.DOTALL)
PROGRAMS: Dict[str, Program] = {program.name: program for program in (php_fpm.PROGRAM, nginx.PROGRAM)}
_BY_NAME = (
    (re.compile(r"(?:.*[^a-z0-9])?(?:php[0-9.]*-?)?fpm(?![a-z])", re.DOTALL), php_fpm.PROGRAM.name),
    (re.compile(r"(?:.*[^a-z0-9])?nginx(?![a-z])", re.DOTALL), nginx.PROGRAM.name),
)

_POOL_FIRST = re.compile(r"[^.]+-fpm\Z")
_POOL_LAST = re.compile(r"php[0-9.]*-?fpm-.+\Z", re.DOTALL)
_MENTION = re.compile(r"nginx|fpm")

Heads = Tuple[Tuple[int, float], ...]


def program_by_name(path: str) -> Optional[str]:
    """Return the program that a pidfile belongs to by its name, such as php8.2-fpm.pid or nginx.pid."""
    name = os.path.basename(path)
    return next((program for pattern, program in _BY_NAME if NAME.match(name) and pattern.match(stem(path))), None)


def stem(path: str) -> str:
    """Return what a pidfile is called without its ending."""
    return re.sub(r"\.pid(?:\.oldbin)?\Z", "", os.path.basename(path))


def is_called_for(process: Process, path: str, program: str) -> bool:
    """Whether the name of a pidfile alone says that a living process is not the one which belongs into it.

    nginx.pid and php8.2-fpm.pid do, and mailer-fpm.pid, called after a pool. php-fpm-mailer.pid could be an exporter's
    too, so it does unless the process has to do with either program. nginx-exporter.pid may be of any.
    """
    called = stem(path)
    if PROGRAMS[program].executable.match(called) or _POOL_FIRST.match(called):
        return True
    said = " ".join((process.name, process.executable or "", process.title))
    return bool(_POOL_LAST.match(called)) and not _MENTION.search(said)


def bearer(
    host: Host, seen: Processes, pid: int, path: str, program: Optional[str], masters: Sequence[int]
) -> Tuple[str, Optional[Process]]:
    """Return who bears a pid: one of the words above, and the process. ``masters``: pids of those configured so."""
    process = seen.by_pid.get(pid)
    if process is None:
        return _absent(host, seen, pid)
    if process.zombie:
        return ZOMBIE, process
    if process.executable == "" and not process.title:
        return KERNEL_THREAD, process
    return _identity(seen, process, path, program, masters), process


def heads(host: Host, seen: Processes, program: Optional[str]) -> Heads:
    """Return pid and start of each process of ours that runs a program and is no worker of it, sorted."""
    if program is None:
        return ()
    known = PROGRAMS[program]
    found = [process for process in seen.by_pid.values() if role(process, known, seen.by_pid) in (MASTER, STARTING)]
    return tuple(sorted((process.pid, process.started) for process in found if _may_share_pids(host, process)))


def lives_apart(host: Host, seen: Processes, program: str) -> bool:
    """Whether a process of the program has pids of its own, so that a number in a file may be one of those."""
    running = [process for process in seen.by_pid.values() if runs(process, PROGRAMS[program])]
    return not all(_may_share_pids(host, process) for process in running)


def _may_share_pids(host: Host, process: Process) -> bool:
    try:
        return shares_pids(host, process)
    except Missing:
        return False  # it ended
    except Forbidden:
        return True


def _absent(host: Host, seen: Processes, pid: int) -> Tuple[str, Optional[Process]]:
    """Say of a pid that no listed process bears whether a thread does."""
    leader = None if pid in seen.hidden else processes.thread_leader(host, pid)
    if leader is not None and leader != pid:
        return THREAD, seen.by_pid.get(leader)
    # Listed among the hidden, started since the listing, or perhaps there on a host that hides others' processes.
    return (HIDDEN if pid in seen.hidden or leader == pid or not seen.complete else NOBODY), None


def _identity(seen: Processes, process: Process, path: str, program: Optional[str], masters: Sequence[int]) -> str:
    if program is None:
        return NAMESAKE if _is_namesake(process, path) else UNCERTAIN
    known = PROGRAMS[program]
    part = role(process, known, seen.by_pid)
    if part == WORKER:
        return A_WORKER
    if part == MASTER and masters and process.pid not in masters:
        return ANOTHER_MASTER
    if part is not None:
        return PROGRAM
    if process.executable is None:
        return HIDDEN
    if _is_namesake(process, path):
        return NAMESAKE
    return SUPERVISOR if _has_below(seen, process, known) else STRANGER


def _is_namesake(process: Process, path: str) -> bool:
    """Whether a process is called as the file is, by its executable or the script that it was started with.

    php-fpm_exporter.pid may well name php-fpm_exporter. For php-fpm and nginx themselves the executable decides.
    """
    called = _plain_name(stem(path))
    if any(program.executable.match(stem(path)) for program in PROGRAMS.values()):
        return False
    words = [process.executable or "", *process.title.split(" ")[:3]]
    return called in [_plain_name(os.path.basename(word)) for word in words]


def _plain_name(name: str) -> str:
    return re.sub(r"[-_.]", "", re.sub(r"\.(?:py|pl|rb|sh|js|php)\Z", "", name))


def _has_below(seen: Processes, ancestor: Process, program: Program) -> bool:
    if ancestor.pid == 1:
        return False  # everybody is below process 1
    return any(runs(process, program) and ancestor.pid in _ancestors(seen, process) for process in seen.by_pid.values())


def _ancestors(seen: Processes, process: Process) -> List[int]:
    pids: List[int] = []
    while process.parent in seen.by_pid and process.parent not in pids:
        pids.append(process.parent)
        process = seen.by_pid[process.parent]
    return pids
