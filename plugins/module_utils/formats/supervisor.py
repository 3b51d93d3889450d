# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration of supervisord(1), which reads it by Python's own parser of ini files; so does this."""

import configparser
import re
import signal
from typing import Dict, List, Mapping, NamedTuple, Optional

from ..errors import Malformed

Sections = Mapping[str, Mapping[str, str]]
# supervisor/options.py: what is said where a program says nothing
STOP_SECONDS = 10
_TRUE = {"yes", "true", "on", "1"}
_NUMBER = re.compile(r"[0-9]{1,9}\Z")


class Stopping(NamedTuple):
    """How supervisord stops a program: the signal, how many seconds it waits for the end before it sends KILL.

    as_group: the signal goes to the whole process group, else to the process alone that supervisord started.
    """

    signal: int
    seconds: float
    as_group: bool


def parse(text: str) -> Sections:
    """Return the settings of each section. Raises Malformed where supervisord would not start with it."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    try:
        parser.read_string(text)
    except configparser.ParsingError as error:
        # Not the error's own words: they quote the line, and whoever runs a supervisord names what root reads here.
        number = error.lineno if hasattr(error, "lineno") else error.errors[0][0]
        raise Malformed(f"line {number}: supervisord takes no such line") from None
    found: Dict[str, Dict[str, str]] = {name: dict(parser.items(name)) for name in parser.sections()}
    return found


def includes(sections: Sections) -> List[str]:
    """Return the patterns of [include], which belong to the directory of the file that says them."""
    return sections.get("include", {}).get("files", "").split()


def stopping(program: Mapping[str, str]) -> Stopping:
    """Return how a program is stopped. Raises Malformed where supervisord would not take it."""
    seconds = program.get("stopwaitsecs", str(STOP_SECONDS)).strip()
    if not _NUMBER.match(seconds):
        raise Malformed(f"stopwaitsecs = {seconds[:100]!r} is no number of seconds")
    group = program.get("stopasgroup", "false").strip().lower() in _TRUE
    return Stopping(_signal(program.get("stopsignal", "TERM")), float(seconds), group)


def section_of(sections: Sections, group: str, process: str) -> Optional[str]:
    """Return the section that describes a process, by the names that supervisord hands to it in its environment."""
    for name in (f"program:{group}", f"program:{process}"):
        if name in sections:
            return name
    members = sections.get(f"group:{group}", {}).get("programs", "").replace(",", " ").split()
    fitting = [name for name in members if process.startswith(name) and f"program:{name}" in sections]
    return f"program:{max(fitting, key=len)}" if fitting else None


def _signal(text: str) -> int:
    name = text.strip().upper()
    if _NUMBER.match(name) and 0 < int(name) < signal.NSIG:
        return int(name)
    number = getattr(signal, name if name.startswith("SIG") else f"SIG{name}", None)
    if not isinstance(number, signal.Signals):
        raise Malformed(f"stopsignal = {text[:100]!r} is no signal")
    return int(number)
