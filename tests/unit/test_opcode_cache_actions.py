# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Entries are taken out of a real directory and put back, while others do their worst to it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from typing import Any, Iterator, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import opcode_cache as actions
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.shelf import forget_shelves
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.verb import Prepared
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Taken, Unneeded
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.opcode_cache import FileSeen, Guard
from ansible_collections.phpfleet.remediation.plugins.module_utils.journal_file import Intent
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Action

ID = "1204a070cd49210ca578dc8015bee891"
ENTRY = ID + "/srv/app/index.php.bin"
OTHER = ID + "/srv/app/lib/lib.php.bin"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount and give files away")


@pytest.fixture
def cache(tmp_path: Any) -> str:
    path = os.path.join(os.path.realpath(str(tmp_path)), "cache")
    for entry in (ENTRY, OTHER):
        os.makedirs(os.path.join(path, os.path.dirname(entry)), exist_ok=True)
        write(os.path.join(path, entry), "bad " + entry)
    return path


@pytest.fixture
def journal(tmp_path: Any) -> Iterator[Journal]:
    with Journal(str(tmp_path / "state"), dict(module="opcode_cache")) as journal:
        yield journal
        journal.intents([], [])


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def read(path: str) -> str:
    with open(path) as file:
        return file.read()


def seen(cache: str, path: str) -> FileSeen:
    found = os.stat(os.path.join(cache, path))
    return FileSeen(path, found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def action(cache: str, *paths: str, **more: Any) -> Action:
    files = tuple(seen(cache, path) for path in paths)
    guard = Guard(cache, "opcache", files, more.get("directory"), more.get("kept", len(files)))
    return Action("opcode_cache.corrupt_entry", "remove_cache_entries", cache, guard, None)


def intent(prepared: Prepared) -> Intent:
    kept = json.loads(json.dumps(prepared.kept))
    return Intent(0, prepared.action.check, prepared.action.verb, prepared.action.object, kept, "done")


def put_back(prepared: Prepared, journal: Journal) -> str:
    back = actions.undo(intent(prepared))
    assert isinstance(back, Action), back
    return actions.act_back(actions.prepare_back(back, journal))


def tree(path: str) -> List[str]:
    return sorted(
        os.path.relpath(os.path.join(place, name), path) for place, _unused, names in os.walk(path) for name in names
    )


def test_an_entry_is_moved_away_and_put_back_as_the_same_file(cache: str, journal: Journal) -> None:
    before = os.stat(os.path.join(cache, ENTRY))
    prepared = actions.prepare(action(cache, ENTRY), journal)
    assert tree(cache) == [ENTRY, OTHER]
    assert actions.act(prepared) == "moved into the quarantine"
    assert tree(cache) == [OTHER]
    assert put_back(prepared, journal) == "put back"
    after = os.stat(os.path.join(cache, ENTRY))
    assert (after.st_ino, after.st_mtime_ns, after.st_mode) == (before.st_ino, before.st_mtime_ns, before.st_mode)
    assert tree(cache) == [ENTRY, OTHER]


def test_what_is_beyond_the_budget_is_deleted_and_says_so(cache: str, journal: Journal) -> None:
    prepared = actions.prepare(action(cache, ENTRY, OTHER, kept=1), journal)
    assert actions.act(prepared) == "1 file moved into the quarantine, 1 deleted, beyond quarantine_limit"
    assert tree(cache) == []
    assert put_back(prepared, journal) == "1 file put back; 1 are there already, taken, or were not kept"
    assert tree(cache) == [ENTRY]
    alone = actions.prepare(action(cache, ENTRY, kept=0), journal)
    assert actions.act(alone) == "deleted, beyond quarantine_limit"
    assert actions.undo(intent(alone)) == "it was beyond quarantine_limit, and is deleted"


@needs_root
def test_on_another_mount_an_entry_is_copied_and_made_again(tmp_path: Any) -> None:
    """In a mount namespace of its own, so that nothing of this stays."""
    script = f"mount -t tmpfs none {tmp_path}/mnt && exec {sys.executable} -m pytest -q {__file__} -k inside_of_a_mount"
    os.mkdir(str(tmp_path / "mnt"))
    environment = dict(os.environ, PHPFLEET_MOUNT=str(tmp_path / "mnt"))
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    assert ran.returncode == 0 and "1 passed" in ran.stdout, ran.stdout


@pytest.mark.skipif("PHPFLEET_MOUNT" not in os.environ, reason="run by the test above")
def test_inside_of_a_mount(journal: Journal) -> None:
    cache = os.path.join(os.path.realpath(os.environ["PHPFLEET_MOUNT"]), "cache")
    os.makedirs(os.path.join(cache, os.path.dirname(ENTRY)))
    path = os.path.join(cache, ENTRY)
    write(path, "bad")
    os.chown(path, 33, 34)
    os.chmod(path, 0o6600)
    os.utime(path, ns=(1, 123456789))
    prepared = actions.prepare(action(cache, ENTRY), journal)
    assert prepared.kept["shelf"] == ""
    journal.intents([prepared.action], [prepared.kept])
    assert actions.act(prepared) == "moved into the quarantine"
    assert tree(cache) == []
    assert put_back(prepared, journal) == "put back"
    found = os.stat(path)
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777, found.st_mtime_ns) == (33, 34, 0o600, 123456789)
    assert tree(cache) == [ENTRY] and read(path) == "bad"
    with pytest.raises(Unneeded, match="as it was before"):
        put_back(prepared, journal)


