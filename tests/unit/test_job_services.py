# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which web services a host has, running and stopped, and what is said where they cannot be seen."""

from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job_services
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_services import JobServices, family_of
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.signal_effects import (
    APACHE,
    HAPROXY,
    NGINX,
    PHP_FPM,
)
from test_job_effects import APACHE as APACHE_PROCESSES
from test_job_effects import FPM, FPM_UNIT, HAPROXY_UNIT, NGINX_UNIT, POLICY, PROCESSES, UNITS, host

WITHOUT = dict.fromkeys(set(UNITS) - {"cron.service"})


def services(**more: Any) -> JobServices:
    return job_services.gather(host("", **more), POLICY)


def names(seen: JobServices) -> List[str]:
    return sorted(f"{one.family} {one.name} {one.process.pid if one.process else 'down'}" for one in seen.web)


def test_every_running_service_with_its_workers_and_unit() -> None:
    seen = services()
    assert seen.blind == ()
    assert names(seen) == ["apache apache2 300", "haproxy haproxy 400", "nginx nginx 200", "php-fpm php8.2-fpm 100"]
    assert [[worker.pid for worker in one.workers] for one in seen.web] == [
        [one.process.pid + 1, one.process.pid + 2] for one in seen.web if one.process
    ]
    assert {one.unit.name for one in seen.web if one.unit} == set(UNITS) - {"cron.service"}
    (fpm,) = [one for one in seen.web if one.family == PHP_FPM]
    assert (fpm.pidfile, fpm.handles_hup, fpm.program) == ("/run/php/php8.2-fpm.pid", True, "/usr/sbin/php-fpm8.2")


def test_a_host_without_any() -> None:
    seen = services(processes=PROCESSES[:2], units=WITHOUT)
    assert seen == JobServices(None, None, None, (), ())


def test_what_does_not_run_is_known_by_its_unit() -> None:
    units: Dict[str, Any] = {
        **dict.fromkeys(UNITS),
        "nginx.service": dict(file=NGINX_UNIT, state="inactive"),
        "haproxy.service": dict(file=HAPROXY_UNIT, enabled="masked"),
    }
    units["php7.4-fpm.service"] = dict(file=FPM_UNIT, state="inactive", enabled="disabled")
    seen = services(processes=PROCESSES[:2], units=units)
    assert names(seen) == ["nginx nginx down"] and (seen.fpm, seen.nginx) == (None, None)


def test_one_unit_of_two_names_is_one_service() -> None:
    assert len([one for one in services().web if one.family == APACHE]) == 1


def test_a_program_of_root_alone_is_believed() -> None:
    mine = [dict(one, uid=1000, pid=one["pid"] + 50, parent=1) for one in APACHE_PROCESSES[:1]]
    assert "apache apache2 350" not in names(services(processes=[*PROCESSES, *mine]))


def test_what_lives_elsewhere_is_none_of_the_hosts_own() -> None:
    assert "apache apache2 300" not in names(services(links={"/proc/300/ns/pid": "pid:[4]"}, units=WITHOUT))
    assert "php-fpm php-fpm 100" not in names(services(links={"/proc/100/ns/pid": "pid:[4]"}, units=WITHOUT))
    mine = [dict(one, uid=1000) for one in FPM]
    assert not [one for one in names(services(processes=mine, units=WITHOUT)) if one.startswith("php-fpm")]


def test_what_lives_in_the_unit_of_a_supervisor_is_not_that_unit() -> None:
    supervisor = dict(
        pid=30, executable="/usr/bin/python3.11", title="/usr/bin/python3 /usr/bin/supervisord -n -c /etc/s.conf"
    )
    processes = [*PROCESSES[:2], supervisor, dict(FPM[0], parent=30), *FPM[1:]]
    files = {
        "/proc/100/cgroup": "0::/system.slice/supervisor.service\n",
        "/proc/100/environ": "SUPERVISOR_GROUP_NAME=fpm\0SUPERVISOR_PROCESS_NAME=fpm\0",
        "/proc/30/cmdline": "/usr/bin/python3\0/usr/bin/supervisord\0-n\0-c\0/etc/s.conf\0",
        "/etc/s.conf": "[program:fpm]\ncommand=php-fpm8.2 -F\nstopsignal=QUIT\nstopwaitsecs=30\n",
    }
    unit = dict(file="[Service]\nExecStart=/usr/bin/supervisord -n\n", pid=30)
    (fpm,) = services(processes=processes, files=files, units={**dict.fromkeys(UNITS), "supervisor.service": unit}).web
    assert (fpm.unit, fpm.lives_in, fpm.name) == (None, "supervisor.service", "php-fpm /etc/php/8.2/fpm/php-fpm.conf")
    assert fpm.supervised is not None and (fpm.supervised.name, fpm.supervised.seconds) == ("fpm", 30.0)


def test_what_cannot_be_seen_is_said() -> None:
    seen = services(psutil=False)
    assert seen.blind and "psutil" in seen.blind[0] and (seen.fpm, seen.nginx) == (None, None)
    hidden = [dict(one, name="apache2", executable=None) if one["pid"] in (100, 300) else one for one in PROCESSES]
    seen = services(processes=hidden, root=False)
    assert any("php-fpm" in one and "become" in one for one in seen.blind)
    assert any("apache2" in one and "become" in one for one in seen.blind)


@pytest.mark.parametrize(
    ("program", "family"),
    [
        ("/usr/sbin/php-fpm8.2", PHP_FPM),
        ("php-fpm", PHP_FPM),
        ("/opt/remi/php82/root/usr/sbin/php-fpm", PHP_FPM),
        ("php-fpm_exporter", None),
        ("nginx", NGINX),
        ("/usr/sbin/apachectl", APACHE),
        ("apache2ctl", APACHE),
        ("httpd", APACHE),
        ("httpd-prefork", APACHE),
        ("lighttpd", None),
        ("/usr/sbin/haproxy", HAPROXY),
        ("/usr/bin/php", None),
    ],
)
def test_whose_program_it_is(program: str, family: Optional[str]) -> None:
    assert family_of(program) == family
