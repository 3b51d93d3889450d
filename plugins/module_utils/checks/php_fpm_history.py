# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks of php-fpm's history share: how bad a thing of the past is, and how pools and times are named."""

import time
from collections import Counter
from typing import Iterable, Sequence, Tuple

from ..facts.fpm_history import DAY, FpmHistory, History
from ..model import Finding, Verdict, verdict_over
from .php_fpm import pool_name

HOUR = 3600.0
EXAMPLES = 10
FORGEABLE = " (with decorate_workers_output = no a script can write such lines itself)"


def severity(now: float, last: float, of_hour: str, of_day: str, older: str) -> str:
    """Return how bad something is that goes on, that was today, or that is history."""
    if now - last < HOUR:
        return of_hour
    return of_day if now - last < DAY else older


def pool_object(history: History, pool: str) -> str:
    """Return what a pool is called, also one that is no longer configured."""
    for master in history.masters:
        for one in master.pools:
            if one.name == pool:
                return pool_name(one, master.configuration, master.root)
    return f"pool {pool} of {history.log.name}"


def owner(history: History, pool: str) -> str:
    """Return the user whom a pool's workers run as."""
    configured = history.pool(pool)
    return configured.settings.get("user", "") if configured else ""


def doubt(history: History, pool: str) -> str:
    """Return what is to be said of a log that others than php-fpm write into."""
    return FORGEABLE if pool in history.forgeable else ""


def stamp(moment: float) -> str:
    """Return seconds since the epoch for a summary, as ``2026-11-22 05:28:07 UTC``."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))


def times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def most_common(words: Iterable[str]) -> Tuple[str, ...]:
    """Return the EXAMPLES most frequent words, as ``word (3)``."""
    return tuple(f"{word} ({count})" for word, count in Counter(words).most_common(EXAMPLES))


def verdict(seen: FpmHistory, findings: Sequence[Finding], blind: Sequence[str] = ()) -> Verdict:
    """Return the verdict over all that was read; unknown where something was not, ``blind`` being more of that."""
    return verdict_over(findings, [*seen.unseen, *blind])
