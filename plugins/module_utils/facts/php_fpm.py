# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm on a host: its masters and what they are configured with."""

import os
import re
from typing import NamedTuple, Tuple

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import fpm_configuration, processes
from .masters import Configured, Master, Program, Reading, find
from .processes import Process

# php-fpm, php-fpm8.2, php-fpm82, php5-fpm, php82-php-fpm; not php-fpm_exporter, which is another program.
PROGRAM = Program(
    name="php-fpm",
    executable=re.compile(r"(?:[a-z]+-)?(?:php[0-9.]*-)?php[0-9.]*-?fpm-?[0-9.]*\Z"),
    master_title="php-fpm: master process",
    worker_title="php-fpm: pool ",
    nested=False,
)
_TITLE = re.compile(re.escape(PROGRAM.master_title) + r" \((.*)\)")


class PhpFpm(NamedTuple):
    """masters: every running master, by pid."""

    masters: Tuple[Master, ...]


def gather(host: Host, policy: Policy) -> PhpFpm:
    """Return the running php-fpm masters. Raises CannotLook where processes cannot be seen."""
    return PhpFpm(find(host, host.once(processes.gather, policy), PROGRAM, configuration))


def configuration(host: Host, master: Process) -> Configured:
    """Return what a master's configuration says. Raises CannotLook where it cannot be known."""
    path = configuration_path(master)
    reading = Reading(host)
    prefix = fpm_configuration.prefix_of(master.executable or "")
    pid = fpm_configuration.last(fpm_configuration.read(reading, path, prefix), fpm_configuration.GLOBAL).get("pid")
    return _configured(path, pid.value if pid else "", prefix, reading.trusted)


def configuration_path(master: Process) -> str:
    """Return the php-fpm.conf that a master was started with, by its title. Raises CannotLook."""
    title = _TITLE.match(master.title)
    path = title.group(1) if title else ""
    if not path.startswith("/"):
        raise CannotLook(
            f"php-fpm {master.pid}: its title {master.title[:200]!r} names no absolute path, so its configuration "
            "is not known; start it with --fpm-config and a path from / on",
            pid=master.pid,
        )
    return path


def _configured(path: str, pid: str, prefix: str, trusted: bool) -> Configured:
    if "$" in pid:
        raise CannotLook(
            f"{path}: `pid = {pid}` depends on the environment that php-fpm was started with; write the path"
        )
    if not pid or pid.startswith("/"):
        return Configured(path, pid or None, False, trusted)
    return Configured(path, os.path.join(fpm_configuration.state_directory(prefix), pid), True, trusted)
