# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a job is: something that a host runs by itself, wherever that is said."""

from typing import Mapping, NamedTuple, Optional, Tuple

from ..formats.cron_schedule import Schedule

CRONTAB = "crontab"  # /etc/crontab and /etc/cron.d
USER_CRONTAB = "user crontab"
PERIODIC = "periodic script"  # of /etc/cron.daily and its kin
ANACRONTAB = "anacrontab"
AT = "at job"
TIMER = "timer"
LOGROTATE = "logrotate"
MONIT = "monit"
SUPERVISOR = "supervisor"

NEXT_RUNS = 3


class Job(NamedTuple):
    """Something that the host runs by itself.

    object: as findings name it: ``/etc/cron.d/php:3``, ``certbot.timer``, ``at job 12``. path: the file that says it,
    line: from 1 on, 0 for the whole file. text: the exact line, or of logrotate the exact line of the script, as it
    stands in the file without its end; "" where it has none. schedule: when, in the words of its kind: ``28 5 * * *``,
    ``daily by anacron``, ``OnCalendar=*-*-* 03:00:00``, ``when php-fpm's log is rotated``. cron: the same where it is
    in cron's notation; zone: CRON_TZ of the line, None for the host's own. next_runs: at most NEXT_RUNS, in seconds
    since the epoch; () where nobody can know. user: whom it runs as. shell: what /bin/sh would be given; a command that
    runs without a shell is quoted for one. first_line: of ``path`` that ``shell`` begins in. environment: what is set
    for it. unit: the service that a timer starts. never: why it never runs, None where it does.
    """

    kind: str
    object: str
    path: str
    line: int
    text: bytes
    schedule: str
    cron: Optional[Schedule]
    zone: Optional[str]
    next_runs: Tuple[float, ...]
    user: str
    shell: str
    first_line: int
    environment: Mapping[str, str]
    unit: Optional[str]
    never: Optional[str]


class Jobs(NamedTuple):
    """unseen: what could not be read, and why; there may be more jobs in it."""

    jobs: Tuple[Job, ...]
    unseen: Tuple[str, ...]
