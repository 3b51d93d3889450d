# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What reaches a service by its name: service(8) and the functions of init scripts; and what else may, unfollowed."""

import posixpath
import re
from typing import Dict, Optional, Pattern, Sequence, Tuple

from . import job_programs
from .job_builtins import RED_HAT, SUSE
from .job_deeds import RESTART, START
from .job_programs import Meaning, split_options
from .job_reading import Known, Reading
from .job_scripts import SHELLS, concerning_line
from .job_state import Command, State
from .job_values import LIKELY, Content, Outcome, Value, family, running, says, unknown
from .job_wrappers import Wrapper, before_command


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
        if family(says(name)):
            reading.lost(command, state, "what it does is only known when it runs")
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


def _supervising(reading: Reading, command: Command, state: State) -> Outcome:
    """Pass over other ways to stop something, unless it is a web service."""
    words = tuple("kill" if isinstance(word, str) and word.startswith("-k") else word for word in command.arguments)
    state.say(unknown(command.words()))
    reading.lose(command._replace(arguments=words), state, f"{says(words[0])} is not followed")
    return Outcome(LIKELY)


def _script_of(name: str, words: Sequence[Value]) -> Optional[str]:
    """Return the file that an interpreter is given; None where its text stands in the command itself."""
    code, valued = _CODE.get(name, (_ONE_LINER, ()))
    follows = False
    for word in words:
        if follows:
            follows = False
        elif not isinstance(word, str) or code.match(word):
            return None
        elif not word.startswith("-"):
            return word
        else:
            follows = word in valued
    return None


def _interpreter(reading: Reading, command: Command, state: State) -> Outcome:
    """Pass over what another language than a shell's runs, unless a line of it may concern a web service."""
    state.say(unknown(command.words()))
    reading.drawn = reading.drawn or "sleep" in command.words()  # perl -e 'sleep int(rand(3600))'
    name = posixpath.basename(says(command.arguments[0]))
    file = _script_of(name, command.arguments[1:])
    path = None if file is None else reading.resolved(file, state)
    if path is not None:
        reading.unread(
            reading.scripts.load(path)._replace(interpreter=name),
            command,
            state,
        )
    if isinstance(command.input, str) and concerning_line(command.input) is not None:
        reading.lost(command, state, "only scripts of a shell are followed")
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
    if state.library in RED_HAT:
        words = ("-d", "3", *words)
    elif state.library == SUSE:
        words = tuple(word for word in words if word not in ("-TERM", "-SIGTERM", "-15"))
    return reading.mean(job_programs.killproc(words), command, state)


def _start_stop_daemon(reading: Reading, command: Command, state: State) -> Outcome:
    """Read start-stop-daemon(8); where it starts a shell, what that does, too."""
    words = command.arguments[1:]
    state.say(unknown(command.words()))
    meant = job_programs.start_stop_daemon(words)
    outcome = reading.mean(meant, command, state)
    for act in meant.acts:
        if act.verb == START and posixpath.basename(act.target.value) in SHELLS and "--" in words:
            reading.command((act.target.value, *words[words.index("--") + 1 :]), command, state)
    return outcome


# By interpreter, how its option begins that takes a text to run, and its options that take another word.
_ONE_LINER = re.compile(r"-[a-zA-Z]*[eEp]\Z|--(?:eval|print)\b")
_PYTHON = re.compile(r"-[a-zA-Z]*[cm]"), ("-W", "-X")
_CODE: Dict[str, Tuple[Pattern[str], Tuple[str, ...]]] = {
    "php": (re.compile(r"-[rBRE]|--(?:run|process-)"), ("-d", "-c", "-z", "--define", "--php-ini")),
    **dict.fromkeys(("python", "python2", "python3"), _PYTHON),
}

_STARTING = Wrapper(tuple("--pidfile --user --check -p -n -l -u -g -c -t".split()))


def _daemon(reading: Reading, command: Command, state: State) -> Outcome:
    """Read the functions that start a program: daemon of Red Hat, start_daemon of LSB, startproc of SUSE."""
    _options, rest = before_command(command.arguments[1:], _STARTING)
    words = [piece for word in rest if isinstance(word, str) for piece in word.split()]
    path = next((word for word in words if word.startswith("/") or family(word)), None)
    if path is None:
        return Outcome(LIKELY)
    return reading.mean(Meaning((job_programs.started(path),)), command, state)


SERVICES: Dict[str, Known] = {
    **dict.fromkeys(("service", "invoke-rc.d", "rc-service"), _service),
    **dict.fromkeys(("rcphp-fpm", "rcphp7-fpm", "rcphp8-fpm", "rcnginx", "rcapache2", "rchaproxy"), _rc_link),
    **dict.fromkeys(("pidofproc", "status_of_proc", "checkproc", "status"), _running),
    "killproc": _killproc,
    "start-stop-daemon": _start_stop_daemon,
    **dict.fromkeys(("daemon", "start_daemon", "startproc"), _daemon),
    **dict.fromkeys(("initctl", "fuser", "sv", "svc", "s6-svc", "runsv", "circusctl", "pm2"), _supervising),
    **dict.fromkeys("python python2 python3 perl php ruby node nodejs tclsh expect lua".split(), _interpreter),
}
