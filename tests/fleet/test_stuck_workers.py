# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A pool whose workers all wait for a backend, as php_fpm_info sees it."""

import json
import time

CHECK = "php_fpm.stuck_workers"


def look(tmp_path, ansible_playbook, **options):
    """Return what php_fpm_info says of web1."""
    tasks = [
        {"phpfleet.remediation.php_fpm_info": options, "register": "seen"},
        {
            "ansible.builtin.copy": {
                "content": "{{ seen | to_json }}",
                "dest": f"{tmp_path}/seen.json",
                "mode": "0600",
            },
            "delegate_to": "localhost",
        },
    ]
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": tasks}]))
    done = ansible_playbook(f"{tmp_path}/play.yml")
    assert done.returncode == 0, done.stdout
    return json.loads((tmp_path / "seen.json").read_text())


def verdict(seen):
    (check,) = [check for check in seen["checks"] if check["id"] == CHECK]
    return check["verdict"], [finding for finding in seen["findings"] if finding["check"] == CHECK]


def found(tmp_path, ansible_playbook):
    """Return the one finding, once enough workers have waited for stuck_seconds; those just killed have not."""
    end = time.monotonic() + 60
    while True:
        state, findings = verdict(look(tmp_path, ansible_playbook))
        if state == "found":
            (finding,) = findings
            return finding
        assert time.monotonic() < end


def set_in_pool(host, *lines):
    for line in lines:
        host.run(f"echo '{line}' >> /etc/php/*/fpm/pool.d/www.conf")
    host.run("systemctl restart 'php*-fpm.service'")


def test_a_healthy_host_is_clean_and_a_hanging_redis_is_named(lab, fresh_host, ansible_playbook, tmp_path):
    assert verdict(look(tmp_path, ansible_playbook)) == ("clean", [])
    lab.command("inject", "redis-hangs", "web1")
    finding = found(tmp_path, ansible_playbook)
    assert "of 5 workers of pool www wait for 127.0.0.1:6379" in finding["summary"]
    assert finding["severity"] in ("critical", "high")  # high just after one was killed
    evidence = finding["evidence"]
    assert (evidence["of"], evidence["terminate"], evidence["socket_timeout"]) == (5, 15.0, 60.0)
    assert evidence["longest"] >= 5
    assert evidence["terminate_source"].endswith("www.conf:" + terminate_line(fresh_host))
    fresh_host.run("systemctl stop redis; sleep 1")
    assert verdict(look(tmp_path, ansible_playbook)) == ("clean", [])


def terminate_line(host):
    return host.run("grep --line-number '^request_terminate_timeout' /etc/php/*/fpm/pool.d/www.conf").split(":")[0]


def test_with_a_status_page_of_its_own_a_stuck_pool_tells_what_it_runs(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "redis-hangs", "web1")
    set_in_pool(fresh_host, "pm.status_path = /status", "pm.status_listen = 127.0.0.1:9100")
    finding = found(tmp_path, ansible_playbook)
    scripts = finding["evidence"]["scripts"]
    assert {script.split()[0] for script in scripts} <= {"/srv/shop/index.php", "/srv/shop/health.php"}
    assert scripts[0].startswith("/srv/shop/index.php")


def test_a_lock_on_a_session_is_told_without_the_session(fresh_host, ansible_playbook, tmp_path):
    page = "<?php session_id($_GET[0] ?? 'abcdefghijklmnopqrstuvwxyz'); session_start(); sleep(20);"
    fresh_host.run(f'echo "{page.replace("$", chr(92) + "$")}" > /srv/shop/index.php')
    set_in_pool(fresh_host, "pm.status_path = /status")
    for number in range(4):
        fresh_host.run(f"systemd-run --quiet --unit=visitor{number} curl --silent --max-time 60 http://localhost/")
    finding = found(tmp_path, ansible_playbook)
    assert "3 of 5 workers of pool www wait for the lock on /var/lib/php/sessions/sess_…" in finding["summary"]
    assert "abcdefgh" not in json.dumps(finding)


def test_an_ordinary_user_is_told_to_become_root(fresh_host, ansible_playbook, tmp_path):
    tasks = [
        {
            "phpfleet.remediation.php_fpm_info": {},
            "become": True,
            "become_user": "www-data",
            "vars": {"ansible_remote_tmp": "/tmp/of-www-data"},
            "register": "seen",
        },
        {"ansible.builtin.copy": {"content": "{{ seen | to_json }}", "dest": f"{tmp_path}/seen.json", "mode": "0600"}},
    ]
    tasks[1]["delegate_to"] = "localhost"
    (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": tasks}]))
    done = ansible_playbook(f"{tmp_path}/play.yml")
    assert done.returncode == 0, done.stdout
    state, findings = verdict(json.loads((tmp_path / "seen.json").read_text()))
    assert (state, findings) == ("unknown", [])
