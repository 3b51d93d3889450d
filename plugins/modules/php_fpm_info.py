#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: php_fpm_info
short_description: Explain php-fpm, its pools and workers, and what is wrong with them
version_added: 0.1.0
description:
  - Finds every master of php-fpm from the processes of the host, whatever version, package, prefix or chroot it is of,
    and says how it is configured, what its pools and workers do, and what would happen if it was reloaded.
  - A process is believed to be php-fpm by its executable, never by its title, which any process may set.
  - Settings are those that C(php-fpm -tt) prints. Where that cannot be run, fails or prints nothing, they are read from
    the files, and defaults are missing. It is run as root, so only where root runs the master and no other user can
    write any file of its configuration. Options that a master was started with (C(-c), C(-d), C(-p)) cannot be seen.
  - The values of C(env[]) are never returned, nor those of C(php_value[]) that look like a secret, nor query strings.
  - "Of php-fpm that is stopped, services of systemd are found whose names contain C(php) or C(fpm), that run php-fpm,
    and that are enabled or failed; others are named in O(configurations)."
  - What was not looked at is V(unknown), and never called clean. Looking changes nothing, but for log files that are
    configured and missing, which C(php-fpm -tt) makes empty.
author: phpfleet.remediation contributors (@phpfleet)
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.php_fpm
seealso:
  - module: phpfleet.remediation.findings_info
  - module: phpfleet.remediation.pidfile_info
"""

EXAMPLES = r"""
- name: Look at php-fpm
  phpfleet.remediation.php_fpm_info:
    longest_request: 30
    balancer_timeout: 60
  become: true
  register: fpm

- name: Show which workers wait for whom
  ansible.builtin.debug:
    msg: "{{ fpm.php_fpm.masters | map(attribute='pools') | flatten | map(attribute='workers') | flatten
      | selectattr('waiting.peer', 'defined') | map(attribute='waiting') }}"

- name: Demand that no worker is without a master
  ansible.builtin.assert:
    that: fpm.php_fpm.orphans == []
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
  sample:
    - check: php_fpm.port_held_by_stranger
      object: pool www of /etc/php/8.2/fpm/php-fpm.conf
      severity: critical
      summary: 127.0.0.1:9000 is held by process 127 (/usr/bin/php8.2), which is none of php-fpm's own, so php-fpm
        cannot listen there
      remedy: null
      risk: null
      count: 1
      examples: [pool www of /etc/php/8.2/fpm/php-fpm.conf]
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: php_fpm.orphaned_workers, verdict: clean, reason: null, seconds: 0.11}
php_fpm:
  description: What was seen of php-fpm. Null where processes could not be seen.
  returned: always
  type: dict
  contains:
    masters:
      description: Every running master.
      type: list
      elements: dict
      returned: always
      contains:
        pid:
          description: Its pid, which a reload keeps.
          type: int
          returned: always
        started:
          description: When it was started, in seconds since the epoch; a reload keeps that too.
          type: float
          returned: always
        user:
          description: Who runs it.
          type: str
          returned: always
        executable:
          description: Its program.
          type: str
          returned: always
        replaced:
          description: Whether the program's file was replaced or removed since, as an upgrade does.
          type: bool
          returned: always
        version:
          description: Its version of PHP.
          type: str
          returned: always
        root:
          description: V(/), or the directory that it is chrooted to. All other paths of it are below that.
          type: str
          returned: always
        handles_hup:
          description: Whether it reloads on SIGHUP, as Debian's does; upstream's dies of it and leaves orphans.
          type: bool
          returned: always
        generation:
          description: When it was started or reloaded last, in seconds since the epoch. Null where that cannot be seen.
          type: float
          returned: always
        configuration:
          description: Its php-fpm.conf.
          type: str
          returned: always
        files:
          description: Every file of its configuration, with the times when its content (C(modified)) and anything of it
            (C(changed)) was changed.
          type: list
          elements: dict
          returned: always
        settings:
          description: What holds for the whole of it, by name, as C(php-fpm -tt) prints it.
          type: dict
          returned: always
        sources:
          description: The file and line that says so, of those that are said.
          type: dict
          returned: always
        passes:
          description: Whether C(php-fpm -tt) accepts its configuration as it is on disk now. Null where that was not
            tried, as RV(php_fpm.masters[].unknown) says.
          type: bool
          returned: always
        failure:
          description: What that said when it did not, a line for each error.
          type: str
          returned: always
        warnings:
          description: What it warned of, such as an extension that cannot be loaded.
          type: list
          elements: str
          returned: always
        pidfile:
          description: The pidfile that it is configured with.
          type: str
          returned: always
        unit:
          description: The service of systemd that it is, with the signals and commands of its stop and reload.
          type: dict
          returned: always
        init_script:
          description: The script of C(/etc/init.d) that may have started it, where no service did.
          type: str
          returned: always
        pools:
          description: Every pool that it is configured with now, which need not be in force yet.
          type: list
          elements: dict
          returned: always
          contains:
            name:
              description: Its name.
              type: str
              returned: always
            address:
              description: Where it listens, a path or a host and port; V(*:9000) is any address.
              type: str
              returned: always
            listening:
              description: The socket that the master holds for it, with the connections that wait in its queue. Null
                where it holds none.
              type: dict
              returned: always
            tested:
              description: Whether php-fpm itself printed the settings. Else defaults are missing.
              type: bool
              returned: always
            settings:
              description: As those of the master.
              type: dict
              returned: always
            sources:
              description: As those of the master.
              type: dict
              returned: always
            status:
              description: What its status page says of the whole pool, or the reason why there is none.
              type: dict
              returned: always
            workers:
              description: Its workers. C(waiting) says what each is blocked on, and the peer of its socket. What is
                null was not to be had, as the request and the number of requests without a status page.
              type: list
              elements: dict
              returned: always
        other_workers:
          description: Workers of pools that it is no longer configured with.
          type: list
          elements: dict
          returned: always
        apart:
          description: Why it is not judged, such as that it is a container's.
          type: str
          returned: always
        unknown:
          description: What could not be seen of it.
          type: list
          elements: str
          returned: always
    stopped:
      description: What should run and does not, with the fields of the same names as those of a master.
      type: list
      elements: dict
      returned: always
    orphans:
      description: Workers whose master is gone, with the addresses on which each still serves.
      type: list
      elements: dict
      returned: always
    disbelieved:
      description: Processes that are called as workers of php-fpm are and are none, and why. Any user can make one.
      type: list
      elements: str
      returned: always
    unseen:
      description: What could not be looked at, and why.
      type: list
      elements: str
      returned: always
"""

from ..module_utils import info_module
from ..module_utils.checks import php_fpm_index


def main() -> None:
    info_module.run(php_fpm_index.SUBJECT)


if __name__ == "__main__":
    main()
