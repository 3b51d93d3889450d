# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How IPC objects are judged. Each case changes one thing in an object that is proven to be left behind."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import (
    sysv_ipc_near_limit,
    sysv_ipc_orphaned_queue,
    sysv_ipc_orphaned_segment,
    sysv_ipc_orphaned_semaphore,
    sysv_ipc_removal_pending,
    sysv_ipc_remove_ipc_hazard,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.ipc_owners import DataDirectory, Owners
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.ipc_users import Holders, Receivers
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.logind import Logind
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process, Processes
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.sysv_ipc import (
    Limits,
    Queue,
    Segment,
    SemaphoreSet,
    Table,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Semaphore
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from

NOW = 10000
LIMITS = Limits(4096, 1 << 40, 1 << 40, 250, 32000, 32, 128, 32000, 4096)
NOBODY = Owners({}, (), frozenset())
NO_RECEIVERS = Receivers({}, True)
SEGMENT = Segment(0, 0o666, 7, 4096, 42, 43, 0, 33, 33, 33, 33, 90, 91, 89)
SET = SemaphoreSet(
    0, 0o666, 7, 3, 33, 33, 33, 33, 91, 89, (Semaphore(1, 42, 0, 0), Semaphore(0, 42, 0, 0), Semaphore(0, 42, 0, 0))
)
QUEUE = Queue(0, 0o666, 7, 0, 0, 42, 43, 33, 33, 33, 33, 90, 91, 89)
USERS = {33: "www-data", 999: "postgres", 1000: "deploy", 0: "root"}


def policy(**options):
    return policy_from({"sysv_ipc": options})


def process(pid, started=50.0, uid=0, title="php-fpm: pool www", zombie=False):
    return Process(pid, 1, started, "php-fpm", "/usr/sbin/php-fpm", title, (uid, uid, uid), zombie)


def running(*processes, **changes):
    first = process(1, started=1.0, title="init")
    return Processes({one.pid: one for one in (first, *processes)}, True)._replace(**changes)


def table(*things, **changes):
    return Table(float(NOW), list(things), frozenset(), frozenset(), USERS, False)._replace(**changes)


def judge_segments(*segments, **given):
    limits, owners, processes, wanted = parts(given)
    return sysv_ipc_orphaned_segment.find(table(*segments, **given), limits, owners, processes, wanted)


def judge_sets(*sets, **given):
    limits, owners, processes, wanted = parts(given)
    return sysv_ipc_orphaned_semaphore.find(table(*sets, **given), limits, owners, processes, wanted)


def judge_queues(*queues, **given):
    receivers = given.pop("receivers", NO_RECEIVERS)
    limits, owners, processes, wanted = parts(given)
    return sysv_ipc_orphaned_queue.find(table(*queues, **given), receivers, limits, owners, processes, wanted)


def parts(given):
    return (
        given.pop("limits", LIMITS),
        given.pop("owners", NOBODY),
        given.pop("processes", running()),
        given.pop("policy", policy()),
    )


KINDS = [(judge_segments, SEGMENT), (judge_sets, SET), (judge_queues, QUEUE)]
EACH = pytest.mark.parametrize("judge, thing", KINDS, ids=["segment", "set", "queue"])


def only(verdict):
    assert verdict.state == "found", verdict
    assert len(verdict.findings) == 1
    return verdict.findings[0]


def assert_suspected(verdict, part):
    finding = only(verdict)
    assert finding.evidence.grade == "suspected"
    assert (finding.remedy, finding.risk, finding.severity) == (None, None, "low")
    assert any(part in missing for missing in finding.evidence.missing), finding.evidence.missing
    return finding


@EACH
def test_private_idle_and_all_users_dead_is_proven(judge, thing):
    finding = only(judge(thing))
    assert finding.evidence.grade == "proven"
    assert (finding.remedy, finding.severity, finding.evidence.missing) == ("remove it", "medium", ())
    assert "gone for good" in finding.risk
    assert finding.evidence.owner == "www-data"
    assert thing.object == finding.object


@EACH
def test_what_was_used_within_min_age_is_no_finding(judge, thing):
    assert judge(thing, policy=policy(min_age=NOW - 90)).state == "clean"
    assert judge(thing, policy=policy(min_age=NOW - 91)).state == "found"


@EACH
def test_an_object_used_in_the_future_is_left_alone(judge, thing):
    assert judge(thing._replace(ctime=NOW + 500), policy=policy(min_age=0)).state == "clean"


@EACH
def test_a_key_has_to_be_declared(judge, thing):
    keyed = thing._replace(key=0x6104E88B)
    assert_suspected(judge(keyed), "disposable_keys")
    finding = only(judge(keyed, policy=policy(disposable_keys=["0x6104e88b"])))
    assert (finding.evidence.grade, finding.remedy) == ("declared", "remove it")
    assert "undo makes it again" in finding.risk
    assert only(judge(keyed, policy=policy(disposable_owners=["www-data"]))).evidence.grade == "declared"
    assert only(judge(keyed, policy=policy(disposable_owners=["33"]))).evidence.grade == "declared"
    assert_suspected(judge(keyed, policy=policy(disposable_owners=["deploy"])), "disposable_keys")


@EACH
def test_declaring_outweighs_no_other_doubt(judge, thing):
    keyed = thing._replace(key=0x6104E88B)
    wanted = policy(disposable_keys=["0x6104e88b"])
    assert_suspected(judge(keyed, policy=wanted, changing=frozenset([thing.object])), "changed between two looks")
    assert_suspected(judge(keyed, policy=wanted, processes=running(complete=False)), "hides processes")


@EACH
def test_a_living_user_makes_it_no_finding(judge, thing):
    assert judge(thing, processes=running(process(42, uid=33))).state == "clean"


@EACH
def test_a_recycled_pid_is_dead(judge, thing):
    stranger = process(42, started=5000.0, uid=0, title="cron")
    evidence = only(judge(thing, processes=running(stranger))).evidence
    assert evidence.grade == "proven"
    assert "recycled by cron" in str(evidence)


@EACH
@pytest.mark.parametrize("uid", [33, 34])
def test_a_younger_process_of_owner_or_creator_may_be_the_very_one(judge, thing, uid):
    themselves = process(42, started=5000.0, uid=uid)
    assert_suspected(judge(thing._replace(cuid=34), processes=running(themselves)), "same user")


@EACH
def test_start_times_prove_nothing_where_the_clock_was_stepped(judge, thing):
    stepped = Processes({1: process(1, started=4000.0), 42: process(42, started=5000.0, uid=0)}, True)
    assert_suspected(judge(thing, processes=stepped), "clock was stepped")


@EACH
def test_a_zombie_is_dead(judge, thing):
    assert only(judge(thing, processes=running(process(42, uid=33, zombie=True)))).evidence.grade == "proven"


@EACH
def test_pid_zero_is_unknowable(judge, thing):
    if isinstance(thing, SemaphoreSet):
        thing = thing._replace(semaphores=(Semaphore(1, 0, 0, 0), *thing.semaphores[1:]))
    elif isinstance(thing, Segment):
        thing = thing._replace(cpid=0)
    else:
        thing = thing._replace(lspid=0)
    assert_suspected(judge(thing), "another pid namespace")


@EACH
def test_many_alike_of_a_living_maker_are_a_leak_that_goes_on(judge, thing):
    name = thing._fields[2]
    many = [thing._replace(**{name: number}) for number in range(16)]
    verdict = judge(*many, processes=running(process(42, uid=33)))
    assert len(verdict.findings) == 16
    assert {finding.remedy for finding in verdict.findings} == {None}
    assert "still runs" in verdict.findings[0].evidence.cause
    assert judge(*many[:15], processes=running(process(42, uid=33))).state == "clean"


@EACH
@pytest.mark.parametrize(
    "changes, owners, options",
    [
        ({"key": 5}, NOBODY, {"keep_keys": ["5"], "disposable_keys": ["5"]}),
        ({}, NOBODY, {"keep_owners": ["www-data"]}),
        ({"cuid": 1000}, NOBODY, {"keep_owners": ["1000"]}),
        ({"uid": 999}, NOBODY, {}),
        ({"uid": 1000}, Owners({1000: "Oracle"}, (), frozenset()), {}),
        ({"cuid": 1000}, Owners({1000: "Zabbix"}, (), frozenset()), {}),
        ({"uid": 1000}, Owners({}, (DataDirectory("/data", 1000, None),), frozenset()), {}),
        ({"key": 5}, Owners({}, (DataDirectory("/data", 1000, (5, 7)),), frozenset()), {"disposable_keys": ["5"]}),
    ],
    ids=["keep_keys", "keep_owners", "creator", "postgres", "oracle", "zabbix", "data directory", "postmaster.pid"],
)
def test_known_owners_are_protected(judge, thing, changes, owners, options):
    assert judge(thing._replace(**changes), owners=owners, policy=policy(**options)).state == "clean"


@EACH
def test_the_selection_leaves_the_rest_alone(judge, thing):
    for options in ({"owners": ["deploy"]}, {"keys": ["0x5"]}, {"ids": [8]}):
        assert judge(thing, policy=policy(**options)).state == "clean"
    for options in ({"owners": ["33"]}, {"keys": ["0"]}, {"ids": [7]}):
        assert judge(thing, policy=policy(**options)).state == "found"


@pytest.mark.parametrize(
    "judge, thing, kind", [(*pair, kind) for pair, kind in zip(KINDS, ("queue", "queue", "segment"))]
)
def test_a_kind_that_was_not_asked_for_is_not_applicable(judge, thing, kind):
    assert judge(thing, policy=policy(kinds=[kind])).state == "not_applicable"


@EACH
def test_a_leak_in_a_nearly_full_table_is_high(judge, thing):
    limits = LIMITS._replace(shmmni=1, semmni=1, msgmni=1)
    assert only(judge(thing, limits=limits)).severity == "high"


def test_sets_also_fill_the_table_of_semaphores():
    assert only(judge_sets(SET, limits=LIMITS._replace(semmns=3))).severity == "high"


def test_an_attached_or_marked_segment_is_no_orphan():
    assert judge_segments(SEGMENT._replace(nattch=1)).state == "clean"
    assert judge_segments(SEGMENT._replace(perms=0o1666)).state == "clean"


def test_the_probe_of_eaccelerator_is_named_with_its_cure():
    finding = only(judge_segments(SEGMENT._replace(perms=0o600, lpid=0, atime=0, dtime=0)))
    assert "raise kernel.shmmax or lower eaccelerator.shm_size" in finding.evidence.cause
    assert finding.evidence.last_user.state == "never"


def test_a_segment_last_used_from_another_namespace_is_unknowable():
    assert_suspected(judge_segments(SEGMENT._replace(lpid=0)), "another pid namespace")


def test_the_snapshot_limit_is_spent_in_order_and_told_beforehand():
    segments = [
        SEGMENT._replace(shmid=1, size=600),
        SEGMENT._replace(shmid=2, size=600),
        SEGMENT._replace(shmid=3, size=400),
    ]
    wanted = policy(snapshot_limit=1000)
    findings = judge_segments(*segments, policy=wanted).findings
    assert [finding.evidence.content_kept for finding in findings] == [True, False, True]
    assert "is not kept" in findings[1].risk
    verbs = [action.verb for action in sysv_ipc_orphaned_segment.plan(findings, wanted)]
    assert verbs == ["save_and_remove_segment", "remove_segment", "save_and_remove_segment"]


def test_suspects_do_not_spend_the_snapshot_limit():
    segments = [SEGMENT._replace(shmid=1, key=9, size=600), SEGMENT._replace(shmid=2, size=600)]
    findings = judge_segments(*segments, policy=policy(snapshot_limit=600)).findings
    assert [finding.evidence.content_kept for finding in findings] == [False, True]


@pytest.mark.parametrize("semaphores", [SET.semaphores[:1], SET.semaphores + SET.semaphores[:1]])
def test_a_set_of_another_shape_needs_its_owner_declared(semaphores):
    odd = SET._replace(semaphores=semaphores, nsems=len(semaphores))
    assert_suspected(judge_sets(odd), "disposable_owners")
    assert only(judge_sets(odd, policy=policy(disposable_owners=["www-data"]))).evidence.grade == "declared"


@pytest.mark.parametrize("number", [1, 2], ids=["users", "lock"])
def test_a_php_set_that_somebody_has_open_is_not_of_that_shape(number):
    semaphores = list(SET.semaphores)
    semaphores[number] = Semaphore(1, 42, 0, 0)
    assert_suspected(judge_sets(SET._replace(semaphores=tuple(semaphores))), "shape")


def test_a_mutex_of_a_running_httpd_is_protected():
    mutex = SET._replace(nsems=1, semaphores=SET.semaphores[:1], cuid=0)
    wanted = policy(disposable_owners=["www-data"])
    assert judge_sets(mutex, policy=wanted).state == "found"
    assert judge_sets(mutex, policy=wanted, owners=Owners({}, (), frozenset([33]))).state == "clean"
    assert judge_sets(SET, policy=wanted, owners=Owners({}, (), frozenset([33]))).state == "found"


@pytest.mark.parametrize("waiting", [(1, 0), (0, 1)])
def test_a_set_at_which_somebody_waits_is_no_orphan(waiting):
    waited = SET._replace(semaphores=(Semaphore(1, 42, *waiting), *SET.semaphores[1:]))
    assert judge_sets(waited).state == "clean"


def test_a_held_php_semaphore_names_the_living_holder():
    held = SET._replace(semaphores=(Semaphore(0, 42, 2, 0), Semaphore(3, 44, 0, 0), Semaphore(0, 44, 0, 0)))
    finding = only(judge_sets(held, processes=running(process(42, uid=33), process(44, uid=33))))
    assert (finding.severity, finding.remedy) == ("high", None)
    assert "process 42 (php-fpm: pool www); processes that wait for it: 2" in finding.summary
    assert finding.evidence.holder.pid == 42
    quiet = held._replace(semaphores=(Semaphore(0, 42, 0, 0), Semaphore(1, 42, 0, 0), Semaphore(0, 42, 0, 0)))
    assert only(judge_sets(quiet, processes=running(process(42, uid=33)))).severity == "low"


def test_sets_that_could_not_be_read_make_the_check_unknown_and_plan_nothing():
    verdict = judge_sets(SET, SET._replace(semid=8, semaphores=None), unread=frozenset(["sem 8"]))
    assert verdict.state == "unknown"
    assert "sem 8" in verdict.reason
    assert [finding.object for finding in verdict.findings] == ["sem 7"]


def test_a_queue_with_messages_is_never_removed():
    unread = QUEUE._replace(qnum=3, cbytes=42, key=5)
    assert_suspected(
        judge_queues(unread, policy=policy(disposable_keys=["5"], disposable_owners=["www-data"])), "unread"
    )


def test_a_queue_that_was_never_used_is_proven_only_where_nobody_can_hide():
    never = QUEUE._replace(lspid=0, lrpid=0, stime=0, rtime=0)
    assert only(judge_queues(never)).evidence.grade == "proven"
    assert_suspected(judge_queues(never, shared=True), "who made the queue is not recorded")
    assert_suspected(judge_queues(never, receivers=Receivers({}, False)), "who waits for a message")
    assert judge_queues(never, receivers=Receivers({7: (99,)}, True)).state == "clean"


@pytest.mark.parametrize(
    "changes, processes, proven",
    [
        ({}, running(process(50, started=89.0, uid=33)), False),
        ({}, running(process(50, started=91.0, uid=33)), False),
        ({}, running(process(50, started=91.1, uid=33)), True),
        ({}, running(process(50, started=50.0, uid=33, zombie=True)), True),
        ({}, running(process(50, started=50.0, uid=34)), True),
        ({"cuid": 34}, running(process(50, started=50.0, uid=34)), False),
        ({"uid": 1000}, running(process(50, started=50.0, uid=1000)), False),
        ({}, running(complete=False), False),
        ({"ctime": -9}, running(process(50, started=50.0, uid=33)), False),
    ],
    ids="older just-as-old younger zombie stranger creator owner hidden clock-stepped".split(),
)
def test_a_queue_that_nobody_used_yet_is_proven_only_where_its_maker_cannot_run(changes, processes, proven):
    never = QUEUE._replace(lspid=0, lrpid=0, stime=0, rtime=0, **changes)
    verdict = judge_queues(never, processes=processes)
    if proven:
        assert only(verdict).evidence.grade == "proven"
    else:
        assert_suspected(verdict, "who made it is not recorded; it may still run")


def test_a_queue_that_permits_nobody_is_useless_to_a_living_maker_unless_that_is_root():
    alive = running(process(50, started=50.0, uid=33), process(51, started=50.0, uid=0))
    never = QUEUE._replace(lspid=0, lrpid=0, stime=0, rtime=0, perms=0)
    assert only(judge_queues(never, processes=alive)).evidence.grade == "proven"
    assert_suspected(judge_queues(never._replace(cuid=0), processes=alive), "who made it is not recorded")


def test_a_declared_queue_needs_no_word_on_who_made_it():
    never = QUEUE._replace(lspid=0, lrpid=0, stime=0, rtime=0, key=0x75)
    alive = running(process(50, started=50.0, uid=33))
    declared = judge_queues(never, processes=alive, policy=policy(disposable_keys=["0x75"]))
    assert only(declared).evidence.grade == "declared"


def test_a_queue_that_was_used_is_judged_by_its_users_alone():
    assert only(judge_queues(QUEUE, processes=running(process(50, uid=33)))).evidence.grade == "proven"


@EACH
def test_pids_of_another_namespace_prove_nothing(judge, thing):
    assert_suspected(judge(thing, foreign_pids=True), "by numbers that mean nothing here")


@EACH
def test_the_plan_guards_with_all_that_was_seen(judge, thing):
    module = {
        Segment: sysv_ipc_orphaned_segment,
        SemaphoreSet: sysv_ipc_orphaned_semaphore,
        Queue: sysv_ipc_orphaned_queue,
    }
    findings = judge(thing, thing._replace(**{thing._fields[2]: 8, "key": 9})).findings
    actions = module[type(thing)].plan(findings, policy())
    assert [action.object for action in actions] == [thing.object]
    guard = actions[0].guard
    assert (guard.id, guard.key, guard.ctime) == (7, 0, 89)
    extra = {
        Segment: {"atime": 90, "dtime": 91, "lpid": 43, "nattch": 0},
        SemaphoreSet: {"otime": 91, "values": (1, 0, 0), "waiters": 0},
        Queue: {"stime": 90, "rtime": 91, "qnum": 0},
    }[type(thing)]
    assert {name: getattr(guard, name) for name in extra} == extra


def pending(segment, processes, holders):
    return sysv_ipc_removal_pending.find(table(segment), holders, processes, policy())


def test_a_segment_that_waits_for_its_removal_names_its_holders():
    marked = SEGMENT._replace(perms=0o1600, nattch=2)
    holders = Holders({7: (55,)}, True)
    alive = only(pending(marked, running(process(42, uid=33), process(55)), holders))
    assert (alive.severity, alive.remedy) == ("info", None)
    assert "55 (php-fpm: pool www)" in alive.summary
    assert only(pending(marked, running(process(55)), holders)).severity == "low"
    assert pending(marked._replace(nattch=0), running(), holders).state == "clean"
    assert pending(SEGMENT._replace(nattch=2), running(), holders).state == "clean"


def near(segments=(), sets=(), queues=(), limits=LIMITS, **options):
    return sysv_ipc_near_limit.find(table(*segments), table(*sets), table(*queues), limits, policy(**options))


@pytest.mark.parametrize(
    "given, limits, setting",
    [
        ("segments", {"shmmni": 10}, "kernel.shmmni"),
        ("segments", {"shmall": 10}, "kernel.shmall"),
        ("sets", {"semmni": 10}, "kernel.sem (SEMMNI)"),
        ("sets", {"semmns": 30}, "kernel.sem (SEMMNS)"),
        ("queues", {"msgmni": 10}, "kernel.msgmni"),
    ],
)
def test_each_limit_is_counted(given, limits, setting):
    things = {"segments": SEGMENT, "sets": SET, "queues": QUEUE}
    few, many, all_of_it = [[things[given]] * count for count in (7, 8, 10)]
    tight = LIMITS._replace(**limits)
    assert near(**{given: few}, limits=tight).state == "clean"
    finding = only(near(**{given: many}, limits=tight))
    assert (finding.object, finding.severity) == (setting, "high")
    assert finding.evidence.owners[0] == ("www-data", finding.evidence.used)
    assert only(near(**{given: all_of_it}, limits=tight)).severity == "critical"
    assert near(**{given: many}, limits=tight, near_limit_percent=95).state == "clean"


def test_shmall_counts_whole_pages():
    pages = only(near([SEGMENT._replace(size=4097)] * 4, limits=LIMITS._replace(shmall=8))).evidence
    assert (pages.used, pages.limit, pages.percent) == (8, 8, 100)


def test_a_limit_of_zero_is_a_full_table():
    assert only(near(limits=LIMITS._replace(msgmni=0))).severity == "critical"


def hazard(setting, *segments, **options):
    return sysv_ipc_remove_ipc_hazard.find(setting, table(*segments), table(), table(), policy(**options))


def test_logind_endangers_the_objects_of_ordinary_users():
    setting = Logind(True, "/etc/systemd/logind.conf", frozenset())
    mine = SEGMENT._replace(uid=1000)
    finding = only(hazard(setting, mine, SEGMENT))
    assert (finding.object, finding.severity, finding.evidence.segments) == ("user deploy", "medium", 1)
    assert hazard(setting._replace(remove_ipc=False), mine).state == "clean"
    assert hazard(setting._replace(lingering=frozenset(["deploy"])), mine).state == "clean"
    assert hazard(setting, SEGMENT).state == "clean"
    assert hazard(setting, mine, owners=["www-data"]).state == "clean"
