# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A job of at(1) in its spool: a script that begins with the environment it was made in (at.c, atd.c)."""

import os
import re
from typing import Dict, NamedTuple, Optional

from ..errors import Malformed

RUNNING = "="
_NAME = re.compile(r"([A-Za-z=])([0-9a-f]{5})([0-9a-f]{8})\Z")
_HEADER = re.compile(rb"#!/bin/sh\n# atrun uid=([0-9]{1,10}) gid=([0-9]{1,10})\n# mail[ \t]+([^\s]+) +-?[0-9]+\n")
# A newline in a value is written between quotes.
_EXPORTED = re.compile(rb"^([A-Za-z_][A-Za-z0-9_]*)=((?:\\.|\"\n\"|[^\\\"\n;])*); export \1$", re.MULTILINE)
_DIRECTORY = re.compile(rb"^cd (?:\\.|[^\\\n])* \|\| \{\n[^\n]*\n[^\n]*\n\}\n", re.MULTILINE)
_FED = re.compile(rb"\n?\$\{SHELL:-/bin/sh\} << '(\w+)'\n")
_ESCAPED = re.compile(rb"\\(.)|\"(\n)\"", re.DOTALL)


class Name(NamedTuple):
    """What the name of its file says. queue: a letter, a capital for batch(1), RUNNING while it runs.

    minute: when it is due, in minutes since the epoch.
    """

    queue: str
    number: int
    minute: int


class AtJob(NamedTuple):
    """uid: whose it is. script: what was asked for, without what at puts before it; number: of its first line."""

    uid: int
    script: str
    number: int
    environment: Dict[str, str]


def parse_name(name: str) -> Optional[Name]:
    """Return what a file of the spool is called for, None for one that is no job."""
    found = _NAME.match(name)
    return Name(found.group(1), int(found.group(2), 16), int(found.group(3), 16)) if found else None


def parse(content: bytes) -> AtJob:
    """Return what a job does. Raises Malformed where atd would not run it."""
    header = _HEADER.match(content)
    if header is None:
        raise Malformed("it does not begin as jobs of at do, so atd does not run it")
    directory = _DIRECTORY.search(content, header.end())
    begin = directory.end() if directory else header.end()
    end = len(content)
    fed = _FED.match(content, begin)
    if fed:
        begin = fed.end()
        closing = content.find(b"\n" + fed.group(1), begin - 1)
        end = max(closing, begin) if closing >= 0 else end
    before = content[header.end() : directory.start() if directory else begin]
    environment = {os.fsdecode(name): _value(value) for name, value in _EXPORTED.findall(before)}
    return AtJob(int(header.group(1)), os.fsdecode(content[begin:end]), content.count(b"\n", 0, begin) + 1, environment)


def _value(written: bytes) -> str:
    return os.fsdecode(_ESCAPED.sub(lambda found: found.group(1) or found.group(2), written))
