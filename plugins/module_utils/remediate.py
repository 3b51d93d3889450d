# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""plan → change → proof: what is found is planned, what is planned is done, and only a second look calls it done."""

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from .actions.apply import apply
from .actions.journal import Journal
from .audit import Audit, audit
from .host import Host
from .model import FAILED, FOUND, UNKNOWN, Action, Check, Checked, Finding, Outcome
from .policy import Policy


class Plan(NamedTuple):
    """actions: what to do. refusals: why a subject is left alone although there is something to do."""

    actions: Sequence[Action]
    refusals: Sequence[str]


class Remedy(NamedTuple):
    """One run: before is the look that was planned on, after the look that proves, None where nothing was done."""

    before: Audit
    plan: Plan
    outcomes: Sequence[Outcome]
    after: Optional[Audit]
    remaining: Sequence[Finding]
    problems: Sequence[str]
    run_id: Optional[str]


def make_plan(seen: Audit, policy: Policy, max_changes: int) -> Plan:
    """Plan over every check that found something; a subject with more than max_changes objects is left out whole."""
    by_subject: Dict[str, List[Action]] = {}
    planned: Dict[Tuple[str, str], Action] = {}
    for checked in seen.checked:
        actions = [action for action in _actions(checked, policy) if not _is_planned(action, planned)]
        if actions:
            by_subject.setdefault(checked.check.subject, []).extend(actions)
    refusals = [
        f"{subject}: {len(actions)} objects would change, more than max_changes={max_changes}; none was touched. "
        f"Look at the findings, then raise max_changes to {len(actions)} or narrow the selection"
        for subject, actions in by_subject.items()
        if len(actions) > max_changes
    ]
    allowed = [action for actions in by_subject.values() if len(actions) <= max_changes for action in actions]
    return Plan(allowed, refusals)


def _actions(checked: Checked, policy: Policy) -> List[Action]:
    # An unknown check plans nothing, whatever it saw of its objects: unknown is not a licence to act.
    if checked.verdict.state != FOUND or checked.check.plan is None:
        return []
    return checked.check.plan(checked.verdict.findings, policy)


def _is_planned(action: Action, planned: Dict[Tuple[str, str], Action]) -> bool:
    """Whether another check wants the same change of the same object already: it is one change, and done once."""
    first = planned.setdefault((action.verb, action.object), action)
    return first is not action and first.guard == action.guard


def remediate(
    look: Callable[[], Host],
    policy: Policy,
    checks: Sequence[Check],
    max_changes: int,
    open_journal: Optional[Callable[[], Journal]],
) -> Remedy:
    """Run the flow. ``look`` makes a new host reader. ``open_journal`` is None in check mode: it ends at the plan."""
    before = audit(look(), policy, checks)
    plan = make_plan(before, policy, max_changes)
    if open_journal is None or not plan.actions:
        return Remedy(before, plan, [], None, [], list(plan.refusals), None)
    with open_journal() as journal:
        journal.begin(before.findings)
        outcomes = apply(plan.actions, journal)
        acted = {action.check for action in plan.actions}
        after = audit(look(), policy, [check for check in checks if check.id in acted])
        remaining = _remaining(plan.actions, after)
        journal.close_run(len(remaining))
    problems = list(plan.refusals) + _problems(outcomes, after, remaining) + journal.troubles
    return Remedy(before, plan, outcomes, after, remaining, problems, journal.run_id)


def _remaining(actions: Sequence[Action], after: Audit) -> List[Finding]:
    acted_on: Dict[Tuple[str, str], Action] = {(action.check, action.object): action for action in actions}
    return [
        finding
        for checked in after.checked
        for finding in checked.verdict.findings
        for action in [acted_on.get((finding.check, finding.object))]
        if action is not None and checked.check.same(action, finding)
    ]


def _problems(outcomes: Sequence[Outcome], after: Audit, remaining: Sequence[Finding]) -> List[str]:
    failed = [outcome for outcome in outcomes if outcome.result == FAILED]
    problems = []
    if failed:
        problems.append(f"{len(failed)} actions failed, the first: {failed[0].action.object}: {failed[0].reason}")
    if remaining:
        problems.append(f"{len(remaining)} objects are still found after the change, the first: {remaining[0].summary}")
    for checked in after.checked:
        if checked.verdict.state == UNKNOWN:
            problems.append(
                f"{checked.check.id} is unknown after the change, which proves nothing: {checked.verdict.reason}"
            )
    return problems


def reload_needed(actions: Sequence[Action], findings: Sequence[Finding]) -> List[Dict[str, Any]]:
    """Return which masters must be reloaded for actions to take effect: check, masters, reason, and count of objects.

    A remedy reloads nothing by itself. The evidence of a finding says what it would need: ``masters`` and ``reload``.
    """
    evidence = {(finding.check, finding.object): finding.evidence for finding in findings}
    counts: Dict[Tuple[str, Tuple[int, ...], str], int] = {}
    for action in actions:
        of = evidence.get((action.check, action.object))
        reason = getattr(of, "reload", None)
        if reason:
            key = (action.check, getattr(of, "masters", ()), reason)
            counts[key] = counts.get(key, 0) + 1
    return [
        dict(check=check, masters=list(masters), reason=reason, count=count)
        for (check, masters, reason), count in counts.items()
    ]
