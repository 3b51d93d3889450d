# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Something in a cache that cannot be judged: a link, another mount, a file that the disk does not give back."""

from typing import NamedTuple, Optional

from ..facts import opcode_cache
from ..facts.cached_script import UNREADABLE, CachedScript
from ..facts.opcode_cache import Cache, OpcodeCaches
from ..model import MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .opcode_cache_evidence import ended


class Evidence(NamedTuple):
    """owner: the user who owns it. cause: why it cannot be judged. modified: seconds since the epoch."""

    owner: str
    cause: Optional[str]
    engine: str
    cache: str
    modified: float


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return ended(
        seen,
        [_finding(seen, cache, one) for cache in seen.caches for one in cache.scripts if one.kind == UNREADABLE],
    )


def _finding(seen: OpcodeCaches, cache: Cache, file: CachedScript) -> Finding:
    path = f"{cache.path}/{file.path}"
    return Finding(
        check=CHECK.id,
        object=path,
        severity=MEDIUM,
        summary=f"{path} cannot be judged: {file.problem}",
        evidence=Evidence(
            owner=seen.users[file.stat.uid],
            cause=file.problem,
            engine=cache.engine,
            cache=cache.path,
            modified=file.stat.mtime_ns / 1e9,
        ),
        remedy=None,
        risk=None,
    )


CHECK = Check(id="opcode_cache.unreadable", gathers=(opcode_cache.gather,), find=find)
