# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which remedy of an earlier run is about a job that stands there now."""

from typing import Optional

from ..facts.job import Job
from ..facts.job_remedies_done import Done, RemediesDone


def done_about(job: Job, remedies: RemediesDone) -> Optional[Done]:
    """Return the newest remedy of exactly this job; None where there was none, or it was put back as asked."""
    about = [one for one in remedies.done if _is_about(one, job)]
    newest = max(about, key=lambda one: one.when, default=None)
    return None if newest is None or newest.undone else newest


def _is_about(done: Done, job: Job) -> bool:
    if not done.text:
        return done.path in (job.path, job.object)
    # A log rotation is one job, of which a remedy changes one line.
    lines = job.shell.encode("utf-8", "surrogateescape").split(b"\n")
    return done.path == job.path and (done.text == job.text or done.text in lines)
