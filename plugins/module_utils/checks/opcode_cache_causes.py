# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which check's each bad file of an opcode cache is, by what its loader does, and why, in words that many files share.

What harms or says something of its own stands alone. What the engines heal by themselves is told together for a cache,
for after a release there may be thousands of it.
"""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..facts.cached_script import EACCELERATOR, ENTRY, NO_BUILDS, CachedScript
from ..facts.opcode_cache import Cache, OpcodeCaches
from ..formats import eaccelerator_layouts
from ..model import INFO, LOW
from ..policy import ABSENT, Policy
from .opcode_cache import (
    DOCUMENTED,
    MISREAD,
    OLD_CODE,
    OTHER_TIME,
    OTHER_WORDS,
    RECOMPILED,
    SCRIPT_CHANGED,
    SCRIPT_GONE,
    Effect,
    meet,
    worst,
)

CRASHING = "opcode_cache.crashing_entry"
CORRUPT = "opcode_cache.corrupt_entry"
OTHER_BUILD = "opcode_cache.other_build_entry"
STALE = "opcode_cache.stale_entry"
UNWANTED = "opcode_cache.unwanted_entry"


class Judged(NamedTuple):
    """One or more files of a cache that are one finding.

    directory: of a dead build, which goes with them. suspects: how many there are that nothing is proven of, and
    that are therefore left alone.
    """

    check: str
    cache: Cache
    scripts: Tuple[CachedScript, ...]
    effect: Effect
    cause: str
    directory: Optional[str] = None
    suspects: int = 0

    @property
    def is_single(self) -> bool:
        """Whether it is one file, which is told by itself."""
        return self.check in (CRASHING, CORRUPT) or self.effect is OLD_CODE


def judged_by(seen: OpcodeCaches, policy: Policy) -> List[Judged]:
    """Return all that is wrong with entries, in the order in which the quarantine is filled."""
    judge = _all_of if policy.opcode_cache.state == ABSENT else _bad_of
    every = [judged for cache in seen.caches for judged in judge(cache)]
    order = (CRASHING, CORRUPT, STALE, OTHER_BUILD, UNWANTED)
    return sorted(every, key=lambda judged: (order.index(judged.check), judged.cache.path))


def _all_of(cache: Cache) -> List[Judged]:
    dead, entries = _of_dead_builds(cache)
    judged = [Judged(UNWANTED, cache, tuple(scripts), _UNLOADED, _DEAD, one) for one, scripts in dead.items()]
    return judged + ([Judged(UNWANTED, cache, tuple(entries), _ASKED, "state is absent")] if entries else [])


def _bad_of(cache: Cache) -> List[Judged]:
    dead, entries = _of_dead_builds(cache)
    judged = [Judged(OTHER_BUILD, cache, tuple(scripts), _UNLOADED, _DEAD, one) for one, scripts in dead.items()]
    many: Dict[str, List[_Met]] = {STALE: [], OTHER_BUILD: []}
    for script in entries:
        if script.other_build == NO_BUILDS:
            continue  # an older one of a directory to which something was written since: see _suspects()
        one = _met(cache, script)
        if one.check in many and one.effect is not OLD_CODE:
            many[one.check].append(one)
        else:
            judged.append(Judged(one.check, cache, (script,), one.effect, one.cause))
    judged += [_together(cache, check, alike) for check, alike in many.items() if alike]
    return judged + _suspects(cache)


def _of_dead_builds(cache: Cache) -> Tuple[Dict[str, List[CachedScript]], List[CachedScript]]:
    """Return the entries of each directory that goes as a whole, and all the others."""
    old: Dict[str, List[CachedScript]] = {}
    dead = set(cache.dead)
    entries = [script for script in cache.scripts if script.kind == ENTRY]
    for script in entries:
        if script.build in dead and script.other_build is not None:
            old.setdefault(str(script.build), []).append(script)
    # Of more builds than are noted, as somebody may plant them, not each is counted; those are not known to be whole.
    whole = {one: scripts for one, scripts in old.items() if len(scripts) == cache.builds.get(one)}
    return whole, [script for script in entries if script.build not in whole]


class _Met(NamedTuple):
    script: CachedScript
    check: str
    effect: Effect
    cause: str


def _met(cache: Cache, script: CachedScript) -> _Met:
    """Return whose check an entry is, and the cause in words that many files share."""
    effect, by = meet(cache, script)
    if by is None and script.flaws:  # the loader looks at none of them
        by = script.flaws[0].kind
    cause = script.other_build if by in (OTHER_WORDS, OTHER_TIME) else _CAUSES.get(str(by))
    if effect.harms:
        check = CRASHING
    elif by in (OTHER_WORDS, OTHER_TIME):
        check = OTHER_BUILD
    else:
        check = STALE if by in (SCRIPT_GONE, SCRIPT_CHANGED) else CORRUPT
    return _Met(script, check, effect, cause or str(by))


_CAUSES = {
    SCRIPT_GONE: "the script that it was compiled from is gone",
    SCRIPT_CHANGED: "the script has changed since it was compiled",
    DOCUMENTED: "eAccelerator forgets to relocate the doc comment of a class in it",
    "short": "it ends within its header",
    "magic": "it does not begin as an entry does",
    "words": "the version words in its header are of no release",
    "system_id": "it bears the id of another build",
    "truncated": "it ends too early",
    "trailing": "bytes follow its end",
    "size_refused": "its header asks for more memory than PHP gives",
    "size_minus_one": "the size in its header wraps around",
    "entry_size": "its header and its entry tell different sizes",
    "mem_size": "its header asks for more memory than there is",
    "sizes": "the sizes in its header overflow",
    "split": "its header divides it at the wrong place",
    "script_offset": "its header points to the wrong place",
    "checksum": "its bytes are not those that were written",
    "zero_tail": "its end is zeros",
    "header": "its header tells another time than its entry",
    "body_timestamp": "its header tells another time than its body",
    "name": "it is of another file than its name says",
    "other_script": "it was compiled from another script",
    "structure": "its checksum is right, and its structure is not",
}


def _together(cache: Cache, check: str, alike: Sequence[_Met]) -> Judged:
    causes = sorted({one.cause for one in alike})
    return Judged(
        check, cache, tuple(one.script for one in alike), worst(one.effect for one in alike), "; or ".join(causes)
    )


_ASKED = Effect(INFO, "they were asked to go, whatever is in them")
_UNLOADED = Effect(LOW, "no installed PHP loads them, and nothing else ever removes them")
_PERHAPS_UNLOADED = Effect(LOW, "where none does, nothing ever removes them but state=absent")
_UNPROVEN = "no installed PHP is known to use it"
_DEAD = "the PHP that made the directory was replaced"


def _suspects(cache: Cache) -> List[Judged]:
    """Return what is likely of another build, and not proven."""
    doubtful = [
        Judged(OTHER_BUILD, cache, (), _PERHAPS_UNLOADED, f"{_UNPROVEN}: {one.why}", one.directory, one.entries)
        for one in cache.doubtful
    ]
    doubtful += _of_two_layouts(cache)
    if cache.engine != EACCELERATOR or cache.runtimes or len(cache.builds) < 2:
        return doubtful
    most = max(cache.builds, key=lambda build: cache.builds[build])
    cause = f"no PHP here is configured with the cache, and {most} wrote most of it, not all"
    fewer = sum(cache.builds.values()) - cache.builds[most]
    return [*doubtful, Judged(OTHER_BUILD, cache, (), RECOMPILED, cause, suspects=fewer)]


def _of_two_layouts(cache: Cache) -> List[Judged]:
    """Return the fewer of the entries that differ in nothing but doc comments: one build reads only one of both."""
    judged = []
    for plain, without in cache.layouts.items():
        documented = cache.layouts.get(plain + eaccelerator_layouts.DOCUMENTED, 0)
        if documented:
            cause = (
                f"{documented} are laid out by a build with doc comments and {without} by one without, whose versions "
                "are the same; find out which is installed, or take all away with state=absent"
            )
            judged.append(Judged(OTHER_BUILD, cache, (), MISREAD, cause, suspects=min(documented, without)))
    return judged
