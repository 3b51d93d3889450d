# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the reading of a job's scripts stands, and what is known there."""

from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Set, Tuple

from ..formats.shell_script import Node, Simple
from .job_deeds import Hop
from .job_values import LIKELY, OPTIONS_LIMIT, YES, Outcome, Pids, Value, either, joined, says, targets, unknown

OUTPUT_LIMIT = 200

CONTINUE, BREAK, RETURN, EXIT = "continue", "break", "return", "exit"


class Place(NamedTuple):
    """Where a text stands. source: its file or unit; hops: the way to it; lined: it has lines."""

    source: str
    hops: Tuple[Hop, ...]
    lined: bool


class Ended(NamedTuple):
    """A way out of a function or a script: how it ends, what is known by then, whether it comes to that for certain."""

    outcome: Outcome
    held: FrozenSet[str]
    certain: bool


class State:
    """Where the reading stands on one way through a script, and what is known there.

    variables, exported, functions, arguments (``$1`` and so on) and name (``$0``): the shell's own. certain: it comes
    to this for certain. held: what holds by now (see Outcome). clock: seconds since the job began. last: ``$?``.
    substituted: how the last ``$(…)`` of a command ended. waits: seconds until the loop that this is in has counted to
    its end. counts: the last command compared what is counted. strict, exporting: ``set -e``, ``set -a``. blurred:
    something unread may have set variables. user: as whom, None for the job's own. library: the file of init functions
    that was read. input, output: of commands, less what nobody asks for. said: the whole pipe that the reading is in.
    forks: the ways taken, each as a fork and which of its ways. left: how some way may have left what it stands in.
    returns, exits: of the function and the script that it is in.
    """

    def __init__(self, place: Place, name: str, arguments: Sequence[Value], environment: Mapping[str, Value]) -> None:
        self.place = place
        self.name = name
        self.arguments: Tuple[Value, ...] = tuple(arguments)
        self.variables: Dict[str, Value] = dict(environment)
        self.exported: Set[str] = set(environment)
        self.functions: Dict[str, Tuple[Node, Place]] = {}
        self.certain = True
        self.held: FrozenSet[str] = frozenset()
        self.clock = 0.0
        self.waits = 0.0
        self.counts = False
        self.last = Outcome(YES)
        self.substituted: Optional[Outcome] = None
        self.strict = False
        self.exporting = False
        self.blurred = False
        self.user: Optional[str] = None
        self.library = ""
        self.input: Optional[Value] = None
        self.output: List[Value] = []
        self.said: Optional[str] = None
        self.forks: Tuple[Tuple[int, int], ...] = ()
        self.left: FrozenSet[str] = frozenset()
        self.returns: List[Ended] = []
        self.exits: List[Ended] = []

    def fork(self) -> "State":
        other = State.__new__(State)
        other.__dict__.update(self.__dict__)
        other.variables, other.exported = dict(self.variables), set(self.exported)
        other.functions = dict(self.functions)
        return other

    def become(self, other: "State") -> None:
        self.__dict__.update(other.__dict__)

    def assume(self, outcome: Outcome) -> None:
        """Go on where a condition has held that ends so."""
        self.held |= outcome.holds
        self.certain = self.certain and outcome.status >= LIKELY

    def wait(self) -> None:
        """Go on where a loop's count has come to what it is compared with."""
        if self.counts:
            self.clock, self.waits = self.clock + self.waits, 0.0

    def say(self, value: Value) -> None:
        """Put something out."""
        if len(self.output) < OUTPUT_LIMIT:
            self.output.append(value)

    def environment(self) -> Dict[str, Value]:
        return {name: value for name, value in self.variables.items() if self.exporting or name in self.exported}


class Command(NamedTuple):
    """A simple command with what its words come to; arguments[0] is its name. input: what it reads, where known."""

    arguments: Tuple[Value, ...]
    node: Simple
    input: Optional[Value]

    def words(self) -> str:
        return " ".join(map(says, self.arguments))


def output_of(state: State) -> Optional[Value]:
    """Return what was put out, None where it was nothing."""
    values = [value for value in state.output if value != ""]
    if len(values) <= 1:
        return values[0] if values else None
    if all(isinstance(value, str) for value in values):
        return joined([piece for value in values for piece in (" ", value)][1:])
    found = [targets(value) for value in values]
    if all(some is not None for some in found):
        return Pids(tuple(dict.fromkeys(target for some in found for target in some or ()))[:OPTIONS_LIMIT])
    return unknown(" ".join(map(says, values)))


def merged(first: Mapping[str, Value], second: Mapping[str, Value]) -> Dict[str, Value]:
    both = dict(second)
    for name, value in first.items():
        both[name] = either(value, second[name]) if name in second else value
    return both
