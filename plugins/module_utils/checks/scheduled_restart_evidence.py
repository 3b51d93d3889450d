# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the scheduled_restart checks say of a job that harms, what they plan, and when there is nothing to judge."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from ..facts.job import LOGROTATE, Job
from ..facts.job_effects import Hit, JobEffects
from ..facts.job_facts import JobFacts
from ..facts.job_guard import Guard
from ..facts.job_history import Runs
from ..facts.scheduled_overview import chain, local_runs, signals, source
from ..formats.signal_effects import DIES, PHP_FPM, RELOADS, STOPS
from ..model import CRITICAL, SEVERITIES, Action, Finding, Verdict, not_applicable, verdict_over
from ..policy import GRACEFUL, Policy
from .scheduled_restart_harm import ESCALATES, KILLS_IN_FLIGHT, RELOAD_ONCE, Harm, harms_of
from .scheduled_restart_history import is_its_doing, sentence
from .scheduled_restart_remedy import Offer, offer

NONE = "no php-fpm, nginx, Apache or HAProxy runs or is a service of this host"


class Evidence(NamedTuple):
    """A job that harms. Times in seconds since the epoch, and in next_runs_local on the host's clock.

    owner: whom the job runs as. cause: what it does to whom, and when. kind: crontab, timer, logrotate and so on.
    source: the file and line that say it. package: that the file belongs to, None for none or where ``unknown`` says
    why that is not known. delay: how many seconds after its time the job acts, None where it waits for a time that
    nobody can know by reading, such as a random one. names: the services that it reaches, masters the pids of those
    that run, families what they are. does: stops, reloads or dies; starts: it is started again. cuts: at once, in time
    or none. certain: False where a condition decides that cannot be known by reading. chain: the way from the job to
    the signal, a step each, without what may be secret. more: the other harms that it does. history: what the logs say
    of its runs, runs the figures. not_remedied: why there is no remedy. notes: what else to know of the remedy.
    """

    owner: str
    cause: str
    kind: str
    source: str
    package: Optional[str]
    schedule: str
    next_runs: Tuple[float, ...]
    next_runs_local: Tuple[str, ...]
    delay: Optional[float]
    names: Tuple[str, ...]
    families: Tuple[str, ...]
    masters: Tuple[int, ...]
    does: str
    starts: bool
    cuts: str
    signals: Tuple[str, ...]
    reaches: str
    kills_after: Optional[float]
    tested: bool
    certain: bool
    chain: Tuple[str, ...]
    more: Tuple[str, ...]
    history: Optional[str]
    runs: Optional[Runs]
    unknown: Tuple[str, ...]
    not_remedied: Optional[str]
    notes: Tuple[str, ...]
    guard: Optional[Guard]


def findings_of(known: JobFacts, policy: Policy, check: str) -> List[Finding]:
    """Return the findings of one check, one an object: a timer may be many jobs, and a job reach many services."""
    by_object: Dict[str, Tuple[JobEffects, List[Harm]]] = {}
    for effects in known.restarts.jobs:
        harms = harms_of(effects, known.services, policy)
        if any(harm.check == check for harm in harms):
            by_object.setdefault(effects.job.object, (effects, []))[1].extend(harms)
    return [_finding(known, policy, check, effects, harms) for effects, harms in by_object.values()]


def verdict(known: JobFacts, findings: Sequence[Finding], blind: Sequence[str] = ()) -> Verdict:
    """Return the verdict over all that was seen; unknown where something was not, ``blind`` being more of that."""
    restarts, services = known.restarts, known.services
    if not services.web and not services.blind and not any(one.hits for one in restarts.jobs):
        return not_applicable(NONE)
    return verdict_over(findings, [*services.blind, *restarts.unseen, *blind])


def plan(findings: Sequence[Finding], policy: Policy) -> List[Action]:
    """Return the change of each finding that has a remedy."""
    guards: List[Tuple[Finding, Optional[Guard]]] = [(one, getattr(one.evidence, "guard", None)) for one in findings]
    return [Action(one.check, guard.verb, one.object, guard, one.risk) for one, guard in guards if guard is not None]


def doing(hit: Hit) -> str:
    """Return what a hit does, as the words between the job and the services."""
    if hit.does == STOPS:
        return "restarts" if hit.starts else "stops"
    if hit.does == RELOADS:
        return "reloads"
    return "kills" if hit.does == DIES else "signals"


