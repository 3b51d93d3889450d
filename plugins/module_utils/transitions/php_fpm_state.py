# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one php-fpm whose state is to change: which it is, and all that decides whether it may."""

import os
from typing import List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Malformed, Missing, Refused
from ..facts import (
    fastcgi_fronts,
    fpm_idleness,
    fpm_logs,
    fpm_masters,
    fpm_ping,
    fpm_settings,
    fpm_time_limits,
    fpm_workers,
    php_fpm,
    processes,
    service_units,
    sockets,
)
from ..facts.fpm_idleness import Idleness
from ..facts.fpm_masters import FpmMaster, FpmMasters, FpmPool, StoppedFpm
from ..facts.fpm_orphans import Orphan
from ..facts.fpm_time_limits import MasterLimits
from ..facts.fpm_workers import FpmWorkers, Worker
from ..facts.processes import Process, Processes
from ..facts.sockets import Socket
from ..formats.pidfile import parse_pid
from ..host import Host
from ..policy import Policy

RELOADED = "reloaded"
RESTARTED = "restarted"
STOPPED = "stopped"
STARTED = "started"
LOGS_REOPENED = "logs_reopened"
STATES = (RELOADED, RESTARTED, STOPPED, STARTED, LOGS_REOPENED)
LOSING = (RELOADED, RESTARTED, STOPPED)  # where requests may be in flight
SERVING = (RELOADED, RESTARTED, STARTED)  # after which every pool has to answer

# Nothing may be served for so long before php-fpm is called idle. A host that is drained is asked for its health still,
# by most balancers once in two seconds or more, so that one of a few such times is quiet there.
QUIET_SECONDS = 0.3
QUIET_TRIES = 3
SILENT_LIMIT = 5  # pools that do not answer, each of which takes its time, before no more are asked
PIDFILE_LIMIT = 64
NAMED_LIMIT = 20  # processes in one sentence


class Wanted(NamedTuple):
    """What is asked for. pid, pidfile, unit, pool, configuration and root name the php-fpm; all that are given hold.

    newer_than: seconds since the epoch. timeout: seconds, 0 for as long as its own limits allow. start_command: how it
    is started where no service does; empty for its own program.
    """

    state: str
    pid: Optional[int]
    pidfile: Optional[str]
    unit: Optional[str]
    pool: Optional[str]
    configuration: Optional[str]
    newer_than: Optional[float]
    allow_loss: bool
    timeout: float
    reap_orphans: bool
    stranger_pids: Tuple[int, ...]
    start_command: Tuple[str, ...]
    policy: Policy
    root: Optional[str] = None


class ConfigurationTest(NamedTuple):
    """passes: the configuration is one to start with; None where it was not tested. said: what there is to say."""

    passes: Optional[bool]
    said: Tuple[str, ...]


class Log(NamedTuple):
    """A log of the master, and whether the master has the file of that name open."""

    path: str
    is_open: bool


class State(NamedTuple):
    """One look at it. master is None where it does not run, and then stopped says what is to run.

    parent: the process that started the master, None where that is process 1. executable: of what runs or is to run.
    idle: None where it was not asked. asked: whether its pools were; silent: those that do not answer, with the reason.
    systemctl: where that program is, None where there is none. pidfile_pid: what its pidfile
    says. orphans: workers without a master that hold a socket of it, or any where nothing else is left. strangers:
    other processes that do. obstacles: what it would end of when it starts, though no test of a configuration looks
    at that, in sentences. notes: what could not be seen and is relied on.
    """

    now: float
    master: Optional[FpmMaster]
    stopped: Optional[StoppedFpm]
    executable: Optional[str]
    parent: Optional[Process]
    tested: Optional[ConfigurationTest]
    limits: Optional[MasterLimits]
    workers: Tuple[Worker, ...]
    idle: Optional[Idleness]
    asked: bool
    silent: Tuple[Tuple[str, str], ...]
    pidfile_pid: Optional[int]
    logs: Tuple[Log, ...]
    orphans: Tuple[Orphan, ...]
    strangers: Tuple[Process, ...]
    systemctl: Optional[str]
    notes: Tuple[str, ...]
    obstacles: Tuple[str, ...] = ()

    @property
    def pools(self) -> Sequence[FpmPool]:
        one = self.master or self.stopped
        return one.pools if one else ()

    @property
    def configuration(self) -> str:
        one = self.master or self.stopped
        return (one.configuration if one else None) or "php-fpm"

    @property
    def name(self) -> str:
        return f"php-fpm {self.master.process.pid}" if self.master else f"php-fpm of {self.configuration}"


