# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which signals and starts bring a php-fpm into a state, or why none may be sent.

What each signal costs was measured under load: docs/reload.md. SIGTERM and SIGINT cut every request that runs, SIGHUP
kills the masters that do not reload on it, and SIGUSR1 and SIGUSR2 kill a worker: none of them is ever sent so.
"""

import signal
from typing import List, Optional, Sequence

from ..facts.fpm_masters import FpmMaster
from ..facts.fpm_orphans import Orphan
from ..facts.fpm_time_limits import PoolLimits, longest_request
from ..facts.processes import Process
from ..transition import Command, Plan, Signal, Step, known
from . import php_fpm_waits as waits
from .php_fpm_state import (
    LOGS_REOPENED,
    NAMED_LIMIT,
    RELOADED,
    RESTARTED,
    STARTED,
    STOPPED,
    State,
    Wanted,
    is_in_force,
    is_newer,
)

MARGIN_SECONDS = 30.0  # beside a limit of php-fpm's own
START_SECONDS = 120.0
STRANGER_SECONDS = 30.0
_UNLOADABLE = "Unable to load dynamic library"
_STARTS_AGAIN = ("always", "on-success")  # what systemd does after a clean end, by Restart=


def plan(state: State, wanted: Wanted) -> Plan:
    """Return the plan for what is wanted of this php-fpm."""
    by_state = {
        RELOADED: _reloaded,
        RESTARTED: _restarted,
        STOPPED: _stopped,
        STARTED: _started,
        LOGS_REOPENED: _logs_reopened,
    }
    return by_state[wanted.state](state, wanted)


# Reload.


def _reloaded(state: State, wanted: Wanted) -> Plan:
    if state.master is None:
        return Plan((), f"{state.name} does not run, so it cannot be reloaded; ask for state=started")
    if is_newer(state.master, wanted):
        return Plan(())
    refusal = _untested(state, wanted) or _obstructed(state)
    if refusal:
        return Plan((), refusal)
    costs = reload_costs(state, wanted)
    if costs and not _may_lose(state, wanted):
        return _refused_for_requests(state, "reload", costs)
    return Plan([_reload(state, state.master, wanted, costs)], notes=_notes(state, wanted, costs))


def _reload(state: State, master: FpmMaster, wanted: Wanted, costs: Sequence[str]) -> Step:
    idle = bool(costs) and not wanted.allow_loss
    startable = _supervised(state) is None and _unstartable(state, wanted) is None
    return Step(
        verb="send_signal",
        object=state.name,
        does="SIGUSR2: it lets its workers end their requests, and starts itself anew with the same sockets",
        guard=waits.idle_then(state, wanted, _signal(master.process, signal.SIGUSR2), idle),
        until=waits.until_renewed(state, wanted),
        seconds=_patience(state, wanted),
        risk="; ".join(costs) if costs and state.idle and not state.idle.idle else _stall(state),
        otherwise=(_start(state, wanted),) if startable else (),
    )


def _stall(state: State) -> str:
    return (
        "new requests to all of its pools wait until the slowest one in flight has ended, and what these wait for "
        "(sleep, select, flock) is interrupted"
    )


def reload_costs(state: State, wanted: Wanted) -> List[str]:
    """Return why a reload under load could lose requests, a sentence each; none where it loses none."""
    limits = state.limits
    if limits is None:
        return ["what its limits of time are cannot be seen"]
    control = limits.control
    if control.seconds is None:
        return [
            f"process_control_timeout is 0 ({control.source}), so each worker is killed in the middle of its request: "
            "set it above the longest request, and reload once while nothing is in flight"
        ]
    costs = []
    if control.in_force is not True:
        costs.append(
            f"process_control_timeout = {control.seconds:g} s stands in {control.source}, but what php-fpm was started "
            "with may be another: its configuration changed since"
        )
    for pool in limits.pools:
        costs += _pool_costs(pool, control.seconds, wanted)
    return costs


def _pool_costs(pool: PoolLimits, control: float, wanted: Wanted) -> List[str]:
    name = f"pool {pool.pool.name}"
    longest = longest_request(pool, wanted.policy)
    costs = []
    if longest is None:
        costs.append(
            f"{name}: how long its requests may take is not known: say it by longest_request, or set "
            "request_terminate_timeout"
        )
    elif longest > control:
        costs.append(
            f"{name}: a request may take {longest:g} s, and process_control_timeout cuts it after {control:g} s"
        )
    for front in pool.fronts:
        if front.keeps_connections:
            costs.append(
                f"{name}: nginx keeps FastCGI connections open ({front.source}); POST requests on them fail, and "
                "workers that hold one end only after process_control_timeout"
            )
        elif longest is not None and longest >= front.read_timeout:
            costs.append(
                f"{name}: a new request may wait {longest:g} s for the slowest to end, and nginx gives up after "
                f"{front.read_timeout:g} s (fastcgi_read_timeout, {front.read_timeout_source or front.source})"
            )
    return costs


def _notes(state: State, wanted: Wanted, costs: Sequence[str]) -> List[str]:
    notes = list(state.notes)
    tested = state.tested
    if tested and tested.passes is None:
        notes.append(f"its configuration was not tested: {_words(tested.said)}")
    for pool in state.limits.pools if state.limits and not costs else ():
        if not pool.fronts:
            notes.append(
                f"pool {pool.pool.name}: no nginx of this host hands requests to it, so it is not known whether what "
                "does keeps FastCGI connections open, which would lose requests"
            )
        if pool.terminate.seconds and not pool.track_finished and not wanted.policy.php_fpm.longest_request:
            notes.append(
                f"pool {pool.pool.name}: request_terminate_timeout does not end what runs after "
                "fastcgi_finish_request(); where that is used, say longest_request"
            )
    return notes


# Stop, start, restart.


def _stopped(state: State, wanted: Wanted) -> Plan:
    if state.master is None:
        refusal = _left_behind(state, wanted)
        return Plan((), refusal) if refusal else Plan(_reap(state, wanted) if state.orphans else ())
    refusal = _supervised(state) or _started_again(state)
    if refusal:
        return Plan((), refusal)
    if not _may_lose(state, wanted):
        return _refused_for_requests(state, "stop", _stop_costs(state))
    return Plan([_stop(state, state.master, wanted)], notes=state.notes)


def _restarted(state: State, wanted: Wanted) -> Plan:
    if state.master is None:
        return _started(state, wanted)
    refusal = (
        _supervised(state)
        or _unstartable(state, wanted)
        or _untested(state, wanted)
        or _held(state, wanted)
        or _obstructed(state)
        or _impatient(state, wanted)
    )
    if refusal:
        return Plan((), refusal)
    if not _may_lose(state, wanted):
        return _refused_for_requests(state, "restart", _stop_costs(state))
    steps = [
        _stop(state, state.master, wanted),
        *_clear(state, wanted),
        _start(state, wanted),
    ]
    return Plan(steps, notes=_notes(state, wanted, ["a stop"]))


def _started(state: State, wanted: Wanted) -> Plan:
    if state.master is not None:
        return Plan(())
    refusal = _unstartable(state, wanted) or _untested(state, wanted) or _held(state, wanted)
    if refusal:
        return Plan((), refusal)
    steps = [*_clear(state, wanted), _start(state, wanted)]
    return Plan(steps, notes=_notes(state, wanted, ["a start"]))


def _stop(state: State, master: FpmMaster, wanted: Wanted) -> Step:
    return Step(
        verb="send_signal",
        object=state.name,
        does="SIGQUIT: it takes no more connections, lets its workers end their requests, and ends",
        guard=waits.idle_then(state, wanted, _signal(master.process, signal.SIGQUIT), not wanted.allow_loss),
        until=waits.until_ended(state, wanted),
        seconds=_patience(state, wanted),
        risk="; ".join(_stop_costs(state)) if wanted.allow_loss else "a request that comes before the start is refused",
    )


def _stop_costs(state: State) -> List[str]:
    control = state.limits.control.seconds if state.limits else None
    cut = (
        f"requests that take longer than process_control_timeout = {control:g} s are cut"
        if control
        else "process_control_timeout is 0, so each worker is killed in the middle of its request"
    )
    return [cut, "connections that wait for a worker are reset, and new ones are refused until it is started"]


def _clear(state: State, wanted: Wanted) -> List[Step]:
    """The steps that free the sockets it is to listen on, from whoever may be told to go."""
    return [*_reap(state, wanted), *(_end(one, state) for one in _leaving(state, wanted))]


def _reap(state: State, wanted: Wanted) -> List[Step]:
    """SIGQUIT to all orphans first, then wait for all: what they leave in the queue is refused until the start."""
    last = len(state.orphans) - 1
    return [
        Step(
            verb="send_signal",
            object=_orphan_name(orphan),
            does="SIGQUIT: a worker without a master ends its request and then itself",
            guard=known(_signal(orphan.process, signal.SIGQUIT)),
            until=waits.until_gone([one.process for one in state.orphans]) if number == last else waits.at_once,
            seconds=wanted.timeout or MARGIN_SECONDS,
            risk="requests that come before the start are refused; none that runs is cut",
        )
        for number, orphan in enumerate(state.orphans)
    ]


def _end(stranger: Process, state: State) -> Step:
    return Step(
        verb="send_signal",
        object=f"process {stranger.pid}, {stranger.title or stranger.name}",
        does=f"SIGTERM: it is no php-fpm and holds a socket that {state.name} is to listen on",
        guard=known(Signal(stranger, signal.SIGTERM, caught=False)),
        until=waits.until_gone([stranger]),
        seconds=STRANGER_SECONDS,
        risk="whatever that program does ends",
    )


def _start(state: State, wanted: Wanted) -> Step:
    command = _command(state, wanted)
    return Step(
        verb="start_service",
        object=f"php-fpm of {state.configuration}",
        does=f"`{' '.join(command.argv)}`",
        guard=waits.unless_running(state, wanted, command),
        until=waits.until_serving(state, wanted),
        seconds=wanted.timeout or MARGIN_SECONDS,
    )


def _command(state: State, wanted: Wanted) -> Command:
    """How it is started: as it was told, by its service, by its init script, or by its own program."""
    one = state.master or state.stopped
    unit = one.unit if one else None
    seconds = wanted.timeout or START_SECONDS
    if wanted.start_command:
        return Command(wanted.start_command, seconds)
    if unit and state.systemctl:
        # A unit that was started often in a short time is not started again before its failures are forgotten.
        return Command((state.systemctl, "start", unit.name), seconds, (state.systemctl, "reset-failed", unit.name))
    if state.master and state.master.init_script:
        return Command((state.master.init_script, "start"), seconds)
    return Command((state.executable or "", "--daemonize", "--fpm-config", state.configuration), seconds)


def _logs_reopened(state: State, wanted: Wanted) -> Plan:
    if state.master is None:
        return Plan((), f"{state.name} does not run, so it has no log open")
    if all(log.is_open for log in state.logs):
        return Plan(())
    closed = ", ".join(log.path for log in state.logs if not log.is_open)
    in_force = is_in_force(state.master)
    changed = "its configuration changed since it was reloaded, so which logs it has open by now is not known"
    step = Step(
        verb="send_signal",
        object=state.name,
        does=f"SIGUSR1: it opens its logs anew by their names: {closed}",
        guard=known(_signal(state.master.process, signal.SIGUSR1)),
        until=waits.until_logs_open(state) if in_force else waits.at_once,
        seconds=wanted.timeout or MARGIN_SECONDS,
        risk="where a pool has an access.log, each worker is replaced when it has ended its request",
    )
    return Plan([step], notes=[*state.notes, *([] if in_force else [changed])])


# Refusals.


def _untested(state: State, wanted: Wanted) -> Optional[str]:
    """Say why its configuration is not one to start with."""
    tested = state.tested
    if tested is None or (tested.passes is None and wanted.allow_loss):
        return None
    unloadable = [line for line in tested.said if _UNLOADABLE in line]
    if tested.passes is False:
        return f"{state.configuration}: its test fails, so php-fpm would not come up with it: {_words(tested.said)}"
    if unloadable:
        return f"{state.configuration}: an extension cannot be loaded, so requests would fail: {_words(unloadable)}"
    if tested.passes is None and (state.master or state.orphans):
        return f"{state.configuration}: it could not be tested, and a wrong one ends every pool: {_words(tested.said)}"
    return None


def _obstructed(state: State) -> Optional[str]:
    """Say what it would not come up with, though the test of its configuration passes."""
    if not state.obstacles:
        return None
    return (
        f"{state.name} would not come up again with its configuration, though the test of it passes: "
        f"{_words(state.obstacles)}"
    )


def _held(state: State, wanted: Wanted) -> Optional[str]:
    """Say who holds a socket of it, where that one was not told to go."""
    if state.orphans and not wanted.reap_orphans:
        return (
            f"{state.name} cannot start while workers without a master hold its sockets: {_orphan_names(state)}; set "
            "reap_orphans to let each end its request and go"
        )
    left = [one for one in state.strangers if one.pid not in wanted.stranger_pids]
    if left:
        return (
            f"{state.name} cannot start while other processes hold its sockets: {_named(left)}; find out what they "
            "are, and end them, or name them in stranger_pids"
        )
    others = set(wanted.stranger_pids) - {one.pid for one in state.strangers}
    if others:
        return f"stranger_pids: process {min(others)} holds no socket of {state.name}, so it is not ended"
    return None


def _left_behind(state: State, wanted: Wanted) -> Optional[str]:
    """Say that its workers serve on without it, where they were not told to go."""
    if not state.orphans or wanted.reap_orphans:
        return None
    return (
        f"{state.name}: its master has ended, but workers without one serve on: {_orphan_names(state)}; set "
        "reap_orphans to let each end its request and go"
    )


def _leaving(state: State, wanted: Wanted) -> List[Process]:
    return [one for one in state.strangers if one.pid in wanted.stranger_pids]


def _unstartable(state: State, wanted: Wanted) -> Optional[str]:
    command = _command(state, wanted)
    if not command.argv[0]:
        return f"{state.configuration}: no service says which program it is for; give start_command"
    if state.master and state.master.root != "/" and not wanted.start_command:
        return f"{state.name} lives in a chroot, {state.master.root}; give the start_command that starts it there"
    if state.master and state.master.process.uids[0] != 0 and command.argv[0] == state.executable:
        return f"{state.name}: another user than root runs it, and root would start it; give start_command"
    return None


def _supervised(state: State) -> Optional[str]:
    """Say which other program than systemd would start it again, or miss it."""
    master = state.master
    if state.parent is None or master is None or master.unit is not None:
        return None
    name = state.parent.title or state.parent.name
    return f"{state.name} was started by process {state.parent.pid}, {name}, which may start it again: ask that one"


def _started_again(state: State) -> Optional[str]:
    unit = state.master.unit if state.master else None
    if unit is None or unit.restart not in _STARTS_AGAIN:
        return None
    return (
        f"{state.name}: {unit.name} has Restart={unit.restart}, so systemd would start it again; drain the host, and "
        "stop the unit by the service manager"
    )


def _impatient(state: State, wanted: Wanted) -> Optional[str]:
    """Say that a stop may take longer than it is waited for: nobody would start it again then."""
    control = state.limits.control.seconds if state.limits else None
    if not wanted.timeout or not control or wanted.timeout > control:
        return None
    return (
        f"timeout: {state.name} may take process_control_timeout = {control:g} s to stop; give more than that, or "
        "leave timeout out"
    )


def _may_lose(state: State, wanted: Wanted) -> bool:
    return wanted.allow_loss or bool(state.idle and state.idle.idle)


def _refused_for_requests(state: State, verb: str, costs: Sequence[str]) -> Plan:
    """Refuse because of requests in flight, which may end by themselves."""
    busy = _words(state.idle.reasons if state.idle else ["whether it is idle cannot be seen"])
    refusal = (
        f"a {verb} of {state.name} could lose requests: {_words(costs)}. And it is not idle: {busy}. Drain the host "
        "and wait (wait_idle), or say allow_loss"
    )
    return Plan((), refusal, passing=True, notes=state.notes)


def _words(sentences: Sequence[str]) -> str:
    more = len(sentences) - 5
    return "; ".join(sentences[:5]) + (f"; and {more} more" if more > 0 else "")


def _named(strangers: Sequence[Process]) -> str:
    return ", ".join(f"process {one.pid}, {one.title or one.name}" for one in strangers[:NAMED_LIMIT])


def _orphan_names(state: State) -> str:
    return ", ".join(_orphan_name(orphan) for orphan in state.orphans[:NAMED_LIMIT])


def _orphan_name(orphan: Orphan) -> str:
    return f"worker {orphan.process.pid} of pool {orphan.pool or '?'}"


def _signal(process: Process, number: int) -> Signal:
    return Signal(process, int(number))


def _patience(state: State, wanted: Wanted) -> float:
    control = state.limits.control.seconds if state.limits else None
    return wanted.timeout or (control or 0.0) + MARGIN_SECONDS
