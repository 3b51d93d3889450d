# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php_fpm on a real php-fpm under load: what it accepts loses nothing, and what would lose something it refuses."""

import json
import threading

import pytest
from load import Load, loaded, prepare

MIXED = [10] * 10 + [2000] * 4


@pytest.fixture
def host(fresh_host):
    prepare(fresh_host, fresh_host.run("ls /run/php/php[0-9]*-fpm.sock").strip())
    return fresh_host


@pytest.fixture
def address(lab):
    return next(line.split()[1] for line in lab.command("status").splitlines() if line.startswith("web1 "))


@pytest.fixture
def php_fpm(ansible_playbook, tmp_path):
    """Ask for states of php-fpm on web1, one after the other, and return what came of each."""

    def ask(*wanted):
        tasks = []
        for number, options in enumerate(wanted):
            path = tmp_path / f"{number}.json"
            tasks += [
                {"phpfleet.remediation.php_fpm": options, "register": "done", "ignore_errors": True},
                {
                    "ansible.builtin.copy": {"content": "{{ done | to_json }}", "dest": str(path), "mode": "0600"},
                    "delegate_to": "localhost",
                },
            ]
        play = tmp_path / "play.yml"
        play.write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        ran = ansible_playbook(str(play))
        assert ran.returncode == 0, ran.stdout + ran.stderr
        results = [json.loads((tmp_path / f"{number}.json").read_text("utf-8")) for number in range(len(wanted))]
        assert not any("Traceback" in json.dumps(one) for one in results), results
        return results

    return ask


def configured(host, grace, pool=""):
    host.run(
        f"""
        cat > "$(echo /etc/php/*/fpm/pool.d)/zz-load.conf" <<'END'
[global]
process_control_timeout = {grace}
[www]
pm = static
pm.max_children = 20
{pool}
END
        sleep 1.1  # what is as old as the start, to a second, could be newer
        systemctl restart "$(systemctl list-units --plain --no-legend 'php*-fpm.service' | cut -d ' ' -f 1)"
        """
    )


def test_a_reload_that_is_accepted_loses_none_of_five_thousand_requests(host, address, php_fpm):
    configured(host, 10)
    with loaded(host, address, MIXED) as accounts:
        for done in php_fpm(*[{"state": "reloaded", "longest_request": 5}] * 3):
            assert done["changed"] and not done["failed"], done
            assert done["after"]["generation"] > done["before"]["generation"]
            assert done["after"]["pid"] == done["before"]["pid"]
    account = accounts[0]
    assert account.requests >= 5000, account
    assert not account.failed and not account.half, account


def test_a_reload_that_would_cut_requests_is_refused_until_none_is_in_flight(host, address, php_fpm):
    configured(host, 0)
    with loaded(host, address, [300] * 8) as accounts:
        (refused,) = php_fpm({"state": "reloaded"})
    assert refused["failed"] and not refused["changed"] and refused["after"] is None
    assert "process_control_timeout is 0" in refused["msg"] and "not idle" in refused["msg"]
    assert refused["msg"] == refused["refusal"]
    assert not accounts[0].failed and not accounts[0].half, accounts[0]

    load = Load(address, [700] * 8)  # what is drained in the middle of the wait
    load.start()
    threading.Timer(6, load.stop).start()
    (done,) = php_fpm({"state": "reloaded", "wait_idle": 30})
    assert done["changed"] and not done["failed"], done
    statuses = load.stop()
    assert statuses and set(statuses.values()) == {200}


@pytest.mark.parametrize("state", ["restarted", "stopped"])
def test_a_stop_under_load_is_refused_whatever_grace_there_is(host, address, php_fpm, state):
    configured(host, 10)
    with loaded(host, address, [300] * 8) as accounts:
        (refused,) = php_fpm({"state": state, "longest_request": 5})
    assert refused["failed"] and not refused["changed"] and "connections that wait" in refused["msg"]
    assert not accounts[0].failed and not accounts[0].half, accounts[0]


