# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""An entry whose script has changed or is gone since it was compiled."""

from typing import List

from ..facts import opcode_cache
from ..facts.opcode_cache import OpcodeCaches
from ..model import Check, Verdict
from ..policy import Policy
from .opcode_cache_causes import STALE
from .opcode_cache_evidence import plan, same, verdict


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return verdict(seen, policy, STALE, _unknown_scripts)


def _unknown_scripts(seen: OpcodeCaches) -> List[str]:
    return [
        f"{cache.path}: the scripts of {cache.sources_unknown} entries could not be looked at; run with become"
        for cache in seen.caches
        if cache.sources_unknown
    ]


CHECK = Check(id=STALE, gathers=(opcode_cache.gather,), find=find, plan=plan, same=same)
