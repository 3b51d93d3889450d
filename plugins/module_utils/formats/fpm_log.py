# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of php-fpm's error log (php-src, sapi/fpm/fpm/zlog.c and fpm_children.c).

A worker's own words stand in the same log, behind ``said into stderr``, or bare with decorate_workers_output = no: a
script can write any line there.
"""

import re
from typing import Iterator, Match, NamedTuple, Optional, Tuple, Union

LINE_LIMIT = 16 * 1024  # characters; log_limit allows this many at most
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# With log_level = debug the time has microseconds, and the place in the source follows the level.
_LINE = re.compile(
    r"\[([0-9]{2})-([A-Z][a-z]{2})-(20[0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?\] [A-Z]+: "
    r"(?:pid [0-9]+, [^,]{0,100}, line [0-9]+: )?\[pool ([^\]]+)\] child ([0-9]+) (.*)\Z"
)
_EXITED = re.compile(r"exited (?:on signal|with code) ([0-9]{1,3})\b")
_SAID = "said into stderr: "
_EACCELERATOR = re.compile(r"EACCELERATOR\([0-9]+\): PHP crashed on opline [0-9]+ of ")
_PLACE = re.compile(r"(/.+):([0-9]+)")

When = Tuple[int, int, int, int, int, int]  # year, month, day, hour, minute, second, in the host's own time zone


class Exited(NamedTuple):
    """A worker ended: by a signal, or with an exit code; the other one is None."""

    when: When
    pool: str
    child: int
    signal: Optional[int]
    code: Optional[int]


class CrashedAt(NamedTuple):
    """eAccelerator's own word on a crash of its worker: the script and line that were running."""

    when: When
    pool: str
    child: int
    script: str
    line: int


def parse(text: str) -> Iterator[Union[Exited, CrashedAt]]:
    """Yield the ends and crashes of workers that a log tells of, in order; all else is left out."""
    for line in text.split("\n"):
        found = _LINE.match(line) if len(line) <= LINE_LIMIT else None
        if found is None or found.group(2) not in _MONTHS:
            continue
        day, month, year, hour, minute, second, pool, child, rest = found.groups()
        when = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
        exited, crashed = _EXITED.match(rest), _crashed_at(rest)
        if exited:
            number = int(exited.group(1))
            by_signal = rest.startswith("exited on signal")
            yield Exited(when, pool, int(child), number if by_signal else None, None if by_signal else number)
        elif crashed:
            yield CrashedAt(when, pool, int(child), crashed.group(1), int(crashed.group(2)))


def _crashed_at(rest: str) -> Optional[Match[str]]:
    """Return the script and the line of a crash. Step by step: one expression for it all takes the cube of a line."""
    begin = _EACCELERATOR.search(rest) if rest.startswith(_SAID) else None
    at = rest.rfind(" at /", begin.end() - 1) if begin else -1
    return _PLACE.match(rest, at + len(" at ")) if at >= 0 else None
