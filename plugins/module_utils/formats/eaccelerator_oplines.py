# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The opcodes of one function: whether the engine of PHP 5.2 or 5.3 can carry them out without leaving its memory."""

from typing import Any, Callable, Container, Dict, List, Set

from . import eaccelerator_opcodes as opcodes
from .eaccelerator_opcodes import CONST, CV, OP_DATA, TMP, UNUSED, VAR
from .eaccelerator_payload import Broken, Payload
from .eaccelerator_tables import LONG, STRING, walk_zval

LINE_MAX = 10**7
ARGUMENTS_MAX = 65535
NOWHERE = (1 << 32) - 1
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
        self.given: Set[int] = set()  # the places of the temporaries that were given so far
        anything = range(1 << 32)
        self.known: Dict[int, Container[int]] = {  # what an operand or a result of each kind may say
            CONST: anything,
            TMP: self.given,
            VAR: self.given,
            UNUSED: anything,
            CV: range(self.variables),
        }
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
    payload, layout, data = code.payload, code.payload.script.opline, code.payload.data
    shapes = opcodes.shapes(payload.script.php)
    first_named = opcodes.FIRST_NAMED[payload.script.php]
    second_named = opcodes.SECOND_NAMED[payload.script.php]
    first_at, second_at, size, known, checks = code.op1, code.op2, layout.size, code.known, _CHECKS
    at, opcode = code.at - size, -1
    rows = layout.row.iter_unpack(memoryview(data)[code.at : code.at + code.length])
    for kind, result, _type, kind1, first, _type1, kind2, second, _type2, extended, line, opcode in rows:
        at += size
        if (opcode, kind1, kind2, kind) not in shapes or not 0 < line <= LINE_MAX:
            raise Broken(at, f"opcode {opcode} of line {line} with operands {kind1} and {kind2}, giving {kind}")
        if kind1 == CONST:
            _walk_constant(payload, at + first_at, opcode in first_named)
        elif first not in known[kind1]:
            raise Broken(at, f"opcode {opcode} takes {first}, of kind {kind1}, which nothing gives")
        if kind2 == CONST:
            _walk_constant(payload, at + second_at, opcode in second_named)
        elif second not in known[kind2] and opcode != OP_DATA:  # its own handler gives that of OP_DATA
            raise Broken(at, f"opcode {opcode} takes {second}, of kind {kind2}, which nothing gives")
        if result not in known[kind]:
            _give(code, at, kind, result)
        check = checks.get(opcode)
        if check:
            check(code, at, first, second, extended)
    return opcode


def _walk_constant(payload: Payload, at: int, is_name: bool) -> None:
    if walk_zval(payload, at, True) != STRING and is_name:
        raise Broken(at, "a constant where the engine takes a name, which is none")


def _give(code: Code, at: int, kind: int, place: int) -> None:
    """Take down a temporary that is given for the first time."""
    size = code.payload.script.temporary_size
    if kind == CV or place % size or place >= code.temporaries * size:
        raise Broken(at, f"a result at {place}, of {code.temporaries} temporaries and {code.variables} variables")
    code.given.add(place)


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
    if code.loops <= first < NOWHERE:  # to leave no loop at all is an error that the engine reports
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
