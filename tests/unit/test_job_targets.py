# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which services a target means, as the commands that name it find processes."""

import contextlib
from typing import Any, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job_services
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_deeds import (
    EXECUTABLE,
    MAIN,
    NAME,
    NEWEST,
    OLDEST,
    PATTERN,
    PID,
    PIDFILE,
    PROGRAM,
    Target,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_targets import reached
from hypothesis import given
from hypothesis import strategies as st
from test_job_effects import FILES, FPM, NGINX, POLICY, PROCESSES, UNITS, host

SECOND = [dict(one, pid=one["pid"] + 500, parent=one.get("parent", -499) + 500) for one in FPM]


def said(target: Target, user: str = "root", **more: Any) -> List[str]:
    seen = host("", **more)
    found = reached(seen, target, job_services.gather(seen, POLICY).web, user)
    whom = {(True, True): "all", (True, False): "master", (False, True): "workers"}
    return [f"{one.service.name} {whom[one.master, one.workers]}" for one in found]


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Target(PID, "100"), "php8.2-fpm master"),
        (Target(PID, "102"), "php8.2-fpm workers"),
        (Target(PID, "10"), None),
        (Target(PIDFILE, "/run/php/php8.2-fpm.pid"), "php8.2-fpm master"),
        (Target(PIDFILE, "/var/run/nginx.pid"), "nginx master"),
        (Target(PIDFILE, "/run/crond.pid"), None),
        (Target(NAME, "php-fpm8.2"), "php8.2-fpm all"),
        (Target(NAME, "php-fpm"), None),
        (Target(NAME, "php-fpm8"), None),
        (Target(NAME, "/usr/sbin/php-fpm"), "php8.2-fpm all"),
        (Target(EXECUTABLE, "/usr/sbin/nginx"), "nginx all"),
        (Target(EXECUTABLE, "/opt/nginx/sbin/nginx"), None),
        (Target(PATTERN, "php-fpm"), "php8.2-fpm all"),
        (Target(PATTERN, "^php-fpm$"), None),
        (Target(PATTERN, "php-fpm", exact=True), None),
        (Target(PATTERN, "php-fpm8.2", exact=True), "php8.2-fpm all"),
        (Target(PATTERN, "master process"), None),
        (Target(PATTERN, "fpm: master", whole_line=True), "php8.2-fpm master"),
        (Target(PATTERN, "pool www", whole_line=True), "php8.2-fpm workers"),
        (Target(PATTERN, "[n]ginx: worker", whole_line=True), "nginx workers"),
        (Target(PATTERN, "php-fpm", user="www-data"), "php8.2-fpm workers"),
        (Target(PATTERN, "php-fpm", user="33"), "php8.2-fpm workers"),
        (Target(PATTERN, "php-fpm", user="root"), "php8.2-fpm master"),
        (Target(PATTERN, "nginx", one=OLDEST), "nginx master"),
        (Target(PATTERN, "nginx", one=NEWEST), "nginx workers"),
        (Target(PATTERN, "nginx", one="parent 1"), "nginx master"),
        (Target(PATTERN, "nginx", one="parent 200"), "nginx workers"),
        (Target(PATTERN, "nginx", one=MAIN), "nginx master"),
        (Target(PROGRAM, "nginx"), "nginx master"),
        (Target(PROGRAM, "/usr/sbin/apache2ctl"), "apache2 master"),
        (Target(PROGRAM, "/usr/bin/true"), None),
    ],
)
def test_whom_a_target_means(target: Target, expected: Optional[str]) -> None:
    links = {"/usr/sbin/php-fpm": "/etc/alternatives/php-fpm", "/etc/alternatives/php-fpm": "/usr/sbin/php-fpm8.2"}
    found = said(target, files={"/usr/sbin/php-fpm8.2": ""}, links={"/var/run": "/run", **links})
    assert found == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("user", "target", "expected"),
    [
        ("www-data", Target(PATTERN, "php-fpm"), ["php8.2-fpm workers"]),
        ("www-data", Target(PIDFILE, "/run/php/php8.2-fpm.pid"), []),
        ("www-data", Target(PROGRAM, "nginx"), []),
        ("nobody", Target(PATTERN, "php-fpm"), []),
        ("0", Target(PATTERN, "php-fpm"), ["php8.2-fpm all"]),
    ],
)
def test_a_user_signals_his_own_processes(user: str, target: Target, expected: List[str]) -> None:
    assert said(target, user) == expected


