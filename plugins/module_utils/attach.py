# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read what is in a shared memory segment. Attaching leaves a trace: the kernel records the last user and time."""

import ctypes
import errno
import os
from functools import lru_cache
from typing import Any

from .directory import explained
from .errors import CannotLook, Missing

_SHM_RDONLY = 0o10000
_FAILED = ctypes.c_void_p(-1).value


def read_segment(shmid: int, length: int) -> bytes:
    """Return the first ``length`` bytes of a segment, attached read-only. Raises Missing, Forbidden or CannotLook."""
    libc = _libc()
    address: Any = libc.shmat(shmid, None, _SHM_RDONLY)
    if address == _FAILED:
        raise _refused(ctypes.get_errno(), shmid)
    try:
        return ctypes.string_at(address, length)
    finally:
        libc.shmdt(address)


@lru_cache(maxsize=1)  # loading it is slow, and a run may read thousands of segments
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmat.restype = ctypes.c_void_p
    libc.shmdt.argtypes = [ctypes.c_void_p]
    return libc


def _refused(code: int, shmid: int) -> CannotLook:
    if code in (errno.EINVAL, errno.EIDRM):
        return Missing(f"shm {shmid}: it is gone", object=f"shm {shmid}")
    return explained(OSError(code, os.strerror(code)), f"shm {shmid}")
