# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks of caches in memory share: whose memory it is, what its pools are set to, and the verdict."""

import re
import time
from typing import List, Optional, Sequence

from ..facts.fpm_masters import FpmMasters
from ..facts.runtime_cache import PoolCaches, RuntimeCaches, Segment
from ..formats.php_ini import is_on
from ..formats.probe_answer import OPCACHE, ProbeAnswer
from ..model import Finding, Verdict, not_applicable, verdict_over
from . import php_fpm

EXAMPLES = 5
_NUMBER = re.compile(r"\s*([0-9]{1,18})")


def called(segment: Segment, masters: FpmMasters) -> str:
    """Return what a segment is called: as its master, by the configuration, which outlives its process."""
    for master in masters.masters:
        if master.process.pid == segment.master:
            return php_fpm.master_name(master)
    return segment.name


def answers(seen: RuntimeCaches, segment: Segment) -> List[ProbeAnswer]:
    """Return what the pools of a segment said."""
    return [one.answer for one in seen.pools if one.master == segment.master and one.answer is not None]


def is_used(answer: ProbeAnswer) -> bool:
    """Whether a pool keeps scripts in the memory of OPcache."""
    return _unused(answer) is None


def _unused(answer: ProbeAnswer) -> Optional[str]:
    """Return why a pool keeps no script in memory; None where it does, or where that is not known."""
    settings = answer.settings
    if "opcache.enable" not in settings:
        return "OPcache is not loaded"
    if not is_on(settings, "opcache.enable", True):
        return "OPcache is switched off by opcache.enable"
    if is_on(settings, "opcache.file_cache_only", False):
        return "by opcache.file_cache_only, OPcache keeps its scripts on disk only, where opcode_cache looks"
    return None


def validates(answer: ProbeAnswer) -> bool:
    """Whether a pool looks at the files of the scripts that it has cached."""
    return is_on(answer.settings, "opcache.validate_timestamps", True)


def number(answer: ProbeAnswer, name: str, default: int) -> int:
    """Return a setting that is a number."""
    found = _NUMBER.match(answer.settings.get(name, ""))
    return int(found.group(1)) if found else default


def in_use(seen: RuntimeCaches) -> List[Segment]:
    """Return the segments in which OPcache keeps scripts."""
    return [one for one in seen.segments if one.opcache is not None and any(map(is_used, answers(seen, one)))]


def verdict(
    seen: RuntimeCaches, findings: Sequence[Finding], blind: Sequence[str] = (), besides: bool = False
) -> Verdict:
    """Return the verdict over the caches; unknown where something was not seen, ``blind`` being more of that.

    besides: whether there is something to judge even where OPcache keeps nothing in memory.
    """
    reasons = [*seen.unseen, *strangers(seen), *_unseen(seen), *blind]
    if findings or reasons or besides or in_use(seen):
        return verdict_over(findings, reasons)
    return not_applicable("; ".join([*_idle(seen), *seen.apart][:3]) or "no pool of php-fpm is there to be asked")


def strangers(seen: RuntimeCaches) -> List[str]:
    """Return what is to be said of the named addresses at which no php-fpm of the host's listens."""
    return [_why(one) for one in seen.pools if one.master is None]


def _unseen(seen: RuntimeCaches) -> List[str]:
    return [f"{one.name}: {reason}" for one in seen.segments for reason in [_blind(seen, one)] if reason]


def _blind(seen: RuntimeCaches, segment: Segment) -> Optional[str]:
    """Return why nothing is known of a segment's scripts; None where it is, or where it holds none."""
    said = answers(seen, segment)
    if not said:
        return segment.reason or "none of its pools answered"
    if segment.opcache is not None:
        return None
    restricted = [one for one in said if is_used(one)]
    return restricted[0].reasons.get(OPCACHE, "it says nothing of OPcache") if restricted else None


def _idle(seen: RuntimeCaches) -> List[str]:
    return [f"{one.name}: {_unused(answers(seen, one)[0])}" for one in seen.segments if answers(seen, one)]


def pool_reasons(seen: RuntimeCaches) -> List[str]:
    """Return why pools did not answer whose memory others told of; one that sleeps serves nothing."""
    told = {one.master for one in seen.segments if one.by is not None}
    return [_why(one) for one in seen.pools if one.answer is None and one.master in told and not one.asleep]


def _why(pool: PoolCaches) -> str:
    return pool.reason or f"{pool.pool or pool.address}: nothing is known of it"


def stamp(moment: float) -> str:
    """Return seconds since the epoch for a summary, as ``2026-11-22 05:28:07 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))


def several(number: int, thing: str) -> str:
    """Return a number of things in words, such as ``1 script`` or ``12,345 scripts``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
