# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the kernel, its executable and its pidfile say of one master of php-fpm."""

import os
import re
from typing import Optional

from ..errors import CannotLook, Malformed, Missing
from ..formats.pidfile import parse_pid
from ..host import Host
from .processes import Process

STATUS_LIMIT = 64 * 1024
SCRIPT_LIMIT = 256 * 1024
PROGRAM_LIMIT = 128 * 1024 * 1024
PIDFILE_LIMIT = 64
VERSION_SECONDS = 10.0
VERSION_LIMIT = 64 * 1024

# What every PHP sends, unless told not to, as a header: it stands in the program as text (php-src, main/SAPI.h).
_VERSION = re.compile(rb"X-Powered-By: PHP/([0-9][0-9A-Za-z.+~-]{2,60})\0")
_ANSWERED_VERSION = re.compile(r"PHP ([0-9]\S{2,60}) ")
_CAUGHT = re.compile(r"^SigCgt:\s*([0-9a-f]+)$", re.MULTILINE)
_INIT_SCRIPT = re.compile(r"(?:[a-z]+-)?php[0-9.]*-?fpm[0-9.-]*\Z")
_SHARED_MEMORY = "/dev/zero (deleted)"  # how proc(5) calls what mmap(2) shares without a file


def untestable(process: Process) -> Optional[str]:
    """Return why the configuration of a master is not tested as root, None where it is."""
    if set(process.uids) == {0}:
        return None
    return f"php-fpm {process.pid}: its configuration is not tested, because another user than root runs it"


def is_replaced(host: Host, process: Process) -> bool:
    """Whether its executable is another file by now, or gone."""
    return host.link(f"/proc/{process.pid}/exe").endswith(" (deleted)")


def handles_hup(host: Host, process: Process) -> bool:
    """Whether it has a handler for SIGHUP: bit 0 of SigCgt (proc(5))."""
    status = os.fsdecode(host.read(f"/proc/{process.pid}/status", STATUS_LIMIT))
    caught = _CAUGHT.search(status)
    if caught is None:
        raise CannotLook(f"/proc/{process.pid}/status: it has no line SigCgt, so what SIGHUP does is not known")
    return bool(int(caught.group(1), 16) & 1)


def version(host: Host, process: Process, root: str, replaced: Optional[bool]) -> str:
    """Return PHP_VERSION of what a process runs, also where its file was replaced since."""
    if replaced and root == "/":
        said = host.run([f"/proc/{process.pid}/exe", "-n", "-v"], VERSION_SECONDS, VERSION_LIMIT).output
        answer = _ANSWERED_VERSION.match(os.fsdecode(said))
        version = answer.group(1) if answer else None
    else:
        text = _VERSION.search(host.read(process.executable or "", PROGRAM_LIMIT, follow=True))
        version = os.fsdecode(text.group(1)) if text else None
    if version is None:
        raise CannotLook(f"php-fpm {process.pid}: {process.executable} does not say which version of PHP it is")
    return version


def generation(host: Host, inside: Host, process: Process, pidfile: Optional[str]) -> Optional[float]:
    """Return when a master was started or reloaded last.

    A reload keeps pid and start time, but shares new memory with its workers, which the kernel dates; only root may see
    that, and not in each container. php-fpm writes its pidfile anew too, whose time others could set where they own it.
    """
    try:
        return _oldest_shared_memory(host, process.pid)
    except CannotLook:
        return _written(inside, pidfile, process)


def _oldest_shared_memory(host: Host, pid: int) -> float:
    directory = f"/proc/{pid}/map_files"
    paths = [f"{directory}/{name}" for name in host.list(directory)]
    times = [host.stat_as_named(path).mtime_ns for path in paths if host.link(path) == _SHARED_MEMORY]
    if not times:
        raise CannotLook(f"{directory}: it shows no shared memory")
    return min(times) / 1e9


def _written(inside: Host, pidfile: Optional[str], process: Process) -> Optional[float]:
    if pidfile is None:
        return None
    try:
        content, seen = inside.read_with_stat(pidfile, PIDFILE_LIMIT)
        own = parse_pid(content) == process.pid and seen.uid == process.uids[0]
    except (CannotLook, Malformed):
        return None
    return seen.mtime_ns / 1e9 if own else None


def init_script(host: Host, process: Process, configuration: Optional[str]) -> Optional[str]:
    """Return the script of /etc/init.d that may have started a master: one called as php-fpm that names its program."""
    try:
        names = [name for name in host.list("/etc/init.d") if _INIT_SCRIPT.match(name)]
    except Missing:
        return None
    for name in names:
        text = os.fsdecode(host.read(f"/etc/init.d/{name}", SCRIPT_LIMIT, follow=True))
        if os.path.basename(process.executable or "") in text and _starts_with(text, configuration):
            return f"/etc/init.d/{name}"
    return None


def _starts_with(script: str, configuration: Optional[str]) -> bool:
    """Whether a script may start php-fpm with a configuration: it names that file's name, or no file of the kind."""
    return not configuration or f"/{os.path.basename(configuration)}" in script or "fpm.conf" not in script
