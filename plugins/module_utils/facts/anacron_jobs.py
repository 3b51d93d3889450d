# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The jobs of anacron(8), which runs them on the first chance of a day, a week or a month."""

from typing import List, Mapping, Optional

from ..formats import anacrontab
from ..host import Host
from ..policy import Policy
from . import looking, schedulers
from .job import ANACRONTAB, Job, Jobs

PATH = "/etc/anacrontab"
PROGRAMS = ("/usr/sbin/anacron", "/usr/bin/anacron")
FILE_LIMIT = 16 * 1024 * 1024


def gather(host: Host, policy: Policy) -> Jobs:
    """Return the jobs of /etc/anacrontab."""
    unseen: List[str] = []
    content = looking.unless_hidden(lambda: host.read(PATH, FILE_LIMIT, follow=True), unseen)
    jobs, refused = anacrontab.parse(content or b"")
    there = any(schedulers.is_there(host, path) for path in PROGRAMS)
    absent = None if there else "anacron is not installed"
    found = [
        _job(one.number, one.text, f"{one.period} by anacron", one.command, one.environment, absent) for one in jobs
    ]
    found += [_job(one.number, one.text, "", one.command, {}, absent or "anacron skips the line") for one in refused]
    return Jobs(tuple(found), tuple(unseen))


def _job(
    number: int, text: bytes, schedule: str, command: str, environment: Mapping[str, str], never: Optional[str]
) -> Job:
    return Job(
        kind=ANACRONTAB,
        object=f"{PATH}:{number}",
        path=PATH,
        line=number,
        text=text,
        schedule=schedule,
        cron=None,
        zone=None,
        next_runs=(),
        user="root",
        shell=command,
        first_line=number,
        environment=environment,
        unit=None,
        never=never,
    )
