# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a job does to services, and where it says so."""

from typing import NamedTuple, Optional, Tuple

START, STOP, RESTART, TRY_RESTART = "start", "stop", "restart", "try-restart"
RELOAD, RELOAD_OR_RESTART, SIGNAL = "reload", "reload-or-restart", "signal"

UNIT = "unit"  # of systemd, by the name as given: php-fpm, php8.2-fpm.service, php*-fpm; also of `service` and its kin
PIDFILE = "pidfile"  # by its path
PID = "pid"
NAME = "name"  # processes of exactly that name, as killall, pidof and killproc know it
PATTERN = "pattern"  # processes whose name or command line it matches, as pkill knows it
EXECUTABLE = "executable"  # processes that run that file, as start-stop-daemon --exec and pidof /path know it
PROGRAM = "program"  # the program's own control: nginx -s, apachectl, haproxy -sf; value is its path or name
SUPERVISED = "supervised"  # a program of supervisord, by the name that supervisorctl knows
MONITORED = "monitored"  # a service of monit, by its name

MAIN = "main"  # of a UNIT only its main process, as `systemctl kill --kill-who=main` has it
OLDEST, NEWEST = "oldest", "newest"


class Hop(NamedTuple):
    """A step on the way: where it is said, ``file:line`` or a unit, and the command there less what may be secret."""

    source: str
    says: str


class Sent(NamedTuple):
    """A signal such as TERM, and how many seconds after the first one is sent where its target lives on by then."""

    signal: str
    after: float


class Target(NamedTuple):
    """Whom a command is for. user: only that user's processes. one: MAIN, or only the OLDEST or NEWEST that matches.

    whole_line: a PATTERN is matched with the whole command line, as ``pkill -f`` does; exact: with all of it (-x).
    """

    kind: str
    value: str
    user: Optional[str] = None
    one: Optional[str] = None
    whole_line: bool = False
    exact: bool = False


class Deed(NamedTuple):
    """What is done to whom. verb: one of the words above.

    sent: for SIGNAL, the signals in order: ``kill``, sleep 90, ``kill -9`` are two. tested: the program's own test of
    its configuration has to pass first. certain: False where a condition that nobody can know by reading decides
    whether it comes to it. hops: the way to it, from the job's own line. moment: in seconds after the job's begin, as
    far as its sleeps tell. user: as whom it is done, None for the job's own user. drawn: a sleep comes before it whose
    length nobody can know by reading, such as a random one.
    """

    verb: str
    target: Target
    sent: Tuple[Sent, ...]
    tested: bool
    certain: bool
    hops: Tuple[Hop, ...]
    moment: float = 0.0
    user: Optional[str] = None
    drawn: bool = False


class Unfollowed(NamedTuple):
    """Where the way is lost at a word that may restart or signal something, and why."""

    hops: Tuple[Hop, ...]
    reason: str


class Followed(NamedTuple):
    """effort: what reading it took, in commands; ten characters of a script count as one."""

    deeds: Tuple[Deed, ...]
    unfollowed: Tuple[Unfollowed, ...]
    effort: int = 0
