# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the nginx checks share: whom they judge, what a master is called, and the verdict where something is hidden."""

from typing import List, Optional, Sequence

from ..facts.nginx_masters import NginxMaster, NginxMasters
from ..model import Verdict, not_applicable, unknown

ABSENT = "no nginx runs here"
SHOWN = 3
HIDDEN = "this user may not see all processes, so there may be an nginx; run with become"


def ours(seen: NginxMasters) -> List[NginxMaster]:
    """Return the masters that are judged: those whose pids and paths are this host's."""
    return [master for master in seen.masters if not master.apart]


def nobody(seen: NginxMasters) -> Optional[Verdict]:
    """Return the verdict where there is no master to judge, None where there is one."""
    if ours(seen):
        return None
    if not seen.complete:
        return unknown(HIDDEN)
    return not_applicable(apart(seen.masters))


def apart(masters: Sequence[NginxMaster]) -> str:
    """Say why none of these is judged."""
    reasons = [f"{name(master)} is not judged: {master.apart}" for master in masters]
    return "; ".join(reasons[:SHOWN]) or ABSENT


def name(master: NginxMaster) -> str:
    """Return what a master is called by its object: by pid, because two of them may have one configuration."""
    return f"nginx master {master.process.pid}"


def hidden(seen: NginxMasters) -> List[str]:
    """Say which processes could not be seen as what they are."""
    unproven = [master.unknown[0] for master in ours(seen) if master.process.executable is None and master.unknown]
    return unproven + ([] if seen.complete else [HIDDEN])


def counted(number: int, what: str, verb: str = "") -> str:
    """Return ``1 worker serves`` or ``2 workers serve``; ``verb`` is as it is said of many."""
    singular = {"have": "has"}.get(verb, verb + "s" if verb else "")
    said = f"{number} {what}" if number == 1 else f"{number} {what}s"
    return said if not verb else f"{said} {singular if number == 1 else verb}"


def span(seconds: float) -> str:
    """Return a time for a sentence: ``45 s``, ``12 min``, ``5 h``, ``3 days``."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"
