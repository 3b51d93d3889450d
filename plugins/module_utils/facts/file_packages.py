# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which package a file belongs to: an upgrade of it may bring back what was changed in the file."""

from typing import Dict, Sequence

from ..host import Host


def owners(host: Host, paths: Sequence[str]) -> Dict[str, str]:
    """Return the package of each file that belongs to one, by dpkg or rpm. Raises CannotLook where neither answers."""
    raise NotImplementedError
