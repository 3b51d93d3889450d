# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Resets of caches in memory under load: no old code after one, no request lost to one, and no trace of one."""

import time

import pools
import pytest
from load import loaded, prepare

OLD, NEW = "/srv/app/releases/1", "/srv/app/releases/2"
WWW_PORT = 8081
MIXED = [10] * 2 + [300] * 2


@pytest.fixture(scope="module")
def address(lab):
    return next(line.split()[1] for line in lab.command("status").splitlines() if line.startswith("web1 "))


@pytest.fixture(scope="module")
def host(lab):
    """web1 with five pools on two masters, of which three serve the current release of /srv/app, and another PHP."""
    lab.command("reset", "web1")
    host = lab.host("web1")
    pools.prepare_masters(host)
    pools.prepare_pages(host)
    pools.prepare_other(lab, host)
    prepare(host, pools.WWW, pools.SELDOM, pools.BARE, root="/srv/app/current")
    prepare(host, pools.WWW, port=WWW_PORT, root="/srv/app/current")
    # OPcache takes no file that was written in the last two seconds (opcache.file_update_protection).
    host.run(f"touch --date='1 hour ago' {OLD}/work.php /srv/pages/*; cp --archive {OLD} {NEW}")
    return host


def switch(host, release):
    """Make a release the current one, and return when that was."""
    return float(host.run(f"ln -sfn {release} /srv/app/current; date +%s.%N"))


def found(seen):
    return {(finding["check"], finding["severity"]) for finding in seen["findings"]}


def test_a_release_switched_under_load_is_served_old_until_the_reset_and_never_after_it(host, address, ask):
    switch(host, OLD)
    before = [pools.memory(host, socket) for socket in (pools.WWW, pools.SELDOM)]
    with loaded(host, address, MIXED, before=1) as accounts:
        switched = switch(host, NEW)
        time.sleep(4)
        began = time.time()
        stale, done, fresh = ask(
            ("runtime_cache_info", {}),
            ("runtime_cache", {"longest_request": 20, "releases": ["/srv/app/current"]}),
            ("runtime_cache_info", {}),
        )
        time.sleep(2)
    account = accounts[0]
    assert not account.failed and not account.half, account
    assert set(account.served(switched, began)) == {OLD}
    assert set(account.served(done["ended"])) == {NEW}
    assert account.served(done["ended"]).total() > 50, account

    reasons = {pool["pool"]: pool["reason"] for pool in stale["runtime_cache"]["pools"]}
    assert reasons == dict.fromkeys(["www", "walled", "jailed", "seldom", "bare", "other"]), (
        "each is asked, wherever it is"
    )
    assert ("runtime_cache.other_release", "high") in found(stale), stale["findings"]
    assert done["changed"] and not done["failed"] and done["reload_needed"] == [], done
    assert "runtime_cache.other_release" not in {check for check, _severity in found(fresh)}, fresh["findings"]
    assert [step["verb"] for step in done["steps"]].count("clear_realpath") == 1, "of the pool without OPcache"
    after = [pools.memory(host, socket) for socket in (pools.WWW, pools.SELDOM)]
    assert [one["restarts"] for one in after] == [one["restarts"] + 1 for one in before], "once a segment"
    for one in after:
        assert not [path for path in one["scripts"] if "phpfleet" in path or path.startswith(OLD)]
        assert one["wasted"] == 0
    assert pools.traces(host) == []


def begin(host, number, seconds):
    """Have a request begin that takes some seconds; what its client gets is written to a file."""
    url = f"http://localhost:{WWW_PORT}/work?id={number}&ms={seconds * 1000}"
    host.run(
        f"""
        : > /srv/shop/account
        setsid curl --silent '{url}' < /dev/null > /run/answer-{number} 2>&1 &
        while ! grep --quiet 'S {number}' /srv/shop/account; do sleep 0.05; done
        """
    )


def account(host):
    return host.run("cat /srv/shop/account").split("\n")[:-1]


def test_a_reset_waits_for_a_request_in_flight_and_loses_nothing(host, ask):
    before = pools.memory(host, pools.WWW)["restarts"]
    begin(host, 1, 15)
    (done,) = ask(("runtime_cache", {"longest_request": 30, "sockets": [pools.WWW]}))
    assert account(host) == ["S 1", "F 1"], "the reset is proven after the request has ended"
    assert host.run("cat /run/answer-1").startswith("done 1 ")
    assert done["changed"] and not done["failed"], done
    assert pools.memory(host, pools.WWW)["restarts"] == before + 1
    assert max(step["seconds"] for step in done["steps"]) > 1, done["steps"]


def test_a_reset_that_would_have_a_request_killed_is_refused(host, ask):
    """The engine kills whoever holds the cache longer than opcache.force_restart_timeout, in the middle of its work."""
    host.run(
        """
        echo opcache.force_restart_timeout=3 > "$(echo /etc/php/*/fpm/conf.d)/99-force.ini"
        systemctl restart 'php*-fpm.service'
        """
    )
    options = {"longest_request": 60, "sockets": [pools.WWW]}
    begin(host, 2, 40)
    (refused,) = ask(("runtime_cache", options))
    assert refused["failed"] and not refused["changed"] and refused["after"] is None, refused
    assert "force_restart_timeout" in refused["msg"] and refused["msg"] == refused["refusal"]

    (forced,) = ask(("runtime_cache", {**options, "allow_loss": True}))
    assert forced["changed"] and not forced["failed"], forced
    assert account(host) == ["S 2"], "it was killed: the refusal is right"
    assert "502" in host.run("cat /run/answer-2")


def test_what_the_application_keeps_goes_only_when_it_is_named(host, ask):
    sockets = {"sockets": [pools.WWW, pools.OTHER]}
    assert pools.memory(host, pools.WWW, put="full")["apcu"] == "full"
    before = pools.memory(host, pools.OTHER, put="full")
    assert before["yac"] == "full"
    reset, seen, emptied = ask(
        ("runtime_cache", sockets),
        ("runtime_cache_info", sockets),
        ("runtime_cache", {**sockets, "caches": ["apcu", "yac"]}),
    )
    assert reset["changed"] and not reset["failed"] and emptied["changed"] and not emptied["failed"], (reset, emptied)
    segments = {segment["root"]: segment for segment in seen["runtime_cache"]["segments"]}
    www, other = segments["/"], segments["/srv/other-php"]
    assert (www["apcu"]["entries"], www["yac"], other["apcu"], other["yac"]["slots_used"]) == (1, None, None, 1)
    assert other["version"] != www["version"]
    www, other = pools.memory(host, pools.WWW), pools.memory(host, pools.OTHER)
    assert (www["apcu"], other["yac"], other["restarts"]) == (False, False, before["restarts"] + 1)
    assert pools.traces(host) == []
