# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Something in a cache that cannot be judged: a link, another mount, a file that the disk does not give back."""

from ..facts import opcode_cache
from ..facts.cached_script import UNREADABLE
from ..facts.opcode_cache import OpcodeCaches
from ..model import MEDIUM, Check, Verdict
from ..policy import Policy
from .opcode_cache_unjudged import verdict

_SAYS = "{path} cannot be judged: {problem}"


def find(seen: OpcodeCaches, policy: Policy) -> Verdict:
    return verdict(seen, UNREADABLE, CHECK.id, MEDIUM, _SAYS)


CHECK = Check(id="opcode_cache.unreadable", gathers=(opcode_cache.gather,), find=find)
