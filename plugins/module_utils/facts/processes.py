# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs on a host. A process is identified by pid, start time, executable and owner together: pids are recycled."""

from typing import Any, Dict, FrozenSet, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..policy import Policy

# psutil reads these below /proc/PID: stat, status, comm and cmdline. Not exe: where it may not see that, it guesses it
# from the title, which any process may set.
_ATTRIBUTES = ("pid", "ppid", "create_time", "name", "cmdline", "uids", "status")
STATUS_LIMIT = 64 * 1024
_REPLACED = " (deleted)"  # what proc(5) adds to the path of an executable that is no longer there


class Process(NamedTuple):
    """One process.

    started: seconds since the epoch, as computed from the boot time, so it moves when the clock is stepped.
    name: comm(5), 15 characters, or as much more as the title confirms; any process may set it. executable: target of
    /proc/PID/exe, also when that file was replaced since; "" for a kernel thread or a zombie, None where it cannot be
    seen. title: the command line, joined by spaces, which any process may set too. uids: real, effective and saved.
    zombie: it has ended and waits for its parent.
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
    """Every process that could be seen, and the pids of which no more than that could be seen.

    complete is False where the host hides others' processes (proc(5), hidepid): there an absent pid is unknown, not
    dead.
    """

    by_pid: Dict[int, Process]
    complete: bool
    hidden: FrozenSet[int] = frozenset()


def gather(host: Host, policy: Policy) -> Processes:
    """Return the processes of the host's pid namespace. Raises LibraryMissing and, without /proc, CannotLook."""
    library = host.psutil()
    by_pid: Dict[int, Process] = {}
    hidden = set()
    try:
        for process in host.processes():
            try:
                seen = _process(process.as_dict(_ATTRIBUTES), _executable(host, process.pid), library.STATUS_ZOMBIE)
            except (library.NoSuchProcess, Missing):
                continue  # it ended while it was looked at
            if seen is None:
                hidden.add(process.pid)
            else:
                by_pid[seen.pid] = seen
    except (OSError, library.Error) as error:
        raise CannotLook(
            f"/proc: processes cannot be listed ({error}); mount proc, or run where it is mounted"
        ) from error
    # Process 1 is root's: whoever sees it sees the others too.
    return Processes(by_pid, 1 in by_pid and not hidden, frozenset(hidden))


def bears(host: Host, pid: int) -> Optional[Process]:
    """Return who bears a pid now, None where nobody does. Raises CannotLook where that cannot be seen."""
    library = host.psutil()
    try:
        seen = _process(host.process(pid).as_dict(_ATTRIBUTES), _executable(host, pid), library.STATUS_ZOMBIE)
    except (library.NoSuchProcess, Missing):
        return None
    except (OSError, library.Error) as error:
        raise CannotLook(f"process {pid}: it cannot be seen ({error}); run with become", pid=pid) from error
    if seen is None:
        raise CannotLook(f"process {pid}: the host hides who that is; run with become", pid=pid)
    return seen


def catches(host: Host, pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal (proc(5), SigCgt). Raises Missing when it has ended."""
    for line in host.read(f"/proc/{pid}/status", STATUS_LIMIT).split(b"\n"):
        if line.startswith(b"SigCgt:"):
            return bool(int(line[7:], 16) >> (number - 1) & 1)
    raise CannotLook(f"/proc/{pid}/status: it has no line SigCgt, which every process has; mount proc as proc(5) says")


def thread_leader(host: Host, number: int) -> Optional[int]:
    """Return the process to which a pid or thread id belongs, itself for a process; None where no such is alive."""
    try:
        status = host.read(f"/proc/{number}/status", STATUS_LIMIT)
    except Missing:
        return None
    for line in status.split(b"\n"):
        if line.startswith(b"Tgid:") and line[5:].strip().isdigit():
            return int(line[5:])
    raise CannotLook(f"/proc/{number}/status: it has no line Tgid, which every process has; mount proc as proc(5) says")


def _executable(host: Host, pid: int) -> Optional[str]:
    try:
        path = host.link(f"/proc/{pid}/exe")
    except Missing:
        return ""
    except CannotLook:
        return None  # also where its path is longer than a page, which readlink(2) refuses: anyone can run such a one
    return path[: -len(_REPLACED)] if path.endswith(_REPLACED) else path


def _process(seen: Dict[str, Any], executable: Optional[str], zombie: str) -> Optional[Process]:
    """Return what psutil saw, None where it might not see who that is (it then says None)."""
    uids = seen["uids"]
    if uids is None or seen["ppid"] is None or seen["create_time"] is None:
        return None
    return Process(
        pid=seen["pid"],
        parent=seen["ppid"],
        started=seen["create_time"],
        name=seen["name"] or "",
        executable=executable,
        title=" ".join(seen["cmdline"] or ()).strip(),
        uids=(uids.real, uids.effective, uids.saved),
        zombie=seen["status"] == zombie,
    )
