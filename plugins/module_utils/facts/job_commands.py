# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a job comes to do to a service, followed by reading from its line through scripts, and never by running."""

from typing import Mapping, Sequence, Tuple

from ..host import Host
from ..policy import Policy
from .job_deeds import (
    EXECUTABLE,
    MAIN,
    MONITORED,
    NAME,
    NEWEST,
    OLDEST,
    PATTERN,
    PID,
    PIDFILE,
    PROGRAM,
    RELOAD,
    RELOAD_OR_RESTART,
    RESTART,
    SIGNAL,
    START,
    STOP,
    SUPERVISED,
    TRY_RESTART,
    UNIT,
    Deed,
    Followed,
    Hop,
    Sent,
    Target,
    Unfollowed,
)
from .scheduled_jobs import Job

__all__ = (
    *("EXECUTABLE", "MAIN", "MONITORED", "NAME", "NEWEST", "OLDEST", "PATTERN", "PID", "PIDFILE", "PROGRAM", "RELOAD"),
    *("RELOAD_OR_RESTART", "RESTART", "SIGNAL", "START", "STOP", "SUPERVISED", "TRY_RESTART", "UNIT", "Deed"),
    *("Followed", "Hop", "Sent", "Target", "Unfollowed", "follow", "follow_text", "NO_REDIRECT"),
)

# In this environment an init script does its work itself, as it does when systemd has started it, instead of handing
# it to systemctl (Debian's init-functions.d/40-systemd, Red Hat's /etc/init.d/functions).
NO_REDIRECT = {"SYSTEMCTL_SKIP_REDIRECT": "1"}


def follow(host: Host, policy: Policy, job: Job) -> Followed:
    """Return what a job does to services, as far as it can be read. Runs nothing that it reads."""
    raise NotImplementedError


def follow_text(
    host: Host,
    policy: Policy,
    text: str,
    source: str,
    hops: Sequence[Hop] = (),
    environment: Mapping[str, str] = NO_REDIRECT,
    arguments: Sequence[str] = (),
    first_line: int = 1,
) -> Followed:
    """Return what a text of the shell does, such as ``/etc/init.d/nginx stop``.

    source: the file or unit where it stands; hops: the way to it, before which none is known. environment: what is set
    for it; NO_REDIRECT in it makes init scripts do their work themselves. arguments: its ``$1`` and so on. first_line:
    of ``source`` that it begins in, 0 where it has no lines, as a unit has none.
    """
    raise NotImplementedError
