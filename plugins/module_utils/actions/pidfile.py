# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remove, replace and write pidfiles, and put them back.

All four are one change: what is at a path now is exchanged for something else or for nothing. A program may write its
pidfile at any moment, so nothing is ever overwritten or unlinked by its public name: the old file is renamed aside,
looked at again there, and given back with link(2), which takes no name that is taken, unless it is what was seen.
"""

import base64
import contextlib
import errno
import os
import stat
import time
import uuid
from typing import Any, Callable, Dict, Iterator, NamedTuple, Optional, Tuple, Type, Union, cast

from ..directory import open_place
from ..errors import CannotAct, CannotLook, Missing, Taken, Unneeded
from ..facts import processes
from ..facts.bearer import bearer, heads
from ..facts.pidfile import CONTENT_LIMIT, Guard
from ..host import Host
from ..journal_file import Intent
from ..model import Action
from ..policy import policy_from
from .journal import Journal
from .verb import Prepared, Verb

ASIDE = ".phpfleet-"
# Who opened the file by its name just before that was taken away may write it only now: open(2) truncates after it has
# found the file, and the kernel may let others run in between.
LATE_WRITER_SECONDS = 0.02
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Content(NamedTuple):
    """A small plain file, as far as it can be made again."""

    content: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int


class Found(NamedTuple):
    inode: int
    content: Content


class Back(NamedTuple):
    """What undo puts back: wanted, where ``left`` still is what the run left there; None stands for no file.

    aside: the name that the run gave to the old file while it acted, which may still be there when it was cut short.
    """

    path: str
    wanted: Optional[Content]
    left: Optional[Content]
    aside: str


# What the verbs of a remedy do.


def look(action: Action) -> None:
    guard = cast(Guard, action.guard)
    with _directory_of(guard.path) as (directory, name):
        _demand_seen(guard, _found(directory, name))
    _demand_processes(guard)


def prepare(action: Action, journal: Journal) -> Prepared:
    guard = cast(Guard, action.guard)
    with _directory_of(guard.path) as (directory, name):
        before = _found(directory, name)
    _demand_seen(guard, before)
    _demand_processes(guard)
    # Whole seconds, which every file system keeps: by content and time undo knows that the file is still ours.
    after = Content(guard.wanted, 0o644, 0, 0, int(time.time()) * 10**9) if guard.wanted is not None else None
    return Prepared(action, _kept(guard.path, before.content if before else None, after))


def act(prepared: Prepared) -> str:
    guard = cast(Guard, prepared.action.guard)
    with _directory_of(guard.path) as (directory, name):
        _demand_seen(guard, _found(directory, name))

        def still(found: Optional[Found]) -> None:
            _demand_seen(guard, found)
            _demand_processes(guard)
            _demand_seen(guard, _found(directory, prepared.kept["aside"]) if found else None)

        if guard.file is None:
            _demand_processes(guard)
        _exchange(
            directory, name, guard.file is not None, _content(prepared.kept["after"]), prepared.kept["aside"], still
        )
    return "removed" if guard.wanted is None else f"says {guard.wanted.decode().strip()} now"


def undo(intent: Intent) -> Union[Action, str]:
    kept = intent.kept
    back = Back(kept["path"], _content(kept["before"]), _content(kept["after"]), kept["aside"])
    return Action(intent.check, "put_back_pidfile", intent.object, back, "the host has the wrong pidfile again")


def diff(action: Action) -> Tuple[str, str]:
    guard = cast(Guard, action.guard)
    return _line(guard.path, guard.file.content if guard.file else None), _line(guard.path, guard.wanted)


# What undo does.


def look_back(action: Action) -> None:
    back = cast(Back, action.guard)
    with _directory_of(back.path, Taken) as (directory, name):
        _demand_undone(back, directory, _found(directory, name, Taken))


def prepare_back(action: Action, journal: Journal) -> Prepared:
    back = cast(Back, action.guard)
    with _directory_of(back.path, Taken) as (directory, name):
        before = _found(directory, name, Taken)
        _demand_undone(back, directory, before)
    return Prepared(action, _kept(back.path, before.content if before else None, back.wanted))


def act_back(prepared: Prepared) -> str:
    back = cast(Back, prepared.action.guard)
    with _directory_of(back.path, Taken) as (directory, name):
        now = _found(directory, name, Taken)
        _demand_undone(back, directory, now)
        said = _put_back(back, directory, name, now, prepared.kept["aside"])
        for left in _beside(back.aside):
            _unlink(directory, left)
    return said


def _put_back(back: Back, directory: int, name: str, now: Optional[Found], aside: str) -> str:
    if _is(now, back.wanted):
        return "what the run had left beside it is removed"
    if now is None and _found(directory, back.aside) is not None:
        _give_back(directory, back.aside, name)
        return "put back from where the run had left it"

    def still(found: Optional[Found]) -> None:
        _demand_left(back, found)

    _exchange(directory, name, now is not None, back.wanted, aside, still)
    return "put back" if back.wanted is not None else "removed, as before the run"


def diff_back(action: Action) -> Tuple[str, str]:
    back = cast(Back, action.guard)
    wanted, left = back.wanted, back.left
    return _line(back.path, left.content if left else None), _line(back.path, wanted.content if wanted else None)


VERBS: Dict[str, Verb] = {
    "remove_pidfile": Verb(look, prepare, act, undo, diff),
    "replace_pidfile": Verb(look, prepare, act, undo, diff),
    "write_pidfile": Verb(look, prepare, act, undo, diff),
    "put_back_pidfile": Verb(look_back, prepare_back, act_back, undo, diff_back),
}


# Whether it is still what was seen.


def _demand_seen(guard: Guard, now: Optional[Found]) -> None:
    seen = guard.file
    if seen is None and now is None:
        return
    if seen is None or now is None:
        raise Unneeded(f"{guard.path}: it {'is gone' if now is None else 'was written'} meanwhile")
    if (now.inode, now.content.mtime_ns, now.content.content) != (seen.inode, seen.mtime_ns, seen.content):
        raise Unneeded(f"{guard.path}: it was written anew meanwhile")


def _demand_processes(guard: Guard) -> None:
    """Demand that the pid in the file still is nobody's who should be in it, and that no master was started."""
    host = Host()
    try:
        seen = processes.gather(host, policy_from({}))
        who = bearer(host, seen, guard.pid, guard.path, guard.program, guard.masters)[0] if guard.pid else None
    except CannotLook as error:
        raise CannotAct(f"{guard.path}: processes cannot be seen any more: {error}") from error
    if who != guard.bearer:
        raise Unneeded(f"{guard.path}: process {guard.pid} was {guard.bearer} and is {who} now")
    now = heads(host, seen, guard.program)
    started = [pid for pid, start in now if (pid, start) not in guard.heads]
    if started:
        raise Unneeded(f"{guard.path}: {guard.program} was started meanwhile, as process {started[0]}")
    if guard.wanted is not None and not set(guard.masters) <= {pid for pid, _unused in now}:
        raise Unneeded(f"{guard.path}: its master {guard.masters[0]} has ended meanwhile")


