# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The workers of php-fpm on described hosts, and pools that most of them could be stuck in."""

import copy
import json
import time
from typing import Any, Dict, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import php_fpm_stuck_workers
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import (
    fpm_masters,
    fpm_ping,
    fpm_workers,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMaster
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_workers import FpmWorkers, Worker
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Verdict
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost
from test_captured_hosts import read

POLICY = policy_from({})
SOCKET = "/run/php/www.sock"


def described(name: str = "php-fpm-busy", **changes: Any) -> Dict[str, Any]:
    """The host of four workers, some things of it changed; None takes a file away."""
    host: Dict[str, Any] = copy.deepcopy(read(name, "host.yml"))
    for key, change in changes.items():
        host[key] = {**(host.get(key) or {}), **change} if isinstance(change, dict) else change
    host["files"] = {path: content for path, content in host["files"].items() if content is not None}
    return host


def gathered(host: Dict[str, Any], **options: Any) -> FpmWorkers:
    return fpm_workers.gather(DescribedHost(host), policy_from({"php_fpm": options}))


def by_pid(seen: FpmWorkers) -> Dict[int, Worker]:
    return {worker.process.pid: worker for worker in seen.workers}


def judged(host: Dict[str, Any], **options: Any) -> Verdict:
    look, policy = DescribedHost(host), policy_from({"php_fpm": options})
    facts = [look.once(gather, policy) for gather in php_fpm_stuck_workers.CHECK.gathers]
    return php_fpm_stuck_workers.find(*facts, policy)


def page(*workers: Dict[str, Any], **said: Any) -> Dict[str, Any]:
    lines = [{"start time": 1, "requests": 5, "request method": "GET", **worker} for worker in workers]
    return {SOCKET: {"/status": json.dumps({"pool": "www", "accepted conn": 9, **said, "processes": lines})}}


def reading(pid: int) -> Dict[str, str]:
    """A worker that reads from the connection of a web server, socket 990, as between two requests of a kept one."""
    return {f"/proc/{pid}/syscall": "0 0x4 0x0 0x0 0x0 0x0 0x0 0x7ffd7e3559d8 0x7f0c282f66f0\n"}


def test_the_worker_that_answers_was_idle() -> None:
    seen = by_pid(gathered(described()))
    assert (seen[120].state, seen[120].idle, seen[120].request, seen[120].requests) == ("Idle", True, None, 5)
    assert (seen[121].state, seen[121].idle, seen[121].request) == ("Running", False, "GET /cart.php")
    assert {worker.memory for worker in seen.values()} == {4100 * 4096}


def test_only_one_status_request_is_ours() -> None:
    asking = [
        {"pid": pid, "state": "Running", "request uri": "/status?full&json", "request duration": pid}
        for pid in (120, 121)
    ]
    seen = by_pid(gathered(described(pages=page(*asking))))
    assert (seen[120].idle, seen[121].idle) == (True, False)


def test_who_answers_on_a_socket_of_its_own_is_no_worker_of_the_pool() -> None:
    host = described("php-fpm-busy")
    command = next(key for key in host["commands"] if "-tt" in key)
    host["commands"][command] = host["commands"][command].replace(
        "pm.status_path = /status", "pm.status_path = /status\n[22-Nov-2026 05:00:00] NOTICE: \tpm.status_listen = 9100"
    )
    host["pages"] = {"*:9100": page({"pid": 120, "state": "Running", "request uri": "/status"})[SOCKET]}
    seen = gathered(host)
    assert by_pid(seen)[120].state == "Running"
    assert (seen.pools[0].accepted, seen.pools[0].asked) == (9, 0)


def test_a_pool_says_nothing_of_another_users_workers() -> None:
    """A worker may answer on its pool's socket whatever it likes."""
    host = described(pages=page({"pid": 121, "state": "Idle"}, {"pid": 122, "state": "Idle"}))
    next(process for process in host["processes"] if process["pid"] == 122)["uid"] = 34
    seen = by_pid(gathered(host))
    assert (seen[121].state, seen[121].idle) == ("Idle", True)
    assert (seen[122].state, seen[122].idle) == (None, False)


def test_a_pool_without_a_worker_is_not_made_to_start_one() -> None:
    host = described(pages={SOCKET: {"/status": json.dumps({"pool": "www", "accepted conn": 9})}})
    command = next(key for key in host["commands"] if "-tt" in key)
    host["commands"][command] = host["commands"][command].replace("pm = static", "pm = ondemand")
    assert gathered(host).pools[0].accepted == 9
    host["processes"] = [process for process in host["processes"] if process["pid"] < 100]
    seen = gathered(host)
    assert (seen.pools[0].accepted, seen.pools[0].asked) == (None, 0)
    assert "it has no worker, and would start one" in (seen.pools[0].reason or "")


def test_pools_that_are_not_to_be_asked() -> None:
    seen = gathered(described(pages={SOCKET: None}), ask_pools=False)
    assert {worker.state for worker in seen.workers} == {None}
    assert [worker.idle for worker in seen.workers] == [True, False, False, False]
    assert seen.pools[0].reason == "pools are not asked; leave ask_pools on to have their own word"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "does not answer it in time"),
        ("pool: www", "is wrong: it is no status page"),
        ('{"pool": "other"}', "answers another pool, 'other'"),
        ("Status: 404 Not Found\r\n\r\nNo input file specified.\n", "it answers 404"),
    ],
)
def test_a_pool_that_says_nothing_of_use(answer: Any, reason: str) -> None:
    seen = gathered(described(pages={SOCKET: {"/status": answer}}))
    assert reason in (seen.pools[0].reason or "")
    assert len(seen.workers) == 4


