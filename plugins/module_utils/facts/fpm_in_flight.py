# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many requests each php-fpm serves at this moment."""

from typing import Dict, Mapping, NamedTuple, Optional

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import fpm_workers
from .fpm_workers import WEB_SERVER, Worker

READING = "Reading headers"


class InFlight(NamedTuple):
    """requests: None where a worker does not show whether it serves one. oldest: seconds, None where none shows it."""

    requests: Optional[int]
    oldest: Optional[float]


def gather(host: Host, policy: Policy) -> Mapping[int, InFlight]:
    """Return what is in flight by the master's pid. A master that is not there could not be seen."""
    try:
        workers = host.once(fpm_workers.gather, policy).workers
    except CannotLook:
        return {}
    found: Dict[int, InFlight] = {}
    for worker in workers:
        before = found.get(worker.master, InFlight(0, None))
        if worker.idle or worker.state == READING:  # a connection that is kept open has no request on it yet
            found[worker.master] = before
            continue
        known = before.requests is not None and worker.idle is not None and not _may_be_kept(worker)
        ages = [age for age in (before.oldest, worker.request_seconds) if age is not None]
        found[worker.master] = InFlight((before.requests or 0) + 1 if known else None, max(ages) if ages else None)
    return found


def _may_be_kept(worker: Worker) -> bool:
    """Whether a worker waits for the web server, and no status page tells a kept connection from a slow client."""
    return worker.state is None and worker.waiting is not None and worker.waiting.on == WEB_SERVER
