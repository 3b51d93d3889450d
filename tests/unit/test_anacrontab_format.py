# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Anacrontabs."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.anacrontab import parse
from hypothesis import given
from hypothesis import strategies as st

TEXT = b"""\
# x
SHELL=/bin/sh
1\t5\tcron.daily\tnice run-parts /etc/cron.daily
 MAILTO = a
@monthly 45 cron.monthly \\
  nice run-parts /etc/cron.monthly
3 0 three systemctl restart php-fpm\r
"""


def test_jobs() -> None:
    jobs, refused = parse(TEXT)
    assert [(one.number, one.period, one.delay) for one in jobs] == [
        (3, "daily", 5),
        (5, "monthly", 45),
        (7, "every 3 days", 0),
    ]
    assert [one.command for one in jobs] == [
        "nice run-parts /etc/cron.daily",
        "   nice run-parts /etc/cron.monthly".strip(),
        "systemctl restart php-fpm\r",
    ]
    assert jobs[0].environment == {"SHELL": "/bin/sh"}
    assert jobs[1].environment == {"SHELL": "/bin/sh", "MAILTO": " a"}
    assert jobs[1].text == b"@monthly 45 cron.monthly \\" and refused == []


@pytest.mark.parametrize(
    "line",
    [b"1 pkill php-fpm", b"x 5 a pkill php-fpm", b"@hourly 5 a pkill php-fpm", b"9999999999 5 a pkill php-fpm"],
)
def test_what_anacron_skips(line: bytes) -> None:
    jobs, (refused,) = parse(b"\n" + line + b"\n")
    assert jobs == [] and (refused.number, refused.text) == (2, line)
    assert "php-fpm" in refused.command


@given(st.binary(max_size=100) | st.text("1@daily \t\\\n=#x/", max_size=100).map(str.encode))
def test_any_bytes_are_lines_that_stand_there(content: bytes) -> None:
    lines = content.split(b"\n")
    jobs, refused = parse(content)
    assert all(lines[one.number - 1] == one.text for one in (*jobs, *refused))
