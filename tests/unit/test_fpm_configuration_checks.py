# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What php-fpm refuses, and what changed since it was reloaded, as they are told."""

from typing import Any, Sequence

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import (
    php_fpm_invalid_config as invalid_config,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks import php_fpm_pending_restart as pending
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_changes import (
    Change,
    FpmChanges,
    MasterChanges,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMasters, StoppedFpm
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Verdict
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from test_fpm_limits_chain import UNIT, master

MASTER = master().master
NOPE = "PHP Warning:  PHP Startup: Unable to load dynamic library 'nope.so' (tried: /usr/lib/php/nope.so)"
ODD = "[pool www] pm.start_servers is not set. It's been set to 2."


def judged(seen: Any = (), stopped: Sequence[StoppedFpm] = ()) -> Verdict:
    return invalid_config.find(FpmMasters(tuple(seen), tuple(stopped), (), True, ()), policy_from({}))


def test_what_is_refused_while_it_runs_is_critical() -> None:
    (finding,) = judged([MASTER._replace(passes=False, failure="[x.conf:6] unknown entry\nUnable\nfailed")]).findings
    assert finding.severity == "critical"
    assert finding.summary.endswith("so the next reload or restart ends it: [x.conf:6] unknown entry; Unable")


def test_what_is_stopped_and_would_not_start() -> None:
    one = StoppedFpm("/etc/php-fpm.conf", UNIT, (), failure="FPM initialization failed", passes=False)
    (finding,) = judged(stopped=[one]).findings
    assert (finding.severity, finding.object) == ("high", "php-fpm /etc/php-fpm.conf")
    assert "so it does not start" in finding.summary


def test_an_extension_that_cannot_be_loaded_is_found_and_other_warnings_are_not() -> None:
    (finding,) = judged([MASTER._replace(passes=True, warnings=(ODD, NOPE))]).findings
    assert (finding.severity, getattr(finding.evidence, "warnings", None)) == ("medium", (NOPE,))
    assert judged([MASTER._replace(passes=True, warnings=(ODD,))]).state == "clean"


@pytest.mark.parametrize(
    ("unknown", "reason"),
    [
        (
            ("its configuration is not tested: it did not end within 10 s",),
            "php-fpm /etc/php-fpm.conf: its configuration",
        ),
        (("/etc/php-fpm.conf: it is not tested",), "/etc/php-fpm.conf: it is not tested"),
        ((), "php-fpm /etc/php-fpm.conf: it was not tested"),
    ],
)
def test_what_was_not_tested_is_unknown(unknown: Any, reason: str) -> None:
    verdict = judged([MASTER._replace(unknown=unknown)])
    assert verdict.state == "unknown" and str(verdict.reason).startswith(reason)
    verdict = judged(stopped=[StoppedFpm("/etc/php-fpm.conf", UNIT, (), unknown=unknown)])
    assert verdict.state == "unknown" and str(verdict.reason).startswith(reason)


def test_no_php_fpm_is_not_applicable() -> None:
    assert judged().state == "not_applicable"


# What changed.


def changed(*changes: Change, unknown: Any = ()) -> Verdict:
    one = MasterChanges(MASTER, tuple(changes), {}, tuple(unknown))
    return pending.find(FpmMasters((MASTER,), (), (), True, ()), FpmChanges((one,)), policy_from({}))


CONF = Change("configuration", "/etc/php-fpm.conf", 1795300000.0, True)
SURE = Change("extension", "/usr/lib/php/ctype.so", None, True)


@pytest.mark.parametrize(
    ("changes", "severity", "said"),
    [
        ([CONF], "medium", "its configuration, /etc/php-fpm.conf, changed after it was started or reloaded"),
        ([CONF._replace(certain=False)], "low", "/etc/php-fpm.conf, may have changed since"),
        ([CONF, SURE], "medium", "an extension, /usr/lib/php/ctype.so (and 1 more), was replaced"),
        ([CONF, SURE._replace(when=1795300000.0)], "high", "/usr/lib/php/ctype.so was written over while it is loaded"),
        ([CONF._replace(kind="executable", path="/x", when=None)], "medium", "its program, /x, was replaced"),
    ],
)
def test_what_changed_by_what_it_does(changes: Sequence[Change], severity: str, said: str) -> None:
    (finding,) = changed(*changes).findings
    assert finding.severity == severity and said in finding.summary


def test_what_cannot_be_compared_is_unknown() -> None:
    assert changed().state == "clean"
    assert changed(unknown=("x: what it has loaded cannot be seen",)).state == "unknown"
