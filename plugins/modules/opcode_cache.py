#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: opcode_cache
short_description: Remove bad entries from the opcode caches that PHP keeps on disk
version_added: 0.1.0
description:
  - Removes exactly the entries that M(phpfleet.remediation.opcode_cache_info) finds, or all of them, and proves by a
    second look that they are gone. The scripts are compiled anew when they are next run.
  - It is safe while workers read and write the cache. An entry is taken only when it is still the very file that was
    seen (device, inode, size, time), and one that a worker writes at the same moment is never lost.
  - No link is followed and no mount crossed. The directories of a cache stay with their modes, except those of builds
    of PHP that are no longer installed. What is not the cache's own is reported, and never removed.
  - An entry is moved to the state directory where that is on the same mount, else copied there, within
    O(quarantine_limit). M(phpfleet.remediation.undo) puts it back.
  - No service is reloaded. RV(reload_needed) says which masters must be, and why, for bad code that they have loaded
    already to go.
author: phpfleet.remediation contributors (@phpfleet)
options:
  state:
    description:
      - With V(clean), bad entries go.
      - With V(absent), all entries go that were there when the module began, whatever is in them, and those that
        workers write meanwhile stay. The one check is C(opcode_cache.unwanted_entry) then, and one object of
        O(max_changes) is a whole cache, or a whole directory of a build that is no longer installed.
    type: str
    choices: [clean, absent]
    default: clean
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.selection
  - phpfleet.remediation.change
  - phpfleet.remediation.change.journal
  - phpfleet.remediation.opcode_cache
seealso:
  - module: phpfleet.remediation.opcode_cache_info
  - module: phpfleet.remediation.remedy
  - module: phpfleet.remediation.undo
"""

EXAMPLES = r"""
- name: Show what would be done
  phpfleet.remediation.opcode_cache:
  become: true
  check_mode: true
  diff: true

- name: Remove the bad entries
  phpfleet.remediation.opcode_cache:
  become: true
  register: cleaned

- name: Reload php-fpm where what it has loaded must go too
  ansible.builtin.service:
    name: php8.2-fpm
    state: reloaded
  become: true
  when: cleaned.reload_needed | length > 0

- name: Empty one cache after an upgrade of PHP
  phpfleet.remediation.opcode_cache:
    paths: [/var/cache/php-opcache]
    state: absent
  become: true

- name: Put them back
  phpfleet.remediation.undo:
    run_id: "{{ cleaned.run_id }}"
  become: true
  when: cleaned.run_id is not none
"""

RETURN = r"""
findings:
  description: What was wrong before, as M(phpfleet.remediation.opcode_cache_info) returns it.
  returned: always
  type: list
  elements: dict
checks:
  description: What each check came to before, as M(phpfleet.remediation.opcode_cache_info) returns it.
  returned: always
  type: list
  elements: dict
actions:
  description: The plan. The verb is V(remove_cache_entries) or V(remove_cache_directory).
  returned: always
  type: list
  elements: dict
outcomes:
  description: What became of each action, V(done), V(unneeded) or V(failed), with the reason. Not there in check mode.
  returned: when not in check mode
  type: list
  elements: dict
proof:
  description: What the checks that were acted on came to in the second look. Empty where nothing was done.
  returned: always
  type: list
  elements: dict
remaining:
  description: What was acted on and is still found, which is a failure.
  returned: always
  type: list
  elements: dict
run_id:
  description: The name of the run for M(phpfleet.remediation.undo). Null where nothing was changed.
  returned: always
  type: str
  sample: 20261121T220455Z-1f2e3d4c
reload_needed:
  description:
    - Which masters of php-fpm must be reloaded, because what they have loaded lives on in shared memory. In check mode,
      which would have to be.
  returned: always
  type: list
  elements: dict
  sample:
    - check: opcode_cache.stale_entry
      masters: [812]
      reason: what was loaded from it lives on in shared memory until php-fpm is reloaded
      count: 1
  contains:
    check:
      description: The id of the check whose remedy needs it.
      type: str
      returned: always
    masters:
      description: The pids of the masters.
      type: list
      elements: int
      returned: always
    reason:
      description: Why they must be reloaded.
      type: str
      returned: always
    count:
      description: How many objects it is for.
      type: int
      returned: always
diff:
  description: The files before and after, a line an object, from the plan.
  returned: with diff mode
  type: dict
problems:
  description: All that failed the module.
  returned: on failure
  type: list
  elements: str
"""

from ..module_utils import remedy_module
from ..module_utils.checks import opcode_cache_index


def main() -> None:
    remedy_module.run(opcode_cache_index.SUBJECT)


if __name__ == "__main__":
    main()
