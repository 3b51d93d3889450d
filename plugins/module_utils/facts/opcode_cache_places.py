# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which directories of a host are opcode caches on disk, of which engine, and who is configured with each."""

import os
import re
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..formats import eaccelerator
from ..formats.php_ini import is_on
from ..host import Host
from ..policy import Policy
from ..tree import Stat
from . import eaccelerator_scripts, opcache_scripts
from .cached_script import EACCELERATOR, ENGINE_NAMES, OPCACHE
from .php_builds import PhpBuilds, Runtime

NAMED = "named"
CONFIGURED = "configured"

EACCELERATOR_DEFAULT = "/tmp/eaccelerator"  # nosec: what eaccelerator.c has where no php.ini says more

# systemd.exec(5), PrivateTmp=: a service sees /tmp/systemd-private-BOOT-UNIT-RANDOM/tmp as its /tmp, and so /var/tmp.
_TEMPORARY = re.compile(r"((?:/var)?/tmp)(/.*)\Z", re.DOTALL)
_PRIVATE = "systemd-private-"


class Place(NamedTuple):
    """A directory that is a cache.

    path: its physical path. origins: NAMED, CONFIGURED. stat: of the directory. runtimes: those configured with it.
    """

    path: str
    engine: str
    origins: Tuple[str, ...]
    stat: Stat
    runtimes: Tuple[Runtime, ...]


_Configured = Dict[Tuple[str, str], List[Runtime]]  # by physical path and engine
_Wanted = Tuple[str, str, Tuple[str, ...]]  # physical path, engine, origins


def find(host: Host, policy: Policy, php: PhpBuilds, unseen: List[str]) -> List[Place]:
    """Return the caches that are wanted and there, by path; what could not be seen is added to ``unseen``."""
    configured = _configured(host, php, unseen)
    if not policy.opcode_cache.paths:
        wanted: List[_Wanted] = [(path, engine, (CONFIGURED,)) for path, engine in configured if _wants(policy, engine)]
    else:
        wanted = [one for path in policy.opcode_cache.paths for one in _named(host, policy, path, configured, unseen)]
    places = []
    for path, engine, origins in sorted(set(wanted)):
        try:
            seen = host.stat(path)
        except Missing:
            continue  # it was removed meanwhile
        except CannotLook as error:
            unseen.append(str(error))
            continue
        places.append(Place(path, engine, origins, seen, tuple(configured.get((path, engine), ()))))
    return places


def chroot(runtime: Runtime) -> str:
    """Return where a pool has its root, "" for the host's own: it opens its cache after it has gone there."""
    return runtime.settings.get("chroot", "").rstrip("/")


def _wants(policy: Policy, engine: str) -> bool:
    return policy.opcode_cache.engine in ("auto", engine)


# What is configured.


def _configured(host: Host, php: PhpBuilds, unseen: List[str]) -> _Configured:
    users: _Configured = {}
    for runtime in php.runtimes:
        for engine, path in _caches_of(runtime):
            for place in _places_of(host, path, unseen):
                users.setdefault((place, engine), []).append(runtime)
    return users


def _caches_of(runtime: Runtime) -> List[Tuple[str, str]]:
    """Return the engine and the directory of each cache."""
    settings = runtime.settings
    wanted = [(OPCACHE, settings.get("opcache.file_cache", ""))]
    loaded = "eaccelerator" in settings.get("zend_extension", "") + settings.get("extension", "")
    if not is_on(settings, "eaccelerator.shm_only", False):
        wanted.append((EACCELERATOR, settings.get("eaccelerator.cache_dir", EACCELERATOR_DEFAULT if loaded else "")))
    return [(engine, chroot(runtime) + path) for engine, path in wanted if path.startswith("/")]


def _places_of(host: Host, path: str, unseen: List[str]) -> List[str]:
    """Return the physical paths of a directory that is configured: of as many as there are services with one."""
    places: List[str] = []
    try:
        for one in (path, *_private(host, path)):
            try:
                places.append(_physical(host, one))
            except Missing:
                continue  # nothing was cached there yet
    except CannotLook as error:
        unseen.append(str(error))
    return places


def _private(host: Host, path: str) -> List[str]:
    """Return what a path below /tmp is for services that have a /tmp of their own, as php-fpm has on RHEL."""
    temporary = _TEMPORARY.match(path)
    if temporary is None:
        return []
    top, rest = temporary.groups()
    try:
        private = [f"{top}/{name}" for name in host.list(top) if name.startswith(_PRIVATE)]
        # systemd makes them as root; anybody may make one that is called so.
        return [f"{one}/tmp{rest}" for one in private if host.stat(one).uid == 0]
    except Missing:
        return []  # there is no such directory, or a service was stopped at this very moment


def _physical(host: Host, path: str) -> str:
    """Return where a directory is, with the administrator's links on the way and at its end resolved."""
    return os.path.dirname(host.physical(f"{path}/entry"))


# What is named.


def _named(host: Host, policy: Policy, path: str, configured: _Configured, unseen: List[str]) -> List[_Wanted]:
    """Return the caches that a path of the options names: none, and a reason in unseen, where it is refused."""
    try:
        physical = _physical(host, path)
        engines = [engine for known, engine in configured if known == physical and _wants(policy, engine)]
        if engines:
            return [(physical, engine, (NAMED, CONFIGURED)) for engine in engines]
        if host.is_mount(physical):
            raise CannotLook(
                f"{path}: it is a mount point that no PHP here is configured with, so it is refused; name the "
                "directory in it that is the cache"
            )
        engine = _engine(policy, host.list(physical), path)
    except Missing:
        return []
    except CannotLook as error:
        unseen.append(str(error))
        return []
    return [(physical, engine, (NAMED,))] if engine else []


def _engine(policy: Policy, names: Sequence[str], path: str) -> Optional[str]:
    """Return whose cache a directory is, by the names in it; None where it is empty."""
    makes = {
        OPCACHE: any(opcache_scripts.is_system_id(name) for name in names),
        EACCELERATOR: any(eaccelerator.parse_name(name) or eaccelerator_scripts.enters(name) for name in names),
    }
    engines = [engine for engine, is_its in makes.items() if is_its and _wants(policy, engine)]
    if len(engines) == 1 or not names:
        return engines[0] if engines else None
    wanted = ENGINE_NAMES.get(policy.opcode_cache.engine, "eAccelerator or OPcache")
    what = "entries of both engines" if engines else f"no entry of {wanted}"
    raise CannotLook(
        f"{path}: it holds {what}, so it is refused; name the cache directory, and engine where it can be either"
    )
