# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What supervisord(1) runs that restarts others: its event listeners, and programs that are a shell's.

Sources: supervisor's documentation on events, and the options of superlance's memmon and httpok.
"""

import os
import posixpath
import shlex
from functools import partial
from typing import Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed
from ..formats import supervisor as configuration
from ..host import Host
from ..policy import Policy
from . import looking, processes, schedulers, supervisor
from .job import SUPERVISOR, Job, Jobs

LISTENER, PROGRAM = "eventlistener", "program"
# What superlance restarts, by the options that name it; a value behind = is a size.
_OF_PROCESS = ("-p", "--program", "--process")
_OF_GROUP = ("-g", "--group")
_OF_ANY = ("-a", "--any")
_MEMMON, _HTTPOK = "memmon", "httpok"
# They send mail and restart nothing.
_MAILERS = frozenset(("crashmail", "crashmailbatch", "fatalmailbatch", "crashsms"))
_SHELLS = frozenset(("sh", "bash", "dash", "ksh", "zsh"))


class _Said(NamedTuple):
    """A section with a command. number: of the command's line, from 1; text: that line."""

    path: str
    kind: str
    name: str
    settings: Mapping[str, str]
    number: int
    text: str


def gather(host: Host, policy: Policy) -> Jobs:
    """Return the event listeners and the shells of each supervisord."""
    unseen: List[str] = []
    absent, paths = _configurations(host, policy, unseen)
    jobs: List[Job] = []
    for path in paths:
        jobs += looking.unless_hidden(partial(_jobs_of, host, path, absent), unseen) or []
    return Jobs(tuple(jobs), tuple(unseen))


def _jobs_of(host: Host, path: str, absent: Optional[str]) -> List[Job]:
    try:
        said = [one for file, text in supervisor.files(host, path) for one in _sections(file, text)]
    except Malformed as error:
        raise Malformed(f"{path}: {error}") from error
    return [job for one in said for job in _jobs(one, absent)]


def _configurations(host: Host, policy: Policy, unseen: List[str]) -> Tuple[Optional[str], List[str]]:
    """Return why none runs, and the configurations of those that run; of a host where none is seen, the usual ones."""
    usual = list(supervisor.PLACES)
    try:
        seen = host.once(processes.gather, policy)
    except CannotLook:
        return None, usual
    paths: List[str] = []
    found = (one for one in seen.by_pid.values() if supervisor.is_supervisord(one))
    running = [one for one in found if schedulers.is_ours(host, one)]
    for one in running:
        try:
            paths.append(supervisor.configuration_of(host, one))
        except CannotLook as error:
            unseen.append(str(error))
    absent = None if running or not seen.complete else "no supervisord runs on this host"
    return absent, list(dict.fromkeys(paths if running else usual))


def _sections(path: str, text: str) -> Iterator[_Said]:
    lines = text.split("\n")
    for section, settings in configuration.parse(text).items():
        kind, _colon, name = section.partition(":")
        if kind in (LISTENER, PROGRAM) and "command" in settings:
            number = _line_of_command(lines, section)
            yield _Said(path, kind, name, settings, number, lines[number - 1])


def _line_of_command(lines: Sequence[str], section: str) -> int:
    """Return the number of the line that says the command of a section, or else begins the section."""
    begun = 0
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if bare.startswith("["):
            begun = number if bare.startswith(f"[{section}]") else 0
        elif begun and bare.replace(":", "=").partition("=")[0].strip().lower() == "command":
            return number
    return max(begun, 1)


def _jobs(said: _Said, absent: Optional[str]) -> Iterator[Job]:
    try:
        words = shlex.split(_expanded(said))
    except ValueError:
        return  # supervisord starts nothing of such a line
    program = posixpath.basename(words[0]) if words else ""
    if said.kind == LISTENER and program in (_MEMMON, _HTTPOK):
        shell = "\n".join(f"supervisorctl restart {shlex.quote(one)}" for one in _restarted(program, words[1:]))
    elif (said.kind == LISTENER and program not in _MAILERS) or program in _SHELLS or program.endswith(".sh"):
        shell = " ".join(map(shlex.quote, words))
    else:
        return
    if shell:
        yield _job(said, program, shell, absent)


def _expanded(said: _Said) -> str:
    """Return the command with the expressions that its file alone decides."""
    command = said.settings["command"]
    for name, value in (("here", posixpath.dirname(said.path)), ("program_name", said.name)):
        command = command.replace(f"%({name})s", value)
    return command


def _restarted(program: str, words: Sequence[str]) -> List[str]:
    """Return what supervisorctl would call that which a listener restarts."""
    found: List[str] = []
    for word, following in zip(words, [*words[1:], ""]):
        option, _equals, value = word.partition("=") if word.startswith("--") else (word, "", following)
        named = (value or following).partition("=")[0]
        if option in _OF_PROCESS and named:
            found.append(named)
        elif option in _OF_ANY:
            found.append("all")
        elif option in _OF_GROUP and named and program == _MEMMON:  # of httpok, it names a program of gdb's
            found.append(f"{named}:*")
    return list(dict.fromkeys(found))


def _job(said: _Said, program: str, shell: str, absent: Optional[str]) -> Job:
    listens = f"whenever {program[:50]} of supervisord finds a reason"
    return Job(
        kind=SUPERVISOR,
        object=f"{said.path}:{said.number}",
        path=said.path,
        line=said.number,
        text=os.fsencode(said.text),
        schedule=listens if said.kind == LISTENER else "as long as supervisord runs",
        cron=None,
        zone=None,
        next_runs=(),
        user=said.settings.get("user", "root"),
        shell=shell,
        first_line=said.number,
        environment={},
        unit=None,
        never=absent,
    )
