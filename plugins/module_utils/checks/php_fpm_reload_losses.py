# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""By what a reload, a stop or a restart of a php-fpm loses requests, as it is configured.

php-fpm tells its workers to end by SIGQUIT, and kills them by SIGTERM when process_control_timeout is over; 0, its
default, is at once. SIGTERM and SIGINT, with which systemd and many scripts stop it, give them no time at all (php-src,
sapi/fpm/fpm/fpm_process_ctl.c).
"""

import re
import signal
from typing import List, NamedTuple, Optional

from ..facts.fpm_time_limits import MasterLimits
from ..model import HIGH, LOW, MEDIUM, SEVERITIES
from ..policy import Policy
from .php_fpm_limits_chain import QUIT, longest_request

NO_GRACE = "process_control_timeout is 0"
SHORT_GRACE = "process_control_timeout is shorter than requests may take"
UNBOUNDED = "nothing says how long a request may take"
NOT_IN_FORCE = "process_control_timeout is newer than the last reload"
STOP_SIGNAL = "systemd stops it with another signal than SIGQUIT"
STOP_TIME = "systemd kills before process_control_timeout is over"
RELOAD_SIGNAL = "the service is reloaded by another signal than SIGUSR2"
INIT_SIGNAL = "its init script stops it with another signal than SIGQUIT"
KEEPALIVE = "nginx keeps connections open"

_OF_A_RELOAD = (NO_GRACE, SHORT_GRACE, UNBOUNDED, NOT_IN_FORCE, KEEPALIVE)

_SIGNAL = re.compile(r"(?:^|\s)-(?:-signal[ =]|s\s*|n\s*)?(?:SIG)?([A-Z]+[0-9]?|[0-9]{1,2})(?=\s|$)")
_KILL = re.compile(r"(?:^|/)(?:kill|pkill|killall)(?=\s)")
_NUMBERS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}


class Loss(NamedTuple):
    """One way to lose requests: kind is one of the words above, says what happens, do what to do about it."""

    kind: str
    severity: str
    says: str
    do: str


def losses(master: MasterLimits, policy: Policy) -> List[Loss]:
    """Return every way in which requests are lost, the worst first."""
    found = [*_grace(master, policy), *_reload(master), *_stop(master), *_keepalive(master)]
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def reload_losses(master: MasterLimits, policy: Policy) -> List[Loss]:
    """Return every way in which a reload by SIGUSR2 loses requests, the worst first."""
    return [loss for loss in losses(master, policy) if loss.kind in _OF_A_RELOAD]


def longest(master: MasterLimits, policy: Policy) -> Optional[int]:
    """Return what the slowest request of any pool may take, in seconds; None where nothing bounds one of them."""
    each = [longest_request(pool, policy) for pool in master.pools]
    known = [seconds for seconds in each if seconds is not None]
    return max(known) if known and len(known) == len(each) else policy.php_fpm.longest_request or None


def _grace(master: MasterLimits, policy: Policy) -> List[Loss]:
    control, needed = master.control, longest(master, policy)
    if not control.seconds:
        says = "a reload, and a stop however gentle, kills every request in flight"
        return [Loss(NO_GRACE, MEDIUM, says, _set_control(needed))]
    found = []
    if needed is None:
        says = f"a reload kills every request that takes longer than {control.seconds:g} s, and nothing ends one sooner"
        do = "say in longest_request what the slowest may take, or set request_terminate_timeout in each pool"
        found.append(Loss(UNBOUNDED, LOW, says, do))
    elif control.seconds < needed:
        says = f"a reload kills requests after {control.seconds:g} s, and they may take {needed} s"
        found.append(Loss(SHORT_GRACE, MEDIUM, says, _set_control(needed)))
    if control.in_force is False:
        says = (
            f"process_control_timeout = {control.seconds:g}s stands in a file that is newer than the last reload: the "
        )
        says += "next one still happens under what was in force before"
        found.append(Loss(NOT_IN_FORCE, MEDIUM, says, "reload once, drained"))
    return found


def _set_control(needed: Optional[int]) -> str:
    if needed is None:
        return "say in longest_request what the slowest request may take, and set process_control_timeout to more"
    return f"set process_control_timeout in [global] to {needed} s or more"


def _reload(master: MasterLimits) -> List[Loss]:
    unit = master.master.unit
    found = []
    for command in unit.reload if unit else ():
        name = signal_of(command)
        if name is None or name == "USR2" or (name == "HUP" and master.master.handles_hup is not False):
            continue  # what a command that is no kill does is not known, and no finding
        says = f"`systemctl reload` sends SIG{name}: {_effect(name)}"
        found.append(
            Loss(RELOAD_SIGNAL, HIGH, says, "set ExecReload=/bin/kill -USR2 $MAINPID in a drop-in of the unit")
        )
    return found


def signal_of(command: str) -> Optional[str]:
    """Return the signal such as USR2 that a command sends by kill(1) or its kin, None where it is no such command."""
    kill = _KILL.search(command)
    if kill is None:
        return None
    name = _SIGNAL.search(command, kill.end())
    return _NUMBERS.get(name.group(1), name.group(1)) if name else "TERM"


def _effect(name: str) -> str:
    if name in ("TERM", "INT"):
        return "php-fpm ends at once, and every request in flight with it"
    if name == "QUIT":
        return "php-fpm stops instead, and what has queued is lost"
    if name == "USR1":
        return "php-fpm opens its logs anew, and does not reload"
    return "the master dies of it, and its workers serve on without one"


def _stop(master: MasterLimits) -> List[Loss]:
    if master.master.init_script is not None:
        return _init_stop(master, master.master.init_script)
    unit = master.master.unit
    if unit is None or unit.kill_mode == "none":
        return []
    if unit.kill_signal != QUIT:
        says = f"`systemctl stop` and `restart` of {unit.name} send {_name(unit.kill_signal)}, "
        says += "which kills every request in flight whatever process_control_timeout says"
        do = "set KillSignal=SIGQUIT in a drop-in of the unit, or stop and restart by phpfleet.remediation.php_fpm"
        return [Loss(STOP_SIGNAL, MEDIUM, says, do)]
    stop, control = unit.stop_seconds, master.control.seconds
    if stop is None or not control or stop > control or not unit.send_sigkill:
        return []
    says = f"systemd kills what is left of a stop after {stop:g} s, where process_control_timeout allows {control:g} s"
    return [Loss(STOP_TIME, HIGH, says, f"set TimeoutStopSec to more than {control:g} s in a drop-in of the unit")]


def _init_stop(master: MasterLimits, script: str) -> List[Loss]:
    if master.init_stop in (None, "QUIT"):
        return []
    says = f"{script} stops php-fpm with SIG{master.init_stop}, which kills every request in flight whatever "
    says += "process_control_timeout says"
    return [Loss(INIT_SIGNAL, MEDIUM, says, "let it send QUIT, or stop and restart by phpfleet.remediation.php_fpm")]


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _keepalive(master: MasterLimits) -> List[Loss]:
    kept = [front for pool in master.pools for front in pool.fronts if front.keeps_connections]
    if not kept:
        return []
    says = f"nginx keeps connections to it open ({kept[0].source}): a reload waits all of process_control_timeout for "
    says += "them, fails POST requests that come on one, and lets nginx send others a second time"
    do = "reload while drained, nginx first; or turn fastcgi_keep_conn off"
    return [Loss(KEEPALIVE, MEDIUM, says, do)]
