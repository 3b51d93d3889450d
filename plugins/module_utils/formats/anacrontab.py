# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An anacrontab, as anacron(8) reads it (anacrontab(5); readtab.c of cronie and of Debian)."""

import os
import re
from typing import Dict, Iterator, List, Mapping, NamedTuple, Tuple, Union

_SETTING = re.compile(rb"[ \t]*([^ \t=]+)[ \t]*=(.*)\Z", re.DOTALL)
_JOB = re.compile(rb"[ \t]*([0-9]+|@[^ \t]+)[ \t]+([0-9]+)[ \t]+([^ \t/]+)[ \t]+([^ \t].*)\Z", re.DOTALL)
_NAMED = {b"@daily": "daily", b"@weekly": "weekly", b"@monthly": "monthly", b"@yearly": "yearly", b"@annualy": "yearly"}
_COUNTED = {1: "daily", 7: "weekly", 30: "monthly"}
_DIGITS = 9


class AnacronLine(NamedTuple):
    """A job. number: of its line, from 1. text: the line as it stands there. period: ``daily``, or ``every 3 days``.

    delay: minutes that it waits. environment: the settings above it.
    """

    number: int
    text: bytes
    period: str
    delay: int
    command: str
    environment: Mapping[str, str]


class RefusedLine(NamedTuple):
    """A line that anacron skips, with what it may have been meant to run."""

    number: int
    text: bytes
    command: str


def parse(content: bytes) -> Tuple[List[AnacronLine], List[RefusedLine]]:
    """Return the jobs, and the lines that anacron takes for nothing."""
    jobs: List[AnacronLine] = []
    refused: List[RefusedLine] = []
    environment: Dict[str, str] = {}
    for number, text, whole in _lines(content):
        setting = _SETTING.match(whole)
        if setting:
            environment = {**environment, os.fsdecode(setting.group(1)): os.fsdecode(setting.group(2))}
            continue
        said = _job(number, text, whole, environment)
        if isinstance(said, AnacronLine):
            jobs.append(said)
        else:
            refused.append(said)
    return jobs, refused


def _lines(content: bytes) -> Iterator[Tuple[int, bytes, bytes]]:
    """Yield the number and the text of each line that says something, and it with those that a \\ adds to it."""
    held: List[bytes] = []
    first, start = b"", 0
    for number, line in enumerate(content.split(b"\n"), 1):
        if not held:
            first, start = line, number
        if line.endswith(b"\\"):
            held.append(line[:-1])
            continue
        whole, held = b" ".join([*held, line]), []
        if whole.strip(b" \t") and not whole.lstrip(b" \t").startswith(b"#"):
            yield start, first, whole


def _job(number: int, text: bytes, whole: bytes, environment: Mapping[str, str]) -> Union[AnacronLine, RefusedLine]:
    found = _JOB.match(whole)
    period = _period(found.group(1)) if found else ""
    if found is None or not period or len(found.group(2)) > _DIGITS:
        words = whole.split(None, 3)
        return RefusedLine(number, text, os.fsdecode(words[-1] if len(words) > 3 else whole))
    return AnacronLine(number, text, period, int(found.group(2)), os.fsdecode(found.group(4)), environment)


def _period(said: bytes) -> str:
    """Return a period in words, "" for one that anacron does not know."""
    if said.startswith(b"@"):
        return next((word for name, word in _NAMED.items() if said.startswith(name)), "")
    if len(said) > _DIGITS:
        return ""
    return _COUNTED.get(int(said), f"every {int(said)} days")
