# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a file of OPcache's cache says, by files of a real PHP 8.2. PHPFLEET_OPCACHE may name a cache with more."""

import os
import random
import struct
import time
import zlib
from typing import Iterator, List, NamedTuple, Optional, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.opcache import (
    HEADER,
    HUGE,
    MAGIC,
    ZERO_TAIL,
    Entry,
    read,
    script_of,
    shows,
    system_ids,
)
from hypothesis import given
from hypothesis import strategies as st

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples", "opcache")
SYSTEM_ID = "1204a070cd49210ca578dc8015bee891"
TIMESTAMP = 1793491200
MODES = ("shared_memory", "file_cache_only")
MEM_SIZE, STR_SIZE, OFFSET, TIME, CHECKSUM, PADDING = 40, 48, 56, 64, 72, 76
BODY_TIMESTAMP, BODY_SIZE = HEADER + 384, HEADER + 432


class File(NamedTuple):
    """A file of a cache: its place below it, and its bytes."""

    place: str
    data: bytes


def files(directory: str) -> Iterator[File]:
    for at, _unused, names in os.walk(directory):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                yield File(os.path.relpath(os.path.join(at, name), directory), file.read())


def real() -> List[File]:
    """Every entry that a real PHP wrote."""
    directories = [os.path.join(SAMPLES, mode) for mode in MODES]
    more = os.environ.get("PHPFLEET_OPCACHE")
    return [file for directory in directories + ([more] if more else []) for file in files(directory)]


def sample(mode: str, name: str = "lib.php") -> bytes:
    with open(os.path.join(SAMPLES, mode, SYSTEM_ID, "srv/shop/app", name + ".bin"), "rb") as file:
        return file.read()


def with_number(data: bytes, offset: int, number: int, form: str = "=Q") -> bytes:
    size = struct.calcsize(form)
    return data[:offset] + struct.pack(form, number) + data[offset + size :]


def number(data: bytes, offset: int) -> int:
    return int(struct.unpack_from("=Q", data, offset)[0])


def sealed(data: bytes) -> bytes:
    """With the checksum that belongs to it."""
    return with_number(data, CHECKSUM, zlib.adler32(data[HEADER:], 1), "=I")


def kinds(data: bytes, minor: Optional[Tuple[int, int]] = (8, 2)) -> List[str]:
    return [flaw.kind for flaw in read(data, minor).flaws]


@pytest.mark.parametrize("file", real(), ids=lambda file: str(file.place))
def test_a_file_shows_whose_it_is_in_whatever_layout(file: File) -> None:
    entry = read(file.data, None).entry
    script = script_of(file.place)
    assert entry is not None and script is not None
    assert shows(file.data, entry, script)
    assert not shows(file.data, entry, script[:-1])
    assert not shows(file.data, entry, "/other.php")
    assert not shows(file.data, entry._replace(mem_size=entry.mem_size + 64), script)


def is_doubted(file: File, data: bytes) -> bool:
    """Whether a file is found not to be what its place says."""
    seen = read(data, (8, 2))
    entry = seen.entry
    return bool(seen.flaws) or entry is None or place_of(entry) != file.place


def place_of(entry: Entry) -> str:
    return f"{entry.system_id}{entry.script}.bin"


@pytest.mark.parametrize("mode", MODES)
def test_what_an_entry_says(mode: str) -> None:
    data = sample(mode)
    seen = read(data, (8, 2))
    assert seen.flaws == ()
    assert seen.entry is not None
    assert seen.entry._replace(checksum=0, mem_size=0, str_size=0) == Entry(
        SYSTEM_ID, 0, 0, 0, TIMESTAMP, 0, "/srv/shop/app/lib.php"
    )
    assert HEADER + seen.entry.mem_size + seen.entry.str_size == len(data)
    assert (seen.entry.str_size == 0) == (mode == "file_cache_only")


@pytest.mark.parametrize("minor", [(8, 2), (7, 4), None])
def test_no_real_entry_has_a_flaw(minor: Optional[Tuple[int, int]]) -> None:
    seen = {file.place: read(file.data, minor) for file in real()}
    assert len(seen) >= 2
    for place, judged in seen.items():
        assert judged.flaws == (), place
        assert judged.entry is not None
        assert judged.entry.system_id == place[:32]
        assert judged.entry.script == (script_of(place) if minor == (8, 2) else None)


