# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pools go down at once: jobs of several hosts in the same minute."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.fleet_checks.same_minute import CHECK, find
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.markdown import render
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.report import Run, merge
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.table import lines
from hypothesis import given
from hypothesis import strategies as st
from results import FAILED, UNREACHABLE, finding, job, look

FIRST = 1795411680  # 2026-11-23T05:28Z
DAY = 86400
RUN = Run("audit", False, "[?severity=='high']", True, "2026-11-22T09:00:00Z", None)


def fleet(number, *jobs):
    return {f"web{one}": look(*jobs) for one in range(1, number + 1)}


def every_minute(*runs, zone="+00:00"):
    found = job(*runs)
    found["evidence"].update(schedule="* * * * *", next_runs_local=[f"2026-11-23T05:28:00{zone}" for _run in runs])
    return found


def shares(found):
    return [(pool["group"], pool["down"], pool["hosts"], pool["share"]) for pool in found["evidence"]["pools"]]


def test_a_whole_pool_in_one_minute():
    looks = {**fleet(3, job(FIRST, FIRST + DAY)), "db1": look(), "db2": look()}
    groups = {"all": list(looks), "web": ["web1", "web2", "web3"], "db": ["db1", "db2"], "ungrouped": ["web1", "web2"]}
    (found,) = find(looks, groups)
    assert found["hosts"] == ["web1", "web2", "web3"] and found["severity"] == "high" and found["check"] == CHECK
    assert found["object"] == "2026-11-23T05:28Z" and found["count"] == 3
    assert found["evidence"]["minutes"] == [FIRST, FIRST + DAY]
    assert found["evidence"]["minutes_utc"] == ["2026-11-23T05:28Z", "2026-11-24T05:28Z"]
    assert shares(found) == [("web", 3, 3, 1.0), ("all", 3, 5, 0.6)]
    assert found["summary"].startswith("3 hosts stop php8.2-fpm or cut its requests in the same minute, next at ")
    assert "all 3 of web, 3 of 5 of the inventory; give each host a minute of its own" in found["summary"]
    assert found["examples"] == [f"web{number}: /etc/cron.d/php:3" for number in (1, 2, 3)]


@pytest.mark.parametrize(
    ("hosts", "severity"), [(2, "high"), (3, "medium"), (4, "medium"), (5, "low"), (8, "low"), (9, None)]
)
def test_severity_goes_by_the_share_of_the_worst_pool(hosts, severity):
    looks = {**fleet(2, job(FIRST)), **{f"quiet{number}": look() for number in range(hosts - 2)}}
    assert [found["severity"] for found in find(looks, {})] == ([severity] if severity else [])


def test_the_share_is_that_of_the_pool_as_the_inventory_has_it():
    web = [f"web{number}" for number in range(1, 9)]
    (found,) = find({**fleet(2, job(FIRST)), "db1": look()}, {"all": [*web, "db1"], "web": web, "canary": ["web1"]})
    assert shares(found) == [("web", 2, 8, 0.25)]


def test_a_run_over_a_few_hosts_of_the_inventory_takes_them_for_no_pool():
    web = [f"web{number}" for number in range(1, 21)]
    assert find(fleet(2, job(FIRST)), {"all": web, "web": web, "canary": ["web1"]}) == []


def test_hosts_in_different_minutes_are_no_finding():
    looks = {f"web{number}": look(job(FIRST + 60 * number, FIRST + 60 * number + DAY)) for number in range(10)}
    assert find(looks, {}) == []


def test_a_minute_has_sixty_seconds():
    assert find({"web1": look(job(FIRST)), "web2": look(job(FIRST + 59))}, {}) != []
    assert find({"web1": look(job(FIRST)), "web2": look(job(FIRST + 60))}, {}) == []


def test_a_host_that_was_looked_at_after_the_first_run_shares_the_next():
    looks = {"web1": look(job(FIRST, FIRST + DAY)), "web2": look(job(FIRST + DAY, FIRST + 2 * DAY))}
    (found,) = find(looks, {})
    assert found["evidence"]["minutes"] == [FIRST + DAY]


@pytest.mark.parametrize("batches", [2, 3, 20])
def test_hosts_that_were_looked_at_long_after_one_another_share_the_minutes_of_one_schedule(batches):
    minutes = [[FIRST + 60 * (5 * batch + number) for number in (1, 2, 3)] for batch in range(batches)]
    looks = {f"web{batch}": look(every_minute(*runs)) for batch, runs in enumerate(minutes)}
    (found,) = find(looks, {})
    assert found["evidence"]["minutes"] == minutes[-1] and found["count"] == batches


