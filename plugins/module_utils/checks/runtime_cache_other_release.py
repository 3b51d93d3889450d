# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scripts in memory that are of a release which no link leads to any more."""

from typing import NamedTuple, Optional, Tuple

from ..facts import cached_code, fpm_masters, runtime_cache
from ..facts.cached_code import CachedCode
from ..facts.cached_releases import OtherRelease
from ..facts.fpm_masters import FpmMasters
from ..facts.runtime_cache import RuntimeCaches, Segment
from ..model import HIGH, LOW, Check, Finding, Verdict
from ..policy import Policy
from .runtime_cache_evidence import called, in_use, several, stamp, verdict

SERVED = "a release is served that the link does not lead to any more"
KEPT = "a release that was served before is still in memory"
SWITCH_SECONDS = 2.0  # PHP's times are whole seconds, of a clock that is not the file system's own


class Evidence(NamedTuple):
    """switched: when the link was placed. used: when the last request began that was served a script of the release.

    Seconds since the epoch. example: the script that this request was served.
    """

    cause: str
    segment: str
    master: int
    pools: Tuple[str, ...]
    release: str
    link: str
    current: str
    switched: float
    scripts: int
    used: Optional[int]
    example: str


def find(seen: RuntimeCaches, code: CachedCode, masters: FpmMasters, policy: Policy) -> Verdict:
    by_master = {one.master: one for one in code.segments}
    known = [(segment, by_master[segment.master]) for segment in in_use(seen) if segment.master in by_master]
    findings = [_finding(segment, masters, other) for segment, own in known for other in own.others]
    blind = [f"{segment.name}: {segment.scripts_reason}" for segment, _own in known if segment.scripts is None]
    return verdict(seen, findings, [*blind, *(reason for _segment, own in known for reason in own.unlinked)])


def _finding(segment: Segment, masters: FpmMasters, other: OtherRelease) -> Finding:
    name = called(segment, masters)
    served = other.used is not None and other.used > other.switched + SWITCH_SECONDS
    what = several(other.scripts, "script")
    switched = f"{other.link} was switched to {other.current} at {stamp(other.switched)}"
    return Finding(
        check=CHECK.id,
        object=f"{other.release} in {name}",
        severity=HIGH if served else LOW,
        summary=(
            f"{name} serves the release {other.release}: {what} of it cached, the last served at "
            f"{stamp(other.used or 0)}, though {switched}; run runtime_cache, and in each deploy after the switch"
            if served
            else f"{name} holds {what} of the release {other.release}, last served "
            f"{'as' if (other.used or 0) > other.switched else 'before'} {switched}; that takes memory, and the next "
            "request is served the old release where the web server names scripts by $document_root; run runtime_cache"
        ),
        evidence=Evidence(
            cause=SERVED if served else KEPT,
            segment=segment.name,
            master=segment.master,
            pools=segment.pools,
            release=other.release,
            link=other.link,
            current=other.current,
            switched=other.switched,
            scripts=other.scripts,
            used=other.used,
            example=other.example,
        ),
        remedy=None,
        risk=None,
    )


CHECK = Check(
    id="runtime_cache.other_release",
    gathers=(runtime_cache.gather, cached_code.gather, fpm_masters.gather),
    find=find,
)
