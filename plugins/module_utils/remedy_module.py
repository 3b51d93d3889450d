# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End a module that changes: the remedy of one subject or of all, or the undo of a run. Check mode returns the plan."""

import contextlib
import gc
import json
import os
import tempfile
from typing import Any, Dict, List, Optional, Sequence

from ansible.module_utils.basic import AnsibleModule

from .actions.apply import diff
from .actions.journal import Journal, demand_keep_days
from .actions.shelf import forget_shelves
from .audit import Audit, entries
from .errors import PhpfleetError
from .fold import fold_actions, fold_findings, fold_lost, fold_outcomes
from .host import Host
from .journal_file import STATE_DIR
from .model import DONE, Action, Outcome, Subject
from .plain import plain
from .remediate import Plan, Remedy, reload_needed, remediate
from .request import options, request
from .undo import Undone, undo

STATE_OPTIONS: Dict[str, Dict[str, Any]] = dict(state_dir=dict(type="path", default=STATE_DIR))
REMEDY_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    STATE_OPTIONS,
    max_changes=dict(type="int", default=500),
    keep_days=dict(type="int", default=30),
    plan_file=dict(type="path"),
)
UNBOUNDED = 1 << 62


def run(*subjects: Subject, part: Optional[str] = None) -> None:
    """Be the remedy of one subject, of a part of it (request.PARTS), or of several, each with options of its name."""
    gc.disable()  # a module lives for seconds; its 65,000 findings hold no cycle, and would be walked again and again
    only = part or (subjects[0].name if len(subjects) == 1 else None)
    module = AnsibleModule(argument_spec=dict(options(only), **REMEDY_OPTIONS), supports_check_mode=True)
    params = module.params

    def open_journal() -> Journal:
        journal = Journal(params["state_dir"], dict(module=module._name, options=plain(params)), params["keep_days"])
        with contextlib.ExitStack() as opened:
            opened.push(journal)
            forget_shelves(params["state_dir"])
            opened.pop_all()
        return journal

    try:
        asked = request(only, params, [check for subject in subjects for check in subject.checks])
        demand_keep_days(params["keep_days"])
        done = remediate(
            Host, asked.policy, asked.checks, params["max_changes"], None if module.check_mode else open_journal
        )
    except PhpfleetError as error:
        module.fail_json(msg=plain(str(error)), **plain(error.details))
    if params["plan_file"] and module.check_mode:
        _write_plan(module, done.before, done.plan)
    _end(module, _remedy_result(done, bool(module.check_mode)), done.problems)


def run_undo() -> None:
    """Be the module that puts back what a run took away."""
    spec = dict(STATE_OPTIONS, run_id=dict(type="str", required=True))
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    params = module.params

    def open_journal() -> Journal:
        return Journal(params["state_dir"], dict(module=module._name, undoes=params["run_id"]))

    try:
        undone = undo(params["state_dir"], params["run_id"], None if module.check_mode else open_journal)
    except PhpfleetError as error:
        module.fail_json(msg=plain(str(error)), **plain(error.details))
    _end(module, _undo_result(undone, bool(module.check_mode)), undone.problems)


def _remedy_result(done: Remedy, check_mode: bool) -> Dict[str, Any]:
    findings = done.before.findings
    result: Dict[str, Any] = dict(
        changed=bool(done.plan.actions) if check_mode else _changed(done.outcomes),
        findings=fold_findings(findings),
        checks=entries(done.before),
        proof=entries(done.after) if done.after else [],
        actions=fold_actions(done.plan.actions, findings),
        remaining=fold_findings(done.remaining),
        run_id=done.run_id,
        reload_needed=reload_needed(done.plan.actions if check_mode else _done(done.outcomes), findings),
        diff=diff(done.plan.actions),
    )
    return result if check_mode else dict(result, outcomes=fold_outcomes(done.outcomes, findings))


def _undo_result(undone: Undone, check_mode: bool) -> Dict[str, Any]:
    result: Dict[str, Any] = dict(
        changed=bool(undone.plan.actions) if check_mode else _changed(undone.outcomes),
        actions=fold_actions(undone.plan.actions, []),
        lost=fold_lost(undone.plan.lost),
        run_id=undone.run_id,
        diff=diff(undone.plan.actions),
    )
    return result if check_mode else dict(result, outcomes=fold_outcomes(undone.outcomes, []))


def _done(outcomes: Sequence[Outcome]) -> List[Action]:
    return [outcome.action for outcome in outcomes if outcome.result == DONE]


def _changed(outcomes: Sequence[Outcome]) -> bool:
    return bool(_done(outcomes))


def _write_plan(module: AnsibleModule, before: Audit, plan: Plan) -> None:
    content = dict(
        findings=plain(before.findings, UNBOUNDED), actions=plain(plan.actions, UNBOUNDED), refusals=list(plan.refusals)
    )
    descriptor, path = tempfile.mkstemp(dir=module.tmpdir)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1)
    module.atomic_move(path, module.params["plan_file"])


def _end(module: AnsibleModule, result: Dict[str, Any], problems: Any) -> None:
    if problems:
        module.fail_json(msg="; ".join(plain(problems[:5])), problems=plain(problems), **result)
    module.exit_json(**result)
