# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names, headers and entries of eAccelerator's cache files."""

import os
import struct
import zlib
from typing import Dict, Set

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import eaccelerator
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator import (
    Name,
    directories,
    parse_name,
    read,
)
from eaccelerator_samples import WHOLE, Damaged, Healthy, changed, damaged, healthy, one, whole
from hypothesis import given
from hypothesis import strategies as st

INCIDENT = "eaccelerator-48746.27075141"
DIGEST = "0cb8835a451b65e1e4084cd9c3fa929a"


def name_of(path: str) -> Name:
    name = parse_name(os.path.basename(path))
    assert name is not None
    return name


def test_the_name_of_the_incident() -> None:
    name = name_of(INCIDENT)
    assert name == Name("inode", 64784, 14157072, None)
    assert directories(name) == ("1", "5")


@pytest.mark.parametrize(
    ("text", "name", "places"),
    [
        ("eaccelerator-42056.0514612", Name("inode", 65024, 2164150, None), ("b", "5")),
        (f"eaccelerator-{DIGEST}", Name("path", None, None, DIGEST), ("0", "c")),
        (f"eaccelerator-user-{DIGEST}", Name("user", None, None, DIGEST), ("0", "c")),
    ],
)
def test_names(text: str, name: Name, places: tuple) -> None:
    assert parse_name(text) == name
    assert directories(name) == places


@pytest.mark.parametrize(
    "text",
    [
        "",
        "eaccelerator-",
        "eaccelerator-48746",
        "eaccelerator-48746.2707514x",
        "eaccelerator-48746.27075140",  # would be an inode that begins with 0
        "eaccelerator-48740.27075141",
        "eaccelerator-48746.27075141\n",
        "eaccelerator-\u0661.\u0661",
        f"eaccelerator-{'1' * 21}.1",
        f"eaccelerator-{DIGEST[:-1]}",
        f"eaccelerator-{DIGEST}0",
        f"eaccelerator-{DIGEST.upper()}",
        f"eaccelerator-user-{DIGEST[1:]}",
        "eaccelerator.48746.27075141",
        "sess_0cb8835a451b65e1e4084cd9c3fa929a",
    ],
)
def test_no_name(text: str) -> None:
    assert parse_name(text) is None


@given(st.integers(1, 2**64 - 1), st.integers(1, 2**64 - 1))
def test_every_inode_is_read_back(device: int, inode: int) -> None:
    text = f"eaccelerator-{str(device)[::-1]}.{str(inode)[::-1]}"
    assert parse_name(text) == Name("inode", device, inode, None)


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_none(text: str) -> None:
    name = parse_name(f"eaccelerator-{text}")
    assert name is None or len(directories(name)) == 2


VERSIONS = {
    "php52-ea0953": ("0.9.1-0.9.5", "0.9.5", "2.2.0", "5.2.17"),
    "php52-ea0961": ("0.9.6", "0.9.6.1", "2.2.0", "5.2.17"),
    "php53": ("0.9.6", "0.9.6.1", "2.3.0", "5.3.29"),
    "php53-ea10": ("1.0", "1.0.0", "2.3.0", "5.3.29"),
    "php54-ea10": ("1.0", "1.0.0", "2.4.0", "5.4.21"),
}


@pytest.mark.parametrize("sample", healthy(), ids=lambda sample: f"{sample.build}/{sample.path}")
def test_a_healthy_file_has_no_flaw(sample: Healthy) -> None:
    name = name_of(sample.path)
    assert directories(name) == tuple(sample.path.split("/")[-3:-1])
    entry, flaws = read(sample.data, name)
    assert flaws == ()
    assert entry is not None
    key = max((key for key in VERSIONS if sample.build.startswith(key)), key=len)
    assert (entry.family, entry.eaccelerator, entry.zend, entry.php) == VERSIONS[key]
    assert entry.abi == ("ILP32" if "m32" in sample.build else "LP64")
    assert entry.key == name.key
    assert (entry.device, entry.inode) == (name.device, name.inode)
    assert entry.script.startswith("/srv/app12/www/s")
    assert (entry.created is None) == (entry.family == "0.9.1-0.9.5")


