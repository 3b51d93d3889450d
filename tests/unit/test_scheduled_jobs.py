# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Jobs of everything but crontabs: periodic scripts, anacron, at, timers, logrotate, monit and supervisor."""

import os
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import (
    anacron_jobs,
    at_jobs,
    logrotate_jobs,
    monit_jobs,
    periodic_jobs,
    scheduled_jobs,
    supervisor_jobs,
    timer_jobs,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job import Job, Jobs
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

POLICY = policy_from({})
RUNNING = {
    "systemd": "/usr/lib/systemd/systemd",
    "cron": "/usr/sbin/cron",
    "atd": "/usr/sbin/atd",
    "monit": "/usr/bin/monit",
}
SCRIPT = dict(content="#!/bin/sh\nsystemctl restart php-fpm\n", mode=0o755)
CRONTAB = """\
17 * * * * root cd / && run-parts --report /etc/cron.hourly
25 6 * * * root test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }
"""


def host(files: Dict[str, Any], without: str = "", **more: Any) -> DescribedHost:
    processes = [dict(pid=number, parent=0, executable=path) for number, path in enumerate(RUNNING.values(), 1)]
    processes = [one for one in processes if os.path.basename(one["executable"]) != without]
    processes += more.pop("processes", [])
    return DescribedHost(dict(files={"/etc/timezone": "UTC", **files}, processes=processes, **more))


def jobs(source: Any, files: Dict[str, Any], **more: Any) -> List[Job]:
    return list(source.gather(host(files, **more), POLICY).jobs)


def only(found: List[Job]) -> Job:
    (job,) = found
    return job


def test_a_periodic_script_has_the_schedule_of_the_line_that_runs_it() -> None:
    job = only(jobs(periodic_jobs, {"/etc/crontab": "MAILTO=x\n" + CRONTAB, "/etc/cron.daily/restart-php": SCRIPT}))
    assert (job.kind, job.object, job.path) == ("periodic script",) + ("/etc/cron.daily/restart-php",) * 2
    assert (job.schedule, job.user, job.shell, job.never) == ("25 6 * * *", "root", "/etc/cron.daily/restart-php", None)
    assert job.environment == {"MAILTO": "x"} and [moment % 86400 for moment in job.next_runs] == [23100.0] * 3


def test_where_anacron_is_there_it_runs_them() -> None:
    files = {
        "/etc/crontab": CRONTAB,
        "/etc/anacrontab": "1 5 cron.daily nice run-parts /etc/cron.daily\n",
        "/etc/cron.daily/a": SCRIPT,
        "/etc/cron.hourly/b": SCRIPT,
    }
    with_anacron = jobs(periodic_jobs, {**files, "/usr/sbin/anacron": ""})
    assert {job.path: job.schedule for job in with_anacron} == {
        "/etc/cron.hourly/b": "17 * * * *",
        "/etc/cron.daily/a": "daily by anacron",
    }
    without = {job.path: (job.schedule, job.never) for job in jobs(periodic_jobs, files)}
    assert without["/etc/cron.daily/a"] == ("25 6 * * *", None)


def test_scripts_that_nothing_runs() -> None:
    job = only(jobs(periodic_jobs, {"/etc/crontab": CRONTAB, "/etc/cron.weekly/a": SCRIPT}))
    assert (job.schedule, job.never) == ("weekly", "nothing runs the scripts of /etc/cron.weekly")
    hidden = jobs(periodic_jobs, {"/etc/crontab": CRONTAB, "/etc/cron.weekly/a": SCRIPT}, forbidden=["/etc/crontab"])
    assert [job.never for job in hidden] == [None]


def test_many_directories_of_a_users_hide_none_of_roots() -> None:
    lines = [f"0 0 * * * run-parts /srv/{number}\n" for number in range(60)]
    files = {
        "/var/spool/cron/crontabs/bob": dict(
            content="".join([*lines, "9 9 * * * run-parts /etc/cron.daily\n"]), mode=0o600
        ),
        "/etc/anacrontab": "1 5 a run-parts /etc/cron.daily\n1 5 b run-parts /srv/roots\n",
        "/usr/sbin/anacron": "",
        "/etc/cron.daily/a": SCRIPT,
        "/srv/roots/b": SCRIPT,
        "/srv/7/c": SCRIPT,
    }
    seen = periodic_jobs.gather(host(files), POLICY)
    found = {job.path: (job.user, job.schedule) for job in seen.jobs}
    assert found["/etc/cron.daily/a"] == found["/srv/roots/b"] == ("root", "daily by anacron")
    assert found["/srv/7/c"] == ("bob", "0 0 * * *")
    assert len(seen.unseen) == 1 and "61 directories to run-parts, of which 50 were looked at" in seen.unseen[0]


@pytest.mark.parametrize(
    ("cron", "name", "mode", "reason"),
    [
        ("cron", "restart", 0o755, None),
        ("cron", "restart.sh", 0o755, "only names of letters"),
        ("cron", "restart", 0o644, "not executable"),
        ("crond", "restart.sh", 0o755, None),
        ("crond", "restart~", 0o755, "passes over files that are called so"),
        ("crond", "restart.rpmsave", 0o755, "passes over files that are called so"),
        ("crond", "denied", 0o755, "jobs.allow or jobs.deny"),
        ("crond", "restart", 0o600, "not executable"),
    ],
)
def test_what_run_parts_passes_over(cron: str, name: str, mode: int, reason: Optional[str]) -> None:
    files = {
        "/etc/crontab": "1 4 * * * root run-parts /opt/nightly\n",
        f"/opt/nightly/{name}": dict(SCRIPT, mode=mode),
        "/opt/nightly/jobs.deny": "denied\n",
        "/opt/nightly/.placeholder": SCRIPT,
    }
    found = jobs(periodic_jobs, files, without="cron", processes=[dict(pid=9, executable=f"/usr/sbin/{cron}")])
    never = {job.path: job.never for job in found}
    assert (never[f"/opt/nightly/{name}"] is None) == (reason is None)
    assert (reason or "") in (never[f"/opt/nightly/{name}"] or "") and "/opt/nightly/.placeholder" not in never


def test_a_script_without_a_first_line_is_nothing_that_debians_run_parts_can_run() -> None:
    texts = {"none": "systemctl restart php-fpm\n", "shell": "#!/bin/sh\n", "program": "\x7fELF", "java": "PK\0"}
    scripts = {f"/etc/cron.daily/{name}": dict(SCRIPT, content=text) for name, text in texts.items()}
    never = {job.path: job.never for job in jobs(periodic_jobs, {"/etc/crontab": CRONTAB, **scripts})}
    assert [path for path, why in never.items() if why] == ["/etc/cron.daily/none"]
    assert "#!/bin/sh" in (never["/etc/cron.daily/none"] or "")


def test_suses_run_crons() -> None:
    files = {
        "/etc/crontab": "-*/15 * * * * root test -x /usr/lib/cron/run-crons && /usr/lib/cron/run-crons >/dev/null\n",
        "/var/spool/cron/tabs/root": "",
        "/usr/lib/cron/run-crons": "",
        "/etc/cron.daily/a.sh": SCRIPT,
    }
    job = only(jobs(periodic_jobs, files))
    assert (job.schedule, job.cron, job.next_runs, job.never) == ("daily by run-crons", None, (), None)


def test_anacron() -> None:
    found = jobs(anacron_jobs, {"/etc/anacrontab": "7 0 a systemctl restart php-fpm\nnope\n", "/usr/sbin/anacron": ""})
    assert [(job.object, job.schedule, job.never) for job in found] == [
        ("/etc/anacrontab:1", "weekly by anacron", None),
        ("/etc/anacrontab:2", "", "anacron skips the line"),
    ]
    assert only(jobs(anacron_jobs, {"/etc/anacrontab": "7 0 a true\n"})).never == "anacron is not installed"
    assert jobs(anacron_jobs, {}) == []


AT = "#!/bin/sh\n# atrun uid=33 gid=33\n# mail www-data 0\numask 22\ncd /x || {\n\n\n}\npkill php-fpm\n"
SPOOLED = "/var/spool/cron/atjobs/a00001{:08x}"


@pytest.mark.parametrize(
    ("described", "without", "reason"),
    [
        (dict(mode=0o700, uid=33), "", None),
        (dict(mode=0o600, uid=33), "", "not executable"),
        (dict(mode=0o700, uid=34), "", "belongs to another user"),
        (dict(mode=0o700, uid=33, links=2), "", "several names"),
        (dict(mode=0o700, uid=33), "atd", "no atd runs on this host"),
    ],
)
def test_at(described: Dict[str, Any], without: str, reason: Optional[str]) -> None:
    minute = int(NOW // 60) + 90
    path = SPOOLED.format(minute)
    job = only(jobs(at_jobs, {path: dict(described, content=AT)}, without=without, users={33: "www-data"}))
    assert (job.object, job.user, job.shell, job.first_line) == ("at job 1", "www-data", "pkill php-fpm\n", 9)
    assert (job.never is None) == (reason is None) and (reason or "") in (job.never or "")
    assert job.next_runs == (() if reason else (minute * 60.0,))


def test_what_is_no_job_of_at() -> None:
    files = {SPOOLED.format(1).replace("a0", "=0"): AT, SPOOLED.format(2): "#!/bin/sh\nid\n", "/var/spool/at/.SEQ": "1"}
    assert jobs(at_jobs, files) == []
    assert only(jobs(at_jobs, {SPOOLED.format(3): dict(content=AT, mode=0o700, uid=33)})).next_runs == ()  # it is due
    seen = at_jobs.gather(host({}, forbidden=["/var/spool/cron/atjobs"]), POLICY)
    assert seen.unseen == ("/var/spool/cron/atjobs: not readable for this user; run with become",)


NIGHTLY = "[Timer]\nOnCalendar=*-*-* 04:00:00\nOnBootSec=900\n"
SERVICE = """\
[Unit]
Conflicts=shutdown.target nginx.service
[Service]
Type=oneshot
User=deploy
Environment=A=b "C=d e"
ExecStartPre=-/usr/sbin/php-fpm -t
ExecStart=/bin/sh -c 'kill -USR2 $(cat /run/php-fpm.pid)'
ExecStop=/bin/true
"""


def timers(units: Dict[str, Any], **more: Any) -> Jobs:
    files = {"/usr/bin/systemctl": "", **more.pop("files", {})}
    return timer_jobs.gather(host(files, directories=["/run/systemd/system"], units=units, **more), POLICY)


def test_a_timer_runs_the_commands_of_its_service() -> None:
    found = timers({"nightly.timer": NIGHTLY, "nightly.service": SERVICE})
    job = only(list(found.jobs))
    assert found.unseen == ()
    assert (job.kind, job.object, job.unit, job.line) == ("timer", "nightly.timer", "nightly.service", 0)
    assert job.shell == (
        "systemctl stop nginx.service; { /usr/sbin/php-fpm -t || :; } && "
        "/bin/sh -c 'kill -USR2 $(cat /run/php-fpm.pid)'; /bin/true"
    )
    assert (job.path, job.first_line) == ("/lib/systemd/system/nightly.service", 7)
    assert (job.user, job.environment, job.never) == ("deploy", {"A": "b", "C": "d e"}, None)
    assert job.schedule == "OnCalendar=*-*-* 04:00:00, OnBootSec=15min"
    assert job.next_runs == (1795406400.0,)


def test_the_next_runs_by_systemd_analyze() -> None:
    said = "Normalized form: x\n Next elapse: Mon 2026-11-23 04:00:00 UTC\n Iter. #2: Tue 2026-11-24 04:00:00 UTC\n"
    command = "/usr/bin/systemd-analyze calendar --iterations=3 -- *-*-* 04:00:00"
    units = {"nightly.timer": NIGHTLY, "nightly.service": SERVICE}
    assert timers(units, commands={command: said}).jobs[0].next_runs == (1795406400.0, 1795492800.0)


def test_a_service_by_another_name() -> None:
    units = {
        "a.timer": NIGHTLY + "Unit=php-fpm.service\n",
        "php8.2-fpm.service": dict(file=SERVICE, names=["php-fpm.service"]),
    }
    (job,) = timers(units).jobs
    assert job.shell.endswith("/bin/true") and job.unit == "php8.2-fpm.service"


def test_what_a_daemon_does_at_its_stop_is_no_part_of_its_start() -> None:
    daemon = "[Service]\nType=forking\nExecStart=/usr/sbin/nginx\nExecStop=/usr/sbin/nginx -s quit\n"
    (job,) = timers(
        {"a.timer": NIGHTLY.replace("[Timer]", "[Timer]\nUnit=nginx.service"), "nginx.service": daemon}
    ).jobs
    assert (job.shell, job.unit) == ("/usr/sbin/nginx", "nginx.service")


def test_a_timer_that_was_enabled_and_not_started_runs_from_the_next_boot_on() -> None:
    described = dict(file=NIGHTLY, state="inactive", enabled="enabled")
    (job,) = timers({"nightly.timer": described, "nightly.service": SERVICE}).jobs
    assert (job.never, job.next_runs) == (None, ()) and job.schedule.endswith("OnBootSec=15min, from the next boot on")


@pytest.mark.parametrize("state", [dict(state="inactive", enabled="disabled"), dict(state="failed", enabled="static")])
def test_a_timer_that_does_not_run(state: Dict[str, str]) -> None:
    (job,) = timers({"nightly.timer": dict(state, file=NIGHTLY), "nightly.service": SERVICE}).jobs
    assert job.never == f"the timer is {state['state']} ({state['enabled']}), so systemd starts nothing by it"
    assert job.next_runs == () and "boot on" not in job.schedule


def test_drop_ins_and_files_change_what_is_started() -> None:
    drop_in = "/etc/systemd/system/nightly.service.d/x.conf"
    show = f"/usr/bin/systemctl show --property={timer_jobs._UNIT} -- nightly.service"
    shown = f"Id=nightly.service\nFragmentPath=/lib/systemd/system/nightly.service\nDropInPaths={drop_in}\n"
    changed = "[Service]\nExecStartPre=\nExecStart=\nExecStart=/usr/bin/systemctl restart php-fpm\nExecStop=\n"
    units = {"nightly.timer": NIGHTLY, "nightly.service": SERVICE}
    shown += "Environment=A=b\n"
    shown += "EnvironmentFiles=/etc/default/x (ignore_errors=yes)\nEnvironmentFiles=/gone (ignore_errors=no)\n"
    files = {"/usr/bin/systemctl": "", drop_in: changed, "/etc/default/x": "# C=no\nA='c d'\nB=e # f\nD=\"open\n"}
    described = host(files, directories=["/run/systemd/system"], units=units)
    described.run = answering(described.run, {show: shown})  # type: ignore[assignment]
    (job,) = timer_jobs.gather(described, POLICY).jobs
    assert (job.shell, job.path, job.first_line) == ("/usr/bin/systemctl restart php-fpm", drop_in, 4)
    assert job.environment == {"A": "c d", "B": "e"}


def answering(run: Any, answers: Dict[str, str]) -> Any:
    def answer(argv: Any, deadline: float, limit: int) -> Any:
        ran = run(argv, deadline, limit)
        return ran._replace(output=answers.get(" ".join(argv), ran.output.decode()).encode())

    return answer


def test_of_a_timer_with_a_random_delay_only_the_run_that_systemd_has_drawn_is_known() -> None:
    shown = (
        "Id=a.timer\nActiveState=active\nUnit=a.service\nRandomizedDelayUSec=2h\n"
        "TimersCalendar={ OnCalendar=*-*-* 05:28:00 ; next_elapse=Mon 2026-11-23 05:28:00 UTC }\n"
        "NextElapseUSecRealtime=Mon 2026-11-23 05:59:56 UTC\n"
    )
    analyzed = "Normalized form: *-*-* 05:28:00\n    Next elapse: Mon 2026-11-23 05:28:00 UTC\n"
    files = {"/usr/bin/systemctl": "", "/usr/bin/systemd-analyze": ""}
    described = host(
        files,
        directories=["/run/systemd/system"],
        units={"a.service": "[Service]\nExecStart=/bin/a\n"},
        commands={"/usr/bin/systemd-analyze calendar --iterations=3 -- *-*-* 05:28:00": analyzed},
    )
    systemctl = "/usr/bin/systemctl"
    described.run = answering(  # type: ignore[assignment]
        described.run,
        {
            f"{systemctl} list-unit-files --no-legend --no-pager --type=timer": "a.timer enabled\n",
            f"{systemctl} list-units --all --no-legend --no-pager --plain --type=timer": "",
            f"{systemctl} show --property={timer_jobs._TIMER} -- a.timer": shown,
        },
    )
    (job,) = timer_jobs.gather(described, POLICY).jobs
    assert (job.schedule, job.next_runs) == ("OnCalendar=*-*-* 05:28:00, delayed by up to 2h", (1795413596.0,))


def test_timers_that_systemd_says_more_of() -> None:
    shown = [
        "Id=boot.timer\nActiveState=active\nUnit=a.service\nNextElapseUSecMonotonic=1h 2.5s\nRandomizedDelayUSec=5min\n"
        "TimersMonotonic={ OnBootUSec=1h ; next_elapse=1h }\n",
        "Id=cron-x.timer\nActiveState=active\nUnit=a.service\nSourcePath=/etc/cron.d/x\n",
    ]
    units = {"a.service": "[Service]\nExecStart=/bin/a\n"}
    files = {"/usr/bin/systemctl": "", "/proc/stat": "cpu 1\nbtime 1795290000\n"}
    described = host(files, directories=["/run/systemd/system"], units=units)
    names = ["boot.timer", "cron-x.timer", "alias.timer"]
    systemctl = "/usr/bin/systemctl"
    described.run = answering(  # type: ignore[assignment]
        described.run,
        {
            f"{systemctl} list-unit-files --no-legend --no-pager --type=timer": "boot.timer enabled\nx@.timer static\n",
            f"{systemctl} list-units --all --no-legend --no-pager --plain --type=timer": " loaded\n".join([*names, ""]),
            f"{systemctl} show --property={timer_jobs._TIMER} -- {' '.join(names)}": "\n".join([*shown[:2], shown[0]]),
        },
    )
    (job,) = timer_jobs.gather(described, POLICY).jobs
    assert (job.object, job.schedule) == ("boot.timer", "OnBootSec=1h, delayed by up to 5min")
    assert job.next_runs == (1795290000 + 3602.5,)


def test_a_host_without_systemd_has_no_timers() -> None:
    assert timer_jobs.gather(host({}), POLICY) == Jobs((), ())


def test_a_systemd_that_does_not_answer_is_said() -> None:
    found = timer_jobs.gather(host({"/usr/bin/systemctl": ""}, directories=["/run/systemd/system"]), POLICY)
    assert found.jobs == () and "systemctl" in found.unseen[0]


ROTATED = "/var/log/app.log /var/log/b.log {\n daily\n postrotate\n\tsystemctl restart php-fpm\r\n endscript\n}\n"
MAIN = "weekly\ninclude /etc/logrotate.d\n"
LOGROTATE = {"/usr/sbin/logrotate": "", "/etc/logrotate.conf": MAIN}


def test_logrotate() -> None:
    job = only(jobs(logrotate_jobs, {**LOGROTATE, "/etc/logrotate.d/app": ROTATED}))
    assert (job.object, job.line, job.first_line) == ("/etc/logrotate.d/app:4", 4, 4)
    assert (job.text, job.shell) == (b"\tsystemctl restart php-fpm\r", "\tsystemctl restart php-fpm\r")
    assert job.schedule == "when /var/log/app.log and 1 more is rotated, daily"
    assert (job.never, job.next_runs) == (None, ())


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"/usr/sbin/logrotate": None}, "not installed"),
        ({"/etc/logrotate.d/app": dict(content=ROTATED, uid=33)}, "not root's"),
        ({"/etc/logrotate.d/app": dict(content=ROTATED, mode=0o664)}, "others than root can write"),
        ({"/etc/logrotate.d/app": ROTATED.replace("endscript", "")}, "no endscript"),
    ],
)
def test_what_logrotate_takes_nothing_of(files: Dict[str, Any], reason: str) -> None:
    described = {**LOGROTATE, "/etc/logrotate.d/app": ROTATED, **files}
    job = only(jobs(logrotate_jobs, {path: one for path, one in described.items() if one is not None}))
    assert job.never is not None and reason in job.never


