# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where limits can be written for a php-fpm so that they hold and nothing else changes, beside its own files.

It is rehearsed: the configuration is read once as it is, and once as if the files were there.
"""

import os
import re
import stat
from typing import Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..formats import glob
from ..formats.fpm_drop_in import STEM, render, settings_of
from ..host import Host
from ..policy import Policy
from . import fpm_configuration, fpm_masters, fpm_settings
from .fpm_configuration import GLOBAL, Said
from .fpm_masters import FpmMaster
from .fpm_time_limits import EXECUTION, INPUT, PROCESS_CONTROL, SOCKET, TERMINATE
from .masters import Reading

CONTENT_LIMIT = 4096  # bytes; ours has some 400
OF_PHP = (EXECUTION, INPUT, SOCKET)
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}\Z")
_MARK = "phpfleet"

Key = Tuple[str, str]  # section and name


class DropIn(NamedTuple):
    """The place for one section's limits.

    section: global, or the name of a pool. path: physical. content: what is there, None for no file. settings: what it
    says. loses: which settings would not hold there, with the ``file:line`` that wins. test: the command that tests
    the configuration. reason: why nothing can be written at all, None where it can.
    """

    section: str
    path: str
    content: Optional[bytes]
    settings: Mapping[str, str]
    loses: Mapping[str, str]
    test: Tuple[str, ...]
    reason: Optional[str]


class Guard(NamedTuple):
    """What makes the writing of a drop-in valid. seen: the content before, None for no file. resolves: see checks."""

    path: str
    seen: Optional[bytes]
    wanted: bytes
    test: Tuple[str, ...]
    resolves: Tuple[str, ...]


class FpmDropIns(NamedTuple):
    """of: by the master's pid and the section."""

    of: Mapping[Tuple[int, str], DropIn]


def setting_name(limit: str) -> str:
    """Return what a limit is called in a pool: PHP's own are given by php_value, which scripts may still change."""
    return f"php_value[{limit}]" if limit in OF_PHP else limit


def gather(host: Host, policy: Policy) -> FpmDropIns:
    """Return the place for each section of each master. Raises CannotLook where processes cannot be seen."""
    found: Dict[Tuple[int, str], DropIn] = {}
    for master in host.once(fpm_masters.gather, policy).masters:
        for place in _of_master(host, master):
            found[master.process.pid, place.section] = place
    return FpmDropIns(found)


def _of_master(host: Host, master: FpmMaster) -> List[DropIn]:
    sections = [GLOBAL, *(pool.name for pool in master.pools)]
    try:
        _demand_fit(master)
        return _places(host, master, sections)
    except CannotLook as error:
        return [_nowhere(section, str(error)) for section in sections]


def _nowhere(section: str, reason: str) -> DropIn:
    return DropIn(section, "", None, {}, {}, (), reason)


def _demand_fit(master: FpmMaster) -> None:
    if master.apart or master.root != "/":
        raise CannotLook("it does not share the files of this host, so nothing is written; set the values by hand")
    if set(master.process.uids) != {0}:
        # Its title is then another's word, and could name a file of some other program as its configuration.
        raise CannotLook("another user than root runs it, so nothing is written; set the values by hand")
    if master.configuration is None or not master.process.executable:
        raise CannotLook("which configuration it was started with is not known")


def _places(host: Host, master: FpmMaster, sections: Sequence[str]) -> List[DropIn]:
    first = _Rehearsal(host, {})
    before = _effective(_read(first, master))
    if not first.trusted:
        raise CannotLook("others than root can write its configuration; mend owner and mode")
    problem = "it includes no directory of pools; set the values by hand"
    for pattern in reversed(first.asked):
        if not glob.is_pattern(os.path.basename(pattern)):
            continue
        try:
            return _rehearsed(host, master, sections, before, pattern)
        except CannotLook as error:
            problem = str(error)
    raise CannotLook(problem)


def _directory(host: Host, pattern: str) -> str:
    """Return the directory that a pattern of include takes in. Raises CannotLook where no file of ours could be put."""
    directory, last = os.path.split(pattern)
    if glob.is_pattern(directory) or not glob.matching([STEM + _ending(pattern)], last):
        raise CannotLook(f"include = {pattern}: it takes in no file that would sort last; set the values by hand")
    seen = host.stat(directory, follow=True)
    if seen.uid != 0 or seen.mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise CannotLook(f"{directory}: others than root can write in it; mend its owner and mode")
    return directory


