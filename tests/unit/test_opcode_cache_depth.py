# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How deeply a cache is read: as asked, where workers crash again and again, and where there is time for it."""

import time
from typing import Any, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_script import EACCELERATOR, OPCACHE
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.eaccelerator_scripts import enters
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.opcode_cache_depth import (
    CHECKSUM,
    LOOP_SECONDS,
    STRUCTURE,
    WALK_BYTES_A_SECOND,
    Depth,
    choose,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.opcode_cache_places import CONFIGURED, Place
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

CONFIGURATION, LOG = "/etc/php-fpm.conf", "/var/log/php-fpm.log"
INIT = dict(pid=1, parent=0, executable="/usr/lib/systemd/systemd", title="/sbin/init")
MASTER = dict(pid=45, executable="/usr/sbin/php-fpm", title=f"php-fpm: master process ({CONFIGURATION})")


def crashes(count: int, ago: float = 60.0) -> str:
    """A log with as many crashes, the last of them so many seconds ago."""
    when = time.strftime("%d-%b-%Y %H:%M:%S", time.localtime(NOW - ago))
    return f"[{when}] WARNING: [pool www] child 7 exited on signal 11 (SIGSEGV) after 0.1 seconds from start\n" * count


def depth(log: Optional[str], engine: str = EACCELERATOR, size: int = WALK_BYTES_A_SECOND + 1, **options: Any) -> Depth:
    files: Any = {
        CONFIGURATION: f"[global]\nerror_log = {LOG}\n",
        "/cache/1/5/eaccelerator-1.2": dict(size=size),
    }
    if log is not None:
        files[LOG] = log
    host = DescribedHost(dict(files=files, processes=[INIT, MASTER], directories=["/run", "/var/log"]))
    place = Place("/cache", engine, (CONFIGURED,), host.stat("/cache"), ())
    asked = dict(structure_seconds=1, **options)
    return choose(host, policy_from({"opcode_cache": asked}), place, enters)


def test_a_crash_loop_is_reason_enough_to_walk() -> None:
    found = depth(crashes(3))
    assert found == Depth(STRUCTURE, f"workers of pool www crashed 3 times, as {LOG} tells")


@pytest.mark.parametrize("log", ["", crashes(2), crashes(9, LOOP_SECONDS + 1)], ids=["none", "two", "long ago"])
def test_a_crash_now_and_then_is_not(log: str) -> None:
    found = depth(log)
    assert found.what == CHECKSUM and "structure_seconds=1" in found.why and "not known" not in found.why


def test_a_log_that_could_not_be_read_is_told() -> None:
    found = depth(None)
    assert found.what == CHECKSUM and f"whether workers crash is not known: {LOG}: there is no such file" in found.why


@pytest.mark.parametrize(
    "wanted, engine, options",
    [
        (STRUCTURE, EACCELERATOR, dict(depth="structure")),
        (CHECKSUM, EACCELERATOR, dict(depth="checksum")),
        (CHECKSUM, EACCELERATOR, dict(depth="structure", state="absent")),
        (CHECKSUM, OPCACHE, dict(depth="structure")),
        (STRUCTURE, EACCELERATOR, dict(size=WALK_BYTES_A_SECOND)),
    ],
)
def test_else_it_is_as_asked_or_as_there_is_time_for(wanted: str, engine: str, options: Any) -> None:
    assert depth("", engine, **options).what == wanted
