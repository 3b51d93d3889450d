# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Message queues whose last sender and receiver have ended. A queue that holds messages is never removed."""

from collections import Counter
from typing import Counter as Counts
from typing import List, NamedTuple, Optional, Sequence, Tuple, cast

from ..facts import ipc_owners, ipc_users, processes, sysv_ipc
from ..facts.ipc_owners import Owners
from ..facts.ipc_users import Receivers
from ..facts.processes import Processes
from ..facts.sysv_ipc import PRIVATE_KEY, Limits, Queue, QueueGuard, Table, idle_seconds
from ..model import Action, Check, Finding, Verdict, found, not_applicable
from ..policy import Policy
from .sysv_ipc import (
    ALIVE,
    LEAK_COUNT,
    NEVER,
    SUSPECTED,
    WORDS,
    User,
    candidates,
    grade,
    is_declared,
    is_near,
    key_text,
    maker_may_run,
    mode_text,
    severity,
    user,
)

PRIVATE = "a private queue (msg_get_queue with key 0), made anew by a request and never removed"
LEAKING = "private queues, many alike, whose user still runs: it makes a new one each time and never removes it"
KEYED = "a queue with a key, which msg_get_queue leaves when its process ends, and finds again by that key"
UNREAD = "messages that nobody has read, in a queue whose last sender and receiver have ended"
REMEDY = "remove it"
RISKS = {
    True: "undo makes it again, empty as it was, with its key, owner, mode and size",
    False: "its id is gone for good, and nobody finds it by a key; it is empty",
}


class Evidence(NamedTuple):
    """grade is proven, declared or suspected; missing is what a suspect lacks. seen: what the removal compares with.

    messages and size (in bytes) are what waits in the queue.
    """

    grade: str
    owner: str
    cause: str
    missing: Sequence[str]
    key: str
    mode: str
    messages: int
    size: int
    idle_seconds: int
    last_sender: User
    last_receiver: User
    seen: QueueGuard


def find(
    table: Table, receivers: Receivers, limits: Limits, owners: Owners, running: Processes, policy: Policy
) -> Verdict:
    """Judge the queues that nobody has used for long."""
    if "queue" not in policy.sysv_ipc.kinds:
        return not_applicable("queue is not among the kinds that were asked for")
    idle = list(candidates(table, owners, policy))
    alike = Counter(_likeness(queue) for queue, _unused in idle)
    nearly_full = is_near(len(table.objects), limits.msgmni, policy)
    judged = [(queue, _evidence(queue, owner, alike, table, receivers, running, policy)) for queue, owner in idle]
    return found([_finding(queue, evidence, nearly_full) for queue, evidence in judged if evidence is not None])


def plan(findings: Sequence[Finding], policy: Policy) -> List[Action]:
    return [
        Action(finding.check, "remove_queue", finding.object, cast(Evidence, finding.evidence).seen, finding.risk)
        for finding in findings
        if finding.remedy
    ]


def _likeness(queue: Queue) -> Tuple[int, int, int]:
    return queue.key, queue.uid, queue.perms


def _evidence(
    queue: Queue,
    owner: str,
    alike: Counts[Tuple[int, int, int]],
    table: Table,
    receivers: Receivers,
    running: Processes,
    policy: Policy,
) -> Optional[Evidence]:
    """Return what speaks for and against a queue, None where it is simply in use."""
    sender = user(queue.lspid, queue.stime == 0, queue, running)
    receiver = user(queue.lrpid, queue.rtime == 0, queue, running)
    alive = ALIVE in (sender.state, receiver.state)
    leaking = queue.key == PRIVATE_KEY and alike[_likeness(queue)] >= LEAK_COUNT
    if receivers.by_queue.get(queue.msqid) or (alive and not leaking):
        return None
    doubts = _doubts(queue, sender, receiver, table, receivers)
    if (
        _maker_counts(queue, owner, policy)
        and sender.state == receiver.state == NEVER
        and maker_may_run(queue, running)
    ):
        doubts.append("who made it is not recorded; it may still run")
    graded = grade(queue, owner, (sender, receiver), table, policy, doubts)
    return Evidence(
        graded.name,
        owner,
        _cause(queue, alive),
        graded.missing,
        key_text(queue.key),
        mode_text(queue.perms),
        queue.qnum,
        queue.cbytes,
        idle_seconds(queue, table.now),
        sender,
        receiver,
        QueueGuard(queue.msqid, queue.key, queue.ctime, queue.stime, queue.rtime, queue.qnum),
    )


def _maker_counts(queue: Queue, owner: str, policy: Policy) -> bool:
    """Return whether a living maker could still use a queue: not one that was declared, or that permits nobody.

    PHP makes private queues without any permission, so that their own maker cannot use them unless it is root.
    """
    usable = bool(queue.perms & 0o777) or 0 in (queue.uid, queue.cuid)
    return usable and not is_declared(queue, owner, policy)


def _doubts(queue: Queue, sender: User, receiver: User, table: Table, receivers: Receivers) -> List[str]:
    """Return what only queues leave open: nothing records who made one, or who waits for its first message."""
    doubts = []
    if queue.qnum:
        doubts.append(f"it holds {queue.qnum} unread messages, which are never thrown away; have them read first")
    if table.shared and NEVER in (sender.state, receiver.state):
        doubts.append("processes of another pid namespace use this table too, and who made the queue is not recorded")
    if not receivers.complete:
        doubts.append("who waits for a message cannot all be seen here (/proc/PID/wchan and syscall); run with become")
    return doubts


def _cause(queue: Queue, alive: bool) -> str:
    if queue.qnum:
        return UNREAD
    if queue.key != PRIVATE_KEY:
        return KEYED
    return LEAKING if alive else PRIVATE


def _finding(queue: Queue, evidence: Evidence, nearly_full: bool) -> Finding:
    removable = evidence.grade != SUSPECTED
    return Finding(
        CHECK.id,
        queue.object,
        severity(evidence.grade, nearly_full),
        f"message queue {queue.msqid} of {evidence.owner} (key {evidence.key}, {queue.qnum} messages), unused for "
        f"{evidence.idle_seconds} s, {WORDS[evidence.grade]}",
        evidence,
        REMEDY if removable else None,
        RISKS[queue.key != PRIVATE_KEY] if removable else None,
    )


CHECK = Check(
    id="sysv_ipc.orphaned_queue",
    gathers=(
        sysv_ipc.gather_queues,
        ipc_users.gather_receivers,
        sysv_ipc.gather_limits,
        ipc_owners.gather,
        processes.gather,
    ),
    find=find,
    plan=plan,
)
