# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the loader of an engine does with an entry: the severity of a finding is that, not how broken the bytes look.

The steps of each loader stand in its own order (hash_find_file in eaccelerator.c, zend_file_cache_script_load in
php-src), and the first that meets its flaw decides: a file that is thrown away for its checksum never reaches what
would crash. Measured on real builds: docs/formats/eaccelerator.md and docs/formats/opcache.md.
"""

from typing import Iterable, List, NamedTuple, Optional, Sequence, Set, Tuple

from ..facts.cached_script import CHANGED, EACCELERATOR, GONE, CachedScript
from ..facts.opcode_cache import Cache
from ..facts.php_builds import Runtime
from ..formats.php_ini import is_on
from ..model import CRITICAL, HIGH, INFO, LOW, SEVERITIES


class Effect(NamedTuple):
    """What happens when a worker loads an entry.

    harms: it crashes, hangs, or runs other code than it should. stays: what was loaded lives on in shared memory, so
    that removing the file is not the whole cure.
    """

    severity: str
    does: str
    harms: bool = False
    stays: bool = False


RECOMPILED = Effect(LOW, "the next worker that wants it throws it away and compiles the script anew")
HARMLESS = Effect(INFO, "it is loaded, and the script runs as it should")
IDLE = Effect(INFO, "nobody loads it: its script is gone")
REFUSED = Effect(HIGH, 'every request for it ends in "Allowed memory size exhausted", and the file stays for ever')
KILLED = Effect(CRITICAL, "every worker that loads it runs out of memory and exits with code 137", True)
HANGS = Effect(CRITICAL, "the worker that loads it crashes, and every other one hangs on the lock that it held", True)
CRASHES = Effect(CRITICAL, "every worker that loads it crashes, and the file stays", True)
CRASHES_SHARED = CRASHES._replace(stays=True)
MAY_CRASH = Effect(CRITICAL, "a worker that loads it may crash, hang or run other code: nothing verifies it", True)
WRONG_CODE = Effect(CRITICAL, "another script's code runs in its place, and nobody complains", True, True)
RELOCATED_WRONGLY = Effect(
    CRITICAL, "every worker crashes on it that loads it from disk, which is what each does after a restart", True, True
)
MISREAD = Effect(
    HIGH, "its version words are the installed ones, so it is loaded; where the builds differ it crashes", stays=True
)
OLD_CODE = Effect(HIGH, "the old code is served, through every reload, restart and reset", stays=True)


class Loading(NamedTuple):
    """How a runtime loads: whether it compares the script's time, verifies the checksum, and shares what it loaded."""

    validates: bool
    verifies: bool
    shares: bool


class _Step(NamedTuple):
    """kinds of flaws that a loader meets here; only: the name of a field of Loading that must be true, if any."""

    kinds: Tuple[str, ...]
    effect: Effect
    only: Optional[str] = None


# What is no flaw of the bytes, and still decides.
SCRIPT_GONE = "script gone"
SCRIPT_CHANGED = "script changed"
OTHER_WORDS = "other version words"
OTHER_TIME = "older than the installed build"
DOCUMENTED = "class with a doc comment"

_OPCACHE = (
    _Step(("short", "magic", "system_id"), RECOMPILED),
    _Step((SCRIPT_CHANGED,), RECOMPILED, "validates"),
    _Step(("mem_size",), KILLED),
    _Step(("truncated",), RECOMPILED),
    _Step(("sizes", "checksum", "zero_tail"), RECOMPILED, "verifies"),
    _Step(("script_offset",), CRASHES),
    _Step(("sizes",), CRASHES),
    _Step(("split",), CRASHES, "shares"),
    _Step(("other_script",), WRONG_CODE),
    _Step(("checksum", "zero_tail"), MAY_CRASH),
    _Step((SCRIPT_CHANGED,), OLD_CODE),
)
_EACCELERATOR = (
    _Step(("short", "magic", "words", OTHER_WORDS), RECOMPILED),
    _Step(("size_refused",), REFUSED),
    _Step(("size_minus_one",), HANGS),
    _Step(("truncated", "entry_size", "checksum", "name"), RECOMPILED),
    _Step((SCRIPT_CHANGED,), RECOMPILED, "validates"),
    _Step(("structure",), CRASHES_SHARED),
    _Step((DOCUMENTED,), RELOCATED_WRONGLY),
    _Step((OTHER_TIME,), MISREAD),
    _Step((SCRIPT_CHANGED,), OLD_CODE),
)


class Met(NamedTuple):
    """What a loader does with an entry, and by which flaw; by is None where no step of it meets any."""

    effect: Effect
    by: Optional[str]


def meet(cache: Cache, script: CachedScript) -> Met:
    """Return what the worst of the runtimes that use a cache does with one of its entries."""
    if script.source == GONE:
        return Met(IDLE, SCRIPT_GONE)
    steps = _EACCELERATOR if cache.engine == EACCELERATOR else _OPCACHE
    kinds = _kinds(script)
    met = [_first(steps, kinds, how) for how in loadings(cache, script)]
    return min(met, key=lambda one: SEVERITIES.index(one.effect.severity))


def worst(effects: Iterable[Effect]) -> Effect:
    """Return the effect of the highest severity."""
    return min(effects, key=lambda one: SEVERITIES.index(one.severity))


def loadings(cache: Cache, script: CachedScript) -> List[Loading]:
    """Return how those load an entry that may; where none is known, as a php.ini without a word on it says."""
    hows = {_loading(cache.engine, runtime) for runtime in loaders(cache, script)}
    return sorted(hows) or [Loading(True, True, True)]


def loaders(cache: Cache, script: CachedScript) -> Sequence[Runtime]:
    """Return the runtimes that load an entry: of its own build where that is known, and with their cache turned on."""
    builds = {one for runtime in cache.runtimes for one in runtime.build.system_ids}
    own = [one for one in cache.runtimes if script.build not in builds or script.build in one.build.system_ids]
    return [runtime for runtime in own if _is_active(cache.engine, runtime)] or own


def _is_active(engine: str, runtime: Runtime) -> bool:
    if engine == EACCELERATOR:
        return is_on(runtime.settings, "eaccelerator.enable", True)
    if not is_on(runtime.settings, "opcache.enable", True):
        return False
    return runtime.sapi != "cli" or is_on(runtime.settings, "opcache.enable_cli", False)


def _loading(engine: str, runtime: Runtime) -> Loading:
    settings = runtime.settings
    if engine == EACCELERATOR:
        return Loading(is_on(settings, "eaccelerator.check_mtime", True), True, True)
    return Loading(
        validates=is_on(settings, "opcache.validate_timestamps", True),
        verifies=is_on(settings, "opcache.file_cache_consistency_checks", True),
        shares=not is_on(settings, "opcache.file_cache_only", False),
    )


def _kinds(script: CachedScript) -> Set[str]:
    kinds = {flaw.kind for flaw in script.flaws}
    if script.source == CHANGED:
        kinds.add(SCRIPT_CHANGED)
    if script.other_build:
        kinds.add(OTHER_WORDS if script.unmistakable else OTHER_TIME)
    if script.documented_classes:
        kinds.add(DOCUMENTED)
    return kinds


def _first(steps: Sequence[_Step], kinds: Set[str], how: Loading) -> Met:
    for step in steps:
        if step.only is None or getattr(how, step.only):
            for kind in step.kinds:
                if kind in kinds:
                    return Met(step.effect, kind)
    return Met(HARMLESS, None)
