# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files of eAccelerator's disk cache: their names, their header, and the entry that their payload begins with.

The layout is docs/formats/eaccelerator.md. What is judged here is what the loader looks at before it follows the first
pointer (hash_find_file in eaccelerator.c), and what it forgets to look at there.
"""

import os
import re
import zlib
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from .eaccelerator_layouts import MIDDLE, NEW, OLD, Family, Structure, entry_layout
from .flaw import Flaw

MAGIC = b"EACCELER"
MEMORY_LIMIT = 128 << 20  # bytes: what PHP takes where no php.ini sets memory_limit (main.c)
PATH_MAX = 4096  # bytes, with the NUL: MAXPATHLEN, which bounds realfilename

_NAME = re.compile(r"eaccelerator-(?:([0-9]*[1-9])\.([0-9]*[1-9])|(user-)?([0-9a-f]{32}))\Z")
_DIGITS = "0123456789abcdef"
_SUFFIXES = {1: "rev", 2: "rc", 3: "beta"}


class Name(NamedTuple):
    """What a file's name says. A number of 64 bits each, or the MD5 of the script's path or of the user's key."""

    key: str  # "inode", "path" or "user"
    device: Optional[int]
    inode: Optional[int]
    digest: Optional[str]


class Entry(NamedTuple):
    """The header and the entry of one file. Sizes in bytes, times in seconds since the epoch."""

    family: str  # "0.9.1-0.9.5", "0.9.6" or "1.0"
    abi: str  # "LP64" or "ILP32"
    key: str  # as in Name
    eaccelerator: str  # version texts
    zend: str
    php: str
    words: Tuple[int, ...]  # the same three versions as they stand in the header, which is how the loader compares them
    payload_size: int  # as the header says
    script_size: int  # 0 of a user entry, which has no script; so is script_mtime
    script_mtime: int
    created: Optional[int]  # None where such releases do not write it
    device: Optional[int]  # None unless the key is the inode
    inode: Optional[int]
    script: str  # its path; of a user entry the key


class Read(NamedTuple):
    """What can be said of a file without following a pointer in it. No flaw: the loader takes it as it is."""

    entry: Optional[Entry]  # None where too little of it is there, or it is none
    flaws: Tuple[Flaw, ...]


class _Header(NamedTuple):
    family: Family
    abi: str
    length: int  # bytes
    fields: Dict[str, Any]
    offsets: Dict[str, int]

    @property
    def size(self) -> int:
        return int(self.fields["size"])


def parse_name(name: str) -> Optional[Name]:
    """Return what the name of a cache file says; None of a name that eAccelerator gives to none.

    It writes both numbers with the least significant digit first, so the last digit is never a 0.
    """
    found = _NAME.match(name)
    if not found:
        return None
    device, inode, user, digest = found.groups()
    if digest:
        return Name("user" if user else "path", None, None, digest)
    if max(len(device), len(inode)) > 20:
        return None
    return Name("inode", int(device[::-1]), int(inode[::-1]), None)


def directories(name: Name) -> Tuple[str, ...]:
    """Return the two directories that 0.9.5 and newer put a file into, the outer one first."""
    if name.inode is not None:
        return _DIGITS[name.inode >> 4 & 15], _DIGITS[name.inode >> 8 & 15]
    digest = str(name.digest)
    return digest[0], digest[1]


