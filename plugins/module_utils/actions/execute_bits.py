# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take the execute bits of a script, so that run-parts(8) passes it over, and give them back."""

import os
import stat
from typing import Any, Dict, NamedTuple, Tuple, Union, cast

from ..errors import Taken, Unneeded
from ..facts.job_guard import Guard
from ..journal_file import Intent
from ..model import Action
from .journal import Journal
from .verb import Prepared, Verb
from .whole_file import Opened, demand_unchanged, failed, open_file

EXECUTE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class Back(NamedTuple):
    """What undo puts back: the mode ``wanted``, where ``left`` still is what the run left there."""

    path: str
    wanted: int
    left: int


def look(action: Action) -> None:
    with open_file(cast(Guard, action.guard).path) as opened:
        _demand_executable(opened)


def prepare(action: Action, journal: Journal) -> Prepared:
    with open_file(cast(Guard, action.guard).path) as opened:
        _demand_executable(opened)
        before = _mode(opened)
    return Prepared(action, _kept(opened.path, before, before & ~EXECUTE))


def act(prepared: Prepared) -> str:
    with open_file(cast(Guard, prepared.action.guard).path) as opened:
        _demand_executable(opened)
        if _mode(opened) != prepared.kept["before"]:
            raise Unneeded(f"{opened.path}: its mode was changed meanwhile")
        _change(opened, prepared.kept["after"])
    return "nobody may execute it any more"


def undo(intent: Intent) -> Union[Action, str]:
    back = Back(intent.kept["path"], intent.kept["before"], intent.kept["after"])
    return Action(intent.check, "put_back_mode", intent.object, back, "the job does again what it did before")


def diff(action: Action) -> Tuple[str, str]:
    path = cast(Guard, action.guard).path
    return f"{path}: executable", f"{path}: not executable"


def look_back(action: Action) -> None:
    back = cast(Back, action.guard)
    with open_file(back.path, Taken) as opened:
        _demand_left(back, opened)


def prepare_back(action: Action, journal: Journal) -> Prepared:
    look_back(action)
    back = cast(Back, action.guard)
    return Prepared(action, _kept(back.path, back.left, back.wanted))


def act_back(prepared: Prepared) -> str:
    back = cast(Back, prepared.action.guard)
    with open_file(back.path, Taken) as opened:
        _demand_left(back, opened)
        _change(opened, back.wanted)
    return f"its mode is {back.wanted:04o} again"


def diff_back(action: Action) -> Tuple[str, str]:
    back = cast(Back, action.guard)
    return f"{back.path}: mode {back.left:04o}", f"{back.path}: mode {back.wanted:04o}"


VERBS: Dict[str, Verb] = {
    "take_execute_bits": Verb(look, prepare, act, undo, diff),
    "put_back_mode": Verb(look_back, prepare_back, act_back, undo, diff_back),
}


def _demand_executable(opened: Opened) -> None:
    if not opened.seen.st_mode & EXECUTE:
        raise Unneeded(f"{opened.path}: nobody may execute it, so it does not run")


def _demand_left(back: Back, opened: Opened) -> None:
    if _mode(opened) == back.wanted:
        raise Unneeded(f"{opened.path}: its mode is as it was before the run")
    if _mode(opened) != back.left:
        raise Taken(f"{opened.path}: its mode was changed since, so it stays so")


def _change(opened: Opened, mode: int) -> None:
    demand_unchanged(opened)
    try:
        os.fchmod(opened.file, mode)
        os.fsync(opened.file)
    except OSError as error:
        raise failed(opened.path, error) from error


def _mode(opened: Opened) -> int:
    return stat.S_IMODE(opened.seen.st_mode)


def _kept(path: str, before: int, after: int) -> Dict[str, Any]:
    return dict(path=path, before=before, after=after)
