# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changing jobs, on real files: one line and no other byte, all else of the file kept, and everybody else's races."""

import os
import signal
import stat
import struct
import subprocess
from typing import Any, Callable, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import apply as applying
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import (
    execute_bits,
    scheduled_jobs,
    whole_file,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal, read_intents
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Taken, Unneeded
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_guard import Guard
from ansible_collections.phpfleet.remediation.plugins.module_utils.journal_file import Intent
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import DONE, UNNEEDED, Action
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import Secret, plain
from ansible_collections.phpfleet.remediation.plugins.module_utils.undo import undo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="owners, modes and spools are root's: run as root")
NOBODY = 65534
CHECK = "scheduled_restart.kills_in_flight"
LINE = b"28 5 * * * root /etc/init.d/php-fpm restart -p hunter2 >/dev/null"
NEW = b"28 5 * * * root nginx -t -q && systemctl reload nginx"
FILE = b"SHELL=/bin/sh\n\xff\xfe not UTF-8\r\n" + LINE + b"\n# the end, without a newline"
# An ACL that lets uid 65534 read, as the kernel keeps it (linux/posix_acl_xattr.h): tag, permission, id of each entry.
ACL = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in [(1, 6, 2**32 - 1), (2, 4, NOBODY), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1)]
)


@pytest.fixture
def path(tmp_path: Any) -> str:
    directory = os.path.join(os.path.realpath(str(tmp_path)), "cron.d")
    os.mkdir(directory, 0o755)
    path = os.path.join(directory, "php")
    put(path, FILE)
    return path


@pytest.fixture
def state(tmp_path: Any) -> str:
    return os.path.join(os.path.realpath(str(tmp_path)), "state")


def put(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def alone(path: str) -> bool:
    """Whether nothing stands beside the file."""
    return os.listdir(os.path.dirname(path)) == [os.path.basename(path)]


def disable(path: str, line: int = 3, text: bytes = LINE) -> Action:
    guard = Guard("comment_out_line", path, line, Secret(text), b"", None)
    return Action(CHECK, guard.verb, f"{path}:{line}", guard, "risk")


def rewrite(path: str, line: int = 3, text: bytes = LINE) -> Action:
    guard = Guard("rewrite_line", path, line, Secret(text), NEW, None)
    return Action(CHECK, guard.verb, f"{path}:{line}", guard, "risk")


def take_bits(path: str) -> Action:
    return Action(CHECK, "take_execute_bits", path, Guard("take_execute_bits", path, 0, Secret(), b"", None), "risk")


def run(state: str, *actions: Action) -> Any:
    """Do what is planned as a run of a remedy does, and return its id and the outcomes."""
    with Journal(state, dict(module="toy"), 30) as journal:
        journal.begin([])
        outcomes = applying.apply(actions, journal)
        journal.close_run(0)
    return journal.run_id, outcomes


def done(state: str, *actions: Action) -> str:
    run_id, outcomes = run(state, *actions)
    assert [outcome.result for outcome in outcomes] == [DONE] * len(actions), outcomes
    return str(run_id)


def put_back(state: str, run_id: str) -> Any:
    return undo(state, run_id, lambda: Journal(state, dict(module="undo")))


def marked(run_id: str, text: bytes = LINE) -> bytes:
    return f"# phpfleet {run_id} disabled ({CHECK}): ".encode() + text


def ready(action: Action, state: str) -> Any:
    with Journal(state, dict(module="toy"), 30) as journal:
        return applying.VERBS[action.verb].prepare(action, journal)


def act(prepared: Any) -> str:
    return str(applying.VERBS[prepared.action.verb].act(prepared))


# One line, and nothing else.


def test_one_line_becomes_a_comment_and_comes_back(path: str, state: str) -> None:
    run_id = done(state, disable(path))
    assert read(path) == FILE.replace(LINE, marked(run_id)) and alone(path)
    again = put_back(state, run_id)
    assert read(path) == FILE and alone(path) and not again.problems
    assert put_back(state, run_id).plan.actions == []
    put_back(state, again.run_id)
    assert read(path) == FILE.replace(LINE, marked(run_id))


def test_one_line_is_written_anew_and_comes_back(path: str, state: str) -> None:
    run_id = done(state, rewrite(path))
    assert read(path) == FILE.replace(LINE, NEW + b" # phpfleet " + run_id.encode())
    put_back(state, run_id)
    assert read(path) == FILE


def test_lines_of_one_file_are_changed_in_one_run(path: str, state: str) -> None:
    put(path, LINE + b"\n" + LINE + b"\n\n" + LINE)
    run_id = done(state, disable(path, 1), rewrite(path, 4), disable(path, 2))
    assert read(path) == b"\n".join([marked(run_id), marked(run_id), b"", NEW + b" # phpfleet " + run_id.encode()])
    put_back(state, run_id)
    assert read(path) == LINE + b"\n" + LINE + b"\n\n" + LINE


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(before=st.binary(max_size=60), after=st.binary(max_size=60))
def test_every_other_byte_stays_whatever_it_is(path: str, state: str, before: bytes, after: bytes) -> None:
    content = before + b"\n" + LINE + b"\n" + after
    put(path, content)
    number = before.count(b"\n") + 2
    run_id = done(state, disable(path, number))
    assert read(path) == before + b"\n" + marked(run_id) + b"\n" + after
    put_back(state, run_id)
    assert read(path) == content


@needs_root
def test_owner_mode_list_of_access_and_attributes_stay(path: str, state: str) -> None:
    os.chown(path, NOBODY, NOBODY)
    os.setxattr(path, "user.note", b"kept")
    os.setxattr(path, "system.posix_acl_access", ACL)
    before = os.stat(path)
    old = os.umask(0o077)
    try:
        run_id = done(state, disable(path))
    finally:
        os.umask(old)
    after = os.stat(path)
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, NOBODY, NOBODY)
    assert after.st_ino != before.st_ino
    assert os.getxattr(path, "user.note") == b"kept" and os.getxattr(path, "system.posix_acl_access") == ACL
    put_back(state, run_id)
    assert os.stat(path).st_mode == before.st_mode and os.getxattr(path, "system.posix_acl_access") == ACL


