# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the words of a script come to: variables, substitutions, patterns and braces (POSIX, XCU 2.6; bash(1))."""

import re
from typing import Callable, Iterable, List

from ..errors import CannotLook, TooLarge
from ..formats import glob
from ..formats.shell_script import Literal, Opaque, Part, Script, Substitution, Variable, Word
from ..host import Host
from . import job_conditions
from .job_state import State
from .job_values import OPTIONS_LIMIT, Exit, Unknown, Value, joined, says, unknown

PARTS_LIMIT = 20000  # of the words of all commands of a job
FILES_LIMIT = 100  # that a pattern names
DIRECTORIES_LIMIT = 200  # that the patterns of one job look into
NAMES_LIMIT = 1000  # of a directory that a pattern is matched with

# What every process has in its environment, and nobody knows by reading.
_AMBIENT = frozenset("HOME USER LOGNAME HOSTNAME RANDOM UID EUID PPID PWD LANG TERM SECONDS LINENO SHELL PATH".split())
_PASSED = re.compile(r"\(\(\s*\$?\{?OPTIND\}?\s*-\s*1\s*\)\)")  # options, which a script shifts away
_BRACES = re.compile(r"\{([^{}]{1,200})\}")
_RANGE = re.compile(r"([0-9]{1,6})\.\.([0-9]{1,6})\Z")


class Words:
    """What words come to on one host. captured: reads what stands in a ``$(…)``, and returns what it puts out."""

    def __init__(self, host: Host, captured: Callable[[Script, State], Value]) -> None:
        self._host = host
        self._captured = captured
        self._directories = 0
        self._parts = 0

    def value(self, word: Word, state: State) -> Value:
        """Return what a word comes to where it is not split, as in an assignment."""
        return joined([self._part(part, state) for part in _at_home(word)])

    def values(self, word: Word, state: State) -> List[Value]:
        """Return what a word comes to as arguments: split at blanks that are not quoted, names for a pattern."""
        fields: List[List[Value]] = [[]]
        for part in _at_home(word):
            if isinstance(part, Variable) and part.name == "@" and not part.operator:
                for number, value in enumerate(state.arguments):
                    fields += [[]] if number else []
                    fields[-1].append(value)
                continue
            value = self._part(part, state)
            if isinstance(part, Literal) or _is_quoted(part) or not isinstance(value, str):
                fields[-1].append(value)
                continue
            pieces = value.split()
            for number, piece in enumerate(pieces):
                fields += [[]] if number or value[:1].isspace() else []
                fields[-1].append(piece)
            fields += [[]] if pieces and value[-1:].isspace() else []
        quoted = any(_is_quoted(part) for part in word)
        values = [joined(field) for field in fields if field]
        values = [value for value in values if value != "" or quoted]
        if any(isinstance(part, Literal) and not part.quoted and "{" in part.text for part in word):
            values = [one for value in values for one in _braces(value)]
        return values if quoted else [one for value in values for one in self._names(value)]

    def files(self, pattern: str) -> List[Value]:
        """Return the files whose paths match an absolute pattern, as far as their directories can be read."""
        places = [""]
        for part in pattern.split("/")[1:20]:
            if not glob.is_pattern(part):
                places = [f"{place}/{part}" for place in places]
                continue
            places = [f"{place}/{name}" for place in places[:OPTIONS_LIMIT] for name in self._listed(place, part)]
        return list(places[:FILES_LIMIT]) if pattern.count("/") < 20 else []

    def _names(self, value: Value) -> Iterable[Value]:
        """Return the files that a pattern names, itself where it names none; one of them where part is unknown."""
        pattern = value if isinstance(value, str) else value.pattern if isinstance(value, Unknown) else ""
        if not pattern.startswith("/") or not glob.is_pattern(pattern) or pattern.startswith("/proc/"):
            return (value,)
        found = self.files(pattern)
        if isinstance(value, Unknown):
            options = tuple(path for path in found if isinstance(path, str))
            return (value._replace(options=value.options or options[:OPTIONS_LIMIT]),)
        return found or (value,)

    def _listed(self, directory: str, part: str) -> List[str]:
        self._directories += 1
        if self._directories > DIRECTORIES_LIMIT:
            return []
        try:
            return glob.matching(self._host.list(directory or "/")[:NAMES_LIMIT], part)
        except CannotLook:
            return []

    def _part(self, part: Part, state: State) -> Value:
        self._parts += 1
        if self._parts > PARTS_LIMIT:
            raise TooLarge(f"{state.place.source}: the job's scripts have more than {PARTS_LIMIT} words")
        if isinstance(part, Literal):
            return part.text
        if isinstance(part, Opaque):
            place = state.variables.get("OPTIND", "1")
            passed = isinstance(place, str) and place.isdigit() and _PASSED.fullmatch(part.text)
            return str(int(says(place)) - 1) if passed else unknown(part.text)
        if isinstance(part, Substitution):
            return self._captured(part.script, state)
        return self._variable(part, state)

    def _variable(self, part: Variable, state: State) -> Value:
        value = _held(part.name, state)
        operand = joined([self._part(one, state) for one in part.operand]) if part.operator else ""
        operator = part.operator[-1:] if part.operator[:1] == ":" else part.operator
        if part.operator == ":" or operator in ("^", "^^", ",", ",,", "@"):
            return unknown(says(value))
        if operator in ("-", "="):
            chosen = operand if value == "" else value
            if isinstance(value, Unknown) and not value.options and isinstance(operand, str) and value.pattern == "*":
                chosen = Unknown("*", (operand,) if operand else (), f"{value.says} {operand}")
            if operator == "=" and value == "":
                state.variables[part.name] = chosen
            return chosen
        if operator == "+":
            return operand if value != "" else ""
        if operator in ("#", "##", "%", "%%"):
            self._parts += len(says(value))  # it is tried at each place
            return _stripped(value, operator, operand)
        return _replaced(value, operator, operand) if operator in ("/", "//") else value


