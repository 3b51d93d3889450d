# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remove IPC objects, and make them again. An object is removed only while its whole guard is what was seen."""

import os
from typing import Any, Dict, NamedTuple, Optional, Tuple, Union, cast

from ..attach import read_segment
from ..errors import CannotAct, CannotLook, Missing, Taken, Unneeded
from ..facts.sysv_ipc import PRIVATE_KEY, QueueGuard, SegmentGuard, SetGuard
from ..formats.php_shm import PhpHeader, parse_header
from ..journal_file import Intent
from ..model import Action
from . import ipc_calls
from .journal import Journal
from .verb import Prepared, Verb

Guard = Union[SegmentGuard, SetGuard, QueueGuard]
_SHAPE = ("uid", "gid", "mode", "size", "values", "qbytes")  # fields of Kept that an object made again has too


class Kept(NamedTuple):
    """What undo needs of an object: the fields of its permissions, and of its kind size, values or qbytes.

    content is where Journal.keep() put what was in a segment; None for other kinds, or where it was not kept.
    php is the header of shm_attach in it.
    """

    id: int
    key: int
    ctime: int
    uid: int
    gid: int
    mode: int
    size: int
    values: Tuple[int, ...]
    qbytes: int
    content: Optional[Dict[str, Any]]
    php: Optional[PhpHeader]


def _kind(name: str) -> str:
    """Return shm, sem or msg: the first word of an object's name."""
    return name.split(" ", 1)[0]


def _read(kind: str, identifier: int, trusted: Optional[SetGuard] = None) -> Tuple[Guard, Any]:
    """Return guard and state (IPC_STAT) of an object as they are now. Raises Unneeded when it is gone, CannotAct.

    trusted: the guard whose values and waiters are taken over for a set, instead of asking for each semaphore.
    """
    state: Any = ipc_calls.read_state(kind, identifier)
    if state is None:
        raise Unneeded(f"{kind} {identifier} is gone already")
    key = state.perm.key & 0xFFFFFFFF
    if kind == "shm":
        return SegmentGuard(identifier, key, state.ctime, state.atime, state.dtime, state.lpid, state.nattch), state
    if kind == "msg":
        return QueueGuard(identifier, key, state.ctime, state.stime, state.rtime, state.qnum), state
    if trusted:
        return SetGuard(identifier, key, state.ctime, state.otime, trusted.values, trusted.waiters), state
    values = ipc_calls.read_values(identifier, state.nsems)
    waiters = ipc_calls.count_waiters(identifier, state.nsems)
    return SetGuard(identifier, key, state.ctime, state.otime, values, waiters), state


def _kept(kind: str, guard: Any, state: Any) -> Kept:
    perm = state.perm
    return Kept(
        guard.id,
        guard.key,
        guard.ctime,
        perm.uid,
        perm.gid,
        perm.mode & 0o777,
        state.size if kind == "shm" else 0,
        guard.values if kind == "sem" else (),
        state.qbytes if kind == "msg" else 0,
        None,
        None,
    )


def _demand_same(guard: Guard, seen: Guard, name: str) -> None:
    if guard == seen:
        return
    field = next(field for field in guard._fields if getattr(guard, field) != getattr(seen, field))
    raise Unneeded(f"{name} is no longer what was seen: {field} was {getattr(guard, field)}, is {getattr(seen, field)}")


def _look(action: Action) -> None:
    """Raise Unneeded when the object is gone or no longer what was seen, CannotAct."""
    ipc_calls.demand_known_architecture()
    guard = cast(Guard, action.guard)
    _demand_same(guard, _read(_kind(action.object), guard.id)[0], action.object)


def _take(action: Action) -> Kept:
    """Look at what is recorded of the object as a whole, and return what undo needs. Raises as _look().

    A set's values are what its guard says: it is removed only if the look just before finds them, and no waiters.
    """
    ipc_calls.demand_known_architecture()
    guard, kind = cast(Guard, action.guard), _kind(action.object)
    seen, state = _read(kind, guard.id, guard if isinstance(guard, SetGuard) else None)
    _demand_same(guard, seen, action.object)
    return _kept(kind, guard, state)


def _prepare(action: Action, journal: Journal) -> Prepared:
    return Prepared(action, dict(_take(action)._asdict()))


def _save(action: Action, journal: Journal) -> Prepared:
    """Keep the content too. Attaching makes us the last user: the guard is read again, and may differ in just that."""
    taken = _take(action)
    guard = cast(SegmentGuard, action.guard)
    try:
        content = read_segment(guard.id, taken.size)
    except Missing as error:
        raise Unneeded(f"{action.object} is gone already") from error
    except CannotLook as error:
        raise CannotAct(f"{error}; its content cannot be kept, so it was left alone") from error
    seen = cast(SegmentGuard, _read("shm", guard.id)[0])
    _demand_same(guard._replace(atime=seen.atime, dtime=seen.dtime, lpid=os.getpid()), seen, action.object)
    kept = taken._replace(content=journal.keep(content), php=parse_header(content))
    return Prepared(action._replace(guard=seen), dict(kept._asdict()))


def _remove(prepared: Prepared) -> str:
    action = prepared.action
    _look(action)
    kind, identifier = _kind(action.object), cast(Guard, action.guard).id
    ipc_calls.remove(kind, identifier)
    # Only a segment may outlive its removal: freeary() and freeque() of the kernel take the others away at once.
    left: Any = ipc_calls.read_state(kind, identifier) if kind == "shm" else None
    if left is not None:
        raise CannotAct(
            f"{action.object} was attached in the very moment of its removal: it has no key any more, and goes when "
            f"the last of its {left.nattch} users detaches (check sysv_ipc.removal_pending names them)"
        )
    header = prepared.kept["php"]
    if header is None:
        return "removed"
    return (
        f"removed; PHP's shm_attach had {header.end - header.start} of {header.total} bytes in use, {header.free} free"
    )


