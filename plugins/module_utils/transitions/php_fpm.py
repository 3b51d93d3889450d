# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The states of php-fpm that can be asked for: reloaded, restarted, stopped, started, and its logs reopened."""

import time
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import Refused
from ..facts import fpm_logs, systemd_journal
from ..facts.fpm_masters import FpmMaster, FpmPool
from ..host import Host
from ..policy import policy_from
from ..transition import Transition, parse_time
from . import php_fpm_plan
from .php_fpm_state import LOGS_REOPENED, RELOADED, SERVING, STATES, STOPPED, State, Wanted, again, is_in_force, look
from .php_fpm_waits import is_renewed, is_same

OPTIONS: Dict[str, Dict[str, Any]] = dict(
    state=dict(type="str", required=True, choices=list(STATES)),
    pid=dict(type="int"),
    pidfile=dict(type="path"),
    unit=dict(type="str"),
    pool=dict(type="str"),
    configuration=dict(type="path"),
    longest_request=dict(type="int", default=0),
    reap_orphans=dict(type="bool", default=False),
    stranger_pids=dict(type="list", elements="int", default=[]),
    start_command=dict(type="list", elements="str", default=[]),
)
LINES_LIMIT = 20  # of a log, in the problems of a result


class ShownPool(NamedTuple):
    """answers: None where it was not asked. reason: why it does not."""

    name: str
    address: Optional[str]
    answers: Optional[bool]
    reason: Optional[str]


class Shown(NamedTuple):
    """What a result tells of a state. Times are seconds since the epoch."""

    running: bool
    pid: Optional[int]
    started: Optional[float]
    generation: Optional[float]
    executable: Optional[str]
    version: Optional[str]
    configuration: Optional[str]
    pidfile: Optional[str]
    unit: Optional[str]
    process_control_timeout: Optional[float]
    pools: Tuple[ShownPool, ...]
    workers: Tuple[int, ...]
    idle: Optional[bool]
    in_flight: Tuple[str, ...]
    orphans: Tuple[int, ...]
    strangers: Tuple[str, ...]


def read(params: Dict[str, Any]) -> Wanted:
    """Return what is asked for. Raises Refused, naming the option."""
    state = params["state"]
    newer_than = parse_time(params["newer_than"])
    if newer_than is not None and state != RELOADED:
        raise Refused("newer_than: it belongs to state=reloaded")
    if newer_than is not None and newer_than > time.time():
        raise Refused("newer_than: that time has not come on this host, so no generation can ever be newer")
    for name in ("configuration", "pidfile"):
        if params[name] and not params[name].startswith("/"):
            raise Refused(f"{name}: {params[name]!r} is not an absolute path; write it from / on")
    if any(pid <= 1 for pid in params["stranger_pids"]):
        raise Refused("stranger_pids: process 1 is the host's own; a socket unit of systemd's is stopped by systemctl")
    command = tuple(params["start_command"])
    if command and not command[0].startswith("/"):
        raise Refused(f"start_command: {command[0]!r} is not an absolute path; write it from / on")
    configurations = [params["configuration"]] if params["configuration"] else []
    own = dict(longest_request=params["longest_request"], configurations=configurations)
    return Wanted(
        state=state,
        pid=params["pid"],
        pidfile=params["pidfile"],
        unit=params["unit"],
        pool=params["pool"],
        configuration=params["configuration"],
        newer_than=newer_than,
        allow_loss=params["allow_loss"],
        timeout=float(params["timeout"]),
        reap_orphans=params["reap_orphans"],
        stranger_pids=tuple(params["stranger_pids"]),
        start_command=command,
        policy=policy_from(dict(php_fpm=own)),
    )


def prove(before: State, after: State, wanted: Wanted) -> Sequence[str]:
    """Return what is not as it was asked, a sentence each."""
    if wanted.state == STOPPED:
        return _not_stopped(after, wanted)
    if after.master is None:
        return [f"{after.name} does not run"]
    doubts = []
    if wanted.state == LOGS_REOPENED and is_in_force(after.master):
        doubts += [f"{log.path} is not open" for log in after.logs if not log.is_open]
    if wanted.state in SERVING:
        doubts += _not_serving(after.master, after)
    if wanted.state == RELOADED:
        doubts += _not_renewed(before, after.master, after, wanted)
    elif wanted.state != LOGS_REOPENED and before.master and is_same(before.master.process, after.master.process):
        doubts.append(f"{after.name} is the master from before")
    return doubts


def _not_stopped(after: State, wanted: Wanted) -> List[str]:
    doubts = [f"{after.name} runs"] if after.master else []
    if wanted.reap_orphans:
        doubts += [f"worker {one.process.pid} lives on without a master" for one in after.orphans]
    return doubts


def _not_serving(master: FpmMaster, after: State) -> List[str]:
    doubts = [f"pool {pool} does not answer: {reason}" for pool, reason in after.silent]
    if master.pidfile is not None and after.pidfile_pid != master.process.pid:
        doubts.append(f"{master.pidfile} says {after.pidfile_pid} and not {master.process.pid}")
    if master.replaced:
        doubts.append(f"{after.name} runs a program that is no longer at {master.process.executable}")
    return doubts


def _not_renewed(before: State, master: FpmMaster, after: State, wanted: Wanted) -> List[str]:
    doubts = []
    if before.master is None or not is_renewed(before.master, master):
        doubts.append(f"{after.name} is of the generation from before")
    old = [one.process for one in before.workers]
    left = [one.process.pid for one in after.workers if any(is_same(one.process, other) for other in old)]
    if left:
        doubts.append(f"workers of the old generation are left: {', '.join(map(str, left))}")
    return doubts


def show(state: State) -> Shown:
    master = state.master
    control = state.limits.control.seconds if state.limits else None
    unit = (master.unit if master else None) or (state.stopped.unit if state.stopped else None)
    return Shown(
        running=master is not None,
        pid=master.process.pid if master else None,
        started=master.process.started if master else None,
        generation=master.generation if master else None,
        executable=state.executable,
        version=master.version if master else None,
        configuration=state.configuration,
        pidfile=master.pidfile if master else None,
        unit=unit.name if unit else None,
        process_control_timeout=control or (0.0 if state.limits else None),
        pools=tuple(_pool(state, pool) for pool in state.pools),
        workers=tuple(one.process.pid for one in state.workers),
        idle=state.idle.idle if state.idle else None,
        in_flight=state.idle.reasons if state.idle else (),
        orphans=tuple(one.process.pid for one in state.orphans),
        strangers=tuple(f"process {one.pid}, {one.title or one.name}" for one in state.strangers),
    )


def _pool(state: State, pool: FpmPool) -> ShownPool:
    reason = dict(state.silent).get(pool.name)
    return ShownPool(pool.name, pool.address, (reason is None) if state.asked else None, reason)


def tell(host: Host, before: State, since: float) -> Sequence[str]:
    """Return what php-fpm has logged since, of which only itself knows why it failed."""
    if before.master is not None:
        lines: Sequence[str] = fpm_logs.recent(host, before.master, since)
    elif before.stopped is not None and before.stopped.unit is not None:
        unit = before.stopped.unit.name
        lines = [entry.message for entry in systemd_journal.read(host, [f"_SYSTEMD_UNIT={unit}"], since)]
    else:
        return ()  # its own program says why on the spot
    return [f"log: {line}" for line in lines[-LINES_LIMIT:]]


TRANSITION = Transition(
    subject="php_fpm",
    options=OPTIONS,
    read=read,
    look=look,
    plan=php_fpm_plan.plan,
    prove=prove,
    show=show,
    tell=tell,
    again=again,
)
