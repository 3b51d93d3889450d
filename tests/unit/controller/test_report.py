# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import json
import time
from pathlib import Path

import jsonschema
import pytest
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.report import Run, merge
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.selection import BadSelection
from hypothesis import given
from hypothesis import strategies as st
from results import FAILED, LOOKS, REMEDIES, TEXT, UNREACHABLE, finding, job, look, outcome, reload, remedy

SCHEMA = json.loads((Path(__file__).parents[3] / "docs/report.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
RUN = Run("audit", False, "[?severity=='critical' || severity=='high']", True, "2026-11-21T22:04:55Z", None)
CLEANUP = RUN._replace(kind="cleanup", fail_on=None, state_dir="/var/lib/phpfleet")


def states(report):
    return {name: host["state"] for name, host in report["hosts"].items()}


def causes(report):
    return {host: [reason["cause"] for reason in reasons] for host, reasons in report["failures"].items()}


@given(st.dictionaries(TEXT, LOOKS, max_size=3), st.dictionaries(TEXT, REMEDIES, max_size=2), st.booleans())
def test_every_report_keeps_its_schema_and_survives_json(looks, remedies, unknown_fails):
    report = merge(CLEANUP._replace(unknown_fails=unknown_fails), looks, remedies)
    assert json.loads(json.dumps(report)) == report
    VALIDATOR.validate(report)
    assert report["passed"] == (not report["failures"])
    assert sum(report["totals"]["hosts"].values()) == len(looks)


def test_every_field_of_a_report_is_in_its_schema():
    VALIDATOR.check_schema(SCHEMA)
    looks = {"web1": look(finding(), job(0)), "web2": UNREACHABLE, "web3": look(job(0))}
    report = merge(RUN, looks, {"web1": remedy(outcome(), remaining=[finding()], reload_needed=[reload()])})
    assert set(report) == set(SCHEMA["properties"]) == set(SCHEMA["required"])
    parts = {
        "host": report["hosts"]["web1"],
        "finding": report["findings"][0],
        "fleet_finding": report["fleet_findings"][0],
        "failure": report["failures"]["web2"][0],
    }
    for name, value in parts.items():
        assert set(value) == set(SCHEMA["$defs"][name]["properties"])
    for name in ("changes", "reload_needed"):
        assert set(report[name][0]) == set(SCHEMA["properties"][name]["items"]["properties"])


def test_findings_of_all_hosts_come_with_their_host_the_worst_first():
    looks = {"web1": look(finding(severity="low")), "web2": look(finding(severity="critical"), finding())}
    assert [(entry["host"], entry["severity"]) for entry in merge(RUN, looks, {})["findings"]] == [
        ("web2", "critical"),
        ("web2", "medium"),
        ("web1", "low"),
    ]


def test_every_host_has_the_worst_state_that_fits():
    looks = {
        "clean": look(),
        "unknown": look(unknown=["a.b"]),
        "found": look(finding(), unknown=["a.b"]),
        "failed": FAILED,
        "away": UNREACHABLE,
        "left": {},
    }
    report = merge(RUN, looks, {})
    expected = {"clean": "clean", "unknown": "unknown", "found": "found", "failed": "failed"}
    assert states(report) == {**expected, "away": "unreachable", "left": "failed"}
    assert report["totals"]["hosts"] == {"unreachable": 1, "failed": 2, "found": 1, "unknown": 1, "clean": 1}
    assert report["hosts"]["failed"]["objects"] is None and report["hosts"]["clean"]["objects"]["medium"] == 0


def test_a_host_that_gave_no_answer_says_why_and_fails_the_run():
    report = merge(RUN._replace(fail_on=None, unknown_fails=False), {"f": FAILED, "u": UNREACHABLE, "l": {}}, {})
    assert report["hosts"]["f"]["reason"] == "MODULE FAILURE: /usr/bin/python3: not found"
    assert report["hosts"]["u"]["reason"] == "ssh: connect to host web9 port 22: No route to host"
    assert "left the play" in report["hosts"]["l"]["reason"]
    assert causes(report) == {"f": ["failed"], "u": ["unreachable"], "l": ["failed"]} and not report["passed"]


def test_what_the_expression_selects_fails_its_host_and_nothing_else_does():
    looks = {"web1": look(finding(severity="high")), "web2": look(finding(severity="medium")), "web3": look()}
    assert causes(merge(RUN, looks, {})) == {"web1": ["finding"]}
    assert causes(merge(RUN._replace(fail_on="[?host=='web2']"), looks, {})) == {"web2": ["finding"]}
    assert merge(RUN._replace(fail_on=None), looks, {})["passed"]


def test_an_unknown_check_fails_its_host_unless_told_otherwise():
    looks = {"web1": look(unknown=["pidfile.missing"]), "web2": look()}
    report = merge(RUN, looks, {})
    assert report["failures"] == {"web1": [{"cause": "unknown", "message": "pidfile.missing: hidden"}]}
    tolerant = merge(RUN._replace(unknown_fails=False), looks, {})
    assert tolerant["passed"] and tolerant["unknown_checks"] == report["unknown_checks"] != []


def test_a_bad_expression_is_told_even_where_nothing_was_found():
    with pytest.raises(BadSelection):
        merge(RUN._replace(fail_on="[?severity=="), {"web1": look()}, {})


def test_objects_are_counted_and_not_their_entries():
    report = merge(RUN, {"a": look(finding(count=32)), "b": look(finding(count=8), finding(severity="low"))}, {})
    assert report["totals"]["objects"] == {"critical": 0, "high": 0, "medium": 40, "low": 3, "info": 0}
    assert report["hosts"]["b"]["objects"]["medium"] == 8


def test_a_cleanup_tells_what_became_of_each_object():
    outcomes = [outcome(count=5), outcome(result="failed", reason="busy", count=1)]
    remedies = {"web1": remedy(*outcomes, failed=True, msg="1 actions failed, the first: shm 1: busy")}
    report = merge(CLEANUP, {"web1": look(finding())}, remedies)
    assert [(entry["host"], entry["result"], entry["count"]) for entry in report["changes"]] == [
        ("web1", "done", 5),
        ("web1", "failed", 1),
    ]
    assert report["totals"]["changes"] == {"done": 5, "unneeded": 0, "failed": 1, "planned": 0}
    assert report["failures"]["web1"][0]["message"] == "1 actions failed, the first: shm 1: busy"
    assert report["runs"] == {"web1": "20261121T220455Z-1f2e3d4c"}


def test_a_plan_is_told_as_planned_with_its_risk():
    action = {**outcome(), "risk": "gone for good"}
    del action["result"], action["reason"]
    report = merge(
        CLEANUP._replace(check_mode=True), {"a": look(finding())}, {"a": {"actions": [action], "run_id": None}}
    )
    assert [(entry["result"], entry["reason"]) for entry in report["changes"]] == [("planned", "gone for good")]
    assert report["passed"] and report["runs"] == {}
    assert "risk" not in report["changes"][0]


def test_a_host_lost_in_the_middle_of_its_remedy_is_a_failure_that_says_what_to_do():
    report = merge(CLEANUP, {"web1": look(finding())}, {"web1": UNREACHABLE})
    (reason,) = report["failures"]["web1"]
    assert reason["cause"] == "remedy" and "undo" in reason["message"] and "/var/lib/phpfleet" in reason["message"]


def test_what_was_found_fails_no_cleanup_that_has_no_expression():
    assert merge(CLEANUP, {"web1": look(finding(severity="critical"))}, {})["passed"]


def seconds_of(hosts):
    looks = {f"web{number}": look(finding(), finding(), unknown=["php_fpm.hard_stop"]) for number in range(hosts)}
    began = time.perf_counter()
    merge(RUN._replace(fail_on=None), looks, {})
    return time.perf_counter() - began


def test_a_report_takes_no_longer_than_its_hosts():
    few = min(seconds_of(250) for _attempt in range(3))
    assert min(seconds_of(4000) for _attempt in range(2)) < 60 * few  # of 16 times as many