def listed(names: Sequence[str]) -> str:
    """Return names for a sentence, the first three of many."""
    shown = ", ".join(names[:3]) or "a web service"
    return shown + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _finding(known: JobFacts, policy: Policy, check: str, effects: JobEffects, harms: Sequence[Harm]) -> Finding:
    job = effects.job
    runs = known.history.runs.get(job.object)
    own = sorted((harm for harm in harms if harm.check == check), key=lambda harm: _rank(harm, runs))
    worst = own[0]
    told = sentence(job, runs, known.times, worst.hit.certain) if worst.hit.family == PHP_FPM else None
    offered = _offer(known, policy, effects, own, runs)
    can = offered if isinstance(offered, Offer) else None
    names = tuple(dict.fromkeys(name for harm in own for name in harm.hit.names))
    return Finding(
        check=check,
        object=job.object,
        severity=_severity(worst, runs),
        summary=_summary(job, worst, names, told),
        evidence=_evidence(known, effects, own, names)._replace(
            more=_more(harms, worst),
            history=told,
            not_remedied=offered if isinstance(offered, str) else None,
            notes=can.notes if can else (),
            guard=can.guard if can else None,
        ),
        remedy=can.remedy if can else None,
        risk=can.risk if can else None,
    )


def _offer(
    known: JobFacts, policy: Policy, effects: JobEffects, own: Sequence[Harm], runs: Optional[Runs]
) -> Union[Offer, str]:
    taken_away = policy.scheduled_restart.state != GRACEFUL and effects.job.kind != LOGROTATE
    spared = [harm.spared for harm in own if harm.spared is not None and not _has_happened(harm, runs)]
    if taken_away and len(spared) == len(own):
        return spared[0]
    return offer(effects, known.services, known.places, policy)


def _severity(harm: Harm, runs: Optional[Runs]) -> str:
    """Return how bad it is: critical where the log shows that requests in flight were killed already."""
    return CRITICAL if harm.check == KILLS_IN_FLIGHT and _has_happened(harm, runs) else harm.severity


def _has_happened(harm: Harm, runs: Optional[Runs]) -> bool:
    if runs is None or harm.hit.family != PHP_FPM or not is_its_doing(runs, harm.hit.certain):
        return False
    # What was lost before a limit was set says nothing of it.
    return harm.always or (bool(runs.lost) and harm.spared != RELOAD_ONCE)


def _rank(harm: Harm, runs: Optional[Runs]) -> int:
    return SEVERITIES.index(_severity(harm, runs))


def _summary(job: Job, worst: Harm, names: Sequence[str], told: Optional[str]) -> str:
    hit = worst.hit
    sent = signals(hit) if worst.check == ESCALATES else signals(hit)[:1]
    by = f" by {', '.join(sent)}" if sent else ""
    maybe = "" if hit.certain else f", where a condition before {_place(hit)} holds"
    history = f"; {told}" if told else ""
    return f"{job.object} ({job.schedule}) {doing(hit)} {listed(names)}{by}{maybe}: {worst.says}{history}; {worst.do}"


def _place(hit: Hit) -> str:
    """Return the last line of a file on the way of a hit: what a unit does then hangs on nothing."""
    return next((hop.source for hop in reversed(hit.hops) if hop.source.startswith("/")), "that")


def _delay(job: Job, hit: Hit) -> Optional[float]:
    # By the variable, cronie delays what a crontab runs by as many minutes as it draws when it starts.
    drawn = hit.deed.drawn or job.environment.get("RANDOM_DELAY", "0") != "0"
    return None if drawn else hit.deed.moment


def _when(job: Job, hit: Hit) -> str:
    delay = _delay(job, hit)
    if delay is None:
        return f"{job.schedule}, after a wait that is drawn"
    return job.schedule + (f", after {delay:g} s" if delay else "")


def _more(harms: Sequence[Harm], worst: Harm) -> Tuple[str, ...]:
    said = (f"{listed(harm.hit.names)}: {harm.says}" for harm in harms if harm.says != worst.says)
    return tuple(dict.fromkeys(said))


def _evidence(known: JobFacts, effects: JobEffects, own: Sequence[Harm], names: Tuple[str, ...]) -> Evidence:
    job, hit = effects.job, own[0].hit
    package = known.places.packages.get(job.path)
    unknown = (known.history.unheard, known.places.unowned if package is None else None)
    return Evidence(
        owner=job.user,
        cause=f"{doing(hit)} {listed(names)} by {', '.join(signals(hit)) or 'its own control'}, {_when(job, hit)}",
        kind=job.kind,
        source=source(job),
        package=package,
        schedule=job.schedule,
        next_runs=job.next_runs,
        next_runs_local=local_runs(job, known.times),
        delay=_delay(job, hit),
        names=names,
        families=tuple(dict.fromkeys(harm.hit.family for harm in own)),
        masters=tuple(dict.fromkeys(pid for harm in own for pid in harm.hit.masters)),
        does=hit.does,
        starts=hit.starts,
        cuts=hit.cuts,
        signals=signals(hit),
        reaches=hit.reaches,
        kills_after=hit.kills_after,
        tested=hit.tested,
        certain=hit.certain,
        chain=chain(hit.hops),
        more=(),
        history=None,
        runs=known.history.runs.get(job.object),
        unknown=tuple(reason for reason in unknown if reason),
        not_remedied=None,
        notes=(),
        guard=None,
    )
