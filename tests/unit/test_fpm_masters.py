# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Every php-fpm of a host: how it is configured, which service it is, since when its generation runs."""

from typing import Any, Dict, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import fpm_masters, service_units
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMaster, FpmMasters
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

PROGRAM = "/usr/sbin/php-fpm8.2"
CONFIGURATION = "/etc/php/8.2/fpm/php-fpm.conf"
TEST = f"{PROGRAM} -tt -F -O -d log_errors=1 -d error_log= -y {CONFIGURATION}"
SAID = "[22-Nov-2026 05:44:51] NOTICE: "
PRINTED = (
    f"{SAID}[global]\n{SAID}\tpid = /run/php/php8.2-fpm.pid\n{SAID}\tprocess_control_timeout = 0s\n"
    f"{SAID}[www]\n{SAID}\tlisten = 127.0.0.1:9000\n{SAID}\tpm.max_children = 5\n"
)
FILE = "[global]\npid = /run/php/php8.2-fpm.pid\n[www]\nlisten = 127.0.0.1:9000\npm.max_children = 5\n"
INTERNET = "/usr/bin/ss -tuanie exclude time-wait"
SHOW = f"/usr/bin/systemctl show --property={service_units.PROPERTIES} -- "
LIST = "/usr/bin/systemctl list-unit-files --no-legend --no-pager --type=service *php* *fpm*"
UNIT = """\
Id={name}
LoadState=loaded
ActiveState={state}
UnitFileState={enabled}
MainPID={pid}
KillSignal=3
TimeoutStopUSec=1min 30s
ExecStart={{ path=/x ; argv[]={start} ; ignore_errors=no ; pid=0 }}
"""


def unit(state: str = "active", enabled: str = "enabled", pid: int = 45, start: str = "", name: str = "") -> str:
    start = start or f"{PROGRAM} --nodaemonize --fpm-config {CONFIGURATION}"
    return UNIT.format(name=name or "php8.2-fpm.service", state=state, enabled=enabled, pid=pid, start=start)


def look(processes: Any = None, policy: Any = None, **more: Any) -> FpmMasters:
    master = dict(pid=45, executable=PROGRAM, title=f"php-fpm: master process ({CONFIGURATION})")
    files: Dict[str, Any] = {CONFIGURATION: FILE, PROGRAM: "\0X-Powered-By: PHP/8.2.36\0", "/usr/bin/ss": ""}
    files["/proc/45/cgroup"] = "0::/\n"
    files.update(more.pop("files", {}))
    commands = {TEST: PRINTED, INTERNET: "", "/usr/bin/ss -xae": ""}
    commands.update(more.pop("commands", {}))
    commands = {command: answer for command, answer in commands.items() if answer is not None}
    processes = [dict(pid=1), *([master] if processes is None else processes)]
    host = DescribedHost(dict(processes=processes, files=files, commands=commands, **more))
    return fpm_masters.gather(host, policy_from({"php_fpm": policy or {}}))


def only(**more: Any) -> FpmMaster:
    found = look(**more)
    assert len(found.masters) == 1 and found.unseen == ()
    return found.masters[0]


def test_the_ordinary_case() -> None:
    one = only(
        commands={INTERNET: "tcp LISTEN 0 511 127.0.0.1:9000 0.0.0.0:* ino:800 sk:1 <->\n"},
        links={"/proc/45/fd/8": "socket:[800]"},
        files={"/proc/45/status": "SigCgt:\t0000000000014a07\n"},
    )
    assert (one.root, one.version, one.replaced, one.handles_hup) == ("/", "8.2.36", False, True)
    assert (one.configuration, one.pidfile) == (CONFIGURATION, "/run/php/php8.2-fpm.pid")
    assert (one.passes, one.failure, one.apart, one.unknown) == (True, None, None, ())
    assert (one.settings["process_control_timeout"], one.settings["daemonize"]) == ("0s", "yes")
    assert one.sources == {"pid": f"{CONFIGURATION}:2"}
    assert [(file.path, file.modified) for file in one.files] == [(CONFIGURATION, NOW - 3600)]
    (pool,) = one.pools
    assert (pool.name, pool.tested, pool.address, pool.listening) == ("www", True, "127.0.0.1:9000", 800)
    assert pool.sources == {"listen": f"{CONFIGURATION}:4", "pm.max_children": f"{CONFIGURATION}:5"}


def test_upstreams_build_does_not_handle_hup() -> None:
    assert only(files={"/proc/45/status": "SigCgt:\t0000000000014a06\n"}).handles_hup is False


