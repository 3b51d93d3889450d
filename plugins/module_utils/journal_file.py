# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal of a run as it lies on the host: its layout, and how it is read. actions/journal.py writes it.

Layout below the state directory (root only, 0700): ``lock``, ``journal/<run_id>.jsonl`` and ``quarantine/<run_id>``.
A journal is one JSON object a line: ``run``, the ``findings``, the ``intents``, one an action with what undo needs, and
after the acts the ``outcomes``, one an intent; ``end`` when the run was proven. A run that was cut short lacks the
later lines. Those in the plural hold up to a thousand records of one kind each, as rows.py writes them: what these have
in common is under ``same``, and every record has a row of its own for the ``fields`` that differ.
"""

import calendar
import json
import re
import time
from itertools import chain
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence

from .errors import Malformed
from .rows import from_rows

STATE_DIR = "/var/lib/phpfleet"
JOURNALS = STATE_DIR + "/journal"  # of runs that were given no other state_dir
RUN_ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}\Z")
VERSION = 1  # of this layout; nobody reads another
ENDING = ".jsonl"

# A host may have 65,000 findings, which nobody needs who asks what was done.
_FINDINGS = '{"record": "findings"'


class Intent(NamedTuple):
    """One action as the journal holds it. kept is what undo needs; result is None when the run was cut short."""

    number: int
    check: str
    verb: str
    object: str
    kept: Dict[str, Any]
    result: Optional[str]


def began(run_id: str) -> float:
    """Return when a run began, in seconds since the epoch."""
    return calendar.timegm(time.strptime(run_id[:15], "%Y%m%dT%H%M%S"))


def run_ids(names: Iterable[str]) -> List[str]:
    """Return the runs whose journals are among the names of a directory, oldest first."""
    ids = (name[: -len(ENDING)] for name in names if name.endswith(ENDING))
    return sorted((one for one in ids if RUN_ID.match(one)), key=began)


def parse_intents(content: str, path: str) -> List[Intent]:
    """Return the intents of a journal with what became of them; ``path`` is for errors. Raises Malformed."""
    whole = content.split("\n")[:-1]  # a last line without its end was cut off while it was written
    try:
        return _intents([json.loads(line) for line in whole if not line.startswith(_FINDINGS)], path)
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"{path}: a line is damaged", path=path) from error


def _intents(lines: Sequence[Dict[str, Any]], path: str) -> List[Intent]:
    if lines and lines[0]["version"] != VERSION:
        raise Malformed(
            f"{path}: its layout is version {lines[0]['version']}, and {VERSION} is the one known here; read it with "
            "the release of phpfleet.remediation that made it",
            path=path,
        )
    results = {record["number"]: record["result"] for record in _records(lines, "outcomes")}
    return [Intent(result=results.get(record["number"]), **record) for record in _records(lines, "intents")]


def _records(lines: Sequence[Dict[str, Any]], kind: str) -> Iterator[Dict[str, Any]]:
    return chain.from_iterable(from_rows(line) for line in lines if line["record"] == kind)
