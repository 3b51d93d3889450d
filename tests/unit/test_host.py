# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The one edge to the host: files that are traps, commands, processes."""

import os
import signal
import socket
import subprocess
import sys
import time
from typing import Any, List

import psutil
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils import host as host_module
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    CannotLook,
    Forbidden,
    LibraryMissing,
    Missing,
    TooLarge,
    Untrusted,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what may be run and seen differs by user: run as root")
POLICY = policy_from({})


@pytest.fixture
def host(tmp_path: Any) -> Host:
    return Host(str(tmp_path))


def test_the_whole_content(host: Host, tmp_path: Any) -> None:
    (tmp_path / "x").write_bytes(b"\0\xff" * 100)
    assert host.read("/x", 200) == b"\0\xff" * 100


def test_one_byte_too_much(host: Host, tmp_path: Any) -> None:
    (tmp_path / "x").write_bytes(b"x" * 201)
    with pytest.raises(TooLarge, match="larger than 200 bytes"):
        host.read("/x", 200)


@pytest.mark.parametrize(("limit", "end"), [(3, b"def"), (6, b"abcdef"), (7, b"abcdef")])
def test_the_end_of_a_file(host: Host, tmp_path: Any, limit: int, end: bytes) -> None:
    (tmp_path / "x").write_bytes(b"abcdef")
    (tmp_path / "y").symlink_to("x")
    assert (host.read_end("/x", limit), host.read_end("/y", limit)) == (end, end)


def test_the_end_of_a_huge_file(host: Host, tmp_path: Any) -> None:
    with open(str(tmp_path / "x"), "wb") as file:
        file.truncate(1 << 40)
    assert host.read_end("/x", 1000) == bytes(1000)


def test_the_end_of_what_is_no_plain_file(host: Host, tmp_path: Any) -> None:
    os.mkfifo(str(tmp_path / "x"))
    with pytest.raises(Untrusted, match="no plain file"):
        host.read_end("/x", 1000)
    with pytest.raises(Missing):
        host.read_end("/y", 1000)


def test_a_file_that_never_ends_is_bounded() -> None:
    with pytest.raises(Untrusted, match="no plain file"):
        Host().read("/dev/zero", 1000)


def test_a_huge_sparse_file_is_not_read_to_its_end(host: Host, tmp_path: Any) -> None:
    with open(str(tmp_path / "x"), "wb") as file:
        file.truncate(1 << 40)
    started = time.monotonic()
    with pytest.raises(TooLarge):
        host.read("/x", 1000)
    assert time.monotonic() - started < 5


def test_a_fifo_does_not_make_us_wait(host: Host, tmp_path: Any) -> None:
    os.mkfifo(str(tmp_path / "x"))
    with pytest.raises(Untrusted, match="no plain file"):
        host.read("/x", 1000)


def test_a_socket_is_no_file(host: Host, tmp_path: Any) -> None:
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "x"))
    with pytest.raises(CannotLook):
        host.read("/x", 1000)
    listening.close()


def test_a_directory_is_no_file(host: Host, tmp_path: Any) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(Untrusted):
        host.read("/x", 1000)


def test_a_link_is_read_only_when_asked(host: Host, tmp_path: Any) -> None:
    (tmp_path / "x").write_bytes(b"45")
    (tmp_path / "link").symlink_to("x")
    with pytest.raises(Untrusted):
        host.read("/link", 1000)
    assert host.read("/link", 1000, follow=True) == b"45"


def test_what_is_not_there(host: Host) -> None:
    for look in (host.stat, host.list, host.link, lambda path: host.read(path, 10)):
        with pytest.raises(Missing, match="/none"):
            look("/none")


def test_the_stat_is_of_the_file_that_was_read(host: Host, tmp_path: Any) -> None:
    (tmp_path / "x").write_bytes(b"45")
    content, seen = host.read_with_stat("/x", 10)
    found = os.stat(str(tmp_path / "x"))
    assert content == b"45"
    assert (seen.inode, seen.size, seen.mtime_ns, seen.mode) == (found.st_ino, 2, found.st_mtime_ns, found.st_mode)


def test_a_stat_is_of_the_link_itself_unless_asked(host: Host, tmp_path: Any) -> None:
    (tmp_path / "x").write_bytes(b"4567")
    (tmp_path / "link").symlink_to("x")
    assert host.stat("/link").inode == os.lstat(str(tmp_path / "link")).st_ino
    assert host.stat("/link", follow=True).size == 4


def test_names_are_sorted(host: Host, tmp_path: Any) -> None:
    for name in "cab":
        (tmp_path / name).write_bytes(b"")
    assert host.list("/") == ["a", "b", "c"]


