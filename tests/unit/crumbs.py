# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A subject made of real files, to try the flow on: a crumb is a file in a directory, and its remedy removes it."""

import os
from typing import Any, List, NamedTuple

from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.verb import Prepared, Verb
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Taken, Unneeded
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Action, Check, Finding, found, unknown


class Evidence(NamedTuple):
    owner: str
    cause: str


class Guard(NamedTuple):
    path: str
    content: str


class Crumb(NamedTuple):
    path: str
    content: str


def check(directory: Any, name: str = "crumb.left_behind", severity: str = "medium") -> Check:
    """Return a check that finds every file of a directory. One named ``stuck*`` has no remedy that works."""

    def gather(host, policy):
        paths = [os.path.join(str(directory), crumb) for crumb in host.list(str(directory))]
        return [Crumb(path, host.read(path, 1000).decode()) for path in paths]

    def find(crumbs, policy):
        seen = [_finding(name, severity, crumb) for crumb in crumbs]
        if any(crumb.content == "unreadable" for crumb in crumbs):
            return unknown("a crumb is unreadable; wipe it", seen)
        return found(seen)

    def plan(findings, policy) -> List[Action]:
        return [
            Action(name, _verb(finding.object), finding.object, _guard(finding.object), finding.risk)
            for finding in findings
        ]

    return Check(name, (gather,), find, plan)


def _finding(name: str, severity: str, crumb: Crumb) -> Finding:
    return Finding(
        name, crumb.path, severity, f"{crumb.path} lies about.", Evidence("you", "eating"), "wipe it", "gone"
    )


def _verb(path: str) -> str:
    return "pretend" if os.path.basename(path).startswith("stuck") else "wipe"


def _guard(path: str) -> Guard:
    with open(path) as crumb:
        return Guard(path, crumb.read())


def _look(action: Action) -> None:
    try:
        same = _guard(action.object) == action.guard
    except FileNotFoundError as error:
        raise Unneeded(f"{action.object}: it is gone") from error
    if not same:
        raise Unneeded(f"{action.object}: it is another crumb now")


def _prepare(action, journal) -> Prepared:
    _look(action)
    return Prepared(action, dict(path=action.object, kept=journal.keep(action.guard.content.encode())))


def _wipe(prepared: Prepared) -> str:
    _look(prepared.action)
    if os.path.basename(prepared.action.object).startswith("glued"):
        raise CannotAct(f"{prepared.action.object}: it is glued on")
    os.unlink(prepared.action.object)
    return "wiped"


def _back(intent) -> Any:
    if os.path.basename(intent.object).startswith("eaten"):
        return f"{intent.object}: it was eaten"
    kept = intent.kept["kept"]
    with open(kept["path"], "rb") as quarantine:
        quarantine.seek(kept["offset"])
        content = quarantine.read(kept["size"]).decode()
    return Action(intent.check, "drop", intent.object, Guard(intent.object, content), None)


def _demand_absent(action: Action) -> None:
    if not os.path.exists(action.object):
        return
    if _guard(action.object) == action.guard:
        raise Unneeded(f"{action.object}: it is there")
    raise Taken(f"{action.object}: another crumb lies there")


def _prepare_drop(action, journal) -> Prepared:
    _demand_absent(action)
    return Prepared(action, dict(path=action.object))


def _drop(prepared: Prepared) -> str:
    _demand_absent(prepared.action)
    with open(prepared.action.object, "w") as crumb:
        crumb.write(prepared.action.guard.content)
    return "dropped"


def _again(intent) -> Any:
    return f"{intent.object}: wipe it by hand"


VERBS = dict(
    wipe=Verb(_look, _prepare, _wipe, _back, lambda action: (action.object, "")),
    pretend=Verb(_look, _prepare, lambda prepared: "wiped, or so it says", _back, lambda action: (action.object, "")),
    drop=Verb(_demand_absent, _prepare_drop, _drop, _again, lambda action: ("", action.object)),
)
