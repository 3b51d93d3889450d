# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Laying a probe's files and taking them away, also when the run is ended or was killed."""

import fcntl
import os
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from typing import Any, Callable, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils import probe
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Untrusted
from ansible_collections.phpfleet.remediation.plugins.module_utils.probe import DIRECTORY, ProbeFiles, ProbePlace

DEAD = "d" * 32 + ".php"


def place(root: Any, directory: str = "/run") -> ProbePlace:
    return ProbePlace(str(root), directory, ".php", os.geteuid())


@pytest.fixture
def root(tmp_path: Any) -> Any:
    (tmp_path / "run").mkdir()
    return tmp_path


def lay(root: Any) -> ProbeFiles:
    files = ProbeFiles(place(root))
    files.lay(b"<?php // the guard", b"<?php // the look")
    return files


def lying(root: Any) -> List[str]:
    ours = root / "run" / DIRECTORY
    return sorted(os.listdir(str(ours))) if ours.exists() else []


def test_files_are_the_pool_s_alone_and_no_time_is_theirs(root: Any) -> None:
    files = lay(root)
    ours = root / "run" / DIRECTORY
    assert stat.S_IMODE(ours.stat().st_mode) == 0o711
    assert lying(root) == sorted([files.name, files.beside])
    for name, content in ((files.name, b"<?php // the guard"), (files.beside, b"<?php // the look")):
        seen = (ours / name).stat()
        assert (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_mtime) == (0o400, os.geteuid(), 0)
        assert (ours / name).read_bytes() == content
    assert files.path == f"/run/{DIRECTORY}/{files.name}"
    files.take_away()
    assert os.listdir(str(root / "run")) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can let another user read its file")
def test_the_pool_s_user_may_read_a_file_that_stays_root_s(root: Any) -> None:
    files = ProbeFiles(place(root)._replace(uid=33))
    files.lay(b"<?php // the guard", b"<?php // the look")
    path = str(root / "run" / DIRECTORY / files.name)
    assert os.stat(path).st_uid == 0
    opened = os.open(path, os.O_PATH)  # tests run in a directory that only we may enter
    allowed = {}
    try:
        for user in (33, 34):
            for what in ("os.O_RDONLY", "os.O_WRONLY"):
                code = f"import os; os.setgid(0); os.setuid({user}); os.open('/proc/self/fd/{opened}', {what})"
                argv = [sys.executable, "-c", code]
                ran = subprocess.run(argv, pass_fds=[opened], stderr=subprocess.DEVNULL, check=False)
                allowed[user, what] = ran.returncode == 0
    finally:
        os.close(opened)
        files.take_away()
    assert [one for one, may in allowed.items() if may] == [(33, "os.O_RDONLY")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_where_there_are_no_access_control_lists_the_file_is_the_pool_s_user_s(root: Any, monkeypatch: Any) -> None:
    def unsupported(*_unused: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(probe.os, "setxattr", unsupported)
    files = ProbeFiles(place(root)._replace(uid=33))
    files.lay(b"", b"")
    seen = (root / "run" / DIRECTORY / files.name).stat()
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid) == (0o400, 33)
    files.take_away()


def test_names_cannot_be_guessed() -> None:
    names = {getattr(ProbeFiles(place("/")), name) for _unused in range(20) for name in ("name", "beside")}
    assert len(names) == 40 and {len(name) for name in names} == {32 + 4}


def test_taking_away_twice_is_no_failure(root: Any) -> None:
    files = lay(root)
    files.take_away()
    files.take_away()


def test_no_umask_hides_the_directory_from_the_pool(root: Any) -> None:
    former = os.umask(0o077)
    try:
        files = lay(root)
    finally:
        os.umask(former)
    assert stat.S_IMODE((root / "run" / DIRECTORY).stat().st_mode) == 0o711
    files.take_away()


def test_the_directory_stays_for_as_long_as_another_run_needs_it(root: Any) -> None:
    first, second = lay(root), lay(root)
    first.take_away()
    assert lying(root) == sorted([second.name, second.beside])
    second.take_away()
    assert os.listdir(str(root / "run")) == []


def test_what_a_killed_run_left_is_swept_and_nothing_else(root: Any) -> None:
    living = lay(root)
    (root / "run" / DIRECTORY / DEAD).write_text("")
    second = lay(root)
    assert set(lying(root)) == {living.name, living.beside, second.name, second.beside}
    for files in (living, second):
        files.take_away()
    assert lying(root) == []


@pytest.mark.parametrize(("mode", "name"), [(0o700, DEAD), (0o755, DEAD), (0o711, "notes.txt")])
def test_a_directory_of_root_s_that_somebody_moved_there_is_left_as_it_is(root: Any, mode: int, name: str) -> None:
    ours = root / "run" / DIRECTORY
    ours.mkdir()
    (ours / name).write_text("")
    (ours / DEAD).write_text("")
    ours.chmod(mode)
    with pytest.raises(Untrusted, match="it holds what is no probe, or was made by something else; remove it"):
        lay(root)
    assert lying(root) == sorted({DEAD, name})
    assert stat.S_IMODE(ours.stat().st_mode) == mode


def test_a_directory_that_was_left_half_made_is_used(root: Any) -> None:
    (root / "run" / DIRECTORY).mkdir(mode=0o700)
    files = lay(root)
    assert stat.S_IMODE((root / "run" / DIRECTORY).stat().st_mode) == 0o711
    files.take_away()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o731])
