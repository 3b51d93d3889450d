# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every PHP of a host, and how it is configured to run."""

import time
from typing import Any, Dict, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import TooLarge
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import php_builds, php_programs
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_configuration import POOLS_LIMIT
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.php_builds import PhpBuilds, Runtime
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.php_programs import PROGRAMS_LIMIT
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

SYSTEM_ID = "1204a070cd49210ca578dc8015bee891"  # what a real PHP 8.2.36 of Debian calls its directory
FPM, CLI = "/usr/sbin/php-fpm8.2", "/usr/bin/php8.2"
CONFIGURATION = "/etc/php/8.2/fpm/php-fpm.conf"
POOL = "/etc/php/8.2/fpm/pool.d/www.conf"
MASTER = dict(pid=45, executable=FPM, title=f"php-fpm: master process ({CONFIGURATION})")


def phpinfo(sapi: str, directory: str, version: str = "8.2.36", more: str = "") -> str:
    return (
        f"phpinfo()\nPHP Version => {version}\n\nSystem => Linux\nServer API => {sapi}\n{more}"
        f"Configuration File (php.ini) Path => {directory}\nLoaded Configuration File => (none)\n"
        "Scan this dir for additional .ini files => (none)\nZend Extension Build => API420220829,NTS\n"
        f"extension_dir => /usr/lib/php/20220829 => /usr/lib/php/20220829\nPHP Version => {version}\n"
    )


def program(directory: str) -> Dict[str, Any]:
    """A program that has the name of its scan directory among its bytes."""
    return dict(content=f"\x7fELF\0{directory}\0{directory}/conf.d\0more", mtime=NOW - 500)


def debian(**more: Any) -> Dict[str, Any]:
    """A Debian host with one php-fpm that serves one pool; ``files`` and the like are added."""
    files = {
        FPM: program("/etc/php/8.2/fpm"),
        "/usr/lib/php/20220829/opcache.so": dict(content="", mtime=NOW - 300),
        CONFIGURATION: "[global]\npid = /run/php.pid\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n",
        POOL: "[www]\nuser = www-data\nlisten = /run/php.sock\n",
        "/etc/php/8.2/fpm/php.ini": "[PHP]\nmemory_limit = 128M\n",
    }
    commands = {f"{FPM} -n -i": phpinfo("FPM/FastCGI", "/etc/php/8.2/fpm")}
    described: Dict[str, Any] = dict(
        files=files, commands=commands, processes=[dict(pid=1), MASTER], directories=["/run"]
    )
    for name, value in more.items():
        described[name] = {**described[name], **value} if isinstance(described.get(name), dict) else value
    described["files"] = {path: text for path, text in described["files"].items() if text is not None}
    return described


def gather(described: Dict[str, Any]) -> PhpBuilds:
    return php_builds.gather(DescribedHost(described), policy_from({}))


def runtimes(described: Dict[str, Any]) -> List[Runtime]:
    found = gather(described)
    assert found.unreadable == ()
    return list(found.runtimes)


def only(described: Dict[str, Any]) -> Runtime:
    (runtime,) = runtimes(described)
    return runtime


def test_a_pool_of_a_running_master() -> None:
    runtime = only(debian())
    build = runtime.build
    assert build._replace(system_ids=frozenset()) == php_builds.Build(
        program=FPM,
        version="8.2.36",
        extension_build="API420220829,NTS",
        ini_file="/etc/php/8.2/fpm/php.ini",
        scan_directory="/etc/php/8.2/fpm/conf.d",
        extension_directory="/usr/lib/php/20220829",
        installed=NOW - 300,
        system_ids=frozenset(),
        unknown=None,
    )
    assert SYSTEM_ID in build.system_ids
    assert runtime._replace(build=build) == Runtime(
        build=build,
        sapi="fpm",
        pool="www",
        user="www-data",
        settings={"memory_limit": "128M"},
        sources={"memory_limit": "/etc/php/8.2/fpm/php.ini:2"},
        masters=(45,),
    )


def test_a_host_without_php() -> None:
    assert gather(dict(processes=[dict(pid=1)])) == PhpBuilds((), ())


