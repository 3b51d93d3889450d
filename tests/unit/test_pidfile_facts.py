# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which pidfiles there are, and who bears the pid that each says."""

from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import LibraryMissing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import pidfile
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.bearer import heads, program_by_name
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.pidfile import Pidfile, Pidfiles
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import gather as gather_processes
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost
from hypothesis import given
from hypothesis import strategies as st

MASTER = dict(pid=45, executable="/usr/sbin/php-fpm8.2", title="php-fpm: master process (/etc/php/fpm.conf)")
WORKER = dict(pid=58, parent=45, executable="/usr/sbin/php-fpm8.2", title="php-fpm: pool www")
OTHER_MASTER = dict(pid=46, executable="/usr/sbin/php-fpm7.4", title="php-fpm: master process (/etc/php/7.4.conf)")


def gather(files: Dict[str, Any], processes: List[Dict[str, Any]], **more: Any) -> Pidfiles:
    policy = policy_from({"pidfile": more.pop("policy", {})})
    whole = dict({"/etc/php/fpm.conf": "pid = /run/php/php8.2-fpm.pid\n"}, **files)
    description = dict(
        dict(files=whole, processes=[dict(pid=1, parent=0), *processes], directories=["/run/php"]), **more
    )
    return pidfile.gather(DescribedHost(description), policy)


def one(path: str, *arguments: Any, **more: Any) -> Pidfile:
    found = [file for file in gather(*arguments, **more).files if file.path == path]
    assert len(found) == 1, found
    return found[0]


def bearer(path: str, pid: int, *processes: Dict[str, Any], **more: Any) -> Optional[str]:
    return one(path, {path: str(pid)}, list(processes), **more).bearer


@pytest.mark.parametrize(
    ("name", "program"),
    [
        ("php8.2-fpm.pid", "php-fpm"),
        ("php-fpm.pid", "php-fpm"),
        ("php5-fpm.pid", "php-fpm"),
        ("php-fpm-www.pid", "php-fpm"),
        ("rh-php73-php-fpm.pid", "php-fpm"),
        ("mailer-fpm.pid", "php-fpm"),
        ("phpfpm.pid", "php-fpm"),
        ("nginx.pid", "nginx"),
        ("nginx.pid.oldbin", "nginx"),
        ("nginx-static.pid", "nginx"),
        ("nginx", None),
        ("nginx.sock", None),
        ("nginxd.pid", None),
        ("fpmd.pid", None),
        ("sshd.pid", None),
        (".pid", None),
    ],
)
def test_program_by_name(name: str, program: Optional[str]) -> None:
    assert program_by_name("/run/php/" + name) == program


@given(st.text(max_size=40))
def test_any_name_belongs_to_a_program_or_none(name: str) -> None:
    assert program_by_name("/run/" + name) in ("php-fpm", "nginx", None)


@pytest.mark.parametrize(
    ("process", "expected"),
    [
        (MASTER, "program"),
        (dict(MASTER, title="/usr/sbin/php-fpm8.2 --nodaemonize"), "program"),
        (dict(WORKER, pid=45, parent=1), "worker"),
        (dict(MASTER, executable="/usr/bin/perl"), "stranger"),
        (dict(MASTER, executable="/usr/bin/tail", title="tail /var/log/php8.2-fpm.log"), "stranger"),
        (dict(pid=45, name="kthreadd"), "kernel thread"),
        (dict(MASTER, zombie=True), "zombie"),
        (dict(MASTER, executable=None), "hidden"),
        (dict(pid=45, hidden=True), "hidden"),
    ],
)
def test_who_bears_the_pid_of_a_php_fpm_pidfile(process: Dict[str, Any], expected: str) -> None:
    assert bearer("/run/php/php8.2-fpm.pid", 45, process) == expected


def test_a_worker_whatever_its_title() -> None:
    assert bearer("/run/php/php8.2-fpm.pid", 58, MASTER, dict(WORKER, title=MASTER["title"])) == "worker"


def test_the_master_of_another_configuration() -> None:
    files = {"/run/php/php8.2-fpm.pid": "46", "/etc/php/7.4.conf": "pid = /run/php/php7.4-fpm.pid\n"}
    assert one("/run/php/php8.2-fpm.pid", files, [MASTER, OTHER_MASTER]).bearer == "another master"
    assert (
        one("/run/php/php8.2-fpm.pid", dict(files), [OTHER_MASTER]).bearer == "program"
    )  # nobody is configured with it


