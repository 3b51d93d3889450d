# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job that cuts requests in flight: by a signal that kills, or by limits that are shorter than requests."""

from ..facts import job_facts
from ..facts.job_facts import JobFacts
from ..model import Check, Verdict
from ..policy import Policy
from .scheduled_restart_evidence import findings_of, plan, verdict
from .scheduled_restart_harm import KILLS_IN_FLIGHT, unjudged


def find(known: JobFacts, policy: Policy) -> Verdict:
    return verdict(known, findings_of(known, policy, KILLS_IN_FLIGHT), unjudged(known))


CHECK = Check(id=KILLS_IN_FLIGHT, gathers=(job_facts.gather,), find=find, plan=plan)
