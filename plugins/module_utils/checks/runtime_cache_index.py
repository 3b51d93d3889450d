# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of the caches in memory in running order, and what an info module shows besides."""

from ..facts import runtime_cache_overview
from ..model import Subject
from . import (
    runtime_cache_full,
    runtime_cache_never_validates,
    runtime_cache_older_than_code,
    runtime_cache_other_release,
    runtime_cache_restart_pending_too_long,
)

SUBJECT = Subject(
    name="runtime_cache",
    facts=runtime_cache_overview.gather,
    checks=(
        runtime_cache_full.CHECK,
        runtime_cache_older_than_code.CHECK,
        runtime_cache_other_release.CHECK,
        runtime_cache_restart_pending_too_long.CHECK,
        runtime_cache_never_validates.CHECK,
    ),
)
