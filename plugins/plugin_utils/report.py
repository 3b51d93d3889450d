# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Merge what the modules said about each host into one report of the fleet, and say what fails the run.

docs/report.schema.json is the shape of a report; SCHEMA gets a new number when a reader of the old would stumble.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from .builtin import builtin
from .fleet_checks import same_minute
from .selection import SEVERITIES, select

SCHEMA = "phpfleet.remediation/report/1"
KINDS = ("audit", "cleanup")
STATES = ("unreachable", "failed", "found", "unknown", "clean")  # worst first; a host is in the first that fits
RESULTS = ("done", "unneeded", "failed", "planned")  # of a change; planned in check mode

Result = Mapping[str, Any]
Entry = dict[str, Any]


class Run(NamedTuple):
    """What was run. finished is ISO 8601 in UTC; fail_on is None where no finding fails the run."""

    kind: str
    check_mode: bool
    fail_on: str | None
    unknown_fails: bool
    finished: str
    state_dir: str | None


def merge(
    run: Run,
    looks: Mapping[str, Result],
    remedies: Mapping[str, Result],
    groups: Mapping[str, Sequence[str]] | None = None,
) -> Entry:
    """Return the report of a run.

    looks holds the registered result of findings_info by host, remedies that of remedy for the hosts where it ran, and
    groups the hosts of each group of the inventory.
    Raises BadSelection for a fail_on that is no selection of findings.
    """
    looks, remedies = builtin(dict(looks)), builtin(dict(remedies))
    findings = _findings(looks)
    fleet_findings = _worst_first(same_minute.find(looks, builtin(dict(groups or {}))))
    unknown = _unknown_checks(looks)
    changes = [entry for host, remedy in remedies.items() for entry in _changes(host, remedy)]
    hosts = {host: _host(look) for host, look in looks.items()}
    failures = [
        *_failed_hosts(hosts),
        *_selected(run.fail_on, findings, fleet_findings),
        *(_unknown_failures(unknown) if run.unknown_fails else []),
        *_failed_remedies(remedies, run.state_dir),
    ]
    return {
        "schema": SCHEMA,
        **run._asdict(),
        "passed": not failures,
        "failures": _by_host(failures),
        "totals": _totals(hosts, findings, changes),
        "hosts": hosts,
        "findings": findings,
        "fleet_findings": fleet_findings,
        "unknown_checks": unknown,
        "changes": changes,
        "remaining": [entry for host, remedy in remedies.items() for entry in _of(host, remedy, "remaining")],
        "reload_needed": [entry for host, remedy in remedies.items() for entry in _of(host, remedy, "reload_needed")],
        "runs": {host: remedy["run_id"] for host, remedy in remedies.items() if remedy.get("run_id")},
    }


def _of(host: str, result: Result, name: str) -> list[Entry]:
    return [{"host": host, **entry} for entry in result.get(name) or []]


def _findings(looks: Mapping[str, Result]) -> list[Entry]:
    """Return the findings of every host, each with its host, the worst first."""
    return _worst_first([finding for host, look in looks.items() for finding in _of(host, look, "findings")])


def _worst_first(findings: list[Entry]) -> list[Entry]:
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding["severity"]))


def _unknown_checks(looks: Mapping[str, Result]) -> list[Entry]:
    return [
        {"host": host, "check": check["id"], "reason": check["reason"]}
        for host, look in looks.items()
        for check in look.get("checks") or []
        if check["verdict"] == "unknown"
    ]


def _changes(host: str, remedy: Result) -> list[Entry]:
    """Return what became of each group of actions; in check mode, where nothing came of any, they are ``planned``."""
    if "outcomes" in remedy:
        return _of(host, remedy, "outcomes")
    return [_planned(action) for action in _of(host, remedy, "actions")]


def _planned(action: Entry) -> Entry:
    kept = ("host", "check", "verb", "object", "count", "examples")
    return {**{name: action[name] for name in kept}, "result": "planned", "reason": action["risk"]}


