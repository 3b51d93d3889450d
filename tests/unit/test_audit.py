# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import re

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit, entries, select
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    Forbidden,
    NotApplicable,
    Refused,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Check, Finding, found, unknown
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from

POLICY = policy_from({})
FINDING = Finding("pidfile.dead", "/run/a.pid", "medium", "It is stale.", (), "remove it", "none")


def check(identifier="pidfile.dead", gather=None, find=None):
    return Check(identifier, (gather or (lambda host, policy: "facts"),), find or (lambda facts, policy: found([])))


def failing(error):
    def gather(host, policy):
        raise error

    return gather


def verdict(one):
    (checked,) = audit(Host(), POLICY, [one]).checked
    return checked.verdict


def test_facts_are_handed_over_in_the_order_of_the_gathers_then_the_policy():
    seen = []
    gathers = (lambda host, policy: "first", lambda host, policy: "second")
    audit(Host(), POLICY, [Check("a.b", gathers, lambda *given: seen.append(given) or found([]))])
    assert seen == [("first", "second", POLICY)]


def test_one_look_gathers_once_for_all_checks():
    calls = []

    def gather(host, policy):
        calls.append(host)
        return len(calls)

    audit(Host(), POLICY, [check("a.a", gather), check("a.b", gather)])
    assert len(calls) == 1
    audit(Host(), POLICY, [check("a.a", gather)])
    assert len(calls) == 2


def test_a_failed_look_is_remembered_too():
    calls = []

    def gather(host, policy):
        calls.append(host)
        raise Forbidden("/proc: not readable")

    seen = audit(Host(), POLICY, [check("a.a", gather), check("a.b", gather)])
    assert len(calls) == 1
    assert [entry["verdict"] for entry in entries(seen)] == ["unknown", "unknown"]


def test_could_not_look_is_unknown_with_the_reason_and_stops_no_other_check():
    seen = audit(Host(), POLICY, [check("a.a", failing(Forbidden("/run: not readable"))), check("a.b")])
    assert [(entry["id"], entry["verdict"], entry["reason"]) for entry in entries(seen)] == [
        ("a.a", "unknown", "/run: not readable"),
        ("a.b", "clean", None),
    ]


def test_nothing_of_the_kind_is_not_applicable_with_the_reason():
    answer = verdict(check(gather=failing(NotApplicable("no php-fpm here"))))
    assert (answer.state, answer.reason, list(answer.findings)) == ("not_applicable", "no php-fpm here", [])


@pytest.mark.parametrize(
    "broken", [dict(gather=failing(ValueError("embedded null byte"))), dict(find=lambda facts, policy: 1 // 0)]
)
def test_a_fault_of_our_own_is_unknown_says_where_and_stops_no_other_check(broken):
    seen = audit(Host(), POLICY, [check(**broken), check(find=lambda facts, policy: found([FINDING]))])
    first, second = entries(seen)
    assert first["verdict"] == "unknown" and second["verdict"] == "found"
    assert re.search(r"failed at test_audit\.py:\d+: (ValueError: embedded null byte|ZeroDivision)", first["reason"])


def test_a_check_that_finds_is_found_and_one_that_saw_a_part_is_unknown_with_what_it_saw():
    assert verdict(check(find=lambda facts, policy: found([FINDING]))).state == "found"
    part = audit(Host(), POLICY, [check(find=lambda facts, policy: unknown("half hidden", [FINDING]))])
    assert entries(part)[0]["verdict"] == "unknown" and part.findings == [FINDING]


def test_findings_come_in_the_order_of_the_checks():
    other = FINDING._replace(check="a.b")
    checks = [
        check("a.b", find=lambda facts, policy: found([other])),
        check(find=lambda facts, policy: found([FINDING])),
    ]
    assert audit(Host(), POLICY, checks).findings == [other, FINDING]


CHECKS = [check("ipc.orphan"), check("ipc.limit"), check("pidfile.dead")]


@pytest.mark.parametrize(
    "wanted, skipped, expected",
    [
        ([], [], ["ipc.orphan", "ipc.limit", "pidfile.dead"]),
        (["ipc"], [], ["ipc.orphan", "ipc.limit"]),
        (["pidfile.dead", "ipc.limit"], [], ["ipc.limit", "pidfile.dead"]),
        ([], ["ipc"], ["pidfile.dead"]),
        (["ipc"], ["ipc.orphan"], ["ipc.limit"]),
        (["ipc.orphan"], ["ipc"], []),
    ],
)
def test_checks_are_chosen_by_id_or_subject(wanted, skipped, expected):
    assert [one.id for one in select(CHECKS, wanted, skipped)] == expected


@pytest.mark.parametrize("wanted, skipped", [(["ipc.orphans"], []), ([], ["pid"])])
def test_an_unknown_name_is_refused_with_the_known_ones(wanted, skipped):
    with pytest.raises(Refused, match=r"there are ipc, ipc\.limit, ipc\.orphan, pidfile, pidfile\.dead"):
        select(CHECKS, wanted, skipped)
