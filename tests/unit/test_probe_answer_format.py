# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a probe prints, and what the pool's application may have made of it."""

import time
from typing import Any, Dict, List, Tuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import probe_answer
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.probe_answer import (
    CachedScript,
    Compiled,
    Link,
    Printed,
    ProbeAnswer,
    Task,
)
from hypothesis import given
from hypothesis import strategies as st

MARKER = b"0123456789abcdef"
FIGURES = dict(
    enabled="1",
    full="0",
    restart_pending="0",
    restart_in_progress="0",
    used="9168784",
    free="125048944",
    wasted="0",
    wasted_percent="0.038624",
    strings_used="2309504",
    strings_free="6079104",
    scripts="1",
    keys="2",
    keys_limit="16229",
    hits="32",
    misses="2",
    started="1795347315",
    restarted="0",
    out_of_memory_restarts="0",
    hash_restarts="0",
    manual_restarts="3",
    preloaded="0",
)
PATHS = [b"/srv/a.php", b"/srv/na\xefve.php", b"/srv/new\nline.php", b""]

Pieces = List[Tuple[bytes, ...]]


def opcache(tag: bytes = b"opcache", **changed: Any) -> Pieces:
    figures: Dict[str, Any] = dict(FIGURES, **changed)
    return [(tag, name.encode(), value.encode(), b"") for name, value in figures.items() if value is not None]


def body(*pieces: Tuple[bytes, ...], end: bool = True) -> bytes:
    """What a probe prints: the pieces of every answer, and those that are given."""
    said: Pieces = [(b"pid", b"", b"58", b""), (b"version", b"", b"8.2.36", b""), *pieces]
    said.append((b"now", b"", b"1795347348.994833", b""))
    if end:
        said.append((b"end", b"", str(len(said) + 1).encode(), b""))
    return MARKER + b"".join(part + b"\0" for piece in said for part in piece)


def parse(*pieces: Tuple[bytes, ...]) -> ProbeAnswer:
    return probe_answer.parse(body(*pieces), MARKER)


def test_figures_have_their_names_and_kinds() -> None:
    answer = parse(*opcache())
    assert (answer.pid, answer.version, answer.now) == (58, "8.2.36", 1795347348.994833)
    assert answer.opcache is not None and answer.opcache.manual_restarts == 3
    assert answer.opcache.enabled is True and answer.opcache.full is False
    assert answer.opcache.wasted_percent == 0.038624
    assert (answer.apcu, answer.yac, answer.realpath, answer.scripts, answer.opcache_before) == (None,) * 5


def test_php_without_figures_on_interned_strings_has_an_opcache() -> None:
    seen = parse(*opcache(strings_used=None, strings_free=None)).opcache
    assert seen is not None and seen.strings_used is None


def test_an_engine_that_lacks_a_figure_is_said_to_lack_it() -> None:
    answer = parse(*opcache(manual_restarts=None))
    assert answer.opcache is None
    assert answer.reasons == {"opcache": "this version of it does not say its manual_restarts"}


def test_reasons_of_the_probe_itself_win() -> None:
    said = (b"reason", b"opcache", b"it is switched off\nhere", b"")
    assert parse(said).reasons == {"opcache": "it is switched off\\nhere"}


def test_scripts_are_none_unless_they_were_listed_to_the_end() -> None:
    one = (b"script", b"/srv/a.php", b"1795344026", b"")
    assert parse(one).scripts is None
    assert parse(one, (b"scripts", b"", b"", b"")).scripts == (CachedScript("/srv/a.php", 1795344026, None),)
    assert parse((b"scripts", b"", b"", b"")).scripts == ()


def test_preloaded_scripts_are_marked() -> None:
    pieces = [(b"script", path, b"0", b"7") for path in (b"/srv/a.php", b"/srv/b.php")]
    scripts = parse((b"preloaded", b"/srv/b.php", b"", b""), *pieces, (b"scripts", b"", b"", b"")).scripts or ()
    assert [(one.path, one.preloaded) for one in scripts] == [("/srv/a.php", False), ("/srv/b.php", True)]


def test_paths_are_bytes_of_the_file_system() -> None:
    pieces = [(b"script", path, b"", b"7") for path in PATHS]
    scripts = parse(*pieces, (b"scripts", b"", b"", b"")).scripts or ()
    assert [one.path.encode("utf-8", "surrogateescape") for one in scripts] == PATHS
    assert {(one.timestamp, one.used) for one in scripts} == {(None, 7)}


def test_links_belong_to_the_realpath_cache() -> None:
    size = [(b"realpath", b"used", b"408", b""), (b"realpath", b"entries", b"6", b"")]
    link = (b"link", b"/srv/current", b"/srv/releases/1", b"")
    seen = parse(*size, link).realpath
    assert seen == (408, 6, (Link("/srv/current", "/srv/releases/1"),))


