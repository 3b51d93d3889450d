#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: nginx_info
short_description: Show every nginx of a host, and what is wrong with it
version_added: 0.1.0
description:
  - Shows each running nginx with its version, configuration, service, addresses and workers, who is still connected to
    workers that are shutting down, and where it hands requests to php-fpm.
  - An nginx is known by its executable, never by its title, which any process may set. One in a container or a chroot,
    or that another user than root runs outside of any service, is listed with the reason why it is not judged.
  - The configuration is read with all that it includes, and tested by C(nginx -t) as the running master would read it,
    for at most 20 seconds. The test opens what a reload would open, so it makes log files that are named and not there
    yet. It is not run where others than root can write what it reads, or where the pidfile is missing.
  - "The checks are C(nginx.old_workers), C(nginx.oldbin_left), C(nginx.invalid_config) and
    C(nginx.no_worker_shutdown_timeout)."
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.nginx
seealso:
  - module: phpfleet.remediation.nginx
  - module: phpfleet.remediation.findings_info
"""

EXAMPLES = r"""
- name: Look at nginx
  phpfleet.remediation.nginx_info:
  become: true
  register: seen

- name: Show what is wrong
  ansible.builtin.debug:
    msg: "{{ seen.findings | map(attribute='summary') }}"

- name: Show how long nginx waits for which pool of php-fpm
  ansible.builtin.debug:
    msg: "{{ item.where }} waits {{ item.read_timeout }} s for {{ item.address }} ({{ item.source }})"
  loop: "{{ seen.nginx.fronts }}"
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
  sample:
    - check: nginx.invalid_config
      object: nginx master 51
      severity: high
      summary: >-
        nginx 51 refuses the configuration that is in its files ([emerg] unknown directive "prox_pass" in
        /etc/nginx/conf.d/chat.conf:7): a reload would change nothing, and once stopped it would not start again
      remedy: null
      risk: null
      count: 1
      examples: [nginx master 51]
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: nginx.old_workers, verdict: clean, reason: null, seconds: 0.041}
nginx:
  description: Every nginx that was seen. Null where processes cannot be seen.
  returned: always
  type: dict
  contains:
    masters:
      description: The running masters, by pid.
      type: list
      elements: dict
      returned: always
      contains:
        process:
          description: The process with its pid, start time, executable and owner.
          type: dict
          returned: always
        version:
          description: The version of what runs, which may be older than the package.
          type: str
          returned: always
        replaced:
          description: Whether its executable is another file by now, or gone, as after a package upgrade.
          type: bool
          returned: always
        arguments:
          description: Its C(-c), C(-p), C(-g) and C(-e), each followed by its value.
          type: list
          elements: str
          returned: always
        configuration:
          description: The path of its main configuration file.
          type: str
          returned: always
        files:
          description: Every file of the configuration, with the times of its content and of its attributes.
          type: list
          elements: dict
          returned: always
        trusted:
          description: Whether root runs it, and root alone can write what it reads.
          type: bool
          returned: always
        pidfile:
          description: Its pidfile.
          type: str
          returned: always
        old_pidfile:
          description: What is called like it with C(.oldbin), with the pid in it.
          type: dict
          returned: always
        generation:
          description: >-
            When its present workers began, by its start or last reload, in seconds since the epoch. Later than that
            where each of them has crashed since.
          type: float
          returned: always
        old_master:
          description: The pid of the nginx that started this one, to upgrade its binary.
          type: int
          returned: always
        unit:
          description: The service of systemd that it is, with how that stops it.
          type: dict
          returned: always
        listening:
          description: The addresses that it listens on.
          type: list
          elements: str
          returned: always
        workers:
          description: >-
            Its workers, each with its C(task), whether it is C(shutting_down), and its number of C(clients) with some
            of their addresses as C(peers).
          type: list
          elements: dict
          returned: always
        shutdown_timeout:
          description: C(worker_shutdown_timeout) in seconds, null where it is not set.
          type: float
          returned: always
        apart:
          description: Why nothing of it is judged, such as a container, or a user who runs it by himself.
          type: str
          returned: always
        unknown:
          description: What could not be seen of it.
          type: list
          elements: str
          returned: always
    orphans:
      description: Workers whose master is gone.
      type: list
      elements: dict
      returned: always
    fronts:
      description: Each C(fastcgi_pass) with the settings that hold there, one entry an address of its upstream.
      type: list
      elements: dict
      returned: always
      contains:
        address:
          description: Where it leads, a physical path or C(host:port).
          type: str
          returned: always
        where:
          description: The server and location that it stands in.
          type: str
          returned: always
        source:
          description: The file and line that say so.
          type: str
          returned: always
        read_timeout:
          description: C(fastcgi_read_timeout) in seconds.
          type: float
          returned: always
        read_timeout_source:
          description: The file and line that set it, null for nginx's default.
          type: str
          returned: always
        keeps_connections:
          description: Whether connections to php-fpm are kept open between requests.
          type: bool
          returned: always
    unseen:
      description: Why there may be more of them.
      type: list
      elements: str
      returned: always
    complete:
      description: Whether every process could be seen.
      type: bool
      returned: always
"""

from ..module_utils import info_module
from ..module_utils.checks import nginx_index


def main() -> None:
    info_module.run(nginx_index.SUBJECT)


if __name__ == "__main__":
    main()
