# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the programs put out that scripts ask for pids and names: cat, ps, grep, awk, pgrep, basename and so on."""

import posixpath
import re
from typing import Callable, Dict, List, Optional

from ..formats import glob
from . import job_programs
from .job_deeds import MAIN, NAME, NEWEST, OLDEST, PATTERN, UNIT, Target
from .job_programs import matching, named, split_options
from .job_scripts import Scripts
from .job_state import Command, State
from .job_values import (
    LIKELY,
    OPEN,
    YES,
    Content,
    Outcome,
    Pids,
    Running,
    Unknown,
    Value,
    joined,
    narrowed,
    running,
    says,
    unknown,
)

SEQUENCE_LIMIT = 100

PROGRAM_LIMIT = 2000  # characters of a program of awk that are looked at

_PID_SETTING = re.compile(r"^[ \t]*pid(?:[ \t]*=[ \t]*|[ \t]+)\"?([^\s;\"]+)", re.MULTILINE)
_AWK_EXPRESSION = re.compile(r"(!?)~? {0,5}/((?:[^/\\\n]|\\.){1,200})/")
_AWK_WORD = re.compile(r"== {0,5}\"([^\"\n]{1,200})\"")
_FIRST_LINE = re.compile(r"-n?\s*1\Z|1q\Z|NR\s*==\s*1\b")


def read(scripts: Scripts, name: str, command: Command, state: State) -> Optional[Outcome]:
    """Put out what a program says, and return how it ends; None where it is none of these programs."""
    tool = _TOOLS.get(name)
    return None if tool is None else tool(scripts, command, state)


def _echo(_scripts: Scripts, command: Command, state: State) -> Outcome:
    words = [word for word in command.arguments[1:] if word not in ("-n", "-e", "-ne", "-en")]
    state.say(joined([piece for word in words for piece in (" ", word)][1:]))
    return Outcome(YES)


def _printf(_scripts: Scripts, command: Command, state: State) -> Outcome:
    form = command.arguments[1] if len(command.arguments) > 1 else ""
    plain = isinstance(form, str) and re.fullmatch(r"(?:%[sd](?:\\n| )?)+", form)
    text: Value = unknown(command.words())
    if plain:
        text = joined([piece for word in command.arguments[2:] for piece in (" ", word)][1:])
    elif isinstance(form, str) and "%" not in form:
        text = form
    state.say(text.replace("\\n", "\n") if isinstance(text, str) else text)
    return Outcome(YES)


def _files(command: Command, skipped: int, valued: str) -> List[Value]:
    """Return the words of a filter that are files: those after its program, or after its options."""
    _options, rest = split_options(command.arguments[1:], valued)
    return rest[skipped:]


def _content(values: List[Value], command: Command) -> Value:
    """Return what a filter reads: of files that which can be known, else its input."""
    paths = [value for value in values if isinstance(value, str) and value not in ("", "-")]
    if len(paths) == 1:
        return Content(paths[0])
    if len(paths) > 1:
        return Unknown("*", (), " ".join(paths))
    if values and values[0] != "-":
        return unknown(" ".join(map(says, values)))
    return unknown("") if command.input is None else command.input


def _cat(scripts: Scripts, command: Command, state: State) -> Outcome:
    paths = [
        word for word in command.arguments[1:] if not (isinstance(word, str) and word.startswith("-") and word != "-")
    ]
    if len(paths) > 1:
        for path in paths:
            state.say(scripts.listed(_content([path], command)))
    else:
        state.say(scripts.listed(_content(paths, command)))
    return Outcome(LIKELY)


def _end(_scripts: Scripts, command: Command, state: State) -> Outcome:
    """head and tail: of processes the first or the last, which is the oldest or the newest."""
    words = " ".join(map(says, command.arguments[1:3]))
    value = _content(_files(command, 0, "n:c:qvzF0123456789f"), command)
    if isinstance(value, Pids) and _FIRST_LINE.match(words):
        one = OLDEST if posixpath.basename(says(command.arguments[0])) == "head" else NEWEST
        value = Pids(tuple(target if target.one else target._replace(one=one) for target in value.targets))
    state.say(value)
    return Outcome(LIKELY)