def test_a_link_says_what_it_says(host: Host, tmp_path: Any) -> None:
    (tmp_path / "link").symlink_to("../no/where")
    assert host.link("/link") == "../no/where"


def test_the_physical_path(host: Host, tmp_path: Any) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "var").symlink_to("run")
    assert host.physical("/var/x.pid") == "/run/x.pid"


def test_a_name_that_no_encoding_knows(host: Host, tmp_path: Any) -> None:
    with open(os.fsencode(str(tmp_path)) + b"/\xff.pid", "wb") as file:
        file.write(b"45")
    (name,) = host.list("/")
    assert host.read("/" + name, 10) == b"45"


@needs_root
def test_what_this_user_may_not_see(tmp_path: Any) -> None:
    (tmp_path / "x").write_bytes(b"")
    (tmp_path / "x").chmod(0o600)
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o700)
    child = os.fork()
    if child == 0:
        refused = 0
        try:
            directory = os.open(str(tmp_path), os.O_PATH)
            os.setuid(65534)
            host = Host(f"/proc/self/fd/{directory}")
            for look in (lambda: host.read("/x", 10), lambda: host.list("/d"), lambda: host.link("/d/x")):
                try:
                    look()
                except Forbidden as error:
                    refused += "run with become" in str(error)
        finally:
            os._exit(refused)
    assert os.WEXITSTATUS(os.waitpid(child, 0)[1]) == 3


def test_a_gathering_is_asked_once(host: Host) -> None:
    asked: List[int] = []

    def gather(host: Host, policy: Any) -> int:
        asked.append(1)
        return len(asked)

    assert [host.once(gather, POLICY), host.once(gather, POLICY)] == [1, 1]
    assert host.again(gather).once(gather, POLICY) == 1
    assert host.again().once(gather, POLICY) == 2


def test_an_error_is_remembered_too(host: Host) -> None:
    asked: List[int] = []

    def gather(host: Host, policy: Any) -> int:
        asked.append(1)
        raise Missing("gone")

    for _unused in range(2):
        with pytest.raises(Missing):
            host.once(gather, POLICY)
    assert len(asked) == 1


def test_the_files_as_a_process_sees_them() -> None:
    inside = Host().within(os.getpid())
    assert inside.stat("/proc").inode == Host().stat("/proc").inode


@needs_root
def test_the_files_of_a_process_with_another_root(tmp_path: Any) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "only-here").write_bytes(b"45")
    (tmp_path / "link").symlink_to("/etc")
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.chroot(str(tmp_path))
        os.write(go, b"x")
        signal.pause()
    try:
        os.read(ready, 1)
        inside = Host().within(child)
        assert inside.read("/etc/only-here", 10) == b"45"
        assert inside.read("/link/only-here", 10) == b"45"
        with pytest.raises(Missing):
            Host().read("/etc/only-here", 10)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(ready)
        os.close(go)


def test_processes_are_never_those_of_an_earlier_look() -> None:
    (before,) = [process for process in Host().processes() if process.pid == os.getpid()]
    (now,) = [process for process in Host().processes() if process.pid == os.getpid()]
    assert before is not now


def test_a_process_that_ends_while_it_is_listed_is_left_out(monkeypatch: Any) -> None:
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    monkeypatch.setattr(psutil, "pids", lambda: [ended.pid, os.getpid()])
    assert [process.pid for process in Host().processes()] == [os.getpid()]


def test_without_psutil_it_is_said_how_to_get_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(host_module, "psutil", None)
    with pytest.raises(LibraryMissing, match="python3-psutil"):
        next(Host().processes())


# Commands that only read. They are shells here, which stand for any program of root's.
SHELL = os.path.realpath("/bin/sh")


def run(script: str, deadline: float = 10.0, limit: int = 1000) -> host_module.Ran:
    return Host().run([SHELL, "-c", script], deadline, limit)


@needs_root
def test_both_outputs_and_the_status() -> None:
    assert run("echo out; echo err >&2; exit 3") == (3, b"out\nerr\n")


@needs_root
def test_no_input_no_environment_no_terminal_and_a_session_of_its_own(monkeypatch: Any) -> None:
    monkeypatch.setenv("LD_PRELOAD_TEST", "x")
    ran = run("cat; pwd; env | sort; ps -o sid= -p $$; echo $$")
    lines = ran.output.decode().split("\n")
    assert lines[0] == "/"
    assert [line for line in lines if line.startswith(("LC_ALL", "LD_", "HOME"))] == ["LC_ALL=C"]
    assert lines[-3].strip() == lines[-2]


