# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import crumbs
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import apply
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Refused
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import DONE, FAILED, UNNEEDED, Lost
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from ansible_collections.phpfleet.remediation.plugins.module_utils.remediate import remediate
from ansible_collections.phpfleet.remediation.plugins.module_utils.undo import undo


@pytest.fixture(autouse=True)
def verbs(monkeypatch):
    for name, verb in crumbs.VERBS.items():
        monkeypatch.setitem(apply.VERBS, name, verb)


@pytest.fixture
def table(tmp_path):
    (tmp_path / "table").mkdir()
    return tmp_path / "table"


def journal(tmp_path):
    return lambda: Journal(str(tmp_path / "state"), dict(module="toy"), 30)


def wipe(tmp_path, table):
    return remediate(Host, policy_from({}), [crumbs.check(table)], 100, journal(tmp_path)).run_id


def put_back(tmp_path, run_id, check_mode=False):
    return undo(str(tmp_path / "state"), run_id, None if check_mode else journal(tmp_path))


def contents(table):
    return {path.name: path.read_text() for path in table.iterdir()}


def test_what_was_taken_is_put_back_the_newest_first(tmp_path, table):
    (table / "a").write_text("bread")
    (table / "b").write_text("cake")
    undone = put_back(tmp_path, wipe(tmp_path, table))
    assert contents(table) == {"a": "bread", "b": "cake"}
    assert [(outcome.action.object, outcome.result) for outcome in undone.outcomes] == [
        (str(table / "b"), DONE),
        (str(table / "a"), DONE),
    ]
    assert undone.problems == [] and undone.run_id is not None


def test_check_mode_is_the_plan(tmp_path, table):
    (table / "a").write_text("bread")
    run_id = wipe(tmp_path, table)
    planned = put_back(tmp_path, run_id, check_mode=True)
    assert contents(table) == {} and planned.outcomes == [] and planned.run_id is None
    assert put_back(tmp_path, run_id).plan == planned.plan


def test_what_is_back_already_is_left_alone(tmp_path, table):
    (table / "a").write_text("bread")
    (table / "b").write_text("cake")
    run_id = wipe(tmp_path, table)
    (table / "a").write_text("bread")
    undone = put_back(tmp_path, run_id)
    assert contents(table) == {"a": "bread", "b": "cake"}
    assert [action.object for action in undone.plan.actions] == [str(table / "b")]
    assert undone.plan.lost == [] and undone.problems == []
    assert put_back(tmp_path, run_id).run_id is None


def test_what_something_else_stands_in_place_of_is_told_and_left_alone(tmp_path, table):
    (table / "a").write_text("bread")
    run_id = wipe(tmp_path, table)
    (table / "a").write_text("somebody's new bread")
    undone = put_back(tmp_path, run_id)
    assert contents(table) == {"a": "somebody's new bread"}
    assert undone.plan.lost == [Lost(str(table / "a"), f"{table / 'a'}: another crumb lies there")]


@pytest.mark.parametrize("part", ["undo", "look"])
def test_one_object_that_cannot_be_looked_at_does_not_keep_the_others(tmp_path, table, monkeypatch, part):
    (table / "a").write_text("bread")
    (table / "b").write_text("cake")
    run_id = wipe(tmp_path, table)
    name = "wipe" if part == "undo" else "drop"
    genuine = getattr(crumbs.VERBS[name], part)

    def failing(one):
        if one.object.endswith("b"):
            raise CannotAct("the way to it is blocked")
        return genuine(one)

    monkeypatch.setitem(apply.VERBS, name, crumbs.VERBS[name]._replace(**{part: failing}))
    undone = put_back(tmp_path, run_id)
    assert contents(table) == {"a": "bread"}
    assert undone.problems == [f"{table / 'b'} could not be put back: the way to it is blocked"]


def test_an_old_run_can_still_be_undone(tmp_path, table):
    (table / "a").write_text("bread")
    run_id = wipe(tmp_path, table)
    old = "20200101T000000Z" + run_id[16:]
    state = tmp_path / "state"
    text = (state / "journal" / (run_id + ".jsonl")).read_text().replace(run_id, old)
    (state / "journal" / (run_id + ".jsonl")).rename(state / "journal" / (old + ".jsonl"))
    (state / "journal" / (old + ".jsonl")).write_text(text)
    (state / "quarantine" / run_id).rename(state / "quarantine" / old)
    undone = undo(str(state), old, lambda: Journal(str(state), dict(module="toy")))
    assert contents(table) == {"a": "bread"} and undone.problems == []
    assert (state / "journal" / (old + ".jsonl")).exists() and (state / "quarantine" / old).exists()


