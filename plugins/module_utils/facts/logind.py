# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether systemd-logind removes the IPC objects of a user who logs out: RemoveIPC= of logind.conf(5)."""

import re
from typing import Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from ..errors import CannotLook, Missing, NotApplicable
from ..host import Host
from ..policy import Policy

CONFIG_LIMIT = 256 * 1024  # bytes
# Highest precedence first: systemd.syntax(7) and logind.conf(5), "Configuration directories and precedence".
PLACES = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/lib/systemd")
LINGER = "/var/lib/systemd/linger"
_SETTING = re.compile(r"\s*RemoveIPC\s*=\s*(\S*)\s*\Z")
# "Entries in this file show the compile time defaults", says the file itself: yes for systemd, no in Enterprise Linux.
_SHOWN_DEFAULT = re.compile(r"^#\s?RemoveIPC=(\w+)\s*$", re.MULTILINE)
_BOOLEANS = dict.fromkeys(("1", "yes", "y", "true", "t", "on"), True)
_BOOLEANS.update(dict.fromkeys(("0", "no", "n", "false", "f", "off"), False))


class Logind(NamedTuple):
    """remove_ipc: the setting in force; source: the file that says so, None for the default systemd was built with.

    lingering: users whose services run on without a session (loginctl enable-linger), so that they never log out.
    """

    remove_ipc: bool
    source: Optional[str]
    lingering: FrozenSet[str]


def parse_remove_ipc(content: str) -> Optional[str]:
    """Return the last value of RemoveIPC= in the section [Login]; empty where it is reset, None where it is absent."""
    section, value = "", None
    for line in content.splitlines():
        if line.strip().startswith("["):
            section = line.strip()
        match = _SETTING.match(line)
        if match and section == "[Login]":
            value = match.group(1)
    return value


def shown_default(content: str) -> bool:
    """Return the default that a logind.conf as shipped shows in a comment; systemd's own is yes."""
    match = _SHOWN_DEFAULT.search(content)
    return _BOOLEANS.get(match.group(1).lower(), True) if match else True


def remove_ipc(files: List[Tuple[str, str]]) -> Tuple[bool, Optional[str]]:
    """Return the setting in force and the path that says so, of (path, content) in the order systemd reads them."""
    default = shown_default(files[0][1]) if files else True
    setting: Tuple[bool, Optional[str]] = (default, None)
    for path, content in files:
        value = parse_remove_ipc(content)
        if value == "":
            setting = (default, None)
        elif value is not None and value.lower() in _BOOLEANS:  # systemd warns about others, and ignores them
            setting = (_BOOLEANS[value.lower()], path)
    return setting


def gather(host: Host, policy: Policy) -> Logind:
    """Return what logind is set to. Raises NotApplicable where none runs."""
    try:
        host.list("/run/systemd/seats")  # logind makes it when it starts
    except Missing as error:
        raise NotApplicable("no systemd-logind runs on this host") from error
    setting, source = remove_ipc([(path, _text(host, path)) for path in _paths(host)])
    return Logind(setting, source, frozenset(_names(host, LINGER)))


def _paths(host: Host) -> List[str]:
    """Return the files that systemd reads: the first logind.conf, then drop-ins by name, of each the highest."""
    main = [f"{place}/logind.conf" for place in PLACES if "logind.conf" in _names(host, place)]
    drop_ins: Dict[str, str] = {}
    for place in PLACES:
        for name in _names(host, place + "/logind.conf.d"):
            if name.endswith(".conf"):
                drop_ins.setdefault(name, f"{place}/logind.conf.d/{name}")
    return main[:1] + [drop_ins[name] for name in sorted(drop_ins)]


def _names(host: Host, path: str) -> List[str]:
    try:
        return host.list(path)
    except Missing:
        return []


def _text(host: Host, path: str) -> str:
    if _is_masked(host, path):
        return ""
    return host.read(path, CONFIG_LIMIT, follow=True).decode("utf-8", "replace")


def _is_masked(host: Host, path: str) -> bool:
    """Return whether the file is a link to /dev/null, which is how an administrator switches a drop-in off."""
    try:
        return host.link(path) == "/dev/null"
    except CannotLook:
        return False  # no link; what else is wrong with it, reading it tells
