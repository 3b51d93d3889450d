# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a pidfile says: one number, or nothing that anyone should signal."""

import re

from ..errors import Malformed

PID_MAX = 1 << 22  # PID_MAX_LIMIT of the kernel's include/linux/threads.h, on 64 bits


def parse_pid(content: bytes) -> int:
    """Return the pid that a pidfile says: one number from 1 on, with white space around it. Raises Malformed."""
    text = content.strip(b" \t\r\n")
    if not text:
        raise Malformed("it is empty")
    if re.search(rb"[\r\n]", text):
        raise Malformed("it has several lines")
    if not re.match(rb"[+-]?[0-9]{1,20}\Z", text):
        raise Malformed("it holds text")
    number = int(text)
    if number < 0:
        raise Malformed("its number is negative")
    if not 1 <= number <= PID_MAX:
        raise Malformed("its number is no pid")
    return number


def content_of(program: str, pid: int) -> bytes:
    """Return what a program writes itself: nginx ends the line (ngx_cycle.c), php-fpm does not (fpm_conf.c)."""
    return b"%d\n" % pid if program == "nginx" else b"%d" % pid
