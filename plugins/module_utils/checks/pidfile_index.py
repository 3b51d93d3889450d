# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of pidfiles in running order, and what an info module shows besides."""

from ..facts import pidfile
from ..model import Subject
from . import (
    pidfile_dead_process,
    pidfile_foreign_process,
    pidfile_missing,
    pidfile_unreadable,
)

SUBJECT = Subject(
    name="pidfile",
    facts=pidfile.gather,
    checks=(
        pidfile_dead_process.CHECK,
        pidfile_foreign_process.CHECK,
        pidfile_unreadable.CHECK,
        pidfile_missing.CHECK,
    ),
)
