# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stops and reloads that cut requests in flight, who asked for them, and which requests nginx lost at that time."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_history, fpm_stops
from ..facts.fpm_history import KILLED, Ending, FpmHistory, History
from ..facts.fpm_stops import FpmStops, Stop
from ..facts.nginx_errors import Failure
from ..formats import fpm_log
from ..model import HIGH, INFO, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm import master_name
from .php_fpm_history import doubt, most_common, owner, pool_object, severity, stamp, times, verdict

OUTCOME = "half or never started"
SILENT = (
    "php-fpm logs no worker that its own stop or reload ends (but for log_level = debug), so its log is no proof that "
    "nothing was cut; nginx's error log names requests that came through it, and no others"
)
_DID = {
    fpm_log.TERMINATING: "SIGTERM or SIGINT stopped it at once, with all that was in flight",
    fpm_log.FINISHING: "SIGQUIT stopped it with process_control_timeout = 0, with all that was in flight",
    fpm_log.RELOADING: "it was reloaded with process_control_timeout = 0, which ends all that is in flight",
    fpm_log.EMERGENCY: "it reloaded itself after many crashes (emergency_restart_threshold)",
}
_GRACEFUL = {
    fpm_log.FINISHING: "SIGQUIT stopped it, which loses what waits in the queue of its socket",
    fpm_log.RELOADING: "it was reloaded, and process_control_timeout was too short for some requests",
    fpm_log.EMERGENCY: _DID[fpm_log.EMERGENCY],
}
_BY_WORKER = (
    "a signal that is meant for a master was sent to workers, as `pkill php-fpm` does; each died with its request"
)
# SIGKILL and SIGTERM to a worker are judged by php_fpm.out_of_memory and php_fpm.forced_cache_restart.
_JUDGED_ELSEWHERE = (9, 15)


class Evidence(NamedTuple):
    """A stop or reload. Times in seconds since the epoch. by: who did it, in words. before: what cron and sudo ran.

    ready: when it served again. grace: process_control_timeout as configured now, and grace_changed since. requests:
    that nginx lost meanwhile, as time, method and path, each ``outcome``: to be reconciled with what they did; lost:
    how many, None where no log of nginx tells; others: workers that ended at that time for another reason, which cost
    some of these.
    """

    owner: str
    cause: str
    log: str
    kind: str
    by: str
    before: Tuple[str, ...]
    unknown: Optional[str]
    stopped: float
    ready: Optional[float]
    grace: Optional[float]
    grace_changed: bool
    lost: Optional[int]
    others: int
    requests: Tuple[str, ...]
    outcome: str
    fronts: Tuple[str, ...]
    limits: str


class Signalled(NamedTuple):
    """Workers that were signalled by themselves. first, last: seconds since the epoch."""

    owner: str
    cause: str
    log: str
    signals: Tuple[str, ...]
    first: float
    last: float
    limits: str


def find(seen: FpmHistory, stops: FpmStops, policy: Policy) -> Verdict:
    logs = {history.log.name: history for history in seen.histories}
    findings = [_finding(seen, logs[stop.log], stop, stops) for stop in stops.stops if _harms(stop)]
    for history in seen.histories:
        pools: Dict[str, List[Ending]] = {}
        for ending in history.endings:
            if ending.ended == KILLED and ending.signal not in _JUDGED_ELSEWHERE:
                pools.setdefault(ending.pool, []).append(ending)
        findings += [_signalled(seen, history, pool, endings) for pool, endings in pools.items()]
    return verdict(seen, findings, stops.unseen)


def _harms(stop: Stop) -> bool:
    """Whether requests were cut, or would have been if there were any."""
    return bool(stop.failures) or stop.kind == fpm_log.TERMINATING or not stop.grace or stop.changed