def test_what_comes_back_between_plan_and_act_is_not_overwritten(tmp_path, table, monkeypatch):
    (table / "a").write_text("bread")
    run_id = wipe(tmp_path, table)

    def act(prepared):
        (table / "a").write_text("somebody's new bread")
        return crumbs.VERBS["drop"].act(prepared)

    monkeypatch.setitem(apply.VERBS, "drop", crumbs.VERBS["drop"]._replace(act=act))
    assert [outcome.result for outcome in put_back(tmp_path, run_id).outcomes] == [UNNEEDED]
    assert contents(table) == {"a": "somebody's new bread"}


def test_what_is_gone_for_good_is_said(tmp_path, table):
    (table / "eaten").write_text("bread")
    (table / "b").write_text("cake")
    undone = put_back(tmp_path, wipe(tmp_path, table))
    assert undone.plan.lost == [Lost(str(table / "eaten"), f"{table / 'eaten'}: it was eaten")]
    assert contents(table) == {"b": "cake"}


def test_a_run_that_was_cut_short_is_undone_as_far_as_it_went(tmp_path, table, monkeypatch):
    for name in "abc":
        (table / name).write_text(name)

    class PowerCut(BaseException):
        pass

    def act(prepared):
        if prepared.action.object.endswith("c"):
            raise PowerCut
        return crumbs.VERBS["wipe"].act(prepared)

    monkeypatch.setitem(apply.VERBS, "wipe", crumbs.VERBS["wipe"]._replace(act=act))
    with pytest.raises(PowerCut):
        wipe(tmp_path, table)
    assert contents(table) == {"c": "c"}
    (name,) = [path.name for path in (tmp_path / "state" / "journal").iterdir()]
    undone = put_back(tmp_path, name[: -len(".jsonl")])
    assert contents(table) == {"a": "a", "b": "b", "c": "c"}
    assert [action.object for action in undone.plan.actions] == [str(table / "b"), str(table / "a")]


def test_what_was_not_needed_in_the_run_is_not_put_back(tmp_path, table, monkeypatch):
    (table / "a").write_text("bread")
    (table / "b").write_text("cake")

    def act(prepared):
        (table / "a").write_text("another") if (table / "a").exists() else None
        return crumbs.VERBS["wipe"].act(prepared)

    monkeypatch.setitem(apply.VERBS, "wipe", crumbs.VERBS["wipe"]._replace(act=act))
    run_id = wipe(tmp_path, table)
    (table / "a").unlink()
    put_back(tmp_path, run_id)
    assert contents(table) == {"b": "cake"}


def test_what_cannot_be_put_back_now_is_a_problem(tmp_path, table, monkeypatch):
    (table / "a").write_text("bread")
    (table / "b").write_text("cake")
    run_id = wipe(tmp_path, table)

    def act(prepared):
        if prepared.action.object.endswith("a"):
            raise CannotAct("there is no room")
        return crumbs.VERBS["drop"].act(prepared)

    monkeypatch.setitem(apply.VERBS, "drop", crumbs.VERBS["drop"]._replace(act=act))
    undone = put_back(tmp_path, run_id)
    assert [outcome.result for outcome in undone.outcomes] == [DONE, FAILED]
    (problem,) = undone.problems
    assert str(table / "a") in problem and "there is no room" in problem


def test_an_undo_is_a_run_that_says_what_it_cannot_undo(tmp_path, table):
    (table / "a").write_text("bread")
    undone = put_back(tmp_path, wipe(tmp_path, table))
    (lost,) = put_back(tmp_path, undone.run_id).plan.lost
    assert lost.reason == f"{table / 'a'}: wipe it by hand"


def test_a_run_of_another_host_is_refused(tmp_path):
    with pytest.raises(Refused, match="this host has no journal"):
        put_back(tmp_path, "20261121T220455Z-1f2e3d4c")
