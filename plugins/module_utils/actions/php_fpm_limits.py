# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write limits of time into a file of ours that php-fpm includes, and take them away again.

The file appears whole or not at all, in a directory that root alone can write. php-fpm tests its configuration with it,
and where it refuses, what was there before is put back at once. Nothing is reloaded.
"""

import base64
import contextlib
import os
import stat
import uuid
from typing import Any, Dict, Iterator, NamedTuple, Optional, Tuple, Type, Union, cast

from ..directory import open_place
from ..errors import CannotAct, CannotLook, Missing, Taken, Unneeded
from ..facts.fpm_drop_ins import CONTENT_LIMIT, Guard
from ..host import Host
from ..journal_file import Intent
from ..model import Action
from .journal import Journal
from .verb import Prepared, Verb

BESIDE = ".phpfleet-"  # not what an include takes in: glob(7) passes hidden names over
TEST_SECONDS = 30.0
TEST_LIMIT = 1024 * 1024
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Back(NamedTuple):
    """What undo puts back: wanted, None for no file, where ``left`` still is what the run left there."""

    path: str
    wanted: Optional[bytes]
    left: Optional[bytes]


def look(action: Action) -> None:
    guard = cast(Guard, action.guard)
    with _directory_of(guard.path, Unneeded) as (directory, name):
        _demand_seen(guard, _content(directory, name))


def prepare(action: Action, journal: Journal) -> Prepared:
    look(action)
    guard = cast(Guard, action.guard)
    return Prepared(action, _kept(guard.path, guard.seen, guard.wanted))


def act(prepared: Prepared) -> str:
    guard = cast(Guard, prepared.action.guard)
    with _directory_of(guard.path, Unneeded) as (directory, name):
        _demand_seen(guard, _content(directory, name))
        _put(directory, name, guard.wanted, prepared.kept["beside"])
        refusal = _refusal(guard.test)
        if refusal is not None:
            _put(directory, name, guard.seen, prepared.kept["beside"])
            raise CannotAct(f"{guard.path}: it is as it was before, because with what was written {refusal}")
    return "written, and php-fpm accepts it"


def undo(intent: Intent) -> Union[Action, str]:
    kept = intent.kept
    back = Back(kept["path"], _bytes(kept["before"]), _bytes(kept["after"]))
    return Action(intent.check, "put_back_limits", intent.object, back, "php-fpm has its old limits from a reload on")


def diff(action: Action) -> Tuple[str, str]:
    guard = cast(Guard, action.guard)
    return _line(guard.path, guard.seen), _line(guard.path, guard.wanted)


def look_back(action: Action) -> None:
    back = cast(Back, action.guard)
    with _directory_of(back.path, Taken) as (directory, name):
        _demand_left(back, _content(directory, name))


def prepare_back(action: Action, journal: Journal) -> Prepared:
    look_back(action)
    back = cast(Back, action.guard)
    return Prepared(action, _kept(back.path, back.left, back.wanted))


def act_back(prepared: Prepared) -> str:
    back = cast(Back, prepared.action.guard)
    with _directory_of(back.path, Taken) as (directory, name):
        _demand_left(back, _content(directory, name))
        _put(directory, name, back.wanted, prepared.kept["beside"])
    return "removed, as before the run" if back.wanted is None else "put back"


def diff_back(action: Action) -> Tuple[str, str]:
    back = cast(Back, action.guard)
    return _line(back.path, back.left), _line(back.path, back.wanted)


VERBS: Dict[str, Verb] = {
    "write_limits": Verb(look, prepare, act, undo, diff),
    "put_back_limits": Verb(look_back, prepare_back, act_back, undo, diff_back),
}


def _demand_seen(guard: Guard, now: Optional[bytes]) -> None:
    if now == guard.wanted:
        raise Unneeded(f"{guard.path}: it says so already")
    if now != guard.seen:
        raise Unneeded(f"{guard.path}: it was {'removed' if now is None else 'written'} meanwhile")


def _demand_left(back: Back, now: Optional[bytes]) -> None:
    if now == back.wanted:
        raise Unneeded(f"{back.path}: it is as it was before the run")
    if now != back.left:
        raise Taken(f"{back.path}: it was changed since, so it is left alone")


def _refusal(test: Tuple[str, ...]) -> Optional[str]:
    """Return what php-fpm says against its configuration, None where it accepts it."""
    command = " ".join(test)
    try:
        ran = Host().run(list(test), TEST_SECONDS, TEST_LIMIT)
    except CannotLook as error:
        return f"it could not be tested: {error}"
    if ran.status == 0:
        return None
    lines = os.fsdecode(ran.output).strip().split("\n")
    return f"`{command}` ends with {ran.status}: {lines[0][:500]}"


def _put(directory: int, name: str, content: Optional[bytes], beside: str) -> None:
    """Let a name of a directory have that content, at once; None for no file."""
    try:
        if content is None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=directory)
        else:
            _make(directory, beside, content)
            os.rename(beside, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError as error:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside, dir_fd=directory)
        raise CannotAct(f"{name}: {error.strerror}; it is as it was") from error


def _make(directory: int, name: str, content: bytes) -> None:
    descriptor = os.open(name, _CREATE, 0o600, dir_fd=directory)
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
        os.fchmod(descriptor, 0o644)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _content(directory: int, name: str) -> Optional[bytes]:
    try:
        descriptor = os.open(name, _READ, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CannotAct(f"{name}: {error.strerror}; it is no plain file that root can read") from error
    try:
        return os.read(descriptor, CONTENT_LIMIT + 1)
    except OSError as error:
        raise CannotAct(f"{name}: {error.strerror}; it is no plain file") from error
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _directory_of(path: str, gone: Type[Unneeded]) -> Iterator[Tuple[int, str]]:
    """Open the directory of a physical path, which root alone may write. Raises ``gone`` and CannotAct."""
    try:
        place = open_place("/", path)
    except Missing as error:
        raise gone(f"{path}: its directory is gone") from error
    except CannotLook as error:
        raise CannotAct(str(error)) from error
    try:
        if place.path != path:
            raise gone(f"{path}: the way to it leads to {place.path} now")
        directory = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place.directory)
        try:
            seen = os.fstat(directory)
            if seen.st_uid not in (0, os.geteuid()) or seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise CannotAct(f"{os.path.dirname(path)}: others than root can write in it; mend its owner and mode")
            yield directory, place.name
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise CannotAct(f"{os.path.dirname(path)}: {error.strerror}; run with become") from error
    finally:
        os.close(place.directory)


def _kept(path: str, before: Optional[bytes], after: Optional[bytes]) -> Dict[str, Any]:
    return dict(path=path, before=_text(before), after=_text(after), beside=BESIDE + uuid.uuid4().hex)


def _text(content: Optional[bytes]) -> Optional[str]:
    return None if content is None else base64.b64encode(content).decode("ascii")


def _bytes(text: Optional[str]) -> Optional[bytes]:
    return None if text is None else base64.b64decode(text)


def _line(path: str, content: Optional[bytes]) -> str:
    if content is None:
        return ""
    said = [line for line in content.decode("utf-8", "backslashreplace").split("\n") if line and line[0] != ";"]
    return f"{path}: {' '.join(said)}"
