# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Opcode caches on disk of hosts that serve, while workers, and whoever owns them, do what they like in there."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT, Host, Lab

CACHE = "/var/cache/php-opcache"
PAGE = CHECKOUT / "docs/incidents/502-on-one-host-after-a-release.md"
SCRIPT = "/srv/shop/lib/visits.php"

# A directory of the cache and a link to one outside it, with the same names, change places all the while, and what was
# removed comes back, so that there is always something to remove.
SWAP = f"""
import ctypes, os, random, time
libc = ctypes.CDLL(None, use_errno=True)
cache = os.path.join("{CACHE}", os.listdir("{CACHE}")[0], "srv/shop")
inside, link, stash = f"{{cache}}/lib".encode(), f"{{cache}}/outside".encode(), "/srv/stash"
swaps = refilled = 0
while not os.path.exists("/run/enough"):
    if libc.renameat2(-100, inside, -100, link, 2):  # AT_FDCWD, RENAME_EXCHANGE
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    swaps += 1
    real = os.fsdecode(link if os.path.islink(inside) else inside)
    if len(os.listdir(real)) < 250:
        for name in set(os.listdir(stash)) - set(os.listdir(real)):
            os.link(f"{{stash}}/{{name}}", f"{{real}}/{{name}}")
        refilled += 1
    time.sleep(random.random() / 100)
print(swaps, refilled)
"""
OUTSIDE = "find /srv/outside -printf '%p %y %i %m %u %s %C@ ' \\( -type d -printf '\\n' -o -printf '%A@\\n' \\) | sort"

# Visitors come one after the other while every script gets a new time of its own again and again, so that each entry
# is written anew; what is not answered with 200 is written down.
VISITS = """
set -eu
count=0
while [ ! -e /run/enough ]; do
    for script in /srv/shop/index.php /srv/shop/lib/visits.php /srv/shop/health.php; do
        touch --date="@$((1700000000 + count * 10))" "$script"
    done
    for path in / /health; do
        status=$(curl --silent --output /dev/null --write-out '%{http_code}' "http://localhost$path")
        count=$((count + 1))
        if [ "$status" != 200 ]; then echo "$count $path $status" >> /run/not-served; fi
    done
done
echo "$count" > /run/served
"""

# What is done to the entry of a script, what visitors who need that script then get from a real php-fpm, and what is
# said of the entry: by whether opcache.file_cache_consistency_checks is on. The script is named after the damage.
DAMAGE = {
    1: {
        "offset": ("put(56, number(56) ^ 1 << 12)", "502", "crashing_entry", "critical"),
        "size": ("put(40, number(40) ^ 1 << 40)", "502", "crashing_entry", "critical"),
        "split": ("put(40, number(40) - 64); put(48, number(48) + 64)", "500", "crashing_entry", "critical"),
        "other": ("entry[:] = other", "500", "crashing_entry", "critical"),
        "zeros": ("entry[-1024:] = bytes(1024)", "200", "corrupt_entry", "low"),
        "cut": ("del entry[2000:]", "200", "corrupt_entry", "low"),
        "bit": ("entry[1000] ^= 1", "200", "corrupt_entry", "low"),
        "time": ("put(64, number(64) + 1)", "200", "stale_entry", "low"),
    },
    0: {
        "offset": ("put(56, number(56) ^ 1 << 12)", "502", "crashing_entry", "critical"),
        "zeros": ("entry[-1024:] = bytes(1024)", "502", "crashing_entry", "critical"),
        "cut": ("del entry[2000:]", "200", "corrupt_entry", "low"),
    },
}
DO_DAMAGE = f"""
import os, struct, sys
path, other = (os.popen("echo {CACHE}/*/srv/shop/lib/" + name + ".php.bin").read().strip() for name in sys.argv[1:3])
entry, other = (bytearray(open(one, "rb").read()) for one in (path, other))
def number(at): return struct.unpack_from("=Q", entry, at)[0]
def put(at, value): struct.pack_into("=Q", entry, at, value)
exec(sys.argv[3])
written = os.stat(path).st_mtime_ns
open(path, "wb").write(entry)
os.utime(path, ns=(written, written))
"""
PAGE_OF_ONE_SCRIPT = "<?php require __DIR__ . '/lib' . $_SERVER['REQUEST_URI'] . '.php'; echo count_visit(__FILE__);"


@pytest.fixture
def healthy_host(lab: Lab) -> Iterator[Host]:
    """web2 with a cache on disk, and nothing wrong with it."""
    host = lab.host("web2")
    host.run("turn-on-file-cache")
    yield host
    lab.command("reset", "web2")


def play(tmp_path: Path, *tasks: dict) -> str:
    path = tmp_path / "play.yml"
    path.write_text(json.dumps([{"hosts": "web1", "gather_facts": False, "tasks": list(tasks)}]), encoding="utf-8")
    return str(path)


