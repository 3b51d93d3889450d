# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether a command line does nothing but what it does to one service: only then other words may take its place."""

import os
import re
from typing import Any, Iterator, Optional, Tuple

from ..errors import Malformed, Refused
from ..facts import nginx, php_fpm
from ..facts.job_effects import Hit
from ..formats import shell_script
from ..formats.shell import shown
from ..formats.shell_script import Literal, Simple, Substitution, Word
from ..formats.signal_effects import NGINX, PHP_FPM

# They act on what their words name.
_ACTING = ("systemctl service rc-service invoke-rc.d kill pkill killall killproc start-stop-daemon xargs").split()
_WRAPPERS = ("sudo nice ionice nohup setsid timeout time exec command env chronic").split()
# They change nothing, whatever they are asked.
_READING = ("[ test [[ true : sleep cat pidof pgrep ps grep egrep fgrep awk head tail exit").split()
_INIT_SCRIPT = re.compile(r"/etc/(?:rc\.d/)?(?:init\.d/)?[\w.@-]+\Z")
_SAID = re.compile(
    r"-.*|[0-9.]+[smh]?|(?:SIG)?[A-Z]+[0-9]?|root|(?:force-|try-|cond|try-reload-or-|reload-or-)?"
    r"(?:start|stop|restart|reload|quit|graceful|reopen|rotate)",
    re.DOTALL,
)
_PROGRAMS = {PHP_FPM: php_fpm.PROGRAM.executable, NGINX: nginx.PROGRAM.executable}
_NAMES = {PHP_FPM: re.compile(r"php|fpm"), NGINX: re.compile(r"nginx")}


def demand_nothing_else(text: str, hit: Hit) -> None:
    """Raise Refused where a command line does more than it does to the service of a hit, or that cannot be told."""
    try:
        script = shell_script.parse(text)
    except Malformed as error:
        raise Refused(f"its line is part of something larger ({error}); write it anew by hand") from error
    for command in _simple(script):
        other = _other(command, hit)
        if other is not None:
            raise Refused(f"it does more than that, or that cannot be told: `{other}`; write it anew by hand")


def _simple(node: Any) -> Iterator[Simple]:
    """Yield every simple command of a script, those in `$(…)` too."""
    if isinstance(node, Simple):
        yield node
    if isinstance(node, tuple):
        for part in node:
            yield from _simple(part)


def _other(command: Simple, hit: Hit) -> Optional[str]:
    """Return what a command does besides, as it may be shown; None where it does nothing else."""
    words = [_text(word) for word in command.words]
    if not words:
        return None
    if words[0] is None or not _is_known(words[0], hit):
        return shown(command.text)
    if os.path.basename(words[0]) in _READING:
        return None
    acting = all(word is not None and (_is_said(word) or _is_of(word, hit)) for word in words[1:])
    return None if acting else shown(command.text)


def _text(word: Word) -> Optional[str]:
    """Return a word, less what commands in it print; None where only running it would tell."""
    parts: Tuple[Any, ...] = tuple(part for part in word if not isinstance(part, Substitution))
    if not all(isinstance(part, Literal) for part in parts):
        return None
    return "".join(part.text for part in parts) if parts else "-"


def _is_known(word: str, hit: Hit) -> bool:
    name = os.path.basename(word)
    program = _PROGRAMS.get(hit.family)
    if name in (*_ACTING, *_WRAPPERS, *_READING) or (program and program.match(name)):
        return True
    return bool(_INIT_SCRIPT.match(word)) and _is_of(name, hit)


def _is_said(word: str) -> bool:
    return bool(_SAID.fullmatch(word)) or os.path.basename(word) in (*_ACTING, *_WRAPPERS)


def _is_of(word: str, hit: Hit) -> bool:
    named = (*hit.names, hit.deed.target.value)
    pattern = _NAMES.get(hit.family)
    return word in named or word + ".service" in named or bool(pattern and pattern.search(word))