@needs_root
def test_a_new_file_gets_no_more_from_its_directory_than_the_old_one_had(path: str, state: str) -> None:
    os.setxattr(os.path.dirname(path), "system.posix_acl_default", ACL)
    done(state, disable(path))
    assert "system.posix_acl_access" not in os.listxattr(path)


def test_no_word_of_a_line_is_shown(path: str, state: str) -> None:
    action = disable(path)
    assert "hunter2" not in str(plain(action)) + str(applying.diff([action, rewrite(path)]))
    assert "php-fpm restart" in applying.diff([action])["before"]
    run_id = done(state, action)
    undone = put_back(state, run_id)
    assert "hunter2" not in str(plain(undone.plan.actions)) + str(applying.diff(undone.plan.actions))


@pytest.mark.parametrize(
    "line, said",
    [
        (b"28 5 * * mon-fri  root php-fpm restart -psecret", "28 5 * * mon-fri  … php-fpm restart …"),
        (b"@daily root service php-fpm restart", "@daily … service php-fpm restart"),
        (b"\t\tservice php-fpm restart secret", "service php-fpm restart …"),
        (b"secret word a b c d e", "…"),
        (b"# phpfleet 1 disabled (a.b): 1 5 * * * service php-fpm restart", "# phpfleet 1 disabled (a.b): 1 5 * * * "),
    ],
)
def test_of_a_line_its_times_are_shown_and_no_word_that_may_be_secret(path: str, line: bytes, said: str) -> None:
    before = applying.diff([disable(path, 3, line)])["before"]
    assert before.startswith(f"{path}:3: {said}") and "secret" not in before


def test_the_difference_shows_what_we_write(path: str) -> None:
    assert NEW.decode() in applying.diff([rewrite(path)])["after"]


# What somebody else did meanwhile.


def swapped(path: str, target: str) -> None:
    os.unlink(path)
    os.symlink(target, path)


MEANWHILE = {
    "the line was changed": lambda path: put(path, FILE.replace(b"28 5", b"29 5")),
    "a line was added above": lambda path: put(path, b"# new\n" + FILE),
    "the file was emptied": lambda path: put(path, b""),
    "the file is gone": os.unlink,
    "a directory stands there": lambda path: (os.unlink(path), os.mkdir(path)),
    "a FIFO stands there": lambda path: (os.unlink(path), os.mkfifo(path)),
}


@pytest.mark.parametrize("what", sorted(MEANWHILE))
def test_a_line_that_is_another_one_is_left_alone(path: str, state: str, what: str) -> None:
    prepared = ready(disable(path), state)
    change: Callable[[str], object] = MEANWHILE[what]
    change(path)
    before = read(path) if os.path.isfile(path) else None
    with pytest.raises(Unneeded):
        act(prepared)
    assert (read(path) if os.path.isfile(path) else None) == before
    assert not [name for name in os.listdir(os.path.dirname(path)) if "phpfleet" in name]


