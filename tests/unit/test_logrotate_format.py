# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What logrotate's configuration runs."""

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import TooLarge
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.logrotate import (
    TABOO,
    TABOO_LIMIT,
    Script,
    parse,
    permitted,
)
from hypothesis import given
from hypothesis import strategies as st

PHP = """\
/var/log/php8.2-fpm.log {
\trotate 12
\tweekly
\tpostrotate
\t\tif [ -x /usr/lib/php/php8.2-fpm-reopenlogs ]; then
\t\t\t/usr/lib/php/php8.2-fpm-reopenlogs;
\t\tfi
\tendscript
}
"""


def test_a_script_keeps_its_lines_as_they_stand() -> None:
    (script,) = parse(PHP).scripts
    assert script == Script(
        "postrotate", ("/var/log/php8.2-fpm.log",), 5, "\n".join(PHP.split("\n")[4:7]), "weekly", True
    )
    assert PHP.split("\n")[script.number - 1] == script.text.split("\n")[0]


@pytest.mark.parametrize(
    ("head", "logs"),
    [
        ("/a /b {", ("/a", "/b")),
        ("/a\n/b\n# why\n{", ("/a", "/b")),
        ('"/a b/*.log" /c{', ("/a b/*.log", "/c")),
        ("'/a b' {", ("/a b",)),
        ("/a\\ b {", ("/a\\ b",)),
        ("~/log/*.log {", ("~/log/*.log",)),
        ("/a { daily", ("/a",)),
    ],
)
def test_the_logs_of_a_stanza(head: str, logs: tuple) -> None:
    (script,) = parse(f"{head}\nprerotate\nx\nendscript\n}}\n").scripts
    assert (script.logs, script.text, script.keyword) == (logs, "x", "prerotate")


def test_every_script_of_every_stanza() -> None:
    names = ["firstaction", "prerotate", "postrotate", "lastaction", "preremove"]
    body = "\n".join(f"  {name} # x\n    {name} it\n  endscript x" for name in names)
    found = parse(f"/a {{\n{body}\n}}\n/b {{\n postrotate\n  }}\n  weekly\n endscript\n}}\n").scripts
    assert [(one.keyword, one.text.strip()) for one in found[:5]] == [(name, f"{name} it") for name in names]
    assert (found[5].logs, found[5].text) == (("/b",), "  }\n  weekly")


def test_an_empty_script_runs_nothing() -> None:
    assert parse("/a {\n postrotate\n \n endscript\n}\n").scripts == ()


def test_a_script_without_its_end() -> None:
    (script,) = parse("/a {\n postrotate\n  x\n}\n").scripts
    assert (script.text, script.closed) == ("  x\n}\n", False)


def test_what_holds_for_included_files() -> None:
    said = parse("# x\ndaily\ninclude /etc/logrotate.d\ninclude=/b\ntabooext + .a, .b\n")
    assert (said.includes, said.frequency) == (("/etc/logrotate.d", "/b"), "daily")
    assert said.taboo == (*TABOO, "*.a", "*.b")
    assert parse("tabooext .a\ntaboopat + b*").taboo == ("*.a", "b*")
    (script,) = parse(PHP.replace("\tweekly\n", ""), said.frequency).scripts
    assert script.frequency == "daily"


def test_what_is_left_over_is_passed_over() -> None:
    names = ["php", "php.dpkg-old", "php~", "php,v", "php.rpmsave", ".php", "php.conf", "x.rhn-cfg-tmp-1"]
    assert permitted(names, TABOO) == ["php", ".php", "php.conf"]


def test_nobody_can_make_it_endless() -> None:
    assert len(parse("tabooext + " + ".x " * 500 + "\n" + "tabooext + .y\n" * 500).taboo) == TABOO_LIMIT
    with pytest.raises(TooLarge, match="more than 20000 scripts"):
        parse("/a {\nprerotate\nx\nendscript\n}\n" * 10000 + "/b {\n" + "prerotate\nendscript\n" * 10001)


@given(st.text("/a\" {}\n#\\'=prostendcifwk", max_size=300))
def test_any_text_is_scripts_that_stand_in_it(text: str) -> None:
    lines = text.split("\n")
    for script in parse(text).scripts:
        count = len(script.text.split("\n"))
        assert lines[script.number - 1 : script.number - 1 + count] == script.text.split("\n")