def look(host: Host, wanted: Wanted) -> State:
    """Return the state of the php-fpm that is named. Raises Refused where none or several fit, and CannotLook."""
    policy = wanted.policy
    seen = host.once(fpm_masters.gather, policy)
    running = host.once(processes.gather, policy)
    master, stopped = choose(seen, wanted)
    state = State(
        now=host.now(),
        master=master,
        stopped=stopped,
        executable=master.process.executable if master else _named_program(wanted),
        parent=_parent(master, running),
        tested=None,
        limits=None,
        workers=(),
        idle=None,
        asked=False,
        silent=(),
        pidfile_pid=None,
        logs=(),
        orphans=(),
        strangers=(),
        systemctl=_systemctl(host),
        notes=seen.unseen,
    )
    state = _with_holders(host, policy, state, seen, running)
    state = _with_test(host, wanted, state)
    state = _with_obstacles(host, wanted, state, running)
    if master is None:
        return state
    if wanted.state == LOGS_REOPENED:
        return state._replace(logs=logs_of(host, master))
    state = state._replace(pidfile_pid=pidfile_of(host, master))
    if wanted.state in SERVING:
        state = state._replace(asked=True, silent=silent_pools(host, master))
    return _with_requests(host, wanted, state) if wanted.state in LOSING else state


def choose(seen: FpmMasters, wanted: Wanted) -> Tuple[Optional[FpmMaster], Optional[StoppedFpm]]:
    """Return the php-fpm that is named, running or not. Raises Refused where that is none or several.

    One in a container is meant only where it is named by its pid, and then refused.
    """
    fitting = [one for one in seen.masters if _fits(one, wanted) and (wanted.pid is not None or not one.apart)]
    masters = roots_own(fitting)
    stopped = [one for one in seen.stopped if _fits_stopped(one, wanted)]
    if wanted.state != STARTED and masters:
        stopped = []  # what does not run cannot be meant
    if not masters and not stopped and seen.unseen:
        raise Refused(f"no php-fpm fits what names it, but not all can be seen: {seen.unseen[0]}")
    if wanted.state == STOPPED and not masters and not stopped and not (wanted.unit or wanted.pool):
        return None, None  # nothing of the kind runs, which is what is asked for
    if len(masters) + len(stopped) != 1:
        raise Refused(_which(seen, masters, stopped), masters=[one.process.pid for one in masters])
    if masters and masters[0].apart:
        raise Refused(f"php-fpm {masters[0].process.pid}: {masters[0].apart}")
    return (masters[0], None) if masters else (None, stopped[0])


def roots_own(masters: Sequence[FpmMaster]) -> List[FpmMaster]:
    """Return those that root or systemd runs, or all where neither does: any user can title a process as a master."""
    own = [one for one in masters if one.process.uids[0] == 0 or (one.unit and one.unit.main_pid == one.process.pid)]
    return own or list(masters)


def _fits(one: FpmMaster, wanted: Wanted) -> bool:
    return (
        wanted.pid in (None, one.process.pid)
        and wanted.pidfile in (None, one.pidfile)
        and _fits_unit(one.unit.name if one.unit else "", wanted.unit)
        and (wanted.pool is None or any(pool.name == wanted.pool for pool in one.pools))
        and wanted.configuration in (None, one.configuration)
        and wanted.root in (None, one.root)
    )


def again(before: State, wanted: Wanted) -> Wanted:
    """Name by its configuration what was seen: a master that is stopped has no pid any more, and no pool.

    A master that puts itself into the background does so again when it reloads, and has another pid then.
    """
    own = wanted.policy.php_fpm._replace(configurations=(before.configuration,))
    return wanted._replace(
        pid=None,
        pidfile=None,
        unit=None,
        pool=None,
        configuration=before.configuration,
        newer_than=None,
        policy=wanted.policy._replace(php_fpm=own),
        root=before.master.root if before.master else None,
    )


def _fits_stopped(one: StoppedFpm, wanted: Wanted) -> bool:
    return (
        wanted.pid is None
        and wanted.pidfile is None
        and _fits_unit(one.unit.name if one.unit else "", wanted.unit)
        and (wanted.pool is None or any(pool.name == wanted.pool for pool in one.pools))
        and wanted.configuration in (None, one.configuration)
    )


def _fits_unit(name: str, wanted: Optional[str]) -> bool:
    return wanted is None or name in (wanted, f"{wanted}.service")


def _which(seen: FpmMasters, masters: Sequence[FpmMaster], stopped: Sequence[StoppedFpm]) -> str:
    fitting = bool(masters or stopped)
    there = [f"process {one.process.pid} of {one.configuration}" for one in (masters if fitting else seen.masters)]
    there += [f"{one.configuration}, which does not run" for one in (stopped if fitting else seen.stopped)]
    listed = "; ".join(there[:20]) or "none that runs or that a service starts; name another by its configuration"
    if fitting:
        return f"several php-fpm fit, name one by pid, pidfile, unit, pool or configuration: {listed}"
    return f"no php-fpm fits what names it; there is: {listed}"


