# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether php-fpm serves anything, from one look or two."""

from typing import Any, Dict, Optional, Sequence

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_idleness import (
    Idleness,
    idle_now,
    quiet_between,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_workers import (
    FpmWorkers,
    PoolStatus,
    Worker,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process

IDLE: Dict[str, Any] = dict(state="Idle", idle=True)
BUSY: Dict[str, Any] = dict(state="Running", idle=False, request="GET /report.php", request_seconds=3.25)


def worker(pid: int, **seen: Any) -> Worker:
    process = Process(
        pid, 45, 1000.0 + pid, "php-fpm8.2", "/usr/sbin/php-fpm8.2", "php-fpm: pool www", (33, 33, 33), False
    )
    empty = Worker(process, 45, "www", None, None, None, None, None, None, None, True, 7)
    return empty._replace(**seen)


def look(workers: Sequence[Worker], accepted: Optional[int] = None, asked: int = 1, **pool: Any) -> FpmWorkers:
    reason = None if accepted else "pool www: it has no status page"
    status = PoolStatus(45, "www", 1000.0, accepted, 0, 0, reason, asked if accepted else 0)
    return FpmWorkers(tuple(workers), (status._replace(**pool),), ())


def test_all_wait_for_work() -> None:
    assert idle_now(look([worker(1), worker(2, **IDLE)]), 45) == Idleness(True, ())


def test_one_serves() -> None:
    seen = look([worker(1), worker(2, **BUSY), worker(3, idle=None)])
    assert idle_now(seen, 45) == Idleness(
        False,
        (
            "worker 2 of pool www: Running GET /report.php for 3.2 s",
            "worker 3: what it does is not seen; have pm.status_path set for its pool, or look as root",
        ),
    )
    assert idle_now(seen, 46) == Idleness(True, ())


def test_one_is_not_seen() -> None:
    assert idle_now(look([worker(1), worker(2, idle=None)]), 45).idle is None
    blind = look([worker(2, idle=None)])._replace(unseen=("/proc/2/syscall: run with become",))
    assert idle_now(blind, 45).reasons == ("worker 2: what it does is not seen; /proc/2/syscall: run with become",)


def test_a_connection_waits_for_a_worker() -> None:
    assert idle_now(look([worker(1)], listen_queue=3), 45) == Idleness(
        False, ("pool www: 3 connections wait for a worker",)
    )


def test_many_reasons_are_counted() -> None:
    seen = idle_now(look([worker(pid, **BUSY) for pid in range(1, 31)]), 45)
    assert len(seen.reasons) == 11
    assert seen.reasons[-1] == "and 20 more"


def quiet(first: FpmWorkers, second: FpmWorkers) -> Idleness:
    return quiet_between(first, second, 45)


def test_quiet_by_the_page_though_its_own_request_woke_a_worker() -> None:
    first, second = look([worker(1, **IDLE)], 100), look([worker(1, **dict(IDLE, switches=9))], 101)
    assert quiet(first, second) == Idleness(True, ())


@pytest.mark.parametrize(("accepted", "asked"), [(102, 1), (101, 0), (99, 1)])
def test_a_request_between_two_pages(accepted: int, asked: int) -> None:
    assert quiet(look([worker(1)], 100, asked), look([worker(1)], accepted, asked)).idle is False


def test_a_page_of_another_generation_proves_nothing() -> None:
    first, second = look([worker(1)], 100), look([worker(1, switches=9)], 101, started=2000.0)
    assert quiet(first, second) == Idleness(False, ("worker 1: it ran between two looks",))


def test_quiet_by_the_kernel() -> None:
    assert quiet(look([worker(1), worker(2)]), look([worker(1), worker(2)])) == Idleness(True, ())


def test_a_worker_ran() -> None:
    seen = quiet(look([worker(1), worker(2)]), look([worker(1), worker(2, switches=8)]))
    assert seen == Idleness(False, ("worker 2: it ran between two looks",))


def test_a_worker_came_or_went() -> None:
    assert quiet(look([worker(1)]), look([worker(1), worker(2)])).idle is False
    assert quiet(look([worker(1), worker(2)]), look([worker(1)])).idle is False
    reborn = worker(1)._replace(process=worker(1).process._replace(started=5000.0))
    assert quiet(look([worker(1)]), look([reborn])).idle is False
    assert quiet(look([worker(1)], 100), look([worker(1), worker(2)], 101)).idle is True


def test_switches_that_are_not_seen() -> None:
    assert quiet(look([worker(1, switches=None)]), look([worker(1)])).idle is None


@pytest.mark.parametrize("first", [True, False])
def test_serving_in_either_look(first: bool) -> None:
    looks = [look([worker(1, **BUSY)], 100), look([worker(1)], 101)]
    assert quiet(*(looks if first else looks[::-1])).idle is False
