# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of every module that remedies (all), and of every module that keeps a journal (C(change.journal))."""

    DOCUMENTATION = r"""
options:
  max_changes:
    description:
      - The blast radius, in objects a subject and host. A subject with more objects to change is left alone as a whole
        and the module fails, saying how many there are.
    type: int
    default: 500
  keep_days:
    description:
      - How many days O(state_dir) keeps the journal of a run, and what it took away. Each run removes those that are
        older.
    type: int
    default: 30
  plan_file:
    description:
      - In check mode, the path of a file on the host that gets the whole plan as JSON, with every finding and action,
        where the result only shows groups of them. It is the one thing that check mode writes.
      - Without check mode it is not written. The journal then holds the same.
    type: path
"""

    JOURNAL = r"""
options:
  state_dir:
    description:
      - The directory on the host that keeps the journal of each run and the quarantine with what was taken away.
        It is made, owned by the user that the module runs as, mode 0700.
      - A directory that others may write is refused.
    type: path
    default: /var/lib/phpfleet
"""
