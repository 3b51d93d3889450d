# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a probe is asked to do in a pool, and what it answers. The answer comes out of a web application: untrusted.

Behind a marker stand pieces of four texts, each of which ends in NUL: a tag, a name and two values. Texts of paths are
bytes of the file system. The last piece, ``end``, says how many there are.
"""

import os
import re
from typing import Any, Callable, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple, TypeVar, get_type_hints

from ..errors import Malformed
from ..plain import one_line

T = TypeVar("T")

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

    timestamp is None where the engine keeps none: with validate_timestamps=0 it never looks at the file. preloaded: by
    opcache.preload, so it stays until php-fpm is reloaded or restarted.
    """

    path: str
    timestamp: Optional[int]
    used: Optional[int]
    preloaded: bool = False


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
    """apcu_cache_info(true) and apcu_sma_info(true). expunges: by lack of memory.

    started: when php-fpm started. Once it was emptied, APCu 5.1.22 takes that for seconds since the machine started.
    """

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
    they were not asked for or cannot be listed (then reasons["scripts"]), without those of probes and without what was
    invalidated. returned: by cache, what its reset function returned; reasons["reset_<cache>"]: why it is missing
    there, or what PHP said to a False. invalidated: by path, whether it is no longer cached. compiled: one each, in
    order. opcache_before: as it was just before this very request reset it, None where it was not to.
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
    opcache_before: Optional[Opcache] = None


class Done(NamedTuple):
    """What a probe said that it did, though its answer may have been cut short. Fields as those of a ProbeAnswer.

    ended: whether it came to its end. fatal: what kept it from that, in PHP's words.
    """

    returned: Mapping[str, bool]
    invalidated: Mapping[str, bool]
    compiled: Tuple[Compiled, ...]
    opcache_before: Optional[Opcache]
    ended: bool
    fatal: Optional[str]


LINKS_LIMIT = 1000
SCRIPTS_BYTES = 15 * 1024 * 1024  # of the list of scripts; some 100,000 of them
SCRIPT_BYTES = 40  # of it, that each script takes besides its path
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

