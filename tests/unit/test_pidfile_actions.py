# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Changing pidfiles: real files, real processes, and programs that write at the same moment."""

import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from typing import Any, Callable, Iterator, List, Optional

import psutil
import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import pidfile as actions
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.verb import Prepared
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Taken, Unneeded
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import processes
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.bearer import bearer, heads
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.pidfile import FileSeen, Guard
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.journal_file import Intent
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Action
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="a pidfile is root's, and other users are needed: run as root"
)
NOBODY = 65534
TITLE = "php-fpm: master process (/etc/php-fpm.conf)"


@pytest.fixture
def path(tmp_path: Any) -> str:
    return os.path.join(os.path.realpath(str(tmp_path)), "php-fpm.pid")


@pytest.fixture
def dead() -> int:
    """A pid that nobody bears, and nobody is given soon."""
    ended = subprocess.Popen(["/bin/true"])
    ended.wait()
    return ended.pid


@pytest.fixture
def start(tmp_path: Any) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """Start a program whose executable is called php-fpm, as its master."""
    started: List[Any] = []

    def run(name: str = "php-fpm", title: str = TITLE) -> "subprocess.Popen[bytes]":
        executable = os.path.join(str(tmp_path), name)
        if not os.path.exists(executable):
            shutil.copy("/bin/sleep", executable)
        started.append(subprocess.Popen([title, "600"], executable=executable))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()


def write(path: str, content: object) -> None:
    with open(path, "w") as file:
        file.write(str(content))
    os.utime(path, ns=(1795300000123456789, 1795300000123456789))


def read(path: str) -> Optional[str]:
    if not os.path.lexists(path):
        return None
    with open(path) as file:
        return file.read()


def see(path: str, wanted: Optional[bytes] = None, masters: Any = ()) -> Guard:
    """Look at a pidfile of php-fpm as the facts do."""
    seen = processes.gather(Host(), policy_from({}))
    running = heads(Host(), seen, "php-fpm")
    if not os.path.lexists(path):
        return Guard(path, None, None, None, "php-fpm", tuple(masters), running, wanted)
    with open(path, "rb") as file:
        content, found = file.read(), os.fstat(file.fileno())
    pid = int(content) if content.isdigit() else None
    who = bearer(Host(), seen, pid, path, "php-fpm", masters)[0] if pid else None
    return Guard(
        path, FileSeen(found.st_ino, found.st_mtime_ns, content), pid, who, "php-fpm", tuple(masters), running, wanted
    )


def action(guard: Guard) -> Action:
    verb = "remove_pidfile" if guard.wanted is None else "replace_pidfile" if guard.file else "write_pidfile"
    return Action("pidfile.x", verb, guard.path, guard, None)


def prepare(guard: Guard) -> Prepared:
    journal: Any = None  # pidfiles are small enough to be kept in the intent itself
    return actions.VERBS[action(guard).verb].prepare(action(guard), journal)


def do(guard: Guard) -> Prepared:
    prepared = prepare(guard)
    actions.VERBS[prepared.action.verb].act(prepared)
    return prepared


def put_back(done: Prepared, result: Optional[str] = "done") -> Prepared:
    intent = Intent(0, done.action.check, done.action.verb, done.action.object, done.kept, result)
    back = actions.VERBS[intent.verb].undo(intent)
    assert isinstance(back, Action)
    verb = actions.VERBS[back.verb]
    verb.look(back)
    journal: Any = None
    prepared = verb.prepare(back, journal)
    verb.act(prepared)
    return prepared


def names(path: str) -> List[str]:
    return sorted(name for name in os.listdir(os.path.dirname(path)) if "pid" in name or name.startswith(".phpfleet"))


