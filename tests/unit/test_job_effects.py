# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What lines of a crontab come to on a host: which signals reach which service, down from what is written there."""

import copy
from typing import Any, Dict, List, Optional, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job_effects
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_effects import (
    ALL,
    MASTER,
    WORKERS,
    Hit,
    ScheduledRestarts,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

POLICY = policy_from({})
FPM_CONFIGURATION = "/etc/php/8.2/fpm/php-fpm.conf"
FPM_UNIT = "[Service]\nType=notify\nExecStart=/usr/sbin/php-fpm8.2 --nodaemonize\nExecReload=/bin/kill -USR2 $MAINPID\n"
NGINX_UNIT = """\
[Service]
Type=forking
PIDFile=/run/nginx.pid
ExecStart=/usr/sbin/nginx -g 'daemon on; master_process on;'
ExecReload=/usr/sbin/nginx -g 'daemon on; master_process on;' -s reload
ExecStop=-/sbin/start-stop-daemon --quiet --stop --retry QUIT/5 --pidfile /run/nginx.pid
TimeoutStopSec=5
KillMode=mixed
"""
APACHE_UNIT = """\
[Service]
Type=forking
ExecStart=/usr/sbin/apachectl start
ExecStop=/usr/sbin/apachectl graceful-stop
ExecReload=/usr/sbin/apachectl graceful
KillMode=mixed
"""
HAPROXY_UNIT = """\
[Service]
Type=notify
ExecStart=/usr/sbin/haproxy -Ws -f $CONFIG
ExecReload=/usr/sbin/haproxy -Ws -f $CONFIG -c -q
ExecReload=/bin/kill -USR2 $MAINPID
KillMode=mixed
"""


def family(pid: int, executable: str, titles: Tuple[str, str], uid: int, **more: Any) -> List[Dict[str, Any]]:
    """A master with two workers, whose pids follow its own."""
    master = dict(pid=pid, executable=executable, title=titles[0], **more)
    workers = [
        dict(pid=pid + one, parent=pid, executable=executable, title=titles[1], uid=uid, started=NOW - 600)
        for one in (1, 2)
    ]
    return [master, *workers]


FPM = family(100, "/usr/sbin/php-fpm8.2", (f"php-fpm: master process ({FPM_CONFIGURATION})", "php-fpm: pool www"), 33)
NGINX = family(
    200,
    "/usr/sbin/nginx",
    ("nginx: master process /usr/sbin/nginx -c /etc/nginx/nginx.conf", "nginx: worker process"),
    33,
)
APACHE = family(300, "/usr/sbin/apache2", ("/usr/sbin/apache2 -k start", "/usr/sbin/apache2 -k start"), 33)
HAPROXY = family(400, "/usr/sbin/haproxy", ("/usr/sbin/haproxy -Ws", "/usr/sbin/haproxy -Ws"), 99)
UNITS: Dict[str, Any] = {
    "php8.2-fpm.service": dict(file=FPM_UNIT, pid=100),
    "nginx.service": dict(file=NGINX_UNIT, pid=200),
    "apache2.service": dict(file=APACHE_UNIT, pid=300, names=["httpd.service"]),
    "haproxy.service": dict(file=HAPROXY_UNIT, pid=400),
    "cron.service": dict(file="[Service]\nExecStart=/usr/sbin/cron -f\n", pid=20),
}
PROCESSES = [
    dict(pid=1, parent=0, executable="/usr/lib/systemd/systemd", title="/sbin/init"),
    dict(pid=20, executable="/usr/sbin/cron", title="/usr/sbin/cron -f"),
    *(FPM + NGINX + APACHE + HAPROXY),
]
CGROUPS = {100: "php8.2-fpm.service", 200: "nginx.service", 300: "apache2.service", 400: "haproxy.service"}
FILES: Dict[str, Any] = {
    FPM_CONFIGURATION: "[global]\npid = /run/php/php8.2-fpm.pid\n[www]\nlisten = /run/php.sock\n",
    "/run/php/php8.2-fpm.pid": "100",
    "/run/nginx.pid": "200\n",
    "/etc/nginx/nginx.conf": "pid /run/nginx.pid;\n",
    "/proc/100/status": "Name:\tphp-fpm8.2\nSigCgt:\t0000000000014a07\n",
    **{f"/proc/{pid}/cgroup": f"0::/system.slice/{unit}\n" for pid, unit in CGROUPS.items()},
}
DESCRIBED: Dict[str, Any] = dict(
    processes=PROCESSES,
    units=UNITS,
    files=FILES,
    users={33: "www-data", 99: "haproxy"},
    directories=["/run/php", "/var/log", "/etc/init.d"],
)


def host(crontab: str, **more: Any) -> DescribedHost:
    """A Debian host with all four services; what is None in ``files`` or ``units`` is not there."""
    described = copy.deepcopy(DESCRIBED)
    described["files"]["/etc/crontab"] = crontab
    for name in ("files", "units"):
        described[name].update(more.pop(name, {}))
        described[name] = {key: value for key, value in described[name].items() if value is not None}
    return DescribedHost(dict(described, **more))


def gathered(command: str, user: str = "root", **more: Any) -> ScheduledRestarts:
    return job_effects.gather(host(f"28 5 * * * {user} {command}\n", **more), POLICY)


def hits(command: str, user: str = "root", **more: Any) -> Tuple[Hit, ...]:
    seen = gathered(command, user, **more)
    assert seen.unseen == () and [one for job in seen.jobs for one in job.unfollowed] == []
    return tuple(hit for job in seen.jobs for hit in job.hits)


def brief(hit: Hit) -> Tuple[str, str, str, str]:
    """What a hit does, in short: ``php-fpm restarts``, ``TERM KILL/90``, whom it reaches, what it cuts."""
    does = "restarts" if hit.starts else hit.does
    sent = " ".join(one.signal + (f"/{one.after:g}" if one.after else "") for one in hit.sent)
    return f"{hit.family} {does}", sent, hit.reaches, hit.cuts


Expected = Optional[Tuple[str, str, str, str]]
FPM_RESTART: Expected = ("php-fpm restarts", "TERM KILL/90", ALL, "at once")
FPM_RELOAD: Expected = ("php-fpm reloads", "USR2", MASTER, "in time")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        # by its unit
        ("systemctl restart php8.2-fpm", FPM_RESTART),
        ("systemctl restart php8.2-fpm.service >/dev/null 2>&1", FPM_RESTART),
        ("/bin/systemctl try-restart 'php*-fpm'", FPM_RESTART),
        ("service php8.2-fpm restart", FPM_RESTART),
        ("systemctl stop php8.2-fpm; systemctl start php8.2-fpm", FPM_RESTART),
        ("systemctl stop php8.2-fpm", ("php-fpm stops", "TERM KILL/90", ALL, "at once")),
        ("systemctl reload php8.2-fpm", FPM_RELOAD),
        ("systemctl reload-or-restart php8.2-fpm", FPM_RELOAD),
        ("systemctl kill -s USR2 php8.2-fpm", ("php-fpm reloads", "USR2", ALL, "at once")),
        ("systemctl kill -s USR2 --kill-who=main php8.2-fpm", FPM_RELOAD),
        ("systemctl start php8.2-fpm", None),
        ("systemctl status php8.2-fpm", None),
        ("systemctl restart php-fpm", None),  # Debian has no unit of that name
        ("systemctl restart cron", None),
        # by its pidfile
        ("kill -USR2 $(cat /run/php/php8.2-fpm.pid)", FPM_RELOAD),
        ("kill `cat /run/php/php8.2-fpm.pid`", ("php-fpm stops", "TERM", MASTER, "at once")),
        ("kill -USR1 $(cat /run/php/php8.2-fpm.pid)", ("php-fpm reopens its logs", "USR1", MASTER, "none")),
        ("kill -QUIT $(cat /run/php/php8.2-fpm.pid)", ("php-fpm stops", "QUIT", MASTER, "in time")),
        ("kill -9 $(cat /run/php/php8.2-fpm.pid)", ("php-fpm dies", "KILL", MASTER, "at once")),
        ("kill -HUP $(cat /run/php/php8.2-fpm.pid)", ("php-fpm reloads", "HUP", MASTER, "in time")),
        ("kill -0 $(cat /run/php/php8.2-fpm.pid)", None),
        ("kill -HUP $(cat /run/rsyslogd.pid)", None),
        # by what runs
        ("pkill php-fpm", ("php-fpm stops", "TERM", ALL, "at once")),
        ("pkill -USR1 php-fpm", ("php-fpm reopens its logs", "USR1", ALL, "at once")),
        ("pkill -USR2 -o php-fpm", FPM_RELOAD),
        ("pkill -QUIT -u www-data php-fpm", ("php-fpm ends and is replaced", "QUIT", WORKERS, "none")),
        ("pkill -USR2 -u www-data php-fpm", ("php-fpm dies", "USR2", WORKERS, "at once")),
        ("pkill -USR2 -f 'php-fpm: master'", FPM_RELOAD),
        ("pkill -f 'php artisan queue:work'", None),
        ("killall -USR2 php-fpm8.2", ("php-fpm reloads", "USR2", ALL, "at once")),
        ("killall php-fpm", None),  # no process of Debian's has that name
        ("killall cron", None),
        # the other services
        ("systemctl reload nginx", ("nginx reloads", "HUP", MASTER, "in time")),
        ("nginx -s reload", ("nginx reloads", "HUP", MASTER, "in time")),
        ("/usr/sbin/nginx -s stop", ("nginx stops", "TERM", MASTER, "at once")),
        ("systemctl restart nginx", ("nginx restarts", "QUIT TERM/5 KILL/10", MASTER, "in time")),
        ("kill -USR1 $(cat /run/nginx.pid)", ("nginx reopens its logs", "USR1", MASTER, "none")),
        ("systemctl reload apache2", ("apache reloads", "USR1", MASTER, "none")),
        ("systemctl restart httpd", ("apache restarts", "WINCH TERM KILL/90", MASTER, "at once")),
        ("apachectl graceful", ("apache reloads", "USR1", MASTER, "none")),
        ("systemctl reload haproxy", ("haproxy reloads", "USR2", MASTER, "in time")),
        ("systemctl restart haproxy", ("haproxy restarts", "TERM KILL/90", MASTER, "at once")),
    ],
)
def test_what_a_line_comes_to(command: str, expected: Expected) -> None:
    assert [brief(hit) for hit in hits(command)] == ([expected] if expected else [])


