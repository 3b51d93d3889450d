# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx on a host: its masters and what they are configured with."""

import os
import re
import shlex
from typing import Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from ..errors import CannotLook, Malformed, TooLarge
from ..formats import nginx
from ..host import Host
from ..policy import Policy
from . import processes, service_units
from .masters import Configured, Master, Program, Reading, find
from .processes import Process

PROGRAM = Program(
    name="nginx",
    executable=re.compile(r"nginx(?:-debug)?(?:[.-]old)?\Z"),
    master_title="nginx: master process",
    worker_title="nginx: ",
    nested=True,
)
INCLUDE_DEPTH = 20
TITLE_LIMIT = 64 * 1024  # characters; any process may make its own up to megabytes
ANSWER_SECONDS = 5.0
ANSWER_LIMIT = 64 * 1024
# nginx(8). The title is the command line joined by spaces, without quotes: -g's text reaches up to the next option.
_OPTIONS = ("-c", "-e", "-g", "-p")
_FLAGS = ("-?", "-h", "-q", "-t", "-T", "-v", "-V", "-s")


class Nginx(NamedTuple):
    """masters: every running master, by pid."""

    masters: Tuple[Master, ...]


def gather(host: Host, policy: Policy) -> Nginx:
    """Return the running nginx masters. Raises CannotLook where processes cannot be seen."""
    return Nginx(find(host, host.once(processes.gather, policy), PROGRAM, configuration))


def believed(host: Host, policy: Policy) -> Nginx:
    """Return the masters as gather() does, with those apart that any user could have made, by a name and a title.

    The host's own are run by root, or are the main process of a service.
    """
    found = host.once(gather, policy).masters
    doubtful = {one.process.pid for one in found if one.apart is None and one.process.executable is not None}
    doubtful -= {one.process.pid for one in found if one.process.uids[0] == 0}
    doubtful -= _main_processes(host, doubtful)
    return Nginx(tuple(_apart(host, one) if one.process.pid in doubtful else one for one in found))


def _main_processes(host: Host, pids: Set[int]) -> Set[int]:
    """Return those that systemd has started as a service, which nobody else can make it say."""
    names = set()
    for pid in pids:
        try:
            names.add(service_units.unit_of(host, pid))
        except CannotLook:
            continue  # it has ended, or nothing vouches for it
    try:
        units = service_units.show(host, sorted(name for name in names if name))
    except CannotLook:
        return set()  # this host has no systemd that could vouch for them
    return pids & {unit.main_pid for unit in units.values()}


def _apart(host: Host, master: Master) -> Master:
    user = host.user_name(master.process.uids[0])
    reason = f"{user} runs it, outside of any service, and any user can make what looks like nginx"
    return master._replace(configured=None, unknown=None, apart=reason)


def configuration(host: Host, master: Process) -> Configured:
    """Return what a master's configuration says. Raises CannotLook where it cannot be known."""
    if len(master.title) > TITLE_LIMIT:
        raise TooLarge(f"nginx {master.pid}: its command line has more than {TITLE_LIMIT} characters; name its pidfile")
    given = options(master.title)
    build = Build(host, master, given.get("-p"))
    path = build.absolute(given.get("-c") or build.option("conf-path", "conf/nginx.conf"))
    reading = Reading(host)
    pidfile = _pid(nginx.top_level(_ended(given.get("-g", "")))) or _pid(
        _statements(reading, os.path.dirname(path), path, 1)
    )
    pidfile = build.absolute(pidfile or build.option("pid-path", "logs/nginx.pid"))
    return Configured(path, pidfile, False, reading.trusted)


def options(title: str) -> Dict[str, str]:
    """Return the options that a master's title shows, each with its argument."""
    given: Dict[str, List[str]] = {}
    option: Optional[str] = None
    for word in title[len(PROGRAM.master_title) :].split(" "):
        if word in _OPTIONS:
            option = word
            given[option] = []
        elif word in _FLAGS:
            option = None
        elif word[:2] in _OPTIONS and option != "-g":
            option = None
            given[word[:2]] = [word[2:]]
        elif option:
            given[option].append(word)
    return {option: " ".join(words).strip() for option, words in given.items()}


def _ended(statements: str) -> str:
    return statements if statements.rstrip().endswith((";", "}")) or not statements else statements + ";"


def _pid(statements: Iterator[nginx.Statement]) -> Optional[str]:
    return next((words[1] for words in statements if words[0] == "pid" and len(words) == 2), None)


def _statements(reading: Reading, directory: str, path: str, depth: int) -> Iterator[nginx.Statement]:
    """Yield the statements outside of any block, of a file and what it includes there.

    directory: of the main file, to which every relative include belongs (ngx_conf_full_name() with conf_prefix).
    """
    if depth > INCLUDE_DEPTH:
        raise TooLarge(f"{path}: it is included {depth} deep; look for an include that includes itself", path=path)
    try:
        for words in nginx.top_level(reading.read(path)):
            if words[0] != "include" or len(words) != 2:
                yield words
                continue
            for included in reading.matching(os.path.join(directory, words[1])):
                yield from _statements(reading, directory, included, depth + 1)
    except Malformed as error:
        raise CannotLook(f"{path}: {error}", path=path) from error


class Build:
    """What the running executable is and was configured with; it is asked only when something depends on it."""

    def __init__(self, host: Host, master: Process, prefix: Optional[str] = None) -> None:
        self.host = host
        self.master = master
        self.prefix = prefix  # of the command line
        self._answer: Optional[str] = None

    def absolute(self, path: str) -> str:
        """Return ``path`` below the prefix, as nginx takes relative paths."""
        if path.startswith("/"):
            return path
        prefix = self.prefix or self.option("prefix", "/usr/local/nginx")
        if not prefix.startswith("/"):
            raise CannotLook(f"nginx {self.master.pid}: its -p {prefix} is relative to an unknown directory")
        return os.path.join(prefix, path)

    def option(self, name: str, default: str) -> str:
        """Return an option of configure."""
        return build_options(self._said()).get(name, default)

    def version(self) -> Optional[str]:
        """Return the version, such as ``1.22.1``; None where it names none, as some builds of others do."""
        found = re.search(r"^nginx version: [^/\n]*/([0-9][^ \n]{0,40})", self._said(), re.MULTILINE)
        return found.group(1) if found else None

    def program(self) -> str:
        """Return the path to run the executable by that the master runs.

        Not the file that may have taken its path since; but another user than root could make it one of his choice
        meanwhile, so of his processes it is the file.
        """
        runs = f"/proc/{self.master.pid}/exe"
        return runs if set(self.master.uids) == {0} else self.master.executable or runs

    def _said(self) -> str:
        if self._answer is None:
            self._answer = os.fsdecode(self.host.run([self.program(), "-V"], ANSWER_SECONDS, ANSWER_LIMIT).output)
        return self._answer


def build_options(answer: str) -> Dict[str, str]:
    """Return the options of configure out of what ``nginx -V`` says. Raises CannotLook when it says none."""
    line = next((line for line in answer.split("\n") if line.startswith("configure arguments:")), None)
    if line is None:
        raise CannotLook(
            f"nginx -V: it says nothing of how it was built, but {answer[:200]!r}; name the pidfile in paths"
        )
    try:
        words = shlex.split(line[len("configure arguments:") :])
    except ValueError as error:
        raise CannotLook(
            f"nginx -V: its configure arguments cannot be read ({error}); name the pidfile in paths"
        ) from error
    return dict(word[2:].split("=", 1) for word in words if word.startswith("--") and "=" in word)
