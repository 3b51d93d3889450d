#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: pidfile_info
short_description: Find pidfiles that name no process or the wrong one
version_added: 0.1.0
description:
  - Reads the pidfiles of a host as bytes that anyone may have written, and says of each whether the process it names is
    the one it should name.
  - A process is known by its executable, never by its title, which any process may set. Which program a pidfile belongs
    to is known by the running master that is configured with it, else by its name.
  - Only what is known is judged. A pidfile of another program than php-fpm and nginx is listed, and is a finding only
    when its process has ended. Masters in containers are listed with the reason why their pidfiles are not judged.
  - Where a pidfile is not plainly right it is looked at twice, because a program that starts is between two steps for a
    moment.
  - "The checks are C(pidfile.dead_process), C(pidfile.foreign_process), C(pidfile.unreadable) and C(pidfile.missing)."
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.pidfile
seealso:
  - module: phpfleet.remediation.pidfile
  - module: phpfleet.remediation.findings_info
"""

EXAMPLES = r"""
- name: Look at the pidfiles of a host
  phpfleet.remediation.pidfile_info:
  become: true
  register: pidfiles

- name: Show which of them would make a stop script signal a stranger
  ansible.builtin.debug:
    msg: "{{ pidfiles.findings | map(attribute='summary') }}"

- name: Look only at one daemon's pidfile
  phpfleet.remediation.pidfile_info:
    paths: [/srv/shop/var/queue.pid]
    usual_places: false
  become: true
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
  sample:
    - check: pidfile.foreign_process
      object: /run/php/php8.2-fpm.pid
      severity: high
      summary: "/run/php/php8.2-fpm.pid names process 812, which is 'tail' (/usr/bin/tail) and not php-fpm"
      remedy: remove the file
      risk: what stops or reloads the service by this file acts differently from then on; undo puts it back as it was
      count: 1
      examples: [/run/php/php8.2-fpm.pid]
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: pidfile.dead_process, verdict: clean, reason: null, seconds: 0.041}
pidfile:
  description: The pidfiles and masters that were seen. Null where processes cannot be seen.
  returned: always
  type: dict
  contains:
    files:
      description: Every pidfile, with what is in it and who bears its pid.
      type: list
      elements: dict
      returned: always
      contains:
        path:
          description: Its physical path. C(/var/run/x.pid) and C(/run/x.pid) are one file.
          type: str
          returned: always
        origins:
          description: Why it was looked at, among V(named), V(configured) and V(usual place).
          type: list
          elements: str
          returned: always
        kind:
          description: V(file), V(link), V(directory), V(FIFO), V(socket), V(device) or V(absent).
          type: str
          returned: always
        pid:
          description: The pid that it says.
          type: int
          returned: always
        problem:
          description: Why it says none.
          type: str
          returned: always
        program:
          description: V(php-fpm) or V(nginx), where it is known to belong to one of them.
          type: str
          returned: always
        bearer:
          description:
            - Who bears the pid. V(program) is the right one, V(supervisor) an ancestor of it, V(namesake) a program
              called as the file is. V(uncertain) lives and may be the right one.
            - V(nobody), V(zombie), V(thread), V(kernel thread), V(stranger), V(worker) and V(another master) are wrong.
            - V(hidden) cannot be seen by this user.
          type: str
          returned: always
    masters:
      description: The running masters of php-fpm and nginx, with what they are configured with.
      type: list
      elements: dict
      returned: always
      contains:
        program:
          description: V(php-fpm) or V(nginx).
          type: str
          returned: always
        configured:
          description: Its configuration file and the pidfile that it names.
          type: dict
          returned: always
        unknown:
          description: Why that is not known.
          type: str
          returned: always
        apart:
          description: Why its pids or paths are not those of this host, such as a container.
          type: str
          returned: always
    complete:
      description: Whether every process could be seen.
      type: bool
      returned: always
    unseen:
      description: What could not be looked at, and why.
      type: list
      elements: str
      returned: always
"""

from ..module_utils import info_module
from ..module_utils.checks import pidfile_index


def main() -> None:
    info_module.run(pidfile_index.SUBJECT)


if __name__ == "__main__":
    main()
