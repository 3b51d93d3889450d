# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The structure of a cached script: the script, its functions and its classes, as ea_store.c lays them down."""

from typing import Any, Dict, List, Tuple

from .eaccelerator_layouts import Script, Structure
from .eaccelerator_oplines import walk_code
from .eaccelerator_payload import NAME_MAX, Broken, Payload
from .eaccelerator_tables import walk_later, walk_table, walk_value

ARGUMENTS_MAX = 10000
INTERFACES_MAX = 1000
FLAGS_END = 1 << 29  # of functions: above the highest ZEND_ACC_ flag
CLASS_FLAGS_END = 1 << 21
ADDRESS_END = 1 << 47  # of a process on x86-64
INTERNAL, USER = 1, 2  # ZEND_INTERNAL_FUNCTION, ZEND_USER_FUNCTION and ZEND_USER_CLASS
NOWHERE = (1 << 32) - 1


def walk_script(data: bytes, start: int, size: int, entry: Structure, script: Script, is_chained: bool) -> int:
    """Walk all that an entry leads to; return how many of its classes have a doc comment. Raises Broken.

    :param data: the whole file
    :param start: where the payload begins, with the entry
    :param size: of the payload, all of it within data
    :param is_chained: whether hash tables outside the opcodes have their slots; 0.9.5 does not write them
    """
    fields = entry.fields(data, start)
    base = fields["next"]
    if not base or base % script.pointer_size or base + size >= ADDRESS_END:
        raise Broken(start, f"the entry's own address is {base:#x}")
    if fields["removed"] or fields["use_cnt"] or fields["nhits"]:
        raise Broken(start, "an entry that was removed, used or hit before it was written")
    walk = _Walk(Payload(data, start, size, base, script), is_chained)
    walk.entry(entry, fields)
    walk_later(walk.payload)
    walk.payload.tile()
    return walk.documented


