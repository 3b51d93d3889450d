#!/usr/bin/python
# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)

DOCUMENTATION = r"""
module: sysv_ipc_info
short_description: Find leaked SysV shared memory, semaphores and message queues
version_added: 0.1.0
description:
  - Reads the tables of SysV IPC from C(/proc/sysvipc) and says of each object that nobody has used for long whether it
    was left behind, and how sure that is.
  - V(proven) is private (it has no key), its creator and last users have ended by pid and start time, nobody is
    attached, nothing waits, and two looks saw the same. Semaphore sets must have the shape that PHP makes.
  - V(declared) lacks no more than that it has a key or another shape, and the administrator named its key or owner
    disposable.
  - V(suspected) is everything else whose users cannot be seen to live. The finding says what is missing, and has no
    remedy. A segment in constant use is seen unattached nearly always, and dead creators prove nothing after a reload.
  - Objects of PostgreSQL, Oracle, Zabbix and the Apache HTTP Server are known and never found orphaned.
  - It also finds tables that are nearly full, which is where C(No space left on device) comes from, segments that are
    marked for removal with the processes that hold them, and users whose objects systemd-logind would remove.
  - Nothing is attached unless O(read_headers) asks for it, and no process is started.
  - "The checks are C(sysv_ipc.near_limit), C(sysv_ipc.orphaned_segment), C(sysv_ipc.orphaned_semaphore),
    C(sysv_ipc.orphaned_queue), C(sysv_ipc.removal_pending) and C(sysv_ipc.remove_ipc_hazard)."
author: phpfleet.remediation contributors (@phpfleet)
options:
  read_headers:
    description:
      - Whether to read, of up to a hundred selected segments, what PHP's C(shm_attach) wrote at their beginning.
      - Reading attaches each segment, read-only, for a moment. The kernel then names this module as its last user, and
        now as the time, so that the segment counts as used for the next O(min_age) seconds. Everything else is read
        before.
    type: bool
    default: false
extends_documentation_fragment:
  - phpfleet.remediation.attributes.looks
  - phpfleet.remediation.selection
  - phpfleet.remediation.sysv_ipc
seealso:
  - module: phpfleet.remediation.sysv_ipc
  - module: phpfleet.remediation.findings_info
"""

EXAMPLES = r"""
- name: Look at the SysV IPC of a host
  phpfleet.remediation.sysv_ipc_info:
  become: true
  register: ipc

- name: Show which table is full, and whose objects fill it
  ansible.builtin.debug:
    msg: "{{ ipc.findings | phpfleet.remediation.select('[?check==`sysv_ipc.near_limit`].summary') }}"

- name: Look only at what the web user left within the hour
  phpfleet.remediation.sysv_ipc_info:
    owners: [www-data]
    min_age: 3600
  become: true

- name: See how much of the segment with one key PHP uses, which counts as a use of it
  phpfleet.remediation.sysv_ipc_info:
    keys: ["0x6104e88b"]
    read_headers: true
  become: true
"""

RETURN = r"""
findings:
  description: What is wrong, in groups, the worst first. P(phpfleet.remediation.select#filter) picks among them.
  returned: always
  type: list
  elements: dict
  sample:
    - check: sysv_ipc.orphaned_segment
      object: shm 0
      severity: high
      summary: >-
        shared memory segment 0 of www-data (key 0x00000000, 65536 bytes), unused for 811 s, is proven to be left behind
      remedy: remove it
      risk: its id is gone for good, and nobody finds it by a key; its content is kept as a file with the journal
      evidence:
        grade: proven
        owner: www-data
        cause: a private segment (key 0), made anew by a request or at a start and never removed
        missing: []
        key: "0x00000000"
        mode: "666"
        size: 65536
        idle_seconds: 811
        creator: {pid: 89, state: dead, reason: no such process}
        last_user: {pid: 89, state: dead, reason: no such process}
        content_kept: true
      count: 64
      examples: [shm 0, shm 1, shm 2, shm 3, shm 4]
checks:
  description: What each check came to.
  returned: always
  type: list
  elements: dict
  sample:
    - {id: sysv_ipc.near_limit, verdict: found, reason: null, seconds: 0.102}
sysv_ipc:
  description:
    - What is there, as the kernel names it. What could not be read is null, and the checks say why.
    - Lists hold at most a hundred items; how many more there are is beside them in C(segments_omitted) and the like.
  returned: always
  type: dict
  contains:
    limits:
      description: What C(kernel.shmmni), C(kernel.shmall), C(kernel.shmmax), C(kernel.sem) and C(kernel.msgmni) say.
      type: dict
      sample: {shmmni: 4096, shmall: 2097152, shmmax: 68719476736, semmsl: 250, semmns: 32000, semopm: 32, semmni: 128,
        msgmni: 32000, page_size: 4096}
    used:
      description: How much of them is in use.
      type: dict
      sample: {segments: 64, segment_bytes: 4194304, semaphore_sets: 0, semaphores: 0, queues: 0}
    segments:
      description: The selected segments. Keys and modes are numbers here.
      type: list
      elements: dict
    semaphore_sets:
      description: The selected semaphore sets, with their semaphores where they have been idle for O(min_age).
      type: list
      elements: dict
    queues:
      description: The selected message queues.
      type: list
      elements: dict
    protected:
      description: Objects that are never offered for removal.
      type: list
      elements: dict
      contains:
        object:
          description: Its kind and id.
          type: str
          sample: shm 4
        protected_by:
          description: The program that owns it, or the option that keeps it.
          type: str
          sample: PostgreSQL (/var/lib/postgresql/15/main)
    headers:
      description: What O(read_headers) read, in bytes, or why there is nothing to tell.
      type: list
      elements: dict
      sample:
        - {shmid: 40, used: 1080, free: 64416, total: 65536, reason: null}
"""

from ..module_utils import info_module
from ..module_utils.checks import sysv_ipc_index


def main() -> None:
    info_module.run(sysv_ipc_index.SUBJECT)


if __name__ == "__main__":
    main()
