# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hand a script to a pool by FastCGI and take its answer: the one look that writes, and leaves nothing behind."""

import contextlib
from typing import Iterator

from .facts.fpm_masters import FpmMaster, FpmPool
from .formats.probe_answer import ProbeAnswer, Task
from .host import Host
from .policy import Policy


class Probe:
    """A script that lies ready for one pool, for as long as it is open; made when it is first asked."""

    def ask(self, task: Task, seconds: float) -> ProbeAnswer:
        """Have a worker of the pool do a task. Raises CannotLook: saturated, down, garbage, died, restricted, late."""
        raise NotImplementedError


@contextlib.contextmanager
def opened(host: Host, policy: Policy, master: FpmMaster, pool: FpmPool) -> Iterator[Probe]:
    """Give a probe of one pool. Its file is removed in every case; what a killed run left is swept first."""
    raise NotImplementedError
