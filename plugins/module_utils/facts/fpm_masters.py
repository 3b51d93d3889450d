# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm as it runs and as it is configured to run: masters with their pools, stopped services, and orphans."""

import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..policy import Policy
from . import (
    fpm_orphans,
    fpm_process,
    fpm_settings,
    php_fpm,
    pool_addresses,
    processes,
    service_units,
)
from .fpm_orphans import Orphan
from .fpm_settings import FpmSettings, Section
from .held_sockets import HeldSockets
from .masters import Master, sees_as_we_do, shares_pids
from .processes import Process
from .service_units import ServiceUnit
from .sockets import Socket


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
    masters = [look.master(one) for one in found if one.process.executable is not None]
    if not seen.complete:
        unseen.append("this user may not see every process, so there may be more of php-fpm; run with become")
    held = {pool.listening for one in masters for pool in one.pools if pool.listening is not None}
    orphans = fpm_orphans.look(host, policy, seen, held, look.sockets)
    return FpmMasters(
        masters=tuple(masters),
        stopped=tuple(look.stopped(masters)),
        orphans=orphans.found,
        complete=seen.complete,
        unseen=(*unseen, *orphans.unseen),
        disbelieved=orphans.disbelieved,
    )


class _Look:
    """What one look at php-fpm asks more than once: sockets and services of the host, the settings of a file."""

    def __init__(self, host: Host, policy: Policy, unseen: List[str]) -> None:
        self.host = host
        self.policy = policy
        self.unseen = unseen
        self._settings: Dict[Tuple[int, str, str], FpmSettings] = {}
        self.sockets = HeldSockets(host, policy, unseen)

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
            replaced=_attempt(unknown, fpm_process.is_replaced, self.host, process),
            handles_hup=_attempt(unknown, fpm_process.handles_hup, self.host, process),
            unit=_attempt(unknown, self._unit, process),
        )
        if not self._is_the_hosts(one):
            return empty._replace(
                apart=f"{self.host.user_name(process.uids[0])} runs it, outside of any service, and any user can make "
                "what looks like php-fpm; name its configuration in configurations to have it judged"
            )
        one = one._replace(
            version=_attempt(unknown, fpm_process.version, self.host, process, one.root, one.replaced),
            configuration=_attempt(unknown, php_fpm.configuration_path, process),
        )
        if one.root == "/" and (one.unit is None or "/generator" in (one.unit.file or "")):
            script = _attempt(unknown, fpm_process.init_script, self.host, process, one.configuration)
            one = one._replace(init_script=script)
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
        listening = _attempt(unknown, self.sockets.of_this_network, one.process.pid) or ()
        return one._replace(
            files=tuple(ConfigurationFile(path, seen.mtime_ns / 1e9, seen.ctime_ns / 1e9) for path, seen in read.files),
            settings=read.everywhere.settings,
            sources=read.everywhere.sources,
            pidfile=pidfile,
            generation=fpm_process.generation(self.host, inside, one.process, pidfile),
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
            self._settings[key] = fpm_settings.read(self.host, path, executable, fpm_process.untestable(one.process))
        return self._settings[key]

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


def _pool(section: Section, tested: bool, listening: Sequence[Socket]) -> FpmPool:
    address = pool_addresses.address(section.settings.get("listen", ""))
    held = pool_addresses.held(address, listening)
    return FpmPool(
        name=section.name,
        settings=section.settings,
        sources=section.sources,
        tested=tested,
        address=held.local if held else address,
        listening=held.inode if held else None,
    )


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
