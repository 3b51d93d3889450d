#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: runtime_cache
short_description: Empty the caches in the memory of php-fpm without losing a request, and prove that it happened
version_added: 0.1.0
description:
  - Empties OPcache, APCu and Yac in every php-fpm of the host, and the realpath cache of every worker, so that each
    pool serves the code that is there now. It asks the pools themselves, by FastCGI over their own sockets. No command
    line of PHP, whose memory is another one, and no web server takes part.
  - All pools of one master share one memory, so each master is asked once, by the first of its pools that may.
  - C(opcache_reset) only asks for a restart of OPcache. The restart comes with the first request that begins when those
    that were in flight have ended. It has worked when the number of restarts has grown over what the very request that
    asked for it had seen, and none is pending, as a request after it sees. Nothing less is called done.
  - After C(opcache.force_restart_timeout), three minutes unless it is set, PHP kills the requests that a restart still
    waits for. So a reset is refused while a request is in flight that may take as long. How long one may take is said
    by O(longest_request) or C(request_terminate_timeout). Where nothing says it, none may be in flight.
  - The realpath cache, which may lead to the release from before, lives in each worker. A restart of OPcache makes each
    worker empty it at its next request. Each worker is asked until it has answered, for half a minute unless O(timeout)
    says otherwise. Those that did not, because they were busy all the time, are named in RV(reload_needed).
  - After a reset, the scripts that were compiled since are compared with their files and with the current release. One
    that comes from elsewhere fails the module.
  - A pool that cannot be asked, or in which PHP forbids it, keeps no other from being emptied, and fails the module at
    its end. Where none can be asked, it is refused.
  - Each script that is handed to a pool is a temporary file that only the pool's user can read, and is removed in every
    case. M(phpfleet.remediation.runtime_cache_info) says how. In check mode pools are asked too, and nothing is
    emptied.
  - What was emptied cannot be put back, and M(phpfleet.remediation.undo) says so. Ask for no APCu and no Yac where the
    application cannot do without what it keeps there.
author: phpfleet.remediation contributors (@phpfleet)
options:
  caches:
    description:
      - The caches to empty. V(realpath) is that of each worker.
      - V(apcu) and V(yac) hold the application's own data, such as sessions, locks and counters, which nobody can put
        back. They are emptied only where they are named here.
      - Empty to have files compiled only (O(warm)).
    type: list
    elements: str
    choices: [opcache, apcu, yac, realpath]
    default: [opcache, realpath]
  scripts:
    description:
      - Files, and directories of them, of which OPcache is to forget all that it has cached. Then nothing else is
        emptied, and nothing has to wait for requests in flight. Links are followed.
      - Each script that is forgotten leaves its memory wasted until OPcache restarts.
    type: list
    elements: path
    default: []
  warm:
    description:
      - Files that OPcache is to compile afterwards, so that no request has to. Where nothing is emptied before, those
        that are cached already are left alone.
      - A file that cannot be compiled keeps no other from it, and fails the module.
    type: list
    elements: path
    default: []
  warm_list:
    description:
      - A file on the host that names more of these, one path a line.
    type: path
  longest_request:
    description:
      - For how many seconds a request may run. V(0) takes it from C(request_terminate_timeout) of each pool, and a
        third more, since that is how late php-fpm may notice.
      - It promises what cannot be seen. A request that takes longer than C(opcache.force_restart_timeout) is killed by
        a reset.
    type: int
    default: 0
  newer_than:
    description:
      - Nothing is emptied in the memory of a master that was started, or whose cache was emptied, after this time
        already.
      - Seconds since the epoch, as M(ansible.builtin.stat) returns the time of a release, or UTC such as
        V(2026-11-22T05:28:00Z). A time that has not come is refused.
      - Of these, OPcache alone says when it was emptied last, to the second. APCu, Yac, and workers whose pool has no
        OPcache, are newer only after a start or a reload.
      - Without it, each run empties them.
    type: str
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.runtime_cache.asking
  - phpfleet.remediation.runtime_cache.masters
  - phpfleet.remediation.transition
  - phpfleet.remediation.change.journal
seealso:
  - module: phpfleet.remediation.runtime_cache_info
  - module: phpfleet.remediation.opcode_cache
    description: The caches that PHP keeps on disk.
  - module: phpfleet.remediation.php_fpm
notes:
  - A release that is switched to after the reset is not served by it. Switch first, reset then.
"""

EXAMPLES = r"""
- name: Serve the new release, once, and only while that loses nothing
  phpfleet.remediation.runtime_cache:
    newer_than: "{{ release.stat.mtime }}"
    releases: [/srv/shop/current]
    longest_request: 60
    wait_idle: 30
  become: true

