# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Reaching a directory by descriptor: which links are followed, and which never."""

import os
import threading
import time
from typing import Any, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils import directory
from ansible_collections.phpfleet.remediation.plugins.module_utils.directory import LINKS_LIMIT, explained, open_place
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    CannotLook,
    Forbidden,
    Missing,
    Untrusted,
)
from hypothesis import given
from hypothesis import strategies as st

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="it takes a second user: run as root")
NOBODY = 65534


@pytest.fixture
def root(tmp_path: Any) -> str:
    (tmp_path / "run" / "php").mkdir(parents=True)
    (tmp_path / "run" / "php" / "x.pid").write_text("45")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "run").symlink_to("/run")
    (tmp_path / "srv").mkdir()
    return str(tmp_path)


def reach(root: str, path: str, follow: bool = False) -> str:
    """Return the physical path that was reached, having made sure that the descriptor is that directory's."""
    place = open_place(root, path, follow)
    try:
        assert os.path.samestat(os.fstat(place.directory), os.stat(root + os.path.dirname(place.path)))
        assert place.name == os.path.basename(place.path)
    finally:
        os.close(place.directory)
    return place.path


@pytest.mark.parametrize(
    ("path", "physical"),
    [
        ("/run/php/x.pid", "/run/php/x.pid"),
        ("/run/php/none.pid", "/run/php/none.pid"),
        ("//run/./php///x.pid", "/run/php/x.pid"),
        ("/run/php/../php/x.pid", "/run/php/x.pid"),
        ("/../run/php/x.pid", "/run/php/x.pid"),
        ("/var/run/php/x.pid", "/run/php/x.pid"),
        ("/var/run/../run/php/x.pid", "/run/php/x.pid"),
        ("/run", "/run"),
    ],
)
def test_the_physical_path(root: str, path: str, physical: str) -> None:
    assert reach(root, path) == physical


def test_links_stay_below_the_root(root: str) -> None:
    os.symlink("../../../../../../run", root + "/srv/up")
    os.symlink("/run/php", root + "/srv/absolute")
    assert reach(root, "/srv/up/php/x.pid") == "/run/php/x.pid"
    assert reach(root, "/srv/absolute/x.pid") == "/run/php/x.pid"


def test_a_link_at_the_end_is_followed_only_when_asked(root: str) -> None:
    os.symlink("../run/php/x.pid", root + "/srv/link")
    assert reach(root, "/srv/link") == "/srv/link"
    assert reach(root, "/srv/link", follow=True) == "/run/php/x.pid"
    assert reach(root, "/srv/none", follow=True) == "/srv/none"


def test_links_in_a_circle_end(root: str) -> None:
    os.symlink("b", root + "/srv/a")
    os.symlink("a", root + "/srv/b")
    with pytest.raises(Untrusted, match="remove the loop"):
        open_place(root, "/srv/a/x")


def test_a_long_chain_of_links_is_followed(root: str) -> None:
    os.mkdir(root + "/srv/0")
    for number in range(LINKS_LIMIT - 1):
        os.symlink(str(number), root + f"/srv/{number + 1}")
    assert reach(root, f"/srv/{LINKS_LIMIT - 1}/x") == "/srv/0/x"


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("/none/x", Missing),
        ("/run/php/x.pid/y", Untrusted),
        ("/run/" + "x" * 300 + "/y", CannotLook),
        ("/run/\0/x", CannotLook),
        ("/run/php/x\0.pid", CannotLook),
        ("/run/\ud800/x", CannotLook),
        ("/run" * 1024, CannotLook),
    ],
)
def test_what_cannot_be_reached(root: str, path: str, error: Any) -> None:
    with pytest.raises(error):
        open_place(root, path)


def test_a_name_that_no_file_can_have_is_shown_as_it_was_written(root: str) -> None:
    with pytest.raises(CannotLook, match=r"'/run/a\\x00b.pid'"):
        open_place(root, "/run/a\0b.pid")


def test_a_path_longer_than_any_does_not_flood_what_is_said(root: str) -> None:
    with pytest.raises(CannotLook, match="no file can be called so") as refused:
        open_place(root, "/run" * 1024)
    assert len(str(refused.value)) < 400
    assert reach(root, "/." * 2043 + "/run/x") == "/run/x"


def test_a_root_that_is_not_there(root: str) -> None:
    with pytest.raises(Missing):
        open_place(root + "/none", "/x")


