# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks say of hosts as they once were, told by each host's expected.yml.

expected.yml holds the options of the subjects that it is about, the verdict of every check of theirs, reasons of those
that are unknown, and each group of findings with those fields that matter: of its evidence, and of the group itself.
"""

import os

import pytest
import yaml
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import ipc_owners
from ansible_collections.phpfleet.remediation.plugins.module_utils.fold import fold_findings
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from captured_host import HOSTS, CapturedHost

NAMES = sorted(name for name in os.listdir(HOSTS) if os.path.exists(os.path.join(HOSTS, name, "host.json")))


def expected_of(name):
    with open(os.path.join(HOSTS, name, "expected.yml"), encoding="utf-8") as file:
        return yaml.safe_load(file)


def audit_of(name, expected):
    checks = [check for check in CHECKS if check.subject in expected["options"]]
    return audit(CapturedHost(os.path.join(HOSTS, name)), policy_from(expected["options"]), checks)


@pytest.mark.parametrize("name", NAMES)
def test_verdicts_are_as_expected(name):
    expected = expected_of(name)
    verdicts = {checked.check.id: checked.verdict for checked in audit_of(name, expected).checked}
    assert {check: verdict.state for check, verdict in verdicts.items()} == expected["verdicts"], verdicts
    for check, part in expected.get("reasons", {}).items():
        assert part in verdicts[check].reason


@pytest.mark.parametrize("name", NAMES)
def test_findings_are_as_expected(name):
    expected = expected_of(name)
    groups = [dict(group["evidence"], **group) for group in fold_findings(audit_of(name, expected).findings)]
    assert [
        {field: group[field] for field in wanted} for group, wanted in zip(groups, expected["findings"])
    ] == expected["findings"]
    assert len(groups) == len(expected["findings"]), groups[len(expected["findings"]) :]


@pytest.mark.parametrize("name", [name for name in NAMES if "protected" in expected_of(name)])
def test_protected_objects_are_named(name):
    expected = expected_of(name)
    host = CapturedHost(os.path.join(HOSTS, name))
    protected = ipc_owners.gather_protected(host, policy_from(expected["options"]))
    assert {one.object: one.protected_by for one in protected} == expected["protected"]
