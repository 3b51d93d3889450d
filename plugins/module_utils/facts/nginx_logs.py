# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The logs that nginx is configured with, and whether what it has open still are the files of those names."""

import os
from typing import Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Missing
from ..formats.nginx_log import first_time
from ..host import Host
from .log_files import local
from .nginx_configuration import Said, Tree, everywhere, named
from .nginx_masters import NginxMaster, serving

RECENT_TAIL = 64 * 1024
RECENT_LINES = 20
_NO_FILES = ("off", "stderr")
_NO_PATHS = ("syslog:", "memory:", "/dev/")

Identity = Tuple[int, int]


class NginxLog(NamedTuple):
    """is_open: the master and each serving worker have the very file open that bears this name now."""

    path: str
    is_open: bool


class NginxLogs(NamedTuple):
    """named: what the configuration names. complete: it names every log, so there are no others."""

    named: Tuple[NginxLog, ...]
    complete: bool


def look(host: Host, master: NginxMaster, tree: Tree, prefix: str) -> NginxLogs:
    """Return the logs of a master; ``prefix`` is what relative paths belong to. Raises CannotLook."""
    said = list(everywhere(tree.said, "access_log", "error_log"))
    paths = dict.fromkeys(path for one in said for path in [_path(one, prefix)] if path)
    holders = [_open_files(host, pid) for pid in _pids(master)]
    logs = tuple(NginxLog(path, _is_open(host, path, [one for one in holders if one is not None])) for path in paths)
    return NginxLogs(logs, _names_all(tree, said))


def recent(host: Host, pid: int, since: float) -> Tuple[str, ...]:
    """Return what a master itself has written to its error log since a time; not what workers say of requests."""
    try:
        path = host.link(f"/proc/{pid}/fd/2")
        if not path.startswith("/") or path.startswith("/dev/"):
            return ()
        text = os.fsdecode(host.read_end(path, RECENT_TAIL))
    except Missing:
        return ()
    begin = local(since)
    lines = [line for line in text.split("\n") if f"] {pid}#" in line and (first_time(line) or ()) >= begin]
    return tuple(lines[-RECENT_LINES:])


def _path(said: Said, prefix: str) -> Optional[str]:
    """Return the file that a directive names; None where it names none, or by a variable, for each request anew."""
    value = said.arguments[0] if said.arguments else "off"
    if value in _NO_FILES or value.startswith(_NO_PATHS) or "$" in value:
        return None
    return os.path.join(prefix, value)


def _names_all(tree: Tree, said: Sequence[Said]) -> bool:
    """Whether no log is opened by a built-in name: those hold where the configuration says nothing."""
    main = any(one.name == "error_log" for one in tree.said)
    http = all(any(named(one.block or (), "access_log")) for one in named(tree.said, "http"))
    return main and http and not any("$" in word for one in said for word in one.arguments[:1])


def _pids(master: NginxMaster) -> Iterator[int]:
    yield master.process.pid
    for worker in serving(master):
        yield worker.process.pid


def _open_files(host: Host, pid: int) -> Optional[Set[Identity]]:
    """Return the files that a process has open, None when it has ended."""
    directory = f"/proc/{pid}/fd"
    opened: Set[Identity] = set()
    try:
        names: List[str] = host.list(directory)
    except Missing:
        return None
    for name in names:
        try:
            seen = host.stat_as_named(f"{directory}/{name}")
        except Missing:
            continue  # it was closed meanwhile
        opened.add((seen.device, seen.inode))
    return opened


def _is_open(host: Host, path: str, holders: Sequence[Set[Identity]]) -> bool:
    try:
        seen = host.stat_as_named(path)
    except Missing:
        return False
    except CannotLook:
        return False  # no program opens what cannot be reached by root
    return all((seen.device, seen.inode) in opened for opened in holders)
