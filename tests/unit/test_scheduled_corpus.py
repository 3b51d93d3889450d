# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the checks say of every host of scheduled_corpus/, and that nothing of what they read there is run."""

import json
import os
import subprocess
import sys
from typing import Any, Callable, Dict, List, Tuple

import corpus_host
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from corpus_host import Case
from described_host import DescribedHost

Seen = Tuple[Dict[str, Tuple[str, ...]], Dict[str, str]]
CASES = corpus_host.cases()
KNOWN: Dict[str, Seen] = {}
SUBJECT = "scheduled_restart"
UNFOLLOWED = f"{SUBJECT}.unknown_command"
SCHEDULED = [check for check in CHECKS if check.subject == SUBJECT]
HERE = os.path.dirname(os.path.abspath(__file__))


def let_nothing_run(set_attribute: Callable[[Any, str, Any], None]) -> None:
    """Let every way to run a program fail: what is read here names many, and none may be started."""

    def refuse(*arguments: Any, **options: Any) -> None:
        raise AssertionError(f"it runs {arguments}")

    for name in ("system", "popen", "fork", "execv", "execve", "posix_spawn"):
        if hasattr(os, name):
            set_attribute(os, name, refuse)
    set_attribute(subprocess, "Popen", refuse)


@pytest.fixture(autouse=True)
def nothing_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    let_nothing_run(monkeypatch.setattr)


def seen(description: Dict[str, Any], options: Dict[str, Any]) -> Seen:
    """Return what is found, as ``verdict severity`` by object, and the state of each check."""
    result = audit(DescribedHost(description), policy_from(options), SCHEDULED)
    found: Dict[str, List[str]] = {}
    for one in result.findings:
        said = "unknown" if one.check == UNFOLLOWED else f"{one.check[len(SUBJECT) + 1 :]} {one.severity}"
        found.setdefault(one.object, []).append(said)
    states = {checked.check.id: checked.verdict.state for checked in result.checked}
    return {name: tuple(sorted(said)) for name, said in found.items()}, states


def seen_of(case: Case) -> Seen:
    """Return what seen() does of a case's host, which several may live on."""
    if case.host not in KNOWN:
        KNOWN[case.host] = seen(case.description, case.options)
    return KNOWN[case.host]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_verdicts_are_as_expected(case: Case) -> None:
    found, states = seen_of(case)
    if case.job:
        assert found.get(case.job) == case.expected.get(case.job)
        return
    assert found == case.expected
    if case.not_applicable:
        assert set(states.values()) == {"not_applicable"}, states
        return
    unknown = {check for check, state in states.items() if state not in ("clean", "found")}
    assert unknown == ({UNFOLLOWED} if ("unknown",) in case.expected.values() else set())


def test_on_shared_hosts_nothing_is_found_beside_the_cases() -> None:
    shared = [case for case in CASES if case.job]
    assert len(shared) > 200
    for host in {case.host for case in shared}:
        here = [case for case in shared if case.host == host]
        found, states = seen_of(here[0])
        assert set(found) == {job for case in here for job in case.expected}
        assert {check for check, state in states.items() if state not in ("clean", "found")} <= {UNFOLLOWED}


def test_the_corpus_is_as_large_as_it_has_to_be_and_a_third_of_it_is_harmless() -> None:
    harmless = [case for case in CASES if not case.expected]
    assert len(CASES) >= 120 and len(harmless) * 3 >= len(CASES)
    assert len({case.name for case in CASES}) == len(CASES)


PLANTED = {
    "cron": "* * * * * root touch {mark}; service php8.2-fpm restart $(touch {mark}) `touch {mark}`",
    "crontab": "* * * * * touch {mark} && systemctl restart php8.2-fpm",
    "script": "#!/bin/sh\ntouch {mark}\n. {mark}.sh\nA=$(touch {mark}; echo php8.2-fpm)\nservice php8.2-fpm restart\n",
    "rotate": "\t\ttouch {mark}\n\t\tpkill -USR1 php-fpm",
    "timer": "[Service]\nType=oneshot\nExecStartPre=/bin/touch {mark}\nExecStart=/bin/systemctl restart php8.2-fpm\n",
}


@pytest.mark.parametrize("place", PLANTED)
def test_a_planted_line_that_would_make_a_file_makes_none(place: str, tmp_path: Any) -> None:
    mark = str(tmp_path / "mark")
    case = corpus_host.of({"name": place, "kind": "debian", place: PLANTED[place].format(mark=mark), "expect": "any"})
    found, _unused = seen(case.description, {})
    assert any("kills_in_flight high" in said for said in found.values())  # it came past what is planted
    assert os.listdir(str(tmp_path)) == []