def test_what_an_entry_says() -> None:
    sample = one("php53-ea0961", "s02_hello.php")
    entry, _flaws = read(sample.data, name_of(sample.path))
    assert entry == eaccelerator.Entry(
        family="0.9.6",
        abi="LP64",
        key="inode",
        eaccelerator="0.9.6.1",
        zend="2.3.0",
        php="5.3.29",
        words=(0x00090601, 0xF60B9CAE, 0x02030000, 0, 0x05031D00, 0),
        payload_size=536,
        script_size=25,
        script_mtime=1795290078,
        created=1795290118,
        device=65024,
        inode=2164150,
        script="/srv/app12/www/s02_hello.php",
    )


# By what the loader did with a damaged file before it followed a pointer: the kinds of flaws that may say so.
REFUSED = {"size_refused"}
RECOMPILED = {"short", "magic", "words", "truncated", "entry_size", "checksum", "name"}
HARMLESS = {"trailing", "header"}
# The loader compiles these again, and there is no flaw to see in the file itself: its versions are another build's.
OTHER_VERSIONS = {f"raw__s05__hflip_{byte}" for byte in (8, 12, 16, 20, 24, 28)} | {"raw__s05__swap_ino_fixed"}


@pytest.mark.parametrize("sample", [s for s in damaged() if s.name.startswith("raw")], ids=lambda sample: sample.name)
def test_a_damaged_file_is_judged_as_the_loader_did(sample: Damaged) -> None:
    judge(sample)


def judge(sample: Damaged) -> None:
    kinds = {flaw.kind for flaw in read(sample.data, name_of(sample.path)).flaws}
    if sample.result == "SIGSEGV":
        assert kinds == {"size_minus_one"}
    elif sample.result == "fatal500":
        assert kinds == REFUSED
    elif sample.result == "ok":
        assert kinds <= HARMLESS
    else:
        assert sample.result == "recompiled"
        assert kinds <= RECOMPILED | HARMLESS
        assert bool(kinds & RECOMPILED) == (sample.name not in OTHER_VERSIONS)


@pytest.mark.skipif(not WHOLE, reason="PHPFLEET_SAMPLES names no folder with the whole set")
def test_every_damaged_file_of_the_whole_set() -> None:
    samples = [sample for sample in whole()[1] if sample.name.startswith("raw")]
    for sample in samples:
        judge(sample)
    assert len(samples) == 130


def with_header(**fields: int) -> bytes:
    """Return a healthy file of 0.9.6 with other numbers in its header."""
    places: Dict[str, str] = {"eaccelerator": "8", "size": "32", "mtime": "40", "ts": "48", "crc32": "56"}
    sample = one("php53-ea0961", "s02_hello.php")
    changes = " ".join(f"{places[field]}={struct.pack('<I', value).hex()}" for field, value in fields.items())
    return changed(sample.data, len(sample.data), changes)


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (b"", {"short"}),
        (b"EACC", {"short"}),
        (b"EACCELER", {"short"}),
        (b"EACCELER\x05\x92\0\0" + bytes(20), {"short"}),
        (b"EACX", {"magic"}),
        (b"<?php echo 1;", {"magic"}),
        (with_header(eaccelerator=0x00090701), {"words"}),
        (with_header(eaccelerator=0), {"words"}),
        (with_header(size=0x7FFFFFFF), {"size_refused"}),
        (with_header(size=128 << 20), {"truncated"}),
        (with_header(size=(128 << 20) + 1), {"size_refused"}),
        (with_header(size=0xFFFFFFFF), {"size_minus_one"}),
        (with_header(size=0xFFFFFFF8), {"entry_size"}),
        (with_header(size=0xFFFFFFF0), {"size_refused"}),
        (with_header(size=0), {"trailing", "entry_size"}),
        (with_header(crc32=0), {"checksum"}),
        (with_header(mtime=1), {"header"}),
        (with_header(ts=1), {"header"}),
    ],
)
def test_flaws(data: bytes, kinds: Set[str]) -> None:
    result = read(data, Name("inode", 65024, 2164150, None))
    assert {flaw.kind for flaw in result.flaws} == kinds


