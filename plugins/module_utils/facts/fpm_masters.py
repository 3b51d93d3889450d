# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm as it runs and as it is configured to run: masters with their pools, stopped services, and orphans."""

import os
import re
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..formats.pidfile import parse_pid
from ..host import Host
from ..policy import Policy
from . import fpm_settings, php_fpm, processes, service_units, sockets
from .fpm_settings import FpmSettings, Section
from .masters import WORKER, Master, doubt, role, runs, sees_as_we_do, shares_pids
from .processes import Process, Processes
from .service_units import ServiceUnit
from .sockets import Socket, Sockets

SECOND_LOOK_SECONDS = 0.3
STATUS_LIMIT = 64 * 1024
SCRIPT_LIMIT = 256 * 1024
PROGRAM_LIMIT = 128 * 1024 * 1024
PIDFILE_LIMIT = 64
VERSION_SECONDS = 10.0
VERSION_LIMIT = 64 * 1024

# What every PHP sends, unless told not to, as a header: it stands in the program as text (php-src, main/SAPI.h).
_VERSION = re.compile(rb"X-Powered-By: PHP/([0-9][0-9A-Za-z.+~-]{2,60})\0")
_ANSWERED_VERSION = re.compile(r"PHP ([0-9]\S{2,60}) ")
_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
_POOL_TITLE = re.compile(re.escape(php_fpm.PROGRAM.worker_title) + r"(.+)")
_INIT_SCRIPT = re.compile(r"(?:[a-z]+-)?php[0-9.]*-?fpm[0-9.-]*\Z")
_SHARED_MEMORY = "/dev/zero (deleted)"  # how proc(5) calls what mmap(2) shares without a file


class ConfigurationFile(NamedTuple):
    """A file that was read: when its content changed, and when it or its attributes did (a package keeps the first)."""

    path: str
    modified: float
    changed: float


class FpmPool(NamedTuple):
    """A pool as configured now, which need not be in force yet.

    settings: as ``php-fpm -tt`` prints them, defaults included, undefined ones left out; times are numbers of seconds
    with an s (``120s``), values of env[] are secrets and "". sources: ``file:line`` of those that are said.
    tested: php-fpm itself printed them; else they were read from the files and defaults are missing.
    address: where it listens: a path, or host:port as sockets.Socket has it (any address: ``*:9000`` or ``[::]:9000``).
    listening: the inode of the listening socket that the master holds for it, None where it holds none.
    """

    name: str
    settings: Mapping[str, str]
    sources: Mapping[str, str]
    tested: bool
    address: Optional[str]
    listening: Optional[int]


class FpmMaster(NamedTuple):
    """A running master.

    root: "/", or the directory that it is chrooted to, whose paths all others here are below. version: PHP_VERSION.
    replaced: its executable is another file by now, or gone. handles_hup: Debian's builds reload on SIGHUP, upstream's
    die of it (bit 0 of SigCgt). settings, sources: of [global], as those of a pool. generation: when this generation
    began, its start or last reload, None where that can't be seen. failure: what the test of the configuration said
    when it failed. unit: the service of systemd that it is. init_script: /etc/init.d's, where that may have started it.
    apart: why nothing of it can be judged, such as a container. unknown: sentences on what could not be seen of it.
    warnings: what that test said without failing, an extension that cannot be loaded for one. passes: whether it ended
    well, None where there was no test, as ``unknown`` says.
    """

    process: Process
    root: str
    version: Optional[str]
    replaced: Optional[bool]
    handles_hup: Optional[bool]
    configuration: Optional[str]
    files: Tuple[ConfigurationFile, ...]
    settings: Mapping[str, str]
    sources: Mapping[str, str]
    pidfile: Optional[str]
    generation: Optional[float]
    failure: Optional[str]
    unit: Optional[ServiceUnit]
    init_script: Optional[str]
    pools: Tuple[FpmPool, ...]
    apart: Optional[str]
    unknown: Tuple[str, ...]
    warnings: Tuple[str, ...] = ()
    passes: Optional[bool] = None


