# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where limits can be written for a php-fpm, and what they are compared with, on described hosts."""

import copy
import os
from typing import Any, Dict, List, Optional

import pytest
import yaml
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_changes, fpm_drop_ins
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_time_limits as limits
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_drop_ins import DropIn
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.fpm_drop_in import render
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from ansible_collections.phpfleet.remediation.plugins.module_utils.remediate import make_plan
from ansible_collections.phpfleet.remediation.plugins.module_utils.request import PARTS, request
from captured_host import HOSTS
from described_host import DescribedHost

MAIN = "/etc/php/8.2/fpm/php-fpm.conf"
QUIET = ("-d", "log_errors=1", "-d", "error_log=")  # for what PHP says of an extension that it cannot load
POOLS = "/etc/php/8.2/fpm/pool.d"
GLOBAL = "[global]\npid = /run/php/php8.2-fpm.pid\n"
INCLUDE = f"include={POOLS}/*.conf\n"
WWW = "[www]\nuser = www-data\nlisten = /run/php/php8.2-fpm.sock\n"
TEST = f"/usr/sbin/php-fpm8.2 -tt -F -O -d log_errors=1 -d error_log= -y {MAIN}"
OURS = f"{POOLS}/zz-phpfleet-limits.conf"
OURS_OF_WWW = f"{POOLS}/zz-phpfleet-limits-www.conf"


def debian(**files: Any) -> Dict[str, Any]:
    """The plain Debian host, with other files; one that is None is not there."""
    with open(os.path.join(HOSTS, "php-fpm-limits-debian", "host.yml"), encoding="utf-8") as file:
        host: Dict[str, Any] = yaml.safe_load(file)
    return host


