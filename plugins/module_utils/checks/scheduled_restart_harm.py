# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a job does to requests and to a service, how bad that is, and which check says so.

By the effects of signals (formats/signal_effects.py), and for what cuts in time by the limits of the service itself.
"""

from typing import List, NamedTuple, Optional, Sequence

from ..facts.fpm_time_limits import MasterLimits
from ..facts.job import LOGROTATE
from ..facts.job_deeds import SIGNAL, UNIT
from ..facts.job_effects import ALL, WORKERS, Hit, JobEffects
from ..facts.job_facts import JobFacts
from ..facts.job_services import JobServices
from ..facts.scheduled_overview import signals
from ..formats.signal_effects import APACHE, AT_ONCE, DIES, HAPROXY, IN_TIME, NGINX, PHP_FPM, RELOADS, STOPS
from ..model import HIGH, LOW, MEDIUM, SEVERITIES
from ..policy import Policy
from .php_fpm_reload_losses import KEEPALIVE, NO_GRACE, NOT_IN_FORCE, SHORT_GRACE, UNBOUNDED, longest, reload_losses

KILLS_IN_FLIGHT = "scheduled_restart.kills_in_flight"
WRONG_SIGNAL = "scheduled_restart.wrong_signal_in_logrotate"
ESCALATES = "scheduled_restart.escalates_to_kill"
STOPS_SERVICE = "scheduled_restart.stops_service"
UNTESTED = "scheduled_restart.reload_without_test"

NO_PROOF = "nothing proves that requests take so long: say in longest_request what the slowest may take"
RELOAD_ONCE = "reload php-fpm once, drained: from then on requests are given the time that its configuration says"
TEST_IT = "a reload is no reason to end a job; with state graceful a test of the configuration is put before it"
LEAKS = "shared memory, semaphores and queues of what it kills stay behind for good (sysv_ipc)"

_FOR_MASTERS = ("SIGUSR1", "SIGUSR2", "SIGHUP")
_SEVERITIES = {NO_GRACE: HIGH, SHORT_GRACE: HIGH, NOT_IN_FORCE: MEDIUM, KEEPALIVE: MEDIUM, UNBOUNDED: LOW}
_SPARED = {UNBOUNDED: NO_PROOF, NOT_IN_FORCE: RELOAD_ONCE}
_INSTEAD = {
    PHP_FPM: "if it has to be, reload it by SIGUSR2, with process_control_timeout above the longest request",
    NGINX: "if it has to be, test its configuration and reload it by SIGHUP",
    APACHE: "if it has to be, restart it gracefully by SIGUSR1",
    HAPROXY: "if it has to be, reload it by SIGUSR2 to its master",
}
_REOPENS = {
    PHP_FPM: "SIGUSR1 to the master alone opens the logs anew, and cuts nothing",
    NGINX: "SIGUSR1 to the master alone opens the logs anew, and cuts nothing",
    APACHE: "a graceful restart by SIGUSR1 opens the logs anew, and cuts nothing",
    HAPROXY: "HAProxy logs by syslog, so there is nothing to be told to it",
}


class Harm(NamedTuple):
    """One harm of one hit. says: what happens, as the end of a sentence on the job. do: what to do about it.

    always: each run does it to whatever is in flight. spared: why a job is not taken from the schedule for it alone.
    """

    check: str
    severity: str
    hit: Hit
    says: str
    do: str
    always: bool = False
    spared: Optional[str] = None


def harms_of(effects: JobEffects, services: JobServices, policy: Policy) -> List[Harm]:
    """Return every harm of a job, the worst first. What never runs does none."""
    if effects.job.never is not None:
        return []
    found = [harm for hit in effects.hits for harm in _of_hit(effects.job.kind == LOGROTATE, hit, services, policy)]
    return sorted(found, key=lambda harm: SEVERITIES.index(harm.severity))


def unjudged(known: JobFacts) -> List[str]:
    """Say which jobs cannot be judged, because nothing is known of the limits of a php-fpm that they reach."""
    limits = known.services.limits
    pids = {one.master.process.pid for one in limits.masters} if limits else set()
    why = "; ".join(limits.unseen) if limits and limits.unseen else "run with become"
    return [
        f"{one.job.object}: how long php-fpm {pid} lets requests end is not known: {why}"
        for one in known.restarts.jobs
        for hit in one.hits
        for pid in hit.masters
        if one.job.never is None and hit.family == PHP_FPM and hit.cuts == IN_TIME and pid not in pids
    ]


def _of_hit(in_logrotate: bool, hit: Hit, services: JobServices, policy: Policy) -> List[Harm]:
    kill = _kill(hit, services, policy)
    if kill is not None and in_logrotate:
        kill = kill._replace(do=_REOPENS[hit.family])
    wrong = _wrong_signal(hit, kill) if in_logrotate else None
    rest = None if kill else _stop(hit) or (None if wrong else _untested(hit))
    found = (kill, wrong, _escalation(hit, services), rest)
    return [
        harm if hit.certain else harm._replace(severity=_lower(harm.severity)) for harm in found if harm is not None
    ]


def _lower(severity: str) -> str:
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, SEVERITIES.index(LOW))]


def _kill(hit: Hit, services: JobServices, policy: Policy) -> Optional[Harm]:
    if hit.does == DIES or hit.cuts == AT_ONCE:
        return Harm(KILLS_IN_FLIGHT, HIGH, hit, _at_once(hit), _INSTEAD[hit.family], always=True)
    if hit.cuts != IN_TIME:
        return None
    if hit.family != PHP_FPM:
        return _late(hit, None, _longest_of_host(services, policy))
    found = [harm for master in _limits(hit, services) for harm in _in_time(hit, master, policy)]
    return min(found, key=lambda harm: SEVERITIES.index(harm.severity), default=None)


def _at_once(hit: Hit) -> str:
    name = (*signals(hit), "a signal")[0]
    if hit.reaches == WORKERS or (hit.reaches == ALL and name in _FOR_MASTERS):
        return "that is for masters, and each worker that gets it dies at once with its request"
    if name == "SIGKILL":
        return f"that ends it with every request in flight, and {LEAKS}"
    if hit.does == DIES:
        return "its master dies of that, and its workers end with what they do before it can be started again"
    whatever = ", whatever process_control_timeout says" if hit.family == PHP_FPM else ""
    return f"that kills every request in flight{whatever}"


def _limits(hit: Hit, services: JobServices) -> Sequence[MasterLimits]:
    """Return the limits of the masters that a hit reaches, or may; a unit that is named and stopped has none."""
    masters = services.limits.masters if services.limits else ()
    if not hit.masters and hit.deed.target.kind != UNIT:
        return masters
    return [one for one in masters if one.master.process.pid in hit.masters]


def _in_time(hit: Hit, master: MasterLimits, policy: Policy) -> List[Harm]:
    late = _late(hit, master.control.seconds, longest(master, policy))
    found = [late] if late else []
    for loss in reload_losses(master, policy):
        if hit.does == RELOADS or loss.kind != KEEPALIVE:
            severity, always, spared = _SEVERITIES[loss.kind], loss.kind == NO_GRACE, _SPARED.get(loss.kind)
            found.append(Harm(KILLS_IN_FLIGHT, severity, hit, loss.says, loss.do, always, spared))
    return found


def _late(hit: Hit, allowed: Optional[float], needed: Optional[int]) -> Optional[Harm]:
    """Return the harm of a later signal: allowed, needed are what the service lets requests take and what they may."""
    after = hit.cut_after
    if after is None or (needed is not None and needed <= after):
        return None
    if needed is None and (allowed is None or allowed <= after):
        return None
    says = f"what is in flight after {after:g} s is killed, and requests may take {needed or allowed:g} s"
    return Harm(KILLS_IN_FLIGHT, HIGH, hit, says, _INSTEAD[hit.family])


def _longest_of_host(services: JobServices, policy: Policy) -> Optional[int]:
    """Return what the slowest request may take that comes through a web server; None where nothing says it."""
    each = [longest(master, policy) for master in services.limits.masters] if services.limits else []
    known = [seconds for seconds in each if seconds is not None]
    return max(known) if known and len(known) == len(each) else policy.php_fpm.longest_request or None


def _wrong_signal(hit: Hit, kill: Optional[Harm]) -> Optional[Harm]:
    if kill is not None and kill.spared != NO_PROOF:
        return kill._replace(check=WRONG_SIGNAL)
    if hit.does == STOPS:
        return Harm(WRONG_SIGNAL, HIGH, hit, "it serves nothing meanwhile", _REOPENS[hit.family])
    if hit.does == RELOADS and hit.family == PHP_FPM:
        return Harm(WRONG_SIGNAL, LOW, hit, "every pool stalls until it is done", _REOPENS[hit.family])
    return None


def _escalation(hit: Hit, services: JobServices) -> Optional[Harm]:
    """Return the harm of a KILL that follows: by the job's own words, or before process_control_timeout is over."""
    if not hit.kills_after or not (hit.deed.verb == SIGNAL or _is_killed_early(hit, services)):
        return None
    leaks = f"; {LEAKS}" if hit.family in (PHP_FPM, APACHE) else ""
    says = f"what has not ended after {hit.kills_after:g} s is killed by SIGKILL{leaks}"
    return Harm(ESCALATES, MEDIUM, hit, says, "let it end by itself, and look at what keeps it")


def _is_killed_early(hit: Hit, services: JobServices) -> bool:
    if hit.family != PHP_FPM or hit.does != STOPS or hit.cuts != IN_TIME:
        return False
    return any((one.control.seconds or 0) >= (hit.kills_after or 0) for one in _limits(hit, services))


def _stop(hit: Hit) -> Optional[Harm]:
    if hit.does != STOPS:
        return None
    queued = "what has queued on its sockets is lost, and " if hit.family == PHP_FPM else ""
    until = "what comes until it runs again is refused"
    if not hit.starts:
        until = "it serves nothing until something else starts it again"
    cut = f"; what is in flight after {hit.cut_after:g} s is killed" if hit.cut_after is not None else ""
    return Harm(STOPS_SERVICE, MEDIUM, hit, f"{queued}{until}{cut}", _INSTEAD[hit.family])


def _untested(hit: Hit) -> Optional[Harm]:
    if hit.does != RELOADS or hit.tested or hit.family not in (PHP_FPM, APACHE):
        return None
    says = "with a mistake in its configuration it ends instead, and every pool or site with it"
    do = "test the configuration first, and reload only where it passes"
    return Harm(UNTESTED, LOW, hit, says, do, spared=TEST_IT)
