# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which stops and reloads of php-fpm's log fall on the runs of a job, and which job it was where several were due."""

import json
import time
from typing import Any, Dict, List, Sequence

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job_history
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_history import JobHistory, Runs
from described_host import NOW, DescribedHost
from test_job_effects import POLICY, PROCESSES, host

DAY = 86400.0
LOG = "/var/log/php8.2-fpm.log"
RESTART = "systemctl restart php8.2-fpm"
STOP = "kill $(cat /run/php/php8.2-fpm.pid)"
RELOAD = "kill -USR2 $(cat /run/php/php8.2-fpm.pid)"
TERMINATING, RELOADING = "Terminating ...", "Reloading in progress ..."
# Full minutes: one an hour ago, and the same of the days before it.
DUE = NOW - 3600 - NOW % 60
DAYS = [DUE - day * DAY for day in range(14)]
AT = time.strftime("%M %H", time.gmtime(DUE)) + " * * *"


class JournalHost(DescribedHost):
    """Answers every question to the journal with the same entries, less those before the time that is asked for."""

    def run(self, argv: Any, deadline: float, limit: int) -> Any:
        if argv[0] == "/usr/bin/journalctl" and self.description.get("journal") is not None:
            text = "".join(json.dumps(entry) + "\n" for entry in self.description["journal"])
            self.description["commands"] = {" ".join(argv): text}
        return super().run(argv, deadline, limit)


def line(moment: float, words: str) -> str:
    return time.strftime("[%d-%b-%Y %H:%M:%S] ", time.localtime(moment)) + f"NOTICE: {words}\n"


def logged(moments: Sequence[float], words: str = TERMINATING) -> str:
    return "".join(line(one, words) + line(one + 1, "ready to handle connections") for one in sorted(moments))


def ran(moment: float, command: str, user: str = "root") -> Dict[str, Any]:
    return dict(
        __REALTIME_TIMESTAMP=str(int(moment * 1e6)),
        SYSLOG_IDENTIFIER="CRON",
        MESSAGE=f"({user}) CMD ({command})",
        _PID="77",
    )


def history(
    crontab: str,
    log: str,
    journal: Any = None,
    mtime: float = 0.0,
    units: Any = None,
    processes: Any = PROCESSES,
    **files: Any,
) -> JobHistory:
    configuration = f"[global]\nerror_log = {LOG}\npid = /run/php/php8.2-fpm.pid\n[www]\nlisten = /run/php.sock\n"
    described = dict(
        {
            "/etc/crontab": dict(content=crontab, mtime=mtime),
            "/etc/php/8.2/fpm/php-fpm.conf": dict(content=configuration, mtime=NOW - 30 * DAY),
            LOG: log,
        },
        **files,
    )
    seen = host("", files=described, journal=journal, units=units or {}, processes=processes)
    return job_history.gather(JournalHost(seen.description), POLICY)


def runs(command: str, log: str, **more: Any) -> Runs:
    return history(f"{AT} root {command}\n", log, **more).runs["/etc/crontab:1"]


def test_each_stop_falls_on_a_run() -> None:
    seen = runs(RESTART, logged([one + 1 for one in DAYS]))
    assert (seen.due, seen.seen, seen.kind, seen.logged) == (14, 14, TERMINATING, None)
    assert (seen.first, seen.last) == (DAYS[-1] + 1, DAYS[0] + 1)
    assert (seen.begins, seen.shared) == (NOW - 14 * DAY, ())


def test_before_the_line_was_written_it_was_not_due() -> None:
    seen = runs(RESTART, logged([one + 1 for one in DAYS]), mtime=NOW - 3.5 * DAY)
    assert (seen.due, seen.seen, seen.begins) == (4, 4, NOW - 3.5 * DAY)


def test_a_stop_at_another_time_is_not_its_doing() -> None:
    for late, seen in ((0, 1), (60, 1), (66, 0), (-30, 0), (1800, 0)):
        assert runs(RESTART, logged([DUE + late])).seen == seen, late


def test_a_stop_of_another_kind_is_not_its_doing() -> None:
    assert runs(RELOAD, logged([DUE + 1])).seen == 0
    assert runs(RELOAD, logged([DUE + 1], RELOADING)).kind == RELOADING
    assert runs(RESTART, logged([DUE + 1], RELOADING)).seen == 0


def test_two_stops_of_one_run_are_one_run() -> None:
    assert runs(RESTART, logged([DUE + 1, DUE + 30])).seen == 1


def test_what_nginx_lost_meanwhile() -> None:
    stamp = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(DUE + 1))
    lost = (
        f"{stamp} [error] 9#9: *1 recv() failed (104: Connection reset by peer) while reading response header from "
        'upstream, client: ::1, server: , request: "POST /gift HTTP/1.1", upstream: "fastcgi://unix:/run/php.sock:"\n'
    )
    assert runs(RESTART, logged([one + 1 for one in DAYS]), **{"/var/log/nginx/error.log": lost}).lost == 1
    assert runs(RESTART, logged([one + 1 for one in DAYS]), **{"/var/log/nginx/error.log": ""}).lost == 0


