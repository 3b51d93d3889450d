# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of the modules of opcode caches on disk."""

    DOCUMENTATION = r"""
options:
  paths:
    description:
      - The cache directories to look at, each an absolute path. Empty looks at every directory that an installed or
        running PHP is configured with, in C(php.ini), in what that scans, and in the pools of php-fpm; below C(/tmp)
        and C(/var/tmp) also in those that systemd gives to a service (C(PrivateTmp=)).
      - C(/), a mount point that no PHP is configured with, and a directory that holds no entry of the engine are
        refused. Every check is V(unknown) then, with the reason, and nothing is changed.
    type: list
    elements: path
    default: []
  engine:
    description:
      - Whose caches are looked at. V(auto) takes both, and knows a directory by its configuration or by what is in it.
    type: str
    choices: [auto, eaccelerator, opcache]
    default: auto
  depth:
    description:
      - How deeply entries of eAccelerator are looked at. Those of OPcache are always judged by their checksum, which
        covers all that its loader follows.
      - V(checksum) judges name, header, sizes and checksum. Entries that crash workers often have a right checksum, so
        C(opcode_cache.crashing_entry) is V(unknown) then.
      - V(structure) also walks what the checksum covers, as the loader does.
      - V(auto) walks where the log of php-fpm tells that workers of a pool crashed three times or more, the last time
        within a day, and where the cache is small enough for C(structure_seconds).
    type: str
    choices: [auto, checksum, structure]
    default: auto
  structure_seconds:
    description:
      - How long walking one cache may take for V(auto) to choose it, in seconds, at 15 MB a second on one processor.
    type: int
    default: 10
  quarantine_limit:
    description:
      - How many bytes of entries a run keeps of what it takes away, the worst first. What is beyond is deleted, and the
        plan says so.
      - On the file system of the state directory an entry is moved, which costs no space that it did not have before.
    type: int
    default: 1073741824
"""