def read(data: bytes, name: Name, memory_limit: Optional[int] = MEMORY_LIMIT) -> Read:
    """Return the entry that a file holds and every flaw of its header, sizes, checksum and name.

    :param data: the whole file
    :param name: what its name says
    :param memory_limit: bytes that the loader may allocate; None where there is no limit
    """
    header, flaw = _header(data)
    if header is None or flaw:
        return Read(None, (flaw,) if flaw else ())
    layouts = header.family.entries.get((name.key, header.abi))
    if layouts is None:
        detail = f"eAccelerator {header.family.name} names no file by {name.key}"
        return Read(None, (Flaw("name", None, detail),))
    flaws = _size_flaws(data, header, memory_limit)
    layout = entry_layout(data, header.length, header.size, layouts)
    fields = _entry_fields(data, header, layout)
    if fields is None:
        flaw = Flaw("entry_size", header.length, f"the {header.size} bytes of payload hold no entry with a path")
        return Read(None, (*flaws, flaw) if _is_whole(data, header) else tuple(flaws))
    flaws += _payload_flaws(data, header, layout, fields)
    script = _text(data, header.length + layout.offsets["key" if name.key == "user" else "realfilename"])
    if script is None:
        return Read(None, (*flaws, Flaw("structure", header.length, "the script's path does not end")))
    entry = _entry(header, name.key, fields, script)
    if not any(flaw.kind != "trailing" for flaw in flaws):  # else the entry is not what was written
        flaws += _header_flaws(header, fields) + _name_flaws(header, layout, entry, name)
    return Read(entry, tuple(flaws))


def _header(data: bytes) -> Tuple[Optional[_Header], Optional[Flaw]]:
    """Return the header; a flaw where there is none."""
    if not data.startswith(MAGIC[: len(data)]):
        return None, Flaw("magic", 0, f"it begins with {data[:8]!r}, not with {MAGIC!r}")
    family = _family(data)
    if family is None and len(data) >= 12:
        words = data[8:20].hex()
        return None, Flaw("words", 8, f"the version words {words} are of no release known here")
    if family is None or len(data) < family.header["LP64"].size:
        # The smallest header is shorter, but its entry is not.
        return None, Flaw("short", len(data), f"it ends after {len(data)} bytes, within the header or just behind it")
    headers = [
        _Header(family, abi, layout.size, layout.fields(data, 0), layout.offsets)
        for abi, layout in family.header.items()
    ]
    return min(headers, key=lambda header: _strangeness(data, header)), None


def _family(data: bytes) -> Optional[Family]:
    word = int.from_bytes(data[8:12], "little")
    if word >> 12 == 9:  # 0.9.N: one word, v1 << 20 | v2 << 12 | separator << 8 | v3
        return OLD
    if word >> 8 == 0x000906:  # two words from here on, one byte for each number of the version
        return MIDDLE
    return NEW if word >> 16 == 0x0100 else None


def _strangeness(data: bytes, header: _Header) -> int:
    """Return how badly a file fits an ABI: 0 where its length says so, 1 where its entry does."""
    if len(data) == header.length + header.size:
        return 0
    sizes = {
        data[at : at + 4]
        for (_key, abi), layouts in header.family.entries.items()
        if abi == header.abi
        for at in (header.length + layout.offsets["size"] for layout in layouts)
    }
    return 1 if header.size.to_bytes(4, "little", signed=True) in sizes else 2


def _size_flaws(data: bytes, header: _Header, memory_limit: Optional[int]) -> List[Flaw]:
    """Return what the loader meets when it allocates what the header says, and reads so much.

    A small negative size wraps round when the allocator adds its own header of 8 bytes: -1 and -8 were measured.
    """
    at = header.offsets["size"]
    there = len(data) - header.length
    if -8 < header.size < 0:
        detail = f"a payload of {header.size} bytes, for which the loader allocates none; {there} are there"
        return [Flaw("size_minus_one", at, detail)]
    if -16 < header.size < 0:
        return [Flaw("entry_size", at, f"a payload of {header.size} bytes holds no entry; {there} are there")]
    if header.size < 0:
        detail = f"a payload of {header.size} bytes, which no memory limit allows; {there} are there"
        return [Flaw("size_refused", at, detail)]
    if header.size > there:
        if memory_limit is not None and header.size > memory_limit:
            detail = f"a payload of {header.size} bytes, above the memory limit of {memory_limit}; {there} are there"
            return [Flaw("size_refused", at, detail)]
        return [Flaw("truncated", len(data), f"{there} of the {header.size} bytes of payload are there")]
    if header.size < there:
        return [Flaw("trailing", header.length + header.size, f"{there - header.size} bytes behind the payload")]
    return []


def _is_whole(data: bytes, header: _Header) -> bool:
    return 0 <= header.size <= len(data) - header.length


