# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests/bench/runtime_cache.py does on the host: start many pools, look at and reset their caches, print JSON."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from module_runs import BENCH, peak_memory, run_module

REPEATS = 3  # the fastest counts, since the machine is not ours alone
WORKERS = 2  # of each pool
LONGEST = 30  # seconds that a request may take: nothing but this measurement asks the pools
(PHP_FPM,) = pathlib.Path("/usr/sbin").glob("php-fpm[0-9]*")
RUN = pathlib.Path("/run/php")
SCRIPTS = pathlib.Path("/srv/bench")
ACCESS_LOG = pathlib.Path("/var/log/bench-access.log")
PER_DIRECTORY = 100
WRITTEN = (1, 1_700_000_000)  # atime and mtime of every script
ROOMY = ["-d", "opcache.max_accelerated_files=65407", "-d", "opcache.memory_consumption=256"]

GLOBAL = """[global]
pid = {pid}
error_log = /var/log/bench-{name}.log
"""
POOL = """
[{name}]
user = www-data
group = www-data
listen = {socket}
pm = static
pm.max_children = {workers}
access.log = {log}
access.format = "%{{milliseconds}}d %{{kilobytes}}M"
"""
READY = {
    "reset.php": "<?php echo serialize(array('result' => opcache_reset()));",
    "restarts.php": "<?php echo opcache_get_status(false)['opcache_statistics']['manual_restarts'];",
    "list.php": "<?php echo json_encode(opcache_get_status(true));",
    "compile.php": """<?php
ini_set('memory_limit', '-1');
set_time_limit(0);
foreach (glob('/srv/bench/scripts/*/*.php') as $script) {
    opcache_compile_file($script);
}
echo opcache_get_status(false)['opcache_statistics']['num_cached_scripts'];
""",
}
SCRIPT = """<?php
class Bench{number}
{{
    private $seen = array();

    public function {method}($key, array $values)
    {{
        $this->seen[$key] = isset($this->seen[$key]) ? $this->seen[$key] + count($values) : 'none of {number}';
        return strlen($this->seen[$key]) > 3 ? array('key' => $key, 'values' => $values) : null;
    }}
}}
"""


@contextlib.contextmanager
def masters(many: int, pools: int, settings: Sequence[str] = ()) -> Iterator[list[list[pathlib.Path]]]:
    """Run so many masters with so many pools each; give the sockets of each master's pools."""
    started = [start(master, pools, settings) for master in range(many)]
    try:
        yield [sockets for sockets, _unused in started]
    finally:
        for _unused, pid in started:
            os.kill(pid, signal.SIGQUIT)
        while any(pathlib.Path("/proc", str(pid)).exists() for _unused, pid in started):
            time.sleep(0.05)


def start(master: int, pools: int, settings: Sequence[str] = ()) -> tuple[list[pathlib.Path], int]:
    """Start a master; return the sockets of its pools, and its pid."""
    sockets = [RUN / f"bench{master}-{number}.sock" for number in range(pools)]
    configuration, pidfile = BENCH / f"bench{master}.conf", RUN / f"bench{master}.pid"
    sections = [POOL.format(name=socket.stem, socket=socket, workers=WORKERS, log=ACCESS_LOG) for socket in sockets]
    configuration.write_text("".join([GLOBAL.format(pid=pidfile, name=master), *sections]))
    subprocess.run([PHP_FPM, "--daemonize", "--fpm-config", configuration, *settings], check=True)
    return sockets, int(pidfile.read_text())


