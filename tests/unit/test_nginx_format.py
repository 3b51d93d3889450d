# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's configuration language."""

from typing import List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.nginx import top_level
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        ("pid /run/nginx.pid;", [("pid", "/run/nginx.pid")]),
        ("pid\n  /run/nginx.pid\n;", [("pid", "/run/nginx.pid")]),
        ("user a b; pid x;", [("user", "a", "b"), ("pid", "x")]),
        ("# pid no;\npid yes;#pid no;\n", [("pid", "yes")]),
        ("pid a#b;", [("pid", "a#b")]),
        ('pid "/run/a b;{}.pid";', [("pid", "/run/a b;{}.pid")]),
        (r"pid '/run/it\'s.pid';", [("pid", "/run/it's.pid")]),
        ('pid "a\\tb";', [("pid", "a\tb")]),
        ("env A=${B}; pid x;", [("env", "A=${B}"), ("pid", "x")]),
        ("http { pid no; server { listen 80; } } pid yes;", [("pid", "yes")]),
        ('http { if ($a ~ "}") { return 200 "{"; } } pid yes;', [("pid", "yes")]),
        ("events {}\npid yes;", [("pid", "yes")]),
        ("pid a'b;", [("pid", "a'b")]),
        ("", []),
        ("# only a comment", []),
    ],
)
def test_statements(text: str, statements: List[List[str]]) -> None:
    assert list(top_level(text)) == statements


@pytest.mark.parametrize(
    "text", ["pid /run/x", "http {", "http { listen 80", "}", "pid 'x;", 'pid "x;', "a { } }", "pid x\\"]
)
def test_not_nginx(text: str) -> None:
    with pytest.raises(Malformed):
        list(top_level(text))


def test_the_rest_need_not_be_understood() -> None:
    assert next(top_level("pid /run/nginx.pid; http { content_by_lua_block { -- it's lua } }")) == (
        "pid",
        "/run/nginx.pid",
    )


def test_an_error_names_the_line() -> None:
    with pytest.raises(Malformed, match="line 3"):
        list(top_level("a;\nb;\n}\n"))


WORDS = st.lists(st.text(st.characters(blacklist_categories=("Cs",)), max_size=12), min_size=1, max_size=4)


@given(st.lists(WORDS, max_size=6))
def test_what_is_quoted_is_read_back(statements: List[List[str]]) -> None:
    text = "\n".join(" ".join('"' + quoted(word) + '"' for word in words) + ";" for words in statements)
    assert list(top_level(text)) == [tuple(words) for words in statements]


def quoted(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"')


@given(st.text("ab {};'\"\\$#\n", max_size=60))
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        statements = list(top_level(text))
    except Malformed:
        return
    assert all(statements)