class StoppedFpm(NamedTuple):
    """A php-fpm that is configured and does not run: found by its service or named in the policy.

    failure, warnings, unknown and passes: as those of a master.
    """

    configuration: str
    unit: Optional[ServiceUnit]
    pools: Tuple[FpmPool, ...]
    failure: Optional[str] = None
    warnings: Tuple[str, ...] = ()
    unknown: Tuple[str, ...] = ()
    passes: Optional[bool] = None


class Orphan(NamedTuple):
    """A worker whose master is gone: pool by its title, and the listening sockets that it holds.

    listening: their inodes. addresses: of the same sockets, as sockets.Socket has them. user: who runs it.
    """

    process: Process
    pool: Optional[str]
    listening: Tuple[int, ...]
    addresses: Tuple[str, ...] = ()
    user: str = ""


class FpmMasters(NamedTuple):
    """complete: every process could be seen. unseen: what else could not be.

    disbelieved: processes that call themselves workers of php-fpm and are none; any user can make such a one.
    """

    masters: Tuple[FpmMaster, ...]
    stopped: Tuple[StoppedFpm, ...]
    orphans: Tuple[Orphan, ...]
    complete: bool
    unseen: Tuple[str, ...]
    disbelieved: Tuple[str, ...] = ()


def gather(host: Host, policy: Policy) -> FpmMasters:
    """Return every php-fpm of the host. Raises CannotLook where processes cannot be seen."""
    seen = host.once(processes.gather, policy)
    unseen: List[str] = []
    look = _Look(host, policy, unseen)
    found = host.once(php_fpm.gather, policy).masters
    unseen += [one.unknown for one in found if one.unknown and one.process.executable is None]
    unseen += _unproven_orphans(seen)
    masters = [look.master(one) for one in found if one.process.executable is not None]
    if not seen.complete:
        unseen.append("this user may not see every process, so there may be more of php-fpm; run with become")
    disbelieved: List[str] = []
    orphans = _orphans(look, seen, masters, disbelieved)
    if orphans:
        # Between two steps of a restart a worker may outlive its master for a moment.
        host.pause(SECOND_LOOK_SECONDS)
        later = processes.gather(host.again(), policy)
        orphans = [one for one in orphans if _is_orphaned_still(one.process, later)]
    return FpmMasters(
        masters=tuple(masters),
        stopped=tuple(look.stopped(masters)),
        orphans=tuple(orphans),
        complete=seen.complete,
        unseen=tuple(unseen),
        disbelieved=tuple(disbelieved),
    )


