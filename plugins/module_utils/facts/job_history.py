# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which stops and reloads of the past fall on the runs of a job: php-fpm's own log, and cron's and systemd's journal."""

from typing import Mapping, NamedTuple, Optional

from ..host import Host
from ..policy import Policy


class Runs(NamedTuple):
    """What the logs tell of one job. Times in seconds since the epoch.

    due: how often it was due since ``begins``, where the log begins or the job was last changed. seen: how many of
    those times php-fpm stopped or reloaded within the minutes after. kind: what its log says then, such as
    ``Terminating ...``. first, last: of those seen. lost: how many requests nginx's log says failed at these times, None
    where no log tells. logged: how often cron or systemd say that they ran it, None where their journal does not tell.
    """

    due: int
    seen: int
    kind: Optional[str]
    begins: float
    first: Optional[float]
    last: Optional[float]
    lost: Optional[int]
    logged: Optional[int]


class JobHistory(NamedTuple):
    """runs: by the job's object, of those that have a schedule. unheard: why the past is not known."""

    runs: Mapping[str, Runs]
    unheard: Optional[str]


def gather(host: Host, policy: Policy) -> JobHistory:
    """Return what the logs tell of the jobs that touch php-fpm."""
    raise NotImplementedError
