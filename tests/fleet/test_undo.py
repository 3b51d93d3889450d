# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a cleanup took away comes back, also where the host was lost in the middle of it."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

CLEANUP = "phpfleet.remediation.cleanup"
UNDO = "phpfleet.remediation.undo"
POLICY = {"phpfleet_audit_policy": {"sysv_ipc": {"min_age": 1, "disposable_owners": ["www-data"]}}}


def variables(**given):
    return ("--extra-vars", json.dumps({**POLICY, **given}), "--limit", "web1")


def segments(host):
    """Return key, owner, mode and size of each keyed segment, with its content."""
    return host.run(
        """
        python3 - <<'END'
import ctypes
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
for line in open("/proc/sysvipc/shm").read().splitlines()[1:]:
    key, shmid, mode, size, _, _, _, uid, gid = line.split()[:9]
    if key != "0":
        address = libc.shmat(int(shmid), None, 0o10000)
        print(key, mode, size, uid, gid, ctypes.string_at(address, int(size)).hex()[:4096])
END
        """
    )


def test_what_a_cleanup_took_is_put_back_by_its_report(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "keyed-segments", "web1")
    lab.command("inject", "pidfile-garbage", "web1")
    before = sorted(segments(fresh_host).splitlines())
    fresh_host.run("sleep 2")
    assert len(before) > 1
    done = ansible_playbook(CLEANUP, *variables())
    assert done.returncode == 0, done.stdout
    assert len(segments(fresh_host).splitlines()) < len(before)
    undone = ansible_playbook(UNDO, *variables(phpfleet_undo_report="phpfleet-report/cleanup.json"))
    assert undone.returncode == 0, undone.stdout
    assert sorted(segments(fresh_host).splitlines()) == before
    again = ansible_playbook(UNDO, *variables(phpfleet_undo_report="phpfleet-report/cleanup.json"))
    assert "changed=0" in again.stdout


def test_a_run_of_another_host_is_refused(lab, fresh_host, ansible_playbook):
    undone = ansible_playbook(UNDO, *variables(phpfleet_run_id="20261121T220455Z-1f2e3d4c"))
    assert undone.returncode == 2 and "this host has no journal" in undone.stdout + undone.stderr


MANY = 3000
# Leaves keyed segments behind, each with a content of its own, as a daemon of www-data does that is killed.
LEAK = f"""
import ctypes, os
os.setgid(33); os.setuid(33)
libc = ctypes.CDLL(None)
libc.shmat.restype, libc.shmdt.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
for key in range(1, {MANY} + 1):
    address = libc.shmat(libc.shmget(key, ctypes.c_size_t(4096), 0o1600), None, 0)
    ctypes.memmove(address, b"%d" % key, len(b"%d" % key))
    libc.shmdt(address)
"""
# Holds whoever has the lock of the state directory as soon as it has removed a first segment.
HOLD = f"""
import glob, os, signal
def holder():
    for link in glob.glob("/proc/[0-9]*/fd/*"):
        try:
            if os.readlink(link) == "/var/lib/phpfleet/lock":
                return int(link.split("/")[2])
        except OSError:
            pass
pid = None
while pid is None:
    pid = holder()
while open("/proc/sysvipc/shm").read().count("\\n") > {MANY}:
    pass
os.kill(pid, signal.SIGSTOP)
open("/root/held", "w").write(str(pid))
"""


@pytest.mark.parametrize("death", ["kill", "power-cut"])
def test_what_is_lost_in_the_middle_of_a_remedy_leaves_a_journal_that_undo_can_use(
    lab, fresh_host, ansible_playbook, tmp_path, death
):
    for name, program in (("leak.py", LEAK), ("hold.py", HOLD)):
        fresh_host.run(f"cat > /root/{name} <<'END'\n{program}\nEND")
    fresh_host.run("python3 /root/leak.py; setsid python3 /root/hold.py < /dev/null > /dev/null 2>&1 & sleep 2")
    before = sorted(segments(fresh_host).splitlines())
    assert len(before) == MANY
    with ThreadPoolExecutor() as pool:
        cleanup = pool.submit(ansible_playbook, CLEANUP, *variables(phpfleet_cleanup_max_changes=MANY))
        fresh_host.run("until test -s /root/held; do sleep 0.1; done")
        assert 0 < len(segments(fresh_host).splitlines()) < MANY, "it was not held in the middle"
        if death == "kill":
            fresh_host.run("kill -KILL $(cat /root/held)")
        else:
            lab.command("power-cut", "web1")
        done = cleanup.result()
    assert done.returncode == 2, done.stdout
    (reason,) = json.loads((tmp_path / "phpfleet-report/cleanup.json").read_text())["failures"]["web1"]
    assert reason["cause"] == "remedy"
    if death == "power-cut":
        lab.command("start", "web1")
    (journal,) = fresh_host.run("ls /var/lib/phpfleet/journal").split()
    undone = ansible_playbook(UNDO, *variables(phpfleet_run_id=journal.replace(".jsonl", "")))
    assert undone.returncode == 0, undone.stdout
    assert sorted(segments(fresh_host).splitlines()) == before
