# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm's masters, and what they are configured with."""

from typing import Any, Dict, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import php_fpm
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.masters import Master
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

CONFIGURATION = "/etc/php/8.2/fpm/php-fpm.conf"


def master(text: str = "", **more: Any) -> Master:
    """Return the one master of a host whose php-fpm.conf holds ``text``."""
    process = dict(
        pid=45,
        executable=more.pop("executable", "/usr/sbin/php-fpm8.2"),
        title=more.pop("title", f"php-fpm: master process ({CONFIGURATION})"),
        uid=more.pop("uid", 0),
    )
    files: Dict[str, Any] = {CONFIGURATION: text}
    files.update(more.pop("files", {}))
    directories = ["/run/php", "/var/run", "/usr/local/var/run"]
    host = DescribedHost(dict(processes=[dict(pid=1), process], files=files, directories=directories, **more))
    found = php_fpm.gather(host, policy_from({})).masters
    assert len(found) == 1
    return found[0]


def pidfile(text: str, **more: Any) -> Optional[str]:
    found = master(text, **more)
    assert found.configured is not None, found
    return found.configured.pidfile


@pytest.mark.parametrize(
    "name",
    ["php-fpm", "php-fpm8.2", "php-fpm82", "php-fpm-8.2", "php5-fpm", "php8.2-fpm", "php82-php-fpm", "lsphp-php-fpm"],
)
def test_executables_of_php_fpm(name: str) -> None:
    assert php_fpm.PROGRAM.executable.match(name)


@pytest.mark.parametrize(
    "name", ["php-fpm_exporter", "php-fpm-exporter", "php", "php8.2", "fpm", "myphp-fpm.sh", "perl"]
)
def test_other_executables(name: str) -> None:
    assert not php_fpm.PROGRAM.executable.match(name)


def test_the_configured_pidfile() -> None:
    found = master("[global]\npid = /run/php/php8.2-fpm.pid\n")
    assert (found.program, found.process.pid, found.unknown, found.apart) == ("php-fpm", 45, None, None)
    assert found.configured is not None
    assert found.configured == (CONFIGURATION, "/run/php/php8.2-fpm.pid", False, True)


def test_settings_before_any_section_are_global() -> None:
    assert pidfile("pid = /run/php/a.pid\n") == "/run/php/a.pid"


def test_a_pool_has_no_pidfile() -> None:
    assert pidfile("[global]\nerror_log = x\n[www]\npid = /run/php/no.pid\n") is None


def test_the_last_one_holds() -> None:
    assert pidfile("[global]\npid = /run/php/a.pid\n[GLOBAL]\nPID = /run/php/b.pid\n") == "/run/php/b.pid"


def test_includes_are_read_where_they_stand_and_share_the_section() -> None:
    files = {
        "/etc/php/8.2/fpm/d/a.conf": "[www]\nuser = x\n",
        "/etc/php/8.2/fpm/d/b.conf": "pid = /run/php/no.pid\n[global]\npid = /run/php/b.pid\n",
        "/etc/php/8.2/fpm/d/c.conf.bak": "[global]\npid = /run/php/bak.pid\n",
    }
    text = "[global]\npid = /run/php/a.pid\ninclude = /etc/php/8.2/fpm/d/*.conf\n"
    assert pidfile(text, files=files) == "/run/php/b.pid"


def test_a_pattern_matches_no_hidden_file() -> None:
    files = {"/etc/php/8.2/fpm/d/.hidden.conf": "pid = /run/php/hidden.pid\n"}
    assert pidfile("include = /etc/php/8.2/fpm/d/*.conf\n", files=files) is None
    assert pidfile("include = /etc/php/8.2/fpm/d/.h*\n", files=files) == "/run/php/hidden.pid"


def test_a_relative_include_belongs_to_the_prefix() -> None:
    files = {"/usr/local/etc/php-fpm.d/docker.conf": "[global]\npid = /run/php/docker.pid\n"}
    text = "include=etc/php-fpm.d/*.conf\n"
    assert pidfile(text, files=files, executable="/usr/local/sbin/php-fpm") == "/run/php/docker.pid"


def test_an_include_that_matches_nothing_is_no_error() -> None:
    assert pidfile("include=/nowhere/*.conf\ninclude=/nowhere/x.conf\npid=/run/php/a.pid\n") == "/run/php/a.pid"


