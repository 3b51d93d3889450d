# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lines of php-fpm's log, as real ones wrote them."""

import time

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.fpm_log import (
    LINE_LIMIT,
    CrashedAt,
    Exited,
    LockerKilled,
    MaxChildren,
    TimedOut,
    Turn,
    first_time,
    parse,
    parse_message,
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
            Exited(WHEN, "www", 5303, 11, None, 0.001767),
        ),
        (
            f"{TIME} WARNING: [pool www] child 5303 exited on signal 7 (SIGBUS - core dumped) after 1.0 s",
            Exited(WHEN, "www", 5303, 7, None, None),
        ),
        (
            f"{TIME} WARNING: [pool shop.example] child 9 exited with code 137 after 0.1 seconds from start",
            Exited(WHEN, "shop.example", 9, None, 137, 0.1),
        ),
        (
            "[21-Nov-2026 19:51:50.045202] WARNING: pid 2956, fpm_children_bury(), line 289: [pool www] child 3096 "
            "exited on signal 15 (SIGTERM) after 3.080410 seconds from start",
            Exited(WHEN, "www", 3096, 15, None, 3.08041),
        ),
        (
            "[01-Jan-2030 00:00:09] WARNING: [pool www] child 100 exited with code 0 after 10.0 seconds from start",
            Exited((2030, 1, 1, 0, 0, 9), "www", 100, None, 0, 10.0),
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
        (
            f"{TIME} WARNING: [pool www] child 4, script '/srv/www/t.php' (request: \"GET /t.php?token=secret&id=1\") "
            "execution timed out (2.646694 sec), terminating",
            TimedOut(WHEN, "www", 4, "/srv/www/t.php", "GET /t.php", 2.646694),
        ),
        (
            "[21-Nov-2026 19:51:50.041132] WARNING: pid 2956, fpm_request_check_timed_out(), line 272: [pool d] "
            "child 3096, script '/srv/www/m.php' (request: \"GET /m.php\") execution timed out (3.060506 sec), "
            "terminating",
            TimedOut(WHEN, "d", 3096, "/srv/www/m.php", "GET /m.php", 3.060506),
        ),
        (
            f"{TIME} WARNING: [pool www] server reached pm.max_children setting (4), consider raising it",
            MaxChildren(WHEN, "www", 4),
        ),
        (
            f"{TIME} WARNING: [pool www] server reached max_children setting (4), consider raising it",
            MaxChildren(WHEN, "www", 4),
        ),
        (
            f'{TIME} WARNING: [pool www] child 12197 said into stderr: "Sat Nov 21 19:55:18 2026 (12197): Warning '
            'Attempting to kill locker 12198"',
            LockerKilled(WHEN, "www", 12197, 12198),
        ),
        (f"{TIME} NOTICE: ready to handle connections", Turn(WHEN, "ready")),
        (f"{TIME} NOTICE: Terminating ...", Turn(WHEN, "terminating")),
        (f"{TIME} NOTICE: Finishing ...", Turn(WHEN, "finishing")),
        (f"{TIME} NOTICE: Reloading in progress ...", Turn(WHEN, "reloading")),
        (f"{TIME} NOTICE: exiting, bye-bye!", Turn(WHEN, "exiting")),
        (f"{TIME} ERROR: FPM initialization failed", Turn(WHEN, "refused to start")),
        (
            f"{TIME} WARNING: failed processes threshold (5 in 60 sec) is reached, initiating reload",
            Turn(WHEN, "emergency reload"),
        ),
        (
            "[21-Nov-2026 19:51:50.967833] NOTICE: pid 2956, fpm_got_signal(), line 102: Finishing ...",
            Turn(WHEN, "finishing"),
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
        f'{TIME} WARNING: [pool www] child 5 said into stderr: "Terminating ..."',
        f"{TIME} WARNING: [pool www] child 5, script '/a' (request: \"GET /\") executing too slow (1.0 sec), logging",
        f"{TIME} NOTICE: child 3166 stopped for tracing",
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
        assert isinstance(told, (Exited, TimedOut, MaxChildren, Turn, CrashedAt, LockerKilled))


@given(st.text(max_size=50))
def test_a_request_is_no_line_of_its_own(words: str) -> None:
    """What a client asks for may read like the end of the line."""
    line = f"{TIME} WARNING: [pool www] child 1, script '/a.php' (request: \"GET /{words}\") execution timed out "
    told = list(parse(line.replace("\n", "") + "(2.5 sec), terminating"))
    assert [type(one) for one in told] == [TimedOut]
    assert isinstance(told[0], TimedOut) and told[0].seconds == 2.5 and "?" not in told[0].request


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("[WARNING] [pool www] child 5303 exited on signal 11 (SIGSEGV) after 0.5 seconds from start", 11),
        ("[WARNING] fpm_children_bury(), line 289: [pool www] child 5303 exited on signal 7 (SIGBUS) after 0.5 s", 7),
    ],
)
def test_a_message_of_syslog_has_no_time(message: str, told: int) -> None:
    event = parse_message(WHEN, message)
    assert isinstance(event, Exited) and (event.when, event.signal) == (WHEN, told)
    assert list(parse(message)) == []


def test_the_first_time_of_a_log() -> None:
    assert first_time(f"1-Nov-2026 torn\n\n{TIME} NOTICE: x\n[22-Nov-2026 00:00:00] NOTICE: y") == WHEN
    assert first_time("no time\n[21-Now-2026 19:51:50] NOTICE: x") is None


CRASHED = "EACCELERATOR(1): PHP crashed on opline 1 of "


@pytest.mark.parametrize("first", ["", CRASHED, CRASHED + "f() at /x:"])
@pytest.mark.parametrize("second", ["[", "]", " ", "a", ":", "1", CRASHED, " at /", " at /x:", " at /:1:", '") '])
def test_no_line_takes_long(first: str, second: str) -> None:
    begin = f'{TIME} WARNING: [pool www] child 1 said into stderr: "'
    line = (begin + (first * LINE_LIMIT)[: LINE_LIMIT // 2] + second * LINE_LIMIT)[:LINE_LIMIT]
    text = "\n".join([line] * 64)
    started = time.monotonic()
    list(parse(text))
    assert time.monotonic() - started < 5