class _Look:
    """What one look at php-fpm asks more than once: sockets and services of the host, the settings of a file."""

    def __init__(self, host: Host, policy: Policy, unseen: List[str]) -> None:
        self.host = host
        self.policy = policy
        self.unseen = unseen
        self._settings: Dict[Tuple[int, str, str], FpmSettings] = {}
        self._sockets: Optional[Dict[int, Socket]] = None

    def master(self, found: Master) -> FpmMaster:
        """Return all of a master. What could not be seen of it is said in its ``unknown``."""
        process = found.process
        empty = FpmMaster(process, "/", None, None, None, None, (), {}, {}, None, None, None, None, None, (), None, ())
        try:
            if not shares_pids(self.host, process):
                return empty._replace(
                    apart="it lives in another pid namespace, such as a container's; look from inside"
                )
            root = self.host.link(f"/proc/{process.pid}/root")
        except CannotLook as error:
            return empty._replace(unknown=(str(error),))
        unknown: List[str] = []
        one = empty._replace(
            root=root,
            replaced=_attempt(unknown, _is_replaced, self.host, process),
            handles_hup=_attempt(unknown, _handles_hup, self.host, process),
            unit=_attempt(unknown, self._unit, process),
        )
        if not self._is_the_hosts(one):
            return empty._replace(
                apart=f"{self.host.user_name(process.uids[0])} runs it, outside of any service, and any user can make "
                "what looks like php-fpm; name its configuration in configurations to have it judged"
            )
        one = one._replace(
            version=_attempt(unknown, _version, self.host, one),
            configuration=_attempt(unknown, php_fpm.configuration_path, process),
        )
        one = one._replace(init_script=_attempt(unknown, _init_script, self.host, one))
        if one.configuration is None:
            return one._replace(unknown=tuple(unknown))
        return self._with_settings(one, unknown)

    def _is_the_hosts(self, one: FpmMaster) -> bool:
        """Whether a master is the host's own: root runs it, systemd does, or the administrator names it."""
        pid = one.process.pid
        declared = any(f"({path})" in one.process.title for path in self.policy.php_fpm.configurations)
        return one.process.uids[0] == 0 or (one.unit is not None and one.unit.main_pid == pid) or declared

    def _with_settings(self, one: FpmMaster, unknown: List[str]) -> FpmMaster:
        configuration = one.configuration or ""
        read = self._settings_of(one, configuration)
        inside = self.host.within(one.process.pid) if one.root != "/" else self.host
        pidfile = read.everywhere.settings.get("pid")
        listening = _attempt(unknown, self._listening, one.process.pid) or ()
        return one._replace(
            files=tuple(ConfigurationFile(path, seen.mtime_ns / 1e9, seen.ctime_ns / 1e9) for path, seen in read.files),
            settings=read.everywhere.settings,
            sources=read.everywhere.sources,
            pidfile=pidfile,
            generation=_generation(self.host, inside, one.process, pidfile),
            failure=read.failure,
            pools=tuple(_pool(section, read.tested, listening) for section in read.pools),
            unknown=(*unknown, *read.unknown),
            warnings=read.warnings,
            passes=read.passes,
        )

    def _settings_of(self, one: FpmMaster, path: str) -> FpmSettings:
        executable = one.process.executable or ""
        if one.root != "/":
            reason = f"its configuration is not tested, because it lives in a chroot, {one.root}"
            inside = executable[len(one.root) :] if executable.startswith(one.root + "/") else executable
            return fpm_settings.read(self.host.within(one.process.pid), path, inside, reason)
        if not sees_as_we_do(self.host, one.process, os.path.dirname(path)):
            reason = f"its configuration is not tested, because {os.path.dirname(path)} is another directory to it"
            return fpm_settings.read(self.host.within(one.process.pid), path, executable, reason)
        key = (one.process.uids[0], path, executable)
        if key not in self._settings:
            self._settings[key] = fpm_settings.read(self.host, path, executable, _untestable(one.process))
        return self._settings[key]

    def sockets(self) -> Dict[int, Socket]:
        """Return the sockets of the host; where they cannot be seen that is said once, and there are none."""
        if self._sockets is None:
            try:
                seen = self.host.once(sockets.gather, self.policy)
            except CannotLook as error:
                self.unseen.append(str(error))
                seen = Sockets({})
            if seen.twice:
                self.unseen.append(
                    f"socket {seen.twice[0]}: ss(8) tells of it in two ways, because the name of another one forges a "
                    "line; find who has such a name open with `ss -xap`"
                )
            self._sockets = seen.by_inode
        return self._sockets

    def _listening(self, pid: int) -> Tuple[Socket, ...]:
        if self.host.link(f"/proc/{pid}/ns/net") != self.host.link("/proc/self/ns/net"):
            raise CannotLook(f"php-fpm {pid}: it lives in another network namespace, so its sockets are not seen")
        return self.listening(pid)

    def listening(self, pid: int) -> Tuple[Socket, ...]:
        """Return the listening sockets that a process has open. Raises CannotLook."""
        table = self.sockets()
        held = (table.get(inode) for inode in sorted(set(sockets.of_process(self.host, pid).values())))
        return tuple(socket for socket in held if socket is not None and socket.state == sockets.LISTEN)

    def _unit(self, process: Process) -> Optional[ServiceUnit]:
        """Return the service that a master is; a cron job or a shell that it was started from is none."""
        name = service_units.unit_of(self.host, process.pid)
        if name is None:
            return None
        unit = service_units.show(self.host, [name]).get(name)
        return unit if unit and (unit.main_pid == process.pid or _program_of(unit)) else None

    def stopped(self, masters: Sequence[FpmMaster]) -> List[StoppedFpm]:
        """Return what should run and does not. What is no php-fpm any more, or switched off, is not wanted."""
        running = {one.configuration for one in masters}
        found = [self._stopped_unit(unit) for unit in self._stopped_units(masters)]
        stopped = [one for one in found if one is not None and one.configuration not in running]
        known = running | {one.configuration for one in stopped}
        named = [path for path in self.policy.php_fpm.configurations if path not in known]
        return stopped + [self._stopped_file(path) for path in dict.fromkeys(named)]

    def _stopped_units(self, masters: Sequence[FpmMaster]) -> List[ServiceUnit]:
        running = {one.unit.name for one in masters if one.unit}
        try:
            names = service_units.named_like(self.host, "*php*", "*fpm*")
            units = service_units.show(self.host, names).values()
        except Missing:
            return []  # no systemd, no services
        except CannotLook as error:
            self.unseen.append(str(error))
            return []
        return [unit for unit in units if unit.name not in running and _is_wanted(unit) and _program_of(unit)]

    def _stopped_unit(self, unit: ServiceUnit) -> Optional[StoppedFpm]:
        executable = _program_of(unit) or ""
        try:
            path = _configuration_of(unit) or fpm_settings.default_configuration(self.host, executable)
        except CannotLook as error:
            self.unseen.append(f"{unit.name}: {error}")
            return None
        return _stopped(path, unit, fpm_settings.read(self.host, path, executable, None))

    def _stopped_file(self, path: str) -> StoppedFpm:
        reason = f"{path}: it is not tested, because no service says which php-fpm it is for"
        return _stopped(path, None, fpm_settings.read(self.host, path, "/usr/sbin/php-fpm", reason))


