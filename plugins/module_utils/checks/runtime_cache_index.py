# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of the caches in memory in running order, and what an info module shows besides."""

from ..facts import runtime_cache_overview
from ..model import Subject

SUBJECT = Subject(
    name="runtime_cache",
    facts=runtime_cache_overview.gather,
    checks=(),
)
