# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many requests are in flight, by what the workers of a php-fpm show."""

from typing import Any, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import php_fpm_reload_loses_requests as check
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_in_flight, fpm_workers
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.blocked import Waiting
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_in_flight import InFlight
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_workers import FpmWorkers, Worker
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from test_fpm_limits_chain import PROCESS, master, pool


class Looked:
    """A host whose workers were seen, or refuse to be."""

    def __init__(self, workers: Optional[List[Worker]]) -> None:
        self.workers = workers

    def once(self, gather: Any, policy: Any) -> FpmWorkers:
        assert gather is fpm_workers.gather
        if self.workers is None:
            raise CannotLook("/proc: processes cannot be listed")
        return FpmWorkers(tuple(self.workers), (), ())


def worker(
    idle: Optional[bool],
    seconds: Optional[float] = None,
    of: int = 45,
    on: Optional[str] = None,
    state: Optional[str] = None,
) -> Worker:
    waiting = Waiting(on, None, None) if on else None
    return Worker(PROCESS, of, "www", None, state, None, None, seconds, None, waiting, idle, None)


@pytest.mark.parametrize(
    ("workers", "found"),
    [
        ([worker(True)], {45: InFlight(0, None)}),
        ([worker(True, 9.0), worker(False, 2.0), worker(False, 3.5)], {45: InFlight(2, 3.5)}),
        ([worker(False), worker(None), worker(False)], {45: InFlight(None, None)}),
        ([worker(False), worker(True, of=46)], {45: InFlight(1, None), 46: InFlight(0, None)}),
        ([worker(False, on=fpm_workers.WEB_SERVER), worker(False, on="socket")], {45: InFlight(None, None)}),
        ([worker(False, state="Reading headers"), worker(False, state="Finishing")], {45: InFlight(1, None)}),
        ([worker(False, on=fpm_workers.WEB_SERVER, state="Running")], {45: InFlight(1, None)}),
        ([], {}),
        (None, {}),
    ],
)
def test_what_is_in_flight(workers: Optional[List[Worker]], found: Any) -> None:
    host: Any = Looked(workers)
    assert fpm_in_flight.gather(host, policy_from({})) == found


@pytest.mark.parametrize(
    ("control", "in_force", "now", "needed", "cut"),
    [
        (None, True, 3, None, 3),
        (None, True, None, None, None),
        (None, None, 3, None, None),
        (None, False, 0, None, 0),
        (45, True, 3, 40, 0),
        (45, True, 3, 46, None),
        (45, True, 3, None, None),
        (45, True, 0, None, 0),
        (45, False, 3, 40, None),
    ],
)
def test_how_many_a_reload_would_cut(
    control: Optional[float], in_force: Optional[bool], now: Optional[int], needed: Optional[int], cut: Optional[int]
) -> None:
    of = master(control, pools=(pool(),), in_force=in_force)
    assert check._would_be_cut(of, InFlight(now, None), needed) == cut
