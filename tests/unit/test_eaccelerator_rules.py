# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Each rule of the walk by itself: one number of a real file changed, and the rule that says so."""

import struct
from typing import Callable, Iterator, List, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_layouts import (
    MIDDLE,
    Structure,
    script_layout,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_payload import Broken
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_script import walk_script
from eaccelerator_samples import healthy

SCRIPT = script_layout("5.3", "LP64", False)
ENTRY = MIDDLE.entries["inode", "LP64"][0]
START = 64  # where the payload begins
FILES = [sample.data for sample in healthy() if sample.build == "php53-ea0961"]


def says(data: bytes) -> str:
    """Return what the walk says of a file, "" where everything holds."""
    try:
        walk_script(data, START, len(data) - START, ENTRY, SCRIPT, True)
    except Broken as error:
        return error.detail
    return ""


def place(data: bytes, pointer: int) -> int:
    return pointer - int(struct.unpack_from("<Q", data, START)[0]) + START


def script_code(data: bytes) -> int:
    """Return where the op array of the script itself begins."""
    return place(data, ENTRY.fields(data, START)["op_array"])


def listed(data: bytes, head: str) -> Iterator[Tuple[int, int]]:
    """Return where each entry of a list begins, and what it leads to."""
    pointer = ENTRY.fields(data, START)[head]
    while pointer:
        at = place(data, pointer)
        fields = SCRIPT.list_entry.fields(data, at)
        yield at, place(data, fields["fc"])
        pointer = fields["next"]


def op_arrays(data: bytes) -> List[int]:
    return [script_code(data), *(at for _entry, at in listed(data, "f_head"))]


def classes(data: bytes) -> List[int]:
    return [at for _entry, at in listed(data, "c_head")]


def oplines(data: bytes) -> Iterator[int]:
    for at in op_arrays(data):
        fields = SCRIPT.op_array.fields(data, at)
        first = place(data, fields["opcodes"])
        yield from range(first, first + fields["last"] * SCRIPT.opline.size, SCRIPT.opline.size)


def put(data: bytes, layout: Structure, at: int, field: str, change: Callable[[int], int], code: str = "I") -> bytes:
    where = at + layout.offsets[field]
    (value,) = struct.unpack_from("<" + code, data, where)
    changed = bytearray(data)
    struct.pack_into("<" + code, changed, where, change(value))
    return bytes(changed)


def test_the_files_are_whole() -> None:
    assert {says(data) for data in FILES} == {""}


def is_opcode(*numbers: int) -> Callable[[bytes, int], bool]:
    return lambda data, at: data[at + SCRIPT.opline.offsets["opcode"]] in numbers


def has(operand: str, kind: int, *numbers: int) -> Callable[[bytes, int], bool]:
    """Whether an opcode has such an operand, and is one of these where any are given."""

    def check(data: bytes, at: int) -> bool:
        fields = SCRIPT.opline.fields(data, at)
        return fields[f"{operand}_kind"] == kind and (not numbers or fields["opcode"] in numbers)

    return check


OPLINE_RULES = [
    (is_opcode(61), "extended", lambda value: value + 1, "Q", "not begun so"),
    (is_opcode(60), "extended", lambda value: value + 1, "Q", "more than were sent"),
    (is_opcode(60), "extended", lambda value: value - 1, "Q", "ends within"),
    (is_opcode(65, 66), "op2_var", lambda value: 0, "I", "it sends argument 0"),
    (is_opcode(63), "op1_var", lambda value: 99, "I", "it receives argument 99"),
    (is_opcode(80, 83), "op2_type", lambda value: 5, "I", "a variable of kind 5"),
    (is_opcode(43, 44), "op2_var", lambda value: value + 8, "I", "a jump to"),
    (is_opcode(42), "op1_var", lambda value: value + (1 << 20), "I", "a jump to"),
    (is_opcode(77, 78), "op2_var", lambda value: 5000, "I", "a jump to opcode 5000"),
    (is_opcode(107), "extended", lambda value: 5000, "Q", "a jump to opcode 5000"),
    (is_opcode(62), "line", lambda value: 0, "I", "of line 0"),
    (is_opcode(40), "opcode", lambda value: 255, "B", "opcode 255"),
    (is_opcode(40), "opcode", lambda value: 54, "B", "opcode 54"),
    (is_opcode(59), "opcode", lambda value: 50, "B", "it leaves loop"),
    (is_opcode(38), "result_kind", lambda value: 2, "I", "giving 2"),
    (has("op1", 16), "op1_var", lambda value: 999, "I", "takes 999, of kind 16"),
    (has("op2", 16), "op2_var", lambda value: 999, "I", "takes 999, of kind 16"),
    (has("op1", 2), "op1_var", lambda value: value + 40000, "I", "of kind 2, which nothing gives"),
    (has("op2", 2), "op2_var", lambda value: value + 40000, "I", "of kind 2, which nothing gives"),
    (has("result", 2), "result_var", lambda value: value + 1, "I", "a result at"),
    (has("result", 4), "result_var", lambda value: value + 40000, "I", "a result at"),
    (has("result", 16), "result_var", lambda value: 999, "I", "a result at 999"),
    (has("op1", 1, 40), "op1_var", lambda value: 8, "I", "outside the payload"),
]


@pytest.mark.parametrize(("which", "field", "change", "code", "detail"), OPLINE_RULES)
def test_opcodes(
    which: Callable[[bytes, int], bool], field: str, change: Callable[[int], int], code: str, detail: str
) -> None:
    data, at = next((data, at) for data in FILES for at in oplines(data) if which(data, at))
    assert detail in says(put(data, SCRIPT.opline, at, field, change, code))


VALUE_RULES = [
    (has("op2", 1, 59, 113), "op2_var", "type", lambda value: 1, "B", "a name, which is none"),
    (has("op1", 1, 60), "op1_var", "type", lambda value: 1, "B", "a name, which is none"),
    (has("op1", 1, 40), "op1_var", "type", lambda value: 7, "B", "a value of type 0x07"),
    (has("op1", 1, 40), "op1_var", "type", lambda value: 3, "B", "a boolean of"),
    (has("op1", 1, 40), "op1_var", "length", lambda value: -1, "i", "a string of -1 bytes"),
    (has("op1", 1, 40), "op1_var", "length", lambda value: value - 1, "i", "which no NUL ends"),
    (has("op1", 1, 40), "op1_var", "value", lambda value: value + 1, "Q", "that nothing points to"),
]


@pytest.mark.parametrize(("which", "operand", "field", "change", "code", "detail"), VALUE_RULES)
def test_constants(
    which: Callable[[bytes, int], bool],
    operand: str,
    field: str,
    change: Callable[[int], int],
    code: str,
    detail: str,
) -> None:
    data, at = next((data, at) for data in FILES for at in oplines(data) if which(data, at))
    assert detail in says(put(data, SCRIPT.zval, at + SCRIPT.opline.offsets[operand], field, change, code))


FUNCTION_RULES = [
    ("type", lambda value: 9, "B", "a function of type 9"),
    ("type", lambda value: 1, "B", "a function of type 1"),
    ("return_reference", lambda value: 2, "B", "with the flags"),
    ("flags", lambda value: 1 << 29, "I", "with the flags 0x20000000"),
    ("required", lambda value: 3, "I", "arguments, 3 of them required"),
    ("opcodes", lambda value: value + 4, "Q", "which no allocation is aligned to"),
    ("opcodes", lambda value: 0, "Q", "outside the payload"),
    ("last", lambda value: 0, "I", "a function without opcodes"),
    ("last", lambda value: value - 1, "I", "ends with opcode"),
    ("last", lambda value: (1 << 32) - 1, "I", "outside the payload"),
    ("temporaries", lambda value: 1 << 20, "I", "temporaries for"),
    ("this_var", lambda value: 4000, "I", "$this is variable 4000"),
    ("early_binding", lambda value: 4000, "I", "bound from opcode 4000"),
]


@pytest.mark.parametrize(("field", "change", "code", "detail"), FUNCTION_RULES)
def test_functions(field: str, change: Callable[[int], int], code: str, detail: str) -> None:
    data = FILES[1]
    assert detail in says(put(data, SCRIPT.op_array, script_code(data), field, change, code))


def parts(field: str) -> Tuple[bytes, int]:
    """Return a file and where the first array of that kind begins, behind the script's own function."""
    for data in FILES:
        for at in op_arrays(data):
            fields = SCRIPT.op_array.fields(data, at)
            count = {"variables": "variable_count", "handlers": "handler_count", "loops": "loop_count"}[field]
            if fields[count]:
                return data, place(data, fields[field])
    raise AssertionError(field)


PART_RULES = [
    ("variables", SCRIPT.variable, "hash", "which its name has not"),
    ("variables", SCRIPT.variable, "name_length", "a variable's name of 80001 bytes"),
    ("handlers", SCRIPT.handler, "catch", "is caught at 80000"),
    ("loops", SCRIPT.loop, "parent", "in loop 80000"),
]


@pytest.mark.parametrize(("field", "layout", "changed", "detail"), PART_RULES)
def test_parts_of_functions(field: str, layout: Structure, changed: str, detail: str) -> None:
    data, at = parts(field)
    assert detail in says(put(data, layout, at, changed, lambda value: 80000))


CLASS_RULES = [
    ("type", lambda value: 1, "B", "a class of type 1"),
    ("flags", lambda value: 1 << 21, "I", "flags 0x200000"),
    ("interfaces", lambda value: 1001, "I", "1001 interfaces"),
    ("name_length", lambda value: 5000, "I", "a class whose name has 5000 bytes"),
    ("static_members", lambda value: 8, "Q", "static members of 72 bytes at 0x8"),
]


@pytest.mark.parametrize(("field", "change", "code", "detail"), CLASS_RULES)
def test_classes(field: str, change: Callable[[int], int], code: str, detail: str) -> None:
    data, at = next((data, at) for data in FILES for at in classes(data))
    assert detail in says(put(data, SCRIPT.class_entry, at, field, change, code))


def table() -> Tuple[bytes, int, int]:
    """Return a file, where a class's table of two methods or more begins, and where its first element does."""
    for data in FILES:
        for at in classes(data):
            methods = at + SCRIPT.class_entry.offsets["function_table"]
            fields = SCRIPT.hash.fields(data, methods)
            if fields["count"] > 1:
                return data, methods, place(data, fields["head"])
    raise AssertionError


TABLE_RULES = [
    ("table_size", lambda value: 3, "I", "a table of 3 slots"),
    ("table_size", lambda value: 1 << 25, "I", "slots with the mask"),
    ("table_mask", lambda value: 1, "I", "with the mask 0x1"),
    ("count", lambda value: 0, "I", "an empty table with a first element"),
    ("count", lambda value: value - 1, "I", "that goes on"),
    ("count", lambda value: value + 1, "I", "a table's element of 64 bytes at 0x0"),
    ("current", lambda value: value + 8, "Q", "and stands at"),
    ("tail", lambda value: value + 8, "Q", "a table whose last element"),
    ("buckets", lambda value: 8, "Q", "a table's slots"),
]


@pytest.mark.parametrize(("field", "change", "code", "detail"), TABLE_RULES)
def test_tables(field: str, change: Callable[[int], int], code: str, detail: str) -> None:
    data, at, _element = table()
    assert detail in says(put(data, SCRIPT.hash, at, field, change, code))


ELEMENT_RULES = [
    ("h", lambda value: value ^ 8, "Q", "which its key has not"),
    ("data", lambda value: 8, "Q", "outside the payload"),
    ("data_pointer", lambda value: 8, "Q", "not within it"),
    ("list_last", lambda value: 8, "Q", "whose predecessor is"),
    ("next", lambda value: 8, "Q", "in a chain, but not in the list"),
    ("last", lambda value: 8, "Q", "is not where its hash belongs"),
]


@pytest.mark.parametrize(("field", "change", "code", "detail"), ELEMENT_RULES)
def test_elements_of_tables(field: str, change: Callable[[int], int], code: str, detail: str) -> None:
    data, _at, element = table()
    assert detail in says(put(data, SCRIPT.bucket, element, field, change, code))


ENTRY_RULES = [
    ("next", lambda value: 0, "Q", "the entry's own address is 0x0"),
    ("next", lambda value: value + 1, "Q", "the entry's own address"),
    ("next", lambda value: value | 1 << 50, "Q", "the entry's own address"),
    ("removed", lambda value: 1, "B", "removed, used or hit"),
    ("use_cnt", lambda value: 1, "I", "removed, used or hit"),
    ("nhits", lambda value: 1, "I", "removed, used or hit"),
    ("f_head", lambda value: 8, "Q", "outside the payload"),
]


@pytest.mark.parametrize(("field", "change", "code", "detail"), ENTRY_RULES)
def test_entries(field: str, change: Callable[[int], int], code: str, detail: str) -> None:
    assert detail in says(put(FILES[0], ENTRY, START, field, change, code))


def test_a_name_is_that_of_its_key() -> None:
    data, at = next((data, at) for data in FILES for at, _function in listed(data, "c_head"))
    changed = bytearray(data)
    changed[at + SCRIPT.list_entry.offsets["key"]] ^= 1
    assert "is listed by the key" in says(bytes(changed))


def test_a_list_that_goes_round() -> None:
    data, at = next((data, at) for data in FILES for at, _function in listed(data, "f_head"))
    own = ENTRY.fields(data, START)["f_head"]
    assert "something else already" in says(put(data, SCRIPT.list_entry, at, "next", lambda value: own, "Q"))


def test_what_nothing_points_to() -> None:
    data = FILES[0]
    longer = data + b"\1" * 8
    assert "at the end that nothing points to" in says(longer)
    assert says(data + bytes(8)) == ""


def test_no_string_has_two_lengths() -> None:
    data, (first, second) = next(
        (data, found[:2])
        for data in FILES
        for found in [[at + SCRIPT.opline.offsets["op1_var"] for at in oplines(data) if has("op1", 1, 40)(data, at)]]
        if len(found) > 1
    )
    own = SCRIPT.zval.fields(data, first)["value"]
    assert "where there is a string of" in says(put(data, SCRIPT.zval, second, "value", lambda value: own, "Q"))


def test_a_string_within_a_key_is_all_of_the_key() -> None:
    """Else a file of N keys could have each summed up to its own end, which takes the square of its size."""
    data, key = next(
        (data, at + SCRIPT.list_entry.offsets["key"]) for data in FILES for at, _fc in listed(data, "f_head")
    )
    opline = next(at for at in oplines(data) if has("op1", 1, 40)(data, at)) + SCRIPT.opline.offsets["op1_var"]
    address = key - START + ENTRY.fields(data, START)["next"]
    longer = data.index(b"\0", data.index(b"\0", key) + 1) - key
    changed = put(data, SCRIPT.zval, opline, "value", lambda value: address, "Q")
    changed = put(changed, SCRIPT.zval, opline, "length", lambda value: longer, "i")
    assert f"a string of {longer + 1} bytes where there is a string of" in says(changed)


def test_no_more_is_claimed_than_there_is() -> None:
    data = FILES[1]
    at = script_code(data)
    overlapping = put(data, SCRIPT.op_array, at, "variables", lambda value: ENTRY.fields(data, START)["next"] + 8, "Q")
    count = (len(data) - START - 8) // SCRIPT.variable.size
    said = says(put(overlapping, SCRIPT.op_array, at, "variable_count", lambda value: count))
    assert "more than the payload has left" in said
