# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One tree of errors. Each says what was wrong, where, and what to do, and carries its details as data."""

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
