# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of nginx's error log on FastCGI, as real ones wrote them."""

import time

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.fpm_log import LINE_LIMIT
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.nginx_log import (
    UpstreamFailed,
    first_time,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

WHEN = (2026, 11, 22, 5, 59, 20)
STAMP = "2026/11/22 05:59:20"
WHILE = "while reading response header from upstream"
RESET = f"{STAMP} [error] 212#212: *1400 recv() failed (104: Connection reset by peer) {WHILE}"
REST = (
    'client: 127.0.0.1, server: , request: "POST /order/3?card=4111 HTTP/1.1", upstream: "{}", host: "localhost:8080"'
)
SOCKET = "fastcgi://unix:/run/php/php-fpm.sock:"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (f"{RESET}, {REST.format(SOCKET)}", UpstreamFailed(WHEN, 104, "POST /order/3", "/run/php/php-fpm.sock")),
        (
            f"{RESET}, {REST.format('fastcgi://127.0.0.1:9000')}",
            UpstreamFailed(WHEN, 104, "POST /order/3", "127.0.0.1:9000"),
        ),
        (
            f"{STAMP} [error] 9#9: *5 connect() failed (111: Connection refused) while connecting to upstream, "
            + REST.format("fastcgi://[::1]:9000"),
            UpstreamFailed(WHEN, 111, "POST /order/3", "[::1]:9000"),
        ),
        (
            f"{STAMP} [crit] 9#9: *5 connect() to unix:/run/php/php-fpm.sock failed (2: No such file or directory) "
            f"while connecting to upstream, {REST.format(SOCKET)}",
            UpstreamFailed(WHEN, 2, "POST /order/3", "/run/php/php-fpm.sock"),
        ),
        (
            f"{STAMP} [error] 9#9: *5 writev() failed (32: Broken pipe) while sending request to upstream, "
            + REST.format(SOCKET),
            UpstreamFailed(WHEN, 32, "POST /order/3", "/run/php/php-fpm.sock"),
        ),
        (
            f"{STAMP} [error] 9#9: *5 upstream timed out (110: Connection timed out) {WHILE}, {REST.format(SOCKET)}",
            UpstreamFailed(WHEN, 110, "POST /order/3", "/run/php/php-fpm.sock"),
        ),
        (
            f'{RESET}, client: ::1, server: x, request: "GET / HTTP/2.0", subrequest: "/part", upstream: "{SOCKET}"',
            UpstreamFailed(WHEN, 104, "GET /", "/run/php/php-fpm.sock"),
        ),
    ],
)
def test_a_line_that_tells(line: str, told: UpstreamFailed) -> None:
    assert list(parse(f"before\n{line}\nafter")) == [told]


@pytest.mark.parametrize(
    "line",
    [
        f"{STAMP} [notice] 209#209: signal process started",
        f"{RESET}, {REST.format('http://127.0.0.1:8080/')}",
        f'{RESET}, client: 127.0.0.1, server: , request: "GET / HTTP/1.1", host: "x"',
        f'{STAMP} [error] 9#9: *5 open() "/srv/x" failed (2: No such file or directory), {REST.format(SOCKET)}',
        f'{STAMP} [error] 9#9: *5 FastCGI sent in stderr: "PHP message: recv() failed (104: x) while reading response '
        f"header from upstream, {REST.format(SOCKET)}",
        f"{RESET}, {REST.format(SOCKET)}" + " " * LINE_LIMIT,
        f"{RESET}, {REST.format(SOCKET)}"[20:],
    ],
)
def test_a_line_that_tells_nothing(line: str) -> None:
    assert list(parse(line)) == []


@given(st.text(max_size=100))
def test_a_request_never_shows_its_query(query: str) -> None:
    line = f'{RESET}, client: 1.2.3.4, server: , request: "GET /?{query}s3cret HTTP/1.1", upstream: "{SOCKET}"'
    assert all("s3cret" not in one.request + one.address for one in parse(line.replace("\n", "")))


@pytest.mark.parametrize("piece", ["(", " (104: ", ", client: ", ', request: "', ', upstream: "', "A", " ", "failed "])
def test_no_line_takes_long(piece: str) -> None:
    text = "\n".join([(f"{RESET}, " + piece * LINE_LIMIT)[:LINE_LIMIT]] * 64)
    started = time.monotonic()
    list(parse(text))
    assert time.monotonic() - started < 5


def test_the_first_time_of_a_log() -> None:
    assert first_time(f"torn\n{RESET}\n2027/01/01 00:00:00 [error] 1#1: x") == WHEN
    assert first_time("nothing") is None
