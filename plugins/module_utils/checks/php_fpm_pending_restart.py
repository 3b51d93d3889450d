# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A php-fpm that runs with what was on disk before: an older program, extension, library or configuration."""

from typing import NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_changes, fpm_masters
from ..facts.fpm_changes import CONFIGURATION, EXECUTABLE, EXTENSION, INI, LIBRARY, Change, FpmChanges, MasterChanges
from ..facts.fpm_masters import FpmMasters
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from . import php_fpm

_WORDS = {
    EXECUTABLE: "its program",
    EXTENSION: "an extension",
    LIBRARY: "a library",
    CONFIGURATION: "its configuration",
    INI: "an ini file of PHP",
}
# What a crash may come of stands first: the running code was written over, instead of replaced.
_ORDER = (EXTENSION, LIBRARY, EXECUTABLE, CONFIGURATION, INI)


class Evidence(NamedTuple):
    """cause: the kinds of what changed. generation: when it was started or reloaded last, seconds since the epoch.

    changes: each file with when it changed, certain where its content did and not only its attributes.
    """

    cause: str
    pid: int
    generation: Optional[float]
    changes: Tuple[Change, ...]


def find(seen: FpmMasters, changes: FpmChanges, policy: Policy) -> Verdict:
    findings = [_finding(one) for one in changes.masters if one.changes]
    blind = [reason for one in changes.masters for reason in one.unknown]
    return php_fpm.verdict(seen, findings, blind)


def _finding(one: MasterChanges) -> Finding:
    name = php_fpm.master_name(one.master)
    kinds = [kind for kind in _ORDER if any(change.kind == kind for change in one.changes)]
    return Finding(
        check=CHECK.id,
        object=name,
        severity=_severity(one.changes),
        summary=f"{name}: {_summary(one.changes, kinds)}",
        evidence=Evidence(", ".join(kinds), one.master.process.pid, one.master.generation, one.changes),
        remedy=None,
        risk=None,
    )


def _severity(changes: Sequence[Change]) -> str:
    if any(_is_written_over(change) for change in changes):
        return HIGH
    return MEDIUM if any(change.certain for change in changes) else LOW


def _is_written_over(change: Change) -> bool:
    return change.kind in (EXTENSION, LIBRARY) and change.when is not None


def _summary(changes: Sequence[Change], kinds: Sequence[str]) -> str:
    over = [change for change in changes if _is_written_over(change)]
    if over:
        return (
            f"{over[0].path} was written over while it is loaded, which crashes workers; restart php-fpm while drained"
        )
    certain = [change for change in changes if change.certain]
    first = min(certain or changes, key=lambda change: kinds.index(change.kind))
    more = f" (and {len(changes) - 1} more)" if len(changes) > 1 else ""
    what = f"{_WORDS[first.kind]}, {first.path}{more},"
    if not certain:
        return f"{what} may have changed since it was started or reloaded; its content bears an older time"
    if first.kind in (EXECUTABLE, EXTENSION, LIBRARY):
        return f"{what} was replaced, and it runs on with the old one; a reload while drained brings the new one"
    return f"{what} changed after it was started or reloaded, and is not in force; reload it while drained"


CHECK = Check(id="php_fpm.pending_restart", gathers=(fpm_masters.gather, fpm_changes.gather), find=find)
