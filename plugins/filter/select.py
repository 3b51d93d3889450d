# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter phpfleet.remediation.select."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

from ..plugin_utils.selection import BadSelection
from ..plugin_utils.selection import select as select_findings

DOCUMENTATION = r"""
name: select
short_description: Select findings with JMESPath
description:
  - Returns those of a list of findings that a JMESPath expression selects, in the order of the expression.
  - An expression that can't be read is an error that says where. So is one that yields something else than findings.
  - So is one that could never select anything, because it names a field that no finding has, has text in double quotes
    (which JMESPath has for names), asks for a severity that there is not, or for an order of texts.
positional: expression
options:
  _input:
    description: The findings, such as RV(phpfleet.remediation.findings_info#module:findings).
    type: list
    elements: dict
    required: true
  expression:
    description:
      - The JMESPath expression. It is put to the list of findings as a whole.
      - The fields of a finding are C(check), C(object), C(severity), C(summary), C(evidence), C(remedy), C(risk),
        C(count) and C(examples), and in a report C(host).
    type: str
    required: true
requirements: [jmespath on the controller]
seealso:
  - module: phpfleet.remediation.findings_info
"""

EXAMPLES = r"""
- name: Look
  phpfleet.remediation.findings_info:
  register: look

- name: Show what is worst
  ansible.builtin.debug:
    msg: "{{ look.findings | phpfleet.remediation.select(worst) }}"
  vars:
    worst: "[?severity=='critical' || severity=='high']"

- name: Show the leaks of one user that may be removed
  ansible.builtin.debug:
    msg: "{{ look.findings | phpfleet.remediation.select(leaks) | map(attribute='summary') }}"
  vars:
    leaks: "[?check=='sysv_ipc.orphaned_segment' && evidence.owner=='www-data' && remedy]"

- name: Show what there is the most of
  ansible.builtin.debug:
    msg: "{{ look.findings | phpfleet.remediation.select('reverse(sort_by(@, &count)) | [:3]') }}"
"""

RETURN = r"""
_value:
  description: The findings that were selected, as they came in.
  type: list
  elements: dict
"""


def select(findings: Any, expression: Any) -> list[Any]:
    """Return the findings that the expression selects. Raises AnsibleFilterError, which says where the mistake is."""
    if not isinstance(findings, list) or not all(isinstance(finding, dict) for finding in findings):
        raise AnsibleFilterError(
            "phpfleet.remediation.select: the input is no list of findings; give it the `findings` of a result"
        )
    if not isinstance(expression, str):
        raise AnsibleFilterError(
            f"phpfleet.remediation.select: the expression is {expression!r}, where a text is expected"
        )
    try:
        return select_findings(findings, str.__str__(expression))
    except BadSelection as error:
        raise AnsibleFilterError(f"phpfleet.remediation.select: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"select": select}
