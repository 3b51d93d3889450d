# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter phpfleet.remediation.report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.utils.unsafe_proxy import wrap_var

from ..plugin_utils.report import KINDS, Run, merge
from ..plugin_utils.selection import BadSelection

DOCUMENTATION = r"""
name: report
short_description: Merge what hosts said into one report
description:
  - Makes one report of the fleet out of the results of M(phpfleet.remediation.findings_info), and of
    M(phpfleet.remediation.remedy) where it ran. It says what fails the run, and names the hosts that gave no answer.
  - The shape of a report is described in C(docs/findings.md) of the collection, and by the JSON Schema beside it.
positional: kind
options:
  _input:
    description: The registered result of M(phpfleet.remediation.findings_info) by host; empty for a host that failed.
    type: dict
    required: true
  kind:
    description: What was run.
    type: str
    choices: [audit, cleanup]
    required: true
  remedies:
    description: The registered result of M(phpfleet.remediation.remedy) by host. Skipped ones are left out.
    type: dict
    default: {}
  groups:
    description:
      - The hosts of each group of the inventory, as the variable C(groups) has them. They are the pools of which is
        told how many hosts are hit at once.
    type: dict
    default: {}
  fail_on:
    description:
      - A JMESPath expression. Each finding that it selects fails the run, those of single hosts and those over several
        hosts alike. Empty selects none.
    type: str
    default: ''
  unknown_fails:
    description: Whether a check that could not be carried out fails the run.
    type: bool
    default: true
  check_mode:
    description: Whether the run was in check mode.
    type: bool
    default: false
  state_dir:
    description: Where the hosts keep the journals of the run.
    type: str
requirements: [jmespath on the controller]
seealso:
  - plugin: phpfleet.remediation.report_markdown
    plugin_type: filter
  - plugin: phpfleet.remediation.report_lines
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look
  phpfleet.remediation.findings_info:
  register: look
  ignore_errors: true
  ignore_unreachable: true

- name: Merge what the hosts said
  ansible.builtin.set_fact:
    fleet: "{{ dict(hosts | zip(looks)) | phpfleet.remediation.report('audit', groups=groups) }}"
  vars:
    hosts: "{{ ansible_play_hosts_all }}"
    looks: "{{ hosts | map('extract', hostvars) | map(attribute='look', default={}) }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The report.
  type: dict
"""


def report(
    looks: dict[str, Any],
    kind: str,
    remedies: dict[str, Any] | None = None,
    fail_on: str = "",
    unknown_fails: bool = True,
    check_mode: bool = False,
    state_dir: str | None = None,
    groups: dict[str, list[str]] | None = None,
) -> Any:
    """Return the report of a run. Raises AnsibleFilterError for a fail_on that is no selection, or another kind."""
    if kind not in KINDS:
        raise AnsibleFilterError(f"phpfleet.remediation.report: kind is {kind!r}; it is one of {', '.join(KINDS)}")
    finished = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    run = Run(kind, check_mode, fail_on or None, unknown_fails, finished, state_dir)
    ran = {host: result for host, result in (remedies or {}).items() if result and not result.get("skipped")}
    try:
        # What hosts said must never be taken for a template.
        return wrap_var(merge(run, looks, ran, groups))
    except BadSelection as error:
        raise AnsibleFilterError(f"phpfleet.remediation.report: fail_on: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"report": report}
