# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PHP programs that run on and on: who keeps them running, how they are stopped, and which code they run."""

import os
import re
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..formats import php_command
from ..host import Host
from ..policy import Policy
from . import daemon_code, process_signals, processes, service_units, supervisor, systemd_journal
from .daemon_code import Code
from .processes import Process, Processes
from .service_units import ServiceUnit
from .supervisor import SupervisorProgram

# php, php8.2, php82, php-cli: what else is called so serves requests, and runs on by itself.
PROGRAM = re.compile(r"php[0-9.]*(?:-cli)?\Z")
SCHEDULERS = frozenset(("cron", "crond", "anacron", "atd", "fcron", "dcron"))
DAEMON_SECONDS = 60  # a program that has no keeper and runs for longer is no short job
DAEMONS_LIMIT = 1000
HISTORY_SECONDS = 14 * 86400
# systemd, src/core/service.c; before release 232 without `State`.
_ESCALATED = re.compile(r"'?stop-[a-z]+'? timed out\. Killing\.")


class PhpDaemon(NamedTuple):
    """A PHP program that runs on.

    started: seconds since the epoch. executable: its path; replaced: another file has that path by now, or none.
    job: the first word after the script, such as ``queue:work``. signals: its reaction to each of
    process_signals.SIGNALS. unit: the service of systemd that it is of. supervised: the program of supervisord that it
    is. child: another PHP program started it. unknown: what could not be seen of it, and why.
    """

    pid: int
    parent: int
    user: str
    started: float
    executable: str
    replaced: bool
    job: Optional[str]
    signals: Mapping[str, str]
    unit: Optional[ServiceUnit]
    supervised: Optional[SupervisorProgram]
    child: bool
    code: Optional[Code]
    unknown: Tuple[str, ...]


class Escalations(NamedTuple):
    """How often a stop of a service ended in KILL since the look's history begins, and when last (epoch seconds)."""

    times: int
    last: float


class Release(NamedTuple):
    """A directory that was named in releases, and when the newest PHP file below it was written (epoch seconds)."""

    path: str
    newest: float


class PhpDaemons(NamedTuple):
    """escalated: by unit. unseen: what of the host could not be seen; unheard: why stops of the past are not known.

    now: when it was looked, in seconds since the epoch.
    """

    daemons: Tuple[PhpDaemon, ...]
    escalated: Mapping[str, Escalations]
    releases: Tuple[Release, ...]
    unseen: Tuple[str, ...]
    unheard: Optional[str]
    now: float


def gather(host: Host, policy: Policy) -> PhpDaemons:
    """Return the PHP programs that run on. Raises CannotLook where processes cannot be seen."""
    seen = host.once(processes.gather, policy)
    now = host.now()
    unseen = _hidden(seen)
    running = [one for one in seen.by_pid.values() if _is_php(one) and not one.zombie and not _is_job(one, seen)]
    units = _units(host, running, unseen)
    kept = [one for one in running if _runs_on(one, seen, units.get(one.pid), now)]
    if len(kept) > DAEMONS_LIMIT:
        unseen.append(f"{len(kept)} PHP programs run, of which {DAEMONS_LIMIT} were looked at")
    daemons = [_daemon(host, policy, one, seen, units.get(one.pid)) for one in kept[:DAEMONS_LIMIT]]
    found = tuple(one for one in daemons if one is not None)
    escalated, unheard = _escalated(host, found, now)
    return PhpDaemons(found, escalated, _releases(host, policy, found, unseen), tuple(unseen), unheard, now)


def _is_php(process: Process) -> bool:
    return bool(PROGRAM.match(os.path.basename(process.executable or "")))


def _hidden(seen: Processes) -> List[str]:
    called = [one.pid for one in seen.by_pid.values() if one.executable is None and PROGRAM.match(one.name)]
    if seen.complete and not called:
        return []
    return ["this user may not see all processes, so there may be more PHP programs; run with become"]


def _is_job(process: Process, seen: Processes) -> bool:
    """Whether a scheduler started it and waits for its end, so that it is no daemon however long it takes."""
    return any(os.path.basename(one.executable or "") in SCHEDULERS for one in _ancestors(process, seen))


def _ancestors(process: Process, seen: Processes) -> List[Process]:
    found: List[Process] = []
    above = seen.by_pid.get(process.parent)
    while above is not None and len(found) < supervisor.ANCESTORS_LIMIT:
        found.append(above)
        above = seen.by_pid.get(above.parent)
    return found


