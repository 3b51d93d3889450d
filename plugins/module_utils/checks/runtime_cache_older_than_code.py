# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Scripts in memory that were compiled from files which are others by now, and that nothing will compile anew."""

from typing import List, NamedTuple, Sequence, Tuple

from ..facts import cached_code, fpm_masters, runtime_cache
from ..facts.cached_code import SLACK_SECONDS, CachedCode, Outdated, SegmentCode
from ..facts.fpm_masters import FpmMasters
from ..facts.runtime_cache import RuntimeCaches, Segment
from ..formats.probe_answer import ProbeAnswer
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .runtime_cache_evidence import EXAMPLES, answers, called, in_use, is_used, number, several, validates, verdict

SERVED = "old code was served after its file was changed or removed"
KEPT = "old code is kept, and will be served to who asks for it next"
DOUBTFUL = "files came after the cache was begun, and with validate_timestamps=0 nothing tells which of them it has"
RESET = "run runtime_cache, and in each deploy after the files are there"
STORED = (
    "opcache.file_cache has it too, and brings it back after a reset: remove it by opcode_cache with state=absent, "
    "then run runtime_cache"
)
RELOAD = "preloaded scripts stay through every reset: reload php-fpm, drained"
_REVALIDATE = 2  # seconds; opcache.revalidate_freq, where a pool does not say


class Evidence(NamedTuple):
    """How many scripts. outdated: older than their files for sure. served: those of them that a request was served
    which began after the change, gone: those whose file was removed, preloaded: those that were preloaded. doubtful:
    those that may be older. stored: how many of both are in opcache.file_cache, from where a reset brings them back.
    examples: of the outdated, else of the doubtful; those first that were served last.
    """

    cause: str
    segment: str
    master: int
    pools: Tuple[str, ...]
    compared: int
    outdated: int
    served: int
    gone: int
    preloaded: int
    doubtful: int
    stored: int
    examples: Tuple[Outdated, ...]


class _Rules(NamedTuple):
    """Whether all pools of a segment look at the files of what they have cached, and after how many seconds again."""

    validating: bool
    seconds: int


def find(seen: RuntimeCaches, code: CachedCode, masters: FpmMasters, policy: Policy) -> Verdict:
    by_master = {one.master: one for one in code.segments}
    findings = []
    blind: List[str] = []
    for segment in in_use(seen):
        own = by_master[segment.master]
        rules = _rules([one for one in answers(seen, segment) if is_used(one)])
        lasting = [one for one in own.outdated if _lasts(one, rules)]
        if lasting or own.doubtful:
            findings.append(_finding(segment, called(segment, masters), own, lasting, rules))
        blind += own.unseen
    return verdict(seen, findings, blind)


def _rules(said: Sequence[ProbeAnswer]) -> _Rules:
    looking = [one for one in said if validates(one)]
    seconds = [number(one, "opcache.revalidate_freq", _REVALIDATE) for one in looking]
    return _Rules(len(looking) == len(said), max(seconds, default=0))


def _lasts(one: Outdated, rules: _Rules) -> bool:
    """Whether old code was served, or will be: not where only its memory is left, or the next request looks."""
    if _is_served(one, rules):
        return True
    return one.file_time is not None and not (rules.validating and one.timestamp)


def _is_served(one: Outdated, rules: _Rules) -> bool:
    return one.used is not None and one.used > one.changed + rules.seconds + SLACK_SECONDS


def _finding(segment: Segment, name: str, own: SegmentCode, lasting: Sequence[Outdated], rules: _Rules) -> Finding:
    served = sum(_is_served(one, rules) for one in lasting)
    what = Evidence(
        cause=SERVED if served else KEPT if lasting else DOUBTFUL,
        segment=segment.name,
        master=segment.master,
        pools=segment.pools,
        compared=own.compared,
        outdated=len(lasting),
        served=served,
        gone=sum(one.file_time is None for one in lasting),
        preloaded=sum(one.preloaded for one in lasting),
        doubtful=len(own.doubtful),
        stored=sum(one.stored for one in (*lasting, *own.doubtful)),
        examples=tuple(sorted(lasting or own.doubtful, key=lambda one: -(one.used or 0))[:EXAMPLES]),
    )
    severity = LOW if not lasting else HIGH if served and not rules.validating else MEDIUM
    return Finding(CHECK.id, name, severity, f"{name}: {_summary(what)}", what, None, None)


def _summary(what: Evidence) -> str:
    example = what.examples[0].path
    scripts = several(what.compared, "cached script")
    if not what.outdated:
        return (
            f"{what.doubtful:,} of {scripts} may be older than their files, such as {example}: they came after the "
            f"cache was begun, and with opcache.validate_timestamps=0 nothing tells; {_cure(what)}"
        )
    are = "is" if what.outdated == 1 else "are"
    return (
        f"{what.outdated:,} of {scripts} {are} older than what is on disk ({_since(what)}), such as {example}"
        f"{f', and {what.doubtful:,} more may be' if what.doubtful else ''}; "
        f"{_cure(what)}"
    )


def _cure(what: Evidence) -> str:
    reset = STORED if what.stored else RESET
    if not what.preloaded:
        return reset
    return RELOAD if what.preloaded == what.outdated else f"{reset}; {RELOAD}"


def _since(what: Evidence) -> str:
    if what.preloaded == what.outdated:
        return "preloaded, so that each request has it"
    return f"{what.served:,} served since the change" if what.served else "none served since the change"


CHECK = Check(
    id="runtime_cache.older_than_code",
    gathers=(runtime_cache.gather, cached_code.gather, fpm_masters.gather),
    find=find,
)
