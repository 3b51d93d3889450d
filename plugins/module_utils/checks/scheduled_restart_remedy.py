# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be done about a job that harms: take it from the schedule, or make it graceful."""

from typing import Mapping, NamedTuple, Optional, Tuple, Union

from ..facts.job_effects import JobEffects
from ..facts.job_services import JobServices
from ..policy import Policy


class Guard(NamedTuple):
    """One change of one job, valid only for what was seen.

    verb: in actions.VERBS. path, line: where it stands. text: the exact line, compared before the act. wanted: what it
    is to be, b"" where the verb says it all. unit: of a timer.
    """

    verb: str
    path: str
    line: int
    text: bytes
    wanted: bytes
    unit: Optional[str]


class Offer(NamedTuple):
    """remedy and risk: in words, as in a finding. notes: what the administrator has to know, such as the package."""

    guard: Guard
    remedy: str
    risk: str
    notes: Tuple[str, ...]


def offer(job: JobEffects, services: JobServices, packages: Mapping[str, str], policy: Policy) -> Union[Offer, str]:
    """Return what policy.scheduled_restart.state wants done about a job, or why nothing can be done by itself.

    packages: which package a job's file belongs to (facts/file_packages.py).
    """
    raise NotImplementedError
