# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Asking a socket of the host, and what may listen there instead of what should."""

import ctypes
import os
import socket
import threading
import time
from typing import Any, Callable, Iterator, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    CannotLook,
    Malformed,
    Missing,
    TooLarge,
    Untrusted,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host

Serve = Callable[[socket.socket], None]


def ends_with_dot(said: bytearray) -> bool:
    return said.endswith(b".")


@pytest.fixture
def server(tmp_path: Any) -> Iterator[Callable[[Serve], Host]]:
    """Serves one connection at /pool.sock in its own way; what it holds open is closed when the test ends."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "pool.sock"))
    listening.listen(1)
    serving: List[threading.Thread] = []

    def start(serve: Serve) -> Host:
        serving.append(threading.Thread(target=_serve, args=(listening, serve)))
        serving[0].start()
        return Host(str(tmp_path))

    yield start
    listening.close()
    for thread in serving:
        thread.join(10)


def _serve(listening: socket.socket, serve: Serve) -> None:
    accepted, _unused = listening.accept()
    with accepted:
        accepted.settimeout(10)
        try:
            serve(accepted)
        except OSError:
            return  # whoever asked has gone, as some tests want it


def ask(host: Host, address: str = "/pool.sock", request: bytes = b"hello", **bounds: Any) -> bytes:
    return host.ask(address, request, bounds.get("deadline", 5), bounds.get("limit", 1000), ends_with_dot)


def test_an_answer_that_is_whole_ends_it(server: Any) -> None:
    def serve(accepted: socket.socket) -> None:
        accepted.sendall(accepted.recv(100))
        accepted.sendall(b" world.")
        accepted.recv(1)  # keeps the connection until the other side closes it

    started = time.monotonic()
    assert ask(server(serve)) == b"hello world."
    assert time.monotonic() - started < 3


def test_an_answer_that_ends_with_the_connection(server: Any) -> None:
    assert ask(server(lambda accepted: accepted.sendall(accepted.recv(100) + b" no dot"))) == b"hello no dot"


def test_one_who_closes_at_once(server: Any) -> None:
    with pytest.raises(CannotLook, match=r"Connection reset by peer|Broken pipe"):
        ask(server(lambda accepted: None))


def test_a_long_request_is_sent_whole(server: Any) -> None:
    def serve(accepted: socket.socket) -> None:
        left = 1 << 20
        while left:
            left -= len(accepted.recv(4096))
        accepted.sendall(b"all.")

    assert ask(server(serve), request=bytes(1 << 20)) == b"all."


def test_one_who_never_answers(server: Any) -> None:
    started = time.monotonic()
    with pytest.raises(CannotLook, match="does not answer it in time"):
        ask(server(lambda accepted: accepted.recv(100) and accepted.recv(100)), deadline=0.2)
    assert 0.2 <= time.monotonic() - started < 3


def test_one_who_never_reads(server: Any) -> None:
    with pytest.raises(CannotLook, match="does not take a request in time"):
        ask(server(lambda accepted: time.sleep(0.5)), request=bytes(1 << 24), deadline=0.2)


def test_one_who_answers_a_byte_at_a_time(server: Any) -> None:
    def serve(accepted: socket.socket) -> None:
        while True:
            accepted.sendall(b"x")
            time.sleep(0.02)

    started = time.monotonic()
    with pytest.raises(CannotLook, match="in time"):
        ask(server(serve), deadline=0.3)
    assert time.monotonic() - started < 3


def test_one_who_answers_without_end(server: Any) -> None:
    def serve(accepted: socket.socket) -> None:
        for _unused in range(1600):
            accepted.sendall(bytes(1 << 16))

    with pytest.raises(TooLarge, match="more than 100000 bytes"):
        ask(server(serve), limit=100000)


def test_one_whose_answer_is_nonsense(server: Any) -> None:
    def refuse(said: bytearray) -> bool:
        if said:
            raise Malformed("nonsense")
        return False

    def serve(accepted: socket.socket) -> None:
        accepted.recv(100)
        accepted.sendall(b"?")

    with pytest.raises(Malformed):
        server(serve).ask("/pool.sock", b"hello", 5, 1000, refuse)


def test_a_full_queue(tmp_path: Any) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "pool.sock"))
        listening.listen(0)
        waiting = []
        with pytest.raises(CannotLook, match="its queue is full"):
            for _unused in range(4096):
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                if waiting[-1].connect_ex(str(tmp_path / "pool.sock")):
                    ask(Host(str(tmp_path)))
        for one in waiting:
            one.close()


def test_a_socket_without_a_listener(tmp_path: Any) -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(tmp_path / "pool.sock"))
    with pytest.raises(CannotLook, match="nothing listens there"):
        ask(Host(str(tmp_path)))


def test_what_is_no_socket(tmp_path: Any) -> None:
    host = Host(str(tmp_path))
    with pytest.raises(Missing):
        ask(host)
    (tmp_path / "pool.sock").write_bytes(b"")
    with pytest.raises(Untrusted, match="it is no socket"):
        ask(host)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_link_that_others_could_have_placed(tmp_path: Any, server: Any) -> None:
    host = server(lambda accepted: accepted.sendall(accepted.recv(100) + b"."))
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "pool.sock").symlink_to("../pool.sock")
    (tmp_path / "ours.sock").symlink_to("pool.sock")
    os.chown(str(tmp_path / "theirs"), 12345, 12345)
    with pytest.raises(Untrusted):
        ask(host, "/theirs/pool.sock")
    assert ask(host, "/ours.sock") == b"hello."


def test_a_path_longer_than_a_socket_address(tmp_path: Any) -> None:
    deep = tmp_path / ("d" * 200)
    deep.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        directory = os.open(str(deep), os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{directory}/pool.sock")
        listening.listen(1)
        os.close(directory)
        with pytest.raises(CannotLook, match="does not answer"):
            ask(Host(str(tmp_path)), f"/{deep.name}/pool.sock", deadline=0.1)


@pytest.mark.parametrize(
    ("family", "bound", "form"),
    [
        (socket.AF_INET, "127.0.0.1", "127.0.0.1:{}"),
        (socket.AF_INET, "127.0.0.1", "*:{}"),
        (socket.AF_INET, "127.0.0.1", "0.0.0.0:{}"),
        (socket.AF_INET6, "::1", "[::1]:{}"),
        (socket.AF_INET6, "::1", "[::]:{}"),
    ],
)
def test_a_port(family: int, bound: str, form: str) -> None:
    with socket.socket(family) as listening:
        try:
            listening.bind((bound, 0))
        except OSError:
            pytest.skip("this host has no IPv6")
        address = form.format(listening.getsockname()[1])
        with pytest.raises(CannotLook, match="nothing listens there"):
            ask(Host(), address)
        listening.listen(1)
        serving = threading.Thread(target=_serve, args=(listening, lambda one: one.sendall(one.recv(100) + b".")))
        serving.start()
        assert ask(Host(), address) == b"hello."
        serving.join(10)


@pytest.mark.parametrize(
    "address", ["", "localhost:9000", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:²", "a\0:1"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(CannotLook, match="neither a path nor a numeric address"):
        ask(Host(), address)


def test_the_memory_of_a_process() -> None:
    known = ctypes.create_string_buffer(b"what is where")
    host = Host()
    assert host.memory(os.getpid(), ctypes.addressof(known), 13) == b"what is where"
    for address in (0, 1 << 62, 1 << 80):
        with pytest.raises(CannotLook, match="nothing can be read at address"):
            host.memory(os.getpid(), address, 8)
    with pytest.raises(Missing):
        host.memory(1 << 22, 0, 8)
