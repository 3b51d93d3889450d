# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What every kind of change is made of."""

from typing import Any, Callable, Dict, NamedTuple, Tuple, Union

from ..journal_file import Intent
from ..model import Action
from .journal import Journal


class Prepared(NamedTuple):
    """action: with its guard as it stands after preparing. kept: what undo needs, JSON-able."""

    action: Action
    kept: Dict[str, Any]


class Verb(NamedTuple):
    """One kind of change.

    look(action) reads the guard again and raises Unneeded when the object is no longer what was seen.
    prepare(action, journal) looks, and keeps what undo needs; it changes nothing that the host serves with.
    act(prepared) looks once more, acts, sees whether it worked, and says so in a sentence.
    undo(intent) returns the action that puts the object back, or a sentence that says why it is gone for good.
    diff(action) returns the object before and after in a line each, empty where it does not exist.
    look, prepare and act raise CannotAct when something did not work.
    """

    look: Callable[[Action], None]
    prepare: Callable[[Action, Journal], Prepared]
    act: Callable[[Prepared], str]
    undo: Callable[[Intent], Union[Action, str]]
    diff: Callable[[Action], Tuple[str, str]]
