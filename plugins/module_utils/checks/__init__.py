# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks, in running order. AnsiballZ ships what this file imports, so the index is explicit."""

from typing import Any, Callable, Dict, Sequence

from ..model import Check
from . import sysv_ipc_orphaned_segment

CHECKS: Sequence[Check] = (sysv_ipc_orphaned_segment.CHECK,)

# What an info module shows beside the findings, a subject each.
FACTS: Dict[str, Callable[..., Any]] = {}
