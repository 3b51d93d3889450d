# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What scheduled_restart_info shows beside the findings: every job that touches a web service, and what it comes to."""

from typing import NamedTuple, Optional, Sequence, Tuple

from ..host import Host
from ..policy import Policy
from . import job_facts
from .job import Job
from .job_deeds import Hop
from .job_effects import Hit, JobEffects
from .job_facts import JobFacts
from .job_history import Runs
from .job_times import JobTimes


class EffectOverview(NamedTuple):
    """As job_effects.Hit. signals: ``SIGTERM``, ``SIGKILL after 90 s``. chain: the way to the signal, a step each."""

    names: Tuple[str, ...]
    family: str
    masters: Tuple[int, ...]
    does: str
    starts: bool
    cuts: str
    signals: Tuple[str, ...]
    reaches: str
    kills_after: Optional[float]
    tested: bool
    certain: bool
    chain: Tuple[str, ...]


class JobOverview(NamedTuple):
    """As scheduled_jobs.Job, less what may be secret. source: ``file:line``. next_runs: in seconds since the epoch.

    next_runs_local: the same on the host's clock. package: that the file belongs to. unfollowed: where the way is lost.
    runs: what the logs tell of it, None where they tell nothing.
    """

    object: str
    kind: str
    source: str
    package: Optional[str]
    user: str
    schedule: str
    next_runs: Tuple[float, ...]
    next_runs_local: Tuple[str, ...]
    never: Optional[str]
    effects: Tuple[EffectOverview, ...]
    unfollowed: Tuple[str, ...]
    runs: Optional[Runs]


class ScheduledOverview(NamedTuple):
    """jobs: those that touch a web service, or may. total: how many the host has. unseen: what could not be seen."""

    jobs: Tuple[JobOverview, ...]
    total: int
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> ScheduledOverview:
    """Return the overview. Raises CannotLook where jobs or processes cannot be seen."""
    known = host.once(job_facts.gather, policy)
    doubts = (known.history.unheard, known.places.unowned)
    unseen = (*known.restarts.unseen, *known.services.blind, *(doubt for doubt in doubts if doubt))
    jobs = tuple(_job(one, known) for one in known.restarts.jobs)
    return ScheduledOverview(jobs, known.restarts.total, tuple(dict.fromkeys(unseen)))


def source(job: Job) -> str:
    """Return where a job is said: ``file:line``, or the file where it is the whole of it."""
    return f"{job.path}:{job.line}" if job.line else job.path


def chain(hops: Sequence[Hop]) -> Tuple[str, ...]:
    """Return the way to a signal, a step each."""
    return tuple(f"{hop.source}: {hop.says}" for hop in hops)


def local_runs(job: Job, times: JobTimes) -> Tuple[str, ...]:
    """Return the next runs on the host's clock."""
    return tuple(times.local[moment] for moment in job.next_runs)


def signals(hit: Hit) -> Tuple[str, ...]:
    """Return the signals of a hit as people write them, in order; 0 is none."""
    sent = [one for one in hit.sent if one.signal != "0"]
    return tuple(f"SIG{one.signal} after {one.after:g} s" if one.after else f"SIG{one.signal}" for one in sent)


def _job(effects: JobEffects, known: JobFacts) -> JobOverview:
    job = effects.job
    return JobOverview(
        object=job.object,
        kind=job.kind,
        source=source(job),
        package=known.places.packages.get(job.path),
        user=job.user,
        schedule=job.schedule,
        next_runs=job.next_runs,
        next_runs_local=local_runs(job, known.times),
        never=job.never,
        effects=tuple(_effect(hit) for hit in effects.hits),
        unfollowed=tuple("; ".join((*chain(one.hops), one.reason)) for one in effects.unfollowed),
        runs=known.history.runs.get(job.object),
    )


def _effect(hit: Hit) -> EffectOverview:
    return EffectOverview(
        names=hit.names,
        family=hit.family,
        masters=hit.masters,
        does=hit.does,
        starts=hit.starts,
        cuts=hit.cuts,
        signals=signals(hit),
        reaches=hit.reaches,
        kills_after=hit.kills_after,
        tested=hit.tested,
        certain=hit.certain,
        chain=chain(hit.hops),
    )
