# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turn values into what JSON can carry, with bounds: strings and lists of a host may be of any length."""

from functools import lru_cache
from typing import Any, Dict, List, Sequence

STRING_LIMIT = 1024
LIST_LIMIT = 100
_SCALARS = frozenset((type(None), bool, int, float))


class Secret(bytes):
    """Bytes that may hold a password, which no result, finding or plan ever shows; they compare as bytes."""


def plain(value: Any, list_limit: int = LIST_LIMIT) -> Any:
    """Return ``value`` as dicts, lists, strings, numbers, booleans and None.

    A NamedTuple becomes a dict by its field names. A list or tuple of more than ``list_limit`` items is cut, and in a
    NamedTuple the number of items left out stands beside it as ``<field>_omitted``. Bytes are decoded with
    backslash escapes; a string of more than STRING_LIMIT characters is cut and ends in ``…``, which is all of a Secret.
    """
    if type(value) in _SCALARS or isinstance(value, (int, float)):
        return value
    if isinstance(value, Secret):
        return "…"
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return _printable(value)
    if isinstance(value, dict):
        return {_printable(str(key)): plain(item, list_limit) for key, item in value.items()}
    if hasattr(value, "_asdict"):
        return _plain_fields(value, list_limit)
    return [plain(item, list_limit) for item in list(value)[:list_limit]]


def plain_all(values: Sequence[Any], list_limit: int = LIST_LIMIT) -> List[Any]:
    """Return plain() of each value. Thousands of numbers, or of texts that need no change, take no detour."""
    kinds = set(map(type, values))
    if kinds <= _SCALARS or (kinds == {str} and _are_printable(values)):
        return list(values)
    return [plain(value, list_limit) for value in values]


def one_line(text: str) -> str:
    """Return text for a terminal: as plain(), with control characters escaped, because names may hold any byte."""
    shown: str = plain(text)
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in shown)


@lru_cache(maxsize=1024)
def _printable(text: str) -> str:
    # Names of files and processes may hold surrogates (undecodable bytes), which no JSON encoder downstream survives.
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= STRING_LIMIT else text[: STRING_LIMIT - 1] + "…"


def _are_printable(texts: Sequence[str]) -> bool:
    """Return whether _printable() would leave all of them as they are."""
    try:
        "".join(texts).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return max(map(len, texts)) <= STRING_LIMIT


def _plain_fields(value: Any, list_limit: int) -> Dict[str, Any]:
    result: Dict[str, Any] = {}
    for name, item in zip(value._fields, value):
        # A host may have 65,000 findings of twenty fields each, so numbers and strings take no detour.
        kind = type(item)
        if kind in _SCALARS:
            result[name] = item
        elif kind is str:
            result[name] = _printable(item)
        else:
            result[name] = plain(item, list_limit)
            if kind in (list, tuple) and len(item) > list_limit:
                result[name + "_omitted"] = len(item) - list_limit
    return result