def _filter(scripts: Scripts, command: Command, state: State) -> Outcome:
    """sed, awk, cut, tr, sort and their like: a program or a set, and files."""
    name = posixpath.basename(says(command.arguments[0]))
    programmed = name in ("sed", "awk", "gawk", "mawk", "tr")
    values = _files(command, 1 if programmed else 0, "nrEszuibf:d:c:k:t:F:v:e:hVs" if name != "tr" else "cdst")
    program = " ".join(says(word) for word in command.arguments[1:])[:PROGRAM_LIMIT]
    value = _content(values if name != "tr" else [], command)
    if isinstance(value, Content) and re.search(r"\bpid\b|pid\[|pid ", program):
        value = _setting(scripts, value.path)
    elif name.endswith("awk"):
        value = _selected(value, program)
    state.say(value)
    return Outcome(LIKELY)


def _setting(scripts: Scripts, path: str) -> Value:
    """Return the pid file that a configuration of php-fpm or nginx names, "" where it names none."""
    if not path.startswith("/"):
        return unknown(path)
    text = scripts.load(path).text
    if text is None:
        return unknown(path)
    found = _PID_SETTING.search(text)
    return found.group(1) if found else ""


def _selected(value: Value, program: str) -> Value:
    for negated, expression in _AWK_EXPRESSION.findall(program):
        value = value if negated else narrowed(value, expression)
    for word in _AWK_WORD.findall(program):
        value = narrowed(value, re.escape(word))
    return value


def _grep(scripts: Scripts, command: Command, state: State) -> Outcome:
    options, rest = split_options(
        command.arguments[1:], "abce:EFGhHiIlLm:noPqrRsvwxzA:B:C:f:", ("color=", "quiet", "count")
    )
    expression = options.get("-e", rest[0] if rest else "")
    value = _content(rest if "-e" in options else rest[1:], command)
    given = command.input
    if isinstance(value, Content) and "pid" in says(expression).lower() and not value.path.endswith(".pid"):
        value = _setting(scripts, value.path) if "-v" not in options else value
    elif "-v" not in options and isinstance(expression, str):
        value = narrowed(value, expression)
    if "-c" in options or "--count" in options:
        state.say(Running(says(value)) if isinstance(value, Pids) else unknown(says(value)))
    elif "-q" not in options:
        state.say(value)
    if isinstance(given, Pids) and isinstance(value, Pids):
        return running(says(value))
    return Outcome(OPEN)


def _wc(_scripts: Scripts, command: Command, state: State) -> Outcome:
    value = command.input
    state.say(Running(says(value)) if isinstance(value, Pids) else unknown("" if value is None else says(value)))
    return Outcome(LIKELY)


def _ps(_scripts: Scripts, command: Command, state: State) -> Outcome:
    words = [says(word) for word in command.arguments[1:]]
    following = dict(zip(words, words[1:]))
    names = following.get("-C") or next((word[2:] for word in words if word.startswith("-C") and len(word) > 2), None)
    user = following.get("-u") or following.get("-U")
    if any(word in ("-p", "--pid", "-q", "p") for word in words):
        state.say(unknown(" ".join(words)))
        return Outcome(OPEN)
    if names:
        state.say(Pids(tuple(Target(NAME, name) for name in names.split(",")[:10])))
        return running(names)
    state.say(Pids((Target(PATTERN, "", user=user, whole_line=True),)))
    return Outcome(LIKELY)


def _pgrep(_scripts: Scripts, command: Command, state: State) -> Outcome:
    found = matching(list(command.arguments[1:]))
    counts = any(word in ("-c", "--count") for word in command.arguments[1:])
    if found is None:
        state.say(unknown(command.words()))
        return Outcome(OPEN)
    state.say(Running(found.value) if counts else Pids((found,)))
    return running(found.value)