def test_what_logrotate_includes() -> None:
    files = {
        **LOGROTATE,
        "/etc/logrotate.conf": "tabooext + .off\ninclude /etc/logrotate.d\ninclude /etc/more.conf\ninclude /gone\n",
        "/etc/logrotate.d/app.dpkg-old": ROTATED,
        "/etc/logrotate.d/app.off": ROTATED,
        "/etc/logrotate.d/deep/app": ROTATED,
        "/etc/more.conf": "include /etc/more.conf\ninclude /etc/0.conf\n" + ROTATED,
        **{f"/etc/{number}.conf": f"include /etc/{number + 1}.conf\n" for number in range(20)},
        "/srv/app": ROTATED,
    }
    seen = logrotate_jobs.gather(host(files, links={"/etc/logrotate.d/link": "/srv/app"}), POLICY)
    assert {job.path for job in seen.jobs} == {"/etc/logrotate.d/link", "/etc/more.conf"}
    assert len(seen.jobs) == 2
    assert len(seen.unseen) == 1 and "10 includes below one another" in seen.unseen[0]


def test_a_configuration_with_more_includes_than_are_looked_at() -> None:
    includes = "".join(f"include /gone/{number}\n" for number in range(1500)) + "include /etc/logrotate.d\n" * 3
    seen = logrotate_jobs.gather(host({**LOGROTATE, "/etc/logrotate.conf": includes}), POLICY)
    assert seen.unseen == ("/etc/logrotate.conf: it has 1503 includes, of which 1000 were looked at",)