def test_what_comes_last_holds() -> None:
    runtime = only(
        debian(
            files={
                "/etc/php/8.2/fpm/php.ini": (
                    "opcache.file_cache = /a\nopcache.enable = 1\nmemory_limit = 1G\ndate.timezone = UTC\n"
                    "[PATH=/srv]\nopcache.file_cache = /theirs\n[PHP]\nopcache.file_cache = /theirs too\n"
                ),
                "/etc/php/8.2/fpm/conf.d/20-b.ini": "opcache.file_cache = /b\nzend_extension = xdebug.so\n",
                "/etc/php/8.2/fpm/conf.d/10-a.ini": "opcache.file_cache = /c\nzend_extension = opcache.so\n",
                "/etc/php/8.2/fpm/conf.d/30-c.ini.disabled": "opcache.file_cache = /d\n",
                POOL: (
                    "[www]\nphp_admin_value[opcache.file_cache] = /cache/$pool\nphp_admin_flag[opcache.enable] = off\n"
                    "php_value[opcache.file_cache] = /weak\nphp_value[memory_limit] = 2G\n"
                    "env[TMP] = /tmp\nchroot = /srv/jail\n"
                ),
            }
        )
    )
    assert runtime.settings == {
        "opcache.file_cache": "/cache/www",
        "opcache.enable": "0",
        "memory_limit": "2G",
        "zend_extension": "opcache.so xdebug.so",
        "chroot": "/srv/jail",
    }
    assert runtime.sources["opcache.file_cache"] == POOL + ":2"
    assert runtime.sources["memory_limit"] == POOL + ":5"
    assert runtime.sources["zend_extension"] == "/etc/php/8.2/fpm/conf.d/20-b.ini:2"


def test_what_is_for_requests_to_one_directory_is_no_setting() -> None:
    ini = "opcache.file_cache = /a\n[HOST=x]\nopcache.file_cache = /b\n[PHP]\nopcache.file_cache = /c\n"
    found = only(debian(files={"/etc/php/8.2/fpm/php.ini": ini, "/etc/php/8.2/fpm/conf.d/a.ini": "memory_limit = 1\n"}))
    assert found.settings == {"opcache.file_cache": "/a", "memory_limit": "1"}


def test_what_a_pool_cannot_change() -> None:
    text = "[www]\nphp_admin_flag[opcache.file_cache_only] = on\nphp_admin_value[zend_extension] = x.so\n"
    assert only(debian(files={POOL: text})).settings == {"memory_limit": "128M"}


def test_each_pool_has_its_own() -> None:
    text = "[a]\nuser = ann\nphp_admin_value[opcache.file_cache] = /cache/a\n[b]\nuser = bob\n"
    found = runtimes(debian(files={POOL: text, "/etc/php/8.2/fpm/conf.d/a.ini": "opcache.file_cache = /cache\n"}))
    assert [(one.pool, one.user, one.settings["opcache.file_cache"], one.masters) for one in found] == [
        ("a", "ann", "/cache/a", (45,)),
        ("b", "bob", "/cache", (45,)),
    ]


def test_two_masters_of_one_program() -> None:
    other = dict(MASTER, pid=46, title="php-fpm: master process (/etc/shop.conf)")
    found = runtimes(debian(processes=[MASTER, other], files={"/etc/shop.conf": "[shop]\nuser = shop\n"}))
    assert {one.pool: one.masters for one in found} == {"www": (45,), "shop": (46,)}


def test_a_php_fpm_that_does_not_run() -> None:
    assert [(one.pool, one.masters) for one in runtimes(debian(processes=[dict(pid=1)]))] == [("www", ())]


def test_a_php_fpm_without_configuration() -> None:
    found = only(debian(processes=[dict(pid=1)], files={CONFIGURATION: None, POOL: None}))
    assert (found.pool, found.settings["memory_limit"]) == (None, "128M")


def test_links_are_the_program_that_they_lead_to() -> None:
    alternative = "/etc/alternatives/php-fpm"
    links = {
        "/usr/sbin/php-fpm": alternative,
        alternative: FPM,
        "/usr/sbin/php82-php-fpm": FPM,
        "/usr/bin/php-fpm": FPM,
    }
    assert only(debian(links=links, processes=[dict(pid=1)])).build.program == FPM


