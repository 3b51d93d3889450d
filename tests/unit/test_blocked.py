# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a process waits in, told of real processes that wait in it."""

import fcntl
import os
import platform
import socket
import subprocess
import sys
import time
from typing import Any, Dict, Iterator, Optional

import psutil
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Missing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import blocked
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.blocked import Waiting, look
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.sockets import Socket
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from hypothesis import given
from hypothesis import strategies as st

needs_proc = pytest.mark.skipif(
    os.geteuid() != 0 or platform.machine() not in blocked.CALLS,
    reason="only root may see what a process waits in, on a processor whose calls are known",
)
# Each says that it is about to wait and waits; ``one`` and ``two`` are ends of connections that nobody writes to.
WAITS = {
    "accept": "listening.accept()",
    "read": "os.read(one.fileno(), 1)",
    "recv": "one.recv(1)",
    "poll": "p = select.poll(); p.register(pipe, 1); p.register(one, 1); p.poll()",
    "select": "select.select([pipe, one], [], [])",
    "epoll": "p = select.epoll(); p.register(one, 1); p.poll()",
    "sleep": "time.sleep(60)",
    "poll nothing": "select.poll().poll(60000)",
    "child": "os.spawnlp(os.P_WAIT, 'sleep', 'sleep', '60')",  # Popen first waits in a pipe until its child execs
    "pipe": "os.read(pipe, 1)",
    "flock": "fcntl.flock(os.open(sys.argv[1] + '/sess_s3cret', os.O_RDWR), fcntl.LOCK_EX)",
    "lockf": "fcntl.lockf(os.open(sys.argv[1] + '/x.lock', os.O_RDWR), fcntl.LOCK_EX)",
    "write": "os.write(out, bytes(1 << 20))",
    "connect": "[socket.socket(socket.AF_UNIX).connect(sys.argv[1] + '/full.sock') for i in range(9)]",
}
PROGRAM = """
import fcntl, os, select, socket, sys, time
one, two = socket.socketpair()
listening = socket.socket(); listening.bind(("127.0.0.1", 0)); listening.listen(1)
pipe, out = os.pipe()
print(os.fstat(one.fileno()).st_ino, os.fstat(listening.fileno()).st_ino, flush=True)
"""


@pytest.fixture
def places(tmp_path: Any) -> Iterator[str]:
    """A directory with two locked files and a socket whose queue is soon full."""
    with open(str(tmp_path / "sess_s3cret"), "w") as session, open(str(tmp_path / "x.lock"), "w") as lock:
        fcntl.flock(session, fcntl.LOCK_EX)
        fcntl.lockf(lock, fcntl.LOCK_EX)
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(str(tmp_path / "full.sock"))
            listening.listen(0)
            yield str(tmp_path)


def waiting(wait: str, places: str) -> Optional[blocked.Blocked]:
    """Return what a process is seen to wait in, once it does."""
    started = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + WAITS[wait], places], stdout=subprocess.PIPE, universal_newlines=True
    )
    try:
        assert started.stdout is not None
        one, listening = (int(word) for word in started.stdout.readline().split())
        table = {one: peer(one), listening: peer(listening)._replace(state="LISTEN", peer="")}
        end = time.monotonic() + 10
        seen = look(Host(), started.pid, table)
        while (seen is None or seen.waiting.on == "none") and time.monotonic() < end:
            time.sleep(0.02)
            seen = look(Host(), started.pid, table)
        return seen
    finally:
        for child in psutil.Process(started.pid).children():
            child.kill()
        started.kill()
        started.communicate()


def peer(inode: int) -> Socket:
    return Socket("tcp", "ESTAB", "127.0.0.1:4", "10.0.0.5:6379", inode, None, None, 0, 0, 12.5)


@needs_proc
@pytest.mark.parametrize(
    ("wait", "on"),
    [
        ("accept", Waiting("accept", None, None)),
        *[(wait, Waiting("socket", "10.0.0.5:6379", 12.5)) for wait in ("read", "recv", "poll", "select", "epoll")],
        ("sleep", Waiting("sleep", None, None)),
        ("poll nothing", Waiting("sleep", None, None)),
        ("child", Waiting("child", None, None)),
        ("pipe", Waiting("pipe", None, None)),
        ("write", Waiting("pipe", None, None)),
    ],
)
def test_what_a_process_waits_in(wait: str, on: Waiting, places: str) -> None:
    seen = waiting(wait, places)
    assert seen is not None
    assert seen.waiting == on
    assert (seen.inode is not None) == (on.on in ("accept", "socket"))


