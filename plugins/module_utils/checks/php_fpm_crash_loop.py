# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers of a pool that crash again and again, and what is likely why."""

from typing import List, NamedTuple, Tuple

from ..facts import fpm_crash_causes, fpm_history
from ..facts.fpm_crash_causes import BEFORE_SECONDS, LOOP_SECONDS, CrashCauses, Loop
from ..facts.fpm_history import DAY, FpmHistory, History
from ..formats.fpm_log import Turn
from ..model import CRITICAL, HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .opcode_cache_causes import CRASHING, judged_by
from .php_fpm_history import doubt, most_common, owner, pool_object, severity, stamp, times, verdict

# It has ended once it is quiet for longer than it ever was between two crashes, by so much.
QUIET_PAUSES = 2
QUIET_SECONDS = 30.0
_HARD_LIMITS = {
    "code 124": "a hard limit of time, max_execution_time with hard_timeout",
    "code 137": "a hard limit of memory",
    "code 254": "OPcache, which gave up",
}


class Evidence(NamedTuple):
    """owner: whom the workers run as. cause: the likely one. endings: with how many each.

    first, last: seconds since the epoch. most: crashes within LOOP_SECONDS. scripts: where eAccelerator says that it
    crashed. inside: the files whose code ran, as the kernel says. bad_cache_entries: of the opcode caches on disk.
    changes: of packages and releases within BEFORE_SECONDS before it began. unseen: what could not be looked at.
    """

    owner: str
    cause: str
    log: str
    crashes: int
    endings: Tuple[str, ...]
    first: float
    last: float
    most: int
    scripts: Tuple[str, ...]
    inside: Tuple[str, ...]
    bad_cache_entries: Tuple[str, ...]
    changes: Tuple[str, ...]
    unseen: Tuple[str, ...]


def find(seen: FpmHistory, causes: CrashCauses, policy: Policy) -> Verdict:
    logs = {history.log.name: history for history in seen.histories}
    return verdict(seen, [_finding(seen, logs[loop.log], loop, causes, policy) for loop in causes.loops])


def _finding(seen: FpmHistory, history: History, loop: Loop, causes: CrashCauses, policy: Policy) -> Finding:
    what = _evidence(seen, history, loop, causes, policy)
    words = ", ".join(dict.fromkeys(crash.word for crash in loop.crashes))
    return Finding(
        check=CHECK.id,
        object=pool_object(history, loop.pool),
        severity=_severity(seen, history, loop, causes),
        summary=(
            f"workers of pool {loop.pool} crashed {times(what.crashes)} ({words}), up to {loop.most} "
            f"times within {int(LOOP_SECONDS / 60)} minutes, last at {stamp(loop.last)}: {what.cause}"
            f"{doubt(history, loop.pool)}"
        ),
        evidence=what,
        remedy=None,
        risk=None,
    )


def _severity(seen: FpmHistory, history: History, loop: Loop, causes: CrashCauses) -> str:
    """Something was done against it and it has been quiet since, or else it is as bad as it is recent."""
    last = loop.crashes[-1].moment
    turns = [one.moment for one in history.moments if isinstance(one.event, Turn)]
    done = any(moment > last for moment in (*turns, *causes.runs))
    if done and seen.now - last > max(QUIET_SECONDS, QUIET_PAUSES * _longest_pause(loop)):
        return severity(seen.now, loop.last, MEDIUM, MEDIUM, LOW)
    return severity(seen.now, loop.last, CRITICAL, HIGH, LOW)


def _longest_pause(loop: Loop) -> float:
    """Return how long it was quiet within the loop; between two loops nothing was wrong."""
    moments = [crash.moment for crash in loop.crashes]
    pauses = [after - before for before, after in zip(moments, moments[1:])]
    return max(pause for pause in pauses if pause <= LOOP_SECONDS)


def _evidence(seen: FpmHistory, history: History, loop: Loop, causes: CrashCauses, policy: Policy) -> Evidence:
    recent = seen.now - loop.last < DAY  # of older ones nobody looked for the cause
    what = Evidence(
        owner=owner(history, loop.pool),
        cause="",
        log=loop.log,
        crashes=len(loop.crashes),
        endings=most_common(crash.word for crash in loop.crashes),
        first=loop.first,
        last=loop.last,
        most=loop.most,
        scripts=history.crashed_at(loop.pool),
        inside=most_common(causes.faults[crash.child] for crash in loop.crashes if crash.child in causes.faults),
        bad_cache_entries=_bad_entries(causes, policy) if recent else (),
        changes=_changes(loop, causes),
        unseen=causes.unseen if recent else (),
    )
    return what._replace(cause=_cause(what, recent))


def _bad_entries(causes: CrashCauses, policy: Policy) -> Tuple[str, ...]:
    if causes.caches is None:
        return ()
    judged = [one for one in judged_by(causes.caches, policy) if one.check == CRASHING]
    return tuple(f"{one.cache.path}/{script.path}" for one in judged for script in one.scripts)


def _changes(loop: Loop, causes: CrashCauses) -> Tuple[str, ...]:
    told = [(change.moment, change.what) for change in causes.changes]
    told += [(released.moment, f"release {released.path}") for released in causes.released]
    before = sorted(one for one in told if 0 <= loop.first - one[0] <= BEFORE_SECONDS)
    php = [one for one in before if "php" in one[1]]
    return tuple(f"{stamp(moment)} {what}" for moment, what in php + [one for one in before if one not in php])


def _cause(what: Evidence, recent: bool) -> str:
    """Return what is likely the cause, the most certain first."""
    likely: List[str] = []
    if what.bad_cache_entries:
        more = f" and {len(what.bad_cache_entries) - 1} more" if len(what.bad_cache_entries) > 1 else ""
        likely.append(f"the opcode cache's {what.bad_cache_entries[0]}{more} crashes whoever loads it")
    if what.scripts:
        likely.append(f"it happens at {what.scripts[0]}")
    if what.inside:
        likely.append(f"it happens inside {what.inside[0]}")
    if what.changes:
        likely.append(f"just before it began: {what.changes[0]}")
    likely += [cause for ending, cause in _HARD_LIMITS.items() if any(one.startswith(ending) for one in what.endings)]
    if likely:
        return "; ".join(likely)
    return "why is not known; let it write a core (rlimit_core)" if recent else "it has ended by itself since"


CHECK = Check(id="php_fpm.crash_loop", gathers=(fpm_history.gather, fpm_crash_causes.gather), find=find)
