# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which signals bring an nginx into a state, or why none may be sent.

What each signal does: docs/nginx.md. SIGTERM and SIGINT cut every request in flight, so no nginx that serves gets them;
a program that was started as its new binary, and has not become an nginx, may be ended by them.
"""

import signal
from typing import List, Optional, Sequence

from ..facts.nginx_masters import NginxMaster, serving
from ..transition import Plan, Signal, Step, known
from . import nginx_waits as waits
from .nginx_state import LOGS_REOPENED, RELOADED, STOPPED, UPGRADED, State, Wanted, is_same, successors

WORK_SECONDS = 30.0  # for workers to start, or to hear that they are to end
STOP_SECONDS = 90.0  # for the last request to end
_STARTS_AGAIN = ("always", "on-success")  # what systemd does after a clean end, by Restart=


def plan(state: State, wanted: Wanted) -> Plan:
    """Return the plan for what is wanted of this nginx."""
    by_state = {RELOADED: _reloaded, UPGRADED: _upgraded, STOPPED: _stopped, LOGS_REOPENED: _logs_reopened}
    if state.master is None:
        return _absent(state, wanted)
    refusal = _not_ours(state.master)
    return Plan((), refusal) if refusal else by_state[wanted.state](state, state.master, wanted)


def _absent(state: State, wanted: Wanted) -> Plan:
    if state.masters and state.reason and state.reason.startswith("several"):
        return Plan((), state.reason)
    if not state.complete:
        return Plan((), "this user may not see all processes, so whether nginx runs is not known; run with become")
    if wanted.state != STOPPED:
        return Plan((), f"{state.reason}, so it cannot be {wanted.state.replace('_', ' ')}; start its service")
    if state.orphans:
        pids = ", ".join(str(pid) for pid in state.orphans)
        return Plan((), f"no master of nginx runs, but workers without one do ({pids}): end them with SIGQUIT")
    return Plan(())


def _not_ours(master: NginxMaster) -> Optional[str]:
    if master.process.executable is None:
        return f"{_name(master)}: this user may not see what it runs; run with become"
    if master.configuration is None:
        return f"{_name(master)}: its configuration is not known: {master.unknown[0] if master.unknown else ''}"
    return None


def _name(master: NginxMaster) -> str:
    return f"nginx {master.process.pid}"


# Reload.


def _reloaded(state: State, master: NginxMaster, wanted: Wanted) -> Plan:
    if wanted.newer_than is not None and master.generation is not None and master.generation > wanted.newer_than:
        return Plan(())
    refusal = _under_way(state, master) or _untested(state, master)
    if refusal:
        return Plan((), refusal)
    step = Step(
        verb="send_signal",
        object=_name(master),
        does="SIGHUP: it reads its configuration, starts new workers, and lets the old ones end their connections",
        guard=known(Signal(master.process, signal.SIGHUP)),
        until=waits.until_reloaded(state, master),
        seconds=wanted.timeout or WORK_SECONDS,
        risk=_cut(master),
    )
    return Plan([step], notes=_notes(state))


def _untested(state: State, master: NginxMaster) -> Optional[str]:
    tested = state.tested
    if tested is None or tested.unknown:
        return f"{_name(master)}: its configuration could not be tested: {tested.unknown if tested else ''}"
    if tested.failed:
        return f"{_name(master)} would refuse its configuration: {'; '.join(tested.faults)}"
    return None


def _under_way(state: State, master: NginxMaster) -> Optional[str]:
    """Say that an upgrade is under way, in which each signal to the old master means something else."""
    new = [one.process.pid for one in state.masters if one.old_master == master.process.pid]
    if not new:
        return None
    return (
        f"{_name(master)} is being upgraded: nginx {new[0]} runs beside it. End one of them with SIGQUIT first, the "
        "old one when the new one is as it should be"
    )


def _cut(master: NginxMaster) -> str:
    """Say what the end of workers costs."""
    kept = "kept connections of clients are closed, so one that sends a request at that very moment has to repeat it"
    if master.shutdown_timeout is None:
        return kept
    return (
        f"{kept}; connections that old workers still have after {master.shutdown_timeout:g} s are cut "
        f"(worker_shutdown_timeout, {master.shutdown_timeout_source})"
    )


def _notes(state: State) -> List[str]:
    notes = [f"it did not answer before either, so it need not afterwards: {one}" for one in state.silent.values()]
    if state.master and state.master.listening and not (state.answering or state.silent):
        notes.append("no address is known where it serves HTTP, so that it answers is not proven")
    if state.tested:
        notes += [f"the configuration test warns: {one}" for one in state.tested.warnings]
    return notes


# Upgrade of the binary.


def _upgraded(state: State, master: NginxMaster, wanted: Wanted) -> Plan:
    if wanted.newer_than is not None and master.process.started > wanted.newer_than:
        return Plan(())
    if wanted.newer_than is None and master.replaced is False:
        return Plan(())
    refusal = _not_upgradable(state, master) or _untested(state, master)
    if refusal:
        return Plan((), refusal)
    seconds = wanted.timeout or WORK_SECONDS
    return Plan(
        [_start_new(state, master, seconds), _silence(state, master, seconds), _end_old(state, master, seconds)]
    )


def _not_upgradable(state: State, master: NginxMaster) -> Optional[str]:
    of = _name(master)
    if master.old_master is not None:
        return (
            f"{of} came by an upgrade whose old master, {master.old_master}, has not ended: end that with SIGQUIT first"
        )
    if not state.is_followed and master.unit:
        return (
            f"{of}: {master.unit.name} has no PIDFile or is not Type=forking, so systemd would take the end of the old "
            "master for the end of the service; restart the service behind a drain"
        )
    if not (state.program or "").startswith("/"):
        return f"{of} was started as {state.program}, which is no absolute path, so it cannot find its own new binary"
    if state.pidfile_pid != master.process.pid:
        return (
            f"{of}: its pidfile {master.pidfile} says {state.pidfile_pid}; mend it first (phpfleet.remediation.pidfile)"
        )
    if master.replaced is None:
        return f"{of}: whether its binary was replaced cannot be seen; run with become"
    return _under_way(state, master) or _supervised(master)


def _supervised(master: NginxMaster) -> Optional[str]:
    if master.unit is not None or master.process.parent == 1:
        return None
    return (
        f"{_name(master)} was started by process {master.process.parent}, which would see it end and may start it "
        "again; ask that for what you want"
    )


def _start_new(state: State, old: NginxMaster, seconds: float) -> Step:
    return Step(
        verb="send_signal",
        object=_name(old),
        does=f"SIGUSR2: it starts {state.program} beside itself, with its sockets; both take connections",
        guard=known(Signal(old.process, signal.SIGUSR2)),
        until=waits.until_new_serves(state, old),
        seconds=seconds,
        otherwise=(_end_new(state, old, seconds),),
    )


def _silence(state: State, old: NginxMaster, seconds: float) -> Step:
    return Step(
        verb="send_signal",
        object=_name(old),
        does="SIGWINCH: its workers end their connections and take no more, so that the new master has to serve alone",
        guard=known(Signal(old.process, signal.SIGWINCH)),
        until=waits.until_old_is_silent(state, old),
        seconds=seconds,
        risk=_cut(old),
        otherwise=(_bring_back(state, old, seconds), _end_new(state, old, seconds)),
    )


def _end_old(state: State, old: NginxMaster, seconds: float) -> Step:
    return Step(
        verb="send_signal",
        object=_name(old),
        does="SIGQUIT: the old master ends, once the last connections of its workers have",
        guard=known(Signal(old.process, signal.SIGQUIT)),
        until=waits.until_old_is_gone(state, old),
        seconds=seconds,
    )


def _bring_back(state: State, old: NginxMaster, seconds: float) -> Step:
    return Step(
        verb="send_signal",
        object=_name(old),
        does="SIGHUP: the old master starts its workers again",
        guard=known(Signal(old.process, signal.SIGHUP)),
        until=waits.until_old_serves(state, old),
        seconds=seconds,
    )


def _end_new(state: State, old: NginxMaster, seconds: float) -> Step:
    return Step(
        verb="send_signal",
        object=f"the new master beside {_name(old)}",
        does="SIGQUIT: the new master ends, and the old one takes its pidfile back",
        guard=waits.to_new(state, old),
        until=waits.until_new_is_gone(state, old),
        seconds=seconds,
        otherwise=(_kill_failed(state, old, seconds),),
    )


def _kill_failed(state: State, old: NginxMaster, seconds: float) -> Step:
    return Step(
        verb="send_signal",
        object=f"what {_name(old)} started as its new binary",
        does="SIGKILL: a program that has not become an nginx, and serves nobody, ends",
        guard=waits.to_failed(state, old),
        until=waits.until_new_is_gone(state, old),
        seconds=seconds,
    )


# Stop.


def _stopped(state: State, master: NginxMaster, wanted: Wanted) -> Plan:
    if master.unit is not None and master.unit.restart in _STARTS_AGAIN:
        return Plan(
            (),
            f"{_name(master)}: {master.unit.name} has Restart={master.unit.restart}, so systemd would start it again; "
            "stop the unit",
        )
    refusal = _under_way(state, master) or _supervised(master)
    if refusal:
        return Plan((), refusal)
    connected = waits.clients(master)
    if connected is None and not wanted.allow_loss:
        return Plan((), f"{_name(master)}: who is connected cannot be seen; run with become, or say allow_loss")
    if connected and not wanted.allow_loss:
        return Plan(
            (),
            f"{_name(master)} has {connected} connections of clients, so it is not drained, and whoever comes next "
            "would be turned away: drain the host, wait by wait_idle, or say allow_loss",
            passing=True,
        )
    step = Step(
        verb="send_signal",
        object=_name(master),
        does="SIGQUIT: it takes no connections any more, and ends with the last request in flight",
        guard=waits.idle_then(master, signal.SIGQUIT, not wanted.allow_loss),
        until=waits.until_ended(master),
        seconds=wanted.timeout or STOP_SECONDS,
        risk="whoever connects from then on is refused; " + _cut(master),
    )
    return Plan([step])


# Logs.


def _logs_reopened(state: State, master: NginxMaster, wanted: Wanted) -> Plan:
    logs = state.logs
    if logs is not None and logs.complete and logs.named and all(log.is_open for log in logs.named):
        return Plan(())
    in_force = _is_in_force(master)
    closed = [log.path for log in logs.named if not log.is_open] if logs else []
    step = Step(
        verb="send_signal",
        object=_name(master),
        does="SIGUSR1: it opens its logs anew by their names" + (f": {', '.join(closed[:5])}" if closed else ""),
        guard=known(Signal(master.process, signal.SIGUSR1)),
        until=waits.until_logs_open(master, in_force),
        seconds=wanted.timeout or WORK_SECONDS,
    )
    notes = [] if in_force else ["its configuration changed since it was reloaded, so its present logs are not known"]
    return Plan([step], notes=notes)


def _is_in_force(master: NginxMaster) -> bool:
    began = master.generation
    return began is not None and all(file.changed < began for file in master.files)


# Proof.


def prove(before: State, after: State, wanted: Wanted) -> Sequence[str]:
    """Return what is not as it was asked, a sentence each."""
    master = before.master
    if wanted.state == STOPPED or master is None:
        return [f"{_name(one)} runs" for one in after.masters if master is None or is_same(one, master)]
    if wanted.state == UPGRADED:
        return _not_upgraded(before, after, master)
    now = next((one for one in after.masters if is_same(one, master)), None)
    if now is None:
        return [f"{_name(master)} does not run any more"]
    doubts = _not_serving(before, after, now)
    if wanted.state == RELOADED:
        doubts += _not_reloaded(master, now)
    elif after.logs is not None and _is_in_force(now):
        doubts += [f"{log.path} is not open" for log in after.logs.named if not log.is_open]
    return doubts


def _not_serving(before: State, after: State, now: NginxMaster) -> List[str]:
    doubts = [reason for address, reason in after.silent.items() if address in before.answering]
    if not serving(now):
        doubts.append(f"{_name(now)} has no worker that takes connections")
    if after.pidfile_pid is not None and after.pidfile_pid != now.process.pid:
        doubts.append(f"{now.pidfile} says {after.pidfile_pid} and not {now.process.pid}")
    if not now.listening and before.master and before.master.listening:
        doubts.append(f"{_name(now)} listens nowhere")
    return doubts


def _not_reloaded(master: NginxMaster, now: NginxMaster) -> List[str]:
    old = {(one.process.pid, one.process.started) for one in serving(master)}
    left = [one.process.pid for one in serving(now) if (one.process.pid, one.process.started) in old]
    return [f"worker {pid} of the old generation still takes connections" for pid in left]


def _not_upgraded(before: State, after: State, old: NginxMaster) -> List[str]:
    new = [one for one in successors(after.masters, old) if not is_same(one, old)]
    if len(new) != 1:
        return [f"{len(new)} masters run that came from {_name(old)}, where one should"]
    doubts = _not_serving(before, after, new[0])
    if new[0].replaced:
        doubts.append(f"{_name(new[0])} runs a binary that is no longer at {new[0].process.executable}")
    doubts += [f"{_name(new[0])} does not listen on {one}" for one in old.listening if one not in new[0].listening]
    left = next((one for one in after.masters if is_same(one, old)), None)
    if left is not None and serving(left):
        doubts.append(f"{_name(left)} still takes connections")
    return doubts
