# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The times that are told of jobs, as the host's own clock shows them."""

from typing import Iterator, Mapping, NamedTuple

from ..formats import time_zone
from ..host import Host
from ..policy import Policy
from . import job_effects, job_history


class JobTimes(NamedTuple):
    """local: by seconds since the epoch, as ``2026-11-23T05:28:00+01:00`` (ISO 8601)."""

    local: Mapping[float, str]


def gather(host: Host, policy: Policy) -> JobTimes:
    """Return the next runs of jobs, and those that logs show. Raises CannotLook where the zone cannot be read."""
    return JobTimes({moment: local_time(host, moment) for moment in _moments(host, policy)})


def local_time(host: Host, moment: float) -> str:
    """Return seconds since the epoch on the host's clock. Raises CannotLook where its time zone cannot be read."""
    zone = host.zone()
    ahead = time_zone.offset(zone, moment)
    hours, minutes = divmod(abs(ahead) // 60, 60)
    wall = time_zone.wall(zone, moment).replace(microsecond=0)
    return f"{wall.isoformat()}{'-' if ahead < 0 else '+'}{hours:02d}:{minutes:02d}"


def _moments(host: Host, policy: Policy) -> Iterator[float]:
    for one in host.once(job_effects.gather, policy).jobs:
        yield from one.job.next_runs
    for runs in host.once(job_history.gather, policy).runs.values():
        yield from (moment for moment in (runs.begins, runs.first, runs.last) if moment is not None)
