# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a schedule of cron fires, held against cronsim, which models Debian's cron."""

from datetime import datetime
from itertools import islice
from typing import List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.cron_schedule import (
    CRONIE,
    DEBIAN,
    fits,
    following,
    is_empty,
    parse,
)
from cronsim import CronSim, CronSimError
from hypothesis import assume, given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 22, 5, 28, 30)  # a Sunday


def next_runs(text: str, number: int = 3, cron: str = DEBIAN, wall: datetime = NOW) -> List[str]:
    return [run.strftime("%Y-%m-%d %H:%M") for run in islice(following(parse(text, cron), wall), number)]


@pytest.mark.parametrize("cron", [DEBIAN, CRONIE])
@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("28 5 * * *", ["2026-11-23 05:28", "2026-11-24 05:28"]),
        ("29 5 * * *", ["2026-11-22 05:29", "2026-11-23 05:29"]),
        ("@daily", ["2026-11-23 00:00", "2026-11-24 00:00"]),
        ("@midnight", ["2026-11-23 00:00", "2026-11-24 00:00"]),
        ("@hourly", ["2026-11-22 06:00", "2026-11-22 07:00"]),
        ("@weekly", ["2026-11-29 00:00", "2026-12-06 00:00"]),
        ("@monthly", ["2026-12-01 00:00", "2027-01-01 00:00"]),
        ("@yearly", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("@annually", ["2027-01-01 00:00", "2028-01-01 00:00"]),
        ("*/20 * * * *", ["2026-11-22 05:40", "2026-11-22 06:00"]),
        ("*/1440 * * * *", ["2026-11-22 06:00", "2026-11-22 07:00"]),  # a step beyond the hour, meant to be a day
        ("5,10-20/5,59 23 * * *", ["2026-11-22 23:05", "2026-11-22 23:10"]),
        ("0 4 * * MON-wed,Sat", ["2026-11-23 04:00", "2026-11-24 04:00"]),
        ("0 4 * * 0", ["2026-11-29 04:00", "2026-12-06 04:00"]),
        ("0 4 * * 7", ["2026-11-29 04:00", "2026-12-06 04:00"]),
        ("0 4 1 jan,JUL *", ["2027-01-01 04:00", "2027-07-01 04:00"]),
        ("0 4 29 2 *", ["2028-02-29 04:00", "2032-02-29 04:00"]),
        # Both kinds of day are restricted: either will do.
        ("0 4 1,15 * 5", ["2026-11-27 04:00", "2026-12-01 04:00"]),
        # One begins with a star, though it names not every day: both have to fit.
        ("0 4 1-7 * */7", ["2026-12-06 04:00", "2027-01-03 04:00"]),
        ("0 4 */10 * 1", ["2026-12-21 04:00", "2027-01-11 04:00"]),
        # The rule goes by the star, not by what it comes to.
        ("0 4 1 * 0-7", ["2026-11-23 04:00", "2026-11-24 04:00"]),
        ("28\t5  * * *", ["2026-11-23 05:28", "2026-11-24 05:28"]),
    ],
)
def test_next_runs(text: str, runs: List[str], cron: str) -> None:
    assert next_runs(text, 2, cron) == runs