@needs_root
def test_a_command_that_does_not_end_is_ended_with_its_children() -> None:
    mark = f"{os.getpid()}.{time.time()}"
    started = time.monotonic()
    with pytest.raises(CannotLook, match="did not end within"):
        run(f"sh -c 'sleep 60; : {mark}' & sleep 60; : {mark}", deadline=0.3)
    assert time.monotonic() - started < 5
    left = []
    time.sleep(0.05)
    for process in psutil.process_iter():
        try:
            if mark in " ".join(process.cmdline()) and process.status() != psutil.STATUS_ZOMBIE:
                left.append(process)
        except psutil.Error:
            continue
    assert left == []


@needs_root
def test_a_child_that_lives_on_does_not_make_us_wait_and_does_not_live_on() -> None:
    ran = run("sleep 60 > /dev/null 2>&1 & echo $!")
    assert ran.status == 0
    child = int(ran.output)
    for _unused in range(100):
        if has_ended(child):
            return
        time.sleep(0.01)
    pytest.fail("the child of the command still runs")


def has_ended(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


@needs_root
def test_a_command_that_closes_its_output_and_goes_on_is_ended() -> None:
    with pytest.raises(CannotLook, match="did not end"):
        run("exec >&- 2>&-; sleep 60", deadline=0.3)


@needs_root
def test_an_output_without_end_is_bounded() -> None:
    with pytest.raises(TooLarge, match="says more than 1000 bytes"):
        run("while :; do echo xxxxxxxxxxxxxxxx; done")


@needs_root
@pytest.mark.parametrize("case", ["of another user", "writable by its group", "writable by all", "a directory"])
def test_only_root_s_own_programs_are_run(tmp_path: Any, case: str) -> None:
    program = tmp_path / "program"
    if case == "a directory":
        program.mkdir()
    else:
        program.write_bytes(b"#!/bin/sh\necho ran > $0.ran\n")
        program.chmod({"writable by its group": 0o775, "writable by all": 0o757}.get(case, 0o755))
        if case == "of another user":
            os.chown(str(program), 65534, 0)
    with pytest.raises(Untrusted, match="is not run"):
        Host().run([str(program)], 1.0, 10)
    assert not (tmp_path / "program.ran").exists()


@needs_root
def test_the_running_executable_is_run_when_its_file_was_replaced(tmp_path: Any) -> None:
    program = tmp_path / "program"
    with open(SHELL, "rb") as file:
        program.write_bytes(file.read())
    program.chmod(0o755)
    running = subprocess.Popen([str(program), "-c", "read x"], stdin=subprocess.PIPE)
    try:
        program.unlink()
        program.write_bytes(b"#!/bin/false\n")
        assert Host().run([f"/proc/{running.pid}/exe", "-c", "echo old"], 5.0, 100) == (0, b"old\n")
    finally:
        running.kill()
        running.communicate()


@needs_root
def test_a_link_of_another_user_chooses_no_program(tmp_path: Any) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(str(tmp_path / "theirs"), 65534, 65534)
    (tmp_path / "theirs/php").symlink_to(SHELL)
    (tmp_path / "ours").symlink_to(SHELL)
    with pytest.raises(Untrusted, match="php is a link in a directory that others than root can write"):
        Host().run([str(tmp_path / "theirs/php"), "-c", "echo ran"], 5.0, 100)
    assert Host().run([str(tmp_path / "ours"), "-c", "echo ran"], 5.0, 100) == (0, b"ran\n")


@needs_root
def test_a_process_of_another_user_chooses_no_program() -> None:
    running = subprocess.Popen(
        ["setpriv", "--reuid=65534", "--clear-groups", SHELL, "-c", "echo; read x"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        running.stdout.readline()  # type: ignore[union-attr]
        with pytest.raises(Untrusted, match="another user than root chose"):
            Host().run([f"/proc/{running.pid}/exe", "-c", "echo ran"], 5.0, 100)
    finally:
        running.kill()
        running.communicate()


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(Missing):
        Host().run(["/none/x"], 1.0, 10)


@needs_root
def test_a_file_that_is_no_program(tmp_path: Any) -> None:
    (tmp_path / "x").write_bytes(b"text")
    (tmp_path / "x").chmod(0o755)
    with pytest.raises(CannotLook):
        Host().run([str(tmp_path / "x")], 1.0, 10)


def test_no_descriptor_is_left_open(tmp_path: Any) -> None:
    os.mkfifo(str(tmp_path / "fifo"))
    before = os.listdir("/proc/self/fd")
    for look in (
        lambda: Host(str(tmp_path)).read("/fifo", 10),
        lambda: Host(str(tmp_path)).list("/none"),
        lambda: Host().run([sys.executable, "-c", "1"], 5.0, 10),
        lambda: Host().run([SHELL, "-c", "sleep 9"], 0.1, 10),
    ):
        try:
            look()
        except CannotLook:
            continue
    assert os.listdir("/proc/self/fd") == before