def _host(look: Result) -> Entry:
    if look.get("unreachable") or look.get("failed") or "checks" not in look:
        state = "unreachable" if look.get("unreachable") else "failed"
        return {"state": state, "reason": _message(look), "objects": None, "unknown_checks": None}
    objects = _objects(look.get("findings") or [])
    count = sum(check["verdict"] == "unknown" for check in look["checks"] or [])
    state = "found" if any(objects.values()) else "unknown" if count else "clean"
    return {"state": state, "reason": None, "objects": objects, "unknown_checks": count}


def _message(result: Result) -> str:
    """Return why a task gave no result: the words of Ansible, and the last words of the host where there are any."""
    message = str(result.get("msg") or "the host left the play before it was looked at; its first failed task says why")
    last_words = str(result.get("module_stderr") or "").strip().splitlines()[-1:]
    return ": ".join([message.strip(), *last_words])


def _objects(findings: Any) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for finding in findings:
        counts[finding["severity"]] += finding["count"]
    return {severity: counts[severity] for severity in SEVERITIES}


def _totals(hosts: Mapping[str, Entry], findings: Sequence[Entry], changes: Sequence[Entry]) -> Entry:
    states = Counter(host["state"] for host in hosts.values())
    results: Counter[str] = Counter()
    for change in changes:
        results[change["result"]] += change["count"]
    return {
        "hosts": {state: states[state] for state in STATES},
        "objects": _objects(findings),
        "changes": {result: results[result] for result in RESULTS},
    }


class Failure(NamedTuple):
    """A reason to fail a host. cause: unreachable, failed, finding, unknown or remedy."""

    host: str
    cause: str
    message: str


def _by_host(failures: Sequence[Failure]) -> dict[str, list[Entry]]:
    reasons: dict[str, list[Entry]] = {}
    for failure in failures:
        reasons.setdefault(failure.host, []).append({"cause": failure.cause, "message": failure.message})
    return reasons


def _failed_hosts(hosts: Mapping[str, Entry]) -> list[Failure]:
    return [
        Failure(name, host["state"], host["reason"])
        for name, host in hosts.items()
        if host["state"] in ("unreachable", "failed")
    ]


def _selected(fail_on: str | None, findings: list[Entry], fleet_findings: list[Entry]) -> list[Failure]:
    """Return a failure for each host of each finding that is selected, among those of hosts and of the fleet alike."""
    candidates = [{**entry, "hosts": [entry["host"]]} for entry in findings]
    candidates += [{**entry, "host": ""} for entry in fleet_findings]
    return [
        Failure(host, "finding", f"{entry['check']}: {entry['summary']}")
        for entry in (select(candidates, fail_on) if fail_on else [])
        for host in entry["hosts"]
    ]


def _unknown_failures(unknown: Sequence[Entry]) -> list[Failure]:
    return [Failure(entry["host"], "unknown", f"{entry['check']}: {entry['reason']}") for entry in unknown]


def _failed_remedies(remedies: Mapping[str, Result], state_dir: str | None) -> list[Failure]:
    """Return the remedies that did not end well, and those whose end nobody saw."""
    lost = (
        "the host was lost while it was changed. When it is back, the name of its newest file in "
        f"{state_dir}/journal is the run that undo puts back"
    )
    failures = []
    for host, remedy in remedies.items():
        if remedy.get("unreachable"):
            failures.append(Failure(host, "remedy", f"{lost}: {_message(remedy)}"))
        elif remedy.get("failed"):
            failures.append(Failure(host, "remedy", _message(remedy)))
    return failures


def counts(host: Entry) -> list[str]:
    """Return what a table shows of a host of a report: its objects of each severity and its unknown checks."""
    if host["objects"] is None:
        return ["?"] * (len(SEVERITIES) + 1)
    return [*(str(host["objects"][severity]) for severity in SEVERITIES), str(host["unknown_checks"])]