def test_a_kept_connection_of_the_web_server_is_neither_idle_nor_stuck() -> None:
    host = described(files={path: line for pid in (121, 122, 123) for path, line in reading(pid).items()})
    host["links"].update({f"/proc/{pid}/fd/4": "socket:[990]" for pid in (121, 122, 123)})
    host["commands"]["/usr/bin/ss -xae"] += f"u_str ESTAB 0 0 {SOCKET} 990 * 991 <-> ino:168 dev:1/81\n"
    host["pages"] = {}
    seen = by_pid(gathered(host))
    assert (seen[121].waiting, seen[121].idle) == (("web server", None, None), False)
    assert judged(host)[:2] == ("clean", [])


def test_a_worker_that_ends_meanwhile_is_left_out() -> None:
    host = described()
    del host["files"]["/proc/122/statm"]
    assert sorted(by_pid(gathered(host))) == [120, 121, 123]


def test_an_accept_on_a_socket_that_is_not_the_masters_is_not_idle() -> None:
    host = described(links={"/proc/120/fd/10": "socket:[777]"}, pages={SOCKET: {}})
    assert by_pid(gathered(host))[120].idle is False


def test_what_an_ordinary_user_is_told() -> None:
    host = described(forbidden=[f"/proc/{pid}/syscall" for pid in (121, 122, 123)], root=False, pages={SOCKET: {}})
    seen = gathered(host)
    assert [worker.idle for worker in seen.workers] == [True, None, None, None]
    (said,) = [reason for reason in seen.unseen if "what workers of php-fpm do" in reason]
    assert "run with become (and so of 2 others)" in said
    assert judged(host).state == "unknown"


def test_a_host_without_ss() -> None:
    host = described(files={"/usr/bin/ss": None})
    assert "install the package iproute2" in " ".join(gathered(host).unseen)
    assert judged(host).state == "unknown"


def test_another_processor_is_unknown_where_the_page_says_that_workers_run() -> None:
    verdict = judged(described(machine="s390x"))
    assert verdict.state == "unknown"
    assert "what 3 of 4 workers wait for is not seen" in (verdict.reason or "")
    assert judged(described(machine="s390x", pages={SOCKET: {}})).state == "unknown"


def untimed(queue: int) -> Dict[str, Any]:
    host = described("php-fpm-mysql-untimed")
    host["files"]["/proc/123/syscall"] = host["files"]["/proc/122/syscall"]
    host["links"]["/proc/123/fd/5"] = "socket:[902]"
    host["commands"]["/usr/bin/ss -xae"] = host["commands"]["/usr/bin/ss -xae"].replace("LISTEN 0 ", f"LISTEN {queue} ")
    return host


