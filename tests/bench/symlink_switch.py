# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a release that switches a symbolic link leaves stale, and for how long: the table of docs/runtime-caches.md.

It boots a lab host (docs/lab.md), where every case is a php-fpm of its own under a small steady load. It prints a
table, and with PHPFLEET_BENCH_JSON=path writes the figures there. Seconds after the switch can be given:
symlink_switch.py [SECONDS]; realpath_cache_ttl is 120, so fewer than 130 show no end of what hangs on it.
"""

import json
import os
import sys

from shared.figures import save
from shared.lab import Lab

SECONDS = 150
COLUMNS = ("requests", "old", "mixed", "failed", "last_not_new_seconds", "new_at_the_end")


def main() -> None:
    if os.geteuid() != 0:
        sys.exit("symlink_switch: it measures on a host of the lab, which needs root")
    with Lab() as lab:
        lab.install_collection()
        cases = json.loads(lab.run("symlink_switch.py", *(sys.argv[1:] or [SECONDS])))
    print(f"{'case':70}", *(f"{column.replace('_', ' '):>20}" for column in COLUMNS))
    for case in cases:
        print(f"{case['case']:70}", *(f"{case[column]!s:>20}" for column in COLUMNS))
    save("symlink_switch", cases)


main()
