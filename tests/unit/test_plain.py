# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import json
from typing import NamedTuple

from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import (
    LIST_LIMIT,
    STRING_LIMIT,
    one_line,
    plain,
)
from hypothesis import given
from hypothesis import strategies as st


class Segment(NamedTuple):
    identifier: int
    owners: tuple


class Queue(NamedTuple):
    first: Segment


# Any character, lone surrogates too: that is how Python decodes a file name that is no UTF-8.
TEXT = st.text(st.characters(), max_size=50)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT | st.binary(),
    lambda below: st.lists(below, max_size=5) | st.tuples(below, below) | st.dictionaries(TEXT, below, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_comes_in_json_and_utf8_can_carry_it(value):
    text = json.dumps(plain(value), ensure_ascii=False)
    assert json.loads(text.encode("utf-8").decode("utf-8")) == plain(value)


@given(VALUES)
def test_what_is_plain_stays_as_it_is(value):
    assert plain(plain(value)) == plain(value)


@given(st.characters(blacklist_categories=["Cs"]), st.integers(STRING_LIMIT - 2, STRING_LIMIT + 2))
def test_a_string_is_cut_only_above_its_limit_and_says_so(character, length):
    text = character * length
    shown = plain(text)
    assert len(shown) <= STRING_LIMIT
    assert shown == text if len(text) <= STRING_LIMIT else shown == text[: STRING_LIMIT - 1] + "…"


def test_a_named_tuple_becomes_a_dictionary_at_any_depth():
    assert plain(Queue(Segment(1, ("www-data",)))) == {"first": {"identifier": 1, "owners": ["www-data"]}}


def test_a_long_list_says_how_much_of_it_is_left_out():
    owners = tuple(str(number) for number in range(LIST_LIMIT + 3))
    shown = plain(Segment(1, owners))
    assert shown["owners"] == list(owners[:LIST_LIMIT]) and shown["owners_omitted"] == 3
    assert plain(Segment(1, owners), LIST_LIMIT + 3) == {"identifier": 1, "owners": list(owners)}
    assert "owners_omitted" not in plain(Segment(1, owners[:LIST_LIMIT]))


def test_bytes_and_surrogates_are_shown_escaped():
    assert plain({"\ud800": 1}) == {"\\ud800": 1}
    assert plain(b"a\xffb") == "a\\xffb"
    assert plain(b"a\xffb".decode("utf-8", "surrogateescape")) == "a\\udcffb"


def test_a_line_for_a_terminal_holds_no_control_character():
    assert one_line("a\n\x1b[31m\udcff") == r"a\n\x1b[31m\udcff"
