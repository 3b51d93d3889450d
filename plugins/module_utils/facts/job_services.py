# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The services that jobs may touch, as far as this host has them; what one hides stops no look at the others."""

import os
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, TypeVar

from ..errors import CannotLook, Missing, NotApplicable
from ..formats.signal_effects import APACHE, FAMILIES, HAPROXY, NGINX, PHP_FPM
from ..host import Host
from ..policy import Policy
from . import fpm_masters, fpm_time_limits, nginx, nginx_masters, php_fpm, processes, service_units, supervisor
from .fpm_masters import FpmMasters
from .fpm_time_limits import FpmTimeLimits
from .masters import MASTER, WORKER, Program, role, shares_pids
from .nginx_masters import NginxMasters
from .processes import Process, Processes
from .service_units import ServiceUnit
from .supervisor import SupervisorProgram

F = TypeVar("F")

_APACHE = Program(APACHE, re.compile(r"(?:apache2|httpd)(?:[.-](?:prefork|worker|event|itk))?\Z"), "", "", False)
_HAPROXY = Program(HAPROXY, re.compile(r"haproxy\Z"), "", "", False)
PROGRAMS: Dict[str, Program] = {
    PHP_FPM: php_fpm.PROGRAM,
    NGINX: nginx.PROGRAM,
    APACHE: _APACHE,
    HAPROXY: _HAPROXY,
}
# Those of php-fpm have many names; services of other names are known by what runs.
_USUAL_UNITS = ("nginx.service", "apache2.service", "httpd.service", "haproxy.service")
_CONTROLS = re.compile(r"apache(?:2)?ctl\Z")


class WebService(NamedTuple):
    """A web service of this host. process: its master, None where it does not run. workers: of that master.

    name: what people call it: its unit without ``.service``, else its program and configuration. unit: the service of
    systemd that it is, lives_in: the name of the one that its processes belong to, such as supervisor.service. program:
    the path of its executable, or of what starts it. pidfile: as configured, None where that is not known.
    handles_hup: of a master of php-fpm, None where that is not known. supervised: the program of supervisord that it
    is.
    """

    family: str
    name: str
    process: Optional[Process]
    workers: Tuple[Process, ...]
    unit: Optional[ServiceUnit]
    lives_in: Optional[str]
    program: str
    pidfile: Optional[str]
    handles_hup: Optional[bool]
    supervised: Optional[SupervisorProgram] = None


class JobServices(NamedTuple):
    """fpm and nginx: None where the host has none, or where ``blind`` says why they could not be seen.

    limits: how long requests of each php-fpm may take, and how long a reload of it waits; what they lack they say. web:
    every service of every family that is the host's own and runs, or is meant to by systemd.
    """

    fpm: Optional[FpmMasters]
    limits: Optional[FpmTimeLimits]
    nginx: Optional[NginxMasters]
    blind: Tuple[str, ...]
    web: Tuple[WebService, ...] = ()


def gather(host: Host, policy: Policy) -> JobServices:
    """Return what the host has of the services. Raises nothing: what could not be seen is said in ``blind``."""
    blind: List[str] = []
    fpm = _attempt(host, policy, fpm_masters.gather, blind)
    limits = _attempt(host, policy, fpm_time_limits.gather, blind) if fpm and fpm.masters else None
    served = _attempt(host, policy, nginx_masters.gather, blind)
    seen = _attempt(host, policy, processes.gather, blind)
    titled = _attempt(host, policy, php_fpm.gather, blind)
    blind += [one.unknown for one in titled.masters if one.unknown and one.process.executable is None] if titled else []
    if seen and not seen.complete:
        blind.append("this user may not see every process, so there may be more web services; run with become")
    web = [*_of_fpm(host, fpm, seen), *_of_nginx(host, served, seen, blind)]
    for program in (_APACHE, _HAPROXY):
        web += _of_others(host, program, seen, blind)
    web = [_supervised(host, one, seen) for one in _with_units(host, web, blind)]
    return JobServices(
        fpm=fpm if fpm and (fpm.masters or fpm.stopped or fpm.orphans) else None,
        limits=limits,
        nginx=served if served and (served.masters or served.orphans) else None,
        blind=tuple(dict.fromkeys(blind)),
        web=tuple(web),
    )


def family_of(program: str) -> Optional[str]:
    """Return whose program a path is, also that of a control program such as apachectl."""
    name = os.path.basename(program)
    if _CONTROLS.match(name):
        return APACHE
    return next((family for family in FAMILIES if PROGRAMS[family].executable.match(name)), None)


def family_of_unit(unit: ServiceUnit) -> Optional[str]:
    """Return which service a unit starts, by its program; by its name where an init script does it."""
    words = [command.split(" ")[0] for command in unit.start]
    found = (family_of(word) for word in [*words, unit.name[: -len(".service")]] if word)
    return next((family for family in found if family), None)


def _attempt(host: Host, policy: Policy, gather_one: Callable[[Host, Policy], F], blind: List[str]) -> Optional[F]:
    try:
        return host.once(gather_one, policy)
    except NotApplicable:
        return None
    except CannotLook as error:
        blind.append(str(error))
        return None