def test_a_program_that_only_a_link_is_called_as() -> None:
    described = dict(
        links={"/usr/bin/php": "/srv/build/main"},
        files={"/srv/build/main": "x"},
        commands={"/usr/bin/php -n -i": phpinfo("Command Line Interface", "/etc/own", more="Configure Command => x\n")},
        processes=[dict(pid=1)],
    )
    assert only(described).build.program == "/usr/bin/php"


@pytest.mark.parametrize("count", [PROGRAMS_LIMIT, PROGRAMS_LIMIT + 1])
def test_too_many_programs(count: int) -> None:
    described = dict(files={f"/usr/bin/php{number}": "x" for number in range(count)}, processes=[dict(pid=1)])
    if count == PROGRAMS_LIMIT:
        assert len(gather(described).unreadable) == count
    else:
        with pytest.raises(TooLarge, match=f"{count - 1} more are called as PHP is"):
            gather(described)


def test_a_link_that_others_may_have_placed_is_no_matter_where_its_file_is_known(tmp_path: Any) -> None:
    for directory in ("usr/bin", "usr/local/bin", "opt/php/bin", "srv"):
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "usr/local/bin").chmod(0o2775)  # as Debian's staff has it
    for path in ("usr/bin/php8.2", "opt/php/bin/php", "srv/php"):
        (tmp_path / path).write_bytes(b"")
    for name, target in (("php", "../../bin/php8.2"), ("php8.4", "../../../opt/php/bin/php")):
        (tmp_path / "usr/local/bin" / name).symlink_to(target)
    unreadable: List[str] = []
    found = php_programs.find(Host(str(tmp_path)), [], unreadable)
    assert [program.path for program in found] == ["/opt/php/bin/php", "/usr/bin/php8.2"]
    assert unreadable == []
    (tmp_path / "usr/local/bin/php8.1").symlink_to("../../../srv/php")
    (tmp_path / "usr/local/bin/php8.0").symlink_to("nowhere")
    php_programs.find(Host(str(tmp_path)), [], unreadable)
    assert [reason.split(":")[0] for reason in unreadable] == ["/usr/local/bin/php8.0", "/usr/local/bin/php8.1"]


def test_what_is_not_called_as_php_is() -> None:
    names = ["phpize8.2", "php-config", "phpenmod", "php.default", "php-fpm_exporter", "php8.2.bak", "phpunit"]
    assert len(runtimes(debian(files={f"/usr/bin/{name}": "x" for name in names}))) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/usr/local/bin/php",
        "/usr/local/php82/sbin/php-fpm",
        "/opt/remi/php82/root/usr/sbin/php-fpm",
        "/opt/cpanel/ea-php82/root/usr/bin/php",
        "/opt/plesk/php/8.2/bin/php",
        "/usr/local/lsws/lsphp82/bin/php",
        "/opt/bitnami/php/sbin/php-fpm",
        "/opt/php-8.2.36/bin/php",
    ],
)
def test_places(path: str) -> None:
    sapi = "FPM/FastCGI" if path.endswith("fpm") else "Command Line Interface"
    answer = phpinfo(sapi, "/etc/own", more="Configure Command =>  './configure'  '--prefix=/x'\n")
    described = dict(files={path: "x"}, commands={f"{path} -n -i": answer}, processes=[dict(pid=1)])
    assert only(described).build.program == path
    assert only(described).build.scan_directory == ""


def test_the_scan_directory_that_configure_was_told() -> None:
    configure = "Configure Command =>  './configure'  '--with-config-file-scan-dir=/etc/php.d:/srv/php.d' '--x'\n"
    found = only(
        debian(
            commands={f"{FPM} -n -i": phpinfo("FPM/FastCGI", "/etc", more=configure)},
            files={"/etc/php.d/a.ini": "opcache.file_cache = /a\n", "/srv/php.d/a.ini": "opcache.file_cache = /b\n"},
        )
    )
    assert found.build.scan_directory == "/etc/php.d:/srv/php.d"
    assert found.settings == {"opcache.file_cache": "/b"}


def test_an_unknown_scan_directory_is_said() -> None:
    (runtime,) = gather(debian(files={FPM: "\x7fELF\0/etc/php/8.2/fpm/conf.d and more\0"})).runtimes
    assert runtime.build.scan_directory is None
    assert "which directory it scans" in str(runtime.build.unknown)


