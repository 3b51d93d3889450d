# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which stops and reloads of the past fall on the runs of a job, by php-fpm's log and cron's and systemd's journal."""

from bisect import bisect_right
from collections import Counter
from itertools import islice, takewhile
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, NotApplicable
from ..formats import fpm_log
from ..formats.cron_schedule import Schedule
from ..formats.signal_effects import PHP_FPM
from ..host import Host
from ..policy import Policy
from . import cron_runs, fpm_history, fpm_stops, job_effects, systemd_journal
from .fpm_history import KILLED, FpmHistory, History
from .fpm_stops import BEFORE_SECONDS, CRON, CRON_RAN, NEAR_SECONDS, STOPS_LIMIT, FpmStops
from .job import CRONTAB, USER_CRONTAB, Job
from .job_deeds import UNIT
from .job_effects import MASTER, WORKERS, Hit, JobEffects
from .job_units import signal_name
from .systemd_journal import Entry

# What the log says of a master that was sent a signal; of KILL it says nothing.
_SAYS = {
    fpm_log.TERMINATING: "Terminating ...",
    fpm_log.FINISHING: "Finishing ...",
    fpm_log.RELOADING: "Reloading in progress ...",
}
_BY_SIGNAL = {
    "TERM": fpm_log.TERMINATING,
    "INT": fpm_log.TERMINATING,
    "QUIT": fpm_log.FINISHING,
    "USR2": fpm_log.RELOADING,
    "HUP": fpm_log.RELOADING,
}
_SENTENCES = 3
# What is compared with the logs, root's first: any user may have ten thousand lines that run each minute.
JOBS_LIMIT = 100
RUNS_LIMIT = 400000  # twenty jobs of each minute, over 14 days


class Runs(NamedTuple):
    """What the logs tell of one job. Times in seconds since the epoch.

    due: how often it was due since ``begins``, where the log begins or the job was last changed. seen: how many of
    those times php-fpm stopped or reloaded within the minutes after. kind: what its log says then, such as
    ``Terminating ...``. first, last: of those seen. lost: how many requests nginx's log says failed at these times,
    None where no log tells. logged: how often cron or systemd say that they ran it, None where their journal is silent.
    shared: objects of other jobs that were due at some of these times too, where no journal tells which one it was.
    chance: how likely (0 to 1) it is that as many of them are seen if none is its doing, by how much of the time falls
    on runs: of a job of each minute all does, so any stop that a person or a deploy makes.
    """

    due: int
    seen: int
    kind: Optional[str]
    begins: float
    first: Optional[float]
    last: Optional[float]
    lost: Optional[int]
    logged: Optional[int]
    shared: Tuple[str, ...] = ()
    chance: float = 0.0


class JobHistory(NamedTuple):
    """runs: by the job's object, of those that have a schedule. unheard: why the past is not known."""

    runs: Mapping[str, Runs]
    unheard: Optional[str]


class _Event(NamedTuple):
    """Something that php-fpm logged as done to it. says: in the log's words. masters: pids of those that write it.

    failures: of requests to nginx, None where no log tells. by_systemd: as that of a Stop.
    """

    moment: float
    says: str
    masters: FrozenSet[int]
    failures: Optional[int]
    by_systemd: Optional[bool]


class _Past(NamedTuple):
    """events: by time, from ``begins`` on."""

    events: Tuple[_Event, ...]
    begins: float


class _Candidate(NamedTuple):
    """A job with what it would be logged as. due: when it was, by time.

    logged: when cron or systemd ran it, by their journal, which tells from ``told`` on; None where it does not.
    until: to when all this is known.
    """

    job: Job
    says: FrozenSet[str]
    masters: FrozenSet[int]
    by_unit: Optional[bool]
    begins: float
    due: Tuple[float, ...]
    logged: Optional[Tuple[float, ...]]
    told: float
    until: float


def gather(host: Host, policy: Policy) -> JobHistory:
    """Return what the logs tell of the jobs that touch php-fpm. Raises CannotLook as job_effects does."""
    touching = [one for one in host.once(job_effects.gather, policy).jobs if _hits(one)]
    timed = [one for one in touching if one.job.cron is not None or one.job.unit is not None]
    if not timed:
        return JobHistory({}, None)
    try:
        seen = host.once(fpm_history.gather, policy)
        stops = host.once(fpm_stops.gather, policy)
    except (CannotLook, NotApplicable) as error:
        return JobHistory({}, str(error))
    unheard = "; ".join(list(dict.fromkeys([*seen.unseen, *stops.unseen]))[:_SENTENCES]) or None
    if not seen.histories:
        return JobHistory({}, unheard)
    past = _past(seen, stops)
    candidates = _candidates(host, timed, past)
    if len(candidates) < len(timed):
        left_out = len(timed) - len(candidates)
        more = f"{left_out} of {len(timed)} jobs were not compared with the logs: they are too many, or run too often"
        unheard = f"{unheard}; {more}" if unheard else more
    return JobHistory(_runs(past, candidates), unheard)


