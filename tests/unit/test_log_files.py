# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Logs and what logrotate made of them, within bounds: real files that the real reader reads."""

import bz2
import gzip
import lzma
import os
import time
from pathlib import Path

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Missing, Untrusted
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import log_files
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from hypothesis import given
from hypothesis import strategies as st

NOW = time.time()
LOG = "/log/php-fpm.log"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path


def write(root: Path, name: str, content: bytes, days: float = 0) -> None:
    path = root / "log" / name
    path.write_bytes(content)
    os.utime(str(path), (NOW, NOW - days * 86400))


def read(root: Path, days: float = 14) -> log_files.Log:
    return log_files.read(Host(str(root)), LOG, NOW - days * 86400)


def test_every_way_of_rotating_is_read_oldest_first(root: Path) -> None:
    write(root, "php-fpm.log", b"today")
    write(root, "php-fpm.log.1", b"one", 1)
    write(root, "php-fpm.log.2.gz", gzip.compress(b"two"), 2)
    write(root, "php-fpm.log-20261118.xz", lzma.compress(b"three"), 3)
    write(root, "php-fpm.log-20261117.bz2", bz2.compress(b"four"), 4)
    write(root, "php-fpm-20261116.log", b"five", 5)
    write(root, "php-fpm-20261115.log.gz", gzip.compress(b"six"), 6)
    log = read(root)
    assert [file.text for file in log.files] == ["six", "five", "four", "three", "two", "one", "today"]
    assert (log.cut, log.unread) == (False, ())


@pytest.mark.parametrize(
    "name", ["php-fpm.log.1x", "php-fpm.log.gz", "php-fpm.log.old.1", "xphp-fpm.log.1", "php-fpm.1"]
)
def test_other_files_are_not_of_it(root: Path, name: str) -> None:
    write(root, "php-fpm.log", b"today")
    write(root, name, b"other")
    assert [file.text for file in read(root).files] == ["today"]


def test_what_was_written_before_the_period_is_not_read(root: Path) -> None:
    write(root, "php-fpm.log", b"today")
    write(root, "php-fpm.log.1", b"old", 15)
    assert [file.text for file in read(root).files] == ["today"]
    assert len(read(root, 16).files) == 2


def test_only_the_end_of_a_large_log_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "TAIL", 8)
    write(root, "php-fpm.log", b"0123456789\xff")
    write(root, "php-fpm.log.1", b"older", 1)
    log = read(root)
    assert log.cut and [file.text for file in log.files] == ["3456789\udcff"]


def test_there_is_a_limit_to_all_of_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "TOTAL", 12)
    for number, name in enumerate(("php-fpm.log", "php-fpm.log.1", "php-fpm.log.2", "php-fpm.log.3")):
        write(root, name, b"12345", number)
    log = read(root)
    assert log.cut and [file.text for file in log.files] == ["45", "12345", "12345"]


@pytest.mark.parametrize("extension, pack", [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_the_end_of_a_packed_file_is_what_counts(root: Path, extension: str, pack: object) -> None:
    content = bytes(range(256)) * (log_files.TAIL // 256) + b"the end"
    write(root, "php-fpm.log", b"today")
    write(root, f"php-fpm.log.1.{extension}", pack(content), 1)  # type: ignore[operator]
    log = read(root)
    assert log.cut and len(log.files[0].text) == log_files.TAIL and log.files[0].text.endswith("the end")


@pytest.mark.parametrize("extension, pack", [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_bomb_is_not_unpacked(root: Path, extension: str, pack: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "INFLATED_LIMIT", 4 * 1024 * 1024)
    write(root, "php-fpm.log", b"today")
    write(root, f"php-fpm.log.1.{extension}", pack(bytes(5 * 1024 * 1024)), 1)  # type: ignore[operator]
    log = read(root)
    assert [file.text for file in log.files] == ["today"]
    assert "it unpacks to more than" in log.unread[0]


@pytest.mark.parametrize(
    "content", [gzip.compress(bytes(5 * 1024 * 1024)), gzip.compress(bytes(1 << 20))[:-8] + b"x" * 8]
)
def test_after_one_bomb_no_other_is_touched(root: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_files, "INFLATED_LIMIT", 4 * 1024 * 1024)
    write(root, "php-fpm.log", b"today")
    for number in range(1, 6):
        write(root, f"php-fpm.log.{number}.gz", content, number)
    log = read(root)
    assert [file.text for file in log.files] == ["today"]
    assert log.cut and len(log.unread) == 1 and "php-fpm.log.1.gz" in log.unread[0]


@pytest.mark.parametrize("extension", ["gz", "bz2", "xz", "zst"])
def test_what_cannot_be_unpacked_is_said(root: Path, extension: str) -> None:
    write(root, "php-fpm.log", b"today")
    write(root, f"php-fpm.log.1.{extension}", b"no such file at all", 1)
    log = read(root)
    assert [file.text for file in log.files] == ["today"] and f"php-fpm.log.1.{extension}" in log.unread[0]


def test_a_torn_file_gives_what_it_has(root: Path) -> None:
    write(root, "php-fpm.log", b"today")
    packed = gzip.compress(os.urandom(100000))
    write(root, "php-fpm.log.1.gz", packed[: len(packed) // 2], 1)
    assert 10000 < len(read(root).files[0].text) < 100000


def test_links_and_fifos_are_not_read(root: Path) -> None:
    write(root, "php-fpm.log", b"today")
    (root / "secret").write_bytes(b"secret")
    os.symlink(str(root / "secret"), str(root / "log/php-fpm.log.1"))
    os.mkfifo(str(root / "log/php-fpm.log.2"))
    os.chmod(str(root / "log"), 0o777)
    log = read(root)
    assert [file.text for file in log.files] == ["today"] and len(log.unread) == 2


def test_no_log_is_an_error(root: Path) -> None:
    with pytest.raises(Missing):
        read(root)
    os.mkfifo(str(root / "log/php-fpm.log"))
    with pytest.raises(Untrusted):
        read(root)


@given(st.binary(max_size=200), st.sampled_from(["gz", "bz2", "xz"]), st.booleans())
def test_any_bytes_are_read_or_said_to_be_unread(tmp_path_factory, content: bytes, extension: str, torn: bool) -> None:  # type: ignore[no-untyped-def]
    root = tmp_path_factory.mktemp("any")
    (root / "log").mkdir()
    packed = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[extension](content)
    write(root, "php-fpm.log", b"today")
    write(root, f"php-fpm.log.1.{extension}", packed[: len(packed) // 2] + content if torn else packed, 1)
    log = read(root)
    assert len(log.files) + len(log.unread) == 2
    assert torn or log.files[0].text == os.fsdecode(content)


def test_times_are_of_the_hosts_zone() -> None:
    assert log_files.seconds((2026, 11, 21, 22, 26, 40)) == 1795300000.0
    assert log_files.local(1795300000.9) == (2026, 11, 21, 22, 26, 40)
