# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers of a pool that all wait for the same thing, such as a Redis that answers no more."""

from collections import Counter
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_masters, fpm_time_limits, fpm_workers
from ..facts.blocked import FILE, FILE_LOCK, LOCK, SOCKET
from ..facts.fpm_masters import FpmMaster, FpmMasters, FpmPool
from ..facts.fpm_time_limits import FpmTimeLimits, PoolLimits
from ..facts.fpm_workers import FpmWorkers, Worker
from ..model import CRITICAL, HIGH, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm import pool_name, verdict

AT_LEAST = 2  # workers; one that waits is what it is there for
SCRIPTS_LIMIT = 5
PIDS_LIMIT = 50
_UNNAMED = {LOCK: "a semaphore or a lock in memory"}
_WHAT = {SOCKET: "", FILE_LOCK: "the lock on ", LOCK: "", FILE: ""}
ADVICE = (
    "look after what they wait for; a restart of php-fpm frees the workers by ending their requests half-way, and the "
    "next ones are stuck at once"
)


class Evidence(NamedTuple):
    """Seconds for times. peer: what they wait for. of: how many workers the pool may have, pm.max_children.

    longest, shortest: how long they have waited, None where neither a status page nor a TCP socket tells. terminate and
    socket_timeout: the limits of the pool that would end the wait, None for none; source says where they are set.
    scripts: what they run, the most frequent first, where a status page tells. waiting: connections in the queue.
    """

    owner: str
    cause: str
    pool: str
    master: int
    peer: str
    stuck: int
    of: int
    longest: Optional[float]
    shortest: Optional[float]
    waiting: Optional[int]
    terminate: Optional[float]
    terminate_source: Optional[str]
    socket_timeout: Optional[float]
    socket_timeout_source: Optional[str]
    scripts: Tuple[str, ...]
    pids: Tuple[int, ...]
    advice: str


class _Stuck(NamedTuple):
    """The workers of one pool that wait for one thing, with what is known of the pool.

    of: how many it may have. dark: how many of the others wait for something that is not seen.
    """

    master: FpmMaster
    pool: FpmPool
    peer: str
    workers: Sequence[Worker]
    of: int
    dark: int
    queue: Optional[int]


def find(seen: FpmWorkers, masters: FpmMasters, limits: FpmTimeLimits, policy: Policy) -> Verdict:
    findings: List[Finding] = []
    blind: List[str] = list(seen.unseen)
    known = {(one.master.process.pid, pool.pool.name): pool for one in limits.masters for pool in one.pools}
    for master in masters.masters:
        for pool in master.pools:
            stuck = _stuck(seen, master, pool)
            if _is_stuck(stuck, policy):
                findings.append(_finding(stuck, known.get((master.process.pid, pool.name))))
            else:
                blind += _unknown(stuck, policy)
    return verdict(masters, findings, blind)


def _stuck(seen: FpmWorkers, master: FpmMaster, pool: FpmPool) -> _Stuck:
    """Return what most of a pool's workers wait for."""
    own = [one for one in seen.workers if one.master == master.process.pid and one.pool == pool.name]
    by_peer: Dict[str, List[Worker]] = {}
    for worker in own:
        peer = _peer(worker)
        if peer is not None:
            by_peer.setdefault(peer, []).append(worker)
    peer, workers = max(by_peer.items(), key=lambda item: len(item[1]), default=("", []))
    dark = sum(1 for one in own if one.waiting is None and not one.idle)
    status = [one for one in seen.pools if one.master == master.process.pid and one.pool == pool.name]
    queue = status[0].listen_queue if status else None
    return _Stuck(master, pool, peer, workers, max(len(own), _most(pool)), dark, queue)


def _is_stuck(stuck: _Stuck, policy: Policy) -> bool:
    times = _times(stuck)
    if not times:  # then only what comes of it can tell: all of them wait, and requests wait for them
        return _are_many(len(stuck.workers), stuck, policy) and len(stuck.workers) >= stuck.of and bool(stuck.queue)
    return _are_many(sum(1 for seconds in times if seconds >= policy.php_fpm.stuck_seconds), stuck, policy)


