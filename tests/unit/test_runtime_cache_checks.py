# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks of the caches in memory say of what pools told, and when they say that they do not know."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import (
    runtime_cache_full,
    runtime_cache_never_validates,
    runtime_cache_older_than_code,
    runtime_cache_other_release,
    runtime_cache_restart_pending_too_long,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.runtime_cache_index import SUBJECT
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_code import (
    CachedCode,
    Outdated,
    SegmentCode,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_releases import OtherRelease
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from runtime_caches import (
    CONFIGURATION,
    MASTER,
    MEGABYTE,
    NAME,
    NOW,
    answer,
    apcu,
    asked,
    caches,
    master,
    opcache,
    segment,
)

FULL, OLDER, OTHER, PENDING, NEVER = (
    runtime_cache_full,
    runtime_cache_older_than_code,
    runtime_cache_other_release,
    runtime_cache_restart_pending_too_long,
    runtime_cache_never_validates,
)
OBJECT = f"php-fpm {CONFIGURATION}"
BLIND = {"opcache.validate_timestamps": "0"}


def find(check, seen, *outdated, **said):
    """Return the verdict of a check; said: of the code of the one segment, and policy: options."""
    policy = policy_from({"runtime_cache": said.pop("policy", {})})
    code = SegmentCode(MASTER, 300, outdated, said.pop("others", ()), None, (), **said)
    facts = [CachedCode((code,)), master()] if check in (OLDER, OTHER) else [master()]
    return check.find(seen, *facts, policy)


def only(verdict):
    (finding,) = verdict.findings
    assert verdict.state == "found", verdict
    return finding


def well(settings=None, **held):
    return caches(answer(settings), opcache(**held))


@pytest.mark.parametrize("check", SUBJECT.checks, ids=lambda check: check.id)
def test_a_stock_host_is_clean(check):
    verdict = find({one.CHECK.id: one for one in (FULL, OLDER, OTHER, PENDING, NEVER)}[check.id], well())
    assert (verdict.state, verdict.reason) == ("clean", None)
    assert check.plan is None


ALL = pytest.mark.parametrize("check", [FULL, OLDER, OTHER, PENDING, NEVER])


@ALL
def test_a_segment_that_nobody_told_of_is_unknown(check):
    seen = caches(None, None, None, reason="pool www: all of its workers are busy", by=None)
    verdict = find(check, seen)
    assert (verdict.state, verdict.reason) == ("unknown", f"{NAME}: pool www: all of its workers are busy")


@ALL
def test_what_is_restricted_is_unknown(check):
    said = answer({"opcache.restrict_api": "/x"}, reasons={"opcache": "opcache.restrict_api allows only /x"})
    verdict = find(check, caches(said))
    assert (verdict.state, verdict.reason) == ("unknown", f"{NAME}: opcache.restrict_api allows only /x")


@ALL
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"opcache.enable": None}, "OPcache is not loaded"),
        ({"opcache.enable": "0"}, "switched off"),
        ({"opcache.file_cache_only": "1", **BLIND}, "opcode_cache"),
    ],
)
def test_without_opcache_there_is_nothing_to_judge(check, settings, why):
    verdict = find(check, caches(answer(settings, reasons={"opcache": "x"})))
    assert verdict.state == "not_applicable"
    assert why in verdict.reason


@ALL
def test_only_masters_of_containers_are_nothing_to_judge(check):
    seen = well()._replace(pools=(), segments=(), apart=("php-fpm 7 is not asked: it lives in a container",))
    verdict = find(check, seen)
    assert (verdict.state, verdict.reason) == ("not_applicable", seen.apart[0])


@ALL
def test_a_named_address_at_which_no_php_fpm_listens_is_unknown(check):
    stranger = asked(None, None, "127.0.0.1:80: it is not FastCGI", master=None, address="127.0.0.1:80")
    seen = well()
    verdict = find(check, seen._replace(pools=(*seen.pools, stranger)))
    assert (verdict.state, verdict.reason) == ("unknown", "127.0.0.1:80: it is not FastCGI")


@ALL
def test_what_the_facts_did_not_see_is_unknown(check):
    verdict = find(check, well()._replace(unseen=("run with become",)))
    assert (verdict.state, verdict.reason) == ("unknown", "run with become")


def test_one_segment_that_is_blind_does_not_hide_what_another_shows():
    seen = well(full=True)
    other = segment(None, None, name="php-fpm 9 (pools api)", master=9, reason="it answers garbage", by=None)
    verdict = find(FULL, seen._replace(segments=(*seen.segments, other)))
    assert (verdict.state, len(verdict.findings)) == ("unknown", 1)