def test_a_stale_pidfile_is_removed_and_put_back_as_it_was(path: str, dead: int) -> None:
    write(path, dead)
    os.chmod(path, 0o640)
    before = os.stat(path)
    done = do(see(path))
    assert names(path) == []
    put_back(done)
    after = os.stat(path)
    assert read(path) == str(dead)
    assert (after.st_mode, after.st_uid, after.st_mtime_ns) == (before.st_mode, before.st_uid, before.st_mtime_ns)
    assert names(path) == ["php-fpm.pid"]


def test_what_is_back_is_not_put_back_again(path: str, dead: int) -> None:
    write(path, dead)
    done = do(see(path))
    put_back(done)
    with pytest.raises(Unneeded, match="as it was before the run") as refused:
        put_back(done)
    assert not isinstance(refused.value, Taken)


def test_nothing_is_put_back_over_a_newer_file(path: str, dead: int) -> None:
    write(path, dead)
    done = do(see(path))
    write(path, 4711)
    with pytest.raises(Taken, match="something else wrote it"):
        put_back(done)
    assert read(path) == "4711"


@pytest.mark.parametrize("case", ["gone", "elsewhere", "fifo", "huge"])
def test_what_cannot_be_put_back_is_told_apart_from_what_is_back(path: str, dead: int, case: str) -> None:
    write(path, dead)
    done = do(see(path))
    directory = os.path.dirname(path)
    if case == "fifo":
        os.mkfifo(path)
    elif case == "huge":
        write(path, "1" * 100000)
    else:
        os.rename(directory, directory + ".real")
    if case == "elsewhere":
        os.symlink(directory + ".real", directory)
    with pytest.raises(Taken):
        put_back(done)


@needs_root
@pytest.mark.parametrize("moment", ["_take_aside", "_publish", "_unlink"])
@pytest.mark.parametrize("exists", [True, False])
def test_undo_clears_away_what_a_run_cut_short_left_beside(
    path: str, dead: int, start: Any, moment: str, exists: bool
) -> None:
    master = start()
    if exists:
        write(path, dead)
    prepared = prepare(see(path, b"%d" % master.pid, [master.pid]))
    child = os.fork()
    if child == 0:
        setattr(actions, moment, lambda *arguments: os.kill(os.getpid(), signal.SIGKILL))
        actions.act(prepared)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if moment == "_take_aside" and not exists:
        assert status == 0  # there is nothing to take aside
    else:
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert [name for name in names(path) if name.startswith(".phpfleet")]
    put_back(prepared, result=None)
    assert read(path) == (str(dead) if exists else None)
    assert names(path) == (["php-fpm.pid"] if exists else [])
    with pytest.raises(Unneeded, match="as it was before the run"):
        put_back(prepared, result=None)


@needs_root
def test_the_pidfile_of_a_running_master_is_written(path: str, start: Any) -> None:
    master = start()
    done = do(see(path, b"%d" % master.pid, [master.pid]))
    found = os.stat(path)
    assert read(path) == str(master.pid)
    assert (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime_ns % 10**9) == (0o644, 0, 0, 0)
    assert names(path) == ["php-fpm.pid"]
    put_back(done)
    assert names(path) == []


@needs_root
def test_what_the_master_itself_wrote_since_is_not_taken_away_by_undo(path: str, start: Any) -> None:
    master = start()
    done = do(see(path, b"%d" % master.pid, [master.pid]))
    write(path, master.pid)
    with pytest.raises(Unneeded):
        put_back(done)
    assert read(path) == str(master.pid)


@needs_root
def test_a_wrong_pidfile_of_a_running_master_is_replaced(path: str, start: Any, dead: int) -> None:
    master = start()
    write(path, dead)
    done = do(see(path, b"%d" % master.pid, [master.pid]))
    assert read(path) == str(master.pid)
    again = put_back(done)
    assert read(path) == str(dead)
    put_back(again)
    assert read(path) == str(master.pid)
    assert names(path) == ["php-fpm.pid"]


