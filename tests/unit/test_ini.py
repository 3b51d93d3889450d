# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ini dialect of php-fpm.conf."""

import time
from typing import List, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.ini import (
    LINE_LIMIT,
    Section,
    Setting,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z][a-z._]{0,10}(\[[a-z_.]{1,8}\])?", fullmatch=True)
PLAIN = st.text("abcXYZ019/._*$-:", min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("pid = /run/php-fpm.pid", Setting("pid", "/run/php-fpm.pid")),
        ("pid=/run/php-fpm.pid", Setting("pid", "/run/php-fpm.pid")),
        ("\tpid\t=\t/run/php-fpm.pid\t\r", Setting("pid", "/run/php-fpm.pid")),
        ("pid = /run/x.pid ; where it is", Setting("pid", "/run/x.pid")),
        ('pid = "/run/a b;c.pid" ; quoted', Setting("pid", "/run/a b;c.pid")),
        (r'e = "a \"b\" \c"', Setting("e", r'a "b" \c')),
        ("pid = '/run/a b.pid'", Setting("pid", "/run/a b.pid")),
        ("include=/etc/php-fpm.d/*.conf", Setting("include", "/etc/php-fpm.d/*.conf")),
        ("php_admin_value[error_log] = /var/log/x", Setting("php_admin_value[error_log]", "/var/log/x")),
        ("pid =", Setting("pid", "")),
    ],
)
def test_a_setting(line: str, setting: Setting) -> None:
    assert list(parse(line)) == [setting]


@pytest.mark.parametrize("line", ["", "  ", "; pid = /run/x.pid", ";pid=/run/x.pid", "no value", '"quoted" = x', "= x"])
def test_no_setting(line: str) -> None:
    assert list(parse(line)) == []


def test_sections_in_order() -> None:
    text = "pid = a\n[global]\npid = b\n [www] ; a pool\nuser = c\n"
    assert list(parse(text)) == [
        Setting("pid", "a"),
        Section("global"),
        Setting("pid", "b"),
        Section("www"),
        Setting("user", "c"),
    ]


@given(st.lists(st.tuples(NAMES, PLAIN, st.sampled_from(["{}", '"{}"', "'{}'", "  {}  ", "{} ; comment"]))))
def test_what_is_written_is_read(settings: List[Tuple[str, str, str]]) -> None:
    text = "".join(f"{name} = {form.format(value)}\n" for name, value, form in settings)
    assert list(parse(text)) == [Setting(name, value) for name, value, _unused in settings]


@given(st.text(st.characters(), max_size=200))
def test_any_text_is_read(text: str) -> None:
    for entry in parse(text):
        assert isinstance(entry, (Section, Setting))
        assert "\n" not in entry.name


@pytest.mark.parametrize("line", ["a{}", "{}a", "a{}b", "[{}", "{}[", "a={}x", 'a="{}', "a{}='"])
def test_no_line_takes_long(line: str) -> None:
    text = "\n".join([line.format(" " * (LINE_LIMIT - 10))] * 16)
    started = time.monotonic()
    list(parse(text))
    assert time.monotonic() - started < 2


def test_a_line_longer_than_any() -> None:
    assert list(parse("a=" + "x" * (LINE_LIMIT - 2))) == [Setting("a", "x" * (LINE_LIMIT - 2))]
    with pytest.raises(Malformed, match="line 2: it is longer"):
        list(parse("[www]\na=" + "x" * (LINE_LIMIT - 1)))