def test_logrotate_with_configurations_that_jobs_name() -> None:
    command = "/usr/sbin/logrotate -s /srv/state /srv/hourly.conf /root/own.conf >/dev/null"
    files = {
        **LOGROTATE,
        "/etc/crontab": f"0 * * * * deploy {command}\n" + CRONTAB,
        "/root/own.conf": dict(content=ROTATED, mode=0o600),
        "/etc/cron.daily/more": dict(SCRIPT, content="#!/bin/sh\nlogrotate -f '/srv/more.conf' # often\n"),
        "/srv/hourly.conf": dict(content=ROTATED, uid=1000),
        "/srv/more.conf": dict(content=ROTATED, uid=1000),
        "/srv/state": ROTATED,
    }
    found = {job.path: (job.user, job.never) for job in jobs(logrotate_jobs, files)}
    assert found.pop("/srv/hourly.conf") == ("deploy", None)
    user, never = found.pop("/srv/more.conf")
    assert (user, found) == ("root", {}) and never is not None and "not root's" in never


def test_many_configurations_of_a_users_hide_none_of_roots() -> None:
    lines = [f"0 0 * * * logrotate /srv/{number}.conf\n" for number in range(60)]
    files = {
        **LOGROTATE,
        "/var/spool/cron/crontabs/bob": dict(content="".join(lines), mode=0o600),
        "/etc/cron.hourly/rotate": dict(SCRIPT, content="#!/bin/sh\n/usr/sbin/logrotate /srv/roots.conf\n"),
        "/etc/crontab": CRONTAB,
        "/srv/roots.conf": ROTATED,
        "/srv/59.conf": ROTATED,
    }
    seen = logrotate_jobs.gather(host(files), POLICY)
    assert [job.path for job in seen.jobs] == ["/srv/roots.conf"]
    assert len(seen.unseen) == 1 and "61 configurations to logrotate, of which 50 were looked at" in seen.unseen[0]


