# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Looks at many places of which each may be missing or closed, and hides nothing of the others."""

from typing import Callable, List, Optional, TypeVar

from ..errors import CannotLook, Missing
from ..host import Host

NAMES_LIMIT = 20_000  # of a directory

T = TypeVar("T")


def unless_hidden(look: Callable[[], T], unseen: List[str]) -> Optional[T]:
    """Return what a look finds, None where nothing is there; what cannot be seen is None too, and is said."""
    try:
        return look()
    except Missing:
        return None
    except CannotLook as error:
        unseen.append(str(error))
        return None


def names(host: Host, directory: str, unseen: List[str]) -> List[str]:
    """Return the names in a directory, at most NAMES_LIMIT of them; none where there is no such directory."""
    found = unless_hidden(lambda: host.list(directory), unseen) or []
    if len(found) > NAMES_LIMIT:
        unseen.append(f"{directory}: it has {len(found)} files, of which the first {NAMES_LIMIT} were looked at")
    return found[:NAMES_LIMIT]
