# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A script that OPcache compiled into its file cache (php-src, ext/opcache/zend_file_cache.c), PHP 7.0 to 8.4.

A file is a header, then the script's memory, then its interned strings. docs/formats/opcache.md has the tables, and
what the loader of a real PHP does with each flaw. Numbers are in the host's own byte order, as a 64-bit build writes
them; there is no known layout of a 32-bit one.
"""

import hashlib
import os
import re
import struct
import zlib
from typing import FrozenSet, List, NamedTuple, Optional, Tuple

from ..errors import Malformed
from .flaw import Flaw

MAGIC = b"OPCACHE\0"
HEADER = 80  # bytes
_HEADER = struct.Struct("=8s32sQQQqI4x")  # zend_file_cache_metainfo
_SIZES_32 = struct.Struct("=II")  # of a 32-bit build: mem_size and str_size, at 40
_HEADERS_32 = (60, 64)  # bytes, with a time_t of 4 or 8; the checksum is the last number
_SYSTEM_ID = re.compile(r"[0-9a-f]{32}\Z")
_PLACE = re.compile(r"[0-9a-f]{32}(/.+)\.bin\Z", re.DOTALL)

ADLER_SEED = 1
# The loader allocates what the header says before it reads, and fails above memory_limit. This is the limit's default.
HUGE = 1 << 27
ZERO_TAIL = 512  # bytes of zeros at the end that no longer look like padding: a sector that was never written

# zend_persistent_script of 8.2: where its fields lie in the script's memory. Measured, docs/formats/opcache.md.
BODY_KNOWN = (8, 2)
_FILENAME, _TIMESTAMP, _SIZE, _BODY = 0, 384, 432, 440
_FIELDS = 1024  # bytes that zend_persistent_script has at most, in any version
_STRING = struct.Struct("=16xQ")  # zend_string: the length, after reference count, type and hash
_PATH_LIMIT = 4096  # bytes, PATH_MAX

# ZEND_BIN_ID with the sizes of a 64-bit build. SIZEOF_CHAR was never defined, so most builds have its name instead.
_SIZES_7_0 = ("BIN_SIZEOF_CHAR48888", "BIN_148888")
_SIZES_7_4 = ("BIN_48888",)
_SIZES_8_0 = ("BIN_4888(size_t)8", "BIN_48888")
_HOOKS = range(1 << 5)  # zend_ast_process, compile_file, execute_ex, execute_internal, interrupt_function, set or not


class Entry(NamedTuple):
    """What a file says of itself.

    mem_size, str_size, script_offset: bytes. timestamp: mtime of the script when it was compiled, seconds since the
    epoch; 0 where PHP did not look, with opcache.validate_timestamps=0. script: the path that it was compiled from,
    from its body; None where the offsets are not known, or the body can't be believed.
    """

    system_id: str
    mem_size: int
    str_size: int
    script_offset: int
    timestamp: int
    checksum: int
    script: Optional[str]


class Read(NamedTuple):
    """A file that was read. entry is None where there is no header to read it from."""

    entry: Optional[Entry]
    flaws: Tuple[Flaw, ...]


def read(data: bytes, minor: Optional[Tuple[int, int]]) -> Read:
    """Judge a whole file; ``minor``, such as (8, 2), is of the PHP that wrote it, None where that is not known.

    Raises Malformed for a file of a 32-bit build, which can't be judged.
    """
    if len(data) < HEADER:
        return Read(None, (Flaw("short", len(data), f"it has {len(data)} bytes, where its header has {HEADER}"),))
    magic, system_id, mem_size, str_size, script_offset, timestamp, checksum = _HEADER.unpack_from(data)
    if magic != MAGIC:
        return Read(None, (Flaw("magic", 0, f"it begins with {magic!r}, where {MAGIC!r} should stand"),))
    text = system_id.decode("ascii", "backslashreplace")
    entry = Entry(text, mem_size, str_size, script_offset, timestamp, checksum, None)
    if _is_of_32_bits(data):
        raise Malformed("it was written by a 32-bit PHP, whose layout is not known")
    flaws = _header_flaws(entry, len(data) - HEADER)
    if entry.mem_size + entry.str_size > len(data) - HEADER:
        return Read(entry, tuple(flaws))
    damage = _damage(entry, data)
    if damage:
        return Read(entry, (*flaws, damage))
    if minor != BODY_KNOWN or entry.mem_size + entry.str_size < _BODY:
        return Read(entry, tuple(flaws))
    return Read(entry._replace(script=_script(data, entry)), (*flaws, *_body_flaws(entry, data)))


def shows(data: bytes, entry: Entry, script: str) -> bool:
    """Whether a whole file, of whatever version of PHP, bears the name of its script and its own size where it may.

    Every version has both in the script's memory, the size among its first fields (zend_persistent_script); only of
    BODY_KNOWN the places are measured. False proves nothing: it is not known then whose the file is.
    """
    name = os.fsencode(script) + b"\0"
    size = struct.pack("=Q", entry.mem_size)
    return data.find(name, HEADER) > 0 and data.find(size, HEADER, HEADER + _FIELDS) > 0


def script_of(relative: str) -> Optional[str]:
    """Return the script that a file below the cache is for: ``ID/srv/app/index.php.bin`` is /srv/app/index.php's.

    None where the place is not one that OPcache makes.
    """
    place = _PLACE.match(relative)
    return place.group(1) if place else None


def system_ids(version: str, extension_build: str) -> FrozenSet[str]:
    """Return every id that such a 64-bit build can call its directory in the cache; empty where that is not computed.

    version: PHP_VERSION. extension_build: "Zend Extension Build" of phpinfo(), as API420220829,NTS. The id is an MD5 of
    both, of the sizes it was built with, and since 8.0 of the hooks that extensions set (Zend/zend_system_id.c). It is
    not computed for a development version, which adds its time of build, nor from 7.4.11 to the end of 7.4, which adds
    every module. An extension that handles opcodes itself, as xdebug does, or adds what it likes, changes the id of
    8.0 and newer to one that nobody can compute: an id that is not among these is not always another build's.
    """
    numbers = re.match(r"([0-9]+)\.([0-9]+)\.([0-9]+)", version)
    if numbers is None or "-dev" in version:
        return frozenset()
    release = (int(numbers.group(1)), int(numbers.group(2)), int(numbers.group(3)))
    if release >= (8, 0, 0):
        tails = [sizes.encode() + bytes([hooks]) for sizes in _SIZES_8_0 for hooks in _HOOKS]
    elif release >= (7, 4, 11) or release < (7, 0, 0):
        tails = []
    else:
        tails = [sizes.encode() for sizes in (_SIZES_7_4 if release >= (7, 4, 0) else _SIZES_7_0)]
    begin = os.fsencode(version + extension_build)
    return frozenset(_md5(begin + tail) for tail in tails)


def _md5(data: bytes) -> str:
    try:
        return hashlib.md5(data).hexdigest()
    except ValueError:  # a host in FIPS mode, whose Python then has this word
        return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _is_of_32_bits(data: bytes) -> bool:
    # Not by the sizes alone: one flipped bit can make them fit.
    covered = sum(_SIZES_32.unpack_from(data, 40))
    for header in _HEADERS_32:
        if header + covered == len(data):
            return struct.unpack_from("=I", data, header - 4) == (_checksum(data, header, len(data)),)
    return False


def _header_flaws(entry: Entry, present: int) -> List[Flaw]:
    flaws = []
    if not _SYSTEM_ID.match(entry.system_id):
        flaws.append(Flaw("system_id", 8, f"{entry.system_id!r} stands where 32 hexadecimal digits should"))
    said = f"mem_size {entry.mem_size} and str_size {entry.str_size}"
    wanted = entry.mem_size + entry.str_size
    if wanted >= 1 << 64:
        flaws.append(Flaw("sizes", 40, f"{said} together are more than 64 bits hold; {present} bytes follow"))
    elif wanted > max(present, HUGE):
        flaws.append(Flaw("mem_size", 40, f"{said} want {wanted} bytes of memory; {present} bytes follow"))
    elif wanted > present:
        flaws.append(Flaw("truncated", HEADER + present, f"{present} bytes follow the header, where {wanted} should"))
    elif wanted < present:
        flaws.append(Flaw("trailing", HEADER + wanted, f"{present - wanted} bytes follow its end"))
    if entry.script_offset:
        flaws.append(Flaw("script_offset", 56, f"{entry.script_offset} stands where 0 should"))
    return flaws


def _damage(entry: Entry, data: bytes) -> Optional[Flaw]:
    """Return what the checksum says of the bytes that it covers, all of which are there."""
    end = HEADER + entry.mem_size + entry.str_size
    found = _checksum(data, HEADER, end)
    if found == entry.checksum:
        return None
    detail = f"the checksum is {found:08x}, where the header says {entry.checksum:08x}"
    written = HEADER + len(data[HEADER:end].rstrip(b"\0"))
    if end - written >= ZERO_TAIL:
        return Flaw("zero_tail", written, f"the last {end - written} bytes are zeros, and {detail}")
    return Flaw("checksum", 72, detail)


def _checksum(data: bytes, start: int, end: int) -> int:
    return zlib.adler32(memoryview(data)[start:end], ADLER_SEED) & 0xFFFFFFFF


def _body_flaws(entry: Entry, data: bytes) -> List[Flaw]:
    flaws = []
    size, timestamp = _number(data, _SIZE), _number(data, _TIMESTAMP)
    if entry.mem_size != size:
        flaws.append(Flaw("split", 40, f"mem_size is {entry.mem_size}, where the script's own size is {size}"))
    if entry.timestamp & 0xFFFFFFFFFFFFFFFF != timestamp:
        detail = f"the header's time is {entry.timestamp}, where the script's own is {timestamp}"
        flaws.append(Flaw("body_timestamp", 64, detail))
    return flaws


def _script(data: bytes, entry: Entry) -> Optional[str]:
    """Return the script's own filename, by the script's own size: the header's may be what is wrong."""
    pointer, size = _number(data, _FILENAME), _number(data, _SIZE)
    end = entry.mem_size + entry.str_size
    # A string is in the script's memory, or with the lowest bit set among the interned ones after it.
    start, limit = (size + pointer - 1, end) if pointer & 1 else (pointer, size)
    text = start + _STRING.size
    if not text <= limit <= end:
        return None
    (length,) = _STRING.unpack_from(data, HEADER + start)
    if not 0 < length <= _PATH_LIMIT or text + length >= limit:
        return None
    name = data[HEADER + text : HEADER + text + length]
    return None if b"\0" in name else os.fsdecode(name)


def _number(data: bytes, offset: int) -> int:
    (number,) = struct.unpack_from("=Q", data, HEADER + offset)
    return int(number)
