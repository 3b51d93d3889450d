# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a pidfile says."""

import re

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.pidfile import PID_MAX, content_of, parse_pid
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("content", [b"45", b"45\n", b" 45\n", b"45\r\n", b"        45\n", b"00045", b"+45"])
def test_one_number(content: bytes) -> None:
    assert parse_pid(content) == 45


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (b" \n\n", "it is empty"),
        (b"45\n46\n", "it has several lines"),
        (b"45\r46", "it has several lines"),
        (b"45 46", "it holds text"),
        (b"pid=45", "it holds text"),
        (b"\x0045", "it holds text"),
        (b"45\x00", "it holds text"),
        ("٤٥".encode(), "it holds text"),
        (b"4_5", "it holds text"),
        (b"1" * 21, "it holds text"),
        (b"-1", "its number is negative"),
        (b"0", "its number is no pid"),
        (str(PID_MAX + 1).encode(), "its number is no pid"),
    ],
)
def test_no_number(content: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        parse_pid(content)


def test_largest_pid() -> None:
    assert parse_pid(b"4194304") == 4194304


@given(st.one_of(st.binary(max_size=64), st.from_regex(rb"[ \n]*[+-]?[0-9]{0,9}[ \n]*", fullmatch=True)))
def test_any_bytes_are_a_pid_or_malformed(content: bytes) -> None:
    try:
        pid = parse_pid(content)
    except Malformed:
        return
    assert 1 <= pid <= PID_MAX
    assert re.search(rb"0*%d\Z" % pid, content.strip())


@given(st.sampled_from(["php-fpm", "nginx"]), st.integers(1, PID_MAX))
def test_what_a_program_writes_is_read_back(program: str, pid: int) -> None:
    assert parse_pid(content_of(program, pid)) == pid


def test_each_program_writes_in_its_way() -> None:
    assert (content_of("nginx", 51), content_of("php-fpm", 45)) == (b"51\n", b"45")
