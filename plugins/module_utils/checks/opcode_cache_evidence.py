# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the opcode_cache checks say of the files that are theirs, and what they plan to do about them."""

import os
from typing import Callable, List, NamedTuple, Optional, Sequence, Tuple, cast

from ..facts.cached_script import EACCELERATOR, ENGINE_NAMES, OPCACHE, CachedScript
from ..facts.opcode_cache import FileSeen, Guard, OpcodeCaches
from ..facts.php_builds import Runtime
from ..formats import eaccelerator
from ..formats.flaw import Flaw
from ..model import Action, Finding, Verdict, not_applicable, verdict_over
from ..policy import ABSENT, Policy
from .opcode_cache import RELOCATED_WRONGLY, loaders, loadings
from .opcode_cache_causes import UNWANTED, Judged, judged_by

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

    file: below the cache; None where the finding stands for many. device, inode: of the script, where an eAccelerator
    entry is named for them, whatever is in it. does: what the loader does with it. modified: of the
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
    device: Optional[int]
    inode: Optional[int]
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
    return verdict_over(findings, [*seen.unseen, *(reason for cache in seen.caches for reason in cache.unseen), *blind])


def findings_of(seen: OpcodeCaches, policy: Policy, check: str) -> List[Finding]:
    """Return the findings of one check. All are judged, because they share the budget of the quarantine."""
    left = policy.opcode_cache.quarantine_limit
    findings = []
    for judged in judged_by(seen, policy):
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
    return f"{judged.cache.path}/{judged.scripts[0].path}" if judged.is_single else judged.cache.path


def _remedy(judged: Judged, guard: Guard) -> str:
    if not guard.kept:
        taken = "delete it" if judged.is_single else "delete its entries"
    else:
        taken = f"move {'it' if judged.is_single else 'its entries'} into the quarantine"
    return taken if judged.directory is None else f"{taken}, and remove the directory"


def _risk(guard: Guard) -> str:
    lost = len(guard.files) - guard.kept
    if not lost:
        return _RISK
    return f"{lost} of {len(guard.files)} files are beyond quarantine_limit: undo cannot put those back; {_RISK}"


def _summary(judged: Judged, evidence: Evidence) -> str:
    name = ENGINE_NAMES[judged.cache.engine]
    if judged.is_single:
        return f"{name}'s entry of {evidence.script or evidence.file}: {evidence.cause}; {evidence.does}"
    what = "1 entry" if evidence.files == 1 else f"{evidence.files} entries"
    return f"{_object(judged)} holds {what} of {name}: {evidence.cause}; {evidence.does}"


def _evidence(seen: OpcodeCaches, judged: Judged, guard: Guard) -> Evidence:
    cache, scripts = judged.cache, judged.scripts
    single = scripts[0] if judged.is_single else None
    users = _users(judged)
    masters = tuple(sorted({pid for runtime in users for pid in runtime.masters}))
    documented = judged.effect is RELOCATED_WRONGLY
    device, inode = _named(single) if single and cache.engine == EACCELERATOR else (None, None)
    return Evidence(
        owner=seen.users[single.stat.uid if single else cache.stat.uid],
        cause=judged.cause,
        engine=cache.engine,
        cache=cache.path,
        file=single.path if single else None,
        script=single.script if single else None,
        device=device,
        inode=inode,
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


def _named(script: CachedScript) -> Tuple[Optional[int], Optional[int]]:
    """Return the device and the inode that an eAccelerator entry is named for, if it is named for any."""
    name = eaccelerator.parse_name(os.path.basename(script.path))
    return (name.device, name.inode) if name else (None, None)


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
