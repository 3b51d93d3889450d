# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The settings of php-fpm as ``php-fpm -tt`` prints them (php-src, sapi/fpm/fpm/fpm_conf.c, fpm_conf_dump())."""

import re
from typing import Dict, List, NamedTuple, Optional, Tuple

GLOBAL = "global"
SECRET = "(not shown)"

# At log_level debug a line also says which function of php-fpm wrote it.
_LINE = re.compile(r"\[[^\]\n]{1,64}\] (NOTICE|WARNING|ERROR|ALERT): (?:pid [0-9]+, [a-z_]+\(\), line [0-9]+: )?(.*)\Z")
_SUCCESSFUL = re.compile(r"configuration file (/.*) test is successful\Z")
_SECTION = re.compile(r"\[(.*)\]\Z")
_OF_PHP = re.compile(r"PHP (?:Warning|Fatal error|Startup)\b|Failed loading ")
_TIMES = re.compile(
    r"(?:emergency_restart_interval|process_control_timeout|systemd_interval|request_terminate_timeout|"
    r"request_slowlog_timeout)\Z"
)
_TIME = re.compile(r"([0-9]{1,9})([smhd]?)\Z")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_FLAG = re.compile(r"php_(admin_)?flag\[(.*)\]\Z")
_TRUE = ("1", "on", "yes", "true")
# What php-fpm knows; other lines of a file that is included by mistake may be somebody's secrets.
_KNOWN = re.compile(
    r"(?:(?:access|events|listen|ping|pm|process|security|syslog)\.[._a-z]+|emergency_restart_[a-z]+|apparmor_hat|"
    r"listen|pm|process_control_timeout|rlimit_(?:core|files)|(?:catch|decorate)_workers_output|slowlog|"
    r"log_(?:level|limit|buffering)|request_(?:terminate|slowlog)_[_a-z]+|"
    r"chdir|chroot|clear_env|daemonize|error_log|group|pid|prefix|systemd_interval|user|"
    r"(?:env|php_value|php_flag|php_admin_value|php_admin_flag)\[[^\]]*\])\Z"
)
_SECRET_NAME = re.compile(r"pass|pwd|_pw\b|secret|token|api_?key|private_?key|salt|credential|license", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"(?:pass|pwd|auth|secret|token|key)[a-z_]*[\]]?\s*=|//[^/@\s]*@| -ap|--pass", re.IGNORECASE)


class Printed(NamedTuple):
    """settings: by section, the pools in order. file: which was read. errors and warnings: a line each.

    is_usage: it printed which options it has, because it does not know one that it was given.
    """

    settings: Dict[str, Dict[str, str]]
    file: Optional[str]
    errors: Tuple[str, ...]
    warnings: Tuple[str, ...]
    is_usage: bool


def parse(text: str) -> Printed:
    """Return what ``php-fpm -tt`` prints. It prints no setting at a log_level above notice."""
    settings: Dict[str, Dict[str, str]] = {}
    file = None
    errors: List[str] = []
    warnings: List[str] = []
    section = settings.setdefault(GLOBAL, {})
    for line in text.split("\n"):
        match = _LINE.match(line)
        level, said = match.groups() if match else ("", line)
        if _OF_PHP.search(said):
            warnings.append(said.replace("PHP message: ", "", 1).strip())
        elif level == "WARNING":
            warnings.append(said)
        elif level in ("ERROR", "ALERT"):
            errors.append(said)
        elif level and said.startswith("\t"):
            _take(section, said[1:])
        elif level and _SECTION.match(said):
            section = settings.setdefault(said[1:-1], {})
        elif level and _SUCCESSFUL.match(said):
            file = said[len("configuration file ") : -len(" test is successful")]
    said_something = {name: values for name, values in settings.items() if values}
    return Printed(said_something, file, tuple(errors), tuple(warnings), text.lstrip().startswith("Usage: "))


def _take(section: Dict[str, str], said: str) -> None:
    name, _sign, value = said.partition(" = ")
    if value == "undefined":
        return
    if name == "log_level" and value == "unknown value":
        value = "notice"  # the default, which it has no word for
    section[name] = without_secret(name, value)


def as_printed(name: str, value: str) -> Optional[Tuple[str, str]]:
    """Return a setting of a file in the form that -tt prints; None for one that php-fpm does not know."""
    if not _KNOWN.match(name):
        return None
    flag = _FLAG.match(name)
    if flag:
        name, value = f"php_{flag.group(1) or ''}value[{flag.group(2)}]", str(int(value.lower() in _TRUE))
    if _TIMES.match(name) or name == "pm.process_idle_timeout":
        value = _seconds(value, "" if name == "pm.process_idle_timeout" else "s")
    return name, without_secret(name, value)


def _seconds(value: str, unit: str) -> str:
    match = _TIME.match(value)
    return f"{int(match.group(1)) * _UNITS[match.group(2)]}{unit}" if match else value


def without_secret(name: str, value: str) -> str:
    """Return a value as it may be shown: env[] is where passwords are handed to PHP, php_value[] may hold some."""
    if name.startswith("env["):
        return ""
    if name.startswith("php_") and (_SECRET_NAME.search(name) or _SECRET_VALUE.search(value)):
        return SECRET
    return value
