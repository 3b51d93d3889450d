# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The dialect of php.ini."""

import os
import subprocess
import sys
import time
from typing import List, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.php_ini import Setting, parse
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z][a-z._]{0,12}", fullmatch=True)
PLAIN = st.text("XYZ0189/._*:-", min_size=1, max_size=20)


# Each as `php -n -c FILE -r 'var_dump(get_cfg_var("a"));'` of PHP 8.2 says, but for the false words: "" there.
@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("a = /var/cache/opcache", "/var/cache/opcache"),
        ("a=/var/cache/opcache", "/var/cache/opcache"),
        ("\ta\t=\t128M\t\r", "128M"),
        ("a = 1 ; why", "1"),
        ("a = /tmp/x;why", "/tmp/x"),
        ('a = "/tmp/a b;c" ; why', "/tmp/a b;c"),
        (r'a = "x\"y\\z\q"', r'x"y\z\q'),
        ("a = '/tmp/a b\\'", "/tmp/a b\\"),
        ('a = "/tmp/"opcache', "/tmp/opcache"),
        ('a = "two\nlines"', "two\nlines"),
        ("a =", ""),
        ("a = On", "1"),
        ("a = yes", "1"),
        ("a = TRUE", "1"),
        ("a = Off", "0"),
        ("a = no", "0"),
        ("a = None", "0"),
        ("a = null", "0"),
        ("a = x'y'z", "xyz"),
        ('a = x"y" z', "xyz"),
        ("a = /tmp/x #y", "/tmp/x #y"),
        ('a = "On"', "On"),
        ("a = ${HOME}/cache", "${HOME}/cache"),
    ],
)
def test_a_setting(line: str, value: str) -> None:
    assert list(parse(line)) == [Setting("", "a", value, 1)]


@pytest.mark.parametrize("text", ["", "\n\n", "; a = 1", "  ;a = 1\n# b = 2\n", "[PHP]", "= x", "a", "a\n", "a ; b"])
def test_no_setting(text: str) -> None:
    assert list(parse(text)) == []


def test_sections_and_lines() -> None:
    text = """; first
a = 1
[PHP]

b = "x
y"
c = 2
[PATH=/srv/shop] ; theirs
d = 3
["HOST=shop.example"]
e = 4
[ x]
f = 5\r
"""
    assert list(parse(text)) == [
        Setting("", "a", "1", 2),
        Setting("PHP", "b", "x\ny", 5),
        Setting("PHP", "c", "2", 7),
        Setting("PATH=/srv/shop", "d", "3", 9),
        Setting("HOST=shop.example", "e", "4", 11),
        Setting(" x", "f", "5", 13),
    ]


@pytest.mark.parametrize("text", ['x = 1\na = "open\nb = 2', "x = 1\na = 'open", "x = 1\na = b=c\nd = 2"])
def test_where_php_stops(text: str) -> None:
    settings = parse(text)
    assert next(settings) == Setting("", "x", "1", 1)
    with pytest.raises(Malformed, match=r"line 2: its [='\"] is not where one can be"):
        next(settings)


@given(st.lists(st.tuples(NAMES, PLAIN, st.sampled_from(["{}", '"{}"', "'{}'", "  {}  ", "{} ; comment", "{};x"]))))
def test_what_is_written_is_read(settings: List[Tuple[str, str, str]]) -> None:
    text = "".join(f"{name} = {form.format(value)}\n" for name, value, form in settings)
    assert [(one.name, one.value) for one in parse(text)] == [(name, value) for name, value, _unused in settings]
    assert [one.line for one in parse(text)] == list(range(1, len(settings) + 1))


@given(st.text(st.sampled_from("ab=;\"'[]\\ \t\r\n#${}\0é"), max_size=60))
def test_any_text_is_read(text: str) -> None:
    try:
        settings = list(parse(text))
    except Malformed:
        assert set(text) & set("'\"=")
        return
    lines = text.count("\n") + 1
    assert all(1 <= one.line <= lines and one.name == one.name.strip() for one in settings)


@pytest.mark.parametrize("piece", ["a", " ", "=", '"', "'", "[", "\\", "\n", ";", 'a="', "a=1\n", '""', '="\\', "\r"])
def test_no_text_takes_long(piece: str) -> None:
    started = time.monotonic()
    for text in (piece * (1 << 18), "a=" + piece * (1 << 18)):
        try:
            list(parse(text))
        except Malformed:
            continue
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("end", ["", '"'])
def test_no_quotation_takes_more_memory_than_it_is_long(end: str) -> None:
    """In a process of its own, which may have no more than a few times what it reads."""
    text = '"' + "x" * (4 << 20) + end
    program = (
        "import resource, sys\n"
        "from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import php_ini\n"
        "from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed\n"
        "text = 'a = ' + sys.stdin.read()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    list(php_ini.parse(text))\nexcept Malformed:\n    pass\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
    ran = subprocess.run(
        [sys.executable, "-c", program], check=True, input=text.encode(), stdout=subprocess.PIPE, env=environment
    )
    assert int(ran.stdout) < 64 * 1024  # KiB