MONIT = """\
include /etc/monit/conf.d/*
check process php with pidfile /run/a.pid
  start program = "/etc/init.d/php-fpm start"
  stop program = "/etc/init.d/php-fpm stop"
  if uptime > 3 days then restart
"""


def test_monit() -> None:
    files = {
        "/etc/monit/monitrc": MONIT,
        "/etc/monit/conf.d/a": 'check program b path "/opt/b 1"\n every "0 5 * * *"\n',
    }
    restart, program = jobs(monit_jobs, files)
    assert (restart.object, restart.text) == ("/etc/monit/monitrc:5", b"  if uptime > 3 days then restart")
    assert restart.shell == "/etc/init.d/php-fpm stop\n/etc/init.d/php-fpm start"
    assert (restart.schedule, restart.never) == ("when monit's test of php says so", None)
    assert (program.object, program.shell, program.schedule) == ("/etc/monit/conf.d/a:1", "/opt/b 1", "0 5 * * *")
    assert program.cron is not None and program.cron.hours == frozenset((5,))
    assert {job.never for job in jobs(monit_jobs, files, without="monit")} == {"no monit runs on this host"}
    assert jobs(monit_jobs, {}) == []


def test_a_monit_of_roots_that_was_told_what_to_read() -> None:
    roots = dict(pid=60, executable="/opt/bin/monit", title="/opt/bin/monit -I -c /srv/own/monitrc")
    users = dict(pid=61, executable="/home/a/monit", title="/home/a/monit -c /home/a/monitrc", uid=33)
    files = {"/srv/own/monitrc": MONIT, "/etc/monitrc": MONIT, "/home/a/monitrc": MONIT}
    found = jobs(monit_jobs, files, without="monit", processes=[roots, users])
    assert [(job.path, job.never) for job in found] == [("/etc/monitrc", None), ("/srv/own/monitrc", None)]