def test_an_existing_file_is_never_overwritten(path: str, start: Any) -> None:
    master = start()
    guard = see(path, b"%d" % master.pid, [master.pid])
    write(path, "4711")
    with pytest.raises(Unneeded, match="was written meanwhile"):
        do(guard)
    assert read(path) == "4711"


def change_content(path: str) -> None:
    write(path, "4711")


def change_time(path: str) -> None:
    os.utime(path, ns=(1, 1))


def change_inode(path: str) -> None:
    found = os.stat(path)
    shutil.copy(path, path + ".new")
    os.utime(path + ".new", ns=(found.st_mtime_ns, found.st_mtime_ns))
    os.rename(path + ".new", path)


def change_to_link(path: str) -> None:
    os.rename(path, path + ".real")
    os.symlink(path + ".real", path)


def change_to_fifo(path: str) -> None:
    os.unlink(path)
    os.mkfifo(path)


def change_to_huge(path: str) -> None:
    with open(path, "w") as file:
        file.write("1" * 100000)


def remove(path: str) -> None:
    os.unlink(path)


@pytest.mark.parametrize(
    "change",
    [change_content, change_time, change_inode, change_to_link, change_to_fifo, change_to_huge, remove],
)
@pytest.mark.parametrize("moment", ["before preparing", "before acting"])
def test_a_file_that_changed_is_left_alone(path: str, dead: int, change: Callable[[str], None], moment: str) -> None:
    write(path, dead)
    guard = see(path)
    prepared = prepare(guard) if moment == "before acting" else None
    change(path)
    before = names(path)
    with pytest.raises(Unneeded):
        if prepared:
            actions.act(prepared)
        else:
            actions.look(action(guard))
    assert names(path) == before


def test_a_pid_that_came_alive_is_left_alone(path: str, start: Any) -> None:
    master = start()
    write(path, master.pid)
    guard = see(path)._replace(bearer="nobody")
    with pytest.raises(Unneeded, match="is program now"):
        actions.act(Prepared(action(guard), dict(after=None, aside=".phpfleet-x")))
    assert read(path) == str(master.pid)
    assert names(path) == ["php-fpm.pid"]


def test_a_master_that_was_started_meanwhile(path: str, dead: int, start: Any) -> None:
    write(path, dead)
    prepared = prepare(see(path))
    start()
    with pytest.raises(Unneeded, match="php-fpm was started meanwhile"):
        actions.act(prepared)
    assert read(path) == str(dead)
    assert names(path) == ["php-fpm.pid"]


def test_a_master_that_ended_meanwhile(path: str, start: Any) -> None:
    master = start()
    prepared = prepare(see(path, b"%d" % master.pid, [master.pid]))
    master.kill()
    master.wait()
    with pytest.raises(Unneeded, match="has ended meanwhile"):
        actions.act(prepared)
    assert names(path) == []


def test_a_directory_that_is_gone(path: str, dead: int) -> None:
    write(path, dead)
    guard = see(path)
    shutil.rmtree(os.path.dirname(path))
    with pytest.raises(Unneeded, match="its directory is gone"):
        actions.look(action(guard))


def test_a_way_that_leads_elsewhere_now(path: str, dead: int) -> None:
    write(path, dead)
    guard = see(path)
    directory = os.path.dirname(path)
    os.rename(directory, directory + ".real")
    os.symlink(directory + ".real", directory)
    with pytest.raises((Unneeded, CannotAct)):
        actions.look(action(guard))
    assert read(directory + ".real/php-fpm.pid") == str(dead)


def test_a_write_between_the_last_look_and_the_rename_is_given_back(path: str, dead: int, monkeypatch: Any) -> None:
    write(path, dead)
    rename = os.rename

    def late(*arguments: Any, **more: Any) -> None:
        with open(path, "w") as file:  # as nginx does: the same inode, truncated
            file.write("4711")
        rename(*arguments, **more)

    prepared = prepare(see(path))
    monkeypatch.setattr(actions.os, "rename", late)
    with pytest.raises(Unneeded, match="written anew"):
        actions.act(prepared)
    assert read(path) == "4711"
    assert names(path) == ["php-fpm.pid"]