def test_a_wrapper_above_the_program() -> None:
    wrapper = dict(pid=30, executable="/usr/bin/conmon", title="conmon")
    between = dict(pid=31, parent=30, executable="/bin/sh", title="sh")
    assert bearer("/run/php-fpm.pid", 30, wrapper, between, dict(MASTER, parent=31)) == "supervisor"
    assert bearer("/run/php-fpm.pid", 30, wrapper, MASTER) == "stranger"
    first = dict(
        processes=[dict(pid=1, executable="/sbin/init", title="init"), MASTER], files={"/run/php-fpm.pid": "1"}
    )
    (file,) = pidfile.gather(DescribedHost(first), policy_from({})).files
    assert file.bearer == "stranger"  # everybody is below process 1


def test_a_program_that_is_called_as_the_file_is() -> None:
    exporter = dict(pid=70, executable="/opt/php-fpm_exporter", title="/opt/php-fpm_exporter server")
    assert bearer("/run/php-fpm-exporter.pid", 70, exporter) == "namesake"
    script = dict(pid=71, executable="/bin/bash", title="/bin/bash /opt/nginx-warmup.sh now")
    assert bearer("/run/nginx-warmup.pid", 71, script) == "namesake"
    fake = dict(pid=72, executable="/bin/bash", title="bash /tmp/php-fpm.sh", name="php-fpm")
    assert bearer("/run/php-fpm.pid", 72, fake) == "stranger"


def test_other_programs_are_not_judged_by_their_name() -> None:
    assert bearer("/run/mysqld.pid", 74, dict(pid=74, executable="/usr/sbin/mariadbd", title="mariadbd")) == "uncertain"
    assert (
        bearer("/run/sshd.pid", 75, dict(pid=75, executable="/usr/sbin/sshd", title="sshd: /usr/sbin/sshd"))
        == "namesake"
    )


@pytest.mark.parametrize(
    ("name", "process", "expected"),
    [
        ("nginx-exporter", dict(executable="/usr/local/bin/nginx-prometheus-exporter"), "uncertain"),
        ("fpm-monitor", dict(executable="/usr/bin/python3", title="python3 -u -m fpm_monitor"), "uncertain"),
        ("php-fpm-exporter", dict(executable="/usr/bin/python3", title="python3 -u -m fpm_stats"), "uncertain"),
        ("nginx-static", dict(executable="/usr/bin/tail", title="tail"), "uncertain"),
        ("php-fpm-www", dict(executable="/usr/bin/tail", title="tail"), "stranger"),
        ("mailer-fpm", dict(executable="/usr/bin/tail", title="tail /var/log/php-fpm.log"), "stranger"),
        ("nginx", dict(executable="/usr/local/bin/nginx-prometheus-exporter"), "stranger"),
        ("php-fpm", dict(executable="/usr/bin/python3", title="python3 -u -m fpm_monitor"), "stranger"),
    ],
)
def test_only_the_name_of_the_program_itself_makes_a_stranger(
    name: str, process: Dict[str, Any], expected: str
) -> None:
    path = f"/run/{name}.pid"
    assert bearer(path, 70, dict(process, pid=70)) == expected
    assert bearer(path, 70, dict(process, pid=70), policy=dict(paths=[path])) in ("stranger", "namesake")


def test_a_thread_of_a_program_that_is_called_after_another() -> None:
    exporter = dict(pid=180, executable="/usr/local/bin/nginx-prometheus-exporter", title="x")
    assert bearer("/run/nginx-exporter.pid", 181, exporter, threads={181: 180}) == "uncertain"


CONTAINED = dict(pid=300, executable="/usr/sbin/nginx", title="nginx: master process nginx")
APART = {"/proc/300/ns/pid": "pid:[4026532999]"}


