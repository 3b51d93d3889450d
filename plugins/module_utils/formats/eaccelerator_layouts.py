# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the fields of eAccelerator's and Zend's structures lie in a cache file.

A cache file is the writer's memory, so its layout is what a C compiler made of the declarations (eaccelerator.h,
zend_compile.h, zend_hash.h, zend.h). They are written down here once, and the offsets follow by the rule that compilers
on x86 keep: a field is aligned to its size, but to no more than a pointer's. The tests compare every offset with what a
debugger printed of real builds.
"""

import struct
from typing import Any, Dict, NamedTuple, Tuple

POINTER_SIZES = {"LP64": 8, "ILP32": 4}

# Kinds of fields: their sizes in bytes (0: a pointer's) and what the struct module calls them.
_KINDS = {
    "pointer": (0, {8: "Q", 4: "I"}),
    "long": (0, {8: "q", 4: "i"}),  # also time_t
    "ulong": (0, {8: "Q", 4: "I"}),
    "off": (0, {8: "Q", 4: "I"}),  # off_t, and ino_t, which large file support widens with it
    "u64": (8, {8: "Q"}),  # also dev_t of glibc
    "int": (4, {4: "i"}),
    "uint": (4, {4: "I"}),
    "byte": (1, {1: "B"}),
}


class Structure(NamedTuple):
    """One C structure of one ABI: where each field begins, how long it is, and how to unpack all of them."""

    offsets: Dict[str, int]
    size: int
    names: Tuple[str, ...]  # what packed gives, in its order
    packed: struct.Struct  # without the padding at the end, so that it also fits a structure that the file ends with

    def fields(self, data: bytes, at: int) -> Dict[str, Any]:
        """Return the fields of the structure that begins at that byte. Raises struct.error where it does not fit."""
        return dict(zip(self.names, self.packed.unpack_from(data, at)))


def structure(declaration: str, abi: str) -> Structure:
    """Return the layout of ``"kind name ..., kind name ..."``, as such a compiler lays it out.

    A name that begins with ``~`` is laid out but not unpacked; ``kind[N]`` is an array, which is never unpacked.
    """
    pointer = POINTER_SIZES[abi]
    offsets = {}
    names = []
    codes = ["<"]
    end = 0
    widest = 1
    for clause in declaration.split(","):
        array, declared = clause.split(None, 1)
        kind, _unused, count = array.rstrip("]").partition("[")
        size = _KINDS[kind][0] or pointer
        alignment = min(size, pointer)
        widest = max(widest, alignment)
        for name in declared.split():
            gap = -end % alignment
            length = size * int(count or 1)
            is_read = not (name.startswith("~") or count)
            codes.append("x" * gap + (_KINDS[kind][1][size] if is_read else f"{length}x"))
            offsets[name.lstrip("~")] = end + gap
            names += [name] * is_read
            end += gap + length
    return Structure(offsets, end + -end % widest, tuple(names), struct.Struct("".join(codes)))


class Family(NamedTuple):
    """The releases of eAccelerator that share a header and an entry."""

    name: str  # "0.9.1-0.9.5", "0.9.6" or "1.0"
    header: Dict[str, Structure]  # by ABI
    entries: Dict[Tuple[str, str], Tuple[Structure, ...]]  # by key and ABI: without and with large file support


def _family(name: str, header: str, entries: Dict[str, str]) -> Family:
    return Family(
        name,
        {abi: structure(header, abi) for abi in POINTER_SIZES},
        {
            (key, abi): (structure(entry, abi), structure(entry.replace("off ", "u64 "), abi))
            for key, entry in entries.items()
            for abi in POINTER_SIZES
        },
    )


_REST = "uint size nhits nreloads use_cnt, pointer op_array f_head c_head, byte removed, byte[1] realfilename"
_INODE = "pointer next, u64 st_dev, off st_ino filesize, long mtime ttl"
_PATH = "pointer next, uint ~hv, off filesize, long mtime ttl"
_USER = (
    "pointer next, uint ~hv, long ttl create, uint size, pointer[2] value, uint ~refcount, byte[4] ~type, byte[1] key"
)
_OLD_HEADER = "byte[8] magic, uint eaccelerator zend php, int size, long mtime, uint crc32"
_HEADER = (
    "byte[8] magic, uint eaccelerator eaccelerator_extra zend zend_extra php php_extra, int size, "
    "long mtime ts, uint crc32"
)

OLD = _family("0.9.1-0.9.5", _OLD_HEADER, {"inode": f"{_INODE}, {_REST}", "path": f"{_PATH}, {_REST}", "user": _USER})
MIDDLE = _family("0.9.6", _HEADER, {"inode": f"{_INODE} ts, {_REST}", "path": f"{_PATH} ts, {_REST}"})
NEW = _family("1.0", _HEADER, {"path": f"{_PATH} ts, {_REST}"})
