# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options that choose checks, of every module that runs checks."""

    DOCUMENTATION = r"""
options:
  checks:
    description:
      - The checks to run, by id (V(sysv_ipc.orphaned_segment)) or by subject (V(sysv_ipc)). Empty runs them all.
      - An unknown name is an error that lists the known ones.
    type: list
    elements: str
    default: []
  skip_checks:
    description: The checks to leave out, by id or by subject. It wins over O(checks).
    type: list
    elements: str
    default: []
"""
