# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take one line of a crontab, an anacrontab or a logrotate script out of force, or write it anew, and put it back.

A line takes the place of a line, so that no other one moves and several of one file can be changed in any order. cron
reads a file anew by its time, and a spool by the time of its directory: rename(2) gives both a new one.
"""

import base64
import os
import re
from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union, cast

from ..errors import Taken, Unneeded
from ..facts.job_guard import Guard
from ..formats.shell import shown
from ..journal_file import Intent
from ..model import Action
from ..plain import Secret
from . import whole_file
from .journal import Journal
from .verb import Prepared, Verb
from .whole_file import Opened, open_file

_TIME = r"[0-9*][0-9*/,-]*[ \t]+"
_DAY = r"[0-9A-Za-z*][0-9A-Za-z*/,-]*[ \t]+"
_HEAD = re.compile(rf"(?:# phpfleet \S+ disabled \(\S+\): )?(?:@[a-z]+[ \t]+|(?:{_TIME}){{3}}(?:{_DAY}){{2}})?")


class Back(NamedTuple):
    """What undo puts back: wanted, where ``left`` still is what the run left there. line: where it was, from 1 on.

    fresh: the name that the run gave to a new file while it acted, which is still there when it was cut short.
    """

    path: str
    line: int
    wanted: Secret
    left: Secret
    fresh: str


def look(action: Action) -> None:
    guard = cast(Guard, action.guard)
    with open_file(guard.path) as opened:
        _demand_seen(guard, opened)


def prepare(action: Action, journal: Journal) -> Prepared:
    look(action)
    guard = cast(Guard, action.guard)
    return Prepared(action, _kept(guard.path, guard.line, guard.text, _after(action, journal.run_id)))


def act(prepared: Prepared) -> str:
    guard = cast(Guard, prepared.action.guard)
    with open_file(guard.path) as opened:
        _demand_seen(guard, opened)
        _exchange(opened, guard.line, prepared.kept)
    return "commented out" if prepared.action.verb == "comment_out_line" else "written anew"


def undo(intent: Intent) -> Union[Action, str]:
    kept = intent.kept
    back = Back(kept["path"], kept["line"], _secret(kept["before"]), _secret(kept["after"]), kept["fresh"])
    return Action(intent.check, "put_back_line", intent.object, back, "the job does again what it did before")


def diff(action: Action) -> Tuple[str, str]:
    guard = cast(Guard, action.guard)
    place, line = f"{guard.path}:{guard.line}: ", _shown(guard.text)
    if action.verb == "comment_out_line":
        return place + line, f"{place}# {line}"
    return place + line, place + os.fsdecode(guard.wanted).strip()


def look_back(action: Action) -> None:
    back = cast(Back, action.guard)
    with open_file(back.path, Taken) as opened:
        _line_to_put_back(back, opened)


def prepare_back(action: Action, journal: Journal) -> Prepared:
    look_back(action)
    back = cast(Back, action.guard)
    return Prepared(action, _kept(back.path, back.line, back.left, back.wanted))


def act_back(prepared: Prepared) -> str:
    back = cast(Back, prepared.action.guard)
    with open_file(back.path, Taken) as opened:
        line = _line_to_put_back(back, opened)
        whole_file.unlink(opened.directory, back.fresh)
        if line is None:
            return "what the run had left beside it is removed"
        _exchange(opened, line, prepared.kept)
    return "put back"


def diff_back(action: Action) -> Tuple[str, str]:
    back = cast(Back, action.guard)
    place = f"{back.path}:{back.line}: "
    return place + _shown(back.left), place + _shown(back.wanted)


VERBS: Dict[str, Verb] = {
    "comment_out_line": Verb(look, prepare, act, undo, diff),
    "rewrite_line": Verb(look, prepare, act, undo, diff),
    "put_back_line": Verb(look_back, prepare_back, act_back, undo, diff_back),
}


def _after(action: Action, run_id: str) -> bytes:
    """Return the new line: by the run and its reason in it, a reader of the file and undo know whose it is."""
    guard = cast(Guard, action.guard)
    if action.verb == "comment_out_line":
        return f"# phpfleet {run_id} disabled ({action.check}): ".encode("ascii") + guard.text
    return guard.wanted + f" # phpfleet {run_id}".encode("ascii")


def _demand_seen(guard: Guard, opened: Opened) -> None:
    lines = opened.content.split(b"\n")
    if guard.line > len(lines) or lines[guard.line - 1] != guard.text:
        raise Unneeded(f"{guard.path}:{guard.line}: the line is another one by now; look again")


def _line_to_put_back(back: Back, opened: Opened) -> Optional[int]:
    """Return the line where ``left`` stands, wherever that is by now; None where only ``fresh`` is to go."""
    lines = opened.content.split(b"\n")
    if back.left in lines:
        return lines.index(back.left) + 1
    if back.wanted not in lines:
        raise Taken(f"{back.path}: the line that the run left there was changed or removed since, so it stays so")
    if back.fresh not in os.listdir(opened.directory):
        raise Unneeded(f"{back.path}: the line is as it was before the run")
    return None


def _exchange(opened: Opened, line: int, kept: Dict[str, Any]) -> None:
    lines: List[bytes] = opened.content.split(b"\n")
    lines[line - 1] = _secret(kept["after"])
    whole_file.replace(opened, b"\n".join(lines), kept["fresh"])


def _kept(path: str, line: int, before: bytes, after: bytes) -> Dict[str, Any]:
    return dict(path=path, line=line, before=_text(before), after=_text(after), fresh=whole_file.beside())


def _text(line: bytes) -> str:
    return base64.b64encode(line).decode("ascii")


def _secret(text: str) -> Secret:
    return Secret(base64.b64decode(text))


def _shown(line: bytes) -> str:
    """Return a line without what may be secret: our own mark and the times of a crontab are none."""
    text = os.fsdecode(line).strip()
    head = _HEAD.match(text)
    end = head.end() if head else 0
    return text[:end] + shown(text[end:])
