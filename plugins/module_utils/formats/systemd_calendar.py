# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Times as systemd(1) prints them, and what ``systemd-analyze calendar`` says of calendar expressions."""

import re
from datetime import datetime
from typing import List, NamedTuple, Optional

_TIME = re.compile(
    r"(?:[A-Z][a-z]{2} )?([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.[0-9]+)?(?: (\S+))?\Z"
)
_ELAPSE = re.compile(r"\s*(?:Next elapse|Iter(?:ation|\.) #[0-9]+): (.*)\Z")
_IN_UTC = re.compile(r"\s*\(in UTC\): (.*)\Z")


class Time(NamedTuple):
    """wall: what a clock shows. utc: it is that of UTC, else the host's own."""

    wall: datetime
    utc: bool


def time(text: str) -> Optional[Time]:
    """Return a time such as ``Mon 2026-11-23 03:00:00 CET``, None for ``n/a``, ``never`` or none at all."""
    found = _TIME.match(text.strip())
    if found is None:
        return None
    try:
        return Time(datetime.strptime(found.group(1), "%Y-%m-%d %H:%M:%S"), found.group(2) == "UTC")
    except ValueError:
        return None  # a day that no month has


def elapses(text: str) -> List[List[Time]]:
    """Return the next times of each expression that systemd-analyze was given, in order."""
    found: List[List[Time]] = []
    for line in text.split("\n"):
        said = _ELAPSE.match(line) or _IN_UTC.match(line)
        if line.lstrip().startswith("Normalized form:"):
            found.append([])
        elif said and found:
            when = time(said.group(1))
            if when is None:
                continue
            if _IN_UTC.match(line):  # the same as the line before
                found[-1][-1:] = [when]
            else:
                found[-1].append(when)
    return found
