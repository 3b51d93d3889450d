# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write many records that are alike as rows: what they have in common is said once, and nothing is left out."""

from itertools import chain
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

Column = Sequence[Any]


def to_rows(records: Sequence[Any], shown: Callable[[Column], List[Any]]) -> Dict[str, Any]:
    """Return ``same``, ``fields`` and ``rows``: what all records say alike, the names of the rest, a row each of that.

    records are NamedTuples of one type, or dicts of the same keys. A field of a record within a record is named by its
    path, with dots: evidence.owner. shown turns a column, the values of one field, into what JSON can carry.
    """
    columns = [leaf for name, column in _parts(records) or () for leaf in _leaves(name, column)]
    differing = [(name, shown(column)) for name, column in columns if not _is_same(column)]
    return dict(
        same={name: shown(column[:1])[0] for name, column in columns if _is_same(column)},
        fields=[name for name, _unused in differing],
        rows=list(zip(*[column for _unused, column in differing])) or [()] * len(records),
    )


def from_rows(table: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    """Yield the records of to_rows() as nested dicts. Raises KeyError, ValueError and TypeError for anything else."""
    for row in table["rows"]:
        record: Dict[str, Any] = {}
        for path, value in chain(table["same"].items(), zip(table["fields"], row)):
            *above, name = path.split(".")
            place = record
            for part in above:
                place = place.setdefault(part, {})
            place[name] = value
        yield record


def _leaves(name: str, column: Column) -> Iterator[Tuple[str, Column]]:
    """Yield a column, or the columns of its parts where its values differ and have the same parts."""
    parts = None if _is_same(column) else _parts(column)
    if parts is None:
        yield name, column
        return
    for part, values in parts:
        yield from _leaves(f"{name}.{part}", values)


def _is_same(column: Column) -> bool:
    return column.count(column[0]) == len(column)


def _parts(column: Column) -> Optional[List[Tuple[str, Column]]]:
    """Return the columns of the fields that all values have, None where they have none, or not the same."""
    if len(set(map(type, column))) > 1:
        return None
    if isinstance(column[0], dict):
        return _parts_of_dicts(column)
    fields = getattr(column[0], "_fields", ())
    return list(zip(fields, zip(*column))) if fields else None


def _parts_of_dicts(column: Column) -> Optional[List[Tuple[str, Column]]]:
    # Only names can stand in a path: a key of the host's own may hold dots.
    names = tuple(column[0])
    if not names or not all(isinstance(name, str) and name.isidentifier() for name in names):
        return None
    if set(map(tuple, column)) != {names}:
        return None
    return list(zip(names, zip(*[value.values() for value in column])))
