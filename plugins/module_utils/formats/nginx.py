# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's configuration language: words, statements, blocks, times (src/core/ngx_conf_file.c, ngx_parse.c of nginx)."""

import re
from typing import Iterator, List, NamedTuple, Optional, Tuple

from ..errors import Malformed, TooLarge

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

# A block of Lua is Lua: its comments and strings may hold braces that close nothing.
_LUA_BLOCK = "_by_lua_block"
_LUA = re.compile(
    r"""(?P<skip>--\[(?P<comment>=*)\[.*?\](?P=comment)\] | --[^\n]* | \[(?P<string>=*)\[.*?\](?P=string)\]
          | "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
      | (?P<brace>[{}])""",
    re.VERBOSE | re.DOTALL,
)

_TIME = re.compile(r"(?:[0-9]+(?:ms|[ywdhmsM])\s*)*(?:[0-9]+)?\Z")
_STEP = re.compile(r"([0-9]+)(ms|[ywdhmsM]?)")
_SECONDS = {"y": 31536000, "M": 2592000, "w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "": 1, "ms": 0.001}

DEPTH_LIMIT = 100  # blocks within one another
DIRECTIVES_LIMIT = 200_000
TIME_LIMIT = 100  # characters
SECONDS_LIMIT = 1e9

Statement = Tuple[str, ...]


class Directive(NamedTuple):
    """A statement with the line where its first word stands; block is what its braces hold, None without any."""

    words: Statement
    line: int
    block: Optional[Tuple["Directive", ...]]


class _Token(NamedTuple):
    mark: str  # one of ;{} or "" for a word
    word: str
    line: int


def top_level(text: str) -> Iterator[Statement]:
    """Yield the words of each statement outside of any block, in order: ``("pid", "/run/nginx.pid")``.

    It reads no further than it is asked for, so what follows the wanted statement need not be understood.
    Raises Malformed where the text is not nginx's.
    """
    words: List[str] = []
    depth = 0
    for mark, word, _unused in _tokens(text):
        if mark == "":
            words.append(word)
            continue
        if mark == ";" and words and depth == 0:
            yield tuple(words)
        depth += {"{": 1, "}": -1}.get(mark, 0)
        words = []


def directives(text: str) -> Tuple[Directive, ...]:
    """Return every statement of a text, those of a block within it. Raises Malformed and TooLarge."""
    open_blocks: List[Tuple[Statement, int, List[Directive]]] = []
    here: List[Directive] = []
    words: List[str] = []
    line = 1
    count = 0
    for mark, word, at in _tokens(text):
        if mark == "":
            line = line if words else at
            words.append(word)
        elif mark == ";" and words:
            here.append(Directive(tuple(words), line, None))
        elif mark == "{":
            open_blocks.append((tuple(words), line if words else at, here))
            here = []
        elif mark == "}":
            named, begun, around = open_blocks.pop()
            around.append(Directive(named or ("",), begun, tuple(here)))
            here = around
        if mark:
            words = []
            count += 1
        if count > DIRECTIVES_LIMIT or len(open_blocks) > DEPTH_LIMIT:
            raise TooLarge(
                f"line {at}: more than {DIRECTIVES_LIMIT} statements, or {DEPTH_LIMIT} blocks in one another"
            )
    return tuple(here)


def seconds(text: str) -> float:
    """Return a time in seconds: ``60``, ``60s``, ``500ms``, ``1h 30m``. Raises Malformed."""
    if not text or len(text) > TIME_LIMIT or not _TIME.match(text):
        raise Malformed(f"{text[:TIME_LIMIT]!r} is no time of nginx, such as 60s or 500ms")
    total = sum(int(number) * _SECONDS[unit] for number, unit in _STEP.findall(text))
    if total > SECONDS_LIMIT:
        raise Malformed(f"{text!r} is longer than any time that nginx takes")
    return float(total)


def _tokens(text: str) -> Iterator[_Token]:
    """Yield words and marks. Raises Malformed also where a block or a statement has no end."""
    depth = 0
    first = ""  # word of the statement
    ended = True
    position = counted = 0
    line = 1
    while position < len(text):
        token = _TOKEN.match(text, position)
        line, counted = line + text.count("\n", counted, position), position
        if token is None:
            raise Malformed(f"line {line}: a quote or a backslash has no end", position=position)
        mark = token.group("mark") or ""
        position = token.end()
        if token.group("blank") is not None:
            continue
        depth += {"{": 1, "}": -1}.get(mark, 0)
        if depth < 0:
            raise Malformed(f"line {line}: a }} closes no block", position=position)
        word = "" if mark else _word(token)
        yield _Token(mark, word, line)
        if mark == "{" and first.endswith(_LUA_BLOCK):
            position = _end_of_lua(text, position, line)
        first = "" if mark else first or word
        ended = bool(mark)
    if depth or not ended:
        raise Malformed("it ends within a statement or a block", position=position)


def _end_of_lua(text: str, position: int, line: int) -> int:
    """Return where the brace stands that closes a block of Lua."""
    depth = 1
    for piece in _LUA.finditer(text, position):
        depth += {"{": 1, "}": -1}.get(piece.group("brace") or "", 0)
        if depth == 0:
            return piece.start()
    raise Malformed(f"line {line}: a block of Lua has no end", position=position)


def _word(token: "re.Match[str]") -> str:
    raw = next(part for part in token.group("double", "single", "bare") if part is not None)
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match.group(1), match.group(1)), raw)