SUPERVISORD = dict(pid=50, executable="/usr/bin/python3.11", title="/usr/bin/python3 /usr/bin/supervisord -n")
SUPERVISOR = """\
[program:php-fpm]
command=/usr/sbin/php-fpm -F
[program:loop]
user=deploy
command=/bin/bash -c "while sleep 3600; do pkill -USR2 php-fpm; done" ; hourly
[eventlistener:memmon]
events=TICK_60
command=memmon -p php-fpm=200MB -g web=1GB --any=2GB -m a@b
[eventlistener:mail]
command=crashmail -a -m a@b
[eventlistener:own]
command=/opt/restart.py %(program_name)s
"""


def test_supervisor() -> None:
    files = {
        "/etc/supervisor/supervisord.conf": SUPERVISOR,
        "/proc/50/cmdline": "/usr/bin/python3\0/usr/bin/supervisord\0",
    }
    loop, memmon, own = jobs(supervisor_jobs, files, processes=[SUPERVISORD])
    assert (loop.object, loop.user) == ("/etc/supervisor/supervisord.conf:5", "deploy")
    assert loop.shell == "/bin/bash -c 'while sleep 3600; do pkill -USR2 php-fpm; done'"
    assert memmon.shell == "supervisorctl restart php-fpm\nsupervisorctl restart 'web:*'\nsupervisorctl restart all"
    assert (memmon.line, memmon.text) == (8, SUPERVISOR.split("\n")[7].encode())
    assert (own.shell, own.never) == ("/opt/restart.py own", None)
    files.pop("/proc/50/cmdline")
    assert {job.never for job in jobs(supervisor_jobs, files)} == {"no supervisord runs on this host"}