def test_one_schedule_on_clocks_apart_is_two():
    looks = {
        "web1": look(every_minute(FIRST, FIRST + 60, zone="+00:00")),
        "web2": look(every_minute(FIRST + 3600, FIRST + 3660, zone="+01:00")),
    }
    assert find(looks, {}) == []


def test_a_run_that_was_drawn_by_chance_says_nothing_of_another_host():
    looks = {"web1": look(every_minute(FIRST)), "web2": look(every_minute(FIRST + 600))}
    assert find(looks, {}) == []


@pytest.mark.parametrize("known", [{"certain": False}, {"delay": None}])
def test_jobs_that_act_on_a_condition_or_at_a_random_time_do_not_act_all_at_once(known):
    watchdog = job(FIRST)
    watchdog["evidence"].update(known)
    assert find(fleet(3, watchdog), {}) == []


@pytest.mark.parametrize(("severity", "told"), [("critical", 1), ("high", 1), ("medium", 1), ("low", 0), ("info", 0)])
def test_what_each_host_takes_for_a_low_risk_is_no_outage_of_all(severity, told):
    assert len(find(fleet(3, job(FIRST, severity=severity)), {})) == told


def test_the_minute_is_that_in_which_a_job_acts():
    looks = {}
    for number, delay in enumerate((59.0, 60.0, 61.0, 600.0)):
        found = job(FIRST)
        found["evidence"]["delay"] = delay
        looks[f"web{number}"] = look(found)
    (found,) = find(looks, {})
    assert (found["hosts"], found["object"]) == (["web1", "web2"], "2026-11-23T05:29Z")


def test_several_jobs_of_a_host_are_one_host():
    assert find({"web1": look(job(FIRST), job(FIRST, path="/etc/crontab:9")), "web2": look()}, {}) == []


@pytest.mark.parametrize("verdict", ["kills_in_flight", "stops_service", "escalates_to_kill"])
def test_what_stops_a_service_or_cuts_its_requests_counts(verdict):
    assert len(find(fleet(2, job(FIRST, check=f"scheduled_restart.{verdict}")), {})) == 1


def test_the_same_job_found_by_two_checks_is_one_job():
    (found,) = find(fleet(2, job(FIRST), job(FIRST, check="scheduled_restart.escalates_to_kill")), {})
    assert found["count"] == 2


def test_different_services_in_one_minute_are_one_finding():
    looks = {
        "web1": look(job(FIRST, names=["nginx"])),
        "web2": look(job(FIRST, check="scheduled_restart.stops_service")),
    }
    (found,) = find(looks, {})
    assert found["evidence"]["names"] == ["nginx", "php8.2-fpm"]


@pytest.mark.parametrize(
    "verdict", ["reload_without_test", "never_runs", "unknown_command", "came_back", "wrong_signal_in_logrotate"]
)
def test_what_stops_nothing_does_not_count(verdict):
    assert find(fleet(3, job(FIRST, check=f"scheduled_restart.{verdict}")), {}) == []


@pytest.mark.parametrize("evidence", [{}, {"next_runs": []}, {"next_runs": None}])
def test_a_job_whose_runs_nobody_knows_does_not_count(evidence):
    folded = finding(check="scheduled_restart.kills_in_flight", evidence=evidence)
    assert find(fleet(3, folded), {}) == []


def test_hosts_that_hid_their_jobs_are_named():
    hidden = look(unknown=["scheduled_restart.stops_service"])
    other = look(unknown=["pidfile.foreign_process"])
    looks = {**fleet(2, job(FIRST)), "c": hidden, "d": FAILED, "e": UNREACHABLE, "f": {}, "g": other}
    (found,) = find(looks, {})
    assert found["evidence"]["unseen_hosts"] == ["c", "d", "e", "f"]


def test_two_minutes_are_two_findings_the_larger_first():
    looks = {**fleet(4, job(FIRST), job(FIRST + 3600, path="/b")), "web5": look(job(FIRST + 3600, path="/b"))}
    assert [(found["object"], len(found["hosts"])) for found in find(looks, {})] == [
        ("2026-11-23T06:28Z", 5),
        ("2026-11-23T05:28Z", 4),
    ]


