# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A restart of OPcache that waits for requests which do not end; until they do, nothing is served from the cache."""

from typing import NamedTuple, Optional, Tuple

from ..facts import fpm_masters, runtime_cache
from ..facts.fpm_masters import FpmMasters
from ..facts.runtime_cache import RuntimeCaches, Segment
from ..model import HIGH, Check, Finding, Verdict
from ..policy import Policy
from .runtime_cache_evidence import answers, called, number, verdict

CAUSE = "requests that began before the restart was asked for still use the memory"
_FORCED = 180  # seconds; opcache.force_restart_timeout, where a pool does not say


class Evidence(NamedTuple):
    """pending: for how many seconds it was watched being pending. blocked_by: the requests that it waits for, in words,
    the oldest first. forced: seconds after which OPcache ends them.
    """

    cause: str
    segment: str
    master: int
    pools: Tuple[str, ...]
    pending: float
    blocked_by: Tuple[str, ...]
    forced: int


def find(seen: RuntimeCaches, masters: FpmMasters, policy: Policy) -> Verdict:
    waits = [(one, one.still_pending) for one in seen.segments]
    return verdict(seen, [_finding(seen, one, masters, time) for one, time in waits if time is not None])


def _finding(seen: RuntimeCaches, segment: Segment, masters: FpmMasters, pending: float) -> Finding:
    name = called(segment, masters)
    forced = min([number(one, "opcache.force_restart_timeout", _FORCED) for one in answers(seen, segment)] or [_FORCED])
    return Finding(
        check=CHECK.id,
        object=name,
        severity=HIGH,
        summary=(
            f"{name}: a restart of OPcache was pending for all of {pending:.0f} s; until it is done each request "
            f"compiles all of its scripts, and {forced} s after it was asked for OPcache kills what it waits for: "
            f"{_waits_for(segment)}"
        ),
        evidence=Evidence(CAUSE, segment.name, segment.master, segment.pools, pending, segment.blocked_by, forced),
        remedy=None,
        risk=None,
    )


def _waits_for(segment: Segment) -> str:
    first: Optional[str] = next(iter(segment.blocked_by), None)
    if first is None:
        return "requests that cannot be named"
    more = len(segment.blocked_by) - 1
    return first + (f" and {more} more" if more else "")


CHECK = Check(
    id="runtime_cache.restart_pending_too_long", gathers=(runtime_cache.gather, fpm_masters.gather), find=find
)
