# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel said of processes that it killed for memory, or that faulted."""

from typing import List, NamedTuple, Tuple, Union

from ..errors import CannotLook
from ..formats import kernel_log
from ..formats.kernel_log import Fault, OutOfMemory
from ..host import Host
from ..policy import Policy
from . import systemd_journal
from .fpm_history import DAY

_KERNEL = ("_TRANSPORT=kernel",)


class KernelMessage(NamedTuple):
    """moment: seconds since the epoch."""

    moment: float
    said: Union[OutOfMemory, Fault]


class KernelMessages(NamedTuple):
    """messages: in order. unseen: why there may be more."""

    messages: Tuple[KernelMessage, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> KernelMessages:
    """Return what the journal has of the kernel's messages, since policy.php_fpm.history_days."""
    since = host.now() - policy.php_fpm.history_days * DAY
    try:
        entries = systemd_journal.read(host, _KERNEL, since)
        # A container's journal has none at all; that of a host begins with those of its boot.
        if not entries and not systemd_journal.read(host, _KERNEL, 0):
            return KernelMessages((), ("the journal has no message of the kernel, as in a container; ask its host",))
    except CannotLook as error:
        return KernelMessages((), (str(error),))
    messages: List[KernelMessage] = []
    for entry in entries:
        said = kernel_log.parse_message(entry.message)
        if said is not None:
            messages.append(KernelMessage(entry.when, said))
    cut = len(entries) == systemd_journal.ENTRIES_LIMIT
    unseen = (
        (f"the kernel says so much that only its last {systemd_journal.ENTRIES_LIMIT} messages were read",)
        if cut
        else ()
    )
    return KernelMessages(tuple(messages), unseen)
