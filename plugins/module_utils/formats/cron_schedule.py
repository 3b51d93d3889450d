# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a schedule of cron fires (crontab(5)): on the wall clock, minute by minute, knowing nothing of time zones.

The rules are those of the two crons that Linux has, which differ: entry.c of Debian's cron 3.0pl1 and of cronie 1.7.
Before 1.6, as in RHEL 8, cronie too reads over what stands behind a number, and draws nothing.
"""

import re
from calendar import monthrange
from datetime import date, datetime
from functools import lru_cache
from typing import FrozenSet, Iterator, NamedTuple, Optional, Sequence, Set

from ..errors import Malformed, TooLarge

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


class _Item(NamedTuple):
    """One of a list as written: None where it is left to the field. drawn: by a ~. end: where it ends in the text."""

    first: Optional[str]
    last: Optional[str]
    step: Optional[str]
    drawn: bool
    end: int


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
_NUMBER = "[0-9A-Za-z]+"
# One item of a list. What Debian's cron finds behind it in the same field it skips: 5.5 is 5, and 0~59 is 0.
_ITEM = re.compile(rf"(?:(?P<all>\*)|(?P<first>{_NUMBER})(?:-(?P<last>{_NUMBER}))?)(?:/(?P<step>{_NUMBER}))?")
_DRAWN = re.compile(rf"(?P<first>{_NUMBER})?~(?P<last>{_NUMBER})?(?=,|\Z)")
_DIGITS = 9  # a number of more is larger than what cron counts with
_CACHED = 200  # characters; a field may be as long as its file
ITEMS_LIMIT = 120  # of one field; it has sixty numbers at most
_YEARS = 400  # after which the calendar repeats itself


def parse(text: str, cron: str = DEBIAN) -> Schedule:
    """Return what five fields or a word with an @ mean.

    Raises Malformed, in cron's own words, where it refuses them, and TooLarge where it might take them.
    """
    return _parse_cached(text, cron) if len(text) <= _CACHED else _parse(text, cron)


def is_empty(schedule: Schedule) -> bool:
    """Whether it names no time at all: cron takes ``30 4 31 2 *`` and ``0 5 * * fri-sun``, and never runs them."""
    return not schedule.at_boot and next(_days(schedule, date(2000, 1, 1)), None) is None


def fits(schedule: Schedule, wall: datetime) -> bool:
    """Whether it fires in that minute."""
    return wall.hour in schedule.hours and wall.minute in schedule.minutes and _fits_day(schedule, wall)


def following(schedule: Schedule, wall: datetime) -> Iterator[datetime]:
    """Yield the minutes after ``wall`` in which it fires; nothing where it never does, or where nobody can know."""
    if schedule.drawn:
        return
    for day in _days(schedule, wall.date()):
        for hour in sorted(schedule.hours):
            for minute in sorted(schedule.minutes):
                run = datetime(day.year, day.month, day.day, hour, minute)
                if run > wall:
                    yield run


def _parse(text: str, cron: str) -> Schedule:
    if text == "@reboot":
        none: FrozenSet[int] = frozenset()
        return Schedule(none, none, none, none, none, either=False, at_boot=True, wild=False, drawn=False)
    fields = re.split("[ \t]+", _WORDS.get(text, text).strip(" \t"))
    if fields[0].startswith("@"):
        raise Malformed("bad time specifier")
    if len(fields) > len(_FIELDS):
        raise Malformed(f"it has {len(fields)} fields of time instead of {len(_FIELDS)}")
    missing = [""] * (len(_FIELDS) - len(fields))
    numbers = [_numbers(one, field, cron) for one, field in zip(fields + missing, _FIELDS)]
    return Schedule(
        minutes=numbers[0],
        hours=numbers[1],
        days=numbers[2],
        months=numbers[3],
        weekdays=frozenset(number % 7 for number in numbers[4]),
        either=not (fields[2].startswith("*") or fields[4].startswith("*")),
        at_boot=False,
        wild=fields[0].startswith("*") or fields[1].startswith("*"),
        drawn=cron == CRONIE and "~" in text,
    )


_parse_cached = lru_cache(maxsize=1024)(_parse)  # a table of a thousand lines has a few schedules


def _numbers(text: str, field: _Field, cron: str) -> FrozenSet[int]:
    """Return what a list such as ``1,5-9,*/20`` names. Raises Malformed, and TooLarge."""
    found: Set[int] = set()
    start = 0
    for _unused in range(ITEMS_LIMIT):
        item = _item(text, start, field, cron)
        found.update(_range(item, field))
        if text[item.end : item.end + 1] != ",":
            return frozenset(found)
        start = item.end + 1
    raise TooLarge(f"its {field.name} is a list of more than {ITEMS_LIMIT}, and no more are looked at")


def _item(text: str, start: int, field: _Field, cron: str) -> _Item:
    drawn = _DRAWN.match(text, start) if cron == CRONIE else None
    if drawn:
        return _Item(drawn.group("first"), drawn.group("last"), None, True, drawn.end())
    item = _ITEM.match(text, start)
    if item is None:
        raise Malformed(f"bad {field.name}")
    first, last, step = item.group("first", "last", "step")
    single = bool(first and not last)
    behind = text[item.end() : item.end() + 1]
    lacks_number = (behind == "-" and single) or (behind == "/" and not step)
    if (single and step) or lacks_number or (cron == CRONIE and behind not in ("", ",")):
        raise Malformed(f"bad {field.name}")
    return _Item(first, first if single else last, step, False, item.end())


def _range(item: _Item, field: _Field) -> range:
    first = field.low if item.first is None else _number(item.first, field)
    last = field.high if item.last is None else _number(item.last, field)
    if item.drawn and first <= last:  # it is refused only if what is drawn is out of bounds
        first, last = max(first, field.low), min(last, field.high)
    step = 1 if item.step is None else _number(item.step, field._replace(names=()))
    outside = min(first, last) < field.low or max(first, last) > field.high
    if outside or step == 0 or (item.drawn and first > last):
        raise Malformed(f"bad {field.name}")
    return range(first, last + 1, step)


def _number(word: str, field: _Field) -> int:
    if word.lower() in field.names:
        return field.low + field.names.index(word.lower())
    digits = word.lstrip("0") or "0"
    if not word.isdigit() or len(digits) > _DIGITS:
        raise Malformed(f"bad {field.name}")
    return int(digits)


def _days(schedule: Schedule, first: date) -> Iterator[date]:
    """Yield the days that fit, from the month of ``first`` on, until every day of the calendar has come by."""
    if not (schedule.minutes and schedule.hours):
        return
    for year in range(first.year, min(first.year + _YEARS, date.max.year) + 1):
        for month in sorted(schedule.months):
            length = monthrange(year, month)[1] if (year, month) >= (first.year, first.month) else 0
            for number in range(1, length + 1) if schedule.either else sorted(schedule.days):
                if number <= length and _fits_day(schedule, date(year, month, number)):
                    yield date(year, month, number)


def _fits_day(schedule: Schedule, day: date) -> bool:
    by_number, by_weekday = day.day in schedule.days, day.isoweekday() % 7 in schedule.weekdays
    return day.month in schedule.months and (by_number or by_weekday if schedule.either else by_number and by_weekday)
