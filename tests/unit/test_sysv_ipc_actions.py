# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Removing and making again with real system calls, in an IPC namespace that this process makes for itself."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import ipc_calls, sysv_ipc
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.apply import VERBS, apply, diff
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal, read_intents
from ansible_collections.phpfleet.remediation.plugins.module_utils.attach import read_segment
from ansible_collections.phpfleet.remediation.plugins.module_utils.audit import audit
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Missing, Taken
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import sysv_ipc as facts
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host, Semaphore
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from ansible_collections.phpfleet.remediation.plugins.module_utils.remediate import make_plan, remediate
from ansible_collections.phpfleet.remediation.plugins.module_utils.undo import undo

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.shmat.restype = ctypes.c_void_p
LIBC.shmdt.argtypes = [ctypes.c_void_p]
CLONE_NEWIPC = 0x08000000
KEY = 0x6104E88B
ORPHANS = [check for check in CHECKS if check.id.startswith("sysv_ipc.orphaned")]
POLICY = policy_from({"sysv_ipc": {"min_age": 0, "disposable_keys": [hex(KEY)]}})
PHP_HEADER = b"PHP_SM\x00\x00" + b"".join(number.to_bytes(8, sys.byteorder) for number in (40, 1120, 64416, 65536))


class Operation(ctypes.Structure):
    """struct sembuf"""

    _fields_ = (("number", ctypes.c_ushort), ("change", ctypes.c_short), ("flags", ctypes.c_short))


@pytest.fixture(scope="module", autouse=True)
def own_namespace():
    if os.geteuid() != 0:
        pytest.skip("an IPC namespace of its own needs root")
    if LIBC.unshare(CLONE_NEWIPC) != 0:
        pytest.skip("the kernel gives no IPC namespace: " + os.strerror(ctypes.get_errno()))


CHILDREN = []


@pytest.fixture(autouse=True)
def empty_tables():
    yield
    while CHILDREN:
        child = CHILDREN.pop()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for kind, table in (("shm", "shm"), ("sem", "sem"), ("msg", "msg")):
        for identifier in ids(table):
            ipc_calls.remove(kind, identifier)


def lines_of(table):
    with open("/proc/sysvipc/" + table) as lines:
        return list(lines)[1:]


def ids(table):
    return [int(line.split()[1]) for line in lines_of(table)]


