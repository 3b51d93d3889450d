#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: nginx
short_description: Reload, upgrade or stop nginx, or reopen its logs, without losing a request
version_added: 0.1.0
description:
  - Brings one nginx into the state that is asked for, by the signal that loses nothing, and proves it.
  - The configuration is tested first, by the program that will read it. One that nginx would refuse is refused here.
  - A reload is one when new workers serve, no old one takes connections, the pidfile is right, and every address where
    it serves HTTP answers. What nginx logs of a reload that it could not do is told.
  - An upgrade starts the new binary beside the old master, silences the old one, and ends it only when the new one
    answers alone. When it does not, the old one serves again and the new one is ended, by itself, and the module fails.
  - A stop turns new connections away, so it is refused while clients are connected, unless O(allow_loss=true).
  - Each signal goes to the very process that was seen, by a descriptor of it (pidfd) where the kernel has those.
    SIGTERM and SIGKILL are sent only to a program that was started as the new binary, has not become an nginx, and so
    serves nobody.
  - Such a change is reversed by asking for the state before, which is returned, and not by
    M(phpfleet.remediation.undo).
author: phpfleet.remediation contributors (@phpfleet)
options:
  state:
    description:
      - V(reloaded) reads the configuration anew. The pid stays.
      - V(upgraded) runs the binary that is at its path now. Where that runs already, nothing is changed, unless
        O(newer_than) asks for a younger process, as after an upgrade of a library.
      - V(stopped) ends it once the last request in flight has ended. Where none runs, nothing is changed.
      - V(logs_reopened) opens its logs anew by their names, as after they were rotated. Where all are open, nothing is
        changed.
    type: str
    required: true
    choices: [reloaded, upgraded, stopped, logs_reopened]
  pid:
    description:
      - The pid of the master. Without this, O(pidfile) and O(unit) the host must have only one nginx. Of two in an
        upgrade the new one is meant.
    type: int
  pidfile:
    description:
      - The pidfile that the master is configured with.
    type: path
  unit:
    description:
      - The service of systemd, with or without C(.service).
    type: str
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.transition
  - phpfleet.remediation.change.journal
seealso:
  - module: phpfleet.remediation.nginx_info
  - module: phpfleet.remediation.php_fpm
notes:
  - Whether an address answers is asked by a line that is no request of HTTP, to which nginx itself says 400. No
    application sees it, but the access log does.
  - A service of systemd can be upgraded only with C(Type=forking) and a C(PIDFile), as Debian's has. Of another systemd
    takes the end of the old master for the end of the service.
"""

EXAMPLES = r"""
- name: Reload after the configuration was changed
  phpfleet.remediation.nginx:
    state: reloaded
  become: true

- name: Reload unless that was done since a certificate was renewed
  phpfleet.remediation.nginx:
    state: reloaded
    newer_than: "{{ certificate.stat.mtime }}"
  become: true

- name: Run the binary of the package that was just installed
  phpfleet.remediation.nginx:
    state: upgraded
  become: true

- name: Stop a drained host
  phpfleet.remediation.nginx:
    state: stopped
    wait_idle: 30
  become: true

- name: Open the logs anew after they were rotated
  phpfleet.remediation.nginx:
    state: logs_reopened
  become: true
"""

RETURN = r"""
before:
  description: The state that was planned on.
  returned: always
  type: dict
  contains:
    running:
      description: Whether the nginx that is meant runs.
      type: bool
      returned: always
    pid:
      description: The pid of the master.
      type: int
      returned: always
    started:
      description: When the master was started, seconds since the epoch.
      type: float
      returned: always
    generation:
      description: When its workers were started, seconds since the epoch.
      type: float
      returned: always
    version:
      description: The version of what runs.
      type: str
      returned: always
    replaced:
      description: Whether its executable is another file by now, or gone.
      type: bool
      returned: always
    configuration:
      description: Its configuration file.
      type: str
      returned: always
    pidfile:
      description: Its pidfile.
      type: str
      returned: always
    unit:
      description: The service of systemd that it is.
      type: str
      returned: always
    listening:
      description: The addresses that it listens on.
      type: list
      elements: str
      returned: always
    workers:
      description: The pids of the workers that take connections.
      type: list
      elements: int
      returned: always
    shutting_down:
      description: The pids of the workers that only wait for their last connections to end.
      type: list
      elements: int
      returned: always
    clients:
      description: How many connections of clients there are. Null where that cannot be seen.
      type: int
      returned: always
    silent:
      description: Addresses that do not answer, each with the reason.
      type: list
      elements: str
      returned: always
    beside:
      description: The pids of other masters of nginx, such as the old one of an upgrade.
      type: list
      elements: int
      returned: always
after:
  description: The same, looked at again. Null where nothing was done.
  returned: always
  type: dict
refusal:
  description: Why nothing is done although it was asked for. The module then fails with it, in check mode too.
  returned: always
  type: str
notes:
  description: What the plan relies on and could not see, and what the configuration test warns of.
  returned: always
  type: list
  elements: str
steps:
  description: >-
    What is done, in order, each with its C(verb), its C(object), what it C(does), its C(risk), and whether it is
    C(only_after_failure) of another. After a run also C(result), C(reason) and C(seconds).
  returned: always
  type: list
  elements: dict
  sample:
    - verb: send_signal
      object: nginx 51
      does: "SIGHUP: it reads its configuration, starts new workers, and lets the old ones end their connections"
      risk: null
      only_after_failure: false
      result: done
      reason: SIGHUP was sent to process 51
      seconds: 0.218
problems:
  description: What did not work or is not proven, with what nginx has logged meanwhile. The module then fails.
  returned: when there are any
  type: list
  elements: str
run_id:
  description: The name of the run's journal. Null where nothing was done.
  returned: always
  type: str
"""

from ..module_utils import transition_module
from ..module_utils.transitions import nginx


def main() -> None:
    transition_module.run(nginx.TRANSITION)


if __name__ == "__main__":
    main()
