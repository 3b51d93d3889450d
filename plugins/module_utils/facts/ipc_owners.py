# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Programs that are known to own SysV IPC objects: PostgreSQL, Oracle, Zabbix and the Apache HTTP Server.

An owner is known by what runs now and by what is on disk. Nothing of theirs is ever offered for removal, because they
find their objects again by themselves: PostgreSQL tells by its segment's nattch whether an old server still runs.
"""

import os
import re
from typing import Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Missing, NotApplicable
from ..host import Host
from ..policy import Policy
from . import processes
from .processes import Process
from .sysv_ipc import PRIVATE_KEY, IpcObject, SemaphoreSet, gather_queues, gather_segments, gather_sets

POSTMASTER_PID_LIMIT = 4096  # bytes; it has eight short lines
# Distributions and PostgreSQL's own packages; a data directory holds PG_VERSION.
POSTGRESQL_PLACES = ("/var/lib/postgresql/*/*", "/var/lib/pgsql/data", "/var/lib/pgsql/*/data", "/usr/local/pgsql/data")
_POSTGRESQL = re.compile(r"(postgres|postmaster)\Z")
_ORACLE = re.compile(r"(ora|asm|mdb)_pmon_")
_ZABBIX = re.compile(r"zabbix_(server|proxy|agentd|agent2)\b")
_HTTPD = re.compile(r"(httpd|apache2)([.-](worker|event|prefork))?\Z")
_NAMED_OWNERS = {
    "oracle": "Oracle",
    "grid": "Oracle",
    "zabbix": "Zabbix",
    "zabbixsrv": "Zabbix",
    "postgres": "PostgreSQL",
}


class DataDirectory(NamedTuple):
    """A PostgreSQL data directory: whose it is, and key and id of its segment where postmaster.pid could be read."""

    path: str
    uid: int
    segment: Optional[Tuple[int, int]]


class Owners(NamedTuple):
    """owners: a program's name for each uid that is its own. httpd: uids that a running httpd serves as."""

    owners: Dict[int, str]
    directories: Tuple[DataDirectory, ...]
    httpd: FrozenSet[int]


class Protected(NamedTuple):
    """An object that nothing here removes, and why."""

    object: str
    protected_by: str


def parse_postmaster_pid(content: bytes) -> Optional[Tuple[int, int]]:
    """Return key and id of the segment: line 7 of postmaster.pid (miscadmin.h, LOCK_FILE_LINE_SHMEM_KEY)."""
    lines = content.split(b"\n")
    fields = lines[6].split() if len(lines) > 6 else []
    if len(fields) != 2 or any(len(field) > 20 for field in fields):
        return None
    try:
        return int(fields[0]) & 0xFFFFFFFF, int(fields[1])
    except ValueError:
        return None


def protected_by(thing: IpcObject, owner: str, owners: Owners, policy: Policy) -> Optional[str]:
    """Return why an object is never removed, None where nothing is known that speaks against it."""
    keep = policy.sysv_ipc
    if thing.key != PRIVATE_KEY and thing.key in keep.keep_keys:
        return "keep_keys"
    if keep.keep_owners and not {owner, str(thing.uid), str(thing.cuid)}.isdisjoint(keep.keep_owners):
        return "keep_owners"
    if thing.uid in owners.httpd and isinstance(thing, SemaphoreSet) and thing.key == PRIVATE_KEY and thing.nsems == 1:
        return "the Apache HTTP Server (a mutex of one semaphore)"
    for directory in owners.directories:
        if directory.segment == (thing.key, thing.id) or thing.uid == directory.uid:
            return f"PostgreSQL ({directory.path})"
    return owners.owners.get(thing.uid) or owners.owners.get(thing.cuid) or _NAMED_OWNERS.get(owner)


def gather(host: Host, policy: Policy) -> Owners:
    """Return the known owners. Raises CannotLook where processes cannot be seen at all."""
    running = host.once(processes.gather, policy).by_pid.values()
    return Owners(
        owners=_running_owners(running),
        directories=tuple(_data_directories(host, running)),
        httpd=frozenset(uid for process in running if _is(_HTTPD, process) for uid in process.uids),
    )


def gather_protected(host: Host, policy: Policy) -> List[Protected]:
    """Return every object that is protected, for a person to see."""
    owners = host.once(gather, policy)
    found = []
    for look in (gather_segments, gather_sets, gather_queues):
        try:
            table = host.once(look, policy)
        except (CannotLook, NotApplicable):
            continue  # the check of this table ends as unknown and says why
        for thing in table.objects:
            reason = protected_by(thing, table.users[thing.uid], owners, policy)
            if reason:
                found.append(Protected(thing.object, reason))
    return found


def _is(pattern: "re.Pattern[str]", process: Process) -> bool:
    return bool(pattern.match(os.path.basename(process.executable or process.name)))


def _running_owners(running: Iterable[Process]) -> Dict[int, str]:
    owners: Dict[int, str] = {}
    for process in running:
        uid = process.uids[1]
        if uid == 0:
            continue  # root's objects are not all of one program
        if _is(_POSTGRESQL, process):
            owners[uid] = "PostgreSQL"
        elif _ORACLE.match(process.title) or _ORACLE.match(process.name):
            owners[uid] = "Oracle"
        elif _is(_ZABBIX, process):
            owners[uid] = "Zabbix"
    return owners


def _data_directories(host: Host, running: Iterable[Process]) -> Iterable[DataDirectory]:
    named = {path for process in running if _is(_POSTGRESQL, process) for path in _data_options(process.title)}
    usual = {path for pattern in POSTGRESQL_PLACES for path in _expand(host, pattern)}
    for path in sorted(named | usual):
        directory = _data_directory(host, path)
        if directory is not None:
            yield directory


def _data_options(title: str) -> List[str]:
    words = title.split()
    separate = [after for word, after in zip(words, words[1:]) if word == "-D"]
    joined = [word[2:] for word in words if word.startswith("-D") and len(word) > 2]
    return [path for path in separate + joined if path.startswith("/")]


def _expand(host: Host, pattern: str) -> List[str]:
    """Return the directories that a pattern with whole components of ``*`` stands for."""
    paths = [""]
    for part in pattern.strip("/").split("/"):
        paths = [f"{path}/{name}" for path in paths for name in (_names(host, path) if part == "*" else [part])]
    return paths


def _names(host: Host, path: str) -> List[str]:
    try:
        return host.list(path)
    except CannotLook:
        return []  # absent, no directory, or private: then its user is known by his name and his processes


def _data_directory(host: Host, path: str) -> Optional[DataDirectory]:
    """Return a data directory; not one of root's, because the server refuses to run as root.

    Where its files cannot be seen, or are not what they should be, its owner keeps all that is his: any process may
    name any directory as its own, and must not be able to blind the checks with it.
    """
    try:
        uid = host.stat(path, follow=True).uid
    except CannotLook:
        return None
    try:
        host.stat(path + "/PG_VERSION")
    except Missing:
        return None
    except CannotLook:
        return DataDirectory(path, uid, None) if uid else None
    return DataDirectory(path, uid, _segment(host, path)) if uid else None


def _segment(host: Host, path: str) -> Optional[Tuple[int, int]]:
    try:
        return parse_postmaster_pid(host.read(path + "/postmaster.pid", POSTMASTER_PID_LIMIT))
    except CannotLook:
        return None  # it does not run, or it is closed to us, or somebody spoiled it
