# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When php-fpm stopped or reloaded, who did it, and what nginx lost by it; and how bad the check calls that."""

import json
import time
from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import php_fpm_hard_stop
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_history, fpm_stops
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_stops import Stop
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Finding
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

CONFIGURATION, LOG = "/etc/php-fpm.conf", "/var/log/php-fpm.log"
SOCKET = "unix:/run/php.sock:"
NGINX_LOG = "/var/log/nginx/error.log"
PROCESSES = [
    dict(pid=1, parent=0, executable="/usr/lib/systemd/systemd", title="/sbin/init"),
    dict(pid=45, executable="/usr/sbin/php-fpm", title=f"php-fpm: master process ({CONFIGURATION})"),
]
NGINX = dict(pid=51, executable="/usr/sbin/nginx", title="nginx: master process /usr/sbin/nginx -c /etc/nginx.conf")
POLICY = policy_from({})


class JournalHost(DescribedHost):
    """Answers every question to the journal with the same entries."""

    def run(self, argv: Any, deadline: float, limit: int) -> Any:
        if argv[0] == "/usr/bin/journalctl" and "journal" in self.description:
            text = "".join(json.dumps(entry) + "\n" for entry in self.description["journal"])
            self.description["commands"] = {" ".join(argv): text}
        return super().run(argv, deadline, limit)


def fpm(ago: float, words: str) -> str:
    return time.strftime("[%d-%b-%Y %H:%M:%S] ", time.localtime(NOW - ago)) + f"NOTICE: {words}\n"


def reset(
    ago: float, request: str = "GET /a?token=s3cret", upstream: str = "unix:/run/php.sock:", errno: int = 104
) -> str:
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(NOW - ago))
    return (
        f"{stamp} [error] 9#9: *1 recv() failed ({errno}: x) while reading response header from upstream, client: ::1, "
        f'server: , request: "{request} HTTP/1.1", upstream: "fastcgi://{upstream}"\n'
    )


def host(log: str, nginx: Optional[str] = None, grace: str = "0", **more: Any) -> JournalHost:
    files: Dict[str, Any] = {
        CONFIGURATION: dict(
            content=f"[global]\nerror_log = {LOG}\nprocess_control_timeout = {grace}\n[www]\nlisten = /run/php.sock\n",
            mtime=NOW - 30 * 86400,
        ),
        LOG: log,
    }
    processes = list(PROCESSES)
    if nginx is not None:
        files.update(
            {
                "/etc/nginx.conf": f"pid /run/nginx.pid;\nerror_log {NGINX_LOG};\n",
                NGINX_LOG: nginx,
                "/usr/sbin/nginx": "",
            }
        )
        processes.append(NGINX)
    described = dict(processes=processes, files=files, directories=["/run", "/var/log"], journal=[])
    return JournalHost(dict(described, **more))


def stops(*arguments: Any, **more: Any) -> Tuple[Stop, ...]:
    return fpm_stops.gather(host(*arguments, **more), POLICY).stops


def judged(*arguments: Any, **more: Any) -> List[Finding]:
    one = host(*arguments, **more)
    facts = (one.once(fpm_history.gather, POLICY), one.once(fpm_stops.gather, POLICY))
    return list(php_fpm_hard_stop.find(*facts, POLICY).findings)


READY = "ready to handle connections"
HARD = fpm(3600, "Terminating ...") + fpm(3598, READY)


def test_what_was_lost_between_the_stop_and_the_start() -> None:
    lost = reset(3602) + reset(3600) + reset(3597, "POST /b") + reset(3595)
    (stop,) = stops(HARD, lost)
    assert (stop.moment, stop.kind, stop.ready) == (NOW - 3600, "terminating", NOW - 3598)
    assert [one.request for one in stop.failures or ()] == ["GET /a", "POST /b"]


@pytest.mark.parametrize("other", [reset(3600, upstream="unix:/run/b.sock:"), reset(3600, errno=111)])
def test_what_went_elsewhere_or_was_refused_was_not_cut(other: str) -> None:
    assert stops(HARD, other)[0].failures == ()


def test_without_a_log_of_nginx_nobody_knows() -> None:
    assert stops(HARD)[0].failures is None


def test_a_reload_waits_as_long_as_its_grace() -> None:
    log = fpm(3600, "Reloading in progress ...")
    assert len(stops(log, reset(3591), grace="10")[0].failures or ()) == 1
    assert stops(log, reset(3591), grace="5")[0].failures == ()


