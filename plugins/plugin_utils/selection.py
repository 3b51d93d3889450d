# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Select findings with JMESPath, and refuse an expression that could only ever select nothing.

An audit that passes because its expression was mistyped is worse than none. JMESPath has three such traps: a field that
no finding has is null, text in double quotes is the name of a field, and an order of text is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .builtin import builtin

try:
    import jmespath
    from jmespath.exceptions import JMESPathError, ParseError
    from jmespath.lexer import Lexer
except ImportError:
    jmespath = None  # type: ignore[assignment]

# A finding with nothing in it: its fields are all that a selection can name.
BLANK = {
    "check": "",
    "count": 1,
    "evidence": {},
    "examples": [],
    "host": "",
    "hosts": [],
    "object": "",
    "remedy": None,
    "risk": None,
    "severity": "info",
    "summary": "",
}
SEVERITIES = ("critical", "high", "medium", "low", "info")  # worst first
EXAMPLE = "[?severity=='critical' || severity=='high']"


class BadSelection(Exception):
    """What is wrong with the expression, where, and how to write it."""


def select(findings: list[dict[str, Any]], expression: str) -> list[dict[str, Any]]:
    """Return those of the findings that the JMESPath expression selects, in its order. Raises BadSelection."""
    if jmespath is None:
        raise BadSelection(
            "findings are selected with jmespath, which the Python that runs ansible lacks; "
            "install it there: python3 -m pip install jmespath, or the package python3-jmespath"
        )
    parsed = _parse(expression)
    _demand_it_can_select(parsed.parsed, expression)
    # Most mistakes show only over a finding, and should show also where there is none.
    selected = _search(parsed, findings or [BLANK], expression)
    return selected if findings else []


def _parse(expression: str) -> Any:
    try:
        return jmespath.compile(expression)
    except ParseError as error:
        where = min(error.lex_position, len(expression))
        what = (
            "the expression ends too early" if where == len(expression) else f"{expression[where:]!r} is not expected"
        )
        raise BadSelection(_pointed(expression, what, where)) from error
    except JMESPathError as error:
        raise BadSelection(_pointed(expression, str(error), None)) from error


def _pointed(expression: str, what: str, where: int | None) -> str:
    """Return the message with the expression below it, and a caret below its character number ``where``."""
    at = "" if where is None else f" at character {where + 1}"
    lines = [f"bad expression{at}: {what}", f"  {expression}"]
    if where is not None:
        lines.append("  " + " " * where + "^")
    return "\n".join([*lines, f"Write it in JMESPath over a list of findings, such as {EXAMPLE}"])


def _demand_it_can_select(node: dict[str, Any], expression: str) -> None:
    for condition in _conditions(node):
        for part in _parts(condition):
            trap = _trap(part)
            if trap:
                raise BadSelection(_pointed(expression, trap[1], _position(expression, trap[0])))


def _conditions(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the conditions of the filters that stand over findings themselves, not over something inside of them."""
    if node["type"] == "filter_projection":
        yield node["children"][2]
    if node["type"] in ("filter_projection", "projection", "subexpression", "index_expression", "flatten"):
        yield from _conditions(node["children"][0])
    if node["type"] in ("pipe", "function_expression", "or_expression", "and_expression"):
        for child in node["children"]:
            yield from _conditions(child)


def _parts(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what a condition looks up in the finding itself, such as ``evidence`` of ``evidence.owner``."""
    yield node
    if node["type"] in ("comparator", "and_expression", "or_expression", "not_expression", "function_expression"):
        children = node["children"]
    elif node["type"] == "expref" or not node["children"] or not isinstance(node["children"][0], dict):
        children = []
    else:
        children = node["children"][:1]
    for child in children:
        yield from _parts(child)


def _trap(node: dict[str, Any]) -> tuple[str, str] | None:
    """Return the name or text that the mistake is in, and what is wrong with it."""
    if node["type"] == "field" and node["value"] not in BLANK:
        name = node["value"]
        return name, (
            f"a finding has no field {name!r} (it has {', '.join(BLANK)}); "
            f"if {name!r} is meant as text, put it in single quotes"
        )
    if node["type"] != "comparator":
        return None
    texts = [child["value"] for child in node["children"] if _is_text(child)]
    if texts and node["value"] in ("lt", "lte", "gt", "gte"):
        return texts[0], "JMESPath orders numbers only; name each text that counts, with == and ||"
    if {"type": "field", "children": [], "value": "severity"} in node["children"]:
        strange = [text for text in texts if text not in SEVERITIES]
        if strange:
            return strange[0], f"there is no severity {strange[0]!r}; there are {', '.join(SEVERITIES)}"
    return None


def _is_text(node: dict[str, Any]) -> bool:
    return node["type"] == "literal" and isinstance(node["value"], str)


def _position(expression: str, value: str) -> int | None:
    """Return where a name or text begins in the expression; a name in double quotes is the likelier mistake."""
    tokens = [token for token in Lexer().tokenize(expression) if token["value"] == value]
    quoted = [token for token in tokens if token["type"] == "quoted_identifier"]
    return (quoted or tokens)[0]["start"] if tokens else None


def _search(parsed: Any, findings: list[dict[str, Any]], expression: str) -> list[dict[str, Any]]:
    copies = [builtin(finding) for finding in findings]
    try:
        selected = parsed.search(copies)
    except (JMESPathError, TypeError) as error:  # contains(text, number) is a TypeError
        raise BadSelection(_pointed(expression, str(error), None)) from error
    if not isinstance(selected, list):
        raise BadSelection(
            _pointed(expression, f"it yields {_kind(selected)}, where a list of findings is expected", None)
        )
    numbers = {id(copy): number for number, copy in enumerate(copies)}
    for item in selected:
        if id(item) not in numbers:
            raise BadSelection(
                _pointed(expression, f"it yields {_kind(item)}, made of a finding; select whole findings", None)
            )
    return [findings[numbers[id(item)]] for item in selected]


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