# full


@pytest.mark.parametrize(("misses", "severity"), [(310, "medium"), (90_000, "high")])
def test_a_memory_that_is_full_and_does_not_restart_is_found(misses, severity):
    held = dict(full=True, used=126 * MEGABYTE, free=40_000, wasted=2 * MEGABYTE - 40_000, wasted_percent=1.53)
    finding = only(find(FULL, well(misses=misses, **held)))
    assert (finding.object, finding.severity, finding.remedy) == (f"OPcache of {OBJECT}", severity, None)
    assert "128 of 128 MB" in finding.summary
    assert "1.5 % is wasted and it restarts from 5 % on" in finding.summary
    assert "set opcache.memory_consumption=256 or more" in finding.summary
    assert finding.evidence.opcache.misses == misses


@pytest.mark.parametrize(
    ("free", "misses", "hits", "state"),
    [
        (6, 601, 59_000, "found"),
        (6, 600, 9, "clean"),
        (7, 601, 9, "clean"),
        (6, 36_000, 10_000_000, "clean"),  # well used, and looked at by fifty pools each hour of a month
    ],
)
def test_a_memory_without_place_for_larger_scripts_is_short_whatever_it_says(free, misses, hits, state):
    """Measured: 8 MB with 282 KB free, 18 scripts, 122 hits and 388 misses, and cache_full is false."""
    held = opcache(used=(128 - free) * MEGABYTE, free=free * MEGABYTE, misses=misses, hits=hits)
    verdict = find(FULL, caches(answer(), held))
    assert verdict.state == state
    assert [finding.severity for finding in verdict.findings] == ["medium"] * (state == "found")
    assert all("OPcache is nearly full (122 of 128 MB)" in finding.summary for finding in verdict.findings)


def test_a_table_that_is_full_is_told_from_a_memory_that_is():
    finding = only(find(FULL, well(full=True, keys=16229, scripts=9000)))
    assert finding.evidence.cause == FULL.KEYS
    assert (finding.evidence.setting, finding.evidence.proposed) == ("opcache.max_accelerated_files", 32458)
    assert only(find(FULL, well(full=True, keys=1048793, keys_limit=1048793))).evidence.proposed == FULL.KEYS_MOST


@pytest.mark.parametrize("waits", ["restart_pending", "restart_in_progress"])
def test_a_memory_that_is_about_to_restart_is_not_silent(waits):
    assert find(FULL, well(full=True, **{waits: True})).state == "clean"


@pytest.mark.parametrize(
    ("restarts", "setting"),
    [("out_of_memory_restarts", "opcache.memory_consumption"), ("hash_restarts", "opcache.max_accelerated_files")],
)
def test_a_memory_that_empties_itself_is_too_small(restarts, setting):
    finding = only(find(FULL, well(**{restarts: 3})))
    assert (finding.severity, finding.evidence.setting) == ("low", setting)
    assert "emptied itself 3 times since 2026-11-21 19:26:40 UTC" in finding.summary


def test_a_memory_that_no_pool_uses_is_nothing_to_judge():
    assert find(FULL, caches(answer({"opcache.enable": "0"}), opcache(enabled=False, full=True))).findings == ()


def test_interned_strings_are_full_within_a_percent():
    assert find(FULL, well(strings_used=99 * MEGABYTE, strings_free=MEGABYTE)).state == "clean"
    assert find(FULL, well(strings_used=None, strings_free=None)).state == "clean"
    finding = only(find(FULL, well(strings_used=8 * MEGABYTE - 64, strings_free=64)))
    assert (finding.object, finding.severity) == (f"interned strings of {OBJECT}", "low")
    assert "set opcache.interned_strings_buffer=16" in finding.summary


@pytest.mark.parametrize(("expunges", "severity"), [(2, "low"), (30, "medium")])
def test_apcu_that_throws_entries_away_is_too_small_whatever_opcache_is(expunges, severity):
    for settings, held in (({}, opcache()), ({"opcache.enable": "0"}, None)):
        seen = caches(answer(settings), held, apcu=apcu(expunges=expunges, started=936))
        finding = only(find(FULL, seen))
        assert (finding.object, finding.severity) == (f"APCu of {OBJECT}", severity)
        assert "since 2026-11-21 19:26:40 UTC, because its 32 MB" in finding.summary  # not what APCu 5.1.22 says
        assert "set apc.shm_size=64M" in finding.summary


