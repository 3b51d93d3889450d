# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The script that is handed to a pool: what broken pools make of it, and what a thief or a kill does with it."""

import base64
import re
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pools
import pytest

HEALTHY = "/run/php/healthy.sock"
PLACE = "/run/.phpfleet-probe"

# By pool: what is said of it in php-fpm's configuration, what its auto_prepend_file does, and what is then told of it.
BROKEN = {
    "healthy": ("", "", None),
    "admitted": ("php_admin_value[opcache.restrict_api] = /srv/admitted", "", None),
    "renamed": ("security.limit_extensions = .app", "", None),
    "chatty": ("", "echo str_repeat('{\"pid\":1}', 9000);", None),
    "unprotected": ("php_admin_value[opcache.file_update_protection] = 0", "", None),
    "trapped": ("php_admin_value[open_basedir] = /srv/trap", "", "/srv/trap"),
    "restricted": ("php_admin_value[opcache.restrict_api] = /srv/nowhere", "", '"restrict_api"'),
    "mute": ("php_admin_value[disable_functions] = opcache_get_status", "", "disable_functions"),
    "off": ("php_admin_value[opcache.enable] = 0", "", None),
    "walled": ("php_admin_value[open_basedir] = /srv/nowhere", "", "open_basedir"),
    "leaving": ("", "exit('nothing to see');", "nothing to see"),
    "huge": ("", "for ($n = 0; $n < 1600; $n++) { echo str_repeat('x', 65536); } exit;", "bytes"),
    "dying": ("", "posix_kill(getmypid(), 9);", "died"),
    "fatal": ("", "missing_function();", "missing_function"),
    "full": ("listen.backlog = 1", "", "queue is full"),
    "gone": ("", "", "/run/php/gone.sock"),
}
MASTER = """
[global]
pid = /run/php/{name}-fpm.pid
error_log = /var/log/{name}-fpm.log
{pools}
"""
POOL = """
[{name}]
user = www-data
group = www-data
listen = /run/php/{name}.sock
listen.owner = www-data
pm = static
pm.max_children = 1
{settings}
"""
FILL = """
import os, socket, time
held, end = [], time.monotonic() + 1.5
while time.monotonic() < end:
    held.append(socket.socket(socket.AF_UNIX))
    held[-1].setblocking(False)
    try:
        held[-1].connect("/run/php/full.sock")
        held[-1].send(bytes(1))  # of a connection that stays silent for 5 s a worker takes no notice
    except BlockingIOError:
        time.sleep(0.05)
open("/run/filled", "w").close()
time.sleep(60)
"""

TRAP = """
mkdir -m 1777 /srv/trap /srv/elsewhere
setpriv --reuid=www-data --clear-groups ln -s /srv/elsewhere /srv/trap/.phpfleet-probe
"""
TAP = Path(__file__).parent / "on_host/tap.py"
HTTP_PORT = 8086
PARAMS = 4  # the type of record, FastCGI Specification, 8


@pytest.fixture(scope="module")
def host(lab):
    """web1 with a master of broken pools, and one whose only worker is busy for longer than anybody waits."""
    lab.command("reset", "web1")
    host = lab.host("web1")
    pools.prepare_pages(host)
    pages = [f"cat > {name}.php <<'END'\n<?php {prepended}\nEND" for name, (_set, prepended, _told) in BROKEN.items()]
    host.run("\n".join(["useradd bob; mkdir -p /srv/prepended /srv/admitted; cd /srv/prepended", *pages]))
    start(host, "broken", *[POOL.format(name=name, settings=settings_of(name)) for name in BROKEN])
    start(host, "lonely", POOL.format(name="busy", settings=""))
    start(host, "other", POOL.format(name="thief", settings="user = bob"))
    return host


def settings_of(name):
    settings, prepended, _told = BROKEN[name]
    return f"php_admin_value[auto_prepend_file] = /srv/prepended/{name}.php" if prepended else settings


def start(host, master, *its_pools):
    host.run(
        f"""
        cat > /etc/php/{master}-fpm.conf <<'END'{MASTER.format(name=master, pools="".join(its_pools))}END
        /usr/sbin/php-fpm[0-9]* --daemonize --fpm-config /etc/php/{master}-fpm.conf
        """
    )


def answer(host, socket, request):
    """What a pool answers to the bytes of a request."""
    sent = base64.b64encode(request).decode()
    command = f"base64 --decode | socat -t 5 - UNIX-CONNECT:{socket} | base64 --wrap=0"
    return base64.b64decode(host.run(f"echo {sent} | {command}"))


