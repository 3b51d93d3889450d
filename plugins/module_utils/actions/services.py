# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start a service: by the service manager, its init script, or its own program that puts itself into the background."""

from typing import Dict, Sequence, Tuple, cast

from ..errors import CannotAct, CannotLook
from ..host import Host
from ..journal_file import Intent
from ..model import Action
from ..transition import Command
from .journal import Journal
from .verb import Prepared, Verb

OUTPUT_LIMIT = 256 * 1024
LINES = 10  # of what a program said, in the reason of a failure


def look(action: Action) -> None:
    """What a start needs is seen by the guard of its step: that none of it runs."""


def prepare(action: Action, journal: Journal) -> Prepared:
    return Prepared(action, dict(argv=list(cast(Command, action.guard).argv)))


def act(prepared: Prepared) -> str:
    asked = cast(Command, prepared.action.guard)
    try:
        _run(asked.argv, asked.seconds)
        return f"`{' '.join(asked.argv)}` ended with status 0"
    except CannotAct as error:
        if not asked.mend:
            raise
        _run(asked.mend, asked.seconds)
        _run(asked.argv, asked.seconds)
        return f"`{' '.join(asked.argv)}` ended with status 0 after `{' '.join(asked.mend)}`; without it: {error}"


def undo(intent: Intent) -> str:
    return "a start is not taken back; ask for the state that was before the run, which is in its journal"


def diff(action: Action) -> Tuple[str, str]:
    return "", f"{action.verb} {action.object}"


VERBS: Dict[str, Verb] = {"start_service": Verb(look, prepare, act, undo, diff)}


def _run(argv: Sequence[str], seconds: float) -> None:
    """Run a program to its end; what it leaves in the background has a session of its own, and is not ended with it."""
    words = " ".join(argv)
    try:
        ran = Host().run(argv, seconds, OUTPUT_LIMIT)
    except CannotLook as error:
        raise CannotAct(f"`{words}` could not be run: {error}") from error
    if ran.status != 0:
        said = [line for line in ran.output.decode("utf-8", "backslashreplace").split("\n") if line.strip()]
        raise CannotAct(f"`{words}` ended with status {ran.status}: " + " | ".join(said[-LINES:]))
