# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which service a process belongs to, and what systemd would do with it."""

from typing import Any, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Missing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import service_units
from described_host import DescribedHost

SHOW = f"/usr/bin/systemctl show --property={service_units.PROPERTIES} -- "
FPM = """\
Id=php8.2-fpm.service
LoadState=loaded
FragmentPath=/lib/systemd/system/php8.2-fpm.service
ActiveState=active
UnitFileState=enabled
Type=notify
MainPID=45
KillSignal=15
KillMode=control-group
SendSIGKILL=no
TimeoutStopUSec=infinity
Restart=no
ExecStart={ path=/usr/sbin/php-fpm8.2 ; argv[]=/usr/sbin/php-fpm8.2 --nodaemonize ; ignore_errors=no ; pid=45 }
ExecReload={ path=/bin/kill ; argv[]=/bin/kill -USR2 $MAINPID ; ignore_errors=no ; pid=0 }
"""
UNKNOWN = "\nId=nope.service\nLoadState=not-found\nKillSignal=15\n"


def host(**more: Any) -> DescribedHost:
    files = {"/usr/bin/systemctl": "", **more.pop("files", {})}
    return DescribedHost(dict(files=files, directories=["/run/systemd/system"], **more))


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/php8.2-fpm.service\n", "php8.2-fpm.service"),
        ("9:name=systemd:/system.slice/php-fpm@shop.service/x\n8:pids:/other.service\n", "php-fpm@shop.service"),
        ("9:name=systemd:/\n0::/system.slice/php8.2-fpm.service\n", "php8.2-fpm.service"),
        ("0::/system.slice/system-php.slice/php.service\n", "php.service"),
        ("0::/user.slice/user-0.slice/session-1.scope\n", None),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/php-fpm.service\n", "user@1000.service"),
        ("0::/system.slice/docker-5e.scope/php-fpm.service\n", None),
        ("0::/system.slice/_odd.service\n", "odd.service"),
        ("0::/a:b.service\n", "a:b.service"),
        ("0::/\n", None),
        ("", None),
    ],
)
def test_the_service_of_a_process(cgroup: str, unit: Optional[str]) -> None:
    assert service_units.unit_of(host(files={"/proc/45/cgroup": cgroup}), 45) == unit


def test_units_are_shown_by_the_name_they_were_asked_for() -> None:
    names = "php-fpm.service nope.service"
    units = service_units.show(host(commands={SHOW + names: FPM + UNKNOWN}), [*names.split(), "no unit", "a@.service"])
    assert set(units) == {"php-fpm.service"}
    unit = units["php-fpm.service"]
    assert (unit.name, unit.main_pid, unit.kill_signal, unit.kill_mode) == (
        "php8.2-fpm.service",
        45,
        15,
        "control-group",
    )
    assert (unit.stop_seconds, unit.send_sigkill, unit.stop) == (None, False, ())
    assert unit.start == ("/usr/sbin/php-fpm8.2 --nodaemonize",) and unit.reload == ("/bin/kill -USR2 $MAINPID",)


def test_nothing_is_asked_where_no_name_is_a_service() -> None:
    assert service_units.show(host(), ["session-1.scope", "-x.service", "php-fpm@.service"]) == {}


def test_a_host_that_is_not_run_by_systemd() -> None:
    with pytest.raises(Missing, match="not run by systemd"):
        service_units.show(DescribedHost({}), ["php-fpm.service"])


def test_an_answer_about_other_units() -> None:
    with pytest.raises(CannotLook, match="tells of 1 units, where it was asked for 2"):
        service_units.show(host(commands={SHOW + "a.service b.service": FPM}), ["a.service", "b.service"])


def test_an_answer_that_cannot_be_read() -> None:
    with pytest.raises(CannotLook, match=r"php8\.2-fpm\.service: it cannot be read"):
        service_units.show(host(commands={SHOW + "a.service": FPM.replace("infinity", "soon")}), ["a.service"])


def test_installed_services_by_pattern() -> None:
    command = "/usr/bin/systemctl list-unit-files --no-legend --no-pager --type=service *fpm*"
    listed = "php8.2-fpm.service enabled enabled\nphp-fpm@.service disabled enabled\n"
    assert service_units.named_like(host(commands={command: listed}), "*fpm*") == ("php8.2-fpm.service",)
    assert service_units.named_like(host(commands={command: dict(status=1, output="")}), "*fpm*") == ()
    with pytest.raises(CannotLook, match="ends with 1: 'Failed to connect to bus'"):
        service_units.named_like(host(commands={command: dict(status=1, output="Failed to connect to bus")}), "*fpm*")