def _hits(one: JobEffects) -> List[Hit]:
    return [hit for hit in one.hits if hit.family == PHP_FPM]


def _past(seen: FpmHistory, stops: FpmStops) -> _Past:
    """Return what was done to php-fpm, from where every log of it was read on."""
    begins = max(history.log.begins for history in seen.histories)
    if len(stops.stops) == STOPS_LIMIT:
        begins = max(begins, stops.stops[0].moment + 1)  # of what was before, only a part is known
    masters = {history.log.name: _masters(history) for history in seen.histories}
    events = [
        _Event(
            stop.moment,
            _SAYS[stop.kind],
            masters[stop.log],
            None if stop.failures is None else len(stop.failures),
            stop.by_systemd,
        )
        for stop in stops.stops
        if stop.kind in _SAYS and not stop.shutdown
    ]
    events += [one for history in seen.histories for one in _killed(history)]
    return _Past(tuple(sorted((one for one in events if one.moment >= begins), key=_moment)), begins)


def _moment(event: _Event) -> float:
    return event.moment


def _masters(history: History) -> FrozenSet[int]:
    return frozenset(master.process.pid for master in history.masters)


def _killed(history: History) -> List[_Event]:
    """Return when workers were ended by signals that their master does not send, those of a second as one."""
    found = {
        (ending.moment, signal_name(ending.signal))
        for ending in history.endings
        if ending.ended == KILLED and ending.signal is not None
    }
    return [_Event(moment, _exited(name), _masters(history), None, None) for moment, name in found]


def _exited(name: str) -> str:
    return f"child exited on signal SIG{name}"


def _candidates(host: Host, timed: Sequence[JobEffects], past: _Past) -> List[_Candidate]:
    """Return the jobs that are compared with the past, root's first, and no more than the limits allow."""
    chosen = sorted(timed, key=lambda one: one.job.user != "root")[:JOBS_LIMIT]
    begins = {one.job.object: max(past.begins, _changed(host, one.job)) for one in chosen}
    first = min(begins.values())
    said = _journal(host, ["_UID=0", *(f"SYSLOG_IDENTIFIER={name}" for name in CRON)], first)
    cron = [entry for entry in said if entry.source in CRON]
    units = sorted({one.job.unit for one in chosen if one.job.unit})
    said = _journal(host, ["_PID=1", *(f"UNIT={name}" for name in units)], first) if units else ()
    systemd = [entry for entry in said if entry.pid == 1]
    due = _due_by_cron(host, [one.job for one in chosen], begins)
    return [
        _candidate(one, begins[one.job.object], due.get(one.job.object), cron, systemd, host.now())
        for one in chosen
        if one.job.cron is None or one.job.object in due
    ]


def _due_by_cron(host: Host, jobs: Sequence[Job], begins: Mapping[str, float]) -> Dict[str, Tuple[float, ...]]:
    """Return when the jobs of cron were due, by their objects, up to RUNS_LIMIT times in all."""
    now, left = host.now(), RUNS_LIMIT
    known: Dict[Tuple[Schedule, Optional[str], float], Tuple[float, ...]] = {}
    found: Dict[str, Tuple[float, ...]] = {}
    for job in jobs:
        if job.cron is None:
            continue
        key = (job.cron, job.zone, begins[job.object])
        if key not in known:
            times = takewhile(lambda moment: moment <= now, cron_runs.runs(host, *key))
            due = tuple(islice(times, left + 1))
            if len(due) > left:
                break
            left -= len(due)
            known[key] = due
        found[job.object] = known[key]
    return found


def _changed(host: Host, job: Job) -> float:
    """Return when the file that says a job was last written; 0 where it is gone or hidden by now."""
    try:
        return host.stat(job.path, follow=True).mtime_ns / 1e9
    except CannotLook:
        return 0.0


def _journal(host: Host, matches: Sequence[str], since: float) -> Tuple[Entry, ...]:
    """Return what the journal tells; nothing where there is none, which proves nothing."""
    try:
        return systemd_journal.read(host, matches, since)
    except CannotLook:
        return ()


def _candidate(
    one: JobEffects,
    begins: float,
    due: Optional[Tuple[float, ...]],
    cron: Sequence[Entry],
    systemd: Sequence[Entry],
    now: float,
) -> _Candidate:
    job = one.job
    logged, told = _logged(job, cron, systemd)
    if due is None:
        due = tuple(moment for moment in logged or () if moment >= begins)
    ways = {hit.deed.target.kind == UNIT for hit in _hits(one)}
    masters = frozenset(pid for hit in _hits(one) for pid in hit.masters)
    said = frozenset(word for hit in _hits(one) for word in _says(hit))
    return _Candidate(job, said, masters, ways.pop() if len(ways) == 1 else None, begins, due, logged, told, now)


def _says(hit: Hit) -> List[str]:
    """Return what php-fpm would log of a hit: of signals to its master, and of those that its workers die of."""
    names = [sent.signal for sent in hit.sent]
    workers = [_exited(name) for name in names] if hit.reaches != MASTER else []
    master = [_SAYS[_BY_SIGNAL[name]] for name in names if name in _BY_SIGNAL] if hit.reaches != WORKERS else []
    return workers + master


