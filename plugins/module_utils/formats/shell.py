# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A command line of a shell, as it may be shown to people: of it only names, as the rest may be secret."""

import re
from typing import List

SHOWN_CHARACTERS = 2000
SHOWN_PIECES = 60

_WORDS = frozenset(
    "systemctl service invoke-rc.d supervisorctl monit start-stop-daemon kill pkill killall killproc pidof pgrep xargs "
    "sh bash dash ksh zsh busybox sudo su runuser env exec nice ionice nohup setsid timeout flock time systemd-run "
    ". source sleep cat echo ps grep egrep awk sed cut head tail test find show run-parts certbot logrotate "
    "if then elif else fi for in while until do done case esac exit return eval "
    "start stop quit restart try-restart condrestart reload-or-restart try-reload-or-restart reload force-reload "
    "reopen rotate graceful graceful-stop configtest status enable disable mask "
    "[ ] [[ ]] ! { } ( ) ` $( ; ;; & && | || < >".split()
)
_SIGNAL = r"(?:SIG)?(?:HUP|INT|QUIT|KILL|USR1|USR2|TERM|ALRM|WINCH|[1-9]|1[0-57])"
_NAME = re.compile(
    r"\.{0,2}/[\w./+@*-]{1,200}|"  # a file or a directory
    rf"(?:-|-s|--signal=|--retry=|-R)?{_SIGNAL}(?:/(?:[0-9]{{1,5}}|{_SIGNAL})){{0,8}}|"
    r"-[A-Za-z]|--[a-z]{2,20}(?:-[a-z]{2,20})*|"  # an option without a value
    r"--(?:pidfile|exec)=/[\w./+@-]{1,200}|"
    r"\$[@*]|\$\w{1,50}|\$\{\w{1,50}\}|"  # the name of a variable
    r"[\w@.*${},-]{0,50}(?:php|fpm|nginx|httpd|apache|haproxy)[\w@.*${},-]{0,50}"
)
_SILENCED = re.compile(r"(?:[0-9]?>&[0-9]|(?:[0-9]|&)?>>?[ \t]*/dev/null)(?=[\s;&|)]|\Z)")
# Quotes part words here, too; what is between them is judged word by word.
_PIECE = re.compile(r"\$\(|&&|\|\||;;|[;&|()`<>]|(?:\$(?!\()|[^\s;&|()`<>\"'$])+|(\s+)|[\"']")


def shown(command: str) -> str:
    """Return a command line without what may be secret: names of programs, files, services and signals are left."""
    pieces: List[str] = []
    before = ""
    for found in list(_PIECE.finditer(_SILENCED.sub("", command[:SHOWN_CHARACTERS].strip())))[:SHOWN_PIECES]:
        said = found.group()
        piece = " " if found.group(1) else said if _is_name(said, before) else "" if said in "\"'" else "…"
        before = before if found.group(1) else said
        pieces.append(piece)
    return re.sub(r"…(?: ?…)+", "…", "".join(pieces)).strip()


def _is_name(piece: str, before: str) -> bool:
    waits = before == "sleep" and re.fullmatch(r"[0-9]{1,5}[smh]?", piece)
    return piece in _WORDS or bool(waits) or bool(_NAME.fullmatch(piece))
