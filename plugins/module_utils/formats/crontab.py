# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A crontab, as cron reads it (crontab(5)): jobs, the settings in force at each, and lines that cron refuses.

The rules are those of the two crons that Linux has, which differ: user.c, entry.c, env.c, misc.c and do_command.c of
Debian's cron 3.0pl1 and of cronie 1.7. The first takes nothing of a table with one wrong line; the second skips that
line. Both read a NUL byte as the end of a line.
"""

import os
import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..errors import Malformed, TooLarge
from . import cron_schedule
from .cron_schedule import CRONIE, DEBIAN, Schedule


class CronLine(NamedTuple):
    """A job of a crontab.

    number: of its line, from 1. text: the line as it stands in the file, without its end. schedule: its five fields, or
    its word with an @, joined by spaces. when: the same, as cron understands it. user:
    the sixth field of a system's crontab, None in a user's own. command: what the shell is given: all up to the first %
    that has no backslash before it, decoded as file names are. fed: whether what comes after that % is fed to it.
    environment: the settings above it, as cron hands them on.
    """

    number: int
    text: bytes
    schedule: str
    when: Schedule
    user: Optional[str]
    command: str
    fed: bool
    environment: Mapping[str, str]


class RefusedLine(NamedTuple):
    """A line that cron takes for no job and no setting: it never runs, for that reason, mostly in cron's own words.

    command: what the shell would have been given, None where the line has none.
    """

    number: int
    text: bytes
    reason: str
    command: Optional[str]


class Crontab(NamedTuple):
    """lines: the jobs, also where ``ignored`` says why cron takes nothing of the whole file, None where it takes it."""

    lines: Tuple[CronLine, ...]
    refused: Tuple[RefusedLine, ...]
    ignored: Optional[str]


class _Piece(NamedTuple):
    """What cron reads at one go: ``said`` of the line ``text``. ended: by a newline or a NUL, not by the file's end."""

    number: int
    text: bytes
    said: bytes
    ended: bool


class _Setting(NamedTuple):
    name: str
    value: str


class _Job(NamedTuple):
    schedule: str
    when: Schedule
    user: Optional[str]
    command: str
    fed: bool


DEBIAN_LINES = 10003  # MAX_TAB_LINES, and three lines of a header that crontab(1) once wrote
# What cronie takes of users' own tables, the last in bytes in a row. Where no cron has such a limit, it is ours.
SETTINGS_LIMIT, JOBS_LIMIT, COMMENTS_LIMIT = 1000, 10000, 32768
_LINE_LIMIT = {DEBIAN: 998, CRONIE: 131071}  # MAX_ENVSTR and MAX_COMMAND, in bytes; both cut a longer setting

_STATEMENT = re.compile(rb"^[ \t]*(?=[^ \t\n#])[^\n]*", re.MULTILINE)
_PIECE = re.compile(rb"[^\0]+")
_NAME = re.compile(rb"(?:'([^'=]*)'|\"([^\"=]*)\"|([^'\"\s=][^\s=]*|))\s*=\s*")
_QUOTED = re.compile(rb"(?:'([^']*)'|\"([^\"]*)\")\s*\Z")
_TIMES = re.compile(rb"(@[^ \t]*|[^ \t]+(?:[ \t]+[^ \t]+){0,4})[ \t]*")
_BLANKS = re.compile("[ \t]+")
_PERCENT = re.compile(rb"\\(.)|%", re.DOTALL)


def parse(content: bytes, system: bool, cron: str = DEBIAN) -> Crontab:
    """Return what a crontab says to DEBIAN or CRONIE; ``system`` where its lines name a user.

    Raises TooLarge where cron might take more settings, jobs or times of a job than anybody writes by hand.
    """
    lines: List[CronLine] = []
    refused: List[RefusedLine] = []
    environments: List[Dict[str, str]] = [{}]
    ignored = _commented_out(content) if cron == CRONIE and not system else None
    for piece in _pieces(content):
        try:
            said = _read(piece, system, cron)
        except Malformed as error:
            refused.append(RefusedLine(piece.number, piece.text, str(error), _command_within(piece.said, system, cron)))
        except TooLarge as error:
            raise TooLarge(f"line {piece.number}: {error}") from error
        else:
            if isinstance(said, _Setting):
                environments.append({**environments[-1], said.name: said.value})
            else:
                lines.append(CronLine(piece.number, piece.text, *said, environment=environments[-1]))
        too_much = _too_much(piece.number, len(environments) - 1, len(lines) + len(refused), system, cron)
        if too_much:
            ignored = too_much
            break
    return Crontab(tuple(lines), tuple(refused), ignored or _spoilt(refused, cron))


def _pieces(content: bytes) -> Iterator[_Piece]:
    number, counted = 1, 0
    for line in _STATEMENT.finditer(content):
        number += content.count(b"\n", counted, line.start())
        counted = line.start()
        text = line.group()
        for piece in _PIECE.finditer(text):
            said = piece.group().lstrip(b" \t")
            if said.startswith(b"#"):
                break
            if said:
                yield _Piece(number, text, said, piece.end() < len(text) or line.end() < len(content))