def _finding(seen: FpmHistory, history: History, stop: Stop, stops: FpmStops) -> Finding:
    cause = _cause(stop)
    name = master_name(history.masters[0])
    return Finding(
        check=CHECK.id,
        object=f"{name} {stop.kind} at {stamp(stop.moment)}",
        severity=_severity(seen.now, stop),
        summary=f"{name} at {stamp(stop.moment)}: {cause}; {_asked(stop)}; {_lost(stop)}",
        evidence=_evidence(history, stop, stops, cause),
        remedy=None,
        risk=None,
    )


def _cause(stop: Stop) -> str:
    did = _DID if not stop.grace or stop.kind == fpm_log.TERMINATING else _GRACEFUL
    since = " (that setting or another was changed since)" if stop.changed and stop.kind != fpm_log.TERMINATING else ""
    return did[stop.kind] + since


def _asked(stop: Stop) -> str:
    if stop.shutdown:
        return "the host was shut down"
    by = {True: "systemd did it", False: "not systemd, but somebody's signal did it", None: "who did it is not known"}
    return by[stop.by_systemd] + (f", just after {stop.before[0]}" if stop.before else "")


def _lost(stop: Stop) -> str:
    if stop.failures is None:
        return "how many requests it cut is not known, for no log of an nginx here tells of that time"
    if not stop.failures:
        return "nginx lost no request by it"
    lost = "a request" if len(stop.failures) == 1 else f"{len(stop.failures)} requests"
    if not _lost_by_it(stop):
        return f"nginx lost {lost} meanwhile, but as many workers ended for other reasons"
    if len(stop.failures) == 1:
        return f"nginx lost {lost} meanwhile, {OUTCOME}: reconcile it"
    return f"nginx lost {lost} meanwhile, each {OUTCOME}: reconcile them"


def _lost_by_it(stop: Stop) -> bool:
    """Whether nginx lost more requests than went with workers that ended at that time for other reasons."""
    return len(stop.failures or ()) > stop.others


def _severity(now: float, stop: Stop) -> str:
    if _lost_by_it(stop):
        return severity(now, stop.moment, HIGH, HIGH, MEDIUM)
    if stop.failures is not None or stop.shutdown:
        return INFO
    return severity(now, stop.moment, MEDIUM, MEDIUM, LOW)


def _evidence(history: History, stop: Stop, stops: FpmStops, cause: str) -> Evidence:
    master = history.masters[0]
    failures: Sequence[Failure] = stop.failures or ()
    return Evidence(
        owner=master.unit.name if master.unit else master_name(master),
        cause=f"{cause}; {_asked(stop)}",
        log=stop.log,
        kind=stop.kind,
        by=_asked(stop),
        before=stop.before,
        unknown=stop.unknown,
        stopped=stop.moment,
        ready=stop.ready,
        grace=stop.grace,
        grace_changed=stop.changed,
        lost=None if stop.failures is None else len(failures),
        others=stop.others,
        requests=tuple(f"{stamp(one.moment)} {one.request}" for one in failures),
        outcome=OUTCOME,
        fronts=stops.fronts,
        limits=SILENT,
    )


def _signalled(seen: FpmHistory, history: History, pool: str, endings: Sequence[Ending]) -> Finding:
    last = endings[-1].moment
    signals = most_common(ending.word for ending in endings)
    words = ", ".join(dict.fromkeys(ending.word for ending in endings))
    return Finding(
        check=CHECK.id,
        object=pool_object(history, pool),
        severity=severity(seen.now, last, MEDIUM, MEDIUM, LOW),
        summary=(
            f"workers of pool {pool} were ended {times(len(endings))} by {words}, last at {stamp(last)}: "
            f"{_BY_WORKER}{doubt(history, pool)}"
        ),
        evidence=Signalled(
            owner(history, pool), _BY_WORKER, history.log.name, signals, endings[0].moment, last, SILENT
        ),
        remedy=None,
        risk=None,
    )


CHECK = Check(id="php_fpm.hard_stop", gathers=(fpm_history.gather, fpm_stops.gather), find=find)
