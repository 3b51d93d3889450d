# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the modules take on a big cache of OPcache, set against reading it, md5sum, and Ansible's own modules.

It boots a lab host (docs/lab.md) and fills a cache there with copies of entries that the real PHP wrote, each for a
script of its own. Everything is measured on that host, with the page cache warm. It prints a table, and with
PHPFLEET_BENCH_JSON=path writes the figures there. Sizes can be given: opcode_cache.py [FILES [MEBIBYTES [LOOPED]]],
where LOOPED is the number of files that Ansible's own modules are let loose on.
"""

import json
import os
import pathlib
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence

import ansible

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
SIZES = (100_000, 4096, 2000)  # files, MiB, files that the loop removes
BENCH = pathlib.Path("/root/bench")  # on the host
PROGRAM = BENCH / "opcode_cache.py"

LOOP = """
- hosts: web1
  gather_facts: false
  tasks:
    - ansible.builtin.find: {paths: /var/cache/loop, recurse: true, file_type: file}
      register: found
    - ansible.builtin.file: {path: "{{ item.path }}", state: absent}
      loop: "{{ found.files }}"
      loop_control: {label: ""}
"""
MODULE = """
- hosts: web1
  gather_facts: false
  tasks:
    - phpfleet.remediation.opcode_cache: {paths: [/var/cache/module], state: absent, max_changes: 100000}
"""


class Lab:
    """A lab of one web host, gone at the end."""

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

    def copy(self, directory: pathlib.Path, names: Sequence[str], target: pathlib.Path) -> None:
        """Copy what is below a directory to a directory of the host."""
        packed = subprocess.run(["tar", "-C", directory, "-c", *names], stdout=subprocess.PIPE, check=True).stdout
        self.command("ssh", "web1", f"mkdir -p {target} && tar -C {target} -x", stdin=packed)

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


def measure(files: int, mebibytes: int, looped: int) -> dict[str, float]:
    with Lab() as lab:
        lab.command("ssh", "web1", "turn-on-file-cache")
        lab.copy(CHECKOUT, ["plugins"], BENCH / "ansible_collections/phpfleet/remediation")
        installed = pathlib.Path(ansible.__file__).parent
        lab.copy(installed, ["__init__.py", "release.py", "_vendor", "module_utils"], BENCH / "ansible")
        lab.copy(CHECKOUT / "tests/unit/samples", ["eaccelerator"], BENCH / "samples")
        lab.copy(CHECKOUT / "tests/bench/on_host", [PROGRAM.name], BENCH)
        inside = ["env", f"PYTHONPATH={BENCH}", "python3", str(PROGRAM)]
        figures: dict[str, float] = json.loads(
            lab.command("ssh", "web1", shlex.join([*inside, *map(str, (files, mebibytes, looped))]))
        )
        figures["looped_files"] = looped
        figures["opcode_cache_absent_seconds"] = round(lab.play(MODULE), 2)
        figures["find_and_file_loop_seconds"] = round(lab.play(LOOP), 2)
        assert lab.command("ssh", "web1", "find /var/cache/loop /var/cache/module -type f") == ""
    return figures


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("opcode_cache: it measures on a host of the lab, which needs root")
    given = [int(argument) for argument in sys.argv[1:]]
    figures = measure(*given, *SIZES[len(given) :])
    for name, figure in figures.items():
        print(f"{name.replace('_', ' '):36} {figure:>12}")
    if "PHPFLEET_BENCH_JSON" in os.environ:
        with open(os.environ["PHPFLEET_BENCH_JSON"], "w", encoding="utf-8") as file:
            json.dump({"opcode_cache": figures}, file, indent=1)


main()