def test_a_configuration_that_its_test_refuses_is_read_from_its_files() -> None:
    output = (
        "[22-Nov-2026 05:43:59] ERROR: [/etc/a.conf:2] unknown entry 'x'\n[22-Nov-2026 05:43:59] ERROR: FPM failed\n"
    )
    one = only(commands={TEST: dict(status=78, output=output)})
    assert one.passes is False and one.failure == "[/etc/a.conf:2] unknown entry 'x'\nFPM failed"
    assert [(pool.name, pool.tested, pool.settings["pm.max_children"]) for pool in one.pools] == [("www", False, "5")]


def test_a_test_that_fails_without_a_word() -> None:
    one = only(commands={TEST: dict(status=-11, output="")})
    assert one.failure == "it ends with -11 and gives no reason"


def test_a_php_that_is_too_old_to_be_asked_without_writing_a_log() -> None:
    one = only(commands={TEST: dict(status=64, output="Usage: php-fpm [-n] [-e] [-h] [-i] [-F]\n")})
    assert one.passes is None and one.failure is None and "too old for -O" in one.unknown[-1]


def test_a_test_that_cannot_be_run() -> None:
    one = only(commands={TEST: None})
    assert one.passes is None and one.failure is None and not one.pools[0].tested
    assert "its configuration is not tested" in one.unknown[-1]


def test_a_log_level_at_which_nothing_is_printed() -> None:
    one = only(commands={TEST: ""}, files={CONFIGURATION: FILE.replace("pid =", "log_level = warning\npid =")})
    assert one.passes is True and one.pools[0].settings["listen"] == "127.0.0.1:9000" and not one.pools[0].tested
    assert "prints no setting at log_level warning" in one.unknown[-1]


@pytest.mark.parametrize("mode", [dict(uid=33), dict(mode=0o664), dict(mode=0o646)])
def test_what_others_can_write_is_not_tested_as_root(mode: Dict[str, int]) -> None:
    one = only(files={CONFIGURATION: dict(content=FILE, **mode)})
    assert one.passes is None and "others than root own or can write" in one.unknown[-1]


OF_A_USER = dict(pid=45, executable=PROGRAM, title=f"php-fpm: master process ({CONFIGURATION})", uid=33)


def test_what_another_user_runs_is_not_judged() -> None:
    one = only(processes=[OF_A_USER])
    assert one.apart and "33 runs it, outside of any service" in one.apart
    assert (one.configuration, one.pools, one.passes) == (None, (), None)


def test_what_another_user_runs_in_a_service_is_judged_and_not_tested_as_root() -> None:
    one = only(processes=[OF_A_USER], **systemd(unit()))
    assert one.apart is None and one.pools[0].address == "127.0.0.1:9000"
    assert one.passes is None and "another user than root runs it" in one.unknown[-1]


def test_what_another_user_runs_in_a_services_cgroup_alone_is_not_judged() -> None:
    assert only(processes=[OF_A_USER], **systemd(unit(pid=44))).apart


def test_what_another_user_runs_is_judged_where_it_is_named() -> None:
    one = only(processes=[OF_A_USER], policy=dict(configurations=[CONFIGURATION]))
    assert one.apart is None and one.pools[0].name == "www"


@pytest.mark.parametrize(
    ("files", "links", "doubt"),
    [
        ({PROGRAM: dict(uid=33)}, {}, "others than root own or can write"),
        ({PROGRAM: dict(mode=0o777)}, {}, "others than root own or can write"),
        ({}, {"/proc/91/fd/8": "/dev/null"}, "no listening socket"),
        ({}, {}, None),
    ],
)
def test_which_workers_without_a_master_are_believed(files: Any, links: Any, doubt: Optional[str]) -> None:
    process = dict(pid=91, executable=PROGRAM, title="php-fpm: pool www", uid=33)
    found = look(
        processes=[process],
        files=files,
        links={"/proc/91/fd/8": "socket:[800]", **links},
        commands={INTERNET: "tcp LISTEN 0 511 127.0.0.1:9000 0.0.0.0:* ino:800 sk:1 <->\n"},
    )
    assert [one.process.pid for one in found.orphans] == ([] if doubt else [91])
    assert not doubt or doubt in found.disbelieved[0]


def test_what_cannot_be_read_is_not_tested_either() -> None:
    # The rest of such a configuration was not seen, so nobody knows who can write that.
    one = only(
        files={CONFIGURATION: FILE + "include = /etc/php/8.2/fpm/pool.d/*\n"}, forbidden=["/etc/php/8.2/fpm/pool.d"]
    )
    assert one.passes is None and "cannot be read" in one.unknown[-1] and one.pools == ()


