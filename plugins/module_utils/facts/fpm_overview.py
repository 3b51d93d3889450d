# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm as an info module shows it: masters with their pools and workers, what is stopped, and orphans."""

from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import fpm_masters, fpm_workers, sockets
from .blocked import Waiting
from .fpm_masters import ConfigurationFile, FpmMaster, FpmPool, StoppedFpm
from .fpm_orphans import Orphan
from .fpm_workers import FpmWorkers, PoolStatus, Worker
from .processes import Process
from .service_units import ServiceUnit
from .sockets import Socket, Sockets

_NO_WORKERS = FpmWorkers((), (), ())


class Listening(NamedTuple):
    """A pool's socket. waiting: connections that no worker took yet, of how many at most (limit)."""

    inode: int
    waiting: int
    limit: int


class WorkerOverview(NamedTuple):
    """As fpm_workers.Worker."""

    pid: int
    started: float
    user: str
    memory: Optional[int]
    state: Optional[str]
    idle: Optional[bool]
    requests: Optional[int]
    request: Optional[str]
    request_seconds: Optional[float]
    script: Optional[str]
    waiting: Optional[Waiting]


class StatusOverview(NamedTuple):
    """As fpm_workers.PoolStatus."""

    started: Optional[float]
    accepted: Optional[int]
    listen_queue: Optional[int]
    max_children_reached: Optional[int]
    reason: Optional[str]


class PoolOverview(NamedTuple):
    """As fpm_masters.FpmPool; status is None where the pool was not asked."""

    name: str
    address: Optional[str]
    listening: Optional[Listening]
    tested: bool
    settings: Mapping[str, str]
    sources: Mapping[str, str]
    status: Optional[StatusOverview]
    workers: Tuple[WorkerOverview, ...]


class MasterOverview(NamedTuple):
    """As fpm_masters.FpmMaster. other_workers: of no pool that it is configured with now."""

    pid: int
    started: float
    user: str
    executable: Optional[str]
    replaced: Optional[bool]
    version: Optional[str]
    root: str
    handles_hup: Optional[bool]
    generation: Optional[float]
    configuration: Optional[str]
    files: Tuple[ConfigurationFile, ...]
    settings: Mapping[str, str]
    sources: Mapping[str, str]
    passes: Optional[bool]
    failure: Optional[str]
    warnings: Tuple[str, ...]
    pidfile: Optional[str]
    unit: Optional[ServiceUnit]
    init_script: Optional[str]
    pools: Tuple[PoolOverview, ...]
    other_workers: Tuple[WorkerOverview, ...]
    apart: Optional[str]
    unknown: Tuple[str, ...]


class StoppedOverview(NamedTuple):
    """As fpm_masters.StoppedFpm."""

    configuration: str
    unit: Optional[ServiceUnit]
    pools: Tuple[PoolOverview, ...]
    passes: Optional[bool]
    failure: Optional[str]
    warnings: Tuple[str, ...]
    unknown: Tuple[str, ...]


class OrphanOverview(NamedTuple):
    """As fpm_masters.Orphan."""

    pid: int
    started: float
    user: str
    executable: Optional[str]
    pool: Optional[str]
    addresses: Tuple[str, ...]


class Overview(NamedTuple):
    """unseen: what could not be looked at, and why. disbelieved: as fpm_masters.FpmMasters."""

    masters: Tuple[MasterOverview, ...]
    stopped: Tuple[StoppedOverview, ...]
    orphans: Tuple[OrphanOverview, ...]
    disbelieved: Tuple[str, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> Overview:
    """Return the overview of every php-fpm. Raises CannotLook where processes cannot be seen."""
    seen = host.once(fpm_masters.gather, policy)
    unseen = list(seen.unseen)
    workers = _seen(host, policy, fpm_workers.gather, _NO_WORKERS, unseen)
    table = _seen(host, policy, sockets.gather, Sockets({}), unseen).by_inode
    unseen += workers.unseen
    return Overview(
        masters=tuple(_master(host, one, workers, table) for one in seen.masters),
        stopped=tuple(_stopped(one) for one in seen.stopped),
        orphans=tuple(_orphan(one) for one in seen.orphans),
        disbelieved=seen.disbelieved,
        unseen=tuple(dict.fromkeys(unseen)),
    )


def _seen(host: Host, policy: Policy, gather_facts: Callable[..., Any], nothing: Any, unseen: List[str]) -> Any:
    """Return facts; ``nothing``, and the reason in ``unseen``, where they cannot be had."""
    try:
        return host.once(gather_facts, policy)
    except CannotLook as error:
        unseen.append(str(error))
        return nothing


def _master(host: Host, one: FpmMaster, workers: FpmWorkers, table: Dict[int, Socket]) -> MasterOverview:
    own = [worker for worker in workers.workers if worker.master == one.process.pid]
    status = {pool.pool: pool for pool in workers.pools if pool.master == one.process.pid}
    names = {pool.name for pool in one.pools}
    return MasterOverview(
        pid=one.process.pid,
        started=one.process.started,
        user=_user(host, one.process),
        executable=one.process.executable,
        replaced=one.replaced,
        version=one.version,
        root=one.root,
        handles_hup=one.handles_hup,
        generation=one.generation,
        configuration=one.configuration,
        files=one.files,
        settings=one.settings,
        sources=one.sources,
        passes=one.passes,
        failure=one.failure,
        warnings=one.warnings,
        pidfile=one.pidfile,
        unit=one.unit,
        init_script=one.init_script,
        pools=tuple(_pool(host, pool, own, status.get(pool.name), table) for pool in one.pools),
        other_workers=tuple(_worker(host, worker) for worker in own if worker.pool not in names),
        apart=one.apart,
        unknown=one.unknown,
    )


def _pool(
    host: Host, pool: FpmPool, workers: Sequence[Worker], status: Optional[PoolStatus], table: Dict[int, Socket]
) -> PoolOverview:
    return _bare_pool(pool)._replace(
        listening=_listening(table.get(pool.listening)) if pool.listening is not None else None,
        status=_status(status) if status else None,
        workers=tuple(_worker(host, worker) for worker in workers if worker.pool == pool.name),
    )


def _bare_pool(pool: FpmPool) -> PoolOverview:
    return PoolOverview(pool.name, pool.address, None, pool.tested, pool.settings, pool.sources, None, ())


def _listening(socket: Optional[Socket]) -> Optional[Listening]:
    return Listening(socket.inode, socket.waiting, socket.limit) if socket else None


def _status(status: PoolStatus) -> StatusOverview:
    return StatusOverview(
        status.started, status.accepted, status.listen_queue, status.max_children_reached, status.reason
    )


def _worker(host: Host, worker: Worker) -> WorkerOverview:
    return WorkerOverview(
        pid=worker.process.pid,
        started=worker.process.started,
        user=_user(host, worker.process),
        memory=worker.memory,
        state=worker.state,
        idle=worker.idle,
        requests=worker.requests,
        request=worker.request,
        request_seconds=worker.request_seconds,
        script=worker.script,
        waiting=worker.waiting,
    )


def _stopped(one: StoppedFpm) -> StoppedOverview:
    pools = tuple(_bare_pool(pool) for pool in one.pools)
    return StoppedOverview(one.configuration, one.unit, pools, one.passes, one.failure, one.warnings, one.unknown)


def _orphan(one: Orphan) -> OrphanOverview:
    process = one.process
    return OrphanOverview(process.pid, process.started, one.user, process.executable, one.pool, one.addresses)


def _user(host: Host, process: Process) -> str:
    return host.user_name(process.uids[1])