def test_a_write_while_it_is_aside_wins(path: str, dead: int, monkeypatch: Any) -> None:
    write(path, dead)
    prepared = prepare(see(path))

    def write_now(guard: Guard) -> None:
        write(path, 4711)
        raise Unneeded("php-fpm was started meanwhile")

    monkeypatch.setattr(actions, "_demand_processes", write_now)
    with pytest.raises(Unneeded):
        actions.act(prepared)
    assert read(path) == "4711"
    assert names(path) == ["php-fpm.pid"]


@needs_root
def test_a_write_before_the_replacement_wins(path: str, dead: int, start: Any, monkeypatch: Any) -> None:
    master = start()
    write(path, dead)
    prepared = prepare(see(path, b"%d" % master.pid, [master.pid]))
    monkeypatch.setattr(actions, "_demand_processes", lambda guard: write(path, 4711))
    with pytest.raises(Unneeded, match="written meanwhile"):
        actions.act(prepared)
    assert read(path) == "4711"
    assert names(path) == ["php-fpm.pid"]


def test_a_disk_without_room_changes_nothing(path: str, dead: int, start: Any, monkeypatch: Any) -> None:
    master = start()
    write(path, dead)
    prepared = prepare(see(path, b"%d" % master.pid, [master.pid]))

    def refuse(*arguments: Any) -> int:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(actions.os, "write", refuse)
    with pytest.raises(CannotAct, match="No space left"):
        actions.act(prepared)
    assert read(path) == str(dead)
    assert names(path) == ["php-fpm.pid"]


def test_a_run_that_is_killed_in_the_middle_can_be_undone(path: str, dead: int) -> None:
    write(path, dead)
    prepared = prepare(see(path))
    child = os.fork()
    if child == 0:
        actions._demand_processes = lambda guard: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment]
        actions.act(prepared)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert names(path) == [prepared.kept["aside"]]
    put_back(prepared, result=None)
    assert read(path) == str(dead)
    assert names(path) == ["php-fpm.pid"]


@needs_root
def test_a_link_in_the_place_of_our_file_is_not_followed(path: str, start: Any, monkeypatch: Any) -> None:
    master = start()
    secret = os.path.join(os.path.dirname(path), "secret")
    write(secret, "secret")
    prepared = prepare(see(path, b"%d" % master.pid, [master.pid]))
    make = actions._make

    def exchanged(directory: int, name: str, wanted: Any) -> None:
        make(directory, name, wanted)
        os.unlink(name, dir_fd=directory)
        os.symlink(secret, name, dir_fd=directory)

    monkeypatch.setattr(actions, "_make", exchanged)
    actions.act(prepared)
    assert os.stat(secret).st_nlink == 1


def test_the_diff_shows_both_sides(path: str, dead: int) -> None:
    write(path, dead)
    assert actions.diff(action(see(path))) == (f"{path}: '{dead}'", "")
    assert actions.diff(action(see(path, b"45"))) == (f"{path}: '{dead}'", f"{path}: '45'")


WRITER = """
import os, random, sys, time
path, dead, times = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
own, lost = str(os.getpid()).encode(), 0

def write(content, how):
    if how == "php-fpm":
        if os.path.exists(path):
            try: os.unlink(path)
            except OSError: pass
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.write(file, content)
    os.close(file)

def is_there():
    # It may be aside for a moment, however long that is on a busy machine; what is lost never comes back.
    for _unused in range(20000):
        try:
            with open(path, "rb") as file:
                if file.read() == own: return True
        except OSError: pass
        time.sleep(0.001)
    return False

for number in range(times):
    write(dead, "php-fpm")
    time.sleep(random.random() * 0.004)
    write(own, random.choice(("php-fpm", "nginx")))
    time.sleep(random.random() * 0.002)
    lost += not is_there()
print(lost)
"""


