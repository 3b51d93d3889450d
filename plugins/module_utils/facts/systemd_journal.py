# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""systemd's journal, by journalctl(1). Fields that begin with ``_`` are the journal's own: nobody else can set them."""

import json
import os
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Forbidden, Missing
from ..host import Host

PROGRAMS = ("/usr/bin/journalctl", "/bin/journalctl")
ANSWER_SECONDS = 10.0
ANSWER_LIMIT = 16 * 1024 * 1024
ENTRIES_LIMIT = 4000
MESSAGE_LIMIT = 4096


class Entry(NamedTuple):
    """One entry. when: seconds since the epoch. source: SYSLOG_IDENTIFIER, or the name of the program.

    pid: who wrote it, by the journal's own word, None for the kernel. unit: the one that a message of systemd is about.
    """

    when: float
    source: str
    pid: Optional[int]
    unit: Optional[str]
    message: str


def read(host: Host, matches: Sequence[str], since: float, until: Optional[float] = None) -> Tuple[Entry, ...]:
    """Return the newest ENTRIES_LIMIT entries that meet ``FIELD=value`` matches, in order.

    Raises CannotLook where there is no journal, or this user may not see all of it.
    """
    if not host.is_root():
        raise Forbidden("journalctl: this user does not see what others wrote into the journal; run with become")
    argv = ["--no-pager", "--quiet", "--output=json", f"--lines={ENTRIES_LIMIT}", f"--since=@{int(since)}"]
    argv += [f"--until=@{int(until) + 1}"] if until is not None else []
    return tuple(_entries(_ask(host, argv + list(matches))))


def _ask(host: Host, argv: Sequence[str]) -> bytes:
    for program in PROGRAMS:
        try:
            answer = host.run([program, *argv], ANSWER_SECONDS, ANSWER_LIMIT)
        except Missing:
            continue
        if answer.status:
            raise CannotLook(f"{program}: it failed with {answer.status}: {os.fsdecode(answer.output[:200]).strip()}")
        return answer.output
    raise Missing(f"{PROGRAMS[0]}: there is no such program, so the journal is not looked at")


def _entries(output: bytes) -> List[Entry]:
    entries = []
    for line in output.split(b"\n"):
        try:
            fields = json.loads(line.decode("utf-8", "replace")) if line.startswith(b"{") else None
        except ValueError:
            continue  # a line of its own words, such as a hint
        if isinstance(fields, dict) and str(fields.get("__REALTIME_TIMESTAMP", "")).isdigit():
            entries.append(_entry(fields))
    return entries


def _entry(fields: Any) -> Entry:
    pid = _text(fields.get("_PID"))
    return Entry(
        when=int(fields["__REALTIME_TIMESTAMP"]) / 1e6,
        source=_text(fields.get("SYSLOG_IDENTIFIER")) or _text(fields.get("_COMM")),
        pid=int(pid) if pid.isdigit() else None,
        unit=_text(fields.get("UNIT")) or None,
        message=_text(fields.get("MESSAGE"))[:MESSAGE_LIMIT],
    )


def _text(value: Any) -> str:
    """Return a field: a string, a list of bytes where it is not UTF-8, null where it is too long to be shown."""
    if isinstance(value, list):
        numbers = [one for one in value if isinstance(one, int) and 0 <= one < 256]
        return os.fsdecode(bytes(numbers))
    return value if isinstance(value, str) else ""
