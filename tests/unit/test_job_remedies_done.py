# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of earlier runs, by journals that real runs wrote."""

import os
from typing import Any, Dict, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils import journal_file
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.journal import Journal
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import job_remedies_done
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.job_remedies_done import Done
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import DONE, FAILED, Action, Outcome
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from

LINE = dict(path="/etc/cron.d/php", line=3, before="b25l", after="IyBvbmU=", fresh=".x~")  # "one" and "# one"
BACK = dict(LINE, before=LINE["after"], after=LINE["before"])
BITS = dict(path="/etc/cron.daily/php", before=0o755, after=0o644)
BITS_BACK = dict(BITS, before=0o644, after=0o755)
TIMER = dict(unit="php-restart.timer", enabled="enabled", active=True)
TIMER_BACK = dict(TIMER, enabled="disabled", active=False)  # as it was before the put_back


@pytest.fixture
def root(tmp_path: Any) -> str:
    return os.path.realpath(str(tmp_path))


def run(root: str, verb: str, kept: Dict[str, Any], result: str = DONE) -> str:
    """Keep the journal of a run that did one thing to one job."""
    name = str(kept.get("unit", kept.get("path")))
    action = Action("scheduled_restart.kills_in_flight", verb, f"{name}:3" if "line" in kept else name, (), None)
    with Journal(root + journal_file.STATE_DIR, dict(module="toy")) as journal:
        journal.begin([])
        journal.intents([action], [kept])
        journal.outcomes([Outcome(action, result, "so")])
        journal.close_run(0)
    return journal.run_id


def done(root: str) -> List[Done]:
    return list(job_remedies_done.gather(Host(root), policy_from({})).done)


def test_a_host_that_no_run_changed_has_none(root: str) -> None:
    assert done(root) == []


def test_a_line_is_known_as_it_stood_before(root: str) -> None:
    run_id = run(root, "comment_out_line", LINE)
    (one,) = done(root)
    assert (one.run_id, one.verb, one.object) == (run_id, "comment_out_line", "/etc/cron.d/php:3")
    assert (one.path, one.text, one.undone) == ("/etc/cron.d/php", b"one", False)
    assert abs(one.when - Host().now()) < 60


@pytest.mark.parametrize(
    "verb, kept, back, undone",
    [
        ("comment_out_line", LINE, "put_back_line", BACK),
        ("rewrite_line", LINE, "put_back_line", BACK),
        ("take_execute_bits", BITS, "put_back_mode", BITS_BACK),
        ("disable_timer", TIMER, "put_back_timer", TIMER_BACK),
    ],
)
def test_what_was_put_back_is_undone_until_it_is_done_again(
    root: str, verb: str, kept: Dict[str, Any], back: str, undone: Dict[str, Any]
) -> None:
    run(root, verb, kept)
    assert [one.undone for one in done(root)] == [False]
    wait_for_the_next_second(root)
    run(root, back, undone)
    assert [one.undone for one in done(root)] == [True]
    wait_for_the_next_second(root)
    run(root, back, kept)
    assert [one.undone for one in done(root)] == [False]


def wait_for_the_next_second(root: str) -> None:
    """Make what is there as old as it would be: runs are told apart by the second that they began in."""
    directory = root + journal_file.JOURNALS
    for name in sorted(os.listdir(directory)):
        year = int(name[:4]) - 1
        os.rename(os.path.join(directory, name), os.path.join(directory, f"{year:04d}{name[4:]}"))


def test_the_undo_of_one_job_is_not_that_of_another(root: str) -> None:
    run(root, "comment_out_line", LINE)
    wait_for_the_next_second(root)
    run(root, "put_back_line", dict(BACK, path="/etc/crontab"))
    run(root, "put_back_line", dict(BACK, after="b3RoZXI="))
    assert [one.undone for one in done(root)] == [False]


def test_a_job_that_an_undo_put_back_is_undone_though_the_undo_was_cut_short(root: str) -> None:
    run(root, "comment_out_line", LINE)
    wait_for_the_next_second(root)
    action = Action("scheduled_restart.kills_in_flight", "put_back_line", "/etc/cron.d/php:3", (), None)
    with Journal(root + journal_file.STATE_DIR, dict(module="toy")) as journal:
        journal.begin([])
        journal.intents([action], [BACK])
    assert [one.undone for one in done(root)] == [True]


def test_what_failed_or_is_of_another_kind_was_not_done(root: str) -> None:
    run(root, "comment_out_line", LINE, FAILED)
    run(root, "remove_pidfile", dict(path="/run/a.pid"))
    assert done(root) == []


def test_a_damaged_journal_is_not_taken_for_none(root: str) -> None:
    run_id = run(root, "comment_out_line", LINE)
    with open(f"{root}{journal_file.JOURNALS}/{run_id}.jsonl", "a") as journal:
        journal.write('{"record": "intents", "same": {}}\n')
    with pytest.raises(Malformed, match="a line is damaged"):
        done(root)


def test_journals_that_cannot_be_read_are_not_taken_for_none(root: str) -> None:
    run(root, "comment_out_line", LINE)
    directory = root + journal_file.JOURNALS
    os.rename(directory, directory + ".real")
    os.mkfifo(directory)
    with pytest.raises(CannotLook):
        done(root)
