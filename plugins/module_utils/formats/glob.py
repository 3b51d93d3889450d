# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names against one part of a pattern of glob(7), in a time that no pattern makes long.

fnmatch translates a pattern to a regular expression, which up to Python 3.8 tries every way to share a name out among
the stars of a pattern, and up to 3.6 fails at a range that runs backwards. Here the first place where what stands
between two stars fits will do, and such a range holds no character, as in glibc.
"""

import re
from typing import List, Optional, Sequence

NAME_LIMIT = 255  # characters; NAME_MAX, in bytes
_CHARACTER = re.compile(r"\*|\[(?:!.|[^!])[^\]]*\]|.", re.DOTALL)
_RANGE = re.compile(r"(.)(?:-(.))?", re.DOTALL)

Piece = List[str]  # of a pattern between two stars: what each character of a name has to match


def is_pattern(text: str) -> bool:
    """Whether it is more than a plain name or path."""
    return re.search(r"[*?\[]", text) is not None


def matching(names: Sequence[str], pattern: str) -> List[str]:
    """Return the names that match; a hidden one matches only a pattern that begins with a dot."""
    pieces = _pieces(pattern)
    if sum(map(len, pieces)) > NAME_LIMIT:
        return []
    return [name for name in names if pattern[:1] == "." or name[:1] != "." if _matches(name, pieces)]


def _pieces(pattern: str) -> List[Piece]:
    pieces: List[Piece] = [[]]
    for character in _CHARACTER.findall(pattern):
        if character == "*":
            pieces.append([])
        else:
            pieces[-1].append(character)
    return pieces


def _matches(name: str, pieces: Sequence[Piece]) -> bool:
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(name) == len(first) and _fits(name, 0, first)
    end = len(name) - len(last)
    if len(first) > end or not _fits(name, 0, first) or not _fits(name, end, last):
        return False
    position: Optional[int] = len(first)
    for piece in filter(None, pieces[1:-1]):
        position = None if position is None else _after(name, position, end, piece)
    return position is not None


def _after(name: str, start: int, end: int, piece: Piece) -> Optional[int]:
    """Return where the first part of a name ends that a piece fits, between start and end."""
    places = range(start, end - len(piece) + 1)
    return next((place + len(piece) for place in places if _fits(name, place, piece)), None)


def _fits(name: str, place: int, piece: Piece) -> bool:
    return all(_fits_one(character, wanted) for character, wanted in zip(name[place:], piece))


def _fits_one(character: str, wanted: str) -> bool:
    if len(wanted) == 1:
        return wanted in ("?", character)
    negated = wanted[1] == "!"
    ranges = _RANGE.findall(wanted[2 if negated else 1 : -1])
    return negated != any(first <= character <= (last or first) for first, last in ranges)
