# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What earlier runs of a remedy did to jobs, by the journals that they left on the host."""

import base64
import os
from typing import Any, Dict, Iterator, List, NamedTuple, Tuple

from ..errors import Missing
from ..host import Host
from ..journal_file import ENDING, JOURNALS, Intent, began, parse_intents, run_ids
from ..model import DONE
from ..plain import Secret
from ..policy import Policy

JOURNAL_LIMIT = 256 * 1024 * 1024  # bytes; one of 65,000 objects has 40 MB

LINE_VERBS = ("comment_out_line", "rewrite_line")
SCRIPT_VERB, TIMER_VERB = "take_execute_bits", "disable_timer"
_BACK = ("put_back_line", "put_back_mode", "put_back_timer")
_VERBS = (*LINE_VERBS, SCRIPT_VERB, TIMER_VERB, *_BACK)


class Done(NamedTuple):
    """A job that a run disabled or made graceful. path, text: the file, and its line as it stood before, b"" for a
    script of its own; for a timer its name and b"". when: seconds since the epoch. undone: a later run put it back, as
    asked.
    """

    run_id: str
    when: float
    verb: str
    object: str
    path: str
    text: Secret
    undone: bool


class RemediesDone(NamedTuple):
    done: Tuple[Done, ...]


def gather(host: Host, policy: Policy) -> RemediesDone:
    """Return what was done to jobs on this host, oldest first. Raises CannotLook where journals cannot be read.

    Runs that were given another state_dir than STATE_DIR are not known, nor those that keep_days has forgotten.
    """
    done: List[Done] = []
    for run_id, intent in _intents(host):
        if intent.verb in _BACK:
            done = [_after(one, intent) for one in done]
        else:
            path, text = _before(intent.kept)
            done.append(Done(run_id, began(run_id), intent.verb, intent.object, path, text, False))
    return RemediesDone(tuple(done))


def _intents(host: Host) -> Iterator[Tuple[str, Intent]]:
    """Yield what was done to jobs, with the id of its run."""
    try:
        names = host.list(JOURNALS)
    except Missing:
        return  # no run ever changed this host
    for run_id in run_ids(names):
        path = f"{JOURNALS}/{run_id}{ENDING}"
        content = host.read(path, JOURNAL_LIMIT)
        # Most runs are about other things; a thousand intents of one verb are one line.
        if any(verb.encode("ascii") in content for verb in _VERBS):
            for intent in (one for one in parse_intents(os.fsdecode(content), path) if one.verb in _VERBS):
                if intent.result == DONE or (intent.result is None and intent.verb in _BACK):
                    yield run_id, intent  # one that was cut short and asked for the job is no reason to miss it


def _before(kept: Dict[str, Any]) -> Tuple[str, Secret]:
    """Return where it was, and what it was there, by what a run kept for undo."""
    if "unit" in kept:
        return kept["unit"], Secret()
    return kept["path"], _line(kept, "before")


def _after(one: Done, back: Intent) -> Done:
    """Return what was done, as a later undo left it; what is undone in turn is done again."""
    kept = back.kept
    if kept.get("unit", kept.get("path")) != one.path:
        return one
    if back.verb == "put_back_line":
        sides = [_line(kept, "before"), _line(kept, "after")]
        return one._replace(undone=sides.index(one.text) == 1) if one.text in sides else one
    if back.verb == "put_back_mode":
        return one._replace(undone=kept["after"] > kept["before"])  # they differ in execute bits alone
    return one._replace(undone=not kept["active"] and kept["enabled"] == "disabled")


def _line(kept: Dict[str, Any], side: str) -> Secret:
    """Return a line of before or after; a script of its own keeps modes instead of lines."""
    line = kept[side]
    return Secret(base64.b64decode(line)) if isinstance(line, str) else Secret()
