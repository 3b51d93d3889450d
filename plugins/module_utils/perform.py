# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""look → plan → steps | refusal → act → wait → proof: a state that was asked for is reached, or said not to be."""

import contextlib
import signal
import time
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from .actions.apply import act
from .actions.journal import Journal
from .actions.verb import Prepared
from .errors import CannotAct, PhpfleetError, Unneeded, broken
from .host import Host
from .model import DONE, FAILED, UNNEEDED, Action, Outcome
from .plain import plain
from .transition import Plan, Step, Transition

POLL = 0.1  # seconds between two looks at whether a step has worked
LOOK_AGAIN = 0.25  # seconds between two looks at whether a refusal has passed


class Tried(NamedTuple):
    """What became of a step. missing: what had not come about when its time was over. seconds: that it took."""

    step: Step
    outcome: Outcome
    missing: Optional[str]
    seconds: float

    @property
    def worked(self) -> bool:
        return self.outcome.result != FAILED and self.missing is None


class Performed(NamedTuple):
    """One run: before is what was planned on; after what the proof is over, None where nothing was done."""

    before: Any
    plan: Plan
    tried: Sequence[Tried]
    after: Optional[Any]
    problems: Sequence[str]
    run_id: Optional[str]


def perform(
    transition: Transition,
    wanted: Any,
    look: Callable[[], Host],
    patience: float,
    open_journal: Optional[Callable[[], Journal]],
) -> Performed:
    """Run the flow. ``open_journal`` is None in check mode, which ends at the plan.

    patience: for how many seconds a refusal may pass by itself. Raises CannotLook, Refused and JournalFailed, with
    nothing changed.
    """
    before, plan = _plan(transition, wanted, look, patience)
    if plan.refusal is not None or not plan.steps or open_journal is None:
        return Performed(before, plan, [], None, [], None)
    since = time.time()
    with open_journal() as journal, _undisturbed():
        journal.begin([])
        tried = _Run(transition, look, journal, before).take(plan.steps)
        after, doubts = _proof(transition, wanted, look, before)
        journal.close_run(len(doubts))
    problems = [*_troubles(tried), *doubts]
    if problems:
        problems += _told(transition, look(), before, since)
    return Performed(before, plan, tried, after, [*problems, *journal.troubles], journal.run_id)


def all_steps(steps: Sequence[Step], fallback: bool = False) -> Iterator[Tuple[Step, bool]]:
    """Yield every step, and whether it is one that is done only where another fails."""
    for step in steps:
        yield step, fallback
        yield from all_steps(step.otherwise, True)


def _plan(transition: Transition, wanted: Any, look: Callable[[], Host], patience: float) -> Tuple[Any, Plan]:
    end = time.monotonic() + patience
    while True:
        host = look()
        before = transition.look(host, wanted)
        plan = transition.plan(before, wanted)
        if plan.refusal is None or not plan.passing or time.monotonic() >= end:
            return before, plan
        host.pause(LOOK_AGAIN)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a lost connection, whose terminal sends SIGHUP, not end a run between a stop and its start.

    By a handler that does nothing: what is ignored stays ignored in the programs that are started meanwhile.
    """
    former = signal.signal(signal.SIGHUP, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, former)


class _Run:
    """The steps of one plan, on disk before the first of them: a full disk must not end a run between two of them."""

    def __init__(self, transition: Transition, look: Callable[[], Host], journal: Journal, before: Any) -> None:
        self._transition = transition
        self._look = look
        self._journal = journal
        self._before = before
        self._numbers: List[Step] = []

    def take(self, steps: Sequence[Step]) -> List[Tried]:
        """Take the steps one after the other, and return what became of all of them, those not taken included."""
        self._numbers = [step for step, _unused in all_steps(steps)]
        kept = dict(before=plain(self._transition.show(self._before)))
        self._journal.intents([self._action(step, ()) for step in self._numbers], [kept] * len(self._numbers))
        return self._take(steps, None)

    def _take(self, steps: Sequence[Step], skipped: Optional[str]) -> List[Tried]:
        """A step that failed keeps the later ones of its group from being taken, and no others."""
        tried: List[Tried] = []
        failed: Dict[str, str] = {}
        for step in steps:
            needless = skipped or failed.get(step.group)
            done = self._try(step) if needless is None else self._skip(step, needless)
            tried.append(done)
            tried += self._take(step.otherwise, needless or ("not needed" if done.worked else None))
            if not done.worked:
                failed[step.group] = f"not done, because this failed before: {step.object}"
        return tried

    def _skip(self, step: Step, reason: str) -> Tried:
        return self._told(Tried(step, Outcome(self._action(step, ()), UNNEEDED, reason), None, 0.0))

    def _try(self, step: Step) -> Tried:
        began = time.monotonic()
        outcome = self._done(step)
        missing = None if outcome.result == FAILED else self._missing(step)
        return self._told(Tried(step, outcome, missing, round(time.monotonic() - began, 3)))

    def _told(self, tried: Tried) -> Tried:
        outcome = tried.outcome
        if tried.missing is not None:
            outcome = Outcome(outcome.action, FAILED, tried.missing)
        number = next(number for number, step in enumerate(self._numbers) if step is tried.step)
        self._journal.outcomes([outcome], number)
        return tried

    def _done(self, step: Step) -> Outcome:
        action = self._action(step, ())
        try:
            action = self._action(step, step.guard(self._look()))
        except Unneeded as error:
            return Outcome(action, UNNEEDED, str(error))
        except PhpfleetError as error:
            return Outcome(action, FAILED, str(error))
        except Exception as error:  # a host may be without its service now, and what takes that back is still to come
            return Outcome(action, FAILED, str(broken(error)))
        return act(Prepared(action, {}))

    def _missing(self, step: Step) -> Optional[str]:
        """Return None once a step has worked, or what was still missing when its time was over."""
        end = time.monotonic() + step.seconds
        while True:
            host = self._look()
            try:
                missing = step.until(host)
            except CannotAct as error:
                return str(error)
            except PhpfleetError as error:  # a host that changes may be hard to see for a moment
                missing = str(error)
            except Exception as error:  # as above
                return str(broken(error))
            if missing is None or time.monotonic() >= end:
                return missing
            host.pause(POLL)

    def _action(self, step: Step, guard: Tuple[Any, ...]) -> Action:
        return Action(self._transition.subject, step.verb, step.object, guard, step.risk)


def _proof(
    transition: Transition, wanted: Any, look: Callable[[], Host], before: Any
) -> Tuple[Optional[Any], List[str]]:
    after = None
    try:
        after = transition.look(look(), transition.again(before, wanted))
        return after, list(transition.prove(before, after, wanted))
    except PhpfleetError as error:
        return after, [f"what it came to cannot be seen, which proves nothing: {error}"]


def _troubles(tried: Sequence[Tried]) -> List[str]:
    troubles = []
    for one in tried:
        if one.outcome.result == FAILED:
            troubles.append(f"{one.step.object}: {one.outcome.reason}")
        elif one.missing is not None:
            troubles.append(f"{one.step.object}: after {one.seconds:g} s: {one.missing}")
        elif one.outcome.result == DONE and _is_fallback(one, tried):
            troubles.append(f"{one.step.object}: {one.outcome.reason}; this was done to take back what failed")
    return troubles


def _is_fallback(one: Tried, tried: Sequence[Tried]) -> bool:
    return any(one.step is step for other in tried for step in other.step.otherwise)


def _told(transition: Transition, host: Host, before: Any, since: float) -> List[str]:
    try:
        return list(transition.tell(host, before, since))
    except PhpfleetError as error:
        return [f"its log cannot be read: {error}"]
