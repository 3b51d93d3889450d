# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job that would touch a web service, and that nothing ever runs: somebody believes that it is done."""

from typing import NamedTuple, Optional, Tuple

from ..facts import job_facts, job_remedies_done
from ..facts.job import TIMER
from ..facts.job_effects import JobEffects
from ..facts.job_facts import JobFacts
from ..facts.job_remedies_done import RemediesDone
from ..facts.scheduled_overview import chain, source
from ..formats.signal_effects import NOTHING
from ..model import LOW, Check, Finding, Verdict
from ..policy import Policy
from .scheduled_restart_done import done_about, newest
from .scheduled_restart_evidence import doing, listed, verdict


class Evidence(NamedTuple):
    """owner: whom it would run as. cause: why it never runs. names: what it would touch, and chain: on which way."""

    owner: str
    cause: str
    kind: str
    source: str
    package: Optional[str]
    schedule: str
    names: Tuple[str, ...]
    chain: Tuple[str, ...]


def find(known: JobFacts, remedies: RemediesDone, policy: Policy) -> Verdict:
    done = newest(remedies)
    idle = {one.job.object: one for one in known.restarts.jobs if _is_idle(one) and not done_about(one.job, done)}
    return verdict(known, [_finding(known, one) for one in idle.values()])


def _is_idle(effects: JobEffects) -> bool:
    """Whether it never runs, and not because somebody wants it so: systemd itself says which timers are disabled."""
    job = effects.job
    return job.never is not None and job.kind != TIMER and any(hit.does != NOTHING for hit in effects.hits)


def _finding(known: JobFacts, effects: JobEffects) -> Finding:
    job = effects.job
    hit = next(hit for hit in effects.hits if hit.does != NOTHING)
    names = tuple(dict.fromkeys(name for hit in effects.hits for name in hit.names))
    return Finding(
        CHECK.id,
        job.object,
        LOW,
        f"{job.object} ({job.schedule}) {doing(hit)} {listed(names)}, but never runs: {job.never}; mend "
        "that where it is wanted, else remove it",
        Evidence(
            owner=job.user,
            cause=job.never or "",
            kind=job.kind,
            source=source(job),
            package=known.places.packages.get(job.path),
            schedule=job.schedule,
            names=names,
            chain=chain(hit.hops),
        ),
        None,
        None,
    )


CHECK = Check(id="scheduled_restart.never_runs", gathers=(job_facts.gather, job_remedies_done.gather), find=find)