def test_what_depends_on_the_environment_is_not_tested() -> None:
    one = only(files={CONFIGURATION: FILE.replace("= 5", "= ${CHILDREN}")})
    assert one.passes is None and f"{CONFIGURATION}:5: `pm.max_children` depends" in one.unknown[-1]
    assert one.pools[0].settings["pm.max_children"] == "${CHILDREN}"


def test_a_master_in_a_chroot() -> None:
    master = dict(pid=45, executable="/srv/jail/usr/sbin/php-fpm", title="php-fpm: master process (/etc/php-fpm.conf)")
    inside = {"/etc/php-fpm.conf": "[global]\npid = php.pid\n[www]\nlisten = www.sock\nphp_flag[x.y] = on\n"}
    one = only(
        processes=[master],
        files={"/srv/jail/usr/sbin/php-fpm": "\0X-Powered-By: PHP/8.4.1\0"},
        links={"/proc/45/root": "/srv/jail"},
        within={45: dict(files=inside)},
    )
    assert (one.root, one.version, one.configuration, one.pidfile) == (
        "/srv/jail",
        "8.4.1",
        "/etc/php-fpm.conf",
        "/var/php.pid",
    )
    assert one.pools[0].address == "/usr/www.sock" and one.pools[0].settings["php_value[x.y]"] == "1"
    assert one.passes is None and "chroot, /srv/jail" in one.unknown[-1]


def test_a_masters_container_is_not_judged() -> None:
    one = only(links={"/proc/45/ns/pid": "pid:[4026532999]"})
    assert one.apart and one.pools == () and one.version is None


def test_a_replaced_program_is_asked_itself() -> None:
    one = only(
        links={"/proc/45/exe": f"{PROGRAM} (deleted)"},
        commands={"/proc/45/exe -n -v": "PHP 8.2.35 (fpm-fcgi) (built: Nov  1 2026)\n"},
    )
    assert (one.replaced, one.version) == (True, "8.2.35")


def test_the_generation_is_when_the_kernel_dates_its_shared_memory() -> None:
    one = only(
        files={
            "/dev/zero (deleted)": dict(mtime=NOW - 50),
            "/run/php/php8.2-fpm.pid": dict(content="45", mtime=NOW - 99),
        },
        links={"/proc/45/map_files/1000-2000": "/dev/zero (deleted)", "/proc/45/map_files/3000-4000": "/lib/x.so"},
    )
    assert one.generation == NOW - 50


@pytest.mark.parametrize(
    ("pidfile", "generation"),
    [
        (dict(content="45", mtime=NOW - 99), NOW - 99),
        (dict(content="46", mtime=NOW - 99), None),
        (dict(content="45", mtime=NOW - 99, uid=33), None),
        (dict(content="x", mtime=NOW - 99), None),
    ],
)
def test_the_generation_by_the_pidfile_where_that_is_its_own(pidfile: Any, generation: Optional[float]) -> None:
    assert only(files={"/run/php/php8.2-fpm.pid": pidfile}).generation == generation


@pytest.mark.parametrize(
    ("listen", "socket", "address", "held"),
    [
        ("9000", "*:9000", "*:9000", True),
        ("9000", "0.0.0.0:9000", "0.0.0.0:9000", True),
        ("9000", "127.0.0.1:9001", "*:9000", False),
        ("9000", "127.0.0.1:9000", "*:9000", False),  # from before a change that is not in force
        ("localhost:9000", "127.0.0.1:9000", "127.0.0.1:9000", True),
        ("fpm.internal:9000", "10.0.0.7:9000", "10.0.0.7:9000", True),
        ("10.0.0.8:9000", "10.0.0.7:9000", "10.0.0.8:9000", False),
        ("[::1]:9000", "[::1]:9000", "[::1]:9000", True),
        ("[::1]:9000", "*:9000", "[::1]:9000", False),
        ("[::]:9000", "*:9000", "*:9000", True),
        ("[::]:9000", "[::]:9000", "[::]:9000", True),
    ],
)
def test_where_a_pool_listens(listen: str, socket: str, address: str, held: bool) -> None:
    one = only(
        commands={
            TEST: PRINTED.replace("127.0.0.1:9000", listen),
            INTERNET: f"tcp LISTEN 0 511 {socket} 0.0.0.0:* ino:800 sk:1 <->\n",
        },
        links={"/proc/45/fd/8": "socket:[800]"},
    )
    assert (one.pools[0].address, one.pools[0].listening) == (address, 800 if held else None)


def test_another_network_is_said() -> None:
    one = only(links={"/proc/45/ns/net": "net:[4026532888]"})
    assert one.pools[0].listening is None and "another network namespace" in one.unknown[-1]


