# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What can be done about a job that harms: take it from the schedule, or make it graceful."""

from typing import List, NamedTuple, Optional, Tuple, Union

from ..facts.fpm_time_limits import MasterLimits
from ..facts.job_effects import JobEffects
from ..facts.job_places import JobPlaces
from ..facts.job_services import JobServices
from ..plain import Secret
from ..policy import Policy
from .php_fpm_reload_losses import KEEPALIVE, NO_GRACE, NOT_IN_FORCE, SHORT_GRACE, UNBOUNDED, Loss, losses

_OF_A_RELOAD = (NO_GRACE, SHORT_GRACE, UNBOUNDED, NOT_IN_FORCE, KEEPALIVE)


class Guard(NamedTuple):
    """One change of one job, valid only for what was seen.

    verb: in actions.VERBS. path, line: where it stands. text: the exact line, compared before the act. wanted: what it
    is to be, b"" where the verb says it all. unit: of a timer.
    """

    verb: str
    path: str
    line: int
    text: Secret
    wanted: bytes
    unit: Optional[str]


class Offer(NamedTuple):
    """remedy and risk: in words, as in a finding. notes: what the administrator has to know, such as the package."""

    guard: Guard
    remedy: str
    risk: str
    notes: Tuple[str, ...]


def offer(job: JobEffects, services: JobServices, places: JobPlaces, policy: Policy) -> Union[Offer, str]:
    """Return what policy.scheduled_restart.state wants done about a job, or why nothing can be done by itself."""
    raise NotImplementedError


def reload_losses(limits: MasterLimits, policy: Policy) -> List[Loss]:
    """Return every way in which a reload of a php-fpm by SIGUSR2 loses requests, the worst first."""
    return [loss for loss in losses(limits, policy) if loss.kind in _OF_A_RELOAD]
