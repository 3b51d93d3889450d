# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How the three orphan checks judge: who has ended, what is proven, what was declared, what is missing."""

from functools import lru_cache
from typing import Any, Iterator, NamedTuple, Sequence, Tuple

from ..facts.ipc_owners import Owners, protected_by
from ..facts.processes import Processes
from ..facts.sysv_ipc import PRIVATE_KEY, IpcObject, Table
from ..model import HIGH, LOW, MEDIUM
from ..policy import Policy

PROVEN = "proven"
DECLARED = "declared"
SUSPECTED = "suspected"
WORDS = {
    PROVEN: "is proven to be left behind",
    DECLARED: "is left behind, and declared disposable",
    SUSPECTED: "may be left behind",
}

ALIVE = "alive"
DEAD = "dead"
NEVER = "never"
UNKNOWABLE = "unknowable"

_OPEN = {ALIVE: "still runs", UNKNOWABLE: "may still run"}

# Start times are computed from the boot time, which the kernel gives in whole seconds.
CLOCK_SLACK = 2
# So many alike, all private, are made by one request each: no program needs them.
LEAK_COUNT = 16

NEEDS_DECLARING = (
    "it has a key, by which a program may find it again; only disposable_keys or disposable_owners may say it will not"
)

NEEDS_DECLARING_BY_OWNER = "it has not the shape that PHP makes; only disposable_owners may say that nobody needs it"
FOREIGN_PIDS = (
    "processes of another pid namespace may use this table too, and a kernel before 4.17 records them by numbers that "
    "mean nothing here; end those processes first"
)


class User(NamedTuple):
    """A process that made or used an object. state is ALIVE, DEAD, NEVER (nobody has yet) or UNKNOWABLE."""

    pid: int
    state: str
    reason: str


NOBODY_YET = User(0, NEVER, "nobody yet")
SOMEBODY_ELSEWHERE = User(0, UNKNOWABLE, "pid 0 is one of another pid namespace")


class Grade(NamedTuple):
    """name is PROVEN, DECLARED or SUSPECTED; missing says what a suspect lacks to be more."""

    name: str
    missing: Tuple[str, ...] = ()


_PROVEN, _DECLARED = Grade(PROVEN), Grade(DECLARED)


def user(pid: int, never: bool, thing: IpcObject, processes: Processes) -> User:
    """Return what is known of a user: dead only if nobody has that pid, or a younger process of another user has it.

    A younger process of the same user may be the very one: a stepped clock moves start times, but not recorded ones.
    """
    if pid == 0:
        return NOBODY_YET if never else SOMEBODY_ELSEWHERE
    process = processes.by_pid.get(pid)
    if process is None:
        return _absent(pid, processes.complete)
    if process.zombie:
        return User(pid, DEAD, "it has ended, and waits for its parent")
    if process.started <= thing.last_used + CLOCK_SLACK:
        return User(pid, ALIVE, process.title or process.name)
    if not {thing.uid, thing.cuid}.isdisjoint(process.uids):
        return User(pid, UNKNOWABLE, f"a younger process of the same user has the pid: {process.title or process.name}")
    if _clock_was_stepped(thing, processes):
        return User(
            pid, UNKNOWABLE, "the object is older than process 1: the clock was stepped, start times prove nothing"
        )
    return User(pid, DEAD, f"the pid was recycled by {process.title or process.name}")


@lru_cache(maxsize=1024)  # thousands of objects have one user
def _absent(pid: int, complete: bool) -> User:
    if not complete:
        return User(pid, UNKNOWABLE, "this host hides processes; mount /proc without hidepid, or run with become")
    return User(pid, DEAD, "no such process")


def maker_may_run(thing: IpcObject, processes: Processes) -> bool:
    """Return whether somebody who may have made an object still runs, where no more than the maker's uid is known."""
    if not processes.complete or _clock_was_stepped(thing, processes):
        return True
    return any(
        process.started <= thing.ctime + CLOCK_SLACK and not {thing.uid, thing.cuid}.isdisjoint(process.uids)
        for process in processes.by_pid.values()
        if not process.zombie
    )


def _clock_was_stepped(thing: IpcObject, processes: Processes) -> bool:
    first = processes.by_pid.get(1)
    return first is None or first.started > thing.ctime + CLOCK_SLACK


def candidates(table: Table, owners: Owners, policy: Policy) -> Iterator[Tuple[Any, str]]:
    """Return the objects that are selected, idle for min_age and nobody's we know, each with its owner's name."""
    for thing in table.candidates(policy):
        owner = table.users[thing.uid]
        if not protected_by(thing, owner, owners, policy):
            yield thing, owner


def grade(
    thing: IpcObject,
    owner: str,
    users: Sequence[User],
    table: Table,
    policy: Policy,
    doubts: Sequence[str] = (),
    usual: bool = True,
) -> Grade:
    """Return how sure it is that nobody needs an object any more.

    doubts: what its own kind leaves open. usual: it has the shape in which PHP leaves it; any other has to be declared.
    """
    missing = list(doubts)
    for one in users:
        if one.state in _OPEN:
            missing.append(f"{_name(one)} {_OPEN[one.state]}: {one.reason}")
    if table.changing and thing.object in table.changing:
        missing.append("it changed between two looks")
    if table.foreign_pids:
        missing.append(FOREIGN_PIDS)
    private = thing.key == PRIVATE_KEY
    if not (private and usual) and not is_declared(thing, owner, policy):
        missing.append(NEEDS_DECLARING if not private else NEEDS_DECLARING_BY_OWNER)
    if missing:
        return Grade(SUSPECTED, tuple(dict.fromkeys(missing)))
    return _PROVEN if private and usual else _DECLARED


def _name(one: User) -> str:
    return f"process {one.pid}" if one.pid else "somebody"


def is_declared(thing: IpcObject, owner: str, policy: Policy) -> bool:
    """Return whether the administrator named an object's key or owner disposable."""
    named = policy.sysv_ipc
    return (
        thing.key in named.disposable_keys
        or owner in named.disposable_owners
        or str(thing.uid) in named.disposable_owners
    )


def severity(name: str, nearly_full: bool) -> str:
    """A leak hurts when its table is nearly full: then creation fails for everybody, whatever their key."""
    if name == SUSPECTED:
        return LOW
    return HIGH if nearly_full else MEDIUM


def is_near(used: int, limit: int, policy: Policy) -> bool:
    """Return whether a table is filled to the policy's threshold."""
    return used * 100 >= limit * policy.sysv_ipc.near_limit_percent


@lru_cache(maxsize=1024)  # a leak has one key and mode
def key_text(key: int) -> str:
    """Return a key as ipcs(1) prints it."""
    return f"0x{key:08x}"


@lru_cache(maxsize=1024)
def mode_text(perms: int) -> str:
    return f"{perms & 0o777:o}"
