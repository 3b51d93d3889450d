# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Crontabs as the two crons of Linux read them."""

import contextlib
import os
import time
from typing import Any, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import TooLarge
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.cron_schedule import CRONIE, DEBIAN
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.crontab import (
    DEBIAN_LINES,
    JOBS_LIMIT,
    SETTINGS_LIMIT,
    CronLine,
    Crontab,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

BOTH = pytest.mark.parametrize("cron", [DEBIAN, CRONIE])


def only_line(content: bytes, system: bool = True, cron: str = DEBIAN) -> CronLine:
    table = parse(content, system, cron)
    assert not table.refused and not table.ignored
    (line,) = table.lines
    return line


def reasons(content: bytes, system: bool = True, cron: str = DEBIAN) -> List[Any]:
    return [(line.number, line.reason) for line in parse(content, system, cron).refused]


@BOTH
def test_the_line_of_the_incident(cron: str) -> None:
    text = b"28 5 * * * root /etc/init.d/php-fpm restart >/dev/null"
    line = only_line(b"# leaks\nSHELL=/bin/sh\n\n" + text + b"\n", cron=cron)
    assert line._replace(when=None) == CronLine(  # type: ignore[arg-type]
        4, text, "28 5 * * *", None, "root", "/etc/init.d/php-fpm restart >/dev/null", False, {"SHELL": "/bin/sh"}
    )
    assert line.when.minutes == {28} and line.when.hours == {5}


@BOTH
def test_a_users_own_table_names_no_user(cron: str) -> None:
    line = only_line(b"@daily\troot is a word of the command\n", system=False, cron=cron)
    assert (line.schedule, line.user, line.command) == ("@daily", None, "root is a word of the command")


@BOTH
@pytest.mark.parametrize(
    ("content", "schedule", "user", "command"),
    [
        (b"  \t 5 4 * * * root x\n", "5 4 * * *", "root", "x"),
        (b"5\t4  *\t* * \troot\tx  y \n", "5 4 * * *", "root", "x  y "),
        (b"@reboot root x\n", "@reboot", "root", "x"),
        (b"5 4 * * * root x # no comment\n", "5 4 * * *", "root", "x # no comment"),
        (b"5 4 * * * root X=1 x\n", "5 4 * * *", "root", "X=1 x"),
        (b"5 4 * * * root x\r\n", "5 4 * * *", "root", "x\r"),
        (b"5 4 * * * root x \xff\xe9\n", "5 4 * * *", "root", os.fsdecode(b"x \xff\xe9")),
        (b"5 4 * * * www-data php /srv/a.php\0b\n", "5 4 * * *", "www-data", "php /srv/a.php"),
    ],
)
def test_the_parts_of_a_line(content: bytes, schedule: str, user: str, command: str, cron: str) -> None:
    piece = parse(content, True, cron).lines[0]
    assert (piece.schedule, piece.user, piece.command) == (schedule, user, command)
    assert piece.text == content[:-1]


def test_blanks_before_a_command_are_its_own_in_debian() -> None:
    assert only_line(b"5 4 * * * root   x\n").command == "  x"
    assert only_line(b"5 4 * * * root   x\n", cron=CRONIE).command == "x"


@BOTH
@pytest.mark.parametrize(
    ("written", "command", "fed"),
    [
        (b"date +\\%F", "date +%F", False),
        (b"mail -s x joe%Joe,%%Where?", "mail -s x joe", True),
        (b"x \\a \\% %", "x \\a % ", True),
        (b"%", "", True),
        (b"x\\", "x\\", False),
    ],
)
def test_percent(written: bytes, command: str, fed: bool, cron: str) -> None:
    line = only_line(b"5 4 * * * root " + written + b"\n", cron=cron)
    assert (line.command, line.fed) == (command, fed)


def test_debian_takes_one_of_two_backslashes() -> None:
    written = rb"5 4 * * * root x \\ y \\% z" + b"\n"
    assert (only_line(written).command, only_line(written).fed) == ("x \\ y \\", True)
    assert (only_line(written, cron=CRONIE).command, only_line(written, cron=CRONIE).fed) == ("x \\\\ y \\\\", True)


@BOTH
@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        (b"A=b c", {"A": "b c"}),
        (b"A = b c ", {"A": "b c"}),
        (b"  A=b", {"A": "b"}),
        (b"A=b\r", {"A": "b"}),
        (b"'A'=b", {"A": "b"}),
        (b'"A B" = b', {"A B": "b"}),
        (b"A='b'", {"A": "b"}),
        (b'A="b" \t', {"A": "b"}),
        (b'A=""', {"A": ""}),
        (b"A='b\"c'", {"A": 'b"c'}),
        (b"A=b'c'", {"A": "b'c'"}),
        (b"A=$B:${C}", {"A": "$B:${C}"}),  # nothing is expanded
        (b"PATH=/a # no comment", {"PATH": "/a # no comment"}),
        (b"A=b=c", {"A": "b=c"}),
    ],
)
def test_settings(setting: bytes, expected: Any, cron: str) -> None:
    assert only_line(setting + b"\n5 4 * * * root x\n", cron=cron).environment == expected