class _Walk:
    """What the functions and classes of one script have in common."""

    def __init__(self, payload: Payload, is_chained: bool) -> None:
        self.payload = payload
        self.script = payload.script
        self.is_chained = is_chained
        self.documented = 0

    def entry(self, layout: Structure, fields: Dict[str, Any]) -> None:
        payload = self.payload
        path = payload.start + layout.offsets["realfilename"]
        end = payload.data.find(b"\0", path, payload.end)
        if end < 0:
            raise Broken(path, "a path that does not end")
        payload.claim(fields["next"], end + 1 - payload.start, "the entry")
        payload.embed(path, end + 1 - path)
        functions = self.listed(fields["f_head"], "a function")
        classes = self.listed(fields["c_head"], "a class")
        self.op_array(fields["op_array"], USER)
        for function, key in functions:
            _check_name(payload.start, key, self.op_array(function, USER))
        for class_entry, key in classes:
            _check_name(payload.start, key, self.class_entry(class_entry))

    def listed(self, pointer: int, what: str) -> List[Tuple[int, bytes]]:
        """Return what a list leads to, with the key of each. Any string of the script may be one of these keys."""
        payload, layout = self.payload, self.script.list_entry
        offset = layout.offsets["key"]
        found = []
        while pointer:
            at = payload.locate(pointer, offset, what)
            listed, following, length = layout.packed.unpack_from(payload.data, at)
            if length < 1:
                raise Broken(at, f"{what} with a key of {length} bytes")
            payload.claim(pointer, offset + length, what)
            payload.embed(at + offset, length)
            found.append((listed, payload.data[at + offset : at + offset + length]))
            pointer = following
        return found

    def op_array(self, pointer: int, expected: int = 0) -> bytes:
        """Walk a function and return its name, which only the script itself has not."""
        payload, layout = self.payload, self.script.op_array
        kind = payload.data[payload.locate(pointer, layout.offsets["opcodes"], "a function")]
        if kind not in (INTERNAL, USER) or expected not in (0, kind):
            raise Broken(payload.locate(pointer, 1, "a function"), f"a function of type {kind}")
        if kind == INTERNAL:  # no more than this is stored of a method that a class inherits from PHP
            at = payload.claim(pointer, layout.offsets["opcodes"], "a function")
            padded = payload.data[at : at + layout.offsets["opcodes"]].ljust(layout.size, b"\0")
            fields = layout.fields(padded, 0)
        else:
            at = payload.claim(pointer, layout.size, "a function")
            fields = layout.fields(payload.data, at)
        name = self._signature(at, fields)
        if kind == USER:
            self._body(at, fields)
        return name

    def _signature(self, at: int, fields: Dict[str, Any]) -> bytes:
        payload = self.payload
        if fields["return_reference"] > 1 or fields["flags"] >= FLAGS_END:
            raise Broken(at, f"a function with the flags {fields['flags']:#x}")
        if not fields["required"] <= fields["arguments"] <= ARGUMENTS_MAX:
            raise Broken(at, f"a function of {fields['arguments']} arguments, {fields['required']} of them required")
        self._arguments(fields)
        scope, length = fields["scope_name"], fields["scope_length"]
        if scope:
            found = payload.key(scope, length + 1, "a class's name")
            if payload.data[found] and payload.data[found + length]:
                raise Broken(found, f"a class's name of {length} bytes, which no NUL ends")
        return payload.text(fields["function_name"], "a function's name") if fields["function_name"] else b""

    def _arguments(self, fields: Dict[str, Any]) -> None:
        payload, layout = self.payload, self.script.argument
        count = fields["arguments"]
        if not count:
            return
        at = payload.claim(fields["argument_info"], count * layout.size, "arguments")
        rows = memoryview(payload.data)[at : at + count * layout.size]
        for name, name_length, class_name, class_length in layout.row.iter_unpack(rows):
            if name:
                payload.string(name, name_length, "an argument's name")
            if class_name:
                payload.string(class_name, class_length, "an argument's class")

    def _body(self, at: int, fields: Dict[str, Any]) -> None:
        payload = self.payload
        last, count = fields["last"], fields["variable_count"]
        if max(1, count) <= fields.get("this_var", NOWHERE) < NOWHERE:
            raise Broken(at, f"$this is variable {fields['this_var']} of {count}")
        if last <= fields.get("early_binding", NOWHERE) < NOWHERE:
            raise Broken(at, f"classes are bound from opcode {fields['early_binding']} of {last} on")
        walk_code(payload, fields)
        self._variables(fields)
        self._loops(fields)
        self._handlers(fields)
        if fields["static_variables"]:
            table = payload.claim(fields["static_variables"], self.script.hash.size, "static variables")
            walk_table(payload, table, walk_value, self.is_chained)
        if fields["filename"]:
            payload.text(fields["filename"], "a function's file")
        if fields.get("doc_comment"):
            payload.string(fields["doc_comment"], fields["doc_length"], "a doc comment")

    def _variables(self, fields: Dict[str, Any]) -> None:
        payload, layout = self.payload, self.script.variable
        count = fields["variable_count"]
        if not count:
            return
        at = payload.claim(fields["variables"], count * layout.size, "variables")
        for name, length, code in layout.row.iter_unpack(memoryview(payload.data)[at : at + count * layout.size]):
            if length < 0:
                raise Broken(at, f"a variable's name of {length} bytes")
            found = payload.string(name, length, "a variable's name")
            if payload.hash(found, length + 1) != code:
                raise Broken(found, f"a variable with the hash {code:#x}, which its name has not")

    def _loops(self, fields: Dict[str, Any]) -> None:
        payload, layout = self.payload, self.script.loop
        count, end = fields["loop_count"], 4 * fields["last"] + 256  # the optimizer leaves numbers above the last
        if not count:
            return
        at = payload.claim(fields["loops"], count * layout.size, "loops")
        for start, proceed, leave, parent in layout.row.iter_unpack(
            memoryview(payload.data)[at : at + count * layout.size]
        ):
            if min(start, proceed, leave, parent) < -1 or max(start, proceed, leave) > end or parent >= count:
                raise Broken(at, f"a loop from opcode {start} to {proceed} or {leave}, in loop {parent} of {count}")

    def _handlers(self, fields: Dict[str, Any]) -> None:
        payload, layout = self.payload, self.script.handler
        count, last = fields["handler_count"], fields["last"]
        if not count:
            return
        at = payload.claim(fields["handlers"], count * layout.size, "exception handlers")
        for tried, caught in layout.row.iter_unpack(memoryview(payload.data)[at : at + count * layout.size]):
            if not tried <= caught < last:
                raise Broken(at, f"what opcode {tried} throws is caught at {caught} of {last}")

    def class_entry(self, pointer: int) -> bytes:
        """Walk a class and return its name."""
        payload, layout = self.payload, self.script.class_entry
        at = payload.claim(pointer, layout.size, "a class")
        fields = layout.fields(payload.data, at)
        if fields["name_length"] >= NAME_MAX:
            raise Broken(at, f"a class whose name has {fields['name_length']} bytes")
        if fields["type"] != USER or fields["flags"] >= CLASS_FLAGS_END or fields["interfaces"] > INTERFACES_MAX:
            raise Broken(
                at, f"a class of type {fields['type']}, flags {fields['flags']:#x}, {fields['interfaces']} interfaces"
            )
        found = payload.string(fields["name"], fields["name_length"], "a class's name")
        if fields["parent"]:
            payload.text(fields["parent"], "a parent's name")
        if fields["filename"]:
            payload.text(fields["filename"], "a class's file")
        if fields.get("doc_comment"):
            self.documented += 1
            payload.string(fields["doc_comment"], fields["doc_length"], "a class's doc comment")
        self._tables(at, pointer, fields)
        return payload.data[found : found + fields["name_length"]]

    def _tables(self, at: int, pointer: int, fields: Dict[str, Any]) -> None:
        payload, offsets = self.payload, self.script.class_entry.offsets
        for name in ("constants_table", "default_properties", "default_static_members"):
            walk_table(payload, at + offsets[name], walk_value, self.is_chained)
        walk_table(payload, at + offsets["properties_info"], self._property, self.is_chained)
        walk_table(payload, at + offsets["function_table"], self._method, self.is_chained)
        own = fields["static_members"]
        if own and own != pointer + offsets["default_static_members"]:
            table = payload.claim(own, self.script.hash.size, "static members")
            walk_table(payload, table, walk_value, self.is_chained)

    def _method(self, payload: Payload, pointer: int, is_chained: bool) -> None:
        self.op_array(pointer)

    def _property(self, payload: Payload, pointer: int, is_chained: bool) -> None:
        layout = self.script.property
        at = payload.claim(pointer, layout.size, "a property")
        name, length, comment, comment_length = layout.packed.unpack_from(payload.data, at)
        payload.string(name, length, "a property's name")
        if comment:
            payload.string(comment, comment_length, "a property's doc comment")


def _check_name(at: int, key: bytes, name: bytes) -> None:
    """Compare a name with the key it is listed by: the key of what is declared at run time begins with a NUL."""
    if key[:1] != b"\0" and key.lower() != name.lower() + b"\0":
        raise Broken(at, f"{name!r} is listed by the key {key!r}")
