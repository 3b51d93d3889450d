# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks of php-fpm's past make of a log, of the kernel's messages, and of what changed before."""

import json
import time
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import (
    php_fpm_crash_loop,
    php_fpm_forced_cache_restart,
    php_fpm_killed_by_time_limit,
    php_fpm_max_children_reached,
    php_fpm_out_of_memory,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_history, fpm_logs, fpm_masters
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_workers import (
    FpmWorkers,
    PoolStatus,
    Worker,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Check, Verdict
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

CONFIGURATION, LOG = "/etc/php-fpm.conf", "/var/log/php-fpm.log"
PROCESSES = [
    dict(pid=1, parent=0, executable="/usr/lib/systemd/systemd", title="/sbin/init"),
    dict(pid=45, executable="/usr/sbin/php-fpm", title=f"php-fpm: master process ({CONFIGURATION})"),
]
SINCE = int(NOW - 14 * 86400)
KERNEL = f"/usr/bin/journalctl --no-pager --quiet --output=json --lines=4000 --since=@{SINCE} _TRANSPORT=kernel"


def host(log: str, kernel: Optional[List[Dict[str, str]]] = None, pool: str = "", **files: Any) -> DescribedHost:
    written: Dict[str, Any] = {
        CONFIGURATION: f"[global]\nerror_log = {LOG}\n[www]\nuser = www-data\nlisten = /run/php.sock\n{pool}",
        LOG: log,
        **files,
    }
    entries = [message("booted", 99999)] if kernel is None else kernel
    commands = {KERNEL: "".join(json.dumps(entry) + "\n" for entry in entries)} if entries else {}
    described = dict(processes=PROCESSES, files=written, directories=["/run", "/var/log"], commands=commands)
    return DescribedHost(described)


def judge(module: Any, one: DescribedHost, **options: Any) -> Verdict:
    check: Check = module.CHECK
    return audit(one, policy_from(options), [check]).checked[0].verdict


def line(ago: float, words: str) -> str:
    return time.strftime("[%d-%b-%Y %H:%M:%S] ", time.localtime(NOW - ago)) + words + "\n"


def at(ago: float, words: str) -> str:
    return line(ago, f"WARNING: [pool www] {words}")


def exited(ago: float, how: str, child: int = 7) -> str:
    return at(ago, f"child {child} exited {how} after 0.5 seconds from start")


def crashes(ago: float) -> str:
    return "".join(exited(ago + more, "on signal 11 (SIGSEGV)", 800 + more) for more in (2, 1, 0))


@pytest.mark.parametrize(
    ("ago", "reloaded", "ran", "severity"),
    [
        (60, 50, None, "medium"),  # in force anew since the last crash, and quiet for much longer than between two
        (60, None, 50, "medium"),  # a run of this collection changed the host since
        (60, 100, 100, "critical"),  # both were before it
        (20, 10, None, "critical"),  # not quiet for long enough
        (7200, 50, None, "medium"),
        (90000, 50, None, "low"),
    ],
)
def test_a_crash_loop_that_something_was_done_against(
    ago: float, reloaded: Optional[float], ran: Optional[float], severity: str
) -> None:
    turn = "" if reloaded is None else line(reloaded, "NOTICE: ready to handle connections")
    began = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(NOW - (ran or 0)))
    files = {} if ran is None else {f"/var/lib/phpfleet/journal/{began}-1f2e3d4c.jsonl": ""}
    log = crashes(ago) + turn if reloaded is None or reloaded < ago else turn + crashes(ago)
    (finding,) = judge(php_fpm_crash_loop, host(log, **files)).findings
    assert finding.severity == severity


def message(text: str, ago: float) -> Dict[str, str]:
    return dict(__REALTIME_TIMESTAMP=str(int((NOW - ago) * 1e6)), MESSAGE=text)


@pytest.mark.parametrize(("ago", "severity"), [(60, "critical"), (7200, "high"), (90000, "low")])
def test_a_crash_loop_is_as_bad_as_it_is_recent(ago: float, severity: str) -> None:
    (finding,) = judge(php_fpm_crash_loop, host(crashes(ago))).findings
    assert (finding.severity, finding.object) == (severity, f"pool www of {CONFIGURATION}")


def cause(one: DescribedHost, **options: Any) -> str:
    (finding,) = judge(php_fpm_crash_loop, one, **options).findings
    return str(finding.evidence.cause)  # type: ignore[attr-defined]


def test_without_any_sign_the_cause_is_not_known() -> None:
    assert cause(host(crashes(60))).startswith("why is not known")


def test_eaccelerator_names_the_script() -> None:
    said = at(
        60, 'child 800 said into stderr: "] EACCELERATOR(800): PHP crashed on opline 1 of main() at /srv/a.php:3"'
    )
    assert cause(host(said + crashes(60))) == "it happens at /srv/a.php:3"


def test_the_kernel_names_the_library() -> None:
    fault = message("php-fpm[800]: segfault at 0 ip 0 sp 0 error 4 in apcu.so[7f+1]", 60)
    assert cause(host(crashes(60), [fault])) == "it happens inside apcu.so (1)"
    other = message("php-fpm[5]: segfault at 0 ip 0 sp 0 error 4 in apcu.so[7f+1]", 60)
    assert cause(host(crashes(60), [other])).startswith("why is not known")


@pytest.mark.parametrize(("before", "told"), [(60, True), (3599, True), (3601, False), (-60, False)])
def test_an_upgrade_within_the_hour_before_is_told(before: float, told: bool) -> None:
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - 62 - before))
    one = host(crashes(60), **{"/var/log/dpkg.log": f"{moment} upgrade php-apcu:amd64 1 2\n"})
    assert ("upgrade php-apcu:amd64 2" in cause(one)) == told