def _held(name: str, state: State) -> Value:
    if name == "?":
        return Exit(state.last)
    if name == "#":
        return str(len(state.arguments))
    if name in ("@", "*"):
        return joined([one for value in state.arguments for one in (" ", value)][1:])
    if name == "0":
        return state.name
    if name.isdigit():
        return state.arguments[int(name) - 1] if int(name) <= len(state.arguments) else ""
    if name in ("$", "!", "-"):
        return unknown("")
    if name == "BASH_SOURCE":
        return state.place.source
    if name in state.variables:
        return state.variables[name]
    return unknown("") if state.blurred or name in _AMBIENT else ""


def _at_home(word: Word) -> Word:
    """Return a word with HOME for the ~ that it begins with."""
    first = word[0] if word else None
    if not isinstance(first, Literal) or first.quoted or not (first.text + "/").startswith("~/"):
        return word
    return (Variable("HOME", "", (), True), Literal(first.text[1:], False), *word[1:])


def _is_quoted(part: Part) -> bool:
    return not isinstance(part, Opaque) and part.quoted


def _braces(value: Value) -> List[Value]:
    """Return what ``{1..3}`` or ``{a,b}`` stand for (bash)."""
    found = _BRACES.search(value) if isinstance(value, str) else None
    if found is None or not isinstance(value, str):
        return [value]
    numbers = _RANGE.match(found.group(1))
    if numbers:
        first, last = int(numbers.group(1)), int(numbers.group(2))
        pieces = [str(number) for number in range(first, min(last, first + FILES_LIMIT) + 1)]
    elif "," in found.group(1):
        pieces = found.group(1).split(",")
    else:
        return [value]
    return [value[: found.start()] + piece + value[found.end() :] for piece in pieces]


def _stripped(value: Value, operator: str, pattern: Value) -> Value:
    """Return a text less its shortest, or longest, beginning or end that fits a pattern."""
    if not isinstance(value, str) or not isinstance(pattern, str) or len(value) > glob.NAME_LIMIT:
        return unknown(says(value))
    beginning = operator.startswith("#")
    places = list(range(len(value) + 1))
    longest = len(operator) == 2
    for place in reversed(places) if beginning == longest else places:
        cut, rest = (value[:place], value[place:]) if beginning else (value[place:], value[:place])
        if job_conditions.fits(cut, pattern):
            return rest
    return value


def _replaced(value: Value, operator: str, operand: Value) -> Value:
    if not isinstance(value, str) or not isinstance(operand, str):
        return unknown(says(value))
    pattern, _unused, replacement = operand.partition("/")
    if not pattern or glob.is_pattern(pattern):
        return unknown(value)
    if len(value) * len(replacement) > glob.NAME_LIMIT**2:
        return unknown(value)
    return value.replace(pattern, replacement) if operator == "//" else value.replace(pattern, replacement, 1)
