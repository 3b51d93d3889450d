# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which remedy of an earlier run is about a job that stands there now."""

from typing import Mapping, Optional, Tuple

from ..facts.job import Job
from ..facts.job_remedies_done import Done, RemediesDone

Newest = Mapping[Tuple[str, bytes], Done]


def newest(remedies: RemediesDone) -> Newest:
    """Return the newest remedy of each job, by its file and line; of a timer or a script by its name and b""."""
    return {(one.path, one.text): one for one in sorted(remedies.done, key=lambda one: one.when)}


def done_about(job: Job, remedies: Newest) -> Optional[Done]:
    """Return the newest remedy of exactly this job; None where there was none, or each was put back as asked."""
    # A log rotation is one job, of which a remedy changes one line.
    lines = job.shell.encode("utf-8", "surrogateescape").split(b"\n")
    places = [(job.object, b""), (job.path, job.text), *((job.path, line) for line in lines)]
    about = [remedies[place] for place in places if place in remedies and not remedies[place].undone]
    return max(about, key=lambda one: one.when, default=None)
