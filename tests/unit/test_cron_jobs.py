# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which crontabs cron reads, and why a job of one never runs. What Debian's cron does was seen on a host of the lab."""

import os
import time
from types import MappingProxyType
from typing import Any, Dict, List, Mapping, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import cron_jobs, schedulers
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job import CRONTAB, USER_CRONTAB, Job
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost
from hypothesis import given
from hypothesis import strategies as st

POLICY = policy_from({})
INIT = dict(pid=1, parent=0, executable="/usr/lib/systemd/systemd")
DEBIAN: Mapping[str, Any] = MappingProxyType(dict(pid=300, executable="/usr/sbin/cron", title="/usr/sbin/cron -f"))
CRONIE = dict(pid=300, executable="/usr/sbin/crond", title="/usr/sbin/crond -n")
RESTART = "28 5 * * * root /etc/init.d/php-fpm restart\n"
OWN = "28 5 * * * /etc/init.d/php-fpm restart\n"
TABS = "/var/spool/cron/crontabs"


def host(files: Dict[str, Any], cron: Optional[Mapping[str, Any]] = DEBIAN, **more: Any) -> DescribedHost:
    processes = [INIT, *([dict(cron)] if cron else [])]
    return DescribedHost(
        dict(files={"/etc/timezone": "UTC", **files}, processes=processes, users={33: "www-data"}, **more)
    )


def jobs(files: Dict[str, Any], cron: Optional[Mapping[str, Any]] = DEBIAN, **more: Any) -> List[Job]:
    return list(cron_jobs.gather(host(files, cron, **more), POLICY).jobs)


def never(path: str, described: Any, cron: Mapping[str, Any] = DEBIAN, **more: Any) -> List[Optional[str]]:
    return [job.never for job in jobs({path: described}, cron, **more)]


def test_a_line_of_the_system_is_a_job() -> None:
    (job,) = jobs({"/etc/cron.d/php": "# old\nMAILTO=a@b\n\n" + RESTART.replace("restart", "restart >/dev/null")})
    assert (job.kind, job.object, job.line, job.first_line) == (CRONTAB, "/etc/cron.d/php:4", 4, 4)
    assert job.text == b"28 5 * * * root /etc/init.d/php-fpm restart >/dev/null"
    assert (job.user, job.shell) == ("root", "/etc/init.d/php-fpm restart >/dev/null")
    assert (job.schedule, job.environment, job.never) == ("28 5 * * *", {"MAILTO": "a@b"}, None)
    assert len(job.next_runs) == 3
    assert all(moment > NOW and moment % 86400 == 5 * 3600 + 28 * 60 for moment in job.next_runs)


def test_a_users_own_line_is_a_job() -> None:
    (job,) = jobs({f"{TABS}/www-data": dict(content="@daily pkill php-fpm\n", mode=0o600, uid=33)})
    assert (job.kind, job.object, job.user) == (USER_CRONTAB, f"{TABS}/www-data:1", "www-data")
    assert (job.schedule, job.shell, job.never) == ("@daily", "pkill php-fpm", None)


@pytest.mark.parametrize(
    ("path", "described", "reason"),
    [
        ("/etc/cron.d/php.bak", RESTART, "letters, digits"),
        ("/etc/cron.d/php~", RESTART, "letters, digits"),
        ("/etc/cron.d/.php", RESTART, "letters, digits"),
        ("/etc/crontab", dict(content=RESTART, mode=0o664), "others than root can write it (mode 0664)"),
        ("/etc/cron.d/php", dict(content=RESTART, mode=0o646), "others than root can write it (mode 0646)"),
        ("/etc/cron.d/php", dict(content=RESTART, uid=33), "not root's"),
        ("/etc/cron.d/php", dict(content=RESTART, links=2), "2 names (hard links)"),
        ("/etc/cron.d/php", RESTART + "0 4 * * * ghost true\n", "line 2: the user that it names is not there; Debian"),
        ("/etc/cron.d/php", RESTART.replace(" root", ""), "a command stands where its user should"),
        ("/etc/cron.d/php", RESTART + "61 * * * * root true\n", "bad minute"),
        ("/etc/cron.d/php", RESTART.rstrip("\n"), "missing newline before EOF"),
        (f"{TABS}/www-data", dict(content=OWN, mode=0o644, uid=33), "its mode is 0644"),
        (f"{TABS}/www-data", dict(content=OWN, mode=0o600, uid=34), "belongs neither to 'www-data' nor to root"),
        (f"{TABS}/www-data", dict(content=OWN, mode=0o600, uid=33, links=3), "3 names (hard links)"),
        (f"{TABS}/ghost", dict(content=OWN, mode=0o600), "there is no user 'ghost'"),
    ],
)
def test_what_debians_cron_ignores_never_runs(path: str, described: Any, reason: str) -> None:
    found = never(path, described)
    assert found and all(one is not None and reason in one for one in found), found