def test_a_reload_is_refused_while_nobody_knows_how_long_requests_take(host, address, php_fpm):
    configured(host, 10)
    with loaded(host, address, [300] * 8):
        unbounded, too_long, bounded = php_fpm(
            {"state": "reloaded"},
            {"state": "reloaded", "longest_request": 20},
            {"state": "reloaded", "longest_request": 5},
        )
        host.run("sed -i 's/= 10$/= 30/' /etc/php/*/fpm/pool.d/zz-load.conf")
        (not_in_force,) = php_fpm({"state": "reloaded", "longest_request": 20})
    assert "how long its requests may take is not known" in unbounded["msg"]
    assert "cuts it after 10 s" in too_long["msg"]
    assert bounded["changed"] and not bounded["failed"]
    assert "configuration changed since" in not_in_force["msg"]


def test_kept_fastcgi_connections_and_an_impatient_nginx_are_seen(host, address, php_fpm):
    configured(host, 10)
    socket = host.run("ls /run/php/php[0-9]*-fpm.sock").strip()
    host.run(
        f"""
        cat > /etc/nginx/conf.d/kept.conf <<'END'
upstream kept {{ server unix:{socket}; keepalive 4; }}
server {{ listen 8090; location / {{ include fastcgi_params; fastcgi_keep_conn on; fastcgi_pass kept; }} }}
server {{ listen 8091; location / {{ include fastcgi_params; fastcgi_read_timeout 3; fastcgi_pass unix:{socket}; }} }}
END
        nginx -s reload
        """
    )
    with loaded(host, address, [300] * 8):
        (refused,) = php_fpm({"state": "reloaded", "longest_request": 5})
    assert "keeps FastCGI connections open (/etc/nginx/conf.d/kept.conf:2)" in refused["msg"]
    assert "gives up after 3 s (fastcgi_read_timeout, /etc/nginx/conf.d/kept.conf:3)" in refused["msg"]


def test_a_configuration_or_an_extension_that_would_not_load_is_refused(lab, host, php_fpm):
    before = host.run("systemctl show --property MainPID --value 'php*-fpm.service'")
    lab.command("inject", "broken-configuration", "web1")
    (broken,) = php_fpm({"state": "reloaded"})
    assert broken["failed"] and "its test fails" in broken["msg"], broken
    host.run("rm $(ls -t /etc/php/*/fpm/pool.d/* | head -1)")
    host.run("echo extension=not_there > $(echo /etc/php/*/fpm/conf.d)/zz-not-there.ini")
    (unloadable,) = php_fpm({"state": "restarted"})
    assert unloadable["failed"] and "extension cannot be loaded" in unloadable["msg"], unloadable
    assert host.run("systemctl show --property MainPID --value 'php*-fpm.service'") == before


def also_listening(host, address):
    """Give php-fpm one more pool, which is not in force yet."""
    host.run(
        f"""
        cat > "$(echo /etc/php/*/fpm/pool.d)/zz-another.conf" <<'END'
[another]
user = www-data
listen = {address}
pm = ondemand
pm.max_children = 2
END
        """
    )


def test_what_no_test_of_the_configuration_looks_at_is_refused_and_php_fpm_serves_on(host, php_fpm):
    """php-fpm accepts each of these configurations, and does not come up with any of them by a reload."""
    host.run(
        """
        cat > /etc/systemd/system/listener.socket <<'END'
[Socket]
ListenStream=0.0.0.0:9056
Accept=yes
END
        echo '[Service]' > /etc/systemd/system/listener@.service
        echo 'ExecStart=/bin/true' >> /etc/systemd/system/listener@.service
        systemctl daemon-reload && systemctl start listener.socket
        """
    )
    also_listening(host, "127.0.0.1:9055")
    (bound,) = php_fpm({"state": "reloaded", "wait_idle": 20})
    assert bound["changed"] and not bound["failed"], bound
    for address, words in (
        ("9055", "127.0.0.1:9055 is held by php-fpm itself"),
        ("127.0.0.1:9056", "0.0.0.0:9056 is held by process 1"),
        ("/run/nowhere/nowhere.sock", "whose directory is not there"),
    ):
        also_listening(host, address)
        host.run("/usr/sbin/php-fpm[0-9]* --test")
        (refused,) = php_fpm({"state": "reloaded", "allow_loss": True})
        assert refused["failed"] and not refused["changed"] and words in refused["msg"], refused
    also_listening(host, "9055")
    (restarted,) = php_fpm({"state": "restarted", "wait_idle": 20})
    assert restarted["changed"] and not restarted["failed"], restarted
    assert [pool["answers"] for pool in restarted["after"]["pools"]] == [True, True], restarted


