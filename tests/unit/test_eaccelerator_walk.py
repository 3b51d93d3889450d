# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The structure of eAccelerator's cached scripts: who crashes is found, who is healthy never."""

import os
import random
import struct
import time
import zlib
from collections import Counter
from typing import List, Optional, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator import Entry, parse_name, read
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_layouts import (
    MIDDLE,
    script_layout,
    structure,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_opcodes import shapes
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_payload import key_hash
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.eaccelerator_walk import (
    Walk,
    not_walkable,
    walk,
)
from eaccelerator_samples import WHOLE, Damaged, Healthy, damaged, healthy, one, whole
from hypothesis import given, settings
from hypothesis import strategies as st

# The flaws that leave the payload as it was written: the loader takes the entry, or it is whole under another's name.
INTACT = {"trailing", "header", "name"}


def judge(data: bytes, path: str) -> Tuple[Optional[Entry], List[str], Optional[Walk]]:
    """Return the entry, the kinds of all flaws, and the walk where there was one."""
    name = parse_name(os.path.basename(path))
    assert name is not None
    entry, flaws = read(data, name)
    kinds = [flaw.kind for flaw in flaws]
    if entry is None or set(kinds) - INTACT or not_walkable(entry):
        return entry, kinds, None
    walked = walk(data, entry)
    return entry, kinds + ([walked.flaw.kind] if walked.flaw else []), walked


def layout_of(build: str) -> str:
    php = f"php{build[3]}.{build[4]}"
    key = "path" if build.endswith("noino") else "inode"
    abi = "ILP32" if "m32" in build else "LP64"
    return f"{php}-{key}-{abi}" + ("-doc" if build.endswith("doc") else "")


def check_healthy(sample: Healthy) -> None:
    entry, kinds, walked = judge(sample.data, sample.path)
    assert kinds == []
    assert entry is not None
    if "ea10" in sample.build:
        assert walked is None
        assert not_walkable(entry) == "the structures of eAccelerator 1.0.0 are not known here"
        return
    documented = 1 if sample.build.endswith("doc") and entry.script.endswith("s12_doccomment.php") else 0
    assert walked is not None
    assert walked.layout == layout_of(sample.build)
    assert bool(walked.documented_classes) == bool(documented)


@pytest.mark.parametrize("sample", healthy(), ids=lambda sample: f"{sample.build}/{sample.path}")
def test_a_healthy_file_has_one_layout_and_no_flaw(sample: Healthy) -> None:
    check_healthy(sample)


# What a flip made another legal program of, which ends with PHP's own "Call to undefined function".
LEGAL = {"crcfix__s15__rflip_006"}


def check_valid_checksum(sample: Damaged) -> None:
    _entry, kinds, _walked = judge(sample.data, sample.path)
    if sample.result in ("SIGSEGV", "SIGBUS"):
        assert kinds == ["structure"]
    elif sample.result == "fatal500":
        assert kinds == ([] if sample.name in LEGAL else ["structure"])
    else:
        assert set(kinds) <= {"structure", "name"}


@pytest.mark.parametrize(
    "sample", [s for s in damaged() if s.name.startswith("crcfix")], ids=lambda sample: sample.name
)
def test_what_crashes_with_a_valid_checksum_is_found(sample: Damaged) -> None:
    check_valid_checksum(sample)


def check_other_build(sample: Damaged) -> None:
    """A file is intact, and crashes a reader whose build lays it out otherwise, or that forgets doc comments."""
    entry, kinds, walked = judge(sample.data, sample.path)
    assert set(kinds) <= {"name"}
    assert entry is not None
    assert walked is not None
    assert walked.layout is not None
    own = entry.php == "5.3.29" and entry.eaccelerator == "0.9.6.1" and entry.abi == "LP64"
    if not own:
        assert sample.result == "recompiled"
        return
    reads_documented = sample.reader.endswith("doc-comments")
    differs = walked.layout.endswith("-doc") != reads_documented
    crashes = walked.documented_classes > 0 or (differs and reads_documented)
    assert (sample.result == "SIGSEGV") == crashes


@pytest.mark.skipif(not WHOLE, reason="PHPFLEET_SAMPLES names no folder with the whole set")
def test_the_whole_set() -> None:
    sound, broken = whole()
    for sample in sound:
        check_healthy(sample)
    groups: Counter = Counter()
    for sample in broken:
        group = sample.name.split("__")[0]
        groups[group] += 1
        if group == "crcfix":
            check_valid_checksum(sample)
        elif group == "build":
            check_other_build(sample)
    assert (len(sound), dict(groups)) == (225, {"raw": 130, "crcfix": 138, "build": 36})


def test_the_file_of_one_build_is_not_of_the_other() -> None:
    plain, documented = (one(build, "s05_class.php") for build in ("php53-ea0961", "php53-ea0961doc"))
    layouts = {judge(sample.data, sample.path)[2] for sample in (plain, documented)}
    assert {walked.layout for walked in layouts if walked} == {"php5.3-inode-LP64", "php5.3-inode-LP64-doc"}


def test_what_cannot_be_walked_is_said() -> None:
    sample = one("php53-ea0961", "s02_hello.php")
    entry = judge(sample.data, sample.path)[0]
    assert entry is not None
    assert not_walkable(entry) is None
    assert not_walkable(entry._replace(key="user")) == "a user's entry holds a value, not a script"
    assert "PHP 5.1.6" in str(not_walkable(entry._replace(php="5.1.6")))
    assert "PHP 5.3.29" in str(not_walkable(entry._replace(family="0.9.1-0.9.5")))


# Offsets of eaccelerator's and Zend's structures that a debugger printed of real builds: structure, field, LP64, ILP32.
PRINTED = [
    ("op_array", "this_var", 8, 8),
    ("op_array", "argument_info", 24, 24),
    ("op_array", "function_name", 40, 32),
    ("op_array", "opcodes", 64, 48),
    ("op_array", "temporaries", 92, 64),
    ("op_array", "static_variables", 128, 84),
    ("op_array", "line_end", 148, 96),
    ("class_entry", "properties_info", 176, 96),
    ("class_entry", "static_members", 320, 176),
    ("class_entry", "constants_table", 328, 180),
    ("class_entry", "line_end", 420, 236),
    ("opline", "op1_kind", 40, 24),
    ("opline", "op2_kind", 72, 44),
    ("opline", "opcode", 116, 72),
    ("zval", "type", 20, 12),
    ("hash", "buckets", 48, 28),
    ("bucket", "key", 64, 32),
    ("list_entry", "key", 20, 12),
    ("argument", "required", 32, 20),
    ("property", "doc_comment", 32, 16),
    ("variable", "hash", 16, 8),
]


@pytest.mark.parametrize(("name", "field", "wide", "narrow"), PRINTED)
def test_offsets_are_those_of_real_builds(name: str, field: str, wide: int, narrow: int) -> None:
    for abi, offset in (("LP64", wide), ("ILP32", narrow)):
        assert getattr(script_layout("5.3", abi, False), name).offsets[field] == offset


def test_sizes_are_those_of_real_builds() -> None:
    sizes = {
        (php, abi, is_documented): (layout.op_array.size, layout.class_entry.size)
        for php, abi, is_documented in (
            ("5.3", "LP64", False),
            ("5.3", "LP64", True),
            ("5.3", "ILP32", False),
            ("5.2", "LP64", False),
        )
        for layout in [script_layout(php, abi, is_documented)]
    }
    assert list(sizes.values()) == [(152, 424), (168, 440), (100, 240), (144, 424)]
    assert MIDDLE.entries["inode", "LP64"][0].offsets["realfilename"] == 97
    assert MIDDLE.entries["inode", "ILP32"][0].offsets["realfilename"] == 61
    assert MIDDLE.entries["path", "LP64"][0].offsets["realfilename"] == 89


def test_a_structure_is_laid_out_as_a_compiler_does() -> None:
    layout = structure("byte one, u64 two, byte three, pointer[2] four, byte five", "ILP32")
    assert layout.offsets == {"one": 0, "two": 4, "three": 12, "four": 16, "five": 24}
    assert (layout.size, layout.names) == (28, ("one", "two", "three", "five"))
    assert structure("byte one, u64 two, byte three", "LP64").size == 24


def test_operands_of_opcodes() -> None:
    legal = {php: {shape[0] for shape in shapes(php)} for php in ("5.2", "5.3")}
    assert max(legal["5.2"]) == 150
    assert legal["5.3"] - legal["5.2"] == {69, 100, 143, 145, 152, 153}
    assert [shape for shape in shapes("5.3") if shape[0] == 143] == [(143, 1, 1, 8)]  # DECLARE_CONST: two constants
    assert {shape[1:3] for shape in shapes("5.2") if shape[0] == 39} == {
        (4, 4),
        (4, 16),
        (16, 4),
        (16, 16),
    }  # ASSIGN_REF


def plain_hash(key: bytes, bits: int) -> int:
    code = 5381
    for byte in key:
        code = code * 33 + (byte - 256 if byte > 127 else byte)
    return code % (1 << bits)


@given(st.one_of(st.binary(max_size=40), st.binary(min_size=250, max_size=1100)), st.sampled_from([32, 64]))
def test_the_hash_is_that_of_zend(key: bytes, bits: int) -> None:
    assert key_hash(key, bits) == plain_hash(key, bits)


def mended(data: bytes) -> bytes:
    """Return a file of 0.9.6 on LP64 with the checksum that its payload has."""
    return data[:56] + struct.pack("<I", zlib.crc32(data[64:])) + data[60:]


SOURCES = [
    one(build, script)
    for build in ("php53-ea0961", "php53-ea0961doc", "php52-ea0961", "php53zts-ea0961")
    for script in ("s02_hello.php", "s05_class.php", "s12_doccomment.php")
]


@st.composite
def mutations(draw: st.DrawFn) -> Tuple[Healthy, bytes]:
    """A real file with up to six changes: a flipped bit, another word of the file, a number that is too large."""
    source = draw(st.sampled_from(SOURCES))
    data = bytearray(source.data)
    for _unused in range(draw(st.integers(1, 6))):
        at = draw(st.integers(64, len(data) - 8))
        if draw(st.booleans()):
            data[at] ^= 1 << draw(st.integers(0, 7))
        else:
            at -= at % 8
            other = draw(st.integers(8, len(data) // 8 - 1)) * 8
            words = st.sampled_from(
                [bytes(data[other : other + 8]), b"\xff" * 8, bytes(8), b"\xff\xff\xff\x7f\0\0\0\0"]
            )
            data[at : at + 8] = draw(words)
    return source, mended(bytes(data))


@settings(max_examples=400)
@given(mutations())
def test_no_change_makes_the_walk_fail_or_linger(change: Tuple[Healthy, bytes]) -> None:
    source, data = change
    before = time.process_time()
    _entry, _kinds, walked = judge(data, source.path)
    assert time.process_time() - before < 2
    assert walked is None or (walked.layout is None) == (walked.flaw is not None)
    for flaw in [walked.flaw] if walked and walked.flaw else []:
        assert flaw.offset is not None
        assert 0 <= flaw.offset <= len(data)


@given(st.binary(max_size=400), st.sampled_from([b"", b"EACCELER", b"EACCELER\1\6\x09\0", b"EACCELER\5\x92\0\0"]))
def test_any_bytes_are_read(tail: bytes, head: bytes) -> None:
    for name in ("eaccelerator-1.1", f"eaccelerator-{'0' * 32}", f"eaccelerator-user-{'0' * 32}"):
        entry, kinds, _walked = judge(head + tail, name)
        assert entry is not None or kinds


def test_random_words_in_real_files_are_found_or_harmless() -> None:
    """A bounded run over every aligned word of one file: what is not found must at least be walked to the end."""
    source = one("php53-ea0961", "s05_class.php")
    chance = random.Random(20261101)
    found = 0
    words = range(64 + 104, len(source.data) - 8, 40)
    for at in words:
        data = bytearray(source.data)
        data[at : at + 8] = struct.pack("<Q", chance.getrandbits(64))
        walked = judge(mended(bytes(data)), source.path)[2]
        found += bool(walked is None or walked.flaw)
    assert found > len(words) // 2


def test_a_name_that_is_named_often_is_summed_up_once() -> None:
    """20,000 variables share a name of half a megabyte: summed up each time it would take an hour."""
    source = one("php53-ea0961", "s02_hello.php")
    layout = script_layout("5.3", "LP64", False)
    data = bytearray(source.data)
    base, op_array = struct.unpack_from("<Q", data, 64)[0], struct.unpack_from("<Q", data, 64 + 72)[0]
    name = b"n" * 500000 + b"\0" * 8
    count = 20000
    at = len(data) - 64 + base
    row = struct.pack("<Qi4xQ", at + count * 24, 500000, key_hash(name[:500001], 64))
    data += row * count + name
    place = op_array - base + 64
    struct.pack_into("<Q", data, place + layout.op_array.offsets["variables"], at)
    struct.pack_into("<I", data, place + layout.op_array.offsets["variable_count"], count)
    for field in (32, 64 + 56):
        struct.pack_into("<I", data, field, len(data) - 64)
    before = time.process_time()
    _entry, kinds, walked = judge(mended(bytes(data)), source.path)
    assert kinds == []
    assert walked is not None
    assert time.process_time() - before < 5
