# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks of PHP daemons share: how one is called, who stops it how, and the verdict."""

import signal
from typing import NamedTuple, Optional, Sequence

from ..facts.php_daemon import PhpDaemon, PhpDaemons
from ..facts.process_signals import BLOCKED, IGNORED
from ..model import Finding, Verdict, not_applicable, verdict_over


class Stop(NamedTuple):
    """How a daemon is stopped: by whom, with which signal, and after how many seconds KILL follows, None for never."""

    keeper: str
    signal: int
    seconds: Optional[float]


def stop_of(daemon: PhpDaemon) -> Optional[Stop]:
    """Return how a daemon is stopped; None where nobody keeps it, or it is not known how it is stopped."""
    program, unit = daemon.supervised, daemon.unit
    if program is not None:
        if program.signal is None or program.seconds is None or not (program.direct or program.as_group):
            return None  # supervisord's signal goes to a shell that has started the daemon
        return Stop(f"supervisord's program {program.name}", program.signal, program.seconds)
    if unit is None or not _is_stopped_with(daemon):
        return None
    return Stop(unit.name, unit.kill_signal, unit.stop_seconds if unit.send_sigkill else None)


def _is_stopped_with(daemon: PhpDaemon) -> bool:
    """Whether the signal of a stop reaches the daemon (systemd.kill(5), KillMode)."""
    unit = daemon.unit
    is_main = unit is not None and unit.main_pid == daemon.pid
    return unit is not None and (
        unit.kill_mode == "control-group" or (is_main and unit.kill_mode in ("mixed", "process"))
    )


def refuses(daemon: PhpDaemon, number: int) -> Optional[str]:
    """Return why a signal does not end a daemon: ignored or blocked; None where it may."""
    reaction = daemon.signals.get(signal_name(number))
    return reaction if reaction in (IGNORED, BLOCKED) else None


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def called(daemon: PhpDaemon) -> str:
    """Return a daemon as a person would call it."""
    script = daemon.code.script if daemon.code else None
    what = " ".join(word for word in (script, daemon.job) if word) or daemon.executable
    keeper = daemon.supervised.name if daemon.supervised else daemon.unit.name if daemon.unit else None
    return f"process {daemon.pid} ({what}" + (f" of {keeper})" if keeper else ")")


def verdict(seen: PhpDaemons, findings: Sequence[Finding], blind: Sequence[str] = ()) -> Verdict:
    """Return the verdict over all daemons; unknown where something was not seen, ``blind`` being more of that."""
    reasons = [*seen.unseen, *blind]
    if not seen.daemons and not reasons:
        return not_applicable("no PHP program runs on and on here")
    return verdict_over(findings, reasons)
