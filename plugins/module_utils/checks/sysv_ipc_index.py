# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of System V IPC objects in running order, and what an info module shows besides."""

from ..facts import ipc_overview
from ..model import Subject
from . import (
    sysv_ipc_near_limit,
    sysv_ipc_orphaned_queue,
    sysv_ipc_orphaned_segment,
    sysv_ipc_orphaned_semaphore,
    sysv_ipc_removal_pending,
    sysv_ipc_remove_ipc_hazard,
)

SUBJECT = Subject(
    name="sysv_ipc",
    facts=ipc_overview.gather,
    checks=(
        sysv_ipc_near_limit.CHECK,
        sysv_ipc_orphaned_segment.CHECK,
        sysv_ipc_orphaned_semaphore.CHECK,
        sysv_ipc_orphaned_queue.CHECK,
        sysv_ipc_removal_pending.CHECK,
        sysv_ipc_remove_ipc_hazard.CHECK,
    ),
)
