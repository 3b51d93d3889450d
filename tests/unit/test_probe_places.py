# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where a probe's file may lie for a pool."""

import os
from typing import Any, Dict, List, Optional

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import probe_places
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.fpm_masters import FpmMaster, FpmPool
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.probe_places import Learnt
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.processes import Process
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.probe import ProbePlace
from described_host import DescribedHost

USERS = {33: "www-data", 1000: "shop"}
STICKY = {"mode": 0o1777}
NOTHING = Learnt()
USUAL = {"/tmp": STICKY, "/var/tmp": STICKY}


def master(uid: int = 0, root: str = "/") -> FpmMaster:
    process = Process(45, 1, 1000.0, "php-fpm8.2", "/usr/sbin/php-fpm8.2", "", (uid, uid, uid), False)
    empty: Dict[str, Any] = dict.fromkeys(FpmMaster._fields)
    return FpmMaster(**dict(empty, process=process, root=root))


def pool(**settings: str) -> FpmPool:
    named = {name.replace("__", "."): value for name, value in dict({"user": "www-data"}, **settings).items()}
    return FpmPool("www", named, {}, True, "/run/php/www.sock", 7)


def basedir(value: str, **settings: str) -> FpmPool:
    return pool(**{"php_admin_value[open_basedir]": value}, **settings)


def host(*directories: str, owned: Optional[Dict[str, Any]] = None, **described: Any) -> DescribedHost:
    every = ["/run", "/tmp", "/var/tmp", *directories]
    return DescribedHost({"directories": every, "owned": dict(USUAL, **(owned or {})), "users": USERS, **described})


def places(seen: Host, its: FpmPool, learnt: Learnt = NOTHING, **of_master: Any) -> List[ProbePlace]:
    return list(probe_places.places(seen, master(**of_master), its, learnt))


def directories(seen: Host, its: FpmPool, learnt: Learnt = NOTHING) -> List[str]:
    return [one.directory for one in places(seen, its, learnt)]


def test_run_is_the_best_place_and_directories_of_everybody_come_last() -> None:
    assert directories(host(), pool()) == ["/run", "/tmp", "/var/tmp"]


def test_the_file_is_to_be_the_pools_user_s() -> None:
    assert {one.uid for one in places(host(), pool())} == {33}
    assert {one.uid for one in places(host(), pool(user="1000"))} == {1000}


def test_a_worker_s_title_says_nothing_on_whose_file_it_is() -> None:
    seen = host(processes=[{"pid": 46, "parent": 45, "uid": 1000, "title": "php-fpm: pool www"}])
    assert {one.uid for one in places(seen, pool())} == {33}


def test_a_master_of_another_user_has_workers_of_that_user() -> None:
    assert {one.uid for one in places(host(), pool(user="www-data"), uid=1000)} == {1000}


def test_a_master_in_a_chroot_has_users_of_its_own() -> None:
    inside = {"directories": ["/run"], "files": {"/etc/passwd": "root:x:0:0::/:\nbad line\nwww-data:x:48:48::/:\n"}}
    assert {one.uid for one in places(host(within={45: inside}), pool(), root="/srv/other")} == {48}


def test_a_user_that_is_not_there_is_said() -> None:
    with pytest.raises(CannotLook, match="there is no user 'nobody'"):
        places(host(), pool(user="nobody"))


def test_open_basedir_of_the_configuration_is_kept_to() -> None:
    seen = host("/srv/app", "/srv/app/tmp")
    assert directories(seen, basedir("/srv/app/tmp:/var/tmp")) == ["/srv/app/tmp", "/var/tmp"]
    assert directories(seen, basedir("/run/:/srv/app")) == ["/run", "/srv/app"]
    assert directories(seen, basedir("/")) == ["/run", "/"]


def test_what_open_basedir_names_and_is_not_there_is_no_place() -> None:
    assert directories(host("/srv/app"), basedir("/gone:.:relative:/srv/app")) == ["/srv/app"]


def test_a_directory_that_only_begins_alike_is_another() -> None:
    its = basedir("/srv/app", **{"php_admin_value[opcache.restrict_api]": "/srv/application"})
    assert directories(host("/srv/app", "/srv/application"), its) == ["/srv/app"]


def test_the_pool_s_own_word_on_open_basedir_comes_before_its_configuration() -> None:
    said = (
        "PHP message: PHP Warning:  Unknown: open_basedir restriction in effect. File(/run/.phpfleet-probe/1(2).php) "
        "is not within the allowed path(s): (/srv/app:/var/tmp) in Unknown on line 0"
    )
    learnt = Learnt(open_basedir=probe_places.open_basedir_said(said))
    assert learnt.open_basedir == "/srv/app:/var/tmp"
    assert directories(host("/srv/app"), basedir("/run"), learnt) == ["/srv/app", "/var/tmp"]


