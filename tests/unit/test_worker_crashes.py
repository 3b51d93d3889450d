# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers that crashed, by the logs of the running masters."""

import time
from typing import Any, Dict

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import LibraryMissing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import worker_crashes
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.worker_crashes import (
    TAIL,
    Crashes,
    PoolCrashes,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

CONFIGURATION, LOG = "/etc/php/8.2/fpm/php-fpm.conf", "/var/log/php8.2-fpm.log"
MASTER = dict(pid=45, executable="/usr/sbin/php-fpm8.2", title=f"php-fpm: master process ({CONFIGURATION})")
LINES = """\
[21-Nov-2026 19:51:50] NOTICE: ready to handle connections
[21-Nov-2026 19:51:50] WARNING: [pool www] child 5303 exited on signal 11 (SIGSEGV) after 0.001767 seconds from start
[21-Nov-2026 19:51:50] NOTICE: [pool www] child 5304 started
[21-Nov-2026 19:51:51] WARNING: [pool www] child 5302 exited on signal 7 (SIGBUS) after 0.203826 seconds from start
[21-Nov-2026 19:51:52] WARNING: [pool shop] child 77 said into stderr: "] [notice] EACCELERATOR(77): PHP crashed on \
opline 1 of main() at /srv/www/a.php:3", pipe is closed
[21-Nov-2026 19:51:52] WARNING: [pool shop] child 77 exited with code 137 after 1.0 seconds from start
[21-Nov-2026 19:51:53] WARNING: [pool www] child 5304 exited on signal 11 (SIGSEGV) after 0.402833 seconds from start
[21-Nov-2026 19:51:54] WARNING: [pool api] child 9 exited on signal 15 (SIGTERM) after 0.4 seconds from start
[21-Nov-2026 19:51:54] WARNING: [pool api] child 10 exited with code 255 after 0.4 seconds from start
"""


def gather(log: Any = LINES, configuration: str = f"[global]\nerror_log = {LOG}\n", **more: Any) -> Crashes:
    files: Dict[str, Any] = {CONFIGURATION: configuration, LOG: log}
    described = dict(dict(files=files, processes=[MASTER], directories=["/run"]), **more)
    return worker_crashes.gather(DescribedHost(described), policy_from({}))


def at(second: int) -> float:
    return time.mktime((2026, 11, 21, 19, 51, second, 0, 0, -1))


def test_crashes_by_pool() -> None:
    assert gather() == Crashes(
        (
            PoolCrashes("www", LOG, 3, at(50), at(53), ("signal 11", "signal 7"), ()),
            PoolCrashes("shop", LOG, 1, at(52), at(52), ("code 137",), ("/srv/www/a.php:3",)),
        ),
        (),
    )


def test_a_quiet_log() -> None:
    assert gather("[21-Nov-2026 19:51:50] NOTICE: ready to handle connections\n") == Crashes((), ())


def test_a_log_of_many_pools_takes_no_longer() -> None:
    """Where workers' output is not decorated, a script writes such lines."""
    line = "[21-Nov-2026 19:51:50] WARNING: [pool {}] child 5303 exited on signal 11 (SIGSEGV) after 0.0 seconds\n"
    log = "".join(line.format(number) for number in range(30000))
    started = time.monotonic()
    assert len(gather(log).pools) == 30000
    assert time.monotonic() - started < 10


def test_only_the_end_of_a_log_is_read() -> None:
    assert gather(LINES + "x" * TAIL) == Crashes((), ())
    assert len(gather(LINES * 3 + "x" * (TAIL - len(LINES) * 3)).pools) == 2


def test_a_log_of_two_masters_is_read_once() -> None:
    found = gather(processes=[MASTER, dict(MASTER, pid=46)])
    assert [one.crashes for one in found.pools] == [3, 1]


@pytest.mark.parametrize(
    ("executable", "value", "log"),
    [
        ("/usr/sbin/php-fpm8.2", "", "/var/log/php-fpm.log"),
        ("/usr/sbin/php-fpm8.2", "log/own.log", "/var/log/own.log"),
        ("/usr/local/sbin/php-fpm", "", "/usr/local/var/log/php-fpm.log"),
    ],
)
def test_where_a_relative_log_is(executable: str, value: str, log: str) -> None:
    configuration = f"error_log = {value}\n" if value else "[www]\nerror_log = /not/of/global\n"
    found = gather(
        processes=[dict(MASTER, executable=executable)],
        files={CONFIGURATION: configuration, log: LINES},
        directories=["/run", "/var/run", "/usr/local/var/run"],
    )
    assert [one.log for one in found.pools] == [log, log]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (dict(configuration="[global]\nerror_log = syslog\n"), "php-fpm 45: it logs to syslog, which is not looked at"),
        (dict(forbidden=[LOG]), f"{LOG}: not readable"),
        (dict(files={CONFIGURATION: f"error_log = {LOG}\n"}), f"{LOG}: there is no such file"),
        (dict(log=dict(kind="fifo")), f"{LOG}: it is no plain file"),
        (dict(processes=[dict(MASTER, title="php-fpm: master process ()")]), "names no absolute path"),
    ],
)
def test_a_log_that_is_not_looked_at_is_said(more: Dict[str, Any], said: str) -> None:
    found = gather(**more)
    assert found.pools == ()
    assert len(found.unread) == 1
    assert said in found.unread[0]


def test_a_master_of_a_container_is_not_ours() -> None:
    assert gather(links={"/proc/45/ns/pid": "pid:[4026532000]"}) == Crashes((), ())


def test_without_psutil_nothing_is_known() -> None:
    with pytest.raises(LibraryMissing):
        gather(psutil=False)
