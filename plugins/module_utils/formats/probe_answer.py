# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a probe is asked to do in a pool, and what it answers. The answer comes out of a web application: untrusted."""

from typing import Mapping, NamedTuple, Optional, Tuple

OPCACHE = "opcache"
APCU = "apcu"
YAC = "yac"
REALPATH = "realpath"
CACHES = (OPCACHE, APCU, YAC, REALPATH)


class Task(NamedTuple):
    """scripts: list every cached script. reset: of CACHES, those to empty (realpath: of the worker that answers).

    invalidate, compile: paths of scripts, in that order after the resets. What is seen is what is after all of them.
    """

    scripts: bool = False
    reset: Tuple[str, ...] = ()
    invalidate: Tuple[str, ...] = ()
    compile: Tuple[str, ...] = ()


class CachedScript(NamedTuple):
    """timestamp: modification time of the source when it was compiled. used: when it was served last. Whole seconds.

    timestamp is None where the engine keeps none: with validate_timestamps=0 it never looks at the file.
    """

    path: str
    timestamp: Optional[int]
    used: Optional[int]


class Opcache(NamedTuple):
    """opcache_get_status(); sizes in bytes, times in seconds since the epoch, 0 for never.

    enabled: False while a restart is pending, and where it is switched off. preloaded: how many scripts are.
    """

    enabled: bool
    full: bool
    restart_pending: bool
    restart_in_progress: bool
    used: int
    free: int
    wasted: int
    wasted_percent: float
    strings_used: Optional[int]
    strings_free: Optional[int]
    scripts: int
    keys: int
    keys_limit: int
    hits: int
    misses: int
    started: int
    restarted: int
    out_of_memory_restarts: int
    hash_restarts: int
    manual_restarts: int
    preloaded: int


class Apcu(NamedTuple):
    """apcu_cache_info(true) and apcu_sma_info(true). started: when it was emptied last. expunges: by lack of memory."""

    entries: int
    hits: int
    misses: int
    expunges: int
    started: int
    memory: int
    free: int


class Yac(NamedTuple):
    """Yac::info()."""

    memory: int
    slots: int
    slots_used: int
    hits: int
    misses: int
    kicks: int


class Link(NamedTuple):
    """An entry of the worker's realpath cache whose path leads elsewhere, and to where, as that worker has it."""

    path: str
    target: str


class Realpath(NamedTuple):
    """The realpath cache of the worker that answered. links: at most LINKS_LIMIT of those that lead elsewhere."""

    used: int
    entries: int
    links: Tuple[Link, ...]


class Compiled(NamedTuple):
    """reason: None where it is cached now, else why not."""

    path: str
    reason: Optional[str]


class ProbeAnswer(NamedTuple):
    """What one worker says.

    pid: its own, to be compared with the workers that the host sees. now: its clock. settings: ini values by name, of
    SETTINGS; what no extension knows is left out. reasons: by cache (of CACHES), why nothing is said of it: no such
    extension, switched off, restricted, disable_functions; opcache and the others are None there. scripts: None where
    they were not asked for or cannot be listed (then reasons["scripts"]). returned: by cache, what its reset function
    returned. invalidated: by path, whether it is no longer cached. compiled: one each, in order.
    """

    pid: int
    version: str
    now: float
    settings: Mapping[str, str]
    opcache: Optional[Opcache]
    apcu: Optional[Apcu]
    yac: Optional[Yac]
    realpath: Optional[Realpath]
    reasons: Mapping[str, str]
    scripts: Optional[Tuple[CachedScript, ...]]
    returned: Mapping[str, bool]
    invalidated: Mapping[str, bool]
    compiled: Tuple[Compiled, ...]


LINKS_LIMIT = 1000
SETTINGS: Tuple[str, ...] = (
    "open_basedir",
    "disable_functions",
    "realpath_cache_size",
    "realpath_cache_ttl",
    "opcache.enable",
    "opcache.validate_timestamps",
    "opcache.revalidate_freq",
    "opcache.revalidate_path",
    "opcache.memory_consumption",
    "opcache.interned_strings_buffer",
    "opcache.max_accelerated_files",
    "opcache.max_wasted_percentage",
    "opcache.force_restart_timeout",
    "opcache.file_update_protection",
    "opcache.restrict_api",
    "opcache.file_cache",
    "opcache.file_cache_only",
    "opcache.preload",
    "apc.enabled",
    "apc.shm_size",
    "yac.enable",
)


def parse(body: bytes, marker: bytes) -> ProbeAnswer:
    """Return what stands behind ``marker`` in a body, whatever the application printed around it. Raises Malformed."""
    raise NotImplementedError
