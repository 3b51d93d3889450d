# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The header that PHP's shm_attach writes into a segment (ext/sysvshm/php_sysvshm.h, sysvshm_chunk_head)."""

import struct
from typing import NamedTuple, Optional

MAGIC = b"PHP_SM\0\0"
_NUMBERS = struct.Struct("=4q")  # zend_long in the host's own byte order
LENGTH = len(MAGIC) + _NUMBERS.size


class PhpHeader(NamedTuple):
    """Bytes: variables lie from start to end, free is left of total."""

    start: int
    end: int
    free: int
    total: int


def parse_header(content: bytes) -> Optional[PhpHeader]:
    """Return the header that a segment begins with; None where shm_attach wrote none, or it contradicts itself."""
    if len(content) < LENGTH or not content.startswith(MAGIC):
        return None
    header = PhpHeader(*_NUMBERS.unpack_from(content, len(MAGIC)))
    consistent = 0 < header.start <= header.end <= header.total and 0 <= header.free <= header.total - header.end
    return header if consistent else None
