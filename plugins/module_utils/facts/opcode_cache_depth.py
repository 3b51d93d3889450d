# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How deeply the entries of an opcode cache are read, and why: walking a structure takes a while."""

import contextlib
from typing import Callable, Dict, List, NamedTuple, Optional, Tuple

from ..errors import CannotLook, NotApplicable
from ..host import Host
from ..policy import ABSENT, Policy
from ..tree import Leaf
from . import fpm_history
from .cached_script import OPCACHE, Tally
from .fpm_history import CRASH
from .opcode_cache_places import Place

CHECKSUM = "checksum"
STRUCTURE = "structure"

WALK_BYTES_A_SECOND = 15 * 10**6  # on a slow processor; twice that was measured
# A worker crashes for many reasons. One entry that crashes it does so at each request, until somebody looks.
LOOP_CRASHES = 3
LOOP_SECONDS = 86400.0  # since the last of them


class Depth(NamedTuple):
    """what: CHECKSUM or STRUCTURE."""

    what: str
    why: str


def choose(host: Host, policy: Policy, place: Place, enters: Callable[[str], bool]) -> Depth:
    """Return how deeply the entries of a cache are read; enters(path) says which of its directories are its own."""
    options = policy.opcode_cache
    if options.state == ABSENT:
        return Depth(CHECKSUM, "with state=absent no entry is read")
    if place.engine == OPCACHE:
        return Depth(CHECKSUM, "OPcache's own checksum covers all that its loader follows")
    if options.depth != "auto":
        return Depth(options.depth, f"depth={options.depth} was asked for")
    loop, unread = _crash_loop(host, policy)
    if loop:
        return Depth(STRUCTURE, loop)
    size = _size(host, place, enters)
    if size <= options.structure_seconds * WALK_BYTES_A_SECOND:
        return Depth(STRUCTURE, f"its {size} bytes are walked within {options.structure_seconds} s")
    return Depth(
        CHECKSUM,
        f"walking its {size} bytes may take more than structure_seconds={options.structure_seconds}; set "
        "depth=structure, or more seconds" + (f" (whether workers crash is not known: {unread})" if unread else ""),
    )


def _crash_loop(host: Host, policy: Policy) -> Tuple[Optional[str], Optional[str]]:
    """Return which workers crash again and again, as far as logs tell, or None; and why a log was not read."""
    try:
        seen = host.once(fpm_history.gather, policy)
    except (CannotLook, NotApplicable) as error:
        return None, str(error)
    for history in seen.histories:
        crashes: Dict[str, List[float]] = {}
        for ending in history.endings:
            if ending.ended == CRASH:
                crashes.setdefault(ending.pool, []).append(ending.moment)
        for pool, moments in crashes.items():
            if len(moments) >= LOOP_CRASHES and seen.now - max(moments) < LOOP_SECONDS:
                return f"workers of pool {pool} crashed {len(moments)} times, as {history.log.name} tells", None
    return None, next(iter(seen.unseen), None)


def _size(host: Host, place: Place, enters: Callable[[str], bool]) -> int:
    def looker(tally: Tally) -> Callable[[Leaf], None]:
        def look(leaf: Leaf) -> None:
            with contextlib.suppress(CannotLook):  # when it is read it is said why
                tally.entry(leaf.stat(), None)

        return look

    tally = Tally()
    host.survey(place.path, enters, looker, tally)
    return tally.bytes
