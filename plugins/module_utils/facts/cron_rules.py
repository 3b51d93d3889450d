# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which files cron takes for crontabs, and which it leaves alone.

Sources: Debian's cron(8) and the messages of its cron 3.0pl1, cronie's src/database.c (check_open, not_a_crontab).
"""

import re
import stat
from typing import Optional

from ..formats.cron_schedule import DEBIAN
from ..tree import Stat
from .schedulers import Cron

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
# cron -l, as run-parts --lsbsysinit
_LSB_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z|_?(?:[a-z0-9_.]+-)+[a-z0-9]+\Z|[A-Za-z0-9_-]+\Z")
_LSB_LEFT = re.compile(r"[a-z0-9-].*dpkg-(?:old|dist)\Z")
_CRONIE_LEFT = re.compile(r"[.#].*|.*~\Z|.+\.rpm(?:save|orig|new)\Z|\.cron\.hostname\Z", re.DOTALL)
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def flaw_of_name(cron: Cron, name: str) -> Optional[str]:
    """Return why cron passes over a file of /etc/cron.d by its name, None where it does not."""
    if cron.kind != DEBIAN:
        return f"cronie reads no file that is called so ({_shown(name)})" if _CRONIE_LEFT.match(name) else None
    if cron.lsb and _LSB_NAME.match(name) and not _LSB_LEFT.match(name):
        return None
    if _NAME.match(name) and not cron.lsb:
        return None
    return f"Debian's cron reads only files whose names are of letters, digits, _ and -, not {_shown(name)}"


def flaw_of_system_file(cron: Cron, seen: Stat) -> Optional[str]:
    """Return why cron takes nothing from /etc/crontab or a file of /etc/cron.d, None where it does."""
    if seen.uid != 0:
        return "the file is not root's, and cron takes no other; chown it to root"
    if cron.kind != DEBIAN:
        return _flaw_of_mode(seen)
    if seen.mode & _WRITABLE:
        return f"others than root can write it (mode {_octal(seen)}), and cron takes no such file; chmod it to 0644"
    return _flaw_of_links(seen)


def flaw_of_user_file(cron: Cron, user: str, uid: Optional[int], seen: Stat) -> Optional[str]:
    """Return why cron takes nothing from a user's crontab, None where it does; ``uid`` is None for no such user."""
    if uid is None:
        return f"there is no user {_shown(user)}; remove the file"
    if seen.uid not in (0, uid):
        return f"the file belongs neither to {_shown(user)} nor to root, and cron takes no other; mend its owner"
    if cron.kind != DEBIAN:
        return _flaw_of_mode(seen) or _flaw_of_links(seen)
    if stat.S_IMODE(seen.mode) != 0o600:
        return f"its mode is {_octal(seen)}, and cron takes no other than 0600; chmod it"
    return _flaw_of_links(seen)


def _flaw_of_mode(seen: Stat) -> Optional[str]:
    if seen.mode & 0o7533 == 0o400:
        return None
    rule = "cronie takes no file that can be run, or that others than its owner can write"
    return f"its mode is {_octal(seen)}, and {rule}; chmod it to 0644"


def _flaw_of_links(seen: Stat) -> Optional[str]:
    return f"the file has {seen.links} names (hard links), and cron takes only one; copy it" if seen.links > 1 else None


def _octal(seen: Stat) -> str:
    return f"{stat.S_IMODE(seen.mode):04o}"


def _shown(name: str) -> str:
    return repr(name[:100])