def both(journal: Any) -> List[Runs]:
    crontab = f"{AT} root {STOP}\n{AT} root pkill php-fpm\n"
    found = history(crontab, logged([one + 1 for one in DAYS]), journal).runs
    return [found["/etc/crontab:1"], found["/etc/crontab:2"]]


def test_two_jobs_of_one_minute_share_its_stops_where_no_journal_tells() -> None:
    first, second = both(None)
    assert (first.seen, first.shared) == (14, ("/etc/crontab:2",))
    assert (second.seen, second.shared) == (14, ("/etc/crontab:1",))


def test_the_journal_tells_which_of_two_jobs_it_was() -> None:
    first, second = both([ran(one, "pkill php-fpm") for one in reversed(DAYS)])
    assert (second.seen, second.logged, second.shared) == (14, 14, ())
    assert (first.seen, first.logged) == (0, 0)


def test_before_the_journal_begins_both_are_suspects() -> None:
    first, second = both([ran(one, "pkill php-fpm") for one in reversed(DAYS[:4])])
    assert (first.seen, second.seen, second.logged) == (10, 14, 4)
    assert second.shared == ("/etc/crontab:1",)


def test_what_cron_did_not_run_is_not_its_doing() -> None:
    seen = runs(RESTART, logged([DUE + 1]), journal=[ran(DUE - DAY, "uptime"), ran(DUE, RESTART, "backup")])
    assert (seen.seen, seen.logged) == (0, 0)


def test_what_systemd_did_is_told_from_a_signal_of_somebody_else() -> None:
    stopped = dict(
        __REALTIME_TIMESTAMP=str(int(DUE * 1e6)), _PID="1", UNIT="php8.2-fpm.service", MESSAGE="Stopping x..."
    )
    silent = dict(stopped, MESSAGE="x: something else")
    for journal, by_unit, by_signal in ((stopped, 1, 0), (silent, 0, 1)):
        assert runs(RESTART, logged([DUE + 1]), journal=[journal]).seen == by_unit
        assert runs(STOP, logged([DUE + 1]), journal=[journal]).seen == by_signal


def test_a_shutdown_of_the_host_is_no_job() -> None:
    down = dict(__REALTIME_TIMESTAMP=str(int(DUE * 1e6)), _PID="1", UNIT="shutdown.target", MESSAGE="Reached target")
    assert runs(STOP, logged([DUE + 1]), journal=[down]).seen == 0


def test_signals_to_workers_are_no_stop_of_the_master() -> None:
    assert runs("pkill -u www-data php-fpm", logged([DUE + 1])).seen == 0


def test_a_script_that_no_journal_names_gives_way_to_a_line_that_one_does() -> None:
    crontab = f"{AT} root {STOP}\n{AT} root cd / && run-parts /etc/cron.daily\n"
    script = {"/etc/cron.daily/restart": dict(content=f"#!/bin/sh\n{STOP}\n", mode=0o755, mtime=0)}
    found = history(crontab, logged([DUE + 1]), [ran(DUE, STOP)], **script).runs
    assert {name: one.seen for name, one in found.items()} == {"/etc/crontab:1": 1, "/etc/cron.daily/restart": 0}
    found = history(crontab, logged([DUE + 1]), **script).runs
    assert {name: one.seen for name, one in found.items()} == {"/etc/crontab:1": 1, "/etc/cron.daily/restart": 1}


def test_a_stop_of_another_master_is_not_its_doing() -> None:
    other = "/etc/php/7.4/fpm/php-fpm.conf"
    master = dict(pid=150, executable="/usr/sbin/php-fpm7.4", title=f"php-fpm: master process ({other})")
    files = {
        other: dict(content="[global]\nerror_log = /var/log/php7.4-fpm.log\n[www]\nlisten = /run/7.sock\n", mtime=0),
        "/var/log/php7.4-fpm.log": logged([DUE + 1]),
    }
    processes = [*PROCESSES, master]
    assert history(f"{AT} root {STOP}\n", "", processes=processes, **files).runs["/etc/crontab:1"].seen == 0
    crontab = f"{AT} root killall php-fpm7.4\n"
    assert history(crontab, "", processes=processes, **files).runs["/etc/crontab:1"].seen == 1


def test_a_timer_is_matched_by_what_systemd_says_of_its_service() -> None:
    started = dict(__REALTIME_TIMESTAMP=str(int(DUE * 1e6)), _PID="1", UNIT="nightly.service", MESSAGE="Starting n...")
    stopped = dict(started, UNIT="php8.2-fpm.service", MESSAGE="Stopping x...")
    units = {
        "nightly.timer": "[Timer]\nOnCalendar=04:00\n",
        "nightly.service": f"[Service]\nType=oneshot\nExecStart=/bin/systemctl {RESTART.partition(' ')[2]}\n",
    }
    files = {f"/lib/systemd/system/{name}": dict(content=text, mtime=0) for name, text in units.items()}
    seen = history("", logged([DUE + 1, DUE - 900]), [started, stopped], units=units, **files).runs["nightly.timer"]
    assert (seen.due, seen.seen, seen.logged, seen.kind) == (1, 1, 1, TERMINATING)


