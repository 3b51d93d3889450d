# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the words of a script come to, and how its commands end, as far as reading tells."""

import re
from typing import FrozenSet, List, NamedTuple, Optional, Sequence, Tuple, Union

from ..formats.signal_effects import APACHE, HAPROXY, NGINX, PHP_FPM
from .job_deeds import PATTERN, PIDFILE, Target

TEXT_LIMIT = 4096  # characters of one value
OPTIONS_LIMIT = 8
EXPRESSION_LIMIT = 200  # characters

# How a command ends. LIKELY and UNLIKELY follow from what such commands are for; of what is OPEN nobody can say.
NO, UNLIKELY, OPEN, LIKELY, YES = range(5)

DOWN = "down "  # before a name: of a service that does not run; what else holds is the name of one that passed its test

_FAMILIES = (
    (PHP_FPM, re.compile(r"(?<![a-z])fpm|php-?[0-9.]*-?fpm")),
    (NGINX, re.compile(r"nginx")),
    (APACHE, re.compile(r"apache|httpd")),
    (HAPROXY, re.compile(r"haproxy")),
)


class Outcome(NamedTuple):
    """status: one of the above. holds: what is known after it succeeded, fails: after it failed. leaves: the rest is
    not run, up to the end of what ``exit``, ``return`` or ``break`` ends.
    """

    status: int = LIKELY
    holds: FrozenSet[str] = frozenset()
    fails: FrozenSet[str] = frozenset()
    leaves: Optional[str] = None

    def negated(self) -> "Outcome":
        return Outcome(YES - self.status, self.fails, self.holds, self.leaves)


class Pids(NamedTuple):
    """The numbers of processes."""

    targets: Tuple[Target, ...]


class Content(NamedTuple):
    """What a file says, which may be a pid."""

    path: str


class Exit(NamedTuple):
    """The status of the command before, as ``$?`` has it."""

    outcome: Outcome


class Running(NamedTuple):
    """What tells whether something runs: how many processes of a name there are, or the word ``active``."""

    name: str


class Unknown(NamedTuple):
    """What only running would tell. pattern: of glob(7), as far as it is known. options: one of these, where those are
    all. says: the words that it comes from.
    """

    pattern: str
    options: Tuple[str, ...]
    says: str


Value = Union[str, Pids, Content, Exit, Running, Unknown]


def running(name: str) -> Outcome:
    """Return how a look ends that asks whether something runs: it does, as a rule."""
    return Outcome(LIKELY, fails=frozenset((DOWN + name,)))


def unknown(says: str) -> Unknown:
    return Unknown("*", (), says[:TEXT_LIMIT])


def says(value: Value) -> str:
    """Return a value in words, to see what it is about."""
    if isinstance(value, str):
        return value
    if isinstance(value, Pids):
        return " ".join(target.value for target in value.targets)
    if isinstance(value, Content):
        return value.path
    if isinstance(value, Running):
        return value.name
    return value.says if isinstance(value, Unknown) else ""


def targets(value: Value) -> Optional[Tuple[Target, ...]]:
    """Return whom a value names that stands where a pid should; None where that is not known."""
    if isinstance(value, Pids):
        return value.targets
    if isinstance(value, Content):
        return (Target(PIDFILE, value.path),)
    return None


def joined(values: Sequence[Value]) -> Value:
    """Return what values come to that stand next to one another."""
    values = [value for value in values if value != ""]
    if len(values) == 1:
        return values[0]
    texts = [value for value in values if isinstance(value, str)]
    if len(texts) == len(values):
        text = "".join(texts)
        return text if len(text) <= TEXT_LIMIT else unknown("")
    choices = [value for value in values if isinstance(value, Unknown) and value.options]
    options: Tuple[str, ...] = ()
    if len(choices) == 1 and len(texts) == len(values) - 1:
        options = tuple(
            "".join(value if isinstance(value, str) else option for value in values) for option in choices[0].options
        )
    pattern = re.sub(r"\*+", "*", "".join(map(_pattern, values)))[:TEXT_LIMIT]
    return Unknown(pattern, tuple(option[:TEXT_LIMIT] for option in options), "".join(map(says, values))[:TEXT_LIMIT])


def either(first: Value, second: Value) -> Value:
    """Return a value that is one of two."""
    if first == second:
        return first
    if isinstance(first, Pids) and isinstance(second, Pids):
        return Pids(tuple(dict.fromkeys(first.targets + second.targets))[:OPTIONS_LIMIT])
    options = _options(first), _options(second)
    every: List[str] = [one for some in options for one in some or () if one]
    whole = all(some is not None for some in options) and len(set(every)) <= OPTIONS_LIMIT
    return Unknown("*", tuple(dict.fromkeys(every)) if whole else (), f"{says(first)} {says(second)}"[:TEXT_LIMIT])


def family(text: str) -> Optional[str]:
    """Return the web service that a name, a path or a command line is about."""
    plain = re.sub(r"\[(.)\]", r"\1", text)  # `grep [n]ginx` finds what `grep nginx` does, less itself
    return next((name for name, pattern in _FAMILIES if pattern.search(plain)), None)


def narrowed(value: Value, expression: str) -> Value:
    """Return what is left of an output of which only the lines are kept that fit an expression of grep(1)."""
    if isinstance(value, Pids):
        return Pids(tuple(_narrowed(target, expression) for target in value.targets))
    plain = re.fullmatch(r"(\^?)([\w.@\\-]+)(\$?)", expression)
    if plain is None:
        return value
    name = plain.group(2).replace("\\", "")
    if isinstance(value, str):
        begins, ends = plain.group(1) != "", plain.group(3) != ""
        lines = [line for line in value.split("\n") if name in line]
        lines = [line for line in lines if line.startswith(name) or not begins]
        return "\n".join(line for line in lines if line.endswith(name) or not ends)
    if isinstance(value, Unknown) and value.pattern == "*":
        return Unknown(f"*{name}*", (), f"{value.says} {name}"[:TEXT_LIMIT])
    return value


def _narrowed(target: Target, expression: str) -> Target:
    if target.kind != PATTERN or not target.whole_line:
        return target
    first, second = target.value, expression
    if len(first) + len(second) > EXPRESSION_LIMIT:
        return target
    return target._replace(value=f"{first}.*{second}|{second}.*{first}" if first else second)


def _options(value: Value) -> Optional[Tuple[str, ...]]:
    if isinstance(value, str):
        return (value,)
    return value.options or None if isinstance(value, Unknown) else None


def _pattern(value: Value) -> str:
    if isinstance(value, str):
        return value
    return value.pattern if isinstance(value, Unknown) else "*"
