# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each command of a job's scripts does, and the scripts that they run in turn: read, and never run.

What is no business of a web service is passed over. Lost is only a way at whose end such a service is named together
with a word that may restart or signal it.
"""

import posixpath
import re
from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed
from ..formats import shell_script
from ..formats.shell import shown
from ..host import Host
from . import job_conditions, job_programs, job_text_tools
from .job_deeds import RESTART, START, TRY_RESTART, Hop, Sent, Target, Unfollowed
from .job_programs import Meaning, split_options
from .job_scripts import Loaded, Scripts, concerning_line, concerns
from .job_values import (
    DOWN,
    LIKELY,
    NO,
    OPEN,
    YES,
    Content,
    Exit,
    Outcome,
    Unknown,
    Value,
    family,
    joined,
    running,
    says,
    unknown,
)
from .job_walk import BREAK, EXIT, RETURN, Command, Ended, Place, State, Walk

FOUND_LIMIT = 200
NAMES_LIMIT = 200  # files of a directory that run-parts runs

_INIT_DIRECTORIES = ("/etc/init.d/", "/etc/rc.d/init.d/", "/etc/rc.d/")
# Their functions are known here by name. Those of the first two hand an init script's work to systemd.
_RED_HAT = ("/etc/init.d/functions", "/etc/rc.d/init.d/functions")
_LSB = ("/lib/lsb/init-functions", "/usr/lib/lsb/init-functions")
_SUSE = "/etc/rc.status"
_FUNCTION_FILES = (*_RED_HAT, *_LSB, _SUSE, "/lib/init/vars.sh", "/usr/lib/init/vars.sh")
# Directories of cron's own, whose scripts are jobs of their own.
_PERIODIC = re.compile(r"/etc/cron\.(?:hourly|daily|weekly|monthly|yearly|d)/?\Z")
_RUN_PARTS_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.sh)?\Z")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,7}(?:\.[0-9]{1,6})?)([smhd]?)\Z")
_HOOK = re.compile(r"--(?:deploy|renew|post|pre)-hook|--reloadcmd|--reload-cmd|--renew-hook|--post-hook|--exec|-c\Z")


class Found(NamedTuple):
    """As a Deed, before what is sent to one target is put together. forks: see State."""

    verb: str
    target: Target
    sent: Tuple[Sent, ...]
    tested: bool
    certain: bool
    hops: Tuple[Hop, ...]
    moment: float
    user: Optional[str]
    forks: Tuple[Tuple[int, int], ...]


class Reading:
    """Reads one job. runs_parts: whether what run-parts runs in the job's own text belongs to this job."""

    def __init__(self, host: Host, runs_parts: bool) -> None:
        self.host = host
        self.walk = Walk(host, self._run)
        self.scripts = Scripts(host)
        self.found: List[Found] = []
        self.unfollowed: List[Unfollowed] = []
        self.runs_parts = runs_parts
        self._running: List[Tuple[str, Tuple[Value, ...]]] = []

    # What is read

    def text(self, text: str, first_line: int, state: State) -> Outcome:
        """Read a text as a shell would that is given it."""
        try:
            script = shell_script.parse(text, first_line)
        except Malformed as error:
            if concerning_line(text) is not None:
                self._lose(state.place.hops, f"{state.place.source}: no shell reads it: {error}")
            return Outcome(OPEN)
        return self.walk.script(script, state)

    def command(self, arguments: Sequence[Value], command: Command, state: State) -> Outcome:
        """Read a command that another one runs."""
        if not arguments:
            return Outcome(LIKELY)
        return self._run(self.walk, command._replace(arguments=tuple(arguments)), state)

    def perhaps(self, arguments: Sequence[Value], command: Command, state: State) -> None:
        """Read a command that another one may run."""
        certain, state.certain = state.certain, False
        self.command(arguments, command, state)
        state.certain = certain

    def nested(self, text: str, command: Command, state: State) -> Outcome:
        """Read a text that stands in a word of a command, as that of ``sh -c``, in a shell of its own."""
        inside = state.fork()
        line = command.node.line
        outcome = self.walk.ended(lambda: self.text(text, line, inside), inside, EXIT)
        state.clock = inside.clock
        return outcome

    def resolved(self, path: str, state: State) -> Optional[str]:
        """Return a path of a script from / on; None where nobody knows the directory that it belongs to."""
        if path.startswith("/"):
            return posixpath.normpath(path)
        here = state.variables.get("PWD")
        return posixpath.normpath(posixpath.join(here, path)) if isinstance(here, str) and here[:1] == "/" else None

    def hop(self, command: Command, state: State) -> Hop:
        place = state.place
        where = f"{place.source}:{command.node.line}" if place.lined else place.source
        return Hop(where, shown(state.said or command.node.text))

    def lose(self, command: Command, state: State, reason: str) -> None:
        """Say that the way is lost at a command, where that may concern a web service."""
        if concerns([says(word) for word in command.arguments]):
            self._lose((*state.place.hops, self.hop(command, state)), reason)

    def _lose(self, hops: Tuple[Hop, ...], reason: str) -> None:
        one = Unfollowed(hops, reason)
        if one not in self.unfollowed and len(self.unfollowed) < FOUND_LIMIT:
            self.unfollowed.append(one)

    # One command

    def _run(self, _walk: Walk, command: Command, state: State) -> Outcome:
        name, arguments = command.arguments[0], command.arguments[1:]
        if not isinstance(name, str):
            return self._unnamed(name, command, state)
        if name in state.functions:
            return self.walk.call(name, arguments, state)
        base = posixpath.basename(name)
        if not name.startswith(_INIT_DIRECTORIES):
            known = _COMMANDS.get(base)
            if known is not None:
                return known(self, command, state)
            tool = job_text_tools.read(self.host, base, command, state)
            if tool is not None:
                return tool
            meant = job_programs.meaning(name, arguments)
            if meant is not None:
                state.say(unknown(command.words()))
                return self.mean(meant, command, state)
            if base in _INERT or base.startswith("log_"):
                state.say(unknown(command.words()))
                return Outcome(LIKELY)
        return self._file(name, command, state)

    def mean(self, meant: Meaning, command: Command, state: State) -> Outcome:
        """Take down what a command of a known meaning does."""
        hops = (*state.place.hops, self.hop(command, state))
        for act in meant.acts:
            if act.target.value == "" and act.target.user is None:
                continue
            verb = _when_down(act.verb, act.target, state)
            tested = act.tested or _is_tested(act.target, state)
            one = Found(verb, act.target, act.sent, tested, state.certain, hops, state.clock, state.user, state.forks)
            if len(self.found) < FOUND_LIMIT:
                self.found.append(one)
        if meant.lost:
            self.lose(command, state, "whom it is for is only known when it runs")
        return meant.outcome

    def _unnamed(self, name: Value, command: Command, state: State) -> Outcome:
        paths = self.walk.files(name.pattern) if isinstance(name, Unknown) and "/" in name.pattern else []
        for path in paths:
            self.command((path, *command.arguments[1:]), command, state)
        if not paths:
            self.lose(command, state, "which program it is is only known when it runs")
        return Outcome(LIKELY)

    # Scripts

    def _file(self, name: str, command: Command, state: State) -> Outcome:
        if "/" in name:
            path = self.resolved(name, state)
        else:
            search = state.variables.get("PATH", "")
            path = self.scripts.find(name, search if isinstance(search, str) else "")
        state.say(unknown(command.words()))
        if path is None:
            self._arguments(command, state)
            return Outcome(LIKELY)
        loaded = self.scripts.load(path)
        if not loaded.runs():
            return Outcome(NO)  # there is no such file, or nothing that could read it: nothing happens
        if loaded.is_shell():
            return self.script(loaded, command.arguments[1:], command, state)
        if not self._arguments(command, state):
            self.unread(loaded, command, state)
        return Outcome(LIKELY)

    def script(self, loaded: Loaded, arguments: Sequence[Value], command: Command, state: State) -> Outcome:
        """Read a script that a command runs."""
        key = (loaded.path, tuple(arguments))
        if key in self._running or loaded.text is None:
            self.unread(loaded, command, state)  # what it does is read already, as far as it does not run itself
            return Outcome(LIKELY)
        place = Place(loaded.path, (*state.place.hops, self.hop(command, state)), True)
        inside = State(place, loaded.path, arguments, state.environment())
        inside.certain, inside.held, inside.clock = state.certain, state.held, state.clock
        inside.forks, inside.user, inside.input, inside.output = state.forks, state.user, command.input, state.output
        inside.strict = "e" in loaded.options
        text = loaded.text
        self._running.append(key)
        outcome = self.walk.ended(lambda: self.text(text, 1, inside), inside, EXIT)
        self._running.pop()
        state.clock = inside.clock
        return outcome._replace(leaves=None)

    def unread(self, loaded: Loaded, command: Command, state: State) -> None:
        """Say that what a command runs was not read, where that may concern a web service."""
        line = None if loaded.text is None or loaded.is_shell() else concerning_line(loaded.text)
        if line is not None:
            hops = (*state.place.hops, self.hop(command, state))
            reason = f"{loaded.path}:{line}: {loaded.interpreter or 'what reads it'} is not followed, only shells are"
            self._lose(hops, reason)
        elif not loaded.is_shell() or loaded.problem is not None:
            self.lose(command, state, loaded.problem or f"{loaded.path}: only scripts of a shell are followed")

    def source(self, path: str, command: Command, state: State) -> Outcome:
        """Read a file into the script that names it."""
        loaded = self.scripts.load(path)
        if loaded.text is None:
            state.blurred = state.blurred or loaded.problem is not None
            return Outcome(OPEN if loaded.problem is not None else NO)
        key = (path, ())  # type: Tuple[str, Tuple[Value, ...]]
        if key in self._running:
            return Outcome(LIKELY)
        here = state.place
        state.place = Place(path, (*here.hops, self.hop(command, state)), True)
        self._running.append(key)
        outcome = self.text(loaded.text, 1, state)
        self._running.pop()
        state.place = here
        return Outcome(LIKELY) if outcome.leaves == RETURN else outcome

    def _arguments(self, command: Command, state: State) -> bool:
        """Read what stands as a command in the arguments of a program that is not followed; say whether any does."""
        words = command.arguments[1:]
        for number, word in enumerate(words):
            if not isinstance(word, str):
                continue
            if _is_control(word):
                self.perhaps(words[number:], command, state)
                return True
            text = word.partition("=")[2] if _HOOK.match(word) and "=" in word else word
            if len(text.split()) > 1 and _is_control(text.split()[0]):
                certain, state.certain = state.certain, False
                self.nested(text, command, state)
                state.certain = certain
                return True
        return False


