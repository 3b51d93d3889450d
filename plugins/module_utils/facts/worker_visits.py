# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Ask each worker of a pool: what a worker keeps for itself, such as its realpath cache, no other can tell or empty.

A pool hands a connection to the worker that has waited longest in accept(2), so that one question after the other goes
round the idle ones. Who serves a request is met when that has ended, or not in time.
"""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence

from ..errors import CannotLook
from ..formats.probe_answer import ProbeAnswer, Task
from ..host import Host
from ..policy import Policy
from . import pool_probe
from .fpm_masters import FpmMaster, FpmPool
from .processes import Process, bears

VISITED_AT_ONCE = 16  # pools
PAUSE = 0.05  # seconds, once a question has met nobody new


class Visits(NamedTuple):
    """answers: by the pid of the worker. missed: who was not met and still runs. reason: why not; None without any."""

    master: int
    pool: str
    answers: Mapping[int, ProbeAnswer]
    missed: Sequence[Process]
    reason: Optional[str]


class Visit(NamedTuple):
    """Whom to meet, and what each is to do."""

    master: FpmMaster
    pool: FpmPool
    workers: Sequence[Process]
    task: Task


def visit_all(host: Host, policy: Policy, wanted: Sequence[Visit], seconds: float) -> List[Visits]:
    """Return what visiting each pool comes to, for at most so many seconds each, some at once."""
    with pool_probe.removed_on_signals(), ThreadPoolExecutor(max_workers=VISITED_AT_ONCE) as at_once:
        return list(at_once.map(lambda one: visit(host, policy, one, seconds), wanted))


def visit(host: Host, policy: Policy, wanted: Visit, seconds: float) -> Visits:
    """Ask until each of the workers has answered or ended, for at most so many seconds."""
    answers: Dict[int, ProbeAnswer] = {}
    missed = list(wanted.workers)
    reason = None
    try:
        with pool_probe.opened(host, policy, wanted.master, wanted.pool) as opened:
            end = time.monotonic() + seconds
            while missed and time.monotonic() < end:
                answer = opened.ask(wanted.task, min(end - time.monotonic(), policy.runtime_cache.answer_seconds))
                met = answer.pid in answers
                answers[answer.pid] = answer
                if met:
                    host.pause(PAUSE)
                missed = _left(host, missed, answers) if met else _unmet(missed, answers)
    except CannotLook as error:
        reason = str(error)
    if missed and reason is None:
        reason = f"they did not come to answer within {seconds:g} s, since they serve requests"
    return Visits(wanted.master.process.pid, wanted.pool.name, answers, missed, reason if missed else None)


def _unmet(workers: Sequence[Process], answers: Mapping[int, ProbeAnswer]) -> List[Process]:
    return [one for one in workers if one.pid not in answers]


def _left(host: Host, workers: Sequence[Process], answers: Mapping[int, ProbeAnswer]) -> List[Process]:
    """Return who is not met and has not ended meanwhile."""
    return [one for one in _unmet(workers, answers) if _lives(host, one)]


def _lives(host: Host, worker: Process) -> bool:
    now = bears(host, worker.pid)
    return now is not None and not now.zombie and now.started == worker.started