def test_a_hit_names_whom_it_reaches_and_the_way_there() -> None:
    (hit,) = hits("systemctl restart php8.2-fpm")
    assert (hit.masters, hit.names, hit.kills_after, hit.tested, hit.certain) == (
        (100,),
        ("php8.2-fpm",),
        90.0,
        False,
        True,
    )
    assert hit.hops[0].source == "/etc/crontab:1"
    assert hit.hops[-1].source == "php8.2-fpm.service" and "SIGTERM" in hit.hops[-1].says


def test_a_reload_shows_the_words_of_the_unit() -> None:
    (hit,) = hits("systemctl reload php8.2-fpm")
    assert any("php8.2-fpm.service" in hop.source and "kill -USR2" in hop.says for hop in hit.hops)


def test_what_systemd_sends_is_what_the_unit_says() -> None:
    gentle = FPM_UNIT + "KillSignal=SIGQUIT\nTimeoutStopSec=40\n"
    units = {"php8.2-fpm.service": dict(file=gentle, pid=100)}
    (hit,) = hits("systemctl restart php8.2-fpm", units=units)
    assert brief(hit) == ("php-fpm restarts", "QUIT KILL/40", ALL, "in time")
    assert (hit.kills_after, hit.cut_after) == (40.0, 40.0)
    units = {"php8.2-fpm.service": dict(file=gentle + "SendSIGKILL=no\n", pid=100)}
    (hit,) = hits("systemctl restart php8.2-fpm", units=units)
    assert (brief(hit)[1], hit.kills_after, hit.cut_after) == ("QUIT", None, None)