def _is_control(word: str) -> bool:
    base = posixpath.basename(word)
    return word.startswith(_INIT_DIRECTORIES) or base in _CONTROLLING


def _is_tested(target: Target, state: State) -> bool:
    about = family(target.value)
    tests = [one for one in state.held if not one.startswith(DOWN)]
    return about in tests if about is not None else bool(tests)


def _when_down(verb: str, target: Target, state: State) -> str:
    """Return what becomes of a verb where the service is known not to run: a restart is a start."""
    down = [one[len(DOWN) :] for one in state.held if one.startswith(DOWN)]
    name = target.value.replace(".service", "")
    same = any(
        name in one or one.replace(".service", "") in name or (family(name) or "-") == family(one)
        for one in down
        if one
    )
    return START if same and verb in (RESTART, TRY_RESTART) else verb


# The shell's own commands


def _leave(kind: str) -> Callable[[Reading, Command, State], Outcome]:
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


def _constant(status: int) -> Callable[[Reading, Command, State], Outcome]:
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
        return _redirected(reading, command, state) if path in _RED_HAT + _LSB else Outcome(LIKELY)
    return reading.source(path, command, state)


def _redirected(reading: Reading, command: Command, state: State) -> Outcome:
    """Hand an init script's work to systemd, as the functions do that it sources (init-functions.d/40-systemd)."""
    directory = posixpath.dirname(state.name) + "/"
    verb = state.arguments[0] if state.arguments else ""
    skipped = state.variables.get("SYSTEMCTL_SKIP_REDIRECT", "") != ""
    if skipped or directory not in _INIT_DIRECTORIES or not isinstance(verb, str):
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


