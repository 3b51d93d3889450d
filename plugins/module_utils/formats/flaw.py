# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One thing that is wrong with the bytes of a cached script."""

from typing import NamedTuple, Optional


class Flaw(NamedTuple):
    """What stands in a cache file where something else should."""

    kind: str  # the format's own short word, such as "checksum"
    offset: Optional[int]  # bytes from the beginning of the file, None where no single place is meant
    detail: str  # what stands there and what should
