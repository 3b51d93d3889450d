# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What jobs do in the end: which signals reach which web service of this host, in which order."""

import re
import stat
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..formats import glob, signal_effects
from ..formats.signal_effects import (
    AT_ONCE,
    DIES,
    HAPROXY,
    IN_TIME,
    NGINX,
    NONE,
    NOTHING,
    RELOADS,
    REOPENS,
    REPLACED,
    STOPS,
    UPGRADES,
    Effect,
    effect,
)
from ..host import Host
from ..policy import Policy
from . import job_services, job_units, scheduled_jobs, service_units
from .job import MONIT, SUPERVISOR, Job
from .job_commands import follow, follow_text
from .job_deeds import (
    MONITORED,
    PROGRAM,
    RELOAD,
    RELOAD_OR_RESTART,
    SIGNAL,
    START,
    SUPERVISED,
    UNIT,
    Deed,
    Followed,
    Hop,
    Sent,
    Target,
    Unfollowed,
)
from .job_services import WebService
from .job_targets import Reached, reached
from .job_units import Blow, Conduct
from .service_units import ServiceUnit

# Whom the signals reach.
MASTER, WORKERS, ALL = "master", "workers", "master and workers"

DEPTH_LIMIT = 3  # units that start units
UNITS_LIMIT = 2000
# Of all jobs of a user: about five seconds, and a minute of root's.
EFFORT_LIMIT = 200000
ROOT_EFFORT_LIMIT = 2000000

_SUFFIX = re.compile(r"\.(?:service|socket|timer|target|path|mount|slice|scope|device|swap|automount)\Z")
_SCRIPT = re.compile(r"[A-Za-z0-9][\w.+@-]{0,100}\Z")
_WEB = re.compile(r"php|fpm|nginx|apache|httpd|haproxy")
_ROOT = ("root", "0")
# What they test decides whether they do it, and nobody knows that by reading.
_WATCHDOGS = (MONIT, SUPERVISOR)
# The later in this order is what a service is said to do, where signals make it do several things.
_WEIGHT = (NOTHING, REPLACED, REOPENS, RELOADS, UPGRADES, DIES, STOPS)
_CUTS = (NONE, IN_TIME, AT_ONCE)
_ENDS = (STOPS, DIES)
_NO_DEED = Deed(SIGNAL, Target(UNIT, ""), (), False, False, ())
# They read their configuration anew before they give up the old one, and keep that where the new one is wrong.
_TEST_THEMSELVES = (NGINX, HAPROXY)


class Hit(NamedTuple):
    """What a deed does to a service, or to several in the same way.

    family: of signal_effects.FAMILIES. does: what the master does, STOPS, RELOADS, REOPENS, UPGRADES or DIES of
    signal_effects; where only workers are reached DIES or REPLACED. starts: it is started again afterwards, which makes
    a stop a restart. cuts: AT_ONCE, IN_TIME or NONE. sent: what reaches it in the end, in order; reaches: MASTER,
    WORKERS or ALL. masters: pids of the running masters that it reaches now, () where none runs or which it would be is
    not known. names: those masters or services, as people call them. kills_after: seconds after which KILL is sent to
    what is left, None where none is. tested: its configuration is tested first, and it is left alone where that fails.
    hops: the whole way, down to the unit's or init script's own words. certain: as that of the deed. cut_after: where
    it cuts IN_TIME, seconds after which a later signal cuts what is in flight still, None where none is sent.
    """

    family: str
    does: str
    starts: bool
    cuts: str
    sent: Tuple[Sent, ...]
    reaches: str
    masters: Tuple[int, ...]
    names: Tuple[str, ...]
    kills_after: Optional[float]
    tested: bool
    hops: Tuple[Hop, ...]
    certain: bool
    deed: Deed
    cut_after: Optional[float] = None


class JobEffects(NamedTuple):
    """A job that touches a web service, or may: unfollowed says where its way is lost."""

    job: Job
    hits: Tuple[Hit, ...]
    unfollowed: Tuple[Unfollowed, ...]


class ScheduledRestarts(NamedTuple):
    """jobs: those that touch a web service, or may. total: how many jobs the host has. unseen: what could not be read,
    and why.
    """

    jobs: Tuple[JobEffects, ...]
    total: int
    unseen: Tuple[str, ...]


