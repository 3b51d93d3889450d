# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is looked at just before a step on nginx, and how it is told that the step has worked."""

import signal
import time
from typing import Any, Callable, List, Optional, Tuple

from ..errors import CannotAct, Unneeded
from ..facts import nginx, nginx_logs, nginx_masters, processes, service_units
from ..facts.nginx_masters import NginxMaster, serving, shutting_down
from ..facts.processes import Process, bears
from ..host import Host
from ..transition import Signal
from .nginx_state import POLICY, State, again, is_same, logs_of, pid_in, silent_of, successors

Guard = Callable[[Host], Tuple[Any, ...]]
Until = Callable[[Host], Optional[str]]

IDLE_LOOKS = 20  # at whether anybody is connected, just before what turns new connections away
IDLE_PAUSE = 0.05
LINGER_SECONDS = 5.0  # for which the end of an old master is waited for, while its last connections keep it
CLOCK_SECONDS = 1.0  # by which the start of a process and the wall clock may differ
ENDED_STATES = ("inactive", "failed")
_FAULTS = ("[emerg]", "[alert]")


def idle_then(master: NginxMaster, number: int, demanded: bool) -> Guard:
    """Give a signal to send; where it is ``demanded``, only at a moment when nobody is connected."""

    def guard(host: Host) -> Tuple[Any, ...]:
        for _unused in range(IDLE_LOOKS if demanded else 0):
            now = again(host.again(), master)
            if now is None or clients(now) == 0:
                return Signal(master.process, number)
            host.pause(IDLE_PAUSE)
        if demanded:
            raise CannotAct(
                f"nginx {master.process.pid}: clients connected meanwhile, so nothing was sent; drain first"
            )
        return Signal(master.process, number)

    return guard


def to_new(state: State, old: NginxMaster) -> Guard:
    """Give SIGQUIT for the new master beside an old one; SIGTERM for what was started as one and has not become it."""

    def guard(host: Host) -> Tuple[Any, ...]:
        new = _new(host, old)
        if new is not None:
            return Signal(new.process, signal.SIGQUIT)
        failed = _failed(host, state, old)
        if failed is None:
            raise Unneeded(f"nothing that was started as a new master runs beside nginx {old.process.pid}")
        return Signal(failed, signal.SIGTERM, caught=False)

    return guard


def to_failed(state: State, old: NginxMaster) -> Guard:
    """Give SIGKILL for what was started as a new master, is none, and blocks SIGTERM, as what nginx starts inherits."""

    def guard(host: Host) -> Tuple[Any, ...]:
        failed = None if _new(host, old) else _failed(host, state, old)
        if failed is None:
            raise Unneeded(f"nothing but nginx runs below nginx {old.process.pid}")
        return Signal(failed, signal.SIGKILL, caught=False)

    return guard


def until_reloaded(state: State, master: NginxMaster) -> Until:
    """Wait until new workers serve, and none of the old ones takes connections any more."""
    old = {(one.process.pid, one.process.started) for one in serving(master)}

    def missing(host: Host) -> Optional[str]:
        now = _living(host, master)
        _demand_no_fault(host, master, state.now)
        left = [one.process.pid for one in serving(now) if (one.process.pid, one.process.started) in old]
        if len(left) == len(serving(now)):
            return "no new worker has been started"
        if left:
            return f"workers of the old generation still take connections: {_pids(left)}"
        return _unanswered(host, state)

    return missing


def until_new_serves(state: State, old: NginxMaster) -> Until:
    """Wait until a new master runs beside the old one, with workers, all addresses and the pidfile."""

    def missing(host: Host) -> Optional[str]:
        _living(host, old)
        new = _new(host, old)
        if new is None:
            return f"no new master runs beside nginx {old.process.pid}: {state.program} has not started, or has ended"
        return _not_ready(host, old, new)

    return missing


def until_old_is_silent(state: State, old: NginxMaster) -> Until:
    """Wait until the old master takes no connections any more, and the new one answers at every address."""

    def missing(host: Host) -> Optional[str]:
        now = _living(host, old)
        new = _new(host, old)
        if new is None:
            raise CannotAct("the new master has ended")
        left = [one.process.pid for one in serving(now)]
        if left:
            return f"workers of the old master still take connections: {_pids(left)}"
        return _not_ready(host, old, new) or _unanswered(host, state)

    return missing


def until_old_serves(state: State, old: NginxMaster) -> Until:
    """Wait until the old master takes connections again."""

    def missing(host: Host) -> Optional[str]:
        now = _living(host, old)
        return None if serving(now) else f"nginx {old.process.pid} has no worker that takes connections"

    return missing


