# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of the look at nginx."""

    DOCUMENTATION = r"""
options:
  old_worker_seconds:
    description:
      - For how many seconds a worker may be shutting down before it is a finding, and how long a read timeout may be
        before it counts as one that holds workers.
    type: int
    default: 3600
"""
