# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)


class ModuleDocFragment:
    """The options of the module of PHP daemons."""

    DOCUMENTATION = r"""
options:
  releases:
    description:
      - Where the code of daemons lies. For a link, the release that it leads to is the one that daemons should run; for
        a directory, the newest C(*.php) file below it says since when they should run it. Each is an absolute path.
      - Links called C(current), C(live), C(latest), C(active), C(production) or C(release) above a daemon's directory
        are known without being named.
    type: list
    elements: path
    default: []
"""