def left_behind(make):
    """Return what make() made, in a process that has ended."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, b"%d" % make())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writer)
    made = int(os.read(reader, 20))
    os.close(reader)
    return made


def make_segment(key=0, size=65536, content=PHP_HEADER, mode=0o640):
    def make():
        made = LIBC.shmget(ctypes.c_int(key), ctypes.c_size_t(size), 0o1000 | mode)
        address = LIBC.shmat(made, None, 0)
        ctypes.memmove(address, content, len(content))
        LIBC.shmdt(address)
        return made

    return left_behind(make)


def operate(made, *operations):
    assert LIBC.semop(made, (Operation * len(operations))(*operations), len(operations)) == 0


def make_set(key=0, mode=0o640, semaphores=3):
    def make():
        made = LIBC.semget(ctypes.c_int(key), semaphores, 0o1000 | mode)
        for number in range(semaphores):
            operate(made, Operation(number, 1, 0))
        for number in range(1, semaphores):
            operate(made, Operation(number, -1, 0))
        return made

    return left_behind(make)


def send(made):
    message = ctypes.create_string_buffer(b"\1" + bytes(7) + b"hello", 13)
    assert LIBC.msgsnd(made, message, 5, 0) == 0


def make_queue(key=0, mode=0o640):
    def make():
        made = LIBC.msgget(ctypes.c_int(key), 0o1000 | mode)
        send(made)
        LIBC.msgrcv(made, ctypes.create_string_buffer(100), 50, 0, 0)
        return made

    return left_behind(make)


MAKERS = {"shm": make_segment, "sem": make_set, "msg": make_queue}
EACH = pytest.mark.parametrize("kind", sorted(MAKERS))


def journal(tmp_path):
    return Journal(str(tmp_path / "state"), {}, 30)


def plan(policy=POLICY):
    return make_plan(audit(Host(), policy, ORPHANS), policy, 500).actions


def run(tmp_path, policy=POLICY):
    return remediate(Host, policy, ORPHANS, 500, lambda: journal(tmp_path))


def put_back(tmp_path, run_id):
    return undo(str(tmp_path / "state"), run_id, lambda: journal(tmp_path))


def results(outcomes):
    return [outcome.result for outcome in outcomes]


@EACH
@pytest.mark.parametrize("key", [0, KEY])
def test_what_is_left_behind_is_removed_and_proven_gone(kind, key, tmp_path):
    made = MAKERS[kind](key)
    assert ids(kind) == [made]
    done = run(tmp_path)
    assert results(done.outcomes) == ["done"]
    assert (done.remaining, done.problems) == ([], [])
    assert ids(kind) == []
    again = run(tmp_path)
    assert (again.plan.actions, again.run_id) == ([], None)


@EACH
def test_check_mode_plans_the_same_and_touches_nothing(kind, tmp_path):
    MAKERS[kind](KEY)
    before = lines_of(kind)
    planned = remediate(Host, POLICY, ORPHANS, 500, None)
    assert lines_of(kind) == before
    assert [action.object for action in planned.plan.actions] == [f"{kind} {ids(kind)[0]}"]
    assert diff(planned.plan.actions)["before"] == f"{kind} {ids(kind)[0]} (key 0x6104e88b)\n"


def wait_at(made, change=-2):
    """Let another process wait for the first semaphore of a set: for more than it has, or with 0 for none."""
    command = 14 if change else 15  # GETNCNT, GETZCNT
    before = LIBC.semctl(made, 0, command)
    child = os.fork()
    if child == 0:
        LIBC.semop(made, ctypes.byref(Operation(0, change, 0)), 1)
        os._exit(0)
    end = time.monotonic() + 10
    while LIBC.semctl(made, 0, command) == before and time.monotonic() < end:
        time.sleep(0.01)
    CHILDREN.append(child)


def attach(made):
    """Let another process attach a segment."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        LIBC.shmat(made, None, 0)
        os.write(writer, b"attached")
        signal.pause()
    os.read(reader, 8)
    os.close(reader)
    os.close(writer)
    CHILDREN.append(child)


def touch(made):
    LIBC.shmdt(LIBC.shmat(made, None, 0))


def change_mode(kind):
    def change(made):
        time.sleep(1.1)  # ctime counts seconds
        ipc_calls.give(kind, made, 0, 0, 0o600)

    return change


@pytest.mark.parametrize(
    "kind, change, field",
    [
        ("shm", attach, "atime|lpid|nattch"),
        ("shm", touch, "atime|lpid"),
        ("shm", change_mode("shm"), "ctime"),
        ("sem", lambda made: operate(made, Operation(0, 1, 0)), "otime|values"),
        ("sem", wait_at, "waiters"),
        ("sem", change_mode("sem"), "ctime"),
        ("msg", send, "stime|qnum"),
        ("msg", change_mode("msg"), "ctime"),
    ],
    ids=["attach", "touch", "mode", "operate", "wait", "set mode", "send", "queue mode"],
)
@pytest.mark.parametrize("moment", ["before preparing", "before the act"])
def test_what_was_used_since_it_was_seen_is_left_alone(kind, change, field, moment, tmp_path):
    made = MAKERS[kind](KEY)
    actions = plan(policy_from({"sysv_ipc": {"min_age": 0, "disposable_keys": [hex(KEY)], "snapshot_limit": 0}}))
    with journal(tmp_path) as book:
        if moment == "before preparing":
            change(made)
            outcomes = apply(actions, book)
        else:
            prepared = VERBS[actions[0].verb].prepare(actions[0], book)
            change(made)
            with pytest.raises(sysv_ipc.Unneeded, match=field):
                VERBS[actions[0].verb].act(prepared)
            outcomes = []
    assert results(outcomes) == ["unneeded"] * len(outcomes)
    assert ids(kind) == [made]


def test_each_semaphore_says_for_itself_who_used_it_and_who_waits():
    made = make_set()
    operate(made, Operation(1, 1, 0))
    for change in (-2, 0, 0):
        wait_at(made, change)
    first, second, third = Host().semaphores(made, 3)
    assert first == Semaphore(1, third.pid, 1, 2)
    assert second == Semaphore(1, os.getpid(), 0, 0)
    assert third.value == 0 != third.pid


