# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Limits of time that contradict each other, on the way of a request from the load balancer to the pool's PHP."""

from typing import Mapping, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_drop_ins, fpm_masters, fpm_time_limits
from ..facts.fpm_drop_ins import FpmDropIns, Guard
from ..facts.fpm_masters import FpmMasters
from ..facts.fpm_time_limits import FpmTimeLimits, Limit, MasterLimits, PoolLimits
from ..model import Check, Finding, Verdict
from ..policy import Policy
from . import php_fpm
from .php_fpm_limits import RELOAD, Writing, is_left, plan, writing
from .php_fpm_limits_chain import (
    LONGEST,
    Contradiction,
    Proposal,
    contradictions,
    kinds,
    longest_request,
    proposals,
    with_values,
)

RISK = "requests that take longer than the written limits are ended by them from the reload on; undo removes the file"
SAY = "say in longest_request what the slowest request may take, and numbers that fit are proposed"


class Evidence(NamedTuple):
    """user: whom the pool runs as. cause: what contradicts. longest_request: seconds, None where not known.

    chain: every limit from inside out, with where it was set and whether it is in force. proposed: what should be
    other. not_written: why the remedy leaves some of it. masters: to be reloaded, for the reason in reload.
    """

    user: str
    cause: str
    kinds: Tuple[str, ...]
    longest_request: Optional[int]
    chain: Tuple[Limit, ...]
    contradictions: Tuple[Contradiction, ...]
    proposed: Tuple[Proposal, ...]
    not_written: Optional[str]
    masters: Tuple[int, ...]
    reload: Optional[str]
    guard: Optional[Guard]


def find(seen: FpmMasters, limits: FpmTimeLimits, drop_ins: FpmDropIns, policy: Policy) -> Verdict:
    findings = [
        _finding(limits, drop_ins, master, pool, found, policy)
        for master in limits.masters
        for pool in master.pools
        for found in [contradictions(pool, master, limits.balancer, policy)]
        if found
    ]
    return php_fpm.verdict(seen, findings, (*limits.unseen, *limits.unseen_fronts, *limits.unseen_ini))


def _finding(
    limits: FpmTimeLimits,
    drop_ins: FpmDropIns,
    master: MasterLimits,
    pool: PoolLimits,
    found: Sequence[Contradiction],
    policy: Policy,
) -> Finding:
    proposed = proposals(pool, master, limits.balancer, policy)
    written = _writing(limits, drop_ins, master, pool, proposed, policy)
    name = php_fpm.pool_name(pool.pool, master.master.configuration, master.master.root)
    return Finding(
        check=CHECK.id,
        object=name,
        severity=found[0].severity,
        summary=f"{name}: {_summary(found, proposed, _chain(limits, master, pool))}",
        evidence=Evidence(
            user=pool.pool.settings.get("user", ""),
            cause="; ".join(kinds(found)),
            kinds=kinds(found),
            longest_request=longest_request(pool, policy),
            chain=_chain(limits, master, pool),
            contradictions=tuple(found),
            proposed=proposed,
            not_written=written.reason,
            masters=(master.master.process.pid,) if written.guard else (),
            reload=RELOAD if written.guard else None,
            guard=written.guard,
        ),
        remedy=written.remedy,
        risk=RISK if written.guard else None,
    )


def _writing(
    limits: FpmTimeLimits,
    drop_ins: FpmDropIns,
    master: MasterLimits,
    pool: PoolLimits,
    proposed: Sequence[Proposal],
    policy: Policy,
) -> Writing:
    values = {one.limit: one.proposed for one in proposed if one.where == "pool"}

    def kinds_with(some: Mapping[str, int]) -> Tuple[str, ...]:
        return kinds(contradictions(with_values(pool, some), master, limits.balancer, policy))

    return writing(drop_ins, master.master, pool.pool.name, values, kinds_with)


def _chain(limits: FpmTimeLimits, master: MasterLimits, pool: PoolLimits) -> Tuple[Limit, ...]:
    inner = [pool.socket, pool.execution, pool.input, pool.terminate, master.control]
    outer = [*dict.fromkeys(pool.reads), limits.balancer, master.stop]
    return tuple(limit for limit in inner + outer if limit)


def _summary(found: Sequence[Contradiction], proposed: Sequence[Proposal], chain: Sequence[Limit]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    named = {limit for one in found for limit in (one.shorter, one.longer)}
    late = sorted({limit.name for limit in chain if limit.name in named - {LONGEST} and limit.in_force is False})
    pending = f"; {', '.join(late)}: as written, not yet in force" if late else ""
    return found[0].says + more + pending + ("" if proposed else f"; {SAY}")


CHECK = Check(
    id="php_fpm.time_limits",
    gathers=(fpm_masters.gather, fpm_time_limits.gather, fpm_drop_ins.gather),
    find=find,
    plan=plan,
    same=is_left,
)
