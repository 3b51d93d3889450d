# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which package a file belongs to."""

from typing import Any, Dict

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Missing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.file_packages import owners
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Ran
from described_host import DescribedHost

DPKG = "/usr/bin/dpkg-query --search -- "
RPM = "/usr/bin/rpm --query --queryformat %{NAME}\\n --file -- "


class Asked(DescribedHost):
    """Has the commands that are described, and no other program."""

    def run(self, argv: Any, deadline: float, limit: int) -> Ran:
        if not any(one.startswith(argv[0] + " ") for one in self.description["commands"]):
            raise Missing(f"{argv[0]}: there is no such file")
        return super().run(argv, deadline, limit)


def host(commands: Dict[str, Any]) -> DescribedHost:
    return Asked(dict(commands=commands))


def test_dpkg() -> None:
    said = (
        "php8.2-fpm: /etc/logrotate.d/php8.2-fpm\n"
        "dpkg-query: no path found matching pattern /srv/own\n"
        "diversion by molly from: /etc/cron.d/php\n"
        "diversion by molly to: /etc/cron.d/php.real\n"
        "php-common:amd64, other: /etc/cron.d/php\n"
        "nginx-common: /lib/systemd/system/nginx.service\n"
    )
    paths = ["/etc/logrotate.d/php8.2-fpm", "/srv/own", "/etc/cron.d/php", "/usr/lib/systemd/system/nginx.service"]
    asked = [*paths[:3], "/lib/systemd/system/nginx.service", paths[3]]
    found = owners(host({DPKG + " ".join(asked): dict(status=1, output=said)}), paths)
    assert found == {paths[0]: "php8.2-fpm", paths[2]: "php-common", paths[3]: "nginx-common"}


def test_a_name_is_no_pattern_to_dpkg() -> None:
    said = "a: /etc/cron.d/[x]*\nb: /etc/cron.d/other\n"
    assert owners(host({DPKG + r"/etc/cron.d/\[x\]\*": said}), ["/etc/cron.d/[x]*"]) == {"/etc/cron.d/[x]*": "a"}


def test_rpm() -> None:
    commands = {
        RPM + "/etc/cron.d/a": "cronie\nother\n",
        RPM + "/etc/cron.d/b": dict(status=1, output="file /etc/cron.d/b is not owned by any package\n"),
    }
    assert owners(host(commands), ["/etc/cron.d/a", "/etc/cron.d/b", "/etc/cron.d/a"]) == {"/etc/cron.d/a": "cronie"}


def test_without_either_it_is_not_known() -> None:
    with pytest.raises(CannotLook, match="neither dpkg nor rpm"):
        owners(host({}), ["/etc/crontab"])
    assert owners(host({}), []) == {}
