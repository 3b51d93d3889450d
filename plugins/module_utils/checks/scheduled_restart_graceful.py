# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The words by which a job would restart a service without cutting a request: a test, and where it passes a reload."""

import shlex
from typing import List, Sequence

from ..errors import Refused
from ..facts.fpm_masters import FpmMaster
from ..facts.job_effects import WORKERS, Hit, JobEffects
from ..facts.job_services import JobServices
from ..facts.nginx_masters import NginxMaster
from ..facts.processes import Process
from ..formats.signal_effects import APACHE, DIES, HAPROXY, NGINX, PHP_FPM, RELOADS, STOPS
from ..policy import Policy
from .php_fpm_reload_losses import NO_GRACE, SHORT_GRACE, reload_losses, signal_of

_BY_HAND = {
    APACHE: "`apachectl -t && apachectl graceful`",
    HAPROXY: "`haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy`",
}
_INI_OPTIONS = ("-c", "--php-ini")


def graceful_command(effects: JobEffects, services: JobServices, policy: Policy) -> str:
    """Return what root's shell is to be given in the place of a job's restarts. Raises Refused, saying why not."""
    hit = _the_hit(effects)
    if hit.family == PHP_FPM:
        return one_line(_of_php_fpm(_master_of(hit, services), services, policy))
    if hit.family == NGINX:
        return one_line(_of_nginx(_nginx_of(hit, services)))
    raise Refused(f"{hit.family} is not reloaded by words of ours; write {_BY_HAND[hit.family]} there by hand")


def one_line(command: str) -> str:
    """Return a command that can stand in one line. Raises Refused: a name in it may hold any byte, a line end too."""
    if not command.isprintable():
        raise Refused(f"{command[:200]!r} holds what cannot stand in a line of a file")
    return command


def the_service(hits: Sequence[Hit]) -> Hit:
    """Return the first of the hits of one service that runs. Raises Refused where there are several, or none runs."""
    masters = sorted({pid for hit in hits for pid in hit.masters})
    names = list(dict.fromkeys(name for hit in hits for name in hit.names))
    if len(masters) > 1 or len({hit.family for hit in hits}) > 1:
        raise Refused(f"it is for several services ({', '.join(names)}): give each its own job by hand")
    running = [hit for hit in hits if hit.masters]
    if not running:
        raise Refused(f"{', '.join(names) or 'its service'} does not run now, so how to speak to it is not known")
    return running[0]


def _the_hit(effects: JobEffects) -> Hit:
    hit = the_service(effects.hits)
    if any(not one.certain for one in effects.hits):
        raise Refused("it depends on a condition, which would be lost; write the graceful words there by hand")
    if effects.unfollowed:
        raise Refused(f"not all that it does could be followed: {effects.unfollowed[0].reason}")
    if all(one.does == RELOADS or (one.does == STOPS and one.starts) for one in effects.hits):
        return hit
    if all(one.does == DIES and one.reaches == WORKERS for one in effects.hits):
        return hit  # a master starts new ones, and so does a reload
    raise Refused("it does not restart or reload, and what it is to do instead only its author knows")


def _master_of(hit: Hit, services: JobServices) -> FpmMaster:
    for master in services.fpm.masters if services.fpm else ():
        if master.process.pid in hit.masters:
            return master
    raise Refused(f"{hit.names[0] if hit.names else PHP_FPM}: how it is configured could not be seen")


def _of_php_fpm(master: FpmMaster, services: JobServices, policy: Policy) -> str:
    _demand_roots_own(master.process)
    _demand_gentle(master, services, policy)
    if master.process.executable is None or master.configuration is None or master.root != "/":
        raise Refused(f"php-fpm {master.process.pid}: how its configuration is tested from outside is not known")
    test = [master.process.executable, "-t", *_ini(master), "-y", master.configuration]
    return f"{_quoted(test)} >/dev/null 2>&1 && {_reload_of_php_fpm(master)} || echo {shlex.quote(_unlucky(master))}"


def _demand_roots_own(master: Process) -> None:
    """Demand that root runs it already: what root's job would test is chosen by whoever chose that program."""
    if set(master.uids) != {0}:
        raise Refused(f"process {master.pid} is not run by root, who is not to run its program; write its test by hand")


def _demand_gentle(master: FpmMaster, services: JobServices, policy: Policy) -> None:
    """Demand that a reload cuts no request, as far as this php-fpm's limits and the policy tell."""
    pid = master.process.pid
    limits = [one for one in services.limits.masters if one.master.process.pid == pid] if services.limits else []
    if not limits:
        raise Refused(f"php-fpm {pid}: how long it lets requests end in a reload is not known")
    lost = reload_losses(limits[0], policy)
    if lost:
        by = " (php_fpm_limits writes it)" if lost[0].kind in (NO_GRACE, SHORT_GRACE) else ""
        raise Refused(f"a graceful reload would lose requests too, because {lost[0].says}: {lost[0].do}{by}")


def _ini(master: FpmMaster) -> List[str]:
    """Return the -c that its service starts it with: another php.ini may load other extensions."""
    words = shlex.split(master.unit.start[0]) if master.unit and master.unit.start else []
    for option, value in zip(words, words[1:]):
        if option in _INI_OPTIONS:
            return ["-c", value]
    joined = [word for word in words if word.startswith("--php-ini=")]
    return ["-c", joined[0].partition("=")[2]] if joined else []


def _reload_of_php_fpm(master: FpmMaster) -> str:
    sent = {signal_of(command) for command in master.unit.reload} if master.unit else set()
    if master.unit and (sent == {"USR2"} or (sent == {"HUP"} and master.handles_hup)):
        return f"systemctl reload {shlex.quote(master.unit.name)}"
    if master.pidfile:
        return f'kill -USR2 "$(cat {shlex.quote(master.pidfile)})"'
    raise Refused(f"php-fpm {master.process.pid}: it has no pidfile, and no unit whose reload sends SIGUSR2")


def _unlucky(master: FpmMaster) -> str:
    """Return what cron mails where nothing was reloaded: the test is silenced, as it speaks when it passes too."""
    return f"{master.unit.name if master.unit else 'php-fpm'} was not reloaded: look at `php-fpm -t` and its journal"


def _nginx_of(hit: Hit, services: JobServices) -> NginxMaster:
    for master in services.nginx.masters if services.nginx else ():
        if master.process.pid in hit.masters and not master.apart and master.process.executable:
            return master
    raise Refused(f"{hit.names[0] if hit.names else NGINX}: how it is configured could not be seen")


def _of_nginx(master: NginxMaster) -> str:
    _demand_roots_own(master.process)
    program = [master.process.executable or "", *master.arguments]
    gentle = master.unit and any(signal_of(one) == "HUP" or "-s reload" in one for one in master.unit.reload)
    if master.unit and gentle and master.unit.main_pid == master.process.pid:
        return f"{_quoted(program)} -t -q && systemctl reload {shlex.quote(master.unit.name)}"
    return f"{_quoted(program)} -t -q && {_quoted(program)} -s reload"


def _quoted(words: Sequence[str]) -> str:
    return " ".join(shlex.quote(word) for word in words)