def test_preparing_sees_what_is_recorded_of_a_set(tmp_path):
    made = make_set(KEY)
    actions = plan()
    time.sleep(1.1)  # otime counts seconds
    operate(made, Operation(0, 1, 0))
    with journal(tmp_path) as book, pytest.raises(sysv_ipc.Unneeded, match="otime"):
        VERBS[actions[0].verb].prepare(actions[0], book)


def test_what_is_gone_already_is_unneeded(tmp_path):
    made = make_set()
    actions = plan()
    ipc_calls.remove("sem", made)
    with journal(tmp_path) as book:
        assert results(apply(actions, book)) == ["unneeded"]


def test_a_segment_attached_in_the_very_moment_of_its_removal_is_a_failure(tmp_path, monkeypatch):
    made = make_segment(KEY)
    actions = plan()
    with journal(tmp_path) as book:
        prepared = VERBS[actions[0].verb].prepare(actions[0], book)
        attach(made)
        monkeypatch.setattr(sysv_ipc, "_look", lambda action: None)  # as if it happened between the look and the call
        with pytest.raises(CannotAct, match="attached in the very moment"):
            VERBS[actions[0].verb].act(prepared)


def test_the_content_is_kept_and_php_s_header_told(tmp_path):
    make_segment()
    done = run(tmp_path)
    assert "1080 of 65536 bytes in use, 64416 free" in done.outcomes[0].reason
    kept = (tmp_path / "state" / "quarantine" / done.run_id).read_bytes()
    assert kept == PHP_HEADER + bytes(65536 - len(PHP_HEADER))


def test_a_segment_used_by_others_while_it_is_copied_is_left_alone(tmp_path, monkeypatch):
    made = make_segment(KEY)
    actions = plan()

    def read_and_be_overtaken(shmid, length):
        content = read_segment(shmid, length)
        left_behind(lambda: touch(made) or 0)
        return content

    monkeypatch.setattr(sysv_ipc, "read_segment", read_and_be_overtaken)
    with journal(tmp_path) as book:
        outcomes = apply(actions, book)
    assert results(outcomes) == ["unneeded"]
    assert "lpid" in outcomes[0].reason
    assert ids("shm") == [made]