def test_the_memory_limit_says_which_sizes_are_refused() -> None:
    name = Name("inode", 65024, 2164150, None)
    data = with_header(size=1 << 29)
    assert [flaw.kind for flaw in read(data, name).flaws] == ["size_refused"]
    assert [flaw.kind for flaw in read(data, name, 1 << 30).flaws] == ["truncated"]
    assert [flaw.kind for flaw in read(data, name, None).flaws] == ["truncated"]
    assert [flaw.kind for flaw in read(with_header(size=1 << 31), name, None).flaws] == ["size_refused"]


@pytest.mark.parametrize(
    ("build", "abi", "entry_size_at", "crc_at", "payload_at"),
    [("php53-ea0961", "LP64", 120, 56, 64), ("php53m32-ea0961", "ILP32", 80, 44, 48)],
)
def test_the_abi_of_a_file(build: str, abi: str, entry_size_at: int, crc_at: int, payload_at: int) -> None:
    """By the size in the entry where the length does not say it, and the other way round."""
    sample = one(build, "s05_class.php")
    for data, kinds in ((sample.data[:-8], ["truncated"]), (sample.data + b"x" * 24, ["trailing"])):
        entry, flaws = read(data, name_of(sample.path))
        assert entry is not None
        assert (entry.abi, [flaw.kind for flaw in flaws]) == (abi, kinds)
    data = bytearray(sample.data)
    struct.pack_into("<I", data, entry_size_at, 1)
    struct.pack_into("<I", data, crc_at, zlib.crc32(data[payload_at:]))
    entry, flaws = read(bytes(data), name_of(sample.path))
    assert entry is not None
    assert (entry.abi, [(flaw.kind, flaw.offset) for flaw in flaws]) == (abi, [("entry_size", entry_size_at)])


def test_a_header_is_compared_with_an_entry_that_is_as_it_was_written() -> None:
    sample = one("php53-ea0961", "s02_hello.php")
    data = bytearray(sample.data)
    struct.pack_into("<q", data, 40, 5)
    name = name_of(sample.path)
    assert [flaw.kind for flaw in read(bytes(data) + b"x", name).flaws] == ["trailing", "header"]
    data[-1] ^= 1
    assert [flaw.kind for flaw in read(bytes(data), name).flaws] == ["checksum"]


def test_a_file_under_another_name() -> None:
    sample = one("php53-ea0961", "s02_hello.php")
    flaws = read(sample.data, Name("inode", 1, 2164150, None)).flaws
    assert [(flaw.kind, flaw.offset, flaw.detail) for flaw in flaws] == [
        ("name", 72, "the entry is of device 65024, the name says 1")
    ]
    assert [flaw.kind for flaw in read(sample.data, Name("user", None, None, DIGEST)).flaws] == ["name"]


LETTERS = sum(ord(letter) << 7 * (3 - place) for place, letter in enumerate("7+sq"))


@pytest.mark.parametrize(
    ("extra", "php"),
    [(0, "5.3.29"), (2 << 28 | 4, "5.3.29rc4"), (15 << 28 | LETTERS, "5.3.29-7+sq"), (9 << 28, "5.3.29")],
)
def test_versions_with_a_suffix(extra: int, php: str) -> None:
    sample = one("php53-ea0961", "s02_hello.php")
    data = changed(sample.data, len(sample.data), f"28={struct.pack('<I', extra).hex()}")
    entry = read(data, name_of(sample.path)).entry
    assert entry is not None
    assert entry.php == php
