# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts of directories such as /etc/cron.daily, with the schedule of the job that runs them.

Sources: run-parts(8) of Debian, the script run-parts of Red Hat's package crontabs, SUSE's run-crons.
"""

import os
import re
import shlex
import stat
from functools import partial
from itertools import chain
from typing import Dict, FrozenSet, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..formats.cron_schedule import DEBIAN
from ..host import Host
from ..policy import Policy
from . import anacron_jobs, cron_jobs, looking, schedulers, timer_jobs
from .job import PERIODIC, Job, Jobs

PERIODS = ("hourly", "daily", "weekly", "monthly", "yearly")
DIRECTORIES_LIMIT = 50
LIST_LIMIT = 1024 * 1024
SCRIPT_LIMIT = 64 * 1024
COMMAND_LIMIT = 64 * 1024  # characters; run-parts stands in no longer line

_RUN_PARTS = re.compile(r"(?:^|[\s;&|({/])run-parts((?:\s+-[^\s;&|]*)*)\s+[\"']?(/[^\s;&|)}\"']*)")
_RUN_CRONS = re.compile(r"(?:^|[\s;&|({])/usr/lib/cron/run-crons(?:$|[\s;&|)}])")
_CONDITION = re.compile(r"(?:test|\[)\s+-x\s+(/[^\s;&|]+)(?:\s+\])?\s*(&&|\|\|)")
_DEBIAN_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_LEFT = re.compile(r".*(?:[~,]|\.cfsaved|\.rpmsave|\.rpmorig|\.rpmnew|\.swp|,v)\Z", re.DOTALL)


class _Run(NamedTuple):
    """A job that runs all scripts of a directory. schedule: when, in words. by_name: it was told of another rule."""

    directory: str
    job: Job
    schedule: str
    by_name: bool


class _Rules(NamedTuple):
    """Which scripts of a directory are run. allowed: the only ones, None for all."""

    debian: bool
    allowed: Optional[FrozenSet[str]]
    denied: FrozenSet[str]


def gather(host: Host, policy: Policy) -> Jobs:
    """Return one job a script."""
    sources = [host.once(source.gather, policy) for source in (cron_jobs, anacron_jobs, timer_jobs)]
    debian = schedulers.cron(host, policy).kind == DEBIAN
    runs: Dict[str, _Run] = {}
    for run in _runs(host, list(chain.from_iterable(one.jobs for one in sources))):
        before = runs.get(run.directory)
        if before is None or _rank(run) < _rank(before):
            runs[run.directory] = run
    unseen: List[str] = []
    hidden = any(one.unseen for one in sources)  # what runs a directory may be in what could not be read
    jobs: List[Job] = []
    for directory in _directories(runs, unseen):
        jobs += _of_directory(host, directory, runs.get(directory), debian, hidden, unseen)
    return Jobs(tuple(jobs), tuple(unseen))


def _rank(run: _Run) -> Tuple[bool, bool]:
    """Of several jobs that run a directory, the one that counts has the lowest: it does run, and is root's."""
    return bool(run.job.never), run.job.user != "root"


def _directories(runs: Mapping[str, _Run], unseen: List[str]) -> List[str]:
    """Return the usual directories, and a bounded number of others, which any user's crontab may name."""
    usual = [f"/etc/cron.{one}" for one in PERIODS]
    others = sorted((one for one in runs if one not in usual), key=lambda one: _rank(runs[one]))
    if len(others) > DIRECTORIES_LIMIT:
        unseen.append(
            f"jobs give {len(others)} directories to run-parts, of which {DIRECTORIES_LIMIT} were looked at; "
            f"the first that was not is {others[DIRECTORIES_LIMIT]}"
        )
    return usual + others[:DIRECTORIES_LIMIT]


