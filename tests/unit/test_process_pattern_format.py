# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Patterns of pkill against names of processes: as re has it where they are simple, and else not tried at all."""

import contextlib
import re

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import process_pattern
from hypothesis import given
from hypothesis import strategies as st

MASTER, WORKER = "php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)", "php-fpm: pool www"


@pytest.mark.parametrize(
    ("pattern", "name", "is_fit"),
    [
        ("php-fpm", MASTER, True),
        ("php-fpm", "nginx", False),
        ("^php-fpm", "x php-fpm", False),
        ("fpm$", "php-fpm", True),
        ("fpm$", "php-fpm8.2", False),
        ("php.fpm", "php-fpm", True),
        ("[p]hp-fpm", "php-fpm", True),
        ("php-fpm[78][.]", "php-fpm8.2", True),
        ("php-fpm[^78]", "php-fpm8.2", False),
        ("php-fpm: (master|pool)", MASTER, True),
        ("php-fpm: (monitor|pool) [w]ww", WORKER, True),
        ("php-fpm: (monitor|pool)", MASTER, False),
        ("process \\(/etc/php", MASTER, True),
        ("php-fpm: master|nginx: master", MASTER, True),
        ("(nginx|php-fpm)", MASTER, True),
        ("php-fpm.*www", WORKER, True),
        ("php-fpm.*master.*8\\.2", MASTER, True),
        ("php-fpm.*master.*7\\.4", MASTER, False),
        ("^php.+pool.+$", WORKER, True),
        ("pool www.+", WORKER, False),
        ("", "php-fpm", True),
        ("fpm\\$", "php-fpm$", True),
    ],
)
def test_what_fits(pattern: str, name: str, is_fit: bool) -> None:
    assert process_pattern.fits(process_pattern.parse(pattern), name, False) == is_fit


def test_an_exact_pattern_is_the_whole_name() -> None:
    for pattern, is_fit in (("php-fpm", False), ("php-fpm8.2", True), ("php.*", True), ("nginx|php-fpm8.2", True)):
        assert process_pattern.fits(process_pattern.parse(pattern), "php-fpm8.2", True) == is_fit


def test_a_title_is_looked_at_to_a_bound() -> None:
    assert not process_pattern.fits(process_pattern.parse("END"), "p" * 5000 + "END", False)


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|b)*c",
        "(a)(b)",
        "a|(b)",
        "(a{9}){9}",
        "a*",
        "php" * 67,
        "(?=a)b",
        r"\bphp",
        "[[:alpha:]]",
        "[[]",
        "[a",
        "a**",
        "[z-a]",
    ],
)
def test_what_is_too_involved_is_not_tried(pattern: str) -> None:
    with pytest.raises(Malformed):
        process_pattern.parse(pattern)


@given(st.text("ab.*+|^$[]-\\()( ", max_size=12), st.text("ab.[ ", max_size=8), st.booleans())
def test_it_says_what_re_says(text: str, name: str, exact: bool) -> None:
    with contextlib.suppress(Malformed):
        pattern = process_pattern.parse(text)
        found = re.fullmatch(text, name, re.DOTALL) if exact else re.search(text, name, re.DOTALL)
        assert process_pattern.fits(pattern, name, exact) == bool(found)


@given(st.text(max_size=60), st.text(max_size=60), st.booleans())
def test_no_text_breaks_it(text: str, name: str, exact: bool) -> None:
    with contextlib.suppress(Malformed):
        process_pattern.fits(process_pattern.parse(text), name, exact)
