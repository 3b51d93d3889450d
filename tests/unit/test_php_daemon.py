# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Long-running PHP programs: which are, what is known of them, and what no result may tell."""

import json

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import CannotLook, Missing
from ansible_collections.phpfleet.remediation.plugins.module_utils.facts import (
    php_daemon,
    process_signals,
    service_units,
)
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import plain
from ansible_collections.phpfleet.remediation.plugins.module_utils.policy import policy_from
from described_host import NOW, DescribedHost

ALL_BY_PHP = "SigBlk:\t0\nSigIgn:\t1000\nSigCgt:\t4004a07\n"
INIT = {"pid": 1, "parent": 0, "executable": "/sbin/init"}


def process(pid, **described):
    return {"pid": pid, "executable": "/usr/bin/php8.2", "title": "php /srv/w.php", "uid": 33, **described}


def gather(*processes, releases=(), **described):
    files = {f"/proc/{one['pid']}/{name}": text for one in processes for name, text in proc_files(one).items()}
    files.update({"/srv/w.php": {"content": "<?php", "mtime": NOW - 9000}, **described.pop("files", {})})
    links = {f"/proc/{one['pid']}/cwd": "/srv" for one in processes}
    links.update(described.pop("links", {}))
    empty = [f"/proc/{one['pid']}/fd" for one in processes]
    host = DescribedHost(
        {"processes": [INIT, *processes], "files": files, "links": links, "directories": empty, **described}
    )
    return php_daemon.gather(host, policy_from({"php_daemon": {"releases": list(releases)}}))


def proc_files(one):
    return {"cmdline": one["title"].replace(" ", "\0") + "\0", "cgroup": "0::/x.slice\n", "status": ALL_BY_PHP}


def pids(seen):
    return [daemon.pid for daemon in seen.daemons]


def test_what_runs_on_is_a_daemon_and_a_short_run_is_none():
    assert pids(gather(process(10), process(11, started=NOW - 5), process(12, zombie=True))) == [10]


@pytest.mark.parametrize("scheduler", ["/usr/sbin/cron", "/usr/sbin/crond", "/usr/sbin/anacron", "/usr/sbin/atd"])
def test_what_a_scheduler_waits_for_is_a_job(scheduler):
    above = process(20, executable=scheduler, title="x")
    shell = process(21, parent=20, executable="/usr/bin/dash", title="sh -c x")
    assert pids(gather(above, shell, process(22, parent=21), process(23))) == [23]


def test_the_first_process_of_a_service_is_a_daemon_at_once():
    shown = f"/usr/bin/systemctl show --property={service_units.PROPERTIES} -- w.service"
    unit = "Id=w.service\nLoadState=loaded\nType=simple\nMainPID=10\nKillSignal=15\nTimeoutStopUSec=10s\n"
    files = {f"/proc/{pid}/cgroup": "0::/system.slice/w.service\n" for pid in (10, 11)}
    files.update({"/usr/bin/systemctl": "", "/run/systemd/system/x": ""})
    young = [process(pid, started=NOW - 1) for pid in (10, 11)]
    assert pids(gather(*young, files=files, commands={shown: unit})) == [10]
    once = unit.replace("simple", "oneshot")
    old = [process(pid) for pid in (10, 11)]
    assert pids(gather(*old, files=files, commands={shown: once})) == []  # as cron's: systemd waits for its end
    assert pids(gather(*old, files=files, commands={shown: once.replace("=10\n", "=0\n")})) == [10, 11]


def test_a_title_proves_nothing():
    liar = process(10, executable="/usr/bin/perl", title="php /srv/w.php", name="php")
    assert pids(gather(liar, process(11, executable="/usr/sbin/php-fpm8.2"))) == []


def test_a_title_of_its_own_hides_the_script_and_nothing_else():
    (daemon,) = gather(process(10, title="queue: mails")).daemons
    assert (daemon.code.script, daemon.job, daemon.code.directory.path) == (None, None, "/srv")


def test_arguments_and_environment_stay_where_they_are():
    above = process(5, executable="/usr/bin/python3.11", title="python3 /usr/bin/supervisord")
    worker = process(10, parent=5, title="php /srv/w.php mails --password=SECRET token=SECRET")
    said = gather(above, worker, files={"/proc/10/environ": "DATABASE=SECRET\0SUPERVISOR_PROCESS_NAME=w\0"})
    assert said.daemons[0].job == "mails" and said.daemons[0].supervised.name == "?:w"
    assert "SECRET" not in json.dumps(plain(said))


