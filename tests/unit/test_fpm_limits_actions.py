# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Writing limits beside the pools, on real files; a real program says whether it accepts them."""

import os
import stat
from typing import Any, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions import php_fpm_limits as actions
from ansible_collections.phpfleet.remediation.plugins.module_utils.actions.verb import Prepared
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotAct, Taken, Unneeded
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_drop_ins import Guard
from ansible_collections.phpfleet.remediation.plugins.module_utils.journal_file import Intent
from ansible_collections.phpfleet.remediation.plugins.module_utils.model import Action

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="the files are root's, and a program of root's is run: run as root"
)
WANTED = b"; ours\n[global]\nprocess_control_timeout = 35s\n"


@pytest.fixture
def path(tmp_path: Any) -> str:
    return os.path.join(os.path.realpath(str(tmp_path)), "zz-phpfleet-limits.conf")


def write(path: str, seen: Optional[bytes] = None, test: str = "/bin/true") -> Action:
    return Action("php_fpm.time_limits", "write_limits", "pool www", Guard(path, seen, WANTED, (test, path), ()), None)


def ready(action: Action) -> Prepared:
    return actions.VERBS[action.verb].prepare(action, None)  # type: ignore[arg-type]  # it keeps nothing beside


def do(action: Action) -> Prepared:
    prepared = ready(action)
    actions.VERBS[action.verb].act(prepared)
    return prepared


def back(prepared: Prepared) -> Action:
    action = prepared.action
    answer = actions.VERBS[action.verb].undo(Intent(0, action.check, action.verb, action.object, prepared.kept, "done"))
    assert isinstance(answer, Action)
    return answer


def read(path: str) -> Optional[bytes]:
    if not os.path.lexists(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def put(path: str, content: bytes) -> None:
    with open(path, "wb") as file:
        file.write(content)


def alone(path: str) -> bool:
    """Whether nothing stands beside the file."""
    return set(os.listdir(os.path.dirname(path))) <= {os.path.basename(path)}


def test_a_file_appears_and_is_taken_away_again(path: str) -> None:
    old = os.umask(0o077)
    try:
        prepared = do(write(path))
    finally:
        os.umask(old)
    seen = os.stat(path)
    assert read(path) == WANTED and alone(path)
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid) == (0o644, 0, 0)
    undone = do(back(prepared))
    assert read(path) is None and alone(path)
    do(back(undone))
    assert read(path) == WANTED


def test_a_file_gets_other_content_and_its_own_back(path: str) -> None:
    put(path, b"; ours\n[global]\n")
    prepared = do(write(path, b"; ours\n[global]\n"))
    assert read(path) == WANTED
    do(back(prepared))
    assert read(path) == b"; ours\n[global]\n" and alone(path)


@pytest.mark.parametrize("before", [None, b"; ours\n[global]\n"])
def test_what_php_fpm_refuses_is_taken_back_at_once(path: str, before: Optional[bytes]) -> None:
    if before is not None:
        put(path, before)
    with pytest.raises(CannotAct, match="it is as it was before, because with what was written `/bin/false"):
        do(write(path, before, "/bin/false"))
    assert read(path) == before and alone(path)


def test_what_cannot_be_tested_is_taken_back_too(path: str) -> None:
    with pytest.raises(CannotAct, match="could not be tested"):
        do(write(path, None, "/bin/there-is-no-such-program"))
    assert read(path) is None and alone(path)


def test_a_file_that_somebody_wrote_meanwhile_is_left_alone(path: str) -> None:
    prepared = ready(write(path))
    put(path, b"[www]\n")
    with pytest.raises(Unneeded, match="it was written meanwhile"):
        actions.act(prepared)
    assert read(path) == b"[www]\n" and alone(path)


def test_a_file_that_is_gone_meanwhile_is_not_written(path: str) -> None:
    put(path, b"; ours\n")
    prepared = ready(write(path, b"; ours\n"))
    os.unlink(path)
    with pytest.raises(Unneeded, match="it was removed meanwhile"):
        actions.act(prepared)
    assert read(path) is None and alone(path)


def test_what_is_there_already_is_not_written_again(path: str) -> None:
    put(path, WANTED)
    with pytest.raises(Unneeded, match="it says so already"):
        ready(write(path))


def test_undo_leaves_alone_what_was_changed_since(path: str) -> None:
    undo = back(do(write(path)))
    put(path, WANTED + b"request_terminate_timeout = 9\n")
    with pytest.raises(Taken, match="it was changed since"):
        actions.look_back(undo)
    os.unlink(path)
    with pytest.raises(Unneeded, match="it is as it was before the run"):
        actions.look_back(undo)


def test_a_link_in_its_place_is_not_followed(path: str, tmp_path: Any) -> None:
    target = str(tmp_path / "target")
    put(target, b"precious")
    os.symlink(target, path)
    with pytest.raises(CannotAct, match="no plain file"):
        ready(write(path))
    assert read(target) == b"precious"


def test_a_directory_that_others_can_write_is_refused(path: str) -> None:
    os.chmod(os.path.dirname(path), 0o777)
    with pytest.raises(CannotAct, match="others than root can write in it"):
        ready(write(path))


def test_a_directory_that_is_gone_or_elsewhere(path: str, tmp_path: Any) -> None:
    with pytest.raises(Unneeded, match="its directory is gone"):
        ready(write(os.path.join(os.path.dirname(path), "no", "zz.conf")))
    os.symlink(os.path.dirname(path), str(tmp_path / "link"))
    with pytest.raises(Unneeded, match="the way to it leads to"):
        ready(write(os.path.join(os.path.dirname(path), "link", "zz.conf")))


def test_a_full_disk_leaves_it_as_it_was(path: str, monkeypatch: Any) -> None:
    put(path, b"; ours\n")
    prepared = ready(write(path, b"; ours\n"))

    def full(descriptor: int, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(CannotAct, match="No space left on device; it is as it was"):
        actions.act(prepared)
    monkeypatch.undo()
    assert read(path) == b"; ours\n" and alone(path)


def test_the_difference_is_a_line_without_comments(path: str) -> None:
    assert actions.diff(write(path)) == ("", f"{path}: [global] process_control_timeout = 35s")