def test_blanks_in_quotes_are_kept_by_cronie_alone() -> None:
    setting = b"A=' b '\nB=\"'c'\"\n5 4 * * * root x\n"
    assert only_line(setting).environment == {"A": " b", "B": "c"}
    assert only_line(setting, cron=CRONIE).environment == {"A": " b ", "B": "'c'"}


@BOTH
def test_a_setting_is_in_force_below_it_only(cron: str) -> None:
    table = parse(b"5 4 * * * root a\nA=1\n5 4 * * * root b\nA=2\nB=3\n5 4 * * * root c\n", True, cron)
    assert [line.environment for line in table.lines] == [{}, {"A": "1"}, {"A": "2", "B": "3"}]


def test_a_setting_without_a_value_spoils_a_table_of_debian() -> None:
    table = parse(b"MAILTO=\n5 4 * * * root x\n", True)
    assert table.ignored is not None and table.ignored.startswith("line 1: bad minute (a setting has a value, ")
    assert only_line(b"MAILTO=\n5 4 * * * root x\n", cron=CRONIE).environment == {"MAILTO": ""}


@BOTH
@pytest.mark.parametrize("setting", [b"A='b' c", b"A='b", b"A B=c", b"'A=b'=c", b"A", b"'A'B=c"])
def test_what_is_no_setting_is_a_broken_job(setting: bytes, cron: str) -> None:
    assert [reason[:10] for _unused, reason in reasons(setting + b"\n", cron=cron)] == ["bad minute"]


@BOTH
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"61 * * * * root x", "bad minute"),
        (b"\r", "bad minute"),  # the empty lines of an editor on Windows
        (b"5 4 * * root x", "bad day-of-week"),
        (b"@dayly root x", "bad time specifier"),
        (b"@daily\r", "bad time specifier"),
        (b"\xef\xbb\xbf5 4 * * * root x", "bad minute"),  # a byte order mark
        (b"\xa05 4 * * * root x", "bad minute"),
        (b"/etc/init.d/php-fpm restart", "bad minute"),
    ],
)
def test_a_wrong_line_costs_debian_the_whole_table(line: bytes, reason: str, cron: str) -> None:
    table = parse(b"1 2 3 4 5 root first\n" + line + b"\n5 4 * * * root last\n", True, cron)
    assert [(one.number, one.text, one.reason) for one in table.refused] == [(2, line, reason)]
    assert [one.command for one in table.lines] == ["first", "last"]
    said = f"line 2: {reason}; Debian's cron takes nothing of a table with such a line"
    assert table.ignored == (said if cron == DEBIAN else None)


@pytest.mark.parametrize("line", [b"5 4 * * *", b"5 4 * * * ", b"5 4 * * * root", b"@daily", b"@daily root"])
def test_a_line_without_user_or_command(line: bytes) -> None:
    assert reasons(line + b"\n") == [(1, "bad username")]
    assert reasons(line + b"\n", cron=CRONIE) == [(1, "bad command")]


def test_a_line_without_a_command_in_a_users_own_table() -> None:
    assert only_line(b"5 4 * * *\n", system=False).command == ""
    assert reasons(b"5 4 * * *\n", system=False, cron=CRONIE) == [(1, "bad command")]