def _attempt(unknown: List[str], look: Any, *arguments: Any) -> Any:
    """Return what a look at one thing returns; None, and the reason in ``unknown``, where it cannot be seen."""
    try:
        return look(*arguments)
    except CannotLook as error:
        unknown.append(str(error))
        return None


def _untestable(process: Process) -> Optional[str]:
    if set(process.uids) == {0}:
        return None
    return f"php-fpm {process.pid}: its configuration is not tested, because another user than root runs it"


def _is_replaced(host: Host, process: Process) -> bool:
    return host.link(f"/proc/{process.pid}/exe").endswith(" (deleted)")


def _handles_hup(host: Host, process: Process) -> bool:
    status = os.fsdecode(host.read(f"/proc/{process.pid}/status", STATUS_LIMIT))
    caught = _CAUGHT.search(status)
    if caught is None:
        raise CannotLook(f"/proc/{process.pid}/status: it has no line SigCgt, so what SIGHUP does is not known")
    return bool(int(caught.group(1), 16) & 1)


def _version(host: Host, one: FpmMaster) -> str:
    process = one.process
    if one.replaced and one.root == "/":
        said = host.run([f"/proc/{process.pid}/exe", "-n", "-v"], VERSION_SECONDS, VERSION_LIMIT).output
        answer = _ANSWERED_VERSION.match(os.fsdecode(said))
        version = answer.group(1) if answer else None
    else:
        text = _VERSION.search(host.read(process.executable or "", PROGRAM_LIMIT, follow=True))
        version = os.fsdecode(text.group(1)) if text else None
    if version is None:
        raise CannotLook(f"php-fpm {process.pid}: {process.executable} does not say which version of PHP it is")
    return version


