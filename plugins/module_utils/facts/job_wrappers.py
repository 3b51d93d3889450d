# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs that run what stands in their arguments, or what they are given to read: sudo, sh -c, xargs and so on."""

import posixpath
import re
from functools import partial
from typing import Dict, List, NamedTuple, Sequence, Tuple

from ..errors import CannotLook
from .job_builtins import which
from .job_programs import split_options
from .job_reading import Known, Reading
from .job_scripts import concerns
from .job_state import EXIT, Command, Ended, State
from .job_values import LIKELY, NO, YES, Content, Outcome, Value, joined, says, unknown

NAMES_LIMIT = 200  # files of a directory that run-parts runs
# Directories of cron's own, whose scripts are jobs of their own.
_PERIODIC = re.compile(r"/etc/cron\.(?:hourly|daily|weekly|monthly|yearly|d)/?\Z")
_RUN_PARTS_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.sh)?\Z")
_HOOK = re.compile(r"--(?:deploy|renew|post|pre)-hook|--reload-?cmd")


class Wrapper(NamedTuple):
    """A program that runs the command in its arguments. valued: its options that take the next word; skipped: how many
    words stand between its options and the command.
    """

    valued: Tuple[str, ...] = ()
    skipped: int = 0


_WRAPPERS = {
    "sudo": Wrapper(tuple("-u -g -h -p -C -r -t -T -U -D -R --user --group --host --prompt --chdir --chroot".split())),
    "doas": Wrapper(("-u", "-C")),
    "nice": Wrapper(("-n", "--adjustment")),
    "ionice": Wrapper(("-c", "-n", "--class", "--classdata")),
    "chrt": Wrapper((), 1),
    "taskset": Wrapper((), 1),
    "cpulimit": Wrapper(("-l", "-m", "--limit")),
    "timeout": Wrapper(("-s", "-k", "--signal", "--kill-after"), 1),
    "flock": Wrapper(("-w", "-E", "--timeout", "--wait", "--conflict-exit-code"), 1),
    "lckdo": Wrapper(("-W", "-E"), 1),
    "setlock": Wrapper((), 1),
    "env": Wrapper(("-u", "-C", "--unset", "--chdir")),
    "chronic": Wrapper(),
    "cronic": Wrapper(),
    "run-one": Wrapper(),
    "nohup": Wrapper(),
    "setsid": Wrapper(),
    "stdbuf": Wrapper(("-i", "-o", "-e")),
    "unbuffer": Wrapper(),
    "ifne": Wrapper(),
    "exec": Wrapper(("-a",)),
    "time": Wrapper(("-f", "-o", "--format", "--output")),
    "command": Wrapper(),
    "builtin": Wrapper(),
    "busybox": Wrapper(),
    "systemd-cat": Wrapper(("-t", "-p", "--identifier", "--priority")),
    "systemd-inhibit": Wrapper(),
    "systemd-run": Wrapper(tuple("-u -p -E -d --unit --property --setenv --slice --uid --gid --nice".split())),
    "setpriv": Wrapper(),
    "runcon": Wrapper(("-t", "-u", "-r", "-l"), 0),
    "action": Wrapper((), 1),  # of Red Hat's init functions: a text, and the command
}


def _wrapped(reading: Reading, command: Command, state: State) -> Outcome:
    name = posixpath.basename(says(command.arguments[0]))
    wrapper = _WRAPPERS[name]
    options, rest = before_command(command.arguments[1:], wrapper)
    inside = state
    if name in ("sudo", "doas"):
        inside = state.fork()
        inside.user = says(options.get("-u", options.get("--user", "root")))
    text = options.get("-c")
    if name in ("flock", "command") and text is None and rest[:1] == ["-c"] and len(rest) > 1:
        text = rest[1]
    if name == "flock" and isinstance(text, str) and len(rest) > 1:
        return reading.nested(text, command, inside)
    while name in ("sudo", "env", "doas") and rest and isinstance(rest[0], str) and re.match(r"\w+=", rest[0]):
        variable, _unused, value = rest[0].partition("=")
        inside = inside.fork() if inside is state else inside
        inside.variables[variable] = value
        inside.exported.add(variable)
        rest = rest[1:]
    outcome = reading.command(rest, command, inside)
    state.clock = max(state.clock, inside.clock)
    return outcome


