# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a schedule of cron fires (crontab(5)): on the wall clock, minute by minute, knowing nothing of time zones.

The rules are those of the two crons that Linux has, which differ: entry.c of Debian's cron 3.0pl1 and of cronie 1.7.
"""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import FrozenSet, Iterator, NamedTuple, Sequence

from ..errors import Malformed

DEBIAN, CRONIE = "Debian's cron", "cronie"  # cronie is the cron of the Red Hat family, of SUSE and of Arch


class Schedule(NamedTuple):
    """The minutes, hours, days of the month (1 to 31), months and weekdays (0 is Sunday, 6 Saturday) that it names.

    either: it names days of the month and weekdays, so a day fits that is one of either; else it has to be both.
    at_boot: @reboot, which no clock brings about. wild: its minute or hour begins with *, so that cron goes by the
    clock alone when that is put forward or back, see facts/cron_runs.py. drawn: cronie draws one of each range with a ~
    when it loads the table; the whole range is named, and nobody can know which of it.
    """

    minutes: FrozenSet[int]
    hours: FrozenSet[int]
    days: FrozenSet[int]
    months: FrozenSet[int]
    weekdays: FrozenSet[int]
    either: bool
    at_boot: bool
    wild: bool
    drawn: bool


class _Field(NamedTuple):
    """What cron calls a field when it refuses it, its lowest and highest number, and the names from the lowest on."""

    name: str
    low: int
    high: int
    names: Sequence[str]


_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_WEEKDAYS = "sun mon tue wed thu fri sat".split()
_FIELDS = (
    _Field("minute", 0, 59, ()),
    _Field("hour", 0, 23, ()),
    _Field("day-of-month", 1, 31, ()),
    _Field("month", 1, 12, _MONTHS),
    _Field("day-of-week", 0, 7, _WEEKDAYS),
)
_WORDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_NUMBER = "([0-9A-Za-z]+)"
# One item of a list, as far as cron reads it; what is left of the field behind it is the difference between the two.
_ITEM = re.compile(rf"(?:(\*)|{_NUMBER}(?:-{_NUMBER})?)(?:/{_NUMBER})?")
_DRAWN = re.compile(rf"{_NUMBER}?~{_NUMBER}?(?=,|\Z)")
_DIGITS = re.compile(r"0*([0-9]{1,3})\Z")
_YEARS = 400  # after which the calendar repeats itself


@lru_cache(maxsize=1024)  # a table of a thousand lines has a few schedules
def parse(text: str, cron: str = DEBIAN) -> Schedule:
    """Return what five fields or a word with an @ mean. Raises Malformed, in cron's own words, where it refuses them."""
    if text == "@reboot":
        nothing: FrozenSet[int] = frozenset()
        return Schedule(nothing, nothing, nothing, nothing, nothing, False, True, False, False)
    fields = re.split("[ \t]+", _WORDS.get(text, text).strip(" \t"))
    if fields[0].startswith("@"):
        raise Malformed("bad time specifier")
    if len(fields) != len(_FIELDS):
        raise Malformed(f"bad {_FIELDS[len(fields)].name}" if len(fields) < len(_FIELDS) else "bad command")
    minutes, hours, days, months, weekdays = (_numbers(one, field, cron) for one, field in zip(fields, _FIELDS))
    return Schedule(
        minutes,
        hours,
        days,
        months,
        frozenset(day % 7 for day in weekdays),
        either=not (fields[2].startswith("*") or fields[4].startswith("*")),
        at_boot=False,
        wild=fields[0].startswith("*") or fields[1].startswith("*"),
        drawn=cron == CRONIE and "~" in text,
    )


def is_empty(schedule: Schedule) -> bool:
    """Whether it names no time at all, such as ``fri-sun``, 30 February: cron takes it, and never runs it."""
    return not schedule.at_boot and next(_days(schedule, date(2000, 1, 1)), None) is None


def fits(schedule: Schedule, wall: datetime) -> bool:
    """Whether it fires in that minute."""
    return wall.hour in schedule.hours and wall.minute in schedule.minutes and _fits_day(schedule, wall.date())


def following(schedule: Schedule, wall: datetime) -> Iterator[datetime]:
    """Yield the minutes after ``wall`` in which it fires; nothing where it never does or nobody can know when."""
    if schedule.drawn:
        return
    minutes = [(hour, minute) for hour in sorted(schedule.hours) for minute in sorted(schedule.minutes)]
    for day in _days(schedule, wall.date()):
        for hour, minute in minutes:
            run = datetime(day.year, day.month, day.day, hour, minute)
            if run > wall:
                yield run


def _days(schedule: Schedule, first: date) -> Iterator[date]:
    """Yield the days from ``first`` on that fit, of the time in which every day of the calendar comes by."""
    if not schedule.minutes or not schedule.hours:
        return
    for year in range(first.year, min(first.year + _YEARS, date.max.year) + 1):
        for month in sorted(schedule.months):
            start = max(date(year, month, 1), first)
            for number in range(start.day, 32 if (start.year, start.month) == (year, month) else 0):
                day = start + timedelta(days=number - start.day)
                if day.month != month:
                    break
                if _fits_day(schedule, day):
                    yield day
