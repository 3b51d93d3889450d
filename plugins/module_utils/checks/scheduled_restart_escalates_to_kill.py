# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job that sends SIGKILL after a wait, which leaves behind what only a process itself can clean up."""

from ..facts import job_facts
from ..facts.job_facts import JobFacts
from ..model import Check, Verdict
from ..policy import Policy
from .scheduled_restart_evidence import findings_of, plan, verdict
from .scheduled_restart_harm import ESCALATES


def find(known: JobFacts, policy: Policy) -> Verdict:
    return verdict(known, findings_of(known, policy, ESCALATES))


CHECK = Check(id=ESCALATES, gathers=(job_facts.gather,), find=find, plan=plan)
