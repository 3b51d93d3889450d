# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a run keeps whole files that it takes away: ``shelf/<run_id>`` below the state directory.

A file is renamed there, which neither reads nor copies it, and keeps its inode, owner, mode and times. That works
within one mount; what lies elsewhere is copied into the quarantine file of the journal.
"""

import contextlib
import os
import shutil
from typing import Iterator, Tuple

from ..errors import JournalFailed
from ..journal_file import RUN_ID
from .journal import Journal

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def make_shelf(journal: Journal) -> str:
    """Make the shelf of a run, and return its path. Raises JournalFailed."""
    above = os.path.join(journal.state_dir, "shelf")
    path = os.path.join(above, journal.run_id)
    for directory in (above, path):
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            continue
        except OSError as error:
            raise JournalFailed(
                f"{directory}: {error.strerror}; what is taken away cannot be kept there, so nothing was changed. "
                "Mend that, or name another state_dir",
                path=directory,
            ) from error
    return path


@contextlib.contextmanager
def open_shelf(path: str) -> Iterator[int]:
    """Open a shelf. Raises FileNotFoundError where there is none."""
    descriptor = os.open(path, _DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def forget_shelves(state_dir: str) -> None:
    """Remove the shelves of runs whose journals are forgotten: without one nobody knows what was where.

    Raises JournalFailed.
    """
    above = os.path.join(state_dir, "shelf")
    for run_id in _names(above):
        if RUN_ID.match(run_id) and not os.path.exists(os.path.join(state_dir, "journal", run_id + ".jsonl")):
            path = os.path.join(above, run_id)
            try:
                shutil.rmtree(path)  # it may hold a directory that somebody put in the place of an entry
            except OSError as error:
                raise JournalFailed(
                    f"{path}: {error.strerror}; what a run long ago took away cannot be removed, so nothing was "
                    "changed. Mend that, or remove it",
                    path=path,
                ) from error


def _names(directory: str) -> Tuple[str, ...]:
    try:
        return tuple(os.listdir(directory))
    except FileNotFoundError:
        return ()
