# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An nginx as a change of its state sees it, and what is wanted of it."""

import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..facts import nginx, nginx_configuration, nginx_logs, nginx_masters, nginx_tests
from ..facts.nginx_configuration import Tree, everywhere, named
from ..facts.nginx_logs import NginxLogs
from ..facts.nginx_masters import NginxMaster
from ..facts.nginx_tests import Tested
from ..formats.pidfile import parse_pid
from ..host import Host
from ..policy import policy_from

RELOADED, UPGRADED, STOPPED, LOGS_REOPENED = "reloaded", "upgraded", "stopped", "logs_reopened"
STATES = (RELOADED, UPGRADED, STOPPED, LOGS_REOPENED)
POLICY = policy_from({})

ASK_SECONDS = 2.0
ASK_LIMIT = 64 * 1024
ASKED = 20  # addresses
# No method of HTTP: nginx itself answers it with 400, so no application sees it.
_REQUEST = b"phpfleet\r\n\r\n"
_UNIT_LIMIT = 64 * 1024
_HTTP_PORT = "80"


class Wanted(NamedTuple):
    """pid, pidfile, unit: which nginx, None each for the only one. newer_than: seconds since the epoch. timeout: 0 for
    the state's own."""

    state: str
    pid: Optional[int]
    pidfile: Optional[str]
    unit: Optional[str]
    newer_than: Optional[float]
    allow_loss: bool
    timeout: float


class State(NamedTuple):
    """master: the one that is meant, None with the reason why not. masters: all that are not apart.

    tested: what the configuration test says, by the program that would read it; None where the state needs no test.
    program: the path that an upgrade would run. is_followed: systemd takes the pid of a new master from a pidfile.
    pidfile_pid: what the pidfile says. answering: addresses where it serves HTTP and answers. silent: those where it
    does not, and why. logs: None where they were not looked at. now: when it was looked, in seconds since the epoch.
    """

    master: Optional[NginxMaster]
    reason: Optional[str]
    masters: Tuple[NginxMaster, ...]
    orphans: Tuple[int, ...]
    complete: bool
    tested: Optional[Tested]
    program: Optional[str]
    is_followed: bool
    pidfile_pid: Optional[int]
    answering: Tuple[str, ...]
    silent: Dict[str, str]
    logs: Optional[NginxLogs]
    now: float


def look(host: Host, wanted: Wanted) -> State:
    """Return the state. Raises CannotLook where processes cannot be seen."""
    seen = host.once(nginx_masters.gather, POLICY)
    masters = tuple(master for master in seen.masters if not master.apart)
    master, reason = choose(masters, wanted)
    tree = host.once(nginx_configuration.gather, POLICY).get(master.process.pid) if master else None
    asked = http_addresses(master, tree) if master and isinstance(tree, Tree) else ()
    silent = silent_of(host, asked)
    return State(
        master=master,
        reason=reason,
        masters=masters,
        orphans=tuple(worker.process.pid for worker in seen.orphans),
        complete=seen.complete,
        tested=_tested(host, master, wanted) if master else None,
        program=_program(master) if master else None,
        is_followed=_is_followed(host, master) if master else False,
        pidfile_pid=pid_in(host, master.pidfile) if master else None,
        answering=tuple(address for address in asked if address not in silent),
        silent=silent,
        logs=logs_of(host, master) if master and wanted.state == LOGS_REOPENED else None,
        now=host.now(),
    )


def choose(masters: Sequence[NginxMaster], wanted: Wanted) -> Tuple[Optional[NginxMaster], Optional[str]]:
    """Return the master that is meant, or the reason why there is none; of two in an upgrade it is the new one."""
    old = {master.old_master for master in masters}
    if wanted.pid is not None:
        found = [master for master in masters if master.process.pid == wanted.pid]
    elif wanted.pidfile is not None:
        found = [master for master in masters if master.pidfile == wanted.pidfile and master.process.pid not in old]
    elif wanted.unit is not None:
        named_so = (wanted.unit, wanted.unit + ".service")
        found = [one for one in masters if one.unit and one.unit.name in named_so and one.process.pid not in old]
    else:
        found = [master for master in masters if master.process.pid not in old]
    if len(found) == 1:
        return found[0], None
    if not found:
        return None, "no such nginx runs" if masters else "no nginx runs"
    pids = ", ".join(f"{master.process.pid} ({master.configuration})" for master in found)
    return None, f"several nginx run: {pids}; name one by pid, pidfile or unit"


