# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The incident from symptom to cure over SSH, and live data that must survive while a remedy runs."""

import json
import time

FAILURE = "No space left on device"
TRY = """php -r 'var_dump(@shm_attach(0x6104e88b, 1000) !== false); echo error_get_last()["message"] ?? "";'"""
# A worker of www-data that opens its segment fifty times a second by its key, as requests do, counts in it, and prints
# what the count is when it is told to end.
WORKER = r"""
cat > /root/worker.php <<'PHP'
<?php
pcntl_async_signals(true);
pcntl_signal(SIGTERM, function () { global $count; file_put_contents('/tmp/count', "$count $GLOBALS[lost]"); exit; });
$count = $lost = 0;
while (true) {
    $memory = shm_attach(0x11223344, 4096);
    if ($count && (!shm_has_var($memory, 1) || shm_get_var($memory, 1) !== $count)) { $lost++; }
    shm_put_var($memory, 1, ++$count);
    shm_detach($memory);
    usleep(20000);
}
PHP
chmod 755 /root; chmod 644 /root/worker.php
setsid setpriv --reuid=www-data --regid=www-data --clear-groups php /root/worker.php </dev/null >/dev/null 2>&1 &
echo $!
"""


def module(ansible_playbook, tmp_path, name, **options):
    """Run one module on web1 and return its result."""
    task = {f"phpfleet.remediation.{name}": options, "register": "result"}
    keep = {
        "ansible.builtin.copy": {"content": "{{ result | to_json }}", "dest": str(tmp_path / "result.json")},
        "delegate_to": "localhost",
    }
    play = [{"hosts": "web1", "gather_facts": False, "tasks": [dict(task, ignore_errors=True), keep]}]
    (tmp_path / "play.yml").write_text(json.dumps(play))
    done = ansible_playbook("play.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((tmp_path / "result.json").read_text())


def ids(host, table):
    return host.run(f"awk 'NR > 1 {{print $2}}' /proc/sysvipc/{table}").split()


def test_no_space_left_on_device_is_explained_cleared_and_stays_cleared(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "shared-memory-full", "web1")
    assert FAILURE in fresh_host.run(TRY)
    time.sleep(2)
    seen = module(ansible_playbook, tmp_path, "sysv_ipc_info", min_age=1)
    worst = seen["findings"][0]
    assert (worst["check"], worst["object"], worst["severity"]) == ("sysv_ipc.near_limit", "kernel.shmmni", "critical")
    assert FAILURE in worst["summary"]
    assert worst["evidence"]["owner"] == "www-data"
    full = len(ids(fresh_host, "shm"))
    done = module(ansible_playbook, tmp_path, "sysv_ipc", min_age=1)
    assert done["changed"] and done["remaining"] == []
    assert sum(group["count"] for group in done["outcomes"]) == full
    assert ids(fresh_host, "shm") == []
    assert fresh_host.run(TRY).startswith("bool(true)")
    quiet = module(ansible_playbook, tmp_path, "sysv_ipc_info", min_age=1)
    assert {check["verdict"] for check in quiet["checks"] if check["id"] == "sysv_ipc.near_limit"} == {"clean"}


def test_keyed_segments_go_only_when_they_are_declared_and_come_back(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "keyed-segments", "web1")
    time.sleep(2)
    before = fresh_host.run("ipcs -m | awk '/^0x/ {print $1, $3, $4, $5}' | sort")
    assert before
    assert not module(ansible_playbook, tmp_path, "sysv_ipc", min_age=1)["changed"]
    done = module(ansible_playbook, tmp_path, "sysv_ipc", min_age=1, disposable_owners=["www-data"])
    assert done["changed"] and ids(fresh_host, "shm") == []
    undone = module(ansible_playbook, tmp_path, "undo", run_id=done["run_id"])
    assert undone["changed"] and undone["lost"] == []
    assert fresh_host.run("ipcs -m | awk '/^0x/ {print $1, $3, $4, $5}' | sort") == before


def test_unread_messages_are_never_thrown_away(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "queue-leaked", "web1")
    time.sleep(2)
    done = module(ansible_playbook, tmp_path, "sysv_ipc", min_age=1, disposable_owners=["root"])
    assert done["changed"]
    assert fresh_host.run("awk 'NR > 1 {print $5}' /proc/sysvipc/msg").split() == ["3"]


def test_a_segment_in_constant_use_survives_every_remedy(fresh_host, ansible_playbook, tmp_path):
    worker = fresh_host.run(WORKER).strip()
    results = [
        module(ansible_playbook, tmp_path, "sysv_ipc", min_age=0, disposable_owners=["www-data"])
        for attempt in range(3)
    ]
    assert [result["changed"] for result in results] == [False] * 3
    fresh_host.run(f"kill {worker}; sleep 0.5")
    count, lost = map(int, fresh_host.run("cat /tmp/count").split())
    assert count > 50 and lost == 0
