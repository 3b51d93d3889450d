# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""PHP daemons on a host that is broken as real ones are: each incident is explained in one look."""

import json

import pytest


@pytest.fixture
def look(ansible_playbook, tmp_path):
    """Runs php_daemon_info on web1 and returns its result."""

    def run(**options):
        tasks = [
            {"phpfleet.remediation.php_daemon_info": options, "register": "seen"},
            {
                "ansible.builtin.copy": {"content": "{{ seen }}", "dest": f"{tmp_path}/seen.json", "mode": "0600"},
                "delegate_to": "localhost",
            },
        ]
        play = tmp_path / "look.yml"
        play.write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        done = ansible_playbook(str(play))
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))

    return run


def found(seen):
    assert {check["verdict"] for check in seen["checks"]} <= {"clean", "found", "not_applicable"}
    return {(finding["check"], finding["severity"], finding["object"]): finding for finding in seen["findings"]}


def test_a_daemon_that_ignores_term_is_named_with_the_stops_it_cost(lab, fresh_host, look):
    lab.command("inject", "daemon-ignores-term", "web1")
    pid = fresh_host.run("systemctl show --property MainPID --value mailer").strip()
    findings = found(look())
    assert set(findings) == {
        ("php_daemon.ignores_sigterm", "high", f"process {pid}"),
        ("php_daemon.stop_escalates_to_kill", "high", "mailer.service"),
    }
    evidence = findings["php_daemon.stop_escalates_to_kill", "high", "mailer.service"]["evidence"]
    assert (evidence["times"], evidence["seconds"], evidence["stop_signal"]) == (1, 5, "SIGTERM")
    fresh_host.run("sed -i '/SIGTERM/d' /srv/mailer/worker.php && systemctl restart mailer")
    findings = found(look())  # it ends by now; the two stops that ended in KILL are history
    assert set(findings) == {("php_daemon.stop_escalates_to_kill", "medium", "mailer.service")}
    assert findings["php_daemon.stop_escalates_to_kill", "medium", "mailer.service"]["evidence"]["times"] == 2


def test_a_daemon_runs_the_old_release_until_it_is_restarted(lab, fresh_host, look):
    lab.command("inject", "daemon-old-code", "web1")
    pid = fresh_host.run("systemctl show --property MainPID --value orders").strip()
    ((key, finding),) = found(look()).items()
    assert key == ("php_daemon.old_code", "medium", f"process {pid}")
    assert "/srv/orders/current -> /srv/orders/releases/2" in finding["summary"]
    fresh_host.run("rm -r /srv/orders/releases/1")
    ((key, finding),) = found(look()).items()
    assert key == ("php_daemon.old_code", "high", f"process {pid}")
    fresh_host.run("systemctl restart orders")
    assert found(look()) == {}


def test_a_handler_looks_as_none_does_and_php_is_seen_to_be_replaced(fresh_host, look):
    """What docs/checks/php_daemon.ignores_sigterm.md says of SigCgt holds for the PHP of the lab."""
    fresh_host.run(
        """
        echo '<?php while (true) sleep(1);' > /srv/plain.php
        echo '<?php pcntl_signal(SIGTERM, function () {}); while (true) sleep(1);' > /srv/handler.php
        for name in plain handler; do systemd-run --quiet --unit $name /usr/bin/php /srv/$name.php; done
        sleep 0.5
        """
    )
    seen = look()
    assert found(seen) == {}
    reactions = {daemon["code"]["script"]: daemon["signals"]["SIGTERM"] for daemon in seen["php_daemon"]["daemons"]}
    assert reactions == {"/srv/plain.php": "caught by PHP", "/srv/handler.php": "caught by PHP"}
    fresh_host.run("cp $(readlink -f /usr/bin/php) /root/php && mv /root/php $(readlink -f /usr/bin/php)")
    assert {key[:2] for key in found(look())} == {("php_daemon.old_code", "low")}