def test_an_entry_that_was_written_anew_is_left(cache: str, journal: Journal) -> None:
    planned = action(cache, ENTRY)
    path = os.path.join(cache, ENTRY)
    os.unlink(path)
    write(path, "good")
    with pytest.raises(Unneeded):
        actions.look(planned)
    with pytest.raises(Unneeded, match="written anew"):
        actions.prepare(planned, journal)
    assert read(path) == "good"


def test_an_entry_written_just_before_the_rename_is_given_back(cache: str, journal: Journal, monkeypatch: Any) -> None:
    path = os.path.join(cache, ENTRY)
    prepared = actions.prepare(action(cache, ENTRY), journal)
    rename = os.rename

    def late(*arguments: Any, **more: Any) -> None:
        os.unlink(path)
        write(path, "good")
        rename(*arguments, **more)

    monkeypatch.setattr(actions.os, "rename", late)
    with pytest.raises(Unneeded, match="written anew"):
        actions.act(prepared)
    assert read(path) == "good" and tree(cache) == [ENTRY, OTHER] and os.stat(path).st_nlink == 1


@pytest.mark.parametrize("kind", ["link", "directory"])
def test_what_took_the_place_of_an_entry_is_given_back(
    cache: str, journal: Journal, monkeypatch: Any, kind: str
) -> None:
    path = os.path.join(cache, ENTRY)
    prepared = actions.prepare(action(cache, ENTRY), journal)
    rename = os.rename
    done: List[int] = []

    def late(*arguments: Any, **more: Any) -> None:
        if not done:
            done.append(1)
            os.unlink(path)
            if kind == "link":
                os.symlink("/etc/passwd", path)
            else:
                os.mkdir(path)
        rename(*arguments, **more)

    monkeypatch.setattr(actions.os, "rename", late)
    with pytest.raises(Unneeded):
        actions.act(prepared)
    assert os.path.islink(path) if kind == "link" else os.path.isdir(path)
    assert os.path.exists("/etc/passwd")


def test_undo_takes_no_name_that_is_taken(cache: str, journal: Journal) -> None:
    prepared = actions.prepare(action(cache, ENTRY), journal)
    actions.act(prepared)
    write(os.path.join(cache, ENTRY), "compiled anew")
    with pytest.raises(Taken, match="something else stands there now"):
        put_back(prepared, journal)
    assert read(os.path.join(cache, ENTRY)) == "compiled anew"


def test_the_directory_of_a_dead_build_goes_and_comes_back_whole(cache: str, journal: Journal) -> None:
    os.makedirs(os.path.join(cache, ID, "srv", "empty"))
    os.chmod(os.path.join(cache, ID), 0o710)
    prepared = actions.prepare(action(cache, ENTRY, OTHER, directory=ID), journal)
    assert actions.act(prepared) == "2 files moved into the quarantine"
    assert os.listdir(cache) == []
    assert put_back(prepared, journal) == "2 files put back"
    assert tree(cache) == [ENTRY, OTHER]
    assert os.stat(os.path.join(cache, ID)).st_mode & 0o777 == 0o710
    assert os.path.isdir(os.path.join(cache, ID, "srv", "empty"))


