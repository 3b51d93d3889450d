# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command line of PHP's command line program; its options are those of php-src, sapi/cli/php_cli.c."""

import getopt
import re
from typing import List, NamedTuple, Optional, Sequence

_SHORT = "aB:Cc:d:E:eF:f:HhilmnqR:r:S:sT:t:vwz:"
_LONG = [
    *("interactive", "process-begin=", "no-chdir", "php-ini=", "define=", "process-end=", "profile-info"),
    *("process-file=", "file=", "hide-args", "help", "info", "syntax-check", "modules", "no-php-ini", "no-header"),
    *("process-code=", "run=", "server=", "syntax-highlight", "timing=", "docroot=", "version", "strip"),
    *("zend-extension=", "ini", "ini=", "rf=", "rfunction=", "rc=", "rclass=", "re=", "rextension=", "rz="),
    *("rzendextension=", "ri=", "rextinfo="),
]
_FILE = {"-f", "--file"}
# What runs then is no script: code on the command line, the web server for development, or PHP telling of itself.
_NO_SCRIPT = {"-a", "-B", "-E", "-F", "-r", "-R", "-S", "--interactive", "--process-begin", "--process-end"}
_NO_SCRIPT |= {"--process-file", "--process-code", "--run", "--server"}
_JOB = re.compile(r"[A-Za-z][A-Za-z0-9:._-]{0,100}\Z")


class Command(NamedTuple):
    """What a command line runs. script: as written there. job: the first argument, where it is a plain word.

    Other arguments are left out, because they may be secrets.
    """

    script: str
    job: Optional[str]


def parse(words: Sequence[str]) -> Optional[Command]:
    """Return what a command line of PHP runs, None where it is no script or the line cannot be understood."""
    try:
        options, rest = getopt.getopt(list(words[1:]), _SHORT, _LONG)
    except getopt.GetoptError:
        return None
    if any(name in _NO_SCRIPT for name, _value in options):
        return None
    files = [value for name, value in options if name in _FILE]
    if not files and (not rest or rest[0] == "-"):
        return None
    return Command(files[-1], _job(rest)) if files else Command(rest[0], _job(rest[1:]))


def _job(arguments: List[str]) -> Optional[str]:
    return arguments[0] if arguments and _JOB.match(arguments[0]) else None