def test_each_broken_pool_is_told_clearly_and_stops_no_other(host, ask):
    """Those that cannot be asked make the module fail at its end, after all others were reset."""
    pools.keep_busy(host, "/run/php/busy.sock", 120)
    host.run(TRAP)
    host.run(f"rm /run/php/gone.sock; python3 - <<'END' > /dev/null 2>&1 & \n{FILL}\nEND")
    host.run("while [ ! -e /run/filled ]; do sleep 0.1; done")
    seen, done = ask(
        ("runtime_cache_info", {"answer_seconds": 2}),
        ("runtime_cache", {"answer_seconds": 2, "longest_request": 20}),
    )
    told = {pool["pool"]: pool for pool in seen["runtime_cache"]["pools"]}
    assert set(told) == {"www", "thief", "busy", *BROKEN}
    for name, (_settings, _prepended, words) in BROKEN.items():
        reason = told[name]["reason"] or told[name]["reasons"].get("opcache")
        assert (reason is None) if words is None else (words in (reason or "")), told[name]
    assert told["off"]["settings"]["opcache.enable"] == "0"
    assert "busy or stuck" in told["busy"]["reason"]
    assert max(pool["seconds"] for pool in told.values()) < 5, "each waits for its own deadline only"

    assert done["failed"] and done["changed"], done
    assert [step["result"] for step in done["steps"]] == ["done"] * len(done["steps"]), done["steps"]
    assert any("busy.sock" in problem for problem in done["problems"]), done["problems"]
    www = host.run("ls /run/php/php[0-9]*-fpm.sock").strip()
    memories = [pools.memory(host, address) for address in (www, HEALTHY, "/run/php/thief.sock")]
    assert [memory["restarts"] for memory in memories] == [1, 1, 1], "all but the master that could not be asked"
    assert not [path for memory in memories for path in memory["scripts"] if "phpfleet" in path]
    assert [memory["wasted"] for memory in memories] == [0, 0, 0]
    assert pools.traces(host) == ["/srv/trap/.phpfleet-probe"] and host.run("ls -A /srv/elsewhere") == ""
    host.run("rm -r /srv/trap")


def parameters(request):
    """The FastCGI parameters of a request, by name (FastCGI Specification, 3.4)."""
    content, offset = b"", 0
    while offset < len(request):
        kind, length, padding = struct.unpack_from(">xB2xHB", request, offset)
        content += request[offset + 8 : offset + 8 + length] if kind == PARAMS else b""
        offset += 8 + length + padding
    found, offset = {}, 0
    while offset < len(content):
        lengths = []
        for _unused in "nv":
            long = content[offset] & 0x80
            lengths.append(struct.unpack_from(">I", content, offset)[0] & 0x7FFFFFFF if long else content[offset])
            offset += 4 if long else 1
        name, value = content[offset : offset + lengths[0]], content[offset + lengths[0] : offset + sum(lengths)]
        found[name.decode()] = value.decode("latin-1")
        offset += sum(lengths)
    return found


def tells(said):
    """Whether an answer says anything of the pool's memory."""
    return b"opcache" in said


