# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel says of a process that it killed for memory, or that faulted (mm/oom_kill.c, arch/x86/mm/fault.c).

The words differ from 3.10 (CentOS 7) to 6.x; the pid and the name in parentheses are in all of them.
"""

import re
from typing import NamedTuple, Optional, Union

_KILLED = re.compile(r"(?:.* )?Killed process ([0-9]{1,10})(?: \(([^)]{0,64})\))?")
_MEMORY = re.compile(r"\banon-rss:([0-9]{1,15})kB")
_CGROUP = re.compile(r"Memory cgroup out of memory|CONSTRAINT_MEMCG")
_CHOSEN = re.compile(r"oom-kill:.*\btask=([^,]{0,64}),pid=([0-9]{1,10})")
_FAULT = re.compile(r"(.{0,64}?)\[([0-9]{1,10})\]:? (?:segfault at|trap |general protection)")
_FAULT_IN = re.compile(r" in ([^\s\[]{1,255})\[")
_FAULT_NAMED = re.compile(r"traps: (?=.)")


class OutOfMemory(NamedTuple):
    """The kernel killed a process for memory. anonymous: its bytes, where told. cgroup: by a limit of its cgroup."""

    pid: int
    name: str
    anonymous: Optional[int]
    cgroup: bool


class Fault(NamedTuple):
    """A process faulted. inside: the file whose code ran, such as ``opcache.so``."""

    pid: int
    name: str
    inside: Optional[str]


def parse_message(message: str) -> Optional[Union[OutOfMemory, Fault]]:
    """Return what one message of the kernel tells, without time and ``kernel:``; None for all else.

    One killing may make two lines of the same pid. What ``Kill process`` of old kernels names is not always what went.
    """
    chosen = _CHOSEN.match(message)
    if chosen:
        return OutOfMemory(int(chosen.group(2)), chosen.group(1), None, bool(_CGROUP.search(message)))
    killed = _KILLED.match(message)
    if killed:
        memory = _MEMORY.search(message, killed.end())
        anonymous = int(memory.group(1)) * 1024 if memory else None
        return OutOfMemory(int(killed.group(1)), killed.group(2) or "", anonymous, bool(_CGROUP.search(message)))
    fault = _FAULT.match(_FAULT_NAMED.sub("", message, count=1))
    if fault is None:
        return None
    inside = _FAULT_IN.search(message)
    return Fault(int(fault.group(2)), fault.group(1), inside.group(1) if inside else None)