def _exec(reading: Reading, command: Command, state: State) -> Outcome:
    if len(command.arguments) == 1:
        return Outcome(YES)  # redirections only
    outcome = _wrapped(reading, command, state)
    state.exits.append(Ended(outcome, state.held, state.certain))
    return outcome._replace(leaves=EXIT)


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
            if "e" in word[1:] or ("o" in word[1:] and follows == "errexit"):
                state.strict = word[0] == "-"
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


def _read(_reading: Reading, command: Command, state: State) -> Outcome:
    value: Value = unknown("") if command.input is None else command.input
    plain = [word for word in command.arguments[1:] if isinstance(word, str) and not word.startswith("-")]
    for name in plain or ["REPLY"]:
        state.variables[name] = unknown(says(value)) if isinstance(value, str) and len(plain) > 1 else value
    return Outcome(LIKELY)


def _cd(reading: Reading, command: Command, state: State) -> Outcome:
    name = command.arguments[-1] if len(command.arguments) > 1 else unknown("")
    path = reading.resolved(name, state) if isinstance(name, str) else None
    state.variables["PWD"] = unknown("") if path is None else path
    return Outcome(LIKELY)


def _pwd(_reading: Reading, _command: Command, state: State) -> Outcome:
    state.say(state.variables.get("PWD", unknown("")))
    return Outcome(YES)


