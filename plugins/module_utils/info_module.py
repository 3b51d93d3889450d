# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End a module that looks: return findings, checks and facts of this host. It ships no code that changes."""

import gc
import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .audit import audit, entries
from .errors import CannotLook, NotApplicable, Refused
from .fold import fold_findings
from .host import Host
from .model import Subject
from .plain import LIST_LIMIT, plain
from .policy import Policy
from .request import options, request

FACTS_BYTES = 200 * 1024  # of one subject; names and titles on a host may be as long as somebody likes


def run(*subjects: Subject) -> None:
    """Be the module of one subject, or of several, each with its options and facts under its name."""
    gc.disable()  # a module lives for seconds; its 65,000 findings hold no cycle, and would be walked again and again
    only = subjects[0].name if len(subjects) == 1 else None
    module = AnsibleModule(argument_spec=options(only, probes=True), supports_check_mode=True)
    try:
        asked = request(only, module.params, [check for subject in subjects for check in subject.checks])
    except Refused as error:
        module.fail_json(msg=plain(str(error)), **plain(error.details))
    host = Host()
    seen = audit(host, asked.policy, asked.checks)
    facts = {subject.name: _facts(host, asked.policy, subject) for subject in subjects}
    module.exit_json(
        changed=False,
        findings=fold_findings(seen.findings),
        checks=entries(seen),
        **(facts if only is not None else dict(facts=facts)),
    )


def _facts(host: Host, policy: Policy, subject: Subject) -> Any:
    # Where a look failed, the checks say unknown and why; null here means no more than that.
    try:
        return _bounded(host.once(subject.facts, policy))
    except (CannotLook, NotApplicable):
        return None


def _bounded(facts: Any) -> Any:
    """Return facts as JSON can carry them, with lists cut until they fit; what was cut is counted beside each list."""
    limit = LIST_LIMIT
    shown = plain(facts, limit)
    while limit > 1 and len(json.dumps(shown)) > FACTS_BYTES:
        limit //= 2
        shown = plain(facts, limit)
    return shown
