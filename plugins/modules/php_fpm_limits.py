#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: php_fpm_limits
short_description: Give php-fpm limits of time under which reloads and hanging backends lose no requests
version_added: 0.1.0
description:
  - Writes the values that C(php_fpm.reload_loses_requests) and C(php_fpm.time_limits) propose, each only where it is
    needed, into files of its own beside the pools. For C([global]) that is C(zz-phpfleet-limits.conf) in the directory
    which the configuration includes, and C(zz-phpfleet-limits-POOL.conf) for a pool. No file of a package or a person
    is edited.
  - It is rehearsed first whether a value holds there and nothing else changes. Where another file sets it later, where
    nothing is included, or where others than root can write the configuration, nothing is written and the finding says
    why.
  - php-fpm tests its configuration with each new file. One that it refuses is taken away at once.
  - No service is reloaded. RV(reload_needed) says which masters must be. That one reload still happens under the old
    C(process_control_timeout), so do it while the host is drained.
  - C(fastcgi_read_timeout) of nginx, the load balancer and the unit's C(TimeoutStopSec) and C(KillSignal) are not
    changed. The findings say what they should be.
  - M(phpfleet.remediation.undo) removes the files, or gives them their former content.
author: phpfleet.remediation contributors (@phpfleet)
options:
  longest_request:
    description:
      - How many seconds the slowest request may take that is right to take that long.
      - V(0) takes what C(request_terminate_timeout) of the pool allows. Where that is not set either, nothing is
        proposed and nothing written.
    type: int
    default: 0
  balancer_timeout:
    description: How many seconds the load balancer in front waits for an answer. V(0) where that is not known.
    type: int
    default: 0
  ask_pools:
    description: Whether pools that have a status page are asked for it, to tell how many requests are in flight.
    type: bool
    default: true
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.selection
  - phpfleet.remediation.change
  - phpfleet.remediation.change.journal
seealso:
  - module: phpfleet.remediation.php_fpm_info
  - module: phpfleet.remediation.php_fpm
  - module: phpfleet.remediation.undo
"""

EXAMPLES = r"""
- name: Show what would be written where requests may take 30 seconds
  phpfleet.remediation.php_fpm_limits:
    longest_request: 30
  become: true
  check_mode: true
  diff: true

- name: Let a reload wait for the requests in flight
  phpfleet.remediation.php_fpm_limits:
    longest_request: 30
    checks: [php_fpm.reload_loses_requests]
  become: true
  register: limits

- name: Bring it into force, once no request is in flight
  phpfleet.remediation.php_fpm:
    state: reloaded
    wait_idle: 60
  become: true
  when: limits.reload_needed | length > 0

- name: Take the files away again
  phpfleet.remediation.undo:
    run_id: "{{ limits.run_id }}"
  become: true
  when: limits.run_id is not none
"""

RETURN = r"""
findings:
  description:
    - What was wrong before. Of C(php_fpm.time_limits), C(evidence.chain) lists every limit with its value, where it was
      set and whether it is in force, and C(evidence.proposed) the numbers that would fit together.
  returned: always
  type: list
  elements: dict
checks:
  description: What each check came to before.
  returned: always
  type: list
  elements: dict
actions:
  description: The plan. The verb is V(write_limits).
  returned: always
  type: list
  elements: dict
outcomes:
  description: What became of each action, V(done), V(unneeded) or V(failed), with the reason. Not there in check mode.
  returned: when not in check mode
  type: list
  elements: dict
proof:
  description:
    - What the checks that were acted on came to in the second look. They judge the configuration as it is written, and
      find still what is not in force before the reload, and what others have to mend.
  returned: always
  type: list
  elements: dict
remaining:
  description: What was to be resolved and is still found, which is a failure.
  returned: always
  type: list
  elements: dict
run_id:
  description: The name of the run for M(phpfleet.remediation.undo). Null where nothing was changed.
  returned: always
  type: str
  sample: 20261121T220455Z-1f2e3d4c
reload_needed:
  description: Which masters must be reloaded for what was written to come into force, and how.
  returned: always
  type: list
  elements: dict
  sample:
    - check: php_fpm.reload_loses_requests
      masters: [45]
      reason: >-
        php-fpm reads limits when it is reloaded, and that reload still happens under the old process_control_timeout:
        do it drained
      count: 1
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
from ..module_utils.checks import php_fpm_index


def main() -> None:
    remedy_module.run(php_fpm_index.SUBJECT, part="php_fpm_limits")


if __name__ == "__main__":
    main()
