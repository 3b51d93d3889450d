# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which opcodes PHP 5.2 and 5.3 have, and which kinds of operands each takes and gives.

The kinds are written K (constant), T (temporary), V (variable), U (unused) and C (compiled variable). What an opcode
takes is what the engine has a handler for: of the 25 handlers of each opcode in zend_vm_execute.h those that are not
the null handler. They are always products: any kind of the first operand with any kind of the second. What an opcode
gives is what zend_compile.c and eAccelerator's optimizer (optimize.c) make it give.
"""

import functools
from typing import FrozenSet, Iterator, Tuple

CONST, TMP, VAR, UNUSED, CV = 1, 2, 4, 8, 16  # IS_CONST and so on of zend_compile.h
_KINDS = {"K": CONST, "T": TMP, "V": VAR, "U": UNUSED, "C": CV}

# The opcodes that are spoken of by name (zend_vm_opcodes.h).
JMP, JMPZ, JMPNZ, JMPZNZ, JMPZ_EX, JMPNZ_EX, JMP_SET = 42, 43, 44, 45, 46, 47, 152
BRK, CONT, FE_RESET, FE_FETCH, CATCH = 50, 51, 77, 78, 107
RETURN, EXIT, HANDLE_EXCEPTION, OP_DATA = 62, 79, 149, 137
INIT_FCALL_BY_NAME, INIT_NS_FCALL_BY_NAME, INIT_METHOD_CALL, INIT_STATIC_METHOD_CALL, NEW = 59, 69, 112, 113, 68
DO_FCALL, DO_FCALL_BY_NAME, SEND_VAL, SEND_VAR, SEND_REF, SEND_VAR_NO_REF = 60, 61, 65, 66, 67, 106
RECV, RECV_INIT = 63, 64
FETCHES = (80, 83, 86, 89, 92, 95)  # FETCH_R, _W, _RW, _IS, _FUNC_ARG and _UNSET: a variable by its name

# The kinds of the first operand, of the second, and the opcodes that take them, in PHP 5.2 and 5.3 alike.
_TAKEN = """
KTVC  KTVC   1-11 14-20 48
KTVC  KTVUC  12 13 21 22 40 41 43-47 52 62 65 72-74 77 80 83 86 89 92 95 108 114
KTVUC KTVUC  0 42 53 57 61 63 68 71 79 101-104 109 110 137 139-142 146 149 150
KTVUC KTVC   50 51 59
KTVUC K      64
KT    K      98
K     KTVUC  60 105
T     KTVUC  58 70
TVC   KTVUC  138
TVUC  KTVC   112
VUC   KTVUC  23-33
VUC   KTVC   75 76 82 85 88 91 94 97 115 132-136 148
VC    KTVUC  34-37 66 67 84 87 93 106 147
VC    KTVC   38 81 90 96
VC    VC     39
V     KTVUC  78
"""
_TAKEN_BY = {
    "5.2": """
KTVUC KTVUC  107 113 144
T     K      54 55
T     TVC    56
KU    K      99
TV    KTVUC  49
""",
    "5.3": """
KTVC  KTVUC  152
KTVUC KTVUC  145
KTVUC K      69 100 144
KTVUC C      107
KVU   K      99
KV    KTVUC  113
TU    K      54 55
TU    TVC    56
V     KTVUC  49
K     K      143 153
""",
}
# The kinds of the result, and the opcodes that give them.
_GIVEN = """
U      40 42-45 49-51 58 59 62 65-67 69 70 79 100 105-108 113 141-144 146
T      1-22 36 37 41 46-48 52-57 71 72 99 114 115 134 135 138 148 152 153
V      23-35 38 60 61 68 73 77 80-98 109 110 132 133 136 139 140 147
VU     39 74-76 112 145
CV     63 64
TV     78
TVU    137
KTVUC  0 101-104 149 150
"""
# Whose constant operands the engine takes for strings without a look. In PHP 5.2 a class is a temporary that is marked
# as a constant, so there the operands that may be classes are left out.
_FIRST_NAMED = {"5.2": "60 139-141", "5.3": "60 69 99 107 113 139-141 143 145 153"}
_SECOND_NAMED = {"5.2": "55 59 99 109 113 139-141", "5.3": "55 59 69 99 109 113 139-141 144 145"}

Shape = Tuple[int, int, int, int]  # an opcode, and the kinds of its first operand, its second operand and its result


@functools.lru_cache(maxsize=None)
def shapes(php: str) -> FrozenSet[Shape]:
    """Return every legal combination of an opcode and kinds in that PHP, "5.2" or "5.3"."""
    given = {opcode: kinds for (kinds,), opcode in _rows(_GIVEN, 1)}
    return frozenset(
        (opcode, _KINDS[first], _KINDS[second], _KINDS[result])
        for (firsts, seconds), opcode in _rows(_TAKEN + _TAKEN_BY[php], 2)
        for first in firsts
        for second in seconds
        for result in given[opcode]
    )


def _rows(table: str, columns: int) -> Iterator[Tuple[Tuple[str, ...], int]]:
    for line in table.split("\n"):
        words = line.split(None, columns)
        for opcode in _numbers(words[columns]) if words else ():
            yield tuple(words[:columns]), opcode


def _numbers(text: str) -> Iterator[int]:
    for word in text.split():
        first, _unused, last = word.partition("-")
        yield from range(int(first), int(last or first) + 1)


FIRST_NAMED = {php: frozenset(_numbers(text)) for php, text in _FIRST_NAMED.items()}
SECOND_NAMED = {php: frozenset(_numbers(text)) for php, text in _SECOND_NAMED.items()}