@pytest.mark.parametrize(
    ("words", "grace", "lost", "severity"),
    [
        ("Terminating ...", "10", True, "high"),
        ("Terminating ...", "10", False, "info"),
        ("Terminating ...", "10", None, "medium"),
        ("Finishing ...", "0", False, "info"),
        ("Finishing ...", "10", False, None),
        ("Reloading in progress ...", "0", None, "medium"),
        ("Reloading in progress ...", "10", None, None),
        ("Reloading in progress ...", "10", True, "high"),
        ("failed processes threshold (5 in 60 sec) is reached, initiating reload", "0", True, "high"),
    ],
)
def test_how_bad_it_is(words: str, grace: str, lost: Optional[bool], severity: Optional[str]) -> None:
    nginx = None if lost is None else reset(3600) if lost else ""
    found = judged(fpm(3600, words) + fpm(3598, READY), nginx, grace=grace)
    assert [finding.severity for finding in found] == ([severity] if severity else [])


def test_two_stops_of_a_second_are_one() -> None:
    (stop,) = stops(HARD + fpm(3600, "Terminating ...") + fpm(3596, READY), reset(3597))
    assert stop.ready == NOW - 3596 and len(stop.failures or ()) == 1


@pytest.mark.parametrize(("level", "state"), [("notice", "clean"), ("warning", "unknown"), ("error", "unknown")])
def test_where_stops_are_not_logged_nobody_knows(level: str, state: str) -> None:
    one = host("", grace=f"0\nlog_level = {level}")
    facts = (one.once(fpm_history.gather, POLICY), one.once(fpm_stops.gather, POLICY))
    assert php_fpm_hard_stop.find(*facts, POLICY).state == state


def test_after_a_day_it_is_history() -> None:
    log = fpm(90000, "Terminating ...") + fpm(89998, READY)
    assert [finding.severity for finding in judged(log, reset(90000))] == ["medium"]
    assert [finding.severity for finding in judged(log)] == ["low"]


def test_a_request_that_went_with_a_crashed_worker_was_not_cut_by_the_stop() -> None:
    crash = fpm(3601, "[pool www] child 7 exited on signal 11 (SIGSEGV) after 0.5 seconds from start")
    (finding,) = judged(crash + HARD, reset(3601))
    assert finding.severity == "info" and "as many workers ended for other reasons" in finding.summary
    (finding,) = judged(crash + HARD, reset(3601) + reset(3600))
    assert finding.severity == "high"


def test_a_configuration_that_changed_since_is_said() -> None:
    one = host(fpm(3600, "Reloading in progress ...") + fpm(3598, READY), None, grace="10")
    one._files[CONFIGURATION]["mtime"] = NOW - 60
    assert fpm_stops.gather(one, POLICY).stops[0].changed
    (finding,) = php_fpm_hard_stop.find(one.once(fpm_history.gather, POLICY), fpm_stops.gather(one, POLICY), POLICY)[1]
    assert "was changed since" in finding.summary


def entry(ago: float, message: str, **fields: str) -> Dict[str, str]:
    return dict(dict(__REALTIME_TIMESTAMP=str(int((NOW - ago) * 1e6)), MESSAGE=message), **fields)


CRON = entry(3602, "(root) CMD (/usr/local/sbin/nightly --password=s3cret)", SYSLOG_IDENTIFIER="CRON", _PID="9")
SUDO = entry(
    3610,
    "   alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/systemctl restart php8.2-fpm",
    SYSLOG_IDENTIFIER="sudo",
    _PID="10",
)


def by(*journal: Dict[str, str], **more: Any) -> str:
    (finding,) = judged(HARD, journal=list(journal), **more)
    return str(finding.evidence.by)  # type: ignore[attr-defined]


def test_who_did_it() -> None:
    assert by() == "who did it is not known"
    assert by(CRON) == "who did it is not known, just after cron of root: /usr/local/sbin/nightly …"
    assert by(SUDO, CRON).endswith("just after sudo by alice: /usr/bin/systemctl restart php8.2-fpm")
    assert by(entry(3601, "Reached target reboot.target", _PID="1", UNIT="reboot.target")) == "the host was shut down"
    assert by(entry(3601, "x", _PID="9", UNIT="reboot.target")) == "who did it is not known"
    assert by(dict(CRON, SYSLOG_IDENTIFIER="www")) == "who did it is not known"


def test_a_shutdown_is_no_fault() -> None:
    journal = [entry(3601, "Reached target reboot.target", _PID="1", UNIT="reboot.target")]
    assert [finding.severity for finding in judged(HARD, journal=journal)] == ["info"]


def test_without_the_journal_it_is_said_why() -> None:
    one = host(HARD)
    del one.description["journal"]
    (stop,) = fpm_stops.gather(one, POLICY).stops
    assert stop.by_systemd is None and "journalctl: it is not run on this host" in str(stop.unknown)


def test_the_journal_is_asked_of_a_few_only() -> None:
    log = "".join(
        fpm(80000 - number * 100, "Terminating ...") + fpm(79998 - number * 100, READY) for number in range(30)
    )
    seen = stops(log)
    assert len(seen) == 30
    assert [stop.unknown is None for stop in seen] == [False] * 20 + [True] * 10