@pytest.mark.parametrize("cron", [DEBIAN, CRONIE])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60 * * * *", "bad minute"),
        ("-5 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * 32 * *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * january *", "bad month"),
        ("* * * * 8", "bad day-of-week"),
        ("* * * * sunday", "bad day-of-week"),
        ("* * * *", "bad day-of-week"),
        ("5 4", "bad day-of-month"),
        ("", "bad minute"),
        ("5/10 * * * *", "bad minute"),
        ("*/0 * * * *", "bad minute"),
        ("*/ * * * *", "bad minute"),
        ("1- * * * *", "bad minute"),
        ("1-x * * * *", "bad minute"),
        ("1, * * * *", "bad minute"),
        (",1 * * * *", "bad minute"),
        ("1-5/ * * * *", "bad minute"),
        ("jan * * * *", "bad minute"),
        ("5x * * * *", "bad minute"),
        ("99999999999 * * * *", "bad minute"),
        ("50-70 * * * *", "bad minute"),
        ("* * * * * *", "6 fields"),
        ("@dayly", "bad time specifier"),
        ("@Daily", "bad time specifier"),
        ("@every_minute", "bad time specifier"),
    ],
)
def test_what_both_refuse(text: str, reason: str, cron: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parse(text, cron)


@pytest.mark.parametrize("text", ["5.5 4 * * *", "5;9 4 * * *", "5~6 4 * * *"])
def test_debian_reads_over_what_is_behind_a_number(text: str) -> None:
    assert next_runs(text, 1) == ["2026-11-23 04:05"]


@pytest.mark.parametrize("text", ["5.5 4 * * *", "5;9 4 * * *", "*5 4 * * *", "5~6/2 4 * * *", "9~5 4 * * *"])
def test_cronie_refuses_what_is_behind_a_number(text: str) -> None:
    with pytest.raises(Malformed, match="bad minute"):
        parse(text, CRONIE)


def test_debian_takes_a_star_with_anything_behind_it_for_a_star() -> None:
    assert parse("*5 4 * * *") == parse("* 4 * * *")


@pytest.mark.parametrize("text", ["0~59 5 * * *", "~ 5 * * *", "~9 5 * * *", "5 0~4,6 * * *"])
def test_nobody_can_know_what_cronie_draws(text: str) -> None:
    drawn = parse(text, CRONIE)
    assert drawn.drawn and next_runs(text, 1, CRONIE) == [] and not is_empty(drawn)


def test_a_drawn_range_names_all_that_may_be_drawn() -> None:
    assert parse("5~7,40 5 * * *", CRONIE).minutes == {5, 6, 7, 40}
    assert parse("0 5 0~3 * *", CRONIE).days == {1, 2, 3}  # a 0 is refused only if it is drawn


@pytest.mark.parametrize("text", ["0 5 * * fri-sun", "5-1 * * * *", "0 5 31 2 *", "0 5 30-31 2 *", "0 5 31 4,6,9,11 *"])
def test_a_schedule_may_name_no_time_at_all(text: str) -> None:
    assert is_empty(parse(text)) and next_runs(text) == []


@pytest.mark.parametrize("text", ["28 5 * * *", "0 4 29 2 *", "0 4 29 2 */7", "0 5 31 2 mon", "@reboot"])
def test_a_schedule_that_names_a_time_is_not_empty(text: str) -> None:
    assert not is_empty(parse(text))


def test_no_clock_brings_about_a_boot() -> None:
    assert parse("@reboot").at_boot and next_runs("@reboot") == []


@pytest.mark.parametrize(
    ("text", "wild"), [("* 5 * * *", True), ("5 */2 * * *", True), ("@hourly", True), ("5 5 * * *", False)]
)
def test_what_goes_by_the_clock_alone(text: str, wild: bool) -> None:
    assert parse(text).wild is wild


def test_the_calendar_has_an_end() -> None:
    assert next_runs("0 0 1 1 *", 3, wall=datetime(9998, 6, 1)) == ["9999-01-01 00:00"]


NUMBERS = {0: (0, 59), 1: (0, 23), 2: (1, 31), 3: (1, 12), 4: (0, 7)}


@st.composite
def items(draw, low: int, high: int) -> str:
    kind = draw(st.sampled_from(["number", "range", "star"]))
    step = draw(st.one_of(st.just(""), st.integers(1, 40).map("/{}".format)))
    first = draw(st.integers(low, high - 1))
    if kind == "number":
        return str(first)
    # cronsim takes a step behind a range of one, such as 5-5/10, for one from there to the end.
    return ("*" if kind == "star" else f"{first}-{draw(st.integers(first + 1, high))}") + step


def fields(low: int, high: int) -> st.SearchStrategy:
    lists = st.lists(items(low, high), min_size=1, max_size=3).map(",".join)
    return st.one_of(st.just("*"), st.integers(low, high).map(str), lists)


SCHEDULES = st.tuples(*(fields(*NUMBERS[number]) for number in range(5))).map(" ".join)
WALLS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda wall: wall.replace(second=0, microsecond=0))


@given(SCHEDULES, WALLS)
def test_runs_are_those_of_the_reference(text: str, wall: datetime) -> None:
    try:
        reference = list(islice(CronSim(text, wall), 4))
    except CronSimError:  # it refuses 30 February, which cron takes, and older releases do where a weekday fits too
        assert is_empty(parse(text)) or parse(text).either
        return
    assume(len(reference) == 4)  # it gives up after fifty years
    for cron in (DEBIAN, CRONIE):
        assert list(islice(following(parse(text, cron), wall), 4)) == reference


@given(SCHEDULES, WALLS)
def test_it_fits_exactly_the_minutes_that_follow(text: str, wall: datetime) -> None:
    schedule = parse(text)
    for run in islice(following(schedule, wall), 5):
        assert run > wall and fits(schedule, run)
    day = [wall.replace(hour=hour, minute=minute) for hour in (0, 5, wall.hour) for minute in range(0, 60, 7)]
    following_day = set(islice(following(schedule, wall.replace(hour=0, minute=0)), 1500))
    assert all(fits(schedule, one) == (one in following_day) for one in day if (one.hour, one.minute) != (0, 0))


@given(st.text(alphabet="0123456789*/-,~@ \tadejnr.", max_size=40), st.sampled_from([DEBIAN, CRONIE]))
def test_any_text_is_a_schedule_or_malformed(text: str, cron: str) -> None:
    try:
        schedule = parse(text, cron)
    except Malformed as error:
        assert str(error).startswith(("bad ", "it has "))
        return
    assert schedule.minutes <= set(range(60)) and schedule.hours <= set(range(24))
    assert schedule.days <= set(range(1, 32)) and schedule.months <= set(range(1, 13))
    assert schedule.weekdays <= set(range(7))


@given(st.text(alphabet="0123456789*/-, ", max_size=30))
def test_what_cronie_takes_debian_takes_alike(text: str) -> None:
    try:
        schedule = parse(text, CRONIE)
    except Malformed:
        return
    assert parse(text, DEBIAN) == schedule
