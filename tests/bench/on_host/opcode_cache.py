# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tests/bench/opcode_cache.py does on the host: fill the caches, measure, and print the figures as JSON."""

import functools
import json
import os
import pathlib
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import eaccelerator, eaccelerator_walk
from module_runs import BENCH, peak_memory, run_module

REPEATS = 3  # of what takes well below a minute: the fastest counts, since the machine is not ours alone
SCRIPTS = pathlib.Path("/srv/bench")
CACHE = pathlib.Path("/var/cache/php-opcache")
SMALL_CACHES = (pathlib.Path("/var/cache/loop"), pathlib.Path("/var/cache/module"))
PER_DIRECTORY = 100
HEADER, CHECKSUM = 80, slice(72, 76)
WRITTEN = (1, 1_700_000_000)  # atime and mtime of every script
# Most scripts are small and a few are big; the mean is 1.
SPREAD = (0.1, 0.2, 0.4, 0.7, 1.0, 1.4, 1.8, 2.4)
DAMAGED = 100  # one of so many entries has a bit flipped, for the remedy


def run(command: Sequence[object]) -> str:
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True)
    return done.stdout.decode()


def script(number: int, directory: pathlib.Path = SCRIPTS) -> pathlib.Path:
    return directory / f"{number // PER_DIRECTORY:04}" / f"{number:06}.php"


def compiled(number: int, functions: int) -> tuple[pathlib.Path, bytes]:
    """Write a script of so many functions; return its path and what PHP keeps of it on disk."""
    path = script(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    body = [f"function f{n}($a) {{ return [$a => 'text {n}', 'b' => strlen($a) + {n}]; }}" for n in range(functions)]
    path.write_text("\n".join(["<?php", *body]), encoding="ascii")
    os.utime(path, WRITTEN)
    cache = BENCH / "templates"
    cache.mkdir(exist_ok=True)
    settings = ["-d", "opcache.enable_cli=1", "-d", f"opcache.file_cache={cache}"]
    run(["php", *settings, "-r", f"opcache_compile_file('{path}');"])
    (entry,) = cache.glob(f"*{path}.bin")
    content = entry.read_bytes()
    entry.unlink()
    return path, content


def templates(mean: float) -> Iterator[tuple[pathlib.Path, bytes]]:
    small, big = (len(compiled(0, functions)[1]) for functions in (10, 110))
    each = (big - small) / 100
    for number, share in enumerate(SPREAD):
        yield compiled(number, max(1, round((share * mean - small) / each) + 10))


def fill(cache: pathlib.Path, first: int, files: int, mebibytes: int) -> None:
    """Fill a cache with copies of real entries, each for a script of its own, which is there and as old as it says."""
    made = list(templates(mebibytes * (1 << 20) / files))
    system_id = made[0][1][8:40].decode()
    for number in range(first, first + files):
        template, entry = made[number % len(made)]
        path = script(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, WRITTEN)
        copy = bytearray(entry.replace(os.fsencode(template), os.fsencode(path)))
        copy[CHECKSUM] = zlib.adler32(memoryview(copy)[HEADER:], 1).to_bytes(4, sys.byteorder)
        target = cache / system_id / str(path.parent)[1:]
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        (target / f"{path.name}.bin").write_bytes(copy)
    run(["chown", "--recursive", "www-data:www-data", cache])
    run(["chmod", "--recursive", "u=rwX,go=", cache])


def directories(top: str) -> Iterator[str]:
    yield top
    with os.scandir(top) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from directories(entry.path)


def read_directory(directory: str, use: Callable[[bytes], int]) -> int:
    used = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_file(follow_symlinks=False):
                with open(entry.path, "rb", buffering=0) as file:
                    used += use(file.read())
    return used


def plain_read(use: Callable[[bytes], int] = len) -> float:
    """Return the seconds that it takes just to read every file, by two threads, and to use it."""
    started = time.monotonic()
    with ThreadPoolExecutor(max_workers=2) as pool:
        used = sum(pool.map(functools.partial(read_directory, use=use), directories(str(CACHE))))
    assert used > 0
    return time.monotonic() - started


def md5sum() -> float:
    started = time.monotonic()
    subprocess.run(f"find {CACHE} -type f -print0 | xargs -0 md5sum > /dev/null", shell=True, check=True)
    return time.monotonic() - started


def damage() -> int:
    """Flip one bit of every so many entries, as a bad disk does, and return of how many."""
    entries = sorted(CACHE.glob("*/srv/bench/*/*.bin"))[::DAMAGED]
    for path in entries:
        written = path.stat().st_mtime_ns
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(written, written))
    return len(entries)


def walk_speed() -> float:
    """Return how many MB of eAccelerator entries a second one core walks."""
    walkable = []
    for path in sorted((BENCH / "samples").rglob("eaccelerator-*")):
        name, data = eaccelerator.parse_name(path.name), path.read_bytes()
        entry = eaccelerator.read(data, name, None).entry if name else None
        if entry and not eaccelerator_walk.not_walkable(entry):
            walkable.append((data, entry))
    assert walkable, "there is no sample of an eAccelerator entry that can be walked"
    walked, started = 0, time.monotonic()
    while time.monotonic() < started + 5:
        for data, entry in walkable:
            eaccelerator_walk.walk(data, entry)
            walked += len(data)
    return walked / 1e6 / (time.monotonic() - started)


def measure(files: int, mebibytes: int, looped: int) -> dict[str, float]:
    """Do everything that is done on the host, and return the figures."""
    fill(CACHE, 0, files, mebibytes)
    for number, cache in enumerate(SMALL_CACHES):
        fill(cache, files + number * looped, looped, mebibytes * looped // files or 1)
    plain_read()  # warms the page cache
    read = min(plain_read() for _unused in range(REPEATS))
    summed = min(plain_read(zlib.adler32) for _unused in range(REPEATS))
    look = dict(paths=[str(CACHE)], depth="checksum")
    peak = peak_memory("opcode_cache_info", **look)
    looks = [run_module("opcode_cache_info", **look) for _unused in range(REPEATS)]
    assert looks[0][1]["findings"] == [], looks[0][1]["findings"]
    seconds = min(took for took, _unused in looks)
    itself = min(sum(check["seconds"] for check in result["checks"]) for _unused, result in looks)
    by_md5sum = min(md5sum() for _unused in range(REPEATS))
    damaged = damage()
    remedy, done = run_module("opcode_cache", max_changes=files, **look)
    assert done["remaining"] == [] and sum(outcome["count"] for outcome in done["outcomes"]) == damaged, done
    return {
        "files": files,
        "mebibytes": round(sum(path.stat().st_size for path in CACHE.rglob("*.bin")) / (1 << 20)),
        "plain_read_seconds": round(read, 2),
        "read_and_adler32_seconds": round(summed, 2),
        "checksum_seconds": round(seconds, 2),
        "checksum_seconds_without_start": round(itself, 2),
        "checksum_to_plain_read": round(itself / read, 2),
        "checksum_to_read_and_adler32": round(itself / summed, 2),
        "checksum_peak_mebibytes": round(peak),
        "md5sum_seconds": round(by_md5sum, 2),
        "remedied_entries": damaged,
        "remedy_seconds": round(remedy, 2),
        "structure_walk_megabytes_a_second": round(walk_speed(), 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure(*map(int, sys.argv[1:]))))
