# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What systemd sends to a service when it is told to stop or to reload it (systemd.service(5), systemd.kill(5))."""

import re
import shlex
import signal
from typing import Callable, Dict, List, NamedTuple, Sequence, Tuple

from .job_commands import NO_REDIRECT
from .job_deeds import (
    EXECUTABLE,
    NAME,
    PATTERN,
    RELOAD_OR_RESTART,
    RESTART,
    SIGNAL,
    TRY_RESTART,
    Deed,
    Followed,
    Hop,
    Sent,
    Unfollowed,
)
from .service_units import ServiceUnit

RESTARTS = (RESTART, TRY_RESTART, RELOAD_OR_RESTART)

_SHELL = re.compile(r"(?:/usr)?/bin/(?:ba|da|k|z)?sh (?:-[a-z]+ )*-[a-z]*c (.*)\Z", re.DOTALL)
_PLAIN = re.compile(r"[\w@%+=:,./$\{}-]+\Z")
# Stands for the main process of a service that does not run: no pid is as large (PID_MAX_LIMIT, proc(5)).
_NO_PID = str((1 << 22) + 1)

# Follows a text that stands in a unit: the text, where it stands, the unit.
Follow = Callable[[str, str, ServiceUnit], Followed]


class Blow(NamedTuple):
    """A signal, how many seconds after the first it is sent to what lives on by then, and to whom of the service."""

    signal: str
    after: float
    master: bool
    workers: bool


class Conduct(NamedTuple):
    """What comes of a command to systemd. blows: in order. tested, certain, hops: as those of a deed."""

    blows: Tuple[Blow, ...]
    tested: bool
    certain: bool
    hops: Tuple[Hop, ...]
    unfollowed: Tuple[Unfollowed, ...]


def environment(unit: ServiceUnit) -> Dict[str, str]:
    """Return what systemd sets for the commands of a unit, as far as they act on it (systemd.exec(5)).

    An init script that systemd itself runs does not go back to systemctl.
    """
    return {**NO_REDIRECT, "MAINPID": str(unit.main_pid or _NO_PID)}


def as_shell(commands: Sequence[str]) -> str:
    """Return the commands of ExecReload or ExecStop as one line for a shell: each only runs where the one before did.

    systemctl joins the words of a command by spaces and quotes none. What a shell is given by -c reaches to the end.
    """
    return " && ".join(_as_shell(command) for command in commands)


def _as_shell(command: str) -> str:
    given = _SHELL.match(command)
    if given:
        return given.group(1)
    words = command.split()
    return " ".join(word if _PLAIN.match(word) else shlex.quote(word) for word in words)


def can_reload(unit: ServiceUnit) -> bool:
    return bool(unit.reload) or unit.type == "notify-reload"


def reloading(unit: ServiceUnit, follow: Follow) -> Conduct:
    """Return what a reload sends; nothing where the unit has no ExecReload, for then systemd refuses it."""
    if unit.type == "notify-reload":
        return Conduct((Blow("HUP", 0.0, True, False),), False, True, (Hop(unit.name, "it reloads on SIGHUP"),), ())
    told = _commanded(unit, "ExecReload", unit.reload, follow)
    return told if told.blows or not unit.reload else _unknown(unit, "ExecReload", told)


def stopping(unit: ServiceUnit, follow: Follow) -> Conduct:
    """Return what a stop sends: the commands of ExecStop, then KillSignal to what they have left, then KILL.

    systemd waits for these commands, and not for what they have told to end.
    """
    told = _commanded(unit, "ExecStop", unit.stop, follow)
    waited = max((blow.after for blow in told.blows), default=0.0)
    blows = list(told.blows)
    if not _signals(unit):
        return told if told.blows or not unit.stop else _unknown(unit, "ExecStop", told)
    everyone = unit.kill_mode == "control-group"
    name = signal_name(unit.kill_signal)
    blows.append(Blow(name, waited, True, everyone))
    says = f"KillSignal=SIG{name}"
    if unit.send_sigkill and unit.stop_seconds is not None:
        blows.append(Blow("KILL", waited + unit.stop_seconds, True, unit.kill_mode != "process"))
        says += f", after TimeoutStopSec={unit.stop_seconds:g} s SIGKILL"
    return told._replace(blows=tuple(blows), hops=(*told.hops, Hop(unit.name, says)))


def _unknown(unit: ServiceUnit, name: str, told: Conduct) -> Conduct:
    """Return what came of commands in which no signal was found: the way is lost there."""
    lost = Unfollowed(told.hops or (Hop(unit.name, name),), f"what {name} of {unit.name} sends was not found in it")
    return told._replace(unfollowed=told.unfollowed or (lost,))


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name[len("SIG") :]
    except ValueError:
        return str(number)


def _signals(unit: ServiceUnit) -> bool:
    """Whether systemd itself signals anything: of what an init script started it knows no main process."""
    generated = "/generator" in (unit.file or "")
    return unit.kill_mode != "none" and not (generated and unit.kill_mode == "process" and not unit.main_pid)


def _commanded(unit: ServiceUnit, name: str, commands: Sequence[str], follow: Follow) -> Conduct:
    if not commands:
        return Conduct((), False, True, (), ())
    followed = follow(as_shell(commands), f"{unit.name} ({name})", unit)
    signals = [deed for deed in followed.deeds if deed.verb == SIGNAL]
    return Conduct(
        blows=tuple(blow for deed in signals for blow in blows_of(deed)),
        tested=bool(signals) and all(deed.tested for deed in signals),
        certain=all(deed.certain for deed in signals),
        hops=max((deed.hops for deed in signals), key=len, default=()),
        unfollowed=followed.unfollowed,
    )


def blows_of(deed: Deed) -> List[Blow]:
    """Return the signals of a unit's own command: to all of its name, or else to its main process."""
    workers = deed.target.kind in (NAME, PATTERN, EXECUTABLE) and deed.target.one is None
    return [Blow(sent.signal, deed.moment + sent.after, True, workers) for sent in deed.sent]


def sent_of(blows: Sequence[Blow]) -> Tuple[Sent, ...]:
    return tuple(Sent(blow.signal, blow.after) for blow in blows if blow.signal != "0")
