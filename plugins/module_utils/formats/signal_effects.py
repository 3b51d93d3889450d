# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a signal does to a master or a worker of each web service, and to the requests that are in flight."""

from typing import NamedTuple

PHP_FPM, NGINX, APACHE, HAPROXY = "php-fpm", "nginx", "apache", "haproxy"
FAMILIES = (PHP_FPM, NGINX, APACHE, HAPROXY)

MASTER, WORKER = "master", "worker"

STOPS, RELOADS, REOPENS, UPGRADES, NOTHING, DIES = "stops", "reloads", "reopens its logs", "upgrades", "nothing", "dies"

AT_ONCE = "at once"  # every request in flight is cut
IN_TIME = "in time"  # requests may end, as long as the service's own limit allows (process_control_timeout for php-fpm)
NONE = "none"  # no request is touched


class Effect(NamedTuple):
    """does: one of the words above. cuts: AT_ONCE, IN_TIME or NONE."""

    does: str
    cuts: str


def effect(family: str, role: str, signal: str) -> Effect:
    """Return what a signal such as TERM does to a MASTER or WORKER. Sources: the programs' own documentation."""
    raise NotImplementedError
