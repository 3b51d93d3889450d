# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the php-fpm checks share: how masters and pools are called, and when there is nothing to judge."""

from typing import Optional, Sequence

from ..facts.fpm_masters import FpmMaster, FpmMasters, FpmPool
from ..model import Finding, Verdict, not_applicable, verdict_over

NONE = "no php-fpm runs or is configured to run on this host"


def master_name(master: FpmMaster) -> str:
    """Return what a master is called: by its configuration, which it keeps when it is restarted."""
    if master.configuration is None:
        return f"php-fpm {master.process.pid}"
    return f"php-fpm {master.root.rstrip('/')}{master.configuration}"


def pool_name(pool: FpmPool, configuration: Optional[str], root: str = "/") -> str:
    """Return what a pool is called: two masters may each have one named www."""
    return f"pool {pool.name} of {root.rstrip('/')}{configuration}"


def verdict(seen: FpmMasters, findings: Sequence[Finding], blind: Sequence[str] = ()) -> Verdict:
    """Return the verdict over all that was seen; unknown where something was not, ``blind`` being more of that."""
    reasons = [*seen.unseen, *blind]
    if reasons or any(master.apart is None for master in seen.masters) or seen.stopped or seen.orphans:
        return verdict_over(findings, reasons)
    apart = [f"{master_name(master)} is not judged: {master.apart}" for master in seen.masters]
    return not_applicable("; ".join(apart[:3]) or NONE)
