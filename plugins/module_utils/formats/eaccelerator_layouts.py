# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where the fields of eAccelerator's and Zend's structures lie in a cache file.

A cache file is the writer's memory, so its layout is what a C compiler made of the declarations (eaccelerator.h,
zend_compile.h, zend_hash.h, zend.h). They are written down here once, and the offsets follow by the rule that compilers
on x86 keep: a field is aligned to its size, but to no more than a pointer's. The tests compare every offset with what a
debugger printed of real builds.
"""

import functools
import struct
from typing import Any, Dict, NamedTuple, Tuple

DOCUMENTED = "-doc"  # what the name of a layout with doc comments ends with

POINTER_SIZES = {"LP64": 8, "ILP32": 4}

# Kinds of fields: size in bytes and what the struct module calls them, for pointers of 8 and of 4 bytes.
_KINDS = {
    "pointer": {8: (8, "Q"), 4: (4, "I")},
    "long": {8: (8, "q"), 4: (4, "i")},  # also time_t
    "ulong": {8: (8, "Q"), 4: (4, "I")},
    "off": {8: (8, "Q"), 4: (4, "I")},  # off_t, and ino_t, which large file support widens with it
    "u64": {8: (8, "Q"), 4: (8, "Q")},  # also dev_t of glibc
    "int": {8: (4, "i"), 4: (4, "i")},
    "uint": {8: (4, "I"), 4: (4, "I")},
    "byte": {8: (1, "B"), 4: (1, "B")},
    "slot": {8: (8, "i4x"), 4: (4, "i")},  # an int before, or within a union with, what is aligned as a pointer is
    "hash": {8: (72, "72x"), 4: (40, "40x")},  # a HashTable, which is unpacked on its own
}


class Structure(NamedTuple):
    """One C structure of one ABI: where each field begins, how long it is, and how to unpack all of them."""

    offsets: Dict[str, int]
    size: int
    names: Tuple[str, ...]  # what packed gives, in its order
    packed: struct.Struct  # without the padding at the end: what ends in a string has none
    row: struct.Struct  # with it, as in an array

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
        size, code = _KINDS[kind][pointer]
        alignment = min(size, pointer)
        widest = max(widest, alignment)
        for name in declared.split():
            gap = -end % alignment
            length = size * int(count or 1)
            is_read = not (name.startswith("~") or count)
            codes.append("x" * gap + (code if is_read else f"{length}x"))
            offsets[name.lstrip("~")] = end + gap
            names += [name] * is_read
            end += gap + length
    padding = -end % widest
    packed = "".join(codes)
    row = struct.Struct(f"{packed}{padding}x")
    return Structure(offsets, end + padding, tuple(names), struct.Struct(packed), row)


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


FAMILIES = {family.name: family for family in (OLD, MIDDLE, NEW)}


def entry_layout(data: bytes, at: int, size: int, layouts: Tuple[Structure, ...]) -> Structure:
    """Return the layout in which the entry at that offset says the size that the header says, else the usual one."""
    expected = size.to_bytes(4, "little", signed=True)
    for layout in layouts:
        field = at + layout.offsets["size"]
        if data[field : field + 4] == expected:
            return layout
    return layouts[0]


class Script(NamedTuple):
    """How one build lays out what stands behind the entry."""

    name: str  # such as "LP64-doc"
    php: str  # "5.2" or "5.3"
    pointer: struct.Struct
    pointer_size: int  # bytes, to which every allocation is aligned
    temporary_size: int  # bytes of a temp_variable, in which the engine counts temporaries
    list_entry: Structure  # ea_fc_entry, of a function or a class
    op_array: Structure
    class_entry: Structure
    opline: Structure  # zend_op
    zval: Structure
    hash: Structure
    bucket: Structure
    argument: Structure
    property: Structure
    variable: Structure  # zend_compiled_variable
    loop: Structure  # zend_brk_cont_element
    handler: Structure  # zend_try_catch_element


_NODE = "slot {0}_kind, uint {0}_var {0}_type, pointer[2] ~{0}_rest"
_OP_ARRAY = (
    "byte type, {own} uint arguments required, pointer argument_info, byte ~pass_rest, "
    "pointer function_name scope_name, uint scope_length flags, pointer opcodes, uint last, "
    "pointer variables, uint variable_count temporaries, "
    "pointer loops, uint loop_count, pointer handlers, uint handler_count, pointer static_variables filename, "
    "uint ~line_start ~line_end {doc}"
)
_CLASS_ENTRY = (
    "byte type, pointer name, uint name_length, pointer parent, "
    "hash ~function_table ~default_properties ~properties_info ~default_static_members, pointer static_members, "
    "hash ~constants_table, uint flags interfaces, pointer filename, uint ~line_start ~line_end {doc}"
)
_DOC = ", pointer doc_comment, uint doc_length"
_OWN = {
    "5.2": "byte ~uses_this return_reference,",
    "5.3": "uint early_binding this_var, byte return_reference,",
}


@functools.lru_cache(maxsize=None)
def script_layout(php: str, abi: str, is_documented: bool) -> Script:
    """Return the layout of a build for that PHP and ABI, with or without eAccelerator's doc comments."""
    doc = _DOC if is_documented else ""
    nodes = ", ".join(_NODE.format(name) for name in ("result", "op1", "op2"))
    declarations = dict(
        list_entry="pointer fc next, int key_length, byte[1] key",
        op_array=_OP_ARRAY.format(own=_OWN[php], doc=doc),
        class_entry=_CLASS_ENTRY.format(doc=doc),
        opline=f"pointer ~handler, {nodes}, ulong extended, uint line, byte opcode",
        zval="pointer value, slot length, uint ~refcount, byte type ~is_reference",
        hash="uint table_size table_mask count, ulong ~next_free, pointer current head tail buckets ~destructor, "
        "byte ~persistent ~apply_count ~apply_protection",
        bucket="ulong h, uint key_length, pointer data data_pointer list_next list_last next last, byte[1] key",
        argument="pointer name, uint name_length, pointer class_name, uint class_length, "
        "byte ~array_hint ~allow_null ~by_reference ~return_reference, uint ~required",
        property="uint ~flags, pointer name, uint name_length, ulong ~h, pointer doc_comment, "
        "uint doc_length, pointer ~ce",
        variable="pointer name, int name_length, ulong hash",
        loop="int start continue break parent",
        handler="uint try catch",
    )
    pointer_size = POINTER_SIZES[abi]
    return Script(
        name=abi + DOCUMENTED * is_documented,
        php=php,
        pointer=struct.Struct("<" + _KINDS["pointer"][pointer_size][1]),
        pointer_size=pointer_size,
        temporary_size=5 * pointer_size,
        **{name: structure(declaration, abi) for name, declaration in declarations.items()},
    )
