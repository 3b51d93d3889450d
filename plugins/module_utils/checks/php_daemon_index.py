# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of long-running PHP programs in running order, and what an info module shows besides."""

from ..facts import php_daemon
from ..model import Subject
from . import (
    php_daemon_ignores_sigterm,
    php_daemon_old_code,
    php_daemon_stop_escalates_to_kill,
)

SUBJECT = Subject(
    name="php_daemon",
    facts=php_daemon.gather,
    checks=(
        php_daemon_ignores_sigterm.CHECK,
        php_daemon_stop_escalates_to_kill.CHECK,
        php_daemon_old_code.CHECK,
    ),
)
