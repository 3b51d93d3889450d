# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What each signal does to masters and workers, and to what is in flight. php-fpm's were counted under load."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.signal_effects import (
    APACHE,
    AT_ONCE,
    DIES,
    FAMILIES,
    HAPROXY,
    IN_TIME,
    MASTER,
    NGINX,
    NONE,
    NOTHING,
    PHP_FPM,
    RELOADS,
    REOPENS,
    REPLACED,
    STOPS,
    UPGRADES,
    WORKER,
    effect,
)


@pytest.mark.parametrize(
    ("family", "signal", "does", "cuts"),
    [
        (PHP_FPM, "TERM", STOPS, AT_ONCE),
        (PHP_FPM, "INT", STOPS, AT_ONCE),
        (PHP_FPM, "QUIT", STOPS, IN_TIME),
        (PHP_FPM, "USR2", RELOADS, IN_TIME),
        (PHP_FPM, "USR1", REOPENS, NONE),
        (PHP_FPM, "ALRM", DIES, AT_ONCE),
        (PHP_FPM, "IO", DIES, AT_ONCE),
        (PHP_FPM, "PIPE", NOTHING, NONE),
        (NGINX, "TERM", STOPS, AT_ONCE),
        (NGINX, "QUIT", STOPS, IN_TIME),
        (NGINX, "WINCH", STOPS, IN_TIME),
        (NGINX, "HUP", RELOADS, IN_TIME),
        (NGINX, "USR1", REOPENS, NONE),
        (NGINX, "USR2", UPGRADES, NONE),
        (APACHE, "TERM", STOPS, AT_ONCE),
        (APACHE, "HUP", RELOADS, AT_ONCE),
        (APACHE, "USR1", RELOADS, NONE),
        (APACHE, "WINCH", STOPS, IN_TIME),
        (HAPROXY, "TERM", STOPS, AT_ONCE),
        (HAPROXY, "USR1", STOPS, IN_TIME),
        (HAPROXY, "USR2", RELOADS, IN_TIME),
        (HAPROXY, "HUP", RELOADS, IN_TIME),
    ],
)
def test_signals_to_a_master(family: str, signal: str, does: str, cuts: str) -> None:
    assert effect(family, MASTER, signal) == (does, cuts)


@pytest.mark.parametrize(
    ("family", "signal", "does", "cuts"),
    [
        (PHP_FPM, "QUIT", REPLACED, NONE),
        (PHP_FPM, "TERM", DIES, AT_ONCE),
        (PHP_FPM, "USR1", DIES, AT_ONCE),
        (PHP_FPM, "USR2", DIES, AT_ONCE),
        (PHP_FPM, "HUP", DIES, AT_ONCE),
        (NGINX, "QUIT", REPLACED, IN_TIME),
        (NGINX, "TERM", DIES, AT_ONCE),
        (NGINX, "USR1", REOPENS, NONE),
        (NGINX, "USR2", NOTHING, NONE),
        (NGINX, "HUP", NOTHING, NONE),
        (APACHE, "HUP", DIES, AT_ONCE),
        (APACHE, "USR1", REPLACED, NONE),
        (HAPROXY, "USR1", STOPS, IN_TIME),
        (HAPROXY, "TERM", DIES, AT_ONCE),
    ],
)
def test_signals_to_a_worker(family: str, signal: str, does: str, cuts: str) -> None:
    assert effect(family, WORKER, signal) == (does, cuts)


@pytest.mark.parametrize("handled", [True, False])
def test_hup_is_a_reload_only_where_it_is_handled(handled: bool) -> None:
    assert effect(PHP_FPM, MASTER, "HUP", handled) == ((RELOADS, IN_TIME) if handled else (DIES, AT_ONCE))
    assert effect(NGINX, MASTER, "HUP", handled) == (RELOADS, IN_TIME)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("role", [MASTER, WORKER])
def test_kill_ends_all_and_an_existence_test_none(family: str, role: str) -> None:
    assert effect(family, role, "KILL") == (DIES, AT_ONCE)
    assert effect(family, role, "0") == effect(family, role, "CHLD") == (NOTHING, NONE)
