# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be done about a job that harms: take it from the schedule, or make it graceful."""

import hashlib
import os
import re
import shlex
from typing import NamedTuple, Optional, Sequence, Tuple, Union

from ..errors import Refused
from ..facts.job import (
    ANACRONTAB,
    AT,
    CRONTAB,
    LOGROTATE,
    MONIT,
    PERIODIC,
    SUPERVISOR,
    TIMER,
    USER_CRONTAB,
    Job,
)
from ..facts.job_deeds import STOP
from ..facts.job_effects import MASTER, Hit, JobEffects
from ..facts.job_guard import Guard
from ..facts.job_places import JobPlaces
from ..facts.job_scripts import PATH
from ..facts.job_services import JobServices
from ..formats.signal_effects import NGINX, NOTHING, PHP_FPM, REOPENS
from ..plain import Secret
from ..policy import GRACEFUL, Policy
from .scheduled_restart_graceful import graceful_command, one_line, the_service
from .scheduled_restart_line import rest_of

LINE_LIMIT = 900  # bytes of a command; cron takes 998, and the mark of the run follows (cron(8), MAX_COMMAND)
LOST = "what else it was there for, such as freeing leaked memory, is not done any more: look for that cause first"

# What stands before the command in a line of each kind: crontab(5), anacrontab(5).
_TIME = rb"[ \t]*(?:@[^ \t]+|(?:[^ \t]+[ \t]+){4}[^ \t]+)[ \t]+"
_HEADS = {
    CRONTAB: re.compile(_TIME + rb"[^ \t]+[ \t]+"),
    USER_CRONTAB: re.compile(_TIME),
    ANACRONTAB: re.compile(rb"[ \t]*(?:[^ \t]+[ \t]+){3}"),
}
_CRON = (CRONTAB, USER_CRONTAB)
_SHELLS = ("sh", "ash", "bash", "dash", "ksh", "mksh", "zsh")
_MOVABLE = ("enabled", "disabled")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Offer(NamedTuple):
    """remedy and risk: in words, as in a finding. notes: what the administrator has to know, such as the package."""

    guard: Guard
    remedy: str
    risk: str
    notes: Tuple[str, ...]


def offer(job: JobEffects, services: JobServices, places: JobPlaces, policy: Policy) -> Union[Offer, str]:
    """Return what policy.scheduled_restart.state wants done about a job, or why nothing can be done by itself."""
    try:
        found = _offer(job, services, places, policy)
    except Refused as error:
        return str(error)
    return found._replace(notes=_notes(job.job, places))


def _offer(effects: JobEffects, services: JobServices, places: JobPlaces, policy: Policy) -> Offer:
    job = effects.job
    if job.kind in (AT, MONIT, SUPERVISOR):
        raise Refused(_by_hand(job))
    if job.path in places.fixed and job.kind != TIMER:
        raise Refused(places.fixed[job.path])
    if job.kind == LOGROTATE:
        return _reopening(effects, services, places)
    if policy.scheduled_restart.state == GRACEFUL:
        return _graceful(effects, services, places, policy)
    return _disabled(effects, places, policy)


def _by_hand(job: Job) -> str:
    if job.kind == AT:
        return f"it runs once: take it from the queue with `atrm {job.object.split()[-1]}`"
    if job.kind == MONIT:
        return f"monit obeys its rule at {job.object}: change it there, then `monit reload`"
    return f"supervisor obeys {job.object}: change it there, then `supervisorctl update`"


def _notes(job: Job, places: JobPlaces) -> Tuple[str, ...]:
    package = places.packages.get(job.path)
    if package is None or job.kind == TIMER:
        return ()
    return (f"{job.path} belongs to the package {package}, so an upgrade may bring the job back or ask about the file",)


def _disabled(effects: JobEffects, places: JobPlaces, policy: Policy) -> Offer:
    job = effects.job
    risk = _risk(effects, places, policy)
    if job.kind == TIMER:
        return Offer(_without_timer(job, places), f"systemctl disable --now {job.object}", risk, ())
    if job.kind == PERIODIC:
        guard = Guard("take_execute_bits", job.path, 0, Secret(), b"", None)
        return Offer(guard, f"take the execute bits of {job.path}, so that run-parts passes it over", risk, ())
    guard = Guard("comment_out_line", job.path, job.line, Secret(job.text), b"", None)
    return Offer(guard, f"comment out line {job.line} of {job.path}", risk, ())


def _risk(effects: JobEffects, places: JobPlaces, policy: Policy) -> str:
    """Return what it costs to take a job from the schedule: of one that is more than a restart, only by its name."""
    job = effects.job
    more = _more_than_a_restart(effects, places)
    if more is None:
        return LOST
    if job.object in policy.scheduled_restart.jobs:  # its file alone only says where to look
        return f"{more}; all of it is not done any more"
    raise Refused(f"{more}; change it by hand, or name {job.object} in `jobs` to take all of it from the schedule")


def _more_than_a_restart(effects: JobEffects, places: JobPlaces) -> Optional[str]:
    rest = rest_of(effects.job.shell, effects.hits, places.scripts)
    if rest is not None:
        return f"it does more than that, or that cannot be told: `{rest}`"
    if any(not hit.certain for hit in effects.hits):
        return "it does so on a condition only"
    if any(hit.deed.verb == STOP and not hit.starts for hit in effects.hits):
        return "it stops the service until something else starts it, and what is done meanwhile may count on that"
    return None


def _without_timer(job: Job, places: JobPlaces) -> Guard:
    state = places.timers.get(job.object)
    if state is None:
        raise Refused(f"whether it is enabled could not be seen; ask `systemctl is-enabled {job.object}`")
    if state not in _MOVABLE:
        raise Refused(
            f"{job.object} is {state or 'in no state'}, so `systemctl disable` does not keep it from being started; "
            f"look what starts it, or `systemctl mask --now {job.object}`"
        )
    return Guard("disable_timer", job.path, 0, Secret(), b"", job.object)


