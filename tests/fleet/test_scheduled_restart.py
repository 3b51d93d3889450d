# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A real cron that restarts php-fpm each minute under load: taken out, put back, seen to lose requests, made harmless.

cron does what it does at full minutes only, so that the steps of the one test wait for the next of them, three in all.
"""

import json
import time

import pytest
from load import loaded, prepare

OBJECT = "/etc/cron.d/php-memory:2"
KILLS = "scheduled_restart.kills_in_flight"
CLIENTS = (400,) * 12
MANY = len(CLIENTS) // 4  # the others are between two requests when the signal comes: most, on a busy machine
LONGEST = 5
LEAD_SECONDS = 8.0  # of load before the full minute, and for a busy machine to begin with it
TAIL_SECONDS = 6.0  # cron, the init script and systemd take one or two of them


@pytest.fixture
def host(fresh_host):
    prepare(fresh_host, fresh_host.run("ls /run/php/php[0-9]*-fpm.sock").strip())
    fresh_host.run(
        """
        printf '[www]\\npm = static\\npm.max_children = 16\\n' > "$(echo /etc/php/*/fpm/pool.d)/zz-load.conf"
        systemctl restart "$(systemctl list-units --plain --no-legend 'php*-fpm.service' | cut -d ' ' -f 1)"
        """
    )
    return fresh_host


@pytest.fixture
def address(lab):
    return next(line.split()[1] for line in lab.command("status").splitlines() if line.startswith("web1 "))


@pytest.fixture
def ask(ansible_playbook, tmp_path):
    """Runs modules on web1, each a pair of name and options, and returns what came of each."""

    def run(*wanted):
        tasks = []
        for number, (module, options) in enumerate(wanted):
            path = tmp_path / f"{number}.json"
            tasks += [
                {f"phpfleet.remediation.{module}": options, "register": "done", "ignore_errors": True},
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

    return run


def wait_until_before_a_minute(lead):
    left = 60 - time.time() % 60
    time.sleep(left - lead if left > lead + 1 else left + 60 - lead)


def account_of_the_next_run(host, address):
    """Load the host while cron runs what it has for the next full minute, and return what became of the requests."""
    wait_until_before_a_minute(LEAD_SECONDS)
    with loaded(host, address, CLIENTS, before=LEAD_SECONDS + TAIL_SECONDS) as accounts:
        pass
    return accounts[0]


def logged(host, what):
    return host.run("cat /var/log/php[0-9]*-fpm.log").count(what)


def runs_of_cron(host):
    return host.run("journalctl --identifier CRON").count("php")


def the_finding(seen):
    found = [one for one in seen["findings"] if one["check"] == KILLS]
    assert len(found) == 1, seen
    return found[0]


def test_a_restart_on_a_schedule_is_taken_out_put_back_found_and_made_harmless(lab, host, address, ask):
    lab.command("inject", "nightly-restart", "web1")
    line = host.run("cat /etc/cron.d/php-memory")
    planted = "/etc/cron.d/planted /root/planted.sh"
    host.run(
        """
        printf '#!/bin/sh\\ntouch /root/mark\\nservice php-fpm restart\\n' > /root/planted.sh; chmod +x /root/planted.sh
        echo '0 0 31 2 * root /root/planted.sh $(touch /root/mark)' > /etc/cron.d/planted
        """
    )

    everything, refused, disabled, clean = ask(
        ("findings_info", {"checks": ["scheduled_restart"]}),
        ("scheduled_restart", {"state": "graceful", "longest_request": LONGEST, "jobs": [OBJECT]}),
        ("scheduled_restart", {"longest_request": LONGEST, "jobs": [OBJECT]}),
        ("scheduled_restart_info", {"longest_request": LONGEST}),
    )
    assert the_finding(everything)["object"] == OBJECT
    assert not refused["changed"], refused
    left = the_finding(refused)
    assert "process_control_timeout" in left["evidence"]["not_remedied"], left
    assert disabled["changed"] and not disabled["failed"], disabled
    assert not [one for one in clean["findings"] if one["object"] == OBJECT], clean
    before = (runs_of_cron(host), logged(host, "Terminating ..."), logged(host, "Reloading in progress"))
    wait_until_before_a_minute(0)
    time.sleep(TAIL_SECONDS)
    assert (runs_of_cron(host), logged(host, "Terminating ..."), logged(host, "Reloading in progress")) == before

    (put_back,) = ask(("undo", {"run_id": disabled["run_id"]}))
    assert put_back["changed"] and not put_back["failed"], put_back
    assert host.run("cat /etc/cron.d/php-memory") == line
    cut = account_of_the_next_run(host, address)
    assert len(cut.half) >= MANY, cut
    assert logged(host, "Terminating ...") > before[1]

    looked, limits, reloaded, graceful = ask(
        ("scheduled_restart_info", {}),
        ("php_fpm_limits", {"longest_request": LONGEST, "checks": ["php_fpm.reload_loses_requests"]}),
        ("php_fpm", {"state": "reloaded", "longest_request": LONGEST, "wait_idle": 20}),
        ("scheduled_restart", {"state": "graceful", "longest_request": LONGEST, "jobs": [OBJECT]}),
    )
    found = the_finding(looked)
    assert (found["object"], found["severity"]) == (OBJECT, "critical"), found
    assert "Terminating" in found["summary"] and len(found["evidence"]["next_runs"]) == 3, found
    assert limits["changed"] and reloaded["changed"] and not reloaded["failed"], (limits, reloaded)
    assert graceful["changed"] and not graceful["failed"], graceful
    reloads, stops = logged(host, "Reloading in progress"), logged(host, "Terminating ...")
    kept = account_of_the_next_run(host, address)
    assert kept.requests > 100 and not kept.failed and not kept.half, kept
    assert logged(host, "Reloading in progress") > reloads and logged(host, "Terminating ...") == stops

    (undone,) = ask(("undo", {"run_id": graceful["run_id"]}))
    assert undone["changed"] and not undone["failed"], undone
    assert host.run("cat /etc/cron.d/php-memory") == line
    assert host.run(f"ls {planted} /root/mark 2>/dev/null || true").split() == planted.split()
