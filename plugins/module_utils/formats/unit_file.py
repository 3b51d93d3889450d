# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Unit files of systemd: their settings (systemd.syntax(7)), and the command lines in them (systemd.service(5)).

systemctl(1) shows command lines without their quotes, so what a shell is given by -c can only be read in the file.
"""

import re
import shlex
from typing import Dict, Iterator, List, NamedTuple, Tuple

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "s": " "}
_NUMBERED = re.compile(r"x([0-9a-fA-F]{2})|([0-7]{3})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})")
_VARIABLE = re.compile(r"\$(?:\{\w+\}|\$)")
_WHOLE_VARIABLE = re.compile(r"\$\w+\Z")
_SPECIFIER = re.compile(r"%(.)", re.DOTALL)
_PREFIXES = "@-:+!|"
_BARE = re.compile(r"[^\s\\\"']+")
_QUOTED = {'"': re.compile(r'[^\\"]+'), "'": re.compile(r"[^\\']+")}


class Setting(NamedTuple):
    """number: of its line, from 1, or of its first line where it goes over several."""

    section: str
    name: str
    value: str
    number: int


class Command(NamedTuple):
    """A command line. shell: it as /bin/sh would be given it. ignored: what it ends with does not matter."""

    shell: str
    ignored: bool


def parse(text: str) -> Iterator[Setting]:
    """Yield the settings of a file in order; one without a value takes back those before it."""
    section, number = "", 0
    held: List[str] = []
    for count, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith(("#", ";")) or (not stripped and not held):
            continue
        number = number if held else count
        if stripped.endswith("\\"):
            held.append(stripped[:-1])
            continue
        whole, held = " ".join([*held, stripped]), []
        name, sign, value = whole.partition("=")
        if whole.startswith("[") and whole.endswith("]"):
            section = whole[1:-1]
        elif sign:
            yield Setting(section, name.strip(), value.strip(), number)


def specifiers(unit: str) -> Dict[str, str]:
    """Return what stands for the name of a unit in its settings, by the letter after the %."""
    stem, _dot, _kind = unit.rpartition(".")
    prefix, at, instance = stem.partition("@")
    unescaped = re.sub(r"\\x([0-9a-fA-F]{2})", lambda found: chr(int(found.group(1), 16)), instance.replace("-", "/"))
    last = prefix.rpartition("-")[2]
    return {"n": unit, "N": stem, "p": prefix, "i": instance if at else "", "I": unescaped, "j": last, "%": "%"}


def commands(value: str, known: Dict[str, str]) -> Iterator[Command]:
    """Yield the commands of ExecStart= and its like; ``known`` are the specifiers. A stray quote ends the line."""
    words: List[str] = []
    for word, quoted in [*_words(value), (";", False)]:
        if word != ";" or quoted:
            words.append(word)
        elif words:
            yield _command(words, known)
            words = []


def _command(words: List[str], known: Dict[str, str]) -> Command:
    bare = words[0].lstrip(_PREFIXES)
    prefix = words[0][: len(words[0]) - len(bare)]
    # Behind an @ the second word is only what the program is to be called.
    words = [bare, *words[2 if "@" in prefix else 1 :]]
    said = [_SPECIFIER.sub(lambda one: known.get(one.group(1), one.group()), word) for word in words]
    given = map(shlex.quote if ":" in prefix else _expanding, said[1:])
    return Command(" ".join([shlex.quote(said[0]), *given]), "-" in prefix)


def _expanding(word: str) -> str:
    """Return a word for a shell, with the variables that systemd puts in: ${NAME}, and $NAME that stands alone."""
    if _WHOLE_VARIABLE.match(word):
        return word
    if not _VARIABLE.search(word):
        return shlex.quote(word)
    pieces, begin = [], 0
    for found in _VARIABLE.finditer(word):
        pieces.append(_literal(word[begin : found.start()]))
        pieces.append("\\$" if found.group() == "$$" else found.group())
        begin = found.end()
    return '"' + "".join([*pieces, _literal(word[begin:])]) + '"'


def _literal(text: str) -> str:
    return re.sub(r'([\\"`$])', r"\\\1", text)


def _words(value: str) -> Iterator[Tuple[str, bool]]:
    """Yield each word without its quotes and escapes, and whether it had any."""
    pieces: List[str] = []
    inside, special, position = "", False, 0
    while position < len(value):
        plain = (_QUOTED[inside] if inside else _BARE).match(value, position)
        character = value[position]
        if plain:
            pieces.append(plain.group())
            position = plain.end()
            continue
        position += 1
        if character == "\\":
            piece, position = _unescaped(value, position)
            pieces.append(piece)
            special = True
        elif character in "\"'":
            inside, special = "" if inside else character, True
            pieces.append("")
        elif pieces:
            yield "".join(pieces), special
            pieces, special = [], False
    if pieces:
        yield "".join(pieces), special


def _unescaped(value: str, position: int) -> Tuple[str, int]:
    """Return what an escape means, and the position behind it; one that means nothing stays as it is written."""
    found = _NUMBERED.match(value, position)
    if found:
        hexadecimal, octal, short, long = found.groups()
        number = int(octal, 8) if octal else int(hexadecimal or short or long, 16)
        return (chr(number) if 0 < number <= 0x10FFFF else ""), found.end()
    following = value[position : position + 1]
    if following in _ESCAPES:
        return _ESCAPES[following], position + 1
    return (following if following and following in "\\\"';" else "\\" + following), position + 1