@pytest.mark.parametrize("mode", MODES)
def test_every_flipped_bit_of_a_header_is_seen(mode: str) -> None:
    data = sample(mode)
    file = File(f"{SYSTEM_ID}/srv/shop/app/lib.php.bin", data)
    missed = [bit for bit in range(PADDING * 8) if not is_doubted(file, flipped(data, bit))]
    assert missed == []


def test_padding_is_not_judged() -> None:
    assert kinds(with_number(sample("file_cache_only"), PADDING, 0xDEADBEEF, "=I")) == []


def test_flipped_bits_of_bodies_are_seen() -> None:
    choose = random.Random(8)
    entries = real()
    for _unused in range(2000):
        file = choose.choice(entries)
        bit = choose.randrange(HEADER * 8, len(file.data) * 8)
        assert is_doubted(file, flipped(file.data, bit)), (file.place, bit)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def test_too_short_for_a_header() -> None:
    for length in (0, 40, HEADER - 1):
        seen = read(sample("file_cache_only")[:length], (8, 2))
        assert (seen.entry, [flaw.kind for flaw in seen.flaws]) == (None, ["short"])
        assert str(length) in seen.flaws[0].detail


def test_no_magic() -> None:
    seen = read(b"\0" * 4096, None)
    assert (seen.entry, [flaw.kind for flaw in seen.flaws]) == (None, ["magic"])