@BOTH
def test_a_star_too_many(cron: str) -> None:
    assert reasons(b"5 4 * * * * x\n", system=False, cron=cron) == [(1, "bad command")]


def test_the_options_of_cronie() -> None:
    assert only_line(b"-5 4 * * * root -n x\n", cron=CRONIE).command == "x"
    assert only_line(b"-@daily root x\n", cron=CRONIE).schedule == "@daily"
    assert reasons(b"- 5 4 * * * root x\n", cron=CRONIE) == [(1, "bad minute")]
    for written in (b"-x y", b"-n  -n y", b"-ny", b"-n -x y"):
        assert reasons(b"5 4 * * * root " + written + b"\n", cron=CRONIE) == [(1, "bad option")]
    assert reasons(b"5 4 * * * root -n \n", cron=CRONIE) == [(1, "bad command")]
    assert reasons(b"-5 4 * * * root x\n") == [(1, "bad minute")]
    assert only_line(b"5 4 * * * root -n x\n").command == "-n x"


@BOTH
@pytest.mark.parametrize("content", [b"", b"\n\n", b"# only a comment", b"  \t", b"5 4 * * * root x\n# no newline"])
def test_no_newline_is_needed_behind_comments_and_blanks(content: bytes, cron: str) -> None:
    assert parse(content, True, cron).ignored is None and not parse(content, True, cron).refused


@BOTH
def test_a_nul_ends_the_last_line_too(cron: str) -> None:
    assert only_line(b"5 4 * * * root x\0", cron=cron).command == "x"


@BOTH
@pytest.mark.parametrize("last", [b"5 4 * * * root last", b"A=b"])
def test_a_last_line_without_a_newline_is_not_read(last: bytes, cron: str) -> None:
    table = parse(b"5 4 * * * root x\n" + last, True, cron)
    assert [line.command for line in table.lines] == ["x"]
    assert [(line.number, line.reason) for line in table.refused] == [(2, "missing newline before EOF")]
    assert bool(table.ignored) == (cron == DEBIAN)


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (b"61 5 * * * root /etc/init.d/php-fpm restart\n", "/etc/init.d/php-fpm restart"),
        (b"28 5 * * * root /etc/init.d/php-fpm restart", "/etc/init.d/php-fpm restart"),
        (b"@dayly root service php-fpm restart\n", "service php-fpm restart"),
        (b"service php-fpm restart\n", None),
        (b"MAILTO=\n", None),
    ],
)
def test_what_a_refused_line_would_have_run(line: bytes, command: Optional[str]) -> None:
    assert [one.command for one in parse(line, True).refused] == [command]


@BOTH
def test_a_nul_is_the_end_of_a_line(cron: str) -> None:
    table = parse(b"# a\0b\n5 4 * * * root x\0 A=b\0\t# c\0d\n@daily root y\n", True, cron)
    assert [(line.number, line.command, line.environment) for line in table.lines] == [
        (2, "x", {}),
        (3, "y", {"A": "b"}),
    ]
    assert table.ignored is None and not table.refused


def test_a_long_command() -> None:
    longest = b"x" * 998
    assert len(only_line(b"5 4 * * * root " + longest + b"\n").command) == 998
    assert reasons(b"5 4 * * * root x" + longest + b"\n") == [(1, "command too long")]
    assert len(only_line(b"5 4 * * * root " + b"x" * 200000 + b"\n", cron=CRONIE).command) == 131071


def test_a_long_setting_is_cut() -> None:
    content = b"A=" + b"x" * 200000 + b"\n5 4 * * * root y\n"
    assert len(only_line(content).environment["A"]) == 996
    assert len(only_line(content, cron=CRONIE).environment["A"]) == 131069


def test_debian_takes_no_table_of_too_many_lines() -> None:
    most = b"\n" * (DEBIAN_LINES - 1)
    assert parse(most + b"5 4 * * * root x\n", True).ignored is None
    assert parse(most + b"5 4 * * * root x\n# comment\n", True).ignored is None
    assert str(parse(most + b"\n5 4 * * * root x\n", True).ignored).endswith("behind line 10003")
    assert parse(most + b"\n5 4 * * * root x\n", True, CRONIE).ignored is None