def test_other_words_are_no_open_basedir() -> None:
    assert probe_places.open_basedir_said("open_basedir = /srv/app") is None


def test_what_only_root_can_write_comes_first_and_the_pool_s_own_last() -> None:
    owned = {"/srv/own": {"uid": 33}, "/srv/app": {}}
    assert directories(host("/srv/own", "/srv/app", owned=owned), basedir("/srv/own:/tmp:/srv/app")) == [
        "/srv/app",
        "/tmp",
        "/srv/own",
    ]


@pytest.mark.parametrize(
    "owned",
    [
        {"/srv/app": {"mode": 0o775}},
        {"/srv/app": {"mode": 0o777}},
        {"/srv/app": {"uid": 1000}},
        {"/srv": {"uid": 1000}},
        {"/srv": {"mode": 0o777}},
    ],
)
def test_where_another_user_could_put_a_script_in_its_place_none_is_laid(owned: Dict[str, Any]) -> None:
    with pytest.raises(CannotLook, match=r"others than root and uid 33 can write /srv(/app)?\); allow it /run"):
        places(host("/srv/app", owned=owned), basedir("/srv/app"))


def test_a_link_of_root_s_is_resolved_before_it_is_compared() -> None:
    seen = host("/srv/releases/1", links={"/srv/current": "/srv/releases/1"})
    assert directories(seen, basedir("/srv/current")) == ["/srv/releases/1"]


def test_settings_of_the_pool_name_further_places() -> None:
    its = pool(**{"php_value[session.save_path]": "1;/srv/sessions", "chdir": "/srv/app"})
    seen = host("/srv/app", "/srv/sessions", owned={"/srv/sessions": {"uid": 33, "mode": 0o700}})
    assert directories(seen, its) == ["/run", "/srv/app", "/tmp", "/var/tmp", "/srv/sessions"]


def test_there_is_a_bound_to_places() -> None:
    many = [f"/srv/{number}" for number in range(20)]
    assert len(directories(host(*many), basedir(":".join(many)))) == probe_places.PLACES_LIMIT


def test_restrict_api_of_the_configuration_comes_along_and_a_learnt_one_is_all() -> None:
    seen = host("/srv/app")
    its = pool(**{"php_admin_value[opcache.restrict_api]": "/srv/app/"})
    assert directories(seen, its) == ["/srv/app", "/run", "/tmp", "/var/tmp"]
    assert directories(seen, pool(), Learnt(restrict_api="/srv/app")) == ["/srv/app"]


def test_a_link_in_restrict_api_stays_because_php_compares_the_path_as_asked_for() -> None:
    seen = host("/srv/releases/1", links={"/srv/current": "/srv/releases/1"})
    assert directories(seen, pool(), Learnt(restrict_api="/srv/current")) == ["/srv/current"]


def test_restrict_api_that_is_a_file_is_no_place() -> None:
    with pytest.raises(CannotLook, match=r"only scripts below /srv/app/opcache\.php look into OPcache, which is no"):
        places(host(files={"/srv/app/opcache.php": ""}), pool(), Learnt(restrict_api="/srv/app/opcache.php"))


@pytest.mark.parametrize(
    ("allowed", "extension"), [("", ".php"), (".php .phar", ".php"), (".phtml .html", ".phtml"), ("../x .p5", ".p5")]
)
def test_the_extension_is_one_that_the_pool_runs(allowed: str, extension: str) -> None:
    assert {one.extension for one in places(host(), pool(security__limit_extensions=allowed))} == {extension}


def test_no_extension_is_said() -> None:
    with pytest.raises(CannotLook, match="limit_extensions '/ x/y' lets no script be run"):
        places(host(), pool(security__limit_extensions="/ x/y"))


def test_a_master_with_mounts_of_its_own_is_looked_into() -> None:
    inside = {"directories": ["/tmp"], "owned": {"/tmp": STICKY}}
    assert directories(host(within={45: inside}), pool()) == ["/tmp"]


def test_a_directory_that_both_see_is_written_through_our_mounts_for_theirs_may_be_read_only() -> None:
    inside = {"directories": ["/run", "/tmp"], "owned": {"/tmp": STICKY}}
    seen = host(within={45: inside})
    seen.root = "/ours"
    theirs = seen.within(45)
    theirs.root, theirs.stat = "/theirs", _other_tmp(theirs.stat)  # type: ignore[method-assign]
    seen.within = lambda pid: theirs  # type: ignore[method-assign]
    assert [(one.root, one.directory) for one in places(seen, pool())] == [("/ours", "/run"), ("/theirs", "/tmp")]