def test_a_directory_that_others_can_write_is_not_used(root: Any, mode: int) -> None:
    (root / "run" / DIRECTORY).mkdir()
    (root / "run" / DIRECTORY).chmod(mode)
    with pytest.raises(Untrusted, match="another user made it; remove it"):
        lay(root)
    assert lying(root) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a directory of another user")
def test_a_directory_of_another_user_is_not_used(root: Any) -> None:
    (root / "run" / DIRECTORY).mkdir(mode=0o711)
    os.chown(str(root / "run" / DIRECTORY), 33, 33)
    with pytest.raises(Untrusted, match="another user made it"):
        lay(root)
    assert lying(root) == []


def test_a_link_to_elsewhere_is_not_followed(root: Any) -> None:
    (root / "elsewhere").mkdir(mode=0o711)
    (root / "run" / DIRECTORY).symlink_to(root / "elsewhere")
    with pytest.raises(Untrusted, match=r"/run/\.phpfleet-probe: a link or a plain file stands"):
        lay(root)
    assert os.listdir(str(root / "elsewhere")) == []


def test_a_file_in_place_of_the_directory_is_no_place(root: Any) -> None:
    (root / "run" / DIRECTORY).write_text("")
    with pytest.raises(Untrusted):
        lay(root)


def test_where_nothing_can_be_written_the_reason_is_said() -> None:
    with pytest.raises(CannotLook):
        ProbeFiles(place("/proc", "/sys")).lay(b"", b"")


