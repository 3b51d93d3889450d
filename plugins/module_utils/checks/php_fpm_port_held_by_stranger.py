# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The place where a pool listens, or should, is held by a process that is none of php-fpm's own."""

from typing import List, NamedTuple, Optional, Tuple

from ..facts import pool_sockets
from ..facts.pool_sockets import Holder, Listener, PoolSocket, PoolSockets
from ..model import CRITICAL, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm import pool_name, verdict

INHERITED = (
    "a process that php-fpm's worker or its service started keeps every socket that was open then, also after php-fpm "
    "is gone"
)
TAKEN = "another program was started there, or was there first"
ADVICE = (
    "end or restart the named process as its own program wants it, then start php-fpm; phpfleet.remediation.php_fpm "
    "ends it only when stranger_pids names it"
)


class Stranger(NamedTuple):
    """A process that holds the socket. started: seconds since the epoch.

    parent: pid and executable of who started it, None where that is gone. unit: the service whose cgroup it lives in.
    inherited_from: the service of php-fpm that it comes from by that cgroup.
    """

    pid: int
    started: float
    executable: Optional[str]
    title: str
    user: str
    parent: Optional[str]
    unit: Optional[str]
    inherited_from: Optional[str]


class Evidence(NamedTuple):
    """address: the pool's; held: the socket in its place. served: whether php-fpm holds that socket too."""

    owner: str
    cause: str
    pool: str
    configuration: Optional[str]
    master: Optional[int]
    address: str
    held: str
    served: bool
    strangers: Tuple[Stranger, ...]
    advice: str


def find(seen: PoolSockets, policy: Policy) -> Verdict:
    services = {one.configuration: one.unit.name for one in seen.masters.masters if one.unit}
    services.update({one.configuration: one.unit.name for one in seen.masters.stopped if one.unit})
    findings = []
    for pool in seen.pools:
        for listener in pool.in_the_way:
            strangers = [one for one in listener.holders if _is_stranger(one)]
            if strangers:
                findings.append(_finding(pool, listener, strangers, services.get(pool.configuration)))
    return verdict(seen.masters, findings, seen.unseen)


def _is_stranger(holder: Holder) -> bool:
    """Whether it may outlive php-fpm; systemd, process 1, keeps the sockets of its socket units open by right."""
    return not holder.is_php_fpm and not holder.at_work and holder.process.pid != 1


def _finding(pool: PoolSocket, listener: Listener, strangers: List[Holder], service: Optional[str]) -> Finding:
    first = strangers[0].process
    more = f" and {len(strangers) - 1} more" if len(strangers) > 1 else ""
    served = any(one.is_php_fpm for one in listener.holders)
    who = f"process {first.pid} ({first.executable or first.name}){more}"
    effect = "so php-fpm cannot start there again" if served else "so php-fpm cannot listen there"
    return Finding(
        check=CHECK.id,
        object=pool_name(pool.pool, pool.configuration, pool.root),
        severity=MEDIUM if served else CRITICAL,
        summary=f"{pool.pool.address} is held by {who}, which is none of php-fpm's own, {effect}",
        evidence=_evidence(pool, listener, strangers, service),
        remedy=None,
        risk=None,
    )


def _evidence(pool: PoolSocket, listener: Listener, strangers: List[Holder], service: Optional[str]) -> Evidence:
    known = tuple(_stranger(one, service) for one in strangers)
    served = any(one.is_php_fpm for one in listener.holders)
    return Evidence(
        owner=strangers[0].user,
        cause=INHERITED if served or any(one.inherited_from for one in known) else TAKEN,
        pool=pool.pool.name,
        configuration=pool.configuration,
        master=pool.master,
        address=pool.pool.address or "",
        held=listener.local,
        served=served,
        strangers=known,
        advice=ADVICE,
    )


def _stranger(holder: Holder, service: Optional[str]) -> Stranger:
    parent = holder.parent
    return Stranger(
        pid=holder.process.pid,
        started=holder.process.started,
        executable=holder.process.executable,
        title=holder.process.title,
        user=holder.user,
        parent=f"{parent.pid} ({parent.executable or parent.name})" if parent else None,
        unit=holder.unit,
        inherited_from=holder.unit if holder.unit and holder.unit == service else None,
    )


CHECK = Check(id="php_fpm.port_held_by_stranger", gathers=(pool_sockets.gather,), find=find)
