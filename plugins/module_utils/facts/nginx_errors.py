# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Requests that nginx could not finish because php-fpm went away or was late, as its error logs tell."""

from typing import Dict, List, NamedTuple, Tuple

from ..errors import CannotLook
from ..formats import nginx_log
from ..formats.nginx_log import UpstreamFailed
from ..host import Host
from ..policy import Policy
from . import fastcgi_fronts, log_files, nginx, nginx_configuration
from .fpm_history import DAY

USUAL = "/var/log/nginx/error.log"  # distributions build it so; it is read besides what the configuration names
_LEVELS = ("error", "warn", "notice", "info", "debug")  # at which failures of an upstream are logged
_NO_FILES = ("stderr", "syslog:", "memory:", "/dev/null", "off")


class Failure(NamedTuple):
    """moment: seconds since the epoch. address: as in UpstreamFailed, with the links of a path resolved."""

    moment: float
    errno: int
    request: str
    address: str


class NginxErrors(NamedTuple):
    """failures: by time. begins: from when on every log was read, None where there is none. unseen: what was not."""

    failures: Tuple[Failure, ...]
    begins: float
    logs: Tuple[str, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> NginxErrors:
    """Return the failures of the last policy.php_fpm.history_days. Raises CannotLook where processes cannot be seen."""
    begins = host.now() - policy.php_fpm.history_days * DAY
    unseen: List[str] = []
    failures: List[Failure] = []
    logs = _logs(host, policy, unseen)
    for path in logs:
        try:
            log = log_files.read(host, path, begins)
        except CannotLook as error:
            unseen.append(str(error))
            continue
        unseen.extend(log.unread)
        first = next((time for time in (nginx_log.first_time(file.text) for file in log.files) if time), None)
        begins = max(begins, log_files.seconds(first)) if log.cut and first else begins
        failures += [_failure(failed) for file in log.files for failed in nginx_log.parse(file.text)]
    addresses = {address: fastcgi_fronts.physical(host, address) for address in {one.address for one in failures}}
    told = sorted(one._replace(address=addresses[one.address]) for one in failures)
    return NginxErrors(tuple(told), begins, tuple(logs), tuple(unseen))


def _failure(failed: UpstreamFailed) -> Failure:
    return Failure(log_files.seconds(failed.when), failed.errno, failed.request, failed.address)


def _logs(host: Host, policy: Policy, unseen: List[str]) -> List[str]:
    """Return the error logs of all masters that are not apart, each once."""
    logs: Dict[str, None] = {}
    masters = {master.process.pid: master for master in host.once(nginx.believed, policy).masters}
    unseen.extend(master.unknown for master in masters.values() if master.unknown)
    for tree in host.once(nginx_configuration.gather, policy).values():
        if isinstance(tree, CannotLook):
            unseen.append(str(tree))
            continue
        said = list(nginx_configuration.everywhere(tree.said, "error_log"))
        logs.update({one.arguments[0]: None for one in said if _is_file(one.arguments)})
        if not said:
            logs[USUAL] = None
    return list(logs)


def _is_file(arguments: Tuple[str, ...]) -> bool:
    """Whether it names a file by its whole path, and is told of failures: below that, nginx logs no failed request."""
    told = len(arguments) < 2 or arguments[1] in _LEVELS
    return bool(arguments) and told and arguments[0].startswith("/") and not arguments[0].startswith(_NO_FILES)
