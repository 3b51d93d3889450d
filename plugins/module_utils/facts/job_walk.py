# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How a script goes on from command to command (POSIX, XCU chapter 2), read on every way that it may take.

Where reading cannot tell which way is taken, each is read on, and what happens there is not certain. Loops are read
once, those over known words once a word.
"""

import re
from itertools import islice
from typing import Callable, FrozenSet, Iterable, List, Optional, Sequence, Tuple

from ..errors import TooLarge
from ..formats.shell_script import (
    AND,
    Case,
    Chain,
    For,
    Group,
    If,
    Input,
    Literal,
    Node,
    Pipeline,
    Script,
    Simple,
    Substitution,
    While,
    Word,
)
from ..host import Host
from . import job_conditions
from .job_state import BREAK, CONTINUE, EXIT, RETURN, Command, Ended, State, merged, output_of
from .job_values import (
    LIKELY,
    NO,
    OPEN,
    UNLIKELY,
    YES,
    Content,
    Exit,
    Outcome,
    Unknown,
    Value,
    joined,
    says,
    unknown,
)
from .job_words import Words

STEPS_LIMIT = 2000  # commands of all scripts of a job
ROUNDS_LIMIT = 100  # of a loop over words
KNOWN_ROUNDS_LIMIT = 20  # of a loop with a condition
ARGUMENTS_LIMIT = 100
VARIABLES_LIMIT = 1000
DEPTH_LIMIT = 50  # of commands, functions and scripts within one another
COUNTED_LIMIT = 50  # commands of a loop that are looked at for what it counts

_COUNTED = re.compile(
    r"-(?:lt|le|gt|ge|eq) {1,5}\"?([0-9]{1,5})|[<>]=? {0,5}([0-9]{1,5})|([0-9]{1,5})\"? {1,5}-(?:lt|le|gt|ge|eq)"
)
_REACHED = re.compile(r"(?:\[|test )[^?]{1,100}? -(?:g[et]|eq) |\(\([^?]{1,100}?(?:>|==)")
_SLEEP = re.compile(r"sleep {1,5}([0-9]{1,5})\Z")

Guard = Tuple[Callable[[State], Outcome], Script]


class Walk:
    """One reading of a job, through all of its scripts. run: reads one simple command."""

    def __init__(self, host: Host, run: Callable[[Command, State], Outcome]) -> None:
        self.words = Words(host, self._captured)
        self._run = run
        self.steps = 0
        self._forks = 0
        self._depth = 0

    # Lists, chains and pipelines

    def script(self, items: Script, state: State) -> Outcome:
        return self._deeper(lambda: self._items(items, state), state)

    def _items(self, items: Script, state: State) -> Outcome:
        outcome = Outcome(YES)
        for item in items:
            clock = state.clock
            outcome = self._chain(item.chain, state)
            if item.background:
                state.clock, outcome = clock, Outcome(YES)
            if outcome.leaves:
                return outcome
            state.last = outcome
            if state.strict and not item.chain.rest:
                state.held |= outcome.holds
        return outcome

    def _chain(self, chain: Chain, state: State) -> Outcome:
        outcome = self._pipeline(chain.first, state)
        for joiner, pipeline in chain.rest:
            if outcome.leaves:
                return outcome
            wanted = outcome if joiner == AND else outcome.negated()
            if wanted.status == NO:
                continue
            if wanted.status == YES:
                state.assume(wanted)
                outcome = self._pipeline(pipeline, state)
                continue
            outcome = self._joined(joiner, outcome, wanted, pipeline, state)
        return outcome

    def _joined(self, joiner: str, before: Outcome, wanted: Outcome, pipeline: Pipeline, state: State) -> Outcome:
        """Read on both ways, with the next command and without it."""
        certain = state.certain
        taken, passed = self._fork(state, 2)
        taken.assume(wanted)
        if joiner == AND:
            taken.wait()
        passed.assume(wanted.negated())
        after = self._pipeline(pipeline, taken)
        merged = self._merge(state, certain, [(taken, after), (passed, Outcome(NO if joiner == AND else YES))])
        if after.leaves:
            return merged
        if joiner == AND:
            return Outcome(min(before.status, after.status), before.holds | after.holds, before.fails & after.fails)
        return Outcome(max(before.status, after.status), before.holds & after.holds, before.fails | after.fails)

    def _pipeline(self, pipeline: Pipeline, state: State) -> Outcome:
        if len(pipeline.commands) == 1:
            outcome = self._node(pipeline.commands[0], state)
        else:
            outcome = self._piped(pipeline.commands, state)
        outcome = outcome if not pipeline.negated else outcome.negated()
        state.last = outcome._replace(leaves=None)
        return outcome

    def _piped(self, commands: Sequence[Node], state: State) -> Outcome:
        """Read the stages of a pipe, each of which is a shell of its own."""
        passed = state.input
        holds: FrozenSet[str] = frozenset()
        outcome = Outcome(YES)
        said = " | ".join(command.text.strip() for command in commands if isinstance(command, Simple))
        for number, command in enumerate(commands):
            stage = state.fork()
            stage.input, stage.output = passed, []
            stage.said = said if isinstance(command, Simple) else None
            outcome = self._node(command, stage)._replace(leaves=None)
            passed = output_of(stage)
            state.clock = max(state.clock, stage.clock)
            # What grep finds in the words of a test is that it passed.
            searches = isinstance(command, Simple) and command.text.startswith(("grep", "egrep", "fgrep"))
            if searches and holds:
                outcome = Outcome(LIKELY, outcome.holds | holds)
            holds |= outcome.holds
            if number == len(commands) - 1 and passed is not None:
                state.say(passed)
        return outcome

    # Compound commands

    def _node(self, node: Node, state: State) -> Outcome:
        if isinstance(node, Simple):
            return self._simple(node, state)
        if isinstance(node, Group):
            return self._subshell(node.body, state) if node.subshell else self.script(node.body, state)
        if isinstance(node, If):
            return self._choose([self._guard(*branch) for branch in node.branches], node.otherwise, state)
        if isinstance(node, Case):
            return self._case(node, state)
        if isinstance(node, For):
            return self._for(node, state)
        if isinstance(node, While):
            return self._while(node, state)
        state.functions[node.name] = (node.body, state.place)
        return Outcome(YES)

    def _guard(self, condition: Script, body: Script) -> Guard:
        return (lambda state: self.script(condition, state)), body

    def _subshell(self, body: Script, state: State) -> Outcome:
        inside = state.fork()
        outcome = self.ended(lambda: self.script(body, inside), inside, EXIT)
        state.clock = inside.clock
        return outcome._replace(leaves=None)

    def _choose(self, guards: Sequence[Guard], otherwise: Script, state: State) -> Outcome:
        """Read the first body whose guard holds; where that is not known, each that may."""
        certain = state.certain
        ways: List[Tuple[State, Outcome]] = []
        rest = state.fork()
        for guard, body in guards:
            outcome = guard(rest)
            if outcome.leaves or outcome.status == YES:
                ways.append((rest, outcome if outcome.leaves else self.script(body, rest)))
                break
            if outcome.status != NO:
                taken, rest = self._fork(rest, 2)
                taken.assume(outcome)
                taken.wait()
                rest.assume(outcome.negated())
                ways.append((taken, self.script(body, taken)))
        else:
            ways.append((rest, self.script(otherwise, rest)))
        if len(ways) == 1:
            forks = state.forks
            state.become(ways[0][0])
            state.forks = forks
            return ways[0][1]
        return self._merge(state, certain, ways)

    def _case(self, node: Case, state: State) -> Outcome:
        value = self.words.value(node.word, state)
        guards: List[Guard] = []
        goes_on: Script = ()
        for patterns, body, falls in reversed(node.branches):
            goes_on = body + goes_on if falls else body
            guards.insert(0, (self._fitting(value, patterns), goes_on))
        return self._choose(guards, (), state)

    def _fitting(self, value: Value, patterns: Sequence[Word]) -> Callable[[State], Outcome]:
        def guard(state: State) -> Outcome:
            outcomes = [_fits(value, self.words.value(pattern, state)) for pattern in patterns]
            return max(outcomes, key=lambda outcome: outcome.status)

        return guard

    def _for(self, node: For, state: State) -> Outcome:
        if node.words is None:
            values = list(state.arguments)
        else:
            values = [value for word in node.words for value in self.words.values(word, state)]
        certain, left = state.certain, state.left
        outcome = Outcome(YES)
        for value in values[:ROUNDS_LIMIT]:
            state.variables[node.name] = value
            outcome = self._round(node.body, state)
            if outcome.leaves:
                break
        if outcome.leaves == BREAK:
            outcome = Outcome(LIKELY)
        if state.left - left <= {BREAK, CONTINUE}:
            state.certain, state.left = certain, left
        return outcome

    def _round(self, body: Script, state: State) -> Outcome:
        """Read the body of a loop once; where it is left by ``continue``, the loop goes on."""
        certain, left = state.certain, state.left
        outcome = self.script(body, state)
        if state.left - left <= {CONTINUE}:
            state.certain, state.left = certain, left
        return Outcome(LIKELY) if outcome.leaves == CONTINUE else outcome

    def _while(self, node: While, state: State) -> Outcome:
        certain, left, given = state.certain, state.left, state.input
        if node.input is not None:
            state.input = self._input(node.input, state)
        outcome = self._loop(node, state)
        state.input = given
        if state.left - left <= {BREAK, CONTINUE}:
            state.certain, state.left = certain, left
        return outcome

    def _loop(self, node: While, state: State) -> Outcome:
        """Read a loop as often as it is known to go round, and once more where that is not known."""
        for done in range(KNOWN_ROUNDS_LIMIT):
            outcome = self.script(node.condition, state)
            wanted = outcome.negated() if node.negated else outcome
            if outcome.leaves or wanted.status == NO:
                return outcome if outcome.leaves else Outcome(YES)
            if wanted.status != YES:
                return self._once_more(node, wanted, done, state)
            outcome = self._round(node.body, state)
            if outcome.leaves:
                return Outcome(LIKELY) if outcome.leaves == BREAK else outcome
            if _is_endless(node.condition):
                break
        return Outcome(LIKELY)

    def _once_more(self, node: While, wanted: Outcome, done: int, state: State) -> Outcome:
        certain, begun = state.certain, state.clock
        further = max(self._rounds(node, state) - done - 1, 0)
        taken, passed = self._fork(state, 2)
        taken.assume(wanted)
        taken.waits = further * _sleeps(node.body)
        outcome = self._round(node.body, taken)
        lasted = _sleeps(node.body) or taken.clock - begun
        taken.clock, taken.waits = max(taken.clock, begun + lasted * (further + 1)), state.waits
        outcome = Outcome(LIKELY) if outcome.leaves == BREAK else outcome
        self._merge(state, certain, [(taken, outcome), (passed, Outcome(YES))])
        return Outcome(LIKELY)

    def _rounds(self, node: While, state: State) -> int:
        """Return how often a loop goes round that counts, as far as the number stands in it or in its variable."""
        texts = [one.text for one in islice(simple_commands(node.condition + node.body), COUNTED_LIMIT)]
        numbers = [int(number) for text in texts for found in _COUNTED.findall(text) for number in found if number]
        names = {
            name for text in texts if "[" in text or "((" in text for name in re.findall(r"\$?\b([A-Za-z_]\w*)", text)
        }
        held = [state.variables.get(name) for name in names]
        numbers += [int(value) for value in held if isinstance(value, str) and re.fullmatch(r"[0-9]{1,5}", value)]
        return max([1, *numbers])

    # Ways

    def _fork(self, state: State, ways: int) -> List[State]:
        self._forks += 1
        forks = [state.fork() for _unused in range(ways)]
        for number, one in enumerate(forks):
            one.forks = (*state.forks, (self._forks, number))
        return forks

    def _merge(self, state: State, certain: bool, ways: Sequence[Tuple[State, Outcome]]) -> Outcome:
        """Go on in ``state`` with what holds on every way that goes on; return how these end."""
        staying = [(one, outcome) for one, outcome in ways if outcome.leaves is None]
        leaving = frozenset(outcome.leaves for _unused, outcome in ways if outcome.leaves is not None)
        forks, clock = state.forks, state.clock
        if not staying:
            weakest = next(kind for kind in (CONTINUE, BREAK, RETURN, EXIT) if kind in leaving)
            state.become(next(one for one, outcome in ways if outcome.leaves == weakest))
            state.forks = forks
            return Outcome(LIKELY, leaves=weakest)
        states = [one for one, _unused in staying]
        first = states[0]
        for other in states[1:]:
            first.variables = merged(first.variables, other.variables)
            first.functions = {**other.functions, **first.functions}
            first.held &= other.held
            first.clock = max(first.clock, other.clock, clock)
            first.blurred = first.blurred or other.blurred
            first.strict = first.strict and other.strict
            first.exported |= other.exported
        left = frozenset(kind for one, _unused in ways for kind in one.left) | leaving
        narrowed = leaving or left != state.left
        first.certain = certain and (any(one.certain for one in states) if narrowed else True)
        first.left, first.forks = left, forks
        state.become(first)
        outcomes = [outcome for _unused, outcome in staying]
        return outcomes[0] if len(outcomes) == 1 else _one_of(outcomes)

    def ended(self, read: Callable[[], Outcome], state: State, kind: str) -> Outcome:
        """Read a function (RETURN), or a script or subshell (EXIT), and return how it ends, whichever way it does."""
        certain, held, left = state.certain, state.held, state.left
        returns, exits = state.returns, state.exits
        ends: List[Ended] = []
        state.returns = ends
        state.exits = ends if kind == EXIT else exits
        outcome = read()
        if outcome.leaves is None:
            ends.append(Ended(outcome, state.held, state.certain))
        state.returns, state.exits = returns, exits
        if kind == RETURN and outcome.leaves == EXIT and not ends:
            return outcome
        if kind == EXIT or EXIT not in state.left - left:
            state.certain = certain
        state.left = left if kind == EXIT else left | (state.left & {EXIT})
        return _ended(ends, held)

    # Simple commands and their words

    def _simple(self, node: Simple, state: State) -> Outcome:
        state.substituted = None
        state.counts = _REACHED.match(node.text) is not None
        words = (value for word in node.words for value in self.words.values(word, state))
        values = tuple(islice(words, ARGUMENTS_LIMIT))
        before = {one.name: state.variables.get(one.name) for one in node.assignments}
        self._assign(node, state)
        substituted = state.substituted
        given = state.input if node.input is None else self._input(node.input, state)
        if not values:
            if not node.assignments and node.input is not None and given is not None:
                state.say(given)  # $(<file)
            return substituted or Outcome(YES)
        if node.words[0] in _DECLARING:
            state.exported.update(before if node.words[0] == _EXPORT else ())
            return self._command(Command(values, node, given), state)
        new = set(before) - state.exported
        state.exported |= new
        outcome = self._command(Command(values, node, given), state)
        state.exported -= new
        for name, value in before.items():
            state.variables.pop(name, None)
            state.variables.update({} if value is None else {name: value})
        return outcome

    def _assign(self, node: Simple, state: State) -> None:
        for one in node.assignments:
            value = self.words.value(one.value, state)
            state.variables[one.name] = joined([state.variables.get(one.name, ""), value]) if one.more else value
        if len(state.variables) > VARIABLES_LIMIT:
            raise TooLarge(f"{state.place.source}:{node.line}: more than {VARIABLES_LIMIT} variables")

    def _command(self, command: Command, state: State) -> Outcome:
        """Read a command; where one of its words is one of several, on a way for each."""
        for number, value in enumerate(command.arguments):
            if isinstance(value, Unknown) and value.options:
                certain = state.certain
                ways: List[Tuple[State, Outcome]] = []
                for option, way in zip(value.options, self._fork(state, len(value.options))):
                    way.certain = False
                    words = (*command.arguments[:number], *option.split(), *command.arguments[number + 1 :])
                    ways.append((way, self._command(command._replace(arguments=words), way)))
                return self._merge(state, certain, ways)
        return self.run(command, state) if command.arguments else Outcome(LIKELY)

    def run(self, command: Command, state: State) -> Outcome:
        """Read a command whose words are known."""
        self.steps += 1
        if self.steps > STEPS_LIMIT:
            where = f"{state.place.source}:{command.node.line}"
            raise TooLarge(f"{where}: the job's scripts run more than {STEPS_LIMIT} commands")
        return self._deeper(lambda: self._run(command, state), state)

    def _deeper(self, read: Callable[[], Outcome], state: State) -> Outcome:
        if self._depth >= DEPTH_LIMIT:
            raise TooLarge(f"{state.place.source}: more than {DEPTH_LIMIT} scripts and commands within one another")
        self._depth += 1
        outcome = read()
        self._depth -= 1
        return outcome

    def call(self, name: str, arguments: Sequence[Value], state: State) -> Outcome:
        """Read the body of a function."""
        body, place = state.functions[name]
        before = state.arguments, state.place, state.said
        state.arguments, state.place, state.said = tuple(arguments), place, None
        outcome = self.ended(lambda: self._node(body, state), state, RETURN)
        state.arguments, state.place, state.said = before
        return outcome

    def _input(self, given: Input, state: State) -> Optional[Value]:
        value = self.words.value(given.word, state)
        if given.itself or (len(given.word) == 1 and isinstance(given.word[0], Substitution)):
            return value  # <(…) is what it runs puts out
        return Content(value) if isinstance(value, str) else unknown(says(value))

    def _captured(self, script: Script, state: State) -> Value:
        inside = state.fork()
        inside.output = []
        state.substituted = self.ended(lambda: self.script(script, inside), inside, EXIT)
        state.clock = inside.clock
        value = output_of(inside)
        return "" if value is None else value


_EXPORT = (Literal("export", False),)
_DECLARING = [(Literal(name, False),) for name in ("export", "readonly", "local", "declare", "typeset")]


def simple_commands(script: Script) -> Iterable[Simple]:
    """Yield the simple commands of a script that stand in no other command but a pipeline or a group."""
    for item in script:
        for pipeline in (item.chain.first, *(one for _unused, one in item.chain.rest)):
            for node in pipeline.commands:
                if isinstance(node, Simple):
                    yield node
                elif isinstance(node, Group):
                    yield from simple_commands(node.body)
                elif isinstance(node, If):
                    yield from (one for condition, _unused in node.branches for one in simple_commands(condition))


def _sleeps(body: Script) -> float:
    """Return how many seconds a round of a loop sleeps, whatever else it comes to."""
    found = (_SLEEP.match(one.text.strip()) for one in islice(simple_commands(body), COUNTED_LIMIT))
    return float(sum(int(one.group(1)) for one in found if one))


def _is_endless(condition: Script) -> bool:
    firsts = [one.words[0] for one in simple_commands(condition) if one.words]
    return any(first in ((Literal(":", False),), (Literal("true", False),)) for first in firsts)


def _fits(value: Value, pattern: Value) -> Outcome:
    if isinstance(value, Exit) and isinstance(pattern, str):
        return Outcome(YES) if pattern == "*" else job_conditions.status(value.outcome, "=", pattern)
    if pattern == "*":
        return Outcome(YES)
    if isinstance(value, str) and isinstance(pattern, str):
        return Outcome(YES if job_conditions.fits(value, pattern) else NO)
    if isinstance(value, Unknown) and value.options and isinstance(pattern, str):
        return Outcome(OPEN if any(job_conditions.fits(option, pattern) for option in value.options) else NO)
    return Outcome(OPEN)


def _one_of(outcomes: Sequence[Outcome]) -> Outcome:
    statuses = {outcome.status for outcome in outcomes}
    status = statuses.pop() if len(statuses) == 1 else LIKELY if min(statuses) >= OPEN else OPEN
    holds, fails = outcomes[0].holds, outcomes[0].fails
    for outcome in outcomes[1:]:
        holds, fails = holds & outcome.holds, fails & outcome.fails
    return Outcome(status, holds, fails)


def _ended(ends: Sequence[Ended], held: FrozenSet[str]) -> Outcome:
    """Return how something ends that ends in one of several ways, of which the certain ones are the rule."""
    rule = [end for end in ends if end.certain] or list(ends)
    statuses = {end.outcome.status for end in rule}
    status = statuses.pop() if len(statuses) == 1 else OPEN
    if len({end.outcome.status for end in ends}) > 1:
        status = min(max(status, UNLIKELY), LIKELY)
    passed = [(end.held - held) | end.outcome.holds for end in ends if end.outcome.status != NO]
    failed = [(end.held - held) | end.outcome.fails for end in ends if end.outcome.status != YES]
    holds = frozenset.intersection(*passed) if passed else frozenset()
    return Outcome(status, holds, frozenset.intersection(*failed) if failed else frozenset())
