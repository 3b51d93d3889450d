# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the pidfile checks share: the evidence, whose files may be changed, and how a remedy is planned."""

from typing import List, NamedTuple, Optional, Sequence, Tuple, cast

from ..facts.masters import Master
from ..facts.pidfile import NAMED, FileSeen, Guard, Pidfile, Pidfiles
from ..facts.processes import Process
from ..formats.pidfile import content_of
from ..model import Action, Finding, Verdict, verdict_over
from ..policy import Policy

REMOVE = "remove the file"
REPLACE = "write the pid of the running master into it"
WRITE = "write the pid of the running master"
RISK = "what stops or reloads the service by this file acts differently from then on; undo puts it back as it was"
NAME_IT = "name it in paths to have it removed"


class Evidence(NamedTuple):
    """owner: the user who owns the file, or who runs the master where there is none. cause: how this usually comes.

    modified: seconds since the epoch. started_later: the process started after the file was written, and earlier_boot:
    the file was written before this boot; both hint only, for clocks are set. configuration: of the master.
    """

    owner: str
    cause: str
    kind: str
    origins: Tuple[str, ...]
    program: Optional[str]
    content: Optional[bytes]
    pid: Optional[int]
    bearer: Optional[str]
    process: Optional[Process]
    modified: Optional[float]
    started_later: Optional[bool]
    earlier_boot: Optional[bool]
    master: Optional[int]
    configuration: Optional[str]
    guard: Guard


def evidence(seen: Pidfiles, file: Pidfile, cause: str) -> Evidence:
    modified = file.stat.mtime_ns / 1e9 if file.stat else None
    master = _only_master(file)
    return Evidence(
        owner=seen.users[file.stat.uid if file.stat else 0],
        cause=cause,
        kind=file.kind,
        origins=file.origins,
        program=file.program,
        content=file.content,
        pid=file.pid,
        bearer=file.bearer,
        process=file.process,
        modified=modified,
        started_later=file.process.started > modified if file.process and modified is not None else None,
        earlier_boot=modified < seen.booted if seen.booted and modified is not None else None,
        master=master.process.pid if master else None,
        configuration=master.configured.path if master and master.configured else None,
        guard=_guard(seen, file),
    )


def is_ours(file: Pidfile) -> bool:
    """Whether it may be changed: it was named, is called as php-fpm's and nginx's are, or they are configured with it.

    A configuration that others than root can write could point at any file, so it gives no leave.
    """
    if NAMED in file.origins or not file.masters:
        return NAMED in file.origins or file.program is not None
    return all(master.configured is not None and master.configured.trusted for master in file.masters)


def remedy(file: Pidfile) -> Optional[str]:
    """Return what to do about a file that is wrong: None where it may not be changed."""
    if not is_ours(file) or file.content is None:
        return None
    return REPLACE if replaceable(file) else REMOVE


def replaceable(file: Pidfile) -> bool:
    """Whether it is known for certain which pid belongs there."""
    master = _only_master(file)
    return bool(master and master.configured and master.configured.trusted and not master.configured.assumed)


def plan(findings: Sequence[Finding], policy: Policy) -> List[Action]:
    """Return the action of each finding that has a remedy."""
    return [
        Action(
            finding.check, _VERBS[finding.remedy], finding.object, cast(Evidence, finding.evidence).guard, finding.risk
        )
        for finding in findings
        if finding.remedy
    ]


_VERBS = {REMOVE: "remove_pidfile", REPLACE: "replace_pidfile", WRITE: "write_pidfile"}


def verdict(seen: Pidfiles, findings: Sequence[Finding], blind: Sequence[str] = ()) -> Verdict:
    """Return the verdict over all that was seen; unknown where something was not, ``blind`` being more of that."""
    return verdict_over(findings, [*seen.unseen, *blind])


def _only_master(file: Pidfile) -> Optional[Master]:
    return file.masters[0] if len(file.masters) == 1 else None


def _guard(seen: Pidfiles, file: Pidfile) -> Guard:
    master = _only_master(file) if replaceable(file) else None
    return Guard(
        path=file.path,
        file=_seen(file),
        pid=file.pid,
        bearer=file.bearer,
        program=file.program,
        masters=tuple(master.process.pid for master in file.masters),
        heads=seen.heads[file.program] if file.program else (),
        wanted=content_of(master.program, master.process.pid) if master else None,
    )


def _seen(file: Pidfile) -> Optional[FileSeen]:
    if file.stat is None or file.content is None:
        return None
    return FileSeen(file.stat.inode, file.stat.mtime_ns, file.content)
