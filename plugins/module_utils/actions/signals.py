# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send a signal to the very process that was seen.

A pid is given to another process once its own has ended. A pidfd stands for one process for ever: it is opened first,
then who bears the pid is compared with what was seen, and the signal goes to that process or to none. Where the kernel
has none (before 5.3, or a filter of system calls forbids it), the pid is compared just before kill(2), and it is said.
"""

import contextlib
import ctypes
import errno
import os
import signal
from typing import Dict, Iterator, Optional, Tuple, cast

from ..errors import CannotAct, CannotLook, Missing, Unneeded
from ..facts.processes import Process, bears, catches
from ..host import Host
from ..journal_file import Intent
from ..model import Action
from ..transition import Signal
from .journal import Journal
from .verb import Prepared, Verb

# include/uapi/asm-generic/unistd.h; the same on every architecture but these.
_PIDFD_SEND_SIGNAL, _PIDFD_OPEN = 424, 434
_NUMBERED_OTHERWISE = ("alpha", "mips")
_NO_PIDFD = (errno.ENOSYS, errno.EPERM)


def look(action: Action) -> None:
    _demand_same(Host(), cast(Signal, action.guard))


def prepare(action: Action, journal: Journal) -> Prepared:
    look(action)
    asked = cast(Signal, action.guard)
    return Prepared(action, dict(pid=asked.process.pid, number=asked.number))


def act(prepared: Prepared) -> str:
    asked = cast(Signal, prepared.action.guard)
    name = signal.Signals(asked.number).name
    with _pidfd(asked.process.pid) as descriptor:
        _demand_same(Host(), asked)
        try:
            if descriptor is None:
                os.kill(asked.process.pid, asked.number)
            else:
                _system_call(_PIDFD_SEND_SIGNAL, descriptor, asked.number, 0, 0)
        except OSError as error:
            raise _failed(asked.process, name, error) from error
    how = "" if descriptor is not None else ", by its pid: this kernel lets nobody hold on to a process (pidfd_open)"
    return f"{name} was sent to process {asked.process.pid}{how}"


def undo(intent: Intent) -> str:
    return "a signal cannot be taken back; ask for the state that was before the run, which is in its journal"


def diff(action: Action) -> Tuple[str, str]:
    return "", f"{action.verb} {action.object}"


VERBS: Dict[str, Verb] = {"send_signal": Verb(look, prepare, act, undo, diff)}


def _demand_same(host: Host, asked: Signal) -> None:
    seen = asked.process
    try:
        now = bears(host, seen.pid)
        if now is None or now.zombie:
            raise Unneeded(f"process {seen.pid}: it has ended meanwhile")
        if _identity(now) != _identity(seen):
            raise Unneeded(f"process {seen.pid}: another bears this pid now, {now.title or now.name}")
        if asked.caught and not catches(host, seen.pid, asked.number):
            name = signal.Signals(asked.number).name
            raise CannotAct(
                f"process {seen.pid}: it has no handler for {name}, which would kill it; it may be just starting: look "
                "at it, and try again"
            )
    except Missing as error:
        raise Unneeded(f"process {seen.pid}: it has ended meanwhile") from error
    except CannotLook as error:
        raise CannotAct(str(error)) from error


def _identity(process: Process) -> Tuple[int, float, Optional[str], Tuple[int, int, int]]:
    return process.pid, process.started, process.executable, process.uids


@contextlib.contextmanager
def _pidfd(pid: int) -> Iterator[Optional[int]]:
    """Give a descriptor of whoever bears a pid now, None where the kernel has none. Raises Unneeded for nobody."""
    descriptor = _open(pid)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _open(pid: int) -> Optional[int]:
    if os.uname().machine.startswith(_NUMBERED_OTHERWISE):
        return None
    try:
        return _system_call(_PIDFD_OPEN, pid, 0)
    except OSError as error:
        if error.errno in _NO_PIDFD:
            return None
        if error.errno == errno.ESRCH:
            raise Unneeded(f"process {pid}: it has ended meanwhile") from error
        raise CannotAct(f"process {pid}: {error.strerror} (pidfd_open)") from error


def _system_call(number: int, *arguments: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result: int = libc.syscall(*[ctypes.c_long(value) for value in (number, *arguments)])
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _failed(process: Process, name: str, error: OSError) -> Exception:
    if error.errno == errno.ESRCH:
        return Unneeded(f"process {process.pid}: it has ended meanwhile")
    return CannotAct(f"process {process.pid}: {name} could not be sent: {error.strerror}; run with become")
