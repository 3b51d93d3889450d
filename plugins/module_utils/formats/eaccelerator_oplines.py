# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The opcodes of one function: whether the engine of PHP 5.2 or 5.3 can carry them out without leaving its memory."""

from typing import Any, Callable, Dict, List, Set

from . import eaccelerator_opcodes as opcodes
from .eaccelerator_opcodes import CONST, CV, OP_DATA, UNUSED
from .eaccelerator_payload import Broken, Payload
from .eaccelerator_tables import LONG, STRING, walk_zval

LINE_MAX = 10**7
ARGUMENTS_MAX = 65535
FETCH_TYPES = 4  # the highest of ZEND_FETCH_GLOBAL and so on


class Code:
    """The opcodes of one function, and what is known of it while they are walked."""

    def __init__(self, payload: Payload, fields: Dict[str, Any]) -> None:
        layout = payload.script.opline
        self.payload = payload
        self.last: int = fields["last"]
        self.loops: int = fields["loop_count"]
        self.arguments: int = fields["arguments"]
        self.variables: int = fields["variable_count"]
        self.temporaries: int = fields["temporaries"]
        self.length = self.last * layout.size
        self.first: int = fields["opcodes"]
        self.at = payload.claim(self.first, self.length, "opcodes")
        self.op1 = layout.offsets["op1_var"]  # where the operands' unions begin
        self.op2 = layout.offsets["op2_var"]
        self.op2_type = layout.offsets["op2_type"]
        self.calls: List[int] = []  # of each call that is begun, how many arguments were sent before it
        self.sent = 0
        self.is_balanced = True

    def target(self, at: int) -> None:
        """The address of one of these opcodes."""
        (pointer,) = self.payload.script.pointer.unpack_from(self.payload.data, at)
        distance = pointer - self.first
        if not 0 <= distance < self.length or distance % self.payload.script.opline.size:
            raise Broken(at, f"a jump to {pointer:#x}, which is none of these opcodes")

    def number(self, at: int, number: int) -> None:
        """The number of one of these opcodes."""
        if number >= self.last:
            raise Broken(at, f"a jump to opcode {number} of {self.last}")


def walk_code(payload: Payload, fields: Dict[str, Any]) -> None:
    """Walk the opcodes of an op array, whose fields are given."""
    last, temporaries = fields["last"], fields["temporaries"]
    if not last:
        raise Broken(payload.start, "a function without opcodes")
    if temporaries > 4 * last + 16:
        raise Broken(payload.start, f"{temporaries} temporaries for {last} opcodes")
    code = Code(payload, fields)
    opcode = _walk_oplines(code)
    if opcode not in (opcodes.RETURN, opcodes.HANDLE_EXCEPTION, opcodes.EXIT):
        raise Broken(code.at, f"a function that ends with opcode {opcode}")
    if code.is_balanced and (code.calls or code.sent):
        raise Broken(code.at, f"a function that ends within {len(code.calls)} calls, {code.sent} arguments sent")


def _walk_oplines(code: Code) -> int:
    """Walk the opcodes in their order and return the last. It is the hottest loop: all it needs is local."""
    payload, variables = code.payload, code.variables
    layout = payload.script.opline
    shapes = opcodes.shapes(payload.script.php)
    php, checks = payload.script.php, _CHECKS
    first_named, second_named = opcodes.FIRST_NAMED[php], opcodes.SECOND_NAMED[php]
    first_value, second_value, size = code.op1, code.op2, layout.size
    written: Set[int] = set()
    at = code.at - size
    rows = layout.row.iter_unpack(memoryview(payload.data)[code.at : code.at + code.length])
    opcode = -1
    for kind, result, _1, kind1, first, _2, kind2, second, _3, extended, line, opcode in rows:
        at += size
        if (opcode, kind1, kind2, kind) not in shapes or not 0 < line <= LINE_MAX:
            raise Broken(at, f"opcode {opcode} of line {line} with operands {kind1} and {kind2}, giving {kind}")
        if kind1 == CONST:
            if walk_zval(payload, at + first_value, True) != STRING and opcode in first_named:
                raise Broken(at, f"opcode {opcode} with a first operand that is no name")
        elif kind1 == CV:
            if first >= variables:
                raise Broken(at, f"opcode {opcode} takes variable {first} of {variables}")
        elif kind1 != UNUSED and first not in written:
            raise Broken(at, f"opcode {opcode} takes the temporary at {first}, which nothing has given")
        if kind2 == CONST:
            if walk_zval(payload, at + second_value, True) != STRING and opcode in second_named:
                raise Broken(at, f"opcode {opcode} with a second operand that is no name")
        elif kind2 == CV:
            if second >= variables:
                raise Broken(at, f"opcode {opcode} takes variable {second} of {variables}")
        elif kind2 != UNUSED and second not in written and opcode != OP_DATA:
            raise Broken(at, f"opcode {opcode} takes the temporary at {second}, which nothing has given")
        if kind == CV:
            if result >= variables:
                raise Broken(at, f"opcode {opcode} gives variable {result} of {variables}")
        elif kind != UNUSED and result not in written:
            _check_temporary(code, at, result)
            written.add(result)
        check = checks.get(opcode)
        if check:
            check(code, at, first, second, extended)
    return opcode


