# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Times as systemd prints them."""

from datetime import datetime

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.systemd_calendar import Time, elapses, time
from hypothesis import given
from hypothesis import strategies as st

# systemd-analyze calendar --iterations=2 -- daily '2020-01-01' of systemd 252, in Berlin
BERLIN = """\
  Original form: daily
Normalized form: *-*-* 00:00:00
    Next elapse: Mon 2026-11-23 00:00:00 CET
       (in UTC): Sun 2026-11-22 23:00:00 UTC
       From now: 14h left
       Iter. #2: Tue 2026-11-24 00:00:00 CET
       (in UTC): Mon 2026-11-23 23:00:00 UTC
       From now: 1 day 14h left

Normalized form: 2020-01-01 00:00:00
    Next elapse: never
"""


def test_the_next_times_of_each_expression() -> None:
    assert elapses(BERLIN) == [[Time(datetime(2026, 11, 22, 23), True), Time(datetime(2026, 11, 23, 23), True)], []]
    older = (
        "Normalized form: x\n Next elapse: Mon 2026-11-23 03:00:00 UTC\n Iteration #2: Tue 2026-11-24 03:00:00 UTC\n"
    )
    assert [len(one) for one in elapses(older)] == [2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mon 2026-11-23 03:00:00 UTC", Time(datetime(2026, 11, 23, 3), True)),
        ("Mon 2026-11-23 03:00:00.123456 CET", Time(datetime(2026, 11, 23, 3), False)),
        ("2026-11-23 03:00:00", Time(datetime(2026, 11, 23, 3), False)),
        ("Mon 2026-02-30 03:00:00 UTC", None),
        ("n/a", None),
        ("never", None),
        ("", None),
    ],
)
def test_a_time(text: str, expected: object) -> None:
    assert time(text) == expected


@given(st.lists(st.sampled_from([*BERLIN.split("\n"), "       (in UTC): never"]), max_size=12))
def test_lines_in_any_order_do_no_harm(lines: list) -> None:
    assert len(elapses("\n".join(lines))) == sum("Normalized form:" in line for line in lines)
