# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of nginx in running order, and what an info module shows besides."""

from ..facts import nginx_overview
from ..model import Subject
from . import (
    nginx_invalid_config,
    nginx_no_worker_shutdown_timeout,
    nginx_old_workers,
    nginx_oldbin_left,
)

SUBJECT = Subject(
    name="nginx",
    facts=nginx_overview.gather,
    checks=(
        nginx_old_workers.CHECK,
        nginx_oldbin_left.CHECK,
        nginx_invalid_config.CHECK,
        nginx_no_worker_shutdown_timeout.CHECK,
    ),
)
