# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every limit of time that a request to a pool meets, from the load balancer to the stop of the service."""

import math
import os
import re
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook
from ..formats.init_script import stop_signal
from ..host import Host
from ..policy import Policy
from . import fastcgi_fronts, fpm_changes, php_builds
from .fastcgi_fronts import Front
from .fpm_changes import MasterChanges, in_force
from .fpm_masters import FpmMaster, FpmPool
from .php_builds import Runtime

PROCESS_CONTROL = "process_control_timeout"
TERMINATE = "request_terminate_timeout"
INPUT = "max_input_time"
EXECUTION = "max_execution_time"
SOCKET = "default_socket_timeout"
READ = "fastcgi_read_timeout"
STOP = "TimeoutStopSec"
BALANCER = "balancer_timeout"

INIT_SCRIPT_LIMIT = 256 * 1024  # bytes

# request_terminate_timeout is looked at each third of it, so a request may take a third longer (fpm_pctl_heartbeat()).
TERMINATE_FACTOR = 4 / 3

BUILT_IN = "default"
POLICY = "policy"
_PHP_DEFAULTS = {EXECUTION: "30", INPUT: "-1", SOCKET: "60"}  # php-src, main/main.c and ext/standard/file.c
_WHOLE = re.compile(r"-?[0-9]{1,10}\Z")
_SECONDS = re.compile(r"([0-9]{1,10})s?\Z")


class Limit(NamedTuple):
    """One limit. seconds: None where it limits nothing.

    source: ``file:line``, BUILT_IN where nothing says it, POLICY, or the name of a unit. in_force: False where it was
    read from a file that changed after php-fpm was started or reloaded, None where that is not certain.
    """

    name: str
    seconds: Optional[float]
    source: str
    in_force: Optional[bool]


class PoolLimits(NamedTuple):
    """The limits of one pool. The three of PHP are None where its ini files are not known. reads: one a front."""

    pool: FpmPool
    fronts: Tuple[Front, ...]
    reads: Tuple[Limit, ...]
    terminate: Limit
    track_finished: bool
    input: Optional[Limit]
    execution: Optional[Limit]
    socket: Optional[Limit]


class MasterLimits(NamedTuple):
    """control: process_control_timeout. stop: how long systemd waits before it kills, None without a unit.

    init_stop: the signal that its init script stops it with, such as QUIT, None without one, or where it is not seen.
    """

    master: FpmMaster
    control: Limit
    stop: Optional[Limit]
    init_stop: Optional[str]
    pools: Tuple[PoolLimits, ...]


class FpmTimeLimits(NamedTuple):
    """balancer: what the policy says of it, None where it says nothing. The rest are sentences, each about one gap:
    in what is known of masters, of what nginx waits for them, and of their PHP's ini files.
    """

    masters: Tuple[MasterLimits, ...]
    balancer: Optional[Limit]
    unseen: Tuple[str, ...]
    unseen_fronts: Tuple[str, ...]
    unseen_ini: Tuple[str, ...]


def gather(host: Host, policy: Policy) -> FpmTimeLimits:
    """Return the limits of every running master. Raises CannotLook where processes cannot be seen."""
    changes = host.once(fpm_changes.gather, policy)
    unseen: List[str] = []
    without_fronts: List[str] = []
    without_ini: List[str] = []
    fronts = _fronts(host, policy, without_fronts) if changes.masters else {}
    runtimes = _runtimes(host, policy, without_ini) if changes.masters else {}
    masters = []
    for changed in changes.masters:
        try:
            masters.append(_of_master(host, changed, fronts, runtimes, unseen, without_ini))
        except CannotLook as error:
            unseen.append(str(error))
    seconds = policy.php_fpm.balancer_timeout
    balancer = Limit(BALANCER, float(seconds), POLICY, True) if seconds else None
    return FpmTimeLimits(tuple(masters), balancer, _once(unseen), _once(without_fronts), _once(without_ini))


def _once(sentences: Sequence[str]) -> Tuple[str, ...]:
    return tuple(dict.fromkeys(sentences))


def longest_request(pool: PoolLimits, policy: Policy) -> Optional[float]:
    """Return for how long a request to a pool may run, in seconds, None where nothing says it."""
    bounds = [float(policy.php_fpm.longest_request)] if policy.php_fpm.longest_request else []
    if pool.terminate.seconds is not None and pool.terminate.in_force is True:
        bounds.append(float(math.ceil(pool.terminate.seconds * TERMINATE_FACTOR)))
    return min(bounds) if bounds else None


def limit_of(settings: Mapping[str, str], sources: Mapping[str, str], name: str, changed: MasterChanges) -> Limit:
    """Return one of php-fpm's own limits; 0, its default, is none. Raises CannotLook where it is no time."""
    text = settings.get(name, "0")
    found = _SECONDS.match(text)
    if found is None:
        raise CannotLook(f"{sources.get(name, BUILT_IN)}: {name} = {text[:100]!r} is no time in seconds")
    source = sources.get(name, BUILT_IN)
    return Limit(name, float(found.group(1)) or None, source, in_force(changed, source))