def test_what_was_done() -> None:
    answer = parse(
        (b"returned", b"opcache", b"1", b""),
        (b"returned", b"apcu", b"0", b""),
        (b"invalidated", b"/srv/a.php", b"1", b""),
        (b"compiled", b"/srv/a.php", b"", b""),
        (b"compiled", b"/srv/b.php", b"syntax error", b""),
        *opcache(b"opcache_before", manual_restarts="2"),
    )
    assert answer.returned == {"opcache": True, "apcu": False}
    assert answer.invalidated == {"/srv/a.php": True}
    assert answer.compiled == (Compiled("/srv/a.php", None), Compiled("/srv/b.php", "syntax error"))
    assert answer.opcache_before is not None and answer.opcache_before.manual_restarts == 2


def test_what_the_application_prints_around_it_does_not_matter() -> None:
    around = b"<b>Warning</b> \0\0\0\0" + body(*opcache()) + b"\0end\0\0bye\0\0 of a shutdown function"
    assert probe_answer.parse(around, MARKER) == parse(*opcache())


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (b"<html>", "no answer of the probe"),
        (MARKER, "ends before its end"),
        (body(end=False), "ends before its end"),
        (body((b"fatal", b"", b"Allowed memory size", b""), end=False), "ends before its end: Allowed memory size"),
        (body((b"pwned", b"", b"", b"")), "'pwned', which it never prints"),
        (body((b"pid", b"", b"59", b"")), "says pid 2 times"),
        (body(*opcache(hits="1e9")), "'1e9' where a whole number belongs"),
        (body(*opcache(hits="٣")), "where a whole number belongs"),
        (body(*opcache(hits="1" * 17)), "where a whole number belongs"),
        (body((b"setting", b"pwned", b"", b"")), "a setting 'pwned', which it never prints"),
        (body((b"reason", b"x" * 99, b"", b"")), "a reason 'x{40}', which it never prints"),
        (body(*opcache(wasted_percent="nan")), "'nan' where a number belongs"),
        (body(*opcache(enabled="yes")), "'yes' where 0 or 1 belongs"),
        (body((b"returned", b"opcache", b"", b"")), "'' where 0 or 1 belongs"),
        (body((b"end", b"", b"9", b"")), "has 3 pieces, and says that it has 9"),
    ],
)
def test_anything_else_is_malformed(said: bytes, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        probe_answer.parse(said, MARKER)


def test_no_text_is_longer_than_any_that_a_pool_has_to_say() -> None:
    long = b"y" * 1000000
    said = parse((b"setting", b"open_basedir", long, b""), (b"reason", b"apcu", long, b""))
    assert [len(said.settings["open_basedir"]), len(said.reasons["apcu"])] == [16384, 1024]


def test_a_number_may_be_a_time_of_which_there_is_a_date() -> None:
    latest = (parse(*opcache(started="9" * 16)).opcache or pytest.fail("no figures")).started
    assert time.gmtime(latest).tm_year > 9999


def test_an_answer_of_nothing_but_ends_of_texts_is_bounded() -> None:
    with pytest.raises(Malformed, match="which it never prints"):
        probe_answer.parse(MARKER + b"\0" * 16 * 1024 * 1024, MARKER)


WHOLE = body(
    (b"returned", b"opcache", b"1", b""),
    *opcache(),
    *[(b"compiled", b"/srv/%d.php" % number, b"", b"") for number in range(9)],
    (b"script", b"/srv/a.php", b"", b"5"),
    (b"scripts", b"", b"", b""),
)


@given(st.integers(0, len(WHOLE) - 1))
def test_no_part_of_an_answer_passes_for_all_of_it(length: int) -> None:
    with pytest.raises(Malformed):
        probe_answer.parse(WHOLE[:length], MARKER)
    if length >= len(MARKER):
        done = Printed(WHOLE[:length], MARKER).done()
        assert done.compiled == probe_answer.parse(WHOLE, MARKER).compiled[: len(done.compiled)]


@given(st.binary(max_size=300), st.integers(0, len(WHOLE)), st.integers(0, len(WHOLE)))
def test_any_bytes_are_an_answer_or_malformed(noise: bytes, begin: int, end: int) -> None:
    for read in (Printed.answer, Printed.done):
        for said in (MARKER + noise, WHOLE[:begin] + noise + WHOLE[end:]):
            try:
                read(Printed(said, MARKER))
            except Malformed as error:
                assert len(str(error)) < 4000


def test_a_task_is_told_in_words_and_paths() -> None:
    task = Task(True, ("opcache", "apcu"), ("/srv/a.php",), ("/srv/b c.php", "/srv/na\udcefve.php"))
    assert probe_answer.words(task, "abc", 1795347348.5) == (
        "marker=abc until=1795347348.500 scripts=1 reset=opcache,apcu invalidate=1 compile=2"
    )
    assert probe_answer.paths(task) == b"/srv/a.php\0/srv/b c.php\0/srv/na\xefve.php\0"
