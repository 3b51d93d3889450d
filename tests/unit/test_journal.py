# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import json
import os
import resource
import signal
import time
from typing import NamedTuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import (
    BATCH,
    Journal,
    demand_keep_days,
    read_intents,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import JournalFailed, Refused
from ansible_collections.phpfleet.remediation.plugins.module_utils.journal_file import Intent
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import DONE, Action, Finding, Outcome
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import plain
from ansible_collections.phpfleet.remediation.plugins.module_utils.rows import from_rows


class Guard(NamedTuple):
    inode: int


ACTION = Action("pidfile.dead_process", "remove_pidfile", "/run/a.pid", Guard(7), "none")
FINDING = Finding("pidfile.dead_process", "/run/a.pid", "medium", "It is stale.", Guard(7), "remove it", "none")


@pytest.fixture
def state(tmp_path):
    return str(tmp_path / "state")


@pytest.fixture
def small_files():
    """A disk that is full: no file may grow beyond 64 KiB."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


def finished_run(state, kept=None, result=DONE):
    with Journal(state, dict(module="toy"), 30) as journal:
        journal.begin([FINDING])
        journal.intents([ACTION], [kept or dict(path="/run/a.pid")])
        journal.outcomes([Outcome(ACTION, result, "removed")])
        journal.close_run(0)
    return journal


def files(state):
    return sorted(
        os.path.relpath(os.path.join(top, name), state) for top, _unused, names in os.walk(state) for name in names
    )


def lines_of(journal):
    with open(journal.path) as file:
        return [json.loads(line) for line in file]


def test_a_journal_holds_the_run_line_by_line(state):
    journal = finished_run(state)
    lines = lines_of(journal)
    assert [line["record"] for line in lines] == ["run", "findings", "intents", "outcomes", "end"]
    assert lines[0]["module"] == "toy" and lines[0]["run_id"] == journal.run_id
    (finding,), (intent,), (outcome,) = [list(from_rows(line)) for line in lines[1:4]]
    assert finding["object"] == "/run/a.pid" and finding["evidence"] == {"inode": 7}
    assert intent["kept"] == {"path": "/run/a.pid"}
    assert outcome["result"] == DONE and lines[4]["remaining"] == 0


def test_every_finding_is_told_in_full_and_what_they_share_once_a_line(state):
    findings = [FINDING._replace(object=f"/run/{number}.pid", evidence=Guard(number)) for number in range(2 * BATCH)]
    other = FINDING._replace(check="pidfile.missing")
    with Journal(state, {}, 30) as journal:
        journal.begin([*findings, other])
        journal.intents([ACTION], [dict(path="/run/a.pid")])
    lines = [line for line in lines_of(journal) if line["record"] == "findings"]
    assert [finding for line in lines for finding in from_rows(line)] == [plain(one) for one in [*findings, other]]
    assert [len(line["rows"]) for line in lines] == [BATCH, BATCH, 1]
    assert lines[0]["fields"] == ["object", "evidence.inode"] and lines[0]["same"]["summary"] == "It is stale."


def test_a_finding_is_bounded_and_what_undo_needs_is_not(state):
    path = "/" + "x" * 2000 + "\udcff"
    with Journal(state, {}, 30) as journal:
        journal.begin([FINDING._replace(object=path)])
        journal.intents([ACTION], [dict(path=path)])
    (finding,) = from_rows(lines_of(journal)[1])
    assert len(finding["object"]) == 1024 and read_intents(state, journal.run_id)[0].kept == {"path": path}


def test_intents_are_read_back_with_what_became_of_them(state):
    journal = finished_run(state)
    expected = Intent(0, "pidfile.dead_process", "remove_pidfile", "/run/a.pid", {"path": "/run/a.pid"}, DONE)
    assert read_intents(state, journal.run_id) == [expected]


def test_content_is_kept_piece_after_piece(state):
    with Journal(state, {}, 30) as journal:
        journal.begin([])
        first, second = journal.keep(b"one"), journal.keep(b"\x00two\xff")
        journal.intents([ACTION], [first])
    for kept, content in ((first, b"one"), (second, b"\x00two\xff")):
        with open(kept["path"], "rb") as quarantine:
            quarantine.seek(kept["offset"])
            assert quarantine.read(kept["size"]) == content


def test_a_run_that_promised_nothing_leaves_no_file(state):
    with Journal(state, {}, 30) as journal:
        journal.begin([FINDING])
        journal.keep(b"one")
    assert files(state) == ["lock"]


def test_a_run_that_was_cut_short_is_readable_as_far_as_it_went(state):
    journal = finished_run(state)
    with open(journal.path) as file:
        lines = file.readlines()
    with open(journal.path, "w") as file:
        file.write("".join(lines[:3]) + lines[3][:10])  # the outcome was being written when the power went
    (intent,) = read_intents(state, journal.run_id)
    assert intent.result is None and intent.kept == {"path": "/run/a.pid"}


def test_a_damaged_line_is_refused_and_not_skipped(state):
    journal = finished_run(state)
    with open(journal.path) as file:
        lines = file.readlines()
    with open(journal.path, "w") as file:
        file.write(lines[0] + lines[1][:10] + "\n" + "".join(lines[2:]))
    with pytest.raises(JournalFailed, match="a line is damaged"):
        read_intents(state, journal.run_id)


def test_a_layout_of_another_version_is_refused(state):
    journal = finished_run(state)
    with open(journal.path) as file:
        lines = file.readlines()
    with open(journal.path, "w") as file:
        file.write(json.dumps(dict(json.loads(lines[0]), version=99)) + "\n" + "".join(lines[1:]))
    with pytest.raises(JournalFailed, match="its layout is version 99"):
        read_intents(state, journal.run_id)


def test_a_line_of_another_shape_is_refused(state):
    journal = finished_run(state)
    with open(journal.path, "a") as file:
        file.write('{"record": "intents", "same": {}}\n')
    with pytest.raises(JournalFailed, match="a line is damaged"):
        read_intents(state, journal.run_id)


@pytest.mark.parametrize("run_id", ["", "../../etc/passwd", "20261121T220455Z", "20261121T220455Z-1f2e3d4c\n"])
def test_what_is_no_run_id_is_refused(state, run_id):
    with pytest.raises(Refused, match="is no run id"):
        read_intents(state, run_id)


def test_a_run_of_another_host_is_refused(state):
    finished_run(state)
    with pytest.raises(Refused, match="this host has no journal"):
        read_intents(state, "20261121T220455Z-1f2e3d4c")


def test_two_runs_never_change_one_host_together(state):
    with Journal(state, {}, 30):
        with pytest.raises(Refused, match="another run is changing this host"):
            Journal(state, {}, 30)
        assert len(files(state)) == 2  # the lock and the journal of the first
    finished_run(state)


def test_a_state_directory_that_others_can_write_is_refused(state):
    os.mkdir(state, 0o700)
    os.chmod(state, 0o770)
    with pytest.raises(JournalFailed, match="no other may write"):
        Journal(state, {}, 30)
    assert files(state) == []


@pytest.mark.parametrize("name", ["journal", "quarantine"])
def test_a_link_in_the_place_of_a_directory_is_refused(state, tmp_path, name):
    (tmp_path / "elsewhere").mkdir()
    os.mkdir(state, 0o700)
    os.symlink(str(tmp_path / "elsewhere"), os.path.join(state, name))
    with pytest.raises(JournalFailed, match="must be a directory"):
        Journal(state, {}, 30)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_state_directory_that_is_a_file_is_explained(state):
    with open(state, "w"):
        pass
    with pytest.raises(JournalFailed, match="name another state_dir"):
        Journal(state, {}, 30)


def test_a_full_disk_stops_the_run_before_it_promises_anything(state, small_files):
    with pytest.raises(JournalFailed, match="nothing was changed") as raised, Journal(state, {}, 30) as journal:
        journal.begin([])
        journal.keep(b"x" * 65536)
        journal.keep(b"one byte too many")
    assert files(state) == ["lock"]
    assert raised.value.details["path"] == journal.quarantine


def test_a_disk_that_is_full_after_the_change_is_told_and_ends_nothing(state, small_files):
    with Journal(state, {}, 30) as journal:
        journal.begin([FINDING])
        journal.intents([ACTION], [dict(path="/run/a.pid")])
        journal.outcomes([Outcome(ACTION, DONE, "x" * 65536)])
    (trouble,) = journal.troubles
    assert journal.path in trouble and f"undo of {journal.run_id} still works" in trouble
    assert [intent.result for intent in read_intents(state, journal.run_id)] == [None]


def test_nothing_follows_a_line_that_a_full_disk_cut_off(state, small_files):
    with Journal(state, {}, 30) as journal:
        journal.begin([FINDING])
        journal.intents([ACTION], [dict(path="/run/a.pid")])
        journal.outcomes([Outcome(ACTION, DONE, "x" * 65536)])
        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limit))  # somebody makes room
        journal.close_run(0)
    assert [intent.result for intent in read_intents(state, journal.run_id)] == [None]


def test_old_runs_are_removed_with_what_they_kept(state):
    recent = finished_run(state)
    day = 86400
    names = {age: time.strftime("%Y%m%dT%H%M%SZ-00000000", time.gmtime(time.time() - age * day)) for age in (31, 29)}
    for name in [f"journal/{run_id}.jsonl" for run_id in names.values()] + ["journal/notes.txt"]:
        open(os.path.join(state, name), "w").close()
    for run_id in names.values():
        open(os.path.join(state, "quarantine", run_id), "w").close()
    last = finished_run(state)
    journals = sorted(f"journal/{run_id}.jsonl" for run_id in (names[29], recent.run_id, last.run_id))
    assert files(state) == [*journals, "journal/notes.txt", "lock", f"quarantine/{names[29]}"]


def test_a_run_that_must_forget_nothing_forgets_nothing(state):
    finished_run(state)
    old = "20200101T000000Z-00000000"
    for name in ("journal/" + old + ".jsonl", "quarantine/" + old):
        open(os.path.join(state, name), "w").close()
    with Journal(state, {}):
        pass
    assert "journal/" + old + ".jsonl" in files(state) and "quarantine/" + old in files(state)


@pytest.mark.parametrize("days", [-1, 0, 36501, 10**12])
def test_days_that_no_calendar_holds_are_refused(days):
    with pytest.raises(Refused, match="give 1 to 36500 days"):
        demand_keep_days(days)


def test_keeping_for_a_century_forgets_nothing(state):
    demand_keep_days(36500)
    first = finished_run(state)
    with Journal(state, {}, 36500):
        pass
    assert "journal/" + first.run_id + ".jsonl" in files(state)