def fastest(ways: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Return the seconds that the fastest of some tries took, by the name of each way; all take turns."""
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _unused in range(REPEATS):
        for name, work in ways.items():
            started = time.monotonic()
            work()
            took[name].append(time.monotonic() - started)
    return {f"{name}_seconds": round(min(tries), 3) for name, tries in took.items()}


def by_cgi_fcgi(socket: pathlib.Path, script: str) -> str:
    """Have a pool run a script that lies ready, by libfcgi's own client; return what it printed."""
    environment = {
        "PATH": os.environ["PATH"],
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": f"/{script}",
        "SCRIPT_FILENAME": str(SCRIPTS / script),
    }
    done = subprocess.run(
        ["cgi-fcgi", "-bind", "-connect", socket], env=environment, stdout=subprocess.PIPE, check=True
    )
    return done.stdout.decode().partition("\r\n\r\n")[2]


def by_php(socket: pathlib.Path, expression: str) -> None:
    """Have a pool evaluate an expression, by a program in PHP that is started for it."""
    subprocess.run(["php", BENCH / "one_pool.php", socket, expression], check=True)


def restarts(sockets: Sequence[Sequence[pathlib.Path]]) -> int:
    """Return how often OPcache was emptied in all masters, once what was pending has happened."""
    for master in sockets:
        by_cgi_fcgi(master[0], "restarts.php")
    return sum(int(by_cgi_fcgi(master[0], "restarts.php")) for master in sockets)


def restarts_by(work: Callable[[], object], sockets: Sequence[Sequence[pathlib.Path]]) -> int:
    before = restarts(sockets)
    work()
    return restarts(sockets) - before


def of_many_pools(many: int, pools: int) -> dict[str, float]:
    """Return what a look and a reset of all pools cost, by each way, and how often each way emptied the memory."""
    with masters(many, pools) as sockets:
        everyone = [socket for master in sockets for socket in master]

        def by_the_module() -> None:
            _seconds, done = run_module("runtime_cache", longest_request=LONGEST)
            assert done["changed"], done

        def by_the_module_opcache_only() -> None:
            run_module("runtime_cache", longest_request=LONGEST, caches=["opcache"])

        def by_php_each() -> None:
            for socket in everyone:
                by_php(socket, "opcache_reset()")

        def by_cgi_fcgi_each() -> None:
            for socket in everyone:
                by_cgi_fcgi(socket, "reset.php")

        def look_by_php_each() -> None:
            for socket in everyone:
                by_php(socket, "opcache_get_status(true)")

        _seconds, seen = run_module("runtime_cache_info")
        told = [pool for pool in seen["runtime_cache"]["pools"] if pool["reason"] is None]
        assert len(seen["runtime_cache"]["segments"]) == many and len(told) == many * pools, seen
        figures = fastest(
            {
                "look": lambda: run_module("runtime_cache_info"),
                "look_by_php_each": look_by_php_each,
                "reset": by_the_module,
                "reset_opcache_only": by_the_module_opcache_only,
                "reset_by_php_each": by_php_each,
                "reset_by_cgi_fcgi_each": by_cgi_fcgi_each,
            }
        )
        figures["restarts_by_the_module"] = restarts_by(by_the_module, sockets)
        figures["restarts_by_php_each"] = restarts_by(by_php_each, sockets)
    assert figures["restarts_by_the_module"] == many, figures
    figures["look_by_php_each_to_look"] = ratio(figures, "look_by_php_each_seconds", "look_seconds")
    figures["reset_by_php_each_to_reset"] = ratio(figures, "reset_by_php_each_seconds", "reset_seconds")
    figures["reset_by_cgi_fcgi_each_to_reset"] = ratio(figures, "reset_by_cgi_fcgi_each_seconds", "reset_seconds")
    return figures


def ratio(figures: dict[str, float], of: str, to: str) -> float:
    return round(figures[of] / figures[to], 2)


def of_many_scripts(scripts: int) -> dict[str, float]:
    """Return what a look costs where one segment holds so many scripts, for the worker that lists them and for us."""
    for number in range(scripts):
        path = SCRIPTS / "scripts" / f"{number // PER_DIRECTORY:04}" / f"{number:06}.php"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(SCRIPT.format(number=number, method=f"method{number % 50}"))
        os.utime(path, WRITTEN)
    with masters(1, 1, ROOMY) as ((socket,),):
        cached = int(by_cgi_fcgi(socket, "compile.php"))
        assert cached >= scripts, f"{cached} of {scripts} scripts are cached"
        ACCESS_LOG.write_text("")
        _seconds, seen = run_module("runtime_cache_info")
        requests = [tuple(map(float, line.split())) for line in ACCESS_LOG.read_text().splitlines()]
        (segment,) = seen["runtime_cache"]["segments"]
        assert segment["opcache"]["scripts"] >= scripts and segment["code"]["compared"] >= scripts, segment
        ACCESS_LOG.write_text("")
        by_cgi_fcgi(socket, "list.php")
        ((by_hand, _unused),) = (tuple(map(float, line.split())) for line in ACCESS_LOG.read_text().splitlines())
        return {
            "scripts": cached,
            **fastest({"look": lambda: run_module("runtime_cache_info")}),
            "look_peak_mebibytes": round(peak_memory("runtime_cache_info")),
            "worker_milliseconds": round(max(milliseconds for milliseconds, _unused in requests), 1),
            "worker_peak_mebibytes": round(max(kilobytes for _unused, kilobytes in requests) / 1024),
            "worker_milliseconds_for_status_as_json": round(by_hand, 1),
        }


def named(prefix: str, figures: dict[str, float]) -> dict[str, float]:
    return {f"{prefix}_{name}": figure for name, figure in figures.items()}


def measure(pools: int, scripts: int) -> dict[str, float]:
    """Do everything that is done on the host, and return the figures."""
    subprocess.run("systemctl stop 'php*-fpm.service'", shell=True, check=True)
    SCRIPTS.mkdir(exist_ok=True)
    for name, text in READY.items():
        (SCRIPTS / name).write_text(text)
    return {
        "pools": pools,
        **named("one_master", of_many_pools(1, pools)),
        **named("five_masters", of_many_pools(5, pools // 5)),
        **named("scripts", of_many_scripts(scripts)),
    }


if __name__ == "__main__":
    if sys.argv[1] == "start":
        start(0, int(sys.argv[2]))
    else:
        print(json.dumps(measure(*map(int, sys.argv[1:]))))