class _Outcome(NamedTuple):
    """What comes of one deed. started: names of services that it starts."""

    hits: Tuple[Hit, ...] = ()
    unfollowed: Tuple[Unfollowed, ...] = ()
    started: FrozenSet[str] = frozenset()


def gather(host: Host, policy: Policy) -> ScheduledRestarts:
    """Return the jobs of the host that touch a web service, or may; with scheduled_restart.jobs only those named."""
    seen = host.once(scheduled_jobs.gather, policy)
    services = host.once(job_services.gather, policy)
    named = policy.scheduled_restart.jobs
    unseen = [*seen.unseen, *_unknown_names(host, named, seen.jobs)]
    jobs = [job for job in seen.jobs if not named or job.path in named or job.object in named]
    followed = _followed(host, policy, jobs, unseen)
    look = _Look(host, policy, services.web, unseen)
    look.ask([deed.target.value for job, one in followed for deed in one.deeds if _asks_systemd(deed, job.user)])
    effects = [look.effects(job, one) for job, one in followed]
    return ScheduledRestarts(
        jobs=tuple(one for one in effects if one.hits or one.unfollowed),
        total=len(seen.jobs),
        unseen=tuple(dict.fromkeys(unseen)),
    )


def _followed(host: Host, policy: Policy, jobs: Sequence[Job], unseen: List[str]) -> List[Tuple[Job, Followed]]:
    """Follow jobs; those of one user no longer than any user's honest jobs take, so that nobody holds up the look."""
    followed: List[Tuple[Job, Followed]] = []
    efforts: Dict[str, int] = {}
    left: Dict[str, Job] = {}  # by user, the first job that was not followed
    for job in jobs:
        effort = efforts.get(job.user, 0)
        if effort > (ROOT_EFFORT_LIMIT if job.user in _ROOT else EFFORT_LIMIT):
            left.setdefault(job.user, job)
            continue
        try:
            followed.append((job, follow(host, policy, job)))
            efforts[job.user] = effort + followed[-1][1].effort
        except CannotLook as error:
            unseen.append(f"{job.object}: {error}")
    for user, job in left.items():
        unseen.append(f"{job.object} and further jobs of {user} were not followed: their scripts are too long in all")
    return followed


def _asks_systemd(deed: Deed, job_user: str) -> bool:
    return deed.target.kind == UNIT and (deed.user or job_user) in _ROOT


def _unknown_names(host: Host, named: Sequence[str], jobs: Sequence[Job]) -> List[str]:
    """Return what to say of names that are of no job; a line that was disabled is of none any more, but of its file."""
    known = {name for job in jobs for name in (job.path, job.object)}
    return [
        f"scheduled_restart.jobs: {name[:200]} is no job of this host; scheduled_restart_info shows their names"
        for name in dict.fromkeys(named)
        if name not in known and not _is_file(host, re.sub(r":[0-9]+\Z", "", name))
    ]


def _is_file(host: Host, path: str) -> bool:
    try:
        return path.startswith("/") and stat.S_ISREG(host.stat(path, follow=True).mode)
    except CannotLook:
        return False


