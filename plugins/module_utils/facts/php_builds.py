# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every PHP that a host has, and every way in which it is configured to run."""

import os
import re
from typing import Dict, FrozenSet, List, Mapping, NamedTuple, Optional, Sequence, Tuple

from ..errors import CannotLook, Malformed, Missing
from ..formats import opcache, php_ini
from ..host import Host
from ..policy import Policy
from . import fpm_configuration, php_fpm, php_programs
from .fpm_configuration import Pool
from .masters import Master, Reading
from .php_programs import Answer, Program

_CACHES = ("opcache.so", "eaccelerator.so")
_OWN_INI = {"fpm": "php-fpm-fcgi.ini", "cli": "php-cli.ini"}  # named for the SAPI, and read instead of php.ini
_DEBIAN = re.compile(r"(/etc/php/[0-9.]+|/etc/php5)/[a-z0-9]+\Z")  # an ini directory, which has the SAPI's name
_TIME_LIMITS = "max_execution_time|max_input_time|default_socket_timeout"
_MATTERS = re.compile(rf"(?:opcache|eaccelerator)\.[a-z_.]+\Z|(?:memory_limit|{_TIME_LIMITS})\Z")
_LOADS = ("zend_extension", "extension")
_OF_THE_START = (*_LOADS, "opcache.file_cache_only")  # what a pool may say of these has no effect; measured on 8.2
_PHP_SETTING = re.compile(r"php(_admin)?_(?:value|flag)\[([^\]]+)\]\Z")
_SPECIAL_SECTION = re.compile(r"(?:PATH|HOST)", re.IGNORECASE)  # for requests to a directory or a host only


class Build(NamedTuple):
    """One program of PHP, with where its settings are.

    version: PHP_VERSION. extension_build: such as API420220829,NTS. ini_file: the php.ini that it reads, None where
    there is none. scan_directory: whose *.ini it reads then; several are joined by ``:``, "" for none. installed: the
    newest mtime of the program and of its opcode cache, seconds since the epoch; packages bring the time when they
    were built. system_ids: see formats.opcache. unknown: why one of them is None, or none of the ids is known.
    """

    program: str
    version: Optional[str]
    extension_build: Optional[str]
    ini_file: Optional[str]
    scan_directory: Optional[str]
    extension_directory: Optional[str]
    installed: Optional[float]
    system_ids: FrozenSet[str]
    unknown: Optional[str]


class Runtime(NamedTuple):
    """One way in which a build is configured to run.

    sapi: the name of its ini directory where Debian gave it one, as apache2, else what the program is: fpm or cli.
    pool and user: of php-fpm. settings: opcache.*, eaccelerator.*, memory_limit and the limits of time, as
    formats.php_ini has them, and all of zend_extension and extension, joined by spaces, and a pool's chroot; what a
    program was started with (-d) can't be seen.
    sources: where each was said last, ``file:line``. masters: pids that run with it.
    """

    build: Build
    sapi: str
    pool: Optional[str]
    user: Optional[str]
    settings: Mapping[str, str]
    sources: Mapping[str, str]
    masters: Tuple[int, ...]


class PhpBuilds(NamedTuple):
    """unreadable: what could not be seen, each a sentence; where there is any, runtimes may lack something."""

    runtimes: Tuple[Runtime, ...]
    unreadable: Tuple[str, ...]


class _Settings(NamedTuple):
    values: Dict[str, str]
    sources: Dict[str, str]


def gather(host: Host, policy: Policy) -> PhpBuilds:
    """Return every PHP that could be found. Raises CannotLook where there is too much that is called so."""
    unreadable: List[str] = []
    runtimes: List[Runtime] = []
    asked = []
    for program in php_programs.find(host, _masters(host, policy, unreadable), unreadable):
        try:
            answer = php_programs.ask(host, program)
        except CannotLook as error:
            unreadable.append(str(error))
            continue
        asked.append((program, answer))
        runtimes.extend(_runtimes(host, program, answer, unreadable))
    for program, answer in _without_programs(host, asked, unreadable):
        runtimes.extend(_runtimes(host, program, answer, unreadable))
    return PhpBuilds(tuple(runtimes), tuple(dict.fromkeys(unreadable)))


