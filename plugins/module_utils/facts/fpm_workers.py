# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The workers of php-fpm: what each does, and what it waits for."""

from typing import NamedTuple, Optional, Tuple

from ..host import Host
from ..policy import Policy
from .processes import Process

IDLE = "Idle"


class Waiting(NamedTuple):
    """What a process is blocked in (/proc/PID/syscall).

    on: accept, socket, file lock, lock, sleep, child, pipe, file, or none while it runs or that is not known.
    peer: whom the socket is connected with. seconds: since that peer was last heard of, where it is TCP.
    """

    on: str
    peer: Optional[str]
    seconds: Optional[float]


class Worker(NamedTuple):
    """A worker of a running master.

    memory: resident bytes. state: as the status page says it: Idle, Running, Reading headers, Finishing and so on.
    requests: how many it has served, the running one included. request: method and path of its last or running one,
    without the query. request_seconds: how long that runs or took. These are None without a status page.
    idle: it waits for a connection and has none; None where neither the status page nor /proc can say it.
    switches: how often it gave up the processor by itself: unchanged between two looks, it has served nothing.
    """

    process: Process
    master: int
    pool: Optional[str]
    memory: Optional[int]
    state: Optional[str]
    requests: Optional[int]
    request: Optional[str]
    request_seconds: Optional[float]
    script: Optional[str]
    waiting: Optional[Waiting]
    idle: Optional[bool]
    switches: Optional[int]


class PoolStatus(NamedTuple):
    """A pool's own word on itself. started: when its generation began, seconds since the epoch. reason: why none."""

    master: int
    pool: str
    started: Optional[float]
    accepted: Optional[int]
    listen_queue: Optional[int]
    max_children_reached: Optional[int]
    reason: Optional[str]


class FpmWorkers(NamedTuple):
    workers: Tuple[Worker, ...]
    pools: Tuple[PoolStatus, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> FpmWorkers:
    """Return the workers of every master that is not apart. Raises CannotLook where processes cannot be seen."""
    raise NotImplementedError
