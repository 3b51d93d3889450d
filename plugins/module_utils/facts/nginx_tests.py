# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What nginx itself says of the configuration in its files, by ``nginx -t`` as the running master would read it.

The test opens what a reload would open: it makes log files and temporary directories that are not there yet, and of a
missing pidfile an empty one; where that would happen it is not run.
"""

import os
import re
from typing import List, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Missing
from ..host import Host
from ..policy import Policy
from . import nginx, nginx_masters
from .nginx_masters import NginxMaster

# Names of servers are looked up while it tests, which may take long where the resolver is gone.
TEST_SECONDS = 20.0
ANSWER_LIMIT = 256 * 1024
LINES_SHOWN = 5
LINE_LIMIT = 500  # characters
_FAULT = re.compile(r"\[(?:emerg|alert|crit|error)\] ")
_WARNING = re.compile(r"\[warn\] ")
_STAMP = re.compile(r"\A(?:nginx: |[0-9/]+ [0-9:]+ )?")
_PROCESS = re.compile(r"\] [0-9]+#[0-9]+: ")


class Tested(NamedTuple):
    """The test for one master. faults: its lines, when it failed. unknown: why it was not run or did not end."""

    master: NginxMaster
    failed: bool
    faults: Tuple[str, ...]
    warnings: Tuple[str, ...]
    unknown: Optional[str]


class NginxTests(NamedTuple):
    """tested: every master that is not apart. complete: every process could be seen."""

    tested: Tuple[Tested, ...]
    apart: Tuple[NginxMaster, ...]
    complete: bool


def gather(host: Host, policy: Policy) -> NginxTests:
    """Return what each master's configuration test says. Raises CannotLook where processes cannot be seen."""
    seen = host.once(nginx_masters.gather, policy)
    ours = [master for master in seen.masters if not master.apart]
    apart = tuple(master for master in seen.masters if master.apart)
    return NginxTests(tuple(test(host, master) for master in ours), apart, seen.complete)


def test(host: Host, master: NginxMaster, asked: bool = False, program: Optional[str] = None) -> Tested:
    """Test the configuration of one master.

    asked: somebody wants root's nginx to read it as root, so that root tests it is nothing more. program: the path of
    another executable than the one that runs.
    """
    reason = _reason_not_to(host, master, asked)
    if reason:
        return Tested(master, False, (), (), reason)
    argv = [program or nginx.Build(host, master.process).program(), "-t", *master.arguments]
    try:
        ran = host.run(argv, TEST_SECONDS, ANSWER_LIMIT)
    except CannotLook as error:
        return Tested(master, False, (), (), str(error))
    lines = os.fsdecode(ran.output).split("\n")
    faults = _lines(lines, _FAULT)
    if ran.status != 0 and not faults:
        faults = tuple(line[:LINE_LIMIT] for line in lines if line.strip())[-LINES_SHOWN:]
    return Tested(master, ran.status != 0, faults if ran.status != 0 else (), _lines(lines, _WARNING), None)


def _reason_not_to(host: Host, master: NginxMaster, asked: bool) -> Optional[str]:
    """Say why the test is not run: what it reads can name libraries that it loads, and it would be root who does."""
    of = f"nginx {master.process.pid}"
    if master.configuration is None or not master.files:
        return master.unknown[0] if master.unknown else f"{of}: its configuration cannot be read"
    if not host.is_root():
        return f"{of}: only root can test its configuration, which names keys and logs; run with become"
    if not ((asked and set(master.process.uids) == {0}) or master.trusted):
        return (
            f"{of}: its configuration is not tested as root, because root does not run it or others can write it: make "
            f"its files root's own, or run `nginx -t` as the user who runs it"
        )
    return _pidfile_missing(host, master)


def _pidfile_missing(host: Host, master: NginxMaster) -> Optional[str]:
    try:
        host.stat(master.pidfile or "/", follow=True)
    except Missing:
        return (
            f"nginx {master.process.pid}: its pidfile {master.pidfile} is not there, and the test would leave an empty "
            "one; write it first, as phpfleet.remediation.pidfile does"
        )
    except CannotLook as error:
        return str(error)
    return None


def _lines(lines: List[str], kind: "re.Pattern[str]") -> Tuple[str, ...]:
    """Return the lines of a kind without their time and process, each once."""
    found = (_PROCESS.sub("] ", _STAMP.sub("", line), count=1)[:LINE_LIMIT] for line in lines if kind.search(line))
    return tuple(dict.fromkeys(found))[:LINES_SHOWN]