def _pidof(_scripts: Scripts, command: Command, state: State) -> Outcome:
    found = named(list(command.arguments[1:]))
    state.say(Pids(tuple(found)) if found else unknown(command.words()))
    return running(" ".join(target.value for target in found))


def _systemctl(_scripts: Scripts, command: Command, state: State) -> Optional[Outcome]:
    options, rest = job_programs.systemctl_options(command.arguments[1:])
    verb, names = (says(rest[0]), rest[1:]) if rest else ("", [])
    if verb == "show" and says(options.get("-p", options.get("--property", options.get("-P", "")))) == "MainPID":
        state.say(Pids(tuple(Target(UNIT, name, one=MAIN) for name in names if isinstance(name, str))))
        return Outcome(LIKELY)
    if verb == "is-active":
        state.say(Running(" ".join(map(says, names))))
        return running(" ".join(map(says, names)))
    if verb in ("list-units", "list-unit-files", ""):
        one = says(names[0]) if len(names) == 1 else "*"
        state.say(Unknown(one if glob.is_pattern(one) else "*", (), command.words()))
        return Outcome(LIKELY)
    return None


def _ls(scripts: Scripts, command: Command, state: State) -> Outcome:
    words = [word for word in command.arguments[1:] if not (isinstance(word, str) and word.startswith("-"))]
    listed = [scripts.names(word) if isinstance(word, str) and word.startswith("/") else None for word in words]
    names = [name for some in listed for name in some or ()]
    known = bool(names) and None not in listed
    state.say("\n".join(names) if known else unknown(" ".join(map(says, command.arguments[1:]))))
    return Outcome(OPEN)


def _basename(_scripts: Scripts, command: Command, state: State) -> Outcome:
    words = [word for word in command.arguments[1:] if word != "--"]
    path = words[0] if words else ""
    if not isinstance(path, str):
        state.say(unknown(says(path)))
    elif posixpath.basename(says(command.arguments[0])) == "dirname":
        state.say(posixpath.dirname(path.rstrip("/")) or ("/" if path.startswith("/") else "."))
    else:
        name, end = posixpath.basename(path.rstrip("/")), says(words[1]) if len(words) > 1 else ""
        state.say(name[: -len(end)] if end and name.endswith(end) and name != end else name)
    return Outcome(LIKELY)


def _physical(_scripts: Scripts, command: Command, state: State) -> Outcome:
    paths = [word for word in command.arguments[1:] if not (isinstance(word, str) and word.startswith("-"))]
    state.say(paths[0] if len(paths) == 1 else unknown(command.words()))
    return Outcome(LIKELY)


def _seq(_scripts: Scripts, command: Command, state: State) -> Outcome:
    numbers = [word for word in command.arguments[1:] if isinstance(word, str) and re.fullmatch(r"[0-9]{1,6}", word)]
    if not numbers or len(numbers) < len(command.arguments) - 1 or len(numbers) > 2:
        state.say(unknown(""))
        return Outcome(LIKELY)
    first, last = (1, int(numbers[0])) if len(numbers) == 1 else (int(numbers[0]), int(numbers[1]))
    state.say(" ".join(map(str, range(first, min(last, first + SEQUENCE_LIMIT - 1) + 1))))
    return Outcome(LIKELY)


_TOOLS: Dict[str, Callable[[Scripts, Command, State], Optional[Outcome]]] = {
    "echo": _echo,
    "printf": _printf,
    "cat": _cat,
    "head": _end,
    "tail": _end,
    "grep": _grep,
    "egrep": _grep,
    "fgrep": _grep,
    "zgrep": _grep,
    **dict.fromkeys("sed awk gawk mawk cut tr sort uniq tac rev column tee".split(), _filter),
    "wc": _wc,
    "ps": _ps,
    "pgrep": _pgrep,
    "pidof": _pidof,
    "systemctl": _systemctl,
    "ls": _ls,
    "basename": _basename,
    "dirname": _basename,
    "readlink": _physical,
    "realpath": _physical,
    "seq": _seq,
}
