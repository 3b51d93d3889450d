# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks say a loader does is what real loaders did: the tables of docs/formats, row by row."""

from typing import Any, Dict

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import opcode_cache as checks
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.opcode_cache_evidence import findings_of, plan
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_script import (
    CHANGED,
    EACCELERATOR,
    ENTRY,
    GONE,
    NO_BUILDS,
    OPCACHE,
    SAME,
    CachedScript,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.opcode_cache import Cache, OpcodeCaches
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.opcode_cache_places import CONFIGURED, is_on
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.php_builds import Build, Runtime
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.flaw import Flaw
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from ansible_collections.phpfleet.remediation.plugins.module_utils.tree import Stat

ID = "1204a070cd49210ca578dc8015bee891"
STAT = Stat(0o100600, 33, 33, 1000, 10**18, 7, 1)


def runtime(sapi: str = "fpm", **settings: str) -> Runtime:
    build = Build("/usr/sbin/php-fpm8.2", "8.2.36", "API", None, None, None, 1.0, frozenset([ID]), None)
    named = {name.replace("__", "."): value for name, value in settings.items()}
    return Runtime(build, sapi, "www", "www-data", named, {}, (45,))


def cache(*scripts: CachedScript, engine: str = OPCACHE, runtimes: Any = (), **fields: Any) -> Cache:
    known: Dict[str, Any] = dict(
        path="/cache", engine=engine, origins=(CONFIGURED,), stat=STAT, runtimes=tuple(runtimes), entries=1, bytes=1,
        depth="checksum", why_depth="x", walked=0, unwalked={}, builds={ID: len(scripts)}, layouts={}, dead=(),
        doubtful=(), scripts=scripts, foreign_omitted=0, sources_unknown=0, unseen=(),
    )  # fmt: skip
    return Cache(**dict(known, **fields))


def script(*kinds: str, **fields: Any) -> CachedScript:
    flaws = tuple(Flaw(kind, None, "x") for kind in kinds)
    return CachedScript("a", STAT, ENTRY, build=ID, flaws=flaws, **dict(dict(source=SAME), **fields))


def meet(engine: str, one: CachedScript, *runtimes: Runtime) -> checks.Effect:
    return checks.meet(cache(one, engine=engine, runtimes=runtimes), one).effect


def opcache(only: int, verifies: int, validates: int = 1) -> Runtime:
    return runtime(
        opcache__file_cache_only=str(only),
        opcache__file_cache_consistency_checks=str(verifies),
        opcache__validate_timestamps=str(validates),
    )


MODES = [(only, verifies) for only in (0, 1) for verifies in (1, 0)]
R, K, C, M, W, H = (
    checks.RECOMPILED, checks.KILLED, checks.CRASHES, checks.MAY_CRASH, checks.WRONG_CODE, checks.HARMLESS
)  # fmt: skip


@pytest.mark.parametrize(
    "kind, effects",
    [
        ("short", [R, R, R, R]),
        ("magic", [R, R, R, R]),
        ("system_id", [R, R, R, R]),
        ("truncated", [R, R, R, R]),
        ("trailing", [H, H, H, H]),
        ("zero_tail", [R, M, R, M]),
        ("checksum", [R, M, R, M]),
        ("mem_size", [K, K, K, K]),
        ("sizes", [R, C, R, C]),
        ("script_offset", [C, C, C, C]),
        ("split", [C, C, H, H]),
        ("other_script", [W, W, W, W]),
    ],
)
def test_opcache_does_in_each_mode_what_was_measured(kind: str, effects: Any) -> None:
    assert [meet(OPCACHE, script(kind), opcache(*mode)) for mode in MODES] == effects


@pytest.mark.parametrize(
    "kind, effect",
    [
        ("short", checks.RECOMPILED),
        ("magic", checks.RECOMPILED),
        ("words", checks.RECOMPILED),
        ("size_refused", checks.REFUSED),
        ("size_minus_one", checks.HANGS),
        ("truncated", checks.RECOMPILED),
        ("entry_size", checks.RECOMPILED),
        ("checksum", checks.RECOMPILED),
        ("name", checks.RECOMPILED),
        ("structure", checks.CRASHES_SHARED),
        ("trailing", checks.HARMLESS),
        ("header", checks.HARMLESS),
    ],
)
def test_eaccelerator_does_what_was_measured(kind: str, effect: checks.Effect) -> None:
    assert meet(EACCELERATOR, script(kind)) == effect


def test_what_is_thrown_away_for_its_time_never_reaches_what_would_crash() -> None:
    changed = script("script_offset", source=CHANGED)
    assert meet(OPCACHE, changed, opcache(0, 1)) == checks.RECOMPILED
    assert meet(OPCACHE, changed, opcache(0, 1, validates=0)) == checks.CRASHES
    assert meet(EACCELERATOR, script("structure", source=CHANGED)) == checks.RECOMPILED
    assert meet(OPCACHE, script("script_offset", source=GONE), opcache(0, 1)) == checks.IDLE


def test_old_code_is_served_where_nobody_compares_times() -> None:
    changed = script(source=CHANGED)
    assert meet(OPCACHE, changed, opcache(0, 1, validates=0)) == checks.OLD_CODE
    assert meet(EACCELERATOR, changed, runtime(eaccelerator__check_mtime="0")) == checks.OLD_CODE


def test_the_worst_of_those_that_load_it_counts_and_who_does_not_load_it_does_not() -> None:
    flipped = script("checksum")
    careless = opcache(0, 0)
    assert meet(OPCACHE, flipped, opcache(0, 1), careless) == checks.MAY_CRASH
    turned_off = careless._replace(settings=dict(careless.settings, **{"opcache.enable": "0"}))
    assert meet(OPCACHE, flipped, opcache(0, 1), turned_off) == checks.RECOMPILED
    command_line = careless._replace(sapi="cli")
    assert meet(OPCACHE, flipped, opcache(0, 1), command_line) == checks.RECOMPILED
    another = careless._replace(build=careless.build._replace(system_ids=frozenset(["0" * 32])))
    assert meet(OPCACHE, flipped, opcache(0, 1), another) == checks.RECOMPILED


@pytest.mark.parametrize(
    "text, on", [("1", True), ("0", False), ("", False), ("On", True), ("off", False), ("-1", True), ("00", False)]
)
def test_a_setting_is_read_as_php_reads_it(text: str, on: bool) -> None:
    assert is_on({"x": text}, "x", not on) is on
    assert is_on({}, "x", on) is on


def seen(*scripts: CachedScript, **fields: Any) -> OpcodeCaches:
    return OpcodeCaches((cache(*scripts, **fields),), (), {33: "www-data"})


def test_the_budget_is_filled_with_the_worst_first() -> None:
    bad, torn = script("script_offset"), script("truncated")._replace(path="b")
    policy = policy_from({"opcode_cache": {"quarantine_limit": 1000}})
    for facts in (seen(bad, torn), seen(torn, bad)):
        (crashing,) = findings_of(facts, policy, "opcode_cache.crashing_entry")
        (corrupt,) = findings_of(facts, policy, "opcode_cache.corrupt_entry")
        assert (crashing.remedy, corrupt.remedy) == ("move it into the quarantine", "delete it")
        assert "1 of 1 files are beyond quarantine_limit" in str(corrupt.risk)
        assert plan([crashing, corrupt], policy)[1].risk == corrupt.risk


def test_each_entry_is_one_finding_of_one_check() -> None:
    scripts = (
        script("script_offset", "trailing"),
        script("checksum", source=CHANGED)._replace(path="b"),
        script(source=GONE)._replace(path="c"),
    )
    facts = seen(*scripts, runtimes=[opcache(0, 1)])
    policy = policy_from({})
    files = [
        file.path
        for check in ("crashing_entry", "corrupt_entry", "stale_entry", "other_build_entry")
        for finding in findings_of(facts, policy, "opcode_cache." + check)
        for file in finding.evidence.guard.files  # type: ignore[attr-defined]
    ]
    assert sorted(files) == ["a", "b", "c"]


def test_builds_that_are_not_counted_are_not_known_to_be_whole() -> None:
    """Of thousands of directories, which the owner of a cache can plant, not each is counted."""
    left = script(source=SAME, other_build=NO_BUILDS)
    assert findings_of(seen(left, dead=(ID,)), policy_from({}), "opcode_cache.other_build_entry")[0].remedy
    for check in ("other_build_entry", "corrupt_entry"):
        assert findings_of(seen(left, dead=(ID,), builds={}), policy_from({}), "opcode_cache." + check) == []


def test_the_masters_of_every_build_must_be_reloaded() -> None:
    other = "0" * 32
    newer = opcache(0, 1, validates=0)
    newer = newer._replace(build=newer.build._replace(system_ids=frozenset([other])), masters=(99,))
    scripts = [script(source=SAME, other_build="it is older than the PHP 8.2.36") for _unused in range(9)]
    scripts.append(scripts[0]._replace(build=other))
    facts = seen(*scripts, runtimes=[opcache(0, 1, validates=0), newer], engine=EACCELERATOR)
    (finding,) = findings_of(facts, policy_from({}), "opcode_cache.other_build_entry")
    assert finding.evidence.masters == (45, 99)  # type: ignore[attr-defined]


def test_a_reload_is_needed_only_where_a_master_shares_what_it_loaded() -> None:
    old = script(source=CHANGED)
    policy = policy_from({})

    def reload(*runtimes: Runtime) -> Any:
        (finding,) = findings_of(seen(old, runtimes=runtimes), policy, "opcode_cache.stale_entry")
        return finding.evidence.reload  # type: ignore[attr-defined]

    assert "shared memory" in reload(opcache(0, 1, validates=0))
    assert reload(opcache(1, 1, validates=0)) is None
    assert reload(opcache(0, 1, validates=0)._replace(masters=())) is None
