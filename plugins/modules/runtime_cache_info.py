#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: runtime_cache_info
short_description: Show what each pool of php-fpm holds in memory, and what is wrong with it
version_added: 0.1.0
description:
  - Asks every pool of every master of php-fpm, by FastCGI over its own socket, what it holds in memory. That is
    OPcache, APCu and Yac, which all pools of one master share, and the realpath cache, of which each worker has its
    own.
  - Neither the command line of PHP nor a web server takes part. What C(php -r) sees is another memory.
  - "To be answered, it hands each pool a script, for as long as the question takes: two files of unguessable names in a
    directory C(.phpfleet-probe) that is root's, below C(/run) or, where the pool cannot read there, at a place where it
    can. Only the pool's user can read them, the script answers only a FastCGI client that knows a secret of this one
    run, they are removed in every case, and what a run that was killed left behind is removed by the next."
  - Nothing is sent that changes a setting of a worker. No cache is emptied. M(phpfleet.remediation.runtime_cache) does
    that.
  - A pool whose workers are all busy, that is down, that answers what is no answer, or in which PHP forbids the
    question, has the reason beside its name, and keeps nobody from asking the others.
  - Only masters that root runs, that systemd started or that O(configurations) names are asked. Others could be
    anybody's, and are handed nothing.
  - A pool of C(pm = ondemand) without a worker is not asked while another pool of its master answers, because it would
    start one. It is asked where O(sockets) names it.
  - "The checks are C(runtime_cache.full), C(runtime_cache.older_than_code), C(runtime_cache.other_release),
    C(runtime_cache.restart_pending_too_long) and C(runtime_cache.never_validates)."
  - Give it C(become). Only root can hand a script to each pool that nobody else can read.
author: phpfleet.remediation contributors (@phpfleet)
options:
  probe:
    description:
      - Whether pools are asked. Without, nothing is written or asked, and every check is V(not_applicable).
      - In M(phpfleet.remediation.findings_info) and M(phpfleet.remediation.remedy) the same option is off unless it is
        said.
    type: bool
    default: true
attributes:
  check_mode:
    description: Whether the module runs in check mode.
    support: full
    details: It looks in check mode as well. In both it writes two temporary files for each pool, and removes them.
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.runtime_cache
  - phpfleet.remediation.runtime_cache.asking
  - phpfleet.remediation.runtime_cache.masters
seealso:
  - module: phpfleet.remediation.runtime_cache
  - module: phpfleet.remediation.opcode_cache_info
    description: The caches that PHP keeps on disk.
  - module: phpfleet.remediation.php_fpm_info
  - module: phpfleet.remediation.findings_info
"""

EXAMPLES = r"""
- name: Look what the pools of a host hold in memory
  phpfleet.remediation.runtime_cache_info:
  become: true
  register: caches

- name: Show how full each OPcache is
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.opcache.used // 1048576 }} MiB used, {{ item.opcache.free // 1048576 }} MiB free,
      {{ item.opcache.scripts }} scripts"
  loop: "{{ caches.runtime_cache.segments | selectattr('opcache') }}"

- name: Demand that no script of another release than the current one is served
  phpfleet.remediation.runtime_cache_info:
    releases: [/srv/shop/current]
    checks: [runtime_cache.other_release, runtime_cache.older_than_code]
  become: true
  register: after
  failed_when: after.checks | rejectattr('verdict', 'equalto', 'clean') | length > 0

- name: Ask one pool only, whose cache each deploy resets
  phpfleet.remediation.runtime_cache_info:
    sockets: [/run/php/php8.2-fpm-shop.sock]
    deploys_reset_cache: true
  become: true

