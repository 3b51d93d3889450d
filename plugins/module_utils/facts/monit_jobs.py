# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What monit(1) does to services of its own accord, and the programs that it runs each cycle."""

import os
import shlex
from typing import Dict, List, Optional

from ..errors import CannotLook, Malformed, Missing
from ..formats import cron_schedule, monit
from ..formats.cron_schedule import CRONIE, Schedule
from ..formats.monit import Rule
from ..host import Host
from ..policy import Policy
from . import schedulers
from .job import MONIT, Job, Jobs
from .masters import Reading

# monit(1), FILES; Debian's, and that of all others.
PLACES = ("/etc/monit/monitrc", "/etc/monitrc")
DEPTH_LIMIT = 10  # of includes


def gather(host: Host, policy: Policy) -> Jobs:
    """Return the rules of monit that act, and the programs that it runs."""
    reading = _Reading(host)
    for path in _control_files(host, policy):
        reading.read(path, 0)
    if not reading.texts:
        return Jobs((), tuple(reading.unseen))
    absent = schedulers.absent(host, policy, schedulers.MONIT, "monit")
    jobs = [_job(path, text, rule, absent) for path, text in reading.texts.items() for rule in monit.parse(text).rules]
    return Jobs(tuple(jobs), tuple(reading.unseen))


class _Reading:
    """Control files with all that they include. texts: by path."""

    def __init__(self, host: Host) -> None:
        self.texts: Dict[str, str] = {}
        self.unseen: List[str] = []
        self._reading = Reading(host)

    def read(self, path: str, depth: int) -> None:
        if path in self.texts or depth > DEPTH_LIMIT:
            return
        try:
            text = self._reading.read(path)
            self.texts[path] = text
            patterns = [one for one in monit.parse(text).includes if one.startswith("/")]
            included = [one for pattern in patterns for one in self._reading.matching(pattern)]
        except Missing:
            return  # monit passes over it
        except CannotLook as error:
            self.unseen.append(str(error))
            return
        for one in included:
            if not one.endswith("~"):
                self.read(one, depth + 1)


def _control_files(host: Host, policy: Policy) -> List[str]:
    """Return the usual places, and what root's running monits were told to read."""
    found = list(PLACES)
    for one in schedulers.running(host, policy, schedulers.MONIT):
        words = one.title.split(" ") if one.uids[1] == 0 else []
        found += [path for option, path in zip(words, words[1:]) if option == "-c" and path.startswith("/")]
    return found


def _job(path: str, text: str, rule: Rule, absent: Optional[str]) -> Job:
    return Job(
        kind=MONIT,
        object=f"{path}:{rule.number}",
        path=path,
        line=rule.number,
        text=os.fsencode(text.split("\n")[rule.number - 1]),
        schedule=_schedule(rule),
        cron=_cron(rule),
        zone=None,
        next_runs=(),
        user=rule.user or "root",
        shell="\n".join(" ".join(map(shlex.quote, words)) for words in rule.commands),
        first_line=rule.number,
        environment={},
        unit=None,
        never=absent,
    )


def _schedule(rule: Rule) -> str:
    if rule.does == monit.PROGRAM:
        return rule.every or "in each cycle of monit"
    return f"when monit's test of {rule.service[:100]} says so"


def _cron(rule: Rule) -> Optional[Schedule]:
    if rule.does != monit.PROGRAM or rule.every is None:
        return None
    try:
        return cron_schedule.parse(" ".join(rule.every.split()), CRONIE)
    except Malformed:
        return None