def _are_many(count: int, stuck: _Stuck, policy: Policy) -> bool:
    return count >= AT_LEAST and 100 * count >= policy.php_fpm.stuck_percent * stuck.of


def _unknown(stuck: _Stuck, policy: Policy) -> List[str]:
    """Return why a pool that is not found stuck may be so all the same."""
    if not _times(stuck) and _are_many(len(stuck.workers), stuck, policy):
        return [
            f"{_name(stuck)}: {len(stuck.workers)} of {stuck.of} workers wait for {stuck.peer}, for how long is not "
            "known; set pm.status_path for the pool, and leave ask_pools on"
        ]
    if stuck.dark and _are_many(stuck.dark + len(stuck.workers), stuck, policy):
        return [f"{_name(stuck)}: what {stuck.dark} of {stuck.of} workers wait for is not seen; run with become"]
    return []


def _most(pool: FpmPool) -> int:
    said = pool.settings.get("pm.max_children", "")
    return int(said) if said.isdecimal() and len(said) < 8 else 0


def _peer(worker: Worker) -> Optional[str]:
    """Return what a worker waits for, None where that is work, time, or nothing that others wait for too."""
    if worker.idle or worker.waiting is None or worker.waiting.on not in _WHAT:
        return None
    name = worker.waiting.peer or _UNNAMED.get(worker.waiting.on)
    return _WHAT[worker.waiting.on] + name if name else None


def _times(stuck: _Stuck) -> List[float]:
    """Return how long each has waited at most: no longer than its request, nor than its peer has been silent."""
    return [seconds for seconds in map(_seconds, stuck.workers) if seconds is not None]


def _seconds(worker: Worker) -> Optional[float]:
    times = (worker.request_seconds, worker.waiting.seconds if worker.waiting else None)
    return min((seconds for seconds in times if seconds is not None), default=None)


def _name(stuck: _Stuck) -> str:
    return pool_name(stuck.pool, stuck.master.configuration, stuck.master.root)


def _finding(stuck: _Stuck, limits: Optional[PoolLimits]) -> Finding:
    times = _times(stuck)
    count = len(stuck.workers)
    every = count >= stuck.of
    since = f", the longest for {max(times):.0f} s" if times else ""
    effect = "nobody is left to serve" if every else f"{stuck.of - count} are left to serve"
    return Finding(
        check=CHECK.id,
        object=_name(stuck),
        severity=CRITICAL if every else HIGH,
        summary=f"{count} of {stuck.of} workers of pool {stuck.pool.name} wait for {stuck.peer}{since}; {effect}",
        evidence=_evidence(stuck, times, limits),
        remedy=None,
        risk=None,
    )


def _evidence(stuck: _Stuck, times: Sequence[float], limits: Optional[PoolLimits]) -> Evidence:
    scripts = Counter(worker.script or worker.request for worker in stuck.workers if worker.script or worker.request)
    socket = limits.socket if limits else None
    terminate = limits.terminate if limits else None
    return Evidence(
        owner=stuck.pool.settings.get("user", ""),
        cause=f"{stuck.peer} does not answer, or not as fast as it is asked",
        pool=stuck.pool.name,
        master=stuck.master.process.pid,
        peer=stuck.peer,
        stuck=len(stuck.workers),
        of=stuck.of,
        longest=max(times) if times else None,
        shortest=min(times) if times else None,
        waiting=stuck.queue,
        terminate=terminate.seconds if terminate else None,
        terminate_source=terminate.source if terminate else None,
        socket_timeout=socket.seconds if socket else None,
        socket_timeout_source=socket.source if socket else None,
        scripts=tuple(f"{name} ({number})" for name, number in scripts.most_common(SCRIPTS_LIMIT)),
        pids=tuple(worker.process.pid for worker in stuck.workers[:PIDS_LIMIT]),
        advice=ADVICE,
    )


CHECK = Check(
    id="php_fpm.stuck_workers",
    gathers=(fpm_workers.gather, fpm_masters.gather, fpm_time_limits.gather),
    find=find,
)
