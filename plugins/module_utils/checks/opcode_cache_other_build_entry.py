# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries that another build of PHP or of the engine wrote."""

from ..facts import opcode_cache
from ..facts.opcode_cache import OpcodeCaches
from ..model import Check, Verdict
from ..policy import Policy
from .opcode_cache_causes import OTHER_BUILD
from .opcode_cache_evidence import plan, same, verdict


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return verdict(seen, policy, OTHER_BUILD)


CHECK = Check(id=OTHER_BUILD, gathers=(opcode_cache.gather,), find=find, plan=plan, same=same)
