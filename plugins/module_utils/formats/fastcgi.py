# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""FastCGI 1.0 as a web server speaks it (FastCGI Specification, 1996): requests out, the records of an answer in.

A record is a header of 8 bytes (version, type, request id, length of content, length of padding) and both of these.
A stream, such as the parameters, ends with an empty record of its type.
"""

import re
import struct
from typing import Dict, Iterator, List, Mapping, NamedTuple, Tuple, Union

from ..errors import Malformed

BEGIN_REQUEST = 1
END_REQUEST = 3
PARAMS = 4
STDIN = 5
STDOUT = 6
STDERR = 7
GET_VALUES = 9
GET_VALUES_RESULT = 10

VERSION = 1
RESPONDER = 1
REQUEST_ID = 1  # of the one request that a connection of ours carries
CONTENT_LIMIT = 0xFFFF
RECORDS_LIMIT = 1 << 16  # of one answer: php-fpm fills them with 8 KiB each, and two million empty ones take 20 s
HEADERS_LIMIT = 64 * 1024  # bytes of a CGI script's headers
REQUEST_COMPLETE = 0
_HEADER = struct.Struct(">BBHHBx")
_END = struct.Struct(">IB3x")
_LONG = struct.Struct(">I")
_LONG_MARK = 1 << 31
_STATUS = re.compile(r"[0-9]{3}\Z")
_REFUSALS = {1: "it can't take a second request on a connection", 2: "it is overloaded", 3: "it knows no such role"}


class Record(NamedTuple):
    type: int
    request: int
    content: bytes


class Answer(NamedTuple):
    """What a responder said: output as a CGI script would print it, headers first; status: its exit status."""

    output: bytes
    errors: bytes
    status: int


class Document(NamedTuple):
    """A CGI script's output: status as in HTTP, headers by their names in lower case."""

    status: int
    headers: Dict[str, str]
    body: bytes


def request(parameters: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a whole request to a responder, which is to close the connection when it has answered."""
    begin = struct.pack(">HB5x", RESPONDER, 0)
    said = b"".join(_pair(name.encode("utf-8"), value.encode("utf-8")) for name, value in parameters.items())
    return _record(BEGIN_REQUEST, REQUEST_ID, begin) + _stream(PARAMS, said) + _stream(STDIN, body)


def ask_values(*names: str) -> bytes:
    """Return the question for a server's own variables, which it answers without running anything."""
    return _record(GET_VALUES, 0, b"".join(_pair(name.encode("utf-8"), b"") for name in names))


class Answered:
    """Whether an answer is whole: it holds the record that ends it. Reads each byte of a growing answer once."""

    def __init__(self) -> None:
        self._offset = 0
        self._records = 0

    def __call__(self, data: bytearray) -> bool:
        """Raises Malformed where these are no records, or more than any answer has."""
        for kind, _unused, end in _headers(data, self._offset):
            if kind in (END_REQUEST, GET_VALUES_RESULT):
                return True
            self._offset = end
            self._records += 1
            if self._records > RECORDS_LIMIT:
                raise Malformed(f"it answers in more than {RECORDS_LIMIT} records")
        return False


def records(data: bytes) -> List[Record]:
    """Return the whole records at the beginning of ``data``. Raises Malformed."""
    return [Record(kind, number, bytes(content)) for kind, (number, content), _unused in _headers(data, 0)]


def answer(data: bytes) -> Answer:
    """Return what a responder answered to request(). Raises Malformed, also where the answer was cut short."""
    output, errors = [], []
    for record in records(data):
        if record.request != REQUEST_ID:
            raise Malformed("it answers a request that was not made")
        if record.type == STDOUT:
            output.append(record.content)
        elif record.type == STDERR:
            errors.append(record.content)
        elif record.type == END_REQUEST:
            return Answer(b"".join(output), b"".join(errors), _status(record.content))
    raise Malformed("the answer ends before its end")


def values(data: bytes) -> Dict[str, str]:
    """Return the variables that a server answered to ask_values(). Raises Malformed."""
    for record in records(data):
        if record.type == GET_VALUES_RESULT:
            return dict(pairs(record.content))
    raise Malformed("the answer ends before its end")


def document(output: bytes) -> Document:
    """Return the parts of a CGI script's output. Raises Malformed where its headers do not end."""
    begin = output[:HEADERS_LIMIT]
    ends = [(begin.find(mark), len(mark)) for mark in (b"\r\n\r\n", b"\n\n") if mark in begin]
    if not ends:
        raise Malformed("its headers do not end")
    end, mark = min(ends)
    headers: Dict[str, str] = {}
    for line in output[:end].decode("latin-1").splitlines():
        name, _colon, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    status = headers.get("status", "200").split(" ")[0]
    if not _STATUS.match(status):
        raise Malformed(f"its status {status[:20]!r} is none of HTTP")
    return Document(int(status), headers, output[end + mark :])


def pairs(content: bytes) -> Iterator[Tuple[str, str]]:
    """Yield the names and values of a list of them. Raises Malformed where a length leads beyond its end."""
    offset = 0
    while offset < len(content):
        name, offset = _length(content, offset)
        value, offset = _length(content, offset)
        end = offset + name + value
        if end > len(content):
            raise Malformed("a name or value is longer than its record")
        yield (
            content[offset : offset + name].decode("utf-8", "replace"),
            content[offset + name : end].decode("utf-8", "replace"),
        )
        offset = end


def _headers(data: Union[bytes, bytearray], offset: int) -> Iterator[Tuple[int, Tuple[int, memoryview], int]]:
    """Yield type, request id with content, and end of each whole record from an offset on."""
    with memoryview(data) as seen:
        while offset + _HEADER.size <= len(seen):
            version, kind, number, length, padding = _HEADER.unpack_from(seen, offset)
            if version != VERSION:
                raise Malformed(f"what answers there does not speak FastCGI: version {version} of a record")
            begin = offset + _HEADER.size
            offset = begin + length + padding
            if offset > len(seen):
                return
            with seen[begin : begin + length] as content:
                yield kind, (number, content), offset


def _record(kind: int, number: int, content: bytes) -> bytes:
    padding = -len(content) % 8
    return _HEADER.pack(VERSION, kind, number, len(content), padding) + content + bytes(padding)


def _stream(kind: int, content: bytes) -> bytes:
    pieces = [content[begin : begin + CONTENT_LIMIT] for begin in range(0, len(content), CONTENT_LIMIT)]
    return b"".join(_record(kind, REQUEST_ID, piece) for piece in [*pieces, b""])


def _pair(name: bytes, value: bytes) -> bytes:
    return _written(len(name)) + _written(len(value)) + name + value


def _written(length: int) -> bytes:
    return bytes([length]) if length < 128 else _LONG.pack(length | _LONG_MARK)


def _length(content: bytes, offset: int) -> Tuple[int, int]:
    """Return a length and where it ends: one byte, or four whose first bit is set."""
    size = 1 if content[offset : offset + 1] < b"\x80" else _LONG.size
    if offset + size > len(content):
        raise Malformed("it ends within a length")
    if size == 1:
        return content[offset], offset + 1
    return _LONG.unpack_from(content, offset)[0] & ~_LONG_MARK, offset + size


def _status(content: bytes) -> int:
    if len(content) != _END.size:
        raise Malformed("the record that ends it has another length than 8")
    status, refusal = _END.unpack(content)
    if refusal != REQUEST_COMPLETE:
        raise Malformed(f"it does not serve the request: {_REFUSALS.get(refusal, f'reason {refusal}')}")
    return int(status)
