# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The jobs of at(1) and batch(1) that atd(8) has yet to run."""

import stat
from functools import partial
from typing import List, Optional

from ..errors import Malformed
from ..formats import at_job
from ..formats.at_job import AtJob, Name
from ..host import Host
from ..policy import Policy
from ..tree import Stat
from . import looking, schedulers
from .job import AT, Job, Jobs

# Of Debian, of Red Hat, and of SUSE.
SPOOLS = ("/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs")
FILE_LIMIT = 16 * 1024 * 1024


def gather(host: Host, policy: Policy) -> Jobs:
    """Return the jobs of the spools."""
    absent = schedulers.absent(host, policy, schedulers.ATD, "atd")
    jobs: List[Job] = []
    unseen: List[str] = []
    for spool in SPOOLS:
        for name in looking.names(host, spool, unseen):
            job = looking.unless_hidden(partial(_job_of, host, f"{spool}/{name}", name, absent), unseen)
            jobs += [] if job is None else [job]
    return Jobs(tuple(jobs), tuple(unseen))


def _job_of(host: Host, path: str, name: str, absent: Optional[str]) -> Optional[Job]:
    said = at_job.parse_name(name)
    if said is None or said.queue == at_job.RUNNING or not stat.S_ISREG(host.stat(path).mode):
        return None
    content, seen = host.read_with_stat(path, FILE_LIMIT)
    try:
        job = at_job.parse(content)
    except Malformed:
        return None  # atd does not run it
    return _job(host, path, said, job, absent or _flaw(seen, job))


def _flaw(seen: Stat, job: AtJob) -> Optional[str]:
    """Return why atd leaves a job alone (atd.c, run_loop and run_file)."""
    if not seen.mode & stat.S_IXUSR:
        return "its file is not executable, as it is until at(1) has written all of it"
    if seen.uid != job.uid:
        return "its file belongs to another user than it was made for, so atd does not run it"
    return "its file has several names (hard links), so atd does not run it" if seen.links > 1 else None


def _job(host: Host, path: str, name: Name, job: AtJob, never: Optional[str]) -> Job:
    when = name.minute * 60.0
    return Job(
        kind=AT,
        object=f"at job {name.number}",
        path=path,
        line=0,
        text=b"",
        schedule="once by batch, when the load allows it" if name.queue.isupper() else "once by at",
        cron=None,
        zone=None,
        next_runs=() if never or when < host.now() else (when,),
        user=host.user_name(job.uid),
        shell=job.script,
        first_line=job.number,
        environment=job.environment,
        unit=None,
        never=never,
    )
