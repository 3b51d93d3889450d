# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a php-fpm.conf says, with all that it includes, and where it says so."""

import os
from typing import Dict, List, NamedTuple, Sequence, Tuple, Union

from ..errors import CannotLook, Malformed, Missing, TooLarge
from ..formats import ini
from .masters import Reading

INCLUDE_DEPTH = 5  # as fpm_conf_load_ini_file() of php-src
POOLS_LIMIT = 10000
GLOBAL = "global"


class Said(NamedTuple):
    """One setting of a section, ``global`` or a pool's name, at ``file:line``; ``$pool`` in it is the pool's name."""

    section: str
    name: str
    value: str
    source: str


class Pool(NamedTuple):
    """A pool's settings by name: of php-fpm's own the last of each, of those in brackets, such as php_value, the first.

    php-fpm puts the latter into a list from its end on, and sets them in the order of that list; measured on 8.2.
    """

    name: str
    settings: Dict[str, Said]


def read(reading: Reading, path: str, prefix: str) -> Tuple[Said, ...]:
    """Return all that a configuration says, in order; ``prefix`` is the build's, for relative patterns of include.

    Raises CannotLook where a file of it can't be read.
    """
    configuration = _Configuration(reading, prefix)
    configuration.read(path, 1)
    return tuple(configuration.said)


def last(said: Sequence[Said], section: str) -> Dict[str, Said]:
    """Return the settings of a section by name; what comes last holds."""
    return {one.name: one for one in said if one.section == section}


def pools(said: Sequence[Said]) -> Tuple[Pool, ...]:
    """Return the pools in the order in which they are begun. Raises TooLarge above POOLS_LIMIT."""
    found: Dict[str, Dict[str, Said]] = {}
    for one in said:
        if one.section != GLOBAL:
            settings = found.setdefault(one.section, {})
            settings[one.name] = settings.get(one.name, one) if "[" in one.name else one
    if len(found) > POOLS_LIMIT:
        raise TooLarge(f"{said[-1].source}: with it the configuration has {len(found)} pools, more than {POOLS_LIMIT}")
    return tuple(Pool(name, settings) for name, settings in found.items())


def prefix_of(executable: str) -> str:
    """Return the prefix that a build suggests by its executable's place: /usr for /usr/sbin/php-fpm8.2."""
    return os.path.dirname(os.path.dirname(executable or "/"))


def state_directory(prefix: str) -> str:
    """Return PHP_LOCALSTATEDIR of a build: PREFIX/var by default, /var in distributions' builds."""
    return "/var" if prefix == "/usr" else prefix + "/var"


class _Configuration:
    """Reads a file and all that it includes; a section that an included file begins goes on after the include."""

    def __init__(self, reading: Reading, prefix: str) -> None:
        self.said: List[Said] = []
        self._reading = reading
        self._prefix = prefix
        self._section = GLOBAL

    def read(self, path: str, depth: int) -> None:
        if depth > INCLUDE_DEPTH:
            raise TooLarge(f"{path}: it is included {depth} deep, where php-fpm allows {INCLUDE_DEPTH}", path=path)
        for number, line in enumerate(self._reading.read(path).split("\n"), 1):
            try:
                for entry in ini.parse(line):
                    self._take(entry, f"{path}:{number}", depth)
            except Malformed as error:
                raise CannotLook(f"{path}:{number}: its line is longer than {ini.LINE_LIMIT} characters") from error

    def _take(self, entry: Union[ini.Section, ini.Setting], source: str, depth: int) -> None:
        if isinstance(entry, ini.Section):
            self._section = GLOBAL if entry.name.lower() == GLOBAL else entry.name
            return
        value = entry.value if self._section == GLOBAL else entry.value.replace("$pool", self._section)
        name = entry.name if "[" in entry.name else entry.name.lower()  # those in brackets are PHP's, and case counts
        if name != "include":
            self.said.append(Said(self._section, name, value, source))
            return
        for path in self._reading.matching(os.path.join(self._prefix, value)):
            try:
                self.read(path, depth + 1)
            except Missing:
                continue  # php-fpm warns and goes on