class _Look:
    """What one look at jobs asks more than once: units, and what systemd sends for them."""

    def __init__(self, host: Host, policy: Policy, web: Sequence[WebService], unseen: List[str]) -> None:
        self.host = host
        self.policy = policy
        self.web = web
        self.unseen = unseen
        self._units: Dict[str, Tuple[ServiceUnit, ...]] = {}  # by the name that a job gives
        self._targets: Dict[Tuple[Target, str], Tuple[Reached, ...]] = {}
        self._conducts: Dict[Tuple[str, str], Conduct] = {}
        self._blind: Optional[CannotLook] = None

    def ask(self, values: Sequence[str]) -> None:
        """Ask systemd for all units that jobs name, at once; those it does not know are none."""
        wanted = [value for value in dict.fromkeys(values) if value not in self._units]
        if len(wanted) > UNITS_LIMIT:
            self.unseen.append(f"jobs name {len(wanted)} units, of which {UNITS_LIMIT} were looked at")
            self._units.update(dict.fromkeys(wanted[UNITS_LIMIT:], ()))
            wanted = wanted[:UNITS_LIMIT]
        names = {value: _unit_name(value) for value in wanted}
        patterns = [name for name in names.values() if glob.is_pattern(name)]
        try:
            installed = service_units.named_like(self.host, *patterns) if patterns else ()
            meant = {value: glob.matching(installed, name) or [name] for value, name in names.items()}
            asked = list(dict.fromkeys(name for found in meant.values() for name in found))
            units: Dict[str, ServiceUnit] = {}
            for first in range(0, len(asked), service_units.NAMES_LIMIT):
                units.update(service_units.show(self.host, asked[first : first + service_units.NAMES_LIMIT]))
        except Missing:
            meant, units = {}, {}  # another init runs this host
        except CannotLook as error:
            meant, units, self._blind = {}, {}, error
        for value in wanted:
            known = [units[name] for name in meant.get(value, ()) if name in units]
            self._units[value] = tuple({unit.name: unit for unit in known if unit.enabled != "masked"}.values())

    def effects(self, job: Job, followed: Followed) -> JobEffects:
        """Return what a job does. A stop that the same job follows with a start is a restart."""
        come_of = _in_order([self.outcome(deed, job.user, 0) for deed in followed.deeds])
        lost = dict.fromkeys([*followed.unfollowed, *come_of.unfollowed])
        hits = come_of.hits
        if job.kind in _WATCHDOGS:
            hits = tuple(hit._replace(certain=False) for hit in hits)
        return JobEffects(job, _once(hits), tuple(lost))

    def outcome(self, deed: Deed, job_user: str, depth: int) -> _Outcome:
        """Return what comes of a deed, also by way of units and init scripts."""
        user = deed.user or job_user
        if deed.target.kind == UNIT:
            return self._of_units(deed, user, depth)
        if deed.target.kind == SUPERVISED:
            return self._of_supervised(deed, user)
        if deed.target.kind == MONITORED:
            return self._of_monitored(deed)
        try:
            found = self._reached(deed.target, "root" if deed.verb == START else user)
        except Malformed as error:
            known = _WEB.search(deed.target.value)
            return _Outcome(unfollowed=(Unfollowed(deed.hops, str(error)),) if known else ())
        if deed.verb == START:
            return _Outcome(started=frozenset(one.service.name for one in found))
        hits = [_hit(deed, one.service, _blows(deed, one), False, _no_conduct(deed)) for one in found]
        return _Outcome(_merged(hits))

    def _reached(self, target: Target, user: str) -> Tuple[Reached, ...]:
        """Return whom a target means; thousands of lines may name the same."""
        if (target, user) not in self._targets:
            self._targets[target, user] = reached(self.host, target, self.web, user)
        return self._targets[target, user]

    def _of_supervised(self, deed: Deed, user: str) -> _Outcome:
        """Return what comes of what supervisord is told; its socket is root's, unless somebody has opened it."""
        found = [one for one in self.web if one.supervised and _is_called(one.supervised.name, deed.target.value)]
        if user not in _ROOT or not found:
            return _Outcome()
        names = frozenset(one.name for one in found)
        if deed.verb == START:
            return _Outcome(started=names)
        unknown = [one.supervised.unknown for one in found if one.supervised and one.supervised.unknown]
        if unknown and deed.verb != SIGNAL:
            return _Outcome(unfollowed=(Unfollowed(deed.hops, unknown[0]),))
        restarts = deed.verb in job_units.RESTARTS
        hits = [_hit(deed, one, _of_supervisor(deed, one), restarts, _no_conduct(deed)) for one in found]
        return _Outcome(_merged(hits), (), names if restarts else frozenset())

    def _of_monitored(self, deed: Deed) -> _Outcome:
        known = _WEB.search(deed.target.value) and deed.verb not in (START, RELOAD)
        reason = "what monit runs to stop it is not followed; look at its `stop program`"
        return _Outcome(unfollowed=(Unfollowed(deed.hops, reason),) if known else ())

    def _of_units(self, deed: Deed, user: str, depth: int) -> _Outcome:
        """Return what comes of what systemctl is told. It obeys root; another user is asked for a password."""
        if user not in _ROOT:
            return _Outcome()
        self.ask([deed.target.value])
        units = self._units[deed.target.value]
        if units:
            return _in_order([self._of_unit(deed, unit, depth) for unit in units])
        if self._blind is not None and _WEB.search(deed.target.value):
            reason = f"what systemd would do is not known: {self._blind}"
            return _Outcome(unfollowed=(Unfollowed(deed.hops, reason),))
        return self._of_init_script(deed, user, depth)

    def _of_init_script(self, deed: Deed, user: str, depth: int) -> _Outcome:
        name = re.sub(r"\.service\Z", "", deed.target.value)
        if deed.verb == SIGNAL or depth >= DEPTH_LIMIT or not _SCRIPT.match(name):
            return _Outcome()
        path = f"/etc/init.d/{name}"
        try:
            self.host.stat(path, follow=True)
        except CannotLook:
            return _Outcome()  # no such service: the command says so, and does nothing
        verb = "force-reload" if deed.verb == RELOAD_OR_RESTART else deed.verb
        return self._of_text(f"{path} {verb}", path, deed, user, depth)

    def _of_text(self, text: str, source: str, deed: Deed, user: str, depth: int) -> _Outcome:
        """Return what comes of a text that a deed leads to."""
        followed = follow_text(self.host, self.policy, text, source, deed.hops, first_line=0)
        outcomes = [
            self.outcome(
                one._replace(
                    tested=one.tested or deed.tested,
                    certain=one.certain and deed.certain,
                    moment=one.moment + deed.moment,
                    drawn=one.drawn or deed.drawn,
                ),
                user,
                depth + 1,
            )
            for one in followed.deeds
        ]
        come_of = _in_order(outcomes)
        return come_of._replace(unfollowed=(*come_of.unfollowed, *followed.unfollowed))

    def _of_unit(self, deed: Deed, unit: ServiceUnit, depth: int) -> _Outcome:
        services = self._services_of(unit)
        if not services:
            return self._of_other_unit(deed, unit, depth)
        names = frozenset(one.name for one in services)
        if deed.verb == START:
            return _Outcome(started=names)
        conduct = self._conduct(deed, unit)
        restarts = deed.verb in job_units.RESTARTS and not self._reloads(deed, unit)
        hits = [_hit(deed, one, conduct.blows, restarts, conduct) for one in services]
        return _Outcome(_merged(hits), conduct.unfollowed, names if restarts else frozenset())

    def _services_of(self, unit: ServiceUnit) -> List[WebService]:
        found = [one for one in self.web if one.unit is not None and one.unit.name == unit.name]
        if found:
            return found
        family = job_services.family_of_unit(unit)
        return [job_services.stopped(family, unit)] if family else []

    def _of_other_unit(self, deed: Deed, unit: ServiceUnit, depth: int) -> _Outcome:
        """Return what comes of a unit that is no web service: it may run a script, or keep one as a supervisor does."""
        inside = [one for one in self.web if one.lives_in == unit.name and one.process is not None]
        if inside and self._reloads(deed, unit) and depth < DEPTH_LIMIT:
            # Of supervisord that is a restart of all that it runs.
            return self._of_text(job_units.as_shell(unit.reload), f"{unit.name} (ExecReload)", deed, "root", depth)
        if inside and deed.verb not in (START, RELOAD):
            conduct = self._conduct(deed, unit)
            restarts = deed.verb in job_units.RESTARTS
            hits = [_hit(deed, one, _inside(deed, unit, one, conduct), restarts, conduct) for one in inside]
            return _Outcome(_merged(hits))
        runs = deed.verb == START or deed.verb in job_units.RESTARTS
        if not runs or unit.type != "oneshot" or depth >= DEPTH_LIMIT or not unit.start:
            return _Outcome()
        return self._of_text(job_units.as_shell(unit.start), f"{unit.name} (ExecStart)", deed, "root", depth)

    def _conduct(self, deed: Deed, unit: ServiceUnit) -> Conduct:
        """Return what systemd sends for a deed, with the way to the deed before it."""
        if deed.verb == SIGNAL:
            workers = deed.target.one is None
            blows = tuple(Blow(sent.signal, sent.after, True, workers) for sent in deed.sent)
            return _no_conduct(deed)._replace(blows=blows)
        reloads = self._reloads(deed, unit)
        key = (unit.name, RELOAD if reloads else deed.verb)
        if key not in self._conducts:
            come_to = job_units.reloading if reloads else job_units.stopping
            self._conducts[key] = come_to(unit, self._follow)
        conduct = self._conducts[key]
        return conduct._replace(
            tested=conduct.tested or deed.tested,
            certain=conduct.certain and deed.certain,
            hops=(*deed.hops, *conduct.hops),
            unfollowed=tuple(one._replace(hops=(*deed.hops, *one.hops)) for one in conduct.unfollowed),
        )

    def _reloads(self, deed: Deed, unit: ServiceUnit) -> bool:
        return deed.verb == RELOAD or (deed.verb == RELOAD_OR_RESTART and job_units.can_reload(unit))

    def _follow(self, text: str, source: str, unit: ServiceUnit) -> Followed:
        environment = job_units.environment(unit)
        return follow_text(self.host, self.policy, text, source, (), environment, first_line=0)


