# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who runs on a host: what is proof and what any process may claim, and what hidepid leaves to be seen."""

import os
import shutil
import subprocess
import sys
import threading
import time
from typing import Any, Dict, Iterator

import psutil
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, LibraryMissing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import (
    Process,
    Processes,
    gather,
    thread_leader,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="proc is mounted in a namespace of its own: run as root")
POLICY = policy_from({})


@pytest.fixture
def sleeper(tmp_path: Any) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that runs a copy of sleep, and claims to be something else."""
    shutil.copy("/bin/sleep", str(tmp_path / "truth"))
    started = subprocess.Popen(["/bin/bash", "600"], executable=str(tmp_path / "truth"))
    while not psutil.Process(started.pid).cmdline():
        time.sleep(0.01)  # its exec is not over, however long that takes on a busy machine
    yield started
    started.kill()
    started.wait()


def real(pid: int) -> Process:
    return gather(Host(), POLICY).by_pid[pid]


def test_the_executable_is_what_runs_and_not_what_the_title_says(sleeper: Any, tmp_path: Any) -> None:
    seen = real(sleeper.pid)
    assert seen.executable == str(tmp_path / "truth")
    assert seen.title == "/bin/bash 600"


def test_ourselves() -> None:
    seen = real(os.getpid())
    assert seen.parent == os.getppid()
    assert seen.uids == os.getresuid()
    assert abs(seen.started - psutil.Process().create_time()) < 2
    assert os.path.basename(sys.executable) in seen.title or "pytest" in seen.title
    assert not seen.zombie


def test_an_executable_that_was_replaced_keeps_its_path(sleeper: Any, tmp_path: Any) -> None:
    (tmp_path / "truth").unlink()
    assert real(sleeper.pid).executable == str(tmp_path / "truth")


def test_a_zombie() -> None:
    ended = subprocess.Popen(["/bin/true"])
    for _unused in range(500):
        seen = gather(Host(), POLICY).by_pid[ended.pid]
        if seen.zombie:
            break
        time.sleep(0.01)
    ended.wait()
    assert (seen.zombie, seen.executable, seen.title) == (True, "", "")


def test_everything_is_seen() -> None:
    seen = gather(Host(), POLICY)
    assert seen.complete == (os.geteuid() == 0 or 1 in seen.by_pid)
    assert seen.hidden == frozenset()


def test_a_thread_belongs_to_its_process() -> None:
    ready, stop = threading.Event(), threading.Event()
    number = []

    def live() -> None:
        number.extend(name for name in os.listdir("/proc/self/task") if int(name) != os.getpid())
        ready.set()
        stop.wait()

    thread = threading.Thread(target=live)
    thread.start()
    ready.wait()
    try:
        assert thread_leader(Host(), int(number[0])) == os.getpid()
        assert thread_leader(Host(), os.getpid()) == os.getpid()
    finally:
        stop.set()
        thread.join()


def test_nobody_is_no_thread() -> None:
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    assert thread_leader(Host(), ended.pid) is None


def test_a_status_that_is_none() -> None:
    with pytest.raises(CannotLook, match="no line Tgid"):
        thread_leader(DescribedHost(dict(files={"/proc/4/status": "Name: x\n"})), 4)


def described(**process: Any) -> Processes:
    return gather(DescribedHost(dict(processes=[dict(pid=1), dict(dict(pid=45), **process)])), POLICY)


def test_a_process_of_which_only_the_pid_is_seen() -> None:
    seen = described(hidden=True)
    assert (set(seen.by_pid), seen.hidden, seen.complete) == ({1}, frozenset({45}), False)


def test_an_executable_that_may_not_be_seen_is_not_guessed() -> None:
    seen = described(executable=None, title="/usr/sbin/php-fpm8.2 -F")
    assert seen.by_pid[45].executable is None
    assert seen.complete


def test_an_executable_below_a_path_longer_than_a_page_hides_only_itself(tmp_path: Any) -> None:
    """Anyone can make such a path, step by step, and readlink(2) refuses to say it."""
    shutil.copy("/bin/sleep", str(tmp_path / "sleep"))
    place = os.open(str(tmp_path), os.O_RDONLY)
    places = [place]
    for _unused in range(18):
        os.mkdir("x" * 250, dir_fd=places[-1])
        places.append(os.open("x" * 250, os.O_RDONLY, dir_fd=places[-1]))
    os.rename("sleep", "sleep", src_dir_fd=place, dst_dir_fd=places[-1])
    started = subprocess.Popen(["sleep", "600"], executable=f"/proc/{os.getpid()}/fd/{places[-1]}/sleep")
    try:
        seen = gather(Host(), POLICY)
        assert seen.by_pid[started.pid].executable is None
        assert seen.by_pid[os.getpid()].executable is not None
    finally:
        started.kill()
        started.wait()
        os.unlink("sleep", dir_fd=places[-1])
        for above in reversed(places[:-1]):
            os.rmdir("x" * 250, dir_fd=above)
        for descriptor in places:
            os.close(descriptor)


def test_without_process_one_others_may_be_hidden() -> None:
    assert not gather(DescribedHost(dict(processes=[dict(pid=45)])), POLICY).complete


def test_a_process_that_ends_while_it_is_looked_at_is_left_out(monkeypatch: Any) -> None:
    host = DescribedHost(dict(processes=[dict(pid=1), dict(pid=45)]))
    listed = list(host.processes())

    def ended(names: Any) -> Dict[str, Any]:
        raise host.psutil().NoSuchProcess()

    listed[1].as_dict = ended
    monkeypatch.setattr(host, "processes", lambda: iter(listed))
    assert set(gather(host, POLICY).by_pid) == {1}


def test_without_proc_nothing_is_known(monkeypatch: Any) -> None:
    host = DescribedHost({})

    def fail() -> Any:
        raise OSError(2, "No such file")

    monkeypatch.setattr(host, "processes", fail)
    with pytest.raises(CannotLook, match="mount proc"):
        gather(host, POLICY)


def test_without_psutil() -> None:
    with pytest.raises(LibraryMissing):
        gather(DescribedHost(dict(psutil=False)), POLICY)


LOOK = """
import ctypes, os, sys
sys.path.insert(0, sys.argv[1])
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import gather
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1)  # PR_SET_DUMPABLE, as for whoever was an ordinary user from the start
seen = gather(Host(), policy_from({}))
print(seen.complete, sorted(seen.hidden), 1 in seen.by_pid, os.getpid() in seen.by_pid)
"""


@needs_root
@pytest.mark.parametrize(
    ("hidepid", "expected"),
    [("0", "True [] True True"), ("1", "False [1] False True"), ("2", "False [] False True")],
)
def test_proc_mounted_with_hidepid(hidepid: str, expected: str) -> None:
    """In a pid namespace of its own, with the same proc that a hardened host has, looked at by an ordinary user."""
    script = f'mount -t proc -o hidepid={hidepid} proc /proc && "$@"; exit $?'
    collections = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".cache", "collections")
    looked = subprocess.run(
        ["unshare", "--pid", "--mount", "--fork", "sh", "-c", script, "sh", sys.executable, "-c", LOOK, collections],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )
    assert looked.returncode == 0, looked.stderr
    assert looked.stdout.strip() == expected
