# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The values that flow from look to report. All of them are immutable, and none of them knows a host."""

from typing import Any, Callable, List, NamedTuple, Optional, Sequence, Tuple

CLEAN = "clean"
FOUND = "found"
UNKNOWN = "unknown"
NOT_APPLICABLE = "not_applicable"

CRITICAL = "critical"
HIGH = "high"
MEDIUM = "medium"
LOW = "low"
INFO = "info"
SEVERITIES = (CRITICAL, HIGH, MEDIUM, LOW, INFO)  # worst first

DONE = "done"
UNNEEDED = "unneeded"
FAILED = "failed"
RESULTS = (FAILED, UNNEEDED, DONE)  # what wants attention first


class Finding(NamedTuple):
    """One thing that is wrong on a host.

    check: id of the check, ``<subject>.<verdict>``.
    object: the thing in the words of its own tools: ``shm 32769``, a path, ``pool www``.
    severity: one of SEVERITIES.
    summary: one sentence for a person.
    evidence: a NamedTuple of the check's own; its fields ``owner`` and ``cause``, where it has them, group the result.
    remedy: what plan() would do about it, in words; None where nothing may be done by itself.
    risk: what the remedy may cost, with what it cannot put back; None where there is no remedy.
    """

    check: str
    object: str
    severity: str
    summary: str
    evidence: Tuple[Any, ...]
    remedy: Optional[str]
    risk: Optional[str]


class Verdict(NamedTuple):
    """What a check's find() says: state is CLEAN, FOUND, UNKNOWN or NOT_APPLICABLE; reason explains the last two."""

    state: str
    findings: Sequence[Finding]
    reason: Optional[str]


def found(findings: Sequence[Finding]) -> Verdict:
    """The whole of what the check is about was seen: clean when it found nothing."""
    return Verdict(FOUND if findings else CLEAN, findings, None)


def unknown(reason: str, findings: Sequence[Finding] = ()) -> Verdict:
    """Something could not be seen. What was seen is still told, but nothing is planned on it."""
    return Verdict(UNKNOWN, findings, reason)


def verdict_over(findings: Sequence[Finding], blind: Sequence[str]) -> Verdict:
    """What the check is about was judged as far as it was seen; ``blind`` says what was not, and why."""
    reasons = list(dict.fromkeys(blind))
    if not reasons:
        return found(findings)
    return unknown(reasons[0] + (f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""), findings)


def not_applicable(reason: str) -> Verdict:
    """The host has nothing that this check could be about."""
    return Verdict(NOT_APPLICABLE, (), reason)


class Action(NamedTuple):
    """One change to one object, valid only for what was seen.

    check: id of the check whose finding it remedies.
    verb: a name in actions.VERBS.
    object: as in the finding.
    guard: a NamedTuple of what was seen; it is read again just before the act, and a difference makes the act unneeded.
    risk: as in the finding.
    """

    check: str
    verb: str
    object: str
    guard: Tuple[Any, ...]
    risk: Optional[str]


class Outcome(NamedTuple):
    """What became of an action: result is DONE, UNNEEDED or FAILED."""

    action: Action
    result: str
    reason: str


class Lost(NamedTuple):
    """What a run took away and nobody can put back, with the reason and where its content is, if it was kept."""

    object: str
    reason: str


def is_same(action: Action, finding: Finding) -> bool:
    """An object that was acted on and is found again is what was to go."""
    return True


class Check(NamedTuple):
    """One check: gathers are called as gather(host, policy); find() gets their facts in that order, then the policy.

    find(*facts, policy) -> Verdict and plan(findings, policy) -> actions are pure. plan is None where none may remedy.
    same(action, finding) says whether a finding of an object after a change is what was to go: an object may stand for
    many things, of which others may have come since.
    """

    id: str
    gathers: Sequence[Callable[..., Any]]
    find: Callable[..., Verdict]
    plan: Optional[Callable[..., List[Action]]] = None
    same: Callable[[Action, Finding], bool] = is_same

    @property
    def subject(self) -> str:
        return self.id.split(".")[0]


class Subject(NamedTuple):
    """What is looked at as one thing: its checks, in running order, and the facts that an info module shows of it.

    A module of one subject imports that subject's index alone, so that no host is sent what it is not asked about.
    """

    name: str
    facts: Callable[..., Any]
    checks: Sequence[Check]


class Checked(NamedTuple):
    """A check that was run: its verdict, and the seconds it took with the gathering that it was first to ask for."""

    check: Check
    verdict: Verdict
    seconds: float