def _sleep(_reading: Reading, command: Command, state: State) -> Outcome:
    for word in command.arguments[1:]:
        found = _DURATION.match(word) if isinstance(word, str) else None
        if found:
            state.clock += float(found.group(1)) * _SECONDS[found.group(2)]
    return Outcome(LIKELY)


# Programs that run others


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
    options, rest = _before_command(command.arguments[1:], wrapper)
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


def _before_command(words: Sequence[Value], wrapper: Wrapper) -> Tuple[Dict[str, Value], List[Value]]:
    """Return the options of a program that runs another, and that other with its arguments."""
    options: Dict[str, Value] = {}
    rest = list(words)
    while rest and isinstance(rest[0], str) and rest[0].startswith("-") and len(rest[0]) > 1:
        option = rest.pop(0)
        if option == "--":
            break
        name, sign, value = option.partition("=")  # type: ignore[union-attr]
        if sign:
            options[name] = value
        elif option in wrapper.valued and rest:
            options[name] = rest.pop(0)
        else:
            options[name] = ""
    return options, rest[wrapper.skipped :]


def _command_builtin(reading: Reading, command: Command, state: State) -> Outcome:
    looks = [word for word in command.arguments[1:2] if word in ("-v", "-V")]
    return _which(reading, command, state) if looks else _wrapped(reading, command, state)


def _which(reading: Reading, command: Command, state: State) -> Outcome:
    names = [word for word in command.arguments[1:] if not (isinstance(word, str) and word.startswith("-"))]
    if len(names) != 1 or not isinstance(names[0], str):
        return Outcome(OPEN)
    name = names[0]
    if name in state.functions:
        return Outcome(YES)
    search = state.variables.get("PATH", "")
    path = reading.scripts.find(name, search if isinstance(search, str) else "")
    state.say(path or "")
    return Outcome(OPEN if path is None else YES)


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
        given = command.input
        if isinstance(given, Content):
            return _shell(reading, command._replace(arguments=(command.arguments[0], given.path)), state)
        return reading.nested(given, command, state) if isinstance(given, str) else Outcome(LIKELY)
    path = reading.resolved(says(rest[0]), state)
    if path is None:
        return Outcome(LIKELY)
    loaded = reading.scripts.load(path)
    if loaded.text is None:
        reading.unread(loaded, command, state)
        return Outcome(NO if loaded.problem is None else LIKELY)
    return reading.script(loaded._replace(interpreter="sh", options=options), rest[1:], command, state)


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
    options, rest = _before_command(command.arguments[1:], wrapper)
    given: Value = unknown("") if command.input is None else command.input
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
            reading.perhaps(inner, command._replace(input=None), state)
    return Outcome(LIKELY)


def _hooked(reading: Reading, command: Command, state: State) -> Outcome:
    """Read the commands that a client of ACME runs when it has a new certificate."""
    words = command.arguments[1:]
    for number, word in enumerate(words):
        found = _HOOK.match(word) if isinstance(word, str) else None
        if found and isinstance(word, str):
            text = word.partition("=")[2] if "=" in word else words[number + 1] if number + 1 < len(words) else ""
            if isinstance(text, str):
                certain, state.certain = state.certain, False
                reading.nested(text, command, state)
                state.certain = certain
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


