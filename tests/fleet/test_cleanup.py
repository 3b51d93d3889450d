# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cleanup of hosts over SSH: what is proven goes, once, and where it cannot be kept for undo nothing goes."""

import json

import pytest

CLEANUP = "phpfleet.remediation.cleanup"
UNDO = "phpfleet.remediation.undo"


def variables(**given):
    return (
        "--extra-vars",
        json.dumps({"phpfleet_audit_policy": {"sysv_ipc": {"min_age": 1}}, **given}),
        "--limit",
        "web1",
    )


def report(tmp_path, kind="cleanup"):
    return json.loads((tmp_path / f"phpfleet-report/{kind}.json").read_text())


def objects(host):
    return {kind: host.run(f"tail -n +2 /proc/sysvipc/{kind} | wc -l").strip() for kind in ("shm", "sem", "msg")}


def test_a_cleanup_changes_a_host_once(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "semaphores-leaked", "web1")
    fresh_host.run("sleep 2")
    before = objects(fresh_host)
    planned = ansible_playbook(CLEANUP, *variables(), "--check", "--diff")
    assert planned.returncode == 0, planned.stdout
    assert objects(fresh_host) == before and fresh_host.run("ls /var/lib/phpfleet || true") == ""
    plan = report(tmp_path)
    done = ansible_playbook(CLEANUP, *variables())
    assert done.returncode == 0, done.stdout
    told = report(tmp_path)
    assert told["totals"]["changes"]["done"] == plan["totals"]["changes"]["planned"] > 40
    assert int(before["sem"]) - int(objects(fresh_host)["sem"]) > 40
    left = objects(fresh_host)
    again = ansible_playbook(CLEANUP, *variables())
    assert again.returncode == 0 and "changed=0" in again.stdout and objects(fresh_host) == left
    assert report(tmp_path)["changes"] == []


def test_two_cleanups_of_one_host_never_act_together(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "semaphores-leaked", "web1")
    fresh_host.run(
        "mkdir -m 700 /var/lib/phpfleet; setsid flock /var/lib/phpfleet/lock sleep 60 < /dev/null > /dev/null 2>&1 &"
    )
    fresh_host.run("sleep 2")
    before = objects(fresh_host)
    done = ansible_playbook(CLEANUP, *variables())
    assert done.returncode == 2 and objects(fresh_host) == before
    (reason,) = report(tmp_path)["failures"]["web1"]
    assert "another run is changing this host" in reason["message"]


@pytest.mark.parametrize("size", ["4k", "12k"])
def test_a_full_disk_under_the_quarantine_stops_everything_before_the_first_change(
    lab, fresh_host, ansible_playbook, tmp_path, size
):
    lab.command("inject", "shared-memory-full", "web1")
    fresh_host.run(
        f"mkdir -m 700 /var/lib/phpfleet; mount -t tmpfs -o size={size},mode=0700 tmpfs /var/lib/phpfleet; sleep 2"
    )
    before = objects(fresh_host)
    done = ansible_playbook(CLEANUP, *variables())
    assert done.returncode == 2, done.stdout
    assert objects(fresh_host) == before
    (reason,) = report(tmp_path)["failures"]["web1"]
    assert "No space left on device" in reason["message"] and "nothing was changed" in reason["message"]
    assert "/var/lib/phpfleet" in reason["message"] and "state_dir" in reason["message"]
    assert fresh_host.run("find /var/lib/phpfleet -type f -size +0") == ""


def test_a_host_that_is_away_is_named_and_not_remedied(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("power-cut", "web1")
    try:
        done = ansible_playbook(CLEANUP, *variables())
    finally:
        lab.command("start", "web1")
    assert done.returncode == 2
    assert [reason["cause"] for reason in report(tmp_path)["failures"]["web1"]] == ["unreachable"]