@needs_proc
def test_locks_of_files_and_whose_session_is_not_told(places: str) -> None:
    seen = {wait: waiting(wait, places) for wait in ("flock", "lockf")}
    assert seen["flock"] == (Waiting("file lock", places + "/sess_…", None), None)
    assert seen["lockf"] == (Waiting("file lock", places + "/x.lock", None), None)


@needs_proc
def test_a_queue_that_is_full(places: str) -> None:
    seen = waiting("connect", places)
    assert seen is not None
    assert seen.waiting == Waiting("socket", places + "/full.sock", None)


@needs_proc
def test_a_process_that_runs_and_one_that_is_gone() -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        end = time.monotonic() + 10
        while look(Host(), busy.pid, {}) != (Waiting("none", None, None), None):
            assert time.monotonic() < end
    finally:
        busy.kill()
        busy.wait()
    with pytest.raises(Missing):
        look(Host(), busy.pid, {})


class Line(Host):
    """A process of whose calls and memory a test says what is there."""

    def __init__(self, line: str, memory: bytes = b"", name: str = "x86_64") -> None:
        super().__init__("/nowhere")
        self.line, self.bytes, self.name = line, memory, name

    def read(self, path: str, limit: int, follow: bool = False) -> bytes:
        return self.line.encode("utf-8", "surrogateescape")

    def memory(self, pid: int, address: int, length: int) -> bytes:
        return self.bytes[:length]

    def link(self, path: str) -> str:
        return "socket:[77]"

    def machine(self) -> str:
        return self.name


STACK = "0x0 0x0 0x0 0x0 0x0 0x7ffd7e3559d8 0x7f0c282f66f0"
TABLE: Dict[int, Socket] = {77: peer(77)}


def test_the_calls_of_another_processor() -> None:
    assert look(Line("202 0xa " + STACK, name="aarch64"), 5, TABLE) == (Waiting("accept", None, None), 77)
    assert look(Line("202 0xa " + STACK), 5, TABLE) == (Waiting("lock", None, None), None)
    assert look(Line("43 0xa " + STACK, name="s390x"), 5, TABLE) is None


@pytest.mark.parametrize(
    "line",
    [
        "43 0xa 0x0 0x0 0x0 0x0 0x0 0xffd4a3c0 0xf7f1b549",  # a 32-bit program, to whom 43 is times(2)
        "43 0xa",
        "999 0xa " + STACK,
        "72 0xa 0x1 0x0 0x0 0x0 0x0 0x7ffd7e3559d8 0x7f0c282f66f0",  # fcntl(F_GETFD)
        "43 zzz " + STACK,
    ],
)
def test_a_call_that_is_not_known(line: str) -> None:
    assert look(Line(line), 5, TABLE) is None


@pytest.mark.parametrize("line", ["running", "-1 0x7ffd7e3559d8 0x7f0c282f66f0", ""])
def test_a_process_that_waits_in_no_call(line: str) -> None:
    assert look(Line(line), 5, TABLE) == (Waiting("none", None, None), None)


def test_a_process_that_left_the_call_while_it_was_looked_at() -> None:
    host = Line("43 0xa " + STACK)
    host.link = lambda path: setattr(host, "line", "running") or "socket:[77]"  # type: ignore[assignment]
    assert look(host, 5, TABLE) == (Waiting("none", None, None), None)


def test_a_poll_of_more_than_anyone_polls_is_bounded() -> None:
    line = f"7 0x1000 {(1 << 40):#x} 0x0 0x0 0x0 0x0 0x7ffd7e3559d8 0x7f0c282f66f0"
    assert look(Line(line, b"\5\0\0\0\1\0\0\0" * 100000), 5, TABLE) == (Waiting("socket", "10.0.0.5:6379", 12.5), 77)


@given(
    st.sampled_from(sorted(blocked.CALLS["x86_64"])),
    st.lists(st.integers(0, (1 << 64) - 1), min_size=6, max_size=6),
    st.binary(max_size=200),
)
def test_any_arguments_and_memory_are_taken(number: int, arguments: Any, memory: bytes) -> None:
    line = f"{number} {' '.join(map(hex, arguments))} 0x7ffd7e3559d8 0x7f0c282f66f0"
    try:
        seen = look(Line(line, memory), 5, TABLE)
    except CannotLook:
        return
    assert seen is None or seen.waiting.on
