# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a job does nothing but what it does to one service: only then may it go, or other words take its place.

A job that renews certificates or saves databases may restart a service too, and whoever wants that restart to end does
not want the rest of it to end. What is not understood here counts as the rest.
"""

import os
import re
from typing import Any, Iterator, Mapping, Optional, Sequence, Tuple

from ..errors import Malformed
from ..facts import nginx, php_fpm
from ..facts.job_effects import Hit
from ..formats import shell_script
from ..formats.shell import shown
from ..formats.shell_script import Literal, Simple, Substitution, Word
from ..formats.signal_effects import NGINX, PHP_FPM

# They act on what their words name.
_ACTING = (
    "systemctl service rc-service invoke-rc.d supervisorctl apachectl apache2ctl kill pkill killall killproc "
    "start-stop-daemon xargs"
).split()
_WRAPPERS = ("sudo nice ionice nohup setsid timeout time exec command env chronic flock").split()
# They find what others act on.
_FINDING = "cat pidof pgrep grep egrep fgrep".split()
# They change nothing, whatever they are asked, as long as nothing is written into a file.
_READING = "[ test [[ true : sleep ps awk head tail exit echo printf date logger".split()
_SETTING = ("set cd export umask return").split()
_SHELLS = ("sh ash bash dash ksh . source").split()
# On SUSE also by an alias beside the programs.
_INIT_SCRIPT = re.compile(r"(?:/etc/(?:rc\.d/)?(?:init\.d/)?|(?:/usr/sbin/|/sbin/)?rc)[\w.@-]+\Z")
_SAID = re.compile(
    r"-.*|[0-9.]+[smh]?|/[\w./-]+\.lock|(?:SIG)?(?:HUP|INT|QUIT|KILL|USR[12]|TERM|WINCH)|root|grep|master|"
    r"(?:force-|try-|cond|try-reload-or-|reload-or-)?(?:start|stop|restart|reload|quit|graceful|reopen|rotate)",
    re.DOTALL,
)
# Into a file that is no log, from a command whose text says so.
_WRITES = re.compile(r"(?:>>?\|?|>&(?![0-9-]))\s*(?![>&|\s]|/dev/null\b|/dev/std|/var/log/(?!\S*\.\./))")
_AWK_ACTS = re.compile(r"system|[|>]|getline")
_PROGRAMS = {PHP_FPM: php_fpm.PROGRAM.executable, NGINX: nginx.PROGRAM.executable}
_FILE = r"(?:\.(?:service|pid|conf|lock))?\Z"
_NAMES = {PHP_FPM: re.compile(r"fpm[-0-9.]*" + _FILE), NGINX: re.compile(r"(?<![\w-])nginx" + _FILE)}
_DEPTH = 5  # scripts that run scripts


def rest_of(text: str, hits: Sequence[Hit], scripts: Mapping[str, str]) -> Optional[str]:
    """Return what a command line does besides what it does to the services of hits, as it may be shown; else None.

    scripts: the text of those that it runs, by path.
    """
    return _rest_of(text, hits, scripts, _DEPTH)


def _rest_of(text: str, hits: Sequence[Hit], scripts: Mapping[str, str], depth: int) -> Optional[str]:
    try:
        script = shell_script.parse(text)
    except Malformed as error:
        return f"… ({error})"
    for command in _simple(script):
        rest = _rest(command, hits, scripts, depth)
        if rest is not None:
            return rest
    return None


def _simple(node: Any) -> Iterator[Simple]:
    """Yield every simple command of a script, those in `$(…)` too."""
    if isinstance(node, Simple):
        yield node
    if isinstance(node, tuple):
        for part in node:
            yield from _simple(part)


def _rest(command: Simple, hits: Sequence[Hit], scripts: Mapping[str, str], depth: int) -> Optional[str]:
    words = [_text(word) for word in command.words]
    if not words:
        return shown(command.text) if _WRITES.search(command.text) else None  # a file may be emptied by no command
    inner = _script(words, scripts)
    if inner is not None and depth:
        return _rest_of(inner, hits, scripts, depth - 1)
    return None if _is_all(words, command.text, hits) else shown(command.text)


def _script(words: Sequence[Optional[str]], scripts: Mapping[str, str]) -> Optional[str]:
    """Return the text of the script that a command runs, or of what it gives to a shell."""
    first = os.path.basename(words[0] or "")
    if first in _SHELLS and words[1:2] == ["-c"] and len(words) == 3:
        return words[2]
    path = words[1] if first in _SHELLS and len(words) == 2 else words[0] if len(words) == 1 else None
    return scripts.get(path) if path else None


def _is_all(words: Sequence[Optional[str]], text: str, hits: Sequence[Hit]) -> bool:
    """Whether a simple command does something to the services of hits at most."""
    if words[0] is None or _WRITES.search(text) or not _is_known(words[0], hits):
        return False
    name = os.path.basename(words[0])
    if name == "awk":
        return not any(word is None or _AWK_ACTS.search(word) for word in words[1:])
    if name in (*_READING, *_SETTING):
        return True
    return all(word is not None and (_is_said(word) or _is_of(word, hits)) for word in words[1:])


def _text(word: Word) -> Optional[str]:
    """Return a word, less what commands in it print; None where only running it would tell."""
    parts: Tuple[Any, ...] = tuple(part for part in word if not isinstance(part, Substitution))
    if not all(isinstance(part, Literal) for part in parts):
        return None
    return "".join(part.text for part in parts) if parts else "-"


def _is_known(word: str, hits: Sequence[Hit]) -> bool:
    name = os.path.basename(word)
    if name in (*_ACTING, *_WRAPPERS, *_FINDING, *_READING, *_SETTING):
        return True
    programs = [_PROGRAMS[hit.family] for hit in hits if hit.family in _PROGRAMS]
    return any(program.match(name) for program in programs) or (bool(_INIT_SCRIPT.match(word)) and _is_of(name, hits))


def _is_said(word: str) -> bool:
    return bool(_SAID.fullmatch(word)) or os.path.basename(word) in (*_ACTING, *_WRAPPERS)


def _is_of(word: str, hits: Sequence[Hit]) -> bool:
    named = [name for hit in hits for name in (*hit.names, hit.deed.target.value)]
    patterns = [_NAMES[hit.family] for hit in hits if hit.family in _NAMES]
    return word in named or word + ".service" in named or any(pattern.search(word) for pattern in patterns)
