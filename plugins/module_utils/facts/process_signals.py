# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a process does with a signal, as far as proc(5) shows it: SigIgn, SigBlk and SigCgt of /proc/PID/status."""

import re
import signal
from typing import Mapping

from ..errors import CannotLook
from ..host import Host
from .processes import STATUS_LIMIT

IGNORED = "ignored"
BLOCKED = "blocked"  # it waits until the process unblocks it, which may be never
CAUGHT = "caught"
CAUGHT_BY_PHP = "caught by PHP"
DEFAULT = "default"  # of all those below: the process ends at once

SIGNALS = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_MASK = re.compile(r"^(SigBlk|SigIgn|SigCgt):\s*([0-9a-f]{1,32})$", re.MULTILINE)


def reactions(host: Host, pid: int) -> Mapping[str, str]:
    """Return the reaction of a process to each of SIGNALS, by name. Raises CannotLook."""
    status = host.read(f"/proc/{pid}/status", STATUS_LIMIT).decode("ascii", "replace")
    masks = {name: int(digits, 16) for name, digits in _MASK.findall(status)}
    if len(masks) != 3:
        raise CannotLook(
            f"/proc/{pid}/status: it does not say which signals the process ignores; mount proc as proc(5)"
        )
    return {one.name: _reaction(masks, one) for one in SIGNALS}


def _reaction(masks: Mapping[str, int], number: int) -> str:
    if _has(masks["SigIgn"], number):
        return IGNORED
    if _has(masks["SigBlk"], number):
        return BLOCKED
    if not _has(masks["SigCgt"], number):
        return DEFAULT
    return CAUGHT_BY_PHP if _is_php_catching(masks) else CAUGHT


def _is_php_catching(masks: Mapping[str, int]) -> bool:
    """Whether PHP itself catches all of SIGNALS, to hold them off while it must not be interrupted.

    So it does since 7.1 unless it was built with --disable-zend-signals (php-src, Zend/zend_signal.c). Then what a
    script made of them cannot be seen: with a handler or without, the mask is the same.
    """
    return all(_has(masks["SigCgt"] | masks["SigIgn"], number) for number in SIGNALS)


def _has(mask: int, number: int) -> bool:
    return bool(mask >> (number - 1) & 1)
