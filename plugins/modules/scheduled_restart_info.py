#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: scheduled_restart_info
short_description: Find what restarts or signals a web service on a schedule, and what that does to requests
version_added: 0.1.0
description:
  - Looks at everything that a host runs by itself. That is C(/etc/crontab), C(/etc/cron.d), the crontabs of users,
    C(/etc/cron.hourly) and its kin, anacron, at jobs, timers of systemd, scripts of logrotate, and rules of monit and
    supervisor.
  - Follows each job through scripts, init scripts and units to the signal that it ends in, by reading alone. Nothing
    that is read is ever run.
  - Says of each job that reaches php-fpm, nginx, Apache or HAProxy what it does to the requests in flight, by the
    signals and by the limits of time that the service has, and how often php-fpm's log shows that it happened.
  - A job that touches no web service is in no result. Of a command line only names of programs, files, services and
    signals are shown.
  - "The checks are C(scheduled_restart.kills_in_flight), C(scheduled_restart.stops_service),
    C(scheduled_restart.reload_without_test), C(scheduled_restart.wrong_signal_in_logrotate),
    C(scheduled_restart.escalates_to_kill), C(scheduled_restart.never_runs), C(scheduled_restart.unknown_command) and
    C(scheduled_restart.came_back)."
  - Give it C(become). An ordinary user may not read the crontabs of others, so its checks are unknown.
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.scheduled_restart
  - phpfleet.remediation.scheduled_restart.requests
seealso:
  - module: phpfleet.remediation.scheduled_restart
  - module: phpfleet.remediation.php_fpm_info
  - module: phpfleet.remediation.findings_info
"""

EXAMPLES = r"""
- name: Look what restarts web services by itself, where requests may take 30 seconds
  phpfleet.remediation.scheduled_restart_info:
    longest_request: 30
  become: true
  register: scheduled

- name: Show what kills requests, and when it does so next
  ansible.builtin.debug:
    msg: "{{ item.summary }} (next: {{ item.evidence.next_runs_local | join(', ') }})"
  loop: "{{ scheduled.findings | selectattr('check', 'equalto', 'scheduled_restart.kills_in_flight') }}"

- name: Look only at one crontab
  phpfleet.remediation.scheduled_restart_info:
    jobs: [/etc/cron.d/php]
  become: true
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
  sample:
    - check: scheduled_restart.kills_in_flight
      object: /etc/crontab:17
      severity: critical
      summary: "/etc/crontab:17 (28 5 * * *) restarts php8.2-fpm by SIGTERM: that kills every request in flight,
        whatever process_control_timeout says; `Terminating ...` at 05:28:01 on 14 of the last 14 days matches this
        line, and nginx lost 3 requests at these times; if it has to be, reload it by SIGUSR2, with
        process_control_timeout above the longest request"
      remedy: comment out line 17 of /etc/crontab
      risk: "what else it was there for, such as freeing leaked memory, is not done any more: look for that cause first"
      count: 1
      examples: ["/etc/crontab:17"]
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: scheduled_restart.kills_in_flight, verdict: found, reason: null, seconds: 0.212}
scheduled_restart:
  description: The jobs that touch a web service, or may. Null where jobs or processes cannot be seen.
  returned: always
  type: dict
  contains:
    jobs:
      description: Each of those jobs.
      type: list
      elements: dict
      returned: always
      contains:
        object:
          description: The job as findings name it.
          type: str
          returned: always
        kind:
          description: V(crontab), V(user crontab), V(periodic script), V(anacrontab), V(at job), V(timer),
            V(logrotate), V(monit) or V(supervisor).
          type: str
          returned: always
        source:
          description: The file and line that say it.
          type: str
          returned: always
        package:
          description: The package that this file belongs to. Null where none does, or none is known.
          type: str
          returned: always
        user:
          description: Whom it runs as.
          type: str
          returned: always
        schedule:
          description: When it runs, in the words of its kind.
          type: str
          returned: always
        next_runs:
          description: The next three times, in seconds since the epoch; of a timer with a random delay only the next.
            Empty where nobody can know them.
          type: list
          elements: float
          returned: always
        next_runs_local:
          description: The same on the host's own clock.
          type: list
          elements: str
          returned: always
        never:
          description: Why it never runs. Null where it does.
          type: str
          returned: always
        effects:
          description:
            - Each service that it reaches, with its C(names), C(family) and running C(masters), and what it C(does).
            - C(cuts) is V(at once) where every request in flight is killed, V(in time) where the limits of the service
              decide, and V(none).
            - C(signals) are sent in this order, to whom C(reaches) says. C(chain) is the way there, a step each.
          type: list
          elements: dict
          returned: always
        unfollowed:
          description: Where its way is lost at something that may restart or signal a web service.
          type: list
          elements: str
          returned: always
        runs:
          description: How often it was due since the log begins, and how often php-fpm stopped or reloaded then. Null
            where no log tells of it.
          type: dict
          returned: always
    total:
      description: How many jobs of any kind the host has.
      type: int
      returned: always
    unseen:
      description: What could not be looked at, and why.
      type: list
      elements: str
      returned: always
"""

from ..module_utils import info_module
from ..module_utils.checks import scheduled_restart_index


def main() -> None:
    info_module.run(scheduled_restart_index.SUBJECT)


if __name__ == "__main__":
    main()
