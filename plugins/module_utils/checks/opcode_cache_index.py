# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of opcode caches on disk in running order, and what an info module shows besides."""

from ..facts import opcode_cache_overview
from ..model import Subject
from . import (
    opcode_cache_corrupt_entry,
    opcode_cache_crashing_entry,
    opcode_cache_foreign_file,
    opcode_cache_other_build_entry,
    opcode_cache_stale_entry,
    opcode_cache_unreadable,
    opcode_cache_unwanted_entry,
)

SUBJECT = Subject(
    name="opcode_cache",
    facts=opcode_cache_overview.gather,
    checks=(
        opcode_cache_crashing_entry.CHECK,
        opcode_cache_corrupt_entry.CHECK,
        opcode_cache_stale_entry.CHECK,
        opcode_cache_other_build_entry.CHECK,
        opcode_cache_unwanted_entry.CHECK,
        opcode_cache_foreign_file.CHECK,
        opcode_cache_unreadable.CHECK,
    ),
)