def _service(reading: Reading, command: Command, state: State) -> Outcome:
    """Read service(8), invoke-rc.d(8) and rc-service(8); the init script where the verb is one of its own."""
    words = [word for word in command.arguments[1:] if not (isinstance(word, str) and word.startswith("--"))]
    inside = any(word == "--skip-redirect" for word in command.arguments[1:])
    name = words[0] if words else ""
    verb = words[1] if len(words) > 1 else RESTART if "--full-restart" in command.arguments else ""
    return _serve(reading, name, verb, inside, command, state)


def _rc_link(reading: Reading, command: Command, state: State) -> Outcome:
    """Read SUSE's rcNAME, a link to service(8)."""
    name = posixpath.basename(says(command.arguments[0]))[2:]
    verb = command.arguments[1] if len(command.arguments) > 1 else ""
    return _serve(reading, name, verb, False, command, state)


def _serve(reading: Reading, name: Value, verb: Value, inside: bool, command: Command, state: State) -> Outcome:
    if not isinstance(verb, str):
        reading.lose(command, state, "what it does is only known when it runs")
        return Outcome(LIKELY)
    meant = None if inside else job_programs.service_meaning(name, verb)
    if meant is not None:
        state.say(unknown(command.words()))
        return reading.mean(meant, command, state)
    if not isinstance(name, str) or not name or not verb:
        return Outcome(LIKELY)
    path = f"/etc/init.d/{name}"
    if reading.scripts.load(path).problem is None and reading.scripts.load(path).text is None:
        path = f"/usr/libexec/initscripts/legacy-actions/{name}/{verb}"
    return reading.command((path, verb), command, state)


def _at(reading: Reading, command: Command, state: State) -> Outcome:
    """Read what at(1) is given: a file, or its input."""
    options, _rest = split_options(command.arguments[1:], "q:f:mMlbvdrct:")
    file = options.get("-f")
    if isinstance(file, str):
        return _shell(reading, command._replace(arguments=("sh", file)), state)
    return reading.nested(command.input, command, state) if isinstance(command.input, str) else Outcome(LIKELY)


def _supervising(reading: Reading, command: Command, state: State) -> Outcome:
    """Pass over other ways to stop something, unless it is a web service."""
    words = tuple("kill" if isinstance(word, str) and word.startswith("-k") else word for word in command.arguments)
    state.say(unknown(command.words()))
    reading.lose(command._replace(arguments=words), state, f"{says(words[0])} is not followed")
    return Outcome(LIKELY)


def _interpreter(reading: Reading, command: Command, state: State) -> Outcome:
    """Pass over what another language than a shell's runs, unless a line of it may concern a web service."""
    state.say(unknown(command.words()))
    files = [word for word in command.arguments[1:] if isinstance(word, str) and not word.startswith("-")]
    path = reading.resolved(files[0], state) if files else None
    if path is not None:
        reading.unread(
            reading.scripts.load(path)._replace(interpreter=posixpath.basename(says(command.arguments[0]))),
            command,
            state,
        )
    reading.lose(command, state, "only scripts of a shell are followed")
    return Outcome(LIKELY)


def _running(_reading: Reading, command: Command, state: State) -> Outcome:
    """Read a function of init scripts that asks whether a program runs; pidofproc says by which process."""
    options, rest = split_options(command.arguments[1:], "p:d:kvi")
    file = options.get("-p")
    name = says(rest[0]) if rest else ""
    state.say(Content(file) if isinstance(file, str) else unknown(name))
    return running(name)


def _killproc(reading: Reading, command: Command, state: State) -> Outcome:
    """Read killproc as the library has it: Red Hat's kills after 3 s, SUSE's also after a TERM that it is told."""
    words = command.arguments[1:]
    if state.library in _RED_HAT:
        words = ("-d", "3", *words)
    elif state.library == _SUSE:
        words = tuple(word for word in words if word not in ("-TERM", "-SIGTERM", "-15"))
    return reading.mean(job_programs.killproc(words), command, state)


_STARTING = Wrapper(tuple("--pidfile --user --check -p -n -l -u -g -c -t".split()))


