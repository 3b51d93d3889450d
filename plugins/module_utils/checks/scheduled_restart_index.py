# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The checks of jobs that restart or signal web services in running order, and what an info module shows besides."""

from ..facts import scheduled_overview
from ..model import Subject
from . import (
    scheduled_restart_came_back,
    scheduled_restart_escalates_to_kill,
    scheduled_restart_kills_in_flight,
    scheduled_restart_never_runs,
    scheduled_restart_reload_without_test,
    scheduled_restart_stops_service,
    scheduled_restart_unknown_command,
    scheduled_restart_wrong_signal_in_logrotate,
)

SUBJECT = Subject(
    name="scheduled_restart",
    facts=scheduled_overview.gather,
    checks=(
        scheduled_restart_kills_in_flight.CHECK,
        scheduled_restart_wrong_signal_in_logrotate.CHECK,
        scheduled_restart_escalates_to_kill.CHECK,
        scheduled_restart_stops_service.CHECK,
        scheduled_restart_reload_without_test.CHECK,
        scheduled_restart_came_back.CHECK,
        scheduled_restart_never_runs.CHECK,
        scheduled_restart_unknown_command.CHECK,
    ),
)
