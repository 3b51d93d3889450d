# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A whole tree is looked at in several processes, and nothing outside of it."""

import os
import signal
import subprocess
import sys
from typing import Any, Callable, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils import tree
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import (
    CannotLook,
    Malformed,
    Missing,
    TooLarge,
    Untrusted,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.tree import Counts, Leaf


class Bytes(Counts):
    def __init__(self) -> None:
        self.bytes = 0

    def add(self, other: "Bytes") -> None:
        self.bytes += other.bytes


def reader(counts: Bytes) -> Callable[[Leaf], Optional[str]]:
    def look(leaf: Leaf) -> Optional[str]:
        try:
            counts.bytes += len(leaf.read(1000)[0])
        except CannotLook as error:
            return f"{leaf.path}: {type(error).__name__}"
        return leaf.path

    return look


def survey(top: Any, enters: Callable[[str], bool] = lambda path: True) -> Any:
    counts = Bytes()
    found = Host().survey(os.path.realpath(str(top)), enters, reader, counts)
    return sorted(found.said), found.blind, counts.bytes


@pytest.fixture(params=[1, 2, 5], autouse=True)
def processes(request: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(tree.os, "sched_getaffinity", lambda pid: set(range(request.param)))


def fill(top: Any, *paths: str) -> None:
    for path in paths:
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def test_every_file_is_seen_once_whatever_the_number_of_processes(tmp_path: Any) -> None:
    paths = sorted(f"{number % 7}/{number % 3}/{number}" for number in range(300))
    fill(tmp_path, *paths)
    assert survey(tmp_path) == (paths, [], sum(map(len, paths)))


def test_what_is_not_entered_is_a_leaf(tmp_path: Any) -> None:
    fill(tmp_path, "a/b", "c/d")
    assert survey(tmp_path, lambda path: path == "a")[0] == ["a/b", "c: Untrusted"]


def test_links_fifos_and_large_files_are_not_read(tmp_path: Any) -> None:
    fill(tmp_path, "plain")
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "directory").symlink_to("/etc")
    os.mkfifo(str(tmp_path / "fifo"))
    (tmp_path / "large").write_text("x" * 1001)
    said = ["directory: Untrusted", "fifo: Untrusted", "large: TooLarge", "link: Untrusted", "plain"]
    assert survey(tmp_path)[0] == said


def test_files_of_every_size_around_a_page_are_read_whole(tmp_path: Any) -> None:
    for size in (0, 1, 999, 1000):
        (tmp_path / str(size)).write_bytes(b"x" * size)
    assert survey(tmp_path) == (["0", "1", "1000", "999"], [], 2000)


def test_a_tree_that_is_too_deep_is_told_and_the_rest_is_seen(tmp_path: Any) -> None:
    fill(tmp_path, "a/" * 120 + "deep", "b")
    said, blind, _unused = survey(tmp_path)
    assert said == ["b"] and [type(one.reason) for one in blind] == [TooLarge]


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_directory_that_cannot_be_listed_is_told_and_the_rest_is_seen(
    tmp_path: Any, monkeypatch: Any, everywhere: bool
) -> None:
    fill(tmp_path, "a/x", "broken/y", "c/z")
    ours, entries = os.getpid(), tree._entries

    def fails(directory: int) -> Any:
        broken = os.readlink(f"/proc/self/fd/{directory}").endswith("/broken")
        if broken and (everywhere or os.getpid() != ours):
            raise OSError(5, "Input/output error")
        return entries(directory)

    monkeypatch.setattr(tree, "_entries", fails)
    said, blind, _unused = survey(tmp_path)
    if everywhere:
        assert said == ["a/x", "c/z"]
    if everywhere or len(os.sched_getaffinity(0)) > 1:
        assert [(one.path, str(one.reason)) for one in blind] == [("broken", "broken: Input/output error")]


def test_a_name_of_any_bytes_is_seen(tmp_path: Any) -> None:
    with open(os.path.join(os.fsencode(str(tmp_path)), b"a\xff\n"), "wb"):
        assert survey(tmp_path)[0] == ["a\udcff\n"]


def test_files_that_somebody_planted_to_fill_the_memory_are_not_all_told(tmp_path: Any, monkeypatch: Any) -> None:
    fill(tmp_path, *(f"{number}" for number in range(40)))
    assert len(survey(tmp_path)[0]) == 40
    monkeypatch.setattr(tree, "TOLD_LIMIT", 10)
    with pytest.raises(TooLarge, match="more than 10 files"):
        survey(tmp_path)


def test_what_a_look_raises_is_raised(tmp_path: Any) -> None:
    fill(tmp_path, *map(str, range(20)))

    def fails(counts: Bytes) -> Callable[[Leaf], None]:
        def look(leaf: Leaf) -> None:
            raise Malformed(leaf.path)

        return look

    with pytest.raises(Malformed):
        Host().survey(os.path.realpath(str(tmp_path)), lambda path: True, fails, Bytes())


def test_a_process_that_is_killed_is_no_clean_answer(tmp_path: Any) -> None:
    fill(tmp_path, *map(str, range(20)))
    parent = os.getpid()

    def dies(counts: Bytes) -> Callable[[Leaf], None]:
        def look(leaf: Leaf) -> None:
            if os.getpid() != parent:
                os.kill(os.getpid(), signal.SIGKILL)

        return look

    if len(os.sched_getaffinity(0)) == 1:
        return
    with pytest.raises(CannotLook, match="was killed"):
        Host().survey(os.path.realpath(str(tmp_path)), lambda path: True, dies, Bytes())


def test_a_top_that_is_gone_or_a_link(tmp_path: Any) -> None:
    with pytest.raises(Missing):
        survey(tmp_path / "gone")
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(Untrusted):
        Host().survey(os.path.realpath(str(tmp_path)) + "/link", lambda path: True, reader, Bytes())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_another_mount_is_not_entered(tmp_path: Any) -> None:
    """Not even a bind mount of the same device. In a mount namespace of its own."""
    fill(tmp_path, "a/b", "outside/secret")
    (tmp_path / "a" / "mounted").mkdir()
    code = (
        "import sys; sys.path[:0] = sys.argv[2].split(':'); import test_tree; "
        "said, blind, count = test_tree.survey(sys.argv[1]); print(said, [one.path for one in blind])"
    )
    bind = 'mount --bind "$1/outside" "$1/a/mounted"; exec "$0" -c "$2" "$1/a" "$3"'
    path = ":".join([os.path.dirname(os.path.abspath(__file__)), *[one for one in sys.path if one]])
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", bind, sys.executable, os.path.realpath(str(tmp_path)), code, path],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        universal_newlines=True,
        check=False,
    )
    assert ran.stdout == "['b'] ['mounted']\n"


def test_a_directory_that_turns_into_a_link_leads_nowhere(tmp_path: Any) -> None:
    """Somebody exchanges a directory for a link to another one, again and again, while the tree is looked at."""
    top = tmp_path / "top"
    fill(tmp_path, "top/real/inside", "outside/secret")
    (top / "link").symlink_to(str(tmp_path / "outside"))
    swap = (
        "import os, sys\nreal, link = sys.argv[1:]\nfor number in range(1000):\n"
        "    os.rename(real, real + '.away'); os.rename(link, real)\n"
        "    os.rename(real, link); os.rename(real + '.away', real)\n"
    )
    swapper = subprocess.Popen([sys.executable, "-S", "-c", swap, str(top / "real"), str(top / "link")])
    seen: List[str] = []
    while swapper.poll() is None:
        seen += survey(top)[0]
    assert swapper.returncode == 0 and seen
    assert not [path for path in seen if "secret" in path]
