# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every command of the lab does what it says, and every incident really breaks the host."""

import ipaddress
import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import CHECKOUT, LAB, Host, Lab, attempt, lab_command, require_a_lab

STATE = Path("/var/lib/phpfleet-lab")
# The seconds into an `up` of two hosts at which it is killed: while it makes disks, the network, and while hosts boot.
KILLED_AFTER = (0.15, 0.25, 0.4, 0.7, 1.2)


@pytest.fixture
def other_lab() -> Iterator[str]:
    """The name of a second lab, for tests that make and remove it; whatever is left of it is removed."""
    require_a_lab()
    name = f"u{os.getpid()}"
    yield name
    lab_command(name, "down")


def refused(*arguments: str) -> str:
    """Run a command that must fail, and return the one line it said."""
    done = attempt(LAB, *arguments)
    assert done.returncode == 1
    return done.stderr


def description(lab: str) -> dict:
    return json.loads((STATE / lab / "lab.json").read_text())


def address(lab: str, host: str) -> str:
    (line,) = [line for line in lab_command(lab, "status").splitlines() if line.split()[0] == host]
    return line.split()[1]


def leftovers(lab: str) -> list[str]:
    """Whatever of a lab is still on this machine: files, namespaces, interfaces, cgroups, processes, mounts."""
    found = [str(path) for path in STATE.glob(f"{lab}*")]
    found += [str(path) for path in Path("/run/netns").glob(f"phpfleet-{lab}-*")]
    interfaces = Path("/sys/class/net").glob("phplab*/ifalias")
    found += [str(path) for path in interfaces if path.read_text() == f"phpfleet lab {lab}\n"]
    found += [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/phpfleet-lab-{lab}")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            alive = (process / "cmdline").read_bytes() != b""
            traces = (process / "cgroup").read_text() + (process / "mounts").read_text() if alive else ""
        except OSError:
            continue  # it ended while we looked
        if f"/phpfleet-lab-{lab}/" in traces or f"/phpfleet-lab/{lab}/" in traces:
            found.append(str(process))
    return found


def test_each_host_is_a_whole_system_with_the_services_of_its_group_only(lab: Lab, fresh_host: Host) -> None:
    for name in ("lb1", "web1", "web2", "web3"):
        host = lab.host(name)
        assert host.run("systemctl is-system-running").strip() == "running"
        units = host.run("systemctl list-units --type=service --state=running --plain --no-legend")
        services = {line.split()[0] for line in units.splitlines()}
        assert {"cron.service", "ssh.service"} <= services
        web = "nginx.service" in services and any(service.startswith("php") for service in services)
        assert (web, "haproxy.service" in services) == ((False, True) if name == "lb1" else (True, False))


ALL_UP = """timeout 30 sh -c '
    until [ "$(echo show stat | socat - /run/haproxy/admin.sock | grep -c "^web,web.*,UP,")" = 3 ]; do
        sleep 0.2
    done'"""


def test_the_balancer_spreads_visitors_over_the_web_hosts_and_drains_on_demand(lab: Lab, fresh_host: Host) -> None:
    def visit() -> str:
        with urllib.request.urlopen(f"http://{address(lab.name, 'lb1')}/", timeout=5) as answer:
            return json.load(answer)["host"]

    admin = lab.host("lb1")
    admin.run(ALL_UP)  # it takes a host that was reset back after two checks
    assert {visit() for number in range(9)} == {"web1", "web2", "web3"}
    admin.run("echo 'set server web/web2 state drain' | socat - /run/haproxy/admin.sock")
    assert {visit() for number in range(9)} == {"web1", "web3"}
    lab.host("web1").run("echo 'set server web/web2 state ready' | socat - TCP:lb1:9999")
    assert "web2" in {visit() for number in range(9)}


def test_ansible_reaches_every_host_by_the_inventory(lab: Lab, ansible_playbook, tmp_path: Path) -> None:
    (tmp_path / "names.yml").write_text(
        "- hosts: php:balancers\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: hostname\n"
    )
    done = ansible_playbook("names.yml", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("lb1", "web1", "web2", "web3"):
        assert f'"stdout": "{name}"' in done.stdout


def test_ssh_hands_over_the_command_and_its_exit_status(lab: Lab) -> None:
    done = attempt(LAB, "--lab", lab.name, "ssh", "web1", "hostname; exit 7")
    assert (done.returncode, done.stdout) == (7, "web1\n")


def test_hosts_have_their_own_ipc_with_limits_that_can_be_set(fresh_host: Host, lab: Lab) -> None:
    fresh_host.run(
        "echo kernel.shmmni = 8 > /etc/sysctl.d/60-ipc.conf; sysctl --quiet --write kernel.sem='250 80 32 9'"
    )
    assert fresh_host.run("cat /proc/sys/kernel/sem").split() == ["250", "80", "32", "9"]
    lab.command("power-cut", "web1")
    lab.command("start", "web1")
    assert fresh_host.run("cat /proc/sys/kernel/shmmni").strip() == "8"
    fresh_host.run("for number in 1 2 3 4 5 6 7 8; do ipcmk --shmem 4096; done")
    assert "No space left on device" in fresh_host.run("ipcmk --shmem 4096 2>&1 || true")
    assert len(sysvipc(lab.host("web2"), "shm")) < 8
    assert Path("/proc/sys/kernel/shmmni").read_text().strip() != "8"


def test_packets_for_the_lab_cannot_leave_the_machine(lab: Lab, other_lab: str) -> None:
    lab_command(other_lab, "up", "1")
    subnet, target = description(other_lab)["subnet"], address(other_lab, "web1")
    assert ipaddress.ip_address(target) in ipaddress.ip_network("198.18.0.0/15")

    def way_out() -> str:
        done = attempt("ip", "route", "get", target)
        return done.stdout or done.stderr

    assert f"dev phplab{subnet}" in way_out()
    assert Path(f"/proc/sys/net/ipv4/conf/phplab{subnet}/forwarding").read_text() == "0\n"
    host = Host(other_lab, "web1")
    assert host.run("ip -4 route").split()[0] == f"198.{18 + subnet // 256}.{subnet % 256}.0/24"
    assert "unreachable" in host.run("ip route get 192.0.2.1 2>&1 || true").lower()
    # The worst case: the lab's interface goes while something still talks to its hosts.
    subprocess.run(["ip", "link", "delete", f"phplab{subnet}"], check=True)
    assert "No route to host" in way_out()
    lab_command(other_lab, "down")
    assert "No route to host" in way_out()


def test_labs_run_side_by_side(lab: Lab, other_lab: str) -> None:
    lab_command(other_lab, "up", "1")
    assert address(lab.name, "web1") != address(other_lab, "web1")
    Host(other_lab, "web1").run("ipcmk --queue")
    assert lab.host("web1").run("hostname") == Host(other_lab, "web1").run("hostname")
    assert sysvipc(lab.host("web1"), "msg") == []


def test_a_power_cut_keeps_the_disk_and_start_boots_it_again(fresh_host: Host, lab: Lab) -> None:
    boot = fresh_host.run("echo kept > /srv/kept; touch /run/lost; cat /proc/sys/kernel/random/boot_id")
    lab.command("power-cut", "web1")
    assert "web1" in [line.split()[0] for line in lab.command("status").splitlines() if line.endswith("off")]
    lab.command("start", "web1")
    assert fresh_host.run("cat /srv/kept") == "kept\n"
    assert fresh_host.run("ls /run/lost 2>/dev/null || true") == ""
    assert fresh_host.run("cat /proc/sys/kernel/random/boot_id") != boot


def test_reset_gives_a_host_back_as_new(fresh_host: Host, lab: Lab) -> None:
    fresh_host.run("touch /srv/mark && ipcmk --shmem 4096")
    lab.command("reset", "web1")
    assert fresh_host.run("ls /srv; tail -n +2 /proc/sysvipc/shm") == "shop\n"


def test_a_host_can_reboot_itself(fresh_host: Host) -> None:
    boot = fresh_host.run("cat /proc/sys/kernel/random/boot_id; systemd-run --on-active=0.1 systemctl reboot")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        done = attempt(LAB, "--lab", fresh_host.lab, "ssh", "web1", "cat /proc/sys/kernel/random/boot_id")
        if done.returncode == 0 and done.stdout not in boot:
            return
        time.sleep(0.2)
    pytest.fail(f"web1 did not come back within 20 s: {done.stderr}")


def test_up_is_a_no_op_that_starts_what_is_off(other_lab: str) -> None:
    lab_command(other_lab, "up", "1")
    host = Host(other_lab, "web1")
    host.run("touch /run/not-rebooted")
    lab_command(other_lab, "power-cut", "lb1")
    lab_command(other_lab, "up")
    assert all(line.endswith("on") for line in lab_command(other_lab, "status").splitlines())
    host.run("ls /run/not-rebooted")
    assert "has 1 web hosts" in refused("--lab", other_lab, "up", "2")


def test_the_callers_umask_and_path_stay_out_of_the_hosts(other_lab: str) -> None:
    bare = {**os.environ, "PATH": "/usr/local/bin:/usr/bin:/bin"}
    done = attempt(LAB, "--lab", other_lab, "up", "1", umask=0o077, env=bare)
    assert done.returncode == 0, done.stderr
    Host(other_lab, "web1").run("setpriv --reuid=nobody --clear-groups cat /etc/hosts /etc/machine-id")


@pytest.mark.parametrize("seconds", KILLED_AFTER)
def test_a_killed_up_is_finished_by_the_next_and_cleared_by_down(other_lab: str, seconds: float) -> None:
    for finish in (["up", "1"], ["down"]):
        with subprocess.Popen([LAB, "--lab", other_lab, "up", "1"], stdin=subprocess.DEVNULL) as up:
            time.sleep(seconds)
            up.kill()
        lab_command(other_lab, *finish)
        if finish[0] == "up":
            assert Host(other_lab, "web1").run("systemctl is-system-running") == "running\n"
            lab_command(other_lab, "down")
        assert leftovers(other_lab) == []


def test_a_lab_of_an_earlier_boot_of_the_machine_is_made_anew(other_lab: str) -> None:
    lab_command(other_lab, "up", "1")
    before = description(other_lab)
    (STATE / other_lab / "lab.json").write_text(json.dumps({**before, "boot_id": "an earlier one"}))
    lab_command(other_lab, "up", "1")
    assert description(other_lab)["boot_id"] == before["boot_id"]


def test_down_is_idempotent_and_leaves_nothing(other_lab: str) -> None:
    lab_command(other_lab, "up", "1")
    kinds = " ".join(leftovers(other_lab))
    assert all(kind in kinds for kind in (str(STATE), "/run/netns", "/sys/class/net", "/sys/fs/cgroup", "/proc"))
    lab_command(other_lab, "down")
    assert leftovers(other_lab) == []
    lab_command(other_lab, "down")


def test_what_is_wrong_is_named_with_what_to_do(lab: Lab) -> None:
    assert "its hosts are lb1, web1, web2, web3" in refused("--lab", lab.name, "ssh", "db1")
    assert "run `lab --lab nowhere up`" in refused("--lab", "nowhere", "status")
    assert "there are: broken-configuration, " in refused("--lab", lab.name, "inject", "flood", "web1")
    assert "can't name a lab" in refused("--lab", "../etc", "up")


def test_an_ordinary_user_is_told_that_it_takes_root() -> None:
    done = attempt("unshare", "--user", LAB, "up")
    assert (done.returncode, "needs root" in done.stderr) == (1, True)


def test_the_demo_ends_with_what_was_found_remedied_and_left(other_lab: str) -> None:
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache/collections"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PHPFLEET_LAB": other_lab,
    }
    done = attempt(CHECKOUT / "lab/demo", cwd=CHECKOUT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = [line.split() for line in done.stdout.partition("found  remedied")[2].splitlines()]
    assert ["web1", "sysv_ipc.orphaned_segment", "64", "64", "0"] in summary
    assert ["web3", "sysv_ipc.orphaned_segment", "3", "0", "3"] in summary
    assert ["web2", "pidfile.foreign_process", "1", "1", "0"] in summary
    assert ["web3", "opcode_cache.crashing_entry", "1", "1", "0"] in summary
    statuses = re.findall(r"GET / -> (\d+)", done.stdout)
    assert sorted(statuses[:3]) == ["200", "500", "502"] and statuses[3:] == ["200"] * 3
    assert all(line.endswith("on") for line in lab_command(other_lab, "status").splitlines())


def test_the_molecule_scenario_passes(tmp_path: Path) -> None:
    require_a_lab()
    programs = Path(sys.executable).parent
    if not (programs / "molecule").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"molecule is not installed in {programs}")
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp_path), "NO_COLOR": "1"}
    done = attempt(programs / "molecule", "test", cwd=CHECKOUT, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert leftovers("molecule") == []


# The incidents. What they leave is looked at by other means than the collection's own: /proc, ps, and PHP itself.


def inject(host: Host, incident: str) -> None:
    lab_command(host.lab, "inject", incident, host.name)


def sysvipc(host: Host, kind: str) -> list[dict[str, int]]:
    """The rows of the host's /proc/sysvipc/KIND, by column."""
    header, *rows = host.run(f"cat /proc/sysvipc/{kind}").splitlines()
    return [dict(zip(header.split(), map(int, row.split()), strict=True)) for row in rows]


def pids(host: Host) -> set[int]:
    return {int(pid) for pid in host.run("ps -e -o pid=").split()}


def php(host: Host, code: str) -> str:
    return host.run(f"php -r '{code}' 2>&1")


def workers(host: Host, pool: str) -> list[str]:
    """The parents' pids of the living workers of a pool."""
    lines = host.run("ps -e -o ppid=,args=").splitlines()
    return [line.split()[0] for line in lines if line.rstrip().endswith(f"php-fpm: pool {pool}")]


def test_every_incident_says_what_it_is_and_is_tested_here(lab: Lab) -> None:
    listed = lab.command("incidents").splitlines()
    assert all(len(line.split()) > 8 for line in listed)
    tests = {name.removeprefix("test_incident_").replace("_", "-") for name in globals() if "test_incident_" in name}
    assert tests == {line.split()[0] for line in listed}


def test_incident_shared_memory_full(fresh_host: Host) -> None:
    inject(fresh_host, "shared-memory-full")
    segments = sysvipc(fresh_host, "shm")
    assert len(segments) == 64 == int(fresh_host.run("cat /proc/sys/kernel/shmmni"))
    assert {(segment["key"], segment["nattch"]) for segment in segments} == {(0, 0)}
    assert not {pid for segment in segments for pid in (segment["cpid"], segment["lpid"])} & pids(fresh_host)
    assert "No space left on device" in php(fresh_host, 'shm_attach(ftok("/etc/hosts", "a"));')
    assert '"error":"shm_attach(): Failed for key' in fresh_host.run("curl --silent http://localhost/")


def test_incident_semaphores_leaked(fresh_host: Host) -> None:
    inject(fresh_host, "semaphores-leaked")
    sets = sysvipc(fresh_host, "sem")
    assert len(sets) == 60
    assert {(row["key"], row["nsems"], row["uid"]) for row in sets} == {(0, 3, 33)}
    answer = php(fresh_host, 'for ($n = 60; sem_get(0); $n++); echo "full at $n";')
    assert "No space left on device" in answer
    assert answer.endswith("full at 64")


def test_incident_queue_leaked(fresh_host: Host) -> None:
    inject(fresh_host, "queue-leaked")
    empty, unread = sysvipc(fresh_host, "msg")
    assert (empty["key"], empty["qnum"], unread["key"], unread["qnum"]) == (0, 0, 0, 3)
    assert not {empty["lspid"], empty["lrpid"], unread["lspid"]} & pids(fresh_host)


def test_incident_keyed_segments(fresh_host: Host) -> None:
    inject(fresh_host, "keyed-segments")
    segments = sysvipc(fresh_host, "shm")
    assert len(segments) == 3
    assert all(segment["key"] != 0 and segment["nattch"] == 0 for segment in segments)
    assert not {segment["cpid"] for segment in segments} & pids(fresh_host)
    assert php(fresh_host, 'echo shm_get_var(shm_attach(ftok("/srv/shop/index.php", "b")), 1);') == "prices, part b"


def test_incident_master_killed(fresh_host: Host) -> None:
    inject(fresh_host, "master-killed")
    assert int(fresh_host.run("cat /run/php/mailer-fpm.pid")) not in pids(fresh_host)
    assert workers(fresh_host, "mailer") == ["1", "1"]


def test_incident_pidfile_recycled(fresh_host: Host) -> None:
    inject(fresh_host, "pidfile-recycled")
    pid = fresh_host.run("cat /run/php/reports-fpm.pid").strip()
    assert fresh_host.run(f"readlink /proc/{pid}/exe") == "/usr/bin/tail\n"
    assert workers(fresh_host, "reports") == []


def test_incident_pidfile_missing(fresh_host: Host) -> None:
    before = fresh_host.run("cat /run/php/php*-fpm.pid")
    inject(fresh_host, "pidfile-missing")
    assert fresh_host.run("find /run/php -name '*.pid'") == ""
    assert fresh_host.run("systemctl show --property MainPID --value 'php*-fpm.service'").strip() == before.strip()


def test_incident_pidfile_garbage(fresh_host: Host) -> None:
    inject(fresh_host, "pidfile-garbage")
    assert fresh_host.run("stat --format=%s /run/php/billing-fpm.pid") == "0\n"
    assert workers(fresh_host, "billing") == []


def ask(host: Host, path: str) -> tuple[str, str]:
    """The status and the text of the answer that nginx on the host gives."""
    text, _unused, status = host.run(
        f"curl --silent --write-out '\\n%{{http_code}}' http://localhost{path}"
    ).rpartition("\n")
    return status, text


def crashes(host: Host) -> int:
    return host.run("cat /var/log/php*-fpm.log").count("exited on signal 11 (SIGSEGV)")


def test_incident_crash_loop(fresh_host: Host) -> None:
    assert ask(fresh_host, "/")[0] == "200"
    inject(fresh_host, "crash-loop")
    before = crashes(fresh_host)
    for restart in ("reload", "restart"):
        fresh_host.run(f"systemctl {restart} 'php*-fpm.service'")
        assert [ask(fresh_host, path)[0] for path in ("/", "/", "/health")] == ["502", "502", "200"]
    assert crashes(fresh_host) == before + 4
    fresh_host.run("rm /var/cache/php-opcache/*/srv/shop/lib/visits.php.bin")
    assert ask(fresh_host, "/")[0] == "200"


def test_incident_stale_code(fresh_host: Host) -> None:
    inject(fresh_host, "stale-code")
    assert '"interpreter":' not in ask(fresh_host, "/")[1]
    fresh_host.run("grep --quiet \"'interpreter' =>\" /srv/shop/index.php; systemctl restart 'php*-fpm.service'")
    assert '"interpreter":' not in ask(fresh_host, "/")[1]
    fresh_host.run("rm -r /var/cache/php-opcache/*; systemctl restart 'php*-fpm.service'")
    assert '"interpreter":' in ask(fresh_host, "/")[1]


def test_incident_old_build_cache(fresh_host: Host) -> None:
    inject(fresh_host, "old-build-cache")
    files = "cd /var/cache/php-opcache; find * -name '*.bin' -newermt '{}' | sort"
    entries = fresh_host.run(files.format("@0")).splitlines()
    dead = {path.split("/")[0] for path in entries} - {fresh_host.run(files.format("1 minute ago")).split("/")[0]}
    assert len(dead) == 1 and len([path for path in entries if path.split("/")[0] in dead]) == 3
    fresh_host.run("find /var/cache/php-opcache -name '*.bin' -delete; systemctl restart 'php*-fpm.service'")
    assert ask(fresh_host, "/")[0] == "200"
    assert not dead & {path.split("/")[0] for path in fresh_host.run(files.format("@0")).splitlines()}


def test_incident_hup_orphans(fresh_host: Host) -> None:
    inject(fresh_host, "hup-orphans")
    assert int(fresh_host.run("cat /run/php/orders-fpm.pid")) not in pids(fresh_host)
    assert workers(fresh_host, "orders") == ["1", "1", "1"]
    assert "/run/php/orders.sock" in fresh_host.run("ss --listening --unix --no-header")


def test_incident_port_held_by_stranger(fresh_host: Host) -> None:
    inject(fresh_host, "port-held-by-stranger")
    assert fresh_host.run("systemctl is-failed 'php*-fpm.service'") == "failed\n"
    (holder,) = re.findall(r"pid=(\d+)", fresh_host.run("ss --listening --tcp --processes --no-header 'sport = :9000'"))
    assert fresh_host.run(f"tr '\\0' ' ' < /proc/{holder}/cmdline") == "php /srv/shop/lib/import.php "
    fresh_host.run(f"kill {holder}; systemctl start 'php*-fpm.service'")
    assert ask(fresh_host, "/") == ("200", "the import runs\n")


def test_incident_socket_gone(fresh_host: Host) -> None:
    inject(fresh_host, "socket-gone")
    fresh_host.run("systemctl is-active 'php*-fpm.service' && systemctl reload 'php*-fpm.service' && sleep 0.5")
    assert ask(fresh_host, "/")[0] == "502"
    fresh_host.run("systemctl restart 'php*-fpm.service'")
    assert ask(fresh_host, "/")[0] == "200"


def test_incident_broken_configuration(fresh_host: Host) -> None:
    inject(fresh_host, "broken-configuration")
    assert ask(fresh_host, "/")[0] == "200"
    fresh_host.run("systemctl reload 'php*-fpm.service' || true; sleep 0.5")
    assert ask(fresh_host, "/")[0] == "502"


def test_incident_daemon_ignores_term(fresh_host: Host) -> None:
    inject(fresh_host, "daemon-ignores-term")
    leaked, used = sysvipc(fresh_host, "shm")
    assert leaked["cpid"] not in pids(fresh_host) and used["cpid"] in pids(fresh_host)
    fresh_host.run(f"kill {used['cpid']}; sleep 0.2")
    assert used["cpid"] in pids(fresh_host)
    assert "with signal SIGKILL" in fresh_host.run("journalctl --unit mailer")


def test_incident_daemon_old_code(fresh_host: Host) -> None:
    inject(fresh_host, "daemon-old-code")
    pid = fresh_host.run("systemctl show --property MainPID --value orders").strip()
    assert fresh_host.run(f"readlink /proc/{pid}/cwd /srv/orders/current").split() == [
        "/srv/orders/releases/1",
        "releases/2",
    ]


def test_incident_redis_hangs(fresh_host: Host) -> None:
    inject(fresh_host, "redis-hangs")
    assert fresh_host.run("curl --silent --max-time 2 http://localhost/ || echo $?") == "28\n"
    waiting = "ss --tcp --processes --no-header state established 'dport = :6379'"
    assert fresh_host.run(waiting).count("php-fpm") == 5 == len(workers(fresh_host, "www"))
    fresh_host.run("systemctl stop redis")
    assert ask(fresh_host, "/") == ("200", "no cart today\n")


def test_incident_hard_stop(fresh_host: Host) -> None:
    inject(fresh_host, "hard-stop")
    assert fresh_host.run("cat /tmp/orders") == "reserved\n" * 3
    assert fresh_host.run("cat /tmp/answer-*").count("502 Bad Gateway") >= 3
    assert "exited on signal" not in fresh_host.run("cat /var/log/php*-fpm.log")


def test_incident_time_limit_kills(fresh_host: Host) -> None:
    inject(fresh_host, "time-limit-kills")
    log = fresh_host.run("cat /var/log/php*-fpm.log")
    assert (log.count("execution timed out"), log.count("exited on signal 15 (SIGTERM)")) == (3, 3)
    assert ask(fresh_host, "/")[0] == "502"


def terminated(host: Host) -> int:
    return host.run("cat /var/log/php*-fpm.log").count("Terminating ...")


def wait_for_a_restart(host: Host, before: int, seconds: float) -> None:
    end = time.monotonic() + seconds
    while terminated(host) == before:
        assert time.monotonic() < end, "php-fpm was not restarted"
        time.sleep(0.5)


def test_incident_nightly_restart(fresh_host: Host) -> None:
    before = terminated(fresh_host)
    inject(fresh_host, "nightly-restart")
    wait_for_a_restart(fresh_host, before, 70)  # cron runs it at the next full minute
    assert "(root) CMD (/etc/init.d/php" in fresh_host.run("journalctl --identifier CRON")


def test_incident_nightly_restart_timer(fresh_host: Host) -> None:
    before = terminated(fresh_host)
    inject(fresh_host, "nightly-restart-timer")
    wait_for_a_restart(fresh_host, before, 20)
    assert "enabled" in fresh_host.run("systemctl is-enabled php-memory.timer")


def test_a_second_php_runs_in_a_chroot_of_its_own(fresh_host: Host, lab: Lab) -> None:
    lab.command("second-php", "web1")
    (master,) = fresh_host.run("pgrep --full --parent 1 'master process .*other-fpm'").split()
    root = fresh_host.run(f"readlink /proc/{master}/root").strip()
    assert root != "/"
    here, other = (fresh_host.run(f"ls {place}/usr/sbin").split() for place in ("", root))
    said = fresh_host.run(f"chroot {root} {next(name for name in other if 'php-fpm' in name)} --version")
    assert said.split()[:2] not in [fresh_host.run("php --version").split()[:2]]
    assert not {name for name in here if "php-fpm" in name} & set(other)
