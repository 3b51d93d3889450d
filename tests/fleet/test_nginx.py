# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx on a real host, under load: it is reloaded and upgraded, and no request is lost or cut."""

import json

import load
import pytest

SOCKET = "/run/php/php-fpm.sock"
CLIENTS = [20] * 4 + [400, 1000, 2000]  # milliseconds that the requests of each client take
HOLDER = """
import socket, time
connection = socket.create_connection(("127.0.0.1", 80))
connection.send(b"POST / HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 100\\r\\n\\r\\nx")
time.sleep(600)
"""
# It takes the sockets and ends a moment later, as a build does whose module cannot be used; or it serves nobody and
# does not end. Both pass the test of the configuration.
BROKEN = """#!/bin/sh
case " $* " in *" -t "*) exit 0;; esac
exec sleep {seconds}
"""


# Stops the workers of the new master in their tracks, as soon as there are some.
FREEZE = """
while new=$(cat /run/nginx.pid 2> /dev/null); [ "${{new:-{old}}}" = {old} ]; do sleep 0.01; done
while kill -STOP $(pgrep --parent $new); [ -e /run/nginx.pid.oldbin ]; do sleep 0.01; done
"""


@pytest.fixture
def nginx(lab, fresh_host, ansible_playbook, tmp_path):
    """Asks for a state of nginx on web1 several times in one play, and returns the result of each."""

    def ask(*wanted):
        results = f"{tmp_path}/results.json"
        tasks = []
        for number, options in enumerate(wanted):
            tasks.append({"phpfleet.remediation.nginx": options, "register": f"r{number}", "ignore_errors": True})
        shown = ", ".join(f"r{number}" for number in range(len(wanted)))
        copy = {"content": "{{ [" + shown + "] | to_json }}", "dest": results, "mode": "0600"}
        tasks.append({"ansible.builtin.copy": copy, "delegate_to": "localhost"})
        play = tmp_path / "play.yml"
        play.write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        done = ansible_playbook(str(play))
        assert done.returncode == 0, done.stdout + done.stderr
        with open(results, encoding="utf-8") as file:
            return json.load(file)

    return ask


@pytest.fixture
def address(lab, fresh_host):
    load.prepare(fresh_host, SOCKET)
    lines = lab.command("status").splitlines()
    return next(line.split()[1] for line in lines if line.split()[0] == "web1")


def test_reloads_and_upgrades_under_load_lose_nothing(fresh_host, address, nginx):
    now = fresh_host.run("date +%s").strip()
    with load.loaded(fresh_host, address, CLIENTS) as accounts:
        wanted = [dict(state="reloaded"), dict(state="upgraded", newer_than=now)] * 3
        results = nginx(*wanted[:2], wanted[0], wanted[0], dict(state="logs_reopened"))
        again = nginx(dict(state="upgraded", newer_than=fresh_host.run("date +%s").strip()))
    (account,) = accounts
    assert [result.get("msg") for result in [*results, *again]] == [None] * 6
    assert account.requests > 1000 and not account.failed and not account.half, account
    assert [result["changed"] for result in [*results, *again]] == [True, True, True, True, False, True]
    assert results[0]["after"]["pid"] == results[0]["before"]["pid"] != results[1]["after"]["pid"]
    assert fresh_host.run("systemctl show --property ActiveState,MainPID nginx") == (
        f"MainPID={again[0]['after']['pid']}\nActiveState=active\n"
    )
    assert fresh_host.run("cat /run/nginx.pid; ls /run/nginx.pid*").split() == [
        str(again[0]["after"]["pid"]),
        "/run/nginx.pid",
    ]


def test_a_reload_that_nginx_could_not_do_is_told(fresh_host, nginx):
    """The test knows nothing of a port that another program holds: nginx finds that out, and goes on as before."""
    fresh_host.run(
        """
        systemd-run --quiet --unit taken socat TCP-LISTEN:81,fork,reuseaddr /dev/null
        sleep 0.3
        echo 'server { listen 81; }' > /etc/nginx/conf.d/taken.conf
        """
    )
    (result,) = nginx(dict(state="reloaded", timeout=10))
    assert result["failed"] and "goes on as before" in result["msg"] and "Address already in use" in result["msg"]
    assert result["after"]["workers"] == result["before"]["workers"]