def test_a_disk_that_is_full_leaves_nothing_behind(root: Any, monkeypatch: Any) -> None:
    def full(*_unused: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(probe.os, "write", full)
    with pytest.raises(
        CannotLook, match=r"/run/\.phpfleet-probe: a probe's file cannot be written there \(No space left on device\)"
    ):
        lay(root)
    assert os.listdir(str(root / "run")) == []


def test_a_lock_that_another_run_keeps_is_not_waited_for_for_ever(root: Any, monkeypatch: Any) -> None:
    living = lay(root)
    monkeypatch.setattr(probe, "LOCK_SECONDS", 0.05)
    held = os.open(str(root / "run" / DIRECTORY), os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    try:
        with pytest.raises(CannotLook, match=r"another run has locked it for 0\.05 s"):
            lay(root)
        living.take_away()
        assert lying(root) == []  # our files go in any case; the directory goes with the last run
    finally:
        os.close(held)


def test_what_took_the_place_of_a_file_is_left_alone(root: Any) -> None:
    files = lay(root)
    ours = root / "run" / DIRECTORY
    (ours / files.name).unlink()
    (ours / files.name).write_text("another")
    files.take_away()
    assert lying(root) == [files.name]


def test_a_directory_that_was_moved_away_takes_nobody_else_s_with_it(root: Any) -> None:
    files = lay(root)
    (root / "run" / DIRECTORY).rename(root / "run" / "moved")
    (root / "run" / DIRECTORY).mkdir()
    files.take_away()
    assert sorted(os.listdir(str(root / "run"))) == [DIRECTORY, "moved"]
    assert os.listdir(str(root / "run" / "moved")) == []


def test_many_runs_at_once_leave_nothing_and_lose_nothing(root: Any) -> None:
    missing: List[str] = []

    def work() -> None:
        for _unused in range(10):
            files = lay(root)
            missing.extend(name for name in (files.name, files.beside) if name not in lying(root))
            files.take_away()

    threads = [threading.Thread(target=work) for _unused in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert missing == [] and os.listdir(str(root / "run")) == []


RUN = textwrap.dedent("""
    import signal, sys, threading, time
    from ansible_collections.phpfleet.remediation.plugins.module_utils import probe
    from ansible_collections.phpfleet.remediation.plugins.module_utils.probe import ProbePlace

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)  # who runs the tests may ignore one, as nohup(1) does

    def lay():
        files = probe.ProbeFiles(ProbePlace(sys.argv[1], "/run", ".php", int(sys.argv[2])))
        files.lay(b"", b"")

    with probe.removed_on_signals():
        thread = threading.Thread(target=lambda: (lay(), time.sleep(30)), daemon=True)
        thread.start()
        lay()
        while len(probe._lying) < 2 or not all(len(one._files) == 2 for one in probe._lying):
            time.sleep(0.01)
        print("up", flush=True)
        time.sleep(30)
""")


BUSY = RUN[: RUN.index("with probe")] + textwrap.dedent("""
    def work():
        while True:
            files = probe.ProbeFiles(ProbePlace(sys.argv[1], "/run", ".php", int(sys.argv[2])))
            files.lay(b"", b"")
            files.take_away()

    with probe.removed_on_signals():
        for number in range(8):
            threading.Thread(target=work, daemon=True).start()
        print("up", flush=True)
        work()
""")


@pytest.fixture
def run(root: Any) -> Any:
    """Starts a run that has laid the files of two pools, one of them in another thread; or one of another script."""
    started: List[Any] = []

    def start(script: str = RUN) -> Any:
        argv = [sys.executable, "-c", script, str(root), str(os.geteuid())]
        path = dict(os.environ, PYTHONPATH=os.pathsep.join(one for one in sys.path if one))
        started.append(subprocess.Popen(argv, stdout=subprocess.PIPE, env=path))
        assert started[-1].stdout.readline() == b"up\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_ends_the_run_takes_the_files_of_all_threads_along(
    root: Any, run: Callable[[], Any], number: signal.Signals
) -> None:
    process = run()
    assert len(lying(root)) == 4
    process.send_signal(number)
    assert process.wait(10) == -number
    assert os.listdir(str(root / "run")) == []


def test_a_signal_amidst_threads_that_lay_files_leaves_none(root: Any, run: Callable[[str], Any]) -> None:
    for number in range(3):
        process = run(BUSY)
        time.sleep(0.01 * number)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM
        assert os.listdir(str(root / "run")) == []


def test_a_killed_run_leaves_what_the_next_one_sweeps(root: Any, run: Callable[[], Any]) -> None:
    process = run()
    living = lay(root)
    assert len(lying(root)) == 6
    living.take_away()
    process.kill()
    process.wait()
    assert len(lying(root)) == 4
    lay(root).take_away()
    assert os.listdir(str(root / "run")) == []


def test_signals_that_somebody_handles_are_left_to_him() -> None:
    def ours(number: int, frame: Any) -> None:
        """As the run of a plan has it, which no hang-up is to end."""

    former = signal.signal(signal.SIGHUP, ours)
    try:
        with probe.removed_on_signals():
            assert signal.getsignal(signal.SIGHUP) is ours
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, former)
