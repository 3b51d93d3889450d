# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Memory that is full: OPcache's, its table of keys, its interned strings, and APCu's.

ext/opcache: once cache_full is set, nothing more is cached, and nothing restarts until scripts that were discarded make
up opcache.max_wasted_percentage of the memory; each request compiles anew what is not in it.
"""

from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_masters, runtime_cache
from ..facts.fpm_masters import FpmMasters
from ..facts.runtime_cache import RuntimeCaches, Segment
from ..formats.php_ini import is_on
from ..formats.probe_answer import APCU, Apcu, Opcache, ProbeAnswer
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .runtime_cache_evidence import answers, called, in_use, number, several, stamp, times, verdict

FULL = "its memory is full, and nothing restarts it"
KEYS = "its table of scripts is full, and nothing restarts it"
STRINGS = "its buffer of interned strings is full, so that each script keeps strings of its own"
EMPTIED = "it was full, and emptied itself"
EXPUNGED = "its memory is too small for what the application puts there"

MEGABYTE = 1024 * 1024
KEYS_MOST = 1_000_000  # what opcache.max_accelerated_files may be at most
OFTEN_SECONDS = 3600.0  # APCu thrown empty more often than that is of no use to its application
SHORT_PERCENT = 5  # of the memory; what is free below that is too little for more than small scripts
MISSED_PERCENT = 1  # of what is asked for; where less is missed, what is in memory is what is needed
_WASTED = 5  # percent; opcache.max_wasted_percentage, where a pool does not say


class Evidence(NamedTuple):
    """setting, now, proposed: what to raise, from what it comes to now, to what; in the unit of the setting.

    opcache, apcu: what the engine says of itself, that which the finding is about.
    """

    cause: str
    segment: str
    master: int
    pools: Tuple[str, ...]
    setting: str
    now: int
    proposed: int
    opcache: Optional[Opcache]
    apcu: Optional[Apcu]


class _Full(NamedTuple):
    """of: what is full. says: how it shows, and what that does."""

    of: str
    cause: str
    severity: str
    says: str
    setting: str
    now: int
    proposed: int


def find(seen: RuntimeCaches, masters: FpmMasters, policy: Policy) -> Verdict:
    findings: List[Finding] = []
    blind: List[str] = []
    for segment in seen.segments:
        findings += [_finding(segment, masters, one) for one in _found(seen, segment)]
        blind += [] if segment.apcu else _apcu_unseen(seen, segment)
    return verdict(seen, findings, blind, besides=any(one.apcu for one in seen.segments))


def _found(seen: RuntimeCaches, segment: Segment) -> Iterator[_Full]:
    said = answers(seen, segment)
    if segment.opcache is not None and segment in in_use(seen):
        yield from _of_opcache(segment.opcache, said)
    if segment.apcu is not None:
        yield from _of_apcu(segment, segment.apcu, said)


def _apcu_unseen(seen: RuntimeCaches, segment: Segment) -> List[str]:
    wanted = [one for one in answers(seen, segment) if is_on(one.settings, "apc.enabled", False)]
    return [f"{segment.name}: APCu: {one.reasons.get(APCU, 'it says nothing of itself')}" for one in wanted[:1]]


def _of_opcache(opcache: Opcache, said: Sequence[ProbeAnswer]) -> Iterator[_Full]:
    waits = opcache.restart_pending or opcache.restart_in_progress
    if not waits and (opcache.full or _is_short(opcache)):
        yield _stuck(opcache, said)
    elif _emptied(opcache):
        yield _Full(
            "OPcache",
            EMPTIED,
            LOW,
            f"OPcache was full and emptied itself {times(_emptied(opcache))} since {stamp(opcache.started)}, after "
            "which each script is compiled anew",
            *(_more_memory(opcache) if opcache.out_of_memory_restarts else _more_keys(opcache)),
        )
    strings = (opcache.strings_used or 0) + (opcache.strings_free or 0)
    if strings and (opcache.strings_free or 0) * 100 < strings:
        yield _Full(
            "interned strings",
            STRINGS,
            LOW,
            f"OPcache's buffer of {_megabytes(strings)} MB for interned strings is full, so that more scripts take "
            "more memory than they need",
            "opcache.interned_strings_buffer",
            _megabytes(strings),
            2 * _megabytes(strings),
        )


def _stuck(opcache: Opcache, said: Sequence[ProbeAnswer]) -> _Full:
    by_keys = opcache.keys >= opcache.keys_limit
    limit = max([number(one, "opcache.max_wasted_percentage", _WASTED) for one in said] or [_WASTED])
    what = (
        f"its table has all of its {several(opcache.keys_limit, 'key')}"
        if by_keys
        else f"{_megabytes(opcache.used + opcache.wasted)} of {_megabytes(_size(opcache))} MB"
    )
    return _Full(
        "OPcache",
        KEYS if by_keys else FULL,
        HIGH if opcache.full and _compiles_again(opcache) else MEDIUM,
        f"OPcache is {'full' if opcache.full else 'nearly full'} ({what}), and nothing restarts it, for "
        f"{opcache.wasted_percent:.1f} % is wasted and it restarts from {limit} % on; what is not among its "
        f"{several(opcache.scripts, 'script')} is compiled for each "
        f"request, with {opcache.misses:,} misses so far",
        *(_more_keys(opcache) if by_keys else _more_memory(opcache)),
    )


def _is_short(opcache: Opcache) -> bool:
    """Whether larger scripts find no place, though cache_full is not said while 64 KB are free (MIN_FREE_MEMORY).

    Memory that is well used is not short: then nearly all is hit. Each look at it is a miss, too, of a script of ours.
    """
    little = opcache.free * 100 < SHORT_PERCENT * _size(opcache)
    return (
        little and _compiles_again(opcache) and opcache.misses * 100 > MISSED_PERCENT * (opcache.hits + opcache.misses)
    )


def _compiles_again(opcache: Opcache) -> bool:
    """Whether scripts are compiled for each request: one that is kept is missed once, when it is compiled."""
    return opcache.misses > 2 * opcache.scripts


def _emptied(opcache: Opcache) -> int:
    return opcache.out_of_memory_restarts + opcache.hash_restarts


def _more_memory(opcache: Opcache) -> Tuple[str, int, int]:
    now = _megabytes(_size(opcache))
    return "opcache.memory_consumption", now, 2 * now


def _more_keys(opcache: Opcache) -> Tuple[str, int, int]:
    return "opcache.max_accelerated_files", opcache.keys_limit, min(2 * opcache.keys_limit, KEYS_MOST)


def _size(opcache: Opcache) -> int:
    return opcache.used + opcache.free + opcache.wasted


def _of_apcu(segment: Segment, apcu: Apcu, said: Sequence[ProbeAnswer]) -> Iterator[_Full]:
    if not apcu.expunges:
        return
    now = _megabytes(apcu.memory)
    # Its own time is that of the last expunge, and of another clock: it counts since the memory was made, or less.
    begun = segment.generation or segment.started
    seconds = max((one.now for one in said), default=begun) - begun
    yield _Full(
        "APCu",
        EXPUNGED,
        MEDIUM if apcu.expunges * OFTEN_SECONDS > seconds else LOW,
        f"APCu has thrown entries away {times(apcu.expunges)} since {stamp(begun)}, because its {now} MB did not "
        f"suffice ({apcu.free / MEGABYTE:.1f} MB are free now, beside {apcu.entries:,} entries)",
        "apc.shm_size",
        now,
        2 * now,
    )


def _megabytes(size: int) -> int:
    return -(-size // MEGABYTE)


def _finding(segment: Segment, masters: FpmMasters, one: _Full) -> Finding:
    name = called(segment, masters)
    unit = "M" if one.setting == "apc.shm_size" else ""
    return Finding(
        check=CHECK.id,
        object=f"{one.of} of {name}",
        severity=one.severity,
        summary=f"{name}: {one.says}; set {one.setting}={one.proposed}{unit} or more, and reload php-fpm, drained",
        evidence=Evidence(
            cause=one.cause,
            segment=segment.name,
            master=segment.master,
            pools=segment.pools,
            setting=one.setting,
            now=one.now,
            proposed=one.proposed,
            opcache=None if one.of == "APCu" else segment.opcache,
            apcu=segment.apcu if one.of == "APCu" else None,
        ),
        remedy=None,
        risk=None,
    )


CHECK = Check(id="runtime_cache.full", gathers=(runtime_cache.gather, fpm_masters.gather), find=find)
