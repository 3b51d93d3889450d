# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""FastCGI's records."""

import struct
from typing import Dict, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import fastcgi
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.fastcgi import Answered, Record
from hypothesis import given
from hypothesis import strategies as st

END = struct.pack(">BBHHBx", 1, 3, 1, 8, 0) + struct.pack(">IB3x", 0, 0)


def record(kind: int, content: bytes, padding: int = 0, number: int = 1) -> bytes:
    return struct.pack(">BBHHBx", 1, kind, number, len(content), padding) + content + b"\xee" * padding


def test_the_bytes_of_a_request() -> None:
    said = fastcgi.request({"A": "1"})
    assert said == (
        b"\x01\x01\x00\x01\x00\x08\x00\x00" + b"\x00\x01\x00\x00\x00\x00\x00\x00"
        b"\x01\x04\x00\x01\x00\x04\x04\x00" + b"\x01\x01A1\x00\x00\x00\x00"
        b"\x01\x04\x00\x01\x00\x00\x00\x00"
        b"\x01\x05\x00\x01\x00\x00\x00\x00"
    )


@given(st.dictionaries(st.text(max_size=200), st.text(max_size=70000)), st.binary(max_size=70000))
def test_a_request_says_what_was_asked(parameters: Dict[str, str], body: bytes) -> None:
    seen = fastcgi.records(fastcgi.request(parameters, body))
    said = b"".join(one.content for one in seen if one.type == fastcgi.PARAMS)
    assert dict(fastcgi.pairs(said)) == parameters
    assert b"".join(one.content for one in seen if one.type == fastcgi.STDIN) == body
    assert [one.type for one in seen if not one.content] == [fastcgi.PARAMS, fastcgi.STDIN]
    assert seen[-1] == Record(fastcgi.STDIN, 1, b"")


def test_an_answer_with_padding_in_pieces_and_errors() -> None:
    said = record(6, b"Status: 404 Not Found\r\n\r\nno", 5) + record(7, b"oh") + record(6, b"thing") + END
    seen = fastcgi.answer(said)
    assert seen == (b"Status: 404 Not Found\r\n\r\nnothing", b"oh", 0)
    assert fastcgi.document(seen.output) == (404, {"status": "404 Not Found"}, b"nothing")


@pytest.mark.parametrize("end", range(1, len(END)))
def test_an_answer_that_is_cut_short(end: int) -> None:
    said = (record(6, b"\r\n\r\n", 3) + END)[:-end]
    assert not Answered()(bytearray(said))
    with pytest.raises(Malformed, match="ends before its end"):
        fastcgi.answer(said)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n", "does not speak FastCGI"),
        (b"-ERR unknown command", "does not speak FastCGI"),
        (record(6, b"x", number=2) + END, "a request that was not made"),
        (struct.pack(">BBHHBx", 1, 3, 1, 4, 0) + bytes(4), "another length than 8"),
        (END[:-4] + b"\x02" + bytes(3), "it is overloaded"),
        (END[:-4] + b"\x09" + bytes(3), "reason 9"),
    ],
)
def test_what_is_no_answer(said: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        fastcgi.answer(said)


@pytest.mark.parametrize(
    ("output", "status", "body"),
    [
        (b"Content-type: text/plain\r\n\r\npong", 200, b"pong"),
        (b"Content-type: text/plain\n\npong\r\n\r\n", 200, b"pong\r\n\r\n"),
        (b"status:403 Forbidden\r\n\r\n", 403, b""),
        (b"\r\n\r\n", 200, b""),
    ],
)
def test_what_a_script_prints(output: bytes, status: int, body: bytes) -> None:
    seen = fastcgi.document(output)
    assert (seen.status, seen.body) == (status, body)


@pytest.mark.parametrize(
    "output", [b"", b"pong", b"Status: 4040\r\n\r\n", b"Status: \r\n\r\n", b"Status: \xb2\xb2\xb2\n\n"]
)
def test_what_no_script_prints(output: bytes) -> None:
    with pytest.raises(Malformed):
        fastcgi.document(output)


def test_the_values_of_a_server() -> None:
    asked = fastcgi.records(fastcgi.ask_values("FCGI_MPXS_CONNS"))
    assert [(one.type, one.request) for one in asked] == [(9, 0)]
    assert dict(fastcgi.pairs(asked[0].content)) == {"FCGI_MPXS_CONNS": ""}
    said = record(10, b"\x0f\x01FCGI_MPXS_CONNS0", 1, number=0)
    assert Answered()(bytearray(said))
    assert fastcgi.values(said) == {"FCGI_MPXS_CONNS": "0"}
    with pytest.raises(Malformed):
        fastcgi.values(said[:-2])


@pytest.mark.parametrize("content", [b"\x01", b"\x80", b"\x01\x01A", b"\xff\xff\xff\xff\x00A", b"\x01\x80\x00\x00A"])
def test_pairs_that_lead_beyond_their_end(content: bytes) -> None:
    with pytest.raises(Malformed):
        dict(fastcgi.pairs(content))


@given(st.lists(st.binary(max_size=40)), st.binary(max_size=30))
def test_an_answer_is_whole_only_once_its_end_came(pieces: List[bytes], after: bytes) -> None:
    whole = b"".join(record(6, piece, len(piece) % 3) for piece in pieces) + END
    answered = Answered()
    came = bytearray()
    for number, byte in enumerate(bytearray(whole + after), 1):
        came.append(byte)
        if answered(came):
            assert number == len(whole)
            return
    raise AssertionError("its end was not seen")


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda rest: b"\x01" + rest)))
def test_any_bytes_are_records_or_malformed(data: bytes) -> None:
    for read in (
        fastcgi.records,
        fastcgi.answer,
        fastcgi.values,
        fastcgi.document,
        lambda some: list(fastcgi.pairs(some)),
    ):
        try:
            read(data)
        except Malformed as error:
            assert str(error)


def test_small_records_are_read_once() -> None:
    answered = Answered()
    came = bytearray()
    for _unused in range(60):
        came += record(6, b"") * 1000
        assert not answered(came)
    assert answered._offset == len(came)


def test_an_answer_in_more_records_than_any_has_is_given_up() -> None:
    answered = Answered()
    came = bytearray(record(6, b"") * fastcgi.RECORDS_LIMIT)
    assert not answered(came)
    came += record(6, b"")
    with pytest.raises(Malformed, match="more than 65536 records"):
        answered(came)


def test_headers_that_do_not_end_are_not_read_for_long() -> None:
    line = b"name: value\n"
    fit = line * (fastcgi.HEADERS_LIMIT // len(line) - 1) + b"\npong"
    assert fastcgi.document(fit).body == b"pong"
    with pytest.raises(Malformed, match="its headers do not end"):
        fastcgi.document(line * (fastcgi.HEADERS_LIMIT // len(line)) + fit)
