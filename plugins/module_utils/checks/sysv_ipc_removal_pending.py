# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Segments that are marked for removal and go when their last user detaches: who that is.

OPcache and eAccelerator mark their memory so on purpose, right after attaching it, so that it can never be left behind.
"""

from typing import NamedTuple, Sequence

from ..facts import ipc_users, processes, sysv_ipc
from ..facts.ipc_users import Holders
from ..facts.processes import Processes
from ..facts.sysv_ipc import MARKED_FOR_REMOVAL, Segment, Table
from ..model import INFO, LOW, Check, Finding, Verdict, found, not_applicable
from ..policy import Policy
from .sysv_ipc import ALIVE, User, user

ON_PURPOSE = (
    "its maker still runs: OPcache and eAccelerator mark their memory so on purpose; "
    "if somebody used ipcrm, programs that come now get another segment than those that hold this one"
)
LEFT = "its maker has ended, and processes that outlived it keep the memory; ending them frees it"
HOLDERS_SHOWN = 20


class Holder(NamedTuple):
    pid: int
    title: str


class Evidence(NamedTuple):
    """attached: how often, in all. holders: who maps it, at most HOLDERS_SHOWN; complete: whether all could be seen."""

    owner: str
    cause: str
    size: int
    attached: int
    creator: User
    holders: Sequence[Holder]
    complete: bool


def find(table: Table, holders: Holders, running: Processes, policy: Policy) -> Verdict:
    """Name who holds what is marked."""
    if "segment" not in policy.sysv_ipc.kinds:
        return not_applicable("segment is not among the kinds that were asked for")
    marked = [
        _finding(segment, table.users[segment.uid], holders, running)
        for segment in table.candidates(policy)
        if segment.perms & MARKED_FOR_REMOVAL and segment.nattch
    ]
    return found(marked)


def _finding(segment: Segment, owner: str, holders: Holders, running: Processes) -> Finding:
    creator = user(segment.cpid, False, segment, running)
    pids = holders.by_segment.get(segment.shmid, ())
    named = [Holder(pid, _title(pid, running)) for pid in pids]
    evidence = Evidence(
        owner,
        ON_PURPOSE if creator.state == ALIVE else LEFT,
        segment.size,
        segment.nattch,
        creator,
        named[:HOLDERS_SHOWN],
        holders.complete,
    )
    who = (
        ", ".join(f"{holder.pid} ({holder.title})" for holder in named[:3]) or "processes that cannot be seen from here"
    )
    return Finding(
        CHECK.id,
        segment.object,
        INFO if creator.state == ALIVE else LOW,
        f"shared memory segment {segment.shmid} of {owner} ({segment.size} bytes) is marked for removal and still "
        f"attached {segment.nattch} times, by {who}",
        evidence,
        None,
        None,
    )


def _title(pid: int, running: Processes) -> str:
    process = running.by_pid[pid]
    return process.title or process.name


CHECK = Check(
    id="sysv_ipc.removal_pending",
    gathers=(sysv_ipc.gather_segments, ipc_users.gather_holders, processes.gather),
    find=find,
)