def test_system_id_that_is_none() -> None:
    data = sample("file_cache_only")
    assert kinds(data[:8] + b"X" + data[9:]) == ["system_id"]
    assert kinds(data[:8] + b"\xff" + data[9:]) == ["system_id"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("left", [HEADER, 0.5, -1])
def test_truncated(mode: str, left: float) -> None:
    data = sample(mode)
    data = data[: int(len(data) * left) if isinstance(left, float) else left]
    seen = read(data, (8, 2))
    assert [(flaw.kind, flaw.offset) for flaw in seen.flaws] == [("truncated", len(data))]
    assert seen.entry is not None
    assert seen.entry.script is None


@pytest.mark.parametrize("mode", MODES)
def test_bytes_after_the_end_are_all_that_is_wrong(mode: str) -> None:
    data = sample(mode)
    seen = read(data + b"x" * 100, (8, 2))
    assert [(flaw.kind, flaw.offset) for flaw in seen.flaws] == [("trailing", len(data))]
    assert seen.entry is not None
    assert seen.entry.script == "/srv/shop/app/lib.php"


@pytest.mark.parametrize(("bit", "kind"), [(26, "truncated"), (27, "mem_size"), (40, "mem_size"), (62, "mem_size")])
def test_more_memory_than_a_php_has(bit: int, kind: str) -> None:
    data = sample("shared_memory")
    for offset in (MEM_SIZE, STR_SIZE):
        assert kinds(with_number(data, offset, number(data, offset) ^ 1 << bit)) == [kind]
    assert (1 << 26) < HUGE <= (1 << 27)


def test_sizes_that_no_number_holds() -> None:
    data = sample("shared_memory")
    assert kinds(with_number(data, STR_SIZE, (1 << 64) - number(data, MEM_SIZE))) == ["sizes"]


def test_a_moved_split() -> None:
    data = sample("shared_memory")
    mem_size, str_size = number(data, MEM_SIZE), number(data, STR_SIZE)
    for step in (8, -64):
        moved = with_number(with_number(data, MEM_SIZE, mem_size + step), STR_SIZE, str_size - step)
        seen = read(moved, (8, 2))
        assert [flaw.kind for flaw in seen.flaws] == ["split"]
        assert seen.entry is not None
        assert seen.entry.script == "/srv/shop/app/lib.php"
        assert kinds(moved, (8, 1)) == []


def test_a_script_offset() -> None:
    for offset in (8, 1 << 12, 1 << 45):
        assert kinds(with_number(sample("file_cache_only"), OFFSET, offset), None) == ["script_offset"]


@pytest.mark.parametrize("mode", MODES)
def test_a_checksum_that_differs(mode: str) -> None:
    data = sample(mode)
    assert kinds(data[:-1] + bytes([data[-1] ^ 1]), None) == ["checksum"]
    assert kinds(flipped(data, CHECKSUM * 8), None) == ["checksum"]


@pytest.mark.parametrize("zeros", [ZERO_TAIL, 4096])
def test_an_end_that_was_never_written(zeros: int) -> None:
    data = sample("file_cache_only")
    (flaw,) = read(data[:-zeros] + bytes(zeros), (8, 2)).flaws
    assert flaw.kind == "zero_tail"
    assert flaw.offset is not None
    assert len(data) - zeros - 64 <= flaw.offset <= len(data) - zeros
    assert kinds(data[:HEADER] + bytes(len(data) - HEADER)) == ["zero_tail"]


def test_another_time_in_the_body() -> None:
    data = sample("file_cache_only")
    assert kinds(with_number(data, TIME, TIMESTAMP + 1)) == ["body_timestamp"]
    assert kinds(with_number(data, TIME, TIMESTAMP + 1), None) == []
    assert kinds(sealed(with_number(with_number(data, TIME, 5), BODY_TIMESTAMP, 5))) == []


@pytest.mark.parametrize("pointer", [0, 1 << 40, (1 << 40) + 1, 1 << 63])
@pytest.mark.parametrize("mode", MODES)
def test_a_filename_that_is_nowhere(mode: str, pointer: int) -> None:
    seen = read(sealed(with_number(sample(mode), HEADER, pointer)), (8, 2))
    assert seen.entry is not None
    assert seen.entry.script is None


@pytest.mark.parametrize("length", [0, 1 << 12, 1 << 62])
def test_a_filename_of_no_length_that_a_path_has(length: int) -> None:
    data = sample("file_cache_only")
    place = HEADER + number(data, HEADER) + 16
    assert number(data, place) == len("/srv/shop/app/lib.php")
    seen = read(sealed(with_number(data, place, length)), (8, 2))
    assert seen.entry is not None
    assert seen.entry.script is None


def test_a_filename_that_reaches_past_the_end() -> None:
    data = sample("shared_memory")
    end = len(data) - HEADER - number(data, BODY_SIZE) - 32 + 1
    moved = with_number(with_number(data, HEADER, end), len(data) - 32 + 16, 100)[:-8] + b"/srv/abc"
    seen = read(sealed(moved), (8, 2))
    assert seen.entry is not None
    assert seen.entry.script is None


@pytest.mark.parametrize(("name", "end"), [("/srv/abcd", b"\0"), ("/srv/abc", b"")])
def test_a_filename_that_ends_with_the_file(name: str, end: bytes) -> None:
    """Its NUL is the last byte of the strings, or would be the first after them."""
    data = sample("shared_memory")
    string = struct.pack("=Q", len(name)) + name.encode() + end
    place = len(data) - len(string) - 16 - HEADER - number(data, BODY_SIZE)
    seen = read(sealed(with_number(data[: -len(string)] + string, HEADER, place + 1)), (8, 2))
    assert seen.entry is not None
    assert seen.entry.script == (name if end else None)


def test_a_size_of_the_body_that_leads_nowhere() -> None:
    seen = read(sealed(with_number(sample("shared_memory"), BODY_SIZE, 1 << 62)), (8, 2))
    assert [flaw.kind for flaw in seen.flaws] == ["split"]
    assert seen.entry is not None
    assert seen.entry.script is None


def test_an_entry_too_small_for_a_body() -> None:
    data = MAGIC + SYSTEM_ID.encode() + struct.pack("=QQQqI4x", 8, 0, 0, 5, zlib.adler32(bytes(8), 1)) + bytes(8)
    assert kinds(data) == []


@pytest.mark.parametrize("time_size", [4, 8])
def test_an_entry_of_a_32_bit_php_is_not_judged(time_size: int) -> None:
    body = b"anything that it may say" * 30
    numbers = struct.pack("=III", len(body), 0, 0) + bytes(time_size) + struct.pack("=I", zlib.adler32(body, 1))
    with pytest.raises(Malformed, match="32-bit PHP"):
        read(MAGIC + SYSTEM_ID.encode() + numbers + body, (8, 2))
    assert kinds(MAGIC + SYSTEM_ID.encode() + numbers + body[:-1] + b"?", (8, 2)) != []


@given(st.binary(max_size=600), st.sampled_from([(8, 2), None]))
def test_any_bytes_are_read(body: bytes, minor: Optional[Tuple[int, int]]) -> None:
    for data in (body, MAGIC + body, sample("shared_memory")[:HEADER] + body):
        judged(data, minor)


@given(
    st.sampled_from(MODES),
    st.lists(st.tuples(st.integers(0, 1 << 13), st.sampled_from([0, 1, 0xFF, 1 << 12, (1 << 64) - 1])), max_size=6),
    st.integers(-600, 64),
    st.booleans(),
)
def test_any_damage_is_read(mode: str, damage: List[Tuple[int, int]], length: int, seal: bool) -> None:
    data = sample(mode)
    for place, value in damage:
        if place + 8 <= len(data):
            data = with_number(data, place, value)
    data = data[:length] if length < 0 else data + bytes(length)
    judged(sealed(data) if seal else data, (8, 2))


def judged(data: bytes, minor: Optional[Tuple[int, int]]) -> None:
    try:
        seen = read(data, minor)
    except Malformed:
        return
    assert seen.entry is not None or seen.flaws
    for flaw in seen.flaws:
        assert flaw.offset is not None
        assert 0 <= flaw.offset <= len(data)
        assert flaw.detail
        assert len(flaw.detail) < 300


def test_a_large_entry_costs_no_more_than_its_bytes() -> None:
    data = sealed(sample("file_cache_only")[:HEADER] + bytes(range(1, 256)) * (1 << 16))
    data = with_number(with_number(data, MEM_SIZE, len(data) - HEADER), STR_SIZE, 0)
    started = time.monotonic()
    for _unused in range(5):
        assert kinds(data) == ["split", "body_timestamp"]
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("place", "script"),
    [
        (SYSTEM_ID + "/srv/app/index.php.bin", "/srv/app/index.php"),
        (SYSTEM_ID + "/srv/app/a.bin.bin", "/srv/app/a.bin"),
        (SYSTEM_ID + "/srv/a\nb.php.bin", "/srv/a\nb.php"),
        (SYSTEM_ID + "/srv/app/index.php", None),
        (SYSTEM_ID + "/.bin", None),
        (SYSTEM_ID, None),
        (SYSTEM_ID.upper() + "/srv/app/index.php.bin", None),
        ("srv/app/index.php.bin", None),
        (SYSTEM_ID + "0/srv/app/index.php.bin", None),
    ],
)
def test_the_script_of_a_place(place: str, script: Optional[str]) -> None:
    assert script_of(place) == script


