# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""nginx's configuration language."""

import time
from typing import Any, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed, TooLarge
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.nginx import (
    DEPTH_LIMIT,
    DIRECTIVES_LIMIT,
    directives,
    seconds,
    top_level,
)
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


def outline(text: str) -> Any:
    """Return statements as [line, words, block]."""

    def plain(statements: Any) -> Any:
        return [
            [one.line, " ".join(one.words)] + ([] if one.block is None else [plain(one.block)]) for one in statements
        ]

    return plain(directives(text))


def test_a_whole_configuration() -> None:
    text = r"""user a;
    events {}
    http {
        # comment
        server {
            listen 80;
            location ~ \.php$ {
                fastcgi_pass
                    unix:/run/a.sock;
            }
        }
        root /srv;
    }
    """
    location = [7, r"location ~ \.php$", [[8, "fastcgi_pass unix:/run/a.sock"]]]
    assert outline(text) == [
        [1, "user a"],
        [2, "events", []],
        [3, "http", [[5, "server", [[6, "listen 80"], location]], [12, "root /srv"]]],
    ]


@pytest.mark.parametrize(
    "lua",
    [
        "ngx.say('it is }')",
        'ngx.say("}") -- it\'s a comment }',
        "--[[ } ]] local t = { a = { 1 } }",
        "local s = [==[ } ]] ]==]",
        "local s = 'a\\'}'",
    ],
)
def test_a_block_of_lua_is_passed_over(lua: str) -> None:
    text = f"http {{ access_by_lua_block {{\n{lua}\n}} root /srv; }} pid x;"
    assert outline(text) == [[1, "http", [[1, "access_by_lua_block", []], [3, "root /srv"]]], [3, "pid x"]]


def test_a_block_of_lua_without_end() -> None:
    with pytest.raises(Malformed, match="line 2: a block of Lua has no end"):
        directives("http {\naccess_by_lua_block { t = { }")


def test_depth_and_number_of_statements_are_bounded() -> None:
    assert directives("a {" * DEPTH_LIMIT + "}" * DEPTH_LIMIT)
    with pytest.raises(TooLarge):
        directives("a {" * (DEPTH_LIMIT + 1) + "}" * (DEPTH_LIMIT + 1))
    with pytest.raises(TooLarge):
        directives("a;" * (DIRECTIVES_LIMIT + 1))


def test_a_large_text_takes_linear_time() -> None:
    started = time.monotonic()
    assert len(directives("location /x { root /srv; }\n" * 60000)) == 60000
    assert time.monotonic() - started < 15


@given(st.lists(WORDS, max_size=6))
def test_what_is_in_a_block_is_read_back(statements: List[List[str]]) -> None:
    text = (
        "http {" + "\n".join(" ".join('"' + quoted(word) + '"' for word in words) + ";" for words in statements) + "}"
    )
    (http,) = directives(text)
    assert [one.words for one in http.block or ()] == [tuple(words) for words in statements]


@given(st.text("ab {};'\"\\$#\n", max_size=60))
def test_both_readers_agree(text: str) -> None:
    try:
        whole = [one.words for one in directives(text) if one.block is None]
    except Malformed:
        with pytest.raises(Malformed):
            list(top_level(text))
        return
    assert whole == list(top_level(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("60", 60),
        ("60s", 60),
        ("500ms", 0.5),
        ("1h 30m", 5400),
        ("1h30m", 5400),
        ("2d", 172800),
        ("1m30", 90),
        ("0", 0),
    ],
)
def test_times(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "60x", "-1", "$t", "1.5s", "9" * 20, "9" * 5000, "60 s s"])
def test_no_times(text: str) -> None:
    with pytest.raises(Malformed):
        seconds(text)
