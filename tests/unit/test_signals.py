# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import errno
import os
import signal
import subprocess
import sys

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import services, signals
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.verb import Prepared
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Unneeded
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import bears
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.journal_file import Intent
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Action
from ansible_collections.phpfleet.remediation.plugins.module_utils.transition import Command, Signal

CATCHING = (
    "import signal, sys; signal.signal(signal.SIGUSR2, lambda *_: sys.exit(7)); print('up', flush=True); signal.pause()"
)


@pytest.fixture
def catching():
    started = subprocess.Popen([sys.executable, "-c", CATCHING], stdout=subprocess.PIPE)
    assert started.stdout.readline() == b"up\n"
    yield started
    started.kill()
    started.wait()
    started.stdout.close()


def asked(process, number=signal.SIGUSR2, caught=True):
    return Action("toy", "send_signal", "toy", Signal(process, number, caught), None)


def test_a_signal_reaches_the_process_that_was_seen(catching):
    said = signals.act(Prepared(asked(bears(Host(), catching.pid)), {}))
    assert catching.wait(10) == 7
    assert said == f"SIGUSR2 was sent to process {catching.pid}"


def test_where_the_kernel_has_no_pidfd_it_is_said(catching, monkeypatch):
    def missing(number, *arguments):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(signals, "_system_call", missing)
    said = signals.act(Prepared(asked(bears(Host(), catching.pid)), {}))
    assert catching.wait(10) == 7
    assert "by its pid" in said


@pytest.mark.parametrize(
    "change", [dict(started=1.0), dict(executable="/usr/sbin/php-fpm8.2"), dict(uids=(33, 33, 33))], ids=str
)
def test_another_process_with_the_same_pid_gets_none(catching, change):
    action = asked(bears(Host(), catching.pid)._replace(**change))
    for step in (signals.look, lambda one: signals.act(Prepared(one, {}))):
        with pytest.raises(Unneeded, match="another bears this pid"):
            step(action)
    assert catching.poll() is None


def test_a_signal_that_would_kill_is_not_sent(catching):
    with pytest.raises(CannotAct, match="no handler for SIGUSR1"):
        signals.act(Prepared(asked(bears(Host(), catching.pid), signal.SIGUSR1), {}))
    assert catching.poll() is None
    signals.act(Prepared(asked(bears(Host(), catching.pid), signal.SIGUSR1, caught=False), {}))
    assert catching.wait(10) == -signal.SIGUSR1


def test_a_process_that_has_ended_needs_none(catching):
    seen = bears(Host(), catching.pid)
    catching.kill()
    os.waitid(os.P_PID, catching.pid, os.WEXITED | os.WNOWAIT)  # a zombie, which nobody has waited for
    with pytest.raises(Unneeded, match="has ended"):
        signals.act(Prepared(asked(seen), {}))
    catching.wait()
    assert bears(Host(), catching.pid) is None
    with pytest.raises(Unneeded, match="has ended"):
        signals.act(Prepared(asked(seen), {}))


def test_preparing_looks_and_keeps_who_it_is(catching):
    assert signals.prepare(asked(bears(Host(), catching.pid)), None).kept == {"pid": catching.pid, "number": 12}
    assert catching.poll() is None


def test_undo_says_what_to_do_instead():
    intent = Intent(0, "toy", "send_signal", "toy", {"pid": 1}, None)
    assert "ask for the state" in signals.undo(intent) and "ask for the state" in services.undo(intent)


def start(*argv, seconds=10.0):
    return services.act(Prepared(Action("toy", "start_service", "toy", Command(argv, seconds), None), {}))


def test_a_service_is_started():
    assert start("/bin/true") == "`/bin/true` ended with status 0"


def test_a_start_that_fails_says_what_it_said():
    with pytest.raises(CannotAct, match=r"ended with status 78: Address already in use"):
        start("/bin/sh", "-c", "echo Address already in use >&2; exit 78")


def test_a_start_that_hangs_is_ended():
    with pytest.raises(CannotAct, match="did not end within"):
        start("/bin/sleep", "60", seconds=0.2)


def test_a_program_of_somebody_else_is_not_started(tmp_path):
    program = tmp_path / "fpm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o777)
    with pytest.raises(CannotAct, match="not run"):
        start(str(program))


def test_what_a_start_leaves_in_the_background_lives_on(tmp_path):
    pid = tmp_path / "pid"
    start("/bin/sh", "-c", f"setsid sleep 60 < /dev/null > /dev/null 2>&1 & echo $! > {pid}; sleep 0.2")
    os.kill(int(pid.read_text()), signal.SIGKILL)
