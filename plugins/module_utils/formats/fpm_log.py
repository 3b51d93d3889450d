# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of php-fpm's error log (php-src, sapi/fpm/fpm: zlog.c, fpm_children.c, fpm_process_ctl.c, fpm_request.c).

A worker's own words stand in the same log, behind ``said into stderr``: what they say is told as the worker's word,
never as the master's. With decorate_workers_output = no they stand there bare, and a script can write any line.
"""

import re
from typing import Iterator, NamedTuple, Optional, Tuple, Union

LINE_LIMIT = 16 * 1024  # characters; log_limit allows this many at most
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# With log_level = debug the time has microseconds, and the place in the source follows the level. To syslog there is no
# time, and no pid.
_STAMP = re.compile(
    r"\[([0-9]{2})-([A-Z][a-z]{2})-(20[0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?\] [A-Z]+: "
)
_LEVEL = re.compile(r"\[[A-Z]+\] ")
_PLACE_IN_SOURCE = re.compile(r"(?:pid [0-9]+, )?[a-z0-9_()]{1,100}, line [0-9]+: ")
_POOL = re.compile(r"\[pool ([^\]]+)\] ")
_CHILD = re.compile(r"child ([0-9]{1,10})(,? )")
_EXITED = re.compile(r"exited (on signal|with code) ([0-9]{1,3})\b(?:.* after ([0-9]{1,10}\.[0-9]{1,6}) seconds)?")
_TIMED_OUT = re.compile(r"execution timed out \(([0-9]{1,10}\.[0-9]{1,6}) sec\), terminating")
_MAX_CHILDREN = re.compile(r"server reached (?:pm\.)?max_children setting \(([0-9]{1,10})\)")
_SAID = "said into stderr: "
_EACCELERATOR = re.compile(r"EACCELERATOR\([0-9]+\): PHP crashed on opline [0-9]+ of ")
_PLACE = re.compile(r"(/.+):([0-9]{1,10})")
_LOCKER = re.compile(r"\([0-9]{1,10}\): Warning Attempting to kill locker ([0-9]{1,10})\b")

READY = "ready"
TERMINATING = "terminating"
FINISHING = "finishing"
RELOADING = "reloading"
EMERGENCY = "emergency reload"
EXITING = "exiting"
REFUSED = "refused to start"
_TURNS = (
    ("ready to handle connections", READY),
    ("Terminating ...", TERMINATING),
    ("Finishing ...", FINISHING),
    ("Reloading in progress ...", RELOADING),
    ("failed processes threshold (", EMERGENCY),
    ("exiting, bye-bye!", EXITING),
    ("FPM initialization failed", REFUSED),
)

When = Tuple[int, int, int, int, int, int]  # year, month, day, hour, minute, second, in the host's own time zone


class Exited(NamedTuple):
    """A worker ended: by a signal, or with an exit code; the other one is None. lived: seconds, where that is told."""

    when: When
    pool: str
    child: int
    signal: Optional[int]
    code: Optional[int]
    lived: Optional[float]


class TimedOut(NamedTuple):
    """The master is about to end a worker by request_terminate_timeout; seconds: how long its request had run.

    request: method and path, without the query. Both it and script are what the request named.
    """

    when: When
    pool: str
    child: int
    script: str
    request: str
    seconds: float


class MaxChildren(NamedTuple):
    """A pool wanted more workers than pm.max_children allows."""

    when: When
    pool: str
    limit: int


class Turn(NamedTuple):
    """The master's own state changed: READY, TERMINATING (TERM or INT), FINISHING (QUIT), RELOADING and so on."""

    when: When
    what: str


class CrashedAt(NamedTuple):
    """eAccelerator's own word on a crash of its worker: the script and line that were running."""

    when: When
    pool: str
    child: int
    script: str
    line: int


class LockerKilled(NamedTuple):
    """OPcache's word, said by a worker: it kills another one that holds the cache when it is to be restarted."""

    when: When
    pool: str
    child: int
    locker: int


Event = Union[Exited, TimedOut, MaxChildren, Turn, CrashedAt, LockerKilled]


def parse(text: str) -> Iterator[Event]:
    """Yield what a log tells of, in order; all else is left out."""
    for line in text.split("\n"):
        found = _STAMP.match(line) if len(line) <= LINE_LIMIT else None
        when = _when(found.groups()) if found else None
        event = parse_message(when, line[found.end() :]) if found and when else None
        if event is not None:
            yield event


def parse_message(when: When, message: str) -> Optional[Event]:
    """Return what a line without its time tells of, also one as syslog has it; None for all else."""
    if len(message) > LINE_LIMIT:
        return None
    for prefix in (_LEVEL, _PLACE_IN_SOURCE):
        found = prefix.match(message)
        message = message[found.end() :] if found else message
    pool = _POOL.match(message)
    if pool is None:
        return next((Turn(when, what) for start, what in _TURNS if message.startswith(start)), None)
    return _of_pool(when, pool.group(1), message[pool.end() :])


def first_time(text: str) -> Optional[When]:
    """Return the time of the first line that has one."""
    for line in text.split("\n"):
        found = _STAMP.match(line)
        when = _when(found.groups()) if found else None
        if when is not None:
            return when
    return None


def _when(words: Tuple[str, ...]) -> Optional[When]:
    day, month, year, hour, minute, second = words
    if month not in _MONTHS:
        return None
    return int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second)


def _of_pool(when: When, pool: str, rest: str) -> Optional[Event]:
    child = _CHILD.match(rest)
    if child is None:
        reached = _MAX_CHILDREN.match(rest)
        return MaxChildren(when, pool, int(reached.group(1))) if reached else None
    number, rest = int(child.group(1)), rest[child.end() :]
    if child.group(2) == ", ":
        return _timed_out(when, pool, number, rest)
    if rest.startswith(_SAID):
        return _said(when, pool, number, rest[len(_SAID) :])
    exited = _EXITED.match(rest)
    if exited is None:
        return None
    by_signal, ended = exited.group(1) == "on signal", int(exited.group(2))
    lived = float(exited.group(3)) if exited.group(3) else None
    return Exited(when, pool, number, ended if by_signal else None, None if by_signal else ended, lived)


def _timed_out(when: When, pool: str, child: int, rest: str) -> Optional[Event]:
    """Read ``script 'S' (request: "M /P?Q") execution timed out (…)`` from its end: S and P may hold any words."""
    end = rest.rfind('") ')
    begin = rest.find("' (request: \"")
    late = _TIMED_OUT.match(rest, end + 3) if end > 0 else None
    if late is None or begin < 0 or not rest.startswith("script '"):
        return None
    request = rest[begin + len("' (request: \"") : end].partition("?")[0]
    return TimedOut(when, pool, child, rest[len("script '") : begin], request, float(late.group(1)))


def _said(when: When, pool: str, child: int, words: str) -> Optional[Event]:
    """Return what a worker says of a crash. Step by step: one expression for it all takes the cube of a line."""
    locker = _LOCKER.search(words)
    if locker:
        return LockerKilled(when, pool, child, int(locker.group(1)))
    begin = _EACCELERATOR.search(words)
    at = words.rfind(" at /", begin.end() - 1) if begin else -1
    place = _PLACE.match(words, at + len(" at ")) if at >= 0 else None
    return CrashedAt(when, pool, child, place.group(1), int(place.group(2))) if place else None
