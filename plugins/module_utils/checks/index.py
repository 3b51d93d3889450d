# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks, in running order. AnsiballZ ships what this file imports, so the index is explicit."""

from typing import Any, Callable, Dict, Sequence

from ..facts import fpm_overview, ipc_overview, nginx_overview, opcode_cache_overview, php_daemon, pidfile
from ..model import Check
from . import (
    nginx_invalid_config,
    nginx_no_worker_shutdown_timeout,
    nginx_old_workers,
    nginx_oldbin_left,
    opcode_cache_corrupt_entry,
    opcode_cache_crashing_entry,
    opcode_cache_foreign_file,
    opcode_cache_other_build_entry,
    opcode_cache_stale_entry,
    opcode_cache_unreadable,
    opcode_cache_unwanted_entry,
    php_daemon_ignores_sigterm,
    php_daemon_old_code,
    php_daemon_stop_escalates_to_kill,
    php_fpm_invalid_config,
    php_fpm_orphaned_workers,
    php_fpm_pending_restart,
    php_fpm_port_held_by_stranger,
    php_fpm_reload_loses_requests,
    php_fpm_socket_stale,
    php_fpm_stuck_workers,
    php_fpm_time_limits,
    pidfile_dead_process,
    pidfile_foreign_process,
    pidfile_missing,
    pidfile_unreadable,
    sysv_ipc_near_limit,
    sysv_ipc_orphaned_queue,
    sysv_ipc_orphaned_segment,
    sysv_ipc_orphaned_semaphore,
    sysv_ipc_removal_pending,
    sysv_ipc_remove_ipc_hazard,
)

CHECKS: Sequence[Check] = (
    sysv_ipc_near_limit.CHECK,
    sysv_ipc_orphaned_segment.CHECK,
    sysv_ipc_orphaned_semaphore.CHECK,
    sysv_ipc_orphaned_queue.CHECK,
    sysv_ipc_removal_pending.CHECK,
    sysv_ipc_remove_ipc_hazard.CHECK,
    pidfile_dead_process.CHECK,
    pidfile_foreign_process.CHECK,
    pidfile_unreadable.CHECK,
    pidfile_missing.CHECK,
    opcode_cache_crashing_entry.CHECK,
    opcode_cache_corrupt_entry.CHECK,
    opcode_cache_stale_entry.CHECK,
    opcode_cache_other_build_entry.CHECK,
    opcode_cache_unwanted_entry.CHECK,
    opcode_cache_foreign_file.CHECK,
    opcode_cache_unreadable.CHECK,
    php_fpm_orphaned_workers.CHECK,
    php_fpm_port_held_by_stranger.CHECK,
    php_fpm_socket_stale.CHECK,
    php_fpm_stuck_workers.CHECK,
    php_fpm_reload_loses_requests.CHECK,
    php_fpm_time_limits.CHECK,
    php_fpm_invalid_config.CHECK,
    php_fpm_pending_restart.CHECK,
    php_daemon_ignores_sigterm.CHECK,
    php_daemon_stop_escalates_to_kill.CHECK,
    php_daemon_old_code.CHECK,
    nginx_old_workers.CHECK,
    nginx_oldbin_left.CHECK,
    nginx_invalid_config.CHECK,
    nginx_no_worker_shutdown_timeout.CHECK,
)

# What an info module shows beside the findings, a subject each.
FACTS: Dict[str, Callable[..., Any]] = {
    "sysv_ipc": ipc_overview.gather,
    "pidfile": pidfile.gather,
    "opcode_cache": opcode_cache_overview.gather,
    "php_fpm": fpm_overview.gather,
    "php_daemon": php_daemon.gather,
    "nginx": nginx_overview.gather,
}
