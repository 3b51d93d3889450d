# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the administrator wants, a NamedTuple a subject, and the options of the modules that say it.

The option tables are Ansible argument specs; every field of a policy is an option of the same name and default.
"""

import re
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

from .errors import Refused

# What `listen` of a pool may be: a path, a port, or a host and a port.
_ADDRESS = re.compile(r"/[^\0]+\Z|(?:[^/:]+:|\[[0-9a-fA-F:.]+\]:)?[0-9]{1,5}\Z")

SYSV_IPC_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    min_age=dict(type="int", default=600),
    kinds=dict(
        type="list",
        elements="str",
        choices=["segment", "semaphore", "queue"],
        default=["segment", "semaphore", "queue"],
    ),
    owners=dict(type="list", elements="str", default=[]),
    keys=dict(type="list", elements="str", default=[], no_log=False),
    ids=dict(type="list", elements="int", default=[]),
    keep_owners=dict(type="list", elements="str", default=[]),
    keep_keys=dict(type="list", elements="str", default=[], no_log=False),
    disposable_owners=dict(type="list", elements="str", default=[]),
    disposable_keys=dict(type="list", elements="str", default=[], no_log=False),
    near_limit_percent=dict(type="int", default=80),
    snapshot_limit=dict(type="int", default=16 * 1024 * 1024),
)

PIDFILE_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    paths=dict(type="list", elements="path", default=[]),
    usual_places=dict(type="bool", default=True),
)

OPCODE_CACHE_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    paths=dict(type="list", elements="path", default=[]),
    engine=dict(type="str", choices=["auto", "eaccelerator", "opcache"], default="auto"),
    depth=dict(type="str", choices=["auto", "checksum", "structure"], default="auto"),
    structure_seconds=dict(type="int", default=10),
    quarantine_limit=dict(type="int", default=1 << 30),
)

PHP_FPM_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    configurations=dict(type="list", elements="path", default=[]),
    ask_pools=dict(type="bool", default=True),
    longest_request=dict(type="int", default=0),
    balancer_timeout=dict(type="int", default=0),
    history_days=dict(type="int", default=14),
    stuck_percent=dict(type="int", default=50),
    stuck_seconds=dict(type="int", default=5),
)

NGINX_OPTIONS: Dict[str, Dict[str, Any]] = dict(old_worker_seconds=dict(type="int", default=3600))

PHP_DAEMON_OPTIONS: Dict[str, Dict[str, Any]] = dict(releases=dict(type="list", elements="path", default=[]))

SCHEDULED_RESTART_OPTIONS: Dict[str, Dict[str, Any]] = dict(jobs=dict(type="list", elements="str", default=[]))

RUNTIME_CACHE_OPTIONS: Dict[str, Dict[str, Any]] = dict(
    probe=dict(type="bool", default=False),
    sockets=dict(type="list", elements="str", default=[]),
    releases=dict(type="list", elements="path", default=[]),
    deploys_reset_cache=dict(type="bool", default=False),
    pending_seconds=dict(type="int", default=5),
    answer_seconds=dict(type="int", default=5),
)

OPTIONS = {
    "sysv_ipc": SYSV_IPC_OPTIONS,
    "pidfile": PIDFILE_OPTIONS,
    "opcode_cache": OPCODE_CACHE_OPTIONS,
    "php_fpm": PHP_FPM_OPTIONS,
    "nginx": NGINX_OPTIONS,
    "php_daemon": PHP_DAEMON_OPTIONS,
    "scheduled_restart": SCHEDULED_RESTART_OPTIONS,
    "runtime_cache": RUNTIME_CACHE_OPTIONS,
}

# Looks that leave a trace on the host: only the info module of the subject takes them, and only when asked.
PROBE_OPTIONS: Dict[str, Dict[str, Dict[str, Any]]] = {"sysv_ipc": dict(read_headers=dict(type="bool", default=False))}

# Options of a subject that have another default in its own info module: who calls that wants just this look.
INFO_DEFAULTS: Dict[str, Dict[str, Any]] = {"runtime_cache": dict(probe=True)}

# What is wanted beyond the mending of what is wrong: only the changing module of the subject takes it.
GOAL_OPTIONS: Dict[str, Dict[str, Dict[str, Any]]] = {
    "opcode_cache": dict(state=dict(type="str", choices=["clean", "absent"], default="clean")),
    "php_fpm": dict(write_limits=dict(type="bool", default=False)),
    "scheduled_restart": dict(
        state=dict(type="str", choices=["disabled", "graceful"], default="disabled"),
        splay=dict(type="int", default=0),
    ),
}


class SysvIpcPolicy(NamedTuple):
    """Which IPC objects are looked at, and which of them may go. Ages in seconds, sizes in bytes.

    Empty owners, keys and ids select everything. Owners are user names or uids as text; keys are numbers.
    """

    min_age: int
    kinds: Sequence[str]
    owners: Sequence[str]
    keys: Sequence[int]
    ids: Sequence[int]
    keep_owners: Sequence[str]
    keep_keys: Sequence[int]
    disposable_owners: Sequence[str]
    disposable_keys: Sequence[int]
    near_limit_percent: int
    snapshot_limit: int
    read_headers: bool


class PidfilePolicy(NamedTuple):
    """Which pidfiles are looked at: those named; with usual_places also those in /run and those of the masters."""

    paths: Sequence[str]
    usual_places: bool


ABSENT = "absent"  # the state of opcode caches in which no entry is wanted


class OpcodeCachePolicy(NamedTuple):
    """Which opcode caches on disk are looked at, how deeply, and whether bad entries or all of them are to go.

    Empty paths: every cache that an installed PHP is configured with. structure_seconds: how long auto may walk the
    structure of entries, a cache. quarantine_limit: bytes that a run keeps of what it takes away.
    """

    paths: Sequence[str]
    engine: str
    depth: str
    structure_seconds: int
    quarantine_limit: int
    state: str


class PhpFpmPolicy(NamedTuple):
    """How php-fpm is looked at and judged. Times in seconds; 0 for one that is not known.

    configurations: files of a php-fpm that should run, besides those of services. ask_pools: whether pools are asked
    for their status, which is a request to them. longest_request: what the slowest request may take. balancer_timeout:
    what the load balancer waits for a server. history_days: how far back logs are read. stuck_percent of a pool's
    workers that wait for one peer for stuck_seconds are too many. write_limits: the proposed limits may be written.
    """

    configurations: Sequence[str]
    ask_pools: bool
    longest_request: int
    balancer_timeout: int
    history_days: int
    stuck_percent: int
    stuck_seconds: int
    write_limits: bool


class NginxPolicy(NamedTuple):
    """old_worker_seconds: how long a worker may be shutting down."""

    old_worker_seconds: int


class PhpDaemonPolicy(NamedTuple):
    """releases: links or directories of the code that daemons run; what is newer there, a daemon does not run."""

    releases: Sequence[str]


GRACEFUL = "graceful"  # the state in which a job goes on, and cuts no request


class ScheduledRestartPolicy(NamedTuple):
    """What is to become of jobs that restart services: ``disabled`` or GRACEFUL.

    jobs: the only ones to judge, by their file or object; empty for all. splay: seconds over which hosts spread a job
    that was made graceful.
    """

    jobs: Sequence[str]
    state: str
    splay: int


class RuntimeCachePolicy(NamedTuple):
    """How the caches in the memory of php-fpm's pools are looked at and judged. Times in seconds.

    probe: whether pools are asked at all, which hands each a script. sockets: only the pools that listen there; empty
    for all. releases: links that lead to the current release. deploys_reset_cache: validate_timestamps=0 is on purpose.
    pending_seconds: how long a restart of the cache may be pending. answer_seconds: how long a pool may take to answer.
    """

    probe: bool
    sockets: Sequence[str]
    releases: Sequence[str]
    deploys_reset_cache: bool
    pending_seconds: int
    answer_seconds: int


class Policy(NamedTuple):
    sysv_ipc: SysvIpcPolicy
    pidfile: PidfilePolicy
    opcode_cache: OpcodeCachePolicy
    php_fpm: PhpFpmPolicy
    nginx: NginxPolicy
    php_daemon: PhpDaemonPolicy
    scheduled_restart: ScheduledRestartPolicy
    runtime_cache: RuntimeCachePolicy


def policy_from(options: Dict[str, Dict[str, Any]]) -> Policy:
    """Build the policy from the options of each subject; one that is left out keeps its defaults. Raises Refused."""
    return Policy(
        sysv_ipc=_sysv_ipc(_options("sysv_ipc", options)),
        pidfile=_pidfile(_options("pidfile", options)),
        opcode_cache=_opcode_cache(_options("opcode_cache", options)),
        php_fpm=_php_fpm(_options("php_fpm", options)),
        nginx=_nginx(_options("nginx", options)),
        php_daemon=_php_daemon(_options("php_daemon", options)),
        scheduled_restart=_scheduled_restart(_options("scheduled_restart", options)),
        runtime_cache=_runtime_cache(_options("runtime_cache", options)),
    )


def _options(subject: str, options: Dict[str, Dict[str, Any]]) -> Dict[str, Any]:
    given = options.get(subject) or {}
    return {name: given.get(name, spec["default"]) for name, spec in all_options(subject).items()}


def all_options(subject: str) -> Dict[str, Dict[str, Any]]:
    """Return the options of a subject with its probes and goals: what makes up its policy."""
    return dict(OPTIONS[subject], **PROBE_OPTIONS.get(subject, {}), **GOAL_OPTIONS.get(subject, {}))


def _sysv_ipc(values: Dict[str, Any]) -> SysvIpcPolicy:
    for name in ("keys", "keep_keys", "disposable_keys"):
        values[name] = [parse_key(text, name) for text in values[name]]
    if 0 in values["disposable_keys"]:
        raise Refused(
            "sysv_ipc.disposable_keys: 0 is no key, but the mark of an object without one; what of those is proven to "
            "be left behind needs no declaring; for the rest name their owner in disposable_owners"
        )
    _check_range("sysv_ipc", "min_age", values["min_age"], (0, 10 * 365 * 86400), "seconds")
    _check_range("sysv_ipc", "near_limit_percent", values["near_limit_percent"], (1, 100), "percent")
    _check_range("sysv_ipc", "snapshot_limit", values["snapshot_limit"], (0, 1 << 40), "bytes")
    return SysvIpcPolicy(**values)


def _pidfile(values: Dict[str, Any]) -> PidfilePolicy:
    _demand_absolute("pidfile", values["paths"])
    return PidfilePolicy(**values)


def _opcode_cache(values: Dict[str, Any]) -> OpcodeCachePolicy:
    _demand_absolute("opcode_cache", values["paths"])
    if any(not path.strip("/.") for path in values["paths"]):
        raise Refused("opcode_cache.paths: / is no cache; name the directory that the engine is configured with")
    _check_range("opcode_cache", "structure_seconds", values["structure_seconds"], (0, 86400), "seconds")
    _check_range("opcode_cache", "quarantine_limit", values["quarantine_limit"], (0, 1 << 40), "bytes")
    return OpcodeCachePolicy(**values)


def _php_fpm(values: Dict[str, Any]) -> PhpFpmPolicy:
    _demand_absolute("php_fpm", values["configurations"], "configurations")
    for name in ("longest_request", "balancer_timeout", "stuck_seconds"):
        _check_range("php_fpm", name, values[name], (0, 7 * 86400), "seconds")
    _check_range("php_fpm", "history_days", values["history_days"], (1, 365), "days")
    _check_range("php_fpm", "stuck_percent", values["stuck_percent"], (1, 100), "percent")
    return PhpFpmPolicy(**values)


def _nginx(values: Dict[str, Any]) -> NginxPolicy:
    _check_range("nginx", "old_worker_seconds", values["old_worker_seconds"], (0, 30 * 86400), "seconds")
    return NginxPolicy(**values)


def _php_daemon(values: Dict[str, Any]) -> PhpDaemonPolicy:
    _demand_absolute("php_daemon", values["releases"], "releases")
    return PhpDaemonPolicy(**values)


def _scheduled_restart(values: Dict[str, Any]) -> ScheduledRestartPolicy:
    _check_range("scheduled_restart", "splay", values["splay"], (0, 3600), "seconds")
    return ScheduledRestartPolicy(**values)


def _runtime_cache(values: Dict[str, Any]) -> RuntimeCachePolicy:
    _demand_absolute("runtime_cache", values["releases"], "releases")
    _demand_addresses("runtime_cache", values["sockets"])
    _check_range("runtime_cache", "pending_seconds", values["pending_seconds"], (1, 3600), "seconds")
    _check_range("runtime_cache", "answer_seconds", values["answer_seconds"], (1, 600), "seconds")
    return RuntimeCachePolicy(**values)


def _demand_absolute(subject: str, paths: Sequence[str], option: str = "paths") -> None:
    relative: List[str] = [path for path in paths if not path.startswith("/")]
    if relative:
        raise Refused(f"{subject}.{option}: {relative[0]!r} is not an absolute path; write it from / on")


def _demand_addresses(subject: str, addresses: Sequence[str]) -> None:
    strange = [address for address in addresses if not _ADDRESS.match(address)]
    if strange:
        raise Refused(
            f"{subject}.sockets: {strange[0]!r} is no address of a pool; write the path of its socket, or host and "
            "port (127.0.0.1:9000), as `listen` of the pool says it"
        )


def parse_key(text: str, option: str = "keys") -> int:
    """Return a key as the unsigned 32-bit number that ipcs(1) prints; hexadecimal with 0x, decimal may be negative."""
    try:
        number = int(str(text), 0)
    except ValueError as error:
        raise Refused(
            f"sysv_ipc.{option}: {text!r} is no key; write it as ipcs prints it, such as 0x6104e88b"
        ) from error
    if not -(1 << 31) <= number < 1 << 32:
        raise Refused(f"sysv_ipc.{option}: {text!r} does not fit the 32 bits of a key")
    return number & 0xFFFFFFFF


def _check_range(subject: str, name: str, value: int, bounds: Tuple[int, int], unit: str) -> None:
    if not bounds[0] <= value <= bounds[1]:
        raise Refused(f"{subject}.{name}: {value} is out of range; give {bounds[0]} to {bounds[1]} {unit}")
