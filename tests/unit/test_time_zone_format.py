# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Time zones, held against the C library of this machine."""

import os
import time
from datetime import datetime, timedelta
from typing import Iterator, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import time_zone
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.time_zone import (
    UTC,
    Zone,
    moments,
    of_rule,
    offset,
    parse,
    skipped_to,
    wall,
)
from hypothesis import given, settings
from hypothesis import strategies as st

ZONES = "/usr/share/zoneinfo"
# North and south, half and quarter hours, a summer time of half an hour, a negative one, one over midnight, none.
NAMES = (
    "Europe/Berlin America/New_York Australia/Lord_Howe Asia/Kathmandu Pacific/Chatham Europe/Dublin Africa/Casablanca "
    "America/Santiago Pacific/Apia America/Scoresbysund Asia/Tehran UTC"
).split()
RULES = (
    "CET-1CEST,M3.5.0,M10.5.0/3 <+0330>-3:30 IST-1GMT0,M10.5.0,M3.5.0/1 AAA3BBB,J60,J300/24:30:15 "
    "NZST-12NZDT,M9.5.0,M4.1.0/3 XXX-2YYY,59/-1,300/100 UTC0"
).split()
YEAR = 366 * 86400


def times(first: int) -> st.SearchStrategy:
    return st.one_of(st.integers(first, 2**33), st.integers(first * 16, 2**36).map(lambda sixteenths: sixteenths / 16))


pytestmark = pytest.mark.skipif(not os.path.exists(f"{ZONES}/Europe/Berlin"), reason="needs the package tzdata")


def read(name: str) -> Zone:
    with open(f"{ZONES}/{name}", "rb") as file:
        return parse(file.read())


@pytest.fixture(autouse=True)
def restored_zone() -> Iterator[None]:
    before = os.environ["TZ"]
    yield
    os.environ["TZ"] = before
    time.tzset()


def by_c_library(zone: str, moment: float) -> Tuple[int, ...]:
    os.environ["TZ"] = zone
    time.tzset()
    return tuple(time.localtime(moment)[:6])


@pytest.mark.parametrize("name", NAMES)
def test_a_file_says_what_the_c_library_reads_in_it(name: str) -> None:
    zone = read(name)

    @settings(max_examples=40)
    @given(times(-(2**31)))
    def holds(moment: float) -> None:
        assert wall(zone, moment).timetuple()[:6] == by_c_library(name, moment)

    holds()


@pytest.mark.parametrize("text", RULES)
def test_a_rule_says_what_the_c_library_reads_in_it(text: str) -> None:
    zone = of_rule(text)

    @settings(max_examples=40)
    @given(times(YEAR))  # glibc has rules for no year before 1970
    def holds(moment: float) -> None:
        assert wall(zone, moment).timetuple()[:6] == by_c_library(text, moment)

    holds()


@pytest.mark.parametrize("name", NAMES)
def test_a_clock_shows_a_time_when_it_is_said_to(name: str) -> None:
    zone = read(name)

    @settings(max_examples=40)
    @given(st.floats(0, 2**32))
    def holds(moment: float) -> None:
        moment = round(moment, 3)
        known = moments(zone, wall(zone, moment))
        assert any(abs(one - moment) < 0.001 for one in known) and list(known) == sorted(known) and len(known) < 3

    holds()


def test_a_time_that_the_clock_skips_and_one_that_it_shows_twice() -> None:
    berlin = read("Europe/Berlin")
    skipped, twice = datetime(2026, 3, 29, 2, 30), datetime(2026, 10, 25, 2, 30)
    assert moments(berlin, skipped) == () and wall(berlin, skipped_to(berlin, skipped)) == datetime(2026, 3, 29, 3)
    assert wall(berlin, skipped_to(berlin, skipped) - 1) == datetime(2026, 3, 29, 1, 59, 59)
    first, second = moments(berlin, twice)
    assert second - first == 3600 and offset(berlin, first) == 7200


def test_a_day_that_a_zone_skipped() -> None:
    samoa = read("Pacific/Apia")
    shown = datetime(2011, 12, 30, 12)
    assert moments(samoa, shown) == () and wall(samoa, skipped_to(samoa, shown)) == datetime(2011, 12, 31)


def test_a_day_by_its_number_leaves_out_29_february() -> None:
    ends = (1803686400, 1835222400)  # 27 February of 2027 and 2028
    days = [end + 86400 * number for end in ends for number in range(5)]
    for text in ("AAA3BBB,J60/12,J300", "AAA3BBB,59/12,J300"):
        assert [wall(of_rule(text), day).timetuple()[:6] for day in days] == [by_c_library(text, day) for day in days]


def test_the_usual_dates_of_a_summer_time_that_names_none() -> None:
    for text in ("EST5EDT", "EST5EDT4", "EST5EDT4,M3.2.0,M11.1.0"):
        assert [wall(of_rule(text), moment).hour for moment in (1793512799, 1793512800, 1793516400)] == [1, 1, 2]


def test_utc() -> None:
    assert wall(UTC, 0.5) == datetime(1970, 1, 1) + timedelta(seconds=0.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "CET",
        "CE-1",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,J0,J300",
        "A/B",
        "CET-1 ",
        "CET-1\n",
    ],
)
def test_what_is_no_rule(text: str) -> None:
    with pytest.raises(Malformed, match=r"time zone|no year has"):
        of_rule(text)


@pytest.mark.parametrize("length", [0, 43, 44, 100, 300])
def test_a_file_that_ends_too_early(length: int) -> None:
    with open(f"{ZONES}/Europe/Berlin", "rb") as file:
        content = file.read()
    with pytest.raises(Malformed, match="shorter"):
        parse(content[:length])


def test_a_file_that_is_none() -> None:
    with pytest.raises(Malformed, match="TZif"):
        parse(b"root:x:0:0:root:/root:/bin/bash\n" * 10)


@given(st.binary(max_size=200), st.integers(0, 5), st.binary(min_size=1, max_size=4))
def test_any_bytes_are_a_zone_or_malformed(rest: bytes, version: int, patch: bytes) -> None:
    content = b"TZif" + (b"\0" if version == 0 else b"2") + bytes(15) + rest
    for given_content in (rest, content, content[:20] + patch * 6 + rest):
        try:
            zone = parse(given_content)
        except Malformed:
            continue
        assert abs(offset(zone, 1795300000.0)) <= time_zone.OFFSET_LIMIT
