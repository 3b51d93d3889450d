# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The audit of a fleet over SSH: it changes nothing, and who gave no answer is named."""

import collections
import json
from pathlib import Path

AUDIT = "phpfleet.remediation.audit"
POLICY = ("--extra-vars", json.dumps({"phpfleet_audit_policy": {"sysv_ipc": {"min_age": 1}}}))
# What an audit could change: IPC objects, with the times of their last use, and files. A login alone writes the message
# of the day, and Ansible its own directories.
STATE = r"""
cat /proc/sysvipc/shm /proc/sysvipc/sem /proc/sysvipc/msg
find /run -xdev \( -path /run/systemd -o -path /run/log -o -path /run/user -o -path '/run/motd*' \) -prune \
    -o ! -type d -printf '%p %y %m %u %s %T@\n' | sort
find /run/php /run/nginx* -printf '%p %y %m %u %T@\n' | sort
find / -xdev \( -path /var/log -o -path /tmp -o -path /root/.ansible -o -path /run \) -prune -o -type f \
    -printf '%p %m %u %s %T@\n' | sort
ls -A /tmp
"""


def report(tmp_path: Path, kind: str = "audit"):
    return json.loads((tmp_path / f"phpfleet-report/{kind}.json").read_text())


def found(entries):
    counts = collections.Counter()
    for entry in entries:
        counts[entry["host"], entry["check"]] += entry["count"]
    return dict(counts)


def test_an_audit_of_broken_hosts_changes_nothing(lab, fresh_host, ansible_playbook, tmp_path):
    for incident in ("keyed-segments", "queue-leaked", "pidfile-garbage"):
        lab.command("inject", incident, fresh_host.name)
    # Stands still: what the host does by itself would be taken for the audit's doing.
    fresh_host.run("systemctl stop cron nginx 'php*-fpm.service'; systemctl stop '*.timer'; sleep 2")
    ansible_playbook(AUDIT, *POLICY, "--limit", "web1")
    before = fresh_host.run(STATE)
    done = ansible_playbook(AUDIT, *POLICY, "--limit", "web1")
    assert fresh_host.run(STATE) == before
    assert "changed=0" in done.stdout and "shmid" in before and "/etc/passwd" in before
    assert {check for _host, check in found(report(tmp_path)["findings"])} >= {
        "sysv_ipc.orphaned_segment",
        "sysv_ipc.orphaned_queue",
        "pidfile.unreadable",
    }


def test_a_whole_fleet_is_audited_and_who_is_away_is_named(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "semaphores-leaked", "web1")
    lab.command("power-cut", "web2")
    line = "28 5 * * * root systemctl restart $(basename /lib/systemd/system/php*-fpm.service)"
    try:
        for name in ("web1", "web3"):
            lab.host(name).run(f'echo "{line}" > /etc/cron.d/leak')
        done = ansible_playbook(AUDIT, *POLICY)
    finally:
        lab.command("start", "web2")
        lab.host("web3").run("rm /etc/cron.d/leak")
    assert done.returncode == 2, done.stdout + done.stderr
    told = report(tmp_path)
    states = {name: host["state"] for name, host in told["hosts"].items()}
    assert (
        states["web2"] == "unreachable" and states["web1"] == "found" and set(states) == {"lb1", "web1", "web2", "web3"}
    )
    assert {reason["cause"] for reason in told["failures"]["web2"]} == {"unreachable"}
    assert found(told["findings"])["web1", "sysv_ipc.orphaned_semaphore"] > 40
    recap = done.stdout.rpartition("PLAY RECAP")[2]
    failed = {line.split()[0] for line in recap.splitlines() if "failed=1" in line}
    assert {"web1", "web2", "web3"} == failed
    (together,) = told["fleet_findings"]
    assert together["check"] == "scheduled_restart.same_minute" and together["hosts"] == ["web1", "web3"]
    assert {pool["group"]: (pool["down"], pool["hosts"]) for pool in together["evidence"]["pools"]} == {
        "php": (2, 3),
        "all": (2, 4),
    }
    assert together["evidence"]["unseen_hosts"] == ["web2"]
    assert "`web2` | unreachable" in (tmp_path / "phpfleet-report/audit.md").read_text()


def test_an_ordinary_user_is_told_what_could_not_be_seen(lab, fresh_host, ansible_playbook, tmp_path):
    """A host that hides processes is not clean: what needs them is unknown, or no more than a suspicion."""
    lab.command("inject", "semaphores-leaked", "web1")
    fresh_host.run(
        "useradd --create-home auditor; cp -r /root/.ssh /home/auditor/; chown -R auditor /home/auditor/.ssh; "
        "mount -o remount,hidepid=2 /proc"
    )
    done = ansible_playbook(AUDIT, *POLICY, "--limit", "web1", "--extra-vars", "ansible_user=auditor")
    assert done.returncode == 2
    told = report(tmp_path)
    assert {"pidfile.dead_process", "pidfile.missing"} <= {entry["check"] for entry in told["unknown_checks"]}
    findings = {entry["check"]: entry for entry in told["findings"]}
    assert findings["sysv_ipc.near_limit"]["severity"] == "high"  # the limits are there for all to see
    leak = findings["sysv_ipc.orphaned_semaphore"]
    assert leak["remedy"] is None and "this host hides processes" in leak["evidence"]["missing"][0]