def before_command(words: Sequence[Value], wrapper: Wrapper) -> Tuple[Dict[str, Value], List[Value]]:
    """Return the options of a program that runs another, and that other with its arguments."""
    options: Dict[str, Value] = {}
    rest = list(words)
    while rest and isinstance(rest[0], str) and rest[0].startswith("-") and len(rest[0]) > 1:
        option = says(rest.pop(0))
        if option == "--":
            break
        name, sign, value = option.partition("=")
        if sign:
            options[name] = value
        elif option in wrapper.valued and rest:
            options[name] = rest.pop(0)
        else:
            options[name] = ""
    return options, rest[wrapper.skipped :]


def _command_builtin(reading: Reading, command: Command, state: State) -> Outcome:
    looks = [word for word in command.arguments[1:2] if word in ("-v", "-V")]
    return which(reading, command, state) if looks else _wrapped(reading, command, state)


def _exec(reading: Reading, command: Command, state: State) -> Outcome:
    if len(command.arguments) == 1:
        return Outcome(YES)  # redirections only
    outcome = _wrapped(reading, command, state)
    state.exits.append(Ended(outcome, state.held, state.certain))
    return outcome._replace(leaves=EXIT)


def _shell(reading: Reading, command: Command, state: State) -> Outcome:
    """Read what ``sh`` reads: the text after -c, a script with its arguments, or its input."""
    rest = list(command.arguments[1:])
    options = ""
    while rest and isinstance(rest[0], str) and rest[0][:1] in ("-", "+") and len(rest[0]) > 1:
        word = says(rest.pop(0))
        options += "" if word.startswith("--") else word[1:]
        if word in ("-o", "+o", "-O", "--rcfile", "--init-file") and rest:
            rest.pop(0)
    if "c" in options:
        text = rest[0] if rest else ""
        if not isinstance(text, str):
            reading.lose(command, state, "what the shell is given is only known when it runs")
            return Outcome(LIKELY)
        inside = state.fork()
        inside.name = says(rest[1]) if len(rest) > 1 else "sh"
        inside.arguments, inside.strict = tuple(rest[2:]), "e" in options
        outcome = reading.nested(text, command, inside)
        state.clock = inside.clock
        return outcome
    if not rest or "s" in options:
        return _fed(reading, command, state)
    path = reading.resolved(says(rest[0]), state)
    if path is None:
        return Outcome(LIKELY)
    loaded = reading.scripts.load(path)
    if loaded.text is None:
        reading.unread(loaded, command, state)
        return Outcome(NO if loaded.problem is None else LIKELY)
    return reading.script(loaded._replace(interpreter="sh", options=options), rest[1:], command, state)


def _fed(reading: Reading, command: Command, state: State) -> Outcome:
    """Read what a shell is given to read."""
    given = command.input
    if isinstance(given, Content):
        return _shell(reading, command._replace(arguments=(command.arguments[0], given.path)), state)
    if isinstance(given, str):
        return reading.nested(given, command, state)
    if concerns((state.said or "").split()):
        reading.lost(command, state, "what the shell is given is only known when it runs")
    return Outcome(LIKELY)


def _as_user(reading: Reading, command: Command, state: State) -> Outcome:
    """Read su(1) and runuser(1): ``su - user -c text``, ``runuser -u user -- command``."""
    long = "command= session-command= fast login group= supp-group= preserve-environment shell= user= pty".split()
    words = [word for word in command.arguments[1:] if word != "-"]
    place = words.index("--") if "--" in words else len(words)
    options, rest = split_options(words[:place], "c:flg:G:mps:u:P", long)
    inside = state.fork()
    user = options.get("-u", options.get("--user"))
    inside.user = says(user if user is not None else rest.pop(0) if rest else "root")
    text = options.get("-c", options.get("--command", options.get("--session-command")))
    if isinstance(text, str):
        outcome = reading.nested(text, command, inside)
    elif text is None and not rest and isinstance(command.input, str):
        outcome = reading.nested(command.input, command, inside)
    elif text is None:
        outcome = reading.command([*rest, *words[place + 1 :]], command, inside)
    else:
        reading.lose(command, state, "what the shell is given is only known when it runs")
        outcome = Outcome(LIKELY)
    state.clock = inside.clock
    return outcome


