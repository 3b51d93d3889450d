# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How supervisord stops the programs that it runs; of each process by the names that it was handed at its start."""

import os
import posixpath
from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..formats import supervisor
from ..host import Host
from .masters import Reading
from .processes import Process

ENVIRONMENT_LIMIT = 4 * 1024 * 1024  # bytes
COMMAND_LIMIT = 1024 * 1024
ANCESTORS_LIMIT = 20
# supervisor/options.py, default_configfile(), less those that depend on where it was started.
PLACES = ("/etc/supervisord.conf", "/etc/supervisor/supervisord.conf")
_NAMES = ("SUPERVISOR_GROUP_NAME", "SUPERVISOR_PROCESS_NAME")


class SupervisorProgram(NamedTuple):
    """A program of supervisord. name: as supervisorctl(1) calls the process. pid: of supervisord.

    file: its configuration, None where it was not found. signal, seconds, as_group: see formats.supervisor.Stopping;
    None where unknown says why they are not known. direct: supervisord started this very process, no shell between.
    """

    name: str
    pid: int
    file: Optional[str]
    signal: Optional[int]
    seconds: Optional[float]
    as_group: Optional[bool]
    direct: bool
    unknown: Optional[str]


def program_of(host: Host, process: Process, by_pid: Mapping[int, Process]) -> Optional[SupervisorProgram]:
    """Return the program of supervisord that a process is, or is part of; None for any other process."""
    master = above(process, by_pid)
    if master is None:
        return None
    direct = process.parent == master.pid
    try:
        names = _names(host, process.pid)
    except CannotLook as error:
        return SupervisorProgram("?", master.pid, None, None, None, None, direct, str(error))
    group, name = (names.get(one, "?") for one in _NAMES)
    called = name if name == group else f"{group}:{name}"
    path = None
    try:
        path = configuration_of(host, master)
        sections = _sections(host, path)
        section = supervisor.section_of(sections, group, name)
        if section is None:
            raise CannotLook(f"{path}: it has no program {group}, which supervisord runs; was it removed since?")
        stopping = supervisor.stopping(sections[section])
    except Malformed as error:
        return SupervisorProgram(called, master.pid, path, None, None, None, direct, f"{path}: {error}")
    except CannotLook as error:
        return SupervisorProgram(called, master.pid, path, None, None, None, direct, str(error))
    return SupervisorProgram(
        called, master.pid, path, stopping.signal, stopping.seconds, stopping.as_group, direct, None
    )


def above(process: Process, by_pid: Mapping[int, Process]) -> Optional[Process]:
    """Return the nearest ancestor that is supervisord: Python, and it was told to run a file of that name."""
    one = by_pid.get(process.parent)
    for _unused in range(ANCESTORS_LIMIT):
        if one is None:
            return None
        if is_supervisord(one):
            return one
        one = by_pid.get(one.parent)
    return None


def is_supervisord(process: Process) -> bool:
    """Whether a process is supervisord, by its executable and the file that it was told to run."""
    python = os.path.basename(process.executable or "").startswith("python")
    return python and any(os.path.basename(word) == "supervisord" for word in process.title.split(" ")[:3])


def _names(host: Host, pid: int) -> Dict[str, str]:
    """Return the two names only: the rest of an environment is full of secrets."""
    found = {}
    for entry in host.read(f"/proc/{pid}/environ", ENVIRONMENT_LIMIT).split(b"\0"):
        name, sign, value = entry.partition(b"=")
        if sign and os.fsdecode(name) in _NAMES:
            found[os.fsdecode(name)] = os.fsdecode(value)
    return found


def configuration_of(host: Host, master: Process) -> str:
    """Return the configuration of a supervisord that runs. Raises CannotLook."""
    words = os.fsdecode(host.read(f"/proc/{master.pid}/cmdline", COMMAND_LIMIT)).split("\0")
    for word, following in zip(words, [*words[1:], ""]):
        if word in ("-c", "--configuration") and following.startswith("/"):
            return following
        if word.startswith("--configuration=/"):
            return word.partition("=")[2]
    for path in PLACES:
        try:
            host.stat(path, follow=True)
        except Missing:
            continue
        return path
    raise Missing(f"supervisord {master.pid}: its configuration is neither named when it was started nor {PLACES[1]}")


def _sections(host: Host, path: str) -> supervisor.Sections:
    """Return the sections of a configuration with what it includes."""
    sections: Dict[str, Mapping[str, str]] = {}
    for _path, text in files(host, path):
        for name, settings in supervisor.parse(text).items():
            sections[name] = {**sections.get(name, {}), **settings}
    return sections


def files(host: Host, path: str) -> List[Tuple[str, str]]:
    """Return the path and the text of a configuration, and of each file that it includes; those include nothing."""
    reading = Reading(host)
    text = reading.read(path)
    return [(path, text), *((one, reading.read(one)) for one in _included(reading, path, supervisor.parse(text)))]


def _included(reading: Reading, path: str, sections: supervisor.Sections) -> List[str]:
    here = posixpath.dirname(path)
    patterns = [posixpath.join(here, one.replace("%(here)s", here)) for one in supervisor.includes(sections)]
    return [one for pattern in patterns for one in reading.matching(pattern)]
