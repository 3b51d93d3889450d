# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ``test``, ``[`` and ``[[`` come to (test(1), bash(1)): of files by looking, of texts where these are known."""

import posixpath
import re
import stat
from typing import Callable, Dict, List, Optional, Sequence

from ..errors import CannotLook, Missing
from ..formats import glob
from ..host import Host
from ..tree import Stat
from .job_values import LIKELY, NO, OPEN, UNLIKELY, YES, Exit, Outcome, Running, Unknown, Value, family, running, says

WORDS_LIMIT = 200
# What is not there now may be there when the job runs.
PASSING = ("/run/", "/var/run/", "/tmp/", "/var/tmp/", "/var/lock/", "/dev/shm/", "/proc/")
SYSTEMD = "/run/systemd/system"  # sd_booted(3)

_FILES: Dict[str, Callable[[Stat], bool]] = {
    "-e": lambda seen: True,
    "-a": lambda seen: True,
    "-f": lambda seen: stat.S_ISREG(seen.mode),
    "-d": lambda seen: stat.S_ISDIR(seen.mode),
    "-x": lambda seen: bool(seen.mode & 0o111),
    "-r": lambda seen: (
        True
    ),  # jobs of others than root may not read it, and who else has such jobs cannot signal either
    "-s": lambda seen: seen.size > 0,
    "-S": lambda seen: stat.S_ISSOCK(seen.mode),
    "-p": lambda seen: stat.S_ISFIFO(seen.mode),
}
_EQUAL, _UNEQUAL = {"=", "==", "-eq"}, {"!=", "-ne"}
_ORDERED: Dict[str, Callable[[int, int], bool]] = {
    "-lt": lambda first, second: first < second,
    "-le": lambda first, second: first <= second,
    "-gt": lambda first, second: first > second,
    "-ge": lambda first, second: first >= second,
}
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,15}\s*\Z")


def judged(host: Host, words: Sequence[Value], bracketed: bool) -> Outcome:
    """Return how a test ends; ``bracketed`` where it is [[, which knows patterns and other joiners."""
    if len(words) > WORDS_LIMIT:
        return Outcome(OPEN)
    return _either(host, list(words), bracketed)


def _either(host: Host, words: List[Value], bracketed: bool) -> Outcome:
    if len(words) <= 1:
        return _text(words[0] if words else "")
    for joiners, joins in ((("-o", "||"), _or), (("-a", "&&"), _and)):
        place = _joiner(words, joiners)
        if place is not None:
            return joins(_either(host, words[:place], bracketed), _either(host, words[place + 1 :], bracketed))
    if words[0] == "!":
        return _either(host, words[1:], bracketed).negated()
    if words[0] == "(" and words[-1] == ")":
        return _either(host, words[1:-1], bracketed)
    if len(words) == 2:
        return _one(host, words[0], words[1])
    return _two(words[0], words[1], words[2], bracketed) if len(words) == 3 else Outcome(OPEN)


def _joiner(words: Sequence[Value], joiners: Sequence[str]) -> Optional[int]:
    """Return where a joiner stands that has something on both sides, outside of parentheses."""
    open_ones = 0
    for place, word in enumerate(words):
        open_ones += 1 if word == "(" else -1 if word == ")" else 0
        if word in joiners and open_ones == 0 and 0 < place < len(words) - 1 and not _is_operand(words, place):
            return place
    return None


def _is_operand(words: Sequence[Value], place: int) -> bool:
    """Whether a -a or -o is what another operator is about, as in ``[ x = -o ]``."""
    return place >= 2 and isinstance(words[place - 1], str) and words[place - 1] in _EQUAL | _UNEQUAL


def _or(first: Outcome, second: Outcome) -> Outcome:
    return Outcome(max(first.status, second.status), first.holds & second.holds, first.fails | second.fails)


def _and(first: Outcome, second: Outcome) -> Outcome:
    return Outcome(min(first.status, second.status), first.holds | second.holds, first.fails & second.fails)