def _of_fpm(host: Host, fpm: Optional[FpmMasters], seen: Optional[Processes]) -> List[WebService]:
    """Return every php-fpm that runs; what is apart is none of the host's own."""
    return [
        WebService(
            family=PHP_FPM,
            name=_name(one.unit, f"php-fpm {one.configuration}" if one.configuration else "php-fpm"),
            process=one.process,
            workers=_workers(one.process, php_fpm.PROGRAM, seen),
            unit=one.unit,
            lives_in=one.unit.name if one.unit else _lives_in(host, one.process),
            program=one.process.executable or "",
            pidfile=one.pidfile,
            handles_hup=one.handles_hup,
        )
        for one in (fpm.masters if fpm else ())
        if one.apart is None
    ]


def _of_nginx(
    host: Host, served: Optional[NginxMasters], seen: Optional[Processes], blind: List[str]
) -> List[WebService]:
    found = []
    for one in served.masters if served else ():
        if one.process.executable is None:
            blind += one.unknown
        elif one.apart is None:
            found.append(
                WebService(
                    family=NGINX,
                    name=_name(one.unit, f"nginx {one.configuration}" if one.configuration else "nginx"),
                    process=one.process,
                    workers=_workers(one.process, nginx.PROGRAM, seen),
                    unit=one.unit,
                    lives_in=one.unit.name if one.unit else _lives_in(host, one.process),
                    program=one.process.executable,
                    pidfile=one.pidfile,
                    handles_hup=None,
                )
            )
    return found


def _of_others(host: Host, program: Program, seen: Optional[Processes], blind: List[str]) -> List[WebService]:
    """Return the masters of Apache or HAProxy that root runs: any user can make what is called like one."""
    found = []
    for process in seen.by_pid.values() if seen else ():
        if process.executable is None and program.executable.match(process.name) and process.uids[0] == 0:
            blind.append(
                f"process {process.pid} is called {process.name}, but this user may not see its executable; "
                "run with become"
            )
        if process.uids[0] or process.zombie or not seen or role(process, program, seen.by_pid) != MASTER:
            continue
        try:
            if not shares_pids(host, process):
                continue
        except CannotLook as error:
            blind.append(str(error))
            continue
        workers = _workers(process, program, seen)
        lives_in, executable = _lives_in(host, process), process.executable or ""
        name = os.path.basename(executable)
        found.append(WebService(program.name, name, process, workers, None, lives_in, executable, None, None))
    return found


def _workers(master: Process, program: Program, seen: Optional[Processes]) -> Tuple[Process, ...]:
    if seen is None:
        return ()
    children = [one for one in seen.by_pid.values() if one.parent == master.pid and not one.zombie]
    return tuple(one for one in children if role(one, program, seen.by_pid) == WORKER)


def _lives_in(host: Host, process: Process) -> Optional[str]:
    try:
        return service_units.unit_of(host, process.pid)
    except CannotLook:
        return None  # it has ended, or this host has no cgroups that tell


def _with_units(host: Host, web: Sequence[WebService], blind: List[str]) -> List[WebService]:
    """Return the services with the units of those that have none yet, and what systemd knows beside them."""
    lacking = [one.lives_in for one in web if one.unit is None and one.lives_in]
    try:
        units = service_units.show(host, [*_USUAL_UNITS, *service_units.named_like(host, "*php*", "*fpm*"), *lacking])
    except Missing:
        return list(web)  # another init runs this host
    except CannotLook as error:
        blind.append(str(error))
        return list(web)
    known = [_with_unit(one, units.get(one.lives_in or "")) for one in web]
    names = {one.unit.name for one in known if one.unit}
    for unit in units.values():
        family = family_of_unit(unit) if _is_wanted(unit) else None
        if family and unit.name not in names:
            names.add(unit.name)  # httpd.service may be another name of apache2.service
            known.append(stopped(family, unit))
    return known


def _with_unit(service: WebService, unit: Optional[ServiceUnit]) -> WebService:
    """Return a service with its unit; supervisor.service and a cron job's are not the service's own."""
    if service.unit is not None or unit is None or service.process is None:
        return service
    if unit.main_pid != service.process.pid and family_of_unit(unit) != service.family:
        return service
    return service._replace(unit=unit, name=_name(unit, service.name))


def _is_wanted(unit: ServiceUnit) -> bool:
    """Whether a service is meant to run: it does, has failed, or is started with the host."""
    return unit.enabled != "masked" and (unit.state != "inactive" or unit.enabled.startswith(("enabled", "generated")))


def _supervised(host: Host, service: WebService, seen: Optional[Processes]) -> WebService:
    if service.process is None or service.unit is not None or seen is None:
        return service
    return service._replace(supervised=supervisor.program_of(host, service.process, seen.by_pid))


def stopped(family: str, unit: ServiceUnit) -> WebService:
    """Return a service that does not run now, by its unit."""
    program = unit.start[0].split(" ")[0] if unit.start else ""
    return WebService(family, _name(unit, family), None, (), unit, unit.name, program, None, None)


def _name(unit: Optional[ServiceUnit], otherwise: str) -> str:
    return unit.name[: -len(".service")] if unit else otherwise
