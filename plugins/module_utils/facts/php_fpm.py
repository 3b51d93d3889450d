# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm on a host: its masters and what they are configured with."""

import os
import re
from typing import NamedTuple, Tuple, Union

from ..errors import CannotLook, Malformed, Missing, TooLarge
from ..formats import ini
from ..host import Host
from ..policy import Policy
from . import processes
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
INCLUDE_DEPTH = 5  # as fpm_conf_load_ini_file() of php-src


class PhpFpm(NamedTuple):
    """masters: every running master, by pid."""

    masters: Tuple[Master, ...]


def gather(host: Host, policy: Policy) -> PhpFpm:
    """Return the running php-fpm masters. Raises CannotLook where processes cannot be seen."""
    return PhpFpm(find(host, host.once(processes.gather, policy), PROGRAM, configuration))


def configuration(host: Host, master: Process) -> Configured:
    """Return what a master's configuration says. Raises CannotLook where it cannot be known."""
    title = _TITLE.match(master.title)
    path = title.group(1) if title else ""
    if not path.startswith("/"):
        raise CannotLook(
            f"php-fpm {master.pid}: its title {master.title[:200]!r} names no absolute path, so its configuration "
            "is not known; start it with --fpm-config and a path from / on",
            pid=master.pid,
        )
    reading = Reading(host)
    values = _Pid(reading, os.path.dirname(os.path.dirname(master.executable or "/")))
    values.read(path, 1)
    return _configured(path, values.pid, values.prefix, reading.trusted)


class _Pid:
    """Reads the pidfile of [global] out of a file and all that it includes; what comes last holds."""

    def __init__(self, reading: Reading, prefix: str) -> None:
        self.reading = reading
        self.prefix = prefix  # of the build, as its executable's place suggests: /usr for /usr/sbin/php-fpm8.2
        self.pid = ""
        self._section = "global"

    def read(self, path: str, depth: int) -> None:
        if depth > INCLUDE_DEPTH:
            raise TooLarge(f"{path}: it is included {depth} deep, where php-fpm allows {INCLUDE_DEPTH}", path=path)
        try:
            for entry in ini.parse(self.reading.read(path)):
                self._take(entry, depth)
        except Malformed as error:
            raise CannotLook(f"{path}: {error}", path=path) from error

    def _take(self, entry: Union[ini.Section, ini.Setting], depth: int) -> None:
        if isinstance(entry, ini.Section):
            self._section = entry.name.lower()
        elif entry.name == "include":
            self._include(entry.value, depth)
        elif entry.name.lower() == "pid" and self._section == "global":
            self.pid = entry.value

    def _include(self, pattern: str, depth: int) -> None:
        for path in self.reading.matching(os.path.join(self.prefix, pattern)):
            try:
                self.read(path, depth + 1)
            except Missing:
                continue  # php-fpm warns and goes on


def _configured(path: str, pid: str, prefix: str, trusted: bool) -> Configured:
    if "$" in pid:
        raise CannotLook(
            f"{path}: `pid = {pid}` depends on the environment that php-fpm was started with; write the path"
        )
    if not pid or pid.startswith("/"):
        return Configured(path, pid or None, False, trusted)
    # PHP_LOCALSTATEDIR of the build: PREFIX/var by default, /var in distributions' builds.
    state = "/var" if prefix == "/usr" else prefix + "/var"
    return Configured(path, os.path.join(state, pid), True, trusted)
