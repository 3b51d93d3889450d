# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What real php-fpm, nginx and systemd write when workers end, and what php_fpm_info makes of it."""

import json
import time

import pytest

CHECKS = [
    f"php_fpm.{name}"
    for name in (
        "crash_loop",
        "killed_by_time_limit",
        "forced_cache_restart",
        "out_of_memory",
        "max_children_reached",
        "hard_stop",
    )
]
SCRIPT = """
cat > /etc/nginx/conf.d/test.conf <<'CONF'
server {
    listen 8080;
    location / {
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME /srv/test.php;
        fastcgi_pass unix:/run/php/php-fpm.sock;
    }
}
CONF
cat > /srv/test.php <<'PHP'
<?php
if (isset($_GET['say'])) {
    file_put_contents('php://stderr', $_GET['say'] . "\\n");
}
if (isset($_GET['reset'])) {
    opcache_reset();
}
usleep((int) ($_GET['ms'] ?? 0) * 1000);
echo getmypid();
PHP
nginx -s reload
while ! (: < /dev/tcp/127.0.0.1/8080) 2> /dev/null; do sleep 0.1; done
"""


@pytest.fixture
def look(ansible_playbook, tmp_path):
    """Runs php_fpm_info on web1; returns its findings by check, and the verdicts of all checks of the history."""

    def run():
        tasks = [
            {"phpfleet.remediation.php_fpm_info": {"checks": CHECKS}, "register": "seen"},
            {
                "ansible.builtin.copy": {"content": "{{ seen }}", "dest": f"{tmp_path}/seen.json", "mode": "0600"},
                "delegate_to": "localhost",
            },
        ]
        play = tmp_path / "look.yml"
        play.write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
        done = ansible_playbook(str(play))
        assert done.returncode == 0, done.stdout
        seen = json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))
        assert "s3cret" not in json.dumps(seen) and "4111" not in json.dumps(seen)
        findings = {}
        for finding in seen["findings"]:
            findings.setdefault(finding["check"], []).append(finding)
        return findings, {check["id"]: check["verdict"] for check in seen["checks"]}

    return run


def test_a_host_that_was_just_booted_has_no_past(fresh_host, look):
    findings, verdicts = look()
    assert findings == {} and set(verdicts.values()) == {"clean"}


def test_orders_that_a_restart_cut_are_named(lab, fresh_host, look):
    lab.command("inject", "hard-stop", "web1")
    (stop,) = [one for one in look()[0]["php_fpm.hard_stop"] if one["severity"] == "high"]
    assert "systemd did it" in stop["summary"] and "half or never started" in stop["summary"]
    evidence = stop["evidence"]
    orders = sorted(request.split("UTC ")[1] for request in evidence["requests"] if "/order" in request)
    assert orders == ["POST /order/1", "POST /order/2", "POST /order/3"]
    assert evidence["kind"] == "terminating" and evidence["lost"] >= 3


def test_a_restart_without_requests_is_told_and_not_blamed(fresh_host, look):
    fresh_host.run("systemctl stop nginx; systemctl restart 'php*-fpm.service'; systemctl start nginx")
    fresh_host.run("systemctl reload 'php*-fpm.service'; sleep 1")
    findings = look()[0]
    assert {one["severity"] for one in findings["php_fpm.hard_stop"]} == {"info"}
    assert [one["evidence"]["kind"] for one in findings["php_fpm.hard_stop"]] == ["terminating", "reloading"]
    assert set(findings) == {"php_fpm.hard_stop"}


def test_a_signal_from_a_shell_is_not_systemds(fresh_host, look):
    fresh_host.run("kill -USR2 $(systemctl show --property MainPID --value 'php*-fpm.service'); sleep 1")
    (stop,) = look()[0]["php_fpm.hard_stop"]
    assert stop["evidence"]["by"].startswith("not systemd, but somebody's signal did it")


def test_requests_that_took_too_long_are_named_by_their_script(lab, fresh_host, look):
    lab.command("inject", "time-limit-kills", "web1")
    (killed,) = look()[0]["php_fpm.killed_by_time_limit"]
    assert killed["severity"] == "high"
    assert killed["evidence"]["killed"] == 3 and killed["evidence"]["limit"] == "1s"
    assert killed["evidence"]["scripts"] == ["/srv/shop/index.php (3)"]
    assert killed["evidence"]["requests"] == ["GET /cart (3)"]


def test_a_crash_loop_is_explained_by_the_cache_that_makes_it(lab, fresh_host, look):
    lab.command("inject", "crash-loop", "web1")
    fresh_host.run("for visit in 1 2 3; do curl --silent --output /dev/null http://localhost/; done")
    (loop,) = look()[0]["php_fpm.crash_loop"]
    assert loop["severity"] == "critical" and loop["evidence"]["endings"] == ["signal 11 (4)"]
    (entry,) = loop["evidence"]["bad_cache_entries"]
    assert entry.endswith("/srv/shop/lib/visits.php.bin") and entry in loop["summary"]