def _generation(host: Host, inside: Host, process: Process, pidfile: Optional[str]) -> Optional[float]:
    """Return when a master was started or reloaded last.

    A reload keeps pid and start time, but shares new memory with its workers, which the kernel dates; only root may see
    that, and not in each container. php-fpm writes its pidfile anew too, whose time others could set where they own it.
    """
    try:
        return _oldest_shared_memory(host, process.pid)
    except CannotLook:
        return _written(inside, pidfile, process)


def _oldest_shared_memory(host: Host, pid: int) -> float:
    directory = f"/proc/{pid}/map_files"
    paths = [f"{directory}/{name}" for name in host.list(directory)]
    times = [host.stat_as_named(path).mtime_ns for path in paths if host.link(path) == _SHARED_MEMORY]
    if not times:
        raise CannotLook(f"{directory}: it shows no shared memory")
    return min(times) / 1e9


def _written(inside: Host, pidfile: Optional[str], process: Process) -> Optional[float]:
    if pidfile is None:
        return None
    try:
        content, seen = inside.read_with_stat(pidfile, PIDFILE_LIMIT)
        own = parse_pid(content) == process.pid and seen.uid == process.uids[0]
    except (CannotLook, Malformed):
        return None
    return seen.mtime_ns / 1e9 if own else None


def _init_script(host: Host, one: FpmMaster) -> Optional[str]:
    """Return the script of /etc/init.d that may have started a master: one called as php-fpm that names its program."""
    if one.root != "/" or (one.unit is not None and "/generator" not in (one.unit.file or "")):
        return None
    try:
        names = [name for name in host.list("/etc/init.d") if _INIT_SCRIPT.match(name)]
    except Missing:
        return None
    for name in names:
        text = os.fsdecode(host.read(f"/etc/init.d/{name}", SCRIPT_LIMIT, follow=True))
        if os.path.basename(one.process.executable or "") in text and _starts_with(text, one.configuration):
            return f"/etc/init.d/{name}"
    return None


def _starts_with(script: str, configuration: Optional[str]) -> bool:
    """Whether a script may start php-fpm with a configuration: it names that file's name, or no file of the kind."""
    return not configuration or f"/{os.path.basename(configuration)}" in script or "fpm.conf" not in script


def _pool(section: Section, tested: bool, listening: Sequence[Socket]) -> FpmPool:
    address = _address(section.settings.get("listen", ""))
    held = _held(address, listening)
    return FpmPool(
        name=section.name,
        settings=section.settings,
        sources=section.sources,
        tested=tested,
        address=held.local if held else address,
        listening=held.inode if held else None,
    )


def _address(listen: str) -> Optional[str]:
    """Return ``listen`` of a pool as ss(8) writes such an address: a bare port is any address."""
    if listen.isdigit():
        return f"*:{listen}"
    if listen.startswith("localhost:"):
        return "127.0.0.1" + listen[len("localhost") :]
    return listen or None


def _held(address: Optional[str], listening: Sequence[Socket]) -> Optional[Socket]:
    """Return the socket for an address among those that a master holds; a name of a host is known by its port."""
    names = [address]
    for every in ("*", "[::]"):
        if address and address.startswith(every + ":"):
            # One socket of IPv6 takes IPv4 too, and is ``*`` to ss(8); without IPv6, or where each has its own
            # (net.ipv6.bindv6only), it is not.
            names += [f"{one}:{address[len(every) + 1 :]}" for one in ("*", "0.0.0.0", "[::]")]
    exact = [socket for socket in listening if socket.local in names]
    if exact or not address or address.startswith("/"):
        return exact[0] if exact else None
    port = address.rsplit(":", 1)[-1]
    alike = [socket for socket in listening if socket.family == "tcp" and socket.local.rsplit(":", 1)[-1] == port]
    return alike[0] if len(alike) == 1 and not _is_numeric(address) else None