- name: Show what would be emptied
  phpfleet.remediation.runtime_cache:
  become: true
  check_mode: true

- name: Empty one php-fpm with the application's own data, and compile its code before a request has to
  phpfleet.remediation.runtime_cache:
    sockets: [/run/php/php8.2-fpm-shop.sock]
    caches: [opcache, apcu, realpath]
    warm_list: /srv/shop/current/var/preload.txt
  become: true

- name: Forget the templates that were written anew
  phpfleet.remediation.runtime_cache:
    scripts: [/srv/shop/current/var/templates]
  become: true

- name: Reload the masters that hold workers who were too busy to be asked
  phpfleet.remediation.php_fpm:
    state: reloaded
    pid: "{{ item }}"
    wait_idle: 30
  become: true
  loop: "{{ reset.reload_needed | map(attribute='master') | unique }}"
"""

RETURN = r"""
before:
  description: What was planned on.
  returned: always
  type: dict
  contains:
    segments:
      description: What the pools of one master share, one entry a master.
      type: list
      elements: dict
      returned: always
      contains:
        name:
          description: The master, with its pools.
          type: str
          returned: always
          sample: php-fpm 812 (pools www, api)
        master:
          description: The pid of the master.
          type: int
          returned: always
        started:
          description: When the master was started, in seconds since the epoch.
          type: float
          returned: always
        generation:
          description: When it was started or reloaded last. Null where that cannot be seen.
          type: float
          returned: always
        version:
          description: Its version of PHP.
          type: str
          returned: always
        pools:
          description: All pools that it is configured with.
          type: list
          elements: str
          returned: always
        opcache:
          description: What OPcache says, as in M(phpfleet.remediation.runtime_cache_info). Null where it says nothing.
          type: dict
          returned: always
        apcu:
          description: What APCu says.
          type: dict
          returned: always
        yac:
          description: What Yac says.
          type: dict
          returned: always
        reason:
          description: Why no pool of it could be asked. Null where one could.
          type: str
          returned: always
        workers:
          description: How many workers were to be asked, each for itself. Null where none had to be, as always before.
          type: int
          returned: always
        workers_proven:
          description: How many of them are proven to look up paths anew.
          type: int
          returned: always
        seconds:
          description: How long asking its pools took.
          type: float
          returned: always
    unreached:
      description: Pools that could not be asked, and addresses of O(sockets) that are no pool's, each with the reason.
      type: list
      elements: str
      returned: always
after:
  description: The state that was proven, as RV(before). Null where nothing was done.
  returned: always
  type: dict
refusal:
  description: Why it was not done although it was asked for, which fails the module. Null where it was done.
  returned: always
  type: str
notes:
  description: What could not be seen or changed, and what is not there to be emptied.
  returned: always
  type: list
  elements: str
reload_needed:
  description: Masters of which only a reload empties all, such as those with preloaded scripts, and those of workers
    that were not met.
  returned: always
  type: list
  elements: dict
  contains:
    master:
      description: The pid of the master.
      type: int
      returned: always
    pools:
      description: The pools that it is about.
      type: list
      elements: str
      returned: always
    workers:
      description: The pids of the workers that it is about. Empty where it is about all.
      type: list
      elements: int
      returned: always
    why:
      description: Why a reload is needed.
      type: str
      returned: always
steps:
  description: What was done, in order. In check mode, what would be.
  returned: always
  type: list
  elements: dict
  contains:
    verb:
      description: V(reset_memory), V(clear_realpath), V(invalidate_scripts) or V(compile_scripts).
      type: str
      returned: always
    object:
      description: What it is done to, with the master.
      type: str
      returned: always
    does:
      description: What that means.
      type: str
      returned: always
    risk:
      description: What it may cost.
      type: str
      returned: always
    only_after_failure:
      description: Whether it is done only to take back a step that failed. None of these is.
      type: bool
      returned: always
    result:
      description: V(done), V(unneeded) or V(failed).
      type: str
      returned: when not in check mode
    reason:
      description: How that is known, or why it failed.
      type: str
      returned: when not in check mode
      sample: OPcache restarted after 5.6 s (restart 3 of this memory)
    seconds:
      description: How long it took until it had worked.
      type: float
      returned: when not in check mode
run_id:
  description: The name of the run, whose journal is on the host. Null where nothing was done.
  returned: always
  type: str
diff:
  description: The steps, a line each, from the plan.
  returned: with diff mode
  type: dict
problems:
  description: All that failed the module, with what php-fpm has logged meanwhile.
  returned: on failure
  type: list
  elements: str
"""

from ..module_utils import transition_module
from ..module_utils.transitions.runtime_cache import TRANSITION


def main() -> None:
    transition_module.run(TRANSITION)


if __name__ == "__main__":
    main()