def _other_tmp(stat: Any) -> Any:
    """PrivateTmp: the process's /tmp is another directory."""
    return lambda path, follow=False: stat(path, follow)._replace(inode=1 if path == "/tmp" else stat(path).inode)


@pytest.fixture
def jail(tmp_path: Any) -> Any:
    """A host with a chroot of a pool in it, in which a link of the administrator's leads to the chroot's own top."""
    (tmp_path / "proc" / "45").mkdir(parents=True)
    (tmp_path / "proc" / "45" / "root").symlink_to(tmp_path)
    (tmp_path / "jails" / "www" / "data").mkdir(parents=True)
    (tmp_path / "jails" / "www" / "run").symlink_to("/data")
    return tmp_path


@pytest.mark.skipif(os.geteuid() != 0, reason="only a master of root's can lock its pools up")
def test_a_chroot_of_the_pool_is_what_it_sees(jail: Any) -> None:
    found = places(Host(str(jail)), pool(user="0", chroot="/jails/$pool"))
    assert [one.directory for one in found] == ["/run", "/"]
    assert {os.path.realpath(one.root) for one in found} == {str(jail / "jails" / "www")}


@pytest.mark.skipif(os.geteuid() != 0, reason="another user may not look into a process")
def test_a_master_that_is_not_root_s_locks_nobody_up(jail: Any) -> None:
    (jail / "tmp").mkdir()
    found = places(Host(str(jail)), pool(chroot="/jails/$pool"), uid=1000)
    assert {os.path.realpath(one.root) for one in found} == {str(jail)}


@pytest.mark.skipif(os.geteuid() != 0, reason="only a master of root's can lock its pools up")
@pytest.mark.parametrize(("uid", "mode"), [(1000, 0o755), (0, 0o1777), (0, 0o775)])
def test_a_chroot_that_others_can_put_a_link_in_place_of_is_not_entered(jail: Any, uid: int, mode: int) -> None:
    (jail / "jails").chmod(mode)
    os.chown(str(jail / "jails"), uid, 0)
    with pytest.raises(CannotLook, match="others than root can write /jails, and so put a link to anywhere in place"):
        places(Host(str(jail)), pool(user="0", chroot="/jails/$pool"))


def test_where_only_a_master_of_another_user_s_sees_a_directory_it_is_no_place() -> None:
    inside = {"directories": ["/run", "/tmp"], "owned": {"/tmp": STICKY}}
    seen = host(within={45: inside})
    seen.root = "/ours"
    theirs = seen.within(45)
    theirs.root, theirs.stat = "/theirs", _other_tmp(theirs.stat)  # type: ignore[method-assign]
    seen.within = lambda pid: theirs  # type: ignore[method-assign]
    assert [(one.root, one.directory) for one in places(seen, pool(), uid=1000)] == [("/ours", "/run")]
    with pytest.raises(CannotLook, match="who runs it could lead root anywhere there; have root start it"):
        places(seen, basedir("/tmp"), uid=1000)


def test_no_word_of_a_pool_leads_into_the_system_s_own() -> None:
    learnt = Learnt(open_basedir="/etc/cron.d:/srv/app:/proc")
    assert directories(host("/etc/cron.d", "/srv/app", "/proc"), pool(), learnt) == ["/srv/app"]
    with pytest.raises(CannotLook, match=r"/etc/cron\.d: the system's own"):
        places(host("/etc/cron.d"), pool(), Learnt(restrict_api="/etc/cron.d"))


def test_a_path_of_thousands_of_directories_is_not_walked() -> None:
    deep = "/srv" + "/d" * 2000
    seen = host(deep, "/srv/app")
    assert directories(seen, pool(), Learnt(open_basedir=f"{deep}:/srv/app")) == ["/srv/app"]
    with pytest.raises(CannotLook, match="more than 64 directories are above it"):
        places(seen, pool(), Learnt(restrict_api=deep))


def test_not_more_directories_are_looked_at_than_an_open_basedir_has() -> None:
    many = [f"/srv/{number}" for number in range(probe_places.DIRECTORIES_LIMIT)]
    learnt = Learnt(open_basedir=":".join([*many, "/srv/app"]))
    with pytest.raises(CannotLook, match="there is no directory for a probe"):
        places(host("/srv/app"), pool(), learnt)