def _unit_name(value: str) -> str:
    """Return the full name of a unit, which systemctl(1) completes with .service."""
    return value if _SUFFIX.search(value) else value + ".service"


def _no_conduct(deed: Deed) -> Conduct:
    return Conduct((), deed.tested, deed.certain, deed.hops, ())


def _blows(deed: Deed, one: Reached) -> Tuple[Blow, ...]:
    return tuple(Blow(sent.signal, sent.after, one.master, one.workers) for sent in deed.sent)


def _hit(deed: Deed, service: WebService, blows: Sequence[Blow], starts: bool, conduct: Conduct) -> Optional[Hit]:
    """Return what signals do to a service; None where they do nothing to it."""
    does, cuts, cut_after = _sequence(service, blows)
    if does == NOTHING:
        return None
    if deed.target.kind == PROGRAM and service.family == HAPROXY and does == STOPS:
        does = RELOADS  # haproxy -sf and -st: a new one reads its configuration and listens before it ends the old one
    kills = [blow.after for blow in blows if blow.signal == "KILL"]
    aimed = [blow for blow in blows if blow.signal != "KILL" or blow.after == blows[0].after]
    return Hit(
        family=service.family,
        does=does,
        starts=starts,
        cuts=cuts,
        sent=job_units.sent_of(blows),
        reaches=_whom(aimed),
        masters=(service.process.pid,) if service.process else (),
        names=(service.name,),
        kills_after=min(kills) if kills else None,
        tested=conduct.tested or (does == RELOADS and service.family in _TEST_THEMSELVES),
        hops=conduct.hops,
        certain=conduct.certain,
        deed=deed,
        cut_after=cut_after,
    )


