# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be as it was seen, for a job to be changed."""

from typing import NamedTuple, Optional

from ..plain import Secret


class Guard(NamedTuple):
    """One change of one job, valid only for what was seen.

    verb: in actions.VERBS. path, line: where it stands. text: the exact line, compared before the act. wanted: what it
    is to be, b"" where the verb says it all. unit: of a timer.
    """

    verb: str
    path: str
    line: int
    text: Secret
    wanted: bytes
    unit: Optional[str]