def _masters(host: Host, policy: Policy, unreadable: List[str]) -> List[Master]:
    """Return the masters that share our files."""
    try:
        masters = [master for master in host.once(php_fpm.gather, policy).masters if not master.apart]
    except CannotLook as error:
        unreadable.append(f"running masters of php-fpm: {error}")
        return []
    unreadable.extend(master.unknown for master in masters if master.unknown)
    return masters


def _without_programs(
    host: Host, asked: Sequence[Tuple[Program, Answer]], unreadable: List[str]
) -> List[Tuple[Program, Answer]]:
    """Return the SAPIs of a version that are no programs, as Apache's module; only Debian's ini directories tell."""
    covered = {answer.ini_directory for _unused, answer in asked}
    found = []
    for program, answer in asked:
        version = _DEBIAN.match(answer.ini_directory or "")
        for sapi in _names(host, version.group(1), unreadable) if version else ():
            directory = f"{version.group(1)}/{sapi}" if version else ""
            if directory not in covered and _exists(host, directory + "/php.ini", unreadable):
                covered.add(directory)
                found.append((program._replace(masters=()), answer._replace(sapi=sapi, ini_directory=directory)))
    return found


def _runtimes(host: Host, program: Program, answer: Answer, unreadable: List[str]) -> List[Runtime]:
    build = _build(host, program, answer, unreadable)
    settings = _read_ini(host, build, unreadable)
    if answer.sapi != "fpm":
        return [Runtime(build, answer.sapi, None, None, settings.values, settings.sources, ())]
    runtimes = []
    for path, pids in _configurations(host, program, answer, unreadable).items():
        for pool in _pools(host, program, path, unreadable):
            values, sources = _of_pool(settings, pool, unreadable)
            user = pool.settings["user"].value if "user" in pool.settings else None
            runtimes.append(Runtime(build, "fpm", pool.name, user, values, sources, pids))
    pids = tuple(master.process.pid for master in program.masters)
    return runtimes or [Runtime(build, "fpm", None, None, settings.values, settings.sources, pids)]


def _build(host: Host, program: Program, answer: Answer, unreadable: List[str]) -> Build:
    reasons = []
    scanned = None
    try:
        scanned = _scan_directory(host, program, answer)
    except CannotLook as error:
        reasons.append(str(error))
    system_ids = opcache.system_ids(answer.version, answer.extension_build or "")
    if not system_ids:
        reasons.append(f"{program.path}: what PHP {answer.version} calls its directory in a file cache is not computed")
    if not answer.extension_build:
        reasons.append(f"{program.path}: it does not say its Zend Extension Build")
    return Build(
        program=program.path,
        version=answer.version,
        extension_build=answer.extension_build,
        ini_file=_ini_file(host, program, answer, unreadable),
        scan_directory=scanned,
        extension_directory=answer.extension_directory,
        installed=_installed(host, program, answer, unreadable),
        system_ids=system_ids,
        unknown="; ".join(reasons) or None,
    )


def _scan_directory(host: Host, program: Program, answer: Answer) -> str:
    directory = _DEBIAN.match(answer.ini_directory or "")
    if directory and answer.sapi not in ("fpm", "cli"):
        return f"{answer.ini_directory}/conf.d"
    return php_programs.scan_directory(host, program, answer)


def _ini_file(host: Host, program: Program, answer: Answer, unreadable: List[str]) -> Optional[str]:
    directories = [os.path.dirname(program.path)] + ([answer.ini_directory] if answer.ini_directory else [])
    for name in (_OWN_INI.get(answer.sapi), "php.ini"):
        for directory in directories if name else ():
            if _exists(host, f"{directory}/{name}", unreadable):
                return f"{directory}/{name}"
    return None


