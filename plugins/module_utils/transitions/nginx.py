# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The states of nginx that can be asked for: reloaded, upgraded, stopped, and its logs reopened."""

import time
from typing import Any, Dict, NamedTuple, Optional, Sequence, Tuple

from ..errors import Refused
from ..facts import nginx_logs
from ..facts.nginx_masters import serving, shutting_down
from ..host import Host
from ..transition import Transition, parse_time
from . import nginx_plan
from .nginx_state import RELOADED, STATES, UPGRADED, State, Wanted, look
from .nginx_waits import clients

OPTIONS: Dict[str, Dict[str, Any]] = dict(
    state=dict(type="str", required=True, choices=list(STATES)),
    pid=dict(type="int"),
    pidfile=dict(type="path"),
    unit=dict(type="str"),
)


class Shown(NamedTuple):
    """What a result tells of a state. Times are seconds since the epoch.

    clients: their connections, None where they cannot be seen. silent: why it does not answer, an address each.
    beside: pids of other masters of nginx, of which one may be the old one of an upgrade.
    """

    running: bool
    pid: Optional[int]
    started: Optional[float]
    generation: Optional[float]
    version: Optional[str]
    replaced: Optional[bool]
    configuration: Optional[str]
    pidfile: Optional[str]
    unit: Optional[str]
    listening: Tuple[str, ...]
    workers: Tuple[int, ...]
    shutting_down: Tuple[int, ...]
    clients: Optional[int]
    silent: Tuple[str, ...]
    beside: Tuple[int, ...]


def read(params: Dict[str, Any]) -> Wanted:
    """Return what is asked for. Raises Refused, naming the option."""
    newer_than = parse_time(params["newer_than"])
    if newer_than is not None and params["state"] not in (RELOADED, UPGRADED):
        raise Refused(f"newer_than: it belongs to state={RELOADED} and state={UPGRADED}")
    if newer_than is not None and newer_than > time.time():
        raise Refused("newer_than: that time has not come on this host, so nothing can ever be newer")
    if sum(params[name] is not None for name in ("pid", "pidfile", "unit")) > 1:
        raise Refused("pid, pidfile, unit: each names an nginx, so give one of them")
    if params["pidfile"] and not params["pidfile"].startswith("/"):
        raise Refused(f"pidfile: {params['pidfile']!r} is not an absolute path; write it from / on")
    return Wanted(
        state=params["state"],
        pid=params["pid"],
        pidfile=params["pidfile"],
        unit=params["unit"],
        newer_than=newer_than,
        allow_loss=params["allow_loss"],
        timeout=float(params["timeout"]),
    )


def show(state: State) -> Shown:
    master = state.master
    pid = master.process.pid if master else None
    return Shown(
        running=master is not None,
        pid=pid,
        started=master.process.started if master else None,
        generation=master.generation if master else None,
        version=master.version if master else None,
        replaced=master.replaced if master else None,
        configuration=master.configuration if master else None,
        pidfile=master.pidfile if master else None,
        unit=master.unit.name if master and master.unit else None,
        listening=master.listening if master else (),
        workers=tuple(one.process.pid for one in serving(master)) if master else (),
        shutting_down=tuple(one.process.pid for one in shutting_down(master)) if master else (),
        clients=clients(master) if master else None,
        silent=tuple(state.silent.values()),
        beside=tuple(one.process.pid for one in state.masters if one.process.pid != pid),
    )


def tell(host: Host, before: State, since: float) -> Sequence[str]:
    """Return what the masters have logged since, of which only they know why something failed."""
    pids = [before.master.process.pid] if before.master else []
    return [f"log: {line}" for pid in pids for line in nginx_logs.recent(host, pid, since)]


TRANSITION = Transition(
    subject="nginx",
    options=OPTIONS,
    read=read,
    look=look,
    plan=nginx_plan.plan,
    prove=nginx_plan.prove,
    show=show,
    tell=tell,
)
