# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of the modules of SysV IPC."""

    DOCUMENTATION = r"""
options:
  min_age:
    description:
      - For how many seconds nobody must have used an object before it is judged at all. What is younger is no finding.
      - The age is that of the last use that the kernel recorded (attach, detach, operation, message or change of mode).
    type: int
    default: 600
  kinds:
    description: The kinds of objects that may be found orphaned. Limits are always counted over all of them.
    type: list
    elements: str
    choices: [segment, semaphore, queue]
    default: [segment, semaphore, queue]
  owners:
    description: Only objects of these owners, by user name or uid. Empty takes in everybody's.
    type: list
    elements: str
    default: []
  keys:
    description:
      - Only objects with these keys, as C(ipcs) prints them (V(0x6104e88b)) or as decimal numbers. Empty takes in all.
      - V(0x00000000) selects private objects, which have no key.
    type: list
    elements: str
    default: []
  ids:
    description: Only objects with these ids. A segment, a set and a queue may bear the same id. Empty takes in all.
    type: list
    elements: int
    default: []
  keep_owners:
    description: Owners whose objects are never offered for removal, by user name or uid, as owner or creator.
    type: list
    elements: str
    default: []
  keep_keys:
    description: Keys of objects that are never offered for removal.
    type: list
    elements: str
    default: []
  disposable_owners:
    description:
      - Owners, by user name or uid, whose left objects may go although they have a key, or although they are semaphore
        sets of another shape than PHP's. All other proof is still demanded.
      - This declares that no program comes back for what is in them.
    type: list
    elements: str
    default: []
  disposable_keys:
    description:
      - Keys of objects that may go when they are left behind. All other proof is still demanded.
      - This declares that no program comes back for what is in them. V(0) is refused, because it is no key.
    type: list
    elements: str
    default: []
  near_limit_percent:
    description: From which use on, in percent, a table counts as nearly full.
    type: int
    default: 80
  snapshot_limit:
    description:
      - How many bytes of segments are kept in the quarantine before their removal, over all segments of a run, in the
        order of the table. The plan says of each segment whether its content is kept.
      - V(0) keeps none, and does not attach any segment.
    type: int
    default: 16777216
"""
