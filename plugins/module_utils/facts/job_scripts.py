# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The files that a job runs, as texts: which of them a shell reads, and which others may concern a web service."""

import os
import posixpath
import re
import stat
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing, TooLarge
from ..host import Host
from .job_values import TEXT_LIMIT, Content, Value, family

FILES_LIMIT = 60  # of one job
BYTES_LIMIT = 1024 * 1024
FILE_LIMIT = 256 * 1024
DIRECTORIES_LIMIT = 20  # of a PATH
LISTINGS_LIMIT = 100
NAMES_LIMIT = 100  # of a listing
LINE_LIMIT = 4096  # characters of a line that are looked at
SHELLS = ("sh", "bash", "dash", "ksh", "ksh93", "mksh", "zsh", "ash", "busybox")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_VERB = re.compile(
    r"(?:force-|try-)?(?:restart|reload)|reload-or-restart|condrestart|stop|p?kill(?:all)?|graceful|graceful-stop|quit|term|hup"
)
_NAMED_FOR_IT = re.compile(r"restart|reload|kill|bounce|recycle|respawn|stop")
_IN_LINE = re.compile(
    r"(?<![a-z])(?:restart|reload|stop|p?kill(?:all)?|graceful|terminate|sig(?:term|kill|hup|usr[12]|quit|int))(?![a-z])"
)
_LISTED = re.compile(r"[A-Za-z][\w.@:-]{0,100}\Z")
_PROGRAM = "it is a program, and only scripts of a shell are followed"
_COMMENT = ("#", "//", "*", ";")


class Loaded(NamedTuple):
    """A file that is run. text: None where it is no text or cannot be read. interpreter, options: as its first line
    has them, "" for none. problem: why it was not read, None where it is not there. executable: some may execute it.
    """

    path: str
    text: Optional[str]
    interpreter: str
    options: str
    problem: Optional[str]
    executable: bool

    def runs(self) -> bool:
        """Whether the kernel would run it by its name, and find what its first line names."""
        return self.executable and self.interpreter != "\r"

    def is_shell(self) -> bool:
        """Whether a shell reads it: that which runs a file that the kernel cannot run does so itself."""
        return self.interpreter in SHELLS or (
            not self.interpreter and (self.text is not None or self.path.endswith(".sh"))
        )


class Scripts:
    """Reads the files of one job, each once, up to a limit."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loaded: Dict[str, Loaded] = {}
        self._found: Dict[Tuple[str, str], Optional[str]] = {}
        self._listed: Dict[str, Optional[List[str]]] = {}
        self._bytes = 0

    def load(self, path: str) -> Loaded:
        """Return a file by its absolute path. Raises TooLarge where the job has read too much already."""
        if path not in self._loaded:
            if len(self._loaded) >= FILES_LIMIT or self._bytes > BYTES_LIMIT:
                raise TooLarge(f"{path}: the job runs more scripts than {FILES_LIMIT}, or larger ones than are read")
            self._loaded[path] = self._load(path)
        return self._loaded[path]

    def texts(self) -> List[str]:
        """Return all that was read."""
        return [loaded.text for loaded in self._loaded.values() if loaded.text is not None]

    def _load(self, path: str) -> Loaded:
        try:
            content, seen = self._host.read_with_stat(path, FILE_LIMIT, follow=True)
        except Missing:
            return Loaded(path, None, "", "", None, False)
        except CannotLook as error:
            return Loaded(path, None, "", "", str(error), True)
        executable = bool(seen.mode & 0o111)
        self._bytes += len(content)
        if b"\0" in content or content.startswith(b"\x7fELF"):
            return Loaded(path, None, "", "", f"{path}: {_PROGRAM}", executable)
        text = os.fsdecode(content)
        words = text[2:].split("\n", 1)[0].strip(" \t").split(" ") if text.startswith("#!") else []
        if words and words[-1].endswith("\r"):
            return Loaded(path, text, "\r", "", None, executable)  # there is no interpreter of such a name
        if words and words[0].endswith("/env"):
            words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
        interpreter = posixpath.basename(words[0]) if words else ""
        return Loaded(
            path, text, interpreter, "".join(word for word in words[1:] if word.startswith("-")), None, executable
        )

    def listed(self, value: Value) -> Value:
        """Return for a file that lists names, one a line, these lines; any other value as it is."""
        if not isinstance(value, Content) or not value.path.startswith("/") or len(self._loaded) >= FILES_LIMIT:
            return value
        lines = [line.strip() for line in (self.load(value.path).text or "")[:TEXT_LIMIT].split("\n")]
        lines = [line for line in lines if line and not line.startswith("#")]
        return "\n".join(lines) if lines and all(map(_LISTED.match, lines)) else value

    def names(self, path: str) -> Optional[List[str]]:
        """Return what ``ls`` says of a file or a directory; None where that is not known."""
        if len(self._listed) < LISTINGS_LIMIT and path not in self._listed:
            self._listed[path] = self._names(path)
        return self._listed.get(path)

    def _names(self, path: str) -> Optional[List[str]]:
        try:
            directory = stat.S_ISDIR(self._host.stat(path, follow=True).mode)
            return self._host.list(path)[:NAMES_LIMIT] if directory else [path]
        except CannotLook:
            return None

    def find(self, name: str, search: str) -> Optional[str]:
        """Return the path of a program by its name, as a shell finds it; None where it is in no directory of PATH."""
        if (name, search) not in self._found:
            self._found[name, search] = self._find(name, search)
        return self._found[name, search]

    def _find(self, name: str, search: str) -> Optional[str]:
        for directory in dict.fromkeys([*search.split(":")[:DIRECTORIES_LIMIT], *PATH.split(":")]):
            path = posixpath.join(directory, name)
            if directory.startswith("/"):
                try:
                    self._host.stat(path, follow=True)
                except Missing:
                    continue
                except CannotLook:
                    return path
                return path
        return None


def concerns(words: Sequence[str]) -> bool:
    """Whether a command names a web service together with a word that may restart or signal it."""
    pieces = [piece for word in words[:200] for piece in re.split(r"[\s,:;='\"]+", word[:LINE_LIMIT].lower())[:50]]
    asks = bool(words) and _NAMED_FOR_IT.search(words[0].rsplit("/", 1)[-1].lower())
    about = any(family(piece) for piece in pieces)
    return about and (bool(asks) or any(_VERB.fullmatch(piece) for piece in pieces[1:]))


def concerning_line(text: str) -> Optional[int]:
    """Return the number of the first line that does so in a language that is not followed; None where none does."""
    for number, whole in enumerate(text.split("\n"), 1):
        line = whole[:LINE_LIMIT].strip().lower()
        if line and not line.startswith(_COMMENT) and family(line) and _IN_LINE.search(line):
            return number
    return None
