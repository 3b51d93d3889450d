# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values and hash tables of a cached script (zval, HashTable and Bucket of PHP 5.2 and 5.3)."""

import struct
from typing import Callable, Dict, Tuple

from .eaccelerator_payload import Broken, Payload

TABLE_MAX = 1 << 24  # slots

NULL, LONG, DOUBLE, BOOL, ARRAY, STRING, CONSTANT, CONSTANT_ARRAY = 0, 1, 2, 3, 4, 6, 8, 9
_BY_INDEX = 0x80  # IS_CONSTANT_INDEX: the key is a constant's name
# The bytes that may stand for a type: PHP 5.3 marks names outside namespaces and variables that a closure takes over.
_TYPES = {kind | index: kind for kind in (0, 1, 2, 3, 4, 6, 8, 9) for index in (0, _BY_INDEX)}
_TYPES.update({0x10 | CONSTANT: CONSTANT, 0x10 | _BY_INDEX | CONSTANT: CONSTANT, 0x20: NULL, 0x40: NULL})


def walk_zval(payload: Payload, at: int, is_chained: bool) -> int:
    """Walk the value at that offset and return its type. The contents of an array are left for later."""
    value, length, type_byte = payload.script.zval.packed.unpack_from(payload.data, at)
    kind = _TYPES.get(type_byte)
    if kind is None:
        raise Broken(at, f"a value of type {type_byte:#04x}")
    if kind in (STRING, CONSTANT):
        if length < 0:
            raise Broken(at, f"a string of {length} bytes")
        payload.string(value, length, "a string")
    elif kind in (ARRAY, CONSTANT_ARRAY):
        payload.tables.append((payload.claim(value, payload.script.hash.size, "an array"), is_chained))
    elif kind == BOOL and value > 1:
        raise Broken(at, f"a boolean of {value}")
    return kind


def walk_value(payload: Payload, pointer: int, is_chained: bool) -> None:
    """Walk a value that is an allocation of its own."""
    walk_zval(payload, payload.claim(pointer, payload.script.zval.size, "a value"), is_chained)


def walk_later(payload: Payload) -> None:
    """Walk the arrays that were left for later, and those within them."""
    while payload.tables:
        at, is_chained = payload.tables.pop()
        walk_table(payload, at, walk_value, is_chained)


def walk_table(payload: Payload, at: int, element: Callable[[Payload, int, bool], object], is_chained: bool) -> None:
    """Walk the table at that offset, and what its elements point to.

    :param is_chained: whether its slots and the chains behind them are there; 0.9.5 rebuilds them on loading
    """
    size, mask, count, current, head, tail, slots = payload.script.hash.packed.unpack_from(payload.data, at)
    if not 0 < size <= TABLE_MAX or size & size - 1 or mask not in (0, size - 1):
        raise Broken(at, f"a table of {size} slots with the mask {mask:#x}")
    if not count:
        if head:
            raise Broken(at, f"an empty table with a first element at {head:#x}")
        payload.empty(size * payload.script.pointer_size)
        return
    chain = _walk_list(payload, at, element, is_chained)
    last = list(chain)[-1]
    if tail != last or current != head:
        raise Broken(at, f"a table whose last element is {last:#x}, which says {tail:#x}, and stands at {current:#x}")
    if is_chained:
        _walk_slots(payload, slots, size, chain)


def _walk_list(
    payload: Payload, at: int, element: Callable[[Payload, int, bool], object], is_chained: bool
) -> Dict[int, Tuple[int, int, int]]:
    """Return for each element's address, in their order, its hash and its neighbours in the chain."""
    layout = payload.script.bucket
    data = payload.data
    key_offset = layout.offsets["key"]
    own_data = layout.offsets["data_pointer"]
    _size, _mask, count, _current, pointer, _tail, _slots = payload.script.hash.packed.unpack_from(data, at)
    previous = 0
    chain = {}
    for _unused in range(count):
        at = payload.locate(pointer, key_offset, "a table's element")
        code, key_length, own, own_pointer, list_next, list_last, following, last = layout.packed.unpack_from(data, at)
        payload.claim(pointer, key_offset + key_length, "a table's element")
        if list_last != previous:
            raise Broken(at, f"an element whose predecessor is {previous:#x}, which says {list_last:#x}")
        if key_length and payload.hash(at + key_offset, key_length) != code:
            raise Broken(at, f"an element with the hash {code:#x}, which its key has not")
        if own_pointer and own != pointer + own_data:
            raise Broken(at, f"an element whose data is at {own:#x}, not within it")
        element(payload, own_pointer or own, is_chained)
        chain[pointer] = (code, following, last)
        previous, pointer = pointer, list_next
    if pointer:
        raise Broken(at, f"a table of {count} elements that goes on")
    return chain


def _walk_slots(payload: Payload, slots: int, size: int, chain: Dict[int, Tuple[int, int, int]]) -> None:
    """Walk the chain behind each slot: every element is in that of its hash, and in no other."""
    at = payload.claim(slots, size * payload.script.pointer_size, "a table's slots")
    code = "Q" if payload.script.pointer_size == 8 else "I"
    found = 0
    for slot, first in enumerate(struct.unpack_from(f"<{size}{code}", payload.data, at)):
        previous, pointer = 0, first
        while pointer:
            found += 1
            if pointer not in chain or found > len(chain):
                raise Broken(at, f"an element at {pointer:#x} in a chain, but not in the list")
            hashed, following, last = chain[pointer]
            if hashed & size - 1 != slot or last != previous:
                raise Broken(at, f"the element at {pointer:#x} is not where its hash belongs")
            previous, pointer = pointer, following
    if found < len(chain):
        raise Broken(at, f"{len(chain) - found} elements of a table are in no chain")
