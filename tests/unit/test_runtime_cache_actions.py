# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is made of the answers of pools that are not all alike. What php-fpm itself answers is in tests/fleet."""

import contextlib
import os

import psutil
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import runtime_cache as actions
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.apply import VERBS, act
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.verb import Prepared
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import pool_probe, processes
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMaster, FpmPool
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.worker_visits import Visit, visit, visit_all
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import (
    APCU,
    OPCACHE,
    Compiled,
    Opcache,
    ProbeAnswer,
    Task,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import DONE, FAILED, UNNEEDED, Action
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from ansible_collections.phpfleet.remediation.plugins.module_utils.transition import InMemory

POLICY = policy_from(dict(runtime_cache=dict(probe=True)))
MEMORY = Opcache(True, False, False, False, 9, 90, 0, 0.0, 1, 2, 1, 1, 100, 5, 1, 1000, 0, 0, 0, 3, 0)
SAID = ProbeAnswer(9, "8.2.36", 2000.0, {}, MEMORY, None, None, None, {}, None, {}, {}, ())


class Scripted:
    """Pools that answer as a test says: by name, a list of what they say in turn, the last of it again and again."""

    def __init__(self, **said):
        self.said = said
        self.asked = []

    @contextlib.contextmanager
    def opened(self, host, policy, master, pool):
        yield self._Pool(self, pool.name)

    class _Pool:
        def __init__(self, pools, name):
            self.pools = pools
            self.name = name

        def ask(self, task, seconds):
            self.pools.asked.append((self.name, task))
            left = self.pools.said[self.name]
            said = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(said, str):
                raise CannotLook(said)
            return said


@pytest.fixture
def scripted(monkeypatch):
    def put(**said):
        pools = Scripted(**said)
        monkeypatch.setattr(pool_probe, "opened", pools.opened)
        return pools

    monkeypatch.setattr(actions, "POLL", 0.0)
    return put


def pool(name):
    return FpmPool(name, {}, {}, True, f"/run/php/{name}.sock", 5)


def master():
    """A process that is there: the test itself."""
    process = processes.bears(Host(), os.getpid())
    return FpmMaster(process, "/", None, None, None, None, (), {}, {}, None, None, None, None, None, (), None, ())


def asked(*tasks, **changes):
    one = InMemory(master(), None, tuple((pool(name), task) for name, task in tasks), 0.3, POLICY)
    return one._replace(**changes)


def outcome(verb, guard):
    done = act(Prepared(Action("runtime_cache", verb, "php-fpm", guard, None), {}))
    return done.result, done.reason


def reset(*caches):
    return Task(reset=caches)


SCHEDULED = SAID._replace(
    returned={OPCACHE: True}, opcache=MEMORY._replace(restart_pending=True), opcache_before=MEMORY
)  # fmt: skip
RESTARTED = SAID._replace(opcache=MEMORY._replace(manual_restarts=4))


def test_a_restart_is_done_when_a_later_request_sees_that_it_was(scripted):
    pools = scripted(www=[SCHEDULED, SCHEDULED, RESTARTED])
    result, reason = outcome("reset_memory", asked(("www", reset(OPCACHE))))
    assert result == DONE and "restart 4 of this memory" in reason
    assert pools.asked == [("www", reset(OPCACHE)), ("www", Task()), ("www", Task())]


def test_what_the_very_request_had_seen_is_what_counts(scripted):
    """Another request may have taken the restart in between, so that the answer shows the memory after it."""
    taken = SAID._replace(returned={OPCACHE: True}, opcache=RESTARTED.opcache, opcache_before=MEMORY)
    scripted(www=[taken, RESTARTED])
    assert outcome("reset_memory", asked(("www", reset(OPCACHE))))[0] == DONE
    scripted(www=[SCHEDULED._replace(opcache_before=RESTARTED.opcache), RESTARTED])
    assert outcome("reset_memory", asked(("www", reset(OPCACHE))))[0] == FAILED


@pytest.mark.parametrize(
    "after",
    [
        SCHEDULED,
        SAID,
        SAID._replace(opcache=RESTARTED.opcache._replace(restart_in_progress=True)),
        SAID._replace(opcache=RESTARTED.opcache._replace(restart_pending=True)),
    ],
)
def test_a_restart_that_does_not_come_is_a_failure_and_says_why(scripted, after):
    scripted(www=[SCHEDULED, after])
    result, reason = outcome("reset_memory", asked(("www", reset(OPCACHE))))
    assert result == FAILED and "within 0.3 s" in reason


def test_a_restart_that_nobody_can_see_is_a_failure(scripted):
    scripted(www=[SCHEDULED, "it is down"])
    result, reason = outcome("reset_memory", asked(("www", reset(OPCACHE))))
    assert result == FAILED and "is not known" in reason and "it is down" in reason


def test_a_restart_that_another_asked_for_is_waited_for(scripted):
    pending = SCHEDULED._replace(returned={OPCACHE: False}, opcache_before=MEMORY._replace(restart_pending=True))
    scripted(www=[pending, RESTARTED])
    assert outcome("reset_memory", asked(("www", reset(OPCACHE))))[0] == DONE


def test_a_memory_that_began_anew_meanwhile_is_empty(scripted):
    scripted(www=[SCHEDULED, SAID._replace(opcache=MEMORY._replace(started=1001, manual_restarts=0))])
    assert outcome("reset_memory", asked(("www", reset(OPCACHE))))[0] == DONE


def test_pools_are_asked_in_turn_for_what_those_before_could_not(scripted):
    shut = SAID._replace(returned={OPCACHE: False, APCU: True}, reasons={"reset_opcache": "disabled"})
    pools = scripted(a=["busy"], b=[shut, RESTARTED], c=[SCHEDULED], d=[SAID])
    guard = asked(*[(name, reset(OPCACHE, APCU)) for name in "abcd"])
    result, reason = outcome("reset_memory", guard)
    assert result == DONE and "apcu was emptied; OPcache restarted" in reason
    assert [one for one in pools.asked if one[1].reset] == [
        ("a", reset(OPCACHE, APCU)),
        ("b", reset(OPCACHE, APCU)),
        ("c", reset(OPCACHE)),
    ]


def test_a_cache_that_none_can_empty_fails_and_the_others_are_emptied(scripted):
    mixed = SCHEDULED._replace(reasons={"reset_apcu": "apcu_clear_cache is disabled"})
    scripted(www=[mixed, RESTARTED])
    result, reason = outcome("reset_memory", asked(("www", reset(OPCACHE, APCU))))
    assert (result, "apcu could not be emptied" in reason, "is disabled" in reason) == (FAILED, True, True)


def test_scripts_that_one_pool_may_not_open_another_may(scripted):
    first = SAID._replace(invalidated={"/a.php": True, "/b.php": False}, reasons={"invalidate": "open_basedir"})
    pools = scripted(a=[first], b=[SAID._replace(invalidated={"/b.php": True})])
    task = Task(invalidate=("/a.php", "/b.php"))
    assert outcome("invalidate_scripts", asked(("a", task), ("b", task)))[0] == DONE
    assert pools.asked[1] == ("b", Task(invalidate=("/b.php",)))
    scripted(a=[first], b=["down"])
    result, reason = outcome("invalidate_scripts", asked(("a", task), ("b", task)))
    assert result == FAILED and "1 of 2 scripts" in reason and "/b.php: open_basedir" in reason


def test_a_file_that_cannot_be_compiled_keeps_no_other_from_it(scripted):
    said = SAID._replace(compiled=(Compiled("/a.php", None), Compiled("/b.php", "syntax error")))
    scripted(www=[said])
    result, reason = outcome("compile_scripts", asked(("www", Task(compile=("/a.php", "/b.php", "/c.php")))))
    assert result == FAILED and "2 of 3 files" in reason
    assert "/b.php: syntax error" in reason and "/c.php: nothing was said of it" in reason


def test_another_master_or_generation_is_left_alone(scripted):
    pools = scripted(www=[SCHEDULED, RESTARTED])
    guard = asked(("www", reset(OPCACHE)))
    started = guard.master.process._replace(started=1.0)
    assert outcome("reset_memory", guard._replace(master=guard.master._replace(process=started)))[0] == UNNEEDED
    gone = guard.master.process._replace(pid=max(psutil.pids()) + 100000)
    assert outcome("reset_memory", guard._replace(master=guard.master._replace(process=gone)))[0] == UNNEEDED
    result, reason = outcome("reset_memory", guard._replace(generation=1.0))
    assert result == UNNEEDED and "reloaded" in reason
    assert pools.asked == []


def test_what_was_emptied_cannot_be_put_back_and_that_is_said():
    for verb in ("reset_memory", "clear_realpath", "invalidate_scripts", "compile_scripts"):
        assert "cannot be put back" in VERBS[verb].undo(None)
        assert VERBS[verb].diff(Action("runtime_cache", verb, "APCu of php-fpm 8", (), None)) == (
            "",
            f"{verb} APCu of php-fpm 8",
        )


# Visits.


@pytest.fixture
def sleepers():
    """Processes that stand for workers."""
    started = [psutil.Popen(["sleep", "60"]) for _unused in range(3)]
    yield [processes.bears(Host(), one.pid) for one in started]
    for one in started:
        one.kill()
        one.wait()


def test_each_worker_is_met_once_at_least(scripted, sleepers):
    said = [SAID._replace(pid=one.pid) for one in (sleepers[0], sleepers[0], sleepers[1], sleepers[2])]
    pools = scripted(www=said)
    seen = visit(Host(), POLICY, Visit(master(), pool("www"), sleepers, Task()), 5.0)
    assert (list(seen.missed), seen.reason) == ([], None)
    assert set(seen.answers) == {one.pid for one in sleepers} and len(pools.asked) == 4


def test_who_is_not_met_in_time_is_told_and_who_ended_is_not(scripted, sleepers):
    psutil.Process(sleepers[2].pid).kill()
    scripted(www=[SAID._replace(pid=sleepers[0].pid)])
    before = sleepers[1]._replace(started=1.0)  # another bears its pid by now
    assert visit(Host(), POLICY, Visit(master(), pool("www"), [before], Task()), 0.2).missed == []
    (seen,) = visit_all(Host(), POLICY, [Visit(master(), pool("www"), sleepers, Task())], 0.2)
    assert [one.pid for one in seen.missed] == [sleepers[1].pid] and "within 0.2 s" in seen.reason


def test_a_pool_that_does_not_answer_says_why(scripted, sleepers):
    scripted(www=["it is down"])
    seen = visit(Host(), POLICY, Visit(master(), pool("www"), sleepers, Task()), 5.0)
    assert (len(seen.missed), seen.reason) == (3, "it is down")


def test_a_pool_without_workers_is_not_asked(scripted):
    pools = scripted(www=["it is down"])
    assert visit(Host(), POLICY, Visit(master(), pool("www"), [], Task()), 5.0).reason is None
    assert pools.asked == []