@pytest.mark.parametrize(("mode", "cut_after"), [("mixed", 5.0), ("process", None)])
def test_what_the_death_of_a_master_cuts_is_up_to_the_unit(mode: str, cut_after: Optional[float]) -> None:
    text = f"[Service]\nExecStart=/usr/sbin/nginx\nKillSignal=SIGQUIT\nTimeoutStopSec=5\nKillMode={mode}\n"
    (hit,) = hits("systemctl restart nginx", units={"nginx.service": dict(file=text, pid=200)})
    assert brief(hit) == ("nginx restarts", "QUIT KILL/5", MASTER, "in time") and hit.cut_after == cut_after
    (hit,) = hits("kill -QUIT $(cat /run/php/php8.2-fpm.pid); sleep 9; kill -9 $(cat /run/php/php8.2-fpm.pid)")
    assert hit.cut_after == 9.0


def test_a_gentle_stop_command_that_does_not_wait_is_a_hard_stop() -> None:
    text = NGINX_UNIT.replace(
        "/sbin/start-stop-daemon --quiet --stop --retry QUIT/5 --pidfile /run/nginx.pid", "/usr/sbin/nginx -s quit"
    )
    (hit,) = hits("systemctl stop nginx", units={"nginx.service": dict(file=text, pid=200)})
    assert brief(hit) == ("nginx stops", "QUIT TERM KILL/5", MASTER, "at once")
    (hit,) = hits("systemctl stop nginx")
    assert (hit.cuts, hit.cut_after) == ("in time", 5.0)


