# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS, SUBJECTS
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Refused
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import OPTIONS
from ansible_collections.phpfleet.remediation.plugins.module_utils.request import options, request


def ask(subject, **given):
    checks = [check for one in SUBJECTS for check in one.checks if subject in (None, one.name)]
    return request(subject, params(subject, **given), checks)


def params(subject, **given):
    defaults = {name: spec["default"] for name, spec in options(subject).items()}
    return dict(defaults, **given)


def test_every_check_belongs_to_a_subject_with_options_and_facts():
    assert [subject.name for subject in SUBJECTS] == list(dict.fromkeys(check.subject for check in CHECKS))
    assert {subject.name for subject in SUBJECTS} == set(OPTIONS)
    assert len({check.id for check in CHECKS}) == len(CHECKS)


def test_the_module_of_all_subjects_takes_the_options_of_each_below_its_name():
    spec = options(None)
    for subject, subject_options in OPTIONS.items():
        assert spec[subject]["options"] == subject_options and spec[subject]["type"] == "dict"


def test_the_module_of_a_subject_runs_its_checks_by_its_options():
    asked = ask("sysv_ipc", min_age=5)
    assert {check.subject for check in asked.checks} == {"sysv_ipc"}
    assert asked.policy.sysv_ipc.min_age == 5


def test_the_module_of_all_subjects_runs_them_all():
    asked = ask(None, sysv_ipc={"min_age": 5})
    assert asked.checks == list(CHECKS) and asked.policy.sysv_ipc.min_age == 5


def test_a_check_of_another_subject_is_refused():
    with pytest.raises(Refused, match=r"no check or subject 'pidfile\.dead_process'"):
        ask("sysv_ipc", checks=["pidfile.dead_process"])


def test_scheduled_restarts_are_judged_by_what_php_fpm_is_said_to_need():
    given = dict(longest_request=30, history_days=7, configurations=["/srv/fpm.conf"], splay=9)
    policy = ask("scheduled_restart", **given).policy
    assert (policy.php_fpm.longest_request, policy.php_fpm.history_days) == (30, 7)
    assert policy.php_fpm.configurations == ["/srv/fpm.conf"] and policy.scheduled_restart.splay == 9
    assert "longest_request" not in options(None)["scheduled_restart"]["options"]


def test_pools_are_probed_by_the_module_that_was_called_for_it_and_by_no_other():
    assert options("runtime_cache", probes=True)["probe"] == {"type": "bool", "default": True}
    assert options(None)["runtime_cache"]["options"]["probe"]["default"] is False
    given = {name: spec["default"] for name, spec in options("runtime_cache", probes=True).items()}
    assert request("runtime_cache", given, CHECKS).policy.runtime_cache.probe is True
    assert ask(None).policy.runtime_cache.probe is False
