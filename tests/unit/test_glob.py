# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names against patterns: as fnmatch says where that ends, and soon where it does not."""

import fnmatch
import re
from typing import Any, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import glob
from hypothesis import given, reject
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("pattern", "matched"),
    [
        ("*", ["a", "a.conf", "b.conf"]),
        ("*.conf", ["a.conf", "b.conf"]),
        (".*", [".hidden.conf"]),
        ("[!b]*.conf", ["a.conf"]),
        ("?.conf", ["a.conf", "b.conf"]),
        ("a*.conf*", ["a.conf"]),
        ("a", ["a"]),
        ("*" * 300, ["a", "a.conf", "b.conf"]),
        ("?" * 300 + "*", []),
        ("[b-a]*", []),
        ("[!b-a].conf", ["a.conf", "b.conf"]),
    ],
)
def test_names_of_a_directory(pattern: str, matched: List[str]) -> None:
    assert glob.matching([".hidden.conf", "a", "a.conf", "b.conf"], pattern) == matched


@given(st.text("ab", max_size=8), st.text("ab*?", max_size=8))
def test_stars_match_as_those_of_fnmatch(name: str, pattern: str) -> None:
    assert bool(glob.matching([name], pattern)) == fnmatch.fnmatchcase(name, pattern)


@given(st.text("abc-!]", min_size=1, max_size=6), st.text("ac-*?[]!", max_size=6))
def test_classes_match_as_those_of_fnmatch(name: str, pattern: str) -> None:
    try:
        expected = fnmatch.fnmatchcase(name, pattern)
    except re.error:  # up to Python 3.6, at a range that runs backwards
        reject()
    assert bool(glob.matching([name], pattern)) == expected


def test_no_pattern_is_tried_in_every_way(monkeypatch: Any) -> None:
    tried = []
    fits = glob._fits
    monkeypatch.setattr(glob, "_fits", lambda *arguments: tried.append(1) or fits(*arguments))
    assert glob.matching(["a" * 255], "*a" * 100 + "b") == []
    assert glob.matching(["a" * 255], "*a" * 100 + "*b*") == []
    assert glob.matching(["a" * 255], "*" + "a" * 100 + "b*a") == []
    assert len(tried) < 1000
