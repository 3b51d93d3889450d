# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every entry, where all of them were asked to go."""

from ..facts import opcode_cache
from ..facts.opcode_cache import OpcodeCaches
from ..model import Check, Verdict
from ..policy import Policy
from .opcode_cache_causes import UNWANTED
from .opcode_cache_evidence import plan, same, verdict


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return verdict(seen, policy, UNWANTED)


CHECK = Check(id=UNWANTED, gathers=(opcode_cache.gather,), find=find, plan=plan, same=same)
