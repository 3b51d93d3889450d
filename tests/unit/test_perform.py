# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The flow of a change of state, on a lamp: a file that says on or off."""

import os
import signal
from typing import NamedTuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import apply
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal, read_intents
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.verb import Prepared, Verb
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    CannotAct,
    CannotLook,
    JournalFailed,
    Refused,
    Unneeded,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import DONE, FAILED, UNNEEDED
from ansible_collections.phpfleet.remediation.plugins.module_utils.perform import all_steps, perform
from ansible_collections.phpfleet.remediation.plugins.module_utils.transition import (
    Plan,
    Step,
    Transition,
    known,
    parse_time,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.undo import plan_undo


class Turn(NamedTuple):
    path: str
    to: str


class Lamp(NamedTuple):
    says: str


def turn(prepared):
    guard = prepared.action.guard
    if guard.to == "broken":
        raise CannotAct("the switch came off")
    with open(guard.path, "w") as lamp:
        lamp.write(guard.to)
    return f"turned {guard.to}"


@pytest.fixture(autouse=True)
def verbs(monkeypatch):
    def prepare(action, journal):
        return Prepared(action, {})

    turning = Verb(lambda action: None, prepare, turn, lambda intent: "no way back", lambda action: ("", ""))
    monkeypatch.setitem(apply.VERBS, "turn", turning)


@pytest.fixture
def lamp(tmp_path):
    path = tmp_path / "lamp"
    path.write_text("off")
    return path


def step(lamp, to="on", shows=None, seconds=0.0, otherwise=(), guard=None, until=None, group=""):
    def reached(host):
        return None if lamp.read_text() == (shows or to) else f"it is {lamp.read_text()}"

    guard = guard or known(Turn(str(lamp), to))
    return Step("turn", f"lamp to {to}", "It is turned.", guard, until or reached, seconds, None, otherwise, group)


def transition(lamp, *steps, plan=None, wrong=()):
    def look(host, wanted):
        return Lamp(lamp.read_text())

    def planned(seen, wanted):
        return Plan(() if seen.says == wanted else steps)

    def told(host, before, since):
        return ["the log says so"]

    def proven(*facts):
        return wrong

    return Transition("lamp", {}, lambda params: "on", look, plan or planned, proven, lambda seen: seen, told)


def run(tmp_path, asked, check_mode=False, patience=0.0):
    def open_journal():
        return Journal(str(tmp_path / "state"), dict(module="lamp"), 30)

    return perform(asked, "on", Host, patience, None if check_mode else open_journal)


def results(done):
    return [(one.step.object, FAILED if one.missing else one.outcome.result) for one in done.tried]


def test_a_step_is_taken_and_proven(tmp_path, lamp):
    done = run(tmp_path, transition(lamp, step(lamp)))
    assert (done.before, done.after, done.problems) == (Lamp("off"), Lamp("on"), [])
    assert results(done) == [("lamp to on", DONE)]


def test_what_is_so_already_is_left_alone(tmp_path, lamp):
    lamp.write_text("on")
    done = run(tmp_path, transition(lamp, step(lamp)))
    assert (done.tried, done.after, done.run_id) == ([], None, None)
    assert not (tmp_path / "state").exists()


def test_check_mode_is_the_plan(tmp_path, lamp):
    done = run(tmp_path, transition(lamp, step(lamp)), check_mode=True)
    assert [one.object for one in done.plan.steps] == ["lamp to on"]
    assert lamp.read_text() == "off" and not (tmp_path / "state").exists()


def test_a_refusal_does_nothing(tmp_path, lamp):
    done = run(tmp_path, transition(lamp, plan=lambda seen, wanted: Plan([step(lamp)], "somebody reads by it")))
    assert (done.plan.refusal, done.tried, lamp.read_text()) == ("somebody reads by it", [], "off")


def test_a_refusal_that_passes_is_waited_for_and_another_is_not(tmp_path, lamp):
    looks = []

    def passing(seen, wanted):
        looks.append(seen)
        return Plan([step(lamp)], "not yet" if len(looks) < 3 else None, passing=True)

    assert run(tmp_path, transition(lamp, plan=passing), patience=20).problems == []
    assert len(looks) == 3
    del looks[:]
    assert run(tmp_path, transition(lamp, plan=passing), patience=0).plan.refusal == "not yet"
    assert len(looks) == 1

    def never(seen, wanted):
        looks.append(seen)
        return Plan([], "never")

    del looks[:]
    assert run(tmp_path, transition(lamp, plan=never), patience=20).plan.refusal == "never"
    assert len(looks) == 1


def test_a_step_that_fails_ends_the_run_and_is_taken_back(tmp_path, lamp):
    lamp.write_text("dim")
    steps = [step(lamp, "broken", otherwise=(step(lamp, "off"),)), step(lamp)]
    done = run(tmp_path, transition(lamp, *steps))
    assert results(done) == [("lamp to broken", FAILED), ("lamp to off", DONE), ("lamp to on", UNNEEDED)]
    assert lamp.read_text() == "off"
    assert done.problems[0] == "lamp to broken: the switch came off"
    assert "taken back" in done.problems[1].replace("take back", "taken back")
    assert done.problems[-1] == "the log says so"


def test_a_step_that_does_not_work_in_time_is_a_failure_and_is_taken_back(tmp_path, lamp):
    done = run(tmp_path, transition(lamp, step(lamp, "on", shows="bright", otherwise=(step(lamp, "off"),))))
    assert results(done) == [("lamp to on", FAILED), ("lamp to off", DONE)]
    assert done.problems[0].endswith("it is on")
    assert [one.result for one in read_intents(str(tmp_path / "state"), done.run_id)] == [FAILED, DONE]


def test_a_step_that_fails_keeps_those_of_its_own_group_only(tmp_path, lamp):
    steps = [
        step(lamp, "broken", group="left"),
        step(lamp, "green", group="right"),
        step(lamp, "red", group="left", otherwise=(step(lamp, "off", group="right"),)),
        step(lamp, "on", group="right"),
    ]
    done = run(tmp_path, transition(lamp, *steps))
    assert results(done) == [
        ("lamp to broken", FAILED),
        ("lamp to green", DONE),
        ("lamp to red", UNNEEDED),
        ("lamp to off", UNNEEDED),
        ("lamp to on", DONE),
    ]
    assert done.tried[2].outcome.reason == "not done, because this failed before: lamp to broken"
    assert lamp.read_text() == "on" and done.problems[0] == "lamp to broken: the switch came off"


def test_what_takes_back_is_not_done_where_nothing_failed(tmp_path, lamp):
    done = run(tmp_path, transition(lamp, step(lamp, otherwise=(step(lamp, "off"),))))
    assert results(done) == [("lamp to on", DONE), ("lamp to off", UNNEEDED)]
    assert done.problems == [] and lamp.read_text() == "on"


def test_it_is_waited_until_a_step_has_worked(tmp_path, lamp):
    seen = []

    def slowly(host):
        seen.append(host)
        return None if len(seen) == 3 else "not yet"

    done = run(tmp_path, transition(lamp, step(lamp, seconds=20, until=slowly)))
    assert done.problems == [] and len(set(map(id, seen))) == 3


@pytest.mark.parametrize("error", [CannotAct("it is gone for good"), ValueError("ours")])
def test_waiting_ends_at_once_where_it_is_of_no_use(tmp_path, lamp, error):
    def hopeless(host):
        raise error

    done = run(tmp_path, transition(lamp, step(lamp, seconds=60, until=hopeless)))
    assert str(error) in done.problems[0]


def test_what_cannot_be_seen_for_a_moment_is_waited_for(tmp_path, lamp):
    seen = []

    def blind(host):
        seen.append(host)
        if len(seen) < 3:
            raise CannotLook("it is dark")

    assert run(tmp_path, transition(lamp, step(lamp, seconds=20, until=blind))).problems == []


@pytest.mark.parametrize(
    "error, result, problems",
    [(Unneeded("it is gone"), UNNEEDED, 0), (CannotAct("it is hot"), FAILED, 2), (KeyError("ours"), FAILED, 2)],
)
def test_the_guard_of_a_step_may_forbid_it(tmp_path, lamp, error, result, problems):
    def guard(host):
        raise error

    done = run(tmp_path, transition(lamp, step(lamp, shows="off", guard=guard)))
    assert results(done) == [("lamp to on", result)]
    assert len(done.problems) == problems and lamp.read_text() == "off"


def test_what_is_not_as_asked_is_a_failure(tmp_path, lamp):
    done = run(tmp_path, transition(lamp, step(lamp), wrong=["it flickers"]))
    assert done.problems == ["it flickers", "the log says so"]


@pytest.mark.parametrize("part", ["look", "prove"])
def test_what_cannot_be_seen_afterwards_proves_nothing(tmp_path, lamp, part):
    asked = transition(lamp, step(lamp))

    def blinded(*arguments):
        if lamp.read_text() == "on":
            raise CannotLook("it blinds")
        return asked.look(*arguments)

    done = run(tmp_path, asked._replace(**{part: blinded}))
    assert "it blinds" in done.problems[0] and lamp.read_text() == "on"
    assert done.after == (None if part == "look" else Lamp("on"))


def test_the_journal_has_every_step_before_the_first_and_its_outcome_after(tmp_path, lamp):
    state = str(tmp_path / "state")

    def guard(host):
        (name,) = os.listdir(os.path.join(state, "journal"))
        intents = read_intents(state, name[: -len(".jsonl")])
        assert [intent.object for intent in intents] == ["lamp to on", "lamp to off", "lamp to on"]
        assert [intent.result for intent in intents] == [None] * 3
        return Turn(str(lamp), "on")

    done = run(tmp_path, transition(lamp, step(lamp, guard=guard, otherwise=(step(lamp, "off"),)), step(lamp)))
    assert done.problems == []
    intents = read_intents(state, done.run_id)
    assert [intent.result for intent in intents] == [DONE, UNNEEDED, DONE]
    assert intents[0].kept == {"before": {"says": "off"}}


def test_undo_says_that_a_state_is_asked_for(tmp_path, lamp):
    done = run(tmp_path, transition(lamp, step(lamp)))
    undone = plan_undo(read_intents(str(tmp_path / "state"), done.run_id))
    assert [lost.reason for lost in undone.lost] == ["no way back"] and list(undone.actions) == []


def test_nothing_is_done_where_the_journal_cannot_be_kept(tmp_path, lamp):
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(JournalFailed):
        run(tmp_path, transition(lamp, step(lamp)))
    assert lamp.read_text() == "off"


def test_a_lost_connection_does_not_end_a_run_between_two_steps(tmp_path, lamp):
    ignored = []

    def guard(host):
        os.kill(os.getpid(), signal.SIGHUP)
        ignored.append(host.run(["/bin/grep", "SigIgn", "/proc/self/status"], 10, 1000).output.split()[1])
        return Turn(str(lamp), "on")

    former = signal.getsignal(signal.SIGHUP)
    assert run(tmp_path, transition(lamp, step(lamp, guard=guard))).problems == []
    assert signal.getsignal(signal.SIGHUP) == former
    assert not int(ignored[0], 16) & 1  # what is started meanwhile must not ignore it for ever


def test_all_steps_are_told_with_those_that_take_back(lamp):
    inner = step(lamp, "off")
    outer = step(lamp, otherwise=(inner,))
    assert list(all_steps([outer])) == [(outer, False), (inner, True)]


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("1795292679", 1795292679.0),
        ("1795292679.25", 1795292679.25),
        ("1970-01-02T00:00:01Z", 86401.0),
        ("1970-01-02 00:00:01.5+00:00", 86401.5),
        ("", None),
        (None, None),
    ],
)
def test_a_time_is_seconds_or_utc(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01T00:00:00Z", "2026-11-22T05:28:00", "-1", "1e9", "2026-11-22"]
)
def test_no_other_time_is_taken(text):
    with pytest.raises(Refused, match="newer_than"):
        parse_time(text)
