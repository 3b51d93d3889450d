# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is looked at just before a step on php-fpm, and how it is told that the step has worked."""

from typing import Any, Callable, List, Optional, Sequence, Tuple

from ..errors import CannotAct, CannotLook, Unneeded
from ..facts import fpm_idleness, fpm_masters, fpm_workers, php_fpm, processes, service_units
from ..facts.fpm_masters import FpmMaster
from ..facts.fpm_workers import Worker
from ..facts.processes import Process, bears
from ..host import Host
from ..transition import Command, Signal
from .php_fpm_state import State, Wanted, logs_of, pidfile_of, roots_own, silent_pools

Guard = Callable[[Host], Tuple[Any, ...]]
Until = Callable[[Host], Optional[str]]

IDLE_LOOKS = 40  # at whether it is idle still, just before what would cut a request
IDLE_PAUSE = 0.05
ENDED_STATES = ("inactive", "failed")
NAMED_LIMIT = 10


def idle_then(state: State, wanted: Wanted, signal: Signal, demanded: bool) -> Guard:
    """Give a signal to send; where it is ``demanded``, only at a moment when no request is in flight."""

    def guard(host: Host) -> Tuple[Any, ...]:
        if demanded:
            host.once(fpm_masters.gather, wanted.policy)
        for _unused in range(IDLE_LOOKS if demanded else 0):
            seen = fpm_workers.gather(host.again(fpm_masters.gather), wanted.policy)
            now = fpm_idleness.idle_now(seen, signal.process.pid)
            if now.idle:
                return signal
            host.pause(IDLE_PAUSE)
        if demanded:
            raise CannotAct(
                f"{state.name}: requests came in since it was idle, so nothing was sent; drain the host first"
            )
        return signal

    return guard


def unless_running(state: State, wanted: Wanted, command: Command) -> Guard:
    """Give a command to run, where no master of the configuration runs."""

    def guard(host: Host) -> Tuple[Any, ...]:
        for one in _masters(host, state, wanted):
            raise Unneeded(f"process {one.process.pid} runs")
        return command

    return guard


def at_once(host: Host) -> Optional[str]:
    """For what is waited for together with a later step."""
    return None


def until_gone(gone: Sequence[Process]) -> Until:
    """Wait until processes have ended."""

    def missing(host: Host) -> Optional[str]:
        left = [one for one in gone if _lives(host, one)]
        return f"still there: {_pids(left)}" if left else None

    return missing


def until_ended(state: State, wanted: Wanted) -> Until:
    """Wait until a master and all of its workers have ended, and its service has seen that."""

    def missing(host: Host) -> Optional[str]:
        master = state.master
        workers = _left(host, state.workers)
        if workers:
            return f"it waits for workers that have not ended their requests: {_requests(workers)}"
        if master is not None and _lives(host, master.process):
            return f"process {master.process.pid} has not ended"
        if master is not None and master.unit is not None:
            now = service_units.show(host, [master.unit.name]).get(master.unit.name)
            if now is not None and now.state not in ENDED_STATES and now.main_pid in (0, master.process.pid):
                return f"{now.name} is {now.state}"
        return None

    return missing


def until_renewed(state: State, wanted: Wanted) -> Until:
    """Wait until a master that was told to reload serves as a new generation, and no worker of the old one is left."""

    def missing(host: Host) -> Optional[str]:
        workers = _left(host, state.workers)
        if workers:
            return f"workers of the old generation have not ended their requests: {_requests(workers)}"
        masters = _masters(host, state, wanted)
        if not masters and _starts(host, state, wanted):
            return "it is starting itself anew"
        if not masters:
            raise CannotAct("the master ended while it reloaded")
        if state.master is None or not is_renewed(state.master, masters[-1]):
            return "it has not started itself anew yet"
        if len(masters) > 1:
            return "the old master has not handed over yet"
        return _not_serving(host, masters[-1])

    return missing


def until_serving(state: State, wanted: Wanted) -> Until:
    """Wait until a master of the configuration runs, and all of its pools answer."""

    def missing(host: Host) -> Optional[str]:
        former = state.master.process if state.master else None
        now = _masters(host, state, wanted)
        if any(is_same(one.process, former) for one in now):
            raise CannotAct(f"process {now[0].process.pid} is the master from before, and runs")
        if not now:
            return f"no master of {state.configuration} runs"
        return _not_serving(host, now[0])

    return missing


def until_logs_open(state: State) -> Until:
    """Wait until a master has the logs of the configured names open."""

    def missing(host: Host) -> Optional[str]:
        if state.master is None or not _lives(host, state.master.process):
            raise CannotAct("the master has ended")
        closed = [log.path for log in logs_of(host, state.master) if not log.is_open]
        return f"not open yet: {', '.join(closed)}" if closed else None

    return missing


def is_same(one: Process, other: Optional[Process]) -> bool:
    """Whether two looks saw one process: pids are recycled, start times are not."""
    return other is not None and (one.pid, one.started) == (other.pid, other.started)


def is_renewed(before: FpmMaster, now: FpmMaster) -> bool:
    """Whether a master began a new generation. Raises CannotLook where that cannot be seen."""
    if before.generation is None or now.generation is None:
        raise CannotLook(
            f"php-fpm {now.process.pid}: when it was reloaded last cannot be seen; run with become, or set pid in its "
            "[global] section, which each reload writes anew"
        )
    return now.generation > before.generation


def _starts(host: Host, state: State, wanted: Wanted) -> bool:
    """Whether the program runs and is neither master nor worker yet, as one that reloads is for a moment."""
    titles = (php_fpm.PROGRAM.master_title, php_fpm.PROGRAM.worker_title)
    running = host.once(processes.gather, wanted.policy).by_pid.values()
    return any(one.executable == state.executable and not one.title.startswith(titles) for one in running)


def _not_serving(host: Host, now: FpmMaster) -> Optional[str]:
    for pool, reason in silent_pools(host, now):
        return f"pool {pool} does not answer: {reason}"
    if now.pidfile is not None and pidfile_of(host, now) != now.process.pid:
        return f"{now.pidfile} does not say {now.process.pid}"
    return None


def _masters(host: Host, state: State, wanted: Wanted) -> List[FpmMaster]:
    """Return the running masters of the configuration, the oldest first: one that hands over to another is two."""
    seen = host.once(fpm_masters.gather, wanted.policy).masters
    root = state.master.root if state.master else "/"
    own = [one for one in seen if one.configuration == state.configuration and one.root == root and not one.apart]
    return sorted(roots_own(own), key=lambda one: one.process.started)


def _lives(host: Host, process: Process) -> bool:
    now = bears(host, process.pid)
    return now is not None and not now.zombie and is_same(now, process)


def _left(host: Host, workers: Sequence[Worker]) -> List[Worker]:
    return [one for one in workers if _lives(host, one.process)]


def _requests(workers: Sequence[Worker]) -> str:
    named = [
        f"{one.process.pid} of pool {one.pool}" + (f", {one.request}" if one.request and not one.idle else "")
        for one in workers[:NAMED_LIMIT]
    ]
    more = len(workers) - NAMED_LIMIT
    return "; ".join(named) + (f"; and {more} more" if more > 0 else "")


def _pids(named: Sequence[Process]) -> str:
    return ", ".join(f"process {one.pid}" for one in named[:NAMED_LIMIT])