def _logged(job: Job, cron: Sequence[Entry], systemd: Sequence[Entry]) -> Tuple[Optional[Tuple[float, ...]], float]:
    """Return when a journal says that a job was run, and from when on it tells; None where it tells nothing."""
    if job.unit is not None:
        if not systemd:
            return None, 0.0
        of_unit = [entry for entry in systemd if entry.unit == job.unit]
        starting = [entry.when for entry in of_unit if entry.message.startswith("Starting ")]
        started = [entry.when for entry in of_unit if entry.message.startswith("Started ")]
        return tuple(starting or started), systemd[0].when
    if job.kind not in (CRONTAB, USER_CRONTAB) or not cron:
        return None, 0.0
    ran = [(entry.when, CRON_RAN.match(entry.message)) for entry in cron]
    wanted = (job.user, job.shell.strip())
    return tuple(when for when, said in ran if said and (said.group(1), said.group(2).strip()) == wanted), cron[0].when


def _runs(past: _Past, candidates: Sequence[_Candidate]) -> Dict[str, Runs]:
    claimed: Dict[str, Dict[float, _Event]] = {one.job.object: {} for one in candidates}
    shared: Dict[str, Dict[str, None]] = {one.job.object: {} for one in candidates}
    for event in past.events:
        suspects = _suspects(candidates, event)
        for name, due in suspects.items():
            claimed[name].setdefault(due, event)
            shared[name].update(dict.fromkeys(other for other in suspects if other != name))
    return {
        one.job.object: _told(
            one,
            claimed[one.job.object],
            tuple(shared[one.job.object]),
            _chance(one, past, len(claimed[one.job.object])),
        )
        for one in candidates
    }


def _suspects(candidates: Sequence[_Candidate], event: _Event) -> Dict[str, float]:
    """Return the jobs that an event may be the doing of, with when they were due.

    What the journal says was run comes before what it may only not tell of; what it does not say was run was not.
    """
    confirmed: Dict[str, float] = {}
    open_still: Dict[str, float] = {}
    for one in candidates:
        due = _due(one, event)
        if due is None:
            continue
        if one.logged is None or event.moment < one.told:
            open_still[one.job.object] = due
        elif _last_before(one.logged, event) is not None:
            confirmed[one.job.object] = due
    return confirmed or open_still


def _due(one: _Candidate, event: _Event) -> Optional[float]:
    """Return the due time of a job that an event falls on, where it is of its kind."""
    return _last_before(one.due, event) if _is_of_its_kind(one, event) else None


def _is_of_its_kind(one: _Candidate, event: _Event) -> bool:
    if event.says not in one.says or (one.masters and not one.masters & event.masters):
        return False
    return one.by_unit is None or event.by_systemd is None or one.by_unit == event.by_systemd


def _last_before(times: Sequence[float], event: _Event) -> Optional[float]:
    """Return the last of some times before an event, where it comes within about a minute of it."""
    place = bisect_right(times, event.moment + NEAR_SECONDS) - 1
    return times[place] if place >= 0 and event.moment - times[place] <= BEFORE_SECONDS else None


def _chance(one: _Candidate, past: _Past, seen: int) -> float:
    """Return how likely ``seen`` events or more fall on runs of a job, if they come at any time whatever.

    Those that follow one another within a minute are one, as a deploy may reload more than once.
    """
    alike = [event.moment for event in past.events if event.moment >= one.begins and _is_of_its_kind(one, event)]
    number = sum(then - before > BEFORE_SECONDS for before, then in zip([0.0, *alike], alike))
    each = BEFORE_SECONDS + NEAR_SECONDS
    covered = sum(min(each, then - due) for due, then in zip(one.due, [*one.due[1:], one.until]))
    share = min(1.0, covered / max(one.until - one.begins, each))
    return _at_least(min(seen, number), number, share)


def _at_least(wanted: int, number: int, share: float) -> float:
    """Return how likely ``wanted`` or more of a number of things hit a share of all places (binomial distribution)."""
    if not wanted or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    fewer, term = 0.0, (1 - share) ** number  # of none
    for hits in range(wanted):
        fewer += term
        term *= (number - hits) / (hits + 1) * share / (1 - share)
    return max(0.0, 1 - fewer)


def _told(one: _Candidate, claimed: Mapping[float, _Event], shared: Tuple[str, ...], chance: float) -> Runs:
    moments = sorted(event.moment for event in claimed.values())
    failures = [event.failures for event in claimed.values() if event.failures is not None]
    kinds = Counter(event.says for event in claimed.values()).most_common(1)
    return Runs(
        due=len(one.due),
        seen=len(claimed),
        kind=kinds[0][0] if kinds else None,
        begins=one.begins,
        first=moments[0] if moments else None,
        last=moments[-1] if moments else None,
        lost=sum(failures) if failures else None,
        logged=None if one.logged is None else sum(moment >= one.begins for moment in one.logged),
        shared=shared,
        chance=chance,
    )