def systemd(units: str, names: str = "php8.2-fpm.service", cgroup: str = "/system.slice/php8.2-fpm.service") -> Any:
    listed = "".join(f"{name} enabled enabled\n" for name in names.split())
    commands = {SHOW + names: units, LIST: listed}
    files = {"/usr/bin/systemctl": "", "/proc/45/cgroup": f"0::{cgroup}\n"}
    return dict(commands=commands, files=files, directories=["/run/systemd/system"])


def test_the_service_that_a_master_is() -> None:
    one = only(**systemd(unit()))
    assert one.unit is not None and (one.unit.name, one.unit.kill_signal) == ("php8.2-fpm.service", 3)


def test_a_service_that_only_started_it_is_not_its() -> None:
    described = systemd(
        unit(pid=7, start="/usr/sbin/cron -f", name="cron.service"), "cron.service", "/system.slice/cron.service"
    )
    assert only(**described).unit is None


@pytest.mark.parametrize(
    ("script", "found"),
    [
        (f"DAEMON={PROGRAM}\nCONF={CONFIGURATION}\n", True),
        (f"daemon {PROGRAM} --daemonize\n", True),
        (f"DAEMON={PROGRAM}\nCONF=/etc/shop/shop-fpm.conf\n", False),
        ("DAEMON=/usr/sbin/php-fpm7.4\n", False),
    ],
)
def test_the_script_that_may_have_started_it(script: str, found: bool) -> None:
    one = only(files={"/etc/init.d/php8.2-fpm": script, "/etc/init.d/README": script})
    assert one.init_script == ("/etc/init.d/php8.2-fpm" if found else None)


@pytest.mark.parametrize(
    ("state", "enabled", "stopped"),
    [
        ("failed", "disabled", True),
        ("inactive", "enabled", True),
        ("inactive", "disabled", False),
        ("activating", "enabled", False),
    ],
)
def test_a_service_that_should_run(state: str, enabled: str, stopped: bool) -> None:
    found = look(processes=[], **systemd(unit(state, enabled)))
    assert [one.configuration for one in found.stopped] == ([CONFIGURATION] if stopped else [])
    if stopped:
        assert found.stopped[0].unit is not None and found.stopped[0].passes is True
        assert found.stopped[0].pools[0].address == "127.0.0.1:9000"


def test_a_service_whose_configuration_runs_elsewhere_is_not_stopped() -> None:
    assert look(**systemd(unit("inactive"), cgroup="/")).stopped == ()


def test_a_service_that_names_no_configuration() -> None:
    described = systemd(unit("failed", start=f"{PROGRAM} --nodaemonize"))
    described["commands"][f"{PROGRAM} -tt -F -O -d log_errors=1 -d error_log="] = (
        f"{SAID}configuration file {CONFIGURATION} test is successful\n"
    )
    assert [one.configuration for one in look(processes=[], **described).stopped] == [CONFIGURATION]


def test_a_service_whose_configuration_cannot_be_known_is_said() -> None:
    found = look(processes=[], **systemd(unit("failed", start=f"{PROGRAM} --nodaemonize")))
    assert found.stopped == () and found.unseen and found.unseen[0].startswith("php8.2-fpm.service: ")


def test_a_service_of_another_program_is_none_of_ours() -> None:
    assert look(processes=[], **systemd(unit("failed", start="/usr/bin/php-fpm_exporter"))).stopped == ()


def test_a_configuration_that_should_run_and_does_not() -> None:
    found = look(processes=[], policy=dict(configurations=[CONFIGURATION]))
    assert [(one.configuration, one.unit) for one in found.stopped] == [(CONFIGURATION, None)]
    assert look(policy=dict(configurations=[CONFIGURATION])).stopped == ()


def test_services_that_cannot_be_seen_are_said() -> None:
    found = look(files={"/usr/bin/systemctl": ""}, directories=["/run/systemd/system"])
    assert found.stopped == () and found.unseen


def test_a_forged_socket_is_said() -> None:
    line = "tcp LISTEN 0 511 127.0.0.1:9000 0.0.0.0:* ino:800 sk:1 <->\n"
    assert look(commands={INTERNET: line * 2}).unseen == ()  # the kernel may tell of one twice while it changes
    found = look(commands={INTERNET: line + line.replace("9000 ", "9001 ")}, links={"/proc/45/fd/8": "socket:[800]"})
    assert (
        found.masters[0].pools[0].listening is None and "socket 800: ss(8) tells of it in two ways" in found.unseen[0]
    )


def test_hidden_processes_are_said() -> None:
    found = look(processes=[dict(pid=77, hidden=True)])
    assert not found.complete and "run with become" in found.unseen[0]