def test_a_containers_supervisord_has_files_of_its_own() -> None:
    files = {"/etc/supervisord.conf": SUPERVISOR, "/proc/50/cmdline": "/usr/bin/python3\0/usr/bin/supervisord\0"}
    links = {"/proc/50/ns/pid": "pid:[4026532999]"}
    found = jobs(supervisor_jobs, files, processes=[SUPERVISORD], links=links)
    assert {job.never for job in found} == {"no supervisord runs on this host"}


def test_a_configuration_that_supervisord_refuses_is_said() -> None:
    seen = supervisor_jobs.gather(host({"/etc/supervisord.conf": "[program:a]\nsecret\n"}), POLICY)
    assert seen.unseen == ("/etc/supervisord.conf: line 2: supervisord takes no such line",)


def test_all_of_a_host_in_one() -> None:
    files = {"/etc/crontab": CRONTAB, "/etc/cron.daily/a": SCRIPT, **LOGROTATE, "/etc/logrotate.d/app": ROTATED}
    seen = scheduled_jobs.gather(host(files), POLICY)
    assert [job.kind for job in seen.jobs] == ["crontab", "crontab", "periodic script", "logrotate"]
    assert len({job.object for job in seen.jobs}) == 4 and seen.unseen == ()


def test_a_timer_of_a_target_is_one_job() -> None:
    units = {
        "cron-daily.timer": "[Timer]\nOnCalendar=daily\nUnit=cron-daily.target\n",
        "a.service": "[Service]\nType=oneshot\nExecStart=/bin/a\n",
        "b.service": "[Service]\nType=oneshot\nExecStart=/bin/b\n",
    }
    described = host({"/usr/bin/systemctl": ""}, directories=["/run/systemd/system"], units=units)
    show = f"/usr/bin/systemctl show --property={timer_jobs._UNIT} -- cron-daily.target"
    shown = "Id=cron-daily.target\nLoadState=loaded\nRequires=a.service basic.target\nWants=b.service\n"
    described.run = answering(described.run, {show: shown})  # type: ignore[assignment]
    (job,) = scheduled_jobs.gather(described, POLICY).jobs
    assert (job.object, job.shell, job.unit) == ("cron-daily.timer", "/bin/a\n/bin/b", "a.service")