def test_for_how_long_is_not_known_but_requests_queue_up() -> None:
    (finding,) = judged(untimed(7)).findings
    assert finding.severity == "critical"
    assert finding.summary == "4 of 4 workers of pool www wait for /run/mysqld/mysqld.sock; nobody is left to serve"
    assert judged(untimed(0)).state == "unknown"


@pytest.mark.parametrize(
    ("options", "state"),
    [({}, "clean"), ({"stuck_percent": 25}, "clean"), ({"stuck_percent": 25, "stuck_seconds": 0}, "found")],
)
def test_what_counts_as_many_and_as_long(options: Dict[str, Any], state: str) -> None:
    assert judged(described(), **options).state == state


def test_one_worker_that_waits_is_no_finding_whatever_the_percentage() -> None:
    host = described(files={f"/proc/{pid}/syscall": "running\n" for pid in (121, 122)})
    assert judged(host, stuck_percent=1, stuck_seconds=0).state == "clean"


def test_a_lock_in_memory() -> None:
    host = described(
        files={
            f"/proc/{pid}/syscall": "202 0x7f 0x0 0x0 0x0 0x0 0x0 0x7ffd7e3559d8 0x7f0c282f66f0\n"
            for pid in range(121, 124)
        },
        pages=page(*({"pid": pid, "state": "Running", "request duration": 9000000} for pid in range(121, 124))),
    )
    (finding,) = judged(host).findings
    assert "3 of 4 workers of pool www wait for a semaphore or a lock in memory, the longest for 9 s" in finding.summary


def master(host: DescribedHost) -> FpmMaster:
    return fpm_masters.gather(host, POLICY).masters[0]


def test_a_ping_by_its_page_and_without_one() -> None:
    host = DescribedHost(described(pages={SOCKET: {"/ping": "pong"}}))
    pool = master(host).pools[0]
    fpm_ping.ping(host, master(host), pool._replace(settings={"ping.path": "/ping"}))
    with pytest.raises(CannotLook, match="it answers 404"):
        fpm_ping.ping(host, master(host), pool._replace(settings={"ping.path": "/other"}))
    with pytest.raises(CannotLook, match="nothing listens there"):
        fpm_ping.ping(host, master(host), pool._replace(address="/run/php/gone.sock", settings={}))
    with pytest.raises(CannotLook, match="does not say where it listens"):
        fpm_ping.ping(host, master(host), pool._replace(address=None))


def test_an_address_where_its_master_does_not_listen_is_not_asked() -> None:
    host = DescribedHost(described(pages={"127.0.0.1:9000": {"/ping": "pong"}}))
    pool = master(host).pools[0]._replace(address="127.0.0.1:9000", settings={"ping.path": "/ping"})
    fpm_ping.ping(host, master(host), pool)
    with pytest.raises(CannotLook, match="not seen to listen for the pool"):
        fpm_ping.ping(host, master(host), pool._replace(listening=None))


def test_the_limits_that_would_end_it_are_told_with_their_places() -> None:
    evidence: List[Any] = [finding.evidence for finding in judged(described("php-fpm-redis-hangs")).findings]
    assert {one.terminate_source for one in evidence} == {
        "/etc/php/8.2/fpm/pool.d/www.conf:7",
        "/etc/php/8.2/fpm/pool.d/admin.conf:7",
    }


class Slow(DescribedHost):
    """A host whose pools take their time to say nothing."""

    def ask(self, *arguments: Any) -> bytes:
        time.sleep(0.2)
        raise CannotLook("it does not answer it in time")


def test_pools_that_are_stuck_do_not_keep_us_from_the_others() -> None:
    host = described()
    command = next(key for key in host["commands"] if "-tt" in key)
    pool = host["files"]["/etc/php/8.2/fpm/pool.d/www.conf"]
    for number in range(12):
        host["files"][f"/etc/php/8.2/fpm/pool.d/more{number}.conf"] = pool.replace("www", f"more{number}")
    del host["commands"][command]
    started = time.monotonic()
    seen = fpm_workers.gather(Slow(host), POLICY)
    assert [status.reason for status in seen.pools] == ["it does not answer it in time"] * 13
    assert time.monotonic() - started < 2
