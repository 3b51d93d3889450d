# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a php-fpm.conf comes to: as php-fpm itself prints it, or as its files say where that can't be had."""

import os
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Missing
from ..formats import fpm_settings
from ..host import Host
from ..tree import Stat
from . import fpm_configuration
from .fpm_configuration import GLOBAL, Said
from .masters import Reading

# Without -F and -O php-fpm writes what it prints, the passwords in env[] too, into its error log as well; and what PHP
# says of an extension that cannot be loaded goes to the error_log of php.ini, unless there is none.
TEST = ("-tt", "-F", "-O", "-d", "log_errors=1", "-d", "error_log=")
ANSWER_SECONDS = 10.0
ANSWER_LIMIT = 16 * 1024 * 1024
LINES_LIMIT = 20  # of what a test says
LINE_LIMIT = 400  # characters


class Section(NamedTuple):
    """[global] or a pool. sources: ``file:line`` of each setting that a file says."""

    name: str
    settings: Dict[str, str]
    sources: Dict[str, str]


class FpmSettings(NamedTuple):
    """files: all that were read. tested: php-fpm printed the settings itself, with its defaults.

    passes: whether the test of the configuration ended well, None where there was none. failure: what it said when it
    did not. warnings: what else it said. unknown: why there was no test, or what could not be read.
    """

    files: Tuple[Tuple[str, Stat], ...]
    everywhere: Section
    pools: Tuple[Section, ...]
    tested: bool
    passes: Optional[bool]
    failure: Optional[str]
    warnings: Tuple[str, ...]
    unknown: Tuple[str, ...]


def read(host: Host, path: str, executable: str, untestable: Optional[str]) -> FpmSettings:
    """Return what the configuration ``path`` comes to; ``untestable`` says why its program is not to be run here."""
    reading = Reading(host)
    prefix = fpm_configuration.prefix_of(executable)
    try:
        said = fpm_configuration.read(reading, path, prefix)
        from_files = _sections(said, prefix)
        untestable = untestable or _of_the_environment(said)
    except Missing:
        from_files = [Section(GLOBAL, {}, {})]  # the test says so
    except CannotLook as error:
        untestable = untestable or f"its configuration is not tested, because it cannot be read: {error}"
        from_files = [Section(GLOBAL, {}, {})]
    if not untestable and not host.is_root():
        untestable = f"{path}: it is not tested, because this user may not open its logs; run with become"
    if not untestable and not reading.trusted:
        # Included by a file that another user can write, /etc/shadow would be read as root, and quoted in an error.
        untestable = f"{path}: it is not tested, because others than root own or can write what it is made of"
    found = FpmSettings(tuple(reading.files), from_files[0], tuple(from_files[1:]), False, None, None, (), ())
    if untestable:
        return found._replace(unknown=(untestable,))
    return _tested(host, path, executable, found)


def _of_the_environment(said: Sequence[Said]) -> Optional[str]:
    """Return why a configuration cannot be tested by us that depends on what its php-fpm was started with."""
    for one in said:
        if "${" in one.value:
            return f"{one.source}: `{one.name}` depends on the environment of php-fpm, so that it is not tested"
    return None


def default_configuration(host: Host, executable: str) -> str:
    """Return the php-fpm.conf that a program reads where none is named. Raises CannotLook."""
    ran = host.run([executable, *TEST], ANSWER_SECONDS, ANSWER_LIMIT)
    path = fpm_settings.parse(os.fsdecode(ran.output)).file
    if path is None:
        raise CannotLook(f"{executable}: `{' '.join((executable, *TEST))}` does not say which configuration it reads")
    return path


def _tested(host: Host, path: str, executable: str, found: FpmSettings) -> FpmSettings:
    try:
        ran = host.run([executable, *TEST, "-y", path], ANSWER_SECONDS, ANSWER_LIMIT)
    except CannotLook as error:
        return found._replace(unknown=(*found.unknown, f"its configuration is not tested: {error}"))
    printed = fpm_settings.parse(os.fsdecode(ran.output))
    if printed.is_usage:
        reason = f"{executable}: it is too old for -O, so its test would write into its log; it is not tested"
        return found._replace(unknown=(*found.unknown, reason))
    found = found._replace(passes=ran.status == 0, warnings=_bounded(printed.warnings))
    if ran.status != 0:
        lines = _bounded(printed.errors) or (f"it ends with {ran.status} and gives no reason",)
        return found._replace(failure="\n".join(lines))
    if GLOBAL not in printed.settings:
        level = found.everywhere.settings.get("log_level", "its own")
        reason = f"{path}: `php-fpm -tt` prints no setting at log_level {level}, so defaults are not known"
        return found._replace(unknown=(*found.unknown, reason))
    sources = {section.name: section.sources for section in (found.everywhere, *found.pools)}
    pools = [name for name in printed.settings if name != GLOBAL]
    # The test itself was told not to daemonize (-F).
    printed.settings[GLOBAL]["daemonize"] = found.everywhere.settings.get("daemonize", "yes")
    return found._replace(
        everywhere=Section(GLOBAL, printed.settings[GLOBAL], sources[GLOBAL]),
        pools=tuple(Section(name, printed.settings[name], sources.get(name, {})) for name in pools),
        tested=True,
    )


def _sections(said: Sequence[Said], prefix: str) -> List[Section]:
    """Return [global] and the pools as the files say them."""
    everywhere = _section(GLOBAL, fpm_configuration.last(said, GLOBAL))
    pid = everywhere.settings.get("pid")
    if pid:
        everywhere.settings["pid"] = os.path.join(fpm_configuration.state_directory(prefix), pid)
    pools = [_section(pool.name, pool.settings) for pool in fpm_configuration.pools(said)]
    for pool in pools:
        _make_absolute(pool, prefix)
    return [everywhere, *pools]


def _section(name: str, said: Dict[str, Said]) -> Section:
    settings: Dict[str, str] = {}
    sources: Dict[str, str] = {}
    for one in said.values():
        known = fpm_settings.as_printed(one.name, one.value)
        if known:
            # php_flag[x] and php_value[x] are one setting, of which the first word holds (fpm_configuration.Pool).
            settings.setdefault(*known)
            sources.setdefault(known[0], one.source)
    return Section(name, settings, sources)


def _make_absolute(pool: Section, prefix: str) -> None:
    listen = pool.settings.get("listen", "")
    if listen and ":" not in listen and not listen.isdigit():
        pool.settings["listen"] = os.path.join(pool.settings.get("prefix", prefix), listen)


def _bounded(lines: Sequence[str]) -> Tuple[str, ...]:
    return tuple(line[:LINE_LIMIT] for line in lines[:LINES_LIMIT])
