#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: php_fpm
short_description: Reload, restart, stop or start php-fpm without losing a request
version_added: 0.1.0
description:
  - Brings one php-fpm into the state that is asked for, by the signal that loses nothing, and proves it. A reload has
    worked when a new generation runs, no worker of the old one is left, every pool answers, and the pidfile is right.
  - It refuses what would lose requests, with the reason, and fails. V(state=reloaded) is done when no request is in
    flight; or else when C(process_control_timeout), as the running master was started with, lets the longest request
    end, nginx waits as long, and no FastCGI connections are kept open. V(state=restarted) and V(state=stopped) always
    lose what waits in the queue of a socket, so they are done only when no request is in flight.
  - Whether it is idle is seen, not said. The workers' states come from the status page, or from what each of them waits
    in. That it is idle does not keep the next request away, so drain the host first.
  - The configuration is tested first, as is whether all extensions can be loaded, and whether php-fpm could bind the
    sockets of its pools, which its own test does not look at.
  - Each signal goes to the very process that was seen, by a descriptor of it (pidfd) where the kernel has those.
    SIGKILL, SIGTERM and SIGHUP are never sent to php-fpm. A stop that does not end in time fails, and says what holds
    it.
  - A master that does not come back from a reload is started again, and what it has logged is told.
  - Such a change is reversed by asking for the state before, which is returned, and not by
    M(phpfleet.remediation.undo).
author: phpfleet.remediation contributors (@phpfleet)
options:
  state:
    description:
      - V(reloaded) reads configuration and code anew. The pid stays, unless php-fpm puts itself into the background.
      - V(restarted) stops and starts it, as an upgrade of PHP's own libraries may need.
      - V(stopped) and V(started) change nothing where it is so already.
      - V(logs_reopened) opens its logs anew by their names, as after they were rotated. Where they are open, nothing is
        changed. Where the configuration changed since the last reload, it is not known which logs those are.
    type: str
    required: true
    choices: [reloaded, restarted, stopped, started, logs_reopened]
  pid:
    description:
      - The pid of the master. Which php-fpm is meant may be said by this and the next four options, and all that are
        given must fit. Without any of them the host must have only one.
    type: int
  pidfile:
    description:
      - The pidfile that the master is configured with.
    type: path
  unit:
    description:
      - The service of systemd, with or without C(.service).
    type: str
  pool:
    description:
      - The name of one of its pools.
    type: str
  configuration:
    description:
      - Its C(php-fpm.conf). This alone names one that does not run and that no service starts.
    type: path
  longest_request:
    description:
      - For how many seconds a request may run. V(0) takes it from C(request_terminate_timeout) of each pool, and a
        third more, since that is how late php-fpm may notice.
      - It promises what cannot be seen. A request that takes longer is cut by the reload.
    type: int
    default: 0
  reap_orphans:
    description:
      - Whether workers that outlived their master, and hold the sockets, are let go. Each gets SIGQUIT, so it ends its
        request first. Without it, a start that they block is refused, and so is V(state=stopped).
    type: bool
    default: false
  stranger_pids:
    description:
      - The pids of programs other than php-fpm that hold a socket of it, and may be ended by SIGTERM before it is
        started. Others are named in the refusal, and left alone.
    type: list
    elements: int
    default: []
  start_command:
    description:
      - How to start it, a list of words of which the first is a path. It must put itself into the background.
      - Without it, it is started by its service of systemd, its script in C(/etc/init.d), or its own program and
        configuration.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - phpfleet.remediation.attributes.changes
  - phpfleet.remediation.transition
  - phpfleet.remediation.change.journal
seealso:
  - module: phpfleet.remediation.php_fpm_info
  - module: phpfleet.remediation.nginx
notes:
  - Each of its requests for a sign of life is a request to the pool, so a pool of C(pm = ondemand) starts a worker for
    it.
"""

EXAMPLES = r"""
- name: Reload after a release, once, and only while that loses nothing
  phpfleet.remediation.php_fpm:
    state: reloaded
    newer_than: "{{ release.stat.mtime }}"
    wait_idle: 30
  become: true

- name: Show whether one of several could be reloaded now
  phpfleet.remediation.php_fpm:
    state: reloaded
    unit: php8.2-fpm
    longest_request: 20
  become: true
  check_mode: true

- name: Restart a drained host
  phpfleet.remediation.php_fpm:
    state: restarted
    wait_idle: 60
  become: true

- name: Take back the sockets that workers of a dead master hold
  phpfleet.remediation.php_fpm:
    state: started
    configuration: /etc/php/mailer-fpm.conf
    reap_orphans: true
  become: true
"""

RETURN = r"""
before:
  description: The state that was planned on.
  returned: always
  type: dict
  contains:
    running:
      description: Whether its master runs.
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
      description: When it was started or reloaded last, seconds since the epoch. Null where that cannot be seen.
      type: float
      returned: always
    executable:
      description: The program.
      type: str
      returned: always
    version:
      description: The version of PHP.
      type: str
      returned: always
    configuration:
      description: Its C(php-fpm.conf).
      type: str
      returned: always
    pidfile:
      description: Its pidfile. Null where it has none.
      type: str
      returned: always
    unit:
      description: Its service of systemd. Null where it has none.
      type: str
      returned: always
    process_control_timeout:
      description: For how many seconds workers may end their requests. Null where that was not looked at.
      type: float
      returned: always
    pools:
      description: Each pool with its address, and whether it answers.
      type: list
      elements: dict
      returned: always
    workers:
      description: The pids of its workers, where it matters whether they are idle.
      type: list
      elements: int
      returned: always
    idle:
      description: Whether no request was in flight. Null where that was not looked at, or cannot be seen.
      type: bool
      returned: always
    in_flight:
      description: What speaks against its being idle.
      type: list
      elements: str
      returned: always
    orphans:
      description: The pids of workers without a master that hold its sockets.
      type: list
      elements: int
      returned: always
    strangers:
      description: Other programs that hold its sockets.
      type: list
      elements: str
      returned: always
after:
  description: The state that was proven, as RV(before). Null where nothing was done.
  returned: always
  type: dict
refusal:
  description: Why it was not done although it was asked for, which fails the module. Null where it was done.
  returned: always
  type: str
notes:
  description: What the plan relies on and could not be seen.
  returned: always
  type: list
  elements: str
steps:
  description: What was done, in order. In check mode, what would be.
  returned: always
  type: list
  elements: dict
  contains:
    verb:
      description: V(send_signal) or V(start_service).
      type: str
      returned: always
    object:
      description: What it is done to.
      type: str
      returned: always
    does:
      description: What that means.
      type: str
      returned: always
    risk:
      description: What it may cost.
      type: str
      returned: always
    only_after_failure:
      description: Whether it is done only to take back a step that failed.
      type: bool
      returned: always
    result:
      description: V(done), V(unneeded) or V(failed).
      type: str
      returned: when not in check mode
    reason:
      description: How that is known, or why it failed.
      type: str
      returned: when not in check mode
    seconds:
      description: How long it took until it had worked.
      type: float
      returned: when not in check mode
run_id:
  description: The name of the run, whose journal is on the host. Null where nothing was done.
  returned: always
  type: str
diff:
  description: The steps, a line each, from the plan.
  returned: with diff mode
  type: dict
problems:
  description: All that failed the module, with what php-fpm has logged meanwhile.
  returned: on failure
  type: list
  elements: str
"""

from ..module_utils import transition_module
from ..module_utils.transitions.php_fpm import TRANSITION


def main() -> None:
    transition_module.run(TRANSITION)


if __name__ == "__main__":
    main()
