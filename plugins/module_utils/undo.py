# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put back what a run took away: its journal is the plan, and each object is looked at before it is touched."""

from typing import Callable, List, NamedTuple, Optional, Sequence

from .actions.apply import VERBS, apply
from .actions.journal import Journal, read_intents
from .errors import CannotAct, Taken, Unneeded
from .journal_file import Intent
from .model import FAILED, UNNEEDED, Action, Lost, Outcome


class UndoPlan(NamedTuple):
    """actions: what to put back. lost: what nobody can. problems: what could not be looked at, so it is left alone."""

    actions: Sequence[Action]
    lost: Sequence[Lost]
    problems: Sequence[str]


class Undone(NamedTuple):
    plan: UndoPlan
    outcomes: Sequence[Outcome]
    problems: Sequence[str]
    run_id: Optional[str]


def plan_undo(intents: Sequence[Intent]) -> UndoPlan:
    """Return what to put back, newest first. What is back already, or was never taken, is in none of the lists."""
    actions: List[Action] = []
    lost: List[Lost] = []
    problems: List[str] = []
    for intent in reversed(intents):
        # Nothing kept: it was never ready to be done. A failure, or a run cut short, may have changed it all the same,
        # and the object itself shows whether it did.
        if intent.result == UNNEEDED or not intent.kept:
            continue
        try:
            actions.append(_action(intent))
        except Taken as error:
            lost.append(Lost(intent.object, str(error)))
        except Unneeded:
            continue
        except CannotAct as error:
            problems.append(f"{intent.object} could not be put back: {error}")
    return UndoPlan(actions, lost, problems)


def _action(intent: Intent) -> Action:
    answer = VERBS[intent.verb].undo(intent)
    if isinstance(answer, str):
        raise Taken(answer)
    VERBS[answer.verb].look(answer)
    return answer


def undo(state_dir: str, run_id: str, open_journal: Optional[Callable[[], Journal]]) -> Undone:
    """Undo a run; open_journal is None in check mode, which ends with the plan. Raises Refused and JournalFailed."""
    plan = plan_undo(read_intents(state_dir, run_id))
    if open_journal is None or not plan.actions:
        return Undone(plan, [], plan.problems, None)
    with open_journal() as journal:
        journal.begin([])
        outcomes = apply(plan.actions, journal)
        failed = [outcome for outcome in outcomes if outcome.result == FAILED]
        journal.close_run(len(failed))
    problems = [f"{outcome.action.object} could not be put back: {outcome.reason}" for outcome in failed]
    return Undone(plan, outcomes, [*plan.problems, *problems, *journal.troubles], journal.run_id)
