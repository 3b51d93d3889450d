# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything that can be asked about a host, in running order. AnsiballZ ships what is imported, so it is explicit."""

from typing import Sequence

from ..model import Check, Subject
from . import (
    nginx_index,
    opcode_cache_index,
    php_daemon_index,
    php_fpm_index,
    pidfile_index,
    runtime_cache_index,
    scheduled_restart_index,
    sysv_ipc_index,
)

SUBJECTS: Sequence[Subject] = (
    sysv_ipc_index.SUBJECT,
    pidfile_index.SUBJECT,
    opcode_cache_index.SUBJECT,
    php_fpm_index.SUBJECT,
    runtime_cache_index.SUBJECT,
    scheduled_restart_index.SUBJECT,
    php_daemon_index.SUBJECT,
    nginx_index.SUBJECT,
)
CHECKS: Sequence[Check] = tuple(check for subject in SUBJECTS for check in subject.checks)