def test_a_directory_that_holds_something_else_stays(cache: str, journal: Journal) -> None:
    write(os.path.join(cache, ID, "srv", "notes"), "mine")
    prepared = actions.prepare(action(cache, ENTRY, OTHER, directory=ID), journal)
    assert actions.act(prepared).endswith("; 2 directories stay, because something else is in them")
    assert tree(cache) == [ID + "/srv/notes"]


def test_a_cache_that_is_gone_or_elsewhere(cache: str, journal: Journal) -> None:
    planned = action(cache, ENTRY)
    os.rename(cache, cache + ".real")
    with pytest.raises(Unneeded, match="the cache is gone"):
        actions.look(planned)
    os.symlink(cache + ".real", cache)
    with pytest.raises((Unneeded, CannotAct)):
        actions.look(planned)
    assert tree(cache + ".real") == [ENTRY, OTHER]


def test_one_failure_stops_no_other_file(cache: str, journal: Journal, monkeypatch: Any) -> None:
    prepared = actions.prepare(action(cache, ENTRY, OTHER), journal)
    rename = os.rename

    def fails(name: str, *arguments: Any, **more: Any) -> None:
        if name == "index.php.bin":
            raise OSError(5, "Input/output error")
        rename(name, *arguments, **more)

    monkeypatch.setattr(actions.os, "rename", fails)
    with pytest.raises(CannotAct, match=r"1 of 2 files could not be removed, the first: .*index.php.bin: Input/output"):
        actions.act(prepared)
    assert tree(cache) == [ENTRY]


def test_a_run_that_is_killed_in_the_middle_can_be_undone(cache: str, journal: Journal) -> None:
    prepared = actions.prepare(action(cache, ENTRY, OTHER), journal)
    child = os.fork()
    if child == 0:
        take, calls = actions.take, []

        def dies(*arguments: Any) -> None:
            if calls:
                os.kill(os.getpid(), signal.SIGKILL)
            calls.append(1)
            take(*arguments)

        actions.take = dies  # type: ignore[assignment]
        actions.act(prepared)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert len(tree(cache)) == 1
    assert put_back(prepared, journal) == "1 file put back; 1 are there already, taken, or were not kept"
    assert tree(cache) == [ENTRY, OTHER]


def test_shelves_go_with_their_journals(cache: str, tmp_path: Any, journal: Journal) -> None:
    prepared = actions.prepare(action(cache, ENTRY), journal)
    actions.act(prepared)
    state = str(tmp_path / "state")
    forget_shelves(state)
    assert len(tree(prepared.kept["shelf"])) == 1
    os.rename(journal.path, journal.path + ".kept")
    forget_shelves(state)
    os.rename(journal.path + ".kept", journal.path)
    assert os.listdir(os.path.join(state, "shelf")) == []
    with pytest.raises(Taken, match="no longer kept"):
        put_back(prepared, journal)


def test_a_directory_on_an_old_shelf_does_not_stop_the_next_run(tmp_path: Any) -> None:
    """Somebody put it in the place of an entry, and something else in its own place before it was given back."""
    state = str(tmp_path / "state")
    shelf = os.path.join(state, "shelf", "20261101T000000Z-1f2e3d4c")
    os.makedirs(os.path.join(shelf, ".phpfleet-1", "below"))
    os.symlink("/etc", os.path.join(shelf, ".phpfleet-1", "link"))
    forget_shelves(state)
    assert os.listdir(os.path.join(state, "shelf")) == [] and os.listdir("/etc")


