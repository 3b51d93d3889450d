# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs of PHP that a host has, installed or still running, and what each says of itself."""

import os
import re
import stat
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing, TooLarge
from ..host import Host
from . import php_fpm
from .masters import Master, Reading

# Where distributions, remi, cPanel, Plesk, Bitnami, LiteSpeed and PHP's own Makefile put programs.
PLACES = (
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/*php*/bin",
    "/usr/local/*php*/sbin",
    "/usr/local/lsws/*php*/bin",
    "/opt/*php*/bin",
    "/opt/*php*/sbin",
    "/opt/*/*php*/bin",
    "/opt/*/*php*/sbin",
    "/opt/*/*php*/root/usr/bin",
    "/opt/*/*php*/root/usr/sbin",
    "/opt/*/php/*/bin",
    "/opt/*/php/*/sbin",
)
PROGRAMS_LIMIT = 100
ANSWER_SECONDS = 10.0
ANSWER_LIMIT = 1024 * 1024
PROGRAM_LIMIT = 128 * 1024 * 1024  # bytes

# php, php8.2, php82, php-cli; php-cgi answers in HTML, and shares its build with these.
_CLI = re.compile(r"php[0-9.]*(?:-cli)?\Z")
_ANSWER = re.compile(r"^([^\n]{1,100}?) => ([^\n]*)$", re.MULTILINE)
_SAPIS = {"FPM/FastCGI": "fpm", "Command Line Interface": "cli"}
_SCAN_OPTION = re.compile(r"--with-config-file-scan-dir=([^'\s]*)")
_SCAN_NAMES = ("conf.d", "php.d")


class Program(NamedTuple):
    """A program: its path, the path to run it by, which is another where the file was replaced, and its masters."""

    path: str
    command: str
    masters: Tuple[Master, ...]


class Answer(NamedTuple):
    """What phpinfo() says without any ini file; what it does not say is None.

    sapi: fpm or cli. ini_directory: where it looks for its php.ini.
    """

    sapi: str
    version: str
    extension_build: Optional[str]
    ini_directory: Optional[str]
    extension_directory: Optional[str]
    configure: Optional[str]


def find(host: Host, masters: Sequence[Master], unreadable: List[str]) -> List[Program]:
    """Return every program of PHP once, whatever names it has; what could not be seen is added to ``unreadable``."""
    files = _Files(host)
    for path in _candidates(host, unreadable):
        files.note(path)
    running: Dict[str, List[Master]] = {}
    replaced = []
    for master in masters:
        command = f"/proc/{master.process.pid}/exe"
        path = master.process.executable or command
        try:
            if host.link(command).endswith(" (deleted)"):
                replaced.append(Program(path, command, (master,)))
                continue
        except CannotLook as error:
            unreadable.append(str(error))
            continue
        files.note(path)
        running.setdefault(path, []).append(master)
    unreadable.extend(files.unseen())
    return [*(Program(path, path, tuple(running.get(path, ()))) for path in files.paths()), *replaced]


def ask(host: Host, program: Program) -> Answer:
    """Return what a program says of itself. Raises CannotLook where it is not run, or says something else."""
    ran = host.run([program.command, "-n", "-i"], ANSWER_SECONDS, ANSWER_LIMIT)
    said: Dict[str, str] = {}
    for name, value in _ANSWER.findall(os.fsdecode(ran.output)):
        said.setdefault(name, value.strip())
    sapi = _SAPIS.get(said.get("Server API", ""))
    if ran.status != 0 or sapi is None or "PHP Version" not in said:
        raise CannotLook(f"{program.path}: `{program.command} -n -i` ends with {ran.status} and does not say which PHP")
    return Answer(
        sapi=sapi,
        version=said["PHP Version"],
        extension_build=said.get("Zend Extension Build"),
        ini_directory=said.get("Configuration File (php.ini) Path"),
        extension_directory=said.get("extension_dir", "").split(" => ")[0] or None,
        configure=said.get("Configure Command"),
    )


def scan_directory(host: Host, program: Program, answer: Answer) -> str:
    """Return the directories whose *.ini a program reads too, joined by ``:``, "" for none. Raises CannotLook.

    phpinfo() says it only of the ini files it read. How the build was configured says it, where the distribution left
    that in; else the program's own bytes do, among which its text is.
    """
    if answer.configure is not None:
        option = _SCAN_OPTION.search(answer.configure)
        return option.group(1) if option else ""
    content = host.read(program.path, PROGRAM_LIMIT, follow=True)
    for name in _SCAN_NAMES if answer.ini_directory else ():
        directory = f"{answer.ini_directory}/{name}"
        if b"\0" + os.fsencode(directory) + b"\0" in content:
            return directory
    raise CannotLook(f"{program.path}: which directory it scans for more ini files is not known")


def _candidates(host: Host, unreadable: List[str]) -> List[str]:
    """Return the paths that are called as a program of PHP is."""
    found: List[str] = []
    reading = Reading(host)
    for place in PLACES:
        try:
            for directory in reading.matching(place):
                names = host.list(directory)
                found.extend(f"{directory}/{name}" for name in names if _is_called_so(name))
        except Missing:
            continue
        except CannotLook as error:
            unreadable.append(str(error))
    if len(found) > PROGRAMS_LIMIT:
        raise TooLarge(f"{found[0]} and {len(found) - 1} more are called as PHP is, where {PROGRAMS_LIMIT} are asked")
    return found


def _is_called_so(name: str) -> bool:
    return bool(_CLI.match(name) or php_fpm.PROGRAM.executable.match(name))


class _Files:
    """The plain files that paths lead to, each once whatever links there are to it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._paths: Dict[Tuple[int, int], str] = {}  # by device and inode
        self._refused: Dict[str, CannotLook] = {}

    def note(self, path: str) -> None:
        """Keep a path where it is a plain file that is not there yet, or until now by a link only."""
        try:
            seen = self._host.stat(path, follow=True)
            linked = stat.S_ISLNK(self._host.stat(path).mode)
        except Missing:
            return
        except CannotLook as error:
            self._refused[path] = error
            return
        identity = (seen.device, seen.inode)
        if stat.S_ISREG(seen.mode) and not (linked and identity in self._paths):
            self._paths[identity] = path

    def paths(self) -> List[str]:
        return sorted(self._paths.values())

    def unseen(self) -> List[str]:
        """Return why paths were refused that may lead to a program which has no other name.

        Debian lets the group staff write in /usr/local/bin, so no link there is followed. Most lead to what is known.
        """
        return [str(error) for path, error in self._refused.items() if self._leads_to(path) not in self._paths]

    def _leads_to(self, path: str) -> Optional[Tuple[int, int]]:
        try:
            seen = self._host.stat_as_named(path)
        except CannotLook:
            return None
        return seen.device, seen.inode
