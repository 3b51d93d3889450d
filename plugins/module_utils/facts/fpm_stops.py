# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When masters of php-fpm stopped or reloaded, who may have asked for it, and which requests failed at that time."""

import re
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook
from ..formats import fpm_log
from ..formats.fpm_log import Turn
from ..formats.nginx_log import RESET
from ..formats.shell import shown
from ..host import Host
from ..policy import Policy
from . import fastcgi_fronts, fpm_history, nginx_errors, systemd_journal
from .fpm_history import STOP, History
from .fpm_masters import FpmMaster
from .nginx_errors import Failure, NginxErrors
from .systemd_journal import Entry

STOPS_LIMIT = 200  # the newest
ASKED_LIMIT = 10  # for which the journal is asked who it was
BEFORE_SECONDS = 65.0  # a job of cron begins at a full minute, and may take a while until it comes to php-fpm
AFTER_SECONDS = 60.0
NEAR_SECONDS = 1.5  # logs tell seconds
BEFORE_LIMIT = 5
NOT_ASKED = f"the journal is asked of {ASKED_LIMIT} stops only, those that harmed first"
# Whom cron logs as, and what it then says of a user and the command that it runs for him.
CRON = ("CRON", "CROND", "crond", "cron")
CRON_RAN = re.compile(r"\(([^)]{1,64})\) CMD \((.*)\)\Z", re.DOTALL)

_UNLOGGED = "php-fpm logs neither stops nor reloads; set log_level = notice"
_KINDS = (fpm_log.TERMINATING, fpm_log.FINISHING, fpm_log.RELOADING, fpm_log.EMERGENCY)
_SHUTDOWN_UNITS = ("shutdown.target", "reboot.target", "poweroff.target", "halt.target")
_SUDO = re.compile(r"\s*(\S{1,64}) : .*?COMMAND=(.*)\Z", re.DOTALL)


class Stop(NamedTuple):
    """A time when a master stopped or reloaded.

    kind: TERMINATING, FINISHING, RELOADING or EMERGENCY of formats/fpm_log.py. ready: when it served again, None where
    it did not. grace: process_control_timeout in seconds, as it is configured now; changed: the configuration changed
    since. by_systemd: it stopped or reloaded the unit, or else the signal came from elsewhere; None where there is no
    unit, or unknown says why the journal was not asked. shutdown: of the host. before: what cron and sudo ran before.
    failures: requests that nginx lost in that time to the pools of the log's masters; None where no log tells of it.
    others: workers that ended in that time for another reason.
    """

    moment: float
    kind: str
    log: str
    unit: Optional[str]
    ready: Optional[float]
    grace: Optional[float]
    changed: bool
    by_systemd: Optional[bool]
    shutdown: bool
    before: Tuple[str, ...]
    unknown: Optional[str]
    failures: Optional[Tuple[Failure, ...]]
    others: int

    @property
    def until(self) -> float:
        """When the last request of before it had ended, in one way or the other."""
        return self.ready if self.ready is not None else self.moment + (self.grace or 0)


class FpmStops(NamedTuple):
    """stops: the newest STOPS_LIMIT, by time. fronts: the logs of nginx that were read."""

    stops: Tuple[Stop, ...]
    fronts: Tuple[str, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> FpmStops:
    """Return the stops and reloads of the history. Raises CannotLook and NotApplicable as the history does."""
    seen = host.once(fpm_history.gather, policy)
    stops = sorted((stop for history in seen.histories for stop in _stops(history)), key=lambda stop: stop.moment)
    stops = list({(stop.log, stop.moment, stop.kind): stop for stop in stops}.values())[
        -STOPS_LIMIT:
    ]  # of a second, one
    unseen = [one for history in seen.histories for one in _unlogged(history)]
    if not stops:
        return FpmStops((), (), tuple(unseen))
    errors = host.once(nginx_errors.gather, policy)
    addresses = {history.log.name: _addresses(host, history) for history in seen.histories}
    stops = [stop._replace(failures=_failures(stop, errors, addresses[stop.log])) for stop in stops]
    return FpmStops(tuple(_asked(host, stops)), errors.logs, (*unseen, *errors.unseen))


def _unlogged(history: History) -> List[str]:
    """Say that a master logs no stop or reload, which it does as a notice."""
    levels = dict.fromkeys(master.settings.get("log_level") for master in history.masters)
    return [f"{history.log.name}: at log_level {one} {_UNLOGGED}" for one in levels if one == "warning"]


def _stops(history: History) -> Iterable[Stop]:
    turns = [(one.moment, one.event.what) for one in history.moments if isinstance(one.event, Turn)]
    unit = next((master.unit.name for master in history.masters if master.unit), None)
    for number, (moment, kind) in enumerate(turns):
        if kind in _KINDS:
            after = turns[number + 1 :]
            ready = next((then for then, what in after if what == fpm_log.READY), None)
            grace = min((grace for grace in map(_grace, history.masters) if grace is not None), default=None)
            changed = any(file.changed > moment for master in history.masters for file in master.files)
            stop = Stop(
                moment, kind, history.log.name, unit, ready, grace, changed, None, False, (), NOT_ASKED, None, 0
            )
            others = sum(_is_near(stop, one.moment) for one in history.endings if one.ended != STOP)
            yield stop._replace(others=others)


def _grace(master: FpmMaster) -> Optional[float]:
    """Return process_control_timeout in seconds: 0 where it is not set, None where it is no number of seconds."""
    value = master.settings.get("process_control_timeout", "0")
    found = re.match(r"([0-9]{1,9})([smhd]?)\Z", value.strip())
    if found is None:
        return None
    return float(found.group(1)) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found.group(2)]


