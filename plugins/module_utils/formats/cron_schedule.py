# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a schedule of cron fires (crontab(5)): on the wall clock, minute by minute, knowing nothing of time zones."""

from datetime import datetime
from typing import FrozenSet, Iterator, NamedTuple


class Schedule(NamedTuple):
    """The minutes, hours, days of the month (1 to 31), months and weekdays (0 is Sunday, 6 Saturday) that it names.

    either: it names days of the month and weekdays, so a day fits that is one of either; else it has to be both.
    at_boot: @reboot, which no clock brings about.
    """

    minutes: FrozenSet[int]
    hours: FrozenSet[int]
    days: FrozenSet[int]
    months: FrozenSet[int]
    weekdays: FrozenSet[int]
    either: bool
    at_boot: bool


def parse(text: str) -> Schedule:
    """Return what five fields or a word with an @ mean. Raises Malformed where cron refuses them."""
    raise NotImplementedError


def fits(schedule: Schedule, wall: datetime) -> bool:
    """Whether it fires in that minute."""
    raise NotImplementedError


def following(schedule: Schedule, wall: datetime) -> Iterator[datetime]:
    """Yield the minutes after ``wall`` in which it fires; nothing where it never does, such as on 30 February."""
    raise NotImplementedError