def test_a_reload_that_fails_all_the_same_is_told_with_what_php_fpm_logged(host, php_fpm):
    """A pool on an address that the host has not passes the test of the configuration, and no start."""
    also_listening(host, "192.0.2.1:9000")
    failed, still = php_fpm({"state": "reloaded"}, {"state": "started"})
    assert failed["failed"] and failed["changed"] and failed["run_id"], failed
    assert "the master ended while it reloaded" in failed["msg"]
    assert any("192.0.2.1:9000" in problem and problem.startswith("log:") for problem in failed["problems"]), failed
    assert [step["result"] for step in failed["steps"]] == ["failed", "failed"], failed
    assert still["failed"] and still["after"]["running"] is False
    assert any("192.0.2.1:9000" in problem and problem.startswith("log:") for problem in still["problems"]), still
    host.run("rm /etc/php/*/fpm/pool.d/zz-another.conf")
    (started,) = php_fpm({"state": "started"})
    assert started["changed"] and started["after"]["pools"][0]["answers"], started


def test_a_stop_that_does_not_end_in_time_is_told_and_nothing_is_killed(host, address, php_fpm):
    configured(host, 30)
    with loaded(host, address, [20000], before=0.5) as accounts:
        (failed,) = php_fpm({"state": "stopped", "allow_loss": True, "timeout": 2})
    assert failed["failed"] and "waits for workers" in failed["msg"], failed
    assert not accounts[0].half and accounts[0].begun, accounts[0]


def test_orphans_are_let_go_and_the_service_is_back(lab, host, php_fpm):
    lab.command("inject", "hup-orphans", "web1")
    configuration = host.run("ls -t /etc/php/*-fpm.conf | head -1").strip()
    refused, plan, done, again = php_fpm(
        {"state": "started", "configuration": configuration},
        {"state": "reloaded", "configuration": configuration},
        {"state": "started", "configuration": configuration, "reap_orphans": True},
        {"state": "started", "configuration": configuration, "reap_orphans": True},
    )
    assert refused["failed"] and "reap_orphans" in refused["msg"] and refused["before"]["orphans"], refused
    assert plan["failed"] and "state=started" in plan["msg"], plan
    assert done["changed"] and not done["failed"], done
    assert [step["verb"] for step in done["steps"]] == ["send_signal"] * len(refused["before"]["orphans"]) + [
        "start_service"
    ]
    assert done["after"]["running"] and done["after"]["orphans"] == []
    assert not again["changed"] and not again["failed"]


def test_a_stranger_on_the_port_is_named_and_ended_only_when_it_is_named_back(lab, host, php_fpm):
    lab.command("inject", "port-held-by-stranger", "web1")
    (refused,) = php_fpm({"state": "started"})
    assert refused["failed"] and "stranger_pids" in refused["msg"], refused
    pid = int(refused["before"]["strangers"][0].split(",")[0].split()[1])
    wrong, done = php_fpm({"state": "started", "stranger_pids": [pid, 1]}, {"state": "started", "stranger_pids": [pid]})
    assert wrong["failed"] and "process 1 is the host's own" in wrong["msg"], wrong
    assert done["changed"] and not done["failed"] and done["after"]["strangers"] == [], done


def test_a_master_in_the_background_has_another_pid_after_a_reload_and_none_when_it_is_stopped(host, php_fpm):
    host.run(
        """
        cat > /etc/php/by-hand.conf <<'END'
[global]
pid = /run/php/by-hand.pid
[by-hand]
user = www-data
listen = 127.0.0.1:9055
pm = ondemand
pm.max_children = 2
pm.status_path = /status
END
        /usr/sbin/php-fpm[0-9]* --daemonize --fpm-config /etc/php/by-hand.conf
        """
    )
    unnamed, reloaded, stopped, again = php_fpm(
        {"state": "reloaded"},
        {"state": "reloaded", "pidfile": "/run/php/by-hand.pid", "wait_idle": 20},
        {"state": "stopped", "pool": "by-hand", "wait_idle": 20},
        {"state": "stopped", "configuration": "/etc/php/by-hand.conf"},
    )
    assert unnamed["failed"] and "several php-fpm fit" in unnamed["msg"], unnamed
    assert reloaded["changed"] and not reloaded["failed"], reloaded
    assert reloaded["after"]["pid"] != reloaded["before"]["pid"]
    assert stopped["changed"] and not stopped["failed"] and not stopped["after"]["running"], stopped
    assert not again["changed"] and not again["failed"], again