def _undo(intent: Intent) -> Union[Action, str]:
    taken = _taken(intent.kept)
    kind = _kind(intent.object)
    action = Action(intent.check, "restore_ipc_object", intent.object, taken, "it gets a new id")
    if _is_still_there(kind, taken):
        return action  # the run was cut short before it; looking at it says that nothing is needed
    if taken.key == PRIVATE_KEY:
        return f"it had no key, so nobody would find a new one by its id{_whereabouts(taken)}"
    if kind == "shm" and taken.content is None:
        return f"its content of {taken.size} bytes was more than snapshot_limit left room for, and was not kept"
    return action


def _taken(kept: Dict[str, Any]) -> Kept:
    return Kept(**dict(kept, values=tuple(kept["values"])))


def _place(content: Dict[str, Any]) -> str:
    return f"{content['path']} at byte {content['offset']}, {content['size']} bytes"


def _is_still_there(kind: str, taken: Kept) -> bool:
    state: Any = ipc_calls.read_state(kind, taken.id)
    return state is not None and (state.perm.key & 0xFFFFFFFF, state.ctime) == (taken.key, taken.ctime)


def _look_free(action: Action) -> None:
    """Raise Unneeded where the object is there, never removed or put back, and Taken where it cannot be put back."""
    ipc_calls.demand_known_architecture()
    taken, kind = cast(Kept, action.guard), _kind(action.object)
    if _is_still_there(kind, taken):
        raise Unneeded(f"{action.object} was never removed")
    if taken.key == PRIVATE_KEY:
        raise Taken(f"{action.object} is gone, and without a key nobody would find a new one{_whereabouts(taken)}")
    identifier = ipc_calls.find_key(kind, taken.key)
    if identifier is None:
        return
    name = f"key 0x{taken.key:08x} is {kind} {identifier}"
    difference = _difference(kind, identifier, taken)
    if difference is None:
        raise Unneeded(f"{name}, which equals what was taken: it is back")
    raise Taken(f"{name} now, {difference}{_whereabouts(taken)}")


def _difference(kind: str, identifier: int, taken: Kept) -> Optional[str]:
    """Return what tells the object that has the key now from the one that was taken, None where nothing does."""
    try:
        seen = _kept(kind, *_read(kind, identifier))
        fields = [field for field in _SHAPE if getattr(seen, field) != getattr(taken, field)]
        if fields:
            return f"which differs from what was taken in {', '.join(fields)}"
        if taken.content is None or read_segment(identifier, taken.size) == _kept_content(taken.content):
            return None
    except (CannotLook, CannotAct, Unneeded) as error:
        return f"and whether that is what was taken cannot be told: {error}"
    return "which holds something else than what was taken"


def _whereabouts(taken: Kept) -> str:
    return f"; what was in it is kept in {_place(taken.content)}" if taken.content else ""


def _prepare_restore(action: Action, journal: Journal) -> Prepared:
    _look_free(action)
    return Prepared(action, dict(cast(Kept, action.guard)._asdict()))


def _restore(prepared: Prepared) -> str:
    """Make the object closed to others, fill it, and only then give it to its owner, so that nobody sees half of it."""
    taken, kind = cast(Kept, prepared.action.guard), _kind(prepared.action.object)
    content = _kept_content(taken.content) if taken.content else b""
    size = {"shm": (taken.size,), "sem": (len(taken.values),), "msg": ()}[kind]
    try:
        identifier = ipc_calls.create(kind, taken.key, *size)
    except Taken as error:
        raise Taken(f"{error}{_whereabouts(taken)}") from error
    try:
        if kind == "shm":
            ipc_calls.write_segment(identifier, content)
        elif kind == "sem":
            ipc_calls.write_values(identifier, taken.values)
        ipc_calls.give(kind, identifier, taken.uid, taken.gid, taken.mode, taken.qbytes if kind == "msg" else None)
    except CannotAct:
        ipc_calls.remove(kind, identifier)
        raise
    return f"made again as {kind} {identifier}"


def _kept_content(content: Dict[str, Any]) -> bytes:
    try:
        with open(content["path"], "rb") as quarantine:
            quarantine.seek(content["offset"])
            kept = quarantine.read(content["size"])
    except OSError as error:
        raise CannotAct(f"{content['path']}: {error.strerror}; what was in the segment cannot be put back") from error
    if len(kept) != content["size"]:
        raise CannotAct(f"{_place(content)}: the file is shorter than that; what was in the segment cannot be put back")
    return kept


def _undo_restore(intent: Intent) -> Union[Action, str]:
    return "it was put back by an undo; run the module sysv_ipc to remove it again"


def _diff_remove(action: Action) -> Tuple[str, str]:
    return f"{action.object} (key 0x{cast(Guard, action.guard).key:08x})", ""


def _diff_restore(action: Action) -> Tuple[str, str]:
    return "", _diff_remove(action)[0]


_REMOVE = Verb(look=_look, prepare=_prepare, act=_remove, undo=_undo, diff=_diff_remove)

VERBS: Dict[str, Verb] = {
    "remove_segment": _REMOVE,
    "save_and_remove_segment": _REMOVE._replace(prepare=_save),
    "remove_semaphore_set": _REMOVE,
    "remove_queue": _REMOVE,
    "restore_ipc_object": Verb(
        look=_look_free, prepare=_prepare_restore, act=_restore, undo=_undo_restore, diff=_diff_restore
    ),
}
