# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The memory that a cached script is: addresses, the allocations that they lead to, and how these fill the payload.

Every allocation is claimed, but for strings once only, and no more of them than the payload has room for. That is also
what bounds a walk: nothing is visited twice, whatever the bytes say.
"""

import array
import functools
import operator
from typing import Dict, List, Tuple

from .eaccelerator_layouts import Script

NAME_MAX = 4096  # bytes of a name or a path whose length is not written down
TABLE_MIN = 8  # slots of the smallest table (zend_hash.c)
_CHUNK = 256  # bytes of a key that are summed up in one go
_POWERS = [33**exponent for exponent in range(_CHUNK, -1, -1)]


class Broken(Exception):
    """The first thing that does not hold: where, in bytes from the beginning of the file, and what."""

    def __init__(self, offset: int, detail: str) -> None:
        super().__init__(detail)
        self.offset = offset
        self.detail = detail


def outside(start: int, pointer: int, length: int, what: str) -> Broken:
    """Return what to say of a pointer that leads out of the payload, which begins at that offset."""
    return Broken(start, f"{what} of {length} bytes at {pointer:#x}, outside the payload")


class Payload:
    """The payload of one file: offsets are bytes from the beginning of the file, pointers the writer's addresses."""

    def __init__(self, data: bytes, start: int, size: int, base: int, script: Script) -> None:
        self.data = data
        self.start = start
        self.end = start + size
        self.bias = base - start  # what to take from a pointer to have an offset
        self.script = script
        self.tables: List[Tuple[int, bool]] = []  # arrays that are still to be walked: offset, and whether chained
        self.hash_bits = 8 * script.pointer_size
        self._mask = script.pointer_size - 1  # of what an aligned address has not
        self._claims: Dict[int, int] = {}  # offset to length
        self._room = size
        self._strings: Dict[int, int] = {}  # offset to length, with the byte that ends it
        self._embedded: Dict[int, int] = {}  # the same of strings within something else that is claimed
        self._hashes: Dict[int, int] = {}  # of the names at an offset
        self._spare = 0  # bytes that the slots of emptied tables may still take

    def locate(self, pointer: int, length: int, what: str) -> int:
        """Return the offset of what a pointer leads to, all of it within the payload."""
        at = pointer - self.bias
        if at < self.start or at + length > self.end:
            raise outside(self.start, pointer, length, what)
        return at

    def claim(self, pointer: int, length: int, what: str) -> int:
        """Return the offset of an allocation that only this pointer leads to."""
        at = pointer - self.bias
        if at < self.start or at + length > self.end:
            raise outside(self.start, pointer, length, what)
        if pointer & self._mask:
            raise Broken(at, f"{what} at {pointer:#x}, which no allocation is aligned to")
        if at in self._claims:
            raise Broken(at, f"{what} where there is something else already")
        self._take(at, length, what)
        self._claims[at] = length
        return at

    def _take(self, at: int, length: int, what: str) -> None:
        self._room -= length
        if self._room < 0:
            raise Broken(at, f"{what} of {length} bytes, more than the payload has left")

    def string(self, pointer: int, length: int, what: str) -> int:
        """Return the offset of a string of that length, which a NUL ends. Equal strings are stored once."""
        at = pointer - self.bias
        if self._strings.get(at) != length + 1:
            self.key(pointer, length + 1, what)
            if self.data[at + length]:
                raise Broken(at, f"{what} of {length} bytes, which no NUL ends")
        return at

    def key(self, pointer: int, length: int, what: str) -> int:
        """Return the offset of a string of that many bytes, whatever ends it."""
        at = pointer - self.bias
        if at < self.start or at + length > self.end:
            raise outside(self.start, pointer, length, what)
        known = self._strings.setdefault(at, self._embedded.get(at, length))
        if known != length:
            raise Broken(at, f"{what} of {length} bytes where there is a string of {known}")
        if at not in self._embedded:
            self._take(at, length, what)
        return at

    def text(self, pointer: int, what: str) -> bytes:
        """Return a string whose length is not written down."""
        at = self.locate(pointer, 1, what)
        end = self.data.find(b"\0", at, min(at + NAME_MAX, self.end))
        if end < 0:
            raise Broken(at, f"{what}, which does not end")
        self.string(pointer, end - at, what)
        return self.data[at:end]

    def embed(self, at: int, length: int) -> None:
        """Say that there is a string of that many bytes within what is claimed there: others may point to it."""
        self._embedded[at] = length

    def empty(self, length: int) -> None:
        """Say that there is an empty table: the slots of one that inheritance emptied are there, but unused."""
        self._spare += length

    def tile(self) -> None:
        """Raise Broken unless what was claimed fills the payload, and but for zeros nothing is left."""
        claims = [*self._claims.items(), *(item for item in self._strings.items() if item[0] not in self._embedded)]
        end = self.start
        mask = self._mask
        for at, length in sorted(claims):
            if at != end:
                self._check_gap(end, at)
            end = at + length
            end += self.start - end & mask
        if self.data.count(0, end, self.end) < self.end - end:
            raise Broken(end, f"{self.end - end} bytes at the end that nothing points to")

    def _check_gap(self, end: int, at: int) -> None:
        if at < end:
            raise Broken(at, f"an allocation within another that ends {end - at} bytes later")
        self._spare -= at - end
        slots = TABLE_MIN * self.script.pointer_size
        if self._spare < 0 or (at - end) % slots or self.data.count(0, end, at) < at - end:
            raise Broken(end, f"{at - end} bytes that nothing points to")

    def hash(self, at: int, length: int) -> int:
        """Return Zend's hash of the key of that many bytes, NUL included (zend_hash.h).

        It is summed up once, however often the same key is named.
        """
        if at not in self._hashes:
            key = self.data[at : at + length]
            self._hashes[at] = _short_hash(key, self.hash_bits) if length <= _CHUNK else key_hash(key, self.hash_bits)
        return self._hashes[at]


def key_hash(key: bytes, bits: int) -> int:
    """Return DJBX33A of signed bytes in so many bits: h = h * 33 + byte, from 5381 on.

    It is summed up by powers of 33, so that no byte of the key costs a step of Python.
    """
    total = 5381
    for at in range(0, len(key), _CHUNK):
        chunk = array.array("b", key[at : at + _CHUNK])
        first = _CHUNK - len(chunk)
        total = total * _POWERS[first] + sum(map(operator.mul, chunk, _POWERS[first + 1 :]))
        total &= (1 << bits) - 1
    return total


_short_hash = functools.lru_cache(maxsize=4096)(key_hash)