def _parent(master: Optional[FpmMaster], running: Processes) -> Optional[Process]:
    if master is None or master.process.parent == 1:
        return None
    return running.by_pid.get(master.process.parent)


def _named_program(wanted: Wanted) -> Optional[str]:
    """Return the program of the command that starts it, where that is a php-fpm and no script."""
    path = wanted.start_command[0] if wanted.start_command else ""
    return path if php_fpm.PROGRAM.executable.match(os.path.basename(path)) else None


def _systemctl(host: Host) -> Optional[str]:
    for path in service_units.PROGRAMS:
        try:
            host.stat(path, follow=True)
        except Missing:
            continue
        return path
    return None


def _with_holders(host: Host, policy: Policy, state: State, seen: FpmMasters, running: Processes) -> State:
    """Add who else holds a socket that a pool listens on: a start fails while anybody does."""
    addresses = {pool.address for pool in state.pools if pool.address}
    inodes = [one.inode for address in addresses for one in _in_the_way(host, policy, address)]
    all_of_them = state.master is None and state.stopped is None
    orphans = tuple(one for one in seen.orphans if all_of_them or set(one.listening) & set(inodes))
    own = {one.process.pid for one in orphans} | _family(state.master, running)
    holding = {pid for pids in sockets.holders(host, running, inodes).values() for pid in pids} - own
    strangers = tuple(running.by_pid[pid] for pid in sorted(holding) if not running.by_pid[pid].zombie)
    executable = state.executable or next((one.process.executable for one in orphans), None)
    return state._replace(orphans=orphans, strangers=strangers, executable=executable)


def _in_the_way(host: Host, policy: Policy, address: str) -> List[Socket]:
    """Return the sockets that keep one from being bound to an address."""
    table = host.once(sockets.gather, policy).by_inode
    return [one for one in table.values() if one.state == sockets.LISTEN and is_in_the_way(one.local, address)]


def is_in_the_way(held: str, address: str) -> bool:
    """Whether nothing can listen on an address while a socket is ``held``: ``*`` is every address.

    To ss(8) ``[::]`` is a socket of IPv6 alone, but php-fpm makes one of both where it is told to listen there.
    """
    host, _colon, port = address.rpartition(":")
    host = "*" if host == "[::]" else host
    other, _colon, other_port = held.rpartition(":")
    if held == address or address.startswith("/") or held.startswith("/") or port != other_port:
        return held == address
    if "*" in (host, other):
        return True
    return host.startswith("[") == other.startswith("[") and bool({host, other} & {"0.0.0.0", "[::]"})


def _family(master: Optional[FpmMaster], running: Processes) -> Set[int]:
    """Return the pids of a master and its workers; what a worker has started is none of them."""
    if master is None:
        return set()
    pid = master.process.pid
    return {pid, *(one.pid for one in running.by_pid.values() if one.parent == pid)}


def _with_test(host: Host, wanted: Wanted, state: State) -> State:
    if wanted.state not in SERVING:
        return state
    one = state.master or state.stopped
    if one is None:
        return state
    tested = ConfigurationTest(
        one.passes, (*filter(None, [one.failure]), *one.warnings, *(() if one.passes else one.unknown))
    )
    if tested.passes is None and state.stopped and state.stopped.unit is None and state.executable:
        # Nobody but its orphans says which program a configuration is for.
        read = fpm_settings.read(host, state.configuration, state.executable, None)
        tested = ConfigurationTest(read.passes, (*filter(None, [read.failure]), *read.warnings, *read.unknown))
    return state._replace(tested=tested)


def _with_obstacles(host: Host, wanted: Wanted, state: State, running: Processes) -> State:
    """Add what keeps a master that runs from coming up anew. What does not run yet, its service makes directories for.

    A reload binds the sockets of new pools while it still holds those of the old ones.
    """
    master = state.master
    if master is None or wanted.state not in SERVING:
        return state
    its = host.within(master.process.pid) if host.is_root() else host
    obstacles: List[str] = []
    notes: List[str] = []
    for pool in master.pools:
        if pool.listening is not None or pool.address is None:
            continue
        obstacles += _missing_directory(its, pool.address, f"pool {pool.name} is to listen on", notes)
        if wanted.state == RELOADED:
            obstacles += _taken(host, wanted.policy, pool, master, running)
    obstacles += _missing_directory(its, master.pidfile or "", "its pidfile is to be", notes)
    return state._replace(obstacles=tuple(obstacles), notes=(*state.notes, *notes))


def _missing_directory(its: Host, path: str, what: str, notes: List[str]) -> List[str]:
    if not path.startswith("/"):
        return []
    try:
        its.stat(os.path.dirname(path), follow=True)
    except Missing:
        return [f"{what} {path}, whose directory is not there: make it"]
    except CannotLook as error:
        notes.append(str(error))
    return []


