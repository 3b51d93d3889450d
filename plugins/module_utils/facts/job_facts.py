# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""All that is known of the jobs that touch a web service, as their checks take it."""

from typing import NamedTuple

from ..host import Host
from ..policy import Policy
from . import job_effects, job_history, job_places, job_services, job_times
from .job_effects import ScheduledRestarts
from .job_history import JobHistory
from .job_places import JobPlaces
from .job_services import JobServices
from .job_times import JobTimes


class JobFacts(NamedTuple):
    """restarts: the jobs, and what they do in the end. The others as the files say that they come from."""

    restarts: ScheduledRestarts
    services: JobServices
    history: JobHistory
    places: JobPlaces
    times: JobTimes


def gather(host: Host, policy: Policy) -> JobFacts:
    """Return what is known of the jobs. Raises CannotLook as the parts do."""
    return JobFacts(
        host.once(job_effects.gather, policy),
        host.once(job_services.gather, policy),
        host.once(job_history.gather, policy),
        host.once(job_places.gather, policy),
        host.once(job_times.gather, policy),
    )
