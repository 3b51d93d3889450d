# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A file in a cache that is not the cache's own. It may be anything, so it is left alone."""

from ..facts import opcode_cache
from ..facts.cached_script import FOREIGN
from ..facts.opcode_cache import OpcodeCaches
from ..model import LOW, Check, Verdict
from ..policy import Policy
from .opcode_cache_unjudged import verdict

_SAYS = "{path} lies in a cache and is not the cache's own: {problem}; look at it, and move it elsewhere"


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return verdict(seen, FOREIGN, CHECK.id, LOW, _SAYS)


CHECK = Check(id="opcode_cache.foreign_file", gathers=(opcode_cache.gather,), find=find)