def _entry_fields(data: bytes, header: _Header, layout: Structure) -> Optional[Dict[str, Any]]:
    """Return the entry that the payload begins with; None where it is too short for one with a path."""
    payload = min(len(data) - header.length, header.size if header.size >= 0 else len(data))
    return layout.fields(data, header.length) if payload >= layout.packed.size + 1 else None


def _text(data: bytes, at: int) -> Optional[str]:
    end = data.find(b"\0", at, at + PATH_MAX)
    return os.fsdecode(data[at:end]) if end >= 0 else None


def _payload_flaws(data: bytes, header: _Header, layout: Structure, fields: Dict[str, Any]) -> List[Flaw]:
    flaws: List[Flaw] = []
    if not _is_whole(data, header):
        return flaws
    if fields["size"] != header.size:
        at = header.length + layout.offsets["size"]
        flaws.append(Flaw("entry_size", at, f"the entry says {fields['size']} bytes, the header {header.size}"))
    found = zlib.crc32(memoryview(data)[header.length : header.length + header.size])
    if found != header.fields["crc32"]:
        detail = f"the payload's CRC-32 is {found:08x}, the header says {header.fields['crc32']:08x}"
        flaws.append(Flaw("checksum", header.offsets["crc32"], detail))
    return flaws


def _entry(header: _Header, key: str, fields: Dict[str, Any], script: str) -> Entry:
    words = tuple(header.fields[field] for field in header.fields if field.startswith(("eacc", "zend", "php")))
    texts = map(_short_version, words) if header.family is OLD else map(_long_version, words[::2], words[1::2])
    eaccelerator, zend, php = texts
    return Entry(
        family=header.family.name,
        abi=header.abi,
        key=key,
        eaccelerator=eaccelerator,
        zend=zend,
        php=php,
        words=words,
        payload_size=header.size,
        script_size=fields.get("filesize", 0),
        script_mtime=fields.get("mtime", 0),
        created=fields.get("ts", fields.get("create")),
        device=fields.get("st_dev"),
        inode=fields.get("st_ino"),
        script=script,
    )


def _short_version(word: int) -> str:
    """Return the text of one word, as releases up to 0.9.5 write it: no more than three numbers."""
    separator = {0: "a", 1: "b", 15: "s"}.get(word >> 8 & 15, ".")
    return f"{word >> 20 & 15}.{word >> 12 & 255}{separator}{word & 255}"


def _long_version(word: int, extra: int) -> str:
    """Return the text of two words, as releases from 0.9.6 on write it: four numbers and what follows them."""
    numbers = [word >> shift & 255 for shift in (24, 16, 8, 0)]
    text = ".".join(map(str, numbers if numbers[3] else numbers[:3]))
    kind, value = extra >> 28, extra & 0xFFFFFFF
    if kind in _SUFFIXES:
        return f"{text}{_SUFFIXES[kind]}{value}"
    letters = "".join(chr(value >> shift & 127) for shift in (21, 14, 7, 0))
    # 0.9.6.1 reads the suffix of its own version from a buffer that it did not fill: four letters of the version.
    return f"{text}-{letters}" if kind == 15 and letters.isprintable() and not text.startswith(letters) else text


def _header_flaws(header: _Header, fields: Dict[str, Any]) -> List[Flaw]:
    """Return what the header says otherwise than the entry. The loader looks at neither."""
    pairs = [("mtime", "mtime" if "mtime" in fields else "ttl"), ("ts", "ts")]
    return [
        Flaw("header", header.offsets[field], f"{field} is {header.fields[field]}, in the entry {fields[own]}")
        for field, own in pairs
        if field in header.fields and header.fields[field] != fields[own]
    ]


def _name_flaws(header: _Header, layout: Structure, entry: Entry, name: Name) -> List[Flaw]:
    """Return where a file lies under another script's name. Of a digest it is not known which spelling was hashed."""
    return [
        Flaw("name", header.length + layout.offsets[field], f"the entry is of {kind} {own}, the name says {named}")
        for kind, field, own, named in (
            ("device", "st_dev", entry.device, name.device),
            ("inode", "st_ino", entry.inode, name.inode),
        )
        if own != named
    ]