def _addresses(host: Host, history: History) -> List[str]:
    pools = [pool for master in history.masters for pool in master.pools]
    return [fastcgi_fronts.physical(host, pool.address) for pool in pools if pool.address]


def _failures(stop: Stop, errors: NginxErrors, addresses: Sequence[str]) -> Optional[Tuple[Failure, ...]]:
    """Return the requests that were reset from the stop on until php-fpm had ended the last one."""
    if not errors.logs or stop.moment < errors.begins:
        return None
    return tuple(
        one
        for one in errors.failures
        if _is_near(stop, one.moment)
        and one.errno == RESET
        and any(fastcgi_fronts.serves(one.address, address) for address in addresses)
    )


def _is_near(stop: Stop, moment: float) -> bool:
    return stop.moment - NEAR_SECONDS <= moment <= stop.until + NEAR_SECONDS


def _asked(host: Host, stops: Sequence[Stop]) -> List[Stop]:
    """Ask the journal who it was, of the newest stops, those that harmed first."""
    wanted = sorted(stops, key=lambda stop: (not stop.failures, -stop.moment))[:ASKED_LIMIT]
    return [_with_askers(host, stop) if stop in wanted else stop for stop in stops]


def _with_askers(host: Host, stop: Stop) -> Stop:
    try:
        entries = systemd_journal.read(host, _matches(stop), stop.moment - BEFORE_SECONDS, stop.moment + AFTER_SECONDS)
    except CannotLook as error:
        return stop._replace(unknown=str(error))
    shutdown = any(entry.pid == 1 and entry.unit in _SHUTDOWN_UNITS for entry in entries)
    near = [entry for entry in entries if abs(entry.when - stop.moment) <= NEAR_SECONDS and entry.unit == stop.unit]
    verb = "Reload" if stop.kind == fpm_log.RELOADING else "Stopp"
    by_systemd = any(entry.message.startswith(verb) for entry in near) if stop.unit else None
    early = [word for word in (_ran(entry) for entry in entries if entry.when <= stop.moment + NEAR_SECONDS) if word]
    # The latest is the likeliest, and before it what names php-fpm.
    early = sorted(dict.fromkeys(reversed(early)), key=lambda word: "fpm" not in word and "php" not in word)
    return stop._replace(by_systemd=by_systemd, shutdown=shutdown, before=tuple(early[:BEFORE_LIMIT]), unknown=None)


def _matches(stop: Stop) -> List[str]:
    """Return what selects systemd's words on the unit and on a shutdown, and what cron and sudo ran."""
    matches = ["_PID=1", *(f"UNIT={unit}" for unit in _SHUTDOWN_UNITS)]
    matches += [f"UNIT={stop.unit}"] if stop.unit else []
    matches += ["+", "_UID=0", *(f"SYSLOG_IDENTIFIER={name}" for name in CRON)]
    return [*matches, "+", "_EXE=/usr/bin/sudo"]


def _ran(entry: Entry) -> Optional[str]:
    job, command = CRON_RAN.match(entry.message), _SUDO.match(entry.message)
    if entry.source in CRON and job:
        return f"cron of {job.group(1)}: {shown(job.group(2))}"
    return f"sudo by {command.group(1)}: {shown(command.group(2))}" if entry.source == "sudo" and command else None
