# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """What every module of the collection says of itself: C(attributes.looks) or C(attributes.changes)."""

    LOOKS = r"""
requirements:
  - Python 3.6 or newer on the host.
  - psutil on the host, for every check that looks at processes. Without it they are V(unknown), and say so.
attributes:
  check_mode:
    description: Whether the module runs in check mode.
    support: full
    details: It only looks, so check mode makes no difference.
  diff_mode:
    description: Whether the module returns what differs.
    support: none
    details: It only looks, so there is nothing to compare.
  platform:
    description: The operating systems that the module runs on.
    support: full
    platforms: linux
  action_group:
    description: Where C(module_defaults) finds the module.
    support: full
    details: C(group/phpfleet.remediation.phpfleet) sets defaults for every module of the collection.
    membership: [phpfleet.remediation.phpfleet]
"""

    CHANGES = r"""
requirements:
  - Python 3.6 or newer on the host.
  - psutil on the host, for every check that looks at processes. Without it they are V(unknown), and change nothing.
attributes:
  check_mode:
    description: Whether the module runs in check mode.
    support: full
    details: Check mode is the plan. It returns everything that a run would do, and does none of it.
  diff_mode:
    description: Whether the module returns what differs.
    support: full
    details: It is rendered from the plan, one line an object, at most a hundred objects.
  platform:
    description: The operating systems that the module runs on.
    support: full
    platforms: linux
  action_group:
    description: Where C(module_defaults) finds the module.
    support: full
    details: C(group/phpfleet.remediation.phpfleet) sets defaults for every module of the collection.
    membership: [phpfleet.remediation.phpfleet]
"""