def test_hup_ends_a_master_that_does_not_handle_it() -> None:
    files = {"/proc/100/status": "Name:\tphp-fpm8.2\nSigCgt:\t0000000000014a06\n"}
    (hit,) = hits("kill -HUP $(cat /run/php/php8.2-fpm.pid)", files=files)
    assert (hit.does, hit.cuts) == ("dies", "at once")


def test_kill_after_a_wait_is_one_stop() -> None:
    (hit,) = hits("kill $(cat /run/php/php8.2-fpm.pid); sleep 90; kill -9 $(cat /run/php/php8.2-fpm.pid)")
    assert brief(hit) == ("php-fpm stops", "TERM KILL/90", MASTER, "at once") and hit.kills_after == 90.0
    (hit,) = hits("systemctl stop php8.2-fpm; sleep 5; killall -9 php-fpm8.2; systemctl start php8.2-fpm")
    assert hit.starts and hit.kills_after == 90.0 and brief(hit)[1] == "TERM KILL/90 KILL/95"
    (hit,) = hits("systemctl stop php8.2-fpm; pkill -9 php-fpm; systemctl start php8.2-fpm")
    assert brief(hit) == FPM_RESTART
    (hit,) = hits("pkill -QUIT -o php-fpm; sleep 20; pkill php-fpm")
    assert (brief(hit), hit.cut_after) == (("php-fpm stops", "QUIT TERM/20", MASTER, "in time"), 20.0)
    (hit,) = hits("pkill -QUIT -o php-fpm; pkill php-fpm")
    assert (brief(hit), hit.cut_after) == (("php-fpm stops", "QUIT TERM", MASTER, "at once"), None)


def test_several_services_and_lines() -> None:
    found = hits("systemctl restart php8.2-fpm nginx")
    assert [hit.family for hit in found] == ["php-fpm", "nginx"]
    seen = job_effects.gather(
        host("1 * * * * root nginx -s reload\n2 * * * * root uptime\n3 * * * * root killall nginx\n"), POLICY
    )
    assert [one.job.object for one in seen.jobs] == ["/etc/crontab:1", "/etc/crontab:3"] and seen.total == 3


def test_only_the_jobs_that_are_named_are_looked_at() -> None:
    one = host("1 * * * * root nginx -s reload\n2 * * * * root pkill nginx\n")
    policy = policy_from(dict(scheduled_restart=dict(jobs=["/etc/crontab:2"])))
    seen = job_effects.gather(one, policy)
    assert [each.job.object for each in seen.jobs] == ["/etc/crontab:2"] and seen.total == 2


def test_a_name_of_no_job_is_said_unless_its_file_is_there() -> None:
    names = ["/etc/crontab", "/etc/crontab:7", "/etc/cron.d/gone:1", "nightly.timer"]
    policy = policy_from(dict(scheduled_restart=dict(jobs=names)))
    seen = job_effects.gather(host("1 * * * * root nginx -s reload\n"), policy)
    assert [one.split(" ")[1] for one in seen.unseen] == names[2:] and len(seen.jobs) == 1


