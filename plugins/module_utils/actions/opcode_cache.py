# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take entries out of an opcode cache while workers read and write it, and put them back.

Here is what becomes of all the files of an action; cache_file.py takes and gives back one of them, cache_directory.py
reaches the directories. Whoever owns the cache can exchange any name in it at any moment.
"""

import contextlib
import os
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union, cast

from ..directory import mount_of
from ..errors import CannotAct, Taken, Unneeded
from ..facts.opcode_cache import Guard
from ..journal_file import Intent
from ..model import Action
from .cache_directory import Cache, DirectoryKept, directories_below, make_again, open_cache, remove_empty
from .cache_file import BACK, FREE, Kept, give_back, is_seen, keep, state_of, take
from .journal import Journal
from .shelf import make_shelf, open_shelf
from .verb import Prepared, Verb

_GONE = "what was seen there is gone, or was written anew meanwhile"


class Back(NamedTuple):
    """What undo puts back into a cache; directories from the outermost on."""

    cache: str
    shelf: str
    files: Tuple[Kept, ...]
    directories: Tuple[DirectoryKept, ...]


# What the verbs of a remedy do.


def look(action: Action) -> None:
    guard = cast(Guard, action.guard)
    with open_cache(guard.cache) as cache:
        if not any(is_seen(cache, file) for file in guard.files):
            raise Unneeded(f"{action.object}: {_GONE}")


def prepare(action: Action, journal: Journal) -> Prepared:
    guard = cast(Guard, action.guard)
    shelf = make_shelf(journal)
    with open_cache(guard.cache) as cache, open_shelf(shelf) as shelf_directory:
        same_mount = mount_of(shelf_directory) == cache.mount
        way = (True, None) if same_mount else (False, journal)
        files = [keep(cache, file, *way) for file in guard.files[: guard.kept]]
        files += [keep(cache, file, False, None) for file in guard.files[guard.kept :]]
        directories = directories_below(cache, guard.directory) if guard.directory else []
    still = [file for file in files if file is not None]
    if not still:
        raise Unneeded(f"{action.object}: {_GONE}")
    return Prepared(
        action,
        dict(
            cache=guard.cache,
            shelf=shelf if same_mount else "",
            files=[list(file) for file in still],
            directories=[list(directory) for directory in directories],
        ),
    )


def act(prepared: Prepared) -> str:
    back = _back(prepared.kept)
    with open_cache(back.cache) as cache, _place_of(back) as shelf:
        removed, left, failures = _each(back.files, lambda file: take(cache, shelf, file))
        stays = remove_empty(cache, back.directories)
    if failures:
        raise CannotAct(f"{len(failures)} of {len(back.files)} files could not be removed, the first: {failures[0]}")
    if not removed:
        raise Unneeded(left[0])
    return _removed_sentence(back.files, removed, left) + stays


def _removed_sentence(files: Sequence[Kept], removed: Sequence[Kept], left: Sequence[str]) -> str:
    lost = sum(not file.is_kept for file in removed)
    if len(files) == 1:
        return "deleted, beyond quarantine_limit" if lost else "moved into the quarantine"
    said = f"{_files(len(removed) - lost)} moved into the quarantine"
    said += f", {lost} deleted, beyond quarantine_limit" if lost else ""
    return said + (f", {len(left)} left: they were written anew meanwhile" if left else "")


def undo(intent: Intent) -> Union[Action, str]:
    back = _back(intent.kept)
    if not any(file.is_kept for file in back.files):
        return "it was beyond quarantine_limit, and is deleted"
    return Action(intent.check, "put_back_cache_entries", intent.object, back, "the host has what was wrong again")


def diff(action: Action) -> Tuple[str, str]:
    guard = cast(Guard, action.guard)
    size = sum(file.size for file in guard.files)
    return f"{action.object}: {_files(len(guard.files))}, {size} bytes", ""


# What undo does.


def look_back(action: Action) -> None:
    back = cast(Back, action.guard)
    with open_cache(back.cache, Taken) as cache, _place_of(back) as shelf:
        states = [state for _unused, state in _states(cache, shelf, back)]
    if FREE in states:
        return
    taken = [one for one in states if one != BACK]
    if taken:
        raise Taken(taken[0])
    raise Unneeded(f"{action.object}: it is as it was before the run")


def prepare_back(action: Action, journal: Journal) -> Prepared:
    look_back(action)
    return Prepared(action, dict(cache=cast(Back, action.guard).cache))


def act_back(prepared: Prepared) -> str:
    back = cast(Back, prepared.action.guard)
    with open_cache(back.cache, Taken) as cache, _place_of(back) as shelf:
        make_again(cache, back.directories)
        free = [file for file, state in _states(cache, shelf, back) if state == FREE]
        returned, left, failures = _each(free, lambda file: give_back(cache, shelf, file))
    if failures:
        raise CannotAct(f"{len(failures)} of {len(free)} files could not be put back, the first: {failures[0]}")
    if not returned:
        raise Taken(left[0] if left else f"{prepared.action.object}: something else stands there now")
    if len(back.files) == 1:
        return "put back"
    more = len(back.files) - len(returned)
    return f"{_files(len(returned))} put back" + (
        f"; {more} are there already, taken, or were not kept" if more else ""
    )


def _states(cache: Cache, shelf: Optional[int], back: Back) -> List[Tuple[Kept, str]]:
    """Return each file that was kept, and whether it can be put back; see state_of()."""
    made = {one.path for one in back.directories}
    kept = [file for file in back.files if file.is_kept]
    return [(file, state_of(cache, shelf, file, os.path.dirname(file.path) in made)) for file in kept]


def undo_back(intent: Intent) -> str:
    return "it was put back by an undo; run the module opcode_cache to take it away again"


def diff_back(action: Action) -> Tuple[str, str]:
    back = cast(Back, action.guard)
    size = sum(file.size for file in back.files if file.is_kept)
    return "", f"{action.object}: {_files(sum(file.is_kept for file in back.files))}, {size} bytes"


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


_REMOVE = Verb(look, prepare, act, undo, diff)
VERBS: Dict[str, Verb] = {
    "remove_cache_entries": _REMOVE,
    "remove_cache_directory": _REMOVE,
    "put_back_cache_entries": Verb(look_back, prepare_back, act_back, undo_back, diff_back),
}


# What both do.


def _back(kept: Dict[str, Any]) -> Back:
    files = tuple(Kept(*file) for file in kept["files"])
    return Back(kept["cache"], kept["shelf"], files, tuple(DirectoryKept(*one) for one in kept["directories"]))


def _each(files: Sequence[Kept], do: Callable[[Kept], None]) -> Tuple[List[Kept], List[str], List[str]]:
    """Do it to each file; return those it was done to, why others are left, and what failed."""
    done, left, failures = [], [], []
    for file in files:
        try:
            do(file)
            done.append(file)
        except Unneeded as error:
            left.append(str(error))
        except (CannotAct, OSError) as error:
            failures.append(f"{file.path}: {error.strerror if isinstance(error, OSError) else error}")
    return done, left, failures


@contextlib.contextmanager
def _place_of(back: Back) -> Iterator[Optional[int]]:
    """Open the shelf of a run; None where it has none, and everything is aside in its own directory."""
    if not back.shelf:
        yield None
        return
    with contextlib.ExitStack() as opened:
        try:
            shelf = opened.enter_context(open_shelf(back.shelf))
        except FileNotFoundError as error:
            raise Taken(f"{back.shelf}: what the run took away is no longer kept") from error
        yield shelf
