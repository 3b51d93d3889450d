# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has happened to php-fpm, as the logs of its running masters tell: how workers ended, and how masters turned."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, NotApplicable
from ..formats import fpm_log
from ..formats.fpm_log import CrashedAt, Event, Exited, LockerKilled, MaxChildren, TimedOut, Turn
from ..host import Host
from ..policy import Policy
from . import fpm_logs, fpm_masters, log_files, php_fpm
from .fpm_logs import FpmLog
from .fpm_masters import FpmMaster, FpmPool

DAY = 86400.0
LATE_SECONDS = 30.0  # between the word on a worker that is to be ended, and its end

# How a worker ended.
CRASH = "crash"
TIME_LIMIT = "time limit"
STOP = "stop"  # by its master, which stopped or reloaded
OPCACHE = "OPcache"  # as a worker says
KILLED = "killed"  # by a signal that php-fpm does not send at that time

# What a process does to itself: SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, and by limits SIGXCPU, SIGXFSZ,
# SIGSYS. A worker's own end is code 0; php-src ends one otherwise only when it is broken: 1 for a broken heap or no
# memory (Zend/zend_alloc.c), 124 by hard_timeout (zend_execute_API.c), 254 by OPcache (exit(-2)), 70 and 78 of php-fpm.
CRASH_SIGNALS = frozenset((4, 5, 6, 7, 8, 11, 24, 25, 31))
_SIGQUIT = 3  # with which php-fpm ends the idle ones it has too many of
_HIDDEN = "this user may not see every process, so a php-fpm may run whose log was not read; run with become"
_UNLOGGED = "php-fpm does not log how workers end; set log_level = notice"
_STOPPED = "it does not run, and only the logs of running ones are read; look into its own and its service's"
_STOPPING = (fpm_log.TERMINATING, fpm_log.FINISHING, fpm_log.RELOADING, fpm_log.EMERGENCY)


class Ending(NamedTuple):
    """A worker's end. moment: seconds since the epoch. ended: CRASH, TIME_LIMIT, STOP, OPCACHE or KILLED."""

    moment: float
    pool: str
    child: int
    signal: Optional[int]
    code: Optional[int]
    ended: str

    @property
    def word(self) -> str:
        return f"signal {self.signal}" if self.signal is not None else f"code {self.code}"


class Moment(NamedTuple):
    """An event with its time in seconds since the epoch."""

    moment: float
    event: Event


class History(NamedTuple):
    """What one log tells. masters: those that write it now. endings: of workers that did not end in order.

    forgeable: pools with decorate_workers_output = no, whose scripts can write any line into it.
    """

    log: FpmLog
    masters: Tuple[FpmMaster, ...]
    endings: Tuple[Ending, ...]
    moments: Tuple[Moment, ...]
    forgeable: Tuple[str, ...]

    def pool(self, name: str) -> Optional[FpmPool]:
        """Return a pool as it is configured now; None for one that is no more."""
        return next((pool for master in self.masters for pool in master.pools if pool.name == name), None)

    def crashed_at(self, pool: str) -> Tuple[str, ...]:
        """Return ``script:line`` where workers of a pool crashed, as eAccelerator says, each once."""
        told = [one.event for one in self.moments if isinstance(one.event, CrashedAt)]
        return tuple(dict.fromkeys(f"{one.script}:{one.line}" for one in told if one.pool == pool))

    def late(self, pool: str) -> Tuple[Tuple[float, TimedOut], ...]:
        """Return when workers of a pool were ended by request_terminate_timeout."""
        told = ((one.moment, one.event) for one in self.moments)
        return tuple((moment, one) for moment, one in told if isinstance(one, TimedOut) and one.pool == pool)

    def full(self, pool: str) -> Tuple[Tuple[float, MaxChildren], ...]:
        """Return when a pool wanted more workers than it may have."""
        told = ((one.moment, one.event) for one in self.moments)
        return tuple((moment, one) for moment, one in told if isinstance(one, MaxChildren) and one.pool == pool)


