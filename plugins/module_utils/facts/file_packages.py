# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which package a file belongs to: an upgrade of it may bring back what was changed in the file."""

import os
import re
from typing import Dict, List, Optional, Sequence

from ..errors import CannotLook, Missing
from ..host import Host

DPKG = ("/usr/bin/dpkg-query",)
RPM = ("/usr/bin/rpm", "/bin/rpm")
ANSWER_SECONDS = 30.0
ANSWER_LIMIT = 1024 * 1024
FILES_LIMIT = 100
_DPKG_OWNS = re.compile(r"([a-z0-9][a-z0-9+.:, -]*): (/.*)\Z")
_PATTERN = re.compile(r"([\\*?\[\]])")
_MERGED = re.compile(r"(?:/usr)?(/(?:s?bin|lib(?:32|64|x32)?)/.*)\Z", re.DOTALL)


def owners(host: Host, paths: Sequence[str]) -> Dict[str, str]:
    """Return the package of each file that belongs to one, by dpkg or rpm. Raises CannotLook where neither answers."""
    asked = list(dict.fromkeys(paths))[:FILES_LIMIT]
    if not asked:
        return {}
    answers = [answer for answer in (_by_dpkg(host, asked), _by_rpm(host, asked)) if answer is not None]
    if not answers:
        raise CannotLook("neither dpkg nor rpm is there, so which package a file belongs to is not known")
    found: Dict[str, str] = {}
    for answer in answers:
        found.update(answer)
    return found


def _by_dpkg(host: Host, paths: Sequence[str]) -> Optional[Dict[str, str]]:
    """Return what dpkg-query(1) says; None where there is none. It ends with 1 where a file belongs to no package."""
    names = {alias: path for path in paths for alias in _aliases(path)}
    said = _run(host, DPKG, ["--search", "--", *(_PATTERN.sub(r"\\\1", name) for name in names)])
    if said is None:
        return None
    found: Dict[str, str] = {}
    for line in said.split("\n"):
        owned = _DPKG_OWNS.match(line)
        if owned and owned.group(2) in names and not line.startswith("diversion by "):
            found.setdefault(names[owned.group(2)], owned.group(1).split(",")[0].split(":")[0])
    return found


def _aliases(path: str) -> List[str]:
    """Return the names that dpkg may know a file by: /lib and its like became links to directories of /usr."""
    merged = _MERGED.match(path)
    return [merged.group(1), "/usr" + merged.group(1)] if merged else [path]


def _by_rpm(host: Host, paths: Sequence[str]) -> Optional[Dict[str, str]]:
    found: Dict[str, str] = {}
    for path in paths:
        said = _run(host, RPM, ["--query", "--queryformat", "%{NAME}\\n", "--file", "--", path])
        if said is None:
            return None
        name = said.split("\n")[0]
        if re.match(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z", name):
            found[path] = name
    return found


def _run(host: Host, programs: Sequence[str], arguments: Sequence[str]) -> Optional[str]:
    for program in programs:
        try:
            return os.fsdecode(host.run([program, *arguments], ANSWER_SECONDS, ANSWER_LIMIT).output)
        except Missing:
            continue
    return None
