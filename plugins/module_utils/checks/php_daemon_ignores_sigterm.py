# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A PHP daemon that does not end when it is asked to."""

import signal
from typing import List, Mapping, NamedTuple, Optional

from ..facts import php_daemon
from ..facts.php_daemon import PhpDaemon, PhpDaemons
from ..facts.process_signals import CAUGHT, IGNORED
from ..model import HIGH, INFO, LOW, Check, Finding, Verdict
from ..policy import Policy
from .php_daemon_evidence import called, refuses, signal_name, stop_of, verdict

IS_IGNORED = "the program, or what started it, set SIGTERM to be ignored, which a child inherits"
IS_BLOCKED = "the program blocks SIGTERM, so that it waits until the program unblocks it"
IS_CAUGHT = "the script has a handler for SIGTERM; whether it ever runs cannot be seen from outside"


class Evidence(NamedTuple):
    """owner: who runs it. cause: how this usually comes. signals: its reactions. keeper: who would stop it, and how."""

    owner: str
    cause: str
    pid: int
    started: float
    script: Optional[str]
    signals: Mapping[str, str]
    keeper: Optional[str]
    stop_signal: Optional[str]
    stop_seconds: Optional[float]


def find(seen: PhpDaemons, policy: Policy) -> Verdict:
    deaf = [_deaf(one) for one in seen.daemons if refuses(one, signal.SIGTERM)]
    doubtful = [_doubtful(one) for one in seen.daemons if one.signals.get("SIGTERM") == CAUGHT]
    return verdict(seen, deaf + doubtful, _blind(seen))


def _blind(seen: PhpDaemons) -> List[str]:
    return [one.unknown[0] for one in seen.daemons if not one.signals]


def _deaf(daemon: PhpDaemon) -> Finding:
    reaction = refuses(daemon, signal.SIGTERM)
    stop = stop_of(daemon)
    by_term = stop is None or stop.signal == signal.SIGTERM or refuses(daemon, stop.signal) is not None
    name = called(daemon)
    other = "" if by_term or stop is None else f"; {stop.keeper} stops it by {signal_name(stop.signal)} instead"
    return Finding(
        CHECK.id,
        f"process {daemon.pid}",
        HIGH if by_term else LOW,
        f"{name} has SIGTERM {reaction}: only KILL ends it, in the middle of its work{other}"
        if by_term
        else f"{name} has SIGTERM {reaction}{other}, but `kill` and a shutdown of the host do not",
        _evidence(daemon, IS_IGNORED if reaction == IGNORED else IS_BLOCKED),
        None,
        None,
    )


def _doubtful(daemon: PhpDaemon) -> Finding:
    return Finding(
        CHECK.id,
        f"process {daemon.pid}",
        INFO,
        f"{called(daemon)} catches SIGTERM; a handler that PHP never comes to call (no asynchronous signals, no "
        "pcntl_signal_dispatch) looks the same, so try a stop where that does no harm",
        _evidence(daemon, IS_CAUGHT),
        None,
        None,
    )


def _evidence(daemon: PhpDaemon, cause: str) -> Evidence:
    stop = stop_of(daemon)
    return Evidence(
        owner=daemon.user,
        cause=cause,
        pid=daemon.pid,
        started=daemon.started,
        script=daemon.code.script if daemon.code else None,
        signals=daemon.signals,
        keeper=stop.keeper if stop else None,
        stop_signal=signal_name(stop.signal) if stop else None,
        stop_seconds=stop.seconds if stop else None,
    )


CHECK = Check(id="php_daemon.ignores_sigterm", gathers=(php_daemon.gather,), find=find)
