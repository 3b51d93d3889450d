# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the logs say of the runs of a job, as one sentence, and whether they prove that it was its doing."""

from typing import Optional

from ..facts.job import Job
from ..facts.job_history import Runs
from ..facts.job_times import JobTimes
from .nginx_evidence import counted

CHANCE = 0.001  # what is less likely than that without the job is its doing
_EACH_DAY = (31, 12, 7)  # days of the month, months and weekdays that a schedule of each day names


def is_its_doing(runs: Optional[Runs], certain: bool) -> bool:
    """Whether the logs show what a job does to php-fpm, and not what a person or a deploy did at one of its times.

    Of what is certain to do it each time, they need only not contradict. Of what does it on a condition, they prove
    nothing where another job was due then too.
    """
    if runs is None or not runs.seen or (runs.shared and not certain):
        return False
    return runs.chance <= CHANCE or (certain and 2 * runs.seen >= runs.due)


def sentence(job: Job, runs: Optional[Runs], times: JobTimes, certain: bool) -> Optional[str]:
    """Return what the logs tell of a job's runs; None where it was not due since they begin, or they tell nothing."""
    if runs is None or not runs.due:
        return None
    if not runs.seen:
        return f"php-fpm's log tells nothing of {_due(runs, times)}"
    chance = "" if runs.shared or is_its_doing(runs, certain) else ", which may be by chance"
    return _matched(job, runs, times) + chance + _lost(runs) + _shared(runs)


def _matched(job: Job, runs: Runs, times: JobTimes) -> str:
    last = _when(times, runs.last)
    if runs.due == 1:
        return f"`{runs.kind}` followed {_due(runs, times)}, at {last}"
    if _is_daily(job):
        return f"`{runs.kind}` at {_clock(last)} on {runs.seen} of the last {runs.due} days matches this line"
    return f"`{runs.kind}` followed {runs.seen} of {_due(runs, times)}, last at {last}"


def _due(runs: Runs, times: JobTimes) -> str:
    due = "the one run that was due" if runs.due == 1 else f"the {runs.due} runs that were due"
    return f"{due} since {_when(times, runs.begins)}"


def _lost(runs: Runs) -> str:
    if runs.lost is None:
        return ", and no log of nginx tells what it cost"
    return f", and nginx lost {counted(runs.lost, 'request') if runs.lost else 'no request'} at these times"


def _shared(runs: Runs) -> str:
    return f" (so may {', '.join(runs.shared[:3])} have done, due at the same times)" if runs.shared else ""


def _is_daily(job: Job) -> bool:
    cron = job.cron
    if cron is None or (len(cron.minutes), len(cron.hours)) != (1, 1):
        return False
    return (len(cron.days), len(cron.months), len(cron.weekdays)) == _EACH_DAY


def _clock(when: str) -> str:
    """Return the time of day of an ISO 8601 time."""
    return when.rsplit("T", maxsplit=1)[-1][:8]


def _when(times: JobTimes, moment: Optional[float]) -> str:
    """Return a moment on the host's clock."""
    return "a time that is not known" if moment is None else times.local[moment]
