# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said of jobs, by what they come to: hand-made hits, judged as those of a host would be."""

from typing import Any, Dict, List, Optional, Sequence, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import (
    scheduled_restart_came_back,
    scheduled_restart_escalates_to_kill,
    scheduled_restart_harm,
    scheduled_restart_kills_in_flight,
    scheduled_restart_never_runs,
    scheduled_restart_reload_without_test,
    scheduled_restart_stops_service,
    scheduled_restart_unknown_command,
    scheduled_restart_wrong_signal_in_logrotate,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_time_limits import (
    FpmTimeLimits,
    MasterLimits,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_deeds import (
    NAME,
    RESTART,
    SIGNAL,
    UNIT,
    Deed,
    Hop,
    Sent,
    Target,
    Unfollowed,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_effects import (
    ALL,
    MASTER,
    WORKERS,
    Hit,
    JobEffects,
    ScheduledRestarts,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_facts import JobFacts
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_history import JobHistory, Runs
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_places import JobPlaces
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_remedies_done import Done, RemediesDone
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_services import JobServices, WebService
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_times import JobTimes
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.scheduled_jobs import (
    CRONTAB,
    LOGROTATE,
    TIMER,
    Job,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.fold import fold_findings
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import cron_schedule
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.signal_effects import (
    APACHE,
    AT_ONCE,
    DIES,
    HAPROXY,
    IN_TIME,
    NGINX,
    NONE,
    NOTHING,
    PHP_FPM,
    RELOADS,
    REOPENS,
    REPLACED,
    STOPS,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import (
    CLEAN,
    FOUND,
    NOT_APPLICABLE,
    UNKNOWN,
    Check,
    Finding,
    Verdict,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import Secret, plain
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from test_fpm_limits_chain import master, pool

CHECKS = (
    scheduled_restart_kills_in_flight.CHECK,
    scheduled_restart_wrong_signal_in_logrotate.CHECK,
    scheduled_restart_escalates_to_kill.CHECK,
    scheduled_restart_stops_service.CHECK,
    scheduled_restart_reload_without_test.CHECK,
)
SECRET = b"28 5 * * * root /etc/init.d/php-fpm restart --password=hunter2"
NEXT = (1795325280.0, 1795411680.0, 1795498080.0)
LOCAL = {moment: f"2026-11-{22 + number}T05:28:00+01:00" for number, moment in enumerate(NEXT)}
WEB = WebService(PHP_FPM, "php8.2-fpm", None, (), None, None, "/usr/sbin/php-fpm8.2", None, True)
SENT = {AT_ONCE: "TERM", IN_TIME: "QUIT", NONE: "USR1"}


def job(**changes: Any) -> Job:
    daily = cron_schedule.parse("28 5 * * *")
    usual = Job(
        kind=CRONTAB,
        object="/etc/crontab:17",
        path="/etc/crontab",
        line=17,
        text=SECRET,
        schedule="28 5 * * *",
        cron=daily,
        zone=None,
        next_runs=NEXT,
        user="root",
        shell="/etc/init.d/php-fpm restart --password=hunter2",
        first_line=17,
        environment={},
        unit=None,
        never=None,
    )
    return usual._replace(**changes)


def hit(does: str = STOPS, cuts: str = AT_ONCE, target: str = UNIT, verb: str = RESTART, **changes: Any) -> Hit:
    sent = (Sent("USR2" if does == RELOADS else SENT[cuts], 0.0),)
    hops = (Hop("/etc/crontab:17", "/etc/init.d/php-fpm restart …"), Hop("/etc/init.d/php-fpm:40", "kill -TERM …"))
    usual = Hit(
        family=PHP_FPM,
        does=does,
        starts=does == STOPS,
        cuts=cuts,
        sent=sent,
        reaches=MASTER,
        masters=(45,),
        names=("php8.2-fpm",),
        kills_after=None,
        tested=False,
        hops=hops,
        certain=True,
        deed=Deed(verb, Target(target, "php8.2-fpm"), (), False, True, hops),
    )
    return usual._replace(**changes)


def nginx(**changes: Any) -> Hit:
    return hit(**dict(dict(family=NGINX, names=("nginx",), masters=(51,), cuts=IN_TIME), **changes))


def facts(*jobs: JobEffects, limits: Sequence[MasterLimits] = (), **changes: Any) -> JobFacts:
    usual: Dict[str, Any] = dict(
        restarts=ScheduledRestarts(jobs, len(jobs), ()),
        services=JobServices(None, FpmTimeLimits(tuple(limits), None, (), (), ()), None, (), (WEB,)),
        history=JobHistory({}, None),
        places=JobPlaces({}, None, {}, {}, {}, "4f1c"),
        times=JobTimes(LOCAL),
    )
    return JobFacts(**dict(usual, **changes))


def of(*hits: Hit, **changes: Any) -> JobEffects:
    return JobEffects(job(**changes), hits, ())


def policy(state: str = "disabled", **php_fpm: Any) -> Any:
    return policy_from(dict(scheduled_restart=dict(state=state), php_fpm=php_fpm))


def found(known: JobFacts, **options: Any) -> Dict[str, Finding]:
    """Return the findings of all checks that judge hits, by the last word of the check's id: one job, one of each."""
    findings = [one for check in CHECKS for one in check.find(known, policy(**options)).findings]
    by_check = {one.check.split(".")[1]: one for one in findings}
    assert len(by_check) == len(findings)
    return by_check


def severities(known: JobFacts, **options: Any) -> Dict[str, str]:
    return {name: finding.severity for name, finding in found(known, **options).items()}


# Which check says it, and how bad it is.


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (hit(), dict(kills_in_flight="high")),
        (hit(certain=False), dict(kills_in_flight="medium")),
        (hit(family=APACHE), dict(kills_in_flight="high")),
        (hit(family=HAPROXY, starts=False), dict(kills_in_flight="high")),
        (hit(RELOADS, family=APACHE, sent=(Sent("HUP", 0.0),)), dict(kills_in_flight="high")),
        (hit(DIES, NONE, sent=(Sent("HUP", 0.0),)), dict(kills_in_flight="high")),
        (hit(REOPENS, reaches=ALL, target=NAME, verb=SIGNAL), dict(kills_in_flight="high")),
        (hit(RELOADS, IN_TIME, tested=True), dict(kills_in_flight="high")),
        (hit(STOPS, IN_TIME), dict(kills_in_flight="high")),
        (nginx(), dict(stops_service="medium")),
        (nginx(certain=False), dict(stops_service="low")),
        (nginx(cut_after=5.0), dict(stops_service="medium")),
        (nginx(does=RELOADS), {}),
        (nginx(does=RELOADS, family=HAPROXY), {}),
        (hit(RELOADS, NONE, family=APACHE), dict(reload_without_test="low")),
        (hit(RELOADS, NONE, family=APACHE, tested=True), {}),
        (hit(REOPENS, NONE), {}),
        (hit(NOTHING, NONE), {}),
    ],
)
def test_a_hit_is_found_by_its_check_where_nothing_lets_requests_end(one: Hit, expected: Dict[str, str]) -> None:
    # As it is by default: process_control_timeout is 0, and nothing bounds a request.
    limits = [master(control=None, pools=(pool(terminate=None),))]
    assert severities(facts(of(one), limits=limits)) == expected


@pytest.mark.parametrize(
    ("one", "control", "longest", "expected"),
    [
        (hit(RELOADS, IN_TIME), 45, 30, dict(reload_without_test="low")),
        (hit(RELOADS, IN_TIME, tested=True), 45, 30, {}),
        (hit(RELOADS, IN_TIME), 45, 60, dict(kills_in_flight="high")),
        (hit(STOPS, IN_TIME), 45, 30, dict(stops_service="medium")),
        (hit(STOPS, IN_TIME, cut_after=90.0), 45, 30, dict(stops_service="medium")),
        (hit(STOPS, IN_TIME, cut_after=20.0), 45, 30, dict(kills_in_flight="high")),
        (
            hit(STOPS, IN_TIME, cut_after=40.0, kills_after=40.0),
            45,
            30,
            dict(stops_service="medium", escalates_to_kill="medium"),
        ),
        (hit(STOPS, AT_ONCE, cut_after=90.0, kills_after=90.0), 45, 30, dict(kills_in_flight="high")),
        (nginx(cut_after=5.0), 45, 30, dict(kills_in_flight="high")),
        (nginx(cut_after=31.0), 45, 30, dict(stops_service="medium")),
        (nginx(does=RELOADS), 45, 30, {}),
        (nginx(does=REPLACED, reaches=WORKERS), 45, 30, {}),
        (nginx(does=REPLACED, reaches=WORKERS, cut_after=5.0), 45, 30, dict(kills_in_flight="high")),
    ],
)
def test_what_cuts_in_time_is_held_against_the_longest_request(
    one: Hit, control: int, longest: int, expected: Dict[str, str]
) -> None:
    known = facts(of(one), limits=[master(control=control, pools=(pool(),))])
    assert severities(known, longest_request=longest) == expected


def test_a_job_that_may_cut_is_not_taken_away_while_nobody_knows_how_long_requests_take() -> None:
    known = facts(of(hit(RELOADS, IN_TIME)), limits=[master(control=45, pools=(pool(terminate=None),))])
    finding = found(known)["kills_in_flight"]
    assert (finding.severity, finding.remedy) == ("low", None)
    assert "longest_request" in finding.evidence.not_remedied


def test_what_a_service_allows_and_a_later_signal_cuts_needs_no_longest_request() -> None:
    limits = [master(control=45, pools=(pool(terminate=None),))]
    assert severities(facts(of(hit(STOPS, IN_TIME, cut_after=20.0)), limits=limits)) == dict(kills_in_flight="high")
    assert severities(facts(of(hit(STOPS, IN_TIME, cut_after=60.0)), limits=limits)) == dict(kills_in_flight="low")


def test_a_service_that_is_not_started_again_is_said_to_serve_nothing() -> None:
    assert "until something else starts it again" in found(facts(of(nginx(starts=False))))["stops_service"].summary
    assert "until it runs again" in found(facts(of(nginx())))["stops_service"].summary


def test_a_reload_that_is_not_in_force_yet_and_kept_connections_are_told() -> None:
    late = facts(of(hit(RELOADS, IN_TIME)), limits=[master(control=45, pools=(pool(),), in_force=False)])
    assert severities(late) == dict(kills_in_flight="medium")
    spared = found(late)["kills_in_flight"]
    assert spared.remedy is None and "reload php-fpm once" in spared.evidence.not_remedied
    both = facts(of(hit(RELOADS, IN_TIME), nginx(cuts=AT_ONCE)), limits=late.services.limits.masters)  # type: ignore[union-attr]
    assert found(both)["kills_in_flight"].remedy is not None
    kept = [master(control=45, pools=(pool(keeps=True),))]
    assert severities(facts(of(hit(RELOADS, IN_TIME)), limits=kept)) == dict(kills_in_flight="medium")
    assert severities(facts(of(hit(STOPS, IN_TIME)), limits=kept)) == dict(stops_service="medium")


def test_a_pattern_of_nobody_knows_whom_is_judged_by_the_worst_master_and_a_stopped_unit_by_none() -> None:
    limits = [master(control=45, pools=(pool(),)), master(control=None, pools=(pool(),))]
    by_name = hit(RELOADS, IN_TIME, target=NAME, verb=SIGNAL, masters=())
    assert severities(facts(of(by_name), limits=limits)) == dict(kills_in_flight="high")
    assert severities(facts(of(hit(RELOADS, IN_TIME, masters=())), limits=limits)) == dict(reload_without_test="low")


# KILL after a wait, and log rotations.


def test_a_kill_of_the_jobs_own_stands_beside_what_it_cuts_and_names_the_ipc_that_it_leaks() -> None:
    sent = (Sent("TERM", 0.0), Sent("KILL", 90.0))
    known = facts(of(hit(verb=SIGNAL, sent=sent, kills_after=90.0)))
    assert severities(known) == dict(kills_in_flight="high", escalates_to_kill="medium")
    summary = found(known)["escalates_to_kill"].summary
    assert "SIGTERM, SIGKILL after 90 s" in summary and "semaphores" in summary and "sysv_ipc" in summary
    killing = found(known)["kills_in_flight"]
    assert "SIGKILL" not in killing.summary and any("SIGKILL" in more for more in killing.evidence.more)


def test_a_kill_at_once_is_no_escalation_and_says_what_it_leaks() -> None:
    known = facts(of(hit(DIES, verb=SIGNAL, sent=(Sent("KILL", 0.0),), kills_after=0.0, reaches=ALL)))
    assert severities(known) == dict(kills_in_flight="high")
    assert "semaphores" in found(known)["kills_in_flight"].summary


def test_a_kill_of_nginx_leaks_no_ipc() -> None:
    one = nginx(verb=SIGNAL, sent=(Sent("QUIT", 0.0), Sent("KILL", 9.0)), kills_after=9.0)
    assert "semaphores" not in found(facts(of(one)))["escalates_to_kill"].summary


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (hit(), dict(kills_in_flight="high", wrong_signal_in_logrotate="high")),
        (hit(DIES, reaches=WORKERS), dict(kills_in_flight="high", wrong_signal_in_logrotate="high")),
        (hit(REOPENS, reaches=ALL), dict(kills_in_flight="high", wrong_signal_in_logrotate="high")),
        (hit(STOPS, IN_TIME), dict(stops_service="medium", wrong_signal_in_logrotate="high")),
        (hit(RELOADS, IN_TIME), dict(wrong_signal_in_logrotate="low")),
        (hit(RELOADS, IN_TIME, certain=False), dict(wrong_signal_in_logrotate="low")),
        (hit(REOPENS, NONE), {}),
        (nginx(does=RELOADS), {}),
        (nginx(does=REOPENS, cuts=NONE), {}),
        (hit(RELOADS, NONE, family=APACHE, tested=True), {}),
    ],
)
def test_a_log_rotation_may_only_reopen(one: Hit, expected: Dict[str, str]) -> None:
    known = facts(of(one, kind=LOGROTATE, cron=None, next_runs=()), limits=[master(control=45, pools=(pool(),))])
    assert severities(known, longest_request=30) == expected


def test_a_log_rotation_needs_no_proof_to_be_given_the_right_signal() -> None:
    limits = [master(control=45, pools=(pool(terminate=None),))]
    findings = found(facts(of(hit(RELOADS, IN_TIME), kind=LOGROTATE), limits=limits))
    assert {name: one.severity for name, one in findings.items()} == dict(
        kills_in_flight="low", wrong_signal_in_logrotate="low"
    )
    for finding in findings.values():
        assert finding.evidence.not_remedied != scheduled_restart_harm.NO_PROOF
    assert "stalls" in findings["wrong_signal_in_logrotate"].summary


def test_a_log_rotation_is_told_the_right_signal() -> None:
    for finding in found(facts(of(hit(REOPENS, reaches=ALL, sent=(Sent("USR1", 0.0),)), kind=LOGROTATE))).values():
        assert "each worker that gets it dies" in finding.summary
        assert "SIGUSR1 to the master alone opens the logs anew" in finding.summary
        assert finding.evidence.more == ()


# What the logs say.

DAILY = Runs(14, 14, "Terminating ...", NEXT[0], NEXT[1], NEXT[2], 3, 14)


def told(runs: Optional[Runs], one: Optional[Hit] = None, **changes: Any) -> Finding:
    history = JobHistory({"/etc/crontab:17": runs} if runs else {}, None)
    return found(facts(of(one or hit(), **changes), history=history))["kills_in_flight"]


def test_what_the_log_has_seen_is_critical_and_told_as_a_sentence() -> None:
    finding = told(DAILY)
    assert finding.severity == "critical" and finding.evidence.runs == DAILY
    says = "`Terminating ...` at 05:28:00 on 14 of the last 14 days matches this line, and nginx lost 3 requests"
    assert says in finding.evidence.history and finding.evidence.history in finding.summary


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        (DAILY._replace(lost=None), "no log of nginx tells what it cost"),
        (DAILY._replace(lost=0), "nginx lost no request"),
        (
            DAILY._replace(due=1, seen=1, lost=1),
            "followed the one run that was due since 2026-11-22T05:28:00+01:00, at 2026-11-24",
        ),
        (DAILY._replace(due=1, seen=1, lost=1), ", and nginx lost 1 request at"),
        (DAILY._replace(shared=("backup.timer",)), "so may backup.timer have done"),
    ],
)
def test_the_sentence_tells_what_is_known(runs: Runs, says: str) -> None:
    assert says in told(runs).summary


def test_runs_of_another_schedule_are_told_by_their_number() -> None:
    hourly = cron_schedule.parse("28 * * * *")
    says = (
        "`Terminating ...` followed 14 of the 14 runs that were due since 2026-11-22T05:28:00+01:00, last at 2026-11-24"
    )
    assert says in told(DAILY, cron=hourly).summary
    assert says in told(DAILY, kind=TIMER, cron=None).summary


def test_what_the_log_has_not_seen_is_as_bad_as_it_is() -> None:
    finding = told(DAILY._replace(seen=0, kind=None, first=None, last=None))
    assert finding.severity == "high" and "nothing of the 14 runs that were due" in finding.summary
    assert told(None).evidence.history is None
    assert told(DAILY._replace(due=0, seen=0)).evidence.history is None


def test_a_reload_in_the_log_is_critical_only_where_it_cuts_each_time_or_nginx_lost_requests() -> None:
    def severity(control: Optional[int], lost: Optional[int]) -> str:
        history = JobHistory({"/etc/crontab:17": DAILY._replace(kind="Reloading in progress ...", lost=lost)}, None)
        limits = [master(control=control, pools=(pool(),))]
        return severities(facts(of(hit(RELOADS, IN_TIME)), limits=limits, history=history), longest_request=60)[
            "kills_in_flight"
        ]

    assert severity(None, None) == "critical"
    assert severity(45, None) == "high" and severity(45, 0) == "high" and severity(45, 2) == "critical"


def test_what_nginx_lost_proves_that_requests_take_longer_and_not_that_a_new_limit_is_too_short() -> None:
    history = JobHistory({"/etc/crontab:17": DAILY._replace(kind="Reloading in progress ...")}, None)
    unbounded = [master(control=45, pools=(pool(terminate=None),))]
    finding = found(facts(of(hit(RELOADS, IN_TIME)), limits=unbounded, history=history))["kills_in_flight"]
    assert finding.severity == "critical" and finding.evidence.not_remedied != scheduled_restart_harm.NO_PROOF
    late = [master(control=45, pools=(pool(),), in_force=False)]
    assert severities(facts(of(hit(RELOADS, IN_TIME)), limits=late, history=history)) == dict(kills_in_flight="medium")


@pytest.mark.parametrize(
    ("runs", "certain", "severity"),
    [
        (DAILY._replace(due=20160, seen=3, chance=1.0), True, "high"),  # deploys, at a job that the log denies
        (DAILY._replace(due=20160, seen=3, chance=1.0), False, "medium"),  # a watchdog that never had to act
        (DAILY._replace(due=20160, seen=3, chance=0.0005), False, "critical"),
        (DAILY._replace(due=10, seen=9, chance=1.0), True, "critical"),  # of each minute, and each minute is logged
        (DAILY._replace(due=10, seen=9, chance=1.0), False, "medium"),
    ],
)
def test_what_may_be_anybodys_doing_is_no_proof(runs: Runs, certain: bool, severity: str) -> None:
    finding = told(runs, hit(certain=certain), cron=cron_schedule.parse("* * * * *"))
    assert finding.severity == severity
    assert ("which may be by chance" in finding.summary) == (severity != "critical")


def test_what_another_job_did_is_no_proof_for_one_that_waits_for_its_condition() -> None:
    shared = DAILY._replace(shared=("/etc/crontab:9",))
    assert told(shared, hit(certain=False)).severity == "medium" and told(shared).severity == "critical"
    assert "so may /etc/crontab:9 have done" in told(shared, hit(certain=False)).summary


def test_php_fpms_log_says_nothing_of_nginx() -> None:
    finding = told(DAILY, hit(family=NGINX))
    assert finding.severity == "high" and finding.evidence.history is None


# One finding a job and check.


def test_a_condition_is_looked_for_in_a_file_and_not_in_a_unit() -> None:
    hops = (Hop("/etc/crontab:17", "systemctl restart …"), Hop("php8.2-fpm.service", "KillSignal=SIGTERM"))
    assert "a condition before /etc/crontab:17 holds" in told(None, hit(certain=False, hops=hops)).summary


def test_services_of_a_job_are_one_finding_a_check_and_the_rest_is_said_in_it() -> None:
    known = facts(of(hit(), hit(names=("php7.4-fpm",), masters=(46,)), nginx()))
    findings = found(known)
    assert set(findings) == {"kills_in_flight", "stops_service"}
    assert findings["kills_in_flight"].evidence.names == ("php8.2-fpm", "php7.4-fpm")
    assert findings["kills_in_flight"].evidence.masters == (45, 46)
    assert "nginx: what comes until it runs again is refused" in findings["kills_in_flight"].evidence.more
    assert findings["stops_service"].evidence.names == ("nginx",)


def test_several_jobs_of_one_object_are_one_finding_by_the_worst() -> None:
    timer = dict(kind=TIMER, object="nightly.timer", cron=None)
    known = facts(of(hit(certain=False), **timer), of(hit(), **timer))
    assert severities(known) == dict(kills_in_flight="high")


def test_the_evidence_tells_where_when_and_how() -> None:
    places = JobPlaces({"/etc/crontab": "cron"}, None, {}, {}, {}, "4f1c")
    finding = found(facts(of(hit()), places=places))["kills_in_flight"]
    assert finding.object == "/etc/crontab:17"
    evidence = plain(finding.evidence)
    wanted = dict(
        owner="root",
        kind="crontab",
        source="/etc/crontab:17",
        package="cron",
        schedule="28 5 * * *",
        next_runs=list(NEXT),
        next_runs_local=[LOCAL[moment] for moment in NEXT],
        delay=0.0,
        names=["php8.2-fpm"],
        families=["php-fpm"],
        does="stops",
        starts=True,
        cuts="at once",
        signals=["SIGTERM"],
        chain=["/etc/crontab:17: /etc/init.d/php-fpm restart …", "/etc/init.d/php-fpm:40: kill -TERM …"],
    )
    assert {name: evidence[name] for name in wanted} == wanted


def test_when_a_job_acts_after_its_sleeps_is_told() -> None:
    def evidence(**fields: Any) -> Any:
        return found(facts(of(hit(deed=hit().deed._replace(**fields)))))["kills_in_flight"].evidence

    later, drawn = evidence(moment=412.0), evidence(moment=412.0, drawn=True)
    assert (later.delay, later.cause.endswith("28 5 * * *, after 412 s")) == (412.0, True)
    assert (drawn.delay, drawn.cause.endswith("28 5 * * *, after a wait that is drawn")) == (None, True)


def test_cronie_waits_for_as_many_minutes_as_it_draws() -> None:
    delays = [
        found(facts(of(hit(), environment={"RANDOM_DELAY": minutes})))["kills_in_flight"].evidence.delay
        for minutes in ("45", "0")
    ]
    assert delays == [None, 0.0]


def test_no_word_of_a_command_line_is_in_a_finding_or_its_action() -> None:
    known = facts(of(hit()))
    (finding,) = scheduled_restart_kills_in_flight.find(known, policy()).findings
    (action,) = scheduled_restart_kills_in_flight.CHECK.plan([finding], policy())  # type: ignore[misc]
    assert action.guard.text == SECRET  # type: ignore[attr-defined]
    assert "hunter2" not in repr(plain(finding)) + repr(plain(action))


def test_findings_that_fold_have_the_same_runs_and_services() -> None:
    jobs = [of(hit(), object=f"/etc/crontab:{number}", line=number) for number in range(10, 30)]
    jobs += [
        of(hit(), object=f"/etc/cron.d/x:{number}", schedule="0 4 * * *", next_runs=NEXT[1:]) for number in range(20)
    ]
    findings = scheduled_restart_kills_in_flight.find(facts(*jobs), policy()).findings
    bare = [one._replace(remedy=None, risk=None) for one in findings]
    groups = {group["evidence"]["schedule"]: group for group in fold_findings(bare)}
    assert {name: (group["count"], group["evidence"]["next_runs"]) for name, group in groups.items()} == {
        "28 5 * * *": (20, list(NEXT)),
        "0 4 * * *": (20, list(NEXT[1:])),
    }


def test_each_change_is_planned_once_by_every_check_that_finds_the_job() -> None:
    sent = (Sent("TERM", 0.0), Sent("KILL", 90.0))
    known = facts(of(hit(verb=SIGNAL, sent=sent, kills_after=90.0), hit(names=("other",))))
    planned = [planned_by(check, known) for check in CHECKS]
    assert [len(actions) for actions in planned] == [1, 0, 1, 0, 0]
    assert planned[0][0].guard == planned[2][0].guard and planned[0][0].object == "/etc/crontab:17"


def planned_by(check: Check, known: JobFacts) -> List[Any]:
    assert check.plan is not None
    return check.plan(check.find(known, policy()).findings, policy())


def test_a_reload_is_tested_where_it_is_to_be_graceful_and_else_left_alone() -> None:
    known = facts(of(hit(RELOADS, IN_TIME)), limits=[master(control=45, pools=(pool(),))])
    finding = found(known, longest_request=30)["reload_without_test"]
    assert finding.remedy is None and "graceful" in finding.evidence.not_remedied


# Verdicts.


def states(known: JobFacts) -> Dict[str, str]:
    done = RemediesDone(())
    verdicts: List[Tuple[str, Verdict]] = [(check.id, check.find(known, policy())) for check in CHECKS]
    verdicts.append(("unknown_command", scheduled_restart_unknown_command.find(known, policy())))
    verdicts.append(("never_runs", scheduled_restart_never_runs.find(known, done, policy())))
    verdicts.append(("came_back", scheduled_restart_came_back.find(known, done, policy())))
    return {name: one.state for name, one in verdicts}


def test_a_host_without_jobs_is_clean_and_one_without_a_web_service_not_applicable() -> None:
    assert set(states(facts()).values()) == {CLEAN}
    nothing = JobServices(None, None, None, (), ())
    blind = ScheduledRestarts((), 3, ("/var/spool/cron: run with become",))
    assert set(states(facts(services=nothing)).values()) == {NOT_APPLICABLE}
    assert set(states(facts(services=nothing, restarts=blind)).values()) == {NOT_APPLICABLE}
    lost = JobEffects(job(), (), (Unfollowed((), "a program of Python's is not followed"),))
    assert set(states(facts(lost, services=nothing)).values()) == {NOT_APPLICABLE}


@pytest.mark.parametrize(
    "changes",
    [
        dict(restarts=ScheduledRestarts((), 3, ("/var/spool/cron: run with become",))),
        dict(services=JobServices(None, None, None, ("nginx: run with become",), (WEB,))),
        dict(services=JobServices(None, None, None, ("nginx: run with become",), ())),
    ],
)
def test_what_could_not_be_seen_makes_every_check_unknown(changes: Dict[str, Any]) -> None:
    assert set(states(facts(**changes)).values()) == {UNKNOWN}


def test_a_master_whose_limits_are_not_known_makes_unknown_what_depends_on_them() -> None:
    seen = scheduled_restart_kills_in_flight.find(facts(of(hit(RELOADS, IN_TIME))), policy())
    assert seen.state == UNKNOWN and "php-fpm 45" in (seen.reason or "") and "become" in (seen.reason or "")
    unread = FpmTimeLimits((), None, ("/etc/php-fpm.conf:3: it is no setting",), (), ())
    damaged = facts(of(hit(RELOADS, IN_TIME)), services=JobServices(None, unread, None, (), (WEB,)))
    assert "/etc/php-fpm.conf:3" in (scheduled_restart_kills_in_flight.find(damaged, policy()).reason or "")
    assert scheduled_restart_kills_in_flight.find(facts(of(hit())), policy()).state == FOUND


def test_what_never_runs_harms_nobody_and_is_told() -> None:
    known = facts(of(hit(), never="cron passes over names with a dot"))
    assert found(known) == {}
    (finding,) = scheduled_restart_never_runs.find(known, RemediesDone(()), policy()).findings
    assert (finding.severity, finding.remedy) == ("low", None)
    assert "restarts php8.2-fpm, but never runs: cron passes over names with a dot" in finding.summary


def test_what_somebody_wants_not_to_run_is_not_told() -> None:
    done = Done("run", 1.0, "comment_out_line", "/etc/crontab:17", "/etc/crontab", SECRET, False)
    quiet = [
        (facts(of(hit(), never="it is disabled", kind=TIMER)), RemediesDone(())),
        (facts(of(hit(NOTHING, NONE), never="no cron runs")), RemediesDone(())),
        (facts(of(hit(), never="no execute bit")), RemediesDone((done,))),
        (facts(of(hit())), RemediesDone(())),
    ]
    for known, remedies in quiet:
        assert scheduled_restart_never_runs.find(known, remedies, policy()).state == CLEAN


def test_a_way_that_is_lost_is_unknown_and_stops_no_other_check() -> None:
    hops = (Hop("/etc/crontab:17", "/srv/nightly.py"), Hop("/srv/nightly.py:3", "restart php-fpm"))
    lost = Unfollowed(hops, "a program of Python's is not followed")
    known = facts(JobEffects(job(), (hit(),), (lost,)))
    seen = scheduled_restart_unknown_command.find(known, policy())
    assert seen.state == UNKNOWN and [one.severity for one in seen.findings] == ["info"]
    assert "its way is lost at `restart php-fpm` (/srv/nightly.py:3): a program of Python's is not" in (
        seen.reason or ""
    )
    assert scheduled_restart_kills_in_flight.find(known, policy()).state == FOUND
    silent = facts(JobEffects(job(never="no cron runs"), (), (lost,)))
    assert scheduled_restart_unknown_command.find(silent, policy()).state == CLEAN


# Jobs that came back.


def came_back(done: Sequence[Done], **changes: Any) -> List[Finding]:
    known = facts(of(hit(), **changes), places=JobPlaces({"/etc/cron.d/php": "php-fpm-cron"}, None, {}, {}, {}, "4f1c"))
    return list(scheduled_restart_came_back.find(known, RemediesDone(tuple(done)), policy()).findings)


def done(path: str = "/etc/crontab", text: bytes = SECRET, when: float = 1.0, undone: bool = False) -> Done:
    return Done("20261120T052801-1", when, "comment_out_line", f"{path}:17", path, Secret(text), undone)


def test_a_line_that_a_run_changed_and_that_stands_there_as_it_was_came_back() -> None:
    (finding,) = came_back([done()])
    assert (finding.severity, finding.remedy, finding.object) == ("high", None, "/etc/crontab:17")
    assert "disable it once more and undo that" in finding.summary  # undo finds nothing to put back where it stands
    assert "20261120T052801-1" in finding.summary and finding.evidence.cause == scheduled_restart_came_back.BY_SOMEBODY
    assert "hunter2" not in repr(plain(finding))
    (packaged,) = came_back([done("/etc/cron.d/php")], path="/etc/cron.d/php")
    assert (
        packaged.evidence.cause == scheduled_restart_came_back.BY_PACKAGE
        and packaged.evidence.package == "php-fpm-cron"
    )


@pytest.mark.parametrize(
    ("remedies", "changes"),
    [
        ([], {}),
        ([done(undone=True)], {}),
        ([done(), done(when=2.0, undone=True)], {}),
        ([done(text=b"29 5 * * * root reboot")], {}),
        ([done("/etc/cron.d/other")], {}),
        ([done()], dict(never="no cron runs")),
    ],
)
def test_another_line_and_one_that_was_put_back_as_asked_did_not(
    remedies: Sequence[Done], changes: Dict[str, Any]
) -> None:
    assert came_back(remedies, **changes) == []


def test_a_timer_and_a_line_of_a_log_rotation_come_back_too() -> None:
    timer = dict(kind=TIMER, object="nightly.timer", path="/etc/systemd/system/nightly.timer", text=b"")
    assert len(came_back([done("nightly.timer", b"")], **timer)) == 1
    assert came_back([done("nightly.timer", b"")], **dict(timer, never="it is disabled")) == []
    rotation = dict(kind=LOGROTATE, path="/etc/logrotate.d/php", text=b"x", shell="date\n\tpkill -USR1 php-fpm\n")
    assert len(came_back([done("/etc/logrotate.d/php", b"\tpkill -USR1 php-fpm")], **rotation)) == 1
    assert came_back([done("/etc/logrotate.d/php", b"pkill")], **rotation) == []
    other = done("/etc/logrotate.d/php", b"date", when=2.0)._replace(run_id="later")
    (named,) = came_back([other, done("/etc/logrotate.d/php", b"\tpkill -USR1 php-fpm")], **rotation)
    assert "later" in named.summary
