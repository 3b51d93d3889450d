# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's masters, and what they are configured with."""

import os
import time
from typing import Any, Dict, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import masters, nginx, pidfile
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.masters import BYTES_LIMIT, FILES_LIMIT, Master
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host, Stat
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost
from hypothesis import given
from hypothesis import strategies as st

ANSWER = (
    "nginx version: nginx/1.22.1\nbuilt with OpenSSL 3.0.22 25 Aug 2026\n"
    "configure arguments: --with-cc-opt='-g -O2 -fPIC' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf"
    " --pid-path=/run/nginx.pid --with-debug\n"
)
FROM_SOURCE = "configure arguments: --prefix=/opt/nginx\n"


def master(title: str = "/usr/sbin/nginx", text: str = "", answer: str = ANSWER, uid: int = 0, **more: Any) -> Master:
    """Return the one master of a host whose nginx.conf holds ``text``."""
    process = dict(pid=51, executable="/usr/sbin/nginx", title="nginx: master process " + title, uid=uid)
    files: Dict[str, Any] = {"/etc/nginx/nginx.conf": text}
    files.update(more.pop("files", {}))
    commands = {("/usr/sbin/nginx -V" if uid else "/proc/51/exe -V"): answer} if answer else {}
    directories = ["/run", "/opt/nginx/logs", "/srv/p/logs"]
    host = DescribedHost(
        dict(processes=[dict(pid=1), process], files=files, commands=commands, directories=directories, **more)
    )
    found = nginx.gather(host, policy_from({})).masters
    assert len(found) == 1
    return found[0]


def configured(*arguments: Any, **more: Any) -> Any:
    found = master(*arguments, **more)
    assert found.configured is not None, found
    return found.configured.path, found.configured.pidfile


@pytest.mark.parametrize("name", ["nginx", "nginx-debug", "nginx.old"])
def test_executables_of_nginx(name: str) -> None:
    assert nginx.PROGRAM.executable.match(name)


@pytest.mark.parametrize("name", ["nginx-prometheus-exporter", "nginxd", "mynginx", "perl"])
def test_other_executables(name: str) -> None:
    assert not nginx.PROGRAM.executable.match(name)


def test_what_it_was_built_with() -> None:
    assert configured() == ("/etc/nginx/nginx.conf", "/run/nginx.pid")


def test_a_user_s_nginx_is_asked_by_its_file() -> None:
    assert configured(uid=33) == ("/etc/nginx/nginx.conf", "/run/nginx.pid")


def test_the_directive_wins_over_the_build() -> None:
    assert configured(text="pid /run/web.pid;") == ("/etc/nginx/nginx.conf", "/run/web.pid")


def test_the_command_line_wins_over_the_file() -> None:
    title = "/usr/sbin/nginx -g daemon on; pid /run/g.pid; -c /etc/nginx/nginx.conf"
    assert configured(title, "pid /run/no.pid;") == ("/etc/nginx/nginx.conf", "/run/g.pid")


def test_a_pid_within_a_block_is_none() -> None:
    assert configured(text="http { pid /run/no.pid; }") == ("/etc/nginx/nginx.conf", "/run/nginx.pid")


def test_includes_outside_of_blocks_are_read() -> None:
    files = {
        "/etc/nginx/modules-enabled/10.conf": "load_module x.so;",
        "/etc/nginx/modules-enabled/20.conf": "include more/*.inc;",
        "/etc/nginx/modules-enabled/more/a.inc": "pid /run/no.pid;",
        "/etc/nginx/more/a.inc": "pid /run/included.pid;",
    }
    text = "include modules-enabled/*.conf;\nhttp { include /nowhere/x.conf; }"
    assert configured(text=text, files=files)[1] == "/run/included.pid"


def test_relative_paths_belong_to_the_prefix() -> None:
    files = {"/opt/nginx/conf/nginx.conf": "pid logs/web.pid;"}
    assert configured(answer=FROM_SOURCE, files=files) == ("/opt/nginx/conf/nginx.conf", "/opt/nginx/logs/web.pid")


def test_the_built_in_pidfile_belongs_to_the_prefix() -> None:
    files = {"/srv/p/conf/nginx.conf": ""}
    title = "/usr/sbin/nginx -p /srv/p"
    assert configured(title, answer=FROM_SOURCE, files=files) == ("/srv/p/conf/nginx.conf", "/srv/p/logs/nginx.pid")


def test_the_executable_is_not_asked_when_all_is_said() -> None:
    assert configured("nginx -c /etc/nginx/nginx.conf", "pid /run/a.pid;", answer="")[1] == "/run/a.pid"


@pytest.mark.parametrize(
    ("title", "text", "answer", "reason"),
    [
        ("nginx", "", "", "is not run"),
        ("nginx", "", "nginx version: x", "says nothing of how it was built"),
        ("nginx", "", "configure arguments: 'x", "cannot be read"),
        ("nginx -p here", "pid a.pid;", ANSWER, "relative"),
        ("nginx", "http {", ANSWER, "/etc/nginx/nginx.conf: it ends within"),
        ("nginx -c /etc/nginx/gone.conf", "", ANSWER, "/etc/nginx/gone.conf"),
        ("nginx", "include nginx.conf;", ANSWER, "includes itself"),
    ],
)
def test_what_cannot_be_known_is_said(title: str, text: str, answer: str, reason: str) -> None:
    found = master(title, text, answer)
    assert found.configured is None
    assert reason in (found.unknown or "")