# What goes on, and cuts no request.


def _graceful(effects: JobEffects, services: JobServices, places: JobPlaces, policy: Policy) -> Offer:
    job = effects.job
    command = _path(job) + _delayed(graceful_command(effects, services, policy), places, policy)
    if job.kind == TIMER:
        raise Refused(f"a unit is not written for you: let {job.unit} run `/bin/sh -c {shlex.quote(command)}` instead")
    if job.kind == PERIODIC:
        raise Refused(f"a script is not rewritten: let it run `{command}` instead, or ask for state=disabled")
    _demand_rewritable(effects, places)
    head = _HEADS[job.kind].match(job.text)
    if head is None:
        raise Refused(f"{job.object}: where its command begins could not be told; write `{command}` there by hand")
    written = (command.replace("%", "\\%") if job.kind in _CRON else command).encode("utf-8")
    if len(written) > LINE_LIMIT:
        raise Refused(f"`{command}` is longer than the {LINE_LIMIT} bytes that cron takes; put it into a script")
    guard = Guard("rewrite_line", job.path, job.line, Secret(job.text), head.group() + written, None)
    risk = "each run still starts every worker anew, and its first requests meet empty caches"
    return Offer(guard, f"let line {job.line} of {job.path} run `{command}`", risk, ())


def _path(job: Job) -> str:
    """Return what sets PATH where the job's own may lack systemctl and sleep, or find others' before them."""
    directories = set(job.environment.get("PATH", _PATH).split(":"))
    if directories <= set(PATH.split(":")) and directories & {"/bin", "/usr/bin"}:
        return ""
    return f"PATH={_PATH}; "


def _delayed(command: str, places: JobPlaces, policy: Policy) -> str:
    """Return the command after the delay of this very host, always the same, so that a pool does not go at once."""
    splay = policy.scheduled_restart.splay
    if splay and not places.machine:
        raise Refused("this host has no /etc/machine-id to derive its delay from; run systemd-machine-id-setup(1)")
    delay = int(hashlib.sha256(places.machine.encode("utf-8", "replace")).hexdigest(), 16) % (splay + 1)
    return f"sleep {delay} && {command}" if delay else command


def _demand_rewritable(effects: JobEffects, places: JobPlaces) -> None:
    job = effects.job
    shell = os.path.basename(job.environment.get("SHELL", "/bin/sh"))
    if job.user != "root":
        raise Refused(f"it runs as {job.user}, who may not reload the service; let root's crontab do it")
    if shell not in _SHELLS:
        raise Refused(f"its SHELL is {shell}, for which nothing is written here; do it by hand")
    _demand_nothing_else(job.shell, effects.hits, places)


def _demand_nothing_else(text: str, hits: Sequence[Hit], places: JobPlaces) -> None:
    rest = rest_of(text, hits, places.scripts)
    if rest is not None:
        raise Refused(f"it does more than that, or that cannot be told: `{rest}`; write it anew by hand")


# Logs that are rotated.


def _reopening(effects: JobEffects, services: JobServices, places: JobPlaces) -> Offer:
    """Offer the signal that opens logs anew, in the place of the one line that sends another."""
    job = effects.job
    wrong = [hit for hit in effects.hits if not _is_reopening(hit)]
    hit = the_service(wrong)
    if any(one.deed.verb == STOP for one in wrong):
        raise Refused("it stops the service, which something else starts again; let a postrotate script send SIGUSR1")
    number = _line_of(job, wrong)
    lines = job.shell.split("\n")
    line = lines[number - job.first_line]
    before = lines[number - job.first_line - 1] if number > job.first_line else ""
    if line.rstrip().endswith("\\") or before.rstrip().endswith("\\"):
        raise Refused(f"{job.path}:{number}: its command goes over several lines; write SIGUSR1 there by hand")
    _demand_nothing_else(line, wrong, places)
    command = _reopen(hit, services)
    text = line.encode("utf-8", "surrogateescape")
    wanted = text[: len(text) - len(text.lstrip())] + command.encode("utf-8")
    guard = Guard("rewrite_line", job.path, number, Secret(text), wanted, None)
    return Offer(guard, f"let line {number} of {job.path} run `{command}`", "none known", ())


def _is_reopening(hit: Hit) -> bool:
    return hit.does in (REOPENS, NOTHING) and hit.reaches == MASTER


def _line_of(job: Job, hits: Sequence[Hit]) -> int:
    """Return the one line of a script that the hits come from."""
    sources = sorted({hit.hops[0].source for hit in hits if hit.hops})
    path, _colon, number = sources[0].rpartition(":") if sources else ("", "", "")
    if len(sources) != 1 or path != job.path or not number.isdigit():
        raise Refused(f"{', '.join(sources) or job.object}: not one line alone does it; write SIGUSR1 there by hand")
    return int(number)


def _reopen(hit: Hit, services: JobServices) -> str:
    """Return what lets a master open its logs anew."""
    masters = services.fpm.masters if services.fpm else ()
    pidfiles = {master.process.pid: master.pidfile for master in masters if master.root == "/"}
    if services.nginx:
        pidfiles.update({master.process.pid: master.pidfile for master in services.nginx.masters})
    pidfile = next((pidfiles.get(pid) for pid in hit.masters), None)
    if hit.family not in (PHP_FPM, NGINX) or pidfile is None:
        raise Refused(f"{hit.family}: where its master's pid stands is not known; write SIGUSR1 to it there by hand")
    path = shlex.quote(pidfile)
    return one_line(f'[ ! -f {path} ] || kill -USR1 "$(cat {path})"')