def _fronts(host: Host, policy: Policy, unseen: List[str]) -> Mapping[str, Sequence[Front]]:
    """Return the fronts by what _place() says of their addresses."""
    try:
        seen = host.once(fastcgi_fronts.gather, policy)
    except CannotLook as error:
        unseen.append(f"what nginx waits for php-fpm: {error}")
        return {}
    unseen.extend(seen.unseen)
    found: Dict[str, List[Front]] = {}
    for front in seen.fronts:
        found.setdefault(_place(front.address), []).append(front)
    return found


def _place(address: str) -> str:
    """Return the path of an address, or its port: what a pool and its fronts have in common."""
    return address if address.startswith("/") else address.rpartition(":")[2]


def _runtimes(host: Host, policy: Policy, unseen: List[str]) -> Mapping[Tuple[int, str], Runtime]:
    """Return how PHP is configured to run, by the master's pid and the name of the pool."""
    try:
        seen = host.once(php_builds.gather, policy)
    except CannotLook as error:
        unseen.append(f"what the ini files of PHP say: {error}")
        return {}
    return {(pid, one.pool): one for one in seen.runtimes if one.pool is not None for pid in one.masters}


def _of_master(
    host: Host,
    changed: MasterChanges,
    fronts: Mapping[str, Sequence[Front]],
    runtimes: Mapping[Tuple[int, str], Runtime],
    unseen: List[str],
    without_ini: List[str],
) -> MasterLimits:
    master = changed.master
    if not master.pools:
        why = f": {master.unknown[-1]}" if master.unknown else ""
        raise CannotLook(f"php-fpm {master.process.pid}: what it is configured with is not known{why}")
    return MasterLimits(
        master=master,
        control=limit_of(master.settings, master.sources, PROCESS_CONTROL, changed),
        stop=Limit(STOP, master.unit.stop_seconds, master.unit.name, True) if master.unit else None,
        init_stop=_init_stop(host, master, unseen),
        pools=tuple(_of_pool(host, changed, pool, fronts, runtimes, without_ini) for pool in master.pools),
    )


def _init_stop(host: Host, master: FpmMaster, unseen: List[str]) -> Optional[str]:
    if master.init_script is None:
        return None
    try:
        return stop_signal(os.fsdecode(host.read(master.init_script, INIT_SCRIPT_LIMIT, follow=True)))
    except CannotLook as error:
        unseen.append(str(error))
        return None


def _of_pool(
    host: Host,
    changed: MasterChanges,
    pool: FpmPool,
    fronts: Mapping[str, Sequence[Front]],
    runtimes: Mapping[Tuple[int, str], Runtime],
    unseen: List[str],
) -> PoolLimits:
    own = _served(host, pool, fronts) if changed.master.root == "/" else ()
    runtime = runtimes.get((changed.master.process.pid, pool.name))
    if runtime is None:
        unseen.append(
            f"pool {pool.name} of {changed.master.root.rstrip('/')}{changed.master.configuration}: which ini files its "
            f"PHP reads is not known, nor its {EXECUTION}, {INPUT} and {SOCKET}"
        )
    return PoolLimits(
        pool=pool,
        fronts=own,
        reads=tuple(Limit(READ, one.read_timeout, one.read_timeout_source or BUILT_IN, None) for one in own),
        terminate=limit_of(pool.settings, pool.sources, TERMINATE, changed),
        track_finished=pool.settings.get(TERMINATE + "_track_finished", "no") in ("yes", "1", "on", "true"),
        input=_of_php(runtime, INPUT, changed, unseen),
        execution=_of_php(runtime, EXECUTION, changed, unseen),
        socket=_of_php(runtime, SOCKET, changed, unseen),
    )


def _served(host: Host, pool: FpmPool, fronts: Mapping[str, Sequence[Front]]) -> Tuple[Front, ...]:
    if pool.address is None:
        return ()
    address = fastcgi_fronts.physical(host, pool.address)
    near = fronts.get(_place(address), ())
    return tuple(front for front in near if fastcgi_fronts.serves(front.address, address))


def _of_php(runtime: Optional[Runtime], name: str, changed: MasterChanges, unseen: List[str]) -> Optional[Limit]:
    """Return one of PHP's limits: 0 and less is none, but less is max_execution_time for max_input_time."""
    if runtime is None:
        return None
    text = runtime.settings.get(name, _PHP_DEFAULTS[name]).strip()
    source = runtime.sources.get(name, BUILT_IN)
    if not _WHOLE.match(text):
        unseen.append(f"{source}: {name} = {text[:100]!r} is no whole number of seconds")
        return None
    if name == INPUT and int(text) < 0:
        execution = _of_php(runtime, EXECUTION, changed, unseen)
        return execution._replace(name=INPUT) if execution else None
    return Limit(name, float(text) if int(text) > 0 else None, source, in_force(changed, source))
