#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: sysv_ipc
short_description: Remove leaked SysV shared memory, semaphores and message queues
version_added: 0.1.0
description:
  - Removes what M(phpfleet.remediation.sysv_ipc_info) finds V(proven) or V(declared) to be left behind, and proves by
    a second look that it is gone. What is only V(suspected) is reported and left alone.
  - An object is removed only while it is still as it was seen (id, key, times, and its last user, attachments, values,
    waiters or messages). Otherwise it is V(unneeded) and left alone.
  - A queue that holds messages, a set that somebody waits at and a segment that is attached are never removed.
  - Segments are copied to the quarantine first, up to O(snapshot_limit) bytes in all. The journal with everything that
    undo needs is on disk before the first removal.
  - M(phpfleet.remediation.undo) makes objects with a key again, with their owner, mode and content. A private object
    would get a new id that nobody knows, so it is gone for good, and the plan says so beforehand. The content of a
    private segment is kept as a file.
  - No process is started or signalled.
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.selection
  - phpfleet.remediation.change
  - phpfleet.remediation.change.journal
  - phpfleet.remediation.sysv_ipc
notes:
  - Objects are removed on x86_64, aarch64, ppc64le, s390x and riscv64, by 64-bit Python. Elsewhere the module refuses.
  - Only root, and an object's owner, can remove it.
seealso:
  - module: phpfleet.remediation.sysv_ipc_info
  - module: phpfleet.remediation.remedy
  - module: phpfleet.remediation.undo
"""

EXAMPLES = r"""
- name: Show what would be removed, and what could be put back
  phpfleet.remediation.sysv_ipc:
  become: true
  check_mode: true
  diff: true

- name: Remove what is proven to be left behind
  phpfleet.remediation.sysv_ipc:
  become: true

- name: End an incident of the segment that every PHP process fails on with "No space left on device"
  phpfleet.remediation.sysv_ipc:
    disposable_keys: ["0x6104e88b"]
    kinds: [segment]
    max_changes: 5000
  become: true
  register: cleared

- name: Put back what has a key
  phpfleet.remediation.undo:
    run_id: "{{ cleared.run_id }}"
  become: true
  when: cleared.run_id is not none
"""

RETURN = r"""
findings:
  description: What was wrong before, as M(phpfleet.remediation.sysv_ipc_info) returns it.
  returned: always
  type: list
  elements: dict
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
proof:
  description: What the checks of the removed objects came to in the second look.
  returned: always
  type: list
  elements: dict
actions:
  description:
    - The plan, in groups. The verb is V(save_and_remove_segment), V(remove_segment), V(remove_semaphore_set) or
      V(remove_queue), and the risk says what undo can put back.
  returned: always
  type: list
  elements: dict
  sample:
    - check: sysv_ipc.orphaned_segment
      verb: save_and_remove_segment
      object: shm 3
      guard: {id: 3, key: 4660, ctime: 1795300461, atime: 1795300461, dtime: 1795300461, lpid: 43, nattch: 0}
      risk: undo makes it again with its key, owner, mode and content
      count: 1
      examples: [shm 3]
outcomes:
  description: What became of each action, V(done), V(unneeded) or V(failed), with the reason. Not there in check mode.
  returned: when not in check mode
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
    - Which masters of php-fpm must be reloaded for the remedy to take effect, as
      M(phpfleet.remediation.opcode_cache) returns it. This subject needs none.
  returned: always
  type: list
  elements: dict
"""

from ..module_utils import remedy_module
from ..module_utils.checks import sysv_ipc_index


def main() -> None:
    remedy_module.run(sysv_ipc_index.SUBJECT)


if __name__ == "__main__":
    main()