def test_no_pidfile_of_a_program_that_starts_is_ever_lost(
    path: str, dead: int, tmp_path: Any, monkeypatch: Any
) -> None:
    """A program writes its pidfile a thousand times, as php-fpm and as nginx do, over one that is being removed."""
    executable = os.path.join(str(tmp_path), "php-fpm")
    shutil.copy(os.path.realpath(sys.executable), executable)
    writer = subprocess.Popen(
        ["php-fpm: master process (/x)", "-S", "-c", WRITER, path, str(dead), "1000"],
        executable=executable,
        env=dict(os.environ, PYTHONHOME=sys.base_prefix),
        stdout=subprocess.PIPE,
    )
    # Only these are looked at, so that a look takes a millisecond and there are many.
    monkeypatch.setattr(Host, "processes", lambda host: iter([psutil.Process(1), psutil.Process(writer.pid)]))
    while not os.path.exists(path) and writer.poll() is None:
        time.sleep(0.001)
    guard, removed, given_back = None, 0, 0
    while writer.poll() is None:
        try:
            guard = see(path)
            if guard.bearer == "nobody":
                do(guard)
                removed += 1
        except Unneeded:
            given_back += 1
        except (FileNotFoundError, ValueError, processes.CannotLook, psutil.NoSuchProcess):
            continue  # between two steps of the writer, or after its end
    output = writer.stdout.read() if writer.stdout else b""
    assert (writer.returncode, output) == (0, b"0\n")
    assert removed > 50
    assert given_back > 5
    assert [name for name in names(path) if name != "php-fpm.pid"] == []


@needs_root
def test_a_directory_that_turns_into_a_link_leads_nowhere(tmp_path: Any, dead: int, monkeypatch: Any) -> None:
    """Somebody who owns a directory on the way exchanges it for a link to a place of root's, again and again."""
    top = os.path.join(os.path.realpath(str(tmp_path)), "theirs")
    real, link, outside = os.path.join(top, "run"), os.path.join(top, "link"), os.path.join(str(tmp_path), "outside")
    for directory in (top, real, outside):
        os.mkdir(directory)
    os.chown(top, NOBODY, NOBODY)
    os.symlink(outside, link)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    write(os.path.join(outside, "php-fpm.pid"), dead)
    monkeypatch.setattr(Host, "processes", lambda host: iter([psutil.Process(1)]))
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(real, real + ".away")
            os.rename(link, real)
            os.rename(real, link)
            os.rename(real + ".away", real)

    swapper = threading.Thread(target=swap)
    swapper.start()
    results = dict(done=0, refused=0)
    try:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            with_file = random.random() < 0.5
            try:
                inside = os.open(real, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except OSError:
                continue
            if with_file:
                descriptor = os.open("php-fpm.pid", os.O_CREAT | os.O_WRONLY, 0o644, dir_fd=inside)
                os.write(descriptor, str(dead).encode())
                found = os.fstat(descriptor)
                os.close(descriptor)
                seen = FileSeen(found.st_ino, found.st_mtime_ns, str(dead).encode())
                guard = Guard(real + "/php-fpm.pid", seen, dead, "nobody", None, (), (), None)
            else:
                guard = Guard(real + "/other.pid", None, None, None, None, (), (), b"1")
            try:
                do(guard)
                results["done"] += 1
            except (Unneeded, CannotAct):
                results["refused"] += 1
            for name in os.listdir(inside):
                os.unlink(name, dir_fd=inside)
            os.close(inside)
    finally:
        stop.set()
        swapper.join()
    assert results["done"] > 10
    assert results["refused"] > 10
    assert os.listdir(outside) == ["php-fpm.pid"]
    assert read(os.path.join(outside, "php-fpm.pid")) == str(dead)
