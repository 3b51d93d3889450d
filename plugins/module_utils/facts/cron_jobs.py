# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The jobs of cron: of /etc/crontab, /etc/cron.d and the users' own crontabs (cron(8), crontab(5))."""

import stat
from functools import partial
from itertools import islice
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..errors import CannotLook
from ..formats import crontab
from ..formats.cron_schedule import CRONIE, DEBIAN, Schedule, is_empty
from ..formats.crontab import CronLine, Crontab, RefusedLine
from ..host import Host
from ..policy import Policy
from . import cron_rules, cron_runs, looking, schedulers
from .job import CRONTAB, NEXT_RUNS, USER_CRONTAB, Job, Jobs
from .schedulers import Cron

SYSTEM = "/etc/crontab"
DIRECTORY = "/etc/cron.d"
# Of Debian, of SUSE, and of Red Hat.
SPOOLS = ("/var/spool/cron/crontabs", "/var/spool/cron/tabs", "/var/spool/cron")
FILE_LIMIT = 64 * 1024 * 1024
JOBS_LIMIT = 100_000
# What stands in the place of the user where somebody has forgotten it.
_COMMANDS = frozenset(
    "systemctl service invoke-rc.d kill pkill killall sudo sh bash php cd test [ nice timeout flock sleep".split()
)


class _File(NamedTuple):
    """A crontab. user: whose it is, None for one of the system's. flaw: why cron takes nothing of it, else None."""

    path: str
    content: bytes
    user: Optional[str]
    flaw: Optional[str]


class Timetable:
    """The next runs of schedules. Thousands of lines share a few of them."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: Dict[Tuple[Schedule, Optional[str]], Tuple[float, ...]] = {}

    def next_runs(self, when: Schedule, zone: Optional[str]) -> Tuple[float, ...]:
        """Return the next NEXT_RUNS in seconds since the epoch, () where a clock does not say it."""
        if (when, zone) not in self._known:
            self._known[when, zone] = self._next_runs(when, zone)
        return self._known[when, zone]

    def _next_runs(self, when: Schedule, zone: Optional[str]) -> Tuple[float, ...]:
        try:
            return tuple(islice(cron_runs.runs(self._host, when, zone, self._host.now()), NEXT_RUNS))
        except CannotLook:
            return ()  # the zone is none that the host knows


def gather(host: Host, policy: Policy) -> Jobs:
    """Return the jobs of all crontabs."""
    cron = schedulers.cron(host, policy)
    timetable = Timetable(host)
    users = _Users(host)
    unseen = list(_other_tables(host, policy))
    jobs: List[Job] = []
    for file in _files(host, cron, unseen):
        try:
            jobs.extend(_jobs(cron, file, timetable, users))
        except CannotLook as error:
            unseen.append(f"{file.path}: {error}")
        if len(jobs) > JOBS_LIMIT:
            unseen.append(
                f"{file.path}: with it, crontabs have more than {JOBS_LIMIT} jobs; the rest was not looked at"
            )
            break
    return Jobs(tuple(jobs), tuple(unseen))


def _other_tables(host: Host, policy: Policy) -> Iterator[str]:
    if schedulers.running(host, policy, schedulers.FCRON):
        yield "fcron runs on this host, and its tables are not looked at; see fcrontab(1)"


class _Users:
    """Which users there are. A directory service may have to be asked, so each is asked for once."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._known: Dict[str, Optional[int]] = {}

    def uid(self, name: str) -> Optional[int]:
        if name not in self._known:
            self._known[name] = self._host.user_id(name)
        return self._known[name]


def _files(host: Host, cron: Cron, unseen: List[str]) -> Iterator[_File]:
    """Yield the crontabs that can be read; a file that cron cannot take for one, such as a FIFO, is none."""
    listed = looking.names(host, DIRECTORY, unseen)
    for path, name in [(SYSTEM, None), *((f"{DIRECTORY}/{name}", name) for name in listed)]:
        file = looking.unless_hidden(partial(_system_file, host, cron, path, name), unseen)
        if file is not None:
            yield file
    for spool in _spools(host, cron):
        for name in looking.names(host, spool, unseen):
            file = looking.unless_hidden(partial(_user_file, host, cron, f"{spool}/{name}", name), unseen)
            if file is not None:
                yield file


