# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An init script of /etc/init.d, as far as it says which signal its stop sends. It is read, and never run."""

import re
from typing import List, Optional

LINE_LIMIT = 4096  # characters

_STOP = re.compile(r"\s*(?:function\s+)?(?:do_stop|stop|stop_[a-z_]+|[a-z_]+_stop)\s*(?:\(\s*\))?\s*\{?\s*\Z")
_CASE = re.compile(r"\s*[\"']?stop[\"']?\)")
_END_OF_FUNCTION = re.compile(r"\s*\}\s*\Z")
_END_OF_CASE = re.compile(r"(?:.*\s)?;;\s*\Z")
_STOPS = re.compile(r"(?:^|[\s;&|(`/])(?:kill|killproc|pkill|killall|start-stop-daemon)\s")
_SIGNAL = re.compile(
    r"(?:--signal[ =]|--retry[ =]|-s\s*|-R\s*|\s-)(?:SIG)?(QUIT|TERM|INT|KILL|HUP|USR[12]|15|9|3|2)(?![A-Za-z0-9])"
)
_BY_NUMBER = {"15": "TERM", "9": "KILL", "3": "QUIT", "2": "INT"}


def stop_signal(text: str) -> Optional[str]:
    """Return the first signal that stopping sends, such as QUIT or TERM; None where the script does not show it."""
    for line in _stopping(text):
        command = _STOPS.search(line)
        if command is None or "--start" in line:
            continue
        signal = _SIGNAL.search(line, command.end() - 1)
        if signal is None:
            return "TERM"  # what each of them sends when it is told no other
        return _BY_NUMBER.get(signal.group(1), signal.group(1))
    return None


def _stopping(text: str) -> List[str]:
    """Return the lines of the function that stops, then those of the case of that name."""
    lines = [line for line in text.split("\n") if len(line) <= LINE_LIMIT and not line.lstrip().startswith("#")]
    functions: List[str] = []
    cases: List[str] = []
    inside, ends = None, _END_OF_FUNCTION
    for line in lines:
        if inside is None and _STOP.match(line) and ("(" in line or "function" in line):
            inside, ends = functions, _END_OF_FUNCTION
        elif inside is None and _CASE.match(line):
            inside, ends = cases, _END_OF_CASE
            inside.append(line)
        elif inside is not None:
            inside.append(line)
        if inside is not None and ends.match(line):
            inside = None
    return functions + cases
