# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs that run a host's jobs: which of them runs, and which cron it is."""

import os
from typing import FrozenSet, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Missing
from ..formats.cron_schedule import CRONIE, DEBIAN
from ..host import Host
from ..policy import Policy
from . import processes
from .processes import Process

# cron is the daemon of Debian and of SUSE, crond that of Red Hat, of busybox and of dcron.
CRONS = frozenset(("cron", "crond", "bcron-sched"))
FCRON = frozenset(("fcron",))  # which has tables of its own, in a format of its own
ATD = frozenset(("atd",))
MONIT = frozenset(("monit",))
# systemd-cron makes timers of crontabs; no daemon of its own runs.
_GENERATORS = tuple(
    f"{directory}/systemd/system-generators/systemd-crontab-generator" for directory in ("/usr/lib", "/lib")
)
_SUSE_SPOOL = "/var/spool/cron/tabs"
_BUSYBOX = "busybox"


class Cron(NamedTuple):
    """kind: DEBIAN or CRONIE. lsb: it was told to take names of the LSB (cron -l). absent: why none runs, else None."""

    kind: str
    lsb: bool
    absent: Optional[str]


def cron(host: Host, policy: Policy) -> Cron:
    """Return the cron of a host. Where that cannot be seen, it is taken to run."""
    named = _running(host, policy, CRONS)
    absent = "no cron runs on this host" if named is not None and not named and not _is_generated(host) else None
    kind = DEBIAN if _is_debians(host, named) else CRONIE
    return Cron(kind, _is_lsb(host, policy), absent)


def absent(host: Host, policy: Policy, programs: FrozenSet[str], called: str) -> Optional[str]:
    """Return why none of some programs runs, None where one does or where that cannot be seen."""
    named = _running(host, policy, programs)
    return f"no {called} runs on this host" if named is not None and not named else None


def running(host: Host, policy: Policy, programs: FrozenSet[str]) -> Tuple[Process, ...]:
    """Return the processes of some programs, as far as they can be seen."""
    try:
        seen = host.once(processes.gather, policy)
    except CannotLook:
        return ()
    return tuple(one for one in seen.by_pid.values() if _name(one) in programs)


def is_there(host: Host, path: str) -> bool:
    """Whether there is such a file, also where this user may not see it."""
    try:
        host.stat_as_named(path)
    except Missing:
        return False
    except CannotLook:
        return True
    return True


def _running(host: Host, policy: Policy, programs: FrozenSet[str]) -> Optional[FrozenSet[str]]:
    """Return which of some programs run, by name; None where none is seen and not all can be seen."""
    found = frozenset(map(_name, running(host, policy, programs)))
    try:
        return found if found or host.once(processes.gather, policy).complete else None
    except CannotLook:
        return None


def _name(process: Process) -> str:
    """Return what a process is called: by its executable, or by its name where that is hidden or has many names."""
    executable = os.path.basename(process.executable or "")
    return process.name if executable in ("", _BUSYBOX) else executable


def _is_debians(host: Host, named: Optional[FrozenSet[str]]) -> bool:
    """Whether it is Debian's: that is called cron, as is SUSE's cronie, which has another spool."""
    called = "crond" not in named if named else not is_there(host, "/usr/sbin/crond")
    return called and not is_there(host, _SUSE_SPOOL)


def _is_generated(host: Host) -> bool:
    return any(is_there(host, path) for path in _GENERATORS)


def _is_lsb(host: Host, policy: Policy) -> bool:
    return any("-l" in one.title.split(" ")[1:] for one in running(host, policy, CRONS))