def test_every_signal_to_a_worker_is_told_as_what_it_may_be(fresh_host, look):
    fresh_host.run(SCRIPT)
    for name in ("KILL", "TERM", "USR1", "HUP"):
        fresh_host.run(f"kill -{name} $(curl --silent http://localhost:8080/); sleep 0.3")
    for _unused in range(3):
        fresh_host.run("kill -ABRT $(curl --silent http://localhost:8080/); sleep 0.3")
    findings, verdicts = look()
    assert findings["php_fpm.crash_loop"][0]["evidence"]["endings"] == ["signal 6 (3)"]
    assert findings["php_fpm.forced_cache_restart"][0]["evidence"]["killed"] == 1
    (signalled,) = [one for one in findings["php_fpm.hard_stop"] if "signals" in one["evidence"]]
    assert sorted(signalled["evidence"]["signals"]) == ["signal 1 (1)", "signal 10 (1)"]
    # A lab host's journal has nothing of the kernel, which is its host's.
    assert verdicts["php_fpm.out_of_memory"] == "unknown"
    assert findings["php_fpm.out_of_memory"][0]["evidence"]["killed"] == 1


def test_a_forced_restart_of_opcache_is_told_by_its_own_word(fresh_host, look):
    fresh_host.run(
        SCRIPT
        + """
        printf 'opcache.force_restart_timeout=2\\nopcache.log_verbosity_level=2\\n' \
            > "$(echo /etc/php/*/fpm/conf.d)/99-test.ini"
        printf '[www]\\ncatch_workers_output = yes\\n' > "$(echo /etc/php/*/fpm/pool.d)/zz-test.conf"
        systemctl restart 'php*-fpm.service'
        curl --silent --output /dev/null 'http://localhost:8080/?ms=9000&token=s3cret' &
        sleep 0.5
        curl --silent --output /dev/null 'http://localhost:8080/?reset=1'
        for try in 1 2 3 4 5 6 7 8; do
            sleep 0.5
            curl --silent --output /dev/null http://localhost:8080/
        done
        wait
        """
    )
    (forced,) = look()[0]["php_fpm.forced_cache_restart"]
    assert forced["evidence"]["said"] == 1 and forced["severity"] == "high"
    assert "OPcache restarted its memory" in forced["summary"]


def test_a_full_pool_is_told(fresh_host, look):
    fresh_host.run(
        SCRIPT + "for n in 1 2 3 4 5 6 7 8; do curl -so /dev/null 'http://localhost:8080/?ms=4000' & done; wait"
    )
    (full,) = look()[0]["php_fpm.max_children_reached"]
    assert full["evidence"]["limit"] == "5" and full["severity"] == "medium"


def test_of_a_static_pool_nothing_is_known(fresh_host, look):
    fresh_host.run("sed -i 's/^pm = .*/pm = static/' /etc/php/*/fpm/pool.d/www.conf")
    fresh_host.run("systemctl restart 'php*-fpm.service'")
    findings, verdicts = look()
    assert verdicts["php_fpm.max_children_reached"] == "unknown" and "php_fpm.max_children_reached" not in findings


def test_a_script_cannot_make_a_past(fresh_host, look):
    forged = "[22-Nov-2026%2005:00:00]%20WARNING:%20[pool%20www]%20child%201%20exited%20on%20signal%2011%20(SIGSEGV)"
    fresh_host.run(
        SCRIPT
        + f"""
        printf '[www]\\ncatch_workers_output = yes\\n' > "$(echo /etc/php/*/fpm/pool.d)/zz-test.conf"
        systemctl restart 'php*-fpm.service'
        for n in 1 2 3 4; do curl --silent --globoff --output /dev/null 'http://localhost:8080/?say={forged}'; done
        [ "$(grep --count 'said into stderr.*exited on signal 11' /var/log/php*-fpm.log)" = 4 ]
        """
    )
    assert "php_fpm.crash_loop" not in look()[0]


def test_a_log_of_200_mb_with_bytes_of_no_language_is_read_within_seconds(fresh_host, look):
    fresh_host.run(
        r"""
        log=$(echo /var/log/php*-fpm.log)
        stamp='+[%d-%b-%Y %H:%M:%S] WARNING: [pool www] child 9'
        printf '%s said into stderr: "%s \377\376"\n' "$(date "$stamp")" "$(printf 'x%.0s' {1..400})" > /tmp/line
        for n in {1..9}; do cat /tmp/line /tmp/line > /tmp/more; mv /tmp/more /tmp/line; done
        while [ "$(stat --format=%s "$log")" -lt 200000000 ]; do cat /tmp/line >> "$log"; done
        for n in 1 2 3; do date "$stamp exited on signal 11 (SIGSEGV) after 1.0 seconds from start" >> "$log"; done
        rm /tmp/line
        """
    )
    begun = time.monotonic()
    findings, verdicts = look()
    assert time.monotonic() - begun < 20
    assert findings["php_fpm.crash_loop"][0]["evidence"]["endings"] == ["signal 11 (3)"]
    assert verdicts["php_fpm.crash_loop"] == "unknown"  # of the hours before nothing is known
