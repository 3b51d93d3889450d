#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: opcode_cache_info
short_description: Find bad entries in the opcode caches that PHP keeps on disk
version_added: 0.1.0
description:
  - Reads every entry of OPcache's file cache and of eAccelerator's disk cache, and says of each bad one which script it
    is of, what is wrong with it, since when, and what the engine's loader would do with it.
  - The severity is what the loader does. An entry that it throws away and compiles anew is V(low), one that it refuses
    for ever V(high), and one that crashes, hangs or misleads workers V(critical). It depends on the settings of each
    PHP and pool that uses the cache, which are read too.
  - The caches are found by the configuration of every installed and running PHP, or named in O(paths).
  - What was not looked at is V(unknown), and never called clean.
  - Equal times cannot be told apart. A script that was replaced by another one with the very same time of modification
    is served from its old entry, and nothing on disk shows it.
  - "The checks are C(opcode_cache.crashing_entry), C(opcode_cache.corrupt_entry), C(opcode_cache.stale_entry),
    C(opcode_cache.other_build_entry), C(opcode_cache.foreign_file) and C(opcode_cache.unreadable);
    C(opcode_cache.unwanted_entry) is for M(phpfleet.remediation.opcode_cache) alone."
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.opcode_cache
seealso:
  - module: phpfleet.remediation.opcode_cache
  - module: phpfleet.remediation.findings_info
"""

EXAMPLES = r"""
- name: Look at the opcode caches of a host
  phpfleet.remediation.opcode_cache_info:
  become: true
  register: caches

- name: Show which entries crash workers, and of which scripts they are
  ansible.builtin.debug:
    msg: "{{ caches.findings | selectattr('severity', 'equalto', 'critical') | map(attribute='summary') }}"

- name: Walk the structure of one large cache of eAccelerator
  phpfleet.remediation.opcode_cache_info:
    paths: [/var/cache/eaccelerator]
    engine: eaccelerator
    depth: structure
  become: true
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
  sample:
    - check: opcode_cache.crashing_entry
      object: /var/cache/php-opcache/1204a070cd49210ca578dc8015bee891/srv/shop/lib/visits.php.bin
      severity: critical
      summary: "/var/cache/php-opcache/1204a070cd49210ca578dc8015bee891/srv/shop/lib/visits.php.bin, OPcache's entry of
        /srv/shop/lib/visits.php: its header points to the wrong place; every worker that loads it crashes, and the file
        stays"
      remedy: move it into the quarantine
      risk: a request that comes before a script is compiled anew takes longer; undo puts back what is kept
      count: 1
      examples: [/var/cache/php-opcache/1204a070cd49210ca578dc8015bee891/srv/shop/lib/visits.php.bin]
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: opcode_cache.crashing_entry, verdict: clean, reason: null, seconds: 0.41}
opcode_cache:
  description: The caches that were seen. Null where there is none, or nothing could be seen.
  returned: always
  type: dict
  contains:
    caches:
      description: Every cache.
      type: list
      elements: dict
      returned: always
      contains:
        path:
          description: Its physical path.
          type: str
          returned: always
        engine:
          description: V(eaccelerator) or V(opcache).
          type: str
          returned: always
        origins:
          description: Why it was looked at, among V(named) and V(configured).
          type: list
          elements: str
          returned: always
        used_by:
          description: The programs, pools and masters that are configured with it.
          type: list
          elements: dict
          returned: always
        entries:
          description: How many entries it holds.
          type: int
          returned: always
        bytes:
          description: How large they are together.
          type: int
          returned: always
        unhealthy:
          description: How many files in it are not plainly healthy.
          type: int
          returned: always
        depth:
          description: V(checksum) or V(structure).
          type: str
          returned: always
        why_depth:
          description: Why it was looked at so deeply.
          type: str
          returned: always
        walked:
          description: How many entries had their structure walked.
          type: int
          returned: always
        unwalked:
          description: How many had not, by the reason.
          type: dict
          returned: always
        builds:
          description: How many entries each build wrote, of the hundred that wrote the most.
          type: dict
          returned: always
        dead:
          description: The directories of OPcache that no installed PHP uses.
          type: list
          elements: str
          returned: always
        doubtful:
          description: Those of which that is likely and not certain.
          type: list
          elements: dict
          returned: always
          contains:
            directory:
              description: Its name.
              type: str
              returned: always
            entries:
              description: How many entries it holds.
              type: int
              returned: always
            why:
              description: Why it is not certain.
              type: str
              returned: always
    unseen:
      description: What could not be looked at, and why.
      type: list
      elements: str
      returned: always
"""

from ..module_utils import info_module
from ..module_utils.checks import opcode_cache_index


def main() -> None:
    info_module.run(opcode_cache_index.SUBJECT)


if __name__ == "__main__":
    main()