def test_an_ini_file_of_its_own() -> None:
    found = only(debian(files={"/etc/php/8.2/fpm/php-fpm-fcgi.ini": "memory_limit = 1G\n"}))
    assert found.build.ini_file == "/etc/php/8.2/fpm/php-fpm-fcgi.ini"
    assert found.settings["memory_limit"] == "1G"


def test_no_ini_file_is_no_fault() -> None:
    found = only(debian(files={"/etc/php/8.2/fpm/php.ini": None}))
    assert (found.build.ini_file, found.build.unknown, found.settings) == (None, None, {})


def test_the_command_line_and_apaches_module() -> None:
    found = runtimes(
        debian(
            files={
                CLI: program("/etc/php/8.2/cli"),
                "/etc/php/8.2/cli/php.ini": "memory_limit = -1\n",
                "/etc/php/8.2/apache2/php.ini": "memory_limit = 64M\n",
                "/etc/php/8.2/apache2/conf.d/a.ini": "opcache.file_cache = /var/cache/apache\n",
                "/etc/php/8.2/mods-available/opcache.ini": "",
            },
            commands={f"{CLI} -n -i": phpinfo("Command Line Interface", "/etc/php/8.2/cli")},
        )
    )
    seen = {one.sapi: (one.settings.get("opcache.file_cache"), one.settings["memory_limit"]) for one in found}
    assert seen == {"cli": (None, "-1"), "fpm": (None, "128M"), "apache2": ("/var/cache/apache", "64M")}
    assert len(found) == 3
    assert {one.build.version for one in found} == {"8.2.36"}


def test_a_program_that_was_replaced_still_tells_its_version() -> None:
    old = dict(MASTER, executable=FPM + " (deleted)")
    found = gather(
        debian(processes=[old], commands={"/proc/45/exe -n -i": phpinfo("FPM/FastCGI", "/etc/php/8.2/fpm", "8.2.35")})
    )
    assert {(one.build.version, one.masters) for one in found.runtimes} == {("8.2.36", ()), ("8.2.35", (45,))}
    assert found.unreadable == ()


def test_a_replaced_program_has_only_what_its_master_runs_with() -> None:
    old = dict(MASTER, executable=FPM + " (deleted)", title="php-fpm: master process (/etc/shop.conf)")
    found = runtimes(
        debian(
            processes=[old],
            files={"/etc/shop.conf": "[shop]\nuser = shop\n"},
            commands={"/proc/45/exe -n -i": phpinfo("FPM/FastCGI", "/etc/php/8.2/fpm", "8.2.35")},
        )
    )
    assert {(one.build.version, one.pool) for one in found} == {("8.2.36", "www"), ("8.2.35", "shop")}


def test_a_masters_program_in_an_unusual_place() -> None:
    path = "/srv/build/sbin/php-fpm"
    found = runtimes(
        debian(
            files={FPM: None, path: program("/etc/php/8.2/fpm")},
            processes=[dict(MASTER, executable=path)],
            commands={f"{path} -n -i": phpinfo("FPM/FastCGI", "/etc/php/8.2/fpm")},
        )
    )
    assert [(one.build.program, one.masters) for one in found] == [(path, (45,))]


@pytest.mark.parametrize(
    ("described", "said"),
    [
        (dict(commands={f"{FPM} -n -i": "Segmentation fault\n"}), "does not say which PHP"),
        (dict(commands={f"{FPM} -n -i": phpinfo("Embedded", "/etc/php/8.2/embed")}), "does not say which PHP"),
        (dict(psutil=False), "running masters of php-fpm: psutil is not installed"),
        (dict(forbidden=["/etc/php/8.2/fpm/php.ini"]), "/etc/php/8.2/fpm/php.ini: not readable"),
        (dict(forbidden=["/etc/php/8.2/fpm/conf.d"]), "/etc/php/8.2/fpm/conf.d: not readable"),
        (dict(forbidden=[POOL]), f"{POOL}: not readable"),
        (dict(forbidden=["/usr/bin"]), "/usr/bin: not readable"),
        (dict(files={"/etc/php/8.2/fpm/php.ini": 'a = "'}), "/etc/php/8.2/fpm/php.ini: line 1: its"),
        (dict(files={POOL: "[www]\n" + "a" * 70000}), f"{POOL}:2: its line is longer"),
        (
            dict(files={"/etc/php/8.2/fpm/php.ini": "opcache.file_cache = ${CACHE}\n"}),
            "/etc/php/8.2/fpm/php.ini:1: `opcache.file_cache = ${CACHE}` depends on",
        ),
        (dict(processes=[dict(MASTER, title="php-fpm: master process (relative.conf)")]), "names no absolute path"),
    ],
)
def test_what_cannot_be_read_is_said(described: Dict[str, Any], said: str) -> None:
    found = gather(debian(**described))
    assert [reason for reason in found.unreadable if said in reason], found.unreadable


