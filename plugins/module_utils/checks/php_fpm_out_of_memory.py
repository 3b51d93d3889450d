# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Workers that were ended by SIGKILL: by the kernel, for memory, or by somebody."""

from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_history, kernel_messages
from ..facts.fpm_history import KILLED, OPCACHE, Ending, FpmHistory, History
from ..facts.kernel_messages import KernelMessages
from ..formats.kernel_log import OutOfMemory
from ..model import HIGH, LOW, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from .php_fpm_history import EXAMPLES, owner, pool_object, severity, stamp, times, verdict

HOST = "the host had no memory left, and the kernel ended the process that it thought best to go"
CGROUP = "the service was over the limit of memory of its cgroup, as MemoryMax of its unit sets it"
SOMEBODY = "not by the kernel for memory: somebody sent SIGKILL, as a script or an older OPcache's forced restart does"
UNKNOWN = "whether the kernel did it for memory can't be seen here"
APART_SECONDS = 30.0  # between the kernel's word and php-fpm's
_SIGKILL = 9


class Evidence(NamedTuple):
    """by_kernel: how many the kernel names. memory: bytes that the largest of these had.

    first, last: seconds since the epoch.
    """

    owner: str
    cause: str
    log: str
    killed: int
    by_kernel: int
    memory: Optional[int]
    max_children: Optional[str]
    memory_limit: Optional[str]
    workers: Tuple[str, ...]
    first: float
    last: float


def find(seen: FpmHistory, kernel: KernelMessages, policy: Policy) -> Verdict:
    findings = []
    for history in seen.histories:
        pools: Dict[str, List[Ending]] = {}
        for ending in history.endings:
            if ending.signal == _SIGKILL and ending.ended in (KILLED, OPCACHE):
                pools.setdefault(ending.pool, []).append(ending)
        findings += [_finding(seen, history, kernel, pool, endings) for pool, endings in pools.items()]
    return verdict(seen, findings, kernel.unseen if findings else ())


def _finding(
    seen: FpmHistory, history: History, kernel: KernelMessages, pool: str, endings: Sequence[Ending]
) -> Finding:
    words = [word for word in (_word(kernel, ending) for ending in endings) if word]
    last = endings[-1].moment
    grade = HIGH if words else MEDIUM
    configured = history.pool(pool)
    settings = configured.settings if configured else {}
    what = Evidence(
        owner=owner(history, pool),
        cause=_cause(words, kernel),
        log=history.log.name,
        killed=len(endings),
        by_kernel=len(words),
        memory=max([word.anonymous for word in words if word.anonymous is not None], default=None),
        max_children=settings.get("pm.max_children"),
        memory_limit=settings.get("php_admin_value[memory_limit]") or settings.get("php_value[memory_limit]"),
        workers=tuple(f"{stamp(one.moment)} process {one.child}" for one in endings[-EXAMPLES:]),
        first=endings[0].moment,
        last=last,
    )
    return Finding(
        check=CHECK.id,
        object=pool_object(history, pool),
        severity=severity(seen.now, last, grade, grade, LOW),
        summary=(
            f"workers of pool {pool} were ended {times(what.killed)} by SIGKILL, last at {stamp(last)}: {what.cause}; "
            "half of what they served was done"
        ),
        evidence=what,
        remedy=None,
        risk=None,
    )


def _word(kernel: KernelMessages, ending: Ending) -> Optional[OutOfMemory]:
    """Return the kernel's word on a worker that it ended; of its two lines the one that tells more."""
    words = [
        one.said
        for one in kernel.messages
        if isinstance(one.said, OutOfMemory)
        and one.said.pid == ending.child
        and abs(one.moment - ending.moment) <= APART_SECONDS
    ]
    if not words:
        return None
    told = next((word for word in words if word.anonymous is not None), words[0])
    return told._replace(cgroup=any(word.cgroup for word in words))


def _cause(words: Sequence[OutOfMemory], kernel: KernelMessages) -> str:
    if words:
        return CGROUP if all(word.cgroup for word in words) else HOST
    return UNKNOWN if kernel.unseen else SOMEBODY


CHECK = Check(id="php_fpm.out_of_memory", gathers=(fpm_history.gather, kernel_messages.gather), find=find)
