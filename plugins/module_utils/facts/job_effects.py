# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What jobs do in the end: which signals reach which web service of this host, in which order."""

from typing import NamedTuple, Optional, Tuple

from ..host import Host
from ..policy import Policy
from .job_commands import Deed, Hop, Sent, Unfollowed
from .scheduled_jobs import Job

# Whom the signals reach.
MASTER, WORKERS, ALL = "master", "workers", "master and workers"


class Hit(NamedTuple):
    """One service that a deed reaches.

    family: of signal_effects.FAMILIES. does: STOPS, RELOADS, REOPENS, UPGRADES, NOTHING or DIES of signal_effects.
    starts: it is started again afterwards, which makes a stop a restart. cuts: AT_ONCE, IN_TIME or NONE. sent: what
    reaches it in the end, in order; reaches: MASTER, WORKERS or ALL. masters: pids of the running masters that it
    reaches now, () where none runs or which it would be is not known. names: those masters or services, as people call
    them. kills_after: seconds after which KILL is sent to what is left, None where none is. tested: its configuration is
    tested first, and it is left alone where that fails. hops: the whole way, down to the unit's or init script's own
    words. certain: as that of the deed.
    """

    family: str
    does: str
    starts: bool
    cuts: str
    sent: Tuple[Sent, ...]
    reaches: str
    masters: Tuple[int, ...]
    names: Tuple[str, ...]
    kills_after: Optional[float]
    tested: bool
    hops: Tuple[Hop, ...]
    certain: bool
    deed: Deed


class JobEffects(NamedTuple):
    """A job that touches a web service, or may: unfollowed says where its way is lost."""

    job: Job
    hits: Tuple[Hit, ...]
    unfollowed: Tuple[Unfollowed, ...]


class ScheduledRestarts(NamedTuple):
    """jobs: those that touch a web service, or may. total: how many jobs the host has. unseen: what could not be read, and why."""

    jobs: Tuple[JobEffects, ...]
    total: int
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> ScheduledRestarts:
    """Return the jobs of the host that touch a web service, or may."""
    raise NotImplementedError
