# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One reading of a job: what each of its commands does, and the scripts that they run in turn. It runs nothing.

What is no business of a web service is passed over. Lost is only a way at whose end such a service is named together
with a word that may restart or signal it.
"""

import posixpath
from functools import partial
from typing import Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from ..errors import Malformed
from ..formats import shell_script
from ..formats.shell import shown
from ..host import Host
from . import job_programs, job_text_tools
from .job_deeds import RESTART, START, TRY_RESTART, Hop, Sent, Target, Unfollowed
from .job_programs import Meaning
from .job_scripts import Loaded, Scripts, concerning_line, concerns
from .job_state import EXIT, RETURN, Command, Place, State
from .job_values import DOWN, LIKELY, NO, OPEN, Outcome, Unknown, Value, family, says, unknown
from .job_walk import Walk

FOUND_LIMIT = 200
CHARACTERS_A_COMMAND = 10  # that take as long to parse as a command takes to follow
INIT_DIRECTORIES = ("/etc/init.d/", "/etc/rc.d/init.d/", "/etc/rc.d/")
_CONTROLLING = frozenset(
    "systemctl service invoke-rc.d rc-service kill pkill killall start-stop-daemon supervisorctl monit apachectl "
    "apache2ctl sh bash".split()
)
# What neither runs nor signals anything here: it looks, moves files, speaks with others, or works on another host.
_INERT = frozenset(
    "printf logger mail mailx sendmail mutt curl wget nc ncat ping touch rm rmdir mkdir mv cp ln chmod chown chgrp "
    "tar gzip gunzip bzip2 xz zip unzip rsync scp sftp ssh mysqldump mysql mysqladmin pg_dump psql redis-cli "
    "journalctl date stat du df ls id whoami hostname uname uptime free top lsof ss netstat diff cmp md5sum "
    "sha256sum file strings tee wait ulimit umask alias hash jobs true sync logrotate apt-get apt dpkg yum "
    "dnf rpm zypper git svn composer npm make docker docker-compose podman kubectl crictl lxc lxc-attach machinectl "
    "nsenter chroot vagrant ansible ansible-playbook puppet chef-client salt salt-call pdsh dsh rsh needrestart "
    "dmesg sysctl mount umount crontab screen tmux vi expr bc sha1sum mktemp tput stty clear reset "
    "mailq postqueue ip ifconfig success failure passed warning echo_success echo_failure rc_status rc_reset "
    "rc_exit rc_failed checkpid deb-systemd-helper deb-systemd-invoke systemd-tmpfiles systemd-notify "
    "resolvconf update-rc.d chkconfig".split()
)


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
    drawn: bool


class Reading:
    """Reads one job. known: what is read of a program or a builtin, by its name. runs_parts: whether what run-parts
    runs in the job's own text belongs to this job. runs: whether the job does, so that a file that nobody may execute
    ends it; of one that never runs it is read what it would do.
    """

    def __init__(self, host: Host, known: Mapping[str, "Known"], runs_parts: bool, runs: bool) -> None:
        self.host = host
        self.walk = Walk(host, self._run)
        self.scripts = Scripts(host)
        self.found: List[Found] = []
        self.unfollowed: List[Unfollowed] = []
        self.drawn = False  # a sleep was read whose length is not known
        self.runs_parts = runs_parts
        self._runs = runs
        self._parsed: Dict[Tuple[str, int], Union[shell_script.Script, Malformed]] = {}  # by text and first line
        self._known = known
        self._running: List[Tuple[str, Tuple[Value, ...]]] = []

    # What is read

    def text(self, text: str, first_line: int, state: State) -> Outcome:
        """Read a text as a shell would that is given it."""
        if (text, first_line) not in self._parsed:
            self._parsed[text, first_line] = _parsed(text, first_line)
        script = self._parsed[text, first_line]
        if isinstance(script, Malformed):
            if concerning_line(text) is not None:
                self._lose(origin(state.place, text), f"{state.place.source}: no shell reads it: {script}")
            return Outcome(OPEN)
        return self.walk.script(script, state)

    def effort(self) -> int:
        """Return what this reading has taken so far, as a Followed has it."""
        return self.walk.steps + sum(len(text) for text, _unused in self._parsed) // CHARACTERS_A_COMMAND

    def command(self, arguments: Sequence[Value], command: Command, state: State) -> Outcome:
        """Read a command that another one runs."""
        if not arguments:
            return Outcome(LIKELY)
        return self.walk.run(command._replace(arguments=tuple(arguments)), state)

    def perhaps(self, read: Callable[[], Outcome], state: State) -> None:
        """Read something that another command may run, or not."""
        certain, state.certain = state.certain, False
        read()
        state.certain = certain

    def nested(self, text: str, command: Command, state: State) -> Outcome:
        """Read a text that stands in a word of a command, as that of ``sh -c``, in a shell of its own."""
        inside = state.fork()
        inside.said = None
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
        if concerns([says(word) for word in (*command.arguments, *state.arguments)]):
            self.lost(command, state, reason)

    def lost(self, command: Command, state: State, reason: str) -> None:
        self._lose((*state.place.hops, self.hop(command, state)), reason)

    def _lose(self, hops: Tuple[Hop, ...], reason: str) -> None:
        one = Unfollowed(hops, reason)
        if one not in self.unfollowed and len(self.unfollowed) < FOUND_LIMIT:
            self.unfollowed.append(one)

    # One command

    def _run(self, command: Command, state: State) -> Outcome:
        name, arguments = command.arguments[0], command.arguments[1:]
        if not isinstance(name, str):
            return self._unnamed(name, command, state)
        if name in state.functions:
            return self.walk.call(name, arguments, state)
        base = posixpath.basename(name)
        if not name.startswith(INIT_DIRECTORIES):
            known = self._known.get(base)
            if known is not None:
                return known(self, command, state)
            tool = job_text_tools.read(self.scripts, base, command, state)
            if tool is not None:
                if base.endswith("awk") and "system(" in command.words():
                    self.lose(command, state, "what awk runs is not followed")
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
            when = (state.clock, state.user, state.forks, self.drawn)
            one = Found(verb, act.target, act.sent, tested, state.certain, hops, *when)
            if len(self.found) < FOUND_LIMIT:
                self.found.append(one)
        if meant.lost:
            self.lose(command, state, "whom it is for is only known when it runs")
        return meant.outcome

    def _unnamed(self, name: Value, command: Command, state: State) -> Outcome:
        paths = self.walk.words.files(name.pattern) if isinstance(name, Unknown) and "/" in name.pattern else []
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
            if not self._arguments(command, state) and "/" in name:
                self.lose(command, state, "the directory that it belongs to is only known when it runs")
            return Outcome(LIKELY)
        loaded = self.scripts.load(path)
        if not loaded.runs() and (self._runs or loaded.text is None):
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
            who = loaded.interpreter or "what reads it"
            self.lost(command, state, f"{loaded.path}:{line}: {who} is not followed, only shells are")
        elif not loaded.is_shell() or loaded.problem is not None:
            self.lose(command, state, loaded.problem or f"{loaded.path}: only scripts of a shell are followed")

    def source(self, path: str, command: Command, state: State) -> Outcome:
        """Read a file into the script that names it."""
        loaded = self.scripts.load(path)
        if loaded.text is None:
            state.blurred = state.blurred or loaded.problem is not None
            return Outcome(OPEN if loaded.problem is not None else NO)
        key: Tuple[str, Tuple[Value, ...]] = (path, ())
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
                self.perhaps(partial(self.command, words[number:], command, state), state)
                return True
            text = word.partition("=")[2] if word.startswith("--") and "=" in word else word
            if len(text.split()) > 1 and _is_control(text.split()[0]):
                self.perhaps(partial(self.nested, text, command, state), state)
                return True
        return False


def _parsed(text: str, first_line: int) -> Union[shell_script.Script, Malformed]:
    try:
        return shell_script.parse(text, first_line)
    except Malformed as error:
        return error


def origin(place: Place, text: str) -> Tuple[Hop, ...]:
    """Return the way to a text, which itself is the first step where there is none before."""
    return place.hops or (Hop(place.source, shown(text)),)


def _is_control(word: str) -> bool:
    base = posixpath.basename(word)
    return word.startswith(INIT_DIRECTORIES) or base in _CONTROLLING


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


Known = Callable[[Reading, Command, State], Outcome]