def odd(files: Dict[str, Any], **more: Any) -> Seen:
    """Return what is seen of the Debian host with a few more files."""
    case = corpus_host.of({"name": "odd", "kind": "debian", "host": dict(more, files=files), "expect": "nothing"})
    return seen(case.description, {})


RESTART = b"28 5 * * * root /etc/init.d/php8.2-fpm restart >/dev/null\n"


OF_NO_LANGUAGE = {
    "/etc/cron.d/web": b"# \xe9t\xe9 \xff\xfe\n" + RESTART,
    "/etc/cron.d/leak": b"28 5 * * * root /opt/red\xe9marre I\xc4\xb0\n",
    "/opt/red\udce9marre": dict(
        content=b"#!/bin/sh\n# red\xe9marre apr\xe8s la fuite\nMESSAGE='\xff\xfe'\nservice php8.2-fpm restart\n",
        mode=0o755,
    ),
}


def test_bytes_of_no_language_hide_nothing() -> None:
    found, _unused = odd(OF_NO_LANGUAGE)
    assert found == {"/etc/cron.d/web:2": ("kills_in_flight high",), "/etc/cron.d/leak:1": ("kills_in_flight high",)}


def test_a_script_that_ends_its_lines_as_windows_does_never_gets_that_far() -> None:
    """The program is called ``/bin/sh\\r`` in its first line, and the last word of each other line ends in \\r."""
    script = dict(content=b"#!/bin/sh\r\nservice php8.2-fpm restart\r\n", mode=0o755)
    found, _unused = odd({"/etc/cron.d/web": b"0 4 * * * root /opt/restart\n", "/opt/restart": script})
    assert found == {}


def test_lines_as_windows_ends_them_restart_nothing() -> None:
    """The last word is ``restart\\r``, which no init script knows."""
    found, _unused = odd({"/etc/cron.d/web": b"0 4 * * * root service php8.2-fpm restart\r\n"})
    assert found == {}


def test_a_crontab_of_10_mb_is_read_in_time() -> None:
    line = b"*/5 * * * * root test -x /usr/bin/collect && /usr/bin/collect --host web1 --interval 300 --quiet\n"
    lines = 10 * 1024 * 1024 // len(line)
    found, states = odd({"/etc/cron.d/web": b"# x\n" * lines + RESTART, "/etc/cron.d/wide": b"#" * (10 << 20) + b"\n"})
    assert list(found) == [f"/etc/cron.d/web:{lines + 1}"]
    assert set(states.values()) == {"clean", "found"}


@pytest.mark.parametrize("kind", ["fifo", "socket"])
def test_what_is_no_file_is_waited_for_by_nobody(kind: str) -> None:
    found, _unused = odd(
        {
            "/etc/cron.d/pipe": dict(kind=kind),
            "/opt/php-fpm-restart": dict(kind=kind, mode=0o755),
            "/etc/cron.d/web": RESTART + b"1 1 * * * root /opt/php-fpm-restart\n",
        }
    )
    assert found["/etc/cron.d/web:1"] == ("kills_in_flight high",)


def test_what_an_ordinary_user_cannot_read_is_unknown_and_says_so() -> None:
    case = corpus_host.of({"name": "user", "kind": "ordinary-user", "expect": "nothing"})
    result = audit(DescribedHost(case.description), policy_from({}), SCHEDULED)
    reasons = {checked.check.id: checked.verdict for checked in result.checked}
    assert reasons[f"{SUBJECT}.kills_in_flight"].state == "unknown"
    assert "become" in str(reasons[f"{SUBJECT}.kills_in_flight"].reason)


IN_ANOTHER_LOCALE = """
import json, conftest, test_scheduled_corpus as corpus
corpus.let_nothing_run(setattr)
print(json.dumps(corpus.odd(corpus.OF_NO_LANGUAGE)))
"""


@pytest.mark.parametrize("locale", ["C", "tr_TR.UTF-8"])
def test_the_locale_of_the_module_changes_nothing(locale: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    environment = dict(os.environ, LC_ALL=locale, PYTHONPATH=HERE, PYTHONDONTWRITEBYTECODE="1")
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_LOCALE], env=environment, stdout=subprocess.PIPE, check=True, cwd=HERE
    )
    found, states = json.loads(done.stdout.decode())
    assert ({name: tuple(said) for name, said in found.items()}, states) == odd(OF_NO_LANGUAGE)
