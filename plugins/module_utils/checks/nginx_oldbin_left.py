# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an upgrade of nginx's binary has left, because nobody ended it: the old master, or its pidfile."""

from typing import Dict, List, NamedTuple, Optional

from ..facts import nginx_masters
from ..facts.nginx_masters import NginxMaster, NginxMasters, OldPidfile, serving
from ..model import LOW, MEDIUM, Check, Finding, Verdict, verdict_over
from ..policy import Policy
from .nginx_evidence import hidden, name, nobody, ours

CAUSE = "an upgrade by SIGUSR2 that was not ended: the old master gets SIGQUIT once the new one has proven itself"
LEFT_SECONDS = 600  # after which an upgrade is not under way any more, but left


class Evidence(NamedTuple):
    """old_serving: workers of the old master that take new connections. pidfile: what is called .oldbin, with its pid.

    since: when the new master was started, or the pidfile renamed, in seconds since the epoch.
    """

    cause: str
    old_master: Optional[int]
    old_serving: int
    new_master: Optional[int]
    since: Optional[float]
    pidfile: Optional[str]
    pid: Optional[int]


def find(seen: NginxMasters, policy: Policy) -> Verdict:
    nothing = nobody(seen)
    if nothing is not None:
        return nothing
    by_pid = {master.process.pid: master for master in ours(seen)}
    findings = [
        _two_masters(by_pid[new.old_master], new)
        for new in by_pid.values()
        if new.old_master in by_pid and seen.now - new.process.started > LEFT_SECONDS
    ]
    findings += [_left(file, by_pid.get(file.pid or 0)) for file in _files(seen, by_pid)]
    blind = [reason for master in ours(seen) for reason in master.unknown if ".oldbin" in reason]
    return verdict_over(findings, hidden(seen) + blind)


def _files(seen: NginxMasters, by_pid: Dict[int, NginxMaster]) -> List[OldPidfile]:
    """Return the old pidfiles that no upgrade needs any more: beside the master that they name runs no new one."""
    upgraded = {master.old_master for master in by_pid.values()}
    files = {master.old_pidfile.path: master.old_pidfile for master in by_pid.values() if master.old_pidfile}
    return [file for file in files.values() if file.pid not in upgraded and seen.now - file.changed > LEFT_SECONDS]


def _two_masters(old: NginxMaster, new: NginxMaster) -> Finding:
    present = len(serving(old))
    effect = (
        f"{present} of its workers still take{'s' if present == 1 else ''} connections, so old and new answer by turns"
        if present
        else "it takes no connections any more"
    )
    return Finding(
        check=CHECK.id,
        object=name(old),
        severity=MEDIUM if present else LOW,
        summary=f"nginx {old.process.pid} was upgraded by nginx {new.process.pid} and not ended: {effect}; end it with "
        f"SIGQUIT when nginx {new.process.pid} is as it should be",
        evidence=Evidence(
            cause=CAUSE,
            old_master=old.process.pid,
            old_serving=present,
            new_master=new.process.pid,
            since=new.process.started,
            pidfile=old.old_pidfile.path if old.old_pidfile else None,
            pid=old.old_pidfile.pid if old.old_pidfile else None,
        ),
        remedy=None,
        risk=None,
    )


def _left(file: OldPidfile, master: Optional[NginxMaster]) -> Finding:
    """Tell of a pidfile with the old name: of the only master, which nobody finds by its proper name, or of nobody."""
    summary = (
        f"{file.path} names nginx {master.process.pid}, beside which no new one runs, so what goes by "
        f"{file.path[: -len('.oldbin')]} does not reach it: rename the file back"
        if master
        else f"{file.path} was left by an upgrade, and no nginx runs as process {file.pid}: remove it"
    )
    return Finding(
        check=CHECK.id,
        object=file.path,
        severity=MEDIUM if master else LOW,
        summary=summary,
        evidence=Evidence(
            cause=CAUSE,
            old_master=master.process.pid if master else None,
            old_serving=len(serving(master)) if master else 0,
            new_master=None,
            since=file.changed,
            pidfile=file.path,
            pid=file.pid,
        ),
        remedy=None,
        risk=None,
    )


CHECK = Check(id="nginx.oldbin_left", gathers=(nginx_masters.gather,), find=find)
