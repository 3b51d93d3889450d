# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks say of every host below hosts/, against its expected.yml.

A host was recorded from a real one (host.json, see captured_host.py), or is described where no real one can be had as
it has to be (host.yml, see described_host.py). Its expected.yml says all that must be found, and nothing more is:

    options: {pidfile: {paths: [/srv/x.pid]}}  # of the subjects that it is about
    verdicts: {pidfile.missing: clean}         # of checks of theirs; one that is not named must not find anything
    reasons: {pidfile.missing: php-fpm}        # a part of the reason of an unknown or not applicable check
    findings:                                  # every group of them, in any order
      - {check: …, object: …, severity: …, remedy: …, count: …, summary: a part of it, evidence: {…: …}}
    protected: {sem 1: PostgreSQL}             # IPC objects that belong to a program we know
"""

import os
from typing import Any, Dict

import described_probes
import pytest
import yaml
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import ipc_owners, pool_probe
from ansible_collections.phpfleet.remediation.plugins.module_utils.fold import fold_findings
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from captured_host import HOSTS, CapturedHost
from described_host import DescribedHost

NAMES = sorted(name for name in os.listdir(HOSTS) if os.path.isdir(os.path.join(HOSTS, name)))
assert NAMES


@pytest.fixture(autouse=True)
def _probes(monkeypatch: Any) -> None:
    """No file can be laid on a host that is described: its pools answer what stands there."""
    monkeypatch.setattr(pool_probe, "opened", described_probes.opened)


def read(*path: str) -> Dict[str, Any]:
    with open(os.path.join(HOSTS, *path), encoding="utf-8") as file:
        content: Dict[str, Any] = yaml.safe_load(file)
    return content


def open_host(name: str) -> Host:
    if os.path.exists(os.path.join(HOSTS, name, "host.json")):
        return CapturedHost(os.path.join(HOSTS, name))
    return DescribedHost.below(os.path.join(HOSTS, name), read(name, "host.yml"))


def audit_of(name: str, expected: Dict[str, Any]) -> Any:
    checks = [check for check in CHECKS if check.subject in expected["options"]]
    return audit(open_host(name), policy_from(expected["options"]), checks)


@pytest.mark.parametrize("name", NAMES)
def test_verdicts_are_as_expected(name: str) -> None:
    expected = read(name, "expected.yml")
    verdicts = {checked.check.id: checked.verdict for checked in audit_of(name, expected).checked}
    states = {check: verdict.state for check, verdict in verdicts.items()}
    assert {check: states.get(check) for check in expected["verdicts"]} == expected["verdicts"], verdicts
    unexpected = {check for check, state in states.items() if state == "found"} - set(expected["verdicts"])
    assert not unexpected
    for check, part in expected.get("reasons", {}).items():
        assert part in verdicts[check].reason


@pytest.mark.parametrize("name", NAMES)
def test_findings_are_as_expected(name: str) -> None:
    expected = read(name, "expected.yml")
    groups = {(group["check"], group["object"]): group for group in fold_findings(audit_of(name, expected).findings)}
    wanted = {(finding["check"], finding["object"]): finding for finding in expected.get("findings", [])}
    assert set(groups) == set(wanted)
    for key, finding in wanted.items():
        compare(groups[key], finding)


def compare(group: Dict[str, Any], wanted: Dict[str, Any]) -> None:
    assert wanted.get("summary", "") in group["summary"]
    fields = {name: value for name, value in wanted.items() if name not in ("summary", "evidence")}
    assert {name: group[name] for name in fields} == fields
    evidence = wanted.get("evidence", {})
    assert {name: group["evidence"][name] for name in evidence} == evidence


@pytest.mark.parametrize("name", [name for name in NAMES if "protected" in read(name, "expected.yml")])
def test_protected_objects_are_named(name: str) -> None:
    expected = read(name, "expected.yml")
    protected = ipc_owners.gather_protected(open_host(name), policy_from(expected["options"]))
    assert {one.object: one.protected_by for one in protected} == expected["protected"]
