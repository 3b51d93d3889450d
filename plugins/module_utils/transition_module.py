# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End a module that changes a state as asked. Check mode returns the plan, and a refusal fails the module."""

from typing import Any, Dict, List

from ansible.module_utils.basic import AnsibleModule

from .actions.apply import diff
from .actions.journal import Journal, demand_keep_days
from .errors import PhpfleetError, Refused
from .host import Host
from .journal_file import STATE_DIR
from .model import DONE, FAILED, Action
from .perform import Performed, all_steps, perform
from .plain import plain
from .transition import Plan, Step, Transition

TRANSITION_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    allow_loss=dict(type="bool", default=False),
    wait_idle=dict(type="int", default=0),
    newer_than=dict(type="str"),
    timeout=dict(type="int", default=0),
    state_dir=dict(type="path", default=STATE_DIR),
    keep_days=dict(type="int", default=30),
)
LONGEST_WAIT = 86400  # seconds


def run(transition: Transition) -> None:
    """Be the module that changes the state of one subject."""
    spec = dict(TRANSITION_OPTIONS, **transition.options)
    module = AnsibleModule(argument_spec=spec, supports_check_mode=True)
    params = module.params

    def open_journal() -> Journal:
        header = dict(module=module._name, options=plain(params))
        return Journal(params["state_dir"], header, params["keep_days"])

    try:
        wanted = _wanted(transition, params)
        done = perform(transition, wanted, Host, params["wait_idle"], None if module.check_mode else open_journal)
    except PhpfleetError as error:
        module.fail_json(msg=plain(str(error)), **plain(error.details))
    result = _result(transition, wanted, done, bool(module.check_mode))
    if done.plan.refusal is not None:
        module.fail_json(msg=result["refusal"], **result)
    if done.problems:
        module.fail_json(msg="; ".join(plain(done.problems[:5])), problems=plain(done.problems), **result)
    module.exit_json(**result)


def _wanted(transition: Transition, params: Dict[str, Any]) -> Any:
    demand_keep_days(params["keep_days"])
    for name in ("wait_idle", "timeout"):
        if not 0 <= params[name] <= LONGEST_WAIT:
            raise Refused(f"{name}: {params[name]} is out of range; give 0 to {LONGEST_WAIT} seconds")
    return transition.read(params)


def _result(transition: Transition, wanted: Any, done: Performed, check_mode: bool) -> Dict[str, Any]:
    refused = done.plan.refusal is not None
    return dict(
        changed=not refused and (bool(done.plan.steps) if check_mode else _changed(done)),
        before=plain(transition.show(done.before)),
        after=None if done.after is None else plain(transition.show(done.after)),
        refusal=plain(done.plan.refusal),
        notes=plain(done.plan.notes),
        steps=_planned(done.plan) if check_mode or refused else _tried(done),
        run_id=done.run_id,
        diff=diff([] if refused else _actions(transition, done.plan)),
        **plain(transition.more(done.before, done.after, wanted)),
    )


def _changed(done: Performed) -> bool:
    return any(one.outcome.result == DONE for one in done.tried)


def _actions(transition: Transition, plan: Plan) -> List[Action]:
    return [Action(transition.subject, step.verb, step.object, (), step.risk) for step in plan.steps]


def _planned(plan: Plan) -> List[Dict[str, Any]]:
    return [_step(step, fallback) for step, fallback in all_steps(plan.steps)]


def _tried(done: Performed) -> List[Dict[str, Any]]:
    fallback = {id(step): is_fallback for step, is_fallback in all_steps(done.plan.steps)}
    return [
        dict(
            _step(one.step, fallback[id(one.step)]),
            result=FAILED if one.missing is not None else one.outcome.result,
            reason=plain(one.outcome.reason if one.missing is None else one.missing),
            seconds=one.seconds,
        )
        for one in done.tried
    ]


def _step(step: Step, fallback: bool) -> Dict[str, Any]:
    return dict(
        verb=step.verb,
        object=plain(step.object),
        does=plain(step.does),
        risk=plain(step.risk),
        only_after_failure=fallback,
    )