def _is_numeric(address: str) -> bool:
    return bool(re.match(r"(?:\*|[0-9.]+|\[[0-9a-fA-F:.]+\]):[0-9]+\Z", address))


def _is_wanted(unit: ServiceUnit) -> bool:
    return unit.state == "failed" or (unit.state == "inactive" and unit.enabled.startswith("enabled"))


def _program_of(unit: ServiceUnit) -> Optional[str]:
    """Return the php-fpm that a service starts, None for a service that starts something else."""
    for command in unit.start:
        word = command.split(" ")[0]
        if word.startswith("/") and php_fpm.PROGRAM.executable.match(os.path.basename(word)):
            return word
    return None


def _configuration_of(unit: ServiceUnit) -> Optional[str]:
    """Return the php-fpm.conf that a service names on its command line."""
    words = " ".join(unit.start).split(" ")
    for word, following in zip(words, [*words[1:], ""]):
        if word in ("-y", "--fpm-config"):
            return following
        for option in ("--fpm-config=", "-y"):
            if word.startswith(option) and len(word) > len(option):
                return word[len(option) :]
    return None


def _stopped(path: str, unit: Optional[ServiceUnit], read: FpmSettings) -> StoppedFpm:
    pools = tuple(_pool(section, read.tested, ()) for section in read.pools)
    return StoppedFpm(path, unit, pools, read.failure, read.warnings, read.unknown, read.passes)


def _orphans(look: _Look, seen: Processes, masters: Sequence[FpmMaster], disbelieved: List[str]) -> List[Orphan]:
    """Return workers without a master. One that a worker forked is none: a running master holds what it holds."""
    held: Set[int] = {pool.listening for one in masters for pool in one.pools if pool.listening is not None}
    orphans = []
    for process in sorted(seen.by_pid.values(), key=lambda process: process.pid):
        if process.zombie or not _is_orphaned(process, seen):
            continue
        try:
            if not shares_pids(look.host, process):
                continue  # a container's; its own processes judge it
            why = doubt(look.host, process)
            listening = look.listening(process.pid)
        except Missing:
            continue  # it ended meanwhile
        except CannotLook as error:
            look.unseen.append(f"php-fpm {process.pid}, a worker without a master: {error}")
            continue
        if not why and not listening and look.sockets():
            why = "it has no listening socket, which each worker of php-fpm has"
        if why:
            disbelieved.append(f"process {process.pid} ({process.executable}) is no worker without a master: {why}")
        elif not held & {socket.inode for socket in listening}:
            orphans.append(_orphan(look.host, process, listening))
    return orphans


def _orphan(host: Host, process: Process, listening: Sequence[Socket]) -> Orphan:
    title = _POOL_TITLE.match(process.title)
    return Orphan(
        process=process,
        pool=title.group(1) if title else None,
        listening=tuple(socket.inode for socket in listening),
        addresses=tuple(socket.local for socket in listening),
        user=host.user_name(process.uids[1]),
    )


def _unproven_orphans(seen: Processes) -> List[str]:
    """Return what to say of workers by their title alone, where this user may not see their executables."""
    return [
        f"process {one.pid} is titled as a worker of php-fpm, but this user may not see its executable; run with become"
        for one in sorted(seen.by_pid.values(), key=lambda process: process.pid)
        if one.executable is None and one.title.startswith(php_fpm.PROGRAM.worker_title)
        if not (one.parent in seen.by_pid and seen.by_pid[one.parent].title.startswith(php_fpm.PROGRAM.master_title))
    ]


def _is_orphaned(process: Process, seen: Processes) -> bool:
    parent = seen.by_pid.get(process.parent)
    if parent is not None and runs(parent, php_fpm.PROGRAM):
        return False
    return role(process, php_fpm.PROGRAM, seen.by_pid) == WORKER


def _is_orphaned_still(process: Process, later: Processes) -> bool:
    now = later.by_pid.get(process.pid)
    return now is not None and not now.zombie and now.started == process.started and _is_orphaned(now, later)
