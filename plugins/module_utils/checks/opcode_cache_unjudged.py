# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks share that tell of files in a cache which are no entries, or cannot be judged: all are left alone."""

from typing import NamedTuple, Optional

from ..facts.cached_script import CachedScript
from ..facts.opcode_cache import Cache, OpcodeCaches
from ..model import Finding, Verdict
from .opcode_cache_evidence import ended


class Evidence(NamedTuple):
    """owner: the user who owns the file. cause: what is the matter with it. modified: seconds since the epoch.

    omitted: how many more that are not its own the cache holds, and that are not told.
    """

    owner: str
    cause: Optional[str]
    engine: str
    cache: str
    bytes: int
    modified: float
    omitted: int


def verdict(seen: OpcodeCaches, kind: str, check: str, severity: str, says: str) -> Verdict:
    """Return the verdict over the files of a kind; ``says`` is a sentence with {path} and {problem}."""
    files = [(cache, file) for cache in seen.caches for file in cache.scripts if file.kind == kind]
    return ended(seen, [_finding(seen, cache, file, check, severity, says) for cache, file in files])


def _finding(seen: OpcodeCaches, cache: Cache, file: CachedScript, check: str, severity: str, says: str) -> Finding:
    path = f"{cache.path}/{file.path}"
    return Finding(
        check=check,
        object=path,
        severity=severity,
        summary=says.format(path=path, problem=file.problem),
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
