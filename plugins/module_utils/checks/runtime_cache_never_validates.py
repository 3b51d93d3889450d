# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pools that never look whether a cached script has changed, where nothing says that deploys empty the cache."""

from typing import List, NamedTuple, Sequence, Tuple

from ..facts import fpm_masters, runtime_cache
from ..facts.fpm_masters import FpmMasters
from ..facts.runtime_cache import RuntimeCaches, Segment
from ..model import MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .runtime_cache_evidence import EXAMPLES, called, in_use, is_used, pool_reasons, validates, verdict

CAUSE = "opcache.validate_timestamps is off"


class Evidence(NamedTuple):
    """pools: those that never look. validating: those of the same memory that do."""

    cause: str
    segment: str
    master: int
    pools: Tuple[str, ...]
    validating: Tuple[str, ...]


def find(seen: RuntimeCaches, masters: FpmMasters, policy: Policy) -> Verdict:
    if policy.runtime_cache.deploys_reset_cache:
        return verdict(seen, [])
    findings = [one for segment in in_use(seen) for one in _findings(seen, segment, masters)]
    return verdict(seen, findings, pool_reasons(seen))


def _findings(seen: RuntimeCaches, segment: Segment, masters: FpmMasters) -> List[Finding]:
    pools = [
        (one.pool or "", validates(one.answer))
        for one in seen.pools
        if one.master == segment.master and one.answer is not None and is_used(one.answer)
    ]
    blind = tuple(name for name, looks in pools if not looks)
    if not blind:
        return []
    name = called(segment, masters)
    return [
        Finding(
            check=CHECK.id,
            object=name,
            severity=MEDIUM,
            summary=(
                f"{name}: {_never(blind)} whether a cached script has changed (opcache.validate_timestamps=0), so that "
                "old code is served until a reset: let each deploy run runtime_cache and say deploys_reset_cache, or "
                "set opcache.validate_timestamps=1"
            ),
            evidence=Evidence(
                CAUSE, segment.name, segment.master, blind, tuple(name for name, looks in pools if looks)
            ),
            remedy=None,
            risk=None,
        )
    ]


def _never(pools: Sequence[str]) -> str:
    if len(pools) == 1:
        return f"pool {pools[0]} never looks"
    more = f" and {len(pools) - EXAMPLES} more" if len(pools) > EXAMPLES else ""
    return f"pools {', '.join(pools[:EXAMPLES])}{more} never look"


CHECK = Check(id="runtime_cache.never_validates", gathers=(runtime_cache.gather, fpm_masters.gather), find=find)
