# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a php-fpm master logs, and what it has logged: a file with those it was rotated to, or the journal."""

import os
import re
from typing import Iterable, List, NamedTuple, Tuple

from ..errors import CannotLook
from ..formats import fpm_log
from ..formats.fpm_log import Event
from ..host import Host
from . import fpm_configuration, log_files, systemd_journal
from .fpm_masters import FpmMaster

DEFAULT = "log/php-fpm.log"  # below PHP_LOCALSTATEDIR, as fpm_conf.c has it
JOURNAL = "journal"
RECENT_LINES = 20
RECENT_TAIL = 64 * 1024
# Of a service, what it writes there is in the journal; elsewhere it is where nobody can look.
_STANDARD_ERROR = ("/dev/stderr", "/dev/fd/2", "/proc/self/fd/2")
# A worker's words, and the settings that a test of the configuration prints, env[] with its passwords among them.
_SECRET = re.compile(r"said into stderr|NOTICE: \t")
_QUERY = re.compile(r"\?[^\s\"']*")


class FpmLog(NamedTuple):
    """What one log tells. name: its path, or ``journal of UNIT``. begins: from when on it was read, as far as it goes.

    cut: there is more of the period asked for than was read. unread: files of it that could not be read, and why.
    """

    name: str
    events: Tuple[Event, ...]
    begins: float
    cut: bool
    unread: Tuple[str, ...]


def place(master: FpmMaster) -> str:
    """Return the path of a master's log, as we see it, or JOURNAL. Raises CannotLook where it can't be known."""
    if not master.settings and not master.pools and master.unknown:
        raise CannotLook(f"php-fpm {master.process.pid}: where its log is is not known: {master.unknown[0]}")
    value = master.settings.get("error_log") or DEFAULT
    if value.lower() == "syslog" or value in _STANDARD_ERROR:
        return JOURNAL
    prefix = fpm_configuration.prefix_of(master.process.executable or "")
    path = os.path.join(fpm_configuration.state_directory(prefix), value)
    return path if master.root == "/" else os.path.join(master.root, path.lstrip("/"))


def read(host: Host, master: FpmMaster, since: float) -> FpmLog:
    """Return what a master's log tells since a time, in seconds since the epoch. Raises CannotLook."""
    path = place(master)
    if path == JOURNAL:
        return _of_journal(host, master, since)
    log = log_files.read(host, path, since)
    events = [event for file in log.files for event in fpm_log.parse(file.text)]
    first = next((time for time in (fpm_log.first_time(file.text) for file in log.files) if time), None)
    begins = max(since, log_files.seconds(first)) if log.cut and first else since
    return FpmLog(path, tuple(_since(events, begins)), begins, log.cut, log.unread)


def recent(host: Host, master: FpmMaster, since: float) -> Tuple[str, ...]:
    """Return the last lines that a master itself has logged since a time: to its file, and to the journal.

    Before it has opened its log, as when a reload fails, it says what is wrong to its standard error. What could not be
    read is said in a line. Workers' words, settings and queries of requests are left out: they may hold secrets.
    """
    lines: List[str] = []
    path = JOURNAL
    try:
        path = place(master)
        lines += _lines_since(os.fsdecode(host.read_end(path, RECENT_TAIL)), since) if path != JOURNAL else []
    except CannotLook as error:
        lines.append(str(error))
    try:
        if path == JOURNAL or master.unit:
            entries = systemd_journal.read(host, _matches(master), since)
            lines += [entry.message for entry in entries if entry.when >= since]
    except CannotLook as error:
        lines.append(str(error))
    own = [_QUERY.sub("?…", line) for line in dict.fromkeys(lines) if not _SECRET.search(line)]
    return tuple(own[-RECENT_LINES:])


def _of_journal(host: Host, master: FpmMaster, since: float) -> FpmLog:
    entries = systemd_journal.read(host, _matches(master), since)
    events: List[Event] = []
    for entry in entries:
        stamped = list(fpm_log.parse(entry.message))
        event = fpm_log.parse_message(log_files.local(entry.when), entry.message)
        events += stamped or ([event] if event else [])
    cut = len(entries) == systemd_journal.ENTRIES_LIMIT
    name = f"journal of {master.unit.name if master.unit else f'process {master.process.pid}'}"
    return FpmLog(name, tuple(events), entries[0].when if cut else since, cut, ())


def _matches(master: FpmMaster) -> Tuple[str, ...]:
    """Return what selects the master's own entries: its workers are of the same unit, but mostly of another user."""
    if master.unit is None:
        return (f"_PID={master.process.pid}",)
    return (f"_SYSTEMD_UNIT={master.unit.name}", f"_UID={master.process.uids[1]}")


def _since(events: Iterable[Event], since: float) -> Iterable[Event]:
    return (event for event in events if log_files.seconds(event.when) >= since)


def _lines_since(text: str, since: float) -> List[str]:
    begin = int(since)
    lines = [(fpm_log.first_time(line), line) for line in text.split("\n")]
    return [line for when, line in lines if when is not None and log_files.seconds(when) >= begin]
