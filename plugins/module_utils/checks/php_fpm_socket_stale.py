# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Unix socket whose file leads nowhere, or that listens behind a file which is no longer its own."""

from typing import NamedTuple, Optional

from ..facts import pool_sockets
from ..facts.pool_sockets import ABSENT, PoolSocket, PoolSockets
from ..model import CRITICAL, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm import pool_name, verdict

REMOVED = "something removed or replaced the file while php-fpm ran, such as a cleaning of /run or a second php-fpm"
LEFT = "php-fpm was killed, so that it could not remove the file"
PENDING = "the running generation of php-fpm does not have this pool yet, or could not make its socket"
RESTART = "restart php-fpm on the drained host: a reload keeps the socket, and makes no new file for it"
START = "start php-fpm; it puts a new socket in the place of this file"


class Evidence(NamedTuple):
    """file: what is at the path now: absent, socket or other, and its inode. listening: inode of the pool's socket."""

    owner: str
    cause: str
    pool: str
    configuration: Optional[str]
    master: Optional[int]
    path: str
    file: str
    file_inode: Optional[int]
    listening: Optional[int]
    advice: str


def find(seen: PoolSockets, policy: Policy) -> Verdict:
    findings = []
    blind = list(seen.unseen)
    for pool in seen.pools:
        if pool.file is None:
            continue
        if any(one.file_inode is None for one in pool.in_the_way):
            blind.append(
                f"{pool.pool.address}: this ss(8) does not tell which file a socket has; look with a newer one"
            )
        elif pool.pool.listening is not None:
            findings += [_cut_off(pool)] if pool.pool.listening not in [one.inode for one in pool.in_the_way] else []
        elif pool.file != ABSENT and not pool.in_the_way:
            findings.append(_left_behind(pool))
    return verdict(seen.masters, findings, blind)


def _cut_off(pool: PoolSocket) -> Finding:
    what = "the file is gone" if pool.file == ABSENT else "the file is not that of its socket any more"
    listens = f"{pool.pool.address}: php-fpm {pool.master} listens there"
    return Finding(
        check=CHECK.id,
        object=pool_name(pool.pool, pool.configuration, pool.root),
        severity=CRITICAL,
        summary=f"{listens}, but {what}, so that nobody can reach it; {RESTART}",
        evidence=_evidence(pool, REMOVED, RESTART),
        remedy=None,
        risk=None,
    )


def _left_behind(pool: PoolSocket) -> Finding:
    severity, cause = (LOW, LEFT) if pool.master is None else (MEDIUM, PENDING)
    return Finding(
        check=CHECK.id,
        object=pool_name(pool.pool, pool.configuration, pool.root),
        severity=severity,
        summary=f"{pool.pool.address} is there, but nobody listens: who connects is refused; {START}",
        evidence=_evidence(pool, cause, START),
        remedy=None,
        risk=None,
    )


def _evidence(pool: PoolSocket, cause: str, advice: str) -> Evidence:
    return Evidence(
        owner="root",
        cause=cause,
        pool=pool.pool.name,
        configuration=pool.configuration,
        master=pool.master,
        path=pool.pool.address or "",
        file=pool.file or ABSENT,
        file_inode=pool.file_inode,
        listening=pool.pool.listening,
        advice=advice,
    )


CHECK = Check(id="php_fpm.socket_stale", gathers=(pool_sockets.gather,), find=find)
