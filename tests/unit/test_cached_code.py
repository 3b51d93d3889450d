# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cached scripts set against real files: what differs for sure, what nothing tells of, what is of another release."""

import os
import shutil
import time

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import (
    cached_code,
    cached_releases,
    fpm_masters,
    runtime_cache,
    script_files,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts.cached_code import PRELOADED
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import CachedScript
from ansible_collections.phpfleet.remediation.plugins.module_utils.host import Host
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import DescribedHost
from hypothesis import given
from hypothesis import strategies as st
from runtime_caches import MASTER, answer, caches, master, opcache, pool

LONG_AGO = 1_500_000_000
HOUR = 3600


@pytest.fixture
def root(tmp_path):
    """A host of its own, whose php-fpm sees the same files as we do."""
    (tmp_path / "proc" / str(MASTER)).mkdir(parents=True)
    (tmp_path / "proc" / str(MASTER) / "root").symlink_to(tmp_path)
    (tmp_path / "srv" / "app").mkdir(parents=True)
    return tmp_path


def write(root, path, modified=LONG_AGO):
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("<?php")
    os.utime(str(file), (modified, modified))
    return path


def look(root, *scripts, started=LONG_AGO, restarted=0, chroots=("",), releases=(), protection="2", **settings):
    """Return what is known of the scripts of one segment; a script is a path, its timestamp and its last use."""
    held = opcache(started=started, restarted=restarted, scripts=len(scripts))
    pools = [pool(f"p{number}", chroot=chroot) for number, chroot in enumerate(chroots)]
    said = answer(opcache=held, settings={"opcache.file_update_protection": protection, **settings})
    seen = caches(said, held, tuple(CachedScript(*one) for one in scripts))
    host = Host(str(root))
    host._gathered = {runtime_cache.gather: (seen, None), fpm_masters.gather: (master(pools), None)}
    (segment,) = cached_code.gather(host, policy_from({"runtime_cache": {"releases": list(releases)}})).segments
    return segment


def changed(path):
    return path.lstat().st_ctime_ns / 1e9


def paths(outdated):
    return [one.path for one in outdated]


ID = "0123456789abcdef" * 2
BESIDE = {"opcache.file_cache": "/var/opcache", "opcache.validate_timestamps": "0"}


def store(root, path, modified):
    return write(root, f"/var/opcache/{ID}{path}.bin", modified)


def test_what_comes_back_from_a_file_cache_is_as_old_as_it_was_stored(root):
    """The memory was emptied after every file came, but what is stored on disk was compiled before some of them did."""
    now = time.time()
    names = ("stale", "maybe", "fresh", "never")
    stale, maybe, fresh, never = [f"/srv/app/{name}.php" for name in names]
    store(root, stale, now - 60)
    store(root, maybe, now - 60)
    write(root, stale, now - 30)
    write(root, maybe, LONG_AGO)  # copied over it with its own time kept
    write(root, fresh, LONG_AGO)
    write(root, never, LONG_AGO)
    store(root, fresh, now + 60)
    scripts = [(path, None, int(now) + 99) for path in (stale, maybe, fresh, never)]
    seen = look(root, *scripts, restarted=int(now) + 9, **BESIDE)
    assert paths(seen.outdated) == [stale] and paths(seen.doubtful) == [maybe]
    assert all(one.stored for one in (*seen.outdated, *seen.doubtful))


@pytest.mark.parametrize(
    "settings, timestamp",
    [
        ({**BESIDE, "opcache.validate_timestamps": "1"}, LONG_AGO),
        ({**BESIDE, "opcache.file_cache": ""}, None),
        ({**BESIDE, "opcache.file_cache": "/var/gone"}, None),
    ],
)
def test_a_file_cache_that_is_looked_through_or_not_there_brings_nothing_old_back(root, settings, timestamp):
    path = write(root, "/srv/app/a.php", LONG_AGO)
    store(root, path, LONG_AGO - 60)
    seen = look(root, (path, timestamp, int(time.time())), restarted=int(time.time()) + 9, **settings)
    assert (seen.compared, seen.outdated, seen.doubtful) == (1, (), ())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
def test_a_file_cache_that_cannot_be_looked_at_leaves_it_open(root):
    """Whose the cache is can put a link in the way, which is not followed."""
    path, other = write(root, "/srv/app/a.php", LONG_AGO), write(root, "/srv/b.php", LONG_AGO)
    (root / "elsewhere").mkdir(mode=0o755)
    cache = root / "var" / "opcache" / ID / "srv"
    cache.mkdir(parents=True)
    (cache / "app").symlink_to(root / "elsewhere")
    os.chown(str(cache / "app"), 33, 33, follow_symlinks=False)
    now = int(time.time())
    seen = look(root, (path, None, now), (other, None, now), restarted=now + 9, **BESIDE)
    assert (paths(seen.doubtful), seen.outdated, seen.compared) == ([path], (), 2)


def test_with_timestamps_a_script_is_of_its_file_or_not(root):
    same = write(root, "/srv/app/same.php", LONG_AGO + 7)
    other = write(root, "/srv/app/other.php", LONG_AGO + 8)
    seen = look(root, (same, LONG_AGO + 7, 0), (other, LONG_AGO + 7, LONG_AGO + 9))
    assert (seen.compared, seen.oldest, seen.unseen, seen.doubtful) == (2, LONG_AGO + 7, (), ())
    (outdated,) = seen.outdated
    assert outdated[:4] == (other, LONG_AGO + 7, LONG_AGO + 8, LONG_AGO + 9)
    assert abs(outdated.changed - time.time()) < HOUR  # not what the file says: anybody can set that


def test_a_fraction_of_a_second_is_no_difference(root):
    path = write(root, "/srv/app/a.php", LONG_AGO + 0.9)
    assert look(root, (path, LONG_AGO, 0)).outdated == ()


@pytest.mark.parametrize("timestamp", [None, 0])
def test_without_timestamps_what_is_older_than_the_cache_is_the_same(root, timestamp):
    now = int(time.time())
    path = write(root, "/srv/app/a.php")
    for times in (dict(started=now + 9), dict(started=LONG_AGO, restarted=now + 9)):
        seen = look(root, (path, timestamp, now + 60), **times)
        assert (seen.outdated, seen.doubtful, seen.oldest, seen.compared) == ((), (), None, 1)


def test_without_timestamps_a_file_that_came_after_the_last_use_is_another(root):
    now = int(time.time())
    path = write(root, "/srv/app/a.php", now)
    assert paths(look(root, (path, None, now - HOUR)).outdated) == [path]


@pytest.mark.parametrize("modified", [LONG_AGO, None], ids=["moved-into-place", "written"])
def test_without_timestamps_nothing_tells_of_a_file_that_came_between(root, modified):
    now = int(time.time())
    path = write(root, "/srv/app/a.php", now if modified is None else modified)
    used = now + HOUR if modified is None else now - HOUR  # its mode alone may have been changed since
    seen = look(root, (path, None, used))
    assert (paths(seen.doubtful), seen.outdated) == ([path], ())


def test_a_time_to_come_is_no_proof(root):
    now = int(time.time())
    path = write(root, "/srv/app/a.php", now + 9 * HOUR)  # anybody can set that
    seen = look(root, (path, None, now + HOUR))
    assert (paths(seen.doubtful), seen.outdated) == ([path], ())


def test_within_the_slack_of_two_clocks_nothing_is_sure(root):
    now = int(time.time())
    path = write(root, "/srv/app/a.php", now)
    for used, doubted in ((now - 1, [path]), (now - 4, [])):
        seen = look(root, (path, None, used))
        assert (paths(seen.doubtful), paths(seen.outdated)) == (doubted, [path][len(doubted) :])


def test_without_protection_a_request_may_cache_what_it_has_written(root):
    now = int(time.time())
    path = write(root, "/srv/app/a.php", now)
    seen = look(root, (path, None, now - HOUR), protection="0")
    assert (paths(seen.doubtful), seen.outdated) == ([path], ())


def test_preloaded_scripts_are_as_old_as_the_generation_whatever_was_reset(root):
    now = int(time.time())
    path = write(root, "/srv/app/a.php", now)
    for used in (0, now + 2 * HOUR):  # it was included too
        scripts = [(path, 0, used, True), (PRELOADED, 0, 0)]
        seen = look(root, *scripts, started=now - HOUR, restarted=now + HOUR)
        assert (paths(seen.outdated), seen.compared, seen.unseen) == ([path], 1, ())
        assert seen.outdated[0].preloaded
        assert look(root, *scripts, started=now + HOUR).outdated == ()


def test_a_script_that_nobody_was_served_is_as_old_as_the_cache_at_most(root):
    now = int(time.time())
    path = write(root, "/srv/app/a.php", now)
    seen = look(root, (path, None, None), started=now - HOUR)
    assert (paths(seen.doubtful), seen.outdated) == ([path], ())


def test_a_file_that_is_gone_went_before_what_is_above_it_was_changed_last(root):
    write(root, "/srv/app/other.php")
    write(root, "/srv/old/deep/down/a.php")
    shutil.rmtree(str(root / "srv" / "old"))
    os.utime(str(root / "srv" / "app"), (LONG_AGO, LONG_AGO))  # a copy may set that; it says nothing of the file
    seen = look(root, ("/srv/app/gone.php", LONG_AGO, 5), ("/srv/old/deep/down/a.php", None, 5))
    app, old = seen.outdated
    assert (app.file_time, app.changed) == (None, changed(root / "srv" / "app"))
    assert (old.file_time, old.changed) == (None, changed(root / "srv"))


def test_a_file_that_is_gone_may_have_gone_from_any_of_the_roots(root):
    later = root / "jail" / "srv" / "app"
    later.mkdir(parents=True)
    while changed(later) == changed(root / "srv" / "app"):  # the kernel's clock for files has steps of milliseconds
        later.chmod(0o755)
    for roots in (("", "/jail"), ("/jail", "")):
        (outdated,) = look(root, ("/srv/app/gone.php", LONG_AGO, 5), chroots=roots).outdated
        assert outdated.changed == changed(later)


def test_a_directory_in_the_place_of_a_script_is_no_script(root):
    (root / "srv" / "app" / "a.php").mkdir()
    (outdated,) = look(root, ("/srv/app/a.php", LONG_AGO, 5)).outdated
    assert outdated.file_time is None


def test_a_path_of_a_chrooted_pool_is_looked_for_in_its_chroot_too(root):
    write(root, "/jail/app/a.php", LONG_AGO + 1)
    write(root, "/app/b.php", LONG_AGO + 2)
    write(root, "/jail/app/b.php", LONG_AGO + 3)
    scripts = [("/app/a.php", LONG_AGO + 1, 5), ("/app/b.php", LONG_AGO + 2, 5), ("/app/b.php", LONG_AGO + 3, 5)]
    seen = look(root, *scripts, chroots=("", "/jail/"))
    assert (seen.outdated, seen.compared) == ((), 3)
    assert paths(look(root, *scripts, chroots=("",)).outdated) == ["/app/a.php", "/app/b.php"]
    (outdated,) = look(root, ("/app/b.php", LONG_AGO + 4, 5), chroots=("", "/jail")).outdated
    assert outdated.file_time == LONG_AGO + 3  # that which was changed last


def test_what_is_not_compared_is_told(root):
    path = write(root, "/srv/app/a.php")
    odd = ["phar:///srv/app/a.phar/a.php", "/srv/app/../../etc/passwd", "/srv//app/a.php", "/srv/app/a.php/"]
    seen = look(root, (path, LONG_AGO, 5), *((one, LONG_AGO, 5) for one in odd))
    assert (seen.compared, seen.outdated) == (1, ())
    assert [reason.partition(": ")[2] for reason in seen.unseen] == [
        "of 5 cached scripts 4 are in no file of their own, as in a phar, or deeper than 100 directories"
    ]


def test_paths_as_deep_as_a_pool_can_name_them_are_not_followed(root):
    shallow, deep = "/d" * 99 + "/a.php", "/d" * 100 + "/a.php"
    seen = look(root, (shallow, LONG_AGO, 5), (deep, LONG_AGO, 5), ("/d" * 2000 + "/a.php", LONG_AGO, 5))
    assert (seen.compared, paths(seen.outdated)) == (1, [shallow])
    assert "of 3 cached scripts 2 are" in seen.unseen[0]


def test_what_there_is_no_time_for_is_told(root, monkeypatch):
    scripts = [(write(root, f"/srv/{number}/a.php"), LONG_AGO, 5) for number in range(3)]
    monkeypatch.setattr(script_files, "LOOK_SECONDS", -1.0)
    seen = look(root, *scripts)
    assert (seen.compared, seen.outdated) == (0, ())
    assert "of 3 cached scripts 3 could not be looked at: the others took" in seen.unseen[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to somebody else")
def test_a_link_that_others_placed_is_not_followed(root):
    write(root, "/etc/secret.php")
    for name in ("/srv/app/link.php", "/srv/linked"):
        (root / name[1:]).symlink_to("/etc/secret.php" if name.endswith("php") else "/etc")
        os.lchown(str(root / name[1:]), 33, 33)
    path = write(root, "/srv/app/a.php")
    scripts = [(path, LONG_AGO, 5), ("/srv/app/link.php", LONG_AGO, 5), ("/srv/linked/secret.php", LONG_AGO, 5)]
    seen = look(root, *scripts)
    assert (seen.compared, seen.outdated) == (1, ())
    (reason,) = seen.unseen
    assert "of 3 cached scripts 2 could not be looked at: /srv/app/link.php: link.php is a link" in reason


def test_roots_own_links_are_followed(root):
    write(root, "/data/a.php", LONG_AGO + 1)
    (root / "srv" / "app" / "a.php").symlink_to("/data/a.php")
    (root / "srv" / "data").symlink_to("/data")
    scripts = [("/srv/app/a.php", LONG_AGO + 1, 5), ("/srv/data/a.php", LONG_AGO + 1, 5), ("/srv/data/x.php", 1, 5)]
    seen = look(root, *scripts)
    assert (seen.compared, paths(seen.outdated), seen.unseen) == (3, ["/srv/data/x.php"], ())


@pytest.mark.parametrize(("placed", "came"), [(LONG_AGO + 9.0, LONG_AGO + 9.0), (LONG_AGO - 9.0, LONG_AGO + 5.0)])
def test_a_file_came_to_its_path_when_the_last_of_link_and_file_did(placed, came):
    files = {"/data/a.php": {"content": "<?php", "mtime": LONG_AGO, "ctime": LONG_AGO + 5}}
    host = DescribedHost({"files": files, "links": {"/srv/a.php": "/data/a.php"}, "placed": {"/srv/a.php": placed}})
    assert script_files.look(host, [""], ["/srv/a.php"]).files == {"/srv/a.php": ((LONG_AGO, came),)}


def test_a_master_that_ended_meanwhile_makes_no_script_outdated(root):
    path = write(root, "/srv/app/a.php")
    (root / "proc" / str(MASTER) / "root").unlink()
    seen = look(root, (path, LONG_AGO, 5))
    assert (seen.compared, seen.outdated) == (0, ())
    assert "its scripts could not be compared with their files" in seen.unseen[0]


def test_a_master_that_ends_while_it_is_looked_at_makes_none_outdated_either(root, monkeypatch):
    really_look = script_files.look

    def look_and_end(*arguments):
        seen = really_look(*arguments)
        (root / "proc" / str(MASTER) / "root").unlink()
        return seen

    monkeypatch.setattr(script_files, "look", look_and_end)
    seen = look(root, ("/srv/app/gone.php", LONG_AGO, 5))
    assert (seen.compared, seen.outdated, len(seen.unseen)) == (0, (), 1)


def test_scripts_that_were_not_listed_are_not_compared(root):
    seen = caches(answer(), opcache(), None, scripts_reason="a restart is pending")
    host = Host(str(root))
    host._gathered = {runtime_cache.gather: (seen, None), fpm_masters.gather: (master([pool("www")]), None)}
    (segment,) = cached_code.gather(host, policy_from({})).segments
    assert "a restart is pending" in segment.unseen[0]


def release(root, *ids, link="current", target=None):
    """Make releases, the last of which is the current one."""
    scripts = [write(root, f"/srv/app/releases/{one}/public/index.php") for one in ids]
    (root / "srv" / "app" / link).symlink_to(target or f"releases/{ids[-1]}")
    return scripts


def test_a_release_that_no_link_leads_to_is_another(root):
    first, second = release(root, "1", "2")
    deep = write(root, "/srv/app/releases/1/vendor/a/b/c/d/e/f/x.php")
    switched = changed(root / "srv/app/current")
    seen = look(root, (first, LONG_AGO, 70), (deep, LONG_AGO, 60), (second, LONG_AGO, 80))
    assert seen.others == (("/srv/app/releases/1", "/srv/app/current", "/srv/app/releases/2", switched, 2, 70, first),)
    assert seen.outdated == ()


def test_a_release_that_is_deleted_is_still_another(root):
    first, second = release(root, "1", "2")
    shutil.rmtree(str(root / "srv/app/releases/1"))
    assert [one.release for one in look(root, (first, LONG_AGO, 70), (second, LONG_AGO, 80)).others] == [
        "/srv/app/releases/1"
    ]


def test_a_release_that_is_being_made_ready_does_not_make_the_served_one_another(root):
    first, second = release(root, "1", "2", link="release")
    (root / "srv/app/current").symlink_to("releases/1")
    assert look(root, (first, LONG_AGO, 70), (second, LONG_AGO, 80)).others == ()


def test_a_link_that_leads_elsewhere_says_nothing_of_what_is_there(root):
    (script,) = release(root, "1")
    there = [write(root, f"/srv/sites/{name}/a.php") for name in ("shop", "blog")]
    (root / "srv/app/live").symlink_to("/srv/sites/shop")
    assert look(root, *((one, LONG_AGO, 70) for one in [script, *there])).others == ()


def test_more_directories_of_releases_than_any_host_has_are_told(root, monkeypatch):
    old, new = release(root, "1", "2")
    monkeypatch.setattr(cached_releases, "PARENTS_LIMIT", 1)
    deep = "/releases" * 40 + "/a.php"
    seen = look(root, (old, LONG_AGO, 70), (new, LONG_AGO, 70), (deep, LONG_AGO, 70), ("/releases/a" * 99, 1, 1))
    assert [one.partition(" directories")[0] for one in seen.unlinked] == ["scripts lie below 40"]


def test_what_releases_share_is_no_release(root):
    release(root, "1")
    shared = write(root, "/srv/app/releases/shared/config.php")
    assert look(root, (shared, LONG_AGO, 70)).others == ()


def test_links_of_other_layouts_are_named(root):
    old, new = write(root, "/srv/www/v1/a.php"), write(root, "/srv/www/v2/a.php")
    (root / "srv/www/web").symlink_to("/srv/www/v2")
    (root / "srv/www/latest").symlink_to("/srv/www/v2")  # beside what it leads to: it may be of another program
    scripts = [(old, LONG_AGO, 70), (new, LONG_AGO, 80)]
    assert look(root, *scripts).others == ()
    (other,) = look(root, *scripts, releases=["/srv/www/web/"]).others
    assert (other.release, other.link, other.current) == ("/srv/www/v1", "/srv/www/web", "/srv/www/v2")


def test_a_target_is_known_by_its_physical_path(root):
    first, second = release(root, "1", "2", target="/var/www/app/releases/2")
    (root / "var").mkdir()
    (root / "var/www").symlink_to("/srv")
    (other,) = look(root, (first, LONG_AGO, 70), (second, LONG_AGO, 80)).others
    assert (other.release, other.current) == ("/srv/app/releases/1", "/srv/app/releases/2")


def test_a_named_link_that_says_nothing_is_told_once(root):
    path = write(root, "/srv/app/a.php")
    (root / "jail").mkdir()
    seen = look(root, (path, LONG_AGO, 5), releases=["/srv/none", "/srv/app"], chroots=("", "/jail"))
    assert [reason.partition(":")[0] for reason in seen.unlinked] == ["/srv/none", "/srv/app"]


def test_releases_of_a_chrooted_pool_are_found_in_its_chroot(root):
    for one in ("1", "2"):
        write(root, f"/jail/app/releases/{one}/a.php")
    (root / "jail/app/current").symlink_to("releases/2")
    (other,) = look(root, ("/app/releases/1/a.php", LONG_AGO, 5), chroots=("/jail",)).others
    assert other.release == "/jail/app/releases/1"


@given(
    timestamp=st.sampled_from([None, 0]),
    used=st.integers(1, 100),
    preloaded=st.booleans(),
    started=st.integers(0, 100),
    restarted=st.integers(0, 100),
    modified=st.integers(0, 100),
    changed=st.integers(0, 100),
    compiled=st.integers(0, 100),
)
def test_what_is_said_for_sure_is_true(timestamp, used, preloaded, started, restarted, modified, changed, compiled):
    """Whenever the engine may have compiled it, from the file of now or from the one before."""
    emptied = max(started, restarted)
    memory = cached_code._Memory(started, emptied, True, {})
    begun, last = (started, started) if preloaded else (emptied, used)
    compiled = min(max(begun, compiled), last)
    if compiled < begun or modified > changed:
        return  # nothing is used before the cache is begun; who writes a file cannot have it come before it was written
    file = cached_code.File(float(modified), float(changed))
    said = cached_code._is_same(CachedScript("/a", timestamp, used, preloaded), [file], memory)
    if said is True:
        assert compiled >= changed or begun == changed
    if said is False:
        assert compiled < modified
