# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time zones: the compiled files of tzfile(5), RFC 8536, and the text of tzset(3) that says the rules of today.

Python has a reader of its own since 3.9 only, and time.tzset() would move the clock of the whole process.
"""

import re
import struct
from bisect import bisect_right
from calendar import isleap, timegm
from datetime import date, datetime, timedelta
from typing import NamedTuple, Optional, Sequence, Tuple

from ..errors import Malformed

_HEADER = struct.Struct(">4sc15x6L")
_EPOCH = datetime(1970, 1, 1)
_HOUR, _DAY = 3600, 86400
OFFSET_LIMIT = 25 * _HOUR  # RFC 8536, 3.2: no genuine one is larger

_NAME = r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)"
_TIME = r"[+-]?[0-9]{1,3}(?::[0-9]{2}){0,2}"
_DATE = rf"(?:M[0-9]{{1,2}}\.[1-5]\.[0-6]|J?[0-9]{{1,3}})(?:/{_TIME})?"
_RULE = re.compile(
    rf"{_NAME}(?P<standard>{_TIME})"
    rf"(?P<has_summer>{_NAME}(?P<summer>{_TIME})?(?:,(?P<begins>{_DATE}),(?P<ends>{_DATE}))?)?\Z"
)
_USUAL_DATES = (("begins", "M3.2.0"), ("ends", "M11.1.0"))  # glibc's where a summer time has none


class Rule(NamedTuple):
    """The time of one half of every year, and that of the other between two dates. Offsets in seconds east of UTC."""

    standard: int
    summer: int
    begins: Optional[str]
    ends: Optional[str]


class Zone(NamedTuple):
    """offsets: in force before the first of ``changes`` (seconds since the epoch) and from each of them on; ``rule``
    from the last on, None where the last offset stays.
    """

    changes: Sequence[int]
    offsets: Sequence[int]
    rule: Optional[Rule]


UTC = Zone((), (0,), None)


def parse(content: bytes) -> Zone:
    """Return what a compiled time zone says. Raises Malformed."""
    version, counts, start = _header(content, 0)
    if version == b"\0":
        return _zone(content, start, counts, 4, None)
    version, counts, start = _header(content, start + _length(counts, 4))
    footer = content[start + _length(counts, 8) :].strip(b"\n").decode("ascii", "replace")
    return _zone(content, start, counts, 8, parse_rule(footer) if footer else None)


def parse_rule(text: str) -> Rule:
    """Return what a text such as ``CET-1CEST,M3.5.0,M10.5.0/3`` says. Raises Malformed."""
    said = _RULE.match(text)
    if said is None:
        raise Malformed(f"{text[:100]!r} says no rule of a time zone as tzset(3) has them")
    standard = -_seconds(said.group("standard"))
    if not said.group("has_summer"):
        return Rule(standard, standard, None, None)
    summer = -_seconds(said.group("summer")) if said.group("summer") else standard + _HOUR
    begins, ends = (said.group(name) or usual for name, usual in _USUAL_DATES)
    try:
        _date(2000, begins), _date(2000, ends)
    except ValueError:
        raise Malformed(f"{text[:100]!r} names a day that no year has") from None
    return Rule(standard, summer, begins, ends)


def of_rule(text: str) -> Zone:
    """Return the zone that such a text says. Raises Malformed."""
    rule = parse_rule(text)
    return Zone((), (rule.standard,), rule)


def offset(zone: Zone, moment: float) -> int:
    """Return how many seconds its clock is ahead of UTC at a time in seconds since the epoch."""
    if zone.rule is not None and (not zone.changes or moment >= zone.changes[-1]):
        return _by_rule(zone.rule, moment)
    return zone.offsets[bisect_right(zone.changes, moment)]


def wall(zone: Zone, moment: float) -> datetime:
    """Return what its clock shows."""
    return _EPOCH + timedelta(seconds=moment + offset(zone, moment))


def moments(zone: Zone, shown: datetime) -> Tuple[float, ...]:
    """Return when its clock shows that: once, twice where it is put back then, or never where it skips that time."""
    seconds = (shown - _EPOCH).total_seconds()
    possible = sorted({offset(zone, seconds - _DAY), offset(zone, seconds + _DAY)}, reverse=True)
    return tuple(seconds - one for one in possible if offset(zone, seconds - one) == one)


def skipped_to(zone: Zone, shown: datetime) -> float:
    """Return the moment at which the clock skipped a time that it never shows."""
    seconds = (shown - _EPOCH).total_seconds()
    before, after = offset(zone, seconds - _DAY), offset(zone, seconds + _DAY)
    early, late = int(seconds) - after - 1, int(seconds) - before + 1
    while late - early > 1:
        middle = (early + late) // 2
        if offset(zone, middle) == before:
            early = middle
        else:
            late = middle
    return float(late)


def _header(content: bytes, at: int) -> Tuple[bytes, Sequence[int], int]:
    """Return the version, the six counts of a block, and where its data begin."""
    if len(content) < at + _HEADER.size:
        raise Malformed("it is shorter than the header of a compiled time zone")
    magic, version, *counts = _HEADER.unpack_from(content, at)
    if magic != b"TZif":
        raise Malformed("it does not begin as compiled time zones do, with TZif")
    return version, counts, at + _HEADER.size


def _length(counts: Sequence[int], width: int) -> int:
    is_utc, is_standard, leaps, changes, types, names = counts
    return changes * (width + 1) + types * 6 + names + leaps * (width + 4) + is_standard + is_utc


def _zone(content: bytes, start: int, counts: Sequence[int], width: int, rule: Optional[Rule]) -> Zone:
    changes, types = counts[3:5]
    if len(content) < start + _length(counts, width) or not types:
        raise Malformed("it is shorter than its header says")
    times = struct.unpack_from(f">{changes}{'q' if width == 8 else 'l'}", content, start)
    kinds = content[start + changes * width : start + changes * (width + 1)]
    offsets = [struct.unpack_from(">l", content, start + changes * (width + 1) + kind * 6)[0] for kind in range(types)]
    if list(times) != sorted(times) or any(kind >= types for kind in kinds) or max(map(abs, offsets)) > OFFSET_LIMIT:
        raise Malformed("its changes are out of order, or of no clock")
    return Zone(times, [offsets[kind] for kind in b"\0" + kinds], rule)


def _by_rule(rule: Rule, moment: float) -> int:
    if rule.begins is None or rule.ends is None:
        return rule.standard
    year = (_EPOCH + timedelta(seconds=moment + rule.standard)).year
    begins, ends = _date(year, rule.begins) - rule.standard, _date(year, rule.ends) - rule.summer
    # On the southern half it is summer at both ends of the year.
    summer = begins <= moment < ends if begins < ends else not ends <= moment < begins
    return rule.summer if summer else rule.standard


def _date(year: int, text: str) -> int:
    """Return the seconds from the epoch to a date of a rule, on the zone's own clock. Raises ValueError."""
    said, _unused, time = text.partition("/")
    if said.startswith("M"):
        month, week, weekday = map(int, said[1:].split("."))
        first = date(year, month, 1)
        day = first + timedelta(days=(weekday - first.isoweekday()) % 7 + 7 * (week - 1))
        if day.month != month:  # the fifth is the last
            day -= timedelta(days=7)
    else:
        number = int(said.lstrip("J"))
        if not (1 <= number <= 365 if said.startswith("J") else 0 <= number <= 365):
            raise ValueError(text)
        leap = said.startswith("J") and number > 59 and isleap(year)  # J never counts 29 February
        day = date(year, 1, 1) + timedelta(days=number - said.startswith("J") + leap)
    return timegm(day.timetuple()) + _seconds(time or "2")


def _seconds(text: str) -> int:
    parts = [int(part) for part in text.lstrip("+-").split(":")] + [0, 0]
    seconds = parts[0] * _HOUR + parts[1] * 60 + parts[2]
    return -seconds if text.startswith("-") else seconds
