# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts that logrotate(8) runs before and after it rotates logs."""

import os
import stat
from typing import List, Optional, Set

from ..errors import CannotLook, Missing, TooLarge
from ..formats import logrotate
from ..formats.logrotate import Configuration, Script
from ..host import Host
from ..policy import Policy
from . import logrotate_configurations, schedulers
from .job import LOGROTATE, Job, Jobs

PROGRAMS = ("/usr/sbin/logrotate", "/usr/bin/logrotate")
FILE_LIMIT = 16 * 1024 * 1024
FILES_LIMIT = 20_000
INCLUDES_LIMIT = 1000  # of one file
DEPTH_LIMIT = 10  # of includes below one another
_READABLE = stat.S_IRGRP | stat.S_IROTH


def gather(host: Host, policy: Policy) -> Jobs:
    """Return the scripts of logrotate's configuration, one job each."""
    reading = _Reading(host)
    for path, user in logrotate_configurations.named(host, policy, reading.unseen).items():
        reading.user = user
        reading.read(path, Configuration((), (), logrotate.TABOO, ""), 0)
    return Jobs(tuple(reading.jobs), tuple(reading.unseen))


class _Reading:
    """One reading of configurations with all that they include. user: whom logrotate runs as."""

    def __init__(self, host: Host) -> None:
        self.jobs: List[Job] = []
        self.unseen: List[str] = []
        self.user = "root"
        self._host = host
        self._places: Set[str] = set()
        here = any(schedulers.is_there(host, path) for path in PROGRAMS)
        self._never = None if here else "logrotate is not installed"

    def read(self, path: str, above: Configuration, depth: int) -> None:
        """Read a file, or each file of a directory, as ``above`` includes it."""
        try:
            mode = self._host.stat(path, follow=True).mode
            if not self._is_wanted(path, depth):
                return
            if stat.S_ISDIR(mode):
                self._read_directory(path, above, depth)
            elif stat.S_ISREG(mode):
                self._read_file(path, above, depth)
        except Missing:
            return  # logrotate passes over it
        except CannotLook as error:
            self.unseen.append(str(error))

    def _is_wanted(self, path: str, depth: int) -> bool:
        """Whether a place is new, and within the limits; several files may include it, and it itself."""
        if path in self._places:
            return False
        self._places.add(path)
        if len(self._places) > FILES_LIMIT or depth > DEPTH_LIMIT:
            if len(self._places) <= FILES_LIMIT + 1:
                self.unseen.append(
                    f"{path}: with it, the configuration of logrotate has more than {FILES_LIMIT} files or "
                    f"{DEPTH_LIMIT} includes below one another; the rest was not looked at"
                )
            return False
        return True

    def _read_directory(self, path: str, above: Configuration, depth: int) -> None:
        for name in logrotate.permitted(self._host.list(path), above.taboo):
            below = f"{path.rstrip('/')}/{name}"
            if not self._is_directory(below):
                self.read(below, above, depth)

    def _is_directory(self, path: str) -> bool:
        try:
            return stat.S_ISDIR(self._host.stat(path, follow=True).mode)
        except CannotLook:
            return False  # what it is, its reader will say

    def _read_file(self, path: str, above: Configuration, depth: int) -> None:
        content, seen = self._host.read_with_stat(path, FILE_LIMIT, follow=True)
        if self.user != "root" and not (seen.mode & _READABLE or seen.uid == self._host.user_id(self.user)):
            return  # that user's logrotate cannot read it, so nobody reads it in his name
        try:
            said = logrotate.parse(os.fsdecode(content), above.frequency, above.taboo)
        except TooLarge as error:
            raise TooLarge(f"{path}: {error}") from error
        never = self._never or (_flaw(seen.mode, seen.uid) if self.user == "root" else None)
        self.jobs += [_job(path, script, self.user, never) for script in said.scripts]
        if len(said.includes) > INCLUDES_LIMIT:
            self.unseen.append(
                f"{path}: it has {len(said.includes)} includes, of which {INCLUDES_LIMIT} were looked at"
            )
        for included in said.includes[:INCLUDES_LIMIT]:
            self.read(os.path.join(os.path.dirname(path), included), said, depth + 1)


def _flaw(mode: int, uid: int) -> Optional[str]:
    """Return why logrotate passes over a file that is not root's alone (config.c, readConfigFile)."""
    if uid != 0:
        return "the file is not root's, and logrotate takes no other; chown it to root"
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others than root can write the file, and logrotate takes no such file; chmod it to 0644"
    return None


def _job(path: str, script: Script, user: str, never: Optional[str]) -> Job:
    unclosed = None if script.closed else f"the {script.keyword} script has no endscript, so logrotate refuses it"
    return Job(
        kind=LOGROTATE,
        object=f"{path}:{script.number}",
        path=path,
        line=script.number,
        text=os.fsencode(script.text.split("\n")[0]),
        schedule=_schedule(script),
        cron=None,
        zone=None,
        next_runs=(),
        user=user,
        shell=script.text,
        first_line=script.number,
        environment={},
        unit=None,
        never=never or unclosed,
    )


def _schedule(script: Script) -> str:
    logs = script.logs[0][:200] if script.logs else "a log"
    logs += f" and {len(script.logs) - 1} more" if len(script.logs) > 1 else ""
    when = f"before an old {logs} is removed" if script.keyword == "preremove" else f"when {logs} is rotated"
    return when + (f", {script.frequency}" if script.frequency else "")
