# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pools are asked what they hold in memory, and what is made of their answers.

The answers are made by hand: how a real pool is asked is in test_pool_probe.py and tests/fleet/test_runtime_cache.py.
"""

import contextlib
import threading
import time
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, NotApplicable
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import (
    cached_code,
    fpm_masters,
    fpm_workers,
    pool_probe,
    runtime_cache,
    runtime_cache_asking,
    runtime_cache_overview,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_code import (
    CachedCode,
    Outdated,
    SegmentCode,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_releases import OtherRelease
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import (
    FpmMaster,
    FpmMasters,
    FpmPool,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_orphans import Orphan
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_workers import FpmWorkers, Worker
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.runtime_cache import RuntimeCaches
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import fastcgi
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import (
    Apcu,
    CachedScript,
    Link,
    Opcache,
    ProbeAnswer,
    Realpath,
    Task,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

OPCACHE = Opcache(
    enabled=True, full=False, restart_pending=False, restart_in_progress=False, used=9 << 20, free=119 << 20, wasted=0,
    wasted_percent=0.0, strings_used=1, strings_free=2, scripts=2, keys=3, keys_limit=16229, hits=5, misses=2,
    started=100, restarted=0, out_of_memory_restarts=0, hash_restarts=0, manual_restarts=0, preloaded=0,
)  # fmt: skip
PENDING = OPCACHE._replace(enabled=False, restart_pending=True)
APCU = Apcu(entries=1, hits=2, misses=3, expunges=0, started=1000, memory=32 << 20, free=31 << 20)
SCRIPTS = (CachedScript("/srv/a.php", 50, 60), CachedScript("/srv/b.php", 51, 61))
ANSWER = ProbeAnswer(
    pid=500, version="8.2.1", now=1000.0, settings={"opcache.validate_timestamps": "1"}, opcache=OPCACHE, apcu=None,
    yac=None, realpath=Realpath(1, 1, (Link("/srv/current", "/srv/releases/1"),)), reasons={"apcu": "no extension"},
    scripts=None, returned={}, invalidated={}, compiled=(),
)  # fmt: skip


class Pool:
    """A pool of a test: what it answers, one after the other and the last for good, or the reason why it does not."""

    def __init__(self, *answers: Any, lists: Any = SCRIPTS) -> None:
        self.answers = list(answers) or [ANSWER]
        self.lists = lists
        self.asked: List[Task] = []
        self.opened = 0

    def ask(self, task: Task, seconds: float) -> ProbeAnswer:
        self.asked.append(task)
        answer = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        for one in (self.lists if task.scripts else None, answer):
            if isinstance(one, Exception):
                raise one
        return answer._replace(scripts=self.lists) if task.scripts and answer.opcache else answer


class Look:
    """A look at masters, whose pools answer by name: ``www`` of any master, or ``60/www`` of master 60."""

    def __init__(self, monkeypatch: Any, masters: List[FpmMaster], pools: Dict[str, Pool], **described: Any) -> None:
        self.pools = pools
        every = [(one.process.pid, pool.name) for one in masters for pool in one.pools]
        manned = described.pop("manned", every)
        workers = [
            {"pid": 5000 + number, "parent": pid, "title": f"php-fpm: pool {name}"}
            for number, (pid, name) in enumerate(manned)
        ]
        self.host = DescribedHost({"processes": workers, **described})
        self.host._gathered[fpm_masters.gather] = (FpmMasters(tuple(masters), (), (), True, ()), None)
        monkeypatch.setattr(pool_probe, "opened", self.opened)

    @contextlib.contextmanager
    def opened(self, host: Any, policy: Any, its: FpmMaster, pool: FpmPool) -> Any:
        given = self.pools.get(f"{its.process.pid}/{pool.name}") or self.pools[pool.name]
        given.opened += 1
        yield given

    def gather(self, **options: Any) -> RuntimeCaches:
        return runtime_cache.gather(self.host, policy_from({"runtime_cache": dict(options, probe=True)}))


def master(pid: int, *pools: Tuple[str, str], pm: str = "static", **fields: Any) -> FpmMaster:
    process = Process(pid, 1, 1000.0, "php-fpm8.2", "/usr/sbin/php-fpm8.2", "", (0, 0, 0), False)
    empty: Dict[str, Any] = dict.fromkeys(FpmMaster._fields)
    named = dict(empty, **dict(dict(process=process, root="/", version="8.2.0", unknown=()), **fields))
    made = tuple(FpmPool(name, {"pm": pm}, {}, True, address, 7) for name, address in pools)
    return FpmMaster(**dict(named, pools=made))


WWW = ("www", "/run/php/www.sock")
API = ("api", "/run/php/api.sock")
TCP = ("tcp", "127.0.0.1:9000")
ANY = ("any", "*:9001")


def test_pools_are_not_asked_unless_that_is_wanted(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool()})
    with pytest.raises(NotApplicable, match="set `probe: true`"):
        runtime_cache.gather(look.host, policy_from({}))
    assert look.pools["www"].opened == 0


def test_there_is_nothing_to_ask_without_php_fpm(monkeypatch: Any) -> None:
    with pytest.raises(NotApplicable, match="no php-fpm runs"):
        Look(monkeypatch, [], {}).gather()


def test_php_fpm_that_could_not_be_seen_is_not_absent(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [], {})
    look.host._gathered[fpm_masters.gather] = (FpmMasters((), (), (), False, ("there may be more of it",)), None)
    with pytest.raises(CannotLook, match="there may be more"):
        look.gather()


def test_only_root_asks(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool()}, root=False)
    with pytest.raises(CannotLook, match="run with become"):
        look.gather()
    assert look.pools["www"].opened == 0


def test_the_pools_of_one_master_share_a_segment_and_one_of_them_lists_its_scripts(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW, API), master(60, TCP)], {name: Pool() for name in ("www", "api", "tcp")})
    seen = look.gather()
    assert [one.name for one in seen.segments] == ["php-fpm 45 (pools www, api)", "php-fpm 60 (pool tcp)"]
    assert [(one.by, one.opcache, one.scripts, one.reason) for one in seen.segments] == [
        ("www", OPCACHE, SCRIPTS, None),
        ("tcp", OPCACHE, SCRIPTS, None),
    ]
    assert [(one.master, one.pool, one.address) for one in seen.pools] == [(45, *WWW), (45, *API), (60, *TCP)]
    assert all(one.answer == ANSWER and one.reason is None for one in seen.pools)
    listings = {name: sum(task.scripts for task in pool.asked) for name, pool in look.pools.items()}
    assert listings == {"www": 1, "api": 0, "tcp": 1}


def test_what_one_pool_fails_at_is_no_other_pools_failure(monkeypatch: Any) -> None:
    pools = {"www": Pool(CannotLook("www is saturated")), "api": Pool(RuntimeError("a bug of ours")), "tcp": Pool()}
    seen = Look(monkeypatch, [master(45, WWW, API, TCP)], pools).gather()
    assert [one.answer is None for one in seen.pools] == [True, True, False]
    assert seen.pools[0].reason == "www is saturated"
    assert "the collection itself failed" in (seen.pools[1].reason or "") and "a bug of ours" in seen.pools[1].reason
    assert (seen.segments[0].by, seen.segments[0].scripts) == ("tcp", SCRIPTS)


def test_where_no_pool_answers_the_segment_says_why(monkeypatch: Any) -> None:
    pools = {"www": Pool(CannotLook("www is saturated")), "api": Pool(CannotLook("api is down"))}
    (segment,) = Look(monkeypatch, [master(45, WWW, API)], pools).gather().segments
    assert (segment.by, segment.opcache, segment.scripts) == (None, None, None)
    assert segment.reason == "www is saturated (and 1 more that gave no answer)"
    assert segment.version == "8.2.0"


def test_a_master_whose_pools_are_not_known_is_a_segment_that_nobody_tells_of(monkeypatch: Any) -> None:
    (segment,) = Look(monkeypatch, [master(45, unknown=("no path in its title",))], {}).gather().segments
    assert (segment.name, segment.reason) == ("php-fpm 45 (no pool is known)", "no path in its title")


def test_a_pool_that_may_not_tell_of_opcache_leaves_it_to_the_next(monkeypatch: Any) -> None:
    restricted = ANSWER._replace(opcache=None, apcu=APCU, reasons={"opcache": "restrict_api"})
    look = Look(monkeypatch, [master(45, WWW, API)], {"www": Pool(restricted), "api": Pool()})
    (segment,) = look.gather().segments
    assert (segment.by, segment.opcache, segment.apcu, segment.scripts) == ("api", OPCACHE, APCU, SCRIPTS)
    assert not any(task.scripts for task in look.pools["www"].asked)


def test_a_pool_with_opcache_off_leaves_it_to_one_that_uses_the_memory(monkeypatch: Any) -> None:
    off = ANSWER._replace(opcache=OPCACHE._replace(enabled=False))
    look = Look(monkeypatch, [master(45, WWW, API)], {"www": Pool(off, lists=None), "api": Pool()})
    (segment,) = look.gather().segments
    assert (segment.by, segment.opcache, segment.scripts) == ("api", OPCACHE, SCRIPTS)
    assert look.pools["www"].asked == [Task()]
    look.pools["api"].answers = [CannotLook("api is down")]
    (segment,) = look.gather().segments
    assert (segment.by, segment.opcache) == ("www", off.opcache) and segment.scripts_reason is not None


def test_where_no_pool_may_tell_of_opcache_the_answers_say_why(monkeypatch: Any) -> None:
    restricted = ANSWER._replace(opcache=None, reasons={"opcache": "restrict_api"})
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool(restricted)})
    seen = look.gather()
    assert (seen.segments[0].by, seen.segments[0].opcache, seen.segments[0].reason) == ("www", None, None)
    assert shown(look).segments[0].reason == "restrict_api"


@pytest.mark.parametrize("failure", [CannotLook("it answers with more than 16 MiB"), None])
def test_scripts_that_one_pool_cannot_list_are_listed_by_another(monkeypatch: Any, failure: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW, API)], {"www": Pool(lists=failure), "api": Pool()})
    (segment,) = look.gather().segments
    assert (segment.by, segment.scripts, segment.scripts_reason) == ("api", SCRIPTS, None)
    look.pools["api"].lists = failure
    (segment,) = look.gather().segments
    assert (segment.by, segment.opcache, segment.scripts) == ("api", OPCACHE, None)
    assert segment.scripts_reason == ("pool api: it lists no scripts" if failure is None else str(failure))


def test_scripts_that_none_lists_are_asked_of_few(monkeypatch: Any) -> None:
    names = [f"p{number}" for number in range(10)]
    pools = {name: Pool(lists=CannotLook("too many")) for name in names}
    look = Look(monkeypatch, [master(45, *((name, f"/run/{name}.sock") for name in names))], pools)
    (segment,) = look.gather().segments
    assert segment.name == "php-fpm 45 (pools p0, p1, p2, p3, p4 and 5 more)" and segment.scripts_reason == "too many"
    assert sum(task.scripts for pool in pools.values() for task in pool.asked) == runtime_cache.LISTING_LIMIT


def test_a_pool_without_a_worker_is_not_made_to_start_one_while_another_answers(monkeypatch: Any) -> None:
    masters = [master(45, WWW, API, pm="ondemand")]
    look = Look(monkeypatch, masters, {"www": Pool(), "api": Pool()}, manned=[(45, "api"), (60, "www")])
    seen = look.gather()
    assert [(one.pool, one.asleep, one.answer is None) for one in seen.pools] == [
        ("www", True, True),
        ("api", False, False),
    ]
    assert "pool www: not asked, because it has no worker, and would start one" in (seen.pools[0].reason or "")
    assert "it shares the memory that pool api tells of" in (seen.pools[0].reason or "")
    assert look.pools["www"].opened == 0 and seen.segments[0].by == "api"


def test_of_pools_without_a_worker_some_are_asked_where_no_other_answers(monkeypatch: Any) -> None:
    names = [f"p{number}" for number in range(9)]
    masters = [master(45, *((name, f"/run/{name}.sock") for name in names), pm="ondemand")]
    pools = {name: Pool() for name in names}
    pools["p0"] = Pool(CannotLook("p0 cannot start a worker"))
    look = Look(monkeypatch, masters, pools, manned=[])
    seen = look.gather()
    assert [one.asleep for one in seen.pools] == [False, False] + [True] * 7 and seen.segments[0].by == "p1"
    for pool in pools.values():
        pool.answers = [CannotLook("no worker")]
    seen = look.gather()
    assert [one.asleep for one in seen.pools] == [False] * 3 + [True] * 6 and seen.segments[0].reason is not None


def test_named_addresses_select_pools(monkeypatch: Any) -> None:
    links = {"/run/php/link.sock": "/run/php/www.sock", "/var/run": "/run"}
    files = {path: {"kind": "socket"} for path in ("/run/php/www.sock", "/run/php/api.sock")}
    names = ("www", "api", "tcp", "any")
    look = Look(
        monkeypatch, [master(45, WWW, API), master(60, TCP, ANY)], {name: Pool() for name in names}, links=links,
        files=files,
    )  # fmt: skip

    def chosen(*addresses: str) -> List[Any]:
        return [one.pool for one in look.gather(sockets=list(addresses)).pools]

    assert chosen("/run/php/link.sock") == ["www"] == chosen("/var/run/php/www.sock")
    assert chosen("localhost:9000", "/run/php/api.sock") == ["api", "tcp"]
    assert chosen("10.0.0.5:9001") == ["any"] == chosen("9001") == chosen("[::1]:9001")
    assert [one.name for one in look.gather(sockets=["9000"]).segments] == ["php-fpm 60 (pools tcp, any)"]


def test_who_names_a_pool_without_a_worker_has_it_asked(monkeypatch: Any) -> None:
    masters = [master(45, WWW, API, pm="ondemand")]
    look = Look(monkeypatch, masters, {"www": Pool(), "api": Pool()}, manned=[(45, "api")])
    pools = look.gather(sockets=["/run/php/www.sock", "/run/php/api.sock"]).pools
    assert [(one.pool, one.asleep, one.answer) for one in pools] == [("www", False, ANSWER), ("api", False, ANSWER)]


VALUES = b"\1\x0a\0\0\0\x12\0\0\x0f\1FCGI_MPXS_CONNS0"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (VALUES, "FastCGI answers there, but of no php-fpm that is the host's own, so it is handed no script"),
        (b"HTTP/1.1 400 Bad Request", "what listens there is no php-fpm: what answers there does not speak FastCGI"),
        (b"", "what listens there is no php-fpm: the answer ends before its end"),
        (None, "no pool of a php-fpm on this host listens there: /run/other.sock: nothing listens there"),
    ],
)
def test_whoever_listens_at_an_address_of_no_pool_is_handed_nothing(monkeypatch: Any, said: Any, reason: str) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool()})
    questions = []

    def ask(address: str, request: bytes, *limits: Any) -> bytes:
        questions.append(request)
        if said is None:
            raise CannotLook(f"{address}: nothing listens there")
        answer: bytes = said
        return answer

    monkeypatch.setattr(look.host, "ask", ask)
    seen = look.gather(sockets=["/run/other.sock"])
    assert [(one.master, one.pool, one.address) for one in seen.pools] == [(None, None, "/run/other.sock")]
    assert reason in (seen.pools[0].reason or "")
    assert questions == [fastcgi.ask_values("FCGI_MPXS_CONNS")] and look.pools["www"].opened == 0
    assert seen.segments == ()


def test_a_master_that_any_user_may_have_started_is_not_asked(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, apart="eve runs it"), master(60, WWW)], {"www": Pool()})
    seen = look.gather()
    assert seen.apart == ("php-fpm 45: eve runs it",)
    assert [one.master for one in seen.segments] == [60]


def test_workers_whose_master_is_gone_serve_what_nobody_can_see(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool()})
    orphans = [
        Orphan(Process(pid, 1, 900.0, "php-fpm8.2", None, "", (33, 33, 33), False), pool, (7,) * len(at), at, "bob")
        for pid, pool, at in [(70, "sec", ("/run/sec.sock",)), (71, "sec", ("/run/sec.sock",)), (72, "shut", ())]
    ]
    seen = FpmMasters((master(45, WWW),), (), tuple(orphans), True, ())
    look.host._gathered[fpm_masters.gather] = (seen, None)
    (unseen,) = look.gather().unseen
    assert unseen.startswith("workers 70, 71 of pool sec: the master is gone, and what they serve on /run/sec.sock is")
    assert look.gather(sockets=[WWW[1]]).unseen == ()


def test_a_restart_that_waits_only_for_a_request_passes_by_being_asked(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool(answer(PENDING), answer(PENDING), answer(OPCACHE))})
    (segment,) = look.gather().segments
    assert (segment.opcache, segment.still_pending, segment.blocked_by) == (OPCACHE, None, ())
    assert segment.scripts == SCRIPTS


def worker(pid: int, request: Any, seconds: Any, **fields: Any) -> Worker:
    process = Process(pid, 45, 1000.0, "php-fpm8.2", None, "", (33, 33, 33), False)
    state = "Running" if seconds is not None else None
    return Worker(process, 45, "www", None, state, 1, request, seconds, None, None, False, 1)._replace(**fields)


def test_a_restart_that_stays_pending_names_the_requests_that_it_waits_for(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool(answer(PENDING))})
    pauses: List[float] = []
    monkeypatch.setattr(look.host, "pause", pauses.append)
    monkeypatch.setattr(look.host, "now", lambda: 1000.0 + sum(pauses))
    workers = (
        worker(501, "GET /new.php", 1.0),
        worker(502, "GET /export.php", 9.0),
        worker(503, "POST /import.php", 212.44),
        worker(504, None, None),
        worker(505, None, None, idle=True),
        worker(506, "GET /other.php", 50.0, master=60),
        worker(507, None, 30.0, state="Reading headers"),
    )
    monkeypatch.setattr(fpm_workers, "gather", lambda host, policy: FpmWorkers(workers, (), ()))
    (segment,) = look.gather(pending_seconds=2).segments
    assert segment.still_pending == 2.0 and segment.opcache == PENDING and segment.scripts == SCRIPTS
    assert segment.blocked_by == (
        "worker 503 of pool www: POST /import.php for 212.4 s",
        "worker 502 of pool www: GET /export.php for 9.0 s",
        "worker 504 of pool www: a request of unknown age; set pm.status_path for its pool to have it told",
    )


def test_a_restart_that_stays_pending_is_waited_for_once(monkeypatch: Any) -> None:
    """While it is, no pool can list scripts, so that there is no use in asking the next one too."""
    look = Look(
        monkeypatch, [master(45, WWW, API)], {name: Pool(answer(PENDING), lists=None) for name in ("www", "api")}
    )
    (segment,) = look.gather(pending_seconds=1).segments
    assert segment.still_pending is not None and segment.opcache == PENDING
    assert (segment.scripts, segment.scripts_reason) == (None, "pool www: it lists no scripts")
    assert len(look.pools["www"].asked) == 1 + 4 + 1 and len(look.pools["api"].asked) == 1


def answer(opcache: Opcache, **fields: Any) -> ProbeAnswer:
    return ANSWER._replace(opcache=opcache, **fields)


def test_pools_are_asked_side_by_side(monkeypatch: Any) -> None:
    """One that is stuck for as long as it may be does not keep the others waiting."""
    together = threading.Barrier(3, timeout=10)

    class Stuck(Pool):
        def ask(self, task: Task, seconds: float) -> ProbeAnswer:
            if not task.scripts:
                together.wait()
            return super().ask(task, seconds)

    pools = {name: Stuck() for name in ("www", "api", "tcp")}
    seen = Look(monkeypatch, [master(45, WWW, API), master(60, TCP)], pools).gather()
    assert all(one.answer == ANSWER for one in seen.pools)


def test_asking_ends_for_all_pools_together(monkeypatch: Any) -> None:
    monkeypatch.setattr(runtime_cache_asking, "ASKING_SECONDS", -1.0)
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool()})
    assert "not asked, because the others took" in (look.gather().segments[0].reason or "")
    assert look.pools["www"].asked == []


def test_a_restart_is_waited_for_longer_than_others_may_be_asked(monkeypatch: Any) -> None:
    monkeypatch.setattr(runtime_cache_asking, "ASKING_SECONDS", 0.2)
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool(answer(PENDING), answer(PENDING), answer(OPCACHE))})
    monkeypatch.setattr(look.host, "pause", time.sleep)
    (segment,) = look.gather().segments
    assert (segment.opcache, segment.scripts) == (OPCACHE, SCRIPTS)


def shown(look: Look, *codes: SegmentCode) -> runtime_cache_overview.Overview:
    look.host._gathered[cached_code.gather] = (CachedCode(codes), None)
    return runtime_cache_overview.gather(look.host, policy_from({"runtime_cache": {"probe": True}}))


def test_what_is_shown_has_no_list_of_scripts(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW, API)], {"www": Pool(), "api": Pool(CannotLook("api is down"))})
    seen = shown(look)
    assert "/srv/a.php" not in repr(seen) and seen.segments[0].opcache == OPCACHE
    first, second = seen.pools
    assert (first.worker, first.settings["opcache.validate_timestamps"], first.reasons["apcu"]) == (
        500,
        "1",
        "no extension",
    )
    assert first.realpath is not None and first.realpath.links_examples == ("/srv/current -> /srv/releases/1",)
    assert (second.worker, second.reason, second.realpath) == (None, "api is down", None)


def test_scripts_that_could_not_be_compared_are_no_failure_of_the_rest(monkeypatch: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool()})
    look.host._gathered[cached_code.gather] = (None, CannotLook("files cannot be seen"))
    seen = runtime_cache_overview.gather(look.host, policy_from({"runtime_cache": {"probe": True}}))
    assert seen.unseen == ("files cannot be seen",) and seen.segments[0].code is None


@pytest.mark.parametrize(("said", "told"), [(1000, 1000), (999, 999), (936, None)])
def test_a_time_of_apcu_that_cannot_be_is_not_told(monkeypatch: Any, said: int, told: Any) -> None:
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool(ANSWER._replace(apcu=APCU._replace(started=said)))})
    apcu = shown(look).segments[0].apcu
    assert apcu is not None and (apcu.entries, apcu.started) == (APCU.entries, told)


def test_the_code_in_memory_is_counted_with_few_examples(monkeypatch: Any) -> None:
    outdated = tuple(Outdated(f"/srv/{number}.php", 1, 2.0, 3, 4.0) for number in range(9))
    other = OtherRelease("/srv/releases/1", "/srv/current", "/srv/releases/2", 5.0, 7, 6, "/srv/releases/1/a.php")
    code = SegmentCode(45, 20, outdated, (other,), 1, ("one is hidden",), outdated[:2], ("no link",))
    look = Look(monkeypatch, [master(45, WWW)], {"www": Pool()})
    seen = shown(look, code).segments[0].code
    assert seen is not None and (seen.compared, seen.outdated, seen.doubtful, seen.oldest) == (20, 9, 2, 1)
    assert seen.outdated_examples == tuple(one.path for one in outdated[:5])
    assert seen.releases[0]._asdict().items() <= other._asdict().items()
    assert seen.unseen == ("one is hidden", "no link")
