# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The dialect of php.ini, as far as a value is text, a number or a word (php-src, Zend/zend_ini_scanner.l)."""

import re
from typing import Iterator, List, Mapping, NamedTuple, Tuple

from ..errors import Malformed

_BLANK = re.compile(r"[ \t\r\n]+")
_COMMENT = re.compile(r"[;#][^\n]*")
_SECTION = re.compile(r"\[([^\]\n]*)\][^\n]*")
_NAME = re.compile(r"[^=\n;]+")
_BARE = re.compile(r"[^;=\"'\r\n]+")
_QUOTED_PIECE = re.compile(r"[^\"\\]+|\\.", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\\"'])")
_TRUE = ("true", "on", "yes")
_NONZERO = re.compile(r"-?0*[1-9]")
_FALSE = ("false", "off", "no", "none", "null")


class Setting(NamedTuple):
    """``name = value`` at a line, the first being 1, below ``[section]``, "" before any.

    The value is without quotes. A word for a truth value is 1 or 0 (PHP itself makes the false ones empty, which it
    reads as 0). A reference to another setting or the environment, ``${NAME}``, is as written, and so is an expression.
    """

    section: str
    name: str
    value: str
    line: int


def parse(text: str) -> Iterator[Setting]:
    """Yield what an ini file sets, in order.

    Raises Malformed at an ``=`` in a bare value and a quote that nothing closes: PHP itself reads no further.
    """
    section, position, line, counted = "", 0, 1, 0
    while True:
        position = _after_blank(text, position)
        line += text.count("\n", counted, position)
        counted = position
        if position == len(text):
            return
        head = _SECTION.match(text, position)
        if head:
            section, position = _unquoted(head.group(1)), head.end()
            continue
        name = _NAME.match(text, position)
        position = name.end() if name else position
        if text[position : position + 1] != "=":
            continue  # a name alone sets nothing
        value, position = _value(text, position + 1, line)
        if name:
            yield Setting(section, name.group().strip(), value, line)


def word(text: str) -> str:
    """Return the value of an unquoted text: 1 and 0 for the words of truth."""
    if text.lower() in _TRUE:
        return "1"
    return "0" if text.lower() in _FALSE else text


def is_on(settings: Mapping[str, str], name: str, default: bool) -> bool:
    """Whether a setting is on, as PHP reads one."""
    if name not in settings:
        return default
    text = settings[name].strip().lower()
    return text in _TRUE or bool(_NONZERO.match(text))


def _after_blank(text: str, position: int) -> int:
    while True:
        blank = _BLANK.match(text, position) or _COMMENT.match(text, position)
        if blank is None:
            return position
        position = blank.end()


def _value(text: str, position: int, line: int) -> Tuple[str, int]:
    """Return the value that begins at a position, and where it ends: at the end of its line, or at a comment."""
    pieces: List[str] = []
    quoted = False
    while position < len(text) and text[position] not in ";\r\n":
        bare = _BARE.match(text, position)
        if bare:
            pieces.append(bare.group().strip())
            position = bare.end()
            continue
        sign, begin = text[position], position + 1
        end = _closing(text, begin, sign)
        if end < 0:
            raise Malformed(f"line {line}: its {sign} is not where one can be; PHP reads no line after it")
        quoted = True
        pieces.append(_ESCAPE.sub(r"\1", text[begin:end]) if sign == '"' else text[begin:end])
        position = end + 1
    value = "".join(pieces)
    return value if quoted else word(value), position


def _closing(text: str, begin: int, sign: str) -> int:
    """Return where a quotation that begins there is closed, -1 where it is not, or the sign opens none."""
    if sign == "'":
        return text.find(sign, begin)
    if sign != '"':
        return -1
    # Piece by piece: one expression for all of it takes 160 bytes of memory a character.
    piece = _QUOTED_PIECE.match(text, begin)
    while piece:
        begin = piece.end()
        piece = _QUOTED_PIECE.match(text, begin)
    return begin if text[begin : begin + 1] == sign else -1


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