def _sequence(service: WebService, blows: Sequence[Blow]) -> Tuple[str, str, Optional[float]]:
    """Return what a service does by signals in order, what they cut, and when a later one cuts what was to end in time.

    After one that ends it, the others only meet what is left.
    """
    does, cuts = NOTHING, NONE
    ended: Optional[float] = None
    cut_after: Optional[float] = None
    for blow in blows:
        one = _effect(service, blow)
        does = max(does, one.does, key=_WEIGHT.index) if ended is None else does
        if ended is None or blow.after <= ended:
            cuts = max(cuts, one.cuts, key=_CUTS.index)
        elif one.cuts == AT_ONCE and cuts == IN_TIME and cut_after is None and not _leaves_workers(service, blow):
            cut_after = blow.after
        ended = blow.after if ended is None and one.does in _ENDS else ended
    return does, cuts, cut_after if cuts == IN_TIME else None


def _leaves_workers(service: WebService, blow: Blow) -> bool:
    """Whether workers that were told to end go on when their master is killed: systemd would end what it has left."""
    return blow.signal == "KILL" and not blow.workers and (service.unit is None or not _ends_all(service.unit))


def _ends_all(unit: ServiceUnit) -> bool:
    return unit.kill_mode in ("control-group", "mixed")


def _effect(service: WebService, blow: Blow) -> Effect:
    """Return what one signal does: the master's doing, or that of workers alone, and the worst for requests."""
    hup = service.handles_hup is not False
    effects = []
    if blow.master:
        effects.append(effect(service.family, signal_effects.MASTER, blow.signal, hup))
    if blow.workers:
        effects.append(effect(service.family, signal_effects.WORKER, blow.signal))
    cuts = max((one.cuts for one in effects), key=_CUTS.index, default=NONE)
    words = [one.does for one in effects if one.does != NOTHING]
    return Effect(words[0] if words else NOTHING, cuts)


def _inside(deed: Deed, unit: ServiceUnit, service: WebService, conduct: Conduct) -> Tuple[Blow, ...]:
    """Return what reaches a service that lives in another one's unit; what a supervisor runs it stops itself."""
    if unit.kill_mode == "control-group" or deed.verb == SIGNAL:
        return tuple(blow._replace(workers=blow.workers or deed.verb != SIGNAL) for blow in conduct.blows)
    if service.supervised is not None:
        return _of_supervisor(deed, service)
    return (Blow("KILL", 0.0, True, True),) if unit.kill_mode == "mixed" else ()  # when the main process has ended


