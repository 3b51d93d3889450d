# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What kernels from 3.10 to 6.x say of processes that they end, and of those that fault."""

from typing import Optional, Union

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.kernel_log import (
    Fault,
    OutOfMemory,
    parse_message,
)
from hypothesis import given
from hypothesis import strategies as st

SIZES = "total-vm:912344kB, anon-rss:524288kB, file-rss:0kB"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        (f"Killed process 701 (php-fpm) {SIZES}", OutOfMemory(701, "php-fpm", 524288 * 1024, False)),
        (f"Killed process 701 (php-fpm), UID 48, {SIZES}", OutOfMemory(701, "php-fpm", 524288 * 1024, False)),
        (f"Killed process 701, UID 48, (php-fpm) {SIZES}", OutOfMemory(701, "", 524288 * 1024, False)),
        (
            f"Out of memory: Killed process 701 (php-fpm8.2) {SIZES}, shmem-rss:0kB, UID:33 pgtables:1200kB",
            OutOfMemory(701, "php-fpm8.2", 524288 * 1024, False),
        ),
        (
            f"Memory cgroup out of memory: Killed process 701 (php-fpm8.2) {SIZES}, shmem-rss:0kB, UID:33",
            OutOfMemory(701, "php-fpm8.2", 524288 * 1024, True),
        ),
        (
            "oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,"
            "task_memcg=/system.slice/php8.2-fpm.service,task=php-fpm8.2,pid=701,uid=33",
            OutOfMemory(701, "php-fpm8.2", None, False),
        ),
        (
            "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/system.slice/x,"
            "task_memcg=/system.slice/x,task=php-fpm8.2,pid=701,uid=33",
            OutOfMemory(701, "php-fpm8.2", None, True),
        ),
        (
            "php-fpm8.2[801]: segfault at 0 ip 00007f3a11 sp 00007ffd error 4 in apcu.so[7f3a10000000+20000]",
            Fault(801, "php-fpm8.2", "apcu.so"),
        ),
        ("php-fpm[801]: segfault at 8 ip (null) sp 00007ffd error 14", Fault(801, "php-fpm", None)),
        (
            "traps: php-fpm[801] trap invalid opcode ip:7f3a sp:7ffd error:0 in opcache.so[7f3a+1000]",
            Fault(801, "php-fpm", "opcache.so"),
        ),
        (
            "traps: php-fpm[801] general protection fault ip:7f3a sp:7ffd error:0 in libc.so.6[7f3a+1000]",
            Fault(801, "php-fpm", "libc.so.6"),
        ),
        ("Out of memory: Kill process 701 (php-fpm) score 900 or sacrifice child", None),
        ("oom_reaper: reaped process 701 (php-fpm8.2), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB", None),
        ("php-fpm8.2 invoked oom-killer: gfp_mask=0x100cca(GFP_HIGHUSER_MOVABLE), order=0, oom_score_adj=0", None),
        ("Linux version 6.1.0", None),
    ],
)
def test_a_message(message: str, told: Optional[Union[OutOfMemory, Fault]]) -> None:
    assert parse_message(message) == told


@given(st.text(max_size=200))
def test_any_name_of_a_process_is_read(name: str) -> None:
    """A process may call itself what it likes; the pid stands before that."""
    told = parse_message(f"Out of memory: Killed process 701 ({name}) {SIZES}")
    assert isinstance(told, OutOfMemory) and told.pid == 701
