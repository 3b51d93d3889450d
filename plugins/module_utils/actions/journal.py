# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The journal of one run: what undo needs is on disk before the first act, and what became of each act follows it.

Its layout is in journal_file.py.
"""

import errno
import fcntl
import json
import os
import stat
import time
import uuid
from itertools import chain, groupby, islice
from types import TracebackType
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Type

from ..errors import JournalFailed, Malformed, Refused
from ..journal_file import ENDING, RUN_ID, VERSION, Intent, began, parse_intents
from ..model import Action, Finding, Outcome
from ..plain import plain_all
from ..rows import to_rows

BATCH = 1000  # records a line, and in memory at once: a run may have 65,000
UNBOUNDED = 1 << 62  # the journal keeps every item; only results are folded
KEEP_DAYS_LIMIT = 36500


class Journal:
    """An open journal with the lock of the state directory held, so that two runs never act on one host together."""

    def __init__(self, state_dir: str, header: Dict[str, Any], keep_days: Optional[int] = None) -> None:
        """Open the journal of a new run, and forget runs older than keep_days; None forgets none, as undo must not."""
        self.run_id = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()) + "-" + uuid.uuid4().hex[:8]
        self.state_dir = state_dir
        self.path = os.path.join(_directory(state_dir, "journal"), self.run_id + ENDING)
        self.quarantine = os.path.join(_directory(state_dir, "quarantine"), self.run_id)
        self.troubles: List[str] = []
        self._kept: Optional[int] = None
        self._promised = False
        self._lock = _take_lock(state_dir)
        try:
            if keep_days is not None:
                _prune(state_dir, time.time() - keep_days * 86400)
            self._file = _create(self.path)
        except BaseException:
            os.close(self._lock)
            raise
        self._header = dict(header, record="run", version=VERSION, run_id=self.run_id, started=time.time())

    def __enter__(self) -> "Journal":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        if not self._promised:  # nothing was changed, so these files would only fill the disk
            _unlink(self.path)
            if self._kept is not None:
                _unlink(self.quarantine)
        for descriptor in (self._file, self._kept, self._lock):
            if descriptor is not None:
                os.close(descriptor)

    def begin(self, findings: Sequence[Finding]) -> None:
        """Say what the run is and every finding in full: a result shows them folded. Raises JournalFailed."""
        try:
            full = _tables("findings", findings, lambda finding: finding.check, _plain_column)
            self._append(chain([self._header], full))
        except OSError as error:
            raise _failed(self.path, error) from error

    def keep(self, content: bytes) -> Dict[str, Any]:
        """Add content to the quarantine file of this run, and say where it is: on disk when intents() returns."""
        if self._kept is None:
            self._kept = _create(self.quarantine)
        try:
            offset = os.lseek(self._kept, 0, os.SEEK_END)
            _write_all(self._kept, content)
        except OSError as error:
            raise _failed(self.quarantine, error) from error
        return dict(path=self.quarantine, offset=offset, size=len(content))

    def intents(self, actions: Sequence[Action], kept: Sequence[Dict[str, Any]]) -> None:
        """Put what is about to happen, and what undo needs, on disk. Only after this returns may anything change.

        Why it is to happen, the guard and the risk stand in the finding of the same check and object.
        """
        promises = (
            dict(number=number, check=action.check, verb=action.verb, object=action.object, kept=what)
            for number, (action, what) in enumerate(zip(actions, kept))
        )
        try:
            if self._kept is not None:
                os.fsync(self._kept)
                _sync_directory(os.path.dirname(self.quarantine))
            self._append(_tables("intents", promises, lambda promise: promise["verb"], list))
            _sync_directory(os.path.dirname(self.path))
        except OSError as error:
            raise _failed(self.path, error) from error
        self._promised = True

    def outcomes(self, outcomes: Sequence[Outcome], first: int = 0) -> None:
        """Add what became of each action, in the order of the intents, from the one numbered ``first`` on."""
        results = (
            dict(number=number, result=outcome.result, reason=outcome.reason)
            for number, outcome in enumerate(outcomes, first)
        )
        self._afterwards(_tables("outcomes", results, lambda result: result["result"], list))

    def close_run(self, remaining: int) -> None:
        """Add that the second look was taken, and how much of what was acted on it still found."""
        self._afterwards([dict(record="end", ended=time.time(), remaining=remaining)])

    def _afterwards(self, records: Iterable[Dict[str, Any]]) -> None:
        # The acts are done and their intents are on disk, so undo works: a full disk now is told, and ends nothing.
        if self.troubles:
            return  # a line may have been cut off in its middle, and only the last line is allowed to be
        try:
            self._append(records)
        except OSError as error:
            self.troubles.append(
                f"{self.path}: {error.strerror}; what became of the actions could not be added. The changes were made, "
                f"and undo of {self.run_id} still works: it looks at each object itself"
            )

    def _append(self, records: Iterable[Dict[str, Any]]) -> None:
        for record in records:
            _write_all(self._file, json.dumps(record).encode("ascii") + b"\n")
        os.fsync(self._file)


def _tables(
    kind: str, records: Iterable[Any], group: Callable[[Any], str], shown: Callable[[Sequence[Any]], List[Any]]
) -> Iterator[Dict[str, Any]]:
    """Yield what holds the records, those of a group that follow one another together, BATCH at most in each."""
    for _unused, alike in groupby(records, group):
        for batch in _batches(alike):
            yield dict(record=kind, **to_rows(batch, shown))


def _batches(records: Iterator[Any]) -> Iterator[List[Any]]:
    batch = list(islice(records, BATCH))
    while batch:
        yield batch
        batch = list(islice(records, BATCH))


def _plain_column(column: Sequence[Any]) -> List[Any]:
    return plain_all(column, UNBOUNDED)


def demand_keep_days(days: int) -> None:
    """Raise Refused for a number of days that would forget the last run, or that no calendar holds."""
    if not 1 <= days <= KEEP_DAYS_LIMIT:
        raise Refused(f"keep_days: {days} is out of range; give 1 to {KEEP_DAYS_LIMIT} days")


def read_intents(state_dir: str, run_id: str) -> List[Intent]:
    """Return the intents of a run with what became of them. Raises Refused when there is no such run on this host."""
    if not RUN_ID.match(run_id):
        raise Refused(
            f"run_id: {run_id!r} is no run id; it looks like 20261121T220455Z-1f2e3d4c and is in the result of the run"
        )
    path = os.path.join(state_dir, "journal", run_id + ENDING)
    try:
        with open(path, encoding="utf-8") as journal:
            content = journal.read()
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise Refused(
                f"run_id: this host has no journal {path}; undo runs on the host that the run changed", path=path
            ) from error
        raise JournalFailed(f"{path}: {error.strerror}; undo needs to read it as root", path=path) from error
    try:
        return parse_intents(content, path)
    except Malformed as error:
        raise JournalFailed(
            f"{error}, so nothing is undone from it; restore by hand what it lists", path=path
        ) from error


def _take_lock(state_dir: str) -> int:
    path = os.path.join(_directory(state_dir), "lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _failed(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Refused(
            f"another run is changing this host ({path} is locked); wait until it has ended", path=path
        ) from error
    return descriptor


def _prune(state_dir: str, before: float) -> None:
    """Remove the runs that began before a time, with what they kept: who cleans each night must not fill the disk."""
    for directory, ending in (("journal", ENDING), ("quarantine", "")):
        for name in os.listdir(os.path.join(state_dir, directory)):
            run_id = name[: -len(ending)] if ending else name
            if RUN_ID.match(run_id) and began(run_id) < before:
                _unlink(os.path.join(state_dir, directory, name))


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError as error:
        raise _failed(path, error) from error


def _directory(state_dir: str, *below: str) -> str:
    """Make the directory, root's alone at every step below the state directory, and return its path."""
    path = state_dir
    try:
        if not os.path.isdir(state_dir):
            os.makedirs(state_dir, mode=0o700)
            _sync_directory(os.path.dirname(state_dir))
        _demand_ours(state_dir)
        for name in below:
            path = os.path.join(path, name)
            if not os.path.isdir(path):
                os.mkdir(path, 0o700)
                _sync_directory(os.path.dirname(path))
            _demand_ours(path)
    except OSError as error:
        raise _failed(path, error) from error
    return path


def _demand_ours(path: str) -> None:
    seen = os.lstat(path)
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid() or seen.st_mode & 0o022:
        raise JournalFailed(
            f"{path}: it must be a directory that uid {os.geteuid()} owns and no other may write; "
            "mend its owner and mode, or name another state_dir",
            path=path,
        )


def _create(path: str) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _failed(path, error) from error


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(path: str, error: OSError) -> JournalFailed:
    return JournalFailed(
        f"{path}: {error.strerror}; the journal that undo needs cannot be kept there, so nothing was changed. "
        "Mend that, or name another state_dir",
        path=path,
        errno=error.errno,
    )