def _whom(blows: Sequence[Blow]) -> str:
    master, workers = any(blow.master for blow in blows), any(blow.workers for blow in blows)
    return ALL if master and workers else MASTER if master else WORKERS


def _merged(hits: Sequence[Optional[Hit]]) -> Tuple[Hit, ...]:
    """Return the hits of one deed, one for all services that it does the same to."""
    found: Dict[Hit, Hit] = {}
    for hit in hits:
        if hit is not None:
            alike = hit._replace(masters=(), names=())
            before = found.get(alike)
            masters = (*before.masters, *hit.masters) if before else hit.masters
            names = (*before.names, *hit.names) if before else hit.names
            found[alike] = hit._replace(masters=masters, names=names)
    return tuple(found.values())


def _once(hits: Sequence[Hit]) -> Tuple[Hit, ...]:
    """Return the hits without those that another one says already by another way."""
    found: Dict[Hit, Hit] = {}
    for hit in hits:
        found.setdefault(hit._replace(hops=(), deed=_NO_DEED), hit)
    return tuple(found.values())


def _in_order(outcomes: Sequence[_Outcome]) -> _Outcome:
    """Return what comes of deeds one after the other.

    A stop that a start follows is a restart, and what is sent to a service that was told to end before meets only what
    is left of it.
    """
    hits: List[Hit] = []
    down: Dict[str, int] = {}  # by name of the service: the hit that it is down since
    for outcome in outcomes:
        for hit in outcome.hits:
            since = next((down[name] for name in hit.names if name in down), None)
            if since is not None and hit.does in _ENDS:
                hits[since] = _with_later(hits[since], hit)
            else:
                since = len(hits)
                hits.append(hit)
            if hit.does in _ENDS:
                down.update(dict.fromkeys(hit.names, since))
        for name in outcome.started.intersection(down):
            since = down.pop(name)
            hits[since] = hits[since]._replace(starts=True)
    return _Outcome(
        tuple(hits),
        tuple(lost for one in outcomes for lost in one.unfollowed),
        frozenset(name for one in outcomes for name in one.started),
    )


def _with_later(before: Hit, later: Hit) -> Hit:
    """Return a stop with what the same job sends later to what is left.

    systemctl and supervisorctl only go on when it has stopped, or was killed.
    """
    gap = max(0.0, later.deed.moment - before.deed.moment)
    if before.deed.target.kind in (UNIT, SUPERVISED):
        gap += before.kills_after or 0.0
    at_once = gap == 0 and later.cuts == AT_ONCE
    cut_after = gap if later.cuts == AT_ONCE else None if later.cut_after is None else gap + later.cut_after
    kills_after = None if later.kills_after is None else gap + later.kills_after
    return before._replace(
        cuts=AT_ONCE if at_once else before.cuts,
        sent=_each_once([*before.sent, *(Sent(sent.signal, gap + sent.after) for sent in later.sent)]),
        kills_after=kills_after if before.kills_after is None else before.kills_after,
        cut_after=None if at_once or before.cuts != IN_TIME else _sooner(before.cut_after, cut_after),
    )


def _each_once(sent: Sequence[Sent]) -> Tuple[Sent, ...]:
    return tuple(sorted(dict.fromkeys(sent), key=lambda one: one.after))


def _sooner(one: Optional[float], other: Optional[float]) -> Optional[float]:
    return other if one is None else one if other is None else min(one, other)


def _is_called(name: str, value: str) -> bool:
    """Whether supervisorctl(1) means a process by a word: its name, all of its group, or all there are."""
    group = name.partition(":")[0]
    return value in (name, f"{group}:*", "all") or (value == group and ":" not in name)


def _of_supervisor(deed: Deed, service: WebService) -> Tuple[Blow, ...]:
    """Return what supervisord sends: its stopsignal and, after stopwaitsecs, KILL."""
    stopping = service.supervised
    if deed.verb == SIGNAL or stopping is None or stopping.signal is None:
        return tuple(Blow(sent.signal, sent.after, True, False) for sent in deed.sent)
    everyone = bool(stopping.as_group)
    blow = Blow(job_units.signal_name(stopping.signal), 0.0, True, everyone)
    kill = [] if stopping.seconds is None else [Blow("KILL", stopping.seconds, True, everyone)]
    return (blow, *kill)
