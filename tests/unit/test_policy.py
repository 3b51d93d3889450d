# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Refused
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import (
    OPTIONS,
    Policy,
    all_options,
    parse_key,
    policy_from,
)
from hypothesis import given
from hypothesis import strategies as st


def test_a_policy_has_a_field_for_every_option_with_its_default():
    policy = policy_from({})
    assert set(OPTIONS) == set(Policy._fields)
    for subject in OPTIONS:
        fields = getattr(policy, subject)._asdict()
        assert {name: spec.get("default") for name, spec in all_options(subject).items()} == fields


def test_what_is_given_wins_and_the_rest_keeps_its_default():
    policy = policy_from({"sysv_ipc": {"min_age": 5}})
    assert policy.sysv_ipc.min_age == 5 and policy.sysv_ipc.near_limit_percent == 80
    assert policy.pidfile == policy_from({}).pidfile


@given(st.integers(0, 0xFFFFFFFF))
def test_a_key_is_read_as_ipcs_prints_it(key):
    assert parse_key(f"0x{key:08x}") == parse_key(str(key)) == key
    assert parse_key(str(key - (1 << 32))) == key if key >= 1 << 31 else True


@given(st.text())
def test_any_text_is_a_key_or_is_refused_by_name(text):
    try:
        assert 0 <= parse_key(text, "keep_keys") <= 0xFFFFFFFF
    except Refused as error:
        assert "sysv_ipc.keep_keys" in str(error)


@pytest.mark.parametrize("text", ["0x100000000", "4294967296", "-2147483649", "6104e88b", "", "0x", "1.5", "ten"])
def test_what_is_no_key_is_refused(text):
    with pytest.raises(Refused, match=r"sysv_ipc\.keys"):
        policy_from({"sysv_ipc": {"keys": [text]}})


@pytest.mark.parametrize(
    "option, bad, good",
    [("min_age", -1, 0), ("near_limit_percent", 0, 1), ("near_limit_percent", 101, 100), ("snapshot_limit", -1, 0)],
)
def test_a_number_out_of_range_is_refused_with_the_range(option, bad, good):
    with pytest.raises(Refused, match=r"sysv_ipc\." + option + r".*out of range; give \d+ to \d+"):
        policy_from({"sysv_ipc": {option: bad}})
    assert getattr(policy_from({"sysv_ipc": {option: good}}).sysv_ipc, option) == good


def test_a_relative_pidfile_is_refused():
    with pytest.raises(Refused, match=r"'run/a\.pid' is not an absolute path"):
        policy_from({"pidfile": {"paths": ["/run/b.pid", "run/a.pid"]}})


@pytest.mark.parametrize("path", ["/", "//", "/./", "/../"])
def test_the_root_of_a_host_is_no_cache(path):
    with pytest.raises(Refused, match=r"opcode_cache\.paths: / is no cache"):
        policy_from({"opcode_cache": {"paths": [path]}})


@pytest.mark.parametrize("address", ["/run/php/www.sock", "127.0.0.1:9000", "[::1]:9000", "localhost:9000", "9000"])
def test_a_pool_is_named_as_it_listens(address):
    assert policy_from({"runtime_cache": {"sockets": [address]}}).runtime_cache.sockets == [address]


@pytest.mark.parametrize(
    "address", ["unix:/run/www.sock", "www.sock", "", "127.0.0.1", "127.0.0.1:http", "::1:9000", "/\0"]
)
def test_what_is_no_address_of_a_pool_is_refused(address):
    with pytest.raises(Refused, match=r"runtime_cache\.sockets: .* is no address of a pool"):
        policy_from({"runtime_cache": {"sockets": ["/run/php/www.sock", address]}})


@pytest.mark.parametrize("option, bad", [("pending_seconds", 0), ("answer_seconds", 0), ("answer_seconds", 601)])
def test_seconds_out_of_range_are_refused(option, bad):
    with pytest.raises(Refused, match=r"runtime_cache\." + option + r".*out of range"):
        policy_from({"runtime_cache": {option: bad}})
