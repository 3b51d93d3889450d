# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values as Python's own types: JMESPath knows a value by the very name of its type, and Ansible's are others."""

from __future__ import annotations

from typing import Any


def builtin(value: Any) -> Any:
    """Return a copy of ``value`` in dicts, lists, strings, numbers, booleans and None."""
    if isinstance(value, dict):
        return {builtin(str(key)): builtin(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [builtin(item) for item in value]
    if isinstance(value, str):
        return str.__str__(value)  # str(value) gives Ansible's own string type back
    return value
