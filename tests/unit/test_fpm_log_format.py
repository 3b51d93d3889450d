# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of php-fpm's log, as real ones wrote them."""

import time

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.fpm_log import (
    LINE_LIMIT,
    CrashedAt,
    Exited,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

WHEN = (2026, 11, 21, 19, 51, 50)
TIME = "[21-Nov-2026 19:51:50]"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (
            f"{TIME} WARNING: [pool www] child 5303 exited on signal 11 (SIGSEGV) after 0.001767 seconds from start",
            Exited(WHEN, "www", 5303, 11, None),
        ),
        (
            f"{TIME} WARNING: [pool www] child 5303 exited on signal 7 (SIGBUS - core dumped) after 1.0 s",
            Exited(WHEN, "www", 5303, 7, None),
        ),
        (
            f"{TIME} WARNING: [pool shop.example] child 9 exited with code 137 after 0.1 seconds from start",
            Exited(WHEN, "shop.example", 9, None, 137),
        ),
        (
            "[21-Nov-2026 19:51:50.045202] WARNING: pid 2956, fpm_children_bury(), line 289: [pool www] child 3096 "
            "exited on signal 15 (SIGTERM) after 3.080410 seconds from start",
            Exited(WHEN, "www", 3096, 15, None),
        ),
        (
            "[01-Jan-2030 00:00:09] WARNING: [pool www] child 100 exited with code 0 after 10.0 seconds from start",
            Exited((2030, 1, 1, 0, 0, 9), "www", 100, None, 0),
        ),
        (
            f'{TIME} WARNING: [pool www] child 7 said into stderr: "EACCELERATOR(7): PHP crashed on opline 10 of '
            'look at /x() at /srv/at /home:8/a.php:30"',
            CrashedAt(WHEN, "www", 7, "/srv/at /home:8/a.php", 30),
        ),
        (
            f'{TIME} WARNING: [pool www] child 23284 said into stderr: "] [notice] EACCELERATOR(23284): PHP crashed on '
            'opline 1 of main() at /srv/www/incl_main.php:3", pipe is closed',
            CrashedAt(WHEN, "www", 23284, "/srv/www/incl_main.php", 3),
        ),
    ],
)
def test_a_line_that_tells(line: str, told: object) -> None:
    assert list(parse(f"before\n{line}\nafter")) == [told]


@pytest.mark.parametrize(
    "line",
    [
        f"{TIME} NOTICE: [pool www] child 5304 started",
        f"{TIME} NOTICE: fpm is running, pid 5301",
        f'{TIME} WARNING: [pool www] child 5 said into stderr: "child 6 exited on signal 11 (SIGSEGV)"',
        f'{TIME} WARNING: [pool www] child 5 said into stderr: "{TIME} WARNING: [pool b] child 6 exited on signal 11"',
        f"{TIME} WARNING: [pool www] child 5303 exited on signal",
        "[21-Now-2026 19:51:50] WARNING: [pool www] child 5303 exited on signal 11 (SIGSEGV)",
        "WARNING: [pool www] child 5303 exited on signal 11 (SIGSEGV)",
        f"{TIME} WARNING: [pool www] child 5303 exited on signal 11 (SIGSEGV)" + " " * LINE_LIMIT,
    ],
)
def test_a_line_that_tells_nothing(line: str) -> None:
    assert list(parse(line)) == []


@given(st.text(max_size=100), st.sampled_from([f"{TIME} WARNING: [pool www] child 1 ", TIME, ""]))
def test_any_text_is_read(text: str, begin: str) -> None:
    for told in parse(begin + text):
        assert isinstance(told, (Exited, CrashedAt))


CRASHED = "EACCELERATOR(1): PHP crashed on opline 1 of "


@pytest.mark.parametrize("first", ["", CRASHED, CRASHED + "f() at /x:"])
@pytest.mark.parametrize("second", ["[", "]", " ", "a", ":", "1", CRASHED, " at /", " at /x:", " at /:1:"])
def test_no_line_takes_long(first: str, second: str) -> None:
    begin = f'{TIME} WARNING: [pool www] child 1 said into stderr: "'
    line = (begin + (first * LINE_LIMIT)[: LINE_LIMIT // 2] + second * LINE_LIMIT)[:LINE_LIMIT]
    text = "\n".join([line] * 64)
    started = time.monotonic()
    list(parse(text))
    assert time.monotonic() - started < 5