def test_a_queue_that_nobody_used_yet_is_proven_only_once_its_maker_has_ended(tmp_path):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setuid(65533)
        os.write(writer, b"%d" % LIBC.msgget(0, 0o1600))
        signal.pause()
    CHILDREN.append(child)
    made = int(os.read(reader, 20))
    os.close(reader)
    os.close(writer)
    (finding,) = audit(Host(), POLICY, ORPHANS).findings
    assert (finding.object, finding.evidence.grade) == (f"msg {made}", "suspected")
    assert "who made it is not recorded; it may still run" in finding.evidence.missing
    assert results(run(tmp_path).outcomes) == []
    os.kill(CHILDREN.pop(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert results(run(tmp_path).outcomes) == ["done"]
    assert ids("msg") == []


class OldKernel(Host):
    """This host, as if its kernel were before 4.17."""

    def read(self, path, limit, follow=False):
        return b"4.15.0-20-generic\n" if path.endswith("/osrelease") else super().read(path, limit, follow)

    def list(self, path):
        # In a container, process 1 may be closed even to root.
        return [name for name in super().list(path) if path != "/proc" or name != "1"]


def test_an_old_kernel_proves_nothing_while_a_container_shares_the_table():
    make_segment()
    assert not facts.gather_segments(OldKernel(), POLICY).foreign_pids
    container = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", "echo up; exec sleep 60"], stdout=subprocess.PIPE
    )
    try:
        assert container.stdout.readline() == b"up\n"
        assert facts.gather_segments(OldKernel(), POLICY).foreign_pids
        (finding,) = audit(OldKernel(), POLICY, ORPHANS).findings
        assert finding.evidence.grade == "suspected"
    finally:
        container.kill()
        container.communicate()


def test_undo_makes_a_segment_again_with_key_owner_mode_and_content(tmp_path):
    made = make_segment(KEY, mode=0o640)
    ipc_calls.give("shm", made, 33, 34, 0o604)
    done = run(tmp_path)
    undone = put_back(tmp_path, done.run_id)
    assert (results(undone.outcomes), undone.plan.lost, undone.problems) == (["done"], [], [])
    back = facts.gather_segments(Host(), POLICY).objects[0]
    assert (back.key, back.uid, back.gid, back.perms, back.size) == (KEY, 33, 34, 0o604, 65536)
    assert read_segment(back.shmid, 65536) == PHP_HEADER + bytes(65536 - len(PHP_HEADER))
    assert put_back(tmp_path, done.run_id).plan.actions == []


def test_undo_makes_a_set_again_with_its_values(tmp_path):
    made = make_set(KEY)
    left_behind(lambda: ipc_calls.write_values(made, (5, 0, 0)) or made)
    ipc_calls.give("sem", made, 33, 34, 0o604)
    done = run(tmp_path)
    assert results(put_back(tmp_path, done.run_id).outcomes) == ["done"]
    back = facts.gather_sets(Host(), POLICY).objects[0]
    assert (back.key, back.uid, back.gid, back.perms) == (KEY, 33, 34, 0o604)
    assert ipc_calls.read_values(back.semid, 3) == (5, 0, 0)


def test_undo_makes_a_queue_again_with_its_size(tmp_path):
    made = make_queue(KEY)
    ipc_calls.give("msg", made, 33, 34, 0o604, 4096)
    done = run(tmp_path)
    assert results(put_back(tmp_path, done.run_id).outcomes) == ["done"]
    back = facts.gather_queues(Host(), POLICY).objects[0]
    assert (back.key, back.uid, back.gid, back.perms) == (KEY, 33, 34, 0o604)
    assert ipc_calls.read_state("msg", back.msqid).qbytes == 4096


@EACH
@pytest.mark.parametrize("change", ["mode", "owner", "size"])
def test_a_key_that_is_in_use_again_is_left_to_its_program_and_told_as_lost(kind, change, tmp_path):
    MAKERS[kind](KEY)
    done = run(tmp_path)
    if change == "size":
        newer = {
            "shm": lambda: make_segment(KEY, size=4096),
            "sem": lambda: make_set(KEY, semaphores=4),
            "msg": lambda: make_queue(KEY),
        }[kind]()
    else:
        newer = MAKERS[kind](KEY, mode=0o600 if change == "mode" else 0o640)
    if change == "owner":
        ipc_calls.give(kind, newer, 33, 0, 0o640)
    if change == "size" and kind == "msg":
        ipc_calls.give(kind, newer, 0, 0, 0o640, 4096)
    undone = put_back(tmp_path, done.run_id)
    assert list(undone.plan.actions) == []
    assert f"key 0x6104e88b is {kind} {newer} now, which differs" in undone.plan.lost[0].reason
    assert (str(tmp_path / "state" / "quarantine") in undone.plan.lost[0].reason) is (kind == "shm")
    assert ids(kind) == [newer]


def test_an_empty_segment_that_its_program_made_anew_does_not_hide_the_content_that_was_taken(tmp_path):
    make_segment(KEY)
    done = run(tmp_path)
    newer = make_segment(KEY, content=b"")
    lost = put_back(tmp_path, done.run_id).plan.lost
    assert "holds something else" in lost[0].reason
    assert f"{tmp_path / 'state' / 'quarantine' / done.run_id} at byte 0, 65536 bytes" in lost[0].reason
    assert read_segment(newer, 8) == bytes(8)


def test_a_set_with_other_values_is_not_what_was_taken(tmp_path):
    made = make_set(KEY)
    left_behind(lambda: ipc_calls.write_values(made, (5, 0, 0)) or made)
    done = run(tmp_path)
    make_set(KEY)
    assert "differs from what was taken in values" in put_back(tmp_path, done.run_id).plan.lost[0].reason


@EACH
def test_what_was_put_back_is_not_lost(kind, tmp_path):
    MAKERS[kind](KEY)
    done = run(tmp_path)
    assert results(put_back(tmp_path, done.run_id).outcomes) == ["done"]
    again = put_back(tmp_path, done.run_id)
    assert (list(again.plan.actions), list(again.plan.lost)) == ([], [])


def test_without_the_content_that_was_kept_nobody_can_tell_whether_it_is_back(tmp_path):
    make_segment(KEY)
    done = run(tmp_path)
    make_segment(KEY)
    (tmp_path / "state" / "quarantine" / done.run_id).unlink()
    assert "cannot be told" in put_back(tmp_path, done.run_id).plan.lost[0].reason


@EACH
def test_a_key_that_is_taken_in_the_very_moment_of_the_undo_is_taken(kind, tmp_path):
    MAKERS[kind](KEY)
    done = run(tmp_path)
    intent = read_intents(str(tmp_path / "state"), done.run_id)[0]
    with journal(tmp_path) as book:
        prepared = VERBS["restore_ipc_object"].prepare(VERBS[intent.verb].undo(intent), book)
        newer = MAKERS[kind](KEY, mode=0o600)
        with pytest.raises(Taken, match="quarantine" if kind == "shm" else "in use again"):
            VERBS["restore_ipc_object"].act(prepared)
    assert ids(kind) == [newer]


@EACH
def test_a_private_object_is_gone_for_good_and_undo_says_so(kind, tmp_path):
    MAKERS[kind]()
    done = run(tmp_path)
    undone = put_back(tmp_path, done.run_id)
    assert "it had no key" in undone.plan.lost[0].reason
    assert (str(tmp_path) in undone.plan.lost[0].reason) is (kind == "shm")
    assert ids(kind) == []


def test_content_above_the_limit_is_not_kept_and_both_plan_and_undo_say_so(tmp_path):
    make_segment(KEY)
    policy = policy_from({"sysv_ipc": {"min_age": 0, "disposable_keys": [hex(KEY)], "snapshot_limit": 65535}})
    done = run(tmp_path, policy)
    assert "is not kept" in done.plan.actions[0].risk
    assert "was not kept" in put_back(tmp_path, done.run_id).plan.lost[0].reason


@EACH
@pytest.mark.parametrize("key", [0, KEY])
def test_a_run_that_was_cut_short_before_the_act_took_nothing(kind, key, tmp_path):
    made = MAKERS[kind](key)
    with journal(tmp_path) as book:
        prepared = [VERBS[action.verb].prepare(action, book) for action in plan()]
        book.begin([])
        book.intents([step.action for step in prepared], [step.kept for step in prepared])
    undone = put_back(tmp_path, book.run_id)
    assert (list(undone.plan.actions), list(undone.plan.lost)) == ([], [])
    assert ids(kind) == [made]


def test_a_quarantine_that_is_gone_makes_undo_fail_with_nothing_half_made(tmp_path):
    make_segment(KEY)
    done = run(tmp_path)
    (tmp_path / "state" / "quarantine" / done.run_id).unlink()
    undone = put_back(tmp_path, done.run_id)
    assert results(undone.outcomes) == ["failed"]
    assert "cannot be put back" in undone.outcomes[0].reason
    assert ids("shm") == []


def test_who_may_not_remove_says_so_and_changes_nothing(tmp_path):
    made = make_set(mode=0o666)
    actions = plan()
    with journal(tmp_path) as book:
        prepared = VERBS[actions[0].verb].prepare(actions[0], book)
        os.seteuid(65534)
        try:
            with pytest.raises(CannotAct, match="run with become"):
                VERBS[actions[0].verb].act(prepared)
        finally:
            os.seteuid(0)
    assert ids("sem") == [made]


def test_a_segment_that_is_gone_cannot_be_read():
    made = make_segment()
    ipc_calls.remove("shm", made)
    with pytest.raises(Missing):
        read_segment(made, 10)


def test_a_full_table_is_told_with_what_to_do(tmp_path):
    with open("/proc/sys/kernel/msgmni", "w") as limit:
        limit.write("0")
    try:
        with pytest.raises(CannotAct, match="the table is full"):
            ipc_calls.create("msg", KEY)
    finally:
        with open("/proc/sys/kernel/msgmni", "w") as limit:
            limit.write("32000")


def test_an_unknown_architecture_is_refused(tmp_path, monkeypatch):
    made = make_segment()
    actions = plan()
    monkeypatch.setattr(ipc_calls, "MACHINE", "m68k")
    with journal(tmp_path) as book:
        outcomes = apply(actions, book)
    assert results(outcomes) == ["failed"]
    assert "m68k" in outcomes[0].reason
    assert ids("shm") == [made]


LAYOUT = r"""
#include <stddef.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/sem.h>
#include <sys/msg.h>
#define FIELD(type, member, name) printf("\"%s.%s\": %zu, ", #type, name, offsetof(struct type, member))
int main(void) {
    printf("{");
    FIELD(ipc_perm, __key, "key"); FIELD(ipc_perm, uid, "uid"); FIELD(ipc_perm, gid, "gid");
    FIELD(ipc_perm, cuid, "cuid"); FIELD(ipc_perm, cgid, "cgid"); FIELD(ipc_perm, mode, "mode");
    FIELD(shmid_ds, shm_segsz, "size"); FIELD(shmid_ds, shm_atime, "atime"); FIELD(shmid_ds, shm_dtime, "dtime");
    FIELD(shmid_ds, shm_ctime, "ctime"); FIELD(shmid_ds, shm_cpid, "cpid"); FIELD(shmid_ds, shm_lpid, "lpid");
    FIELD(shmid_ds, shm_nattch, "nattch");
    FIELD(semid_ds, sem_otime, "otime"); FIELD(semid_ds, sem_ctime, "ctime"); FIELD(semid_ds, sem_nsems, "nsems");
    FIELD(msqid_ds, msg_stime, "stime"); FIELD(msqid_ds, msg_rtime, "rtime"); FIELD(msqid_ds, msg_ctime, "ctime");
    FIELD(msqid_ds, msg_qnum, "qnum"); FIELD(msqid_ds, msg_qbytes, "qbytes"); FIELD(msqid_ds, msg_lspid, "lspid");
    FIELD(msqid_ds, msg_lrpid, "lrpid");
    printf("\"ipc_perm\": %zu, \"shmid_ds\": %zu, ", sizeof(struct ipc_perm), sizeof(struct shmid_ds));
    printf("\"semid_ds\": %zu, \"msqid_ds\": %zu}", sizeof(struct semid_ds), sizeof(struct msqid_ds));
}
"""


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no gcc to ask libc's headers")
def test_the_structures_are_those_of_libc(tmp_path):
    (tmp_path / "layout.c").write_text(LAYOUT)
    subprocess.check_call(["gcc", "-o", str(tmp_path / "layout"), str(tmp_path / "layout.c")])
    layout = json.loads(subprocess.check_output([str(tmp_path / "layout")]).decode())
    structures = {
        "ipc_perm": ipc_calls.Permissions,
        "shmid_ds": ipc_calls.SegmentState,
        "semid_ds": ipc_calls.SetState,
        "msqid_ds": ipc_calls.QueueState,
    }
    for name, offset in layout.items():
        structure, field = [*name.split(".", 1), ""][:2]
        ours = structures[structure]
        assert offset == (getattr(ours, field).offset if field else ctypes.sizeof(ours)), name


REMEDY = """
import sys
sys.path[:0] = {path!r}
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal
from ansible_collections.phpfleet.remediation.plugins.module_utils.checks.index import CHECKS
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host, Semaphore
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from ansible_collections.phpfleet.remediation.plugins.module_utils.remediate import remediate
policy = policy_from({{"sysv_ipc": {{"min_age": 0}}}})
checks = [check for check in CHECKS if check.id.startswith("sysv_ipc.orphaned")]
remediate(Host, policy, checks, 500, lambda: Journal({state!r}, {{}}, 30))
"""


@pytest.mark.skipif(not shutil.which("strace"), reason="there is no strace to watch system calls")
def test_journal_and_quarantine_are_on_disk_before_the_first_removal(tmp_path):
    for make in MAKERS.values():
        make()
    state = str(tmp_path / "state")
    program = REMEDY.format(path=sys.path, state=state)
    trace = tmp_path / "trace"
    calls = "trace=openat,write,fsync,fdatasync,shmctl,semctl,msgctl"
    subprocess.check_call(
        ["strace", "-f", "-y", "-s", "60", "-e", calls, "-o", str(trace), sys.executable, "-c", program]
    )
    lines = trace.read_text(errors="replace").splitlines()
    removals = [number for number, line in enumerate(lines) if "IPC_RMID" in line]
    intents = [
        number for number, line in enumerate(lines) if "/journal/" in line and "write(" in line and "intent" in line
    ]
    synced = [number for number, line in enumerate(lines) if "fsync(" in line and "/journal/" in line]
    kept = [number for number, line in enumerate(lines) if "fsync(" in line and "/quarantine/" in line]
    directory = [number for number, line in enumerate(lines) if "fsync(" in line and f"<{state}/journal>" in line]
    assert len(removals) == 3
    assert any(intents[0] < number < removals[0] for number in synced)
    assert any(number < removals[0] for number in kept)
    assert any(number < removals[0] for number in directory)
    assert not any(number > removals[0] for number in intents)