@pytest.mark.parametrize(
    ("path", "described"),
    [
        ("/etc/cron.d/php", dict(content=RESTART, mode=0o755)),
        ("/etc/cron.d/php", dict(content=RESTART, mode=0o600)),
        (f"{TABS}/www-data", dict(content=OWN, mode=0o600)),
    ],
)
def test_what_debians_cron_takes(path: str, described: Any) -> None:
    assert never(path, described) == [None]


@pytest.mark.parametrize(
    ("path", "described", "reason"),
    [
        ("/etc/cron.d/php.bak", RESTART, None),
        ("/etc/cron.d/php.rpmsave", RESTART, "cronie reads no file that is called so"),
        ("/etc/cron.d/php~", RESTART, "cronie reads no file that is called so"),
        ("/etc/cron.d/php", dict(content=RESTART, mode=0o755), "its mode is 0755"),
        ("/etc/cron.d/php", dict(content=RESTART, mode=0o664), "its mode is 0664"),
        ("/etc/cron.d/php", dict(content=RESTART, links=2), None),
        ("/etc/cron.d/php", RESTART.replace("root", "ghost"), "the user that it names is not there, and cron refuses"),
        ("/etc/cron.d/php", RESTART.replace("28", "61"), "cronie refuses the line: bad minute"),
        ("/var/spool/cron/www-data", dict(content=OWN, mode=0o644, uid=33), None),
        ("/var/spool/cron/www-data", dict(content=OWN, mode=0o600, uid=33, links=2), "2 names (hard links)"),
    ],
)
def test_cronie_has_other_rules(path: str, described: Any, reason: Optional[str]) -> None:
    (found,) = never(path, described, CRONIE)
    assert (found is None) == (reason is None) and (reason or "") in (found or ""), found


def test_one_wrong_line_spoils_cronie_nothing_else() -> None:
    found = never("/etc/cron.d/php", RESTART + "61 * * * * root true\n" + "0 4 * * * ghost true\n" + RESTART, CRONIE)
    assert [one is None for one in found] == [True, False, True, False]


def test_only_cronie_has_a_zone_of_a_line() -> None:
    files = {"/etc/cron.d/php": "CRON_TZ=Asia/Tokyo\n" + RESTART, "/usr/share/zoneinfo/Asia/Tokyo": tokyo()}
    (debians,) = jobs(files)
    (cronies,) = jobs(files, CRONIE)
    assert (debians.zone, cronies.zone) == (None, "Asia/Tokyo")
    assert (debians.next_runs[0] - cronies.next_runs[0]) % 86400 == 9 * 3600


def tokyo() -> bytes:
    """A file of tzfile(5) that knows one time, of nine hours before UTC."""
    head = b"TZif2" + b"\0" * 15 + b"\0\0\0\0" * 4 + b"\0\0\0\1" + b"\0\0\0\4"
    body = (9 * 3600).to_bytes(4, "big") + b"\0\0" + b"JST\0"
    return head + body + head + body + b"\nJST-9\n"


def test_names_of_the_lsb_where_cron_is_told_so() -> None:
    told = dict(DEBIAN, title="/usr/sbin/cron -f -l")
    assert never("/etc/cron.d/org.example-php", RESTART, told) == [None]
    assert never("/etc/cron.d/php.bak", RESTART, told) != [None]


def test_without_a_cron_nothing_runs() -> None:
    (job,) = jobs({"/etc/crontab": RESTART}, cron=None)
    assert (job.never, job.next_runs) == ("no cron runs on this host", ())
    generator = "/usr/lib/systemd/system-generators/systemd-crontab-generator"
    (made,) = jobs({"/etc/crontab": RESTART, generator: ""}, cron=None)
    assert made.never is None