def test_what_one_line_of_monit_does_is_one_job() -> None:
    line = ' if failed port 80 then exec "/opt/a" else if succeeded then exec "/opt/b"'
    seen = scheduled_jobs.gather(host({"/etc/monitrc": f"check process php with pidfile /p\n{line}\n"}), POLICY)
    assert [(job.object, job.shell) for job in seen.jobs] == [("/etc/monitrc:2", "/opt/a\n/opt/b")]


def test_one_place_that_breaks_hides_no_other(monkeypatch: Any) -> None:
    def breaks(host: Any, policy: Any) -> Any:
        raise ValueError("odd")

    monkeypatch.setattr(logrotate_jobs, "gather", breaks)
    seen = scheduled_jobs.gather(host({"/etc/crontab": CRONTAB}), POLICY)
    assert len(seen.jobs) == 2 and "ValueError: odd" in seen.unseen[0]


HOSTILE = (
    "etc/cron.daily",
    "etc/logrotate.d",
    "etc/monit/conf.d",
    "etc/supervisor",
    "var/spool/cron/atjobs",
    "run/systemd",
    "proc",
)
JUNK = b"\xff\xfe caf\xe9 {\r\n\tpostrotate\r\n\0\r\n[program:\xe9]\r\ncommand=\xff '\r\ncheck \xff\r\n" + b"x" * (
    10 << 20
)


def test_hostile_files_hold_nobody_up(tmp_path: Any) -> None:
    root = str(tmp_path)
    for directory in HOSTILE:
        os.makedirs(os.path.join(root, directory))
    with open(os.path.join(root, "etc", "shadow"), "wb") as shadow:
        shadow.write(b"root:$6$s3cret:19000::::::\n")
    names = (
        "etc/cron.daily/a", "etc/logrotate.d/a", "etc/logrotate.conf", "etc/anacrontab", "etc/monit/monitrc",
        "etc/monit/conf.d/a", "etc/supervisor/supervisord.conf", "var/spool/cron/atjobs/a0000101c89f34",
    )  # fmt: skip
    plant = [os.mkfifo, link_to_shadow, junk, os.mkdir]
    for make in plant:
        for name in names:
            make(os.path.join(root, name))
        seen = scheduled_jobs.gather(Host(root), POLICY)
        assert "s3cret" not in repr(seen.unseen)
        for name in names:
            path = os.path.join(root, name)
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)


def link_to_shadow(path: str) -> None:
    os.symlink("/etc/shadow", path)


def junk(path: str) -> None:
    with open(path, "wb") as file:
        file.write(JUNK)
    os.chmod(path, 0o755)
