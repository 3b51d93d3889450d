# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A pattern of pgrep(1) and pkill(1) against the names of processes, in a time that no pattern makes long.

It is an extended regular expression that any user may have written, for titles that any process may set, and re tries
every way to share a title out among what repeats. Here ``.*`` and ``.+`` are all that may repeat: the first place where
what stands between two of them fits will do. Patterns of people who look for processes are like that.
"""

import re
from typing import NamedTuple, Pattern, Tuple

from ..errors import Malformed

LENGTH_LIMIT = 200  # characters
NAME_LIMIT = 300  # characters of a title that are looked at

_ATOM = r"(?:[^\\\[\](){}|*+?^$]|\\[^A-Za-z0-9]|\[\^?[A-Za-z0-9_./: @]+(?:-[A-Za-z0-9]+)*\])"
_SIMPLE = re.compile(rf"\^?{_ATOM}*(?:\.[*+]{_ATOM}*)*\$?\Z")
# One group that does not repeat, and no | outside of it.
_GROUP = re.compile(r"([^()|\\]*)\(([^()\\]*)\)(?![*+?{])([^()|\\]*)\Z")
_ANYTHING = re.compile(r"\.([*+])")


class Alternative(NamedTuple):
    """What stands between two ``|``. begins, ends: it is held to the begin or the end of a name."""

    begins: bool
    pieces: Tuple[str, ...]
    ends: bool


def parse(text: str) -> Tuple[Alternative, ...]:
    """Return what a pattern looks for. Raises Malformed for one that is too long or too involved to be tried."""
    group = _GROUP.match(text)
    if group:
        before, among, after = group.groups()
        parts = [f"{before}{one}{after}" for one in among.split("|")]
        pieces = [before, after, *among.split("|"), *parts]
    else:
        pieces = parts = text.split("|")
    if len(text) > LENGTH_LIMIT or not all(_SIMPLE.match(piece) for piece in pieces):
        raise Malformed("its pattern is too involved to be tried on the names of processes")
    return tuple(_alternative(part) for part in parts)


def fits(pattern: Tuple[Alternative, ...], name: str, exact: bool) -> bool:
    """Whether a name has what a pattern looks for; ``exact``, whether it is that and no more (pgrep -x)."""
    return any(_fits(one, name[:NAME_LIMIT], exact) for one in pattern)


def _alternative(part: str) -> Alternative:
    begins, ends = part.startswith("^"), part.endswith("$") and not part.endswith("\\$")
    part = part[begins : len(part) - ends]
    # What .+ needs one of, it has before what may be anything.
    pieces = _ANYTHING.sub(lambda found: "..*" if found.group(1) == "+" else ".*", part).split(".*")
    for piece in pieces:
        _compiled(piece, "")
    return Alternative(begins, tuple(pieces), ends)


def _compiled(piece: str, end: str) -> Pattern[str]:
    try:
        return re.compile(piece + end, re.DOTALL)
    except re.error as error:
        raise Malformed("its pattern is no regular expression") from error  # whose words would quote it


def _fits(one: Alternative, name: str, exact: bool) -> bool:
    place = 0
    last = len(one.pieces) - 1
    for number, piece in enumerate(one.pieces):
        pattern = _compiled(piece, r"\Z" if number == last and (one.ends or exact) else "")
        held = number == 0 and (one.begins or exact)
        found = pattern.match(name, place) if held else pattern.search(name, place)
        if found is None:
            return False
        place = found.end()
    return True