def test_workers_that_a_signal_ends_are_told_of() -> None:
    words = "[pool www] child 101 exited on signal 10 (SIGUSR1) after 5.000000 seconds from start"
    seen = runs("pkill -USR1 php-fpm", line(DUE + 1, words).replace("NOTICE", "WARNING"))
    assert (seen.seen, seen.kind) == (1, "child exited on signal SIGUSR1")
    assert runs(RESTART, line(DUE + 1, words)).seen == 0


def test_jobs_of_nginx_alone_and_a_host_without_php_fpm_have_no_history() -> None:
    assert history(f"{AT} root systemctl restart nginx\n", logged([DUE + 1])).runs == {}
    assert history(f"{AT} root uptime\n", "") == JobHistory({}, None)


def test_a_log_that_cannot_be_read_is_said() -> None:
    crontab = f"{AT} root {RESTART}\n"
    seen = history(crontab, "", **{LOG: None})
    assert seen.runs == {} and (seen.unheard or "").startswith(LOG)


def test_a_log_full_of_restarts_is_matched_as_far_as_it_is_known() -> None:
    minutes = [NOW - NOW % 60 - 60 * one + 1 for one in range(1, 1000)]
    seen = history(f"* * * * * root {RESTART}\n", logged(minutes)).runs["/etc/crontab:1"]
    assert seen.begins == minutes[199] + 1 and seen.seen == 199 and seen.due - seen.seen in (0, 1)


def test_a_job_of_each_minute_is_counted_over_all_the_days() -> None:
    seen = history(f"* * * * * root {RELOAD}\n", logged([DUE + 1], RELOADING)).runs["/etc/crontab:1"]
    assert (seen.due, seen.seen) == (14 * 1440, 1)


def deploys(*days: int) -> List[float]:
    """Return times that are in no minute in particular."""
    return [NOW - day * DAY - 12345 - 977 * day for day in days]


@pytest.mark.parametrize(
    ("schedule", "moments", "least", "most"),
    [
        ("* * * * *", deploys(1, 4, 9), 0.99, 1.0),
        ("*/5 * * * *", [DUE - DUE % 300 + 20], 0.2, 0.25),
        ("*/5 * * * *", [DUE - DUE % 300 + 20 + 300 * one for one in range(-9, 1)], 0.0, 1e-5),
        (AT, [DUE + 1], 0.0, 0.001),
        (AT, [DUE + 1, *deploys(*range(1, 13))], 0.005, 0.02),
        (AT, [one + 1 for one in DAYS] + deploys(*range(1, 13)), 0.0, 1e-9),
        (AT, [], 1.0, 1.0),
    ],
)
def test_what_a_deploy_did_may_fall_on_a_run(schedule: str, moments: List[float], least: float, most: float) -> None:
    seen = history(f"{schedule} root {RESTART}\n", logged(moments)).runs["/etc/crontab:1"]
    assert least <= seen.chance <= most, seen


def test_what_a_deploy_did_twice_in_a_minute_it_did_once() -> None:
    twice = history(f"*/5 * * * * root {RESTART}\n", logged([DUE - DUE % 300 + 20, DUE - DUE % 300 + 50]))
    assert 0.2 < twice.runs["/etc/crontab:1"].chance < 0.25


OTHERS = "".join(f"{minute} * * * * pkill -USR2 -u www-data php-fpm\n" for minute in range(10))


@pytest.mark.parametrize(("limit", "allowed"), [("JOBS_LIMIT", 4), ("RUNS_LIMIT", 14 + 3 * 14 * 24)])
def test_a_user_with_very_many_lines_hides_nothing_of_roots(monkeypatch: Any, limit: str, allowed: int) -> None:
    spool = {"/var/spool/cron/crontabs/www-data": dict(content=OTHERS, mode=0o600, owner=33, mtime=0.0)}
    everything = history(f"{AT} root {RESTART}\n", logged([one + 1 for one in DAYS]), **spool)
    assert len(everything.runs) == 11 and "not compared" not in (everything.unheard or "")
    monkeypatch.setattr(job_history, limit, allowed)
    seen = history(f"{AT} root {RESTART}\n", logged([one + 1 for one in DAYS]), **spool)
    assert seen.runs["/etc/crontab:1"] == everything.runs["/etc/crontab:1"] and len(seen.runs) == 4
    assert "7 of 11 jobs were not compared with the logs" in (seen.unheard or "")


def test_runs_of_one_schedule_are_counted_once(monkeypatch: Any) -> None:
    monkeypatch.setattr(job_history, "RUNS_LIMIT", 14 * 1440)
    seen = history(f"* * * * * root {RELOAD}\n" * 50, logged([DUE + 1], RELOADING))
    assert [one.due for one in seen.runs.values()] == [14 * 1440] * 50
