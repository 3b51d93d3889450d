# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm as php_fpm_info shows it."""

import json
from typing import Any

from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_overview
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_overview import Overview
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import plain
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost

CONFIGURATION = "/etc/php-fpm.conf"
MASTER = dict(pid=45, executable="/usr/sbin/php-fpm", title=f"php-fpm: master process ({CONFIGURATION})")
WORKERS = [
    dict(pid=46, parent=45, uid=33, executable="/usr/sbin/php-fpm", title="php-fpm: pool www"),
    dict(pid=47, parent=45, uid=33, executable="/usr/sbin/php-fpm", title="php-fpm: pool removed"),
    dict(pid=48, uid=33, executable="/usr/sbin/php-fpm", title="php-fpm: pool orphaned"),
]
FILE = "[global]\n[www]\nlisten = /run/www.sock\nenv[PASSWORD] = hunter2\nphp_value[x.secret] = hunter2\n"
UNIX = "u_str LISTEN 3 511 /run/www.sock 800 * 0 <-> ino:8 dev:0/1\nu_str LISTEN 0 5 /run/o.sock 801 * 0 <->\n"


def overview(**more: Any) -> Overview:
    files = {CONFIGURATION: FILE, "/usr/sbin/php-fpm": "", "/usr/bin/ss": "", "/run/www.sock": dict(kind="socket")}
    files.update({f"/proc/{pid}/{name}": "0 2 0" for pid in (46, 47) for name in ("statm", "syscall")})
    commands = {"/usr/bin/ss -tuanie exclude time-wait": "", "/usr/bin/ss -xae": UNIX, **more.pop("commands", {})}
    described = dict(processes=[dict(pid=1), MASTER, *WORKERS], files=files, commands=commands, users={33: "www-data"})
    return fpm_overview.gather(DescribedHost(dict(described, **more)), policy_from({"php_fpm": {"ask_pools": False}}))


def test_workers_stand_below_their_pools_and_sockets_beside_them() -> None:
    seen = overview(links={"/proc/45/fd/8": "socket:[800]", "/proc/48/fd/8": "socket:[801]"})
    (master,) = seen.masters
    assert (master.pid, master.user, master.configuration) == (45, "root", CONFIGURATION)
    (pool,) = master.pools
    assert pool.listening == (800, 3, 511)
    assert [(worker.pid, worker.user) for worker in pool.workers] == [(46, "www-data")]
    assert [worker.pid for worker in master.other_workers] == [47]
    assert [(one.pid, one.pool, one.user) for one in seen.orphans] == [(48, "orphaned", "www-data")]


def test_no_secret_is_shown() -> None:
    shown = json.dumps(plain(overview()))
    assert "env[PASSWORD]" in shown and "php_value[x.secret]" in shown and "hunter2" not in shown


def test_what_cannot_be_seen_is_said_once_and_hides_nothing_else() -> None:
    seen = overview(commands={"/usr/bin/ss -xae": dict(status=1, output="no netlink")})
    assert len(set(seen.unseen)) == len(seen.unseen) and any("no netlink" in reason for reason in seen.unseen)
    assert seen.masters[0].pools[0].listening is None and seen.masters[0].pools[0].workers


def test_a_host_without_php_fpm() -> None:
    assert overview(processes=[dict(pid=1)]) == Overview((), (), (), (), ())
