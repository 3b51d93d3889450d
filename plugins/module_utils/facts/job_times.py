# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The times that are told of jobs, as the host's own clock shows them."""

from datetime import datetime, timedelta
from typing import Dict, Iterator, Mapping, NamedTuple, Optional

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import job_effects, job_history


class JobTimes(NamedTuple):
    """local: by seconds since the epoch, as ``2026-11-23T05:28:00+01:00`` (ISO 8601). unknown: why some are missing."""

    local: Mapping[float, str]
    unknown: Optional[str]


def gather(host: Host, policy: Policy) -> JobTimes:
    """Return the next runs of jobs, and the runs that logs show, on the host's clock. Raises CannotLook as they do."""
    local: Dict[float, str] = {}
    try:
        for moment in _moments(host, policy):
            local[moment] = local_time(host, moment)
    except CannotLook as error:
        return JobTimes(local, str(error))
    return JobTimes(local, None)


def local_time(host: Host, moment: float) -> str:
    """Return seconds since the epoch on the host's clock. Raises CannotLook where its time zone cannot be read."""
    wall = host.local(moment).replace(microsecond=0)
    minutes = round((wall - datetime(1970, 1, 1) - timedelta(seconds=int(moment))).total_seconds() / 60)
    return f"{wall.isoformat()}{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _moments(host: Host, policy: Policy) -> Iterator[float]:
    for one in host.once(job_effects.gather, policy).jobs:
        yield from one.job.next_runs
    for runs in host.once(job_history.gather, policy).runs.values():
        yield from (moment for moment in (runs.begins, runs.first, runs.last) if moment is not None)
