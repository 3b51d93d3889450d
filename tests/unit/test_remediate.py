# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import json
import os
import stat

import crumbs
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils import remediate
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import apply
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import JournalFailed
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import DONE, FAILED, UNNEEDED
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from


@pytest.fixture(autouse=True)
def verbs(monkeypatch):
    for name, verb in crumbs.VERBS.items():
        monkeypatch.setitem(apply.VERBS, name, verb)


@pytest.fixture
def table(tmp_path):
    (tmp_path / "table").mkdir()
    return tmp_path / "table"


def drop(table, *names, content="bread"):
    for name in names:
        (table / name).write_text(content)


def run(tmp_path, checks, max_changes=10, check_mode=False):
    def open_journal():
        return Journal(str(tmp_path / "state"), dict(module="toy"), 30)

    return remediate.remediate(Host, policy_from({}), checks, max_changes, None if check_mode else open_journal)


def names(directory):
    return sorted(path.name for path in directory.iterdir())


def files(directory):
    return {str(path): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_what_is_found_is_removed_and_a_second_look_proves_it(tmp_path, table):
    drop(table, "a", "b")
    done = run(tmp_path, [crumbs.check(table)])
    assert names(table) == []
    assert [outcome.result for outcome in done.outcomes] == [DONE, DONE]
    assert done.after.findings == [] and list(done.remaining) == [] and done.problems == []
    assert [finding.object for finding in done.before.findings] == [str(table / "a"), str(table / "b")]


def test_check_mode_is_the_plan_and_changes_nothing(tmp_path, table):
    drop(table, "a", "b")
    before = files(tmp_path)
    planned = run(tmp_path, [crumbs.check(table)], check_mode=True)
    assert files(tmp_path) == before and names(tmp_path) == ["table"]
    assert planned.outcomes == [] and planned.after is None and planned.run_id is None
    assert run(tmp_path, [crumbs.check(table)]).plan == planned.plan


def test_a_change_that_two_checks_want_is_done_once(tmp_path, table):
    drop(table, "a", "stuck")
    both = [crumbs.check(table), crumbs.check(table, "crumb.in_the_way")]
    done = run(tmp_path, both, max_changes=2)
    assert [(one.check, one.object) for one in done.plan.actions] == [
        ("crumb.left_behind", str(table / "a")),
        ("crumb.left_behind", str(table / "stuck")),
    ]
    assert names(table) == ["stuck"] and [one.object for one in done.remaining] == [str(table / "stuck")]


def test_a_second_run_changes_nothing_and_leaves_no_journal(tmp_path, table):
    drop(table, "a")
    first = run(tmp_path, [crumbs.check(table)])
    second = run(tmp_path, [crumbs.check(table)])
    assert second.outcomes == [] and second.run_id is None and second.problems == []
    assert names(tmp_path / "state" / "journal") == [first.run_id + ".jsonl"]


def test_the_intent_and_what_is_kept_are_on_disk_before_the_act(tmp_path, table, monkeypatch):
    drop(table, "a", content="rye")
    seen = []

    def act(prepared):
        (journal,) = (tmp_path / "state" / "journal").iterdir()
        (kept,) = (tmp_path / "state" / "quarantine").iterdir()
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        seen.append(([record["record"] for record in records], kept.read_bytes()))
        return crumbs.VERBS["wipe"].act(prepared)

    monkeypatch.setitem(apply.VERBS, "wipe", crumbs.VERBS["wipe"]._replace(act=act))
    done = run(tmp_path, [crumbs.check(table)])
    assert [outcome.result for outcome in done.outcomes] == [DONE]
    assert seen == [(["run", "findings", "intents"], b"rye")]


def test_all_that_undo_needs_is_synced_before_the_act(tmp_path, table, monkeypatch):
    drop(table, "a")
    calls = []
    fsync, unlink = os.fsync, os.unlink

    def recorded_fsync(descriptor):
        calls.append("sync " + os.readlink(f"/proc/self/fd/{descriptor}")[len(str(tmp_path)) :].split("2")[0])
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", recorded_fsync)
    monkeypatch.setattr(os, "unlink", lambda path: calls.append("wipe " + os.path.basename(path)) or unlink(path))
    run(tmp_path, [crumbs.check(table)])
    assert calls[: calls.index("wipe a")] == [
        "sync ",  # the directories themselves: each is a name in the one above
        "sync /state",
        "sync /state",
        "sync /state/journal/",  # the run and its findings
        "sync /state/quarantine/",
        "sync /state/quarantine",
        "sync /state/journal/",  # the intents
        "sync /state/journal",
    ]


def test_an_unknown_check_plans_nothing_and_blocks_no_other(tmp_path, table):
    (tmp_path / "floor").mkdir()
    drop(table, "a", content="unreadable")
    drop(tmp_path / "floor", "b")
    done = run(tmp_path, [crumbs.check(table), crumbs.check(tmp_path / "floor", "crumb.on_floor")])
    assert names(table) == ["a"] and names(tmp_path / "floor") == []
    assert [action.check for action in done.plan.actions] == ["crumb.on_floor"]


def test_a_check_that_is_unknown_after_its_change_is_a_failure(tmp_path, table, monkeypatch):
    drop(table, "a")

    def wipe_and_smear(prepared):
        crumbs.VERBS["wipe"].act(prepared)
        (table / "b").write_text("unreadable")
        return "wiped"

    monkeypatch.setitem(apply.VERBS, "wipe", crumbs.VERBS["wipe"]._replace(act=wipe_and_smear))
    (problem,) = run(tmp_path, [crumbs.check(table)]).problems
    assert "crumb.left_behind is unknown after the change" in problem and "wipe it" in problem


def test_what_is_still_found_after_the_change_is_a_failure_whatever_the_verb_says(tmp_path, table):
    drop(table, "stuck")
    done = run(tmp_path, [crumbs.check(table)])
    assert [outcome.result for outcome in done.outcomes] == [DONE]
    assert [finding.object for finding in done.remaining] == [str(table / "stuck")]
    (problem,) = done.problems
    assert "still found" in problem and "stuck" in problem


def test_what_appeared_meanwhile_is_not_remaining(tmp_path, table, monkeypatch):
    drop(table, "a")

    def wipe_and_drop(prepared):
        drop(table, "new")
        return crumbs.VERBS["wipe"].act(prepared)

    monkeypatch.setitem(apply.VERBS, "wipe", crumbs.VERBS["wipe"]._replace(act=wipe_and_drop))
    done = run(tmp_path, [crumbs.check(table)])
    assert list(done.remaining) == [] and done.problems == []


@pytest.mark.parametrize("change", ["other content", None])
@pytest.mark.parametrize("when", ["prepare", "act"])
def test_an_object_that_is_no_longer_what_was_seen_is_left_alone(tmp_path, table, monkeypatch, when, change):
    drop(table, "a", "b")

    def meddle(step):
        def first_meddle(*arguments):
            if change is None and (table / "a").exists():
                (table / "a").unlink()
            elif change is not None:
                (table / "a").write_text(change)
            return step(*arguments)

        return first_meddle

    verb = crumbs.VERBS["wipe"]
    monkeypatch.setitem(apply.VERBS, "wipe", verb._replace(**{when: meddle(getattr(verb, when))}))
    done = run(tmp_path, [crumbs.check(table)])
    assert [outcome.result for outcome in done.outcomes] == [UNNEEDED, DONE]
    assert names(table) == ([] if change is None else ["a"])


def test_one_failed_action_is_told_and_stops_no_other(tmp_path, table):
    drop(table, "a", "glued", "z")
    done = run(tmp_path, [crumbs.check(table)])
    assert [outcome.result for outcome in done.outcomes] == [DONE, FAILED, DONE]
    assert names(table) == ["glued"]
    assert "1 actions failed" in done.problems[0] and "it is glued on" in done.problems[0]


def test_a_subject_above_its_radius_is_left_alone_as_a_whole(tmp_path, table):
    (tmp_path / "floor").mkdir()
    drop(table, "a", "b", "c")
    drop(tmp_path / "floor", "d")
    checks = [crumbs.check(table), crumbs.check(tmp_path / "floor", "dust.on_floor")]
    done = run(tmp_path, checks, max_changes=2)
    assert names(table) == ["a", "b", "c"] and names(tmp_path / "floor") == []
    (problem,) = done.problems
    assert "crumb: 3 objects" in problem and "max_changes=2" in problem and "raise max_changes to 3" in problem


def test_the_radius_counts_all_checks_of_a_subject_together(tmp_path, table):
    (tmp_path / "floor").mkdir()
    drop(table, "a")
    drop(tmp_path / "floor", "b")
    checks = [crumbs.check(table), crumbs.check(tmp_path / "floor", "crumb.on_floor")]
    assert run(tmp_path, checks, max_changes=1).outcomes == []
    assert names(table) == ["a"] and names(tmp_path / "floor") == ["b"]


def test_a_radius_as_large_as_the_plan_is_large_enough(tmp_path, table):
    drop(table, "a", "b")
    assert run(tmp_path, [crumbs.check(table)], max_changes=2).problems == []
    assert names(table) == []


def test_a_check_without_a_plan_is_never_remedied(tmp_path, table):
    drop(table, "a")
    done = run(tmp_path, [crumbs.check(table)._replace(plan=None)])
    assert len(done.before.findings) == 1 and done.run_id is None and names(table) == ["a"]


def test_a_journal_that_cannot_be_kept_stops_everything_before_the_first_change(tmp_path, table):
    drop(table, "a")
    (tmp_path / "state").mkdir(mode=0o700)
    os.chmod(str(tmp_path / "state"), 0o777)
    with pytest.raises(JournalFailed) as raised:
        run(tmp_path, [crumbs.check(table)])
    assert names(table) == ["a"] and names(tmp_path / "state") == []
    assert "state_dir" in str(raised.value)


def test_what_cannot_be_kept_stops_everything_and_leaves_no_file(tmp_path, table, monkeypatch):
    drop(table, "a", "b")

    def full(action, journal):
        if action.object.endswith("b"):
            raise JournalFailed("the disk is full")
        return crumbs.VERBS["wipe"].prepare(action, journal)

    monkeypatch.setitem(apply.VERBS, "wipe", crumbs.VERBS["wipe"]._replace(prepare=full))
    with pytest.raises(JournalFailed):
        run(tmp_path, [crumbs.check(table)])
    assert names(table) == ["a", "b"]
    assert names(tmp_path / "state" / "journal") == [] and names(tmp_path / "state" / "quarantine") == []


def test_the_diff_is_rendered_from_the_plan_and_bounded(tmp_path, table):
    drop(table, *[f"c{number:03}" for number in range(105)])
    plan = run(tmp_path, [crumbs.check(table)], max_changes=200, check_mode=True).plan
    diff = apply.diff(plan.actions)
    assert diff["before"].splitlines()[0] == str(table / "c000")
    assert diff["before"].splitlines()[-1] == "… and 5 more objects"
    assert len(diff["before"].splitlines()) == 101
    assert diff["after"] == ""


def test_the_state_directory_is_for_its_owner_alone(tmp_path, table):
    drop(table, "a")
    run(tmp_path, [crumbs.check(table)])
    for path in [tmp_path / "state", *(tmp_path / "state").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_name_of_any_bytes_is_one_line_of_the_diff(tmp_path, table):
    drop(table, "a\n\x1b[31m\udcff")
    plan = run(tmp_path, [crumbs.check(table)], check_mode=True).plan
    before = apply.diff(plan.actions)["before"]
    assert before.count("\n") == 1 and before.endswith("\\x1b[31m\\udcff\n")
    before.encode("utf-8")
