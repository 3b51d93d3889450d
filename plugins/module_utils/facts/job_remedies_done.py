# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What earlier runs of a remedy did to jobs, by the journals that they left on the host."""

from typing import NamedTuple, Tuple

from ..host import Host
from ..policy import Policy


class Done(NamedTuple):
    """A job that a run disabled or made graceful. path, text: the file, and its line as it stood before; for a timer its
    name and "". when: seconds since the epoch. undone: a later run put it back, as asked.
    """

    run_id: str
    when: float
    verb: str
    object: str
    path: str
    text: bytes
    undone: bool


class RemediesDone(NamedTuple):
    done: Tuple[Done, ...]


def gather(host: Host, policy: Policy) -> RemediesDone:
    """Return what was done to jobs on this host, oldest first. Raises CannotLook where journals cannot be read."""
    raise NotImplementedError