@pytest.mark.parametrize("how", ["in place", "by another file"])
def test_a_write_at_the_last_moment_wins(path: str, state: str, monkeypatch: Any, how: str) -> None:
    prepared = ready(disable(path), state)
    make = whole_file._make

    def made_while_somebody_writes(*arguments: Any) -> None:
        make(*arguments)
        put(path + ".new", FILE + b"\n@daily root true\n")
        if how == "in place":
            put(path, read(path + ".new"))
            os.unlink(path + ".new")
        else:
            os.rename(path + ".new", path)

    monkeypatch.setattr(whole_file, "_make", made_while_somebody_writes)
    with pytest.raises(Unneeded, match="changed meanwhile"):
        act(prepared)
    assert read(path) == FILE + b"\n@daily root true\n" and alone(path)


def test_a_link_in_its_place_is_not_followed(path: str, state: str, tmp_path: Any) -> None:
    target = str(tmp_path / "shadow")
    put(target, FILE)
    prepared = ready(disable(path), state)
    swapped(path, target)
    with pytest.raises(CannotAct, match="it is a symbolic link"):
        act(prepared)
    assert read(target) == FILE and os.path.islink(path)


@needs_root
def test_a_link_that_another_user_put_on_the_way_is_not_followed(path: str, state: str, tmp_path: Any) -> None:
    prepared = ready(disable(path), state)
    directory = os.path.dirname(path)
    os.rename(directory, directory + ".real")
    os.symlink(directory + ".real", directory)
    os.chown(directory, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(CannotAct, match="others than root"):
        act(prepared)
    assert read(os.path.join(directory + ".real", "php")) == FILE


def test_a_file_of_several_names_is_refused(path: str, state: str, tmp_path: Any) -> None:
    os.link(path, str(tmp_path / "other"))
    with pytest.raises(CannotAct, match="it has 2 names"):
        ready(disable(path), state)
    assert read(path) == FILE


def test_a_directory_that_others_can_write_is_refused(path: str, state: str) -> None:
    os.chmod(os.path.dirname(path), 0o777)
    with pytest.raises(CannotAct, match="others than root can write in it"):
        ready(disable(path), state)


@needs_root
def test_in_a_spool_each_can_exchange_only_what_is_theirs(path: str, state: str) -> None:
    directory = os.path.dirname(path)
    os.chown(directory, 0, NOBODY)
    os.chmod(directory, 0o1730)
    os.chown(path, NOBODY, NOBODY)
    os.chmod(path, 0o600)
    run_id = done(state, disable(path))
    seen = os.stat(path)
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid) == (0o600, NOBODY, NOBODY)
    assert read(path) == FILE.replace(LINE, marked(run_id))


def test_a_set_id_bit_is_not_copied(path: str, state: str) -> None:
    os.chmod(path, 0o4755)
    with pytest.raises(CannotAct, match="set-id bit"):
        ready(disable(path), state)


