# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How workers ended, by the logs of the running masters."""

import time
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import LibraryMissing, NotApplicable
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_history, log_files
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_crash_causes import find_loops
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_history import (
    CRASH,
    KILLED,
    OPCACHE,
    STOP,
    TIME_LIMIT,
    FpmHistory,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

CONFIGURATION, LOG = "/etc/php/8.2/fpm/php-fpm.conf", "/var/log/php8.2-fpm.log"
INIT = dict(pid=1, parent=0, executable="/usr/lib/systemd/systemd", title="/sbin/init")
MASTER = dict(pid=45, executable="/usr/sbin/php-fpm8.2", title=f"php-fpm: master process ({CONFIGURATION})")


def gather(log: Any, configuration: str = f"[global]\nerror_log = {LOG}\n[www]\n", **more: Any) -> FpmHistory:
    files: Dict[str, Any] = {CONFIGURATION: configuration, LOG: log}
    described = dict(dict(files=files, processes=[INIT, MASTER], directories=["/run", "/var/log"]), **more)
    return fpm_history.gather(DescribedHost(described), policy_from({}))


def at(ago: float, words: str, level: str = "WARNING") -> str:
    return time.strftime("[%d-%b-%Y %H:%M:%S] ", time.localtime(NOW - ago)) + f"{level}: {words}\n"


def exited(ago: float, how: str, child: int = 7, pool: str = "www") -> str:
    return at(ago, f"[pool {pool}] child {child} exited {how} after 0.5 seconds from start")


def endings(log: str) -> List[Tuple[int, str]]:
    (history,) = gather(log).histories
    return [(ending.child, ending.ended) for ending in history.endings]


@pytest.mark.parametrize("number", [4, 5, 6, 7, 8, 11, 24, 25, 31])
def test_what_a_process_does_to_itself_is_a_crash(number: int) -> None:
    assert endings(exited(9, f"on signal {number} (X)")) == [(7, CRASH)]


@pytest.mark.parametrize("code", [1, 70, 78, 124, 137, 254, 255])
def test_any_code_but_0_is_a_crash(code: int) -> None:
    assert endings(exited(9, f"with code {code}")) == [(7, CRASH)]


@pytest.mark.parametrize("how", ["with code 0", "on signal 3 (SIGQUIT)"])
def test_a_worker_that_ends_in_order_is_nothing(how: str) -> None:
    assert endings(exited(9, how)) == []


@pytest.mark.parametrize("number", [1, 2, 9, 10, 12, 14, 15])
def test_other_signals_come_from_somebody(number: int) -> None:
    assert endings(exited(9, f"on signal {number} (X)")) == [(7, KILLED)]


LATE = "[pool www] child 7, script '/a.php' (request: \"GET /\") execution timed out (1.5 sec), terminating"


def test_a_time_limit_ends_the_worker_that_it_names() -> None:
    term = "on signal 15 (SIGTERM)"
    assert endings(at(20, LATE) + exited(19, term)) == [(7, TIME_LIMIT)]
    assert endings(at(20, LATE) + exited(19, term, child=8)) == [(8, KILLED)]
    assert endings(at(200, LATE) + exited(19, term)) == [(7, KILLED)]
    assert endings(at(20, LATE) + exited(19, "on signal 11 (SIGSEGV)")) == [(7, CRASH)]


@pytest.mark.parametrize("turn", ["Terminating ...", "Finishing ...", "Reloading in progress ..."])
def test_while_a_master_stops_it_ends_its_workers(turn: str) -> None:
    log = at(20, turn, "NOTICE") + exited(19, "on signal 15 (SIGTERM)")
    assert endings(log) == [(7, STOP)]
    assert endings(log + at(18, "ready to handle connections") + exited(17, "on signal 15 (SIGTERM)", 8))[1:] == [
        (8, KILLED)
    ]


@pytest.mark.parametrize("before", [True, False])
def test_opcache_says_whom_it_ends(before: bool) -> None:
    said = at(20, '[pool www] child 6 said into stderr: "… (6): Warning Attempting to kill locker 7"')
    end = exited(20, "on signal 15 (SIGTERM)")
    assert endings(said + end if before else end + said) == [(7, OPCACHE)]
    assert endings(said + exited(20, "on signal 15 (SIGTERM)", child=8)) == [(8, KILLED)]


def test_what_a_worker_says_is_not_the_masters_word() -> None:
    assert endings(at(9, '[pool www] child 5 said into stderr: "[pool www] child 6 exited on signal 11"')) == []


def test_where_workers_words_are_bare_the_log_can_be_forged() -> None:
    bare = "[www]\ncatch_workers_output = yes\ndecorate_workers_output = no\n[api]\ncatch_workers_output = yes\n"
    (history,) = gather("", f"[global]\nerror_log = {LOG}\n{bare}").histories
    assert history.forgeable == ("www",)


def loops(*moments: float) -> List[Tuple[float, float, int]]:
    log = "".join(exited(ago, "on signal 11 (SIGSEGV)") for ago in moments)
    return [(NOW - loop.first, NOW - loop.last, loop.most) for loop in find_loops(gather(log))]


def test_three_crashes_within_ten_minutes_are_a_loop() -> None:
    assert loops(700, 400, 100) == [(700, 100, 3)]
    assert loops(701, 400, 100) == []
    assert loops(9000, 700, 400, 100) == [(700, 100, 3)]
    assert loops(9000, 8990, 8980, 5000, 700, 400, 100, 90) == [(9000, 90, 3)]
    assert loops(*[50] * 40) == [(50, 50, 40)]


def test_crashes_of_two_pools_are_not_one_loop() -> None:
    log = "".join(exited(50, "on signal 11 (SIGSEGV)", pool=pool) for pool in ("www", "api", "www"))
    assert find_loops(gather(log)) == []


def test_a_log_of_many_pools_takes_no_longer() -> None:
    """Where workers' output is not decorated, a script writes such lines."""
    log = "".join(exited(50, "on signal 11 (SIGSEGV)", pool=str(number)) for number in range(30000))
    started = time.monotonic()
    assert find_loops(gather(log)) == []
    assert time.monotonic() - started < 10


def test_what_is_before_the_period_is_left_out() -> None:
    assert endings(exited(15 * 86400, "with code 1") + exited(13 * 86400, "with code 1", 8)) == [(8, CRASH)]


def test_a_log_that_grows_fast_tells_of_less_than_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "TAIL", 1000)
    seen = gather(exited(7200, "with code 1") + at(3600, "x" * 990) + exited(1800, "with code 1") * 12)
    assert "only its last 0.5 h were read" in seen.unseen[0]
    assert NOW - seen.histories[0].log.begins == 1800 and seen.histories[0].log.cut
    slow = gather(at(3 * 86400, "x" * 990) + exited(2 * 86400, "with code 1") * 3 + exited(60, "with code 1") * 6)
    assert slow.unseen == () and slow.histories[0].log.cut