def test_a_cron_that_cannot_be_seen_may_run() -> None:
    hidden = dict(pid=300, hidden=True)
    assert never("/etc/crontab", RESTART, hidden) == [None]
    assert never("/etc/crontab", RESTART, DEBIAN, psutil=False) == [None]


@pytest.mark.parametrize(
    ("cron", "files", "kind"),
    [
        (DEBIAN, {}, "Debian's cron"),
        (CRONIE, {}, "cronie"),
        (DEBIAN, {"/var/spool/cron/tabs/root": ""}, "cronie"),
        (dict(pid=300, executable="/bin/busybox", name="crond"), {}, "cronie"),
        (None, {"/usr/sbin/crond": ""}, "cronie"),
        (None, {}, "Debian's cron"),
    ],
)
def test_which_cron_it_is(cron: Optional[Dict[str, Any]], files: Dict[str, Any], kind: str) -> None:
    assert schedulers.cron(host(files, cron), POLICY).kind == kind


@pytest.mark.parametrize("other", [dict(uid=1000), dict(links={"/proc/301/ns/pid": "pid:[4026532999]"})])
def test_a_crond_of_a_users_or_a_containers_is_not_the_hosts(other: Dict[str, Any]) -> None:
    stranger = dict(CRONIE, pid=301, uid=other.get("uid", 0))
    seen = dict(processes=[INIT, dict(DEBIAN), stranger], links=other.get("links", {}))
    assert schedulers.cron(DescribedHost(seen), POLICY) == ("Debian's cron", False, None)
    alone = dict(seen, processes=[INIT, stranger])
    assert schedulers.cron(DescribedHost(alone), POLICY).absent == "no cron runs on this host"


def test_the_spool_of_suse() -> None:
    found = jobs({"/var/spool/cron/tabs/root": dict(content=OWN, mode=0o600)})
    assert [(job.object, job.never) for job in found] == [("/var/spool/cron/tabs/root:1", None)]


def test_the_spool_of_busybox() -> None:
    busybox = dict(pid=300, executable="/bin/busybox", name="crond")
    (job,) = jobs({f"{TABS}/root": dict(content=OWN, mode=0o600)}, busybox)
    assert (job.object, job.never) == (f"{TABS}/root:1", None)


def test_tables_of_another_format_are_not_passed_over_in_silence() -> None:
    found = cron_jobs.gather(host({"/etc/crontab": RESTART}, dict(pid=300, executable="/usr/sbin/fcron")), POLICY)
    assert found.jobs[0].never == "no cron runs on this host"
    assert found.unseen == ("fcron runs on this host, and its tables are not looked at; see fcrontab(1)",)


def test_a_user_that_was_forgotten_is_part_of_the_command() -> None:
    (job,) = jobs({"/etc/cron.d/php": "0 4 * * * systemctl restart php-fpm\n"})
    assert (job.user, job.shell) == ("root", "systemctl restart php-fpm")


def test_a_refused_line_can_be_followed_and_says_nothing_of_itself() -> None:
    (job,) = jobs({"/etc/cron.d/php": "28 25 * * * root /etc/init.d/php-fpm restart --token=s3cret\n"})
    assert job.shell == "/etc/init.d/php-fpm restart --token=s3cret"
    assert job.never == "Debian's cron refuses the line: bad hour"


def test_a_schedule_of_no_time_never_fires() -> None:
    assert never("/etc/crontab", "0 0 30 2 * root /etc/init.d/php-fpm restart\n") == ["its schedule names no time"]


def test_links_are_followed_as_cron_does() -> None:
    files = {"/srv/php": RESTART, "/srv/own": dict(content=OWN, mode=0o600)}
    links = {"/etc/cron.d/php": "/srv/php", "/etc/cron.d/gone": "/srv/gone", f"{TABS}/root": "/srv/own"}
    assert [job.object for job in jobs(files, links=links)] == ["/etc/cron.d/php:1"]
    links = {"/etc/cron.d/php": "/srv/php", "/var/spool/cron/root": "/srv/own"}
    assert [job.object for job in jobs(files, CRONIE, links=links)] == ["/etc/cron.d/php:1", "/var/spool/cron/root:1"]


def test_what_an_ordinary_user_may_not_see_is_said() -> None:
    found = cron_jobs.gather(
        host({"/etc/crontab": RESTART, "/etc/cron.d/secret": RESTART}, forbidden=[TABS, "/etc/cron.d/secret"]), POLICY
    )
    assert len(found.jobs) == 1
    assert found.unseen == (
        "/etc/cron.d/secret: not readable for this user; run with become",
        f"{TABS}: not readable for this user; run with become",
    )


