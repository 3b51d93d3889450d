# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A PHP daemon whose stop ends in KILL: after a wait, or at once."""

import signal
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..facts import php_daemon
from ..facts.php_daemon import Escalations, PhpDaemon, PhpDaemons
from ..model import HIGH, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_daemon_evidence import called, refuses, signal_name, stop_of, verdict

REFUSED = "the signal of the stop is ignored or blocked, so the wait is for nothing"
KILLED_AT_ONCE = "the stop begins with KILL, so the daemon cannot end its work"
HAPPENED = "systemd's journal says that stops had to end in KILL: a job took longer, or the signal was not acted upon"
LEFT_OVER = "KillMode=mixed ends all but the first process by KILL as soon as that one has ended"
HARM = "its job is cut in the middle, and its private shared memory, semaphores and queues stay behind for good"


class Evidence(NamedTuple):
    """keeper: who stops it. seconds: until KILL follows the signal. pids: of the daemons that it hits.

    times, last: stops that ended in KILL within two weeks, and when the last one did (seconds since the epoch).
    """

    owner: str
    cause: str
    keeper: str
    stop_signal: str
    seconds: Optional[float]
    pids: Tuple[int, ...]
    scripts: Tuple[str, ...]
    times: int
    last: Optional[float]


def find(seen: PhpDaemons, policy: Policy) -> Verdict:
    by_keeper: Dict[str, List[PhpDaemon]] = {}
    for daemon in seen.daemons:
        keeper = _keeper(daemon)
        if keeper is not None:
            by_keeper.setdefault(keeper, []).append(daemon)
    judged = [_judge(keeper, daemons, seen.escalated.get(keeper)) for keeper, daemons in sorted(by_keeper.items())]
    return verdict(seen, [finding for finding in judged if finding is not None], _blind(seen))


def _keeper(daemon: PhpDaemon) -> Optional[str]:
    if daemon.supervised is not None:
        return daemon.supervised.name
    return daemon.unit.name if daemon.unit is not None else None


def _blind(seen: PhpDaemons) -> List[str]:
    unclear = [one.supervised.unknown for one in seen.daemons if one.supervised and one.supervised.unknown]
    return [*unclear, *([seen.unheard] if seen.unheard else [])]


def _judge(keeper: str, daemons: List[PhpDaemon], escalated: Optional[Escalations]) -> Optional[Finding]:
    deaf = [one for one in daemons if _is_killed_after_a_wait(one)]
    if deaf:
        stop = stop_of(deaf[0])
        wait = f"{stop.seconds:g} s" if stop and stop.seconds is not None else "a while"
        what = (
            f"waits {wait} for nothing, because {called(deaf[0])} does not take {_signal(deaf[0])}, and then kills it"
        )
        return _finding(keeper, deaf, HIGH, REFUSED, what, escalated)
    killed = [one for one in daemons if _signal(one) == "SIGKILL"]
    if killed:
        return _finding(keeper, killed, HIGH, KILLED_AT_ONCE, f"kills {called(killed[0])} at once", escalated)
    if escalated is not None:
        what = f"ended in KILL {escalated.times} times within two weeks"
        return _finding(keeper, daemons, MEDIUM, HAPPENED, what, escalated)
    left = [one for one in daemons if _is_left_over(one)]
    if left:
        return _finding(keeper, left, MEDIUM, LEFT_OVER, f"kills {called(left[0])} when its main process ends", None)
    return None


def _is_killed_after_a_wait(daemon: PhpDaemon) -> bool:
    stop = stop_of(daemon)
    return stop is not None and stop.seconds is not None and refuses(daemon, stop.signal) is not None


def _signal(daemon: PhpDaemon) -> str:
    stop = stop_of(daemon)
    return signal_name(stop.signal if stop else signal.SIGTERM)


def _is_left_over(daemon: PhpDaemon) -> bool:
    unit = daemon.unit
    mixed = unit is not None and unit.kill_mode == "mixed" and unit.send_sigkill and daemon.supervised is None
    return mixed and unit is not None and unit.main_pid not in (0, daemon.pid)


def _finding(
    keeper: str, daemons: List[PhpDaemon], severity: str, cause: str, what: str, escalated: Optional[Escalations]
) -> Finding:
    stop = stop_of(daemons[0])
    scripts = {one.code.script for one in daemons if one.code and one.code.script}
    evidence = Evidence(
        owner=daemons[0].user,
        cause=cause,
        keeper=keeper,
        stop_signal=_signal(daemons[0]),
        seconds=stop.seconds if stop else None,
        pids=tuple(one.pid for one in daemons),
        scripts=tuple(sorted(scripts)),
        times=escalated.times if escalated else 0,
        last=escalated.last if escalated else None,
    )
    return Finding(CHECK.id, keeper, severity, f"a stop of {keeper} {what}; {HARM}", evidence, None, None)


CHECK = Check(id="php_daemon.stop_escalates_to_kill", gathers=(php_daemon.gather,), find=find)