def test_rotated_logs_are_read_too() -> None:
    files = {
        CONFIGURATION: f"[global]\nerror_log = {LOG}\n",
        LOG: exited(60, "with code 1", 3),
        LOG + ".1": dict(content=exited(90000, "with code 1", 2), mtime=NOW - 86400),
    }
    (history,) = gather("", files=files).histories
    assert [ending.child for ending in history.endings] == [2, 3]


def test_a_log_of_two_masters_is_read_once() -> None:
    (history,) = gather(exited(9, "with code 1"), processes=[INIT, MASTER, dict(MASTER, pid=46)]).histories
    assert [master.process.pid for master in history.masters] == [45, 46] and len(history.endings) == 1


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
    seen = gather(
        "",
        processes=[INIT, dict(MASTER, executable=executable)],
        files={CONFIGURATION: configuration, log: exited(9, "with code 1")},
        directories=["/run", "/var/run", "/usr/local/var/run"],
    )
    assert [(one.log.name, len(one.endings)) for one in seen.histories] == [(log, 1)]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (dict(forbidden=[LOG]), f"{LOG}: not readable"),
        (dict(files={CONFIGURATION: f"error_log = {LOG}\n"}), f"{LOG}: there is no such file"),
        (dict(log=dict(kind="fifo")), f"{LOG}: it is no plain file"),
        (dict(configuration="[global]\nerror_log = syslog\n"), "journalctl: it is not run on this host"),
        (
            dict(configuration=f"[global]\nerror_log = {LOG}\nlog_level = error\n"),
            "at log_level error php-fpm does not log",
        ),
        (dict(processes=[MASTER]), "this user may not see every process"),
        (dict(processes=[INIT, dict(MASTER, executable=None)]), "may not see its executable; run with become"),
        (dict(forbidden=[CONFIGURATION]), "php-fpm 45: where its log is is not known"),
        (dict(processes=[INIT, dict(MASTER, title="php-fpm: master process ()")]), "where its log is is not known"),
    ],
)
def test_a_log_that_is_not_looked_at_is_said(more: Dict[str, Any], said: str) -> None:
    seen = gather(**{"log": "", **more})
    assert len(seen.unseen) == 1 and said in seen.unseen[0]


def test_without_a_php_fpm_of_ours_there_is_nothing_to_tell() -> None:
    for more in (dict(processes=[INIT]), dict(links={"/proc/45/ns/pid": "pid:[4026532000]"})):
        with pytest.raises(NotApplicable):
            gather("", **more)


def test_the_log_of_a_php_fpm_that_is_stopped_is_not_read() -> None:
    described = dict(processes=[INIT], files={CONFIGURATION: f"error_log = {LOG}\n"}, directories=["/run"])
    policy = policy_from({"php_fpm": {"configurations": [CONFIGURATION]}})
    seen = fpm_history.gather(DescribedHost(described), policy)
    assert seen.histories == () and "php-fpm.conf: it does not run" in seen.unseen[0]


def test_without_psutil_nothing_is_known() -> None:
    with pytest.raises(LibraryMissing):
        gather("", psutil=False)
