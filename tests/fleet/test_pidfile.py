# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pidfiles on hosts that are broken as real ones break, and that go on living while they are mended."""

import json

import pytest

INCIDENTS = {
    "master-killed": ("pidfile.dead_process", "/run/php/mailer-fpm.pid", "medium"),
    "pidfile-recycled": ("pidfile.foreign_process", "/run/php/reports-fpm.pid", "high"),
    "pidfile-garbage": ("pidfile.unreadable", "/run/php/billing-fpm.pid", "low"),
}

# Kills the master twenty times as the kernel does when memory runs out, and starts it again each time: php-fpm by
# systemd, nginx by hand.
RESTARTS = """
set -eu
unit=$(systemctl list-units --plain --no-legend 'php*-fpm.service' | cut -d ' ' -f 1)
systemctl stop nginx
nginx
for ((count = 1; count <= 20; count++)); do
    master=$(cat /run/nginx.pid)
    mapfile -t workers < <(pgrep --parent "$master")
    systemctl kill --signal KILL "$unit"
    kill -9 "$master" "${workers[@]}"
    sleep 0.$((RANDOM % 10))
    for process in "$master" "${workers[@]}"; do
        while [ -e "/proc/$process" ]; do sleep 0.01; done  # each worker holds the port until it is gone
    done
    nginx
    systemctl reset-failed "$unit" || true
    systemctl restart "$unit"
    sleep 0.$((RANDOM % 5))
    [ "$(cat /run/php/php[0-9]*-fpm.pid)" = "$(systemctl show --property MainPID --value "$unit")" ] || sleep 1
    [ "$(cat /run/php/php[0-9]*-fpm.pid)" = "$(systemctl show --property MainPID --value "$unit")" ]
    [ "$(cat /run/nginx.pid)" = "$(pgrep --parent 1 --exact nginx)" ]
done
"""


def play(tmp_path, *tasks):
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": list(tasks)}]), encoding="utf-8")
    return str(path)


def look(tmp_path, ansible_playbook):
    """Return the findings of pidfile_info on web1, by check and object."""
    tasks = [
        {"phpfleet.remediation.pidfile_info": {}, "register": "seen"},
        {"ansible.builtin.copy": {"content": "{{ seen | to_json }}", "dest": f"{tmp_path}/seen.json", "mode": "0600"}},
    ]
    tasks[1]["delegate_to"] = "localhost"
    done = ansible_playbook(play(tmp_path, *tasks))
    assert done.returncode == 0, done.stdout
    seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
    assert {check["verdict"] for check in seen["checks"]} <= {"clean", "found"}
    return {(finding["check"], path): finding for finding in seen["findings"] for path in finding["examples"]}


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_is_found_as_what_it_is_and_cleared(lab, fresh_host, ansible_playbook, tmp_path, incident):
    check, path, severity = INCIDENTS[incident]
    assert look(tmp_path, ansible_playbook) == {}
    lab.command("inject", incident, "web1")
    found = look(tmp_path, ansible_playbook)
    assert [(key, finding["severity"]) for key, finding in found.items()] == [((check, path), severity)]
    living = fresh_host.run("ps -eo pid,lstart,comm --no-headers | grep -E 'fpm|nginx|tail'")
    done = ansible_playbook(play(tmp_path, {"phpfleet.remediation.pidfile": {}}))
    assert done.returncode == 0, done.stdout
    assert fresh_host.run(f"[ -e {path} ] || echo gone") == "gone\n"
    assert look(tmp_path, ansible_playbook) == {}
    assert fresh_host.run("ps -eo pid,lstart,comm --no-headers | grep -E 'fpm|nginx|tail'") == living


def test_a_missing_pidfile_is_written_as_php_fpm_writes_it(lab, fresh_host, ansible_playbook, tmp_path):
    before = fresh_host.run("stat --format '%n %U:%G %a' /run/php/*.pid; cat /run/php/*.pid")
    lab.command("inject", "pidfile-missing", "web1")
    done = ansible_playbook(play(tmp_path, {"phpfleet.remediation.pidfile": {}}))
    assert done.returncode == 0, done.stdout
    assert fresh_host.run("stat --format '%n %U:%G %a' /run/php/*.pid; cat /run/php/*.pid") == before
    fresh_host.run("systemctl reload 'php*-fpm.service'")


def test_services_that_are_killed_and_started_all_the_while_never_lose_their_pidfile(
    lab, fresh_host, ansible_playbook, tmp_path
):
    fresh_host.run(f"cat > /root/restarts <<'END'\n{RESTARTS}\nEND")
    fresh_host.run("systemd-run --quiet --unit restarts --property RemainAfterExit=yes bash /root/restarts")
    runs = 0
    while fresh_host.run("systemctl show --property SubState --value restarts").strip() == "running":
        mend = {"phpfleet.remediation.pidfile": {}, "ignore_errors": True}
        ansible_playbook(play(tmp_path, *[mend] * 5))
        runs += 5
    result = fresh_host.run("systemctl show --property Result,SubState restarts; journalctl --unit restarts | tail -3")
    assert "Result=success" in result and "SubState=exited" in result, result
    assert runs >= 10
    fresh_host.run("[ -z \"$(find /run -name '.phpfleet*')\" ]")
    assert look(tmp_path, ansible_playbook) == {}


def test_what_looks_odd_and_is_right_is_not_found(fresh_host, ansible_playbook, tmp_path):
    """A service with mounts of its own, an nginx in the middle of its upgrade, and a php-fpm in a container."""
    fresh_host.run(
        """
        unit=$(systemctl list-units --plain --no-legend 'php*-fpm.service' | cut -d ' ' -f 1)
        mkdir /run/systemd/system/$unit.d
        printf '[Service]\\nPrivateTmp=yes\\n' > /run/systemd/system/$unit.d/private.conf
        systemctl daemon-reload
        systemctl restart $unit
        master=$(systemctl show --property MainPID --value $unit)
        [ "$(readlink /proc/$master/ns/mnt)" != "$(readlink /proc/1/ns/mnt)" ]

        kill -USR2 $(cat /run/nginx.pid)
        while [ ! -e /run/nginx.pid.oldbin ] || ! [ -s /run/nginx.pid ]; do sleep 0.05; done
        [ "$(cat /run/nginx.pid)" != "$(cat /run/nginx.pid.oldbin)" ]

        printf '[global]\\npid = /run/php/contained-fpm.pid\\n[x]\\nuser = www-data\\n' > /tmp/c.conf
        printf 'listen = /tmp/x.sock\\npm = static\\npm.max_children = 1\\n' >> /tmp/c.conf
        setsid unshare --pid --fork --mount-proc /usr/sbin/php-fpm[0-9]* --nodaemonize --fpm-config /tmp/c.conf \
            < /dev/null > /dev/null 2>&1 &
        while [ ! -s /run/php/contained-fpm.pid ]; do sleep 0.05; done
        rm /run/php/contained-fpm.pid
        """
    )
    assert look(tmp_path, ansible_playbook) == {}
    masters = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))["pidfile"]["masters"]
    apart = [bool(master["apart"]) for master in masters]
    assert sorted(apart) == [False, False, False, True], masters
    fresh_host.run("rm /run/php/php[0-9]*-fpm.pid")
    assert [key[0] for key in look(tmp_path, ansible_playbook)] == ["pidfile.missing"]
