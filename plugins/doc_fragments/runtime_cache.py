# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of the look at caches in memory, and those that both of its modules share (C(.asking), C(.masters)).

    The option C(probe) is off here, where all subjects are looked at; C(runtime_cache_info) has it on.
    """

    DOCUMENTATION = r"""
options:
  probe:
    description:
      - Whether pools of php-fpm are asked what they hold in memory. That hands each pool a script, which is one request
        to it. The script lies in files that only the pool's user can read, below C(/run) where the pool may read
        there, for as long as the look takes, and they are removed in every case.
      - It is off where all subjects are looked at, and then the checks of this one are V(not_applicable). Nothing is
        asked, written or signalled.
    type: bool
    default: false
  deploys_reset_cache:
    description:
      - Whether each deploy resets these caches or reloads php-fpm, so that C(opcache.validate_timestamps=0) is on
        purpose.
    type: bool
    default: false
  pending_seconds:
    description:
      - For how many seconds a restart of OPcache may be pending. Where one is, it is waited for as long as this, since
        a request that comes at the right moment ends it.
    type: int
    default: 5
"""

    ASKING = r"""
options:
  sockets:
    description:
      - Only the pools that listen at these addresses, each as C(listen) of the pool or a web server says it, such as
        V(/run/php/php8.2-fpm.sock) or V(127.0.0.1:9000). Links are followed. Empty takes every pool of every master.
      - Where no pool of a php-fpm that is the host's own listens at an address, the result says what answers there. It
        is handed no script.
    type: list
    elements: str
    default: []
  releases:
    description:
      - Links that lead to the current release, each an absolute path. What lies beside the directory that such a link
        leads to is another release, but for one called C(shared).
      - Links called C(current), C(live), C(latest), C(active), C(production) or C(release) beside a directory
        C(releases) are known without being named.
    type: list
    elements: path
    default: []
  answer_seconds:
    description:
      - How many seconds a pool may take to answer. One whose workers are all busy for as long says nothing, and the
        result says that.
      - Sixteen pools are asked at once. When all of them have taken a minute, no further one is asked.
    type: int
    default: 5
"""

    MASTERS = r"""
options:
  configurations:
    description:
      - Main configuration files (C(php-fpm.conf), with an absolute path) of a php-fpm that another user than root runs
        outside of any service. It is only believed to be the host's own when it is named here.
      - Masters that root runs or that systemd started are found without this.
    type: list
    elements: path
    default: []
"""