def test_apcu_is_judged_where_opcache_is_off_and_unknown_where_it_is_not_seen():
    off = {"opcache.enable": "0", "apc.enabled": "1"}
    assert find(FULL, caches(answer(off), apcu=apcu())).state == "clean"
    hidden = find(FULL, caches(answer(off, reasons={"apcu": "disable_functions names apcu_cache_info"})))
    assert (hidden.state, "disable_functions names" in hidden.reason) == ("unknown", True)
    assert find(FULL, caches(answer({"apc.enabled": "0"}), opcache())).state == "clean"


# older than code


def old(path="/srv/a.php", timestamp=NOW - 9000, file_time=NOW - 600.0, used=NOW - 1, changed=NOW - 600.0):
    return Outdated(path, timestamp, file_time, used, changed)


def test_old_code_that_was_served_since_is_high_where_nobody_looks():
    seen = caches(answer(BLIND), opcache())
    finding = only(find(OLDER, seen, old(), old("/srv/b.php", used=NOW - 700), doubtful=(old("/srv/c.php"),)))
    assert (finding.object, finding.severity) == (OBJECT, "high")
    evidence = finding.evidence
    assert (evidence.outdated, evidence.served, evidence.doubtful, evidence.compared) == (2, 1, 1, 300)
    assert [one.path for one in evidence.examples] == ["/srv/a.php", "/srv/b.php"]
    assert (
        "2 of 300 cached scripts are older than what is on disk (1 served since the change), such as /srv/a.php, and 1"
        in finding.summary
    )


def test_what_a_file_cache_brings_back_is_to_be_removed_there_first():
    finding = only(find(OLDER, caches(answer(BLIND), opcache()), old(timestamp=None)._replace(stored=True)))
    assert finding.evidence.stored == 1 and finding.summary.endswith(OLDER.STORED)


def test_old_code_that_was_not_served_since_is_medium_where_nobody_looks():
    finding = only(find(OLDER, caches(answer(BLIND), opcache()), old(timestamp=None, used=NOW - 700)))
    assert (finding.severity, finding.evidence.cause) == ("medium", OLDER.KEPT)


@pytest.mark.parametrize("used", [NOW - 700, NOW - 540 - 2])
def test_what_the_next_request_looks_at_is_nothing_wrong(used):
    """opcache.revalidate_freq: for a minute nobody looks again, and old code may be served."""
    seen = caches(answer({"opcache.revalidate_freq": "60"}), opcache())
    assert find(OLDER, seen, old(used=used)).state == "clean"


def test_old_code_that_was_served_though_all_pools_look_is_medium():
    finding = only(find(OLDER, well(), old()))
    assert (finding.severity, finding.evidence.served) == ("medium", 1)


def test_one_pool_that_never_looks_is_enough():
    seen = caches(answer(), opcache())
    seen = seen._replace(pools=(*seen.pools, asked("api", answer(BLIND))))
    assert only(find(OLDER, seen, old(used=NOW - 700))).severity == "medium"
    assert only(find(OLDER, seen, old())).severity == "high"


def test_a_pool_that_does_without_opcache_has_no_say():
    seen = caches(answer(), opcache())
    seen = seen._replace(pools=(*seen.pools, asked("api", answer({"opcache.enable": "0", **BLIND}))))
    assert find(OLDER, seen, old(used=NOW - 700)).state == "clean"


def test_a_file_that_is_gone_matters_only_where_its_code_was_served_since():
    seen = caches(answer(BLIND), opcache())
    gone = old(timestamp=None, file_time=None)
    assert find(OLDER, seen, gone._replace(used=NOW - 700)).state == "clean"
    finding = only(find(OLDER, seen, gone))
    assert (finding.severity, finding.evidence.gone) == ("high", 1)


def test_preloaded_scripts_need_a_reload():
    finding = only(find(OLDER, well(), old(timestamp=None, used=None)._replace(preloaded=True)))
    assert (finding.severity, finding.evidence.preloaded) == ("medium", 1)
    assert finding.summary.endswith(OLDER.RELOAD)
    assert OLDER.RESET not in finding.summary
    both = only(find(OLDER, well(), old(timestamp=None, used=None)._replace(preloaded=True), old()))
    assert both.summary.endswith(f"{OLDER.RESET}; {OLDER.RELOAD}")


def test_what_nothing_tells_of_is_low_and_never_called_certain():
    finding = only(find(OLDER, caches(answer(BLIND), opcache()), doubtful=(old(timestamp=None),)))
    assert (finding.severity, finding.evidence.cause) == ("low", OLDER.DOUBTFUL)
    assert "1 of 300 cached scripts may be older" in finding.summary


def test_scripts_that_could_not_be_compared_are_unknown():
    verdict = find(OLDER, well(), old())
    assert verdict.state == "found"
    code = SegmentCode(MASTER, 1, (), (), None, ("2 could not be looked at",))
    verdict = OLDER.find(well(), CachedCode((code,)), master(), policy_from({}))
    assert (verdict.state, verdict.reason) == ("unknown", "2 could not be looked at")


