# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of php-fpm in running order, and what an info module shows besides."""

from ..facts import fpm_overview
from ..model import Subject
from . import (
    php_fpm_crash_loop,
    php_fpm_forced_cache_restart,
    php_fpm_hard_stop,
    php_fpm_invalid_config,
    php_fpm_killed_by_time_limit,
    php_fpm_max_children_reached,
    php_fpm_orphaned_workers,
    php_fpm_out_of_memory,
    php_fpm_pending_restart,
    php_fpm_port_held_by_stranger,
    php_fpm_reload_loses_requests,
    php_fpm_socket_stale,
    php_fpm_stuck_workers,
    php_fpm_time_limits,
)

SUBJECT = Subject(
    name="php_fpm",
    facts=fpm_overview.gather,
    checks=(
        php_fpm_orphaned_workers.CHECK,
        php_fpm_port_held_by_stranger.CHECK,
        php_fpm_socket_stale.CHECK,
        php_fpm_crash_loop.CHECK,
        php_fpm_killed_by_time_limit.CHECK,
        php_fpm_forced_cache_restart.CHECK,
        php_fpm_out_of_memory.CHECK,
        php_fpm_max_children_reached.CHECK,
        php_fpm_hard_stop.CHECK,
        php_fpm_stuck_workers.CHECK,
        php_fpm_reload_loses_requests.CHECK,
        php_fpm_time_limits.CHECK,
        php_fpm_invalid_config.CHECK,
        php_fpm_pending_restart.CHECK,
    ),
)
