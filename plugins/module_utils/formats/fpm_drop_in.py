# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file of ours that php-fpm includes among its pools, with the limits of one section."""

from typing import Dict, Mapping, Optional

from . import ini

STEM = "zz-phpfleet-limits"  # sorts behind what packages and people call their files
HEADER = "; Limits of time, written by phpfleet.remediation.php_fpm_limits; docs/time-limits.md tells about them.\n"
_UNDO = "; To undo it, remove this file and reload php-fpm while the host is drained.\n"
_OF_POOL = "; Remove it before the pool: php-fpm does not start with a pool that has nothing but these settings.\n"


def render(section: str, settings: Mapping[str, str], of_pool: bool) -> bytes:
    """Return the file that says the settings of a section."""
    lines = [HEADER, _UNDO, _OF_POOL if of_pool else "", f"[{section}]\n"]
    lines += [f"{name} = {value}\n" for name, value in sorted(settings.items())]
    return "".join(lines).encode("ascii")


def settings_of(content: bytes) -> Optional[Dict[str, str]]:
    """Return what a file of ours says; None for a file that is not ours."""
    text = content.decode("ascii", "replace")
    if not text.startswith(HEADER):
        return None
    return {entry.name: entry.value for entry in ini.parse(text) if isinstance(entry, ini.Setting)}
