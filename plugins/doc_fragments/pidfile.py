# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of the modules of pidfiles."""

    DOCUMENTATION = r"""
options:
  paths:
    description:
      - Pidfiles to look at wherever they are, each an absolute path. Naming a file is also the leave to remove it when
        the process it names has ended.
      - A file that is not there is no finding, unless a running master is configured with it.
    type: list
    elements: path
    default: []
  usual_places:
    description:
      - Whether to look as well at every C(*.pid) and C(*.pid.oldbin) in C(/run), C(/var/run) and one directory below
        them, and at what the running masters of php-fpm and nginx are configured with.
    type: bool
    default: true
"""