_WHOLE = re.compile(rb"-?[0-9]{1,16}\Z")  # more digits are no time that has a date
_FRACTION = re.compile(rb"[0-9]{1,16}(?:\.[0-9]{1,9})?\Z")
_TEXT_LIMIT = 16 * 1024  # bytes of a text that is no path; disable_functions may be long
_TAGS = frozenset(
    b"pid version now setting opcache opcache_before apcu yac realpath link reason script scripts preloaded returned "
    b"invalidated compiled fatal end".split()
)
_NAMES = {
    b"setting": frozenset(SETTINGS),
    b"reason": frozenset(
        [*CACHES, *(f"reset_{one}" for one in CACHES), "settings", "scripts", "invalidate", "compile"]
    ),
}
_PIECE = 4
_TEXTS_LIMIT = _PIECE * (SCRIPTS_BYTES // SCRIPT_BYTES + 10000)


def words(task: Task, marker: str, until: float) -> str:
    """Return a task as the script takes it. until: seconds since the epoch, after which it is not to be done."""
    return (
        f"marker={marker} until={until:.3f} scripts={int(task.scripts)} reset={','.join(task.reset)} "
        f"invalidate={len(task.invalidate)} compile={len(task.compile)}"
    )


def paths(task: Task) -> bytes:
    """Return the paths of a task as the script takes them, in its body."""
    return b"".join(os.fsencode(path) + b"\0" for path in (*task.invalidate, *task.compile))


def parse(body: bytes, marker: bytes) -> ProbeAnswer:
    """Return what stands behind ``marker`` in a body, whatever the application printed around it. Raises Malformed."""
    return Printed(body, marker).answer()


class _RealpathSize(NamedTuple):
    used: int
    entries: int


class Printed:
    """What a probe printed behind ``marker``, perhaps not to its end. Raises Malformed where no probe printed it."""

    def __init__(self, body: bytes, marker: bytes) -> None:
        begin = body.find(marker)
        if begin < 0:
            raise Malformed("there is no answer of the probe in what the pool printed")
        texts = body[begin + len(marker) :].split(b"\0", _TEXTS_LIMIT)[:-1]
        self._pieces: Dict[bytes, List[Tuple[bytes, bytes, bytes]]] = {tag: [] for tag in _TAGS}
        self._lacking: Dict[str, str] = {}
        for tag, *values in zip(*[iter(texts)] * _PIECE):
            if tag not in _TAGS:
                shown = one_line(_text(tag[:40]))
                raise Malformed(f"the answer of the probe has a piece {shown!r}, which it never prints")
            self._pieces[tag].append((values[0], values[1], values[2]))
            if tag == b"end":
                break
        self.ended = bool(self._all(b"end"))
        if self.ended:
            self._demand_all()

    def done(self) -> Done:
        """What was done, as far as it was said. Raises Malformed."""
        return Done(
            self._flags(b"returned"),
            self._flags(b"invalidated"),
            self._compiled(),
            self._figures(b"opcache_before", Opcache),
            self.ended,
            self._fatal(),
        )

    def answer(self) -> ProbeAnswer:
        """All of it. Raises Malformed, also where it did not come to its end."""
        if not self.ended:
            fatal = self._fatal()
            raise Malformed("the answer of the probe ends before its end" + (f": {fatal}" if fatal else ""))
        links = tuple(Link(os.fsdecode(path), os.fsdecode(target)) for path, target, _unused in self._all(b"link"))
        realpath = self._figures(b"realpath", _RealpathSize)
        return ProbeAnswer(
            pid=_whole(self._one(b"pid")),
            version=one_line(_text(self._one(b"version"))),
            now=_fraction(self._one(b"now")),
            settings=dict(self._named(b"setting")),
            opcache=self._figures(b"opcache", Opcache),
            apcu=self._figures(b"apcu", Apcu),
            yac=self._figures(b"yac", Yac),
            realpath=Realpath(realpath.used, realpath.entries, links[:LINKS_LIMIT]) if realpath else None,
            reasons=self._reasons(),
            scripts=self._scripts(),
            returned=self._flags(b"returned"),
            invalidated=self._flags(b"invalidated"),
            compiled=self._compiled(),
            opcache_before=self._figures(b"opcache_before", Opcache),
        )

    def _demand_all(self) -> None:
        number = sum(map(len, self._pieces.values()))
        said = _whole(self._one(b"end"))
        if said != number:
            raise Malformed(f"the answer of the probe has {number} pieces, and says that it has {said}")

    def _fatal(self) -> Optional[str]:
        """What PHP said when it ended the script."""
        said = self._all(b"fatal")
        return one_line(_text(said[0][1])) if said else None

    def _all(self, tag: bytes) -> List[Tuple[bytes, bytes, bytes]]:
        """The pieces with a tag, in their order."""
        return self._pieces[tag]

    def _one(self, tag: bytes) -> bytes:
        """The only value of a tag. Raises Malformed."""
        found = self._all(tag)
        if len(found) != 1:
            raise Malformed(f"the answer of the probe says {tag.decode()} {len(found)} times")
        return found[0][1]

    def _figures(self, tag: bytes, kind: Callable[..., T]) -> Optional[T]:
        """All numbers of a tag as a value; None, and a reason, where the engine did not say all of them."""
        said = {name.decode("ascii", "replace"): value for name, value, _unused in self._all(tag)}
        if not said:
            return None
        kinds = get_type_hints(kind)
        values = {name: _READ[kinds[name]](said[name]) if name in said else None for name in kinds}
        missing = [name for name, value in values.items() if value is None and kinds[name] != Optional[int]]
        if missing:
            self._lacking[tag.decode()] = f"this version of it does not say its {', '.join(missing)}"
            return None
        return kind(**values)

    def _reasons(self) -> Dict[str, str]:
        """Why nothing is said of something; call it when all figures have been read."""
        return {**self._lacking, **{name: one_line(value) for name, value in self._named(b"reason")}}

    def _named(self, tag: bytes) -> Iterator[Tuple[str, str]]:
        """Yield the names and values of a tag whose names are known. Raises Malformed for another."""
        for name, value, _unused in self._all(tag):
            if _text(name) not in _NAMES[tag]:
                shown = one_line(_text(name[:40]))
                raise Malformed(f"the answer of the probe has a {tag.decode()} {shown!r}, which it never prints")
            yield _text(name), _text(value)

    def _scripts(self) -> Optional[Tuple[CachedScript, ...]]:
        """The list, None where it was not said whole."""
        if not self._all(b"scripts"):
            return None
        preloaded = {path for path, _first, _second in self._all(b"preloaded")}
        return tuple(
            CachedScript(
                os.fsdecode(path), _whole(time) if time else None, _whole(used) if used else None, path in preloaded
            )
            for path, time, used in self._all(b"script")
        )

    def _flags(self, tag: bytes) -> Dict[str, bool]:
        """What is yes or no, by cache or path."""
        return {os.fsdecode(name): _flag(value) for name, value, _unused in self._all(tag)}

    def _compiled(self) -> Tuple[Compiled, ...]:
        """The files that it was told to compile, as far as it came."""
        return tuple(
            Compiled(os.fsdecode(path), one_line(_text(why)) if why else None)
            for path, why, _unused in self._all(b"compiled")
        )


def _whole(text: bytes) -> int:
    if not _WHOLE.match(text):
        raise Malformed(f"the answer of the probe has {one_line(_text(text[:40]))!r} where a whole number belongs")
    return int(text)


def _fraction(text: bytes) -> float:
    if not _FRACTION.match(text):
        raise Malformed(f"the answer of the probe has {one_line(_text(text[:40]))!r} where a number belongs")
    return float(text)


def _flag(text: bytes) -> bool:
    if text not in (b"0", b"1"):
        raise Malformed(f"the answer of the probe has {one_line(_text(text[:40]))!r} where 0 or 1 belongs")
    return text == b"1"


def _text(text: bytes) -> str:
    return text[:_TEXT_LIMIT].decode("utf-8", "backslashreplace")


_READ: Mapping[Any, Any] = {int: _whole, Optional[int]: _whole, float: _fraction, bool: _flag}
