# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How long the modules take to look at and reset the caches of many pools, set against one process for each pool.

It boots a lab host (docs/lab.md). There it runs 50 pools, of one php-fpm and then of five, and lets each way look at
and reset the caches of all of them: the modules; a program in PHP that is started once a pool, which is cachetool's way
(on_host/one_pool.php says what it stands for); and cgi-fcgi, started once a pool, with a script that lies ready. Then
one cache that holds 20,000 scripts is looked at, and two playbooks reset the 50 pools over SSH. It prints a table, and
with PHPFLEET_BENCH_JSON=path writes the figures there. Sizes can be given: runtime_cache.py [POOLS [SCRIPTS]].
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from shared.figures import show
from shared.lab import BENCH, ON_HOST, Lab

SIZES = (50, 20_000)  # pools, scripts
CLIENT = "libfcgi-bin"  # it has cgi-fcgi

MODULE = """
- hosts: web1
  gather_facts: false
  tasks:
    - phpfleet.remediation.runtime_cache: {{longest_request: 30}}
"""
LOOP = """
- hosts: web1
  gather_facts: false
  tasks:
    - ansible.builtin.command: php {bench}/one_pool.php /run/php/bench0-{{{{ item }}}}.sock opcache_reset()
      loop: "{{{{ range({pools}) | list }}}}"
      loop_control: {{label: ""}}
"""


def install_client(lab: Lab) -> None:
    """Put cgi-fcgi on the host, which has no network, from the machine's own package sources."""
    depends = subprocess.run(["apt-cache", "depends", CLIENT], stdout=subprocess.PIPE, check=True, text=True).stdout
    packages = [CLIENT, *re.findall(r"Depends: (libfcgi\S+)", depends)]
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["apt-get", "-qq", "download", *packages], cwd=directory, check=True, stderr=subprocess.DEVNULL)
        lab.copy(pathlib.Path(directory), ["."], BENCH / "packages")
    lab.command("ssh", "web1", f"dpkg --install {BENCH}/packages/*.deb >/dev/null")


def measure(pools: int, scripts: int) -> dict[str, float]:
    with Lab() as lab:
        lab.install_collection()
        install_client(lab)
        lab.copy(ON_HOST, ["one_pool.php"], BENCH)
        figures: dict[str, float] = json.loads(lab.run("runtime_cache.py", pools, scripts))
        lab.run("runtime_cache.py", "start", pools)
        figures["playbook_seconds"] = round(lab.play(MODULE.format()), 2)
        figures["playbook_with_a_loop_of_php_seconds"] = round(lab.play(LOOP.format(bench=BENCH, pools=pools)), 2)
        left = lab.command("ssh", "web1", "find / -xdev -name '.phpfleet-probe*'")
        assert left == "", left
    return figures


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("runtime_cache: it measures on a host of the lab, which needs root")
    given = [int(argument) for argument in sys.argv[1:]]
    show("runtime_cache", measure(*given, *SIZES[len(given) :]))


main()