def test_a_release_within_the_hour_before_is_told() -> None:
    one = host(crashes(60), **{"/srv/shop/current": dict(mtime=NOW - 600)})
    assert "release /srv/shop/current" in cause(one, php_daemon=dict(releases=["/srv/shop/current"]))


def test_a_limit_is_a_cause_of_its_own() -> None:
    log = "".join(exited(ago, "with code 137") for ago in (9, 8, 7))
    assert cause(host(log)) == "a hard limit of memory"


def test_of_an_old_loop_nobody_looks_for_the_cause() -> None:
    (finding,) = judge(php_fpm_crash_loop, host(crashes(90000), [])).findings
    assert finding.evidence.unseen == ()  # type: ignore[attr-defined]
    (finding,) = judge(php_fpm_crash_loop, host(crashes(60), [])).findings
    assert "journalctl" in finding.evidence.unseen[0]  # type: ignore[attr-defined]


def test_where_scripts_can_forge_the_log_it_is_said() -> None:
    bare = "catch_workers_output = yes\ndecorate_workers_output = no\n"
    (finding,) = judge(php_fpm_crash_loop, host(crashes(60), pool=bare)).findings
    assert "a script can write such lines itself" in finding.summary


KILLED = exited(60, "on signal 9 (SIGKILL)", 701)
RSS = "total-vm:9kB, anon-rss:512kB, file-rss:0kB"


@pytest.mark.parametrize(
    ("said", "words", "severity"),
    [
        (f"Out of memory: Killed process 701 (php-fpm) {RSS}", "the host had no memory left", "high"),
        (f"Memory cgroup out of memory: Killed process 701 (php-fpm) {RSS}", "limit of memory of its cgroup", "high"),
        (f"Out of memory: Killed process 702 (php-fpm) {RSS}", "somebody sent SIGKILL", "medium"),
    ],
)
def test_who_sent_sigkill(said: str, words: str, severity: str) -> None:
    verdict = judge(php_fpm_out_of_memory, host(KILLED, [message(said, 61)]))
    (finding,) = verdict.findings
    assert verdict.state == "found" and words in finding.summary and finding.severity == severity


def test_a_word_of_the_kernel_on_another_time_is_of_another_process() -> None:
    said = message(f"Out of memory: Killed process 701 (php-fpm) {RSS}", 600)
    assert "somebody sent SIGKILL" in judge(php_fpm_out_of_memory, host(KILLED, [said])).findings[0].summary