def report(tmp_path: Path, kind: str) -> dict:
    return json.loads((tmp_path / f"phpfleet-report/{kind}.json").read_text(encoding="utf-8"))


def status(host: Host, path: str = "/") -> str:
    return host.run(f"curl --silent --output /dev/null --write-out '%{{http_code}}' http://localhost{path}")


def crashes(host: Host) -> int:
    return host.run("cat /var/log/php*-fpm.log").count("exited on signal 11 (SIGSEGV)")


def files(host: Host) -> str:
    return host.run(f"find {CACHE} -printf '%p %y %i %m %u %s %C@\\n' | sort; find {CACHE} -type f | xargs md5sum")


def test_a_crash_loop_on_one_host_of_three_is_named_and_ended(
    lab, fresh_host, healthy_host, ansible_playbook, tmp_path
):
    lab.command("inject", "crash-loop", "web1")
    assert status(fresh_host) == "502"
    last_crash = time.monotonic()
    before = files(healthy_host)
    limit = ("--limit", "php")
    audit = ansible_playbook("phpfleet.remediation.audit", *limit)
    assert audit.returncode == 2, audit.stdout + audit.stderr
    told = report(tmp_path, "audit")
    (finding,) = [found for found in told["findings"] if found["check"].startswith("opcode_cache.")]
    assert (finding["host"], finding["check"]) == ("web1", "opcode_cache.crashing_entry")
    assert finding["severity"] == "critical" and finding["count"] == 1
    (entry,) = finding["examples"]
    assert entry.startswith(f"{CACHE}/") and entry.endswith(f"{SCRIPT}.bin")
    assert SCRIPT in json.dumps(finding["evidence"])
    assert set(told["failures"]) == {"web1"}

    cleanup = ansible_playbook("phpfleet.remediation.cleanup", *limit)
    assert cleanup.returncode == 0, cleanup.stdout + cleanup.stderr
    crashed = crashes(fresh_host)
    assert [status(fresh_host) for _unused in range(20)] == ["200"] * 20
    assert crashes(fresh_host) == crashed
    time.sleep(max(0, last_crash + 35 - time.monotonic()))  # a loop that is quiet for less may go on
    assert ansible_playbook("phpfleet.remediation.audit", *limit).returncode == 0
    assert files(healthy_host) == before