class FpmHistory(NamedTuple):
    """histories: one a log. now: when it was looked. unseen: what could not be read of the last day, and why."""

    histories: Tuple[History, ...]
    now: float
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> FpmHistory:
    """Return the history of every master that is not apart. Raises NotApplicable where none runs, CannotLook."""
    seen = host.once(fpm_masters.gather, policy)
    now = host.now()
    since = now - policy.php_fpm.history_days * DAY
    ours = [master for master in seen.masters if not master.apart]
    # Services and sockets that could not be seen have no logs; processes that could not may have.
    named = [one for one in host.once(php_fpm.gather, policy).masters if one.process.executable is None]
    unseen = [one.unknown for one in named if one.unknown] + ([] if seen.complete else [_HIDDEN])
    unseen += [] if ours else [f"php-fpm {one.configuration}: {_STOPPED}" for one in seen.stopped]
    if not ours and not unseen:
        raise NotApplicable("no php-fpm of this host runs, so there is no log of one to read")
    logs: Dict[str, List[FpmMaster]] = {}
    for master in ours:
        try:
            logs.setdefault(_name(master), []).append(master)
        except CannotLook as error:
            unseen.append(str(error))
    histories: List[History] = []
    for masters in logs.values():
        try:
            log = fpm_logs.read(host, masters[0], since)
        except CannotLook as error:
            unseen.append(str(error))
            continue
        histories.append(_history(log, masters))
        unseen += [*_missing(log, now), *_unlogged(log, masters)]
    return FpmHistory(tuple(histories), now, tuple(unseen))


def _name(master: FpmMaster) -> str:
    path = fpm_logs.place(master)
    return path if path != fpm_logs.JOURNAL else f"{path} {master.process.pid}"


def _missing(log: FpmLog, now: float) -> List[str]:
    """Say what is not known of the last day; what is older is history, and logs are not kept for ever."""
    missing = list(log.unread)
    if log.cut and log.begins > now - DAY:
        hours = (now - log.begins) / 3600
        missing.append(f"{log.name}: it grows so fast that only its last {hours:.1f} h were read; mend what fills it")
    return missing


def _unlogged(log: FpmLog, masters: Sequence[FpmMaster]) -> List[str]:
    """Say that a master logs no worker that ends, which it does as a warning."""
    levels = dict.fromkeys(master.settings.get("log_level") for master in masters)
    return [f"{log.name}: at log_level {one} {_UNLOGGED}" for one in levels if one in ("error", "alert")]


def _history(log: FpmLog, masters: Sequence[FpmMaster]) -> History:
    moments = tuple(Moment(log_files.seconds(event.when), event) for event in log.events)
    bare = [
        pool.name
        for master in masters
        for pool in master.pools
        if pool.settings.get("catch_workers_output", "no").lower() in ("yes", "1", "true", "on")
        and pool.settings.get("decorate_workers_output", "yes").lower() in ("no", "0", "false", "off")
    ]
    return History(log, tuple(masters), tuple(_endings(moments)), moments, tuple(bare))


def _endings(moments: Sequence[Moment]) -> List[Ending]:
    """Return how workers ended, but for those that ended in order."""
    stopping = False
    late: Dict[int, float] = {}
    endings = []
    lockers = _lockers(moments)
    for moment, event in moments:
        if isinstance(event, Turn):
            stopping = event.what in _STOPPING
        elif isinstance(event, TimedOut):
            late[event.child] = moment
        elif isinstance(event, Exited) and event.code != 0 and event.signal != _SIGQUIT:
            ended = _ended(event, moment, stopping, late.pop(event.child, None), lockers)
            endings.append(Ending(moment, event.pool, event.child, event.signal, event.code, ended))
    return endings


def _ended(event: Exited, moment: float, stopping: bool, late: Optional[float], lockers: Dict[int, List[float]]) -> str:
    if event.code is not None or event.signal in CRASH_SIGNALS:
        return CRASH
    if late is not None and moment - late <= LATE_SECONDS:
        return TIME_LIMIT
    if stopping:
        return STOP
    # The word may come after the end: the master reads it from a pipe.
    if any(abs(moment - said) <= LATE_SECONDS for said in lockers.get(event.child, ())):
        return OPCACHE
    return KILLED


def _lockers(moments: Sequence[Moment]) -> Dict[int, List[float]]:
    lockers: Dict[int, List[float]] = {}
    for moment, event in moments:
        if isinstance(event, LockerKilled):
            lockers.setdefault(event.locker, []).append(moment)
    return lockers
