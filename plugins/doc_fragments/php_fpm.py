# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of the modules that look at php-fpm and judge it."""

    DOCUMENTATION = r"""
options:
  configurations:
    description:
      - Configuration files, each a C(php-fpm.conf) with an absolute path, of a php-fpm that should run and that no
        service of systemd starts. Where no master runs with one, it is listed as stopped, and its pools are judged.
      - Running masters and services of systemd are found without this.
    type: list
    elements: path
    default: []
  ask_pools:
    description:
      - Whether each pool is asked for its status page, over its own socket. That is one request to it, which a worker
        that is free answers. A pool without C(pm.status_path) is not asked, nor one of C(pm = ondemand) that has no
        worker.
      - Without it, what a worker does is read from C(/proc) alone, and how many requests it served is not known.
    type: bool
    default: true
  longest_request:
    description:
      - How many seconds the slowest request may take, as the application's owner says it. V(0) is not known, and then
        the time limits that are set stand for it.
    type: int
    default: 0
  balancer_timeout:
    description:
      - How many seconds the load balancer waits for an answer of this host, C(timeout server) in HAProxy. V(0) is not
        known.
    type: int
    default: 0
  history_days:
    description:
      - How many days back logs are read, rotated and compressed ones too.
    type: int
    default: 14
  stuck_percent:
    description:
      - How many percent of a pool's workers may wait for one and the same peer.
    type: int
    default: 50
  stuck_seconds:
    description:
      - How many seconds they must have waited to be counted.
    type: int
    default: 5
"""