def again(host: Host, master: NginxMaster) -> Optional[NginxMaster]:
    """Return a master as it is now, None when it has ended."""
    seen = host.once(nginx_masters.gather, POLICY).masters
    return next((one for one in seen if is_same(one, master)), None)


def is_same(one: NginxMaster, other: NginxMaster) -> bool:
    """Whether two looks saw one process: pids are recycled, start times are not."""
    return (one.process.pid, one.process.started) == (other.process.pid, other.process.started)


def successors(masters: Sequence[NginxMaster], old: NginxMaster) -> List[NginxMaster]:
    """Return the masters that an upgrade of ``old`` has started, also once that has ended."""
    return [
        one
        for one in masters
        if one.process.started > old.process.started
        and one.configuration == old.configuration
        and one.old_master in (None, old.process.pid)
    ]


def pid_in(host: Host, path: Optional[str]) -> Optional[int]:
    """Return what a pidfile says, None where it is not there or says nothing."""
    try:
        return parse_pid(host.read(path, nginx_masters.PIDFILE_LIMIT, follow=True)) if path else None
    except (Missing, Malformed):
        return None


def http_addresses(master: NginxMaster, tree: Tree) -> Tuple[str, ...]:
    """Return the addresses where a master serves HTTP, of those that it listens on; a stream's is nobody's to ask."""
    http = _listens(tree, "http")
    other = _listens(tree, "stream") | _listens(tree, "mail")
    return tuple(address for address in master.listening if _place(address) in http - other)[:ASKED]


def silent_of(host: Host, addresses: Sequence[str]) -> Dict[str, str]:
    """Return the addresses where no worker answers, each with why; one that hangs up has been there."""
    found = {}
    for address in addresses:
        try:
            host.ask(address, _REQUEST, ASK_SECONDS, ASK_LIMIT, _answered)
        except CannotLook as error:
            found[address] = str(error)
    return found


def logs_of(host: Host, master: NginxMaster) -> NginxLogs:
    """Return the logs of a master. Raises CannotLook."""
    tree = host.once(nginx_configuration.gather, POLICY).get(master.process.pid)
    if not isinstance(tree, Tree):
        raise tree or CannotLook(f"nginx {master.process.pid}: its configuration cannot be read")
    given = nginx.options(master.process.title)
    prefix = nginx.Build(host, master.process, given.get("-p")).absolute("")
    return nginx_logs.look(host, master, tree, prefix)


def _answered(answer: bytearray) -> bool:
    return len(answer) > 0


def _listens(tree: Tree, kind: str) -> Set[str]:
    """Return the ports, and the paths, that the servers of a block listen on."""
    found = set()
    for block in named(tree.said, kind):
        for server in everywhere(block.block or (), "server"):
            listens = [one.arguments[0] for one in named(server.block or (), "listen") if one.arguments]
            found |= {_place(address) for address in listens or [_HTTP_PORT] if server.block is not None}
    return found


def _place(address: str) -> str:
    """Return the port of an address, or its path: ``80`` of ``80``, ``*:80``, ``[::]:80`` and ``127.0.0.1``."""
    address = address[len("unix:") :] if address.startswith("unix:") else address
    if address.startswith("/"):
        return address
    port = address.rpartition("]")[2].rpartition(":")[2] if ":" in address.rpartition("]")[2] else address
    return port if port.isdigit() else _HTTP_PORT


def _program(master: NginxMaster) -> Optional[str]:
    """Return what SIGUSR2 would run: the first word of the command line that the title shows."""
    words = master.process.title[len(nginx.PROGRAM.master_title) :].split()
    return words[0] if words else None


def _tested(host: Host, master: NginxMaster, wanted: Wanted) -> Optional[Tested]:
    if wanted.state == RELOADED:
        return nginx_tests.test(host, master, asked=True)
    if wanted.state == UPGRADED:
        return nginx_tests.test(host, master, asked=True, program=_program(master))
    return None


def _is_followed(host: Host, master: NginxMaster) -> bool:
    """Whether systemd goes on with the new master when the old one ends: with Type=forking and a PIDFile."""
    if master.unit is None:
        return True  # there is nobody who would have to follow
    if master.unit.type != "forking" or master.unit.file is None:
        return False
    try:
        lines = host.read(master.unit.file, _UNIT_LIMIT, follow=True).split(b"\n")
    except CannotLook:
        return False
    said: Dict[bytes, bytes] = dict(line.strip().split(b"=", 1) for line in lines if b"=" in line)
    return os.fsdecode(said.get(b"PIDFile", b"")).strip() != ""
