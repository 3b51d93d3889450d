# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""shmctl(2), semctl(2), msgctl(2) and the creating calls through libc, on 64-bit architectures with known structures.

The structures are those of include/uapi/asm-generic/{ipc,shm,sem,msg}buf.h; where an architecture has its own (x86 pads
the times of a set, powerpc has a segment's size after its times), it is named here. A test compiles them against libc.
"""

import ctypes
import errno
import os
import platform
from itertools import product, starmap
from typing import Any, Dict, List, Optional, Sequence, Tuple, Type, Union

from ..errors import CannotAct, Taken, Unneeded

ARCHITECTURES = ("x86_64", "aarch64", "ppc64le", "s390x", "riscv64")
IPC_CREAT, IPC_EXCL = 0o1000, 0o2000
IPC_RMID, IPC_SET, IPC_STAT = 0, 1, 2
GETALL, GETNCNT, GETZCNT, SETALL = 13, 14, 15, 17
_WORD = ctypes.c_ulong
MACHINE = platform.machine()
BITS = ctypes.sizeof(ctypes.c_void_p) * 8


class Permissions(ctypes.Structure):
    """struct ipc_perm; what follows the mode is the kernel's own."""

    _fields_ = [
        ("key", ctypes.c_int),
        ("uid", ctypes.c_uint),
        ("gid", ctypes.c_uint),
        ("cuid", ctypes.c_uint),
        ("cgid", ctypes.c_uint),
        ("mode", ctypes.c_uint),
        ("reserved", _WORD * 3),
    ]


_Fields = List[Tuple[str, Any]]
_SEGMENT_SIZE: _Fields = [("size", _WORD)]
_SEGMENT_TIMES: _Fields = [("atime", ctypes.c_long), ("dtime", ctypes.c_long), ("ctime", ctypes.c_long)]
_SEGMENT_USERS: _Fields = [("cpid", ctypes.c_int), ("lpid", ctypes.c_int), ("nattch", _WORD), ("reserved", _WORD * 2)]
_PERMISSIONS: _Fields = [("perm", Permissions)]
_OTIME: _Fields = [("otime", ctypes.c_long)]
_CTIME: _Fields = [("ctime", ctypes.c_long)]
_PADDING: _Fields = [("padding", _WORD)]
_SET_SIZE: _Fields = [("nsems", _WORD), ("reserved", _WORD * 2)]
_SIZE_LAST = MACHINE == "ppc64le"
_PADDED_TIMES = MACHINE == "x86_64"


class SegmentState(ctypes.Structure):
    """struct shmid_ds"""

    _fields_ = (
        _PERMISSIONS
        + (_SEGMENT_TIMES + _SEGMENT_SIZE if _SIZE_LAST else _SEGMENT_SIZE + _SEGMENT_TIMES)
        + _SEGMENT_USERS
    )


class SetState(ctypes.Structure):
    """struct semid_ds"""

    _fields_ = _PERMISSIONS + (
        _OTIME + _PADDING + _CTIME + [("padding_2", _WORD)] + _SET_SIZE
        if _PADDED_TIMES
        else _OTIME + _CTIME + _SET_SIZE
    )


class QueueState(ctypes.Structure):
    """struct msqid_ds"""

    _fields_ = [
        ("perm", Permissions),
        ("stime", ctypes.c_long),
        ("rtime", ctypes.c_long),
        ("ctime", ctypes.c_long),
        ("cbytes", _WORD),
        ("qnum", _WORD),
        ("qbytes", _WORD),
        ("lspid", ctypes.c_int),
        ("lrpid", ctypes.c_int),
        ("reserved", _WORD * 2),
    ]


State = Union[SegmentState, SetState, QueueState]
_STATES: Dict[str, Type[State]] = {"shm": SegmentState, "sem": SetState, "msg": QueueState}
_CREATORS = {"shm": "shmget", "sem": "semget", "msg": "msgget"}
# PyDLL: none of these calls waits, so the interpreter's lock need not be given up for each.
_LIBC = ctypes.PyDLL(None, use_errno=True)
_LIBC.shmget.argtypes = [ctypes.c_int, ctypes.c_size_t, ctypes.c_int]
_LIBC.shmat.restype = ctypes.c_void_p
_LIBC.shmat.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_int]
_LIBC.shmdt.argtypes = [ctypes.c_void_p]
_NOT_ATTACHED = ctypes.c_void_p(-1).value


def demand_known_architecture() -> None:
    """Raise CannotAct where the structures below are not known to be the kernel's."""
    if MACHINE not in ARCHITECTURES or BITS != 64:
        raise CannotAct(
            f"IPC objects are not changed on {MACHINE} ({BITS} bits), whose structures are not known here; known are "
            f"{', '.join(ARCHITECTURES)}. Remove by hand with ipcrm(1)"
        )


def read_state(kind: str, identifier: int) -> Optional[State]:
    """Return what IPC_STAT says of an object; kind is shm, sem or msg. None when it is gone. Raises CannotAct."""
    state = _STATES[kind]()
    code = _control(kind, identifier, IPC_STAT, ctypes.byref(state))
    if code in (errno.EINVAL, errno.EIDRM):
        return None
    if code:
        raise _failed(f"{kind} {identifier}", "look at it", code)
    return state


