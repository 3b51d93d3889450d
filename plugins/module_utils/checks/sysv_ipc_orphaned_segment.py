# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Shared memory segments that nobody has attached and whose creator and last user have ended."""

from collections import Counter
from operator import attrgetter
from typing import Counter as Counts
from typing import List, NamedTuple, Optional, Sequence, Tuple, cast

from ..facts import ipc_owners, processes, sysv_ipc
from ..facts.ipc_owners import Owners
from ..facts.processes import Processes
from ..facts.sysv_ipc import MARKED_FOR_REMOVAL, PRIVATE_KEY, Limits, Segment, SegmentGuard, Table, idle_seconds
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
    is_near,
    key_text,
    mode_text,
    severity,
    user,
)

PRIVATE = "a private segment (key 0), made anew by a request or at a start and never removed"
LEAKING = "private segments, many alike, whose maker still runs: it makes a new one each time and never removes it"
KEYED = (
    "a segment with a key, which PHP's shm_attach and shmop_open leave when their process ends; "
    "it may hold data that is still wanted"
)
PROBE = (
    "private, with mode 600 and never attached, as eAccelerator's memory manager leaves one at each start when "
    "eaccelerator.shm_size exceeds kernel.shmmax; raise kernel.shmmax or lower eaccelerator.shm_size, or it comes back"
)
REMEDY = "remove it"
RISKS = {
    # (has a key, content is kept)
    (True, True): "undo makes it again with its key, owner, mode and content",
    (True, False): "it is gone for good: its content is more than snapshot_limit leaves room for, and is not kept",
    (
        False,
        True,
    ): "its id is gone for good, and nobody finds it by a key; its content is kept as a file with the journal",
    (False, False): "it is gone for good: its content is more than snapshot_limit leaves room for, and is not kept",
}
# What the objects of one leak have in common.
_likeness = attrgetter("key", "uid", "perms", "size")


class Evidence(NamedTuple):
    """grade is proven, declared or suspected; missing is what a suspect lacks. Size in bytes. attached: how often.

    content_kept: whether a removal keeps the content first. seen: what the removal compares with.
    """

    grade: str
    owner: str
    cause: str
    missing: Sequence[str]
    key: str
    mode: str
    size: int
    attached: int
    idle_seconds: int
    creator: User
    last_user: User
    content_kept: bool
    seen: SegmentGuard


def find(table: Table, limits: Limits, owners: Owners, running: Processes, policy: Policy) -> Verdict:
    """Judge the segments that nobody has attached."""
    if "segment" not in policy.sysv_ipc.kinds:
        return not_applicable("segment is not among the kinds that were asked for")
    idle = [(segment, owner) for segment, owner in candidates(table, owners, policy) if _is_detached(segment)]
    alike = Counter(_likeness(segment) for segment, _unused in idle)
    nearly_full = is_near(len(table.objects), limits.shmmni, policy)
    findings: List[Finding] = []
    room = policy.sysv_ipc.snapshot_limit
    for segment, owner in idle:
        evidence = _evidence(segment, owner, alike, table, running, policy, room)
        if evidence is not None:
            room -= segment.size if evidence.content_kept else 0
            findings.append(_finding(segment, evidence, nearly_full))
    return found(findings)


def plan(findings: Sequence[Finding], policy: Policy) -> List[Action]:
    return [_action(finding, cast(Evidence, finding.evidence)) for finding in findings if finding.remedy]


def _action(finding: Finding, evidence: Evidence) -> Action:
    verb = "save_and_remove_segment" if evidence.content_kept else "remove_segment"
    return Action(finding.check, verb, finding.object, evidence.seen, finding.risk)


def _is_detached(segment: Segment) -> bool:
    return segment.nattch == 0 and not segment.perms & MARKED_FOR_REMOVAL


def _evidence(
    segment: Segment,
    owner: str,
    alike: Counts[Tuple[int, int, int, int]],
    table: Table,
    running: Processes,
    policy: Policy,
    room: int,
) -> Optional[Evidence]:
    """Return what speaks for and against a segment, None where it is simply in use."""
    creator = user(segment.cpid, False, segment, running)
    last_user = user(segment.lpid, segment.atime == 0, segment, running)
    alive = ALIVE in (creator.state, last_user.state)
    if alive and not (segment.key == PRIVATE_KEY and alike[_likeness(segment)] >= LEAK_COUNT):
        return None
    graded = grade(segment, owner, (creator, last_user), table, policy)
    return Evidence(
        graded.name,
        owner,
        _cause(segment, last_user, alive),
        graded.missing,
        key_text(segment.key),
        mode_text(segment.perms),
        segment.size,
        segment.nattch,
        idle_seconds(segment, table.now),
        creator,
        last_user,
        graded.name != SUSPECTED and segment.size <= room,
        guard(segment),
    )


def _cause(segment: Segment, last_user: User, alive: bool) -> str:
    if segment.key != PRIVATE_KEY:
        return KEYED
    if last_user.state == NEVER and segment.perms & 0o777 == 0o600:
        return PROBE
    return LEAKING if alive else PRIVATE


def guard(segment: Segment) -> SegmentGuard:
    return SegmentGuard(
        segment.shmid, segment.key, segment.ctime, segment.atime, segment.dtime, segment.lpid, segment.nattch
    )


def _finding(segment: Segment, evidence: Evidence, nearly_full: bool) -> Finding:
    removable = evidence.grade != SUSPECTED
    return Finding(
        CHECK.id,
        segment.object,
        severity(evidence.grade, nearly_full),
        f"shared memory segment {segment.shmid} of {evidence.owner} (key {evidence.key}, {segment.size} bytes), "
        f"unused for {evidence.idle_seconds} s, {WORDS[evidence.grade]}",
        evidence,
        REMEDY if removable else None,
        RISKS[segment.key != PRIVATE_KEY, evidence.content_kept] if removable else None,
    )


CHECK = Check(
    id="sysv_ipc.orphaned_segment",
    gathers=(sysv_ipc.gather_segments, sysv_ipc.gather_limits, ipc_owners.gather, processes.gather),
    find=find,
    plan=plan,
)