def _runs(host: Host, jobs: Sequence[Job]) -> Iterator[_Run]:
    for job in jobs:
        text = job.shell[:COMMAND_LIMIT]
        if "run-" not in text or not _is_wanted(host, text):
            continue
        for options, directory in _RUN_PARTS.findall(text):
            yield _Run(directory.rstrip("/") or "/", job, job.schedule, "--regex" in options or "--lsb" in options)
        if _RUN_CRONS.search(text):
            for period in PERIODS[:-1]:
                yield _Run(
                    f"/etc/cron.{period}", job._replace(cron=None, next_runs=()), f"{period} by run-crons", False
                )


def _is_wanted(host: Host, text: str) -> bool:
    """Whether the line comes to it: Debian's own runs nothing where anacron is there, which does it then."""
    return all(schedulers.is_there(host, program) == (sign == "&&") for program, sign in _CONDITION.findall(text))


def _of_directory(
    host: Host, directory: str, run: Optional[_Run], debian: bool, hidden: bool, unseen: List[str]
) -> Iterator[Job]:
    rules = looking.unless_hidden(lambda: _rules(host, directory, debian), unseen)
    for name in looking.names(host, directory, unseen) if rules is not None else ():
        path = f"{directory.rstrip('/')}/{name}"
        seen = looking.unless_hidden(partial(host.stat_as_named, path), unseen)
        if rules is not None and seen is not None and stat.S_ISREG(seen.mode) and not name.startswith("."):
            never = _never(directory, run, hidden) or _flaw(name, seen.mode, run, rules)
            yield _job(path, run, never or _unheaded(host, path, rules))


def _rules(host: Host, directory: str, debian: bool) -> _Rules:
    """Return the rules; Red Hat's run-parts has lists of names in the directory itself."""
    if debian:
        return _Rules(True, None, frozenset())
    lists: List[Optional[FrozenSet[str]]] = []
    for name in ("jobs.allow", "jobs.deny"):
        try:
            content = host.read(f"{directory}/{name}", LIST_LIMIT, follow=True)
        except Missing:
            lists.append(None)
            continue
        lists.append(frozenset(os.fsdecode(content).split("\n")))
    return _Rules(False, lists[0], lists[1] or frozenset())


def _never(directory: str, run: Optional[_Run], hidden: bool) -> Optional[str]:
    if run is not None:
        return run.job.never
    return None if hidden else f"nothing runs the scripts of {directory}"


def _flaw(name: str, mode: int, run: Optional[_Run], rules: _Rules) -> Optional[str]:
    if not mode & 0o111:
        return "the script is not executable, so it is passed over; chmod it to 0755"
    if rules.debian:
        passed = not _DEBIAN_NAME.match(name) and not (run is not None and run.by_name)
        return (
            "run-parts takes only names of letters, digits, _ and -, so it passes over it; rename it"
            if passed
            else None
        )
    if name in rules.denied or (rules.allowed is not None and name not in rules.allowed):
        return "jobs.allow or jobs.deny of its directory keeps run-parts from running it"
    return "run-parts passes over files that are called so" if _LEFT.match(name) else None


def _unheaded(host: Host, path: str, rules: _Rules) -> Optional[str]:
    """Say of a script without a first line for the kernel that Debian's run-parts, which is no shell, cannot run it."""
    if not rules.debian or not path.startswith("/etc/"):
        return None
    try:
        content = host.read(path, SCRIPT_LIMIT, follow=True)
    except CannotLook:
        return None  # it may run; what it does, or why that cannot be read, is told where it is followed
    if content.startswith((b"#!", b"\x7fELF")) or b"\0" in content:
        return None
    return "it has no first line such as #!/bin/sh, without which run-parts cannot run it"


def _job(path: str, run: Optional[_Run], never: Optional[str]) -> Job:
    source = run.job if run is not None else None
    return Job(
        kind=PERIODIC,
        object=path,
        path=path,
        line=0,
        text=b"",
        schedule=run.schedule if run is not None else os.path.dirname(path).rpartition(".")[2],
        cron=source.cron if source else None,
        zone=source.zone if source else None,
        next_runs=source.next_runs if source and not never else (),
        user=source.user if source else "root",
        shell=shlex.quote(path),
        first_line=1,
        environment=source.environment if source else {},
        unit=None,
        never=never,
    )