@needs_root
def test_what_is_to_stay_as_it_is_stays(path: str, state: str) -> None:
    prepared = ready(disable(path), state)
    if subprocess.call(["/usr/bin/chattr", "+i", path], stderr=subprocess.DEVNULL) != 0:
        pytest.skip("this file system knows no immutable files; the integration target of the module tests one")
    try:
        with pytest.raises(CannotAct, match="it is as it was; where `lsattr` shows i"):
            act(prepared)
    finally:
        subprocess.check_call(["/usr/bin/chattr", "-i", path])
    assert read(path) == FILE and alone(path)


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_a_full_disk_leaves_it_as_it_was(path: str, state: str, monkeypatch: Any, call: str) -> None:
    prepared = ready(disable(path), state)

    def full(*arguments: Any, **names: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(CannotAct, match="No space left on device; it is as it was"):
        act(prepared)
    monkeypatch.undo()
    assert read(path) == FILE and alone(path)


def test_a_run_that_is_killed_in_the_middle_leaves_nothing_after_undo(path: str, state: str) -> None:
    prepared = ready(disable(path), state)
    child = os.fork()
    if child == 0:
        os.rename = lambda *arguments, **names: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        act(prepared)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert read(path) == FILE and not alone(path)
    back = scheduled_jobs.undo(Intent(0, CHECK, "comment_out_line", path, prepared.kept, None))
    assert isinstance(back, Action)
    assert act(ready(back, state)) == "what the run had left beside it is removed"
    assert read(path) == FILE and alone(path)
    with pytest.raises(Unneeded, match="as it was before the run"):
        ready(back, state)


def test_no_daemon_takes_the_new_file_for_a_job() -> None:
    name = whole_file.beside()
    assert name.startswith(".") and name.endswith("~")


# Undo, after other people's changes.


def test_undo_finds_its_line_wherever_it_is_by_now(path: str, state: str) -> None:
    run_id = done(state, disable(path))
    put(path, b"# a new first line\n" + read(path).replace(b"SHELL=/bin/sh\n", b"") + b"\n@daily root true\n")
    assert not put_back(state, run_id).problems
    assert LINE in read(path).split(b"\n") and b"phpfleet" not in read(path) and b"@daily root true" in read(path)


def test_undo_leaves_alone_what_was_changed_since(path: str, state: str) -> None:
    run_id = done(state, disable(path))
    put(path, read(path).replace(b"hunter2", b"other"))
    before = read(path)
    undone = put_back(state, run_id)
    assert [lost.object for lost in undone.plan.lost] == [f"{path}:3"] and read(path) == before
    assert "changed or removed since" in undone.plan.lost[0].reason


def test_undo_of_a_file_that_is_gone_says_so(path: str, state: str) -> None:
    run_id = done(state, disable(path))
    os.unlink(path)
    (lost,) = put_back(state, run_id).plan.lost
    assert "it is gone" in lost.reason


def test_the_same_job_is_not_changed_twice(path: str, state: str) -> None:
    _run_id, outcomes = run(state, disable(path), rewrite(path))
    assert [outcome.result for outcome in outcomes] == [DONE, UNNEEDED]


# Scripts that run-parts runs.


@pytest.fixture
def script(path: str) -> str:
    put(path, b"#!/bin/sh\nservice php-fpm restart\n")
    os.chmod(path, 0o755)
    return path


def mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_script_loses_its_execute_bits_and_gets_them_back(script: str, state: str) -> None:
    run_id = done(state, take_bits(script))
    assert mode(script) == 0o644 and read(script).startswith(b"#!/bin/sh")
    assert [name for name in os.listdir(os.path.dirname(script)) if os.access(script, os.X_OK)] == []
    undone = put_back(state, run_id)
    assert mode(script) == 0o755
    put_back(state, undone.run_id)
    assert mode(script) == 0o644


def test_a_script_whose_mode_was_changed_since_stays_so(script: str, state: str) -> None:
    run_id = done(state, take_bits(script))
    os.chmod(script, 0o600)
    (lost,) = put_back(state, run_id).plan.lost
    assert "its mode was changed since" in lost.reason and mode(script) == 0o600


def test_a_script_that_nobody_executes_is_left_alone(script: str, state: str) -> None:
    prepared = ready(take_bits(script), state)
    os.chmod(script, 0o644)
    with pytest.raises(Unneeded, match="nobody may execute it"):
        act(prepared)


def test_a_script_that_was_replaced_at_the_last_moment_is_left_alone(script: str, state: str, monkeypatch: Any) -> None:
    prepared = ready(take_bits(script), state)
    change = execute_bits._change

    def changed_while_somebody_writes(*arguments: Any) -> None:
        os.rename(script, script + ".old")
        put(script, b"#!/bin/sh\ntrue\n")
        os.chmod(script, 0o755)
        change(*arguments)

    monkeypatch.setattr(execute_bits, "_change", changed_while_somebody_writes)
    with pytest.raises(Unneeded, match="changed meanwhile"):
        act(prepared)
    assert mode(script) == 0o755 and mode(script + ".old") == 0o755


def test_a_script_that_is_a_link_is_refused(script: str, state: str) -> None:
    os.rename(script, script + ".real")
    os.symlink(script + ".real", script)
    with pytest.raises(CannotAct, match="symbolic link"):
        ready(take_bits(script), state)


def test_a_taken_script_is_taken_once(script: str, state: str) -> None:
    run_id = done(state, take_bits(script))
    kept: List[Optional[str]] = [intent.result for intent in read_intents(state, run_id)]
    assert kept == [DONE]
    os.chmod(script, 0o755)
    assert put_back(state, run_id).plan.actions == []
    with pytest.raises(Taken):
        os.chmod(script, 0o400)
        ready(Action(CHECK, "put_back_mode", script, execute_bits.Back(script, 0o755, 0o644), None), state)
