# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the opcode_cache checks share: each file is one check's, by what its loader does; the evidence, and the plan.

What harms or says something of its own is a finding a file. What the engines heal by themselves is one finding a cache,
for after a release there may be thousands of it.
"""

from typing import Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple, cast

from ..facts.cached_script import EACCELERATOR, ENGINE_NAMES, ENTRY, NO_BUILDS, OPCACHE, CachedScript
from ..facts.opcode_cache import Cache, FileSeen, Guard, OpcodeCaches
from ..facts.php_builds import Runtime
from ..formats import eaccelerator_layouts
from ..formats.flaw import Flaw
from ..model import INFO, LOW, Action, Finding, Verdict, found, not_applicable, unknown
from ..policy import ABSENT, Policy
from .opcode_cache import (
    DOCUMENTED,
    MISREAD,
    OLD_CODE,
    OTHER_TIME,
    OTHER_WORDS,
    RECOMPILED,
    RELOCATED_WRONGLY,
    SCRIPT_CHANGED,
    SCRIPT_GONE,
    Effect,
    loaders,
    loadings,
    meet,
    worst,
)

CRASHING = "opcode_cache.crashing_entry"
CORRUPT = "opcode_cache.corrupt_entry"
OTHER_BUILD = "opcode_cache.other_build_entry"
STALE = "opcode_cache.stale_entry"
UNWANTED = "opcode_cache.unwanted_entry"

SCRIPTS_SHOWN = 5

_RISK = "a request that comes before a script is compiled anew takes longer; undo puts back what is kept"

LIVES_ON = "what was loaded from it lives on in shared memory until php-fpm is reloaded"
LEAKED = "each worker that crashed in loading it lost 22.8 KB of shared memory, which only a reload gives back"
CURES = (
    "set eaccelerator.shm_only=1, so that nothing is loaded from disk",
    "use an eAccelerator that is built without doc comments",
)


class Evidence(NamedTuple):
    """owner: the user who owns the file, or the cache. cause: what is wrong, in words that many files share.

    file: below the cache; None where the finding stands for many. does: what the loader does with it. modified: of the
    file, of the oldest where there are many; seconds since the epoch. files, bytes: how many it stands for, scripts:
    the first of theirs. used_by: who loads it. masters: their pids. reload: why these must be reloaded too, None where
    they need not. cured: whether it stays away when the file is gone; cures: what else would help.
    """

    owner: str
    cause: str
    engine: str
    cache: str
    file: Optional[str]
    script: Optional[str]
    source: Optional[str]
    build: Optional[str]
    does: str
    flaws: Tuple[Flaw, ...]
    modified: float
    files: int
    bytes: int
    scripts: Tuple[str, ...]
    used_by: Tuple[str, ...]
    masters: Tuple[int, ...]
    reload: Optional[str]
    cured: bool
    cures: Tuple[str, ...]
    depth: str
    guard: Guard


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


def verdict(
    seen: OpcodeCaches,
    policy: Policy,
    check: str,
    blind: Callable[[OpcodeCaches], Sequence[str]] = lambda seen: (),
) -> Verdict:
    """Return the verdict of a check of entries; ``blind`` says what else it could not see."""
    if (check == UNWANTED) != (policy.opcode_cache.state == ABSENT):
        why = "state is absent, so that every entry goes, whatever is in it" if check != UNWANTED else "state is clean"
        return not_applicable(why)
    return ended(seen, findings_of(seen, policy, check), blind(seen))


def ended(seen: OpcodeCaches, findings: Sequence[Finding], blind: Sequence[str] = ()) -> Verdict:
    """Return the verdict over all that was seen; unknown where something was not, ``blind`` being more of that."""
    reasons = [*seen.unseen, *(reason for cache in seen.caches for reason in cache.unseen), *blind]
    if not reasons:
        return found(findings)
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return unknown(reasons[0] + more, findings)


def findings_of(seen: OpcodeCaches, policy: Policy, check: str) -> List[Finding]:
    """Return the findings of one check. All are judged, because they share the budget of the quarantine."""
    left = policy.opcode_cache.quarantine_limit
    findings = []
    for judged in _judged(seen, policy):
        guard = _guard(judged, left)
        if not judged.suspects:
            left -= sum(file.size for file in guard.files[: guard.kept])
        if judged.check == check:
            findings.append(_finding(seen, judged, guard))
    return findings


def plan(findings: Sequence[Finding], policy: Policy) -> List[Action]:
    """Return the action of each finding that has a remedy."""
    return [
        Action(finding.check, _verb(finding), finding.object, cast(Evidence, finding.evidence).guard, finding.risk)
        for finding in findings
        if finding.remedy
    ]


def _verb(finding: Finding) -> str:
    evidence = cast(Evidence, finding.evidence)
    return "remove_cache_directory" if evidence.guard.directory else "remove_cache_entries"


def same(action: Action, finding: Finding) -> bool:
    """Whether what is found after a change is what was to go: workers may have written new entries since."""
    before, after = cast(Guard, action.guard), cast(Evidence, finding.evidence).guard
    return not set(before.files).isdisjoint(after.files)


# Which check's each file is.


def _judged(seen: OpcodeCaches, policy: Policy) -> List[Judged]:
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


# What is said of it.


def _finding(seen: OpcodeCaches, judged: Judged, guard: Guard) -> Finding:
    evidence = _evidence(seen, judged, guard)
    return Finding(
        check=judged.check,
        object=_object(judged),
        severity=judged.effect.severity,
        summary=_summary(judged, evidence),
        evidence=evidence,
        remedy=None if judged.suspects else _remedy(judged, guard),
        risk=None if judged.suspects else _risk(guard),
    )


def _object(judged: Judged) -> str:
    if judged.directory is not None:
        return f"{judged.cache.path}/{judged.directory}"
    return f"{judged.cache.path}/{judged.scripts[0].path}" if _is_single(judged) else judged.cache.path


def _is_single(judged: Judged) -> bool:
    return judged.check in (CRASHING, CORRUPT) or judged.effect is OLD_CODE


def _remedy(judged: Judged, guard: Guard) -> str:
    if not guard.kept:
        taken = "delete it" if _is_single(judged) else "delete its entries"
    else:
        taken = f"move {'it' if _is_single(judged) else 'its entries'} into the quarantine"
    return taken if judged.directory is None else f"{taken}, and remove the directory"


def _risk(guard: Guard) -> str:
    lost = len(guard.files) - guard.kept
    if not lost:
        return _RISK
    return f"{lost} of {len(guard.files)} files are beyond quarantine_limit: undo cannot put those back; {_RISK}"


def _summary(judged: Judged, evidence: Evidence) -> str:
    name = ENGINE_NAMES[judged.cache.engine]
    if _is_single(judged):
        return f"{name}'s entry of {evidence.script or evidence.file}: {evidence.cause}; {evidence.does}"
    what = "1 entry" if evidence.files == 1 else f"{evidence.files} entries"
    return f"{_object(judged)} holds {what} of {name}: {evidence.cause}; {evidence.does}"


def _evidence(seen: OpcodeCaches, judged: Judged, guard: Guard) -> Evidence:
    cache, scripts = judged.cache, judged.scripts
    single = scripts[0] if _is_single(judged) else None
    users = _users(judged)
    masters = tuple(sorted({pid for runtime in users for pid in runtime.masters}))
    documented = judged.effect is RELOCATED_WRONGLY
    return Evidence(
        owner=seen.users[single.stat.uid if single else cache.stat.uid],
        cause=judged.cause,
        engine=cache.engine,
        cache=cache.path,
        file=single.path if single else None,
        script=single.script if single else None,
        source=single.source if single else None,
        build=single.build if single else judged.directory,
        does=judged.effect.does,
        flaws=single.flaws if single else (),
        modified=min([script.stat.mtime_ns for script in scripts] or [cache.stat.mtime_ns]) / 1e9,
        files=len(scripts) or judged.suspects,
        bytes=sum(script.stat.size for script in scripts),
        scripts=tuple(script.script for script in scripts[:SCRIPTS_SHOWN] if script.script),
        used_by=tuple(f"{one.sapi} {one.pool or ''}".strip() + f" of {one.build.program}" for one in users),
        masters=masters,
        reload=_reload(judged) if masters else None,
        cured=not documented,
        cures=CURES if documented else (),
        depth=f"{cache.depth}, because {cache.why_depth}",
        guard=guard,
    )


def _users(judged: Judged) -> List[Runtime]:
    """Return the runtimes that load the entries."""
    users: List[Runtime] = []
    for script in _one_a_build(judged) if judged.directory is None else ():
        users += [runtime for runtime in loaders(judged.cache, script) if runtime not in users]
    return users


def _one_a_build(judged: Judged) -> List[CachedScript]:
    """Return an entry of each build: who loads it does not depend on more, and there may be 100,000."""
    return list({script.build: script for script in judged.scripts}.values())


def _reload(judged: Judged) -> Optional[str]:
    if judged.cache.engine == OPCACHE and not any(
        how.shares for script in _one_a_build(judged) for how in loadings(judged.cache, script)
    ):
        return None
    if judged.effect.stays:
        return LIVES_ON
    return LEAKED if judged.cache.engine == OPCACHE and judged.effect.harms else None


def _guard(judged: Judged, budget: int) -> Guard:
    """Return the guard of the files, of which as many are kept, from the first on, as the budget in bytes allows."""
    files = tuple(_seen(script) for script in judged.scripts)
    kept = 0
    for file in files:
        budget -= file.size
        if budget < 0:
            break
        kept += 1
    return Guard(judged.cache.path, judged.cache.engine, files, judged.directory, kept)


def _seen(script: CachedScript) -> FileSeen:
    stat = script.stat
    return FileSeen(script.path, stat.device, stat.inode, stat.size, stat.mtime_ns)