def test_the_incident_page_ends_the_incident(lab, fresh_host, ansible_playbook, tmp_path):
    """The tasks of the page, one after the other as they stand there."""
    blocks = re.findall(r"^( *)```yaml\n(.*?)^ *```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    show, remove, reload = [task for _unused, block in blocks for task in yaml.safe_load(block)][:3]
    lab.command("inject", "crash-loop", "web1")
    done = ansible_playbook(play(tmp_path, show), "-v")
    assert done.returncode == 0 and SCRIPT in done.stdout, done.stdout
    assert status(fresh_host) == "502"
    done = ansible_playbook(play(tmp_path, remove, reload))
    assert done.returncode == 0, done.stdout
    assert status(fresh_host) == "200"


def look(tmp_path: Path, ansible_playbook) -> list[dict]:
    """The findings of opcode_cache_info on web1."""
    keep = {"content": "{{ seen | to_json }}", "dest": f"{tmp_path}/seen.json", "mode": "0600"}
    tasks = [
        {"phpfleet.remediation.opcode_cache_info": {}, "register": "seen"},
        {"ansible.builtin.copy": keep, "delegate_to": "localhost"},
    ]
    done = ansible_playbook(play(tmp_path, *tasks))
    assert done.returncode == 0, done.stdout
    return json.loads((tmp_path / "seen.json").read_text(encoding="utf-8"))["findings"]


@pytest.mark.parametrize("checks", DAMAGE)
def test_the_severity_is_what_php_fpm_does(fresh_host, ansible_playbook, tmp_path, checks):
    cases = DAMAGE[checks]
    # Only with the very same mtime is another script's entry taken for this one's.
    fresh_host.run(
        f"""
        set -e
        cd /srv/shop
        for name in {" ".join(cases)}; do cp lib/visits.php lib/$name.php; done
        echo '<?php' > lib/none.php
        cat > index.php <<'END'\n{PAGE_OF_ONE_SCRIPT}\nEND
        touch --date=2026-01-01 *.php lib/*.php
        turn-on-file-cache opcache.file_cache_consistency_checks={checks}
        cat > /root/damage <<'END'\n{DO_DAMAGE}\nEND
        """
        + "".join(f"python3 /root/damage {name} none '{case[0]}'\n" for name, case in cases.items())
        + "systemctl restart 'php*-fpm.service'"
    )
    said = {
        Path(entry).name: (found["check"], found["severity"])
        for found in look(tmp_path, ansible_playbook)
        for entry in found["examples"]
    }
    # What is stale is one object for each cache.
    assert said == {
        Path(CACHE).name if check == "stale_entry" else f"{name}.php.bin": (f"opcode_cache.{check}", severity)
        for name, (_does, _got, check, severity) in cases.items()
    }
    got = {name: [status(fresh_host, f"/{name}") for _unused in range(3)] for name in cases}
    assert got == {name: [case[1]] * 3 for name, case in cases.items()}
    done = ansible_playbook(play(tmp_path, {"phpfleet.remediation.opcode_cache": {}}))
    assert done.returncode == 0, done.stdout
    # The wrong code is in shared memory as well.
    fresh_host.run("systemctl reload 'php*-fpm.service'; sleep 1")
    assert {status(fresh_host, f"/{name}") for name in cases} == {"200"}
    assert look(tmp_path, ansible_playbook) == []


def test_old_code_that_restarts_do_not_replace_is_found_and_replaced(lab, fresh_host, ansible_playbook, tmp_path):
    lab.command("inject", "stale-code", "web1")
    (finding,) = look(tmp_path, ansible_playbook)
    assert (finding["check"], finding["severity"]) == ("opcode_cache.stale_entry", "high")
    assert [Path(entry).name for entry in finding["examples"]] == ["index.php.bin"]
    done = ansible_playbook(play(tmp_path, {"phpfleet.remediation.opcode_cache": {}}), "-v")
    assert done.returncode == 0 and '"reload_needed": [{' in done.stdout, done.stdout
    fresh_host.run("systemctl reload 'php*-fpm.service'; sleep 1")
    assert '"interpreter":' in fresh_host.run("curl --silent http://localhost/")


def test_a_directory_that_becomes_a_link_while_it_is_cleaned_leads_nowhere(fresh_host, ansible_playbook, tmp_path):
    fresh_host.run(
        f"""
        set -e
        for n in $(seq 300); do printf '<?php return %s;\\n' $n > /srv/shop/lib/$n.php; done
        find /srv/shop/lib -exec touch --date=2026-01-01 {{}} +
        turn-on-file-cache
        cd {CACHE}/*/srv/shop/lib
        for entry in [0-9]*.bin; do printf '\\010' | dd of=$entry bs=1 seek=56 conv=notrunc status=none; done
        cp --recursive --preserve . /srv/outside
        cp --recursive --preserve . /srv/stash
        touch -a --date=2026-01-01 /srv/outside/*
        chmod 755 /srv/outside
        ln -s /srv/outside ../outside
        cat > /root/swap <<'END'\n{SWAP}\nEND
        """
    )
    outside = fresh_host.run(OUTSIDE)
    fresh_host.run("systemd-run --quiet --unit swap --property RemainAfterExit=yes python3 /root/swap")
    clean = {
        "phpfleet.remediation.opcode_cache": {"paths": [CACHE], "max_changes": 10000},
        "ignore_errors": True,
        "loop": list(range(6)),
    }
    absent = {**clean, "phpfleet.remediation.opcode_cache": {"paths": [CACHE], "state": "absent"}}
    done = ansible_playbook(play(tmp_path, clean, absent))
    fresh_host.run(
        'touch /run/enough; while [ "$(systemctl show --property SubState --value swap)" = running ]; do :; done'
    )
    said = fresh_host.run("systemctl show --property Result swap; journalctl --unit swap --output cat")
    assert "Result=success" in said, said
    swaps, refilled = map(int, re.findall(r"^(\d+) (\d+)$", said, re.MULTILINE)[0])
    assert swaps >= 1000 and refilled >= 6, f"{swaps} swaps, {refilled} times refilled\n{done.stdout}"
    assert fresh_host.run(OUTSIDE) == outside


def test_nobody_is_turned_away_while_all_entries_go_and_come_back(fresh_host, ansible_playbook, tmp_path):
    fresh_host.run(
        f"turn-on-file-cache opcache.revalidate_freq=0; cat > /root/visits <<'END'\n{VISITS}\nEND\n"
        "systemd-run --quiet --unit visits --property RemainAfterExit=yes bash /root/visits"
    )
    absent = {
        "phpfleet.remediation.opcode_cache": {"paths": [CACHE], "state": "absent"},
        "ignore_errors": True,
        "loop": list(range(20)),
    }
    done = ansible_playbook(play(tmp_path, absent), "-v")
    fresh_host.run("touch /run/enough; while [ ! -e /run/served ]; do sleep 0.1; done")
    assert fresh_host.run("cat /run/not-served 2> /dev/null || true") == ""
    assert int(fresh_host.run("cat /run/served")) > 100
    assert done.stdout.count('"result": "done"') >= 10, done.stdout[-3000:]
    assert crashes(fresh_host) == 0
