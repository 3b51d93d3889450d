# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The shell's own commands, as far as they decide how a script goes on (POSIX, XCU 2.14 and bash(1))."""

import posixpath
import re
from typing import Dict, Sequence

from . import job_conditions, job_programs
from .job_reading import INIT_DIRECTORIES, Known, Reading
from .job_state import BREAK, CONTINUE, EXIT, RETURN, Command, Ended, State
from .job_values import LIKELY, NO, OPEN, YES, Exit, Outcome, Value, joined, says, unknown

# Their functions are known here by name. Those of the first two hand an init script's work to systemd.
RED_HAT = ("/etc/init.d/functions", "/etc/rc.d/init.d/functions")
_LSB = ("/lib/lsb/init-functions", "/usr/lib/lsb/init-functions")
SUSE = "/etc/rc.status"
_FUNCTION_FILES = (*RED_HAT, *_LSB, SUSE, "/lib/init/vars.sh", "/usr/lib/init/vars.sh")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,6})?)([smhd]?)\Z")


def _leave(kind: str) -> Known:
    def leave(_reading: Reading, command: Command, state: State) -> Outcome:
        given = command.arguments[1] if len(command.arguments) > 1 else Exit(state.last)
        if isinstance(given, Exit):
            outcome = given.outcome
        elif isinstance(given, str) and given.isdigit():
            outcome = Outcome(YES if int(given) == 0 else NO)
        else:
            outcome = Outcome(OPEN)
        ends = state.returns if kind == RETURN else state.exits if kind == EXIT else []
        ends.append(Ended(outcome._replace(leaves=None), state.held, state.certain))
        return outcome._replace(leaves=kind)

    return leave


def _constant(status: int) -> Known:
    return lambda _reading, _command, _state: Outcome(status)


def _test(reading: Reading, command: Command, _state: State) -> Outcome:
    words = list(command.arguments[1:])
    bracketed = command.arguments[0] == "[["
    if command.arguments[0] in ("[", "[[") and words and words[-1] in ("]", "]]"):
        words = words[:-1]
    return job_conditions.judged(reading.host, words, bracketed)


def _source(reading: Reading, command: Command, state: State) -> Outcome:
    name = command.arguments[1] if len(command.arguments) > 1 else ""
    path = reading.resolved(name, state) if isinstance(name, str) and name else None
    if path is None:
        state.blurred = True
        return Outcome(LIKELY)
    if path in _FUNCTION_FILES:
        state.library = path
        return _redirected(reading, command, state) if path in RED_HAT + _LSB else Outcome(LIKELY)
    return reading.source(path, command, state)


def _redirected(reading: Reading, command: Command, state: State) -> Outcome:
    """Hand an init script's work to systemd, as the functions do that it sources (init-functions.d/40-systemd)."""
    directory = posixpath.dirname(state.name) + "/"
    verb = state.arguments[0] if state.arguments else ""
    skipped = state.variables.get("SYSTEMCTL_SKIP_REDIRECT", "") != ""
    if skipped or directory not in INIT_DIRECTORIES or not isinstance(verb, str):
        return Outcome(LIKELY)
    if job_conditions.judged(reading.host, ("-d", job_conditions.SYSTEMD), False).status != YES:
        return Outcome(LIKELY)
    name = posixpath.basename(state.name)
    meant = job_programs.service_meaning(name[:-3] if name.endswith(".sh") else name, verb)
    if meant is None:
        return Outcome(LIKELY)
    outcome = reading.mean(meant, command, state)
    state.exits.append(Ended(outcome, state.held, state.certain))
    return outcome._replace(leaves=EXIT)


def _eval(reading: Reading, command: Command, state: State) -> Outcome:
    text = joined([piece for word in command.arguments[1:] for piece in (" ", word)][1:])
    if isinstance(text, str):
        return reading.text(text, command.node.line, state)
    reading.lose(command, state, "what eval reads is only known when it runs")
    state.blurred = True
    return Outcome(LIKELY)


def _trap(reading: Reading, command: Command, state: State) -> Outcome:
    words = command.arguments[1:]
    if len(words) > 1 and isinstance(words[0], str) and any(word in ("EXIT", "0") for word in words[1:]):
        return reading.nested(words[0], command, state)
    return Outcome(YES)


def _set(_reading: Reading, command: Command, state: State) -> Outcome:
    words = command.arguments[1:]
    for number, word in enumerate(words):
        if word == "--":
            state.arguments = tuple(words[number + 1 :])
            break
        if isinstance(word, str) and word[:1] in ("-", "+"):
            follows = words[number + 1] if number + 1 < len(words) else ""
            named = follows if "o" in word[1:] else ""
            if "e" in word[1:] or named == "errexit":
                state.strict = word[0] == "-"
            if "a" in word[1:] or named == "allexport":
                state.exported.update(state.variables)
                state.exporting = word[0] == "-"
    return Outcome(YES)


def _shift(_reading: Reading, command: Command, state: State) -> Outcome:
    given = command.arguments[1] if len(command.arguments) > 1 else "1"
    number = int(given) if isinstance(given, str) and given.isdigit() and len(given) < 4 else 1
    state.arguments = state.arguments[number:]
    return Outcome(YES)


def _unset(_reading: Reading, command: Command, state: State) -> Outcome:
    for word in command.arguments[1:]:
        state.variables.pop(says(word), None)
    return Outcome(YES)


