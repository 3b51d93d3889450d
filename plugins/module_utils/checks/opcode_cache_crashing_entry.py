# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An entry that crashes, hangs or misleads every worker that loads it."""

from typing import List

from ..facts import opcode_cache
from ..facts.opcode_cache import OpcodeCaches
from ..model import Check, Verdict
from ..policy import Policy
from .opcode_cache_causes import CRASHING
from .opcode_cache_evidence import plan, same, verdict


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return verdict(seen, policy, CRASHING, _unwalked)


def _unwalked(seen: OpcodeCaches) -> List[str]:
    """Say which entries crash or not as their structure is, which nobody looked at."""
    return [
        f"{cache.path}: the structure of {count} of its {cache.entries} entries was not walked: {reason}"
        for cache in seen.caches
        for reason, count in sorted(cache.unwalked.items())
    ]


CHECK = Check(id=CRASHING, gathers=(opcode_cache.gather,), find=find, plan=plan, same=same)