def test_a_job_of_every_five_minutes_is_told_once():
    (found,) = find(fleet(3, job(FIRST, FIRST + 300, FIRST + 600)), {})
    assert len(found["evidence"]["minutes"]) == 3


def test_only_the_worst_pools_are_shown():
    groups = {f"group{number:02}": ["web1", "web2"] for number in range(50)}
    (found,) = find(fleet(2, job(FIRST)), groups)
    assert len(found["evidence"]["pools"]) == 10


def test_many_small_pools_take_no_time_of_each_other():
    minute = {f"web{number}": FIRST + 60 * (number // 2) for number in range(4000)}
    looks = {host: look(job(first, first + DAY * 7, first + DAY * 14)) for host, first in minute.items()}
    pairs = {f"pair{number}": [f"web{2 * number}", f"web{2 * number + 1}"] for number in range(100)}
    assert len(find(looks, pairs)) == 100


def test_a_thousand_hosts():
    looks = fleet(1000, job(FIRST, FIRST + DAY, FIRST + 2 * DAY), job(FIRST + 60, path="/etc/crontab:5"))
    found = find(looks, {"web": list(looks)})
    assert [(one["count"], len(one["examples"])) for one in found] == [(1000, 5), (1000, 5)]


@given(
    st.dictionaries(
        st.sampled_from("abcdef"),
        st.lists(
            st.lists(st.integers(0, 6).map(lambda minute: FIRST + 60 * minute), max_size=3, unique=True), max_size=3
        ),
    )
)
def test_every_finding_holds_what_it_says(planned):
    looks = {
        host: look(*(job(*runs, path=f"/{number}") for number, runs in enumerate(jobs)))
        for host, jobs in planned.items()
    }
    told = find(looks, {})
    for found in told:
        assert len(found["hosts"]) > 1 and found["hosts"] == sorted(set(found["hosts"]))
        for minute in found["evidence"]["minutes"]:
            assert set(found["hosts"]) == {
                host for host, jobs in planned.items() if any(minute in runs for runs in jobs)
            }
    # And nobody who shares a minute with a quarter of the others is left out.
    for host, jobs in planned.items():
        for minute in {minute for runs in jobs for minute in runs}:
            others = [name for name, theirs in planned.items() if any(minute in runs for runs in theirs)]
            if len(others) > 1 and len(others) >= len(planned) / 4:
                assert any(host in found["hosts"] for found in told)


def test_the_report_holds_it_and_fails_each_of_its_hosts():
    looks = {**fleet(2, job(FIRST)), "web3": look()}
    report = merge(RUN, looks, {}, {"pool": ["web1", "web2"]})
    (found,) = report["fleet_findings"]
    assert found["hosts"] == ["web1", "web2"] and found["severity"] == "high"
    assert report["failures"] == {
        host: [{"cause": "finding", "message": f"{CHECK}: {found['summary']}"}] for host in ("web1", "web2")
    }
    assert merge(RUN._replace(fail_on=None), looks, {}, {"pool": ["web1", "web2"]})["passed"]


@pytest.mark.parametrize(
    ("fail_on", "failed"),
    [
        ("[?host=='web1']", {"web1": 1}),
        ("[?contains(hosts, 'web2')]", {"web1": 1, "web2": 2}),
        ("[?starts_with(host, 'web')]", {"web1": 1, "web2": 1}),
        ("[?check=='scheduled_restart.same_minute']", {"web1": 1, "web2": 1}),
        ("[?evidence.pools[?share==`1.0`]]", {"web1": 1, "web2": 1}),
    ],
)
def test_one_expression_selects_among_findings_of_hosts_and_of_the_fleet(fail_on, failed):
    report = merge(RUN._replace(fail_on=fail_on), fleet(2, job(FIRST)), {})
    assert {host: len(reasons) for host, reasons in report["failures"].items()} == failed


def test_people_read_it_in_the_tables():
    report = merge(RUN._replace(fail_on=None), fleet(2, job(FIRST)), {})
    markdown, shown = render(report), lines(report)
    assert "## Findings over several hosts" in markdown
    assert "| high | `scheduled_restart.same_minute` | `2026-11-23T05:28Z` | web1, web2 | 2 hosts stop" in markdown
    (heading,) = [number for number, line in enumerate(shown) if line.startswith("severity  check")]
    assert shown[heading + 1].startswith(
        "high      scheduled_restart.same_minute  2      2 hosts stop php8.2-fpm or cut"
    )
