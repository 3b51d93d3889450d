# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which configurations logrotate(8) is run with: the usual one, and those that jobs name."""

import os
import re
import shlex
from typing import Dict, Iterator, List

from ..errors import CannotLook
from ..host import Host
from ..policy import Policy
from . import anacron_jobs, cron_jobs, periodic_jobs, timer_jobs
from .job import PERIODIC, Job

MAIN = "/etc/logrotate.conf"
SCRIPT_LIMIT = 256 * 1024
COMMAND_LIMIT = 64 * 1024  # characters
NAMED_LIMIT = 50
_LOGROTATE = re.compile(r"(?:^|[\s;&|({/])logrotate[ \t]+([^\n;&|()<>{}]{1,4096})")
_WITH_VALUE = frozenset(("-s", "--state", "-m", "--mail", "-l", "--log"))


def named(host: Host, policy: Policy, unseen: List[str]) -> Dict[str, str]:
    """Return the configurations, and whom logrotate runs as with each; root's first, as any user may name many."""
    found: Dict[str, str] = {}
    sources = (cron_jobs, anacron_jobs, periodic_jobs, timer_jobs)
    jobs = [job for source in sources for job in host.once(source.gather, policy).jobs if job.never is None]
    for job in sorted(jobs, key=lambda job: job.user != "root"):
        for path in _paths(_text(host, job)):
            found.setdefault(path, job.user)
    others = [path for path in found if path != MAIN]
    if len(others) > NAMED_LIMIT:
        unseen.append(
            f"jobs give {len(others)} configurations to logrotate, of which {NAMED_LIMIT} were looked at; "
            f"the first that was not is {others[NAMED_LIMIT][:200]}"
        )
    return {MAIN: "root", **{path: found[path] for path in others[:NAMED_LIMIT]}}


def _text(host: Host, job: Job) -> str:
    if job.kind != PERIODIC:
        return job.shell[:COMMAND_LIMIT]
    try:
        return os.fsdecode(host.read(job.path, SCRIPT_LIMIT, follow=True))
    except CannotLook:
        return ""  # whoever follows the script says why it cannot be read


def _paths(text: str) -> Iterator[str]:
    for arguments in _LOGROTATE.findall(text):
        try:
            words = shlex.split(arguments, comments=True)
        except ValueError:
            words = arguments.split()
        for before, word in zip(["", *words], words):
            if word.startswith("/") and before not in _WITH_VALUE:
                yield word
