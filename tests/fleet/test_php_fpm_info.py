# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm on hosts as strange as real ones: every incident is explained in one call, and every master is seen."""

import json
import time

import pytest

INCIDENTS = {
    "hup-orphans": ("php_fpm.orphaned_workers", "high", "orphans of pool orders on /run/php/orders.sock"),
    "port-held-by-stranger": ("php_fpm.port_held_by_stranger", "critical", "pool www of "),
    "socket-gone": ("php_fpm.socket_stale", "critical", "pool www of "),
    "broken-configuration": ("php_fpm.invalid_config", "critical", "php-fpm /etc/php/"),
}
# What says it beside the check, in the summary or the evidence.
EXPLAINED = {
    "hup-orphans": ["/run/php/orders.sock", "no php-fpm can start"],
    "port-held-by-stranger": ["127.0.0.1:9000", "lib/import.php", "php8.2-fpm.service"],
    "socket-gone": ["the file is gone", "restart php-fpm"],
    "broken-configuration": ["pm.max_childern", "reports.conf:6", "next reload"],
}

# A second master, of /usr/local and started by hand: a pool for each user, of each kind, on each kind of socket, and
# one in a chroot.
TENANTS = """
set -eu
useradd alice
useradd bob
mkdir -p /srv/jail/www
cat > /etc/php/tenants-fpm.conf <<'CONF'
[global]
pid = /run/php/tenants-fpm.pid
error_log = /var/log/tenants-fpm.log
process_control_timeout = 20
include = /etc/php/tenants/*.conf
CONF
mkdir -p /etc/php/tenants
cat > /etc/php/tenants/alice.conf <<'CONF'
[alice]
user = alice
listen = /run/php/$pool.sock
pm = static
pm.max_children = 3
pm.status_path = /alice-status
php_admin_value[mysqli.default_pw] = verysecret
env[DATABASE_URL] = "mysql://x:verysecret@db"
CONF
cat > /etc/php/tenants/bob.conf <<'CONF'
[bob]
user = bob
listen = 9001
pm = ondemand
pm.max_children = 4
[jailed]
user = bob
listen = 127.0.0.1:9002
chroot = /srv/jail
chdir = /www
pm = static
pm.max_children = 1
CONF
cp /usr/sbin/php-fpm[0-9]* /usr/local/sbin/php-fpm
/usr/local/sbin/php-fpm --daemonize --fpm-config /etc/php/tenants-fpm.conf
"""