@pytest.mark.parametrize(
    ("content", "alone"), [("1", "stranger"), ("2", "kernel thread"), ("181", "thread"), ("4711", "nobody"), ("", None)]
)
def test_where_a_container_runs_the_program_its_name_alone_says_nothing(content: str, alone: Optional[str]) -> None:
    def who(links: Dict[str, str], **policy: Any) -> Optional[str]:
        processes = [
            dict(pid=1, executable="/lib/systemd/systemd", title="/sbin/init"),
            dict(pid=2, name="kthreadd"),
            dict(pid=180, executable="/usr/sbin/mysqld", title="mysqld"),
            CONTAINED,
        ]
        files = {"/run/boxed/nginx.pid": content, "/run/php-fpm.pid": "4711"}
        described = dict(files=files, processes=processes, threads={181: 180}, links=links)
        found = pidfile.gather(DescribedHost(described), policy_from({"pidfile": policy})).files
        by_path = {file.path: file for file in found}
        assert by_path["/run/php-fpm.pid"].bearer == "nobody"  # php-fpm runs in no container
        return by_path["/run/boxed/nginx.pid"].bearer

    assert who(APART) == "uncertain"
    assert who(APART, paths=["/run/boxed/nginx.pid"]) == alone
    assert who({}) == alone


def test_a_pidfile_of_our_own_master_is_judged_beside_a_container() -> None:
    ours = dict(pid=51, executable="/usr/sbin/nginx", title="nginx: master process nginx -c /etc/nginx.conf")
    files = {"/etc/nginx.conf": "pid /run/nginx.pid;", "/run/nginx.pid": "4711"}
    assert one("/run/nginx.pid", files, [ours, CONTAINED], links=APART).bearer == "nobody"


def test_a_thread_is_known_with_its_process() -> None:
    found = one(
        "/run/php-fpm.pid", {"/run/php-fpm.pid": "181"}, [dict(pid=180, executable="/m", title="m")], threads={181: 180}
    )
    assert found.bearer == "thread"
    assert found.process is not None and found.process.pid == 180


def test_what_is_absent_is_dead_only_where_all_is_seen() -> None:
    assert bearer("/run/php-fpm.pid", 4711) == "nobody"
    assert bearer("/run/php-fpm.pid", 4711, dict(pid=77, hidden=True)) == "hidden"


def test_a_process_that_started_after_the_listing_is_not_dead() -> None:
    found = gather({"/run/php-fpm.pid": "4711", "/proc/4711/status": "Name:\tx\nTgid:\t4711\n"}, [])
    assert [file.bearer for file in found.files] == ["hidden"]


def test_one_file_by_two_ways_is_listed_once() -> None:
    policy = dict(paths=["/var/run/php/php8.2-fpm.pid", "/run/php/php8.2-fpm.pid"])
    found = gather({"/run/php/php8.2-fpm.pid": "45"}, [MASTER], links={"/var/run": "/run"}, policy=policy)
    assert [(file.path, file.origins) for file in found.files] == [
        ("/run/php/php8.2-fpm.pid", ("named", "configured", "usual place"))
    ]


def test_the_pidfile_of_an_old_nginx_is_called_oldbin() -> None:
    title = "nginx: master process nginx -c /etc/nginx.conf"
    old, new = (dict(pid=pid, executable="/usr/sbin/nginx", title=title) for pid in (51, 60))
    files = {"/etc/nginx.conf": "pid /srv/web.pid;", "/srv/web.pid": "60", "/srv/web.pid.oldbin": "51"}
    found = gather(files, [old, new]).files
    assert [(file.path, file.bearer, len(file.masters)) for file in found] == [
        ("/srv/web.pid", "program", 2),
        ("/srv/web.pid.oldbin", "program", 2),
    ]


def test_var_run_of_its_own_is_looked_at_too() -> None:
    found = gather({"/var/run/a.pid": "4", "/var/run/b/c.pid": "4", "/run/d.pid": "4", "/run/e/f/g.pid": "4"}, [])
    assert [file.path for file in found.files] == ["/run/d.pid", "/var/run/a.pid", "/var/run/b/c.pid"]


def test_only_what_is_named_without_the_usual_places() -> None:
    policy = dict(paths=["/srv/a.pid"], usual_places=False)
    found = gather({"/srv/a.pid": "4", "/run/b.pid": "4"}, [MASTER], policy=policy)
    assert [(file.path, file.origins) for file in found.files] == [("/srv/a.pid", ("named",))]


