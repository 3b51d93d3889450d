# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Send one request to a socket of the host and take what is answered, for a bounded time and up to a bounded length.

Who listens there may be slow, silent, hostile or gone: nothing here waits longer than its deadline.
"""

import errno
import os
import re
import select
import socket
import stat
import time
from typing import Callable, NamedTuple, Tuple, Union

from .directory import explained, open_place
from .errors import CannotLook, TooLarge, Untrusted

_PIECE = 1 << 16
_PORT = re.compile(r"[0-9]{1,5}\Z")
_ANY = {"*": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # who listens on every address is asked on loopback


class Question(NamedTuple):
    """What is asked: answered() says of all that came so far whether it is the whole answer.

    address: a path, or ``host:port`` with a numeric host. deadline: seconds for all of it. limit: bytes of the answer.
    """

    address: str
    request: bytes
    deadline: float
    limit: int
    answered: Callable[[bytearray], bool]


def ask(root: str, question: Question) -> bytes:
    """Return the answer, or what there was of it when the other side closed. Raises CannotLook."""
    end = time.monotonic() + question.deadline
    try:
        with _socket(question.address) as asking:
            asking.setblocking(False)
            _connect(asking, root, question.address, end)
            _send(asking, question, end)
            return _answer(asking, question, end)
    except OSError as error:
        raise _explained(error, question.address) from error


def _socket(address: str) -> socket.socket:
    if address.startswith("/"):
        return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    host, _port = _numeric(address)
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)


def _connect(asking: socket.socket, root: str, address: str, end: float) -> None:
    if not address.startswith("/"):
        _begin(asking, _numeric(address))
        _await(asking, select.POLLOUT, end, f"{address}: it does not take a connection")
        failure = asking.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise OSError(failure, os.strerror(failure))
        return
    opened = _open(root, address)
    try:
        # The very socket that was checked, whatever bears its name by now; and a path may be longer than sun_path.
        _begin(asking, f"/proc/self/fd/{opened}")
    finally:
        os.close(opened)


def _begin(asking: socket.socket, destination: Union[str, Tuple[str, int]]) -> None:
    failure = asking.connect_ex(destination)
    if failure not in (0, errno.EINPROGRESS):
        raise OSError(failure, os.strerror(failure))


def _open(root: str, path: str) -> int:
    """Open a socket's file, through links that only root could have placed; nothing else than a socket."""
    place = open_place(root, path, follow=True)
    try:
        opened = os.open(place.name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place.directory)
    except OSError as error:
        raise explained(error, path) from error
    finally:
        os.close(place.directory)
    if not stat.S_ISSOCK(os.fstat(opened).st_mode):
        os.close(opened)
        raise Untrusted(f"{path}: it is no socket", path=path)
    return opened


def _send(asking: socket.socket, question: Question, end: float) -> None:
    rest = memoryview(question.request)
    while rest:
        _await(asking, select.POLLOUT, end, f"{question.address}: it does not take a request")
        try:
            rest = rest[asking.send(rest, socket.MSG_NOSIGNAL) :]
        except BlockingIOError:
            continue


def _answer(asking: socket.socket, question: Question, end: float) -> bytes:
    answer = bytearray()
    while not question.answered(answer):
        _await(asking, select.POLLIN, end, f"{question.address}: it took a request and does not answer it")
        try:
            piece = asking.recv(_PIECE)
        except BlockingIOError:
            continue
        if not piece:
            break
        answer += piece
        if len(answer) > question.limit:
            raise TooLarge(f"{question.address}: it answers with more than {question.limit} bytes")
    return bytes(answer)


def _await(asking: socket.socket, event: int, end: float, otherwise: str) -> None:
    waiting = select.poll()  # select(2) knows no descriptor above 1023
    waiting.register(asking, event)
    left = end - time.monotonic()
    if left <= 0 or not waiting.poll(left * 1000):
        raise CannotLook(f"{otherwise} in time; all who serve it are busy or stuck, or something else listens there")


def _numeric(address: str) -> Tuple[str, int]:
    """Return host and port of ``127.0.0.1:9000``, ``[::1]:9000`` or ``*:9000``. No name is looked up."""
    host, _colon, port = address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    host = _ANY.get(host, host)
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except (OSError, ValueError):
            continue
        if _PORT.match(port) and 0 < int(port) < 1 << 16:
            return host, int(port)
    raise CannotLook(f"{address[:200]!r}: it is neither a path nor a numeric address with a port; it is not asked")


def _explained(error: OSError, address: str) -> CannotLook:
    if error.errno == errno.EAGAIN:
        return CannotLook(
            f"{address}: its queue is full, so it takes no connection; those who serve it are stuck", errno=error.errno
        )
    if error.errno == errno.ECONNREFUSED:
        return CannotLook(f"{address}: nothing listens there (connection refused); start what should serve it")
    return explained(error, address)