@pytest.mark.parametrize(
    ("executable", "path"),
    [("/usr/local/sbin/php-fpm", "/usr/local/var/run/x.pid"), ("/usr/sbin/php-fpm8.2", "/var/run/x.pid")],
)
def test_a_relative_pidfile_is_an_assumption(executable: str, path: str) -> None:
    configured = master("pid = run/x.pid\n", executable=executable).configured
    assert configured is not None
    assert (configured.pidfile, configured.assumed) == (path, True)


def test_an_include_that_includes_itself_ends() -> None:
    found = master(f"include = {CONFIGURATION}\n")
    assert found.configured is None
    assert "5" in (found.unknown or "")


@pytest.mark.parametrize(
    ("text", "reason"), [("pid = ${RUN}/x.pid\n", "environment"), ("include = /etc/secret/*.conf\n", "not readable")]
)
def test_what_cannot_be_known_is_said(text: str, reason: str) -> None:
    found = master(text, forbidden=["/etc/secret"])
    assert found.configured is None
    assert reason in (found.unknown or "")


def test_a_line_longer_than_any_is_said_with_its_file() -> None:
    assert f"{CONFIGURATION}:2" in (master("[global]\n" + "a" * 70000).unknown or "")


def test_a_configuration_that_is_gone() -> None:
    found = master(title="php-fpm: master process (/etc/gone.conf)")
    assert found.configured is None
    assert "/etc/gone.conf" in (found.unknown or "")


def test_a_relative_configuration_is_not_guessed() -> None:
    assert "names no absolute path" in (master(title="php-fpm: master process (php-fpm.conf)").unknown or "")


@pytest.mark.parametrize(
    "more",
    [
        dict(uid=1000),
        dict(files={CONFIGURATION: dict(content="", uid=33)}),
        dict(files={CONFIGURATION: dict(content="", mode=0o664)}),
        dict(files={CONFIGURATION: dict(content="", mode=0o646)}),
        dict(
            text="include = /etc/php/8.2/fpm/d/*.conf",
            files={"/etc/php/8.2/fpm/d/x.conf": dict(content="", uid=33)},
        ),
    ],
)
def test_only_what_root_alone_can_write_is_trusted(more: Dict[str, Any]) -> None:
    configured = master(**more).configured
    assert configured is not None
    assert not configured.trusted


def test_a_title_proves_nothing() -> None:
    title = f"php-fpm: master process ({CONFIGURATION})"
    host = DescribedHost(dict(processes=[dict(pid=1), dict(pid=45, executable="/usr/bin/perl", title=title)]))
    assert php_fpm.gather(host, policy_from({})).masters == ()


def test_a_worker_that_calls_itself_master_is_not_believed() -> None:
    title = f"php-fpm: master process ({CONFIGURATION})"
    processes = [
        dict(pid=pid, parent=parent, executable="/usr/sbin/php-fpm8.2", title=title)
        for pid, parent in ((45, 1), (58, 45))
    ]
    host = DescribedHost(dict(processes=[dict(pid=1), *processes], files={CONFIGURATION: ""}))
    assert [found.process.pid for found in php_fpm.gather(host, policy_from({})).masters] == [45]


def test_workers_and_tests_of_the_configuration_are_no_masters() -> None:
    processes = [
        dict(pid=1),
        dict(pid=58, executable="/usr/sbin/php-fpm8.2", title="php-fpm: pool www"),
        dict(pid=59, executable="/usr/sbin/php-fpm8.2", title="php-fpm8.2 -t"),
    ]
    assert php_fpm.gather(DescribedHost(dict(processes=processes)), policy_from({})).masters == ()


def test_another_pid_namespace_is_apart() -> None:
    found = master("pid = /run/php/x.pid\n", links={"/proc/45/ns/pid": "pid:[4026532999]"})
    assert found.configured is None
    assert "pid namespace" in (found.apart or "")


def test_a_chroot_is_apart() -> None:
    assert "chroot" in (master("pid = /run/php/x.pid\n", links={"/proc/45/root": "/srv/jail"}).apart or "")


def test_mounts_of_its_own_matter_only_where_they_differ() -> None:
    same = {"/run/php/x.pid": dict(content="45"), CONFIGURATION: ""}
    text = "pid = /run/php/x.pid\n"
    assert master(text, within={45: dict(files=same, links={"/tmp": "/elsewhere"})}).apart is None
    other = {CONFIGURATION: ""}
    assert "/run/php is another directory" in (master(text, within={45: dict(files=other)}).apart or "")


def test_an_executable_that_may_not_be_seen_is_said() -> None:
    found = master(executable=None)
    assert (found.configured, found.apart) == (None, None)
    assert "may not see its executable" in (found.unknown or "")
