#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: findings_info
short_description: Find what is wrong on a PHP host, in one pass
version_added: 0.1.0
description:
  - Runs the checks of every subject over one look at the host, and returns what they found, with the evidence.
  - It changes nothing, and does not carry the code that could. M(phpfleet.remediation.remedy) is its other half.
  - Pools of php-fpm are asked what they hold in memory only where O(runtime_cache.probe) is on, since that hands each a
    script in temporary files, as M(phpfleet.remediation.runtime_cache_info) says.
  - A check that could not see what it is about is V(unknown) with the reason, and stops no other. Unknown is not clean.
  - As an ordinary user it reports what that user can see. Give it C(become) to see all.
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.policy.subjects
  - phpfleet.remediation.selection
seealso:
  - module: phpfleet.remediation.remedy
  - plugin: phpfleet.remediation.select
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Look for all that is wrong
  phpfleet.remediation.findings_info:
  become: true
  register: look

- name: Show what is worst
  ansible.builtin.debug:
    msg: "{{ look.findings | phpfleet.remediation.select(worst) | map(attribute='summary') }}"
  vars:
    worst: "[?severity=='critical' || severity=='high']"

- name: Demand that every check could see what it is about
  ansible.builtin.assert:
    that: look.checks | selectattr('verdict', 'equalto', 'unknown') | length == 0

- name: Look for leaked shared memory of one daemon that was just stopped
  phpfleet.remediation.findings_info:
    checks: [sysv_ipc.orphaned_segment]
    sysv_ipc:
      owners: [www-data]
      min_age: 5
"""

RETURN = r"""
findings:
  description:
    - What is wrong, the worst first. Objects of one check, owner, cause, severity and remedy are one entry.
    - At most 200 entries and 200 KiB. What is beyond is one last entry that counts it.
  returned: success
  type: list
  elements: dict
  sample:
    - check: sysv_ipc.orphaned_segment
      object: shm 32769
      severity: medium
      summary: Nobody uses shared memory segment 32769 of www-data.
      evidence: {owner: www-data, cause: its creator ended without removing it}
      remedy: remove it
      risk: a segment without a key cannot be put back; its content is kept
      count: 32
      examples: [shm 32769, shm 32770, shm 32771, shm 32772, shm 32773]
  contains:
    check:
      description: The id of the check.
      type: str
      returned: always
    object:
      description: The first object, in the words of its own tools.
      type: str
      returned: always
    severity:
      description: V(critical), V(high), V(medium), V(low) or V(info).
      type: str
      returned: always
    summary:
      description: What is wrong with the first object, in one sentence.
      type: str
      returned: always
    evidence:
      description: By what it is known, of the first object. Each check has its own; its page says which.
      type: dict
      returned: always
    remedy:
      description: What M(phpfleet.remediation.remedy) would do about it. Null where nothing may be done by itself.
      type: str
      returned: always
    risk:
      description: What the remedy may cost, and what it cannot put back. Null where there is no remedy.
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
checks:
  description: What each check came to, in running order.
  returned: success
  type: list
  elements: dict
  sample:
    - {id: sysv_ipc.orphaned_segment, verdict: found, reason: null, seconds: 0.012}
  contains:
    id:
      description: The id of the check.
      type: str
      returned: always
    verdict:
      description:
        - V(clean) and V(found) say that all of what the check is about was seen.
        - V(unknown) says that something could not be seen, and V(not_applicable) that the host has nothing of the kind.
      type: str
      returned: always
    reason:
      description: Why it is V(unknown) or V(not_applicable).
      type: str
      returned: always
    seconds:
      description: How long it took, with the reading that it was the first to need.
      type: float
      returned: always
facts:
  description:
    - What the look saw, a key for each subject, as its own C(_info) module returns it.
    - Null for a subject that could not be read. Its checks say why.
  returned: success
  type: dict
"""

from ..module_utils import info_module
from ..module_utils.checks import index


def main() -> None:
    info_module.run(*index.SUBJECTS)


if __name__ == "__main__":
    main()
