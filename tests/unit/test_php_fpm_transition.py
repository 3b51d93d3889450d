# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which php-fpm is meant, and when a state of it is refused. What really happens under load is in tests/fleet."""

import signal

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Refused
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fastcgi_fronts import Front
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_idleness import Idleness
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import (
    ConfigurationFile,
    FpmMaster,
    FpmMasters,
    FpmPool,
    Orphan,
    StoppedFpm,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_time_limits import (
    Limit,
    MasterLimits,
    PoolLimits,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_workers import Worker
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.service_units import ServiceUnit
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions import php_fpm
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions.php_fpm_state import (
    LOGS_REOPENED,
    RELOADED,
    RESTARTED,
    STARTED,
    STOPPED,
    ConfigurationTest,
    Log,
    State,
    choose,
    is_in_the_way,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.transitions.php_fpm_waits import at_once

CONFIGURATION = "/etc/php/8.2/fpm/php-fpm.conf"
EXECUTABLE = "/usr/sbin/php-fpm8.2"
PARAMS = {name: spec.get("default") for name, spec in php_fpm.OPTIONS.items()}
PARAMS.update(allow_loss=False, wait_idle=0, newer_than=None, timeout=0)
IDLE, BUSY, BLIND = Idleness(True, ()), Idleness(False, ("worker 9: Running",)), Idleness(None, ("not seen",))
SYSTEMD = ServiceUnit(
    "php8.2-fpm.service", None, "active", "enabled", "notify", 8, 15, "control-group", True, 90.0, "no", (), (), ()
)


def wanted(state, **params):
    return php_fpm.read(dict(PARAMS, state=state, **params))


def process(pid=8, parent=1, title="php-fpm: master process"):
    return Process(pid, parent, 1000.0 + pid, "php-fpm8.2", EXECUTABLE, title, (0, 0, 0), False)


def pool(name="www", address="/run/php/www.sock", listening=5):
    return FpmPool(name, {}, {}, True, address, listening)


def master(pid=8, **changes):
    one = FpmMaster(
        process=process(pid), root="/", version="8.2.36", replaced=False, handles_hup=True,
        configuration=CONFIGURATION, files=(), settings={}, sources={}, pidfile="/run/php/php8.2-fpm.pid",
        generation=1000.0, failure=None, unit=SYSTEMD, init_script=None, pools=(pool(),), apart=None, unknown=(),
        passes=True,
    )  # fmt: skip
    return one._replace(**changes)


def limits(control=10.0, in_force=True, terminate=6.0, fronts=(), track=True):
    def limit(name, seconds, force=True):
        return Limit(name, seconds, f"{CONFIGURATION}:3", force)

    of_pool = PoolLimits(
        pool(), fronts, (), limit("request_terminate_timeout", terminate), track, None, None, None
    )  # fmt: skip
    return MasterLimits(master(), limit("process_control_timeout", control, in_force), None, None, (of_pool,))


def front(read_timeout=60.0, keeps=False):
    return Front(3, "/run/php/www.sock", "/", "/etc/nginx/x:7", read_timeout, None, 60.0, 60.0, keeps, ())


def state(**changes):
    seen = State(
        now=2000.0, master=master(), stopped=None, executable=EXECUTABLE, parent=None,
        tested=ConfigurationTest(True, ()),
        limits=limits(fronts=(front(),)), workers=(), idle=IDLE,
        asked=True, silent=(), pidfile_pid=8, logs=(), orphans=(),
        strangers=(), systemctl="/usr/bin/systemctl", notes=(),
    )  # fmt: skip
    return seen._replace(**changes)


def stopped(unit=SYSTEMD, **changes):
    return state(
        master=None, stopped=StoppedFpm(CONFIGURATION, unit, (pool(),)), limits=None, idle=None, asked=False, **changes
    )


def plan(seen, name, **params):
    return php_fpm.TRANSITION.plan(seen, wanted(name, **params))


def signals(planned):
    """The signals of a plan and whom they go to, and the commands."""
    sent = []
    for step in planned.steps:
        if step.verb == "start_service":
            sent.append(step.guard(Host()).argv)
        else:
            guard = step.guard(Host())
            sent.append((signal.Signals(guard.number).name, guard.process.pid, guard.caught))
    return sent


# Which one is meant.


def chosen(masters=(), stopped=(), name=RELOADED, **params):
    return choose(FpmMasters(tuple(masters), tuple(stopped), (), True, ()), wanted(name, **params))


def test_the_only_master_is_meant():
    assert chosen([master()]) == (master(), None)


NAMES = (
    ("pid", 9),
    ("pidfile", "/run/b.pid"),
    ("unit", "b"),
    ("unit", "b.service"),
    ("pool", "b"),
    ("configuration", "/b"),
)


@pytest.mark.parametrize("named", [{name: value} for name, value in NAMES], ids=str)
def test_one_of_several_is_named(named):
    unit = SYSTEMD._replace(name="b.service")
    other = master(9, pidfile="/run/b.pid", unit=unit, pools=(pool("b"),), configuration="/b")
    assert chosen([master(), other], **named) == (other, None)


def test_several_are_refused_by_name():
    with pytest.raises(Refused, match=r"several php-fpm fit.*process 8 of .*process 9 of"):
        chosen([master(), master(9)])
    with pytest.raises(Refused, match="several"):
        chosen([master()], [StoppedFpm("/b", None, ())], name=STARTED)


def test_who_titles_his_process_as_root_s_master_is_not_meant():
    theirs = master(9, process=process(9)._replace(uids=(33, 33, 33)), unit=None)
    of_a_service = theirs._replace(unit=SYSTEMD._replace(main_pid=9))
    with pytest.raises(Refused, match="several php-fpm fit"):
        chosen([master(), of_a_service])
    for named in ({}, dict(configuration=CONFIGURATION)):
        assert chosen([master(), theirs], **named) == (master(), None)
    assert chosen([theirs], configuration=CONFIGURATION) == (theirs, None)
    assert chosen([master(), theirs], pid=9) == (theirs, None)


def test_none_is_refused_with_what_there_is():
    with pytest.raises(Refused, match=r"no php-fpm fits.*process 8 of"):
        chosen([master()], pool="other")
    with pytest.raises(Refused, match="name another by its configuration"):
        chosen()


def test_a_stopped_one_is_meant_where_none_runs_or_where_it_is_named():
    other = StoppedFpm("/b", None, (pool("b"),))
    assert chosen([], [other], name=STARTED) == (None, other)
    assert chosen([master()], [other], name=RELOADED) == (master(), None)
    assert chosen([master()], [other], name=STARTED, configuration="/b") == (None, other)


def test_what_does_not_run_is_stopped_but_a_wrong_name_is_none():
    assert chosen(name=STOPPED) == (None, None)
    assert chosen([master()], name=STOPPED, pid=77) == (None, None)
    with pytest.raises(Refused):
        chosen([master()], name=STOPPED, unit="php9-fpm")


@pytest.mark.parametrize("name", [STOPPED, STARTED, RELOADED])
def test_what_cannot_be_seen_is_not_taken_for_what_does_not_run(name):
    hidden = FpmMasters((), (), (), True, ("process 8: this user may not see its executable; run with become",))
    with pytest.raises(Refused, match=r"not all can be seen: process 8: .*run with become"):
        choose(hidden, wanted(name))
    assert choose(hidden._replace(masters=(master(),)), wanted(name)) == (master(), None)


def test_a_container_s_is_meant_only_where_its_pid_says_so():
    apart = master(9, apart="it lives in another pid namespace")
    assert chosen([master(), apart]) == (master(), None)
    with pytest.raises(Refused, match="php-fpm 9: it lives in another pid namespace"):
        chosen([master(), apart], pid=9)


# Reload.


def test_an_idle_one_is_reloaded_by_usr2_with_the_way_back():
    planned = plan(state(), RELOADED)
    assert planned.refusal is None and signals(planned) == [("SIGUSR2", 8, True)]
    (back,) = planned.steps[0].otherwise
    assert back.verb == "start_service" and "systemctl start php8.2-fpm.service" in back.does


def test_a_busy_one_is_reloaded_where_every_request_can_end():
    assert plan(state(idle=BUSY), RELOADED).refusal is None
    assert plan(state(idle=BLIND), RELOADED).refusal is None


@pytest.mark.parametrize(
    "seen, words",
    [
        (limits(control=None), "process_control_timeout is 0"),
        (limits(control=7.0), "cuts it after 7 s"),  # 6 s, and a third more
        (limits(in_force=None), "changed since"),
        (limits(in_force=False), "changed since"),
        (limits(terminate=None), "is not known: say it by longest_request"),
        (limits(fronts=(front(keeps=True),)), "keeps FastCGI connections open"),
        (limits(fronts=(front(read_timeout=8.0),)), "gives up after 8 s"),
        (None, "cannot be seen"),
    ],
)
def test_a_busy_one_is_refused_where_a_request_could_be_lost(seen, words):
    planned = plan(state(limits=seen, idle=BUSY), RELOADED)
    assert words in planned.refusal and "worker 9: Running" in planned.refusal
    assert planned.passing and not planned.steps
    assert plan(state(limits=seen, idle=IDLE), RELOADED).refusal is None
    loss = plan(state(limits=seen, idle=BUSY), RELOADED, allow_loss=True)
    assert loss.refusal is None and words in loss.steps[0].risk


def test_the_longest_request_can_be_said():
    assert plan(state(limits=limits(terminate=None), idle=BUSY), RELOADED, longest_request=10).refusal is None
    assert plan(state(limits=limits(terminate=None), idle=BUSY), RELOADED, longest_request=11).refusal
    assert plan(state(limits=limits(terminate=6.0), idle=BUSY), RELOADED, longest_request=600).refusal is None
    (known,) = limits(terminate=6.0).pools
    unforced = limits()._replace(pools=(known._replace(terminate=known.terminate._replace(in_force=None)),))
    assert "is not known" in plan(state(limits=unforced, idle=BUSY), RELOADED).refusal


def test_what_it_relies_on_and_nobody_saw_is_noted():
    remote = plan(state(limits=limits(), notes=("nginx 5: hidden",)), RELOADED)
    assert remote.notes[0] == "nginx 5: hidden" and "no nginx of this host" in remote.notes[1]
    finished = plan(state(limits=limits(track=False, fronts=(front(),))), RELOADED)
    assert "fastcgi_finish_request" in finished.notes[0]


def test_a_newer_generation_needs_nothing():
    assert plan(state(), RELOADED, newer_than="999").steps == ()
    assert plan(state(), RELOADED, newer_than="1000").steps
    assert plan(state(master=master(generation=None)), RELOADED, newer_than="1").steps


@pytest.mark.parametrize("name", [RELOADED, RESTARTED, STARTED])
@pytest.mark.parametrize(
    "tested, words",
    [
        (ConfigurationTest(False, ("unknown entry 'x'",)), "its test fails.*unknown entry"),
        (
            ConfigurationTest(True, ("PHP Warning:  PHP Startup: Unable to load dynamic library 'x'",)),
            "extension cannot be loaded",
        ),
        (ConfigurationTest(None, ("others can write it",)), "could not be tested.*others can write"),
    ],
)
def test_a_configuration_that_may_not_come_up_is_refused(name, tested, words):
    serving = (Orphan(process(21), "www", (5,)),)
    seen = stopped(tested=tested, orphans=serving) if name == STARTED else state(tested=tested)
    planned = plan(seen, name, reap_orphans=True)
    assert not planned.steps and not planned.passing
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(planned.refusal)
    assert bool(plan(seen, name, reap_orphans=True, allow_loss=True).refusal) == (tested.passes is not None)


def test_what_serves_nothing_may_be_started_untested():
    untested = ConfigurationTest(None, ("no service says which program it is for",))
    assert plan(stopped(tested=untested), STARTED).notes == ["its configuration was not tested: " + untested.said[0]]
    orphans = (Orphan(process(21), "www", (5,)),)
    assert "could not be tested" in plan(stopped(tested=untested, orphans=orphans), STARTED, reap_orphans=True).refusal


def test_a_warning_of_another_kind_is_none_to_stay_for():
    assert plan(state(tested=ConfigurationTest(True, ("pm.start_servers is not set",))), RELOADED).refusal is None


@pytest.mark.parametrize("name", [RELOADED, RESTARTED])
def test_what_the_test_of_a_configuration_does_not_look_at_is_refused(name):
    blocked = state(obstacles=("pool b is to listen on /run/b/x, whose directory is not there: make it",))
    planned = plan(blocked, name, allow_loss=True)
    assert "though the test of it passes: pool b is to listen" in planned.refusal and not planned.steps
    assert not planned.passing


def test_what_holds_the_socket_of_a_pool_is_none_to_stay_for_in_a_reload():
    assert plan(state(strangers=(process(77, title="importer"),)), RELOADED).refusal is None


@pytest.mark.parametrize(
    "held, address, clash",
    [
        ("127.0.0.1:9000", "127.0.0.1:9000", True),
        ("0.0.0.0:9000", "127.0.0.1:9000", True),
        ("*:9000", "127.0.0.1:9000", True),
        ("127.0.0.1:9000", "*:9000", True),
        ("127.0.0.1:9000", "[::]:9000", True),  # php-fpm makes that a socket of both
        ("[::]:9000", "127.0.0.1:9000", False),
        ("[::]:9000", "[::1]:9000", True),
        ("[::1]:9000", "127.0.0.1:9000", False),
        ("0.0.0.0:9000", "[::1]:9000", False),
        ("127.0.0.1:9000", "127.0.0.2:9000", False),
        ("0.0.0.0:9001", "127.0.0.1:9000", False),
        ("/run/a.sock", "/run/a.sock", True),
        ("/run/a.sock", "/run/b.sock", False),
        ("/run/a:9000", "*:9000", False),
    ],
)
def test_a_wildcard_is_in_the_way_of_each_address(held, address, clash):
    assert is_in_the_way(held, address) is clash


def test_a_reload_has_no_way_back_where_nobody_may_start_it():
    for one in (master(root="/srv/other"), master(unit=None, process=process()._replace(uids=(33, 33, 33)))):
        assert plan(state(master=one), RELOADED).steps[0].otherwise == ()
    supervised = state(master=master(unit=None), parent=process(70, title="supervisord"))
    assert plan(supervised, RELOADED).steps[0].otherwise == ()


def test_root_starts_nothing_in_another_s_stead():
    theirs = state(master=master(unit=None, process=process()._replace(uids=(33, 33, 33))))
    assert "another user than root runs it" in plan(theirs, RESTARTED, allow_loss=True).refusal
    assert plan(theirs, RESTARTED, start_command=["/srv/start"]).refusal is None


def test_a_restart_that_may_wait_too_short_to_start_again_is_refused():
    assert "process_control_timeout = 10 s" in plan(state(), RESTARTED, timeout=10).refusal
    assert plan(state(), RESTARTED, timeout=11).refusal is None
    assert plan(state(), RELOADED, timeout=5).refusal is None and plan(state(), STOPPED, timeout=5).refusal is None


def test_what_does_not_run_cannot_be_reloaded_nor_its_logs():
    assert "state=started" in plan(stopped(), RELOADED).refusal
    assert plan(stopped(), LOGS_REOPENED).refusal


# Stop and start.


def test_a_stop_is_a_quit_of_an_idle_one():
    assert signals(plan(state(), STOPPED, allow_loss=True)) == [("SIGQUIT", 8, True)]
    assert plan(state(), STOPPED).refusal is None
    for idle in (BUSY, BLIND, None):
        refused = plan(state(idle=idle), STOPPED)
        assert refused.passing and "connections that wait" in refused.refusal


def test_a_restart_stops_and_starts():
    assert signals(plan(state(idle=BUSY), RESTARTED, allow_loss=True))[:1] == [("SIGQUIT", 8, True)]
    assert [step.verb for step in plan(state(), RESTARTED).steps] == ["send_signal", "start_service"]
    assert plan(state(idle=BUSY), RESTARTED).refusal


def test_a_stop_that_somebody_would_take_back_is_refused():
    again = state(master=master(unit=SYSTEMD._replace(restart="always")))
    assert "Restart=always" in plan(again, STOPPED).refusal
    assert plan(again, RESTARTED).refusal is None
    supervised = state(master=master(unit=None), parent=process(70, title="supervisord"))
    assert "process 70, supervisord" in plan(supervised, STOPPED).refusal
    assert "process 70, supervisord" in plan(supervised, RESTARTED).refusal
    assert plan(supervised, RELOADED).refusal is None


@pytest.mark.parametrize(
    "seen, params, command",
    [
        (stopped(), {}, ("/usr/bin/systemctl", "start", "php8.2-fpm.service")),
        (stopped(unit=None), {}, (EXECUTABLE, "--daemonize", "--fpm-config", CONFIGURATION)),
        (stopped(), dict(start_command=["/srv/start", "now"]), ("/srv/start", "now")),
    ],
)
def test_it_is_started_as_it_is_meant_to_be(seen, params, command):
    assert signals(plan(seen, STARTED, **params)) == [command]


def test_an_init_script_starts_what_it_started():
    seen = state(master=master(unit=None, init_script="/etc/init.d/php-fpm"))
    assert "`/etc/init.d/php-fpm start`" in plan(seen, RESTARTED).steps[1].does


def test_what_nobody_knows_how_to_start_is_refused():
    assert "start_command" in plan(stopped(unit=None, executable=None), STARTED).refusal
    chrooted = state(master=master(root="/srv/other"))
    assert "chroot" in plan(chrooted, RESTARTED).refusal
    assert plan(chrooted, RESTARTED, start_command=["/srv/start"]).refusal is None


def test_what_runs_is_started_and_what_does_not_is_stopped():
    assert plan(state(), STARTED).steps == () and plan(stopped(), STOPPED).steps == ()


def test_orphans_are_named_and_let_go_together_when_asked():
    orphans = (Orphan(process(21), "www", (5,)), Orphan(process(22), None, (5,)))
    refused = plan(stopped(orphans=orphans), STARTED)
    assert "worker 21 of pool www" in refused.refusal and "reap_orphans" in refused.refusal
    planned = plan(stopped(orphans=orphans), STARTED, reap_orphans=True)
    assert signals(planned)[:2] == [("SIGQUIT", 21, True), ("SIGQUIT", 22, True)]
    assert [step.until is at_once for step in planned.steps] == [True, False, False]
    assert [step.verb for step in planned.steps] == ["send_signal", "send_signal", "start_service"]
    assert signals(plan(stopped(orphans=orphans), STOPPED, reap_orphans=True)) == signals(planned)[:2]
    assert "serve on: worker 21 of pool www" in plan(stopped(orphans=orphans), STOPPED).refusal


def test_strangers_are_ended_only_where_they_are_named():
    strangers = (process(31, title="importer"), process(32, title="shell"))
    assert "process 31, importer, process 32, shell" in plan(stopped(strangers=strangers), STARTED).refusal
    left = plan(stopped(strangers=strangers), STARTED, stranger_pids=[31]).refusal
    assert "process 32" in left and "process 31" not in left
    planned = plan(stopped(strangers=strangers), STARTED, stranger_pids=[31, 32])
    assert signals(planned)[:2] == [("SIGTERM", 31, False), ("SIGTERM", 32, False)]
    assert "process 5 holds no socket" in plan(stopped(strangers=strangers), STARTED, stranger_pids=[31, 32, 5]).refusal
    assert "process 31" in plan(state(strangers=strangers), RESTARTED).refusal


# Logs.


def test_logs_that_are_open_are_left_alone():
    assert plan(state(logs=(Log("/var/log/fpm.log", True),)), LOGS_REOPENED).steps == ()
    rotated = plan(state(logs=(Log("/var/log/fpm.log", False),)), LOGS_REOPENED)
    assert signals(rotated) == [("SIGUSR1", 8, True)] and "/var/log/fpm.log" in rotated.steps[0].does
    assert not rotated.notes and rotated.steps[0].until is not at_once


def test_logs_that_are_not_yet_in_force_are_not_waited_for():
    changed = master(files=(ConfigurationFile(CONFIGURATION, 900.0, 1001.0),))
    moved = state(master=changed, logs=(Log("/var/log/new.log", False),))
    planned = plan(moved, LOGS_REOPENED)
    assert signals(planned) == [("SIGUSR1", 8, True)] and planned.steps[0].until is at_once
    assert "changed since it was reloaded" in planned.notes[0]
    assert prove(moved, moved, LOGS_REOPENED) == []


# Options.


@pytest.mark.parametrize(
    "params, words",
    [
        (dict(state=STOPPED, newer_than="1"), "belongs to state=reloaded"),
        (dict(state=RELOADED, newer_than="99999999999"), "has not come"),
        (dict(state=RELOADED, configuration="etc/x"), "configuration: 'etc/x'"),
        (dict(state=RELOADED, pidfile="x.pid"), "pidfile: 'x.pid'"),
        (dict(state=STARTED, start_command=["service", "x"]), "start_command: 'service'"),
        (dict(state=RELOADED, longest_request=-1), "longest_request"),
        (dict(state=STARTED, stranger_pids=[1]), "process 1 is the host's own"),
    ],
)
def test_an_option_that_means_nothing_is_refused(params, words):
    with pytest.raises(Refused, match=words):
        php_fpm.read(dict(PARAMS, **params))


# Proof.


def prove(before, after, name, **params):
    return list(php_fpm.prove(before, after, wanted(name, **params)))


def worker(pid):
    return Worker(process(pid, 8), 8, "www", None, None, None, None, None, None, None, True, 1)


def test_a_reload_is_proven_by_its_generation_workers_pools_and_pidfile():
    before = state(workers=(worker(11),))
    after = state(master=master(generation=2000.0), workers=(worker(12),))
    assert prove(before, after, RELOADED) == []
    wrong = {
        "generation from before": after._replace(master=master()),
        "old generation are left: 11": after._replace(workers=(worker(11),)),
        "pool www does not answer: full": after._replace(silent=(("www", "full"),)),
        "says 7 and not 8": after._replace(pidfile_pid=7),
        "no longer at": after._replace(master=master(generation=2000.0, replaced=True)),
        "does not run": after._replace(master=None, stopped=StoppedFpm(CONFIGURATION, None, ())),
    }
    for words, seen in wrong.items():
        (doubt,) = prove(before, seen, RELOADED)
        assert words in doubt


def test_a_master_that_puts_itself_into_the_background_has_another_pid_after_a_reload():
    assert prove(state(), state(master=master(9, generation=2000.0), pidfile_pid=9), RELOADED) == []


def test_what_changed_is_found_again_by_its_configuration():
    found = php_fpm.TRANSITION.again(state(), wanted(STOPPED, pid=8, pool="www", pidfile="/x", unit="y"))
    assert (found.pid, found.pool, found.pidfile, found.unit) == (None, None, None, None)
    assert (found.configuration, found.root) == (CONFIGURATION, "/")
    assert found.policy.php_fpm.configurations == (CONFIGURATION,)


def test_a_generation_that_cannot_be_seen_is_no_proof():
    with pytest.raises(CannotLook, match="run with become"):
        prove(state(), state(master=master(generation=None)), RELOADED)


def test_a_stop_and_a_start_are_proven():
    assert prove(state(), stopped(), STOPPED) == []
    assert prove(state(), state(), STOPPED) == ["php-fpm 8 runs"]
    orphans = (Orphan(process(21), "www", (5,)),)
    assert prove(stopped(), stopped(orphans=orphans), STOPPED, reap_orphans=True)
    assert prove(stopped(), state(), STARTED) == []
    assert prove(state(), state(), RESTARTED) == ["php-fpm 8 is the master from before"]
    assert prove(state(), state(master=master(9), pidfile_pid=9), RESTARTED) == []
    assert prove(state(), state(logs=(Log("/l", False),)), LOGS_REOPENED) == ["/l is not open"]


def test_what_a_result_tells():
    shown = php_fpm.show(state(silent=(("www", "full"),), idle=BUSY))
    assert (shown.running, shown.pid, shown.unit, shown.idle) == (True, 8, "php8.2-fpm.service", False)
    assert shown.pools[0].answers is False and shown.pools[0].reason == "full"
    assert php_fpm.show(state()).pools[0].answers is True
    assert php_fpm.show(state(asked=False)).pools[0].answers is None
    assert php_fpm.show(stopped()).running is False
    assert php_fpm.show(state(master=None)).configuration == "php-fpm"
