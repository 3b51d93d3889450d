# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the modules take on full tables of SysV IPC, set against ipcs | awk | xargs ipcrm on the same tables.

It works in an IPC namespace of its own, so it needs root, and touches nothing of the machine. It prints a table, and
with PHPFLEET_BENCH_JSON=path writes the figures there. Sizes can be given: sysv_ipc.py [SEGMENTS [SETS]].
"""

import ctypes
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from shared.figures import show

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODULES = "ansible_collections.phpfleet.remediation.plugins.modules"
SEGMENTS, SETS = 32768, 32000  # shmmni's maximum, and semmni's default
SEGMENT_SIZE = 4096
OPERATIONS = "ipcs -{0} | awk '/^0x/ {{ print $2 }}' | xargs -n1 -r ipcrm -{0}"


class Operation(ctypes.Structure):
    """struct sembuf"""

    _fields_ = (("number", ctypes.c_ushort), ("change", ctypes.c_short), ("flags", ctypes.c_short))


def leak(segments: int, sets: int) -> None:
    """Make private objects as PHP does, from a process that then ends."""
    child = os.fork()
    if child == 0:
        libc = ctypes.CDLL(None)
        for _unused in range(segments):
            libc.shmget(0, ctypes.c_size_t(SEGMENT_SIZE), 0o1600)
        # sysvsem.c: every semaphore of the set is operated on, which leaves the pid in each.
        enter = (Operation * 3)(Operation(2, 0, 0), Operation(1, 1, 0), Operation(2, 1, 0))
        leave = (Operation * 3)(Operation(0, 1, 0), Operation(1, -1, 0), Operation(2, -1, 0))
        for _unused in range(sets):
            made = libc.semget(0, 3, 0o1600)
            libc.semop(made, enter, 3)
            libc.semop(made, leave, 3)
        os._exit(0)
    os.waitpid(child, 0)


def count() -> tuple[int, int]:
    """Return how many segments and sets there are."""
    return tuple(len(pathlib.Path("/proc/sysvipc", table).read_text().splitlines()) - 1 for table in ("shm", "sem"))


def run_module(name: str, **options) -> tuple[float, dict, int]:
    """Return the seconds that a module took with its start, what it returned, and the size of that in bytes."""
    environment = dict(os.environ, PYTHONPATH=os.path.join(CHECKOUT, ".cache", "collections"))
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", f"{MODULES}.{name}", json.dumps(dict(ANSIBLE_MODULE_ARGS=options))],
        env=environment,
        stdout=subprocess.PIPE,
        check=False,
    )
    return time.monotonic() - started, json.loads(done.stdout), len(done.stdout)


def run_by_hand() -> float:
    """Return the seconds that the usual pipeline takes."""
    started = time.monotonic()
    for kind in "ms":
        subprocess.run(OPERATIONS.format(kind), shell=True, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def measure(segments: int, sets: int) -> dict:
    subprocess.run(["sysctl", "-q", "-w", f"kernel.shmmni={SEGMENTS}"], check=True)
    leak(segments, sets)
    full = count()
    time.sleep(2)
    audit, seen, audit_size = run_module("sysv_ipc_info", min_age=1)
    found = sum(group["count"] for group in seen["findings"] if group["remedy"])
    with tempfile.TemporaryDirectory() as state:
        os.chmod(state, 0o700)
        remedy, done, remedy_size = run_module("sysv_ipc", min_age=1, max_changes=1 << 20, state_dir=state)
        kept = sum(
            os.path.getsize(os.path.join(root, name)) for root, _unused, names in os.walk(state) for name in names
        )
    assert found == sum(full), f"{found} of {full} were found"
    assert count() == (0, 0), f"{count()} are left: {done.get('msg')}"
    leak(segments, sets)
    by_hand = run_by_hand()
    assert count() == (0, 0)
    return dict(
        segments=full[0],
        semaphore_sets=full[1],
        audit_seconds=round(audit, 2),
        audit_result_bytes=audit_size,
        remedy_seconds=round(remedy, 2),
        remedy_result_bytes=remedy_size,
        journal_and_quarantine_bytes=kept,
        by_hand_seconds=round(by_hand, 2),
        by_hand_to_remedy=round(by_hand / remedy, 1),
        by_hand_to_audit=round(by_hand / audit, 1),
    )


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("sysv_ipc: it measures in an IPC namespace of its own, which needs root")
    if "--inside" not in sys.argv:
        own = ["unshare", "--ipc", "--pid", "--mount", "--fork", "--mount-proc", sys.executable, __file__, "--inside"]
        sys.exit(subprocess.run(own + sys.argv[1:], check=False).returncode)
    sizes = [int(argument) for argument in sys.argv[1:] if argument != "--inside"]
    show("sysv_ipc", measure(*(sizes + [SEGMENTS, SETS][len(sizes) :])))


main()
