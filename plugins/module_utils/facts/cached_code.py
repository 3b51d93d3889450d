# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts that each segment holds, set against the files and the releases of now.

ext/opcache: the engine keeps a script's time only where validate_timestamps is on, and 0 for a preloaded one, which it
never looks at again. last_used is when the request began that used a script last. A file that is younger than
file_update_protection when a request begins is not cached by it: what was used before the file came is another one.
"""

from typing import Iterable, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook
from ..formats.probe_answer import CachedScript, Opcache, ProbeAnswer
from ..host import Host
from ..policy import Policy
from . import cached_releases, fpm_masters, runtime_cache, script_files, stored_scripts
from .cached_releases import OtherRelease
from .runtime_cache import RuntimeCaches, Segment
from .script_files import File, is_plain

SLACK_SECONDS = 2.0  # the engine's times are whole seconds, of a clock that is not the file system's own
PRELOADED = "$PRELOAD$"  # the name under which the engine lists what it has of all preloaded scripts together


class Outdated(NamedTuple):
    """A cached script whose file is another by now: file_time is the file's, None where there is no such file.

    timestamp: of the file that was compiled, None where the engine does not know it. changed: when the file was changed
    or went, at the latest. used: when the last request began that was served the script, None for none, as with those
    that are only preloaded. stored: whether it is in opcache.file_cache, from where a reset brings it back. Seconds
    since the epoch.
    """

    path: str
    timestamp: Optional[int]
    file_time: Optional[float]
    used: Optional[int]
    changed: float
    preloaded: bool = False
    stored: bool = False


class SegmentCode(NamedTuple):
    """master: of the segment. outdated: all of them that are for sure. doubtful: those whose file came after the cache
    was begun, which may be what was compiled or not, for the engine does not tell. compared: how many scripts were.

    oldest: the earliest time of a file that was compiled, where the engine knows it. unseen: why some scripts could not
    be compared, and how many. unlinked: why it is not known of some releases which is current.
    """

    master: int
    compared: int
    outdated: Tuple[Outdated, ...]
    others: Tuple[OtherRelease, ...]
    oldest: Optional[int]
    unseen: Tuple[str, ...]
    doubtful: Tuple[Outdated, ...] = ()
    unlinked: Tuple[str, ...] = ()


class CachedCode(NamedTuple):
    segments: Tuple[SegmentCode, ...]


class _Memory(NamedTuple):
    """When a cache was begun, and begun anew, as its scripts that are not preloaded were; what it protects from.

    stored: when the scripts that it takes back from a file cache, whatever their files are by now, were stored there.
    """

    started: float
    emptied: float
    protected: bool
    stored: Mapping[str, float]


def gather(host: Host, policy: Policy) -> CachedCode:
    """Set every cached script against its file, as the pool sees it. Raises as runtime_cache.gather() does."""
    seen = host.once(runtime_cache.gather, policy)
    return CachedCode(tuple(_segment(host, policy, seen, one) for one in seen.segments))


def _segment(host: Host, policy: Policy, seen: RuntimeCaches, segment: Segment) -> SegmentCode:
    empty = SegmentCode(segment.master, 0, (), (), None, ())
    if segment.opcache is None:
        return empty
    if segment.scripts is None:
        return empty._replace(unseen=(f"{segment.name}: {segment.scripts_reason or 'its scripts are not known'}",))
    scripts = [script for script in segment.scripts if script.path != PRELOADED]
    inside, roots = host.within(segment.master), _roots(host, policy, segment.master)
    try:
        paths = [script.path for script in scripts]
        files = script_files.look(inside, roots, paths)
        answers = [one.answer for one in seen.pools if one.master == segment.master and one.answer is not None]
        stored = stored_scripts.times(inside, roots, stored_scripts.directories(answers), list(files.files))
        inside.stat("/")  # of a master that ended meanwhile every file would seem to be gone
    except CannotLook as error:
        return empty._replace(unseen=(f"{segment.name}: its scripts could not be compared with their files: {error}",))
    told = _compared(scripts, files.files, _memory(answers, segment.opcache, stored))
    unlinked: List[str] = []
    return told._replace(
        master=segment.master,
        others=tuple(_others(inside, policy, roots, [one for one in scripts if is_plain(one.path)], unlinked)),
        unseen=tuple(f"{segment.name}: of {len(scripts)} cached scripts {reason}" for reason in files.unseen),
        unlinked=tuple(dict.fromkeys(unlinked)),
    )


def _roots(host: Host, policy: Policy, master: int) -> List[str]:
    """Return what the pools of a master take for /: they share one memory, which does not tell whose a path is."""
    pools = [
        pool for one in host.once(fpm_masters.gather, policy).masters if one.process.pid == master for pool in one.pools
    ]
    return list(dict.fromkeys(pool.settings.get("chroot", "").rstrip("/") for pool in pools)) or [""]


def _memory(answers: Sequence[ProbeAnswer], opcache: Opcache, stored: Mapping[str, float]) -> _Memory:
    return _Memory(
        started=opcache.started,
        emptied=max(opcache.started, opcache.restarted),
        protected=all(one.settings.get("opcache.file_update_protection", "2") not in ("0", "") for one in answers),
        stored=stored,
    )


def _compared(scripts: Iterable[CachedScript], files: Mapping[str, Tuple[File, ...]], memory: _Memory) -> SegmentCode:
    outdated: List[Outdated] = []
    doubtful: List[Outdated] = []
    times: List[int] = []
    compared = 0
    for script in scripts:
        there = files.get(script.path)
        if there is None:
            continue
        compared += 1
        if script.timestamp:
            times.append(script.timestamp)
        same = _is_same(script, there, memory)
        if not same:
            (doubtful if same is None else outdated).append(_outdated(script, there, memory))
    return SegmentCode(0, compared, tuple(outdated), (), min(times, default=None), (), tuple(doubtful))


def _is_same(script: CachedScript, files: Sequence[File], memory: _Memory) -> Optional[bool]:
    """Whether a script was compiled from one of the files that its path may lead to; None where nothing tells."""
    if files[0].modified is None:
        return False
    if script.timestamp:
        return any(int(one.modified or 0) == script.timestamp for one in files)
    stored = memory.stored.get(script.path)
    begun = memory.started if script.preloaded else memory.emptied
    if all(int(one.changed) <= begun and (stored is None or one.changed <= stored) for one in files):
        return True
    compiled = stored or (begun if script.preloaded else script.used)  # at the latest
    came = min(min(one.modified or 0.0, one.changed) for one in files)
    return False if memory.protected and compiled and came > compiled + SLACK_SECONDS else None


def _outdated(script: CachedScript, files: Sequence[File], memory: _Memory) -> Outdated:
    last = max(files, key=lambda one: one.changed)
    return Outdated(
        path=script.path,
        timestamp=script.timestamp or None,
        file_time=last.modified,
        used=script.used or None,
        changed=last.changed,
        preloaded=script.preloaded,
        stored=not script.timestamp and script.path in memory.stored,
    )


def _others(
    inside: Host, policy: Policy, roots: Sequence[str], scripts: Sequence[CachedScript], unlinked: List[str]
) -> Iterable[OtherRelease]:
    for root in roots:
        layouts = cached_releases.layouts(inside, root, scripts, policy.runtime_cache.releases, unlinked)
        yield from cached_releases.others(layouts, root, scripts)