def _xargs(reading: Reading, command: Command, state: State) -> Outcome:
    wrapper = Wrapper(
        tuple("-n -L -P -I -i -d -a -s -E --max-args --max-procs --replace --delimiter --arg-file".split())
    )
    options, rest = before_command(command.arguments[1:], wrapper)
    given: Value = unknown("") if command.input is None else reading.scripts.listed(command.input)
    values: List[Value] = list(given.split()) if isinstance(given, str) else [given]
    mark = says(options.get("-I", "{}" if "-i" in options else ""))
    if not rest:
        state.say(given)
        return Outcome(LIKELY)
    if mark and any(isinstance(word, str) and mark in word for word in rest):
        for value in values[:20]:
            reading.command([_filled(word, mark, value) for word in rest], command, state)
        return Outcome(LIKELY)
    return reading.command([*rest, *values], command, state)


def _filled(word: Value, mark: str, value: Value) -> Value:
    if not isinstance(word, str) or mark not in word:
        return word
    before, _unused, after = word.partition(mark)
    return joined([before, value, after])


def _find(reading: Reading, command: Command, state: State) -> Outcome:
    words = list(command.arguments[1:])
    state.say(unknown(command.words()))
    for number, word in enumerate(words):
        if word in ("-exec", "-execdir", "-ok"):
            ends = [place for place in range(number, len(words)) if words[place] in (";", "+")] or [len(words)]
            inner = [_filled(one, "{}", unknown("")) for one in words[number + 1 : ends[0]]]
            reading.perhaps(partial(reading.command, inner, command._replace(input=None), state), state)
    return Outcome(LIKELY)


def _at(reading: Reading, command: Command, state: State) -> Outcome:
    """Read what at(1) is given: a file, or its input."""
    options, _rest = split_options(command.arguments[1:], "q:f:mMlbvdrct:")
    file = options.get("-f")
    if isinstance(file, str):
        return _shell(reading, command._replace(arguments=("sh", file)), state)
    return reading.nested(command.input, command, state) if isinstance(command.input, str) else Outcome(LIKELY)


def _hooked(reading: Reading, command: Command, state: State) -> Outcome:
    """Read the commands that a client of ACME runs when it has a new certificate."""
    words = command.arguments[1:]
    for number, word in enumerate(words):
        found = _HOOK.match(word) if isinstance(word, str) else None
        if found and isinstance(word, str):
            text = word.partition("=")[2] if "=" in word else words[number + 1] if number + 1 < len(words) else ""
            if isinstance(text, str):
                reading.perhaps(partial(reading.nested, text, command, state), state)
    return Outcome(LIKELY)


def _run_parts(reading: Reading, command: Command, state: State) -> Outcome:
    directories = [word for word in command.arguments[1:] if isinstance(word, str) and word.startswith("/")]
    for directory in directories:
        if not _PERIODIC.match(directory) and (state.place.hops or reading.runs_parts):
            for name in _parts(reading, directory):
                reading.command([posixpath.join(directory, name)], command, state)
    return Outcome(LIKELY)


def _parts(reading: Reading, directory: str) -> List[str]:
    try:
        names = reading.host.list(directory)
    except CannotLook:
        return []
    return [name for name in names if _RUN_PARTS_NAME.match(name)][:NAMES_LIMIT]


WRAPPERS: Dict[str, Known] = {
    **dict.fromkeys(_WRAPPERS, _wrapped),
    **dict.fromkeys(("sh", "bash", "dash", "ksh", "ksh93", "mksh", "zsh", "ash"), _shell),
    **dict.fromkeys(("certbot", "certbot-auto", "letsencrypt", "acme.sh", "dehydrated", "lego"), _hooked),
    **dict.fromkeys(("at", "batch"), _at),
    **dict.fromkeys(("su", "runuser"), _as_user),
    "command": _command_builtin,
    "exec": _exec,
    "xargs": _xargs,
    "find": _find,
    "run-parts": _run_parts,
}
