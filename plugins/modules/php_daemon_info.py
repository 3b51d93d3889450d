#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: php_daemon_info
short_description: Find PHP daemons that cannot be stopped cleanly or run old code
version_added: 0.1.0
description:
  - Lists the programs of PHP's command line that run on and on (queue workers, importers, socket servers), with who
    keeps them running, how a stop reaches them, what they do with each signal, and which code they run.
  - A program is known by its executable. It is a daemon when it is the main process of a service of systemd, when
    supervisord runs it, or when it has run for a minute. What cron, at or a service of C(Type=oneshot) started and
    still waits for is a job, and is left out.
  - The checks are C(php_daemon.ignores_sigterm), C(php_daemon.stop_escalates_to_kill) and C(php_daemon.old_code).
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.php_daemon
seealso:
  - module: phpfleet.remediation.findings_info
  - module: phpfleet.remediation.sysv_ipc_info
"""

EXAMPLES = r"""
- name: Look at the PHP daemons of a host
  phpfleet.remediation.php_daemon_info:
  become: true
  register: daemons

- name: Show which of them run an old release
  ansible.builtin.debug:
    msg: "{{ daemons.findings | selectattr('check', 'equalto', 'php_daemon.old_code') | map(attribute='summary') }}"

- name: Look whether daemons run the code below a directory as it is now
  phpfleet.remediation.php_daemon_info:
    releases: [/srv/shop]
    checks: [php_daemon.old_code]
  become: true
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
  sample:
    - check: php_daemon.old_code
      object: process 812
      severity: medium
      summary: "process 812 (/srv/shop/current/artisan queue:work of queue.service) runs old code: another release was
        made the current one since it was started (/srv/shop/releases/41, and now /srv/shop/current ->
        /srv/shop/releases/42); restart it after each release"
      remedy: null
      risk: null
      count: 1
      examples: [process 812]
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: php_daemon.ignores_sigterm, verdict: clean, reason: null, seconds: 0.052}
php_daemon:
  description: The daemons that were seen. Null where processes cannot be seen.
  returned: always
  type: dict
  contains:
    daemons:
      description: Every PHP program that runs on.
      type: list
      elements: dict
      returned: always
      contains:
        pid:
          description: Its process.
          type: int
          returned: always
        user:
          description: As whom it runs.
          type: str
          returned: always
        started:
          description: When it was started, in seconds since the epoch.
          type: float
          returned: always
        executable:
          description: The program of PHP.
          type: str
          returned: always
        replaced:
          description: Whether another file has that path by now, or none.
          type: bool
          returned: always
        job:
          description: The first word after the script. Other arguments are left out, because they may be secrets.
          type: str
          returned: always
        signals:
          description:
            - Its reaction to each signal, among V(default), V(caught), V(caught by PHP), V(ignored) and V(blocked).
            - V(caught by PHP) hides what the script does with it, which is so in nearly every PHP since 7.1.
          type: dict
          returned: always
        unit:
          description: The service of systemd that it is of, with the signals and waits of a stop.
          type: dict
          returned: always
        supervised:
          description: The program of supervisord that it is, with the signal and wait of a stop.
          type: dict
          returned: always
        code:
          description: The script as named, the file that it has open for it, its directory, and the releases it left.
          type: dict
          returned: always
        unknown:
          description: What could not be seen of it, and why.
          type: list
          elements: str
          returned: always
    escalated:
      description: How often stops of a service ended in KILL within two weeks, and when last, by service.
      type: dict
      returned: always
    releases:
      description: The directories that were named, with the time of the newest PHP file in each.
      type: list
      elements: dict
      returned: always
    unseen:
      description: What of the host could not be seen, and why.
      type: list
      elements: str
      returned: always
    unheard:
      description: Why it is not known how stops of the past ended.
      type: str
      returned: always
    now:
      description: When it was looked, in seconds since the epoch.
      type: float
      returned: always
"""

from ..module_utils import info_module
from ..module_utils.checks import php_daemon_index


def main() -> None:
    info_module.run(php_daemon_index.SUBJECT)


if __name__ == "__main__":
    main()