def test_what_a_watchdog_does_depends_on_what_it_tests() -> None:
    rule = "check process php-fpm with pidfile /run/php/php8.2-fpm.pid\n"
    rule += '  start program = "/bin/systemctl start php8.2-fpm"\n'
    rule += '  stop program = "/bin/systemctl stop php8.2-fpm"\n  if failed unixsocket /run/php.sock then restart\n'
    seen = job_effects.gather(host("", files={"/etc/monit/monitrc": dict(content=rule, mode=0o600)}), POLICY)
    ((hit,),) = [one.hits for one in seen.jobs]
    assert brief(hit) == FPM_RESTART and not hit.certain


def test_a_haproxy_that_takes_over_is_no_stop() -> None:
    (hit,) = hits(
        "haproxy -f /etc/haproxy/haproxy.cfg -D -sf $(cat /run/haproxy.pid)", files={"/run/haproxy.pid": "400"}
    )
    assert (hit.does, hit.cuts, hit.tested) == ("reloads", "in time", True)


@pytest.mark.parametrize(
    ("command", "reaches"),
    [
        ("systemctl restart php8.2-fpm", None),
        ("kill -USR2 $(cat /run/php/php8.2-fpm.pid)", None),
        ("pkill php-fpm", WORKERS),
        ("sudo systemctl restart php8.2-fpm", ALL),
    ],
)
def test_an_ordinary_user_reaches_his_own_processes(command: str, reaches: Optional[str]) -> None:
    assert [hit.reaches for hit in hits(command, "www-data")] == ([reaches] if reaches else [])


def test_a_stopped_service_is_known_by_its_names() -> None:
    gone = [one for one in PROCESSES if one not in FPM]
    for command in ("systemctl reload php8.2-fpm", "pkill php-fpm", "kill -USR2 $(cat /run/php/php8.2-fpm.pid)"):
        units = {"php8.2-fpm.service": dict(file=FPM_UNIT, state="failed")}
        found = hits(command, processes=gone, units=units, files={"/run/php/php8.2-fpm.pid": None})
        assert [(hit.family, hit.masters, hit.names) for hit in found] == [("php-fpm", (), ("php8.2-fpm",))], command


def test_a_pattern_that_takes_for_ever_is_not_tried() -> None:
    seen = gathered("pkill -f '(a+)+php(b|c)+$'")
    assert [one.reason for job in seen.jobs for one in job.unfollowed]
    assert gathered("pkill -f '(a+)+(b|c)+$'").jobs == ()


def test_without_systemd_the_init_script_is_followed() -> None:
    script = """#!/bin/sh
PIDFILE=/run/php/php8.2-fpm.pid
case "$1" in
  stop) start-stop-daemon --stop --retry=QUIT/30/KILL/5 --pidfile $PIDFILE --exec /usr/sbin/php-fpm8.2 ;;
  start) start-stop-daemon --start --exec /usr/sbin/php-fpm8.2 ;;
  restart) $0 stop; $0 start ;;
esac
"""
    files = {"/etc/init.d/php8.2-fpm": dict(content=script, mode=0o755)}
    (hit,) = hits("/etc/init.d/php8.2-fpm restart", files=files, units=dict.fromkeys(UNITS))
    assert brief(hit) == ("php-fpm restarts", "QUIT KILL/30", MASTER, "in time")
    assert (hit.kills_after, hit.cut_after) == (30.0, None)  # its workers end their requests without it


def test_a_unit_that_runs_a_script_is_followed() -> None:
    unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'systemctl restart php8.2-fpm'\n"
    (hit,) = hits("systemctl start nightly.service", units={"nightly.service": unit})
    assert brief(hit) == FPM_RESTART


def test_a_host_without_web_services_has_nothing() -> None:
    bare = dict(processes=PROCESSES[:2], units={name: None for name in UNITS if name != "cron.service"})
    seen = gathered("systemctl restart php8.2-fpm; pkill php-fpm; killall nginx", **bare)
    assert seen.jobs == () and seen.total == 1


@pytest.mark.parametrize(
    ("command", "is_tested"),
    [
        ("kill -HUP $(cat /run/nginx.pid)", True),  # it keeps the old configuration itself
        ("kill -USR2 $(cat /run/php/php8.2-fpm.pid)", False),
        ("php-fpm8.2 -t && systemctl reload php8.2-fpm", True),
        ("apachectl graceful", True),
        ("pkill -USR1 -o apache2", False),
    ],
)
def test_whether_the_configuration_is_tested_first(command: str, is_tested: bool) -> None:
    assert [hit.tested for hit in hits(command)] == [is_tested]


