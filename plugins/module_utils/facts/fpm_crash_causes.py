# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What may be why workers crash again and again: it is looked for only where they do.

To walk the opcode caches may take minutes, so a host without a loop of the last day never pays for it.
"""

import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing, NotApplicable
from ..formats import package_log
from ..formats.kernel_log import Fault
from ..formats.package_log import PackageChange
from ..host import Host
from ..journal_file import JOURNALS, began, run_ids
from ..policy import Policy
from . import fpm_history, kernel_messages, log_files, opcode_cache
from .fpm_history import CRASH, DAY, Ending, FpmHistory
from .opcode_cache import OpcodeCaches

LOOP_CRASHES = 3
LOOP_SECONDS = 600.0
BEFORE_SECONDS = 3600.0  # within which a change comes before a crash as its cause does
LOGS = ("/var/log/dpkg.log", "/var/log/dnf.rpm.log", "/var/log/yum.log")
CHANGES_LIMIT = 1000


class Loop(NamedTuple):
    """Workers of a pool that crashed LOOP_CRASHES times within LOOP_SECONDS, once or more often.

    crashes: all of the pool's, by time. first, last: of the crashes of such times. most: within LOOP_SECONDS.
    """

    log: str
    pool: str
    crashes: Tuple[Ending, ...]
    first: float
    last: float
    most: int


class Released(NamedTuple):
    """A link or directory of policy.php_daemon.releases that changed, in seconds since the epoch."""

    path: str
    moment: float


class CrashCauses(NamedTuple):
    """loops: of all the history. faults: by the pid of a crashed worker, the files whose code ran.

    changes: of packages, before a loop of the last day began. caches: None where there is no such loop, or no cache.
    runs: when this collection changed the host, in seconds since the epoch. unseen: what could not be looked at of
    these.
    """

    loops: Tuple[Loop, ...]
    faults: Dict[int, str]
    changes: Tuple[PackageChange, ...]
    released: Tuple[Released, ...]
    caches: Optional[OpcodeCaches]
    runs: Tuple[float, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> CrashCauses:
    """Return the loops of crashes, and what may be why. Raises CannotLook and NotApplicable as the history does."""
    seen = host.once(fpm_history.gather, policy)
    loops = tuple(find_loops(seen))
    recent = [loop for loop in loops if seen.now - loop.last < DAY]
    if not recent:
        return CrashCauses(loops, {}, (), (), None, (), ())
    unseen: List[str] = []
    return CrashCauses(
        loops=loops,
        faults=_faults(host, policy, recent, unseen),
        changes=tuple(_changes(host, recent, seen.now, unseen)),
        released=tuple(_released(host, policy, recent, unseen)),
        caches=_caches(host, policy, unseen),
        runs=_runs(host),
        unseen=tuple(unseen),
    )


def _runs(host: Host) -> Tuple[float, ...]:
    try:
        names = host.list(JOURNALS)
    except CannotLook:
        return ()  # nothing is known to have been done, which makes no loop look less bad than it is
    return tuple(began(run_id) for run_id in run_ids(names))


def find_loops(seen: FpmHistory) -> List[Loop]:
    """Return the pools whose workers crashed again and again."""
    loops = []
    for history in seen.histories:
        pools: Dict[str, List[Ending]] = {}
        for ending in history.endings:
            if ending.ended == CRASH:
                pools.setdefault(ending.pool, []).append(ending)
        for pool, crashes in pools.items():
            loop = _loop(history.log.name, pool, sorted(crashes, key=lambda crash: crash.moment))
            loops += [loop] if loop else []
    return loops


def _loop(log: str, pool: str, crashes: Sequence[Ending]) -> Optional[Loop]:
    most, begin = 0, 0
    first, last = None, 0.0
    for number, crash in enumerate(crashes):
        while crash.moment - crashes[begin].moment > LOOP_SECONDS:
            begin += 1
        many = number - begin + 1
        most = max(most, many)
        if many >= LOOP_CRASHES:
            first, last = crashes[begin].moment if first is None else first, crash.moment
    return None if first is None else Loop(log, pool, tuple(crashes), first, last, most)


def _faults(host: Host, policy: Policy, loops: Sequence[Loop], unseen: List[str]) -> Dict[int, str]:
    seen = host.once(kernel_messages.gather, policy)
    unseen.extend(seen.unseen)
    pids = {crash.child for loop in loops for crash in loop.crashes}
    said = [one.said for one in seen.messages]
    return {one.pid: one.inside for one in said if isinstance(one, Fault) and one.inside and one.pid in pids}


def _changes(host: Host, loops: Sequence[Loop], now: float, unseen: List[str]) -> List[PackageChange]:
    since = min(loop.first for loop in loops) - BEFORE_SECONDS
    changes: List[PackageChange] = []
    for path in LOGS:
        try:
            log = log_files.read(host, path, since)
        except Missing:
            continue
        except CannotLook as error:
            unseen.append(str(error))
            continue
        unseen.extend(log.unread)
        changes += [change for file in log.files for change in package_log.parse(file.text, now)]
    return [change for change in changes if _is_before(change.moment, loops)][-CHANGES_LIMIT:]


def _released(host: Host, policy: Policy, loops: Sequence[Loop], unseen: List[str]) -> List[Released]:
    released = []
    for path in policy.php_daemon.releases:
        try:
            # Not of what a link leads to: a release is switched by making the link anew.
            moment = host.stat(os.path.normpath(path)).mtime_ns / 1e9
        except CannotLook as error:
            unseen.append(str(error))
            continue
        released += [Released(path, moment)] if _is_before(moment, loops) else []
    return released


def _is_before(moment: float, loops: Sequence[Loop]) -> bool:
    return any(0 <= loop.first - moment <= BEFORE_SECONDS for loop in loops)


def _caches(host: Host, policy: Policy, unseen: List[str]) -> Optional[OpcodeCaches]:
    try:
        return host.once(opcode_cache.gather, policy)
    except NotApplicable:
        return None
    except CannotLook as error:
        unseen.append(str(error))
        return None
