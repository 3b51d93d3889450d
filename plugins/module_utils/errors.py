# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One tree of errors. Each says what was wrong, where, and what to do, and carries its details as data."""

import os
import traceback
from typing import Any


class PhpfleetError(Exception):
    """The root: str() of any of these is a sentence for the person who has to act on it."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.details = details


class CannotLook(PhpfleetError):
    """Something on the host could not be seen; whoever asked ends as unknown, never as clean."""


class Missing(CannotLook):
    """There is nothing under that name."""


class Forbidden(CannotLook):
    """The user whom this runs as may not see it."""


class Untrusted(CannotLook):
    """It is no plain file or directory, or it is reached through a link that others could have placed."""


class TooLarge(CannotLook):
    """It is larger than anything genuine of its kind."""


class Malformed(CannotLook):
    """Its bytes are not what its format says."""


class Broken(CannotLook):
    """Our own code failed on what it read: a fault of the collection, worth a report."""


class LibraryMissing(CannotLook):
    """A library that the look needs is not installed on the host."""


class NotApplicable(PhpfleetError):
    """The host has nothing of the kind."""


class Refused(PhpfleetError):
    """A request that is not carried out: a wrong option, a radius too large, a run in progress."""


class Unneeded(PhpfleetError):
    """The object is no longer what was seen, so the action on it does not hold any more."""


class CannotAct(PhpfleetError):
    """An action was tried or prepared, and failed."""


class JournalFailed(CannotAct):
    """What undo needs could not be put on disk, so nothing was changed."""


class Taken(Unneeded):
    """What a run took away cannot be put back: something else stands in its place, or the place is gone."""


def broken(error: Exception) -> Broken:
    """Return what to say of an error that nobody foresaw, with the place in our code where it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else "an unknown place"
    return Broken(f"the collection itself failed at {place}: {type(error).__name__}: {error}; please report it")
