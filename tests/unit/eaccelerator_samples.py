# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files of a real eAccelerator, healthy and damaged, and what a real php-fpm did with each.

samples/eaccelerator/README.md says where they are from.
"""

import csv
import functools
import os
import tarfile
from typing import Dict, Iterator, List, NamedTuple, Tuple

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "samples", "eaccelerator")
WHOLE = os.environ.get("PHPFLEET_SAMPLES")


class Healthy(NamedTuple):
    """A file as its build wrote it. path: below the cache directory."""

    build: str
    path: str
    data: bytes


class Damaged(NamedTuple):
    """A file as a loader met it. result: what it did; crc: "valid", "invalid" or "n/a"."""

    name: str
    path: str
    data: bytes
    reader: str
    result: str
    crc: str


def rows(text: str) -> Iterator[Dict[str, str]]:
    return iter(list(csv.DictReader(text.splitlines(), dialect="excel-tab", quoting=csv.QUOTE_NONE)))


def manifest(name: str) -> Iterator[Dict[str, str]]:
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        return rows(file.read())


def content(path: str) -> bytes:
    with open(os.path.join(HERE, "healthy", path), "rb") as file:
        return file.read()


def healthy() -> List[Healthy]:
    paths = [row["file"].split("/", 1) for row in manifest("healthy.tsv")]
    return [Healthy(build, path, content(f"{build}/{path}")) for build, path in paths]


def one(build: str, script: str) -> Healthy:
    """Return the file of one script, such as "s05_class.php"."""
    (path,) = (
        row["file"]
        for row in manifest("healthy.tsv")
        if row["script"] == script and row["file"].startswith(f"{build}/")
    )
    return Healthy(build, path.split("/", 1)[1], content(path))


def damaged() -> List[Damaged]:
    return [
        Damaged(
            name=row["name"],
            path=row["file"].split("/", 1)[1],
            data=changed(content(row["file"]), int(row["size"]), row["changes"]),
            reader="php5.3.29+eA0.9.6.1",
            result=row["result"],
            crc=row["crc"],
        )
        for row in manifest("damaged.tsv")
    ]


def changed(data: bytes, size: int, changes: str) -> bytes:
    """Return the bytes cut or filled to that size, with the changes ``OFFSET=HEX …`` made."""
    result = bytearray(data[:size].ljust(size, b"\0"))
    for change in changes.split():
        offset, _unused, digits = change.partition("=")
        new = bytes.fromhex(digits)
        result[int(offset) : int(offset) + len(new)] = new
    return bytes(result)


@functools.lru_cache(maxsize=None)
def whole() -> Tuple[List[Healthy], List[Damaged]]:
    """Return every sample of the set that PHPFLEET_SAMPLES names."""
    with tarfile.open(os.path.join(str(WHOLE), "eaccelerator", "samples.tar.xz")) as archive:
        files = {
            os.path.normpath(member.name): archive.extractfile(member).read()  # type: ignore[union-attr]
            for member in archive.getmembers()
            if member.isfile()
        }
    sound = [
        Healthy(name.split("/")[1], name.split("/", 2)[2], data)
        for name, data in files.items()
        if name.startswith("healthy/") and not name.endswith(".tsv")
    ]
    broken = [
        Damaged(
            name=row["file"],
            path=row["cache_relpath"],
            data=files[f"damaged/{row['file']}"],
            reader=row["reader"],
            result=row["result_class"],
            crc=row["crc"],
        )
        for row in rows(files["damaged/MANIFEST.tsv"].decode("utf-8"))
    ]
    return sound, broken
