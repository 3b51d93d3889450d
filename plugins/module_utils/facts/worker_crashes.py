# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers of php-fpm that crashed, as the logs of the running masters tell."""

import os
import time
from typing import Dict, Iterable, List, NamedTuple, Sequence, Tuple

from ..errors import CannotLook
from ..formats import fpm_log
from ..formats.fpm_log import CrashedAt, Event, Exited, When
from ..host import Host
from ..policy import Policy
from . import fpm_configuration, php_fpm
from .masters import Master, Reading

TAIL = 4 * 1024 * 1024  # bytes of each log that are read, from its end
DEFAULT_LOG = "log/php-fpm.log"  # below PHP_LOCALSTATEDIR, as fpm_conf.c has it
# What a broken cache makes of a worker: SIGILL, SIGABRT, SIGBUS, SIGSEGV. 137 is how builds with a hard limit of
# memory end one.
SIGNALS = (4, 6, 7, 11)
CODES = (137,)


class PoolCrashes(NamedTuple):
    """The crashes of a pool's workers in one log.

    crashes: how many. first, last: seconds since the epoch. endings: what they ended with, such as ``signal 11``.
    scripts: the running script and line of each crash that eAccelerator told of, ``/srv/app/a.php:3``, each once.
    """

    pool: str
    log: str
    crashes: int
    first: float
    last: float
    endings: Tuple[str, ...]
    scripts: Tuple[str, ...]


class Crashes(NamedTuple):
    """pools: those with a crash in the last TAIL bytes of their log. unread: logs that were not looked at, and why."""

    pools: Tuple[PoolCrashes, ...]
    unread: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> Crashes:
    """Return the crashes that the current logs of all running masters tell. Raises CannotLook without processes."""
    unread: List[str] = []
    logs: Dict[str, None] = {}
    for master in host.once(php_fpm.gather, policy).masters:
        try:
            logs.update(dict.fromkeys(_logs(host, master)))
        except CannotLook as error:
            unread.append(str(error))
    pools: List[PoolCrashes] = []
    for path in logs:
        try:
            pools.extend(_crashes(path, fpm_log.parse(os.fsdecode(host.read_end(path, TAIL)))))
        except CannotLook as error:
            unread.append(str(error))
    return Crashes(tuple(pools), tuple(unread))


def _logs(host: Host, master: Master) -> List[str]:
    """Return the log of a master, none of one that lives apart. Raises CannotLook where it can't be known or read."""
    if master.apart:
        return []
    if master.configured is None:
        raise CannotLook(master.unknown or f"php-fpm {master.process.pid}: its configuration is not known")
    prefix = fpm_configuration.prefix_of(master.process.executable or "")
    said = fpm_configuration.read(Reading(host), master.configured.path, prefix)
    error_log = fpm_configuration.last(said, fpm_configuration.GLOBAL).get("error_log")
    value = error_log.value if error_log and error_log.value else DEFAULT_LOG
    if value == "syslog":
        raise CannotLook(f"php-fpm {master.process.pid}: it logs to syslog, which is not looked at")
    return [os.path.join(fpm_configuration.state_directory(prefix), value)]


def _crashes(path: str, told: Iterable[Event]) -> List[PoolCrashes]:
    ends: Dict[str, List[Exited]] = {}
    scripts: Dict[str, Dict[str, None]] = {}
    for one in told:
        if isinstance(one, CrashedAt):
            scripts.setdefault(one.pool, {})[f"{one.script}:{one.line}"] = None
        elif isinstance(one, Exited) and (one.signal in SIGNALS or one.code in CODES):
            ends.setdefault(one.pool, []).append(one)
    return [_of_pool(path, pool, own, tuple(scripts.get(pool, ()))) for pool, own in ends.items()]


def _of_pool(path: str, pool: str, ends: Sequence[Exited], scripts: Tuple[str, ...]) -> PoolCrashes:
    times = [_seconds(one.when) for one in ends]
    endings = [f"signal {one.signal}" if one.signal is not None else f"code {one.code}" for one in ends]
    return PoolCrashes(
        pool=pool,
        log=path,
        crashes=len(ends),
        first=min(times),
        last=max(times),
        endings=tuple(dict.fromkeys(endings)),
        scripts=scripts,
    )


def _seconds(when: When) -> float:
    return time.mktime((*when, 0, 0, -1))