@pytest.fixture
def look(ansible_playbook, tmp_path):
    """Runs php_fpm_info on web1 and returns its result."""

    def run(become_user="root", **options):
        tasks = [
            {
                "phpfleet.remediation.php_fpm_info": options,
                "become": become_user != "root",
                "become_user": become_user,
                "register": "seen",
            },
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


def masters(seen):
    """Return the masters by their configuration file."""
    return {master["configuration"]: master for master in seen["php_fpm"]["masters"]}


def unknown(seen):
    return {check["id"]: check["reason"] for check in seen["checks"] if check["verdict"] == "unknown"}


def assert_nothing_failed(seen):
    assert not [reason for reason in unknown(seen).values() if "collection itself failed" in reason], unknown(seen)


@pytest.mark.parametrize("incident", INCIDENTS)
def test_an_incident_is_explained_in_one_call(lab, fresh_host, look, incident):
    check, severity, name = INCIDENTS[incident]
    healthy = look()
    assert check not in {finding["check"] for finding in healthy["findings"]}
    lab.command("inject", incident, "web1")
    seen = look()
    assert_nothing_failed(seen)
    (finding,) = [finding for finding in seen["findings"] if finding["check"] == check]
    assert finding["severity"] == severity and finding["object"].startswith(name)
    said = json.dumps(finding)
    missing = [part for part in EXPLAINED[incident] if part not in said]
    assert not missing, f"{missing} is not in {said}"
    worst = seen["findings"][0]
    assert worst["check"] == check or severity != "critical", f"{worst['check']} comes before it"


def test_a_host_as_installed_is_told_only_what_is_true(fresh_host, look):
    """Debian's process_control_timeout is 0: a reload really does cut what is in flight."""
    seen = look()
    assert unknown(seen) == {}
    assert {(finding["check"], finding["severity"]) for finding in seen["findings"]} <= {
        ("php_fpm.reload_loses_requests", "medium"),
        ("php_fpm.time_limits", "low"),
    }
    seen = look(ask_pools=False)
    assert_nothing_failed(seen)


def test_every_master_and_every_pool_of_a_crowded_host_is_seen(lab, fresh_host, look):
    lab.command("second-php", "web1")
    fresh_host.run(TENANTS)
    seen = look()
    assert_nothing_failed(seen)
    found = masters(seen)
    own = next(master for path, master in found.items() if path.startswith("/etc/php/8") or "/fpm/" in path)
    tenants, other = found["/etc/php/tenants-fpm.conf"], found["/etc/php/other-fpm.conf"]
    assert len(found) == 3

    assert own["unit"]["main_pid"] == own["pid"] and tenants["unit"] is None
    assert tenants["executable"] == "/usr/local/sbin/php-fpm"
    assert tenants["pid"] == int(fresh_host.run("cat /run/php/tenants-fpm.pid"))
    assert tenants["settings"]["process_control_timeout"] == "20s" and tenants["passes"]
    assert own["version"] == tenants["version"] == fresh_host.run("php -r 'echo PHP_VERSION;'")

    assert other["root"] == "/srv/other-php" and other["apart"] is None
    release = fresh_host.run("chroot /srv/other-php php-fpm[0-9]* --version 2> /dev/null || true")
    release = release or fresh_host.run("cd /srv/other-php/usr/sbin; chroot /srv/other-php php-fpm[0-9]* --version")
    assert release.split()[1] == other["version"] != own["version"]

    pools = {pool["name"]: pool for master in found.values() for pool in master["pools"]}
    assert {name: (pool["address"], pool["settings"]["pm"]) for name, pool in pools.items()} == {
        "www": ("/run/php/" + fresh_host.run("basename /run/php/php[0-9]*.sock").strip(), "dynamic"),
        "alice": ("/run/php/alice.sock", "static"),
        "bob": ("*:9001", "ondemand"),
        "jailed": ("127.0.0.1:9002", "static"),
        "other": ("127.0.0.1:9099", "static"),
    }
    assert all(pool["listening"] for pool in pools.values())
    workers = {name: [worker["user"] for worker in pool["workers"]] for name, pool in pools.items()}
    assert workers["alice"] == ["alice"] * 3 and workers["bob"] == [] and workers["jailed"] == ["bob"]
    assert workers["other"] == ["www-data"] * 2
    assert pools["alice"]["status"]["accepted"] is not None and pools["jailed"]["status"]["accepted"] is None
    assert "verysecret" not in json.dumps(seen)
    assert {check["id"]: check["verdict"] for check in seen["checks"]}["php_fpm.orphaned_workers"] == "clean"


def test_what_only_calls_itself_php_fpm_is_not_believed(fresh_host, look):
    before = look()
    fresh_host.run(
        """
        cp /usr/bin/sleep /tmp/php-fpm8.2
        chown www-data /tmp/php-fpm8.2
        fake() {
            setsid setpriv --reuid=www-data --clear-groups bash -c "exec -a '$1' $2 600" < /dev/null > /dev/null 2>&1 &
        }
        fake 'php-fpm: master process (/etc/evil.conf)' /usr/bin/sleep
        fake 'php-fpm: pool www' /usr/bin/sleep
        fake 'php-fpm: master process (/etc/shadow)' /tmp/php-fpm8.2
        fake 'php-fpm: pool www' /tmp/php-fpm8.2
        sleep 0.5
        [ "$(pgrep --uid www-data --full 600 | wc -l)" = 4 ]
        """
    )
    seen = look()
    assert_nothing_failed(seen)
    assert seen["php_fpm"]["orphans"] == []
    believed = [master for master in seen["php_fpm"]["masters"] if not master["apart"]]
    assert [master["pid"] for master in believed] == [master["pid"] for master in before["php_fpm"]["masters"]]
    assert [check["verdict"] for check in seen["checks"]] == [check["verdict"] for check in before["checks"]]
    assert "/etc/evil.conf" not in json.dumps(seen) and "root:" not in json.dumps(seen)


@pytest.mark.parametrize(
    ("fifo", "reason"), [("pool.d/zz.conf", "zz.conf: it is no plain file"), ("php.ini", "did not end within 10 s")]
)
def test_a_file_that_nothing_can_read_to_its_end_is_not_waited_for(fresh_host, look, fifo, reason):
    """php-fpm opens a FIFO and waits for its writer, for ever: its test is not begun, or given up."""
    fresh_host.run(f"cd /etc/php/[0-9]*/fpm && rm -f {fifo} && mkfifo {fifo}")
    began = time.monotonic()
    seen = look()
    assert time.monotonic() - began < 60
    assert_nothing_failed(seen)
    assert reason in unknown(seen)["php_fpm.invalid_config"]
    assert fresh_host.run("pgrep --full '^/usr/sbin/php-fpm.* -tt' || true") == ""
    (master,) = seen["php_fpm"]["masters"]
    assert master["passes"] is None and reason in master["unknown"][0]


def test_a_log_of_200_mb_with_any_bytes_in_it_takes_no_time(fresh_host, look):
    log = fresh_host.run("ls /var/log/php[0-9]*-fpm.log").strip()
    line = '[20-Nov-2026 10:00:00] WARNING: [pool www] child 7 said into stderr: "NOTICE: PHP message: x"'
    fresh_host.run(
        f"""
        yes '{line}' | head --bytes 200M > {log}
        head --bytes 1M /dev/urandom >> {log}
        printf '\\n[22-Nov-2026 \\377\\376] \\000 ERROR: [pool \\303] child\\n' >> {log}
        for try in 1 2 3 4; do
            kill -SEGV $(pgrep --full '^php-fpm: pool www' | head --lines 1)
            sleep 0.3
        done
        """
    )
    began = time.monotonic()
    seen = look()
    seconds = time.monotonic() - began
    assert seconds < 30, f"{seconds:.0f} s"
    assert_nothing_failed(seen)
    assert "php_fpm.crash_loop" in {finding["check"] for finding in seen["findings"]}


def test_an_ordinary_user_is_told_that_it_takes_root_and_nothing_false(fresh_host, look):
    seen = look(become_user="www-data")
    assert seen["findings"] == []
    assert {check["verdict"] for check in seen["checks"]} == {"unknown"}
    assert all("become" in check["reason"] for check in seen["checks"])
