# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fold a host's findings, actions and outcomes into groups, so that a result stays small whatever the host looks like.

One group is one check, owner, cause, severity and remedy; 32,768 segments of one leak are one entry with a count. Up to
EXAMPLES of a kind stay entries of their own: folding them hides more than it saves. The full list is in the journal.
"""

import json
from typing import Any, Dict, List, Sequence, Tuple, TypeVar

from .model import RESULTS, SEVERITIES, Action, Finding, Lost, Outcome
from .plain import plain

EXAMPLES = 5
GROUPS = 200
BYTES = 200 * 1024  # for each of the lists; with facts and diff a result stays below 1 MiB

Key = Tuple[Any, ...]
Folded = TypeVar("Folded")


def fold_findings(findings: Sequence[Finding]) -> List[Dict[str, Any]]:
    """Return groups, worst first: the fields of the first finding, ``count``, and EXAMPLES objects as ``examples``."""
    groups: Dict[Key, List[Finding]] = {}
    for finding in findings:
        groups.setdefault(_finding_key(finding), []).append(finding)
    ordered = sorted(_unfolded(groups), key=lambda group: SEVERITIES.index(group[0].severity))
    return _bounded([_finding_group(group) for group in ordered])


def fold_actions(actions: Sequence[Action], findings: Sequence[Finding]) -> List[Dict[str, Any]]:
    """Return groups of actions by verb, risk and the group of their findings."""
    keys = _keys(findings)
    groups: Dict[Key, List[Action]] = {}
    for action in actions:
        groups.setdefault((action.verb, action.risk, *keys.get((action.check, action.object), ())), []).append(action)
    return _bounded([_action_group(group) for group in _unfolded(groups)])


def fold_outcomes(outcomes: Sequence[Outcome], findings: Sequence[Finding]) -> List[Dict[str, Any]]:
    """Return groups of outcomes by verb, result and the group of their findings; a failure shows its first reason."""
    keys = _keys(findings)
    groups: Dict[Key, List[Outcome]] = {}
    for outcome in outcomes:
        action = outcome.action
        key = (action.verb, outcome.result, *keys.get((action.check, action.object), ()))
        groups.setdefault(key, []).append(outcome)
    ordered = sorted(_unfolded(groups), key=lambda group: RESULTS.index(group[0].result))
    return _bounded([_outcome_group(group) for group in ordered])


def fold_lost(lost: Sequence[Lost]) -> List[Dict[str, Any]]:
    """Return groups of what is gone for good by its reason."""
    groups: Dict[str, List[Lost]] = {}
    for one in lost:
        groups.setdefault(one.reason, []).append(one)
    return _bounded([_lost_group(group) for group in groups.values()])


def _unfolded(groups: Dict[Key, List[Folded]]) -> List[List[Folded]]:
    """Take small groups apart, unless that would make more entries than a result holds."""
    pieces: List[List[Folded]] = []
    for group in groups.values():
        pieces += [group] if len(group) > EXAMPLES else [[one] for one in group]
    return pieces if len(pieces) <= GROUPS else list(groups.values())


def _finding_key(finding: Finding) -> Key:
    evidence = finding.evidence
    owner, cause = getattr(evidence, "owner", None), getattr(evidence, "cause", None)
    return (finding.check, owner, cause, finding.severity, finding.remedy, finding.risk)


def _keys(findings: Sequence[Finding]) -> Dict[Tuple[str, str], Key]:
    return {(finding.check, finding.object): _finding_key(finding) for finding in findings}


def _finding_group(group: List[Finding]) -> Dict[str, Any]:
    entry: Dict[str, Any] = plain(group[0])
    return dict(entry, **_counted([finding.object for finding in group]))


def _action_group(group: List[Action]) -> Dict[str, Any]:
    first = group[0]
    entry = dict(check=first.check, verb=first.verb, object=first.object, guard=first.guard, risk=first.risk)
    return dict(plain(entry), **_counted([action.object for action in group]))


def _outcome_group(group: List[Outcome]) -> Dict[str, Any]:
    first = group[0]
    action = first.action
    entry = dict(check=action.check, verb=action.verb, object=action.object, result=first.result, reason=first.reason)
    return dict(plain(entry), **_counted([outcome.action.object for outcome in group]))


def _lost_group(group: List[Lost]) -> Dict[str, Any]:
    return dict(plain(group[0]), **_counted([one.object for one in group]))


def _counted(objects: List[str]) -> Dict[str, Any]:
    return dict(count=len(objects), examples=plain(objects[:EXAMPLES]))


def _bounded(groups: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """Keep what fits, worst first. The rest is counted, one entry for each kind that a reader selects by."""
    kept: List[Dict[str, Any]] = []
    used = 0
    for number, group in enumerate(groups):
        used += len(json.dumps(group))
        if number == GROUPS or used > BYTES:
            return kept + _rest(groups[number:])
        kept.append(group)
    return kept


def _rest(groups: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    kinds: Dict[Key, List[Dict[str, Any]]] = {}
    for group in groups:
        kind = (*[group.get(name) for name in ("check", "severity", "verb", "result")], group.get("remedy") is None)
        kinds.setdefault(kind, []).append(group)
    return [_rest_entry(alike) for alike in kinds.values()]


def _rest_entry(groups: List[Dict[str, Any]]) -> Dict[str, Any]:
    entry = dict(groups[0], evidence={}, guard={}, examples=[], count=sum(group["count"] for group in groups))
    entry["summary"] = f"{entry['count']} more objects in {len(groups)} groups; the journal or plan_file lists them all"
    entry["object"] = "…"
    return {name: value for name, value in entry.items() if name in groups[0] or name == "summary"}