def test_what_depends_on_the_environment_is_no_setting() -> None:
    ini = "opcache.enable = 1\nopcache.file_cache = /a\nopcache.file_cache = ${CACHE}\n"
    (runtime,) = gather(debian(files={"/etc/php/8.2/fpm/php.ini": ini})).runtimes
    assert runtime.settings == {"opcache.enable": "1"}


def test_a_program_of_a_container_is_never_run() -> None:
    inside = dict(MASTER, pid=60, executable=FPM + " (deleted)")
    found = gather(
        debian(
            processes=[MASTER, inside],
            links={"/proc/60/ns/pid": "pid:[4026532000]"},
            commands={"/proc/60/exe -n -i": phpinfo("FPM/FastCGI", "/etc/php/8.2/fpm", "8.2.35")},
        )
    )
    assert [(one.build.version, one.pool, one.masters) for one in found.runtimes] == [("8.2.36", "www", (45,))]
    assert found.unreadable == ()


def test_an_include_of_itself_ends() -> None:
    found = gather(debian(files={POOL: f"include={POOL}\n"}))
    assert [reason for reason in found.unreadable if "it is included 6 deep" in reason]


@pytest.mark.parametrize("count", [POOLS_LIMIT, 100000])
def test_many_pools_take_no_longer(count: int) -> None:
    """Any user may run a php-fpm with a configuration of his own."""
    configuration = "".join(f"[{number}]\nuser = u\n" for number in range(count))
    started = time.monotonic()
    found = gather(debian(files={CONFIGURATION: configuration}))
    assert time.monotonic() - started < 10
    if count == POOLS_LIMIT:
        assert (len(found.runtimes), found.unreadable) == (count, ())
    else:
        assert found.unreadable == (
            f"{CONFIGURATION}:{2 * count}: with it the configuration has {count} pools, more than {POOLS_LIMIT}",
        )


def test_what_a_pool_says_first_of_a_setting_of_php_holds() -> None:
    """As measured on a real 8.2, which printed 55, 11 and 44."""
    text = (
        "[www]\nphp_value[max_execution_time] = 11\nphp_admin_value[max_input_time] = 44\n"
        "php_admin_value[default_socket_timeout] = 55\nphp_value[default_socket_timeout] = 66\n"
        "php_value[memory_limit] = 1M\nphp_flag[memory_limit] = on\n"
        "[www]\nphp_value[max_execution_time] = 22\nphp_admin_value[max_input_time] = 33\n"
    )
    runtime = only(debian(files={POOL: text}))
    limits = ("default_socket_timeout", "max_execution_time", "max_input_time", "memory_limit")
    assert [runtime.settings[name] for name in limits] == ["55", "11", "44", "1M"]
    assert runtime.sources["max_execution_time"] == f"{POOL}:2"


def test_an_include_of_nothing() -> None:
    text = "include = /etc/nothing.conf\ninclude = /etc/none/*.conf\n[www]\nuser = www-data\n"
    assert only(debian(files={CONFIGURATION: text})).pool == "www"


def test_ids_that_are_not_computed_are_said() -> None:
    commands = {f"{FPM} -n -i": phpinfo("FPM/FastCGI", "/etc/php/8.2/fpm", "7.4.33")}
    build = only(debian(commands=commands)).build
    assert build.system_ids == frozenset()
    assert "PHP 7.4.33 calls its directory" in str(build.unknown)