def _ending(pattern: str) -> str:
    tail = os.path.basename(pattern).rpartition("*")[2]
    return tail if tail and not glob.is_pattern(tail) else ".conf"


def _rehearsed(
    host: Host, master: FpmMaster, sections: Sequence[str], before: Mapping[Key, Said], pattern: str
) -> List[DropIn]:
    directory = _directory(host, pattern)
    paths = {section: _path(directory, section, _ending(pattern)) for section in sections}
    own = {path: _marked(section) for section, path in paths.items() if path}
    held = _effective(_read(_Rehearsal(host, own), master))
    for (section, name), said in before.items():
        now = held.get((section, name))
        if now != said and _file(said) not in own and (now is None or _file(now) not in own):
            raise CannotLook(
                f"{directory}: with a file of ours in it {name} of [{section}] would change, which is said behind the "
                "include without a section; begin a section there, or set the values by hand"
            )
    return [_place(host, master, section, paths[section], before, held) for section in sections]


def _path(directory: str, section: str, ending: str) -> Optional[str]:
    if section == GLOBAL:
        return f"{directory}/{STEM}{ending}"
    return f"{directory}/{STEM}-{section}{ending}" if _SAFE_NAME.match(section) else None


def _place(
    host: Host,
    master: FpmMaster,
    section: str,
    path: Optional[str],
    before: Mapping[Key, Said],
    held: Mapping[Key, Said],
) -> DropIn:
    if path is None:
        return _nowhere(section, "its name is none that a file could have; set the values by hand")
    content = _content(host, path)
    settings = {} if content is None else settings_of(content)
    if settings is None:
        return _nowhere(section, f"{path} is there and is not ours; move it away")
    loses = {limit: source for limit in _limits(section) for source in _winner(section, path, limit, before, held)}
    # As each other test of it, but without the settings in what it says.
    test = (master.process.executable or "", "-t", *fpm_settings.TEST[1:], "-y", master.configuration or "")
    return DropIn(section, host.physical(path), content, settings, loses, test, None)


def _winner(section: str, path: str, limit: str, before: Mapping[Key, Said], held: Mapping[Key, Said]) -> Sequence[str]:
    """Return the ``file:line`` that would win over what we write of a limit, if there is one."""
    names = [limit]
    if limit in OF_PHP:
        names = [f"php_{kind}[{limit}]" for kind in ("admin_value", "admin_flag", "value", "flag")]
    said = [before[section, name] for name in names if (section, name) in before]
    others = [one.source for one in said if _file(one) != path]
    if limit in OF_PHP:
        return others[:1]
    winner = held[section, limit]
    return () if _file(winner) == path else (winner.source,)


def _limits(section: str) -> Sequence[str]:
    return (PROCESS_CONTROL,) if section == GLOBAL else (TERMINATE, *OF_PHP)


def _marked(section: str) -> str:
    settings = {setting_name(limit): _MARK for limit in _limits(section)}
    return render(section, settings, section != GLOBAL).decode("ascii")


def _content(host: Host, path: str) -> Optional[bytes]:
    try:
        return host.read(path, CONTENT_LIMIT)
    except Missing:
        return None


def _read(reading: Reading, master: FpmMaster) -> Tuple[Said, ...]:
    prefix = fpm_configuration.prefix_of(master.process.executable or "")
    return fpm_configuration.read(reading, master.configuration or "", prefix)


def _effective(said: Sequence[Said]) -> Dict[Key, Said]:
    found = {(GLOBAL, name): one for name, one in fpm_configuration.last(said, GLOBAL).items()}
    for pool in fpm_configuration.pools(said):
        found.update({(pool.name, name): one for name, one in pool.settings.items()})
    return found


def _file(said: Said) -> str:
    return said.source.rpartition(":")[0]


class _Rehearsal(Reading):
    """Reads a configuration as if some files were there too; asked: the patterns that it includes, in order."""

    def __init__(self, host: Host, files: Mapping[str, str]) -> None:
        super().__init__(host)
        self.asked: List[str] = []
        self._files = files

    def matching(self, pattern: str) -> List[str]:
        self.asked.append(pattern)
        directory, last = os.path.split(pattern)
        names = [os.path.basename(path) for path in self._files if os.path.dirname(path) == directory]
        added = glob.matching(names, last) if glob.is_pattern(last) else []
        return sorted({*super().matching(pattern), *(os.path.join(directory, name) for name in added)})

    def read(self, path: str) -> str:
        return self._files[path] if path in self._files else super().read(path)
