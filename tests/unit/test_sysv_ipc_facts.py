# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import contextlib
import os
import time

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    CannotLook,
    Forbidden,
    Malformed,
    Missing,
    NotApplicable,
    TooLarge,
    Untrusted,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import ipc_owners, ipc_users, logind, sysv_ipc
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.sysv_ipc import (
    QUEUE_COLUMNS,
    SEGMENT_COLUMNS,
    SET_COLUMNS,
    Queue,
    Segment,
    SemaphoreSet,
    parse_numbers,
    parse_table,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import php_shm
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host, Semaphore, Stat
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from hypothesis import given
from hypothesis import strategies as st

POLICY = policy_from({})
SHM = b"""\
       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime\
      ctime                   rss                  swap
-1702311151          3  1666                 65536    42    43      1    33    34    35    36          7          8\
          9                     0                     0
"""
KINDS = [(SEGMENT_COLUMNS, Segment), (SET_COLUMNS, SemaphoreSet), (QUEUE_COLUMNS, Queue)]


def test_a_segment_is_read_by_the_names_in_the_header():
    assert parse_table(SHM, SEGMENT_COLUMNS, Segment, "/proc/sysvipc/shm") == [
        Segment(0x9A88CB11, 0o1666, 3, 65536, 42, 43, 1, 33, 34, 35, 36, 7, 8, 9)
    ]


@pytest.mark.parametrize("columns, make", KINDS)
@given(data=st.data())
def test_columns_may_stand_in_any_order_with_others_between(columns, make, data):
    names = data.draw(st.permutations([*columns, "rss", "swap"]))
    numbers = {name: data.draw(st.integers(0, 1 << 31)) for name in names}
    numbers["perms"] = data.draw(st.integers(0, 0o1777))
    shown = dict(numbers, perms=f"{numbers['perms']:o}")
    content = "\n".join([" ".join(names), " ".join(str(shown[name]) for name in names), ""]).encode()
    assert parse_table(content, columns, make, "path") == [make(*[numbers[name] for name in columns])]


@pytest.mark.parametrize("columns, make", KINDS)
@given(content=st.binary(max_size=400))
def test_a_table_of_rubbish_is_malformed_or_empty(columns, make, content):
    try:
        assert parse_table(content, columns, make, "/proc/sysvipc/x") == []
    except Malformed as error:
        assert "/proc/sysvipc/x" in str(error)


@given(st.lists(st.binary(max_size=30), max_size=20))
def test_lines_of_rubbish_below_a_good_header_are_malformed(fields):
    line = b" ".join(fields)
    try:
        parsed = parse_table(SHM.partition(b"\n")[0] + b"\n" + line, SEGMENT_COLUMNS, Segment, "path")
    except Malformed:
        return
    assert parsed == [] or all(isinstance(value, int) for segment in parsed for value in segment)


def test_a_missing_column_is_named():
    with pytest.raises(Malformed, match="no column nattch"):
        parse_table(SHM.replace(b"nattch", b"natt"), SEGMENT_COLUMNS, Segment, "/proc/sysvipc/shm")


def test_an_endless_line_is_refused():
    for line in (b"1" * 5000, b"1" * 500 + b" 1" * 15):
        with pytest.raises(Malformed, match=f"a line of {len(line)} bytes"):
            parse_table(SHM + line, SEGMENT_COLUMNS, Segment, "/proc/sysvipc/shm")


def test_a_line_shorter_than_its_header_is_named():
    with pytest.raises(Malformed, match=r"b'7'.* begins a line of fewer fields"):
        parse_table(SHM + b"7 8 9", SEGMENT_COLUMNS, Segment, "/proc/sysvipc/shm")


def test_what_is_no_number_is_told():
    with pytest.raises(Malformed, match=r"does not hold the numbers that its header names.*1668"):
        parse_table(SHM.replace(b"1666", b"1668"), SEGMENT_COLUMNS, Segment, "/proc/sysvipc/shm")


def test_numbers_are_exactly_as_many_as_wanted():
    assert parse_numbers(b"250\t32000\t32\t128\n", 4, "sem") == [250, 32000, 32, 128]
    for content in (b"", b"1 2", b"1 2 3 x", b"1 2 3 4 5", b"1 2 3 " + b"9" * 30):
        with pytest.raises(Malformed, match="is not 4 numbers"):
            parse_numbers(content, 4, "sem")


@given(st.binary(max_size=200), st.integers(1, 4))
def test_numbers_of_rubbish_are_malformed(content, count):
    with contextlib.suppress(Malformed):
        assert len(parse_numbers(content, count, "path")) == count


class Kernel(Host):
    """A host whose tables are given as text, one for each time they are read, and whose semaphores as lists."""

    def __init__(self, tables, semaphores=(), links=(), forbidden=(), changing=(), pids=()):
        super().__init__()
        self.tables = {path: list(contents) for path, contents in tables.items()}
        self.sets = list(semaphores)
        self.links = dict(links)
        self.pauses = 0
        self.pauses_when_asked = []
        self.unreadable = forbidden
        self.changing = changing
        self.pids = pids

    def now(self):
        return 10000.0

    def pause(self, seconds):
        self.pauses += 1

    def user_name(self, uid):
        return {33: "www-data"}.get(uid, str(uid))

    def list(self, path):
        return [*self.pids, "sys"] if path == "/proc" else []

    def read(self, path, limit, follow=False):
        if path not in self.tables:
            raise Missing(path)
        contents = self.tables[path]
        content = contents.pop(0) if len(contents) > 1 else contents[0]
        if len(content) > limit:
            raise TooLarge(path)
        return content

    def link(self, path):
        target = self.links.get(path, "ipc:[1]")
        if isinstance(target, Exception):
            raise target
        return target

    def semaphores(self, identifier, count):
        if identifier in self.unreadable:
            raise Forbidden("no")
        if identifier in self.changing:
            raise CannotLook("it changed while it was looked at")
        self.pauses_when_asked.append(self.pauses)
        answer = self.sets.pop(0)
        if answer is None:
            raise Missing("gone")
        return tuple(answer)


def table(record, *objects):
    columns = [name for name in record._fields if name != "semaphores"]
    lines = [" ".join(columns)]
    for thing in objects:
        shown = thing._replace(perms=f"{thing.perms:o}")
        lines.append(" ".join(str(getattr(shown, name)) for name in columns))
    return ("\n".join(lines) + "\n").encode()


def segment(**changes):
    return Segment(0, 0o666, 1, 4096, 42, 0, 0, 33, 33, 33, 33, 0, 0, 100)._replace(**changes)


def semaphore_set(**changes):
    return SemaphoreSet(0, 0o666, 1, 3, 33, 33, 33, 33, 100, 100)._replace(**changes)


def queue(**changes):
    return Queue(0, 0o666, 1, 0, 0, 0, 0, 33, 33, 33, 33, 0, 0, 100)._replace(**changes)


FREE = [Semaphore(1, 42, 0, 0), Semaphore(0, 42, 0, 0), Semaphore(0, 42, 0, 0)]


def test_two_looks_are_taken_only_where_something_is_idle():
    path = "/proc/sysvipc/shm"
    busy = Kernel({path: [table(Segment, segment(atime=9999))]})
    assert sysv_ipc.gather_segments(busy, POLICY).changing == frozenset()
    assert busy.pauses == 0
    idle = Kernel({path: [table(Segment, segment())]})
    assert sysv_ipc.gather_segments(idle, POLICY).changing == frozenset()
    assert idle.pauses == 1


def test_the_two_looks_are_apart_however_long_the_first_takes():
    class Paused(Kernel):
        def read(self, path, limit, follow=False):
            moments.append(time.monotonic() + sum(pauses))
            return super().read(path, limit, follow)

        def pause(self, seconds):
            pauses.append(seconds)

    for count in (1, 2000):
        moments, pauses = [], []
        segments = [segment(shmid=number) for number in range(count)]
        sysv_ipc.gather_segments(Paused({"/proc/sysvipc/shm": [table(Segment, *segments)]}), POLICY)
        assert moments[1] - moments[0] >= sysv_ipc.LOOKS_APART and len(pauses) == 1


@pytest.mark.parametrize("after", [[], [segment(nattch=1)], [segment(lpid=7)]], ids=["gone", "attached", "used"])
def test_what_differs_in_the_second_look_is_changing(after):
    kernel = Kernel({"/proc/sysvipc/shm": [table(Segment, segment(), segment(shmid=2)), table(Segment, *after)]})
    seen = sysv_ipc.gather_segments(kernel, POLICY)
    assert "shm 1" in seen.changing
    assert len(seen.objects) == 2


def test_who_waits_is_asked_once_and_after_the_second_look():
    waiting = [Semaphore(0, 42, 1, 0), *FREE[1:]]
    kernel = Kernel({"/proc/sysvipc/sem": [table(SemaphoreSet, semaphore_set())]}, [waiting])
    (seen,) = sysv_ipc.gather_sets(kernel, POLICY).objects
    assert seen.semaphores == tuple(waiting)
    assert kernel.pauses_when_asked == [1] and kernel.sets == []


def test_a_set_that_was_operated_on_between_the_looks_is_changing():
    tables = [table(SemaphoreSet, semaphore_set()), table(SemaphoreSet, semaphore_set(otime=10000))]
    assert sysv_ipc.gather_sets(Kernel({"/proc/sysvipc/sem": tables}, [FREE]), POLICY).changing == {"sem 1"}


def test_a_set_removed_while_it_is_looked_at_is_no_error():
    kernel = Kernel({"/proc/sysvipc/sem": [table(SemaphoreSet, semaphore_set()), table(SemaphoreSet)]}, [None])
    seen = sysv_ipc.gather_sets(kernel, POLICY)
    assert seen.objects[0].semaphores is None
    assert (seen.changing, seen.unread) == ({"sem 1"}, frozenset())


def test_semctl_is_asked_about_idle_and_selected_sets_only():
    sets = [semaphore_set(), semaphore_set(semid=2, otime=9999), semaphore_set(semid=3, uid=5)]
    kernel = Kernel({"/proc/sysvipc/sem": [table(SemaphoreSet, *sets)]}, [FREE])
    seen = sysv_ipc.gather_sets(kernel, policy_from({"sysv_ipc": {"owners": ["www-data"]}}))
    assert [thing.semaphores is None for thing in seen.objects] == [False, True, True]
    assert kernel.sets == []


def test_sets_that_may_not_be_asked_are_named():
    kernel = Kernel({"/proc/sysvipc/sem": [table(SemaphoreSet, semaphore_set())]}, forbidden=[1])
    assert sysv_ipc.gather_sets(kernel, POLICY).unread == {"sem 1"}


def test_one_set_that_changes_all_the_time_leaves_the_others_to_be_judged():
    sets = [semaphore_set(), semaphore_set(semid=2)]
    kernel = Kernel({"/proc/sysvipc/sem": [table(SemaphoreSet, *sets)]}, [FREE], changing=[1])
    seen = sysv_ipc.gather_sets(kernel, POLICY)
    assert (seen.unread, [thing.semaphores for thing in seen.objects]) == ({"sem 1"}, [None, tuple(FREE)])


def test_a_host_full_of_huge_sets_is_not_asked_for_ever():
    sets = [semaphore_set(semid=1, nsems=sysv_ipc.SEMAPHORES_READ), semaphore_set(semid=2)]
    kernel = Kernel({"/proc/sysvipc/sem": [table(SemaphoreSet, *sets)]}, [FREE, FREE])
    assert sysv_ipc.gather_sets(kernel, POLICY).unread == {"sem 2"}


@pytest.mark.parametrize(
    "path, record, gather, thing, shared",
    [
        ("shm", Segment, sysv_ipc.gather_segments, segment(), False),
        ("shm", Segment, sysv_ipc.gather_segments, segment(cpid=0), True),
        ("shm", Segment, sysv_ipc.gather_segments, segment(lpid=0, atime=50), True),
        ("msg", Queue, sysv_ipc.gather_queues, queue(), False),
        ("msg", Queue, sysv_ipc.gather_queues, queue(stime=50), True),
        ("msg", Queue, sysv_ipc.gather_queues, queue(rtime=50), True),
    ],
)
def test_a_table_shared_with_another_pid_namespace_is_seen_by_its_zeros(path, record, gather, thing, shared):
    assert gather(Kernel({f"/proc/sysvipc/{path}": [table(record, thing)]}), POLICY).shared is shared


def test_the_initial_ipc_namespace_seen_from_a_container_is_shared():
    links = {"/proc/self/ns/ipc": "ipc:[4026531839]", "/proc/self/ns/pid": "pid:[4026532222]"}
    tables = {"/proc/sysvipc/msg": [table(Queue)]}
    assert sysv_ipc.gather_queues(Kernel(tables, links=links), POLICY).shared
    links["/proc/self/ns/pid"] = "pid:[4026531836]"
    assert not sysv_ipc.gather_queues(Kernel(tables, links=links), POLICY).shared


@pytest.mark.parametrize(
    "release, links, foreign",
    [
        (b"4.15.0-20-generic\n", {"ipc": "ipc:[1]", "pid": "pid:[9]"}, True),
        (b"3.10.0-1160.el7.x86_64\n", {"ipc": "ipc:[1]", "pid": "pid:[9]"}, True),
        (b"rubbish\n", {"ipc": "ipc:[1]", "pid": "pid:[9]"}, True),
        (None, {"ipc": "ipc:[1]", "pid": "pid:[9]"}, True),
        (b"4.15.0\n", {"ipc": "ipc:[1]", "pid": "ipc:[1]"}, False),
        (b"4.15.0\n", {"ipc": "ipc:[2]", "pid": "pid:[9]"}, False),
        (b"4.15.0\n", {"ipc": Missing("ended")}, False),
        (b"4.15.0\n", {"ipc": Forbidden("not yours")}, True),
        (b"4.17.0\n", {"ipc": "ipc:[1]", "pid": "pid:[9]"}, False),
        (b"6.1.0-18-amd64\n", {"ipc": "ipc:[1]", "pid": "pid:[9]"}, False),
    ],
)
def test_kernels_that_record_the_pids_of_containers_are_asked_for_containers(release, links, foreign):
    tables = {"/proc/sysvipc/shm": [table(Segment, segment())]}
    if release is not None:
        tables["/proc/sys/kernel/osrelease"] = [release]
    links = {f"/proc/77/ns/{kind}": target for kind, target in links.items()}
    kernel = Kernel(tables, links=links, pids=["1", "77"])
    assert sysv_ipc.gather_segments(kernel, POLICY).foreign_pids is foreign


def test_nobody_is_asked_for_containers_where_nothing_is_idle():
    tables = {"/proc/sysvipc/shm": [table(Segment, segment(atime=9999))], "/proc/sys/kernel/osrelease": [b"4.15.0"]}
    kernel = Kernel(tables, links={"/proc/77/ns/ipc": AssertionError("it was asked")}, pids=["77"])
    assert not sysv_ipc.gather_segments(kernel, POLICY).foreign_pids


def test_a_kernel_without_sysv_ipc_is_not_applicable(tmp_path):
    (tmp_path / "proc" / "sys" / "kernel").mkdir(parents=True)
    with pytest.raises(NotApplicable):
        sysv_ipc.gather_limits(Host(str(tmp_path)), POLICY)


def test_a_host_without_proc_is_unknown(tmp_path):
    with pytest.raises(Missing):
        sysv_ipc.gather_segments(Host(str(tmp_path)), POLICY)


def test_the_header_that_php_really_wrote_is_understood():
    content = b"PHP_SM\x00\x00" + b"".join(number.to_bytes(8, "little") for number in (40, 1120, 64416, 65536))
    assert php_shm.parse_header(content + bytes(100)) == (40, 1120, 64416, 65536)


@given(st.binary(max_size=80))
def test_a_header_of_rubbish_is_none(content):
    assert php_shm.parse_header(content) is None
    header = php_shm.parse_header(php_shm.MAGIC + content)
    assert header is None or 0 < header.start <= header.end <= header.total


POSTMASTER = (
    b"144\n/var/lib/postgresql/15/main\n1795301248\n5432\n/var/run/postgresql\nlocalhost\n"
    b"  1704452         4\nready   \n"
)


def test_postmaster_pid_names_key_and_id():
    assert ipc_owners.parse_postmaster_pid(POSTMASTER) == (0x1A0204, 4)
    assert ipc_owners.parse_postmaster_pid(b"144\n/data\n") is None


@pytest.mark.parametrize("spoiled", ["too large", "fifo", "link", "no version", "rubbish"])
def test_a_spoiled_data_directory_blinds_nobody_and_protects_all_of_its_owner(spoiled, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    tmp_path.chmod(0o755)
    home = tmp_path / "var" / "lib" / "pgsql" / "data"
    home.mkdir(parents=True)
    pid = home / "postmaster.pid"
    if spoiled == "no version":
        (home / "other").mkdir()
        (home / "PG_VERSION").symlink_to("other/PG_VERSION/x")
    else:
        (home / "PG_VERSION").write_text("15\n")
    if spoiled == "too large":
        pid.write_bytes(b"x" * (ipc_owners.POSTMASTER_PID_LIMIT + 1))
    elif spoiled == "fifo":
        os.mkfifo(str(pid))
    elif spoiled == "link":
        pid.symlink_to("/proc/1/environ")
    else:
        pid.write_bytes(b"\xff\n" * 9)
    os.chown(str(home), 777, 777)
    (seen,) = ipc_owners._data_directories(Host(str(tmp_path)), [])
    assert seen == ipc_owners.DataDirectory("/var/lib/pgsql/data", 777, None)
    owners = ipc_owners.Owners({}, (seen,), frozenset())
    assert ipc_owners.protected_by(segment(uid=777), "777", owners, POLICY) == "PostgreSQL (/var/lib/pgsql/data)"
    assert ipc_owners.protected_by(segment(uid=778), "778", owners, POLICY) is None


@pytest.mark.parametrize("error", [CannotLook, Forbidden, Malformed, TooLarge, Untrusted])
@pytest.mark.parametrize("name", ["PG_VERSION", "postmaster.pid"])
def test_whatever_goes_wrong_in_a_data_directory_stays_there(name, error, monkeypatch):
    class Spoiled(Kernel):
        def stat(self, path, follow=False):
            if path.endswith(name):
                raise error(path)
            return Stat(0o755, 777, 777, 0, 0, 1, 1)

        def read(self, path, limit, follow=False):
            raise error(path)

    named = Process(9, 1, 1.0, "postgres", "/usr/bin/postgres", "postgres -D /srv/data", (5, 5, 5), False)
    found = list(ipc_owners._data_directories(Spoiled({}), [named]))
    assert ipc_owners.DataDirectory("/srv/data", 777, None) in found


@given(st.binary(max_size=300))
def test_postmaster_pid_of_rubbish_is_none_or_numbers(content):
    seen = ipc_owners.parse_postmaster_pid(content)
    assert seen is None or all(isinstance(number, int) for number in seen)


def test_the_segments_in_a_process_are_known_by_their_inode():
    maps = (
        b"7fc07fc00000-7fc081c00000 rw-s 00000000 00:01 3                          /SYSV00000000 (deleted)\n"
        b"7fc087c00000-7fc089c00000 rw-s 00000000 00:01 26382                      /dev/zero (deleted)\n"
        b"7fc0-7fc1 rw-s 00000000 00:01 32769 /SYSV6104e88b (deleted)\n"
        b"7fc0-7fc1 rw-s 00000000 fe:00 9 /srv/SYSV00000000 (deleted)\n"
    )
    assert ipc_users.parse_maps(maps) == {3, 32769}


@given(st.binary(max_size=300))
def test_maps_of_rubbish_hold_nothing_or_numbers(content):
    assert all(isinstance(number, int) for number in ipc_users.parse_maps(content))


@pytest.mark.parametrize(
    "content, queue_id",
    [
        (b"70 0x0 0x7fa3 0x32 0x0 0x0 0x0 0x7ffe 0x7fa3\n", 0),
        (b"188 0x8001 0x1 0x1 0x0 0x0 0x0 0x1 0x1\n", 32769),
        (b"1 0x1 0x1\n", None),
        (b"running\n", None),
        (b"70 zzz\n", None),
        (b"", None),
    ],
)
def test_the_queue_that_a_thread_waits_at(content, queue_id):
    assert ipc_users.parse_syscall(content) == queue_id


@pytest.mark.parametrize(
    "files, expected",
    [
        ([], (True, None)),
        ([("/etc/systemd/logind.conf", "[Login]\n#RemoveIPC=yes\n")], (True, None)),
        ([("/etc/systemd/logind.conf", "[Login]\n#RemoveIPC=no\n")], (False, None)),
        ([("/a", "[Login]\nRemoveIPC=no\n")], (False, "/a")),
        ([("/a", "[Login]\nRemoveIPC = On\n")], (True, "/a")),
        ([("/a", "[Other]\nRemoveIPC=no\n")], (True, None)),
        ([("/a", "[Login]\nRemoveIPC=no\n"), ("/b", "[Login]\nRemoveIPC=yes\n")], (True, "/b")),
        ([("/a", "[Login]\nRemoveIPC=no\n"), ("/b", "[Login]\nRemoveIPC=\n")], (True, None)),
        ([("/a", "[Login]\nRemoveIPC=no\n"), ("/b", "[Login]\nRemoveIPC=maybe\n")], (False, "/a")),
    ],
)
def test_remove_ipc_is_what_systemd_makes_of_its_files(files, expected):
    assert logind.remove_ipc(files) == expected


@given(st.text(max_size=200))
def test_a_logind_conf_of_rubbish_ends_as_a_boolean(content):
    assert isinstance(logind.remove_ipc([("/a", "[Login]\n" + content)])[0], bool)


def test_drop_ins_are_read_by_name_and_masked_by_etc(tmp_path):
    def put(path, content):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)

    (tmp_path / "run/systemd/seats").mkdir(parents=True)
    put("etc/systemd/logind.conf", "[Login]\nRemoveIPC=yes\n")
    put("usr/lib/systemd/logind.conf", "[Login]\nRemoveIPC=no\n")
    put("usr/lib/systemd/logind.conf.d/50-a.conf", "[Login]\nRemoveIPC=no\n")
    assert logind.gather(Host(str(tmp_path)), POLICY)[:2] == (False, "/usr/lib/systemd/logind.conf.d/50-a.conf")
    (tmp_path / "etc/systemd/logind.conf.d").mkdir()
    (tmp_path / "etc/systemd/logind.conf.d/50-a.conf").symlink_to("/dev/null")
    put("var/lib/systemd/linger/deploy", "")
    assert logind.gather(Host(str(tmp_path)), POLICY) == (True, "/etc/systemd/logind.conf", {"deploy"})


def test_a_host_without_logind_is_not_applicable(tmp_path):
    with pytest.raises(NotApplicable):
        logind.gather(Host(str(tmp_path)), POLICY)
