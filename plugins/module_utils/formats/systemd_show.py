# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``systemctl show`` prints: a block of ``Property=value`` for each unit, with an empty line between two."""

import re
from typing import Dict, List, Optional

from ..errors import Malformed

# systemd.time(7), as format_timespan() of systemd writes it.
_SECONDS = {
    "y": 31557600.0,
    "month": 2629800.0,
    "w": 604800.0,
    "d": 86400.0,
    "h": 3600.0,
    "min": 60.0,
    "s": 1.0,
    "ms": 0.001,
    "us": 0.000001,
}
_SPAN = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-z]+)\Z")
_COMMAND = re.compile(r"\{ path=.*? ; argv\[\]=(.*) ; (?:ignore_errors|flags)=")

Block = Dict[str, List[str]]


def parse(text: str) -> List[Block]:
    """Return the values of each property, one block a unit; ExecStart and its like may have several."""
    blocks = []
    for part in re.split(r"\n{2,}", text.strip("\n")):
        block: Block = {}
        for line in part.split("\n"):
            name, sign, value = line.partition("=")
            if sign:
                block.setdefault(name, []).append(value)
        blocks.append(block)
    return blocks


def seconds(text: str) -> Optional[float]:
    """Return a time span such as ``1min 30s``; None for ``infinity``. Raises Malformed."""
    if text == "infinity":
        return None
    total = 0.0
    for word in text.split() or ["?"]:
        span = _SPAN.match("0s" if word == "0" else word)
        if span is None or span.group(2) not in _SECONDS:
            raise Malformed(f"{text[:100]!r}: it is no time span as systemd.time(7) has them")
        total += float(span.group(1)) * _SECONDS[span.group(2)]
    return total


def command(text: str) -> str:
    """Return the words of a command line, joined by spaces, as systemd shows it with its state."""
    match = _COMMAND.match(text)
    return match.group(1) if match else text
