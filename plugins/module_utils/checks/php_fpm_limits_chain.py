# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which limits of time of a pool contradict each other, what that costs, and which numbers would not.

From inside out each has to be longer than the one before: default_socket_timeout, request_terminate_timeout (which
ends a request within a third more than it says), process_control_timeout, fastcgi_read_timeout, the load balancer's.
"""

import math
from typing import List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..facts.fpm_time_limits import (
    BALANCER,
    EXECUTION,
    INPUT,
    PROCESS_CONTROL,
    READ,
    SOCKET,
    STOP,
    TERMINATE,
    Limit,
    MasterLimits,
    PoolLimits,
)
from ..model import LOW, MEDIUM, SEVERITIES
from ..policy import Policy

LONGEST = "longest_request"
MARGIN = 5  # seconds between one limit and the next
QUIT = 3  # SIGQUIT

KILLED_EARLY = "request_terminate_timeout is shorter than requests may take"
ANSWERED_EARLY = "nginx gives up before requests have to end"
ENDLESS = "nothing ends a request that nginx has given up"
KILLED_LATE = "a request runs on after nginx has given up"
RELOAD_TOO_LONG = "a reload may take longer than nginx waits"
STOP_TOO_SHORT = "systemd kills before process_control_timeout is over"
BALANCER_FIRST = "the load balancer gives up before nginx does"
PEER_KILLS = "a peer that does not answer gets the worker killed"
PEER_TOO_LATE = "a peer that does not answer is given up too late"
NO_SHUTDOWN = "a script without end is killed without its shutdown functions"
INPUT_NEVER = "max_input_time never comes into effect"


class Contradiction(NamedTuple):
    """Two limits of which the first should be shorter than the second, with what it costs that it is not."""

    kind: str
    shorter: str
    longer: str
    severity: str
    says: str


class Proposal(NamedTuple):
    """A limit that should have another value. now, proposed: seconds; now None for no limit. where: it is set there."""

    limit: str
    where: str
    now: Optional[float]
    proposed: int


def longest_request(pool: PoolLimits, policy: Policy) -> Optional[int]:
    """Return what the slowest request may take, in seconds: as the policy says, else until php-fpm ends it."""
    return policy.php_fpm.longest_request or killed_by(pool.terminate)


def killed_by(terminate: Limit) -> Optional[int]:
    """Return after how many seconds a request is ended at the latest: php-fpm looks each third of its timeout."""
    return math.ceil(terminate.seconds * 4 / 3) if terminate.seconds else None


def contradictions(
    pool: PoolLimits, master: MasterLimits, balancer: Optional[Limit], policy: Policy
) -> List[Contradiction]:
    """Return the pairs of limits that contradict each other, the worst first."""
    longest, ends = policy.php_fpm.longest_request, pool.terminate.seconds
    found = []
    if longest and ends and ends < longest:
        says = f"requests may take {longest} s, and php-fpm kills each after {span(pool.terminate)}, half executed"
        found.append(Contradiction(KILLED_EARLY, LONGEST, TERMINATE, MEDIUM, says))
    found += _of_nginx(pool, master.control, balancer, policy) + _of_php(pool, policy) + _of_stop(master)
    return sorted(found, key=lambda one: SEVERITIES.index(one.severity))


def span(terminate: Limit) -> str:
    return f"{terminate.seconds or 0:g} to {killed_by(terminate)} s"


def patience(pool: PoolLimits) -> Optional[float]:
    """Return how long the least patient front waits for the pool, in seconds; None where none is known."""
    return min((limit.seconds for limit in pool.reads if limit.seconds), default=None)


def _of_nginx(pool: PoolLimits, control: Limit, balancer: Optional[Limit], policy: Policy) -> List[Contradiction]:
    waits = patience(pool)
    if waits is None:
        return []
    found = [*_given_up(pool, waits, policy)]
    if control.seconds and control.seconds >= waits:
        says = (
            f"a reload makes new requests wait for up to {control.seconds:g} s, and nginx answers them with 504 after "
            f"{waits:g} s; they are executed all the same"
        )
        found.append(Contradiction(RELOAD_TOO_LONG, PROCESS_CONTROL, READ, MEDIUM, says))
    patient = max(limit.seconds or 0 for limit in pool.reads)
    if balancer and balancer.seconds and patient >= balancer.seconds:
        says = f"the load balancer gives up after {balancer.seconds:g} s, where nginx waits {patient:g} s"
        found.append(Contradiction(BALANCER_FIRST, READ, BALANCER, MEDIUM, says))
    return found


def _given_up(pool: PoolLimits, waits: float, policy: Policy) -> List[Contradiction]:
    longest, ends, latest = policy.php_fpm.longest_request, pool.terminate.seconds, killed_by(pool.terminate)
    found = []
    if longest >= waits:
        says = f"requests may take {longest} s, and nginx answers 504 after {waits:g} s while they are executed"
        found.append(Contradiction(ANSWERED_EARLY, LONGEST, READ, MEDIUM, says))
    if ends is None or latest is None:
        says = f"nginx answers 504 after {waits:g} s; the request keeps its worker, and nothing ends it"
        found.append(Contradiction(ENDLESS, TERMINATE, READ, LOW, says))
    elif latest >= waits:
        severity = MEDIUM if ends >= waits else LOW
        says = f"nginx answers 504 after {waits:g} s, and the request goes on until php-fpm kills it after "
        says += span(pool.terminate)
        found.append(Contradiction(KILLED_LATE, TERMINATE, READ, severity, says))
    return found


def _of_php(pool: PoolLimits, policy: Policy) -> List[Contradiction]:
    ends = pool.terminate.seconds
    found = []
    if pool.socket and ends and _reaches(pool.socket, ends):
        says = f"whoever waits for a peer that does not answer is killed after {span(pool.terminate)}, where PHP would "
        says += f"go on with an error after {_seconds(pool.socket)}"
        found.append(Contradiction(PEER_KILLS, SOCKET, TERMINATE, MEDIUM, says))
    elif pool.socket and not ends:
        found += _late_peer(pool, pool.socket, policy)
    if pool.execution and ends and _reaches(pool.execution, ends):
        says = f"a script that computes without end is killed after {span(pool.terminate)}, before PHP would end it "
        says += f"properly after {_seconds(pool.execution)} of processor time"
        found.append(Contradiction(NO_SHUTDOWN, EXECUTION, TERMINATE, LOW, says))
    reading = own_input(pool)
    if reading and ends and _reaches(reading, ends):
        says = f"PHP would give up reading input after {_seconds(reading)}; it is killed after {span(pool.terminate)}"
        found.append(Contradiction(INPUT_NEVER, INPUT, TERMINATE, LOW, says))
    return found


def _late_peer(pool: PoolLimits, socket: Limit, policy: Policy) -> List[Contradiction]:
    longest, waits = policy.php_fpm.longest_request, patience(pool)
    name, seconds = (LONGEST, float(longest)) if longest else (READ, waits)
    if seconds is None or not _reaches(socket, seconds):
        return []
    end = f"a request may take {seconds:g} s" if longest else f"nginx gives up after {seconds:g} s"
    says = f"PHP waits {_seconds(socket)} for a peer that does not answer, and {end}"
    return [Contradiction(PEER_TOO_LATE, SOCKET, name, LOW, says)]


def _of_stop(master: MasterLimits) -> List[Contradiction]:
    unit, stop, control = master.master.unit, master.stop, master.control.seconds
    if unit is None or stop is None or not control or unit.kill_signal != QUIT or not unit.send_sigkill:
        return []
    if stop.seconds is None or stop.seconds > control:
        return []
    says = f"a stop may take {control:g} s, and systemd kills all that is left after {stop.seconds:g} s"
    return [Contradiction(STOP_TOO_SHORT, PROCESS_CONTROL, STOP, MEDIUM, says)]


def _reaches(limit: Limit, seconds: float) -> bool:
    return limit.seconds is None or limit.seconds >= seconds


def _seconds(limit: Limit) -> str:
    return f"{limit.seconds:g} s" if limit.seconds else "no time at all"


# What would not contradict.


def proposals(
    pool: PoolLimits, master: MasterLimits, balancer: Optional[Limit], policy: Policy
) -> Tuple[Proposal, ...]:
    """Return the limits that should be others, from inside out; none where nothing says how long a request may take."""
    if longest_request(pool, policy) is None:
        return ()
    ends = _ends(pool, policy)
    latest = math.ceil(ends * 4 / 3)
    control = proposed_control(master.control, policy.php_fpm.longest_request or latest)
    wanted = [
        _Wanted(pool.socket, "pool", _is_below(pool.socket, ends), max(ends // 2, 1)),
        _Wanted(pool.execution, "pool", _is_below(pool.execution, ends), max(ends - MARGIN, ends // 2, 1)),
        _Wanted(own_input(pool), "pool", _is_below(own_input(pool), ends), max(ends - MARGIN, ends // 2, 1)),
        _Wanted(pool.terminate, "pool", pool.terminate.seconds == ends, ends),
        _Wanted(master.control, "global", master.control.seconds == control, control),
        *_around(pool, balancer, max(control, latest)),
        _Wanted(master.stop, "systemd", _is_above(master.stop, control), control + MARGIN),
    ]
    return tuple(
        Proposal(one.limit.name, one.where, one.limit.seconds, one.proposed)
        for one in wanted
        if one.limit and not one.fits
    )


class _Wanted(NamedTuple):
    limit: Optional[Limit]
    where: str
    fits: bool
    proposed: int


def _around(pool: PoolLimits, balancer: Optional[Limit], inner: int) -> List[_Wanted]:
    """Return what nginx and the load balancer should wait, where php-fpm may need ``inner`` seconds."""
    waits = patience(pool)
    if waits is None:
        return []
    reads = inner + MARGIN
    patient = max(reads, math.ceil(max(limit.seconds or 0 for limit in pool.reads)))
    return [
        _Wanted(pool.reads[0]._replace(seconds=waits), "nginx", waits > inner, reads),
        _Wanted(balancer, "load balancer", _is_above(balancer, patient), patient + MARGIN),
    ]


def _ends(pool: PoolLimits, policy: Policy) -> int:
    """Return what request_terminate_timeout should be: as it is, where it lets every request end."""
    now, longest = pool.terminate.seconds, policy.php_fpm.longest_request
    return math.ceil(now) if now and now >= longest else longest


def proposed_control(control: Limit, longest: int) -> int:
    """Return what process_control_timeout should be: as it is, where it is long enough."""
    return math.ceil(control.seconds) if control.seconds and control.seconds >= longest else longest + MARGIN


def _is_below(limit: Optional[Limit], seconds: float) -> bool:
    return bool(limit and limit.seconds and limit.seconds < seconds)


def _is_above(limit: Optional[Limit], seconds: float) -> bool:
    return bool(limit and (limit.seconds is None or limit.seconds > seconds))


def own_input(pool: PoolLimits) -> Optional[Limit]:
    """Return max_input_time; None where it is -1, which means what max_execution_time says."""
    inherits = pool.input and pool.execution and pool.input.source == pool.execution.source
    return None if inherits else pool.input


def with_values(pool: PoolLimits, values: Mapping[str, int]) -> PoolLimits:
    """Return the pool as it would be with other values of its own limits."""
    return pool._replace(
        terminate=pool.terminate._replace(seconds=values.get(TERMINATE, pool.terminate.seconds)),
        input=_with_value(pool.input, values),
        execution=_with_value(pool.execution, values),
        socket=_with_value(pool.socket, values),
    )


def _with_value(limit: Optional[Limit], values: Mapping[str, int]) -> Optional[Limit]:
    return limit._replace(seconds=values.get(limit.name, limit.seconds)) if limit else None


def kinds(found: Sequence[Contradiction]) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(one.kind for one in found))
