# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every host below hosts/pidfile-*: its files and host.yml (described_host.py) against its expected.yml.

expected.yml says all that must be found and nothing more:

    policy: {paths: [/srv/x.pid]}       # options of the modules
    verdicts: {pidfile.missing: clean}  # of every check
    reasons: {pidfile.missing: php-fpm} # a part of the reason of an unknown or not applicable check
    findings:
      - {check: …, object: …, severity: …, remedy: …, summary: a part of it, evidence: {…: …}}
"""

import os
from typing import Any, Dict, Iterator, Tuple

import pytest
import yaml
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Finding
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import plain
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

HOSTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hosts")
NAMES = sorted(name for name in os.listdir(HOSTS) if name.startswith("pidfile-"))
assert NAMES


@pytest.mark.parametrize("name", NAMES)
def test_host(name: str) -> None:
    directory = os.path.join(HOSTS, name)
    expected = read(os.path.join(directory, "expected.yml"))
    description = read(os.path.join(directory, "host.yml"))
    host = DescribedHost(dict(description, files={**dict(tree(directory)), **description.get("files", {})}))
    checks = [check for check in CHECKS if check.subject == "pidfile"]
    policy = policy_from({"pidfile": expected.get("policy") or {}})
    seen = audit(host, policy, checks)
    verdicts = {checked.check.id: checked.verdict for checked in seen.checked}
    assert {check: verdict.state for check, verdict in verdicts.items()} == expected["verdicts"]
    for check, reason in (expected.get("reasons") or {}).items():
        assert reason in (verdicts[check].reason or "")
    wanted = expected.get("findings") or []
    assert sorted((finding.check, finding.object) for finding in seen.findings) == sorted(
        (finding["check"], finding["object"]) for finding in wanted
    )
    by_object = {(finding.check, finding.object): finding for finding in seen.findings}
    for finding in wanted:
        compare(by_object[finding["check"], finding["object"]], finding)


def read(path: str) -> Dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        content: Dict[str, Any] = yaml.safe_load(file)
    return content


def tree(directory: str) -> Iterator[Tuple[str, bytes]]:
    """Yield the files of a host, less the two that describe it."""
    for place, _unused, names in os.walk(directory):
        for name in names:
            inside = "/" + os.path.relpath(os.path.join(place, name), directory)
            if inside not in ("/host.yml", "/expected.yml"):
                with open(os.path.join(place, name), "rb") as file:
                    yield inside, file.read()


def compare(finding: Finding, wanted: Dict[str, Any]) -> None:
    shown = plain(finding)
    assert wanted.get("summary", "") in shown["summary"]
    for field in set(wanted) & {"severity", "remedy", "risk"}:
        assert shown[field] == wanted[field], field
    for field, value in (wanted.get("evidence") or {}).items():
        assert shown["evidence"][field] == value, field