def _spools(host: Host, cron: Cron) -> List[str]:
    debian, suse, red_hat = SPOOLS
    if cron.kind == DEBIAN:
        return [debian]
    # busybox, whose cron is called as Red Hat's is, has the spool of Debian.
    return [suse] if schedulers.is_there(host, suse) else [red_hat, debian]


def _system_file(host: Host, cron: Cron, path: str, name: Optional[str]) -> Optional[_File]:
    named = host.stat(path)
    if stat.S_ISLNK(named.mode) and named.uid != 0 and cron.kind == DEBIAN:
        return None  # Debian's cron follows no link but root's, and it is not read for a user who made one
    if not stat.S_ISREG(host.stat(path, follow=True).mode):
        return None
    content, seen = host.read_with_stat(path, FILE_LIMIT, follow=True)
    flaw = cron_rules.flaw_of_name(cron, name) if name is not None else None
    return _File(path, content, None, flaw or cron_rules.flaw_of_system_file(cron, seen))


def _user_file(host: Host, cron: Cron, path: str, name: str) -> Optional[_File]:
    if name.startswith(".") or (cron.kind == CRONIE and cron_rules.flaw_of_name(cron, name)):
        return None
    follow = cron.kind == CRONIE  # Debian's cron opens no link here
    if not stat.S_ISREG(host.stat(path, follow).mode):
        return None
    content, seen = host.read_with_stat(path, FILE_LIMIT, follow)
    return _File(path, content, name, cron_rules.flaw_of_user_file(cron, name, host.user_id(name), seen))


def _jobs(cron: Cron, file: _File, timetable: Timetable, users: _Users) -> Iterator[Job]:
    tab = crontab.parse(file.content, file.user is None, cron.kind)
    never = cron.absent or file.flaw or tab.ignored or _flaw_of_users(cron, file, tab, users)
    for line in tab.lines:
        yield _job(cron, file, line, never or _flaw_of_line(line, users), timetable)
    for refused in tab.refused:
        if refused.command is not None:
            unrun = cron.absent or file.flaw or f"{cron.kind} refuses the line: {refused.reason}"
            yield _refused_job(file, refused, refused.command, unrun)


def _flaw_of_users(cron: Cron, file: _File, tab: Crontab, users: _Users) -> Optional[str]:
    """Return why one unknown user makes Debian's cron refuse the whole file."""
    if cron.kind != DEBIAN or file.user is not None:
        return None
    unknown = next((line for line in tab.lines if line.user and users.uid(line.user) is None), None)
    if unknown is None:
        return None
    return f"line {unknown.number}: {_unknown_user(unknown)}; Debian's cron takes nothing of a file with such a line"


def _flaw_of_line(line: CronLine, users: _Users) -> Optional[str]:
    if line.user and users.uid(line.user) is None:
        return f"{_unknown_user(line)}, and cron refuses the line"
    return "its schedule names no time" if is_empty(line.when) else None


def _unknown_user(line: CronLine) -> str:
    # Without the name: where the user was forgotten, it is a word of the command.
    return "a command stands where its user should" if _lacks_user(line) else "the user that it names is not there"


def _lacks_user(line: CronLine) -> bool:
    return line.user is not None and ("/" in line.user or line.user in _COMMANDS)


def _job(cron: Cron, file: _File, line: CronLine, never: Optional[str], timetable: Timetable) -> Job:
    zone = line.environment.get("CRON_TZ") if cron.kind == CRONIE else None
    lacking = never is not None and _lacks_user(line)
    return Job(
        kind=CRONTAB if file.user is None else USER_CRONTAB,
        object=f"{file.path}:{line.number}",
        path=file.path,
        line=line.number,
        text=line.text,
        schedule=line.schedule,
        cron=line.when,
        zone=zone,
        next_runs=() if never else timetable.next_runs(line.when, zone),
        user=file.user or ("root" if lacking else line.user) or "root",
        shell=f"{line.user} {line.command}" if lacking else line.command,
        first_line=line.number,
        environment=line.environment,
        unit=None,
        never=never,
    )


def _refused_job(file: _File, line: RefusedLine, command: str, never: str) -> Job:
    return Job(
        kind=CRONTAB if file.user is None else USER_CRONTAB,
        object=f"{file.path}:{line.number}",
        path=file.path,
        line=line.number,
        text=line.text,
        schedule="",
        cron=None,
        zone=None,
        next_runs=(),
        user=file.user or "root",
        shell=command,
        first_line=line.number,
        environment={},
        unit=None,
        never=never,
    )