def test_a_container_is_not_judged_by_our_files():
    (daemon,) = gather(
        process(10), links={"/proc/10/root": "/var/lib/containers/1"}, directories=["/proc/10/fd"]
    ).daemons
    assert (daemon.code.same, daemon.code.changed, daemon.code.left) == (None, None, ())


def test_named_releases_are_links_or_directories():
    links = {"/srv/live-code": "/srv/v/2", "/proc/10/cwd": "/srv/v/1"}
    files = {"/srv/v/1/a.php": {"mtime": NOW - 50}, "/srv/v/2/a.php": {"mtime": NOW}, "/srv/v/1/b.log": {"mtime": NOW}}
    seen = gather(process(10), links=links, files=files, releases=["/srv/live-code", "/srv/v/1"])
    assert [left.link.path for left in seen.daemons[0].code.left] == ["/srv/live-code"]
    assert seen.releases == (php_daemon.Release("/srv/v/1", NOW - 50),)


def test_a_link_among_its_releases_counts_where_it_is_named():
    described = {
        "links": {"/srv/v/now": "2", "/proc/10/cwd": "/srv/v/1"},
        "files": {"/srv/v/1/a": "", "/srv/v/2/a": ""},
    }
    assert gather(process(10), **described).daemons[0].code.left == ()
    assert gather(process(10), releases=["/srv/v/now"], **described).daemons[0].code.left[0].release == "/srv/v/1"


def test_a_link_to_a_link_leads_to_where_both_lead():
    links = {"/srv/current": "v/newest", "/srv/v/newest": "1", "/proc/10/cwd": "/srv/v/1"}
    assert gather(process(10), links=links, files={"/srv/v/1/a.php": ""}).daemons[0].code.left == ()


def test_a_release_that_cannot_be_seen_is_said():
    assert "/srv/gone" in gather(process(10), releases=["/srv/gone"]).unseen[0]
    assert gather(releases=["/srv/gone"]).unseen == ()


def test_other_users_processes_are_said_to_be_unseen():
    assert "become" in gather(process(10, executable=None, name="php")).unseen[0]
    assert gather(process(10, executable=None, name="perl")).unseen == ()


def test_what_ends_while_it_is_looked_at_is_neither_a_daemon_nor_unknown():
    class Leaving(DescribedHost):
        def stat(self, path, follow=False):
            if path == "/proc/10":
                raise Missing(path)
            return super().stat(path, follow)

    described = {"processes": [INIT, process(10), process(11)], "directories": ["/proc/10/fd", "/proc/11/fd"]}
    seen = php_daemon.gather(Leaving(described), policy_from({}))
    assert pids(seen) == [11] and seen.unseen == ()
    assert "/proc/11" in seen.daemons[0].unknown[0]


@pytest.mark.parametrize(
    ("masks", "reaction"),
    [
        (("0", "4000", "4a07"), process_signals.IGNORED),
        (("4000", "0", "4004a07"), process_signals.BLOCKED),
        (("0", "0", "4004a07"), process_signals.CAUGHT_BY_PHP),
        (("0", "1", "4004a06"), process_signals.CAUGHT_BY_PHP),  # started by nohup(1)
        (("0", "0", "4000"), process_signals.CAUGHT),
        (("0", "0", "4002"), process_signals.CAUGHT),
        (("0", "1000", "0"), process_signals.DEFAULT),
    ],
)
def test_reactions_to_sigterm(masks, reaction):
    lines = "SigBlk:\t{}\nSigIgn:\t{}\nSigCgt:\t{}\n".format(*(mask.zfill(16) for mask in masks))
    assert process_signals.reactions(DescribedHost({"files": {"/proc/7/status": lines}}), 7)["SIGTERM"] == reaction


@pytest.mark.parametrize("status", ["", "SigIgn:\t0\n", "SigBlk: x\nSigIgn: 0\nSigCgt: 0\n", "\xff" * 9])
def test_a_status_without_masks_is_no_reaction(status):
    with pytest.raises(CannotLook, match="which signals"):
        process_signals.reactions(DescribedHost({"files": {"/proc/7/status": status}}), 7)