def _units(host: Host, running: Sequence[Process], unseen: List[str]) -> Dict[int, ServiceUnit]:
    names: Dict[int, str] = {}
    for one in running:
        try:
            name = service_units.unit_of(host, one.pid)
        except Missing:
            continue  # it ended
        except CannotLook as error:
            unseen.append(str(error))
            continue
        if name is not None:
            names[one.pid] = name
    try:
        shown = service_units.show(host, sorted(set(names.values())))
    except Missing:
        return {}  # another init runs this host
    except CannotLook as error:
        unseen.append(str(error))
        return {}
    # Less the commands, whose arguments may be secrets; of those, what matters is told as code and job.
    bare = {name: unit._replace(start=(), reload=(), stop=()) for name, unit in shown.items()}
    return {pid: bare[name] for pid, name in names.items() if name in bare}


def _runs_on(process: Process, seen: Processes, unit: Optional[ServiceUnit], now: float) -> bool:
    if unit is not None and unit.type == "oneshot" and unit.main_pid:
        return False  # a job, whose end systemd waits for
    if unit is not None and unit.main_pid == process.pid:
        return True
    if supervisor.above(process, seen.by_pid) is not None:
        return True
    return now - process.started >= DAEMON_SECONDS


def _daemon(
    host: Host, policy: Policy, process: Process, seen: Processes, unit: Optional[ServiceUnit]
) -> Optional[PhpDaemon]:
    unknown: List[str] = []
    try:
        executable = host.link(f"/proc/{process.pid}/exe")
        signals = process_signals.reactions(host, process.pid)
    except Missing:
        return None  # it ended while it was looked at
    except CannotLook as error:
        executable, signals = process.executable or "", {}
        unknown.append(str(error))
    command = _command(host, process, unknown)
    code = _code(host, policy, process, command, unknown)
    supervised = supervisor.program_of(host, process, seen.by_pid)
    if _has_ended(host, process.pid):
        return None  # what could not be read of it was not hidden
    parent = seen.by_pid.get(process.parent)
    return PhpDaemon(
        pid=process.pid,
        parent=process.parent,
        user=host.user_name(process.uids[1]),
        started=process.started,
        executable=process.executable or "",
        replaced=daemon_code.place(executable).gone,
        job=command.job if command else None,
        signals=signals,
        unit=unit,
        supervised=supervised,
        child=parent is not None and _is_php(parent),
        code=code,
        unknown=tuple(unknown),
    )


def _has_ended(host: Host, pid: int) -> bool:
    try:
        host.stat(f"/proc/{pid}")
    except Missing:
        return True
    return False


def _command(host: Host, process: Process, unknown: List[str]) -> Optional[php_command.Command]:
    """Return what a process was told to run; None where it was no script, or where it has given itself a title."""
    try:
        text = os.fsdecode(host.read(f"/proc/{process.pid}/cmdline", daemon_code.COMMAND_LIMIT))
    except CannotLook as error:
        unknown.append(str(error))
        return None
    words = text.rstrip("\0").split("\0")
    # cli_set_process_title() writes over all of them, so that the first is no name of the program any more.
    return php_command.parse(words) if PROGRAM.match(os.path.basename(words[0])) else None


def _code(
    host: Host, policy: Policy, process: Process, command: Optional[php_command.Command], unknown: List[str]
) -> Optional[Code]:
    try:
        return daemon_code.of(host, process.pid, command.script if command else None, policy.php_daemon.releases)
    except CannotLook as error:
        unknown.append(str(error))
        return None


def _escalated(host: Host, daemons: Sequence[PhpDaemon], now: float) -> Tuple[Mapping[str, Escalations], Optional[str]]:
    """Return which services were stopped by KILL, and why that is not known.

    By what systemd itself wrote: _PID=1 is the journal's own word.
    """
    units: FrozenSet[str] = frozenset(one.unit.name for one in daemons if one.unit)
    if not units:
        return {}, None
    try:
        entries = systemd_journal.read(
            host, ["_PID=1", *(f"UNIT={name}" for name in sorted(units))], now - HISTORY_SECONDS
        )
    except CannotLook as error:
        return {}, str(error)
    found: Dict[str, Escalations] = {}
    for entry in entries:
        if entry.unit in units and _ESCALATED.search(entry.message):
            before = found.get(entry.unit)
            found[entry.unit] = Escalations(before.times + 1 if before else 1, entry.when)
    return found, None


def _releases(host: Host, policy: Policy, daemons: Sequence[PhpDaemon], unseen: List[str]) -> Tuple[Release, ...]:
    """Return the named directories; a named link is looked at with each daemon."""
    found = []
    for path in policy.php_daemon.releases if daemons else ():
        try:
            if daemon_code.is_link(host, path):
                continue
            found.append(Release(path, daemon_code.newest(host, path)))
        except CannotLook as error:
            unseen.append(str(error))
    return tuple(found)