def _text(value: Value) -> Outcome:
    """Return whether a text is not empty."""
    if isinstance(value, str):
        return Outcome(YES if value else NO)
    if isinstance(value, Unknown):
        return Outcome(OPEN if value.pattern == "*" else YES)
    return running(says(value))  # a pid of what runs


def _one(host: Host, operator: Value, value: Value) -> Outcome:
    if operator in ("-n", "-z"):
        found = _text(value)
        return found if operator == "-n" else found.negated()
    if not isinstance(operator, str) or not isinstance(value, str):
        process = isinstance(value, Unknown) and value.pattern.startswith("/proc/") and operator in ("-d", "-e")
        return running(says(value)) if process else Outcome(OPEN)
    holds = _FILES.get(operator)
    if holds is not None and value.endswith((".pid", ".sock", ".socket")) and (_is_there(host, value) or family(value)):
        return running(value)
    return Outcome(OPEN if holds is None else _file(host, operator, holds, value))


def _is_there(host: Host, path: str) -> bool:
    return path.startswith("/") and _file(host, "-e", _FILES["-e"], path) == LIKELY


def _file(host: Host, operator: str, holds: Callable[[Stat], bool], path: str) -> int:
    if not path.startswith("/"):
        return OPEN if path else NO
    real = posixpath.normpath(path)
    try:
        found = holds(host.stat(real, follow=True))
    except Missing:
        found = False
    except CannotLook:
        return OPEN
    if real == SYSTEMD or (found and operator in ("-x", "-d")):
        return YES if found else NO
    if found:
        return LIKELY
    # A flag comes and goes; a program or a directory is there or not.
    return NO if operator in ("-x", "-d") and not real.startswith(PASSING) else OPEN


def _two(first: Value, operator: Value, second: Value, bracketed: bool) -> Outcome:
    if isinstance(first, Exit) and isinstance(operator, str) and isinstance(second, str):
        return status(first.outcome, operator, second)
    if isinstance(first, Running) and isinstance(operator, str) and isinstance(second, str):
        return _count(first, operator, second.strip())
    if not (isinstance(first, str) and isinstance(operator, str) and isinstance(second, str)):
        return Outcome(OPEN)
    if operator in ("=", "==", "!=") and bracketed and glob.is_pattern(second):
        equal: Optional[bool] = fits(first, second)
    elif operator in _EQUAL | _UNEQUAL:
        equal = first == second
    else:
        equal = None
    if equal is not None:
        return Outcome(YES if equal == (operator in _EQUAL) else NO)
    ordered = _ORDERED.get(operator)
    if ordered is None or not _NUMBER.match(first) or not _NUMBER.match(second):
        return Outcome(OPEN)
    return Outcome(YES if ordered(int(first), int(second)) else NO)


def _count(value: Running, operator: str, second: str) -> Outcome:
    """Return how a comparison ends with the number of processes, or with the word ``active``."""
    wanted = (operator, second)
    if operator in _EQUAL | _UNEQUAL and second in ("0", "active", "inactive", "failed", "unknown", "dead"):
        return running(value.name) if (operator in _EQUAL) == (second == "active") else running(value.name).negated()
    if wanted in (("-gt", "0"), ("-ge", "1")):
        return running(value.name)
    return running(value.name).negated() if wanted in (("-lt", "1"), ("-le", "0")) else Outcome(OPEN)


def status(outcome: Outcome, operator: str, second: str) -> Outcome:
    """Return what ``[ $? -eq 0 ]`` says of the command before."""
    same = operator in _EQUAL
    if not same and operator not in _UNEQUAL and operator != "-gt":
        return Outcome(OPEN)
    if second.strip() == "0":
        return outcome._replace(leaves=None) if same else outcome._replace(leaves=None).negated()
    # Another status than 0 is one way of failing among several.
    failed = Outcome(OPEN if outcome.status == NO else UNLIKELY, outcome.fails, outcome.holds)
    return failed if same else failed.negated()


def fits(text: str, pattern: str) -> bool:
    """Whether a text fits a pattern of the shell, whose * fits a slash and a first dot, too."""
    return glob.matching(["x" + text], "x" + pattern) != []