@pytest.mark.parametrize("seconds", [1, 600])
def test_an_upgrade_that_does_not_serve_is_taken_back(fresh_host, address, nginx, seconds):
    before = fresh_host.run("cat /run/nginx.pid")
    binary = BROKEN.format(seconds=seconds)
    fresh_host.run(f"cat > /root/new <<'END'\n{binary}END\nchmod 755 /root/new; mv /root/new /usr/sbin/nginx")
    with load.loaded(fresh_host, address, [20, 20, 400]) as accounts:
        (result,) = nginx(dict(state="upgraded", timeout=4))
    assert result["failed"] and "has not started, or has ended" in result["msg"], result
    (account,) = accounts
    assert account.requests > 100 and not account.failed and not account.half, account
    assert fresh_host.run("cat /run/nginx.pid; ls /run/nginx.pid*") == before + "/run/nginx.pid\n"
    assert fresh_host.run(f"pgrep --parent {before.strip()} sleep || echo gone") == "gone\n"


def test_a_new_master_that_does_not_answer_is_taken_back(fresh_host, address, nginx):
    """Both masters are nginx; the new one is stopped in its tracks once the old one is silent."""
    old = fresh_host.run("cat /run/nginx.pid").strip()
    freeze = FREEZE.format(old=old)
    fresh_host.run(f"cat > /root/freeze <<'END'\n{freeze}END\nsystemd-run --quiet --unit freeze bash /root/freeze")
    now = fresh_host.run("date +%s").strip()
    (result,) = nginx(dict(state="upgraded", newer_than=now, timeout=8))
    assert result["failed"] and "this was done to take back what failed" in result["msg"], result["msg"]
    fresh_host.run("for p in $(pgrep nginx); do kill -CONT $p; done; sleep 0.5")
    assert fresh_host.run("cat /run/nginx.pid").strip() == old
    assert (
        fresh_host.run("curl --silent --output /dev/null --write-out '%{http_code}' http://localhost/health") == "200"
    )


def test_a_stop_is_refused_while_clients_are_connected(fresh_host, nginx):
    fresh_host.run(
        f"cat > /root/hold.py <<'END'\n{HOLDER}END\nsystemd-run --quiet --unit hold python3 /root/hold.py; sleep 0.5"
    )
    refused, impatient = nginx(dict(state="stopped"), dict(state="stopped", wait_idle=2))
    assert refused["failed"] and "1 connections of clients" in refused["refusal"]
    assert impatient["failed"] and not impatient["changed"]
    fresh_host.run("systemd-run --quiet --on-active=2 systemctl stop hold")
    stopped, again = nginx(dict(state="stopped", wait_idle=30), dict(state="stopped"))
    assert stopped["changed"] and not stopped["failed"] and not stopped["after"]["running"]
    assert not again["changed"] and not again["failed"]
    assert (
        fresh_host.run("systemctl show --property ActiveState nginx; pgrep nginx || true") == "ActiveState=inactive\n"
    )


def test_what_systemd_would_fight_is_refused(fresh_host, nginx):
    fresh_host.run(
        """
        mkdir -p /etc/systemd/system/nginx.service.d
        printf '[Service]\\nRestart=always\\n' > /etc/systemd/system/nginx.service.d/again.conf
        systemctl daemon-reload
        """
    )
    (result,) = nginx(dict(state="stopped", allow_loss=True))
    assert result["failed"] and "Restart=always" in result["refusal"]
    fresh_host.run(
        """
        systemctl stop nginx
        printf '[Service]\\nType=simple\\nPIDFile=\\nExecStart=\\nExecStart=/usr/sbin/nginx -g "daemon off;"\\n' \
            > /etc/systemd/system/nginx.service.d/again.conf
        systemctl daemon-reload; systemctl start nginx; sleep 0.5
        """
    )
    (result,) = nginx(dict(state="upgraded", newer_than=fresh_host.run("sleep 1; date +%s").strip()))
    assert result["failed"] and "Type=forking" in result["refusal"]
