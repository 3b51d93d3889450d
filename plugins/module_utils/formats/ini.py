# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ini dialect of php-fpm.conf, which php-fpm reads a line at a time (php-src, sapi/fpm/fpm/fpm_conf.c)."""

import re
from typing import Iterator, NamedTuple, Union

from ..errors import Malformed

_SECTION = re.compile(r"\s*\[([^\]]*)\]")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'([^']*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\\"'])")
LINE_LIMIT = 64 * 1024  # characters


class Section(NamedTuple):
    """``[name]``: the settings after it belong to that pool, or to ``global``, also those of files included there."""

    name: str


class Setting(NamedTuple):
    """``name = value``; the value is without quotes and comment, its ``$pool`` and ``${VARIABLE}`` as written."""

    name: str
    value: str


def parse(text: str) -> Iterator[Union[Section, Setting]]:
    """Yield what a configuration file says, in order. A line that is neither is left out, as a comment is.

    Raises Malformed at a line longer than LINE_LIMIT.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > LINE_LIMIT:
            raise Malformed(f"line {number}: it is longer than {LINE_LIMIT} characters; shorten it")
        section = _SECTION.match(line)
        if section:
            yield Section(section.group(1).strip())
            continue
        # Not by a regular expression: white space before the sign could be shared out in too many ways.
        name, sign, value = line.partition("=")
        name = name.strip()
        if sign and name and not re.search("[;\"']", name):
            yield Setting(name, _value(value.lstrip()))


def _value(text: str) -> str:
    quoted = _QUOTED.match(text)
    if quoted is None:
        return text.split(";", 1)[0].strip()
    if quoted.group(2) is not None:
        return quoted.group(2)
    return _ESCAPE.sub(r"\1", quoted.group(1))