def _commented_out(content: bytes) -> Optional[str]:
    end, longest = 0, 0
    for number, line in enumerate(_STATEMENT.finditer(content)):
        if number > SETTINGS_LIMIT + JOBS_LIMIT:
            return None  # that is too much already
        longest = max(longest, line.start() - end)
        end = line.end() + 1
    if max(longest, len(content) - end) < COMMENTS_LIMIT:
        return None
    return f"cronie takes nothing of a user's table with {COMMENTS_LIMIT} bytes of comments in a row"


def _too_much(number: int, settings: int, jobs: int, system: bool, cron: str) -> Optional[str]:
    if cron == DEBIAN and number > DEBIAN_LINES:
        return f"{DEBIAN} takes nothing of a table that says something behind line {DEBIAN_LINES}"
    if settings <= SETTINGS_LIMIT and jobs <= JOBS_LIMIT:
        return None
    too_many = f"more than {SETTINGS_LIMIT} settings or {JOBS_LIMIT} jobs"
    if cron == CRONIE and not system:
        return f"cronie takes nothing of a user's table with {too_many}"
    raise TooLarge(f"line {number}: the table has {too_many}, which is more than is looked at; split it")


def _spoilt(refused: Sequence[RefusedLine], cron: str) -> Optional[str]:
    if cron != DEBIAN or not refused:
        return None
    return f"line {refused[0].number}: {refused[0].reason}; {DEBIAN} takes nothing of a table with such a line"


def _read(piece: _Piece, system: bool, cron: str) -> Union[_Setting, _Job]:
    if not piece.ended:
        raise Malformed("missing newline before EOF")
    setting = _setting(piece.said[: _LINE_LIMIT[cron]], cron)
    if setting:
        return setting
    try:
        return _job(piece.said, system, cron)
    except Malformed as error:
        if _NAME.match(piece.said):
            hint = "a setting has a value, and nothing behind the closing quote of it"
            raise Malformed(f"{error} ({hint})") from None
        raise


def _setting(said: bytes, cron: str) -> Optional[_Setting]:
    name = _NAME.match(said)
    if name is None:
        return None
    value = said[name.end() :]
    if value[:1] in (b"'", b'"'):
        quoted = _QUOTED.match(value)
        if quoted is None:
            return None
        value = quoted.group(1) or quoted.group(2) or b""
        if cron == DEBIAN:  # which takes the blanks off all the same, and one more pair of quotes
            value = value.rstrip()
            value = value[1:-1] if len(value) > 1 and value[:1] in (b"'", b'"') and value[:1] == value[-1:] else value
    elif cron == DEBIAN and not value:
        return None
    else:
        value = value.rstrip()
    return _Setting(os.fsdecode(name.group(name.lastindex or 0)), os.fsdecode(value))


def _job(said: bytes, system: bool, cron: str) -> _Job:
    # With a - before it, root's jobs of cronie are not logged.
    times = _TIMES.match(said, 1 if cron == CRONIE and said.startswith(b"-") else 0)
    if times is None:
        raise Malformed("bad minute")
    schedule = _BLANKS.sub(" ", os.fsdecode(times.group(1)))
    when = cron_schedule.parse(schedule, cron)
    rest = said[times.end() :]
    if rest.startswith(b"*") and not (system and cron == DEBIAN):
        raise Malformed("bad command")
    user = None
    if system:
        user, rest = _user(rest, cron)
    command, fed = _command(rest, cron)
    return _Job(schedule, when, user, command, fed)


def _user(rest: bytes, cron: str) -> Tuple[str, bytes]:
    """Return the user and what comes behind the blank after it."""
    name = rest.replace(b"\t", b" ").partition(b" ")[0]
    if len(name) == len(rest):  # Debian's cron then takes the next line for a part of the name
        raise Malformed("bad username" if cron == DEBIAN else "bad command")
    return os.fsdecode(name), rest[len(name) + 1 :]


def _command(rest: bytes, cron: str) -> Tuple[str, bool]:
    if cron == CRONIE:
        rest = rest.lstrip(b" \t")
        if rest.startswith(b"-"):  # mail only where it fails
            if not re.match(rb"-n[ \t]+(?![ \t-])", rest):
                raise Malformed("bad option")
            rest = rest[2:].lstrip(b" \t")
        if not rest:
            raise Malformed("bad command")
    elif len(rest) > _LINE_LIMIT[cron]:
        raise Malformed("command too long")
    return _unescaped(rest[: _LINE_LIMIT[cron]], cron)


def _command_within(said: bytes, system: bool, cron: str) -> Optional[str]:
    """Return what stands where a command does, behind times or a user that cron does not take."""
    times = 1 if said.startswith(b"@") else 5
    fields = times + (1 if system else 0)
    rest = said.split(None, fields)[fields:]
    return _unescaped(rest[0][: _LINE_LIMIT[CRONIE]], cron)[0] if rest and not _NAME.match(said) else None


def _unescaped(command: bytes, cron: str) -> Tuple[str, bool]:
    """Return a command up to the first bare %, and whether there is one; do_command.c of both."""
    escapable = (b"%", b"\\") if cron == DEBIAN else (b"%",)
    parts: List[bytes] = []
    begin = 0
    for found in _PERCENT.finditer(command):
        if found.group() == b"%":
            return os.fsdecode(b"".join([*parts, command[begin : found.start()]])), True
        if found.group(1) in escapable:
            parts.append(command[begin : found.start()])
            begin = found.start(1)
    return os.fsdecode(b"".join([*parts, command[begin:]])), False
