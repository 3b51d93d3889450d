# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a change of state is made of: a plan of steps, each of which is done and then waited for, or a refusal.

A change of state is asked for, not found, so it is no remedy. A plan is pure: it says what would be done and how it is
told that it worked, and does nothing. perform.py takes the steps.
"""

import calendar
import contextlib
import re
import time
from typing import Any, Callable, Dict, NamedTuple, Optional, Sequence, Tuple

from .errors import Refused
from .facts.fpm_masters import FpmMaster, FpmPool
from .facts.processes import Process
from .formats.probe_answer import Task
from .host import Host
from .policy import Policy

_ISO_8601 = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(\.\d{1,9})?(?:Z|\+00:?00)\Z")
_EPOCH = re.compile(r"\d{1,11}(\.\d{1,9})?\Z")


class Signal(NamedTuple):
    """A signal to one process, which is told by its pid, start time, executable and owner.

    caught: it is sent only while the process has a handler for it. Without one almost every signal kills: a master that
    is just starting has none yet.
    """

    process: Process
    number: int
    caught: bool = True


class Command(NamedTuple):
    """A program that starts a service; only root may own and write argv[0], a path. seconds: how long it may take.

    mend: what is run where it fails, before it is tried once more; empty where there is nothing to mend.
    """

    argv: Tuple[str, ...]
    seconds: float
    mend: Tuple[str, ...] = ()


class InMemory(NamedTuple):
    """What is done to the memory of one php-fpm, by scripts that are handed to its pools.

    tasks: a pool each, asked in turn until all is done that any of them names. generation: of the master whose memory
    was seen, None where what is done to a newer one is as good. seconds: for how long until it has worked.
    """

    master: FpmMaster
    generation: Optional[float]
    tasks: Tuple[Tuple[FpmPool, Task], ...]
    seconds: float
    policy: Policy


class Step(NamedTuple):
    """One thing that is done, and then waited for.

    verb: a name in actions.apply.VERBS. object: what it is done to, in words. does: what that means, in one sentence.
    guard(host): what the verb needs, looked for just before it; raises Unneeded where there is nothing to do any more,
    and CannotAct where it must not be done now. until(host): None when it has worked, or what is still missing, in
    words; it gets a new host each time, and raises CannotAct when waiting is of no use. seconds: how long it may take.
    otherwise: what takes it back, done only where this step fails or did not work in time. group: of the steps that are
    not taken once an earlier one of them has failed; those of other groups are.
    """

    verb: str
    object: str
    does: str
    guard: Callable[[Host], Tuple[Any, ...]]
    until: Callable[[Host], Optional[str]]
    seconds: float
    risk: Optional[str] = None
    otherwise: Tuple[Any, ...] = ()  # of Steps, which a NamedTuple of Python 3.6 cannot say of itself
    group: str = ""


class Plan(NamedTuple):
    """steps: what to do, in order; none where it is so already. refusal: why nothing is done although it was asked for.

    passing: the refusal may pass by itself, as requests in flight end. notes: what the plan relies on and nobody saw.
    """

    steps: Sequence[Step]
    refusal: Optional[str] = None
    passing: bool = False
    notes: Sequence[str] = ()


def nothing_more(before: Any, after: Optional[Any], wanted: Any) -> Dict[str, Any]:
    """For a subject of which before and after say all."""
    return {}


def same_names(before: Any, wanted: Any) -> Any:
    """For a subject whose names hold through a change."""
    return wanted


class Transition(NamedTuple):
    """The changes of state of one subject.

    options: the argument spec beside that of every transition. read(params): what is wanted, a NamedTuple; raises
    Refused. look(host, wanted): the facts, a NamedTuple; raises CannotLook and Refused. plan(facts, wanted): pure.
    prove(before, after, wanted): what is not as it was asked, in sentences; pure. show(facts): what of them a result
    tells. tell(host, before, since): lines of logs that may explain a failure. again(before, wanted): wanted, as what
    was planned on is found by it when it has changed: a pid may be another then. more(before, after, wanted): what else
    a result says, by its keys; after is None where nothing was done.
    """

    subject: str
    options: Dict[str, Dict[str, Any]]
    read: Callable[[Dict[str, Any]], Any]
    look: Callable[[Host, Any], Any]
    plan: Callable[[Any, Any], Plan]
    prove: Callable[[Any, Any, Any], Sequence[str]]
    show: Callable[[Any], Any]
    tell: Callable[[Host, Any, float], Sequence[str]]
    again: Callable[[Any, Any], Any] = same_names
    more: Callable[[Any, Optional[Any], Any], Dict[str, Any]] = nothing_more


def known(guard: Tuple[Any, ...]) -> Callable[[Host], Tuple[Any, ...]]:
    """The guard of a step whose object was seen when it was planned."""

    def seen(host: Host) -> Tuple[Any, ...]:
        return guard

    return seen


def parse_time(text: Optional[str], option: str = "newer_than") -> Optional[float]:
    """Return a time as seconds since the epoch: a number of them, or ISO 8601 in UTC. Raises Refused."""
    if not text:
        return None
    if _EPOCH.match(text):
        return float(text)
    parts = _ISO_8601.match(text)
    if parts:
        with contextlib.suppress(ValueError):  # the 31st of February
            whole = calendar.timegm(time.strptime(f"{parts.group(1)} {parts.group(2)}", "%Y-%m-%d %H:%M:%S"))
            return whole + float(parts.group(3) or 0)
    raise Refused(
        f"{option}: {text!r} is no time; give seconds since the epoch, as ansible.builtin.stat returns them, or UTC "
        "such as 2026-11-22T05:28:00Z"
    )
