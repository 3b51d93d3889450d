# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx workers that are asked to end and do not, and those whose master is gone."""

from typing import List, NamedTuple, Optional, Tuple

from ..facts import nginx_masters
from ..facts.nginx_masters import NginxMaster, NginxMasters, NginxWorker, serving, shutting_down
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict, verdict_over
from ..policy import Policy
from .nginx_evidence import counted, hidden, name, nobody, ours, span

CAUSE = "connections that do not end, such as websockets or long downloads, and no worker_shutdown_timeout to end them"
ORPHANED = "their master was killed, by SIGKILL or for want of memory; nothing tells them to end"
# The workers of one generation are started within moments; one that came later belongs to a later one, or replaces one
# that crashed.
GENERATION_SECONDS = 2.0
SHOWN = 20


class OldWorker(NamedTuple):
    """since_at_least, since_at_most: for how long it has been shutting down, in seconds.

    Nothing on the host says when a worker was told to end. It was when a later generation began: at the latest when
    the present one did, and at the earliest when the first worker after its own generation was started.
    """

    pid: int
    started: float
    since_at_least: Optional[float]
    since_at_most: float
    clients: Optional[int]
    peers: Tuple[str, ...]


class Evidence(NamedTuple):
    """workers: the oldest of them, ``old`` in all. serving: how many workers take new connections.

    clients: connections that they still have, None where that could not be seen. shutdown_timeout: seconds, None where
    worker_shutdown_timeout is not set.
    """

    cause: str
    master: Optional[int]
    configuration: Optional[str]
    old: int
    serving: int
    clients: Optional[int]
    limit: int
    shutdown_timeout: Optional[float]
    workers: Tuple[OldWorker, ...]


def find(seen: NginxMasters, policy: Policy) -> Verdict:
    nothing = None if seen.orphans else nobody(seen)
    if nothing is not None:
        return nothing
    limit = policy.nginx.old_worker_seconds
    findings = [_finding(master, old, limit) for master in ours(seen) for old in [_old(seen, master, limit)] if old]
    if seen.orphans:
        findings.append(_orphaned(seen, limit))
    return verdict_over(findings, hidden(seen))


def _old(seen: NginxMasters, master: NginxMaster, limit: int) -> List[OldWorker]:
    """Return the workers that have been shutting down for longer than the limit, the oldest first."""
    workers = [_since(seen.now, master, worker) for worker in shutting_down(master)]
    return sorted((one for one in workers if one.since_at_most > limit), key=lambda one: one.started)


def _since(now: float, master: NginxMaster, worker: NginxWorker) -> OldWorker:
    own = worker.process.started
    later = [one.process.started for one in master.workers if one.process.started > own + GENERATION_SECONDS]
    present = [one.process.started for one in serving(master)]
    return OldWorker(
        pid=worker.process.pid,
        started=own,
        since_at_least=max(now - min(present), 0.0) if present else None,
        # Without any later worker the whole nginx is stopping, or is being upgraded: since when, nothing says.
        since_at_most=max(now - min(later), 0.0) if later else max(now - own, 0.0),
        clients=worker.clients,
        peers=worker.peers,
    )


def _finding(master: NginxMaster, old: List[OldWorker], limit: int) -> Finding:
    present = len(serving(master))
    so_many = counted(len(old), "worker", "have")
    return Finding(
        check=CHECK.id,
        object=name(master),
        severity=MEDIUM if len(old) > present else LOW,
        summary=f"nginx {master.process.pid}: {so_many} been shutting down for {_how_long(old)}"
        f"{_with_whom(_clients(old))}: they serve by an old configuration and hold memory until their connections end",
        evidence=Evidence(
            cause=CAUSE,
            master=master.process.pid,
            configuration=master.configuration,
            old=len(old),
            serving=present,
            clients=_clients(old),
            limit=limit,
            shutdown_timeout=master.shutdown_timeout,
            workers=tuple(old[:SHOWN]),
        ),
        remedy=None,
        risk=None,
    )


def _how_long(old: List[OldWorker]) -> str:
    most, least = old[0].since_at_most, old[0].since_at_least
    if least is None or most - least < max(60.0, most / 10):
        return f"up to {span(most)}"
    return f"{span(least)} to {span(most)}"


def _clients(old: List[OldWorker]) -> Optional[int]:
    counts = [one.clients for one in old]
    return None if None in counts else sum(count for count in counts if count is not None)


def _with_whom(clients: Optional[int]) -> str:
    return "" if clients is None else f", with {counted(clients, 'connection')} left"


def _orphaned(seen: NginxMasters, limit: int) -> Finding:
    workers = sorted(seen.orphans, key=lambda worker: worker.process.started)
    pids = ", ".join(str(worker.process.pid) for worker in workers[:5])
    return Finding(
        check=CHECK.id,
        object=f"nginx worker {workers[0].process.pid}",
        severity=HIGH,
        summary=f"{counted(len(workers), 'nginx worker', 'serve')} without a master ({pids}): nginx cannot be started "
        "beside them, because they hold its addresses; end them with SIGQUIT and start it",
        evidence=Evidence(
            cause=ORPHANED,
            master=None,
            configuration=None,
            old=len(workers),
            serving=sum(not worker.shutting_down for worker in workers),
            clients=None,
            limit=limit,
            shutdown_timeout=None,
            workers=tuple(
                OldWorker(worker.process.pid, worker.process.started, None, seen.now - worker.process.started, None, ())
                for worker in workers[:SHOWN]
            ),
        ),
        remedy=None,
        risk=None,
    )


CHECK = Check(id="nginx.old_workers", gathers=(nginx_masters.gather,), find=find)