def read_values(semid: int, count: int) -> Tuple[int, ...]:
    """Return the values of a set. Raises Unneeded when it is gone, CannotAct."""
    values = (ctypes.c_ushort * count)()
    _semctl(semid, 0, GETALL, values)
    return tuple(values[:])


def count_waiters(semid: int, count: int) -> int:
    """Return how many processes wait at any semaphore of a set. Raises Unneeded when it is gone, CannotAct."""
    waiters = list(starmap(_LIBC.semctl, product((semid,), range(count), (GETNCNT, GETZCNT))))
    if -1 in waiters:
        raise _gone_or_failed(f"sem {semid}", ctypes.get_errno())
    return sum(waiters)


def remove(kind: str, identifier: int) -> None:
    """Remove an object. Raises Unneeded when it is gone, CannotAct."""
    code = _control(kind, identifier, IPC_RMID, None)
    if code in (errno.EINVAL, errno.EIDRM):
        raise Unneeded(f"{kind} {identifier} is gone already")
    if code:
        raise _failed(f"{kind} {identifier}", "remove it", code)


def create(kind: str, key: int, *size: int) -> int:
    """Make an object that nobody but us may use yet, and return its id.

    size is a segment's bytes or a set's semaphores, absent for a queue. Raises Taken (the key is in use), CannotAct.
    """
    identifier: int = getattr(_LIBC, _CREATORS[kind])(ctypes.c_int(key), *size, IPC_CREAT | IPC_EXCL | 0o600)
    if identifier >= 0:
        return identifier
    code = ctypes.get_errno()
    if code == errno.EEXIST:
        raise Taken(f"key 0x{key:08x} is in use again: its program made a new one")
    raise _failed(f"{kind} with key 0x{key:08x}", "make it", code)


def find_key(kind: str, key: int) -> Optional[int]:
    """Return the id of the object that has a key, None when no object has it. Raises CannotAct."""
    zeros = (0,) if kind == "msg" else (0, 0)
    identifier: int = getattr(_LIBC, _CREATORS[kind])(ctypes.c_int(key), *zeros)
    if identifier >= 0:
        return identifier
    code = ctypes.get_errno()
    if code == errno.ENOENT:
        return None
    raise _failed(f"{kind} with key 0x{key:08x}", "look for it", code)


def give(kind: str, identifier: int, uid: int, gid: int, mode: int, qbytes: Optional[int] = None) -> None:
    """Set owner and mode of an object, and of a queue how much it may hold. Raises CannotAct."""
    state = read_state(kind, identifier)
    if state is None:
        raise CannotAct(f"{kind} {identifier}: it was removed while it was made")
    state.perm.uid, state.perm.gid, state.perm.mode = uid, gid, mode
    if qbytes is not None:
        state.qbytes = qbytes
    code = _control(kind, identifier, IPC_SET, ctypes.byref(state))
    if code:
        raise _failed(f"{kind} {identifier}", "give it back to its owner", code)


def write_values(semid: int, values: Sequence[int]) -> None:
    """Set the values of a whole set. Raises CannotAct."""
    _semctl(semid, 0, SETALL, (ctypes.c_ushort * len(values))(*values))


def write_segment(shmid: int, content: bytes) -> None:
    """Fill a segment that nobody else uses yet. Raises CannotAct."""
    address = _LIBC.shmat(shmid, None, 0)
    if address == _NOT_ATTACHED:
        raise _failed(f"shm {shmid}", "attach it", ctypes.get_errno())
    ctypes.memmove(address, content, len(content))
    _LIBC.shmdt(address)


def _control(kind: str, identifier: int, command: int, argument: Any) -> int:
    """Return 0, or the errno of a control call."""
    if kind == "sem":
        result = _LIBC.semctl(identifier, 0, command, argument)
    else:
        result = (_LIBC.shmctl if kind == "shm" else _LIBC.msgctl)(identifier, command, argument)
    return 0 if result >= 0 else ctypes.get_errno()


def _semctl(semid: int, number: int, command: int, *argument: Any) -> int:
    result: int = _LIBC.semctl(semid, number, command, *argument)
    if result < 0:
        raise _gone_or_failed(f"sem {semid}", ctypes.get_errno())
    return result


def _gone_or_failed(thing: str, code: int) -> Union[CannotAct, Unneeded]:
    if code in (errno.EINVAL, errno.EIDRM):
        return Unneeded(f"{thing} is gone already")
    return _failed(thing, "look at it", code)


def _failed(thing: str, purpose: str, code: int) -> CannotAct:
    advice = {
        errno.EPERM: "only its owner and root may; run with become",
        errno.EACCES: "only its owner and root may; run with become",
        errno.ENOSPC: "the table is full; remove orphaned objects or raise its limit (check sysv_ipc.near_limit)",
    }.get(code, "nothing was changed in it")
    return CannotAct(f"{thing}: could not {purpose}: {os.strerror(code)}; {advice}")
