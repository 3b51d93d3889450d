# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A lab of one web host (docs/lab.md) for a measurement, gone at the end."""

import os
import pathlib
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

import ansible

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
BENCH = pathlib.Path("/root/bench")  # on the host
ON_HOST = CHECKOUT / "tests/bench/on_host"
SHARED = "module_runs.py"  # what the programs on the host have in common


class Lab:
    def __init__(self) -> None:
        self.name = f"b{os.getpid()}"

    def __enter__(self) -> "Lab":
        self.command("up", "1")
        return self

    def __exit__(self, *_unused: object) -> None:
        self.command("down")

    def command(self, *arguments: str, stdin: bytes = b"") -> str:
        command = [str(CHECKOUT / "lab/lab"), "--lab", self.name, *arguments]
        return subprocess.run(command, input=stdin, stdout=subprocess.PIPE, check=True).stdout.decode()

    def install_collection(self) -> None:
        """Put the collection on the host, and what its modules need of Ansible, to run them there by hand."""
        self.copy(CHECKOUT, ["plugins"], BENCH / "ansible_collections/phpfleet/remediation")
        installed = pathlib.Path(ansible.__file__).parent
        self.copy(installed, ["__init__.py", "release.py", "_vendor", "module_utils"], BENCH / "ansible")

    def copy(self, directory: pathlib.Path, names: Sequence[str], target: pathlib.Path) -> None:
        """Copy what is below a directory to a directory of the host."""
        packed = subprocess.run(["tar", "-C", directory, "-c", *names], stdout=subprocess.PIPE, check=True).stdout
        self.command("ssh", "web1", f"mkdir -p {target} && tar -C {target} -x", stdin=packed)

    def run(self, program: str, *arguments: object) -> str:
        """Run a program of tests/bench/on_host on the host, and return what it prints."""
        self.copy(ON_HOST, [program, SHARED], BENCH)
        inside = ["env", f"PYTHONPATH={BENCH}", "python3", str(BENCH / program), *map(str, arguments)]
        return self.command("ssh", "web1", shlex.join(inside))

    def play(self, tasks: str) -> float:
        """Return the seconds that a playbook takes, with its start."""
        playbook = pathlib.Path("/var/lib/phpfleet-lab", self.name, "bench.yml")
        playbook.write_text(tasks, encoding="ascii")
        inventory = self.command("inventory").strip()
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / ".cache/collections")}
        started = time.monotonic()
        command = [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            "--inventory",
            inventory,
            str(playbook),
        ]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment)
        return time.monotonic() - started
