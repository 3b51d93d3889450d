# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file in a cache that is not the cache's own. It may be anything, so it is left alone."""

from typing import NamedTuple, Optional

from ..facts import opcode_cache
from ..facts.cached_script import FOREIGN, CachedScript
from ..facts.opcode_cache import Cache, OpcodeCaches
from ..model import LOW, Check, Finding, Verdict
from ..policy import Policy
from .opcode_cache_evidence import ended


class Evidence(NamedTuple):
    """owner: the user who owns the file. cause: why it is not the cache's own. modified: seconds since the epoch.

    omitted: how many more the cache holds that are not told.
    """

    owner: str
    cause: Optional[str]
    engine: str
    cache: str
    bytes: int
    modified: float
    omitted: int


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return ended(
        seen,
        [_finding(seen, cache, one) for cache in seen.caches for one in cache.scripts if one.kind == FOREIGN],
    )


def _finding(seen: OpcodeCaches, cache: Cache, file: CachedScript) -> Finding:
    path = f"{cache.path}/{file.path}"
    return Finding(
        check=CHECK.id,
        object=path,
        severity=LOW,
        summary=f"{path} lies in a cache and is not the cache's own: {file.problem}; look at it, and move it elsewhere",
        evidence=Evidence(
            owner=seen.users[file.stat.uid],
            cause=file.problem,
            engine=cache.engine,
            cache=cache.path,
            bytes=file.stat.size,
            modified=file.stat.mtime_ns / 1e9,
            omitted=cache.foreign_omitted,
        ),
        remedy=None,
        risk=None,
    )


CHECK = Check(id="opcode_cache.foreign_file", gathers=(opcode_cache.gather,), find=find)