def test_a_configuration_without_end_is_bounded() -> None:
    many = {f"/etc/nginx/d/{number}.conf": "x;" for number in range(FILES_LIMIT + 1)}
    assert "more than" in (master(text="include d/*.conf;", files=many).unknown or "")
    large = {"/etc/nginx/d/x.conf": "#" * BYTES_LIMIT}
    assert "more than" in (master(text="include d/*.conf; # more", files=large).unknown or "")


def test_a_path_that_no_file_can_have_is_said(tmp_path: Any) -> None:
    (tmp_path / "nginx.conf").write_bytes(b'pid "/run/a\0b.pid";')
    directory = os.path.realpath(str(tmp_path))
    process = dict(pid=51, executable="/usr/sbin/nginx", title=f"nginx: master process nginx -c {directory}/nginx.conf")

    class WithFiles(DescribedHost):
        """Described as far as processes go, and /proc; all other files are real ones."""

        def stat(self, path: str, follow: bool = False) -> Stat:
            return super().stat(path, follow) if path.startswith("/proc") else Host().stat(path, follow)

        def read_with_stat(self, path: str, limit: int, follow: bool = False) -> Tuple[bytes, Stat]:
            reader: Any = super() if path.startswith("/proc") else Host()
            content: Tuple[bytes, Stat] = reader.read_with_stat(path, limit, follow)
            return content

        def physical(self, path: str) -> str:
            return Host().physical(path)

    host = WithFiles(dict(processes=[dict(pid=1), process], directories=["/run"]))
    assert any(r"'/run/a\x00b.pid'" in reason for reason in pidfile.gather(host, policy_from({})).unseen)


def test_what_is_no_directory_is_passed_over_as_glob_does() -> None:
    files = {
        "/etc/nginx/sites/README": "pid /run/no.pid;",
        "/etc/nginx/sites/a/x.conf": "pid /run/a.pid;",
        "/etc/nginx/sites/0/other": "pid /run/no.pid;",
    }
    assert configured(text="include sites/*/*.conf;", files=files)[1] == "/run/a.pid"
    assert configured(text="include sites/*/x.conf;", files=files)[1] == "/run/a.pid"
    assert configured(text="include sites/*/x.conf/*;", files=files)[1] == "/run/nginx.pid"


def test_patterns_are_matched_with_a_bounded_number_of_names(monkeypatch: Any) -> None:
    listed = []
    list_names = DescribedHost.list
    monkeypatch.setattr(DescribedHost, "list", lambda host, path: listed.append(path) or list_names(host, path))
    monkeypatch.setattr(masters, "NAMES_LIMIT", 50)
    files = {f"/etc/nginx/d/{number}/x.conf": "" for number in range(30)}
    assert configured(text="include d/*/n*;", files=dict(list(files.items())[:10]))
    listed.clear()
    assert "narrower" in (master(text="include d/*/n*;", files=files).unknown or "")
    assert len(listed) < 20
    assert "4096 characters" in (master(text=f"include {'*' * 5000};").unknown or "")


def test_a_title_of_megabytes_is_not_searched() -> None:
    assert "more than 65536" in (master("nginx -g " + "x " * (1 << 19)).unknown or "")
    started = time.monotonic()
    assert len(nginx.options("nginx: master process nginx -g " + "x " * (1 << 19))["-g"]) == (1 << 20) - 1
    assert time.monotonic() - started < 2


def test_a_new_master_below_the_old_one_is_a_master() -> None:
    title = "nginx: master process nginx -c /etc/nginx/nginx.conf"
    processes = [
        dict(pid=pid, parent=parent, executable="/usr/sbin/nginx", title=title) for pid, parent in ((51, 1), (60, 51))
    ]
    processes.append(dict(pid=61, parent=60, executable="/usr/sbin/nginx", title="nginx: worker process"))
    host = DescribedHost(
        dict(processes=[dict(pid=1), *processes], files={"/etc/nginx/nginx.conf": "pid /run/nginx.pid;"})
    )
    assert [found.process.pid for found in nginx.gather(host, policy_from({})).masters] == [51, 60]


@pytest.mark.parametrize(
    ("title", "given_options"),
    [
        ("nginx", {}),
        ("nginx -c /a -p /b", {"-c": "/a", "-p": "/b"}),
        ("nginx -c/a -p/b", {"-c": "/a", "-p": "/b"}),
        ("nginx -q -g pid /x; user y; -e stderr", {"-g": "pid /x; user y;", "-e": "stderr"}),
        ("nginx -g daemon off; -t", {"-g": "daemon off;"}),
    ],
)
def test_options_of_a_title(title: str, given_options: Dict[str, str]) -> None:
    assert nginx.options("nginx: master process " + title) == given_options


@given(st.text(max_size=80))
def test_any_title_has_options(rest: str) -> None:
    assert set(nginx.options("nginx: master process " + rest)) <= {"-c", "-e", "-g", "-p"}


@given(st.text(max_size=120))
def test_any_answer_has_options_or_is_explained(answer: str) -> None:
    try:
        options = nginx.build_options("configure arguments:" + answer)
    except CannotLook:
        return
    assert all(isinstance(value, str) for value in options.values())
