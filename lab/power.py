# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The power switch of hosts: every host is one cgroup, and the cgroup is what gets killed."""

import os
import socket
import subprocess
import time
from pathlib import Path
from typing import BinaryIO

from command import LabError, run
from state import Host, Lab

BOOT_HOST = Path(__file__).parent / "boot-host"
BOOT_SECONDS = 60.0
KILL_SECONDS = 10.0


def cgroup_tree() -> Path:
    """Where this machine mounts its cgroup2 tree: at /sys/fs/cgroup, or beside the version 1 controllers."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(place)
    raise LabError("this machine mounts no cgroup2 tree: `mount -t cgroup2 cgroup2 DIRECTORY` one, then try again")


def lab_cgroup(lab: Lab) -> Path:
    return cgroup_tree() / f"phpfleet-lab-{lab.name}"


def is_on(lab: Lab, host: Host) -> bool:
    return populated(lab_cgroup(lab) / host.name)


def populated(cgroup: Path) -> bool:
    """Whether a living process is in the cgroup or below; a zombie doesn't count."""
    try:
        return "populated 1" in (cgroup / "cgroup.events").read_text()
    except FileNotFoundError:
        return False


def on(lab: Lab, host: Host) -> None:
    """Start booting the host; it goes on without this program."""
    cgroup = lab_cgroup(lab) / host.name
    directory = lab.host_directory(host)
    environment = {
        "PATH": os.environ["PATH"],
        "HOST": host.name,
        "BASE": lab.base,
        "DIRECTORY": str(directory),
        "NAMESPACE": lab.namespace(host),
        "CGROUP": str(cgroup.relative_to(cgroup_tree())),
    }
    boot = ["unshare", "--mount", "--propagation", "private", str(BOOT_HOST)]
    try:
        (cgroup / "keeper").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"the lab can't make a cgroup for {host.name} here: {error}") from error
    with open(directory / "console.log", "ab") as console:
        start_inside(cgroup / "keeper", boot, environment, console)


def start_inside(cgroup: Path, command: list[str], environment: dict[str, str], output: BinaryIO) -> None:
    """Start `command` in `cgroup`, so that all it ever starts can be ended with the cgroup.

    It waits for a word until it is in there; if this program dies first, the pipe closes and nothing starts.
    """
    waiting = ["sh", "-c", 'read -r go && exec "$@" < /dev/null', "sh", *command]
    hear, say = os.pipe()
    process = subprocess.Popen(
        waiting, env=environment, stdin=hear, stdout=output, stderr=output, start_new_session=True
    )
    os.close(hear)
    (cgroup / "cgroup.procs").write_text(str(process.pid))
    os.write(say, b"go\n")
    os.close(say)


def off(cgroup: Path) -> None:
    """Kill every process of a host, or of all hosts of a lab, at once: no service is asked, as in a power cut."""
    if not cgroup.exists():
        return
    (cgroup / "cgroup.kill").write_text("1")
    deadline = time.monotonic() + KILL_SECONDS
    while populated(cgroup):
        if time.monotonic() > deadline:
            raise LabError(f"processes in {cgroup} outlive SIGKILL by {KILL_SECONDS:.0f} s: see its cgroup.procs files")
        time.sleep(0.01)
    for path, _, _ in os.walk(cgroup, topdown=False):
        remove_cgroup(Path(path))


def remove_cgroup(cgroup: Path) -> None:
    """Remove one empty cgroup; the kernel keeps it busy for a moment while the last zombies are reaped."""
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        try:
            cgroup.rmdir()
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise LabError(f"{cgroup} can't be removed: {error}") from error
            time.sleep(0.01)


def wait_until_up(lab: Lab, host: Host) -> None:
    """Return when systemd says "running" over SSH; LabError when a unit failed or the host doesn't answer."""
    deadline = time.monotonic() + BOOT_SECONDS
    while not answers(host.address, deadline):
        if time.monotonic() > deadline or not is_on(lab, host):
            console = lab.host_directory(host) / "console.log"
            raise LabError(f"{host.name} did not come up; the end of {console} says:\n{tail(console)}")
        time.sleep(0.02)
    ask = "systemctl is-system-running --wait || systemctl --failed --no-legend --plain"
    said = run(["ssh", "-F", str(lab.ssh_config), host.name, ask]).strip()
    if said != "running":
        raise LabError(f"{host.name} is up, but systemd says: {said}")


def answers(address: str, deadline: float) -> bool:
    """Whether an SSH server greets on `address`."""
    try:
        with socket.create_connection((address, 22), timeout=max(0.1, deadline - time.monotonic())) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def tail(path: Path) -> str:
    return path.read_bytes()[-2000:].decode(errors="replace")
