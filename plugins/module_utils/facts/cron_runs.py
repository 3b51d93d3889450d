# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When cron runs what its schedule names, on a clock that is put forward and back in between."""

from datetime import datetime, timedelta
from itertools import groupby
from typing import Iterator, Optional, Tuple

from ..formats import cron_schedule, time_zone
from ..formats.cron_schedule import Schedule
from ..host import Host

_INSTANT = timedelta(seconds=1)  # the schedule says what comes after a time


def runs(host: Host, schedule: Schedule, zone: Optional[str], since: float) -> Iterator[float]:
    """Yield the times after ``since`` at which a schedule is due by a zone's clock, in seconds since the epoch.

    cron.c of both crons: where the clock skips times, what has fixed ones runs at once, and where it shows times twice,
    it runs the first time only. What is wild goes by the clock alone, and so does what has a zone of its own (cronie's
    CRON_TZ). Raises CannotLook where the zone cannot be read.
    """
    last = since
    for _unused, walls in groupby(cron_schedule.following(schedule, _begin(host, zone, since)), datetime.date):
        for moment in sorted(moment for wall in walls for moment in _moments(host, schedule, zone, wall)):
            if moment > last:
                last = moment
                yield moment


def _begin(host: Host, zone: Optional[str], since: float) -> datetime:
    """Return midnight before ``since``: what comes first by the clock may come last in time."""
    return host.local(since, zone).replace(hour=0, minute=0, second=0, microsecond=0) - _INSTANT


def _moments(host: Host, schedule: Schedule, zone: Optional[str], wall: datetime) -> Tuple[float, ...]:
    if schedule.wild or zone:
        return time_zone.moments(host.zone(zone), wall)
    return (host.moment(wall, zone),)
