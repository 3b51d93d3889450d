#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: pidfile
short_description: Remove stale pidfiles and mend those of running masters
version_added: 0.1.0
description:
  - Removes a pidfile whose process has ended, or whose pid the kernel has given to another since, and proves by a
    second look that it is gone.
  - Where a running master of php-fpm or nginx is configured with the file, and root alone can write its configuration,
    the file is written with the master's pid instead, as the program itself writes it.
  - Only files are changed that were named in O(paths), are called as php-fpm's and nginx's are, or are what those are
    configured with. Other stale pidfiles are findings without a remedy.
  - A file is changed only when it is still the very file that was seen, the pid in it is still wrong, and no master of
    the program was started meanwhile. A file that a starting program writes at the same moment is never lost.
  - No process is signalled and no service reloaded.
  - What the file said is in the journal of the run, and M(phpfleet.remediation.undo) puts it back.
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.selection
  - phpfleet.remediation.change
  - phpfleet.remediation.change.journal
  - phpfleet.remediation.pidfile
seealso:
  - module: phpfleet.remediation.pidfile_info
  - module: phpfleet.remediation.remedy
  - module: phpfleet.remediation.undo
"""

EXAMPLES = r"""
- name: Show what would be done
  phpfleet.remediation.pidfile:
  become: true
  check_mode: true
  diff: true

- name: Clear stale pidfiles, and the one of a daemon of our own
  phpfleet.remediation.pidfile:
    paths: [/srv/shop/var/queue.pid]
  become: true
  register: cleared

- name: Put them back
  phpfleet.remediation.undo:
    run_id: "{{ cleared.run_id }}"
  become: true
  when: cleared.run_id is not none
"""

RETURN = r"""
findings:
  description: What was wrong before, as M(phpfleet.remediation.pidfile_info) returns it.
  returned: always
  type: list
  elements: dict
checks:
  description: What each check came to before, as M(phpfleet.remediation.pidfile_info) returns it.
  returned: always
  type: list
  elements: dict
actions:
  description: The plan. The verb is V(remove_pidfile), V(replace_pidfile) or V(write_pidfile).
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
    - Which masters of php-fpm must be reloaded for the remedy to take effect, as
      M(phpfleet.remediation.opcode_cache) returns it. This subject needs none.
  returned: always
  type: list
  elements: dict
diff:
  description: The files before and after, a line each, from the plan.
  returned: with diff mode
  type: dict
problems:
  description: All that failed the module.
  returned: on failure
  type: list
  elements: str
"""

from ..module_utils import remedy_module
from ..module_utils.checks import pidfile_index


def main() -> None:
    remedy_module.run(pidfile_index.SUBJECT)


if __name__ == "__main__":
    main()