def test_a_masked_unit_is_not_restarted() -> None:
    assert (
        hits("systemctl restart php8.2-fpm", units={"php8.2-fpm.service": dict(file=FPM_UNIT, enabled="masked")}) == ()
    )


def test_where_systemd_does_not_answer_the_way_is_lost() -> None:
    silent = dict(units=dict.fromkeys(UNITS), files={"/usr/bin/systemctl": ""}, directories=["/run/systemd/system"])
    (job,) = gathered("systemctl restart php8.2-fpm", **silent).jobs
    assert job.hits == () and "systemd" in job.unfollowed[0].reason
    assert gathered("systemctl restart postfix", **silent).jobs == ()


def unit_of_fpm(text: str, **more: Any) -> Dict[str, Any]:
    return {"php8.2-fpm.service": dict(file=FPM_UNIT + text, pid=100, **more)}


def test_a_unit_whose_processes_systemd_leaves_alone() -> None:
    (hit,) = hits("systemctl stop php8.2-fpm", units=unit_of_fpm("KillMode=process\n"))
    assert brief(hit) == ("php-fpm stops", "TERM KILL/90", MASTER, "at once")
    assert hits("systemctl stop php8.2-fpm", units=unit_of_fpm("KillMode=none\n")) == ()
    (hit,) = hits("systemctl stop php8.2-fpm", units=unit_of_fpm("KillMode=none\nExecStop=/bin/kill -QUIT $MAINPID\n"))
    assert brief(hit) == ("php-fpm stops", "QUIT", MASTER, "in time")


def test_commands_of_a_unit_that_show_no_signal_lose_the_way() -> None:
    units = unit_of_fpm("KillMode=none\nExecStop=/opt/fpm/stop\nExecReload=\nExecReload=/opt/fpm/reload\n")
    for verb in ("stop", "reload"):
        (job,) = gathered(f"systemctl {verb} php8.2-fpm", units=units).jobs
        assert job.hits == () and f"Exec{verb.title()}" in job.unfollowed[0].reason
        assert job.unfollowed[0].hops[0].source == "/etc/crontab:1"


def test_a_unit_that_is_reloaded_by_a_signal_of_systemd() -> None:
    text = "[Service]\nType=notify-reload\nExecStart=/usr/sbin/nginx\n"
    (hit,) = hits("systemctl reload nginx", units={"nginx.service": dict(file=text, pid=200)})
    assert brief(hit) == ("nginx reloads", "HUP", MASTER, "in time")


def test_of_what_an_init_script_has_started_systemd_kills_nothing() -> None:
    text = "[Service]\nType=forking\nKillMode=process\nExecStart=/etc/init.d/php8.2-fpm start\n"
    text += "ExecStop=/etc/init.d/php8.2-fpm stop\n"
    unit = dict(file=text, path="/run/systemd/generator.late/php8.2-fpm.service", enabled="generated")
    script = (
        "#!/bin/sh\n. /lib/lsb/init-functions\ncase $1 in stop) kill -QUIT $(cat /run/php/php8.2-fpm.pid) ;; esac\n"
    )
    files = {"/etc/init.d/php8.2-fpm": dict(content=script, mode=0o755)}
    (hit,) = hits("systemctl restart php8.2-fpm", units={"php8.2-fpm.service": unit}, files=files)
    assert brief(hit) == ("php-fpm restarts", "QUIT", MASTER, "in time")


