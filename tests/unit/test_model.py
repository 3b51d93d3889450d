# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Forbidden, PhpfleetError
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import (
    Action,
    Check,
    Finding,
    found,
    not_applicable,
    unknown,
)

FINDING = Finding("pidfile.dead", "/run/a.pid", "medium", "It is stale.", (), "remove it", "none")


def test_only_a_whole_look_without_a_finding_is_clean():
    assert found([]).state == "clean" and found([FINDING]).state == "found"
    assert unknown("hidden").state == "unknown" and not_applicable("none here").state == "not_applicable"
    assert found([]).reason is None and unknown("hidden").reason == "hidden"


@pytest.mark.parametrize("value", [FINDING, Action("a.b", "remove", "x", (), None), found([]), Check("a.b", (), found)])
def test_values_cannot_be_changed(value):
    with pytest.raises(AttributeError):
        setattr(value, value._fields[0], "other")


def test_a_check_knows_its_subject():
    assert Check("sysv_ipc.orphaned_segment", (), found).subject == "sysv_ipc"


def test_an_error_is_a_sentence_with_its_details_as_data():
    error = Forbidden("/run/a.pid: not readable", path="/run/a.pid")
    assert isinstance(error, PhpfleetError)
    assert str(error) == "/run/a.pid: not readable" and error.details == {"path": "/run/a.pid"}