def until_new_is_gone(state: State, old: NginxMaster) -> Until:
    """Wait until the new master has ended, and the old one has its pidfile back and answers."""

    def missing(host: Host) -> Optional[str]:
        _living(host, old)
        new = _new(host, old)
        if new is not None and serving(new):
            return f"nginx {new.process.pid} still takes connections"
        failed = _failed(host, state, old)
        if failed is not None:
            return f"process {failed.pid}, which was started as the new master, has not ended"
        if new is None and old.pidfile is not None and pid_in(host, old.pidfile) != old.process.pid:
            return f"{old.pidfile} does not say {old.process.pid} again"
        return _unanswered(host, state)

    return missing


def until_old_is_gone(state: State, old: NginxMaster) -> Until:
    """Wait until the old master has ended; once it only waits for its last connections, no longer than a moment."""
    began: List[float] = []

    def missing(host: Host) -> Optional[str]:
        began.append(time.monotonic())
        now = again(host, old)
        if now is None:
            return None
        if serving(now):
            return f"nginx {old.process.pid} still takes connections"
        if shutting_down(now) and time.monotonic() - began[0] > LINGER_SECONDS:
            return None  # it ends with them, as the workers of any reload do
        return f"nginx {old.process.pid} waits for connections of its workers {_workers(now)}"

    return missing


def until_ended(master: NginxMaster) -> Until:
    """Wait until a master and its workers have ended, and its service has seen that."""

    def missing(host: Host) -> Optional[str]:
        now = again(host, master)
        if now is not None:
            return f"it waits for connections of its workers {_workers(now)}"
        workers = [one.process for one in master.workers]
        left = [one.pid for one in workers for seen in [bears(host, one.pid)] if seen and seen.started == one.started]
        if left:
            return f"its workers have not ended: {_pids(left)}"
        if master.unit is not None:
            unit = service_units.show(host, [master.unit.name]).get(master.unit.name)
            if unit is not None and unit.state not in ENDED_STATES:
                return f"{unit.name} is {unit.state}"
        return None

    return missing


def until_logs_open(master: NginxMaster, in_force: bool) -> Until:
    """Wait until the master and its workers have the logs of the configured names open, where these are in force."""

    def missing(host: Host) -> Optional[str]:
        now = _living(host, master)
        closed = [log.path for log in logs_of(host, now).named if not log.is_open]
        return f"not open yet: {', '.join(closed[:5])}" if closed and in_force else None

    return missing


def clients(master: NginxMaster) -> Optional[int]:
    """Return how many connections of clients a master has, None where that cannot be seen."""
    counts = [worker.clients for worker in master.workers]
    return None if None in counts else sum(count for count in counts if count is not None)


def _living(host: Host, master: NginxMaster) -> NginxMaster:
    now = again(host, master)
    if now is None:
        raise CannotAct(f"nginx {master.process.pid} has ended")
    return now


def _new(host: Host, old: NginxMaster) -> Optional[NginxMaster]:
    masters = host.once(nginx_masters.gather, POLICY).masters
    return next((one for one in successors(masters, old) if not is_same(one, old)), None)


def _failed(host: Host, state: State, old: NginxMaster) -> Optional[Process]:
    """Return what a master has run as its new binary: a child that is no nginx, and was not there before.

    A module may have started programs of its own long before, as Phusion Passenger does.
    """
    children = [one for one in host.once(processes.gather, POLICY).by_pid.values() if one.parent == old.process.pid]
    new = [one for one in children if one.started > state.now - CLOCK_SECONDS and not one.zombie]
    return next((one for one in new if not one.title.startswith(nginx.PROGRAM.worker_title)), None)


def _not_ready(host: Host, old: NginxMaster, new: NginxMaster) -> Optional[str]:
    of = f"nginx {new.process.pid}"
    if not serving(new):
        return f"{of} has no worker that takes connections"
    gone = sorted(set(old.listening) - set(new.listening))
    if gone:
        return f"{of} does not listen on {', '.join(gone[:5])}"
    if new.pidfile is not None and pid_in(host, new.pidfile) != new.process.pid:
        return f"{new.pidfile} does not say {new.process.pid}"
    return None


def _unanswered(host: Host, state: State) -> Optional[str]:
    """Say which address does not answer that did before."""
    return next(iter(silent_of(host, state.answering).values()), None)


def _demand_no_fault(host: Host, master: NginxMaster, since: float) -> None:
    """Demand that a master has not logged that it could not do what it was told. Raises CannotAct."""
    lines = nginx_logs.recent(host, master.process.pid, since)
    fault = next((line for line in lines if any(word in line for word in _FAULTS)), None)
    if fault is not None:
        raise CannotAct(f"nginx {master.process.pid} goes on as before, because it says: {fault[:500]}")


def _workers(master: NginxMaster) -> str:
    held = [(worker.process.pid, worker.clients) for worker in master.workers]
    return ", ".join(f"{pid} ({'?' if count is None else count} clients)" for pid, count in held[:10]) or "none"


def _pids(pids: List[int]) -> str:
    return ", ".join(str(pid) for pid in pids[:10])
