# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs on a host. A process is identified by pid, start time, executable and owner together: pids are recycled."""

from typing import Any, Dict, NamedTuple, Optional, Tuple

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy

# psutil reads these below /proc/PID: stat, status, comm, exe and cmdline.
_ATTRIBUTES = ("pid", "ppid", "create_time", "name", "exe", "cmdline", "uids", "status")


class Process(NamedTuple):
    """One process.

    started: seconds since the epoch, as computed from the boot time, so it moves when the clock is stepped.
    name: the 15 characters of comm(5), which any process may set. executable: target of /proc/PID/exe, None where it
    may not be seen or for a kernel thread. title: the command line, joined by spaces, which any process may set too.
    uids: real, effective and saved. zombie: it has ended and waits for its parent.
    """

    pid: int
    parent: int
    started: float
    name: str
    executable: Optional[str]
    title: str
    uids: Tuple[int, int, int]
    zombie: bool


class Processes(NamedTuple):
    """Every process that could be seen; complete is False where the host hides others' processes (proc(5), hidepid)."""

    by_pid: Dict[int, Process]
    complete: bool


def gather(host: Host, policy: Policy) -> Processes:
    """Return the processes of the host's pid namespace. Raises LibraryMissing without psutil, CannotLook without /proc."""
    library = host.psutil()
    by_pid: Dict[int, Process] = {}
    try:
        for process in host.processes():
            try:
                seen = _process(process.as_dict(_ATTRIBUTES), library.STATUS_ZOMBIE)
            except library.NoSuchProcess:
                continue  # it ended while it was looked at
            by_pid[seen.pid] = seen
    except (OSError, library.Error) as error:
        raise CannotLook(f"/proc: processes cannot be listed ({error}); mount proc, or run where it is mounted")
    # Process 1 is root's: whoever sees it sees the others too.
    return Processes(by_pid, 1 in by_pid)


def _process(seen: Dict[str, Any], zombie: str) -> Process:
    uids = seen["uids"]
    return Process(
        pid=seen["pid"],
        parent=seen["ppid"],
        started=seen["create_time"],
        name=seen["name"] or "",
        executable=seen["exe"] or None,
        title=" ".join(seen["cmdline"] or ()).strip(),
        uids=(uids.real, uids.effective, uids.saved),
        zombie=seen["status"] == zombie,
    )
