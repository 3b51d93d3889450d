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
import sys

from shared.figures import show
from shared.lab import BENCH, CHECKOUT, Lab

SIZES = (100_000, 4096, 2000)  # files, MiB, files that the loop removes

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


def measure(files: int, mebibytes: int, looped: int) -> dict[str, float]:
    with Lab() as lab:
        lab.install_collection()
        lab.command("ssh", "web1", "turn-on-file-cache")
        lab.copy(CHECKOUT / "tests/unit/samples", ["eaccelerator"], BENCH / "samples")
        figures: dict[str, float] = json.loads(lab.run("opcode_cache.py", files, mebibytes, looped))
        figures["looped_files"] = looped
        figures["opcode_cache_absent_seconds"] = round(lab.play(MODULE), 2)
        figures["find_and_file_loop_seconds"] = round(lab.play(LOOP), 2)
        assert lab.command("ssh", "web1", "find /var/cache/loop /var/cache/module -type f") == ""
    return figures


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("opcode_cache: it measures on a host of the lab, which needs root")
    given = [int(argument) for argument in sys.argv[1:]]
    show("opcode_cache", measure(*given, *SIZES[len(given) :]))


main()
