# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""php-fpm as it runs and as it is configured to run: masters with their pools, stopped services, and orphans."""

from typing import Mapping, NamedTuple, Optional, Tuple

from ..host import Host
from ..policy import Policy
from .processes import Process
from .service_units import ServiceUnit


class ConfigurationFile(NamedTuple):
    """A file that was read: when its content changed, and when it or its attributes did (a package keeps the first)."""

    path: str
    modified: float
    changed: float


class FpmPool(NamedTuple):
    """A pool as configured now, which need not be in force yet.

    settings: as ``php-fpm -tt`` prints them, defaults included, undefined ones left out; times are numbers of seconds
    with an s (``120s``), values of env[] are secrets and "". sources: ``file:line`` of those that are said.
    tested: php-fpm itself printed them; else they were read from the files and defaults are missing.
    address: where it listens: a path, or host:port as sockets.Socket has it (any address: ``*:9000`` or ``[::]:9000``).
    listening: the inode of the listening socket that the master holds for it, None where it holds none.
    """

    name: str
    settings: Mapping[str, str]
    sources: Mapping[str, str]
    tested: bool
    address: Optional[str]
    listening: Optional[int]


class FpmMaster(NamedTuple):
    """A running master.

    root: "/", or the directory that it is chrooted to, whose paths all others here are below. version: PHP_VERSION.
    replaced: its executable is another file by now, or gone. handles_hup: Debian's builds reload on SIGHUP, upstream's
    die of it (bit 0 of SigCgt). settings, sources: of [global], as those of a pool. generation: when this generation
    began, its start or last reload, None where that can't be seen. failure: what the test of the configuration said
    when it failed. unit: the service of systemd that it is. init_script: /etc/init.d's, where that may have started it.
    apart: why nothing of it can be judged, such as a container. unknown: sentences on what could not be seen of it.
    """

    process: Process
    root: str
    version: Optional[str]
    replaced: Optional[bool]
    handles_hup: Optional[bool]
    configuration: Optional[str]
    files: Tuple[ConfigurationFile, ...]
    settings: Mapping[str, str]
    sources: Mapping[str, str]
    pidfile: Optional[str]
    generation: Optional[float]
    failure: Optional[str]
    unit: Optional[ServiceUnit]
    init_script: Optional[str]
    pools: Tuple[FpmPool, ...]
    apart: Optional[str]
    unknown: Tuple[str, ...]


class StoppedFpm(NamedTuple):
    """A php-fpm that is configured and does not run: found by its service or named in the policy."""

    configuration: str
    unit: Optional[ServiceUnit]
    pools: Tuple[FpmPool, ...]


class Orphan(NamedTuple):
    """A worker whose master is gone: pool by its title, and the inodes of the listening sockets that it holds."""

    process: Process
    pool: Optional[str]
    listening: Tuple[int, ...]


class FpmMasters(NamedTuple):
    """complete: every process could be seen. unseen: what else could not be."""

    masters: Tuple[FpmMaster, ...]
    stopped: Tuple[StoppedFpm, ...]
    orphans: Tuple[Orphan, ...]
    complete: bool
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> FpmMasters:
    """Return every php-fpm of the host. Raises CannotLook where processes cannot be seen."""
    raise NotImplementedError
