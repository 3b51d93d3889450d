# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The filter phpfleet.remediation.report_markdown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.utils.unsafe_proxy import wrap_var

from ..plugin_utils.builtin import builtin
from ..plugin_utils.markdown import render

DOCUMENTATION = r"""
name: report_markdown
short_description: Render a report as Markdown
description:
  - Renders what P(phpfleet.remediation.report#filter) returned as Markdown with tables, for people to read.
  - Whatever a host said is escaped and bounded, so that it can neither break a table nor become markup.
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
- name: Write the report
  ansible.builtin.copy:
    content: "{{ fleet | phpfleet.remediation.report_markdown }}"
    dest: audit.md
    mode: "0644"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
_value:
  description: The Markdown.
  type: str
"""


def report_markdown(report: dict[str, Any]) -> Any:
    """Return the report as Markdown."""
    return wrap_var(render(builtin(report)))


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"report_markdown": report_markdown}