def _installed(host: Host, program: Program, answer: Answer, unreadable: List[str]) -> Optional[float]:
    times = []
    for path in (program.path, *(f"{answer.extension_directory}/{name}" for name in _CACHES)):
        try:
            times.append(host.stat(path, follow=True).mtime_ns / 1e9)
        except Missing:
            continue
        except CannotLook as error:
            unreadable.append(str(error))
    return max(times) if times else None


def _read_ini(host: Host, build: Build, unreadable: List[str]) -> _Settings:
    settings = _Settings({}, {})
    reading = Reading(host)
    for path in _ini_files(host, build, unreadable):
        try:
            for setting in php_ini.parse(reading.read(path)):
                if _SPECIAL_SECTION.match(setting.section):
                    break  # no later section ends it, only the end of the file
                _set(settings, setting.name, setting.value, f"{path}:{setting.line}", unreadable)
        except Malformed as error:
            unreadable.append(f"{path}: {error}")
        except CannotLook as error:
            unreadable.append(str(error))
    return settings


def _ini_files(host: Host, build: Build, unreadable: List[str]) -> List[str]:
    files = [build.ini_file] if build.ini_file else []
    for directory in filter(None, (build.scan_directory or "").split(":")):
        files += [f"{directory}/{name}" for name in _names(host, directory, unreadable) if name.endswith(".ini")]
    return files


def _set(settings: _Settings, name: str, value: str, source: str, unreadable: List[str]) -> None:
    if name in _LOADS:
        value = f"{settings.values.get(name, '')} {value}".strip()
    elif not _MATTERS.match(name):
        return
    if "${" in value:
        unreadable.append(f"{source}: `{name} = {value}` depends on other settings or the environment; write the value")
        settings.values.pop(name, None)  # what was said before does not hold either
        settings.sources.pop(name, None)
        return
    settings.values[name] = value
    settings.sources[name] = source


def _configurations(host: Host, program: Program, answer: Answer, unreadable: List[str]) -> Dict[str, Tuple[int, ...]]:
    """Return the php-fpm.conf of each master with the pids, and the build's usual one also where none runs with it."""
    found: Dict[str, Tuple[int, ...]] = {}
    for master in program.masters:
        if master.configured:
            path = master.configured.path
            found[path] = (*found.get(path, ()), master.process.pid)
    prefix = fpm_configuration.prefix_of(program.path)
    for directory in filter(None, (answer.ini_directory, prefix + "/etc")):
        path = f"{directory}/php-fpm.conf"
        if path not in found and program.path == program.command and _exists(host, path, unreadable):
            found[path] = ()
    return found


def _pools(host: Host, program: Program, path: str, unreadable: List[str]) -> Tuple[Pool, ...]:
    try:
        said = fpm_configuration.read(Reading(host), path, fpm_configuration.prefix_of(program.path))
        return fpm_configuration.pools(said)
    except CannotLook as error:
        unreadable.append(str(error))
        return ()


def _of_pool(base: _Settings, pool: Pool, unreadable: List[str]) -> _Settings:
    """Return what holds in a pool: php_value and php_flag over the ini files, php_admin_* over those."""
    settings = _Settings(dict(base.values), dict(base.sources))
    if "chroot" in pool.settings:
        settings.values["chroot"], settings.sources["chroot"] = (
            pool.settings["chroot"].value,
            pool.settings["chroot"].source,
        )
    # What a pool says first holds over what it says again of the same setting, as php_value and as php_flag.
    named = [(_PHP_SETTING.match(name), said) for name, said in reversed(list(pool.settings.items()))]
    for admin in (None, "_admin"):
        for match, said in named:
            if match and match.group(1) == admin and match.group(2) not in _OF_THE_START:
                _set(settings, match.group(2), php_ini.word(said.value), said.source, unreadable)
    return settings


def _names(host: Host, directory: str, unreadable: List[str]) -> List[str]:
    try:
        return host.list(directory)
    except Missing:
        return []
    except CannotLook as error:
        unreadable.append(str(error))
        return []


def _exists(host: Host, path: str, unreadable: List[str]) -> bool:
    try:
        host.stat(path, follow=True)
    except Missing:
        return False
    except CannotLook as error:
        unreadable.append(str(error))
        return False
    return True