def test_a_stopped_service_beside_one_that_runs_is_not_meant() -> None:
    more = dict(UNITS["php8.2-fpm.service"], state="failed", pid=0)
    units = {"php7.4-fpm.service": dict(more, file=more["file"].replace("8.2", "7.4"))}
    assert said(Target(PATTERN, "php-fpm"), units=units) == ["php8.2-fpm all"]
    assert said(Target(NAME, "php-fpm7.4"), units=units) == ["php7.4-fpm all"]


def test_several_masters() -> None:
    processes = [*PROCESSES, *SECOND]
    assert len(said(Target(PATTERN, "php-fpm"), processes=processes)) == 2
    assert len(said(Target(PATTERN, "php-fpm", one=OLDEST), processes=processes)) == 1


@pytest.mark.parametrize("content", [None, "", "no number", dict(kind="fifo")])
def test_a_pidfile_that_names_nobody_is_known_by_the_configuration(content: Any) -> None:
    files = {"/run/php/php8.2-fpm.pid": content}
    assert said(Target(PIDFILE, "/run/php/php8.2-fpm.pid"), files=files) == ["php8.2-fpm master"]
    assert said(Target(PIDFILE, "/run/php/other.pid"), files=files) == []
    links = {"/var/run": "/run"}
    assert said(Target(PIDFILE, "/var/run/php/php8.2-fpm.pid"), files=files, links=links) == ["php8.2-fpm master"]


def test_a_pidfile_of_somebody_else_means_him() -> None:
    files = {**FILES, "/run/php/php8.2-fpm.pid": "20\n"}
    assert said(Target(PIDFILE, "/run/php/php8.2-fpm.pid"), files=files) == []


@pytest.mark.parametrize(
    ("target", "found"),
    [
        (Target(PATTERN, "nginx"), True),
        (Target(PATTERN, "nginx: master", whole_line=True), True),
        (Target(NAME, "nginx"), True),
        (Target(PIDFILE, "/run/nginx.pid"), True),
        (Target(EXECUTABLE, "/usr/sbin/nginx"), True),
        (Target(PATTERN, "php-cgi"), False),
        (Target(NAME, "nginx-exporter"), False),
        (Target(PID, "200"), False),
    ],
)
def test_what_does_not_run_is_meant_by_its_names(target: Target, found: bool) -> None:
    gone = [one for one in PROCESSES if one not in NGINX]
    units = {"nginx.service": dict(UNITS["nginx.service"], state="failed", pid=0)}
    more = dict(UNITS["php8.2-fpm.service"], state="failed", pid=0)
    units["php7.4-fpm.service"] = dict(more, file=more["file"].replace("8.2", "7.4"))
    seen = said(target, processes=gone, units=units, files={"/run/nginx.pid": None})
    assert [one.split(" ")[0] for one in seen] == (["nginx"] if found else [])


@given(st.text("php-fm.*+?()[]{}|^$\\a1:= ", max_size=40), st.booleans(), st.booleans())
def test_no_pattern_breaks_it(text: str, whole_line: bool, exact: bool) -> None:
    with contextlib.suppress(Malformed):
        reached(SEEN, Target(PATTERN, text, whole_line=whole_line, exact=exact), WEB, "root")


@given(st.sampled_from([PID, PIDFILE, NAME, EXECUTABLE, PROGRAM]), st.text(max_size=30))
def test_no_value_breaks_it(kind: str, value: str) -> None:
    with contextlib.suppress(CannotLook):
        reached(SEEN, Target(kind, value), WEB, "root")


LONG = "php-fpm: pool " + "p" * 5000 + "END"
SEEN = host("", processes=[*PROCESSES, dict(FPM[1], pid=103, title=LONG)])
WEB = job_services.gather(SEEN, POLICY).web


def test_a_pattern_that_is_too_involved_is_not_tried() -> None:
    with pytest.raises(Malformed):
        reached(SEEN, Target(PATTERN, "(a+)+$"), WEB, "root")