@needs_root
@pytest.mark.parametrize("case", ["owned by another", "placed by another", "writable by all", "writable by its group"])
def test_a_link_that_others_could_have_placed_is_not_followed(root: str, case: str) -> None:
    link = root + "/srv/link"
    os.symlink("/run", link)
    if case == "owned by another":
        os.chown(root + "/srv", NOBODY, NOBODY)
    elif case == "placed by another":
        os.chmod(root + "/srv", 0o1777)
        os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    else:
        os.chmod(root + "/srv", 0o777 if case == "writable by all" else 0o775)
    with pytest.raises(Untrusted, match="others than root can write"):
        open_place(root, "/srv/link/php/x.pid")


@needs_root
def test_a_link_of_root_in_a_sticky_directory_is_followed(root: str) -> None:
    os.chmod(root + "/srv", 0o1777)
    os.symlink("/run", root + "/srv/link")
    assert reach(root, "/srv/link/php/x.pid") == "/run/php/x.pid"


@needs_root
def test_a_directory_that_may_not_be_searched(root: str) -> None:
    os.chmod(root + "/srv", 0o700)
    os.mkdir(root + "/srv/inner")
    os.chmod(os.path.dirname(root), 0o755)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            descriptor = os.open(root, os.O_PATH)
            os.setuid(NOBODY)
            open_place(f"/proc/self/fd/{descriptor}", "/srv/inner/x")
        except Forbidden:
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_a_directory_that_turns_into_a_link_after_it_was_looked_at(root: str, monkeypatch: Any) -> None:
    os.mkdir(root + "/srv/d")
    readlink = os.readlink

    def turn(name: str, **more: Any) -> str:
        try:
            return readlink(name, **more)
        finally:
            if name == "d" and not os.path.islink(root + "/srv/d"):
                os.rmdir(root + "/srv/d")
                os.symlink("/run/php", root + "/srv/d")

    monkeypatch.setattr(directory.os, "readlink", turn)
    with pytest.raises(Untrusted):
        open_place(root, "/srv/d/x.pid")


@needs_root
def test_a_directory_that_turns_into_a_link_is_never_followed(root: str) -> None:
    """Somebody exchanges a directory of theirs for a link to root's, again and again, while it is walked."""
    theirs = root + "/srv"
    os.mkdir(theirs + "/d")
    os.symlink("/run/php", theirs + "/link")
    for path in (theirs, theirs + "/d", theirs + "/link"):
        os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    reached: List[str] = []
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            os.rename(theirs + "/d", theirs + "/away")
            os.rename(theirs + "/link", theirs + "/d")
            os.rename(theirs + "/d", theirs + "/link")
            os.rename(theirs + "/away", theirs + "/d")

    swapper = threading.Thread(target=swap)
    swapper.start()
    inside = os.stat(root + "/run/php").st_ino
    refused = 0
    end = time.monotonic() + 1
    try:
        while time.monotonic() < end:
            try:
                place = open_place(root, "/srv/d/x.pid")
            except CannotLook:
                refused += 1
                continue
            assert os.fstat(place.directory).st_ino != inside
            reached.append(place.path)
            os.close(place.directory)
    finally:
        stop.set()
        swapper.join()
    assert set(reached) == {"/srv/d/x.pid"}
    assert refused > 10


def test_no_descriptor_is_left_open(root: str) -> None:
    os.symlink("loop", root + "/srv/loop")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("/run/php/x.pid", "/var/run/php/x.pid", "/none/x", "/run/php/x.pid/y", "/srv/loop/x"):
        try:
            os.close(open_place(root, path).directory)
        except CannotLook:
            continue
    assert len(os.listdir("/proc/self/fd")) == before


@given(st.lists(st.sampled_from(["run", "php", "x.pid", "var", "..", ".", "", "none"]), max_size=8))
def test_any_path_ends_below_the_root_or_is_explained(tmp_path_factory: Any, parts: List[str]) -> None:
    root = str(tmp_path_factory.getbasetemp() / "shared")
    if not os.path.exists(root):
        os.makedirs(root + "/run/php")
        os.makedirs(root + "/var")
        os.symlink("/run", root + "/var/run")
    try:
        place = open_place(root, "/" + "/".join(parts))
    except CannotLook:
        return
    try:
        assert os.readlink(f"/proc/self/fd/{place.directory}").startswith(root)
        assert ".." not in place.path.split("/")
    finally:
        os.close(place.directory)


@pytest.mark.parametrize(
    ("number", "error"), [(2, Missing), (3, Missing), (13, Forbidden), (1, Forbidden), (40, Untrusted), (20, Untrusted)]
)
def test_errors_are_explained_with_the_path(number: int, error: Any) -> None:
    what = explained(OSError(number, "x"), "/a/b")
    assert isinstance(what, error)
    assert str(what).startswith("/a/b: ")


def test_any_other_error_is_told_as_it_is() -> None:
    assert str(explained(OSError(5, "x"), "/a")) == "/a: Input/output error"
