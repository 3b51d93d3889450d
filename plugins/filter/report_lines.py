# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter phpfleet.remediation.report_lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.utils.unsafe_proxy import wrap_var

from ..plugin_utils.builtin import builtin
from ..plugin_utils.table import lines

DOCUMENTATION = r"""
name: report_lines
short_description: Render a report as the lines that end a play
description:
  - Renders what P(phpfleet.remediation.report#filter) returned as short tables for a terminal. Hosts that are clean are
    only counted.
  - Whatever a host said is bounded, and what doesn't print is escaped.
options:
  _input:
    description: The report.
    type: dict
    required: true
seealso:
  - plugin: phpfleet.remediation.report
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ fleet | phpfleet.remediation.report_lines }}"
  run_once: true
"""

RETURN = r"""
_value:
  description: The lines.
  type: list
  elements: str
"""


def report_lines(report: dict[str, Any]) -> Any:
    """Return the report as lines for a terminal."""
    return wrap_var(lines(builtin(report)))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"report_lines": report_lines}
