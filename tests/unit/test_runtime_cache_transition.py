# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is emptied where, when a reset is refused, and what proves it. What php-fpm really does is in tests/fleet."""

import gc
import time

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, CannotLook, Refused
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_logs, fpm_workers
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_code import (
    OtherRelease,
    Outdated,
    SegmentCode,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMaster, FpmPool
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_workers import FpmWorkers, Worker
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.runtime_cache import (
    PoolCaches,
    RuntimeCaches,
    Segment,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.worker_visits import Visits
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import (
    APCU,
    OPCACHE,
    REALPATH,
    YAC,
    Apcu,
    CachedScript,
    Link,
    Opcache,
    ProbeAnswer,
    Realpath,
    Task,
    Yac,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions import (
    runtime_cache,
    runtime_cache_state,
    runtime_cache_waits,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions.runtime_cache_state import State

PARAMS = {name: spec.get("default") for name, spec in runtime_cache.OPTIONS.items()}
PARAMS.update(allow_loss=False, wait_idle=0, newer_than=None, timeout=0)
NOW = 1795300000.0
OPCACHE_ON = Opcache(
    True, False, False, False, 9, 90, 0, 0.0, 1, 2, 1, 1, 100, 5, 1, int(NOW) - 900, 0, 0, 0, 3, 0
)  # fmt: skip
SETTINGS = {"opcache.enable": "1", "apc.enabled": "1", "yac.enable": "1", "opcache.force_restart_timeout": "180"}


def wanted(**params):
    return runtime_cache.read(dict(PARAMS, **params))


def process(pid, parent=1, started=NOW - 900):
    return Process(pid, parent, started, "php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm", (0, 0, 0), False)


def master(pid=8, pools=("www",), root="/"):
    return FpmMaster(
        process=process(pid), root=root, version="8.2.36", replaced=False, handles_hup=True,
        configuration="/etc/php/8.2/fpm/php-fpm.conf", files=(), settings={}, sources={}, pidfile=None,
        generation=NOW - 900, failure=None, unit=None, init_script=None,
        pools=tuple(FpmPool(name, {}, {}, True, f"/run/php/{name}.sock", 5) for name in pools), apart=None, unknown=(),
    )  # fmt: skip


def answer(settings=None, **told):
    one = ProbeAnswer(
        pid=9, version="8.2.36", now=NOW, settings=dict(SETTINGS, **(settings or {})), opcache=OPCACHE_ON, apcu=None,
        yac=None, realpath=Realpath(1, 1, ()), reasons={}, scripts=None, returned={}, invalidated={}, compiled=(),
    )  # fmt: skip
    return one._replace(**told)


def pool_caches(name="www", pid=8, said=None, reason=None, **changes):
    return PoolCaches(pid, name, f"/run/php/{name}.sock", said, reason, 0.01)._replace(**changes)


def segment(pid=8, pools=("www",), **changes):
    one = Segment(
        name=f"php-fpm {pid} (pools {', '.join(pools)})", master=pid, started=NOW - 900, generation=NOW - 900,
        version="8.2.36", root="/", pools=tuple(pools), by=pools[0], opcache=OPCACHE_ON, apcu=None, yac=None,
        scripts=(), scripts_reason=None, reason=None,
    )  # fmt: skip
    return one._replace(**changes)


def worker(pid=9, master=8, pool="www", idle=False, seconds=None, state=None, request=None):
    return Worker(process(pid, master), master, pool, 1, state, 1, request, seconds, None, None, idle, 1)


def state(pools=None, segments=None, masters=None, workers=(), bounds=None, **changes):
    pools = [pool_caches(said=answer())] if pools is None else pools
    segments = [segment()] if segments is None else segments
    masters = masters or {8: master()}
    seen = State(
        now=NOW, caches=RuntimeCaches(tuple(pools), tuple(segments), (), ()), masters=masters,
        workers=tuple(workers), bounds={(8, "www"): 30.0} if bounds is None else bounds, code={}, visits=(), misled={},
        warm=(), same={}, notes=(),
    )  # fmt: skip
    return seen._replace(**changes)


def plan(seen, **params):
    return runtime_cache.TRANSITION.plan(seen, wanted(**params))


def tasks(planned):
    """The verbs of a plan, and what each pool would be asked."""
    asked = [(step.verb, step.guard(Host())) for step in planned.steps]
    return [(verb, [(pool.name, task) for pool, task in guard.tasks]) for verb, guard in asked]


# One reset a memory.


def test_a_memory_is_reset_once_by_the_pool_that_told_of_it_and_by_others_only_after_it():
    pools = [pool_caches("api", said=answer()), pool_caches("www", said=answer())]
    seen = state(pools, [segment(pools=("www", "api"))], {8: master(pools=("www", "api"))}, bounds={(8, "www"): 9.0})
    assert tasks(plan(seen)) == [("reset_memory", [("www", Task(reset=(OPCACHE,))), ("api", Task(reset=(OPCACHE,)))])]


def test_what_holds_the_applications_data_is_emptied_only_where_it_is_named():
    told = dict(apcu=Apcu(1, 1, 1, 0, 7, 8, 8), yac=Yac(1, 1, 1, 1, 1, 0))
    seen = state([pool_caches(said=answer(**told))], [segment(**told)])
    assert tasks(plan(seen)) == [("reset_memory", [("www", Task(reset=(OPCACHE,)))])]
    named = plan(seen, caches=[APCU, YAC, OPCACHE])
    assert tasks(named) == [("reset_memory", [("www", Task(reset=(OPCACHE, APCU, YAC)))])]
    assert "APCu and Yac is gone for good" in named.steps[0].risk
    assert "gone for good" not in plan(seen).steps[0].risk


def test_each_pool_is_asked_for_the_caches_that_it_may_touch():
    apcu = Apcu(1, 1, 1, 0, 7, 8, 8)
    pools = [pool_caches("www", said=answer()), pool_caches("api", said=answer(opcache=None, apcu=apcu))]
    seen = state(pools, [segment(pools=("www", "api"), apcu=apcu)], {8: master(pools=("www", "api"))})
    ((verb, asked), *_unused) = tasks(plan(seen, caches=[OPCACHE, APCU], allow_loss=True))
    assert (verb, asked) == ("reset_memory", [("www", Task(reset=(OPCACHE,))), ("api", Task(reset=(APCU,)))])


def test_workers_that_no_restart_reaches_empty_their_realpath_cache_themselves():
    pools = [pool_caches("www", said=answer()), pool_caches("old", said=answer({"opcache.enable": "0"}))]
    seen = state(
        pools, [segment(pools=("www", "old"))], {8: master(pools=("www", "old"))}, bounds={(8, "www"): 9, (8, "old"): 9}
    )
    assert tasks(plan(seen))[1:] == [("clear_realpath", [("old", Task(reset=(REALPATH,)))])]
    assert [verb for verb, _unused in tasks(plan(seen, caches=[OPCACHE]))] == ["reset_memory"]
    visit = Task(reset=(REALPATH,))
    assert tasks(plan(seen, caches=[REALPATH])) == [("clear_realpath", [("www", visit), ("old", visit)])]


def test_a_master_without_opcache_has_its_workers_visited_and_that_is_said():
    off = answer({"opcache.enable": "0"}, opcache=None, reasons={OPCACHE: "switched off"})
    planned = plan(state([pool_caches(said=off)], [segment(opcache=None)]))
    assert [verb for verb, _unused in tasks(planned)] == ["clear_realpath"]
    assert "has no OPcache, or it is switched off" in planned.notes[0]


def test_what_is_on_disk_only_is_another_module_s():
    only = answer({"opcache.file_cache_only": "1"}, opcache=None)
    planned = plan(state([pool_caches(said=only)], [segment(opcache=None)]), caches=[OPCACHE])
    assert planned.steps == [] and planned.refusal is None
    assert "phpfleet.remediation.opcode_cache" in planned.notes[0]


# Newer already.


@pytest.mark.parametrize("restarted, due", [(0, True), (int(NOW) - 60, False), (int(NOW) + 2, True)])
def test_a_memory_that_is_younger_is_left_alone_unless_its_restart_is_said_to_lie_ahead(restarted, due):
    opcache = OPCACHE_ON._replace(restarted=restarted)
    seen = state([pool_caches(said=answer(opcache=opcache))], [segment(opcache=opcache)])
    assert bool(plan(seen, newer_than=str(int(NOW) - 100)).steps) is due


@pytest.mark.parametrize("waits", ["restart_pending", "restart_in_progress"])
def test_a_pending_restart_makes_a_memory_no_younger(waits):
    opcache = OPCACHE_ON._replace(restarted=int(NOW) - 60, **{waits: True})
    seen = state([pool_caches(said=answer(opcache=opcache))], [segment(opcache=opcache)])
    assert plan(seen, newer_than=str(int(NOW) - 100)).steps


def test_a_reloaded_master_is_younger_in_all_that_it_holds():
    off = answer({"opcache.enable": "0"}, opcache=None)
    seen = state([pool_caches(said=off)], [segment(opcache=None, yac=Yac(1, 1, 1, 1, 1, 0))])
    assert plan(seen, newer_than=str(int(NOW) - 1000), caches=[YAC, REALPATH]).steps == []
    assert len(plan(seen, newer_than=str(int(NOW) - 800), caches=[YAC, REALPATH]).steps) == 2


# Requests in flight.


@pytest.mark.parametrize(
    "bound, seconds, refused",
    [
        (30.0, None, None),
        (None, None, "nothing says how long it may take"),
        (None, 3.0, "nothing says how long it may take"),
        (200.0, None, "may take 200 s"),
        (200.0, 40.0, None),
        (None, 181.0, "for 181 s already"),
        (170.0, 181.0, "for 181 s already"),
    ],
)
def test_a_reset_is_refused_while_the_engine_may_kill_for_it(bound, seconds, refused):
    seen = state(workers=[worker(seconds=seconds, request="GET /a.php")], bounds={(8, "www"): bound})
    planned = plan(seen)
    assert (planned.refusal is None) is (refused is None)
    if refused is not None:
        assert refused in planned.refusal and planned.passing
        assert "worker 9 of pool www serves GET /a.php" in planned.refusal
        lossy = plan(seen, allow_loss=True)
        assert lossy.refusal is None and refused in lossy.steps[0].risk


def test_idle_workers_and_those_of_other_masters_are_not_in_flight():
    seen = state(workers=[worker(idle=True), worker(master=99), worker(state="Reading headers")], bounds={})
    assert plan(seen).refusal is None
    assert plan(state(workers=[worker(idle=None)], bounds={})).refusal is not None


@pytest.mark.parametrize(
    "forced, refused", [("0", False), ("20", True), ("31", False), ("²", False), ("9" * 999, False)]
)
def test_how_long_the_engine_waits_is_the_pool_s_own_word(forced, refused):
    said = answer({"opcache.force_restart_timeout": forced})
    assert bool(plan(state([pool_caches(said=said)], workers=[worker()])).refusal) is refused


def test_what_does_not_restart_opcache_waits_for_nobody():
    apcu = Apcu(1, 1, 1, 0, 7, 8, 8)
    seen = state([pool_caches(said=answer(apcu=apcu))], [segment(apcu=apcu)], workers=[worker()], bounds={})
    assert plan(seen, caches=[APCU]).refusal is None
    pending = OPCACHE_ON._replace(restart_pending=True)  # another has asked for it, so nothing gets worse
    assert plan(state(segments=[segment(opcache=pending)], workers=[worker()], bounds={})).refusal is None


def test_just_before_a_reset_whose_requests_nothing_bounds_there_has_to_be_a_moment_without_any(monkeypatch):
    looks = []

    def gather(host, policy):
        looks.append(host)
        return FpmWorkers((worker(idle=len(looks) >= idle_from),), (), ())

    monkeypatch.setattr(runtime_cache_waits.fpm_masters, "gather", lambda host, policy: None)
    monkeypatch.setattr(runtime_cache_waits.fpm_workers, "gather", gather)
    monkeypatch.setattr(runtime_cache_waits, "PAUSE", 0.0)
    idle_from = 3
    (step,) = plan(state(bounds={(8, "www"): None})).steps
    assert step.guard(Host()).master == master() and len(looks) == 3
    idle_from = 1000
    with pytest.raises(CannotAct, match="requests came in"):
        step.guard(Host())
    del looks[:]
    plan(state(bounds={(8, "www"): 30.0})).steps[0].guard(Host())
    plan(state(bounds={(8, "www"): None}), allow_loss=True).steps[0].guard(Host())
    assert looks == []


@pytest.mark.parametrize(
    "bound, timeout, seconds", [(None, 0, 5.0), (10.0, 0, 15.0), (3600.0, 0, 35.0), (3600.0, 90, 90.0)]
)
def test_a_busy_worker_is_not_waited_for_for_ever(bound, timeout, seconds):
    seen = state(bounds={(8, "www"): bound})
    assert runtime_cache_state.visit_seconds(seen, wanted(timeout=timeout)) == seconds


def test_a_step_waits_as_long_as_requests_may_take():
    assert plan(state()).steps[0].seconds == 60.0
    assert plan(state(bounds={(8, "www"): None})).steps[0].seconds == 210.0
    assert plan(state(), timeout=7).steps[0].seconds == 7.0


# Scripts and warming.


def test_scripts_are_forgotten_and_nothing_is_reset():
    seen = state(same={(8, "/srv/a"): ("/srv/a/1.php", "/srv/a/2.php")}, workers=[worker()], bounds={})
    planned = plan(seen, scripts=["/srv/a"])
    assert tasks(planned) == [("invalidate_scripts", [("www", Task(invalidate=("/srv/a/1.php", "/srv/a/2.php")))])]
    nothing = plan(state(), scripts=["/srv/a"])
    assert nothing.steps == [] and "has nothing cached of /srv/a" in nothing.notes[0]


def test_scripts_that_cannot_be_listed_are_no_success():
    seen = state(segments=[segment(scripts=None, scripts_reason="it is too long")])
    assert "it is too long" in plan(seen, scripts=["/srv/a"]).refusal


def test_after_a_reset_all_files_are_compiled_and_without_one_those_that_are_not_cached():
    seen = state(warm=("/srv/1.php", "/srv/2.php"), same={(8, "/srv/1.php"): ("/srv/1.php",)})
    assert tasks(plan(seen))[1] == ("compile_scripts", [("www", Task(compile=("/srv/1.php", "/srv/2.php")))])
    assert tasks(plan(seen, caches=[])) == [("compile_scripts", [("www", Task(compile=("/srv/2.php",)))])]


def test_files_are_known_by_whatever_links_lead_to_them(tmp_path):
    release = tmp_path / "releases" / "2"
    (release / "src").mkdir(parents=True)
    (release / "src" / "a.php").write_text("<?php")
    (tmp_path / "current").symlink_to(release)
    cached = (f"{release}/src/a.php", f"{release}/src/gone.php", f"{tmp_path}/srcery.php")
    seen = state(segments=[segment(scripts=tuple(CachedScript(path, 1, 1) for path in cached))])
    named = wanted(scripts=[f"{tmp_path}/current/src", f"{tmp_path}/src", f"{release}/src/gone.php"])
    (tmp_path / "start.php").symlink_to(release / "src" / "a.php")
    warm = (f"{tmp_path}/current/src/a.php", f"{tmp_path}/start.php")
    same = runtime_cache_state._same(Host(), named, seen._replace(warm=warm))
    assert same == {
        (8, warm[0]): (cached[0],),
        (8, warm[1]): (cached[0],),
        (8, f"{tmp_path}/current/src"): cached[:2],
        (8, f"{tmp_path}/src"): (),
        (8, f"{release}/src/gone.php"): (cached[1],),
    }


def seconds(times, directory):
    """How long it takes to find so many files among so many cached ones, all of one name."""
    paths = [f"{directory}/{number}/index.php" for number in range(times)]
    seen = state(segments=[segment(scripts=tuple(CachedScript(path, 1, 1) for path in paths))], warm=tuple(paths))
    gc.disable()  # a collection would go through all that other tests have left, too
    try:
        began = time.process_time()
        assert len(runtime_cache_state._same(Host(), wanted(), seen)) == times
        return time.process_time() - began
    finally:
        gc.enable()


def test_many_files_are_found_among_many_scripts_in_time(tmp_path):
    few, many = (min(seconds(times, tmp_path) for _unused in range(3)) for times in (500, 16 * 500))
    assert many < 60 * max(few, 0.001)


def test_a_cached_path_that_is_gone_is_no_other_file(tmp_path):
    cached = (f"{tmp_path}/a.php", f"{tmp_path}/b.php")
    seen = state(segments=[segment(scripts=tuple(CachedScript(path, 1, 1) for path in cached))], warm=cached[:1])
    assert runtime_cache_state._same(Host(), wanted(), seen) == {(8, cached[0]): cached[:1]}


# Who cannot be asked.


def test_what_cannot_be_asked_keeps_nothing_else_from_being_emptied():
    pools = [pool_caches(said=answer()), pool_caches("b", pid=7, reason="/run/php/b.sock: nobody listens")]
    segments = [segment(), segment(pid=7, pools=("b",), by=None, opcache=None, reason="nobody listens")]
    seen = state(pools, segments, {8: master(), 7: master(7, ("b",))})
    planned = plan(seen)
    assert [step.object for step in planned.steps] == ["OPcache of " + segments[0].name]
    assert "nobody listens" in planned.notes[0]
    doubts = runtime_cache.prove(
        seen, seen._replace(caches=seen.caches._replace(segments=(after(), segments[1]))), wanted()
    )
    assert doubts == ["php-fpm 7: /run/php/b.sock: nobody listens"]  # once


def test_a_master_that_can_be_asked_too_late_is_not_done_either():
    shut, later = pool_caches(reason="busy"), pool_caches(said=answer())
    before = state([shut], [segment(by=None, opcache=None, reason="busy")])
    (doubt,) = runtime_cache.prove(before, state([later], [after()]), wanted())
    assert "busy; nothing was done there" in doubt


def test_a_pool_that_cannot_be_asked_leaves_workers_that_need_a_reload():
    pools = [pool_caches(said=answer()), pool_caches("b", reason="it is down")]
    masters = {8: master(pools=("www", "b"))}
    visits = Visits(8, "www", {9: answer()}, [], None)
    workers = [worker(9, idle=True), worker(10, pool="b", idle=True)]
    seen = state(pools, [after()], masters, workers, visits=[visits])
    (needed,) = runtime_cache.more(state(pools, masters=masters), seen, wanted())["reload_needed"]
    assert (needed.master, needed.pools, needed.workers) == (8, ("b",), (10,)) and "it is down" in needed.why
    (shown,) = runtime_cache.show(seen).segments
    assert (shown.workers, shown.workers_proven) == (2, 1)


def test_nothing_is_called_done_where_none_can_be_asked():
    seen = state([pool_caches(reason="its workers are all busy")], [segment(by=None, opcache=None, reason="busy")])
    planned = plan(seen)
    assert "its workers are all busy" in planned.refusal and planned.passing and not planned.steps


def test_a_rest_that_cannot_be_asked_is_no_success_either():
    seen = state([pool_caches(said=answer()), pool_caches("b", reason="it is down")])
    assert "it is down" in plan(seen, newer_than=str(int(NOW) - 1000)).refusal


def test_a_pool_that_sleeps_is_no_trouble():
    seen = state([pool_caches(said=answer()), pool_caches("b", reason="no worker", asleep=True)])
    assert plan(seen).notes == []
    assert "b" not in str(runtime_cache.show(seen).unreached)


def test_what_php_forbids_is_said_and_fails():
    shut = answer(opcache=None, reasons={OPCACHE: "restricted by opcache.restrict_api"})
    seen = state([pool_caches(said=shut)], [segment(opcache=None)])
    assert "restrict_api" in plan(seen, caches=[OPCACHE]).refusal
    planned = plan(seen)
    assert [step.verb for step in planned.steps] == ["clear_realpath"]
    assert "restrict_api" in planned.notes[0]
    assert any("restrict_api" in doubt for doubt in runtime_cache.prove(seen, seen, wanted()))


# Proof.


def after(**changes):
    opcache = OPCACHE_ON._replace(restarted=int(NOW), manual_restarts=4)
    return segment(opcache=opcache._replace(**changes))


def prove(seen, asked=None, **changes):
    before = state(**changes)
    return list(runtime_cache.prove(before, seen, asked or wanted()))


def test_a_restart_that_happened_is_proven():
    assert prove(state(segments=[after()])) == []


@pytest.mark.parametrize(
    "seen, says",
    [
        (after(manual_restarts=3), "did not restart"),
        (after(restart_pending=True), "pending"),
        (after(restart_in_progress=True), "pending"),
        (segment(opcache=None), "cannot be seen"),
    ],
)
def test_a_restart_that_is_not_seen_is_not_proven(seen, says):
    (doubt,) = prove(state(segments=[seen]))[:1]
    assert says in doubt


def test_a_restart_of_which_only_one_of_its_pools_tells_is_not_proven():
    both = {8: master(pools=("www", "api"))}
    restarted = OPCACHE_ON._replace(manual_restarts=4)

    def seen(opcache, by_api):
        pools = [pool_caches(said=answer(opcache=opcache)), pool_caches("api", said=answer(opcache=by_api))]
        return state(pools, [segment(pools=("www", "api"), opcache=opcache)], both)

    before = seen(OPCACHE_ON, OPCACHE_ON)
    assert runtime_cache.prove(before, seen(restarted, restarted), wanted()) == []
    assert runtime_cache.prove(before, seen(restarted, None), wanted()) == []
    (doubt,) = runtime_cache.prove(before, seen(restarted, OPCACHE_ON), wanted())
    assert doubt.endswith("pool api sees no restart of OPcache, of which pool www tells")


def test_who_holds_a_restart_up_is_named():
    seen = after(restart_pending=True)._replace(blocked_by=("worker 9 of pool www: GET /a.php for 40.0 s",))
    assert "GET /a.php for 40.0 s" in prove(state(segments=[seen]))[0]


def test_a_master_that_is_gone_is_not_proven_and_one_that_was_reloaded_is_new():
    assert "does not run any more" in prove(state(segments=[]))[0]
    reloaded = segment(generation=NOW + 1, opcache=OPCACHE_ON._replace(manual_restarts=0, started=int(NOW) + 1))
    assert prove(state(segments=[reloaded])) == []


def code(outdated=(), others=()):
    return {8: SegmentCode(8, 10, tuple(outdated), tuple(others), None, ())}


@pytest.mark.parametrize("used, doubted", [(int(NOW), True), (int(NOW) - 1, False), (None, False)])
def test_old_code_that_was_compiled_again_is_no_success(used, doubted):
    other = OtherRelease(
        "/srv/releases/1", "/srv/current", "/srv/releases/2", NOW - 9, 3, used, "/srv/releases/1/a.php"
    )
    old = Outdated("/srv/b\x1b.php", 1, 2.0, used, 2.0)
    doubts = prove(state(segments=[after()], code=code([old], [other])))
    assert len(doubts) == (2 if doubted else 0)
    assert all(says in doubt for says, doubt in zip([r"/srv/b\x1b.php", "/srv/releases/1 is served still"], doubts))


def test_old_code_that_a_file_cache_brings_back_is_no_success_though_nobody_was_served_it_yet():
    back = Outdated("/srv/b.php", None, 2.0, int(NOW) - 60, 2.0, stored=True)
    beside = {"opcache.file_cache": "/var/opcache", "opcache.validate_timestamps": "0"}
    before = state([pool_caches(said=answer(beside))], code=code([back]))
    (doubt,) = runtime_cache.prove(before, state(segments=[after()]), wanted())
    assert "/srv/b.php" in doubt and "opcode_cache with state=absent" in doubt
    assert doubt in plan(before).notes, "it is known before"
    assert len(prove(state(segments=[after()], code=code([back._replace(used=int(NOW))])))) == 1, "said once"
    assert runtime_cache.prove(before, state(segments=[after()]), wanted(caches=[REALPATH])) == []


def test_that_a_file_cache_may_bring_more_back_than_was_in_memory_is_said():
    maybe = Outdated("/srv/b.php", None, 2.0, int(NOW) - 60, 2.0, stored=True)
    held = {8: code()[8]._replace(doubtful=(maybe, maybe._replace(path="/srv/c.php", stored=False)))}
    beside = {"opcache.file_cache": "/var/opcache", "opcache.validate_timestamps": "0"}
    (note,) = plan(state([pool_caches(said=answer(beside))], code=held)).notes
    assert "file_cache (/var/opcache)" in note and "less 1 that may be old: /srv/b.php;" in note
    assert "less" not in plan(state([pool_caches(said=answer(beside))], code=code())).notes[0]
    assert not plan(state([pool_caches(said=answer(dict(beside, **{"opcache.validate_timestamps": "1"})))])).notes


@pytest.fixture
def busy_once(monkeypatch):
    """Workers that are seen busy some times, and idle from then on."""

    def be(times):
        looks = iter([False] * times)

        def gather(host, policy):
            return fpm_workers.FpmWorkers((worker(idle=next(looks, True)),), (), ())

        monkeypatch.setattr(fpm_workers, "gather", gather)
        monkeypatch.setattr(Host, "pause", lambda host, seconds: None)
        return runtime_cache_state._workers(Host("/nonexistent"), wanted().policy)[0].idle

    return be


def test_a_worker_that_has_just_answered_our_question_serves_no_request(busy_once):
    assert busy_once(0) is True
    assert busy_once(3) is True
    assert busy_once(60) is False, "a request is one for longer than that"


@pytest.mark.parametrize(
    "now, proven",
    [
        (Apcu(4, 9, 9, 0, 700, 8, 8), False),
        (Apcu(4, 9, 9, 0, 49840, 8, 8), True),  # it says the seconds since the boot, once it was emptied
        (Apcu(0, 9, 9, 0, 700, 8, 8), True),
        (Apcu(4, 1, 1, 0, 700, 8, 8), True),
    ],
)
def test_apcu_is_emptied_when_it_begins_anew_or_forgets_its_entries_or_counters(now, proven):
    old = Apcu(4, 5, 5, 0, 700, 8, 8)
    pools = [pool_caches(said=answer(apcu=old))]
    doubts = prove(state(pools, [segment(apcu=now)]), wanted(caches=[APCU]), pools=pools, segments=[segment(apcu=old)])
    assert ([] if proven else ["not emptied"]) == [says for says in ("not emptied",) if says in " ".join(doubts)]


def test_files_that_are_not_cached_afterwards_are_named():
    seen = state(segments=[after()], warm=("/srv/1.php", "/srv/2.php"), same={(8, "/srv/1.php"): ("/srv/1.php",)})
    (doubt,) = prove(seen, warm=("/srv/1.php", "/srv/2.php"))
    assert "not cached: /srv/2.php" in doubt


def test_the_second_look_visits_only_whom_the_reset_was_about():
    asked = runtime_cache.again(state(), wanted())
    assert (asked.reset, asked.visited) == ({8}, {8})
    asked = runtime_cache.again(state(), wanted(caches=[OPCACHE]))
    assert (asked.reset, asked.visited) == ({8}, set())
    asked = runtime_cache.again(state(), wanted(caches=[REALPATH]))
    assert (asked.reset, asked.visited) == (set(), {8})


def test_workers_that_were_not_met_need_a_reload_and_are_counted():
    met = Visits(8, "www", {9: answer()}, [process(10, 8)], "they serve requests")
    seen = state(segments=[after()], visits=[met], workers=[worker(9, idle=True), worker(10)])
    (needed,) = runtime_cache.more(state(), seen, wanted())["reload_needed"]
    assert (needed.master, needed.pools, needed.workers) == (8, ("www",), (10,))
    (shown,) = runtime_cache.show(seen).segments
    assert (shown.workers, shown.workers_proven) == (2, 1)
    (unseen,) = runtime_cache.show(state()).segments
    assert (unseen.workers, unseen.workers_proven) == (None, None)


def test_a_worker_that_looks_up_a_link_as_it_was_is_not_proven(tmp_path):
    for name in "12":
        (tmp_path / name).mkdir()
    current = tmp_path / "current"
    current.symlink_to(tmp_path / "2")

    def misled(target, **changes):
        links = (Link(str(current), str(tmp_path / target)),)
        visits = Visits(8, "www", {9: answer(realpath=Realpath(1, 1, links))}, [], None)
        return runtime_cache_state._misled(Host(), state(**changes), [visits])

    assert misled("2") == {} and misled("1", masters={8: master(root="/jail")}) == {}
    jailed = FpmPool("www", {"chroot": "/srv/jail"}, {}, True, "/run/php/www.sock", 5)
    assert misled("1", masters={8: master()._replace(pools=(jailed,))}) == {}
    found = misled("1")
    assert list(found) == [9] and str(tmp_path / "1") in found[9]
    visits = Visits(8, "www", {9: answer()}, [], None)
    seen = state(segments=[after()], visits=[visits], misled=found, workers=[worker(9, idle=True)])
    assert [one.workers for one in runtime_cache.more(state(), seen, wanted())["reload_needed"]] == [(9,)]
    assert runtime_cache.show(seen).segments[0].workers_proven == 0


def test_what_is_preloaded_needs_a_reload_and_is_said_before():
    preloaded = segment(opcache=OPCACHE_ON._replace(preloaded=12))
    (needed,) = runtime_cache.more(state(segments=[preloaded]), None, wanted())["reload_needed"]
    assert "preloaded scripts (12" in needed.why
    assert runtime_cache.more(state(segments=[preloaded]), None, wanted(caches=[REALPATH])) == dict(reload_needed=[])


# Options.


@pytest.mark.parametrize(
    "params, says",
    [
        (dict(newer_than="99999999999"), "has not come"),
        (dict(scripts=["/srv"], newer_than="1"), "nothing is reset"),
        (dict(scripts=["/srv"], caches=[APCU]), "caches"),
        (dict(scripts=["/"]), "leave out scripts"),
        (dict(scripts=["srv"]), "absolute"),
        (dict(warm=["a.php"]), "warm: 'a.php'"),
    ],
)
def test_what_makes_no_sense_is_refused(params, says):
    with pytest.raises(Refused, match=says):
        wanted(**params)


def test_a_list_of_files_is_read_from_the_host(tmp_path):
    listed = tmp_path / "list"
    listed.write_text("/srv/1.php\n\n/srv/2.php\r\n/srv/1.php\n")
    asked = wanted(warm=["/srv/0.php"], warm_list=str(listed))
    assert runtime_cache_state._warm(Host(), asked) == ("/srv/0.php", "/srv/1.php", "/srv/2.php")
    listed.write_text("srv/1.php\n")
    with pytest.raises(CannotLook, match="not an absolute path"):
        runtime_cache_state._warm(Host(), asked)


def test_what_php_fpm_logs_is_told_without_its_routine(monkeypatch):
    lines = [
        "[22-Nov-2026 12:16:11] NOTICE: [pool one] child 7 started",
        "[22-Nov-2026 12:16:11] WARNING: [pool one] a",
    ]
    monkeypatch.setattr(fpm_logs, "recent", lambda host, master, since: lines)
    assert runtime_cache.tell(Host(), state(), NOW) == [f"log: {lines[1]}"]