def _daemon(reading: Reading, command: Command, state: State) -> Outcome:
    """Read the functions that start a program: daemon of Red Hat, start_daemon of LSB, startproc of SUSE."""
    _options, rest = _before_command(command.arguments[1:], _STARTING)
    words = [piece for word in rest if isinstance(word, str) for piece in word.split()]
    path = next((word for word in words if word.startswith("/") or family(word)), None)
    if path is None:
        return Outcome(LIKELY)
    return reading.mean(Meaning((job_programs.started(path),)), command, state)


_COMMANDS: Dict[str, Callable[[Reading, Command, State], Outcome]] = {
    **dict.fromkeys(_WRAPPERS, _wrapped),
    ":": _constant(YES),
    "true": _constant(YES),
    "false": _constant(NO),
    "exit": _leave(EXIT),
    "return": _leave(RETURN),
    "break": _leave(BREAK),
    "continue": _leave(BREAK),
    "[": _test,
    "[[": _test,
    "test": _test,
    "((": _constant(OPEN),
    ".": _source,
    "source": _source,
    "eval": _eval,
    "exec": _exec,
    "trap": _trap,
    "set": _set,
    "shift": _shift,
    "unset": _unset,
    "export": _export,
    "readonly": _export,
    "local": _export,
    "declare": _export,
    "typeset": _export,
    "read": _read,
    "cd": _cd,
    "pwd": _pwd,
    "sleep": _sleep,
    "command": _command_builtin,
    "which": _which,
    "type": _which,
    "hash": _which,
    "su": _as_user,
    "runuser": _as_user,
    "xargs": _xargs,
    "find": _find,
    "certbot": _hooked,
    "certbot-auto": _hooked,
    "letsencrypt": _hooked,
    "acme.sh": _hooked,
    "dehydrated": _hooked,
    "lego": _hooked,
    "run-parts": _run_parts,
    "service": _service,
    "invoke-rc.d": _service,
    "rc-service": _service,
    "at": _at,
    "batch": _at,
    **dict.fromkeys(("initctl", "fuser", "sv", "svc", "s6-svc", "runsv", "circusctl", "pm2"), _supervising),
    "pidofproc": _running,
    "status_of_proc": _running,
    "checkproc": _running,
    "killproc": _killproc,
    "daemon": _daemon,
    "start_daemon": _daemon,
    "startproc": _daemon,
    **dict.fromkeys(("sh", "bash", "dash", "ksh", "ksh93", "mksh", "zsh", "ash"), _shell),
    **dict.fromkeys(("rcphp-fpm", "rcphp7-fpm", "rcphp8-fpm", "rcnginx", "rcapache2", "rchaproxy"), _rc_link),
    **dict.fromkeys("python python2 python3 perl php ruby node nodejs tclsh expect lua".split(), _interpreter),
}
_CONTROLLING = frozenset(
    "systemctl service invoke-rc.d rc-service kill pkill killall start-stop-daemon supervisorctl monit nginx apachectl "
    "apache2ctl sh bash".split()
)
# What neither runs nor signals anything here: it looks, moves files, speaks with others, or works on another host.
_INERT = frozenset(
    "printf logger mail mailx sendmail mutt curl wget nc ncat ping touch rm rmdir mkdir mv cp ln chmod chown chgrp "
    "tar gzip gunzip bzip2 xz zip unzip rsync scp sftp ssh mysqldump mysql mysqladmin pg_dump psql redis-cli "
    "journalctl date stat du df ls id whoami hostname uname uptime free top lsof ss netstat diff cmp md5sum "
    "sha256sum file strings tee wait ulimit umask alias getopts hash jobs true sync logrotate apt-get apt dpkg yum "
    "dnf rpm zypper git svn composer npm make docker docker-compose podman kubectl crictl lxc lxc-attach machinectl "
    "nsenter chroot vagrant ansible ansible-playbook puppet chef-client salt salt-call pdsh dsh rsh needrestart "
    "dmesg sysctl mount umount crontab screen tmux vi expr let bc sha1sum mktemp tput stty clear reset "
    "mailq postqueue ip ifconfig success failure passed warning echo_success echo_failure rc_status rc_reset "
    "rc_exit rc_failed checkpid status deb-systemd-helper deb-systemd-invoke systemd-tmpfiles systemd-notify "
    "resolvconf update-rc.d chkconfig".split()
)
