# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where jobs stand that touch a web service, as far as it decides whether one can be changed."""

from typing import Any

from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job_effects, job_places
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job import CRONTAB, PERIODIC, TIMER, Job
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_deeds import (
    NAME,
    SIGNAL,
    Deed,
    Hop,
    Target,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_effects import (
    ALL,
    Hit,
    JobEffects,
    ScheduledRestarts,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_places import JobPlaces
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.signal_effects import (
    AT_ONCE,
    PHP_FPM,
    STOPS,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

DPKG = "/usr/bin/dpkg-query --search -- /etc/cron.d/php"
RPM = "/usr/bin/rpm --query --queryformat %{NAME}\\n --file -- /etc/cron.d/php"
SHOW = "/usr/bin/systemctl show --property=Id,UnitFileState -- night.timer"


def job(kind: str, name: str, path: str, *sources: str) -> JobEffects:
    found = Job(kind, name, path, 3, b"x", "daily", None, None, (), "root", "x", 3, {}, None, None)
    deed = Deed(SIGNAL, Target(NAME, "php-fpm"), (), False, True, ())
    hops = tuple(Hop(source, "x") for source in sources)
    hit = Hit(PHP_FPM, STOPS, False, AT_ONCE, (), ALL, (), (), None, False, hops, True, deed)
    return JobEffects(found, (hit,), ())


def places(*jobs: JobEffects, **description: Any) -> JobPlaces:
    host = DescribedHost(description)
    host._gathered[job_effects.gather] = (ScheduledRestarts(tuple(jobs), len(jobs), ()), None)
    return job_places.gather(host, policy_from({}))


def test_a_file_has_its_package_and_the_host_its_number() -> None:
    seen = places(
        job(CRONTAB, "/etc/cron.d/php:3", "/etc/cron.d/php"),
        files={"/etc/cron.d/php": "x", "/etc/machine-id": "0123\n"},
        commands={DPKG: "php-common: /etc/cron.d/php\n", RPM: "error: no database\n"},
    )
    assert seen == JobPlaces({"/etc/cron.d/php": "php-common"}, None, {}, {}, {}, "0123")


def test_where_nobody_says_the_package_that_is_said() -> None:
    seen = places(job(CRONTAB, "/etc/cron.d/php:3", "/etc/cron.d/php"), files={"/etc/cron.d/php": "x"})
    assert seen.packages == {} and "dpkg" in (seen.unowned or "")
    assert seen.machine == ""


def test_nothing_is_asked_where_no_job_touches_a_service() -> None:
    assert places() == JobPlaces({}, None, {}, {}, {}, "")


def test_a_file_that_is_more_than_itself_is_fixed() -> None:
    paths = ["/etc/cron.d/link", "/etc/cron.d/hard", "/etc/cron.d/gone", "/etc/cron.d/plain"]
    seen = places(
        *(job(CRONTAB, path + ":1", path) for path in paths),
        files={"/etc/cron.d/hard": dict(content="x", links=3), "/etc/cron.d/plain": "x"},
        links={"/etc/cron.d/link": "/srv/app/cron"},
    )
    assert sorted(seen.fixed) == ["/etc/cron.d/hard", "/etc/cron.d/link"]
    assert "symbolic link to /srv/app/cron" in seen.fixed["/etc/cron.d/link"]
    assert "3 names" in seen.fixed["/etc/cron.d/hard"]


def test_a_timer_is_in_the_state_that_systemd_says() -> None:
    known = dict(files={"/usr/bin/systemctl": "x"}, directories=["/run/systemd/system"])
    night = job(TIMER, "night.timer", "/etc/systemd/system/night.service")
    seen = places(
        night, job(TIMER, "*.timer; id", "/x"), **known, commands={SHOW: "Id=night.timer\nUnitFileState=static"}
    )
    assert seen.timers == {"night.timer": "static"}
    assert places(night, **known).timers == {}  # it could not be asked


def test_the_scripts_on_the_way_are_read_and_those_of_init_are_not() -> None:
    way = (
        "/etc/cron.d/php:3",
        "/usr/local/sbin/a:1",
        "/etc/init.d/php-fpm:7",
        "php-fpm.service",
        "/usr/local/sbin/b:1",
    )
    seen = places(
        job(CRONTAB, "/etc/cron.d/php:3", "/etc/cron.d/php", *way),
        job(PERIODIC, "/etc/cron.daily/php", "/etc/cron.daily/php"),
        files={
            "/etc/cron.d/php": "x",
            "/etc/cron.daily/php": "daily",
            "/usr/local/sbin/a": dict(content=b"a \xff"),
            "/etc/init.d/php-fpm": "x",
        },
        forbidden=["/usr/local/sbin/b"],
    )
    assert seen.scripts == {"/usr/local/sbin/a": "a \udcff", "/etc/cron.daily/php": "daily"}