def _check_temporary(code: Code, at: int, place: int) -> None:
    size = code.payload.script.temporary_size
    if place % size or place >= code.temporaries * size:
        raise Broken(at, f"a temporary at {place}, of {code.temporaries} of {size} bytes each")


def _jump_first(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.target(at + code.op1)


def _jump_second(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.target(at + code.op2)


def _jump_both(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.number(at, second)
    code.number(at, extended)


def _goes_on(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.number(at, second)


def _catch(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.number(at, extended)


def _leave(code: Code, at: int, first: int, second: int, extended: int) -> None:
    if first >= code.loops:
        raise Broken(at, f"it leaves loop {first} of {code.loops}")


def _receive(code: Code, at: int, first: int, second: int, extended: int) -> None:
    number, _length, kind = code.payload.script.zval.packed.unpack_from(code.payload.data, at + code.op1)
    if kind != LONG or not 1 <= number <= code.arguments:
        raise Broken(at, f"it receives argument {number} of {code.arguments}")


def _fetch(code: Code, at: int, first: int, second: int, extended: int) -> None:
    kind = int.from_bytes(code.payload.data[at + code.op2_type : at + code.op2_type + 4], "little")
    if kind > FETCH_TYPES:
        raise Broken(at, f"it fetches a variable of kind {kind}")


def _begin(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.calls.append(code.sent)


def _begin_new(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.number(at, second)
    code.calls.append(code.sent)


def _send(code: Code, at: int, first: int, second: int, extended: int) -> None:
    if not 1 <= second <= ARGUMENTS_MAX:
        raise Broken(at, f"it sends argument {second}")
    code.sent += 1


def _call(code: Code, at: int, first: int, second: int, extended: int) -> None:
    code.sent -= extended
    if code.is_balanced and code.sent < (code.calls[-1] if code.calls else 0):
        raise Broken(at, f"it calls with {extended} arguments, more than were sent")


def _call_begun(code: Code, at: int, first: int, second: int, extended: int) -> None:
    begun = code.calls.pop() if code.calls else -1
    if code.is_balanced and code.sent - extended != begun:
        raise Broken(at, f"it calls with {extended} arguments what was not begun so")
    code.sent = begun


def _exit(code: Code, at: int, first: int, second: int, extended: int) -> None:
    """Count no longer in an argument that exits: the optimizer takes away what stands behind it, the call as well."""
    code.is_balanced = code.is_balanced and not code.calls and not code.sent


_Check = Callable[[Code, int, int, int, int], None]
_CHECKS: Dict[int, _Check] = {
    opcodes.JMP: _jump_first,
    opcodes.JMPZ: _jump_second,
    opcodes.JMPNZ: _jump_second,
    opcodes.JMPZ_EX: _jump_second,
    opcodes.JMPNZ_EX: _jump_second,
    opcodes.JMP_SET: _jump_second,
    opcodes.JMPZNZ: _jump_both,
    opcodes.FE_RESET: _goes_on,
    opcodes.FE_FETCH: _goes_on,
    opcodes.NEW: _begin_new,
    opcodes.CATCH: _catch,
    opcodes.BRK: _leave,
    opcodes.CONT: _leave,
    opcodes.RECV: _receive,
    opcodes.RECV_INIT: _receive,
    opcodes.INIT_FCALL_BY_NAME: _begin,
    opcodes.INIT_NS_FCALL_BY_NAME: _begin,
    opcodes.INIT_METHOD_CALL: _begin,
    opcodes.INIT_STATIC_METHOD_CALL: _begin,
    opcodes.SEND_VAL: _send,
    opcodes.SEND_VAR: _send,
    opcodes.SEND_REF: _send,
    opcodes.SEND_VAR_NO_REF: _send,
    opcodes.DO_FCALL: _call,
    opcodes.DO_FCALL_BY_NAME: _call_begun,
    opcodes.EXIT: _exit,
}
_CHECKS.update(dict.fromkeys(opcodes.FETCHES, _fetch))
