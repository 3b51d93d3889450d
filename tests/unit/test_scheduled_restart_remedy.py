# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is offered for a job that harms, by its kind, its line, and the limits of the service."""

from typing import Any, Dict, Mapping, Optional, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.scheduled_restart_remedy import Offer, offer
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job as jobs
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import (
    FpmMaster,
    FpmMasters,
    FpmPool,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_time_limits import (
    FpmTimeLimits,
    Limit,
    MasterLimits,
    PoolLimits,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_deeds import (
    RESTART,
    STOP,
    UNIT,
    Deed,
    Hop,
    Target,
    Unfollowed,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_effects import (
    ALL,
    MASTER,
    WORKERS,
    Hit,
    JobEffects,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_places import JobPlaces
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_services import JobServices
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.nginx_masters import NginxMaster, NginxMasters
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.service_units import ServiceUnit
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.signal_effects import (
    AT_ONCE,
    DIES,
    HAPROXY,
    NGINX,
    NONE,
    PHP_FPM,
    RELOADS,
    REOPENS,
    STOPS,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from

FPM = Process(45, 1, 1795292800.0, "php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm: master process", (0, 0, 0), False)
FRONT = Process(50, 1, 1795292800.0, "nginx", "/usr/sbin/nginx", "nginx: master process", (0, 0, 0), False)
MACHINE = "0123456789abcdef0123456789abcdef"
PHP_TEST = "/usr/sbin/php-fpm8.2 -t -y /etc/php/8.2/fpm/php-fpm.conf >/dev/null 2>&1"
PHP_RELOAD = "systemctl reload php8.2-fpm.service"
SAID = "|| echo 'php8.2-fpm.service was not reloaded: look at `php-fpm -t` and its journal'"


def unit(name: str, pid: int, start: str, reload: str) -> ServiceUnit:
    return ServiceUnit(
        name, f"/lib/systemd/system/{name}", "active", "enabled", "notify", pid, 15, "control-group", True, 90.0, "no",
        (start,), (reload,), (),
    )  # fmt: skip


PHP_UNIT = unit(
    "php8.2-fpm.service", 45, "/usr/sbin/php-fpm8.2 --nodaemonize --fpm-config /x", "/bin/kill -USR2 $MAINPID"
)
NGINX_UNIT = unit("nginx.service", 50, "/usr/sbin/nginx", "/usr/sbin/nginx -g daemon on; -s reload")


def fpm(**changes: Any) -> FpmMaster:
    master = FpmMaster(
        FPM, "/", "8.2", False, True, "/etc/php/8.2/fpm/php-fpm.conf", (), {}, {}, "/run/php/php8.2-fpm.pid", None,
        None, PHP_UNIT, None, (), None, (),
    )  # fmt: skip
    return master._replace(**changes)


def front(**changes: Any) -> NginxMaster:
    master = NginxMaster(
        FRONT, "1.22", False, (), "/etc/nginx/nginx.conf", (), True, "/run/nginx.pid", None, None, None, NGINX_UNIT,
        (), (), None, None, None, (),
    )  # fmt: skip
    return master._replace(**changes)


def limit(name: str, seconds: Optional[float]) -> Limit:
    return Limit(name, seconds, "/etc/php/8.2/fpm/php-fpm.conf:9", True)


def services(master: FpmMaster, control: Optional[float] = 60, nginx: Optional[NginxMaster] = None) -> JobServices:
    pool = FpmPool("www", {}, {}, True, "/run/php.sock", 7)
    limits = PoolLimits(pool, (), (), limit("request_terminate_timeout", 30), False, None, None, None)
    known = MasterLimits(master, limit("process_control_timeout", control), None, None, (limits,))
    masters = FpmMasters((master,), (), (), True, ())
    fronts = NginxMasters((nginx or front(),), (), True, 0.0)
    return JobServices(masters, FpmTimeLimits((known,), None, (), (), ()), fronts, (), ())


def hit(family: str = PHP_FPM, **changes: Any) -> Hit:
    name, pid = ("php8.2-fpm", 45) if family == PHP_FPM else (family, 50)
    deed = Deed(RESTART, Target(UNIT, name), (), False, True, ())
    hops = (Hop("/etc/cron.d/php:3", "x"),)
    found = Hit(family, STOPS, True, AT_ONCE, (), ALL, (pid,), (name,), None, False, hops, True, deed)
    return found._replace(**changes)


def job(kind: str = jobs.CRONTAB, shell: str = "service php8.2-fpm restart", **changes: Any) -> jobs.Job:
    text = {jobs.CRONTAB: "28 5 * * * root ", jobs.USER_CRONTAB: "28\t5 * * *  ", jobs.ANACRONTAB: "1 5 php "}
    found = jobs.Job(
        kind=kind,
        object="/etc/cron.d/php:3",
        path="/etc/cron.d/php",
        line=3,
        text=(text.get(kind, "") + shell).encode(),
        schedule="28 5 * * *",
        cron=None,
        zone=None,
        next_runs=(),
        user="root",
        shell=shell,
        first_line=3,
        environment={},
        unit=None,
        never=None,
    )
    return found._replace(**changes)


def asked(
    one: jobs.Job,
    *hits: Hit,
    state: str = "graceful",
    splay: int = 0,
    named: Optional[str] = None,
    known: Optional[JobServices] = None,
    places: Optional[Mapping[str, Any]] = None,
    unfollowed: Tuple[Unfollowed, ...] = (),
) -> Any:
    policy = policy_from({"scheduled_restart": dict(state=state, splay=splay, jobs=[named] if named else [])})
    where = JobPlaces({}, None, {}, {}, {}, MACHINE)._replace(**(places or {}))
    return offer(JobEffects(one, hits or (hit(),), unfollowed), known or services(fpm()), where, policy)


def written(offered: Any) -> str:
    assert isinstance(offered, Offer), offered
    assert offered.guard.verb == "rewrite_line"
    return offered.guard.wanted.decode()


# Out of the schedule.

SCRIPT = """#!/bin/sh
# every night
set -e
if [ -x /usr/sbin/php-fpm8.2 ]; then
    echo restarting >> /var/log/restarts.log
    service php8.2-fpm restart > /dev/null 2>&1 || exit 1
fi
"""


@pytest.mark.parametrize("kind", [jobs.CRONTAB, jobs.USER_CRONTAB, jobs.ANACRONTAB])
def test_a_line_is_commented_out(kind: str) -> None:
    one = job(kind)
    offered = asked(one, state="disabled")
    assert offered.guard[:5] == ("comment_out_line", "/etc/cron.d/php", 3, one.text, b"")
    assert offered.remedy == "comment out line 3 of /etc/cron.d/php"


def test_a_script_loses_its_execute_bits() -> None:
    one = job(jobs.PERIODIC, "/etc/cron.d/php", line=0, text=b"")
    offered = asked(one, state="disabled", places=dict(scripts={"/etc/cron.d/php": SCRIPT}))
    assert offered.guard[:3] == ("take_execute_bits", "/etc/cron.d/php", 0)


@pytest.mark.parametrize("enabled", ["enabled", "disabled"])
def test_a_timer_is_disabled(enabled: str) -> None:
    one = job(jobs.TIMER, object="php.timer")
    offered = asked(one, state="disabled", places=dict(timers={"php.timer": enabled}))
    assert (offered.guard.verb, offered.guard.unit) == ("disable_timer", "php.timer")


@pytest.mark.parametrize(
    "timers, why",
    [
        ({"php.timer": "static"}, "is static, so `systemctl disable` does not keep it"),
        ({"php.timer": ""}, "in no state"),
        ({}, "whether it is enabled could not be seen"),
    ],
)
def test_a_timer_that_cannot_be_disabled_says_why(timers: Dict[str, str], why: str) -> None:
    assert why in asked(job(jobs.TIMER, object="php.timer"), state="disabled", places=dict(timers=timers))


@pytest.mark.parametrize(
    "one, words",
    [
        (job(jobs.AT, object="at job 12"), "`atrm 12`"),
        (job(jobs.MONIT, object="/etc/monit/monitrc:4"), "`monit reload`"),
        (job(jobs.SUPERVISOR, object="/etc/supervisor/x.conf:1"), "`supervisorctl update`"),
    ],
)
@pytest.mark.parametrize("state", ["disabled", "graceful"])
def test_what_is_not_changed_says_how_to_do_it_by_hand(one: jobs.Job, words: str, state: str) -> None:
    assert words in asked(one, state=state)


@pytest.mark.parametrize("state", ["disabled", "graceful"])
def test_a_file_that_is_more_than_itself_is_left_alone(state: str) -> None:
    assert asked(job(), state=state, places=dict(fixed={"/etc/cron.d/php": "a link"})) == "a link"


def test_a_package_is_said_to_bring_it_back() -> None:
    (note,) = asked(job(), state="disabled", places=dict(packages={"/etc/cron.d/php": "php-common"})).notes
    assert "belongs to the package php-common" in note


# A graceful line.


def test_a_restart_becomes_a_tested_reload() -> None:
    offered = asked(job())
    assert written(offered) == f"28 5 * * * root {PHP_TEST} && {PHP_RELOAD} {SAID}"
    assert offered.guard.text == job().text


@pytest.mark.parametrize(
    "shell",
    [
        "/etc/init.d/php8.2-fpm restart >/dev/null",
        "sleep 5; systemctl -q restart php8.2-fpm.service > /dev/null 2>&1 || true",
        "kill -TERM $(cat /run/php/php8.2-fpm.pid); sleep 3; service php8.2-fpm start",
        "[ -x /usr/sbin/php-fpm8.2 ] && /usr/sbin/invoke-rc.d php8.2-fpm force-reload",
        "pkill -9 php-fpm8.2; sleep 1 && systemctl start php8.2-fpm # every night",
        "ps aux | grep php-fpm | grep -v grep | awk '{print $2}' | xargs kill -9 && service php8.2-fpm start",
        "nice -n 10 sudo systemctl try-restart php8.2-fpm",
        "kill -9 `pidof php-fpm8.2`; /bin/systemctl start php8.2-fpm.service",
        "ps ax | grep php-fpm | grep master | awk '{print $1}' | xargs kill && service php8.2-fpm start",
    ],
)
def test_a_line_that_does_nothing_else_is_rewritten(shell: str) -> None:
    assert PHP_RELOAD in written(asked(job(shell=shell)))


MORE = [
    "php /srv/clean.php; service php8.2-fpm restart",
    "systemctl restart php8.2-fpm mysql",
    "service php8.2-fpm restart && curl -fsS https://hc.example/ping",
    "/root/bin/restart-php-fpm.sh",
    "/etc/php-fpm.d/../../root/x restart",
    "systemctl restart $SERVICE",
    "for one in php8.2-fpm; do rm -rf /tmp/$one; done",
    "service php8.2-fpm restart; $(date > /tmp/stamp)",
    "if true; then service php8.2-fpm restart",
    "sh -c 'service php8.2-fpm restart; rm /x'",
    "echo 3 > /proc/sys/vm/drop_caches; service php8.2-fpm restart",
    "> /srv/shop/app.log; service php8.2-fpm restart",
    "ps >& /srv/shop/app.log; service php8.2-fpm restart",
    "date > /var/log/../www/stamp; service php8.2-fpm restart",
    "certbot renew --pre-hook 'service php8.2-fpm stop' --post-hook 'service php8.2-fpm start'",
    "/usr/local/sbin/backup",
    "kill $(cat /run/mysqld/mysqld.pid); service php8.2-fpm restart",
    "pgrep -f worker.php | xargs kill; service php8.2-fpm restart",
    "systemctl restart php-queue.service php8.2-fpm",
    "systemctl restart php-fpm-exporter php8.2-fpm",
    "ps ax | awk '/php-fpm/ {system(\"kill \" $1)}'; service php8.2-fpm start",
]
SCRIPTS = {
    "/usr/local/sbin/backup": "systemctl stop php8.2-fpm\nmysqldump --all-databases > /srv/all.sql\n",
    "/usr/local/sbin/restart": SCRIPT,
    "/usr/local/sbin/loop": "/usr/local/sbin/loop\n",
}


@pytest.mark.parametrize("shell", MORE)
def test_a_job_that_does_more_or_may_do_more_is_left_alone_until_it_is_named(shell: str) -> None:
    places = dict(scripts=SCRIPTS)
    refused = asked(job(shell=shell), places=places)
    assert isinstance(refused, str) and "it does more than that" in refused and "by hand" in refused
    refused = asked(job(shell=shell), state="disabled", places=places)
    assert isinstance(refused, str) and "name /etc/cron.d/php:3 in `jobs`" in refused
    assert isinstance(asked(job(shell=shell), state="disabled", places=places, named="/etc/cron.d/php"), str)
    offered = asked(job(shell=shell), state="disabled", places=places, named="/etc/cron.d/php:3")
    assert isinstance(offered, Offer) and "all of it is not done any more" in offered.risk
    assert isinstance(asked(job(shell=shell), places=places, named="/etc/cron.d/php:3"), str)


@pytest.mark.parametrize(
    "shell",
    [
        "/usr/local/sbin/restart",
        "sh /usr/local/sbin/restart >/dev/null",
        "nice -n 10 flock -n /run/lock/fpm.lock systemctl restart php8.2-fpm",
        "bash -c 'sleep 5; service php8.2-fpm restart'",
        "> /var/log/php.log; service php8.2-fpm restart >>/var/log/restart.log 2>&1",
        "rcphp-fpm restart",
        "supervisorctl restart php-fpm",
    ],
)
def test_a_job_that_only_restarts_goes_by_whatever_way_it_does(shell: str) -> None:
    offered = asked(job(shell=shell), state="disabled", places=dict(scripts=SCRIPTS))
    assert isinstance(offered, Offer) and "look for that cause first" in offered.risk


def test_scripts_that_run_one_another_are_read_to_an_end() -> None:
    one = job(shell="/usr/local/sbin/loop")
    assert "it does more than that" in asked(one, state="disabled", places=dict(scripts=SCRIPTS))


def test_what_happens_on_a_condition_only_goes_where_it_is_named() -> None:
    maybe = hit(certain=False)
    assert "on a condition only" in asked(job(), maybe, state="disabled")
    assert isinstance(asked(job(), maybe, state="disabled", named="/etc/cron.d/php:3"), Offer)


def test_a_stop_whose_start_is_elsewhere_goes_where_it_is_named() -> None:
    down = hit(starts=False, deed=Deed(STOP, Target(UNIT, "php8.2-fpm"), (), False, True, ()))
    one = job(shell="service php8.2-fpm stop")
    assert "what is done meanwhile may count on that" in asked(one, down, state="disabled")
    offered = asked(one, down, state="disabled", named="/etc/cron.d/php:3")
    assert isinstance(offered, Offer) and "may count on that; all of it" in offered.risk
    again = job(shell="service php8.2-fpm stop; service php8.2-fpm start")
    assert isinstance(asked(again, down._replace(starts=True), state="disabled"), Offer)


def test_two_services_of_one_line_go_together() -> None:
    one = job(shell="service php8.2-fpm restart; service nginx restart")
    assert isinstance(asked(one, hit(), hit(NGINX), state="disabled"), Offer)
    assert "it does more" in asked(one, hit(), state="disabled")


def test_what_a_line_says_besides_is_not_shown() -> None:
    assert "hunter2" not in asked(job(shell="service php8.2-fpm restart; mysqladmin -phunter2 flush-hosts"))


def test_each_kind_of_line_keeps_what_stands_before_its_command() -> None:
    assert written(asked(job(jobs.USER_CRONTAB))).startswith("28\t5 * * *  /usr/sbin/php-fpm8.2 -t ")
    assert written(asked(job(jobs.ANACRONTAB))).startswith("1 5 php /usr/sbin/php-fpm8.2 -t ")
    daily = job(text=b"@daily root service php8.2-fpm restart")
    assert written(asked(daily)).startswith("@daily root /usr/sbin/php-fpm8.2 -t ")


def test_a_percent_sign_is_escaped_for_cron_alone() -> None:
    known = services(fpm(configuration="/etc/100%.conf"))
    assert "-y /etc/100\\%.conf >" in written(asked(job(), known=known))
    assert "\\%" not in written(asked(job(jobs.ANACRONTAB), known=known))


@pytest.mark.parametrize("path", ["/usr/local/bin", "/home/bob/bin:/usr/bin", ":/bin", "~/bin:/bin", ""])
def test_what_is_written_finds_its_programs_and_no_others(path: str) -> None:
    offered = written(asked(job(environment={"PATH": path})))
    assert offered.startswith(f"28 5 * * * root PATH=/usr/sbin:/usr/bin:/sbin:/bin; {PHP_TEST} && ")


def test_a_usual_path_is_good_enough() -> None:
    usual = "/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin"
    assert "PATH" not in written(asked(job(environment={"PATH": usual})))


def test_hosts_spread_a_job_each_by_its_own_delay() -> None:
    lines = {machine: written(asked(job(), splay=600, places=dict(machine=machine))) for machine in map(str, range(20))}
    delays = [int(line.partition("sleep ")[2].split()[0]) for line in lines.values()]
    assert len(set(delays)) > 10 and max(delays) <= 600
    assert written(asked(job(), splay=600, places=dict(machine="7"))) == lines["7"]
    assert "machine-id" in asked(job(), splay=600, places=dict(machine=""))


def test_its_own_php_ini_is_tested() -> None:
    own = PHP_UNIT._replace(start=("/usr/sbin/php-fpm8.2 --nodaemonize -c /srv/php.ini",))
    assert "php-fpm8.2 -t -c /srv/php.ini -y" in written(asked(job(), known=services(fpm(unit=own))))


@pytest.mark.parametrize(
    "master, reload",
    [
        (fpm(unit=None), 'kill -USR2 "$(cat /run/php/php8.2-fpm.pid)"'),
        (fpm(unit=PHP_UNIT._replace(reload=())), 'kill -USR2 "$(cat /run/php/php8.2-fpm.pid)"'),
        (fpm(unit=PHP_UNIT._replace(reload=("/bin/kill -HUP $MAINPID",)), handles_hup=True), PHP_RELOAD),
        (fpm(unit=PHP_UNIT._replace(reload=("/bin/kill -HUP $MAINPID",)), handles_hup=False), "kill -USR2"),
    ],
)
def test_the_reload_is_one_that_is_known_to_be_graceful(master: FpmMaster, reload: str) -> None:
    assert f"&& {reload}" in written(asked(job(), known=services(master)))


def test_nginx_is_tested_and_reloaded() -> None:
    one = job(shell="service nginx restart")
    assert written(asked(one, hit(NGINX))) == "28 5 * * * root /usr/sbin/nginx -t -q && systemctl reload nginx.service"
    known = services(fpm(), nginx=front(unit=None, arguments=("-c", "/srv/n.conf", "-g", "daemon on; user x;")))
    line = written(asked(one, hit(NGINX), known=known))
    options = "-c /srv/n.conf -g 'daemon on; user x;'"
    assert line.endswith(f"/usr/sbin/nginx {options} -t -q && /usr/sbin/nginx {options} -s reload")


@pytest.mark.parametrize("control, says", [(None, "kills every request in flight"), (10, "kills requests after 10 s")])
def test_what_a_reload_would_cut_too_is_not_made_one(control: Optional[float], says: str) -> None:
    refused = asked(job(), known=services(fpm(), control))
    assert says in refused and "php_fpm_limits" in refused


@pytest.mark.parametrize(
    "hits, why",
    [
        ((hit(), hit(NGINX)), "several services"),
        ((hit(masters=(45, 46)),), "several services"),
        ((hit(masters=()),), "does not run now"),
        ((hit(starts=False),), "only its author knows"),
        ((hit(does=REOPENS, cuts=NONE),), "only its author knows"),
        ((hit(certain=False),), "depends on a condition"),
        ((hit(HAPROXY),), "haproxy -c -f"),
    ],
)
def test_what_is_to_happen_instead_has_to_be_known(hits: Tuple[Hit, ...], why: str) -> None:
    assert why in asked(job(), *hits)


def test_what_was_not_followed_is_not_rewritten() -> None:
    assert "could be followed: it is binary" in asked(job(), unfollowed=(Unfollowed((), "it is binary"),))


@pytest.mark.parametrize("name", ["/etc/x\n* * * * * root id", "/etc/x\r", "/etc/x\x00", "/etc/\udc80"])
def test_no_name_of_a_file_becomes_a_line_of_its_own(name: str) -> None:
    assert "cannot stand in a line" in asked(job(), known=services(fpm(configuration=name)))
    known = services(fpm(pidfile=name))
    assert "cannot stand in a line" in asked(rotation(), hit(does=RELOADS), known=known)


def test_root_is_not_made_to_run_what_another_user_runs() -> None:
    theirs = FPM._replace(uids=(33, 33, 33))
    assert "not run by root" in asked(job(), known=services(fpm(process=theirs)))
    front_of_theirs = front(process=FRONT._replace(uids=(33, 33, 33)))
    assert "not run by root" in asked(job(), hit(NGINX), known=services(fpm(), nginx=front_of_theirs))


def test_workers_that_are_killed_are_replaced_by_a_reload() -> None:
    line = asked(job(shell="pkill -f php-fpm"), hit(does=DIES, reaches=WORKERS, starts=False))
    assert PHP_RELOAD in written(line)


@pytest.mark.parametrize(
    "one, why",
    [
        (job(user="www-data"), "runs as www-data"),
        (job(environment={"SHELL": "/usr/bin/fish"}), "its SHELL is fish"),
        (job(jobs.PERIODIC, text=b""), "a script is not rewritten"),
        (job(jobs.TIMER, unit="php-restart.service"), "let php-restart.service run"),
        (job(text=b"28 5 root"), "could not be told"),
    ],
)
def test_what_cannot_be_rewritten_says_by_which_words_to_do_it(one: jobs.Job, why: str) -> None:
    assert why in asked(one)


# logrotate.

ROTATION = "\tif [ -f /run/x ]; then\n\t\tservice php8.2-fpm reload >/dev/null\n\tfi"


def rotation(shell: str = ROTATION) -> jobs.Job:
    return job(
        jobs.LOGROTATE,
        shell,
        object="/etc/cron.d/php:2",
        line=2,
        first_line=2,
        text=shell.split("\n", maxsplit=1)[0].encode(),
    )


@pytest.mark.parametrize("state", ["disabled", "graceful"])
def test_the_wrong_line_of_a_rotation_gets_the_right_signal(state: str) -> None:
    offered = asked(rotation(), hit(does=RELOADS), state=state)
    assert (offered.guard.line, offered.guard.text) == (3, b"\t\tservice php8.2-fpm reload >/dev/null")
    path = "/run/php/php8.2-fpm.pid"
    assert written(offered) == f'\t\t[ ! -f {path} ] || kill -USR1 "$(cat {path})"'


@pytest.mark.parametrize("master", [fpm(pidfile=None), fpm(root="/srv/other")])
def test_a_rotation_needs_a_pidfile_that_is_where_it_says(master: FpmMaster) -> None:
    assert "where its master's pid stands is not known" in asked(rotation(), hit(does=RELOADS), known=services(master))


def test_a_right_line_beside_the_wrong_one_stays() -> None:
    right = hit(NGINX, does=REOPENS, cuts=NONE, reaches=MASTER, hops=(Hop("/etc/cron.d/php:2", "x"),))
    assert asked(rotation(), right, hit(does=RELOADS)).guard.line == 3


@pytest.mark.parametrize(
    "shell, hits, why",
    [
        (ROTATION.replace("service", "rm /x; service"), (hit(does=RELOADS),), "does more than that"),
        (ROTATION.replace("\tservice", "\tif true; then service"), (hit(does=RELOADS),), "'fi' is missing"),
        (ROTATION.replace(" >/dev/null", " \\"), (hit(does=RELOADS),), "several lines"),
        (ROTATION, (hit(), hit(hops=(Hop("/etc/cron.d/php:4", "x"),))), "not one line alone"),
        (ROTATION, (hit(hops=(Hop("/root/x.sh:4", "x"),)),), "not one line alone"),
        (ROTATION, (hit(masters=()),), "does not run now"),
        (ROTATION, (hit(deed=hit().deed._replace(verb=STOP)),), "which something else starts again"),
    ],
)
def test_a_rotation_that_is_no_single_line_is_left_alone(shell: str, hits: Tuple[Hit, ...], why: str) -> None:
    refused = asked(rotation(shell), *hits)
    assert isinstance(refused, str) and why in refused