def test_more_jobs_than_are_looked_at(monkeypatch: Any) -> None:
    monkeypatch.setattr(cron_jobs, "JOBS_LIMIT", 3)
    found = cron_jobs.gather(host({"/etc/cron.d/a": RESTART * 4, "/etc/cron.d/b": RESTART}), POLICY)
    assert [job.path for job in found.jobs] == ["/etc/cron.d/a"] * 4
    assert found.unseen == ("/etc/cron.d/a: with it, crontabs have more than 3 jobs; the rest was not looked at",)


@given(
    st.lists(
        st.sampled_from([RESTART, "@daily www-data x\n", "61 * * * * root y\n", "A=b\n", "\0", "\xff \r\n", "#", " "])
    ),
    st.sampled_from([DEBIAN, CRONIE]),
)
def test_any_table_is_jobs_of_lines_that_stand_in_it(pieces: List[str], cron: Mapping[str, Any]) -> None:
    content = "".join(pieces).encode("latin-1")
    for job in jobs({"/etc/crontab": dict(content=content)}, cron):
        assert content.split(b"\n")[job.line - 1] == job.text
        assert bool(job.next_runs) == (job.never is None)


class Tree:
    """A real tree that hostile users have had their hands in."""

    def __init__(self, root: str) -> None:
        self.root = root
        for directory in ("etc/cron.d", "var/spool/cron/crontabs", "proc"):
            os.makedirs(os.path.join(root, directory))

    def write(self, path: str, content: bytes, mode: int = 0o644) -> None:
        with open(self.root + path, "wb") as file:
            file.write(content)
        os.chmod(self.root + path, mode)

    def look(self) -> Any:
        return cron_jobs.gather(Host(self.root), POLICY)


@pytest.fixture
def tree(tmp_path: Any) -> Tree:
    return Tree(str(tmp_path))


def test_a_hostile_spool_holds_nobody_up(tree: Tree) -> None:
    os.mkfifo(tree.root + f"{TABS}/bin")
    os.mkfifo(tree.root + "/etc/cron.d/fifo")
    os.mkdir(tree.root + "/etc/cron.d/directory")
    tree.write("/etc/shadow", b"root:$6$secret:19000::::::\n", 0o600)
    os.symlink("/etc/shadow", tree.root + f"{TABS}/daemon")
    os.symlink("/etc/cron.d/loop", tree.root + "/etc/cron.d/loop")
    tree.write(f"{TABS}/root", b"28 5 * * * caf\xe9 \xff\r\n", 0o600)
    tree.write("/etc/cron.d/\udce9t\udce9", b"0 0 * * * root true\n")
    found = tree.look()
    assert [(job.path, job.shell) for job in found.jobs] == [
        ("/etc/cron.d/\udce9t\udce9", "true"),
        (f"{TABS}/root", "caf\udce9 \udcff\r"),
    ]
    assert "secret" not in repr(found)
    assert [line for line in found.unseen if "/etc/cron.d/loop" not in line] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_link_of_a_users_is_read_for_nobody(tree: Tree) -> None:
    tree.write("/etc/hourly", RESTART.encode())
    os.symlink("/etc/hourly", tree.root + "/etc/cron.d/roots")
    os.symlink("/etc/hourly", tree.root + "/etc/cron.d/users")
    os.lchown(tree.root + "/etc/cron.d/users", 33, 33)
    found = tree.look()
    assert [job.path for job in found.jobs] == ["/etc/cron.d/roots"] and found.unseen == ()


def test_ten_megabytes_are_read(tree: Tree) -> None:
    tree.write("/etc/crontab", b"# " + b"x" * (10 << 20) + b"\n" + b"# y\n" * 9000 + RESTART.encode())
    begun = time.process_time()
    (job,) = tree.look().jobs
    assert (job.line, time.process_time() - begun < 2) == (9002, True)


def test_what_is_too_large_is_said(tree: Tree) -> None:
    tree.write("/etc/crontab", b"")
    os.truncate(tree.root + "/etc/crontab", cron_jobs.FILE_LIMIT + 1)
    (said,) = tree.look().unseen
    assert said.startswith("/etc/crontab: larger than")
