# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's configuration language, as far as words, statements and blocks (nginx, src/core/ngx_conf_file.c)."""

import re
from typing import Iterator, List, Tuple

from ..errors import Malformed

# One match is white space and comments, an end of statement or block, or one word. A backslash takes the next character
# with it; ``${`` in a word opens a variable, not a block.
_TOKEN = re.compile(
    r"""(?P<blank>(?:[ \t\r\n]|(?:(?<=[ \t\r\n;{}])|\A)\#[^\n]*)+)
      | (?P<mark>[;{}])
      | "(?P<double>(?:[^"\\]|\\.)*)"
      | '(?P<single>(?:[^'\\]|\\.)*)'
      | (?P<bare>(?:[^\s;{}"'\\$]|\\.|\$\{?)(?:[^\s;{\\$]|\\.|\$\{?)*)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\([\"'\\trn])")
_ESCAPED = {"t": "\t", "r": "\r", "n": "\n"}

Statement = Tuple[str, ...]


def top_level(text: str) -> Iterator[Statement]:
    """Yield the words of each statement outside of any block, in order: ``("pid", "/run/nginx.pid")``.

    It reads no further than it is asked for, so what follows the wanted statement need not be understood.
    Raises Malformed where the text is not nginx's.
    """
    words: List[str] = []
    depth = 0
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise Malformed(f"line {_line(text, position)}: a quote or a backslash has no end", position=position)
        position = token.end()
        mark = token.group("mark")
        if mark == ";":
            if words and depth == 0:
                yield tuple(words)
            words = []
        elif mark == "{":
            depth += 1
            words = []
        elif mark == "}":
            depth -= 1
            if depth < 0:
                raise Malformed(f"line {_line(text, position)}: a }} closes no block", position=position)
        elif token.group("blank") is None:
            words.append(_word(token))
    if depth or words:
        raise Malformed("it ends within a statement or a block", position=position)


def _word(token: "re.Match[str]") -> str:
    raw = next(part for part in token.group("double", "single", "bare") if part is not None)
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match.group(1), match.group(1)), raw)


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
