# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job that may restart or signal a web service, and that could not be followed to the end: unknown, not clean."""

from typing import List, NamedTuple, Tuple

from ..facts import job_facts
from ..facts.job import Job
from ..facts.job_deeds import Unfollowed
from ..facts.job_effects import JobEffects
from ..facts.job_facts import JobFacts
from ..facts.scheduled_overview import chain, local_runs, source
from ..model import INFO, Check, Finding, Verdict
from ..policy import Policy
from .scheduled_restart_evidence import verdict


class Evidence(NamedTuple):
    """cause: why the first way is lost. lost: each way that is, from the job's own line to the word, and why."""

    owner: str
    cause: str
    kind: str
    source: str
    schedule: str
    next_runs: Tuple[float, ...]
    next_runs_local: Tuple[str, ...]
    lost: Tuple[str, ...]


def find(known: JobFacts, policy: Policy) -> Verdict:
    lost = [one for one in known.restarts.jobs if one.unfollowed and one.job.never is None]
    findings = {one.job.object: _finding(known, one) for one in lost}
    return verdict(known, list(findings.values()), [_reason(one.job, one.unfollowed[0]) for one in lost])


def _reason(job: Job, unfollowed: Unfollowed) -> str:
    last = unfollowed.hops[-1:]
    where = "".join(f" at `{hop.says}` ({hop.source})" for hop in last)
    lost = f"its way is lost{where}: {unfollowed.reason}"
    return f"{job.object} may restart or signal a web service, and {lost}; look at it yourself"


def _finding(known: JobFacts, effects: JobEffects) -> Finding:
    job = effects.job
    return Finding(
        CHECK.id,
        job.object,
        INFO,
        _reason(job, effects.unfollowed[0]),
        Evidence(
            owner=job.user,
            cause=effects.unfollowed[0].reason,
            kind=job.kind,
            source=source(job),
            schedule=job.schedule,
            next_runs=job.next_runs,
            next_runs_local=local_runs(job, known.times),
            lost=tuple(_lost(effects)),
        ),
        None,
        None,
    )


def _lost(effects: JobEffects) -> List[str]:
    return [" → ".join((*chain(one.hops), one.reason)) for one in effects.unfollowed]


CHECK = Check(id="scheduled_restart.unknown_command", gathers=(job_facts.gather,), find=find)