def _demand_undone(back: Back, directory: int, now: Optional[Found]) -> None:
    """Demand that there is something to undo: a run cut short may have left files beside one that is as it was."""
    if not (_is(now, back.wanted) and any(_is_beside(directory, left) for left in _beside(back.aside))):
        _demand_left(back, now)


def _is_beside(directory: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _demand_left(back: Back, now: Optional[Found]) -> None:
    if _is(now, back.wanted):
        raise Unneeded(f"{back.path}: it is as it was before the run")
    if now is not None and not _is(now, back.left):
        raise Taken(f"{back.path}: something else wrote it since, so it is left alone")


def _is(now: Optional[Found], content: Optional[Content]) -> bool:
    if now is None or content is None:
        return now is None and content is None
    return (now.content.content, now.content.mtime_ns) == (content.content, content.mtime_ns)


# The one change.


def _exchange(
    directory: int,
    name: str,
    exists: bool,
    wanted: Optional[Content],
    aside: str,
    still: Callable[[Optional[Found]], None],
) -> None:
    """Exchange the file ``name``, if it ``exists``, for ``wanted``; ``still`` demands that it is what it should be."""
    aside, fresh = _beside(aside)
    try:
        if wanted is not None:
            _make(directory, fresh, wanted)
        if exists:
            _take_aside(directory, name, aside, still)
        if wanted is not None:
            with _giving_back(directory, aside, name):
                _publish(directory, fresh, name)
        _unlink(directory, aside)
    except OSError as error:
        raise CannotAct(f"{name}: {error.strerror}; if it is not there any more, it is {aside} beside it") from error
    finally:
        _unlink(directory, fresh)


def _beside(aside: str) -> Tuple[str, str]:
    """Return the names that a change uses: for the old file, and for the new one until it has its own."""
    return aside, aside + "-new"


def _take_aside(directory: int, name: str, aside: str, still: Callable[[Optional[Found]], None]) -> None:
    try:
        os.rename(name, aside, src_dir_fd=directory, dst_dir_fd=directory)
    except FileNotFoundError as error:
        raise Unneeded(f"{name}: it is gone meanwhile") from error
    with _giving_back(directory, aside, name):
        time.sleep(LATE_WRITER_SECONDS)
        still(_found(directory, aside))


@contextlib.contextmanager
def _giving_back(directory: int, aside: str, name: str) -> Iterator[None]:
    """Give a file that was taken aside its name back, whatever ends what is done meanwhile."""
    try:
        yield
    except BaseException:
        _give_back(directory, aside, name)
        raise


def _give_back(directory: int, aside: str, name: str) -> None:
    with contextlib.suppress(
        FileNotFoundError, Unneeded
    ):  # Unneeded: its writer would have replaced it by what is there
        _publish(directory, aside, name)
    _unlink(directory, aside)


def _publish(directory: int, source: str, name: str) -> None:
    try:
        # Not following: where others may write in the directory, source could be made a link to anything.
        os.link(source, name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
    except FileExistsError as error:
        raise Unneeded(f"{name}: it was written meanwhile") from error


def _make(directory: int, name: str, wanted: Content) -> None:
    descriptor = os.open(name, _CREATE, 0o600, dir_fd=directory)
    try:
        os.write(descriptor, wanted.content)
        os.fchown(descriptor, wanted.uid, wanted.gid)
        os.fchmod(descriptor, wanted.mode)
        os.utime(descriptor, ns=(wanted.mtime_ns, wanted.mtime_ns))
    finally:
        os.close(descriptor)


def _unlink(directory: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)


def _found(directory: int, name: str, other: Type[Unneeded] = Unneeded) -> Optional[Found]:
    """Return the file of that name, None where there is none. Raises ``other`` where it is no small plain file."""
    try:
        descriptor = os.open(name, _READ, dir_fd=directory)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise other(f"{name}: it is no plain file any more") from error
        raise CannotAct(f"{name}: {error.strerror}; run with become") from error
    try:
        seen = os.fstat(descriptor)
        content = os.read(descriptor, CONTENT_LIMIT + 1) if stat.S_ISREG(seen.st_mode) else b""
    finally:
        os.close(descriptor)
    if not stat.S_ISREG(seen.st_mode) or len(content) > CONTENT_LIMIT:
        raise other(f"{name}: it is no small plain file any more")
    mode = stat.S_IMODE(seen.st_mode)
    return Found(seen.st_ino, Content(content, mode, seen.st_uid, seen.st_gid, seen.st_mtime_ns))


@contextlib.contextmanager
def _directory_of(path: str, gone: Type[Unneeded] = Unneeded) -> Iterator[Tuple[int, str]]:
    """Open the directory of a physical path, and give its descriptor and the name in it. Raises ``gone``, CannotAct."""
    try:
        place = open_place("/", path)
    except Missing as error:
        raise gone(f"{path}: its directory is gone") from error
    except CannotLook as error:
        raise CannotAct(str(error)) from error
    try:
        if place.path != path:
            raise gone(f"{path}: the way to it leads to {place.path} now")
        yield place.directory, place.name
    finally:
        os.close(place.directory)


# What the journal keeps.


def _kept(path: str, before: Optional[Content], after: Optional[Content]) -> Dict[str, Any]:
    return dict(path=path, before=_jsonable(before), after=_jsonable(after), aside=ASIDE + uuid.uuid4().hex)


def _jsonable(content: Optional[Content]) -> Optional[Dict[str, Any]]:
    if content is None:
        return None
    return dict(content._asdict(), content=base64.b64encode(content.content).decode("ascii"))


def _content(kept: Optional[Dict[str, Any]]) -> Optional[Content]:
    if kept is None:
        return None
    return Content(**dict(kept, content=base64.b64decode(kept["content"])))


def _line(path: str, content: Optional[bytes]) -> str:
    return "" if content is None else f"{path}: {content[:64].decode('utf-8', 'backslashreplace')!r}"