def with_files(files: Dict[str, Any], host: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
    host = copy.deepcopy(host or debian())
    host["files"].update(files)
    host["files"] = {path: what for path, what in host["files"].items() if what is not None}
    return host


def places(host: Dict[str, Any]) -> Dict[str, DropIn]:
    found = fpm_drop_ins.gather(DescribedHost(host), policy_from({}))
    return {section: place for (_unused, section), place in found.of.items()}


def reasons(host: Dict[str, Any]) -> List[Optional[str]]:
    return [place.reason for place in places(host).values()]


def test_beside_the_pools() -> None:
    found = places(debian())
    assert {section: (place.path, place.content, place.reason) for section, place in found.items()} == {
        "global": (OURS, None, None),
        "www": (OURS_OF_WWW, None, None),
    }
    assert not found["global"].loses and not found["www"].loses
    assert found["www"].test == ("/usr/sbin/php-fpm8.2", "-t", "-F", "-O", *QUIET, "-y", MAIN)


def test_a_file_that_sorts_later_wins() -> None:
    later = f"{POOLS}/zzz.conf"
    found = places(with_files({later: "[global]\nprocess_control_timeout = 3\n[www]\nrequest_terminate_timeout = 9\n"}))
    assert found["global"].loses == {limits.PROCESS_CONTROL: f"{later}:2"}
    assert found["www"].loses == {limits.TERMINATE: f"{later}:4"}


def test_what_stands_behind_the_include_wins() -> None:
    found = places(with_files({MAIN: INCLUDE + GLOBAL + "process_control_timeout = 3\n"}))
    assert found["global"].loses == {limits.PROCESS_CONTROL: f"{MAIN}:4"}


def test_an_include_at_the_top_as_red_hat_has_it() -> None:
    assert reasons(with_files({MAIN: INCLUDE + GLOBAL})) == [None, None]


def test_of_a_setting_of_php_the_first_word_wins() -> None:
    found = places(with_files({f"{POOLS}/www.conf": WWW + "php_admin_value[max_execution_time] = 40\n"}))
    assert found["www"].loses == {limits.EXECUTION: f"{POOLS}/www.conf:4"}


def test_a_setting_without_a_section_behind_the_include_would_change() -> None:
    found = reasons(with_files({MAIN: GLOBAL + INCLUDE + "pm.max_requests = 500\n"}))
    assert all(reason and "pm.max_requests of [www] would change" in reason for reason in found)


def test_no_directory_is_included() -> None:
    found = reasons(with_files({MAIN: GLOBAL + f"include={POOLS}/www.conf\n"}))
    assert all(reason and "it includes no directory of pools" in reason for reason in found)


@pytest.mark.parametrize("pattern", [f"{POOLS}/www*.conf", "/etc/php/*/fpm/pool.d/*.conf", f"{POOLS}/[a-w]*.conf"])
def test_an_include_that_takes_in_none_of_ours(pattern: str) -> None:
    found = reasons(with_files({MAIN: GLOBAL + f"include={pattern}\n"}))
    assert all(reason and "it takes in no file that would sort last" in reason for reason in found)


def test_another_ending() -> None:
    found = places(with_files({MAIN: GLOBAL + f"include={POOLS}/*.pool\n", f"{POOLS}/www.pool": WWW}))
    assert found["global"].path == f"{POOLS}/zz-phpfleet-limits.pool"


def test_a_directory_that_is_a_link() -> None:
    host = with_files({MAIN: GLOBAL + "include=/etc/pools/*.conf\n"})
    host["links"]["/etc/pools"] = POOLS
    assert places(host)["www"].path == OURS_OF_WWW
    assert not places(host)["www"].loses


def test_a_directory_that_others_can_write() -> None:
    host = debian()
    host["owned"] = {POOLS: {"mode": 0o775}}
    assert all(reason and "others than root can write in it" in reason for reason in reasons(host))


def test_a_configuration_that_others_can_write() -> None:
    host = with_files({f"{POOLS}/www.conf": dict(content=WWW, uid=33)})
    assert all(reason and "others than root can write its configuration" in reason for reason in reasons(host))


def test_a_chroot() -> None:
    host = debian()
    host["links"]["/proc/45/root"] = "/srv/chroot"
    assert all(reason and "it does not share the files of this host" in reason for reason in reasons(host))


def test_a_master_that_another_user_runs() -> None:
    host = debian()
    host["processes"][1]["uid"] = 1001
    found = reasons(host)
    assert found and all(reason and "another user than root runs it" in reason for reason in found)


def test_a_name_that_no_file_may_have() -> None:
    host = with_files({f"{POOLS}/www.conf": WWW.replace("[www]", "[../x]")})
    host["commands"][TEST] = host["commands"][TEST].replace("[www]", "[../x]")
    assert places(host)["../x"].reason == "its name is none that a file could have; set the values by hand"


def test_what_we_wrote_before_is_kept() -> None:
    before = render("www", {"request_terminate_timeout": "20s"}, True)
    found = places(with_files({OURS_OF_WWW: before.decode()}))["www"]
    assert (found.content, found.settings) == (before, {"request_terminate_timeout": "20s"})
    assert not found.loses


def test_a_file_of_that_name_that_is_not_ours() -> None:
    found = places(with_files({OURS: "[global]\n"}))["global"]
    assert found.reason == f"{OURS} is there and is not ours; move it away"


# What is planned on it.


def plan(host: Dict[str, Any], **options: int) -> Dict[str, str]:
    asked = request("php_fpm_limits", dict(dict(checks=[], skip_checks=[]), **options), CHECKS)
    seen = audit(DescribedHost(host), asked.policy, asked.checks)
    actions = make_plan(seen, asked.policy, 100).actions
    guards: List[Any] = [action.guard for action in actions]
    return {guard.path: guard.wanted.decode().split("]\n", 1)[1] for guard in guards}


def test_what_is_written_for_a_request_of_30_seconds() -> None:
    assert plan(debian(), longest_request=30) == {
        OURS: "process_control_timeout = 35s\n",
        OURS_OF_WWW: "php_value[default_socket_timeout] = 15\nphp_value[max_execution_time] = 25\n"
        "php_value[max_input_time] = 25\nrequest_terminate_timeout = 30s\n",
    }


def test_nothing_is_written_where_nobody_says_how_long_a_request_takes() -> None:
    assert plan(debian()) == {}


def test_nothing_is_written_where_the_configuration_is_refused() -> None:
    host = debian()
    host["commands"][TEST] = dict(status=78, output="[22-Nov-2026 05:41:21] ERROR: FPM initialization failed\n")
    assert plan(host, longest_request=30) == {}


def test_what_would_not_hold_is_left_out_and_said() -> None:
    host = with_files({f"{POOLS}/www.conf": WWW + "php_admin_value[default_socket_timeout] = 60\n"})
    assert "default_socket_timeout" not in plan(host, longest_request=30)[OURS_OF_WWW]
    asked = request("php_fpm_limits", dict(checks=["php_fpm.time_limits"], skip_checks=[], longest_request=30), CHECKS)
    (finding,) = audit(DescribedHost(host), asked.policy, asked.checks).findings
    evidence: Any = finding.evidence
    assert (
        evidence.not_written == f"default_socket_timeout is set at {POOLS}/www.conf:4, which would win: change it there"
    )


def test_what_was_written_before_stays_beside_what_is_new() -> None:
    before = render("www", {"request_terminate_timeout": "20s", "php_value[default_socket_timeout]": "10"}, True)
    host = with_files({OURS_OF_WWW: dict(content=before.decode(), mtime=1)})
    printed = host["commands"][TEST]
    assert "request_terminate_timeout = 0s" in printed
    host["commands"][TEST] = printed.replace("request_terminate_timeout = 0s", "request_terminate_timeout = 20s")
    assert plan(host, longest_request=30)[OURS_OF_WWW] == (
        "php_value[default_socket_timeout] = 10\nphp_value[max_execution_time] = 25\nphp_value[max_input_time] = 25\n"
        "request_terminate_timeout = 30s\n"
    )


def test_what_others_have_to_mend_is_not_left_of_the_remedy() -> None:
    asked = request("php_fpm_limits", dict(checks=[], skip_checks=[], longest_request=30), CHECKS)
    seen = audit(DescribedHost(debian()), asked.policy, asked.checks)
    action = make_plan(seen, asked.policy, 100).actions[0]
    finding = seen.findings[0]
    evidence: Any = finding.evidence
    others = finding._replace(evidence=evidence._replace(kinds=("systemd stops it with another signal than SIGQUIT",)))
    assert seen.checked[0].check.same(action, finding)
    assert not seen.checked[0].check.same(action, others)


def test_no_other_module_plans_it() -> None:
    for subject, params in ((None, {"php_fpm": {"longest_request": 30}}), ("php_fpm", {"longest_request": 30})):
        asked = request(subject, dict(dict(checks=[], skip_checks=[]), **params), CHECKS)
        checks = [check for check in CHECKS if check.id in PARTS["php_fpm_limits"].checks]
        seen = audit(DescribedHost(debian()), asked.policy, checks)
        assert [finding.remedy for finding in seen.findings if finding.remedy]
        assert not make_plan(seen, asked.policy, 100).actions


# What changed since the last reload.


def changes(host: Dict[str, Any]) -> fpm_changes.MasterChanges:
    (found,) = fpm_changes.gather(DescribedHost(host), policy_from({})).masters
    return found


GENERATION = 1795292810.0  # the time of its pidfile


def test_nothing_changed() -> None:
    assert changes(debian())[1:] == ((), {}, ())


@pytest.mark.parametrize(
    ("path", "times", "change"),
    [
        (f"{POOLS}/www.conf", dict(mtime=GENERATION + 1), ("configuration", True)),
        (f"{POOLS}/www.conf", dict(mtime=GENERATION), None),
        (f"{POOLS}/www.conf", dict(mtime=GENERATION - 9, ctime=GENERATION + 1), ("configuration", False)),
        ("/etc/php/8.2/fpm/php.ini", dict(mtime=GENERATION + 1), ("php.ini", True)),
        ("/etc/php/8.2/fpm/conf.d/9.ini", dict(mtime=GENERATION - 9, ctime=GENERATION + 1), ("php.ini", False)),
        ("/usr/lib/php/20220829/ctype.so", dict(mtime=GENERATION + 1, inode=21), ("extension", True)),
        ("/usr/lib/php/20220829/ctype.so", dict(mtime=GENERATION + 1, inode=22), None),
    ],
)
def test_a_file_that_changed(path: str, times: Dict[str, Any], change: Any) -> None:
    host = debian()
    content = host["files"].get(path, {}).get("content", "")
    found = changes(with_files({path: dict(times, content=content)})).changes
    assert [(one.kind, one.certain) for one in found if one.path == path] == ([change] if change else [])


def test_what_it_has_loaded_is_gone() -> None:
    host = debian()
    lines = host["files"]["/proc/45/maps"]
    more = "7f1-7f2 r-xp 0 00:f0 9 /usr/lib/libssl.so.3 (deleted)\n7f3-7f4 rw-s 0 00:00 9 /x.so (deleted)\n"
    found = changes(with_files({"/proc/45/maps": lines.replace("ctype.so\n", "ctype.so (deleted)\n") + more})).changes
    assert [(one.kind, one.path) for one in found] == [
        ("library", "/usr/lib/libssl.so.3"),
        ("extension", "/usr/lib/php/20220829/ctype.so"),
    ]


def test_a_program_that_was_replaced() -> None:
    host = debian()
    host["links"]["/proc/45/exe"] = "/usr/sbin/php-fpm8.2 (deleted)"
    host["processes"][1]["executable"] = "/usr/sbin/php-fpm8.2 (deleted)"
    assert [one.kind for one in changes(host).changes] == ["executable"]


def test_without_a_time_of_the_last_reload_it_is_unknown() -> None:
    found = changes(with_files({"/run/php/php8.2-fpm.pid": None}))
    assert found.changes == () and "nothing on disk can be compared" in found.unknown[0]
    assert fpm_changes.in_force(found, f"{MAIN}:1") is None


def test_what_is_in_force() -> None:
    www = f"{POOLS}/www.conf"
    found = changes(with_files({www: dict(content=WWW, mtime=GENERATION + 1)}))
    assert fpm_changes.in_force(found, f"{www}:2") is False
    assert fpm_changes.in_force(found, f"{MAIN}:2") is True
    assert fpm_changes.in_force(found, limits.BUILT_IN) is None  # the file may have said it before
    assert fpm_changes.in_force(changes(debian()), limits.BUILT_IN) is True


def test_what_is_not_known_is_not_judged_by_defaults() -> None:
    host = with_files({POOLS + "/www.conf": dict(content=WWW, uid=33, mode=0o600)})
    host["forbidden"] = [POOLS + "/www.conf"]
    for check in CHECKS:
        if check.id in PARTS["php_fpm_limits"].checks:
            (checked,) = audit(DescribedHost(host), policy_from({}), [check]).checked
            assert (checked.verdict.state, list(checked.verdict.findings)) == ("unknown", [])


# What the limits are.


def chain_of(host: Dict[str, Any]) -> Dict[str, Any]:
    (master,) = limits.gather(DescribedHost(host), policy_from({})).masters
    (pool,) = master.pools
    known = [pool.socket, pool.execution, pool.input, pool.terminate, master.control, *pool.reads, master.stop]
    return {one.name: (one.seconds, one.source) for one in known if one}


def test_each_limit_and_where_it_is_set() -> None:
    ini = "/etc/php/8.2/fpm/php.ini"
    assert chain_of(debian()) == {
        "default_socket_timeout": (60.0, f"{ini}:3"),
        "max_execution_time": (30.0, f"{ini}:1"),
        "max_input_time": (60.0, f"{ini}:2"),
        "request_terminate_timeout": (None, "default"),
        "process_control_timeout": (None, "default"),
        "fastcgi_read_timeout": (60.0, "default"),
        "TimeoutStopSec": (90.0, "php8.2-fpm.service"),
    }


def test_php_says_none_in_its_own_ways() -> None:
    ini = "max_execution_time = 0\nmax_input_time = -1\ndefault_socket_timeout = -1\n"
    found = chain_of(with_files({"/etc/php/8.2/fpm/php.ini": dict(content=ini, mtime=1)}))
    assert {found[name][0] for name in ("max_execution_time", "max_input_time", "default_socket_timeout")} == {None}
    found = chain_of(with_files({"/etc/php/8.2/fpm/php.ini": dict(content="", mtime=1)}))
    assert [found[name] for name in ("max_execution_time", "max_input_time", "default_socket_timeout")] == [
        (30.0, "default"),
        (30.0, "default"),
        (60.0, "default"),
    ]


def test_the_init_script_that_stops_it() -> None:
    script = "DAEMON=/usr/sbin/php-fpm8.2\nstop() {\n  killproc -p $pidfile $DAEMON\n}\n"
    host = with_files({"/etc/init.d/php8.2-fpm": script, "/proc/45/cgroup": "0::/user.slice/session-1.scope\n"})
    (master,) = limits.gather(DescribedHost(host), policy_from({})).masters
    assert (master.stop, master.init_stop) == (None, "TERM")


def test_connections_that_nginx_keeps_open() -> None:
    shop = "upstream php { server unix:/run/php/php8.2-fpm.sock; keepalive 4; }\n"
    shop += "server { fastcgi_keep_conn on; location / { fastcgi_pass php; } }\n"
    seen = audit(
        DescribedHost(with_files({"/etc/nginx/sites-enabled/shop": shop})),
        policy_from({}),
        [check for check in CHECKS if check.id == "php_fpm.reload_loses_requests"],
    )
    evidence: Any = seen.findings[0].evidence
    assert "nginx keeps connections open" in evidence.kinds


@pytest.mark.parametrize(("longest", "said"), [(50, False), (60, True)])
def test_the_plan_says_when_nginx_would_give_up_first(longest: int, said: bool) -> None:
    asked = request(
        "php_fpm_limits",
        dict(checks=["php_fpm.reload_loses_requests"], skip_checks=[], longest_request=longest),
        CHECKS,
    )
    (finding,) = audit(DescribedHost(debian()), asked.policy, asked.checks).findings
    assert ("give fastcgi_read_timeout more than 65 s" in str(finding.risk)) is said


def test_what_nginx_waits() -> None:
    host = with_files({"/etc/nginx/nginx.conf": "http { fastcgi_read_timeout 5m; include sites-enabled/*; }\n"})
    assert chain_of(host)["fastcgi_read_timeout"] == (300.0, "/etc/nginx/nginx.conf:1")
