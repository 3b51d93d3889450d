# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
import pytest
from ansible_collections.phpfleet.remediation.plugins.plugin_utils import selection
from ansible_collections.phpfleet.remediation.plugins.plugin_utils.selection import BadSelection, select
from hypothesis import given
from hypothesis import strategies as st
from results import finding

HIGH = finding(severity="high", object="shm 1", host="web1", count=5)
LOW = finding(severity="low", object="/run/a.pid", check="pidfile.unreadable", remedy=None, host="web2", count=1)
NESTED = finding(severity="info", object="shm 9", evidence={"owner": "root", "missing": ["an owner"]})
FINDINGS = [HIGH, LOW, NESTED]


def caret(message):
    """Return the text that the caret of a message points at."""
    _unused, expression, line, _unused = message.split("\n")
    return expression[line.index("^") :]


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("[?severity=='critical' || severity=='high']", [HIGH]),
        ("[?severity!='info']", [HIGH, LOW]),
        ("[?evidence.owner=='root']", [NESTED]),
        ("[?contains(evidence.missing || `[]`, 'an owner')]", [NESTED]),
        ("[?starts_with(check, 'pidfile.')]", [LOW]),
        ("[?remedy]", [HIGH, NESTED]),
        ("[?!remedy]", [LOW]),
        ("[?count > `2` && host=='web1']", [HIGH]),
        ("[?@.severity=='low']", [LOW]),
        ("sort_by(@, &count)", [LOW, NESTED, HIGH]),
        ("reverse(@) | [0:1]", [NESTED]),
        ("[?severity=='low'] | [?count==`1`]", [LOW]),
        ("[]", FINDINGS),
        ("@", FINDINGS),
        ("[?severity=='critical']", []),
        ("[?\"severity\"=='low']", [LOW]),
    ],
)
def test_selects_whole_findings_in_the_order_of_the_expression(expression, expected):
    selected = select(FINDINGS, expression)
    assert selected == expected
    assert all(any(one is other for other in FINDINGS) for one in selected)


@pytest.mark.parametrize(
    "expression, says, where",
    [
        ("[?severity=='high' && ]", "']' is not expected", "]"),
        ("[?check=='x]", "is not expected", "'x]"),
        ("a b", "'b' is not expected", "b"),
        ('[?severity=="high"]', "put it in single quotes", '"high"]'),
        ("[?severity=='high' || severity==\"low\"]", "'low'", '"low"]'),
        ("[?sevrity=='high']", "a finding has no field 'sevrity'", "sevrity=='high']"),
        ("[?starts_with(chek, 'a')]", "a finding has no field 'chek'", "chek, 'a')]"),
        ("[?!remedies]", "a finding has no field 'remedies'", "remedies]"),
        ("[?evidnce.owner=='root']", "a finding has no field 'evidnce'", "evidnce.owner=='root']"),
        ("reverse([?sevrity=='high'])", "a finding has no field 'sevrity'", "sevrity=='high'])"),
        ("[?severity=='hihg']", "there is no severity 'hihg'; there are critical", "'hihg']"),
        ("[?severity >= 'high']", "orders numbers only", "'high']"),
    ],
)
def test_a_mistake_is_pointed_at(expression, says, where):
    for findings in (FINDINGS, []):
        with pytest.raises(BadSelection) as raised:
            select(findings, expression)
        assert says in str(raised.value) and caret(str(raised.value)) == where


def test_an_expression_that_ends_too_early_is_pointed_at_behind_its_end():
    with pytest.raises(BadSelection) as raised:
        select(FINDINGS, "[?severity=='high'")
    first, expression, line, example = str(raised.value).split("\n")
    assert first == "bad expression at character 19: the expression ends too early"
    assert line.index("^") == len(expression) and "[?severity==" in example


@pytest.mark.parametrize(
    "expression, says",
    [
        ("", "empty"),
        ("[].check", "it yields a string"),
        ("[].{check: check}", "it yields an object"),
        ("[].evidence", "it yields an object"),
        ("[0]", "it yields an object, where a list"),
        ("length(@)", "it yields a number"),
        ("nothing", "it yields null"),
        ("[?frobnicate(check)]", "Unknown function: frobnicate()"),
        ("[?length(check, check)]", "Expected 1 argument for function length()"),
        ("[?contains(check, `1`)]", "requires string"),
    ],
)
def test_what_yields_no_findings_is_explained_even_where_there_are_none(expression, says):
    for findings in (FINDINGS, []):
        with pytest.raises(BadSelection) as raised:
            select(findings, expression)
        assert says in str(raised.value) and expression in str(raised.value)


TOKENS = st.sampled_from(
    ["[", "]", "[?", "?", "(", ")", "==", "!=", "<", "&&", "||", "!", "|", "&", "@", "*", ".", ",", ":", "{", "}", " ",
     "severity", "count", "evidence", "'high'", '"high"', "`1`", "`{}`", "'", '"', "`", "length", "sort_by", "contains"]
)  # fmt: skip


@given(st.text(max_size=30) | st.lists(TOKENS, max_size=12).map("".join))
def test_any_text_selects_findings_or_is_explained(expression):
    try:
        selected = select(FINDINGS, expression)
    except BadSelection as error:
        assert expression in str(error)
    else:
        assert all(any(one is other for other in FINDINGS) for one in selected)


def test_what_lacks_jmespath_is_told_how_to_install_it(monkeypatch):
    monkeypatch.setattr(selection, "jmespath", None)
    with pytest.raises(BadSelection, match="python3 -m pip install jmespath"):
        select(FINDINGS, "@")
