# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Log files with those that logrotate(8) has made of them: their ends, by time, within bounds.

A log may be larger than memory, its directory may belong to the web user, and a compressed file may be a bomb.
"""

import bz2
import os
import re
import time
import zlib
from typing import Any, Callable, Dict, List, NamedTuple, Tuple

from ..errors import CannotLook, Malformed, TooLarge
from ..formats.fpm_log import When
from ..host import Host

try:
    import lzma
except ImportError:  # a Python that was built without it; such files are then said to be unread
    lzma = None  # type: ignore[assignment]

TAIL = 8 * 1024 * 1024  # bytes of each file that are read, from its end
TOTAL = 32 * 1024 * 1024  # of a log with all that it was rotated to
COMPRESSED_LIMIT = 16 * 1024 * 1024
INFLATED_LIMIT = 64 * 1024 * 1024
MEMORY_LIMIT = 128 * 1024 * 1024  # that a decompressor may ask for
FILES_LIMIT = 100
_STEP = 1024 * 1024
# php-fpm.log.1, php-fpm.log.2.gz, php-fpm.log-20261121.xz (dateext), php-fpm-20261121.log (extension)
_ROTATED = r"{name}[.-][0-9]{{1,14}}(?:-[0-9]{{1,14}})?{extension}(?P<packed>\.(?:gz|bz2|xz|zst))?\Z"


_Unpacked = Tuple[bytes, bool]  # the end of what was unpacked, and whether there is more of it


class LogFile(NamedTuple):
    """The end of one file: text, undecodable bytes as surrogates."""

    path: str
    text: str


class Log(NamedTuple):
    """files: oldest first. cut: there is more of the period than was read. unread: files of it that could not be."""

    files: Tuple[LogFile, ...]
    cut: bool
    unread: Tuple[str, ...]


def read(host: Host, path: str, since: float) -> Log:
    """Return a log from the time ``since`` on, in seconds since the epoch. Raises CannotLook where there is none."""
    content = host.read_end(path, TAIL)
    files, left = [LogFile(path, os.fsdecode(content))], TOTAL - len(content)
    cut = len(content) == TAIL
    unread: List[str] = []
    for older in [] if cut else _rotated(host, path, since, unread):
        if left <= 0 or cut:
            return Log(tuple(reversed(files)), True, tuple(unread))
        try:
            content, cut = _end(host, older, min(TAIL, left))
        except (TooLarge, Malformed) as error:
            unread.append(str(error))
            cut = True  # it took its time; a hundred bombs would take a hundred times as long
            continue
        except CannotLook as error:
            unread.append(str(error))
            continue
        files.append(LogFile(older, os.fsdecode(content)))
        left -= len(content)
    return Log(tuple(reversed(files)), cut, tuple(unread))


def seconds(when: When) -> float:
    """Return seconds since the epoch of a time of the host's own zone, as logs have it."""
    return time.mktime((*when, 0, 0, -1))


def local(moment: float) -> When:
    """Return a time of the host's own zone, as logs have it."""
    return time.localtime(moment)[:6]


def _rotated(host: Host, path: str, since: float, unread: List[str]) -> List[str]:
    """Return what a log was rotated to and was written since, newest first."""
    directory, base = os.path.split(path)
    stem, extension = os.path.splitext(base)
    patterns = [re.compile(_ROTATED.format(name=re.escape(base), extension=""))]
    if extension:
        patterns.append(re.compile(_ROTATED.format(name=re.escape(stem), extension=re.escape(extension))))
    written: Dict[str, int] = {}
    try:
        names = [name for name in host.list(directory) if any(pattern.match(name) for pattern in patterns)]
        for name in names:
            older = os.path.join(directory, name)
            written[older] = host.stat(older).mtime_ns
    except CannotLook as error:  # also where it is rotated at this moment
        unread.append(str(error))
    recent = [older for older in written if written[older] >= since * 10**9]
    return sorted(recent, key=lambda older: -written[older])[:FILES_LIMIT]


def _end(host: Host, path: str, limit: int) -> _Unpacked:
    """Return the end of a file, unpacked, and whether there is more of it."""
    extension = os.path.splitext(path)[1]
    if extension == ".zst" or (extension == ".xz" and lzma is None):
        raise CannotLook(f"{path}: this Python cannot unpack {extension}; unpack it to have it looked at")
    if extension not in _UNPACKERS:
        content = host.read_end(path, limit)
        return content, len(content) == limit
    packed = host.read(path, COMPRESSED_LIMIT)
    try:
        return _unpacked(packed, _UNPACKERS[extension](), path, limit)
    except _BAD as error:
        raise Malformed(f"{path}: it cannot be unpacked ({error}); it is damaged, or no such file") from error


def _unpacked(packed: bytes, unpack: Callable[[bytes, int], Tuple[bytes, bytes]], path: str, limit: int) -> _Unpacked:
    end, size = b"", 0
    while packed:
        piece, rest = unpack(packed, _STEP)
        if not piece and len(rest) == len(packed):
            break  # it ends within a stream; what there is was had
        packed = rest
        size += len(piece)
        end = (end + piece)[-limit:]
        if size > INFLATED_LIMIT:
            raise TooLarge(f"{path}: it unpacks to more than {INFLATED_LIMIT} bytes; unpack it by hand", path=path)
    return end, size > limit


def _gzip() -> Callable[[bytes, int], Tuple[bytes, bytes]]:
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def unpack(packed: bytes, limit: int) -> Tuple[bytes, bytes]:
        piece = stream.decompress(packed, limit)
        return piece, stream.unconsumed_tail

    return unpack


def _by_object(stream: Any) -> Callable[[bytes, int], Tuple[bytes, bytes]]:
    """bz2 and lzma keep what they have not used, so all is given once and asked for until they want more."""
    given: List[bool] = []

    def unpack(packed: bytes, limit: int) -> Tuple[bytes, bytes]:
        if stream.eof or (given and stream.needs_input):
            return b"", b""
        piece = stream.decompress(b"" if given else packed, limit)
        given.append(True)
        return piece, b"" if stream.eof else packed

    return unpack


_UNPACKERS: Dict[str, Callable[[], Callable[[bytes, int], Tuple[bytes, bytes]]]] = {
    ".gz": _gzip,
    ".bz2": lambda: _by_object(bz2.BZ2Decompressor()),
    ".xz": lambda: _by_object(lzma.LZMADecompressor(memlimit=MEMORY_LIMIT)),
}
_BAD = (zlib.error, OSError, EOFError, ValueError) + ((lzma.LZMAError,) if lzma else ())
