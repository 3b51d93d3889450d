# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module was asked: its argument spec, and the policy and checks that its parameters mean."""

from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from .audit import select
from .model import Check
from .policy import GOAL_OPTIONS, INFO_DEFAULTS, OPTIONS, PROBE_OPTIONS, Policy, policy_from

SELECTION_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    checks=dict(type="list", elements="str", default=[]),
    skip_checks=dict(type="list", elements="str", default=[]),
)


class Request(NamedTuple):
    policy: Policy
    checks: List[Check]


class Part(NamedTuple):
    """A remedy of its own beside that of its subject: its checks, the options that they obey, and what it is for."""

    subject: str
    checks: Tuple[str, ...]
    options: Tuple[str, ...]
    goals: Mapping[str, Any]


PARTS: Dict[str, Part] = {
    "php_fpm_limits": Part(
        subject="php_fpm",
        checks=("php_fpm.reload_loses_requests", "php_fpm.time_limits"),
        options=("ask_pools", "longest_request", "balancer_timeout"),
        goals=dict(write_limits=True),
    )
}

# Options of another subject that the judgement of one hangs on, by the subject that they come from: its modules take
# them beside their own. Where all subjects run, each has its own.
BORROWED: Dict[str, Dict[str, Tuple[str, ...]]] = {
    "scheduled_restart": {"php_fpm": ("configurations", "longest_request", "history_days")},
    "runtime_cache": {"php_fpm": ("configurations",)},
}


def options(subject: Optional[str], probes: bool = False) -> Dict[str, Any]:
    """Return the argument spec of a module: the options of its subject, or for every subject one dictionary of them.

    subject: one of policy.OPTIONS or of PARTS.
    probes: for the info module of one subject, which alone takes the looks that leave a trace. Without, for its
    changing module, which alone takes goals.
    """
    part = PARTS.get(subject or "")
    if part is not None:
        return dict(SELECTION_OPTIONS, **{name: OPTIONS[part.subject][name] for name in part.options})
    if subject is not None:
        own = (PROBE_OPTIONS if probes else GOAL_OPTIONS).get(subject, {})
        spec = dict(SELECTION_OPTIONS, **OPTIONS[subject], **own, **_borrowed(subject))
        others = INFO_DEFAULTS.get(subject, {}) if probes else {}
        return dict(spec, **{name: dict(spec[name], default=default) for name, default in others.items()})
    spec = dict(SELECTION_OPTIONS)
    for name, subject_options in OPTIONS.items():
        spec[name] = dict(type="dict", default={}, options=subject_options)
    return spec


def request(subject: Optional[str], params: Dict[str, Any], checks: Sequence[Check]) -> Request:
    """Return what the parameters of a module with options(subject) ask for. Raises Refused, naming the option.

    checks: all that the module has.
    """
    part = PARTS.get(subject or "")
    if part is not None:
        own = [check for check in checks if check.id in part.checks]
        policy = policy_from({part.subject: dict(params, **part.goals)})
        return Request(policy, select(own, params["checks"], params["skip_checks"]))
    policy = policy_from(dict.fromkeys((subject, *BORROWED.get(subject, ())), params) if subject else params)
    return Request(policy, select(checks, params["checks"], params["skip_checks"]))


def _borrowed(subject: str) -> Dict[str, Any]:
    lenders = BORROWED.get(subject, {}).items()
    return {name: OPTIONS[lender][name] for lender, names in lenders for name in names}
