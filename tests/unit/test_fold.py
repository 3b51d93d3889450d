# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import json
from typing import NamedTuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.fold import (
    BYTES,
    EXAMPLES,
    GROUPS,
    fold_actions,
    fold_findings,
    fold_lost,
    fold_outcomes,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import (
    DONE,
    FAILED,
    SEVERITIES,
    Action,
    Finding,
    Lost,
    Outcome,
)
from hypothesis import given
from hypothesis import strategies as st


class Evidence(NamedTuple):
    owner: str
    cause: str
    note: str = ""


class Bare(NamedTuple):
    note: str


class Guard(NamedTuple):
    identifier: int


def finding(
    number, severity="medium", owner="www-data", cause="a crash", remedy="remove it", check="ipc.orphan", note=""
):
    return Finding(check, f"shm {number}", severity, f"{number} is left.", Evidence(owner, cause, note), remedy, "none")


def action(number, check="ipc.orphan", verb="remove"):
    return Action(check, verb, f"shm {number}", Guard(number), "none")


FINDINGS = st.lists(
    st.builds(
        finding,
        st.integers(0, 1000),
        severity=st.sampled_from(SEVERITIES),
        owner=st.sampled_from(["a", "b", "c"]),
        cause=st.text(max_size=3),
        remedy=st.none() | st.just("remove it"),
    ),
    max_size=20,
)


def test_a_leak_of_any_size_is_one_entry():
    (entry,) = fold_findings([finding(number) for number in range(32768)])
    assert entry["count"] == 32768
    assert entry["examples"] == ["shm 0", "shm 1", "shm 2", "shm 3", "shm 4"] and len(entry["examples"]) == EXAMPLES
    assert entry["object"] == "shm 0" and entry["summary"] == "0 is left."
    assert entry["evidence"] == {"owner": "www-data", "cause": "a crash", "note": ""}


def test_what_is_gone_for_good_is_one_entry_a_reason():
    entries = fold_lost([Lost(f"shm {number}", "no key") for number in range(60)] + [Lost("shm 99", "too large")])
    assert [(entry["object"], entry["reason"], entry["count"]) for entry in entries] == [
        ("shm 0", "no key", 60),
        ("shm 99", "too large", 1),
    ]


@pytest.mark.parametrize(
    "other",
    [dict(severity="low"), dict(owner="root"), dict(cause="a reload"), dict(remedy=None), dict(check="ipc.limit")],
)
def test_what_differs_for_a_person_is_told_apart(other):
    many = [finding(number) for number in range(8)] + [finding(number, **other) for number in range(8, 15)]
    assert sorted(entry["count"] for entry in fold_findings(many)) == [7, 8]


def test_a_few_of_a_kind_are_told_one_by_one():
    few = [finding(number) for number in range(EXAMPLES)]
    assert [entry["object"] for entry in fold_findings(few)] == [one.object for one in few]
    assert [entry["count"] for entry in fold_findings([*few, finding(99)])] == [EXAMPLES + 1]
    planned = [action(number) for number in range(EXAMPLES)]
    assert [entry["object"] for entry in fold_actions(planned, few)] == [one.object for one in few]
    outcomes = [Outcome(one, DONE, "gone") for one in planned]
    assert [entry["object"] for entry in fold_outcomes(outcomes, few)] == [one.object for one in few]


def test_evidence_without_owner_and_cause_folds_too():
    bare = [finding(number)._replace(evidence=Bare(str(number))) for number in range(6)]
    assert [entry["count"] for entry in fold_findings(bare)] == [6]


@given(FINDINGS)
def test_no_object_is_lost_and_the_worst_come_first(findings):
    entries = fold_findings(findings)
    assert sum(entry["count"] for entry in entries) == len(findings)
    severities = [SEVERITIES.index(entry["severity"]) for entry in entries]
    assert severities == sorted(severities)


def test_more_groups_than_a_result_can_hold_are_counted_in_the_last_entry():
    entries = fold_findings([finding(number, owner=str(number)) for number in range(GROUPS + 7)])
    assert len(entries) == GROUPS + 1 and entries[-1]["count"] == 7
    assert entries[-1]["summary"].startswith("7 more objects in 7 groups") and entries[-1]["examples"] == []


def test_many_small_groups_are_folded_before_anything_is_left_out():
    owners = [finding(number, owner=str(number // 4)) for number in range(GROUPS)]
    assert sorted(entry["count"] for entry in fold_findings(owners)) == [1] * GROUPS
    more = [*owners, finding(GROUPS, owner="0")]
    assert sorted({entry["count"] for entry in fold_findings(more)}) == [4, 5]


def test_what_is_left_out_is_still_told_apart_by_what_people_select():
    rare = [finding(10000 + number, check="pidfile.dead", severity="low", remedy=None) for number in range(3)]
    findings = [finding(number, owner=str(number), severity="low") for number in range(GROUPS + 5)] + rare
    entries = fold_findings(findings)
    assert {entry["check"] for entry in entries} == {"ipc.orphan", "pidfile.dead"}
    assert sum(entry["count"] for entry in entries) == len(findings)
    assert [entry["remedy"] for entry in entries if entry["check"] == "pidfile.dead"] == [None]


def test_a_failure_is_never_counted_among_what_is_done():
    findings = [finding(number, owner=str(number)) for number in range(2 * GROUPS)]
    outcomes = [Outcome(action(number), FAILED if number % 2 else DONE, "so") for number in range(2 * GROUPS)]
    entries = fold_outcomes(outcomes, findings)
    assert sum(entry["count"] for entry in entries if entry["result"] == FAILED) == GROUPS
    assert sum(entry["count"] for entry in entries if entry["result"] == DONE) == GROUPS
    assert entries[0]["result"] == FAILED


def test_groups_too_large_for_a_result_are_counted_in_the_last_entry():
    findings = [finding(number, owner=str(number), note="x" * 1000, cause="y" * 1000) for number in range(180)]
    entries = fold_findings(findings)
    assert len(json.dumps(entries)) < BYTES + 2000
    assert sum(entry["count"] for entry in entries) == 180


def test_the_worst_are_kept_when_not_all_fit():
    findings = [finding(number, owner=str(number), severity="low") for number in range(GROUPS)]
    entries = fold_findings([*findings, finding(9999, severity="critical")])
    assert entries[0]["object"] == "shm 9999"


def test_a_result_stays_small_whatever_the_host_looks_like():
    worst = [finding(number, owner=str(number) * 500, cause="\x00" * 500, note="é" * 5000) for number in range(5000)]
    planned = [action(number) for number in range(5000)]
    outcomes = [Outcome(one, FAILED, "\x00" * 5000) for one in planned]
    lists = [fold_findings(worst), fold_findings(worst), fold_actions(planned, worst), fold_outcomes(outcomes, worst)]
    assert len(json.dumps(lists)) < 1024 * 1024


def test_actions_fold_as_their_findings_do():
    findings = [finding(number) for number in range(6)] + [finding(6, owner="root")]
    entries = fold_actions([action(number) for number in range(7)], findings)
    assert [(entry["count"], entry["object"]) for entry in entries] == [(6, "shm 0"), (1, "shm 6")]
    assert entries[0]["examples"] == [f"shm {number}" for number in range(EXAMPLES)]
    assert entries[0]["verb"] == "remove" and entries[0]["guard"] == {"identifier": 0}


def test_different_verbs_and_results_are_told_apart():
    findings = [finding(number) for number in range(20)]
    planned = [action(number) for number in range(6)] + [action(number, verb="keep") for number in range(6, 12)]
    assert [entry["count"] for entry in fold_actions(planned, findings)] == [6, 6]
    outcomes = [Outcome(action(0), DONE, "gone")]
    outcomes += [Outcome(action(number), FAILED, f"busy {number}") for number in range(1, 9)]
    assert [(entry["result"], entry["count"], entry["reason"]) for entry in fold_outcomes(outcomes, findings)] == [
        (FAILED, 8, "busy 1"),
        (DONE, 1, "gone"),
    ]


def test_actions_without_findings_fold_by_themselves():
    assert [entry["count"] for entry in fold_actions([action(number) for number in range(6)], [])] == [6]