@pytest.mark.parametrize("other", ["foreign", "filled"])
@needs_root
def test_a_directory_put_in_the_place_of_one_made_anew_is_not_given_away(
    cache: str, tmp_path: Any, journal: Journal, monkeypatch: Any, other: str
) -> None:
    for path in (cache, os.path.join(cache, ID), os.path.join(cache, ID, "srv")):
        os.chown(path, 33, 33)
    prepared = actions.prepare(action(cache, ENTRY, OTHER, directory=ID), journal)
    actions.act(prepared)
    mkdir = os.mkdir
    theirs = str(tmp_path / "theirs")
    mkdir(theirs, 0o700)
    if other == "foreign":
        os.chown(theirs, 1000, 1000)
    else:
        write(os.path.join(theirs, "secret"), "x")

    def late(name: str, *arguments: Any, **more: Any) -> None:
        mkdir(name, *arguments, **more)
        os.rmdir(os.path.join(cache, name))
        os.rename(theirs, os.path.join(cache, name))

    monkeypatch.setattr(os, "mkdir", late)
    before = os.stat(theirs)
    with pytest.raises(Taken, match="something else stands there now"):
        put_back(prepared, journal)
    assert os.stat(os.path.join(cache, ID)).st_uid == before.st_uid


def test_the_diff_shows_what_goes(cache: str) -> None:
    size = len("bad " + ENTRY)
    assert actions.diff(action(cache, ENTRY)) == (f"{cache}: 1 file, {size} bytes", "")


SWAPPER = """
import os, sys
inside, link, times = sys.argv[1], sys.argv[2], int(sys.argv[3])
for number in range(times):
    os.rename(inside, inside + ".away")
    os.rename(link, inside)
    os.rename(inside, link)
    os.rename(inside + ".away", inside)
"""


@pytest.mark.parametrize("depth", [ID, ID + "/srv/app"])
def test_links_planted_while_it_runs_lead_nowhere(cache: str, tmp_path: Any, journal: Journal, depth: str) -> None:
    """A second process swaps a directory of the cache for a link to another of the same names a thousand times."""
    outside = os.path.join(os.path.realpath(str(tmp_path)), "outside")
    below = os.path.relpath(ENTRY, depth)
    os.makedirs(os.path.join(outside, os.path.dirname(below)), exist_ok=True)
    write(os.path.join(outside, below), "secret")
    os.symlink(outside, os.path.join(cache, "link"))
    swapper = subprocess.Popen(
        [sys.executable, "-S", "-c", SWAPPER, os.path.join(cache, depth), os.path.join(cache, "link"), "1000"]
    )
    results = dict(done=0, left=0)
    while swapper.poll() is None:
        for guard_of in (outside, cache):
            # Even with a guard that would fit the file outside.
            try:
                planned = action(cache, ENTRY)
                if guard_of == outside:
                    found = seen(outside, below)._replace(path=ENTRY)
                    planned = planned._replace(guard=planned.guard._replace(files=(found,)))  # type: ignore[attr-defined]
                prepared = actions.prepare(planned, journal)
                actions.act(prepared)
                results["done"] += 1
                assert guard_of == cache
                put_back(prepared, journal)
            except (Unneeded, CannotAct, FileNotFoundError):
                results["left"] += 1
    assert swapper.returncode == 0
    assert results["left"] > 10
    assert tree(outside) == [below] and read(os.path.join(outside, below)) == "secret"
    assert os.stat(os.path.join(outside, below)).st_nlink == 1


def test_an_entry_that_a_worker_writes_is_never_lost(cache: str, journal: Journal) -> None:
    """A worker writes its entry as both engines do, unlink and create, while it is removed again and again."""
    path = os.path.join(cache, ENTRY)
    lost: List[int] = []

    def work() -> None:
        for number in range(500):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            except FileExistsError:
                continue  # the one before was given back; both engines try again with the next request
            os.write(descriptor, b"good" if number % 2 else b"bad")
            os.close(descriptor)
            time.sleep(0.0005)
            if number % 2 and not any(_there(path) for _unused in range(200)):
                lost.append(number)

    worker = threading.Thread(target=work)
    worker.start()
    removed = 0
    while worker.is_alive():
        try:
            planned = action(cache, ENTRY)
            if planned.guard.files[0].size == len("bad"):  # type: ignore[attr-defined]
                actions.act(actions.prepare(planned, journal))
                removed += 1
        except (Unneeded, FileNotFoundError):
            continue
    worker.join()
    assert lost == []
    assert removed > 5
    shutil.rmtree(cache)


def _there(path: str) -> bool:
    try:
        return read(path) == "good"
    except FileNotFoundError:
        time.sleep(0.001)
        return False
