# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The host's own clock, and when cron runs by it what its schedule names."""

import os
import shutil
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cron_runs import runs
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.cron_schedule import parse
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from described_host import DescribedHost

ZONES = "usr/share/zoneinfo"
pytestmark = pytest.mark.skipif(not os.path.exists(f"/{ZONES}/Europe/Berlin"), reason="needs the package tzdata")


@pytest.fixture
def berlin(tmp_path: Path) -> Host:
    """A host in Berlin, whatever zone we are in."""
    for name in ("Europe/Berlin", "America/New_York", "Atlantic/Azores"):
        (tmp_path / ZONES / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"/{ZONES}/{name}", str(tmp_path / ZONES / name))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/localtime").symlink_to(f"/{ZONES}/Europe/Berlin")
    return Host(str(tmp_path))


def shown(host: Host, text: str, since: datetime, number: int) -> List[str]:
    found = islice(runs(host, parse(text), None, host.moment(since)), number)
    return [host.local(one).strftime("%d %H:%M") for one in found]


def test_the_clock_is_the_hosts_and_not_ours(berlin: Host) -> None:
    summer, winter = datetime(2026, 7, 1, 12), datetime(2026, 12, 1, 12)
    assert (berlin.moment(summer), berlin.moment(winter)) == (1782900000.0, 1796122800.0)
    assert (berlin.local(1782900000.0), berlin.local(1796122800.0)) == (summer, winter)


def test_the_first_moment_of_a_time_that_is_shown_twice_and_the_end_of_one_that_is_skipped(berlin: Host) -> None:
    assert berlin.moment(datetime(2026, 10, 25, 2, 30)) == 1792888200.0
    assert berlin.moment(datetime(2026, 3, 29, 2, 30)) == 1774746000.0


@pytest.mark.parametrize(
    "name", ["America/New_York", ":America/New_York", f"/{ZONES}/America/New_York", "EST5EDT4,M3.2.0,M11.1.0"]
)
def test_the_clock_of_a_zone_that_is_named(berlin: Host, name: str) -> None:
    assert berlin.local(1782900000.0, name) == datetime(2026, 7, 1, 6)
    assert berlin.moment(datetime(2026, 7, 1, 6), name) == 1782900000.0


@pytest.mark.parametrize("name", ["Nowhere/Else", "Berlin", "UTC"])
def test_what_no_file_is_called_is_utc_as_to_the_c_library(berlin: Host, name: str) -> None:
    assert berlin.local(1782900000.0, name) == datetime(2026, 7, 1, 10)


def test_a_host_that_says_no_zone_goes_by_utc() -> None:
    assert DescribedHost({}).local(1782900000.0) == datetime(2026, 7, 1, 10)


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/shadow", "Europe/../../x", "a\0b", "x" * 5000 + "/"])
def test_a_name_leads_nowhere_but_to_zones(berlin: Host, name: str) -> None:
    with pytest.raises(Malformed, match="says no rule of a time zone"):
        berlin.local(0, name)


def test_a_zone_that_cannot_be_read_is_not_taken_for_utc() -> None:
    host = DescribedHost({"files": {"/etc/localtime": "Europe/Berlin\n"}, "forbidden": [f"/{ZONES}/Europe/Paris"]})
    with pytest.raises(Malformed, match="/etc/localtime: it is shorter than"):
        host.local(0)
    with pytest.raises(CannotLook, match="Paris: not readable"):
        host.local(0, "Europe/Paris")


def test_no_fifo_is_read_as_a_zone(berlin: Host) -> None:
    os.mkfifo(os.path.join(berlin.root, ZONES, "Waits"))
    with pytest.raises(CannotLook, match="no plain file"):
        berlin.local(0, "Waits")


@pytest.mark.parametrize(
    ("text", "since", "expected"),
    [
        ("28 5 * * *", datetime(2026, 11, 22, 5, 28), ["23 05:28", "24 05:28"]),
        ("28 5 * * *", datetime(2026, 11, 22, 5, 27, 59), ["22 05:28", "23 05:28"]),
        # 29 March: 01:59 is followed by 03:00.
        ("30 2 * * *", datetime(2026, 3, 28, 12), ["29 03:00", "30 02:30"]),
        ("30 3 * * *", datetime(2026, 3, 28, 12), ["29 03:30", "30 03:30"]),
        ("*/30 * * * *", datetime(2026, 3, 29, 1, 10), ["29 01:30", "29 03:00", "29 03:30"]),
        ("* 2 * * *", datetime(2026, 3, 28, 2, 58), ["28 02:59", "30 02:00"]),
        # 25 October: 02:59 is followed by 02:00.
        ("30 2 * * *", datetime(2026, 10, 24, 12), ["25 02:30", "26 02:30"]),
        ("*/30 * * * *", datetime(2026, 10, 25, 1, 40), ["25 02:00", "25 02:30", "25 02:00", "25 02:30", "25 03:00"]),
        ("0 5 31 2 *", datetime(2026, 10, 25), []),
    ],
)
def test_runs_around_a_change_of_the_clock(berlin: Host, text: str, since: datetime, expected: List[str]) -> None:
    assert shown(berlin, text, since, max(len(expected), 1)) == expected


def test_what_ran_the_first_time_does_not_run_again(berlin: Host) -> None:
    second_time = berlin.moment(datetime(2026, 10, 25, 2, 10)) + 3600
    assert [berlin.local(one).day for one in islice(runs(berlin, parse("30 2 * * *"), None, second_time), 2)] == [
        26,
        27,
    ]
    assert next(runs(berlin, parse("30 * * * *"), None, second_time)) == second_time + 1200


def test_runs_by_the_clock_of_another_zone(berlin: Host) -> None:
    found = islice(runs(berlin, parse("28 5 * * *"), "America/New_York", berlin.moment(datetime(2026, 11, 22))), 2)
    assert [berlin.local(one).strftime("%d %H:%M") for one in found] == ["22 11:28", "23 11:28"]


def test_a_zone_of_ones_own_is_gone_by_to_the_letter(berlin: Host) -> None:
    def found(since: datetime) -> List[str]:
        moments = islice(runs(berlin, parse("30 1,2 * * *"), "America/New_York", berlin.moment(since)), 3)
        return [berlin.local(one, "America/New_York").strftime("%d %H:%M") for one in moments]

    assert found(datetime(2026, 3, 8, 5)) == ["08 01:30", "09 01:30", "09 02:30"]  # it skips 02:30 on the 8th
    assert found(datetime(2026, 11, 1, 5)) == ["01 01:30", "01 01:30", "01 02:30"]


def test_a_midnight_that_comes_twice(berlin: Host) -> None:
    """On 25 October 00:59 is followed by 00:00 on the Azores."""
    since = berlin.moment(datetime(2026, 10, 25, 0, 30), "Atlantic/Azores")
    assert next(runs(berlin, parse("0 * * * *"), "Atlantic/Azores", since)) == since + 1800