def _taken(host: Host, policy: Policy, pool: FpmPool, master: FpmMaster, running: Processes) -> List[str]:
    """Say who listens where a new pool is to."""
    taken = []
    for socket in _in_the_way(host, policy, pool.address or ""):
        pids = sockets.holders(host, running, [socket.inode]).get(socket.inode, ())
        holding = [running.by_pid[pid] for pid in sorted(pids) if pid in running.by_pid]
        if master.process.pid in pids:
            who = "php-fpm itself, which keeps it open until it has reloaded: restart it"
        else:
            who = ", ".join(f"process {one.pid}, {one.title or one.name}" for one in holding[:NAMED_LIMIT])
        taken.append(
            f"pool {pool.name} is to listen on {pool.address}, and {socket.local} is held by {who or 'another'}"
        )
    return taken


def _with_requests(host: Host, wanted: Wanted, state: State) -> State:
    """Add the limits that a request in flight meets and, last, whether there is any."""
    master = state.master
    if master is None or is_newer(master, wanted):
        return state
    pid = master.process.pid
    limits = host.once(fpm_time_limits.gather, wanted.policy)
    own = next((one for one in limits.masters if one.master.process.pid == pid), None)
    notes = (*state.notes, *host.once(fastcgi_fronts.gather, wanted.policy).unseen)
    seen, idle = _idleness(host, wanted, pid)
    workers = tuple(one for one in seen.workers if one.master == pid)
    return state._replace(limits=own, notes=notes, workers=workers, idle=idle)


def _idleness(host: Host, wanted: Wanted, pid: int) -> Tuple[FpmWorkers, Idleness]:
    """Return the last look at the workers, and whether a master was idle for a while.

    The masters are not looked for anew: that takes longer than the workers do, of whom one may serve meanwhile.
    """
    first = fpm_workers.gather(host.again(fpm_masters.gather), wanted.policy)
    for number in range(QUIET_TRIES):
        host.pause(QUIET_SECONDS)
        second = fpm_workers.gather(host.again(fpm_masters.gather), wanted.policy)
        idle = fpm_idleness.quiet_between(first, second, pid)
        if idle.idle is not False or number == QUIET_TRIES - 1:
            break
        first = second
    return second, idle


def is_newer(master: FpmMaster, wanted: Wanted) -> bool:
    """Whether its generation is newer than what a reload was asked for."""
    if wanted.state != RELOADED or wanted.newer_than is None or master.generation is None:
        return False
    return master.generation > wanted.newer_than


def is_in_force(master: FpmMaster) -> bool:
    """Whether a master was started or reloaded after the last change of its configuration."""
    began = master.generation
    return began is not None and all(file.changed < began for file in master.files)


def silent_pools(host: Host, master: FpmMaster) -> Tuple[Tuple[str, str], ...]:
    """Return the pools that do not answer, each with the reason."""
    silent: List[Tuple[str, str]] = []
    for pool in master.pools:
        if len(silent) >= SILENT_LIMIT:
            silent.append((pool.name, f"it was not asked, because {SILENT_LIMIT} others do not answer"))
            continue
        try:
            fpm_ping.ping(host, master, pool)
        except CannotLook as error:
            silent.append((pool.name, str(error)))
    return tuple(silent)


def pidfile_of(host: Host, master: FpmMaster) -> Optional[int]:
    """Return what the pidfile of a master says, None where it has none or that says nothing."""
    if master.pidfile is None:
        return None
    inside = host if master.root == "/" else host.within(master.process.pid)
    try:
        return parse_pid(inside.read(master.pidfile, PIDFILE_LIMIT))
    except (CannotLook, Malformed):
        return None


def logs_of(host: Host, master: FpmMaster) -> Tuple[Log, ...]:
    """Return the logs that a master writes to files, and whether it has those of their names open."""
    paths = [fpm_logs.place(master)] + [pool.settings.get("access.log", "") for pool in master.pools]
    opened = _opened(host, master.process.pid)
    its = host if master.root == "/" else host.within(master.process.pid)
    return tuple(Log(path, _file(its, path) in opened) for path in dict.fromkeys(paths) if path.startswith("/"))


def _opened(host: Host, pid: int) -> List[Tuple[int, int]]:
    directory = f"/proc/{pid}/fd"
    found = []
    for name in host.list(directory):
        try:
            seen = host.stat_as_named(f"{directory}/{name}")
        except Missing:
            continue  # closed meanwhile
        found.append((seen.device, seen.inode))
    return found


def _file(host: Host, path: str) -> Optional[Tuple[int, int]]:
    try:
        seen = host.stat_as_named(path)
    except Missing:
        return None
    return seen.device, seen.inode
