# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``php-fpm -tt`` prints, and the same settings as files say them."""

from typing import Optional, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import fpm_settings
from hypothesis import given
from hypothesis import strategies as st

# Of php-fpm 8.2.36 (Debian 12), shortened.
PRINTED = """\
[22-Nov-2026 05:44:51] NOTICE: [global]
[22-Nov-2026 05:44:51] NOTICE: \tpid = /run/php/php8.2-fpm.pid
[22-Nov-2026 05:44:51] NOTICE: \tlog_level = unknown value
[22-Nov-2026 05:44:51] NOTICE: \tprocess.priority = undefined
[22-Nov-2026 05:44:51] NOTICE: \tprocess_control_timeout = 120s
[22-Nov-2026 05:44:51] NOTICE:  \n\
[22-Nov-2026 05:44:51] NOTICE: [shop]
[22-Nov-2026 05:44:51] NOTICE: \tlisten = localhost:9123
[22-Nov-2026 05:44:51] NOTICE: \tenv[DB_PASSWORD] = hunter2
[22-Nov-2026 05:44:51] NOTICE: \tphp_value[session.save_path] = tcp://h:6379?auth=hunter2
[22-Nov-2026 05:44:51] NOTICE: \tphp_admin_value[memory_limit] = 128M
[22-Nov-2026 05:44:51] NOTICE: \tphp_admin_value[memory_limit] = 64M
[22-Nov-2026 05:44:51] NOTICE:  \n\
[22-Nov-2026 05:44:51] NOTICE: configuration file /root/c/fpm.conf test is successful
"""
FAILED = """\
PHP Warning:  PHP Startup: Unable to load dynamic library 'redis.so' in Unknown on line 0
[22-Nov-2026 05:43:59] WARNING: [pool shop] pm.start_servers is not set. It's been set to 2.
[22-Nov-2026 05:43:59] ERROR: [/etc/php/8.2/fpm/pool.d/a.conf:20] unable to parse value for entry 'pm'
[22-Nov-2026 05:43:59] ERROR: FPM initialization failed
"""


def test_settings_as_printed() -> None:
    printed = fpm_settings.parse(PRINTED)
    assert printed.settings == {
        "global": {"pid": "/run/php/php8.2-fpm.pid", "log_level": "notice", "process_control_timeout": "120s"},
        "shop": {
            "listen": "localhost:9123",
            "env[DB_PASSWORD]": "",
            "php_value[session.save_path]": fpm_settings.SECRET,
            "php_admin_value[memory_limit]": "64M",
        },
    }
    assert printed.file == "/root/c/fpm.conf"
    assert (printed.errors, printed.warnings) == ((), ())


def test_what_php_says_of_an_extension_by_the_logs_of_php_fpm() -> None:
    said = "[22-Nov-2026 06:48:31] NOTICE: PHP message: PHP Warning:  PHP Startup: Unable to load dynamic library 'x'\n"
    assert fpm_settings.parse(said).warnings == ("PHP Warning:  PHP Startup: Unable to load dynamic library 'x'",)


def test_a_test_that_fails() -> None:
    printed = fpm_settings.parse(FAILED)
    assert printed.settings == {} and printed.file is None
    assert printed.errors == (
        "[/etc/php/8.2/fpm/pool.d/a.conf:20] unable to parse value for entry 'pm'",
        "FPM initialization failed",
    )
    assert [line[:30] for line in printed.warnings] == [
        "PHP Warning:  PHP Startup: Una",
        "[pool shop] pm.start_servers i",
    ]


def test_settings_at_log_level_debug() -> None:
    said = "[22-Nov-2026 20:36:18.049166] NOTICE: pid 2956, fpm_conf_dump(), line 1700: "
    printed = fpm_settings.parse(f"{said}[global]\n{said}\tlog_level = debug\n")
    assert printed.settings == {"global": {"log_level": "debug"}}


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        ("process_control_timeout", "2m", ("process_control_timeout", "120s")),
        ("request_terminate_timeout", "30", ("request_terminate_timeout", "30s")),
        ("request_slowlog_timeout", "1h", ("request_slowlog_timeout", "3600s")),
        ("systemd_interval", "1d", ("systemd_interval", "86400s")),
        ("pm.process_idle_timeout", "1m", ("pm.process_idle_timeout", "60")),
        ("request_terminate_timeout", "soon", ("request_terminate_timeout", "soon")),
        ("php_flag[display_errors]", "off", ("php_value[display_errors]", "0")),
        ("php_admin_flag[log_errors]", "on", ("php_admin_value[log_errors]", "1")),
        ("env[PATH]", "/bin", ("env[PATH]", "")),
        ("php_value[mysqli.default_pw]", "x", ("php_value[mysqli.default_pw]", fpm_settings.SECRET)),
        ("php_value[error_log]", "/var/log/x.log", ("php_value[error_log]", "/var/log/x.log")),
        ("listen.backlog", "511", ("listen.backlog", "511")),
        ("db_password", "hunter2", None),
        ("access_token", "hunter2", None),
        ("root:$6$salt", "x", None),
    ],
)
def test_settings_of_files_look_as_printed(name: str, value: str, known: Optional[Tuple[str, str]]) -> None:
    assert fpm_settings.as_printed(name, value) == known


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    fpm_settings.parse(text)
    fpm_settings.as_printed(text, text)


@given(st.from_regex(r"[A-Za-z_]{1,30}", fullmatch=True), st.text(min_size=1))
def test_what_is_handed_to_php_by_env_is_never_shown(name: str, value: str) -> None:
    assert fpm_settings.without_secret(f"env[{name}]", value) == ""
