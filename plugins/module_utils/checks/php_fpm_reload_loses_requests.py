# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A php-fpm whose reload or stop loses requests, judged by its configuration alone, so that audits do not flap."""

from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_drop_ins, fpm_in_flight, fpm_masters, fpm_time_limits
from ..facts.fpm_configuration import GLOBAL
from ..facts.fpm_drop_ins import FpmDropIns, Guard
from ..facts.fpm_in_flight import InFlight
from ..facts.fpm_masters import FpmMasters
from ..facts.fpm_time_limits import PROCESS_CONTROL, FpmTimeLimits, Limit, MasterLimits
from ..model import Check, Finding, Verdict
from ..policy import Policy
from . import php_fpm
from .php_fpm_limits import RELOAD, Writing, is_left, plan, writing
from .php_fpm_limits_chain import patience, proposed_control
from .php_fpm_reload_losses import NO_GRACE, SHORT_GRACE, Loss, longest, losses

RISK = "a reload waits that long for the slowest request, and new ones wait meanwhile; undo removes the file"


class Evidence(NamedTuple):
    """owner: the user whom the master runs as. cause: what loses requests. longest_request: seconds, None if unknown.

    in_flight: requests in this moment, and oldest_request how many seconds the oldest of them runs; would_be_cut: how
    many of them a reload now would kill; None where it cannot be told. not_seen: what may lose requests beside that.
    not_written: why the remedy is none. masters: to be reloaded, for the reason in reload.
    """

    owner: str
    cause: str
    kinds: Tuple[str, ...]
    losses: Tuple[Loss, ...]
    process_control_timeout: Limit
    longest_request: Optional[int]
    in_flight: Optional[int]
    oldest_request: Optional[float]
    would_be_cut: Optional[int]
    not_seen: Tuple[str, ...]
    not_written: Optional[str]
    masters: Tuple[int, ...]
    reload: Optional[str]
    guard: Optional[Guard]


def find(
    seen: FpmMasters, limits: FpmTimeLimits, drop_ins: FpmDropIns, in_flight: Mapping[int, InFlight], policy: Policy
) -> Verdict:
    findings = []
    blind = list(limits.unseen)
    for master in limits.masters:
        found = losses(master, policy)
        if found:
            now = in_flight.get(master.master.process.pid, InFlight(None, None))
            findings.append(_finding(limits, drop_ins, master, found, now, policy))
        else:
            blind += limits.unseen_fronts  # of a master with a finding they could only add to it
        if master.master.generation is None:
            blind.append(f"{php_fpm.master_name(master.master)}: whether what its files say is in force cannot be seen")
    return php_fpm.verdict(seen, findings, blind)


def _finding(
    limits: FpmTimeLimits,
    drop_ins: FpmDropIns,
    master: MasterLimits,
    found: Sequence[Loss],
    now: InFlight,
    policy: Policy,
) -> Finding:
    name = php_fpm.master_name(master.master)
    needed = longest(master, policy)
    kinds = tuple(one.kind for one in found)
    written = _writing(drop_ins, master, kinds, needed)
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Finding(
        check=CHECK.id,
        object=name,
        severity=found[0].severity,
        summary=f"{name}: {found[0].says}; {found[0].do}{more}",
        evidence=Evidence(
            owner="root" if master.master.process.uids[1] == 0 else str(master.master.process.uids[1]),
            cause="; ".join(kinds),
            kinds=kinds,
            losses=tuple(found),
            process_control_timeout=master.control,
            longest_request=needed,
            in_flight=now.requests,
            oldest_request=now.oldest,
            would_be_cut=_would_be_cut(master, now, needed),
            not_seen=limits.unseen_fronts,
            not_written=written.reason,
            masters=(master.master.process.pid,) if written.guard else (),
            reload=RELOAD if written.guard else None,
            guard=written.guard,
        ),
        remedy=written.remedy,
        risk=_risk(master, written, needed),
    )


def _would_be_cut(master: MasterLimits, now: InFlight, needed: Optional[int]) -> Optional[int]:
    """Return how many requests a reload now would kill: how long one will still run is known in two cases only."""
    control = master.control
    if control.in_force is not True:
        return 0 if now.requests == 0 else None
    if not control.seconds:
        return now.requests
    return 0 if now.requests == 0 or (needed is not None and control.seconds >= needed) else None


def _writing(drop_ins: FpmDropIns, master: MasterLimits, kinds: Sequence[str], needed: Optional[int]) -> Writing:
    short = [kind for kind in kinds if kind in (NO_GRACE, SHORT_GRACE)]
    values = {PROCESS_CONTROL: proposed_control(master.control, needed)} if short and needed is not None else {}

    def kinds_with(some: Mapping[str, int]) -> List[str]:
        return [] if some else short

    return writing(drop_ins, master.master, GLOBAL, values, kinds_with)


def _risk(master: MasterLimits, written: Writing, needed: Optional[int]) -> Optional[str]:
    if written.guard is None or needed is None:
        return None
    waits = [seconds for seconds in map(patience, master.pools) if seconds]
    proposed = proposed_control(master.control, needed)
    if not waits or min(waits) > proposed:
        return RISK
    return f"{RISK}; nginx gives up after {min(waits):g} s, so give fastcgi_read_timeout more than {proposed} s"


CHECK = Check(
    id="php_fpm.reload_loses_requests",
    gathers=(fpm_masters.gather, fpm_time_limits.gather, fpm_drop_ins.gather, fpm_in_flight.gather),
    find=find,
    plan=plan,
    same=is_left,
)
