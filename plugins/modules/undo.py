#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: undo
short_description: Put back what a run took away
version_added: 0.1.0
description:
  - Reads the journal of a run of M(phpfleet.remediation.remedy), or of a remedy of one subject, on the host that it
    changed, and puts back what it took away, the newest first.
  - Each object is looked at before. What is back already is left alone, and nothing that has taken its place since is
    overwritten.
  - A run that was cut short, by a power cut or a kill, is undone as far as it went.
  - What cannot be put back is returned as RV(lost), with the reason and where its content is kept.
  - It is a run itself, with a journal and a RV(run_id) of its own.
author: phpfleet.remediation contributors (@phpfleet)
options:
  run_id:
    description:
      - The name of the run, from its result, or from the name of its journal in C(journal) below O(state_dir).
    type: str
    required: true
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.change.journal
seealso:
  - module: phpfleet.remediation.remedy
"""

EXAMPLES = r"""
- name: Put back what the run took away
  phpfleet.remediation.undo:
    run_id: 20261121T220455Z-1f2e3d4c
  become: true
  register: undone

- name: Show what is gone for good
  ansible.builtin.debug:
    var: undone.lost
"""

RETURN = r"""
actions:
  description: What is put back, as M(phpfleet.remediation.remedy) returns a plan.
  returned: always
  type: list
  elements: dict
outcomes:
  description: What became of it, as M(phpfleet.remediation.remedy) returns it. Not there in check mode.
  returned: when not in check mode
  type: list
  elements: dict
lost:
  description: What cannot be put back, folded into groups of the same reason.
  returned: always
  type: list
  elements: dict
  contains:
    object:
      description: The first object of the group, as it was called in the run.
      type: str
      returned: always
    count:
      description: How many objects the group has.
      type: int
      returned: always
    examples:
      description: Up to five of its objects.
      type: list
      elements: str
      returned: always
    reason:
      description: Why it cannot be put back, and where its content is if it was kept.
      type: str
      returned: always
run_id:
  description: The name of this run. Null where there was nothing to put back.
  returned: always
  type: str
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


def main() -> None:
    remedy_module.run_undo()


if __name__ == "__main__":
    main()