# other release


def left(used, scripts=7):
    return OtherRelease("/srv/releases/1", "/srv/current", "/srv/releases/2", NOW - 60.0, scripts, used, "/srv/a.php")


def test_a_release_that_is_served_after_the_switch_is_high():
    finding = only(find(OTHER, well(), others=(left(NOW - 57),)))
    assert (finding.object, finding.severity) == (f"/srv/releases/1 in {OBJECT}", "high")
    assert (
        "serves the release /srv/releases/1: 7 scripts of it cached, the last served at 2026-11-21" in finding.summary
    )
    assert finding.evidence.example == "/srv/a.php"


@pytest.mark.parametrize(("used", "when"), [(NOW - 58, "as"), (NOW - 60, "before"), (None, "before")])
def test_a_release_that_nobody_was_served_since_is_low(used, when):
    finding = only(find(OTHER, well(), others=(left(used, 1),)))
    assert (finding.severity, finding.evidence.cause) == ("low", OTHER.KEPT)
    assert f"holds 1 script of the release /srv/releases/1, last served {when} /srv/current" in finding.summary


def test_a_named_link_that_says_nothing_makes_it_unknown():
    verdict = find(OTHER, well(), unlinked=("/srv/none: there is no such file",))
    assert (verdict.state, verdict.reason) == ("unknown", "/srv/none: there is no such file")
    assert find(OLDER, well(), unlinked=("x",)).state == "clean"


@pytest.mark.parametrize("check", [OTHER])
def test_without_a_list_of_scripts_no_release_is_known(check):
    seen = caches(answer(), opcache(), None, scripts_reason="a restart is pending")
    verdict = find(check, seen)
    assert (verdict.state, verdict.reason) == ("unknown", f"{NAME}: a restart is pending")


# restart pending


def test_a_restart_that_does_not_come_names_what_it_waits_for():
    held = opcache(enabled=False, restart_pending=True)
    blocked = ("worker 901 of pool www: GET /slow.php for 31.0 s", "worker 902 of pool www: GET /x for 9.0 s")
    seen = caches(answer(), held, still_pending=5.2, blocked_by=blocked)
    finding = only(find(PENDING, seen))
    assert (finding.object, finding.severity) == (OBJECT, "high")
    assert f"180 s after it was asked for OPcache kills what it waits for: {blocked[0]} and 1 more" in finding.summary
    assert finding.evidence.blocked_by == blocked
    unnamed = only(find(PENDING, caches(answer(), held, still_pending=5.2)))
    assert "what it waits for: requests that cannot be named" in unnamed.summary


def test_a_restart_that_passed_is_nothing_wrong():
    assert find(PENDING, well(restart_pending=True)).state == "clean"


# never validates


@pytest.mark.parametrize("value", ["0", "", "off", "Off", "no"])
def test_pools_that_never_look_are_named(value):
    seen = caches(answer({"opcache.validate_timestamps": value}), opcache())
    seen = seen._replace(pools=(*seen.pools, asked("api", answer()), asked("x", answer({"opcache.enable": "0"}))))
    finding = only(find(NEVER, seen))
    assert (finding.object, finding.severity) == (OBJECT, "medium")
    assert (finding.evidence.pools, finding.evidence.validating) == (("www",), ("api",))
    assert "pool www never looks" in finding.summary


def test_of_many_pools_the_first_are_named():
    seen = caches(answer(BLIND), opcache())
    many = tuple(asked(f"p{number}", answer(BLIND)) for number in range(9))
    assert "pools p0, p1, p2, p3, p4 and 4 more never look" in only(find(NEVER, seen._replace(pools=many))).summary


def test_who_says_that_deploys_reset_the_cache_means_it():
    seen = caches(answer(BLIND), opcache())
    assert find(NEVER, seen, policy={"deploys_reset_cache": True}).state == "clean"


def test_a_pool_that_did_not_answer_may_never_look_but_one_that_sleeps_serves_nothing():
    seen = well()
    busy = asked("api", None, "pool api: all of its workers are busy")
    verdict = find(NEVER, seen._replace(pools=(*seen.pools, busy)))
    assert (verdict.state, verdict.reason) == ("unknown", "pool api: all of its workers are busy")
    assert find(NEVER, seen._replace(pools=(*seen.pools, busy._replace(asleep=True)))).state == "clean"
    assert find(FULL, seen._replace(pools=(*seen.pools, busy))).state == "clean"  # others told of the same memory