SUPERVISED: Dict[str, Any] = dict(
    processes=[
        *PROCESSES[:2],
        dict(pid=30, executable="/usr/bin/python3.11", title="/usr/bin/python3 /usr/bin/supervisord -n -c /etc/s.conf"),
        dict(FPM[0], parent=30),
        *FPM[1:],
    ],
    files={
        "/proc/100/cgroup": "0::/system.slice/supervisor.service\n",
        "/proc/100/environ": "SUPERVISOR_GROUP_NAME=fpm\0SUPERVISOR_PROCESS_NAME=fpm\0",
        "/proc/30/cmdline": "/usr/bin/python3\0/usr/bin/supervisord\0-n\0-c\0/etc/s.conf\0",
        "/etc/s.conf": "[program:fpm]\ncommand=php-fpm8.2 -F\nstopsignal=QUIT\nstopwaitsecs=30\n",
    },
    units={
        "php8.2-fpm.service": None,
        "supervisor.service": dict(
            file="[Service]\nExecStart=/usr/bin/supervisord -n\nExecReload=/usr/bin/supervisorctl reload\n", pid=30
        ),
    },
)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("supervisorctl restart fpm", ("php-fpm restarts", "QUIT KILL/30", MASTER, "in time")),
        ("supervisorctl stop all", ("php-fpm stops", "QUIT KILL/30", MASTER, "in time")),
        ("supervisorctl stop fpm; supervisorctl start fpm", ("php-fpm restarts", "QUIT KILL/30", MASTER, "in time")),
        ("supervisorctl signal USR2 fpm", ("php-fpm reloads", "USR2", MASTER, "in time")),
        ("supervisorctl restart worker", None),
        ("systemctl restart supervisor", ("php-fpm restarts", "TERM KILL/90", ALL, "at once")),
        ("systemctl reload supervisor", ("php-fpm restarts", "QUIT KILL/30", MASTER, "in time")),
        ("supervisorctl reload", ("php-fpm restarts", "QUIT KILL/30", MASTER, "in time")),
    ],
)
def test_a_php_fpm_under_a_supervisor(command: str, expected: Expected) -> None:
    assert [brief(hit) for hit in hits(command, **SUPERVISED)] == ([expected] if expected else [])


def test_what_is_left_of_a_unit_by_its_kill_mode() -> None:
    def restarted(mode: str, unit: str = "supervisor") -> List[Tuple[str, str, str, str]]:
        described = copy.deepcopy(SUPERVISED)
        described["units"][f"{unit}.service"] = dict(file=f"[Service]\nExecStart=/x\nKillMode={mode}\n", pid=30)
        described["files"]["/proc/100/cgroup"] = f"0::/system.slice/{unit}.service\n"
        if unit == "cron":
            described["processes"] = [one for one in described["processes"] if one["pid"] != 30]
        return [brief(hit) for hit in hits(f"systemctl restart {unit}", **described)]

    assert restarted("process") == restarted("none") == [("php-fpm restarts", "QUIT KILL/30", MASTER, "in time")]
    assert restarted("process", "cron") == []
    assert restarted("mixed", "cron") == [("php-fpm restarts", "KILL", ALL, "at once")]


def test_users_cannot_use_up_what_systemd_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_effects, "UNITS_LIMIT", 2)
    lines = "".join(f"1 1 * * * www-data systemctl restart x{number}\n" for number in range(9))
    seen = job_effects.gather(host(lines + "2 2 * * * root systemctl restart nginx\n"), POLICY)
    assert [one.job.object for one in seen.jobs] == ["/etc/crontab:10"] and seen.unseen == ()
    lines = "".join(f"1 1 * * * root systemctl restart x{number}\n" for number in range(9))
    assert "9 units" in job_effects.gather(host(lines), POLICY).unseen[0]


def test_what_monit_is_told_is_not_followed() -> None:
    (job,) = gathered("monit restart php-fpm").jobs
    assert job.hits == () and "monit" in job.unfollowed[0].reason
    assert gathered("monit restart mysql").jobs == gathered("monit start php-fpm").jobs == ()


def test_no_user_holds_up_the_look_with_long_scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_effects, "EFFORT_LIMIT", 100)
    long = "#!/bin/sh\n" + "true\n" * 120
    lines = ["* * * * * www-data sh /tmp/long.sh"] * 3 + ["0 0 * * * root sh /tmp/long.sh; service nginx stop"] * 2
    seen = job_effects.gather(host("\n".join([*lines, ""]), files={"/tmp/long.sh": long}), POLICY)
    (said,) = seen.unseen
    assert said.startswith("/etc/crontab:2 and further jobs of www-data were not followed")
    assert [one.job.object for one in seen.jobs] == ["/etc/crontab:4", "/etc/crontab:5"]
