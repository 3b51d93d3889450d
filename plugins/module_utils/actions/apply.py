# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The index of what can change a host, and its order: prepare (look again, keep what undo needs), journal, act."""

from typing import Dict, List, Sequence, Union

from ..errors import CannotAct, JournalFailed, Unneeded
from ..model import DONE, FAILED, UNNEEDED, Action, Outcome
from ..plain import one_line
from . import (
    execute_bits,
    opcode_cache,
    php_fpm_limits,
    pidfile,
    runtime_cache,
    scheduled_jobs,
    services,
    signals,
    sysv_ipc,
    timers,
)
from .journal import Journal
from .verb import Prepared, Verb

VERBS: Dict[str, Verb] = dict(
    sysv_ipc.VERBS,
    **pidfile.VERBS,
    **opcode_cache.VERBS,
    **php_fpm_limits.VERBS,
    **scheduled_jobs.VERBS,
    **execute_bits.VERBS,
    **timers.VERBS,
    **signals.VERBS,
    **services.VERBS,
    **runtime_cache.VERBS,
)

DIFF_LINES = 100


def apply(actions: Sequence[Action], journal: Journal) -> List[Outcome]:
    """Do what was planned, and return one outcome an action, in order.

    Everything is prepared and on disk before the first act. Raises JournalFailed, with nothing changed, if it can't be.
    """
    ready = [_prepare(action, journal) for action in actions]
    journal.intents(actions, [step.kept if isinstance(step, Prepared) else {} for step in ready])
    outcomes = [act(step) if isinstance(step, Prepared) else step for step in ready]
    journal.outcomes(outcomes)
    return outcomes


def _prepare(action: Action, journal: Journal) -> Union[Prepared, Outcome]:
    try:
        return VERBS[action.verb].prepare(action, journal)
    except Unneeded as error:
        return Outcome(action, UNNEEDED, str(error))
    except JournalFailed:
        raise
    except CannotAct as error:
        return Outcome(action, FAILED, str(error))


def act(prepared: Prepared) -> Outcome:
    """Do one thing that is prepared and in the journal, and return what became of it."""
    action = prepared.action
    try:
        return Outcome(action, DONE, VERBS[action.verb].act(prepared))
    except Unneeded as error:
        return Outcome(action, UNNEEDED, str(error))
    except CannotAct as error:
        return Outcome(action, FAILED, str(error))


def diff(actions: Sequence[Action]) -> Dict[str, str]:
    """Return what the actions change as Ansible's diff, rendered from the plan: DIFF_LINES objects at most."""
    pairs = [VERBS[action.verb].diff(action) for action in actions[:DIFF_LINES]]
    more = len(actions) - len(pairs)
    rest = [f"… and {more} more objects"] if more > 0 else []
    before = [line for line, _unused in pairs if line] + rest
    after = [line for _unused, line in pairs if line]
    return dict(before=_lines(before), after=_lines(after))


def _lines(texts: Sequence[str]) -> str:
    return "".join(one_line(text) + "\n" for text in texts)