- name: Look at these caches too where everything is looked at
  phpfleet.remediation.findings_info:
    runtime_cache:
      probe: true
  become: true
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: runtime_cache.full, verdict: clean, reason: null, seconds: 0.104}
runtime_cache:
  description: What is in memory. Null where no php-fpm runs, where pools are not to be asked, or where that cannot be
    seen. The checks say why.
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
          description: When it was started or reloaded last, since when this memory is there, in seconds since the
            epoch. Null where that cannot be seen.
          type: float
          returned: always
        version:
          description: Its version of PHP.
          type: str
          returned: always
        root:
          description: V(/), or the directory that the master is chrooted to.
          type: str
          returned: always
        pools:
          description: All pools that it is configured with.
          type: list
          elements: str
          returned: always
        told_by:
          description: The pool whose word this is. Null where none answered.
          type: str
          returned: always
        reason:
          description: Why nothing is told of OPcache. Null where it is.
          type: str
          returned: always
        opcache:
          description:
            - What C(opcache_get_status) says. Sizes are bytes, times are seconds since the epoch, and V(0) is never.
            - C(enabled) is false while a restart is pending. C(full) says that nothing more is cached. C(wasted) is
              what replaced scripts left behind, of C(wasted_percent) of all memory. C(strings_used) and
              C(strings_free) are the interned strings.
            - C(scripts) are cached, C(keys) of C(keys_limit) are taken, C(preloaded) are there until the next reload.
            - C(started) is when the memory was made, C(restarted) when it was emptied last, which can lie a second or
              more ahead. C(out_of_memory_restarts), C(hash_restarts) and C(manual_restarts) count what emptied it.
          type: dict
          returned: always
          sample: {enabled: true, full: false, restart_pending: false, restart_in_progress: false, used: 9437184,
            free: 124780544, wasted: 0, wasted_percent: 0.0, strings_used: 2097152, strings_free: 6291456, scripts: 412,
            keys: 590, keys_limit: 16229, hits: 181344, misses: 412, started: 1795290906, restarted: 0,
            out_of_memory_restarts: 0, hash_restarts: 0, manual_restarts: 0, preloaded: 0}
        still_pending:
          description: For how many seconds a restart of OPcache was seen to be pending, O(pending_seconds) at most.
            Null where none is.
          type: float
          returned: always
        blocked_by:
          description: The requests that it waits for, the oldest first, without their queries.
          type: list
          elements: str
          returned: always
          sample: ["worker 815 of pool www: GET /export.php for 212.4 s"]
        code:
          description: The cached scripts, set against their files and the releases. Null where they are not known.
          type: dict
          returned: always
          contains:
            compared:
              description: How many scripts were compared with their files.
              type: int
              returned: always
            outdated:
              description: How many of them have for sure another file by now, or none.
              type: int
              returned: always
            doubtful:
              description: How many of them may have, which PHP does not tell while it does not compare them itself
                (C(opcache.validate_timestamps=0)).
              type: int
              returned: always
            outdated_examples:
              description: Up to five of these.
              type: list
              elements: str
              returned: always
            oldest:
              description: The time of the oldest file that a cached script was compiled from, in seconds since the
                epoch.
              type: int
              returned: always
            releases:
              description: Releases that scripts are cached from and no link leads to any more, with the C(link) beside
                each, where that leads (C(current)) and since when (C(switched)), how many C(scripts), and when one of
                them was C(used) last.
              type: list
              elements: dict
              returned: always
            unseen:
              description: What could not be compared, and why, and of which releases no link says whether they are
                current.
              type: list
              elements: str
              returned: always
        code_reason:
          description: Why the scripts are not known.
          type: str
          returned: always
        apcu:
          description:
            - What APCu says. C(memory) and C(free) are bytes, C(expunges) counts how often it was emptied by lack of
              memory. Null without APCu.
            - C(started) is when it was emptied last, in seconds since the epoch. It is null where APCu does not know,
              as APCu 5.1.22 does not once it was emptied.
          type: dict
          returned: always
          sample: {entries: 1201, hits: 88210, misses: 1950, expunges: 0, started: 1795290906, memory: 33554312,
            free: 30117480}
        yac:
          description: What Yac says. C(memory) is bytes, C(kicks) counts entries that were put out for others. Null
            without Yac.
          type: dict
          returned: always
          sample: {memory: 71303168, slots: 32768, slots_used: 411, hits: 9120, misses: 411, kicks: 0}
    pools:
      description: What each pool that was asked says of itself, and each address of O(sockets) that is no pool's.
      type: list
      elements: dict
      returned: always
      contains:
        master:
          description: The pid of its master. Null for an address that is of no php-fpm of the host's.
          type: int
          returned: always
        pool:
          description: Its name.
          type: str
          returned: always
        address:
          description: Where it listens.
          type: str
          returned: always
        reason:
          description: Why it gave no answer. Null where it did.
          type: str
          returned: always
          sample: "/run/php/shop.sock: it took a request and does not answer it in time; all who serve it are busy or
            stuck, or something else listens there"
        seconds:
          description: How long asking it took.
          type: float
          returned: always
        worker:
          description: The pid of the worker that answered.
          type: int
          returned: always
        settings:
          description: Settings of PHP that bear on these caches, as that worker has them, by name.
          type: dict
          returned: always
        reasons:
          description: Why it says nothing of a cache, by C(opcache), C(apcu), C(yac) and C(realpath).
          type: dict
          returned: always
          sample: {yac: there is no such extension}
        realpath:
          description: The realpath cache of that worker. C(used) is bytes, C(entries) counts paths, and C(links) those
            that lead elsewhere, with up to five as C(links_examples).
          type: dict
          returned: always
    apart:
      description: Masters that are not asked, and why, such as a container's.
      type: list
      elements: str
      returned: always
    unseen:
      description: What could not be looked at, and why.
      type: list
      elements: str
      returned: always
"""

from ..module_utils import info_module
from ..module_utils.checks import runtime_cache_index


def main() -> None:
    info_module.run(runtime_cache_index.SUBJECT)


if __name__ == "__main__":
    main()
