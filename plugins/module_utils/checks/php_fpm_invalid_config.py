# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A configuration that php-fpm refuses: the next reload ends the service, the next start fails."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

from ..facts import fpm_masters
from ..facts.fpm_masters import FpmMasters, StoppedFpm
from ..model import CRITICAL, HIGH, MEDIUM, Check, Finding, Verdict
from ..policy import Policy
from . import php_fpm

REFUSED = "its configuration is refused"
INCOMPLETE = "it starts without all that it is configured with"


class Evidence(NamedTuple):
    """cause: refused, or accepted with warnings. running: the master's pid, None for one that is stopped.

    failure: the words of php-fpm's own test. warnings: what it says without failing, as of an extension that cannot be
    loaded: each script that needs it fails then.
    """

    cause: str
    configuration: Optional[str]
    running: Optional[int]
    unit: Optional[str]
    failure: Optional[str]
    warnings: Tuple[str, ...]


def find(seen: FpmMasters, policy: Policy) -> Verdict:
    findings: List[Finding] = []
    untested: List[str] = []
    for master in seen.masters:
        if master.apart:
            continue
        unit = master.unit.name if master.unit else None
        evidence = Evidence(
            "", master.configuration, master.process.pid, unit, master.failure, _telling(master.warnings)
        )
        findings += _findings(php_fpm.master_name(master), evidence)
        if master.passes is None:
            untested += _reasons(php_fpm.master_name(master), master.unknown)
    for one in seen.stopped:
        findings += _findings(f"php-fpm {one.configuration}", _of_stopped(one))
        if one.passes is None:
            untested += _reasons(f"php-fpm {one.configuration}", one.unknown)
    return php_fpm.verdict(seen, findings, untested)


def _reasons(name: str, unknown: Sequence[str]) -> List[str]:
    """Return why a configuration was not tested, each with the name of whom it is about."""
    return [f"{name}: {one}" if one.startswith("its ") else one for one in unknown] or [f"{name}: it was not tested"]


def _of_stopped(one: StoppedFpm) -> Evidence:
    unit = one.unit.name if one.unit else None
    return Evidence("", one.configuration, None, unit, one.failure, _telling(one.warnings))


def _telling(warnings: Sequence[str]) -> Tuple[str, ...]:
    """Return the warnings without php-fpm's own, which say that a setting has no effect, or is odd."""
    return tuple(line for line in warnings if "PHP Startup" in line or "Unable to load" in line)


def _findings(name: str, evidence: Evidence) -> List[Finding]:
    if evidence.failure:
        effect = "the next reload or restart ends it" if evidence.running else "it does not start"
        summary = f"{name}: php-fpm refuses its configuration, so {effect}: {_shown(evidence.failure)}"
        severity = CRITICAL if evidence.running else HIGH
        return [_finding(name, severity, summary, evidence._replace(cause=REFUSED))]
    if evidence.warnings:
        summary = f"{name}: it would start without all that it is configured with: {evidence.warnings[0]}"
        return [_finding(name, MEDIUM, summary, evidence._replace(cause=INCOMPLETE))]
    return []


def _shown(failure: str) -> str:
    """Return the first two lines: what is wrong, and in which file."""
    return "; ".join(failure.split("\n")[:2])


def _finding(name: str, severity: str, summary: str, evidence: Evidence) -> Finding:
    return Finding(CHECK.id, name, severity, summary, evidence, None, None)


CHECK = Check(id="php_fpm.invalid_config", gathers=(fpm_masters.gather,), find=find)
