# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules run on the host without Ansible, for their time and memory."""

import json
import pathlib
import re
import subprocess
import sys
import time

BENCH = pathlib.Path("/root/bench")
RESULT = BENCH / "result"
MODULES = "ansible_collections.phpfleet.remediation.plugins.modules"


def start_module(name: str, **options: object) -> subprocess.Popen:
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": options})
    with RESULT.open("wb") as result:
        return subprocess.Popen([sys.executable, "-m", f"{MODULES}.{name}", arguments], stdout=result)


def run_module(name: str, **options: object) -> tuple[float, dict]:
    """Return the seconds that a module took with its start, and what it returned."""
    started = time.monotonic()
    status = start_module(name, **options).wait()
    seconds = time.monotonic() - started
    assert status == 0, RESULT.read_text()
    return seconds, json.loads(RESULT.read_bytes())


def peak_memory(name: str, **options: object) -> float:
    """Return the most memory, in MiB, that a module's processes had together; what they share counts once."""
    module = start_module(name, **options)
    peak = 0
    while module.poll() is None:
        peak = max(peak, memory(module.pid))
        time.sleep(0.02)
    return peak / 1024


def memory(pid: int) -> int:
    """Return the proportional set size of a process and its children, in KiB; 0 for one that has ended."""
    process = pathlib.Path("/proc", str(pid))
    try:
        children = (process / "task" / str(pid) / "children").read_text().split()
        found = re.search(r"^Pss: +([0-9]+) kB$", (process / "smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return (int(found.group(1)) if found else 0) + sum(memory(int(child)) for child in children)
