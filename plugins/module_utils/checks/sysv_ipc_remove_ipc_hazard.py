# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Users whose IPC objects systemd-logind will remove when their last session ends, though their services run on."""

from collections import Counter
from typing import Dict, List, NamedTuple, Optional

from ..facts import logind, sysv_ipc
from ..facts.logind import Logind
from ..facts.sysv_ipc import Table, select
from ..model import MEDIUM, Check, Finding, Verdict, found
from ..policy import Policy

# logind leaves system users alone (logind-user.c, uid_is_system); 999 is what systemd and distributions build it with.
SYSTEM_UID_MAX = 999
CONFIGURED = "RemoveIPC=yes is configured, and the user is no system user"
BUILT_IN = "RemoveIPC is not configured, systemd's default is yes, and the user is no system user"


class Evidence(NamedTuple):
    """source: the file that sets RemoveIPC, None where it is the default. The rest counts what the user owns."""

    owner: str
    cause: str
    uid: int
    source: Optional[str]
    segments: int
    semaphore_sets: int
    queues: int


def find(setting: Logind, segments: Table, sets: Table, queues: Table, policy: Policy) -> Verdict:
    """Name the users that logind would take IPC objects from."""
    if not setting.remove_ipc:
        return found([])
    tables = (segments, sets, queues)
    users: Dict[int, str] = {uid: name for table in tables for uid, name in table.users.items()}
    owned = [Counter(thing.uid for thing in select(table.objects, users, policy)) for table in tables]
    exposed = sorted(
        uid
        for uid, name in users.items()
        if uid > SYSTEM_UID_MAX and name not in setting.lingering and any(counts[uid] for counts in owned)
    )
    return found([_finding(uid, users[uid], setting, [counts[uid] for counts in owned]) for uid in exposed])


def _finding(uid: int, name: str, setting: Logind, counts: List[int]) -> Finding:
    cause = CONFIGURED if setting.source else BUILT_IN
    evidence = Evidence(name, cause, uid, setting.source, *counts)
    return Finding(
        CHECK.id,
        f"user {name}",
        MEDIUM,
        f"systemd-logind will remove the IPC objects of {name} ({counts[0]} segments unless attached, {counts[1]} "
        f"semaphore sets, {counts[2]} queues) when the last session of {name} ends, cron jobs included, while services "
        "of that user may still use them. Set RemoveIPC=no in /etc/systemd/logind.conf, or use a system user",
        evidence,
        None,
        None,
    )


CHECK = Check(
    id="sysv_ipc.remove_ipc_hazard",
    gathers=(logind.gather, sysv_ipc.gather_segments, sysv_ipc.gather_sets, sysv_ipc.gather_queues),
    find=find,
)
