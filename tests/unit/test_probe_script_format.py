# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The scripts that are handed to pools, as far as their text tells; what they do is proven on real php-fpm."""

import re

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import probe_answer, probe_script

GUARD = probe_script.guard("ab" * 32, 1795351000, "c" * 32 + ".php").decode("ascii")
LOOK = probe_script.look().decode("ascii")


def without_strings(php: str) -> str:
    """The script less its comments and its texts in quotes."""
    return re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|//[^\n]*", "''", php)


def test_the_guard_holds_what_it_was_given_and_no_more() -> None:
    assert "!== '" + "ab" * 32 + "'" in GUARD and "> 1795351000" in GUARD
    assert "include dirname(__FILE__) . '/" + "c" * 32 + ".php';" in GUARD


def test_the_look_asks_for_every_setting_and_keeps_to_the_limits() -> None:
    assert all(f"'{name}'" in LOOK for name in probe_answer.SETTINGS)
    assert f">= {probe_answer.LINKS_LIMIT}" in LOOK and f"> {probe_answer.SCRIPTS_BYTES}" in LOOK


@pytest.mark.parametrize("php", [GUARD, LOOK], ids=["guard", "look"])
def test_they_are_of_a_syntax_that_php_5_2_knows(php: str) -> None:
    code = without_strings(php)
    assert not re.search(r"%[A-Z_]+%", php)
    later = {
        "short arrays": r"[=(,]\s*\[",
        "closures": r"\bfunction\s*\(",
        "?? or ?:": r"\?\?|\?:",
        "namespaces": r"\\",
    }
    later.update({"finally": r"\bfinally\b", "types": r"function \w+\([^)$]*\w \$", "short tags": r"<\?="})
    assert not [name for name, pattern in later.items() if re.search(pattern, code)]


@pytest.mark.parametrize("php", [GUARD, LOOK], ids=["guard", "look"])
def test_no_php_setting_is_left_changed_for_others(php: str) -> None:
    changed = set(re.findall(r"ini_set\('([^']+)'", php))
    assert changed <= {"opcache.file_update_protection", "memory_limit", "display_errors"}


def test_the_tags_that_it_prints_are_those_that_are_read() -> None:
    printed = set(re.findall(r"phpfleet_(?:say|figures|look)\('([a-z_]+)'", LOOK))
    assert printed | {"opcache"} == {tag.decode() for tag in probe_answer._TAGS}


def test_a_function_that_hardened_hosts_disable_is_asked_for_before_it_is_called() -> None:
    whole = GUARD + LOOK
    for name in ("file_get_contents", "fopen", "ini_set", "getenv", "hash", "error_get_last", "flush", "getmypid"):
        called = re.search(rf"(?<![_>]){name}\(", whole)
        assert called is not None and f"function_exists('{name}')" in whole[: called.start()], name
