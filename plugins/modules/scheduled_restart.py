#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: scheduled_restart
short_description: Disable what kills requests on a schedule, or make it graceful
version_added: 0.1.0
description:
  - Looks as M(phpfleet.remediation.scheduled_restart_info) does, changes each job that harms as O(state) wants it, and
    proves by a second look that the harm is gone.
  - Of a file exactly one line changes, only where it still is the line that was seen, and the file is replaced at once
    with its owner, mode, ACL and label. A job is changed where its schedule is said, never inside a script that it
    runs.
  - No service is restarted, reloaded or signalled.
  - At jobs and rules of monit and supervisor are not changed, nor files that are links or have several names. Their
    findings say what to do by hand.
  - A file that belongs to a package is changed all the same, and C(evidence.notes) says so. Where an upgrade brings the
    job back, C(scheduled_restart.came_back) finds it as long as O(keep_days) keeps the journal.
  - M(phpfleet.remediation.undo) puts each job back, also where other lines of its file were changed since.
author: phpfleet.remediation contributors (@phpfleet)
options:
  state:
    description:
      - V(disabled) takes the job from the schedule. A line of a crontab or of the anacrontab becomes a comment that
        says which run did it and why, a timer is disabled and stopped, and a script of C(/etc/cron.daily) and its kin
        loses its execute bits.
      - A job that does more than restart web services, or may do more, such as one that renews certificates or saves
        databases, is disabled only where O(jobs) names it as its finding does, not by its file alone. So is one that
        restarts on a condition, or that stops a service which something else starts. Nothing tells
        whether the rest of it is wanted.
      - V(graceful) lets the line test the configuration, and where that passes reload the service instead. It is done
        only where such a reload cuts no request, so C(process_control_timeout) has to be longer than O(longest_request)
        (M(phpfleet.remediation.php_fpm_limits) sees to that), and where the line does nothing but restart or reload
        one service. Timers and scripts are not rewritten, and their findings say by which words to do it.
      - A script of logrotate is never disabled. Its wrong line gets the signal that opens logs anew, with either state.
    type: str
    choices: [disabled, graceful]
    default: disabled
  splay:
    description:
      - Over how many seconds hosts spread a job that is made graceful. Each sleeps for a part of it that is derived
        from its C(/etc/machine-id), and is therefore always the same.
    type: int
    default: 0
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.selection
  - phpfleet.remediation.change
  - phpfleet.remediation.change.journal
  - phpfleet.remediation.scheduled_restart
  - phpfleet.remediation.scheduled_restart.requests
seealso:
  - module: phpfleet.remediation.scheduled_restart_info
  - module: phpfleet.remediation.php_fpm_limits
  - module: phpfleet.remediation.undo
"""

EXAMPLES = r"""
- name: Show what would be taken from the schedule
  phpfleet.remediation.scheduled_restart:
  become: true
  check_mode: true
  diff: true

- name: Disable what kills requests in flight, and nothing else
  phpfleet.remediation.scheduled_restart:
    checks: [scheduled_restart.kills_in_flight]
  become: true
  register: disabled

- name: Let the nightly restart go on as a tested reload, spread over ten minutes
  phpfleet.remediation.scheduled_restart:
    state: graceful
    splay: 600
    longest_request: 30
    jobs: [/etc/cron.d/php]
  become: true

- name: Disable a job with all else that it does
  phpfleet.remediation.scheduled_restart:
    jobs: ["/etc/cron.d/shop:7"]
  become: true

- name: Put the jobs back
  phpfleet.remediation.undo:
    run_id: "{{ disabled.run_id }}"
  become: true
  when: disabled.run_id is not none
"""

RETURN = r"""
findings:
  description: What was wrong before, as M(phpfleet.remediation.scheduled_restart_info) returns it. Where a job has no
    remedy, C(evidence.not_remedied) says why.
  returned: always
  type: list
  elements: dict
checks:
  description: What each check came to before, as M(phpfleet.remediation.scheduled_restart_info) returns it.
  returned: always
  type: list
  elements: dict
actions:
  description: The plan. The verb is V(comment_out_line), V(rewrite_line), V(take_execute_bits) or V(disable_timer).
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
  description:
    - The lines before and after, from the plan. Of a command line only names of programs, files, services and signals
      are shown. The exact lines are in the journal of the run.
  returned: with diff mode
  type: dict
problems:
  description: All that failed the module.
  returned: on failure
  type: list
  elements: str
"""

from ..module_utils import remedy_module
from ..module_utils.checks import scheduled_restart_index


def main() -> None:
    remedy_module.run(scheduled_restart_index.SUBJECT)


if __name__ == "__main__":
    main()