def test_links_below_run_are_not_descended() -> None:
    found = gather({"/dev/shm/x.pid": "4", "/run/a/b.pid": "4"}, [], links={"/run/shm": "/dev/shm"})
    assert [file.path for file in found.files] == ["/run/a/b.pid"]


@pytest.mark.parametrize(
    ("described", "kind", "problem"),
    [
        ({"files": {"/run/nginx.pid": dict(kind="fifo")}}, "FIFO", "it is a FIFO"),
        ({"files": {"/run/nginx.pid": dict(kind="socket")}}, "socket", "it is a socket"),
        ({"links": {"/run/nginx.pid": "/etc/passwd"}}, "link", "it is a link"),
        ({"directories": ["/run/nginx.pid"]}, "directory", "it is a directory"),
        ({"files": {"/run/nginx.pid": "4" * 5000}}, "file", "more than 4096 bytes"),
        ({"files": {"/run/nginx.pid": ""}}, "file", "it is empty"),
    ],
)
def test_what_is_no_pidfile(described: Dict[str, Any], kind: str, problem: str) -> None:
    description = dict(described, processes=[dict(pid=1)])
    policy = policy_from({"pidfile": dict(paths=["/run/nginx.pid"])})
    (file,) = pidfile.gather(DescribedHost(description), policy).files
    assert file.kind == kind
    assert problem in (file.problem or "")
    assert file.pid is None


def test_a_plain_host_is_looked_at_once() -> None:
    host = DescribedHost(dict(files={"/run/sshd.pid": "1"}, processes=[dict(pid=1, executable="/x", title="x")]))
    pidfile.gather(host, policy_from({}))
    assert len(host.looks) == 1


def test_a_suspect_is_looked_at_twice() -> None:
    host = DescribedHost(dict(files={"/run/php-fpm.pid": "45"}, processes=[dict(pid=1)]))
    (file,) = pidfile.gather(host, policy_from({})).files
    assert (len(host.looks), file.bearer) == (2, "nobody")


def test_a_master_between_the_two_looks_clears_the_suspicion() -> None:
    host = DescribedHost(
        dict(
            files={"/run/php/php8.2-fpm.pid": "45", "/etc/php/fpm.conf": "pid = /run/php/php8.2-fpm.pid\n"},
            processes=[dict(pid=1)],
            later=dict(processes=[dict(pid=1), MASTER]),
        )
    )
    (file,) = pidfile.gather(host, policy_from({})).files
    assert file.bearer == "program"


def test_a_file_that_is_written_again_with_the_same_words_has_changed() -> None:
    described = dict(files={"/run/php-fpm.pid": "45"}, processes=[dict(pid=1)])
    described["later"] = dict(files={"/run/php-fpm.pid": dict(content="45", inode=7)})
    found = pidfile.gather(DescribedHost(described), policy_from({}))
    assert found.files == ()
    assert "changed while it was looked at" in found.unseen[0]


def test_more_files_than_anyone_looks_at(monkeypatch: Any) -> None:
    monkeypatch.setattr(pidfile, "FILES_LIMIT", 3)
    found = gather({f"/run/{number}.pid": "1" for number in range(5)}, [])
    assert len(found.files) == 3
    assert "only 3 of 5" in found.unseen[0]


def test_a_directory_that_may_not_be_read_is_said() -> None:
    found = gather({"/run/a.pid": "1"}, [], forbidden=["/run/secret"])
    assert [file.path for file in found.files] == ["/run/a.pid"]
    assert "/run/secret" in found.unseen[0]


def test_without_psutil_nothing_is_said() -> None:
    with pytest.raises(LibraryMissing):
        pidfile.gather(DescribedHost(dict(psutil=False)), policy_from({}))


def test_heads_are_all_but_workers() -> None:
    testing = dict(pid=59, executable="/usr/sbin/php-fpm8.2", title="php-fpm8.2 -t", started=9.0)
    contained = dict(OTHER_MASTER, pid=300)
    host = DescribedHost(
        dict(
            processes=[dict(pid=1), dict(MASTER, started=5.0), WORKER, testing, contained],
            links={"/proc/300/ns/pid": "pid:[4026532999]"},
        )
    )
    seen = gather_processes(host, policy_from({}))
    assert heads(host, seen, "php-fpm") == ((45, 5.0), (59, 9.0))
    assert heads(host, seen, None) == ()
