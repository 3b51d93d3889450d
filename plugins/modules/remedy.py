#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: remedy
short_description: Remedy what is wrong on a PHP host, and prove it
version_added: 0.1.0
description:
  - Looks as M(phpfleet.remediation.findings_info) does, plans a remedy for what has one, carries it out, and looks
    again. What is still found then is returned as RV(remaining), and is a failure.
  - An object is touched only where the evidence proves that nobody needs it, or where an option declares so. It is read
    again just before, and left alone where it is no longer what was seen.
  - What is taken away goes into a journal on the host, on disk before the first change. M(phpfleet.remediation.undo)
    puts it back by RV(run_id). The plan says beforehand what cannot be put back.
  - An unknown check plans nothing. A check that is unknown after its change fails the module, since it proves nothing.
  - Give it C(become). What an ordinary user may not change is a failed action, and the journal belongs to root.
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.policy.subjects
  - phpfleet.remediation.selection
  - phpfleet.remediation.change
  - phpfleet.remediation.change.journal
seealso:
  - module: phpfleet.remediation.findings_info
  - module: phpfleet.remediation.undo
"""

EXAMPLES = r"""
- name: Remedy all that can be proven to be safe
  phpfleet.remediation.remedy:
  become: true
  register: remedy

- name: Show what became of it
  ansible.builtin.debug:
    msg: "{{ remedy.outcomes }}"

- name: Clear the segments that block the start of a daemon which was killed
  phpfleet.remediation.remedy:
    checks: [sysv_ipc]
    sysv_ipc:
      disposable_keys: ["0x6104e88b"]
      min_age: 5
  become: true

- name: See the whole plan of a host with very many objects, and change nothing
  phpfleet.remediation.remedy:
    max_changes: 100000
    plan_file: /root/remedy-plan.json
  become: true
  check_mode: true
"""

RETURN = r"""
findings:
  description: What was wrong before, as M(phpfleet.remediation.findings_info) returns it.
  returned: always
  type: list
  elements: dict
checks:
  description: What each check came to before, as M(phpfleet.remediation.findings_info) returns it.
  returned: always
  type: list
  elements: dict
actions:
  description: The plan. Actions of one kind on the objects of one finding's entry are one entry.
  returned: always
  type: list
  elements: dict
  sample:
    - check: sysv_ipc.orphaned_segment
      verb: remove_segment
      object: shm 32769
      guard: {id: 32769, key: 0, nattch: 0}
      risk: a segment without a key cannot be put back; its content is kept
      count: 32
      examples: [shm 32769, shm 32770, shm 32771, shm 32772, shm 32773]
  contains:
    check:
      description: The id of the check whose finding it remedies.
      type: str
      returned: always
    verb:
      description: What is done.
      type: str
      returned: always
    object:
      description: The first object it is done to.
      type: str
      returned: always
    guard:
      description: What was seen of the first object. It is read again just before the act, and must be the same.
      type: dict
      returned: always
    risk:
      description: What it may cost, and what cannot be put back.
      type: str
      returned: always
    count:
      description: How many objects this entry stands for.
      type: int
      returned: always
    examples:
      description: The first five of the objects.
      type: list
      elements: str
      returned: always
outcomes:
  description: What became of the plan. Outcomes of one kind are one entry. Not there in check mode.
  returned: when not in check mode
  type: list
  elements: dict
  contains:
    check:
      description: The id of the check.
      type: str
      returned: always
    verb:
      description: What was to be done.
      type: str
      returned: always
    object:
      description: The first object.
      type: str
      returned: always
    result:
      description: V(done), V(unneeded) where the object was no longer what was seen, or V(failed).
      type: str
      returned: always
    reason:
      description: What became of the first object, in a sentence.
      type: str
      returned: always
    count:
      description: How many objects this entry stands for.
      type: int
      returned: always
    examples:
      description: The first five of the objects.
      type: list
      elements: str
      returned: always
proof:
  description: What the checks that were acted on came to in the second look. Empty where nothing was done.
  returned: always
  type: list
  elements: dict
remaining:
  description: What was acted on and is still found. Anything in here fails the module.
  returned: always
  type: list
  elements: dict
run_id:
  description: The name of the run, for M(phpfleet.remediation.undo). Null where nothing was done.
  returned: always
  type: str
  sample: 20261121T220455Z-1f2e3d4c
reload_needed:
  description:
    - Which masters of php-fpm must be reloaded for the remedy to take effect, as
      M(phpfleet.remediation.opcode_cache) returns it.
  returned: always
  type: list
  elements: dict
diff:
  description: The objects before and after, a line each, from the plan.
  returned: with diff mode
  type: dict
problems:
  description: All that failed the module.
  returned: on failure
  type: list
  elements: str
"""

from ..module_utils import remedy_module
from ..module_utils.checks import index


def main() -> None:
    remedy_module.run(*index.SUBJECTS)


if __name__ == "__main__":
    main()
