# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job that stops a web service, however gently: what comes meanwhile is lost."""

from ..facts import job_facts
from ..facts.job_facts import JobFacts
from ..model import Check, Verdict
from ..policy import Policy
from .scheduled_restart_evidence import findings_of, plan, verdict
from .scheduled_restart_harm import STOPS_SERVICE


def find(known: JobFacts, policy: Policy) -> Verdict:
    return verdict(known, findings_of(known, policy, STOPS_SERVICE))


CHECK = Check(id=STOPS_SERVICE, gathers=(job_facts.gather,), find=find, plan=plan)
