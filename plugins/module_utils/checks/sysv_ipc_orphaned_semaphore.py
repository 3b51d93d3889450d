# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Semaphore sets whose users have ended, and PHP semaphores that a living process holds and does not release."""

from collections import Counter
from functools import lru_cache
from operator import attrgetter
from typing import Counter as Counts
from typing import List, NamedTuple, Optional, Sequence, Tuple, cast

from ..facts import ipc_owners, processes, sysv_ipc
from ..facts.ipc_owners import Owners
from ..facts.processes import Processes
from ..facts.sysv_ipc import PRIVATE_KEY, Limits, SemaphoreSet, SetGuard, Table, idle_seconds
from ..host import Semaphore
from ..model import HIGH, LOW, Action, Check, Finding, Verdict, found, not_applicable, unknown
from ..policy import Policy
from .sysv_ipc import (
    ALIVE,
    LEAK_COUNT,
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

PRIVATE = "a private set (sem_get with key 0), made anew by a request and never removed"
LEAKING = "private sets, many alike, whose maker still runs: it makes a new one each time and never removes it"
KEYED = "a set with a key, which sem_get leaves when its process ends, and finds again by that key"
HELD = "a process holds the semaphore and does not release it; ending that process frees it"
STUCK = "processes wait for a semaphore whose last user has ended; who waits has to be ended, or the semaphore raised"
REMEDY = "remove it"
RISKS = {
    True: "undo makes it again with its key, owner, mode and values",
    False: "its id is gone for good, and nobody finds it by a key; its values are kept in the journal",
}
USERS_SHOWN = 5
# What the objects of one leak have in common.
_likeness = attrgetter("key", "uid", "perms", "nsems")


class Evidence(NamedTuple):
    """grade is proven, declared or suspected; missing is what a suspect lacks. seen: what the removal compares with.

    last_users: of the set's semaphores, each once, at most USERS_SHOWN. holder: of a PHP semaphore that is held.
    """

    grade: str
    owner: str
    cause: str
    missing: Sequence[str]
    key: str
    mode: str
    semaphores: int
    idle_seconds: int
    last_users: Sequence[User]
    holder: Optional[User]
    seen: SetGuard


class State(NamedTuple):
    """What the semaphores of a set say together. pids: of its last users, each once.

    is_php: it is sem_get's, with no process in it: the semaphore, its users and a lock (sysvsem.c). is_held: as one of
    PHP's is while a process is in it.
    """

    values: Tuple[int, ...]
    waiters: int
    pids: Tuple[int, ...]
    is_php: bool
    is_held: bool


def find(table: Table, limits: Limits, owners: Owners, running: Processes, policy: Policy) -> Verdict:
    """Judge the sets that semctl(2) told us about."""
    if "semaphore" not in policy.sysv_ipc.kinds:
        return not_applicable("semaphore is not among the kinds that were asked for")
    idle = [(thing, owner) for thing, owner in candidates(table, owners, policy) if thing.semaphores is not None]
    alike = Counter(_likeness(thing) for thing, _unused in idle)
    nearly_full = _is_nearly_full(table, limits, policy)
    judged = [(thing, _evidence(thing, owner, alike, table, running, policy)) for thing, owner in idle]
    findings = [_finding(thing, evidence, nearly_full) for thing, evidence in judged if evidence is not None]
    if table.unread:
        return unknown(
            f"{len(table.unread)} semaphore sets could not be looked into, such as {min(table.unread)}: their mode "
            f"forbids it, they are changing, or they are more than {sysv_ipc.SEMAPHORES_READ} semaphores; use become, "
            "look again, or select fewer",
            findings,
        )
    return found(findings)


def plan(findings: Sequence[Finding], policy: Policy) -> List[Action]:
    return [
        Action(
            finding.check, "remove_semaphore_set", finding.object, cast(Evidence, finding.evidence).seen, finding.risk
        )
        for finding in findings
        if finding.remedy
    ]


def _is_nearly_full(table: Table, limits: Limits, policy: Policy) -> bool:
    semaphores = sum(thing.nsems for thing in table.objects)
    return is_near(len(table.objects), limits.semmni, policy) or is_near(semaphores, limits.semmns, policy)


@lru_cache(maxsize=1024)  # thousands of sets say the same
def _state(semaphores: Tuple[Semaphore, ...]) -> State:
    values, pids, waiting_more, waiting_zero = [tuple(column) for column in zip(*semaphores)]
    waiters = sum(waiting_more) + sum(waiting_zero)
    return State(
        values,
        waiters,
        tuple(sorted(set(pids))),
        is_php=len(values) == 3 and values[1] == 0 and values[2] == 0,
        is_held=len(values) == 3 and values[0] == 0 and (values[1] > 0 or waiters > 0),
    )


def _evidence(
    thing: SemaphoreSet,
    owner: str,
    alike: Counts[Tuple[int, int, int, int]],
    table: Table,
    running: Processes,
    policy: Policy,
) -> Optional[Evidence]:
    """Return what speaks for and against a set, None where it is simply in use."""
    semaphores = thing.semaphores or ()
    state = _state(semaphores)
    users = [user(pid, False, thing, running) for pid in state.pids]
    alive = ALIVE in [one.state for one in users]
    waiters = state.waiters
    if state.is_held:
        holder = user(semaphores[0].pid, False, thing, running)
        if holder.state == ALIVE or waiters:
            doubts = [f"processes wait for it: {waiters}" if waiters else "it is held"]
            cause = HELD if holder.state == ALIVE else STUCK
            return _graded(thing, state, owner, cause, doubts, users, holder, table, policy)
    if waiters or (alive and not (thing.key == PRIVATE_KEY and alike[_likeness(thing)] >= LEAK_COUNT)):
        return None
    cause = KEYED if thing.key != PRIVATE_KEY else LEAKING if alive else PRIVATE
    return _graded(thing, state, owner, cause, (), users, None, table, policy)


def _graded(
    thing: SemaphoreSet,
    state: State,
    owner: str,
    cause: str,
    doubts: Sequence[str],
    users: Sequence[User],
    holder: Optional[User],
    table: Table,
    policy: Policy,
) -> Evidence:
    graded = grade(thing, owner, users, table, policy, doubts, state.is_php)
    return Evidence(
        graded.name,
        owner,
        cause,
        graded.missing,
        key_text(thing.key),
        mode_text(thing.perms),
        thing.nsems,
        idle_seconds(thing, table.now),
        users[:USERS_SHOWN],
        holder,
        SetGuard(thing.semid, thing.key, thing.ctime, thing.otime, state.values, state.waiters),
    )


def _finding(thing: SemaphoreSet, evidence: Evidence, nearly_full: bool) -> Finding:
    removable = evidence.grade != SUSPECTED
    name = f"semaphore set {thing.semid} of {evidence.owner} (key {evidence.key}, {thing.nsems} semaphores)"
    if evidence.holder is None:
        summary = f"{name}, unused for {evidence.idle_seconds} s, {WORDS[evidence.grade]}"
        degree = severity(evidence.grade, nearly_full)
    else:
        waiters = evidence.seen.waiters
        summary = (
            f"{name} has been held for {evidence.idle_seconds} s by process {evidence.holder.pid} "
            f"({evidence.holder.reason}); processes that wait for it: {waiters}"
        )
        degree = HIGH if waiters else LOW
    return Finding(
        CHECK.id,
        thing.object,
        degree,
        summary,
        evidence,
        REMEDY if removable else None,
        RISKS[thing.key != PRIVATE_KEY] if removable else None,
    )


CHECK = Check(
    id="sysv_ipc.orphaned_semaphore",
    gathers=(sysv_ipc.gather_sets, sysv_ipc.gather_limits, ipc_owners.gather, processes.gather),
    find=find,
    plan=plan,
)
