# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import json
from typing import Any, NamedTuple

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.plain import plain, plain_all
from ansible_collections.phpfleet.remediation.plugins.module_utils.rows import from_rows, to_rows
from hypothesis import given
from hypothesis import strategies as st


class User(NamedTuple):
    pid: int
    state: str


class Evidence(NamedTuple):
    owner: str
    user: Any


class Nothing(NamedTuple):
    pass


# Few different values, so that columns are often the same.
WORDS = st.sampled_from(["", "a", "b", "shm 1", "\u00e9\U0001f600", "\udcff", "x" * 2000])
LEAVES = st.none() | st.booleans() | st.integers(0, 3) | WORDS
NESTED = st.recursive(
    LEAVES | st.just(Nothing()),
    lambda below: (
        st.builds(User, st.integers(0, 2), below)
        | st.builds(Evidence, WORDS, below)
        | st.lists(below, max_size=2)
        | st.tuples(below)
        | st.dictionaries(st.sampled_from(["a", "b", "a.b", "", "1", "c d"]), below, max_size=2)
    ),
    max_leaves=5,
)
RECORDS = st.lists(st.builds(Evidence, WORDS, NESTED), min_size=1, max_size=6)


@given(RECORDS)
def test_rows_hold_every_record_in_full(records):
    written = json.loads(json.dumps(to_rows(records, plain_all)))
    assert list(from_rows(written)) == [plain(record) for record in records]


@given(RECORDS)
def test_dicts_are_written_as_what_has_their_names(records):
    assert to_rows([dict(zip(record._fields, record)) for record in records], plain_all) == to_rows(records, plain_all)


def test_what_all_say_alike_is_said_once():
    records = [Evidence("root", User(7, state)) for state in ("dead", "alive")]
    assert to_rows(records, list) == dict(
        same={"owner": "root", "user.pid": 7}, fields=["user.state"], rows=[("dead",), ("alive",)]
    )


def test_records_that_are_all_alike_are_counted():
    assert to_rows([User(7, "dead")] * 3, list) == dict(same={"pid": 7, "state": "dead"}, fields=[], rows=[(), (), ()])


@pytest.mark.parametrize(
    "one, other", [(User(1, "a"), Evidence("a", 1)), ({"a": 1}, {"b": 1}), ({"a.b": 1}, {"a.b": 2})]
)
def test_what_has_not_the_same_names_stays_whole(one, other):
    written = to_rows([Evidence("root", one), Evidence("root", other)], list)
    assert (written["fields"], written["rows"]) == (["user"], [(one,), (other,)])
