# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The configuration of logrotate(8), as far as it runs scripts."""

import re
from itertools import islice
from typing import Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import TooLarge
from . import glob

SCRIPTS = frozenset(("prerotate", "postrotate", "firstaction", "lastaction", "preremove"))
FREQUENCIES = frozenset(("hourly", "daily", "weekly", "monthly", "yearly"))
# config.c: what is left by editors and package managers.
TABOO = tuple(
    f"*{ending}"
    for ending in (
        ".bak .cfsaved .disabled .dpkg-bak .dpkg-del .dpkg-dist .dpkg-new .dpkg-old .dpkg-tmp .old .orig "
        ".rhn-cfg-tmp-* .rpmnew .rpmorig .rpmsave .swp .ucf-dist .ucf-new .ucf-old ,v ~"
    ).split()
)
TABOO_LIMIT = 200
SCRIPTS_LIMIT = 20_000
_PATH = re.compile(r'"([^"]*)"|\'([^\']*)\'|((?:\\.|[^\s{"\'])+)')
_DIRECTIVE = re.compile(r"([A-Za-z]+)(?:\s*[=\s]\s*(.*))?\Z", re.DOTALL)


class Script(NamedTuple):
    """A script of a stanza. keyword: of SCRIPTS. logs: the patterns of the logs that it is for.

    number: of its first line, from 1. text: its lines as they stand there. frequency: of FREQUENCIES, "" where none is
    said. closed: its endscript is there, without which logrotate takes nothing of the stanza.
    """

    keyword: str
    logs: Tuple[str, ...]
    number: int
    text: str
    frequency: str
    closed: bool


class Configuration(NamedTuple):
    """One file. includes: paths of files or directories. taboo: names that are passed over there, as patterns.

    frequency: what holds for the stanzas of files that it includes.
    """

    scripts: Tuple[Script, ...]
    includes: Tuple[str, ...]
    taboo: Tuple[str, ...]
    frequency: str


def parse(text: str, frequency: str = "", taboo: Sequence[str] = TABOO) -> Configuration:
    """Return what a file says; ``frequency`` and ``taboo`` as they hold where it is included.

    Raises TooLarge above SCRIPTS_LIMIT scripts, as anybody may give logrotate a file of his own.
    """
    reading = _Reading(frequency, taboo)
    for number, line in enumerate(text.split("\n"), 1):
        reading.take(number, line)
    return reading.end()


def permitted(names: Sequence[str], taboo: Sequence[str]) -> List[str]:
    """Return the files of a directory that logrotate does not pass over by their names."""
    passed = {name for pattern in taboo for name in glob.matching(names, pattern)}
    return [name for name in names if name not in passed]


class _Stanza:
    def __init__(self, frequency: str) -> None:
        self.logs: List[str] = []
        self.frequency = frequency
        self.open = False  # the brace was seen
        self.scripts: List[Tuple[str, int, List[str]]] = []


class _Reading:
    """Takes a file line by line, as logrotate does: a script ends with the line that begins with endscript."""

    def __init__(self, frequency: str, taboo: Sequence[str]) -> None:
        self._frequency = frequency
        self._taboo = tuple(taboo)
        self._includes: List[str] = []
        self._scripts: List[Script] = []
        self._stanza: Optional[_Stanza] = None
        self._in_script = False

    def take(self, number: int, line: str) -> None:
        words = line.split(None, 1)
        first = words[0] if words else ""
        if self._stanza is not None and self._in_script:
            if first == "endscript":
                self._in_script = False
            else:
                self._stanza.scripts[-1][2].append(line)
        elif first[:1] in ("", "#"):
            return
        elif self._stanza is None and first[0] not in "/\"'~*":
            self._directive(line.strip())
        elif self._stanza is None or not self._stanza.open:
            self._header(number, line)
        else:
            self._inside(number, line)

    def end(self) -> Configuration:
        if self._stanza is not None:
            self._close(not self._in_script)
        return Configuration(tuple(self._scripts), tuple(self._includes), self._taboo, self._frequency)

    def _header(self, number: int, line: str) -> None:
        if self._stanza is None:
            self._stanza = _Stanza(self._frequency)
        before, brace, after = line.partition("{")
        self._stanza.logs += [found.group(found.lastindex or 0) for found in _PATH.finditer(before)]
        self._stanza.open = bool(brace)
        if after.strip():
            self._inside(number, after)

    def _inside(self, number: int, line: str) -> None:
        stanza = self._stanza
        if stanza is None:
            return
        word = line.split(None, 1)[0]
        if word.startswith("}"):
            self._close(True)
        elif word in SCRIPTS:
            if len(self._scripts) + len(stanza.scripts) == SCRIPTS_LIMIT:
                raise TooLarge(f"it has more than {SCRIPTS_LIMIT} scripts; split it")
            stanza.scripts.append((word, number + 1, []))
            self._in_script = True
        elif word in FREQUENCIES:
            stanza.frequency = word

    def _close(self, closed: bool) -> None:
        stanza, self._stanza = self._stanza, None
        self._in_script = False
        if stanza is not None:
            self._scripts.extend(_scripts(stanza, closed))

    def _directive(self, line: str) -> None:
        found = _DIRECTIVE.match(line)
        if found is None:
            return
        name, value = found.group(1), (found.group(2) or "").strip()
        if name in FREQUENCIES:
            self._frequency = name
        elif name == "include" and value:
            self._includes.append(value.strip("\"'"))
        elif name in ("tabooext", "taboopat"):
            self._forbid(value, "*" if name == "tabooext" else "")

    def _forbid(self, value: str, prefix: str) -> None:
        kept = self._taboo if value.startswith("+") else ()
        more = (prefix + one for one in re.split(r"[\s,]+", value.lstrip("+ \t")) if one)
        self._taboo = (*kept, *islice(more, TABOO_LIMIT))[-TABOO_LIMIT:]


def _scripts(stanza: _Stanza, closed: bool) -> Iterator[Script]:
    for keyword, number, lines in stanza.scripts:
        if any(line.strip() for line in lines):
            yield Script(keyword, tuple(stanza.logs), number, "\n".join(lines), stanza.frequency, closed)
