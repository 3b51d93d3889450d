# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs that run a host's jobs: which of them runs, and which cron it is."""

import os
from typing import FrozenSet, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..formats.cron_schedule import CRONIE, DEBIAN
from ..host import Host
from ..policy import Policy
from . import masters, processes
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
    found = tuple(one for one in running(host, policy, CRONS) if one.uids[1] == 0)  # any user can call a program so
    absent = None if found or not _all_seen(host, policy) or _is_generated(host) else "no cron runs on this host"
    lsb = any("-l" in one.title.split(" ")[1:] for one in found)
    return Cron(DEBIAN if _is_debians(host, found) else CRONIE, lsb, absent)


def absent(host: Host, policy: Policy, programs: FrozenSet[str], called: str) -> Optional[str]:
    """Return why none of some programs runs, None where one does or where that cannot be seen."""
    if running(host, policy, programs) or not _all_seen(host, policy):
        return None
    return f"no {called} runs on this host"


def running(host: Host, policy: Policy, programs: FrozenSet[str]) -> Tuple[Process, ...]:
    """Return the processes of some programs, as far as they can be seen; those of containers are not the host's."""
    try:
        seen = host.once(processes.gather, policy)
    except CannotLook:
        return ()
    named = (one for one in seen.by_pid.values() if _name(one) in programs)
    return tuple(one for one in named if is_ours(host, one))


def is_there(host: Host, path: str) -> bool:
    """Whether there is such a file, also where this user may not see it."""
    try:
        host.stat_as_named(path)
    except Missing:
        return False
    except CannotLook:
        return True
    return True


def _all_seen(host: Host, policy: Policy) -> bool:
    try:
        return host.once(processes.gather, policy).complete
    except CannotLook:
        return False


def is_ours(host: Host, process: Process) -> bool:
    """Whether a process is of the host itself, not of a container, whose files and pids mean something else."""
    try:
        return masters.shares_pids(host, process)
    except CannotLook:
        return True  # an ordinary user is not told


def _name(process: Process) -> str:
    """Return what a process is called: by its executable, or by its name where that is hidden or has many names."""
    executable = os.path.basename(process.executable or "")
    return process.name if executable in ("", _BUSYBOX) else executable


def _is_debians(host: Host, found: Sequence[Process]) -> bool:
    """Whether it is Debian's: that is called cron, as is SUSE's cronie, which has another spool."""
    called = all(_name(one) != "crond" for one in found) if found else not is_there(host, "/usr/sbin/crond")
    return called and not is_there(host, _SUSE_SPOOL)


def _is_generated(host: Host) -> bool:
    return any(is_there(host, path) for path in _GENERATORS)
