# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The opcode caches of a host as an info module shows them: what each is, and no single entry."""

from typing import Dict, NamedTuple, Optional, Tuple

from ..host import Host
from ..plain import LIST_LIMIT
from ..policy import Policy
from . import opcode_cache
from .opcache_directories import Doubtful
from .opcode_cache import Cache


class User(NamedTuple):
    """Who is configured with a cache. masters: pids."""

    program: str
    version: Optional[str]
    sapi: str
    pool: Optional[str]
    masters: Tuple[int, ...]


class CacheOverview(NamedTuple):
    """As facts.opcode_cache.Cache; unhealthy counts what is not plainly healthy, with state absent everything.

    builds: those LIST_LIMIT that wrote the most. Whoever can write a cache can plant entries of any number of builds.
    """

    path: str
    engine: str
    origins: Tuple[str, ...]
    used_by: Tuple[User, ...]
    entries: int
    bytes: int
    unhealthy: int
    depth: str
    why_depth: str
    walked: int
    unwalked: Dict[str, int]
    builds: Dict[str, int]
    dead: Tuple[str, ...]
    doubtful: Tuple[Doubtful, ...]


class Overview(NamedTuple):
    """unseen: what could not be looked at, and why."""

    caches: Tuple[CacheOverview, ...]
    unseen: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> Overview:
    """Return the overview of all caches. Raises as opcode_cache.gather()."""
    seen = host.once(opcode_cache.gather, policy)
    unseen = [reason for cache in seen.caches for reason in cache.unseen]
    return Overview(tuple(_overview(cache) for cache in seen.caches), (*seen.unseen, *unseen))


def _overview(cache: Cache) -> CacheOverview:
    return CacheOverview(
        path=cache.path,
        engine=cache.engine,
        origins=cache.origins,
        used_by=tuple(
            User(one.build.program, one.build.version, one.sapi, one.pool, one.masters) for one in cache.runtimes
        ),
        entries=cache.entries,
        bytes=cache.bytes,
        unhealthy=len(cache.scripts),
        depth=cache.depth,
        why_depth=cache.why_depth,
        walked=cache.walked,
        unwalked=cache.unwalked,
        builds=dict(sorted(cache.builds.items(), key=lambda build: -build[1])[:LIST_LIMIT]),
        dead=cache.dead,
        doubtful=cache.doubtful,
    )
