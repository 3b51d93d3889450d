# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A configuration that nginx would refuse: it serves by the old one, and does not start any more."""

from typing import NamedTuple, Optional, Tuple

from ..facts import nginx_tests
from ..facts.nginx_tests import NginxTests, Tested
from ..model import HIGH, Check, Finding, Verdict, not_applicable, unknown, verdict_over
from ..policy import Policy
from .nginx_evidence import HIDDEN, apart, name

CAUSE = "a change that nobody tested with `nginx -t`, or something that it needs and that is gone"


class Evidence(NamedTuple):
    """faults: what nginx says is wrong. warnings: what it says besides, which does not keep it from starting.

    newer: files of the configuration that changed since the workers were started, so they are not in force.
    """

    cause: str
    master: int
    configuration: Optional[str]
    arguments: Tuple[str, ...]
    faults: Tuple[str, ...]
    warnings: Tuple[str, ...]
    newer: Tuple[str, ...]


def find(seen: NginxTests, policy: Policy) -> Verdict:
    if not seen.tested:
        if not seen.complete:
            return unknown(HIDDEN)
        return not_applicable(apart(seen.apart))
    blind = [one.unknown for one in seen.tested if one.unknown]
    if not seen.complete:
        blind.append(HIDDEN)
    return verdict_over([_finding(one) for one in seen.tested if one.failed], blind)


def _finding(one: Tested) -> Finding:
    master = one.master
    first = one.faults[0] if one.faults else "it says nothing"
    return Finding(
        check=CHECK.id,
        object=name(master),
        severity=HIGH,
        summary=f"nginx {master.process.pid} refuses the configuration that is in its files ({first}): a reload would "
        "change nothing, and once stopped it would not start again",
        evidence=Evidence(
            cause=CAUSE,
            master=master.process.pid,
            configuration=master.configuration,
            arguments=master.arguments,
            faults=one.faults,
            warnings=one.warnings,
            newer=_newer(one),
        ),
        remedy=None,
        risk=None,
    )


def _newer(one: Tested) -> Tuple[str, ...]:
    generation = one.master.generation
    if generation is None:
        return ()
    return tuple(file.path for file in one.master.files if file.changed > generation)


CHECK = Check(id="nginx.invalid_config", gathers=(nginx_tests.gather,), find=find)
