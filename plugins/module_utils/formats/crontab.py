# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A crontab, as cron reads it (crontab(5)): jobs, the settings in force at each, and lines that cron refuses."""

from typing import Mapping, NamedTuple, Optional, Tuple


class CronLine(NamedTuple):
    """A job of a crontab.

    number: of its line, from 1. text: the line as it stands in the file, without its end. schedule: its five fields, or
    its word with an @, joined by spaces. user: the sixth field of a system's crontab, None in a user's own. command:
    what the shell is given: all up to the first % that has no backslash before it, decoded as file names are. fed:
    whether what comes after that % is fed to it. environment: the settings above it, as cron hands them on.
    """

    number: int
    text: bytes
    schedule: str
    user: Optional[str]
    command: str
    fed: bool
    environment: Mapping[str, str]


class RefusedLine(NamedTuple):
    """A line that cron takes for no job and no setting: it never runs, for that reason."""

    number: int
    text: bytes
    reason: str


class Crontab(NamedTuple):
    """ignored: why cron takes nothing of the whole file, None where it takes it."""

    lines: Tuple[CronLine, ...]
    refused: Tuple[RefusedLine, ...]
    ignored: Optional[str]


def parse(content: bytes, system: bool) -> Crontab:
    """Return what a crontab says; ``system`` where its lines name a user."""
    raise NotImplementedError
