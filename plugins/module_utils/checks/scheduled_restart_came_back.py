# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job that an earlier run disabled or made graceful, and that stands there again as it was."""

from typing import NamedTuple, Optional, Tuple

from ..facts import job_facts, job_remedies_done
from ..facts.job import Job
from ..facts.job_facts import JobFacts
from ..facts.job_remedies_done import Done, RemediesDone
from ..facts.scheduled_overview import local_runs, source
from ..model import HIGH, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm_history import stamp
from .scheduled_restart_done import done_about, newest
from .scheduled_restart_evidence import verdict

BY_PACKAGE = "likely by an upgrade of the package that its file belongs to"
BY_SOMEBODY = "by somebody, or by what configures this host"


class Evidence(NamedTuple):
    """cause: what likely brought it back. package: that its file belongs to. run_id, when, verb: of the run that had
    changed it; when in seconds since the epoch.
    """

    owner: str
    cause: str
    kind: str
    source: str
    package: Optional[str]
    schedule: str
    next_runs: Tuple[float, ...]
    next_runs_local: Tuple[str, ...]
    run_id: str
    when: float
    verb: str


def find(known: JobFacts, remedies: RemediesDone, policy: Policy) -> Verdict:
    jobs = {one.job.object: one.job for one in known.restarts.jobs if one.hits and one.job.never is None}
    changed = newest(remedies)
    stand = [(job, done_about(job, changed)) for job in jobs.values()]
    return verdict(known, [_finding(known, job, done) for job, done in stand if done is not None])


def _finding(known: JobFacts, job: Job, done: Done) -> Finding:
    package = known.places.packages.get(job.path)
    cause = BY_PACKAGE if package else BY_SOMEBODY
    which = f" ({package})" if package else ""
    return Finding(
        CHECK.id,
        job.object,
        HIGH,
        f"{job.object} ({job.schedule}) was changed by run {done.run_id} at {stamp(done.when)}, and stands there again "
        f"as it was: {cause}{which}; mend it there; where it is wanted, disable it once more and undo that",
        Evidence(
            owner=job.user,
            cause=cause,
            kind=job.kind,
            source=source(job),
            package=package,
            schedule=job.schedule,
            next_runs=job.next_runs,
            next_runs_local=local_runs(job, known.times),
            run_id=done.run_id,
            when=done.when,
            verb=done.verb,
        ),
        None,
        None,
    )


CHECK = Check(id="scheduled_restart.came_back", gathers=(job_facts.gather, job_remedies_done.gather), find=find)