def test_without_the_kernels_messages_a_killed_worker_is_unknown_and_none_is_clean() -> None:
    verdict = judge(php_fpm_out_of_memory, host(KILLED, []))
    assert verdict.state == "unknown" and "can't be seen" in verdict.findings[0].summary
    assert judge(php_fpm_out_of_memory, host("", [])).state == "clean"


def test_a_container_has_no_messages_of_the_kernel() -> None:
    one = host(KILLED, [])
    one.description["commands"] = {KERNEL: "", KERNEL.replace(f"@{SINCE}", "@0"): ""}
    verdict = judge(php_fpm_out_of_memory, one)
    assert verdict.state == "unknown" and "as in a container" in str(verdict.reason)
    one = host(KILLED, [])
    one.description["commands"] = {KERNEL: "", KERNEL.replace(f"@{SINCE}", "@0"): json.dumps(message("booted", 0))}
    assert judge(php_fpm_out_of_memory, one).state == "found"


def test_a_static_pool_is_unknown_until_its_log_or_workers_tell() -> None:
    static = host("", pool="pm = static\npm.max_children = 5\n")
    verdict = judge(php_fpm_max_children_reached, static)
    assert verdict.state == "unknown" and "a static pool never logs" in str(verdict.reason)
    reached = at(60, "server reached pm.max_children setting (5), consider raising it")
    assert judge(php_fpm_max_children_reached, host(reached, pool="pm = dynamic\n")).findings[0].severity == "medium"


@pytest.mark.parametrize(("idle", "queue", "state"), [(False, 3, "found"), (False, 0, "unknown"), (True, 3, "unknown")])
def test_a_static_pool_is_full_while_requests_wait(idle: bool, queue: int, state: str) -> None:
    seen = fpm_history.gather(host("", pool="pm = static\npm.max_children = 1\n"), policy_from({}))
    process = seen.histories[0].masters[0].process._replace(pid=90, parent=45)
    worker = Worker(process, 45, "www", None, None, None, None, None, None, None, idle, None)
    workers = FpmWorkers((worker,), (PoolStatus(45, "www", None, None, queue, None, None),), ())
    verdict = php_fpm_max_children_reached.find(seen, workers, policy_from({}))
    assert verdict.state == state
    assert [one.summary for one in verdict.findings] == (
        ["each worker of the static pool www (1) is busy at this moment, and 3 requests wait"]
        if state == "found"
        else []
    )


def test_a_term_that_nobody_explains_is_no_proof_against_opcache() -> None:
    (finding,) = judge(php_fpm_forced_cache_restart, host(exited(60, "on signal 15 (SIGTERM)"))).findings
    assert finding.severity == "medium" and "somebody signalled the workers" in finding.summary


def test_requests_of_a_time_limit_are_counted_without_their_queries() -> None:
    line = "child 7, script '/srv/{0}.php' (request: \"GET /{0}?token=s3cret\") execution timed out ({1}.5 sec), "
    log = "".join(at(ago, line.format(name, ago) + "terminating") for name, ago in (("a", 90), ("b", 80), ("b", 70)))
    (finding,) = judge(php_fpm_killed_by_time_limit, host(log)).findings
    evidence: Any = finding.evidence
    assert evidence.requests == ("GET /b (2)", "GET /a (1)") and evidence.longest == 90.5
    assert "s3cret" not in repr(finding)


def test_the_last_lines_of_a_master_hold_no_secret() -> None:
    log = (
        at(90, "old")
        + at(50, 'child 7 said into stderr: "password s3cret"')
        + at(
            49, "child 7, script '/a.php' (request: \"GET /?token=s3cret\") execution timed out (1.5 sec), terminating"
        )
        + time.strftime("[%d-%b-%Y %H:%M:%S] NOTICE: \tenv[DB] = s3cret\n", time.localtime(NOW - 48))
        + at(47, "last")
    )
    one = host(log)
    (master,) = fpm_masters.gather(one, policy_from({})).masters
    lines = fpm_logs.recent(one, master, NOW - 60)
    assert [line.split("] ", 2)[-1] for line in lines] == [
        "child 7, script '/a.php' (request: \"GET /?…\") execution timed out (1.5 sec), terminating",
        "last",
    ]
