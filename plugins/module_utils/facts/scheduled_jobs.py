# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that a host runs by itself: on a schedule, when a log is rotated, or when a watchdog wants it."""

from typing import Dict, Iterable, List, Sequence

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import (
    anacron_jobs,
    at_jobs,
    cron_jobs,
    logrotate_jobs,
    monit_jobs,
    periodic_jobs,
    supervisor_jobs,
    timer_jobs,
)
from .job import (
    ANACRONTAB,
    AT,
    CRONTAB,
    LOGROTATE,
    MONIT,
    NEXT_RUNS,
    PERIODIC,
    SUPERVISOR,
    TIMER,
    USER_CRONTAB,
    Job,
    Jobs,
)

__all__ = [
    "ANACRONTAB",
    "AT",
    "CRONTAB",
    "LOGROTATE",
    "MONIT",
    "NEXT_RUNS",
    "PERIODIC",
    "SUPERVISOR",
    "TIMER",
    "USER_CRONTAB",
    "Job",
    "Jobs",
    "gather",
]

# One file a place where jobs are said.
_SOURCES = (
    cron_jobs,
    anacron_jobs,
    periodic_jobs,
    at_jobs,
    timer_jobs,
    logrotate_jobs,
    monit_jobs,
    supervisor_jobs,
)


def gather(host: Host, policy: Policy) -> Jobs:
    """Return every job of the host."""
    jobs: List[Job] = []
    unseen: List[str] = []
    for source in _SOURCES:
        try:
            found = host.once(source.gather, policy)
        except CannotLook as error:  # of one place, which hides nothing of the others
            unseen.append(str(error))
            continue
        jobs += found.jobs
        unseen += found.unseen
    return Jobs(tuple(_one_an_object(jobs)), tuple(dict.fromkeys(unseen)))


def _one_an_object(jobs: Sequence[Job]) -> Iterable[Job]:
    """Return the jobs with those of one line or timer as one: what is found of it is mended only together."""
    found: Dict[str, Job] = {}
    for job in jobs:
        before = found.get(job.object)
        if before is None or (before.never and not job.never):
            found[job.object] = job
        elif before.never or not job.never:
            found[job.object] = before._replace(shell=f"{before.shell}\n{job.shell}")
    return found.values()
