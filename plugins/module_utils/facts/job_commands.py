# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a job comes to do to a service, followed by reading from its line through scripts, and never by running."""

import os
from typing import List, Mapping, Optional, Sequence, Tuple

from ..errors import CannotLook, TooLarge
from ..host import Host
from ..policy import Policy
from .job_builtins import BUILTINS
from .job_deeds import SIGNAL, Deed, Followed, Hop, Unfollowed
from .job_reading import Found, Reading, origin
from .job_scripts import concerning_line
from .job_service_programs import SERVICES
from .job_state import Place, State
from .job_wrappers import WRAPPERS
from .scheduled_jobs import ANACRONTAB, CRONTAB, TIMER, USER_CRONTAB, Job

SENT_LIMIT = 20
PASSWD_LIMIT = 1024 * 1024
KNOWN = {**BUILTINS, **WRAPPERS, **SERVICES}

# In this environment an init script does its work itself, as it does when systemd has started it, instead of handing
# it to systemctl (Debian's init-functions.d/40-systemd, Red Hat's /etc/init.d/functions).
NO_REDIRECT = {"SYSTEMCTL_SKIP_REDIRECT": "1"}
# The kinds of jobs whose own run-parts is a job a script (facts/scheduled_jobs.py).
_PARTED = (CRONTAB, USER_CRONTAB, ANACRONTAB, TIMER)


def follow(host: Host, policy: Policy, job: Job) -> Followed:
    """Return what a job does to services, as far as it can be read. Runs nothing that it reads."""
    reading = Reading(host, KNOWN, job.kind not in _PARTED, job.never is None)
    place = Place(job.path, (), job.line > 0)
    home = _home(host, job.user) if job.kind in (CRONTAB, USER_CRONTAB) else None
    environment = {} if home is None else {"HOME": home, "PWD": home}  # where cron runs it
    return _follow(reading, job.shell, job.first_line, place, {**environment, **job.environment}, ())


def follow_text(
    host: Host,
    policy: Policy,
    text: str,
    source: str,
    hops: Sequence[Hop] = (),
    environment: Optional[Mapping[str, str]] = None,
    arguments: Sequence[str] = (),
    first_line: int = 1,
) -> Followed:
    """Return what a text of the shell does, such as ``/etc/init.d/nginx stop``.

    source: the file or unit where it stands; hops: the way to it, before which none is known. environment: what is set
    for it; where none is given, NO_REDIRECT, so that init scripts do their work themselves. arguments: its ``$1`` and
    so on. first_line: of ``source`` that it begins in, 0 where it has no lines, as a unit has none.
    """
    place = Place(source, tuple(hops), first_line > 0)
    given = NO_REDIRECT if environment is None else environment
    return _follow(Reading(host, KNOWN, True, True), text, max(first_line, 1), place, given, arguments)


def _follow(
    reading: Reading, text: str, first_line: int, place: Place, environment: Mapping[str, str], arguments: Sequence[str]
) -> Followed:
    text = text.replace("\0", "")  # no shell takes it for a part of a word
    state = State(place, "sh", arguments, environment)
    try:
        reading.text(text, first_line, state)
    except TooLarge as error:
        if any(concerning_line(one) is not None for one in (text, *reading.scripts.texts())):
            reading.unfollowed.append(Unfollowed(origin(place, text), str(error)))
    return Followed(_deeds(reading.found), tuple(reading.unfollowed), reading.effort())


def _home(host: Host, user: str) -> Optional[str]:
    """Return the home of a user; None where passwd(5) does not tell."""
    try:
        lines = os.fsdecode(host.read("/etc/passwd", PASSWD_LIMIT)).split("\n")
    except CannotLook:
        return None
    fields = next((line.split(":") for line in lines if line.startswith(user + ":")), [])
    return fields[5] if len(fields) > 5 and fields[5].startswith("/") else None


def _deeds(found: Sequence[Found]) -> Tuple[Deed, ...]:
    """Return what was found as deeds: the signals that one target is sent on one way are one deed."""
    deeds: List[Tuple[Found, Deed]] = []
    for one in sorted(found, key=lambda one: one.moment):
        deed = Deed(one.verb, one.target, one.sent, one.tested, one.certain, one.hops, one.moment, one.user, one.drawn)
        place = _earlier(deeds, one) if one.verb == SIGNAL else None
        if place is None:
            deeds.append((one, deed))
        else:
            first, before = deeds[place]
            deeds[place] = (first, _with(before, deed))
    return tuple(dict.fromkeys(deed for _unused, deed in deeds))


def _earlier(deeds: Sequence[Tuple[Found, Deed]], one: Found) -> Optional[int]:
    for place, (first, deed) in enumerate(deeds):
        same = deed.verb == SIGNAL and deed.target._replace(one=None) == one.target._replace(one=None)
        if same and _meet(first.forks, one.forks):
            return place
    return None


def _meet(first: Sequence[Tuple[int, int]], second: Sequence[Tuple[int, int]]) -> bool:
    """Whether both come to pass in one run: no fork is taken in two ways."""
    taken = dict(first)
    return all(taken.get(fork, way) == way for fork, way in second)


def _with(deed: Deed, later: Deed) -> Deed:
    sent = tuple(one._replace(after=later.moment - deed.moment + one.after) for one in later.sent)
    if (later.hops, sent) == (deed.hops, deed.sent):
        return deed
    hops = deed.hops if later.hops[-1] in deed.hops else (*deed.hops, later.hops[-1])
    return deed._replace(sent=(*deed.sent, *sent)[:SENT_LIMIT], hops=hops)
