# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put back what a run took away: its journal is the plan, and each object is looked at before it is touched."""

from typing import Callable, List, NamedTuple, Optional, Sequence

from .actions.apply import VERBS, apply
from .actions.journal import Intent, Journal, read_intents
from .errors import Unneeded
from .model import FAILED, UNNEEDED, Action, Lost, Outcome


class UndoPlan(NamedTuple):
    actions: Sequence[Action]
    lost: Sequence[Lost]


class Undone(NamedTuple):
    plan: UndoPlan
    outcomes: Sequence[Outcome]
    problems: Sequence[str]
    run_id: Optional[str]


def plan_undo(intents: Sequence[Intent]) -> UndoPlan:
    """Return what to put back, newest first. What is back already, or was never taken, is in neither list."""
    actions: List[Action] = []
    lost: List[Lost] = []
    for intent in reversed(intents):
        # Nothing kept: it was never ready to be done. A failure, or a run cut short, may have changed it all the same,
        # and the object itself shows whether it did.
        if intent.result == UNNEEDED or not intent.kept:
            continue
        answer = VERBS[intent.verb].undo(intent)
        if isinstance(answer, str):
            lost.append(Lost(intent.object, answer))
        elif _is_needed(answer):
            actions.append(answer)
    return UndoPlan(actions, lost)


def _is_needed(action: Action) -> bool:
    try:
        VERBS[action.verb].look(action)
    except Unneeded:
        return False
    return True


def undo(state_dir: str, run_id: str, open_journal: Optional[Callable[[], Journal]]) -> Undone:
    """Undo a run; open_journal is None in check mode, which ends with the plan. Raises Refused and JournalFailed."""
    plan = plan_undo(read_intents(state_dir, run_id))
    if open_journal is None or not plan.actions:
        return Undone(plan, [], [], None)
    with open_journal() as journal:
        journal.begin([])
        outcomes = apply(plan.actions, journal)
        failed = [outcome for outcome in outcomes if outcome.result == FAILED]
        journal.close_run(len(failed))
    problems = [f"{outcome.action.object} could not be put back: {outcome.reason}" for outcome in failed[:5]]
    return Undone(plan, outcomes, problems + journal.troubles, journal.run_id)