# Directory names of real caches: our own, and what others published for their builds.
@pytest.mark.parametrize(
    ("version", "extension_build", "name"),
    [
        ("8.2.36", "API420220829,NTS", SYSTEM_ID),
        ("7.0.4-7ubuntu2", "API320151012,NTS", "81d80d78c6ef96b89afaadc7ffc5d7ea"),
        ("7.0.28", "API320151012,NTS", "7badddeddbd076fe8352e80d8ddf3e73"),
    ],
)
def test_the_ids_of_a_build(version: str, extension_build: str, name: str) -> None:
    assert name in system_ids(version, extension_build)


@pytest.mark.parametrize(
    ("version", "count"),
    [("7.0.0", 2), ("7.3.99", 2), ("7.4.0", 1), ("7.4.10", 1), ("8.0.0", 64), ("8.10.0", 64), ("6.9.9", 0)],
)
def test_how_many_ids_a_build_may_have(version: str, count: int) -> None:
    """The sizes that are told two ways, and since 8.0 every set of hooks."""
    assert len(system_ids(version, "API420220829,NTS")) == count


def test_builds_have_ids_of_their_own() -> None:
    builds = [
        ("8.2.36", "NTS"),
        ("8.2.35", "NTS"),
        ("8.2.36", "TS"),
        ("8.4.1", "NTS"),
        ("7.4.10", "NTS"),
        ("7.3.1", "NTS"),
    ]
    ids = [name for version, build in builds for name in system_ids(version, "API420220829," + build)]
    assert len(ids) == len(set(ids))
    assert all(len(name) == 32 for name in ids)


@pytest.mark.parametrize("version", ["8.3.0-dev", "7.4.11", "7.4.33", "5.6.40", "", "eight"])
def test_ids_that_nobody_can_compute(version: str) -> None:
    assert system_ids(version, "API420220829,NTS") == frozenset()