def test_a_stolen_secret_is_worth_nothing(host, ask):
    www = host.run("ls /run/php/php[0-9]*-fpm.sock").strip()
    host.run(f"cat > /srv/tap.py <<'END'\n{TAP.read_text()}\nEND")
    host.run(f"python3 /srv/tap.py {www} /srv/stolen < /dev/null > /srv/tap.log 2>&1 & sleep 0.5; test -S {www}.real")
    (seen,) = ask(("runtime_cache_info", {"sockets": [www]}))
    (pool,) = seen["runtime_cache"]["pools"]
    assert pool["reason"] is None, pool

    traffic = base64.b64decode(host.run("cat /srv/stolen/*/request | base64 --wrap=0"))
    assert b"PHP_VALUE" not in traffic and b"PHP_ADMIN_VALUE" not in traffic
    taken = host.run("dirname $(ls /srv/stolen/*/*.php | head -1)").strip()
    request = base64.b64decode(host.run(f"base64 --wrap=0 {taken}/request"))
    asked = parameters(request)
    script, secret = asked["SCRIPT_FILENAME"], asked["PHPFLEET_SECRET"]
    names = host.run(f"cd {taken}; ls *.php").split()
    assert Path(script).name in names and str(Path(script).parent) == PLACE
    assert readers(host, f"{taken}/*.php") == {"www-data"}
    assert [key for key, value in asked.items() if secret in value] == ["PHPFLEET_SECRET"]
    assert secret not in host.run(f"cat {taken}/*.php")
    assert pools.traces(host) == []

    request = re.sub(rb"until=[0-9]{10}", b"until=4000000000", request)  # each bears the end of its own deadline, too
    memory = pools.memory(host, f"{www}.real")
    assert memory["wasted"] == 0 and not [path for path in memory["scripts"] if "phpfleet" in path], memory
    after = answer(host, f"{www}.real", request)
    assert not tells(after) and b"Status: 404" in after

    # Further a thief gets only who is root already: the files lie where they lay.
    host.run(f"install --directory --mode=0711 {PLACE}; cp --archive {taken}/*.php {PLACE}")
    assert tells(answer(host, f"{www}.real", request)), "else what follows would prove nothing"
    guessed = answer(host, f"{www}.real", request.replace(secret.encode(), b"0" * len(secret)))
    assert not tells(guessed) and b"Status: 404" in guessed
    another = answer(host, "/run/php/thief.sock", request)
    assert not tells(another) and b"denied" in another.lower(), another
    for name in names:
        beside = answer(host, f"{www}.real", request.replace(Path(script).name.encode(), name.encode()))
        assert tells(beside) == (name == Path(script).name), beside
    assert by_http(host, f"{www}.real", names, secret) == ""
    host.run(f"sed -Ei 's/\\b[0-9]{{10}}\\b/1000000000/' {PLACE}/{Path(script).name}")
    expired = answer(host, f"{www}.real", request)
    assert not tells(expired) and b"Status: 404" in expired
    host.run(f"rm -r {PLACE}; mv {www}.real {www}")


def readers(host, files):
    """Which of the users may read any of some files."""
    read = "setpriv --reuid=$user --clear-groups cat $file > /dev/null 2>&1"
    users = "www-data bob nobody"
    return set(host.run(f"for file in {files}; do for user in {users}; do ! {read} || echo $user; done; done").split())


def by_http(host, socket, names, secret):
    """What is answered to those who bring the secret by HTTP, in any part of a request that PHP reads."""
    host.run(
        f"""
        cat > /etc/nginx/conf.d/thief.conf <<'END'
server {{
    listen 127.0.0.1:{HTTP_PORT};
    underscores_in_headers on;
    root {PLACE};
    location / {{
        include fastcgi_params;
        fastcgi_param SCRIPT_FILENAME $document_root$uri;
        fastcgi_pass unix:{socket};
    }}
}}
END
        nginx -s reload
        while ! curl --silent http://127.0.0.1:{HTTP_PORT}/none > /dev/null; do sleep 0.05; done
        """
    )
    pair = f"PHPFLEET_SECRET={secret}&PHPFLEET_TASK=until=4000000000"
    header = f"--header 'PHPFLEET_SECRET: {secret}' --header 'PHPFLEET_TASK: until=4000000000'"
    return host.run(
        f"""
        for name in {" ".join(names)}; do
            url=http://127.0.0.1:{HTTP_PORT}/$name
            curl --silent "$url?{pair}"
            curl --silent {header} "$url"
            curl --silent --cookie '{pair.replace("&", "; ")}' "$url"
            curl --silent --data '{pair}' "$url"
        done
        """
    )


def holders(host):
    """The processes that hold a probe open."""
    said = host.run(f"find /proc/[0-9]*/fd -lname '{PLACE}/*.php' 2> /dev/null || true").split()
    return {int(path.split("/")[2]) for path in said}


def test_what_a_killed_run_leaves_is_swept_by_the_next(host, ask):
    pools.keep_busy(host, "/run/php/busy.sock", 120)
    look = ("runtime_cache_info", {"sockets": ["/run/php/busy.sock"], "answer_seconds": 20})
    with ThreadPoolExecutor(1) as background:
        killed = background.submit(ask, look)
        end = time.monotonic() + 20
        while not (held := holders(host)):
            assert time.monotonic() < end, "no probe is held open"
            time.sleep(0.2)
        files = host.run(f"ls {PLACE}")
        host.run(f"kill -9 {' '.join(map(str, held))}")
        assert killed.result()[0]["failed"]
    assert host.run(f"ls {PLACE}") == files, "nobody could remove them"
    ask(("runtime_cache_info", {"sockets": [HEALTHY]}))
    assert pools.traces(host) == []
