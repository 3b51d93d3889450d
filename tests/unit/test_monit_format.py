# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Control files of monit."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.monit import (
    EXEC,
    PROGRAM,
    RESTART,
    STOP,
    Rule,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

TEXT = """\
set daemon 120  # "quoted
include /etc/monit/conf.d/*
check process php-fpm with pidfile /run/php-fpm.pid
  start program = "/etc/init.d/php-fpm start" as uid "root" and gid "root" with timeout 60 seconds
  stop program "/etc/init.d/php-fpm stop"
  if cpu > 60% for 2 cycles then alert
  if uptime > 3 days then restart   # the leak
  if 5 restarts within 5 cycles
     then exec "/usr/bin/pkill -9 'php fpm'" as uid "www" repeat every 5 cycles
  if failed port 80 protocol http request "/then restart" then stop else if succeeded then start
  if loadavg (1min) > 4 then unmonitor
"""


def test_what_monit_does_of_its_own_accord() -> None:
    restart, exec_, stop = parse(TEXT).rules
    assert restart == Rule(
        "php-fpm", RESTART, 7, (("/etc/init.d/php-fpm", "stop"), ("/etc/init.d/php-fpm", "start")), None, None
    )
    assert exec_ == Rule("php-fpm", EXEC, 8, (("/usr/bin/pkill", "-9", "php fpm"),), "www", None)
    assert (stop.does, stop.number, stop.commands) == (STOP, 10, (("/etc/init.d/php-fpm", "stop"),))
    assert parse(TEXT).includes == ("/etc/monit/conf.d/*",)


def test_a_restart_program_is_what_restarts() -> None:
    text = TEXT.replace("  if cpu", '  restart program = "/bin/systemctl restart php-fpm"\n  if cpu')
    assert parse(text).rules[0].commands == (("/bin/systemctl", "restart", "php-fpm"),)


def test_without_a_method_nothing_is_done() -> None:
    assert parse("check process a with pidfile /b\n if failed port 1 then restart\n").rules == ()


def test_a_program_runs_each_time() -> None:
    text = 'check program leak with path "/opt/leak.sh --now" as uid www-data and gid www-data\n  every "0 5 * * *"\n'
    (rule,) = parse(text).rules
    assert rule == Rule("leak", PROGRAM, 1, (("/opt/leak.sh", "--now"),), "www-data", "0 5 * * *")
    (bare,) = parse(
        "check program leak path /opt/leak.sh timeout 5 seconds\n if status != 0 then alert\n every 2 cycles"
    ).rules
    assert (bare.commands, bare.every) == ((("/opt/leak.sh",),), None)


@pytest.mark.parametrize("text", ["check", "check process", "if then exec", 'check process "a', "check program a path"])
def test_what_ends_too_early(text: str) -> None:
    assert parse(text).rules == ()


@given(st.lists(st.sampled_from(TEXT.split()), max_size=40))
def test_words_in_any_order_are_rules_with_a_line(words: list) -> None:
    text = "\n".join(words)
    assert all(1 <= rule.number <= len(words) and rule.commands for rule in parse(text).rules)
