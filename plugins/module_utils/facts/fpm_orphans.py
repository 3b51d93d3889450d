# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers of php-fpm that live on after their master died."""

import re
from typing import List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..policy import Policy
from . import php_fpm, processes
from .held_sockets import HeldSockets
from .masters import WORKER, doubt, role, runs, shares_pids
from .processes import Process, Processes
from .sockets import Socket

SECOND_LOOK_SECONDS = 0.3
_POOL_TITLE = re.compile(re.escape(php_fpm.PROGRAM.worker_title) + r"(.+)")


class Orphan(NamedTuple):
    """A worker whose master is gone: pool by its title, and the listening sockets that it holds.

    listening: their inodes. addresses: of the same sockets, as sockets.Socket has them. user: who runs it.
    """

    process: Process
    pool: Optional[str]
    listening: Tuple[int, ...]
    addresses: Tuple[str, ...] = ()
    user: str = ""


class Orphans(NamedTuple):
    """disbelieved: processes that call themselves workers of php-fpm and are none. unseen: what could not be told."""

    found: Tuple[Orphan, ...]
    disbelieved: Tuple[str, ...]
    unseen: Tuple[str, ...]


def look(host: Host, policy: Policy, seen: Processes, held: Set[int], holding: HeldSockets) -> Orphans:
    """Return the workers without a master, twice looked at.

    held: inodes of the sockets that running masters hold; a process that a worker forked holds those too, and is none.
    """
    disbelieved: List[str] = []
    unseen = _unproven(seen)
    orphans = []
    for process in sorted(seen.by_pid.values(), key=lambda process: process.pid):
        if process.zombie or not _is_orphaned(process, seen):
            continue
        try:
            if not shares_pids(host, process):
                continue  # a container's; its own processes judge it
            why = doubt(host, process)
            listening = holding.listening(process.pid)
        except Missing:
            continue  # it ended meanwhile
        except CannotLook as error:
            unseen.append(f"php-fpm {process.pid}, a worker without a master: {error}")
            continue
        if not why and not listening and holding.table():
            why = "it has no listening socket, which each worker of php-fpm has"
        if why:
            disbelieved.append(f"process {process.pid} ({process.executable}) is no worker without a master: {why}")
        elif not held & {socket.inode for socket in listening}:
            orphans.append(_orphan(host, process, listening))
    return Orphans(tuple(_lasting(host, policy, orphans)), tuple(disbelieved), tuple(unseen))


def _lasting(host: Host, policy: Policy, orphans: Sequence[Orphan]) -> List[Orphan]:
    """Return those that stay: between two steps of a restart a worker may outlive its master for a moment."""
    if not orphans:
        return []
    host.pause(SECOND_LOOK_SECONDS)
    later = processes.gather(host.again(), policy)
    return [one for one in orphans if _is_orphaned_still(one.process, later)]


def _orphan(host: Host, process: Process, listening: Sequence[Socket]) -> Orphan:
    title = _POOL_TITLE.match(process.title)
    return Orphan(
        process=process,
        pool=title.group(1) if title else None,
        listening=tuple(socket.inode for socket in listening),
        addresses=tuple(socket.local for socket in listening),
        user=host.user_name(process.uids[1]),
    )


def _unproven(seen: Processes) -> List[str]:
    """Return what to say of workers by their title alone, where this user may not see their executables."""
    return [
        f"process {one.pid} is titled as a worker of php-fpm, but this user may not see its executable; run with become"
        for one in sorted(seen.by_pid.values(), key=lambda process: process.pid)
        if one.executable is None and one.title.startswith(php_fpm.PROGRAM.worker_title)
        if not (one.parent in seen.by_pid and seen.by_pid[one.parent].title.startswith(php_fpm.PROGRAM.master_title))
    ]


def _is_orphaned(process: Process, seen: Processes) -> bool:
    parent = seen.by_pid.get(process.parent)
    if parent is not None and runs(parent, php_fpm.PROGRAM):
        return False
    return role(process, php_fpm.PROGRAM, seen.by_pid) == WORKER


def _is_orphaned_still(process: Process, later: Processes) -> bool:
    now = later.by_pid.get(process.pid)
    return now is not None and not now.zombie and now.started == process.started and _is_orphaned(now, later)