def test_cronie_limits_the_tables_of_users() -> None:
    jobs = b"5 4 * * * root x\n"
    for many, said in (
        (jobs * (JOBS_LIMIT + 1), "jobs"),
        (b"A=1\n" * (SETTINGS_LIMIT + 1), "settings"),
        (b"# \n" * 11000 + jobs, "comments"),
        (jobs + b"\n" * 33000, "comments"),
    ):
        assert said in str(parse(many, False, CRONIE).ignored)
        assert parse(many[:-2000] + b"\n", False, CRONIE).ignored is None or said == "comments"
    assert parse(b"# \n" * 10900 + jobs, False, CRONIE).ignored is None
    assert parse(jobs * JOBS_LIMIT + b"A=1\n" * SETTINGS_LIMIT, False, CRONIE).ignored is None
    assert parse(b"# \n" * 11000 + jobs, True, CRONIE).ignored is None


@BOTH
def test_a_table_of_the_system_larger_than_anybody_writes(cron: str) -> None:
    for many in (b"5 4 * * * root x\0" * (JOBS_LIMIT + 1) + b"\n", b"A=1\n" * (SETTINGS_LIMIT + 1)):
        with pytest.raises(TooLarge, match="more than 1000 settings or 10000 jobs"):
            parse(many, True, cron)


MEGABYTES = 10 * 1024 * 1024


def seconds(unit: bytes, size: int, cron: str, times: int = 1) -> float:
    """Return how long a table is read that repeats ``unit``, the least of some times."""
    content = (unit * (size // len(unit)))[:size]
    taken = []
    for _unused in range(times):
        started = time.process_time()
        with contextlib.suppress(TooLarge):
            parse(content, False, cron)
        taken.append(time.process_time() - started)
    return min(taken)


@pytest.mark.parametrize(
    ("unit", "cron"),
    [
        (b"# comment\n", DEBIAN),
        (b"\n", CRONIE),
        (b" ", CRONIE),
        (b"\0", CRONIE),
        (b"x\n", CRONIE),
        (b"A=b\n", CRONIE),
        (b"5 4 * * * root x\n", CRONIE),
        (b"5 4 * * * root x\0", DEBIAN),
        (b"\\%", CRONIE),
        (b"'A", DEBIAN),
        (b"1,", CRONIE),
    ],
)
def test_ten_megabytes_are_read_in_linear_time(unit: bytes, cron: str) -> None:
    assert seconds(unit, MEGABYTES, cron) < 60 * max(seconds(unit, MEGABYTES // 16, cron, times=3), 0.001)


@BOTH
def test_times_that_nobody_writes_are_not_called_wrong(cron: str) -> None:
    with pytest.raises(TooLarge, match="line 2: its minute is a list of more than 120"):
        parse(b"5 4 * * * root x\n" + b"1," * 499 + b"1 5 * * * root x\n", True, cron)


PIECES = st.lists(
    st.sampled_from(
        [
            b"5 4 * * * ",
            b"root ",
            b"@daily ",
            b"*/5 ",
            b"A=",
            b"'",
            b'"',
            b" ",
            b"\t",
            b"\n",
            b"\r\n",
            b"\0",
            b"%",
            b"\\",
            b"#",
            b"\xff",
            b"x",
        ]
    ),
    max_size=40,
).map(b"".join)


@given(st.one_of(PIECES, st.binary(max_size=200)), st.booleans(), st.sampled_from([DEBIAN, CRONIE]))
def test_any_bytes_are_a_table(content: bytes, system: bool, cron: str) -> None:
    table = parse(content, system, cron)
    lines = content.split(b"\n")
    for line in (*table.lines, *table.refused):
        assert line.text == lines[line.number - 1]
    for job in table.lines:
        assert (job.user is not None) == system and "\0" not in job.command and "\n" not in job.command
        assert os.fsencode(job.command).replace(b"%", b"").replace(b"\\", b"")[:1] in job.text or not job.command


@given(PIECES, st.booleans())
def test_a_comment_or_an_empty_line_changes_nothing(content: bytes, system: bool) -> None:
    def told(table: Crontab) -> List[Any]:
        return [(line.number, line.command) for line in table.lines]

    before = told(parse(content, system))
    assert told(parse(b"# c\n \t\n" + content, system)) == [(number + 2, command) for number, command in before]