def _export(_reading: Reading, command: Command, state: State) -> Outcome:
    if command.arguments[0] == "export":
        state.exported.update(says(word) for word in command.arguments[1:])
    return state.substituted or Outcome(YES)


# What an arithmetic expression sets: i=1, i+=1, i++, --i
_SETS = re.compile(r"([A-Za-z_]\w*)\s*(?:\+\+|--|[-+*/%&|^]?=(?!=))|(?:\+\+|--)\s*([A-Za-z_]\w*)")


def _calculate(_reading: Reading, command: Command, state: State) -> Outcome:
    """Forget the variables that ``((i++))`` or ``let`` sets."""
    for found in _SETS.findall(command.words()):
        state.variables[found[0] or found[1]] = unknown("")
    return Outcome(OPEN)


def _getopts(_reading: Reading, command: Command, state: State) -> Outcome:
    """Take the next option of a script's arguments, where each stands by itself."""
    words = [says(word) for word in command.arguments[1:3]]
    place = state.variables.get("OPTIND", "1")
    number = int(place) if isinstance(place, str) and place.isdigit() and len(place) < 4 else len(state.arguments) + 1
    word = state.arguments[number - 1] if 0 < number <= len(state.arguments) else "--"
    if len(words) < 2 or not isinstance(word, str) or not word.startswith("-") or word in ("-", "--"):
        return Outcome(NO if isinstance(word, str) else OPEN)
    letter, rest = word[1], word[2:]
    valued = f"{letter}:" in words[0]
    following = state.arguments[number] if number < len(state.arguments) else ""
    state.variables[words[1]] = letter if letter in words[0] else "?"
    state.variables["OPTARG"] = (rest or following) if valued else ""
    state.variables["OPTIND"] = str(number + (2 if valued and not rest else 1))
    return Outcome(YES)


def _read(reading: Reading, command: Command, state: State) -> Outcome:
    """Take the next line of what is read, where it is known; else each variable is all of it, or unknown."""
    value: Value = unknown("") if command.input is None else reading.scripts.listed(command.input)
    lines = command.arguments[0] == "read"
    options, rest = job_programs.split_options(
        command.arguments[1:], "d:i:n:N:p:t:u:ersa" if lines else "d:n:O:s:u:C:c:t"
    )
    names = [word for word in rest if isinstance(word, str)] or ["REPLY"]
    if isinstance(value, str) and lines and options.keys() <= {"-r", "-e", "-s", "-p", "-t"}:
        return _read_line(names, value, command, state)
    for name in names:
        state.variables[name] = unknown(says(value)) if isinstance(value, str) and len(names) > 1 else value
    return Outcome(LIKELY)


def _read_line(names: Sequence[str], text: str, command: Command, state: State) -> Outcome:
    """Part a line into variables, the last of which takes what is left, and leave the rest to what reads next."""
    line, _unused, rest = text.partition("\n")
    if command.node.input is None:
        state.input = rest
    separator = state.variables.get("IFS", "")
    known = isinstance(separator, str) and len(separator) == 1 and not separator.isspace()
    fields = line.split(says(separator) if known else None, len(names) - 1)
    for number, name in enumerate(names):
        state.variables[name] = fields[number].strip() if number < len(fields) else ""
    return Outcome(YES if text else NO)


def _cd(reading: Reading, command: Command, state: State) -> Outcome:
    name = command.arguments[-1] if len(command.arguments) > 1 else unknown("")
    path = reading.resolved(name, state) if isinstance(name, str) else None
    state.variables["PWD"] = unknown("") if path is None else path
    return Outcome(LIKELY)


def _pwd(_reading: Reading, _command: Command, state: State) -> Outcome:
    state.say(state.variables.get("PWD", unknown("")))
    return Outcome(YES)


def _sleep(reading: Reading, command: Command, state: State) -> Outcome:
    for word in command.arguments[1:]:
        found = _DURATION.match(word) if isinstance(word, str) else None
        if found:
            state.clock += float(found.group(1)) * _SECONDS[found.group(2)]
        else:
            reading.drawn = True
    return Outcome(LIKELY)


def which(reading: Reading, command: Command, state: State) -> Outcome:
    names = [word for word in command.arguments[1:] if not (isinstance(word, str) and word.startswith("-"))]
    if len(names) != 1 or not isinstance(names[0], str):
        return Outcome(OPEN)
    name = names[0]
    if name in state.functions:
        return Outcome(YES)
    search = state.variables.get("PATH", "")
    path = reading.scripts.find(name, search if isinstance(search, str) else "")
    state.say(path or name)
    return Outcome(OPEN if path is None else YES)


BUILTINS: Dict[str, Known] = {
    ":": _constant(YES),
    "true": _constant(YES),
    "false": _constant(NO),
    **dict.fromkeys(("((", "let"), _calculate),
    "getopts": _getopts,
    "exit": _leave(EXIT),
    "return": _leave(RETURN),
    "break": _leave(BREAK),
    "continue": _leave(CONTINUE),
    **dict.fromkeys(("[", "[[", "test"), _test),
    **dict.fromkeys((".", "source"), _source),
    "eval": _eval,
    "trap": _trap,
    "set": _set,
    "shift": _shift,
    "unset": _unset,
    **dict.fromkeys(("export", "readonly", "local", "declare", "typeset"), _export),
    **dict.fromkeys(("read", "mapfile", "readarray"), _read),
    "cd": _cd,
    "pwd": _pwd,
    "sleep": _sleep,
    **dict.fromkeys(("which", "type", "hash"), which),
}
