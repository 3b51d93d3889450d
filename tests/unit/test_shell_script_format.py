# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A script as a tree of its commands: what a shell would take for one command, and what it would refuse."""

import shlex
import time
from typing import Any, Iterator, List

import pytest
from ansible_collections.phpfleet.remediation.plugins.module_utils.errors import Malformed
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats import shell_script
from ansible_collections.phpfleet.remediation.plugins.module_utils.formats.shell_script import (
    Literal,
    Opaque,
    Simple,
    Substitution,
    Variable,
    parse,
)
from hypothesis import given
from hypothesis import strategies as st


def commands(node: Any) -> Iterator[Simple]:
    """Yield every simple command of a tree, those of substitutions last."""
    if isinstance(node, Simple):
        yield node
    if isinstance(node, (tuple, list)):
        for one in node:
            yield from commands(one)


def text_of(word: Any) -> str:
    parts = []
    for part in word:
        if isinstance(part, (Literal, Opaque)):
            parts.append(part.text)
        elif isinstance(part, Variable):
            parts.append("${" + part.name + part.operator + text_of(part.operand) + "}")
        else:
            assert isinstance(part, Substitution)
            parts.append("$(" + ";".join(words_of(one) for one in commands(part.script)) + ")")
    return "".join(parts)


def words_of(command: Simple) -> str:
    assigned = [f"{one.name}{'+' if one.more else ''}={text_of(one.value)}" for one in command.assignments]
    return "|".join([*assigned, *map(text_of, command.words)])


def said(text: str) -> List[str]:
    """Return the simple commands of a script as ``line:word|word``, less those within words."""
    found = []
    for item in commands(tuple(parse(text))):
        found.append(f"{item.line}:{words_of(item)}")
    return [one for number, one in enumerate(found) if one not in found[:number]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a b; c & d && e || f | g", ["1:a|b", "1:c", "1:d", "1:e", "1:f", "1:g"]),
        ("a\n\n# b c\nd # e\n", ["1:a", "4:d"]),
        ("a \\\n  b\nc", ["1:a|b", "3:c"]),
        ("a 'b  $c' \"d \\\"e\\\" \\x\" f\\ g", ["1:a|b  $c|d \"e\" \\x|f g"]),
        ("a#b c#", ["1:a#b|c#"]),
        ("kill $(cat /run/x.pid) >/dev/null 2>&1 </dev/null", ["1:kill|$(cat|/run/x.pid)", "1:cat|/run/x.pid"]),
        ("kill `cat \\`echo /x\\``", ["1:kill|$(cat|$(echo|/x);echo|/x)", "1:cat|$(echo|/x)", "1:echo|/x"]),
        ('x="$(a "b c")" d', ["1:x=$(a|b c)|d", "1:a|b c"]),
        ("a=b c+=d", ["1:a=b|c+=d"]),
        ("a=(b 'c d'\n e) f", ["1:a=b c d e|f"]),
        ("export A=b C", ["1:A=b|export|C"]),
        ("echo A=b", ["1:echo|A=b"]),
        ("${a:-b} ${c} $d ${e##*/} ${#f} $((1+2)) $", ["1:${a:-b}|${c}|${d}|${e##*/}|${#f}|((1+2))|$"]),
        ("cat <<E x\nkill 1\nE\nb", ["1:cat|x", "4:b"]),
        ("cat <<-'E F'\n\tkill 1\n\tE F\nb", ["1:cat", "4:b"]),
        ("cat <<A && b <<B\nx\nA\ny\nB\nc", ["1:cat", "1:b", "6:c"]),
        ("cat <<A; cat <<B\nkill\nA\nkill\nB\nb", ["1:cat", "6:b"]),
        ("if a; then b; elif c; then d; else e; fi >f", ["1:a", "1:b", "1:c", "1:d", "1:e"]),
        ("while a; do b; done < c", ["1:a", "1:b"]),
        ("for i in a b; do c; done; for j; do d; done", ["1:c", "1:d"]),
        ("for ((i=0; i<3; i++)); do c; done; ((i++))", ["1:c", "1:((|((i++))"]),
        ("case $1 in a|b) c;; (d) e;& *) f; esac", ["1:c", "1:e", "1:f"]),
        ("f() { a; }; function g { b; }; h () ( c )", ["1:a", "1:b", "1:c"]),
        ("{ a; } && (b; c) ; ! d", ["1:a", "1:b", "1:c", "1:d"]),
        ("[[ a == b* && c ]] || d", ["1:[[|a|==|b*|&&|c|]]", "1:d"]),
        ("a $(case x in x) b;; esac) c", ["1:a|$(b)|c", "1:b"]),
        ("echo $'a\\nb' $\"c\"", ["1:echo|a\nb|c"]),
        ("a {1..3} {b,c}", ["1:a|{1..3}|{b,c}"]),
        ("a\r\nb c\r\n", ["1:a\r", "2:b|c\r"]),
        ("done_it; fixed; iffy", ["1:done_it", "1:fixed", "1:iffy"]),
        ("", []),
    ],
)  # fmt: skip
def test_what_a_script_runs(text: str, expected: List[str]) -> None:
    assert said(text) == expected


def test_what_a_command_reads() -> None:
    text = "a <f\nb <<E 2>&1\nx $y\nE\nc <<-E; d <<< 'z'\n\tx\n\tE\nwhile read e; do f; done < <(g)\nh 2<i"
    inputs = [(text_of(one.words[0]), one.input) for one in commands(parse(text))]
    assert [(name, text_of(given.word), given.itself) for name, given in inputs if given] == [
        ("a", "f", False), ("b", "x $y", True), ("c", "x", True), ("d", "z", True),
    ]  # fmt: skip
    assert [name for name, given in inputs if given is None] == ["read", "f", "g", "h"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a 'b", "line 1: a quote is not closed"),
        ('a\nb "c', "line 2: '\"' is missing"),
        ("a $(b", r"line 1: '\)' is missing"),
        ("a `b", "line 1: a backquote is not closed"),
        ("if a; then b", "line 1: 'fi' is missing"),
        ("if a; fi", "line 1: 'then' is missing"),
        ("a )", r"line 1: '\)' has no beginning"),
        ("a\n}", "line 2: '}' has no beginning"),
        ("a; then b", "line 1: 't' has no beginning"),
        ("&& a", "line 1: '&' stands where a command should"),
        ("a >", "line 1: '>' names no file"),
        ("case a in b) c", "line 1: 'esac' is missing"),
        ("${}", "line 1: '.{' names no variable"),
        ("a (b)", r"line 1: '\(' stands where no command begins"),
        ("( " * 100 + "a" + ")" * 100, "more than 25 commands within one another"),
        ("a" * (shell_script.LIMIT + 1), "longer than 262144 characters"),
        ("a;" * (shell_script.COMMANDS_LIMIT + 1), "line 1: more than 10000 commands"),
    ],
)
def test_what_no_shell_reads(text: str, problem: str) -> None:
    with pytest.raises(Malformed, match=problem):
        parse(text)


@given(st.text(" abz\"'\\\n#-./%^,+:@", max_size=40))
def test_words_without_signs_are_those_of_shlex(text: str) -> None:
    """Where no operator stands and no line ends, shlex knows the words, and the reader agrees with it."""
    if "\n" in text:
        text = text.replace("\n", " ")
    splitter = shlex.shlex(text, posix=True)
    splitter.whitespace_split, splitter.commenters = True, ""
    if "#" in text:
        text = text.replace("#", "")
        splitter = shlex.shlex(text, posix=True)
        splitter.whitespace_split, splitter.commenters = True, ""
    try:
        expected = list(splitter)
    except ValueError:
        if not text.endswith("\\"):
            with pytest.raises(Malformed):
                parse(text)
        return
    found = [text_of(word) for one in commands(parse(text)) for word in one.words]
    assert found == expected


WORDS = "if then else fi case in esac do done for while time function x() E\n $( ${ $(( )) <<E <<- && || [[ ]] ;; :- ##"
PIECES = st.sampled_from([*"abc $`\"'\\;&|<>(){}[]!#\n=*?~%@", *WORDS.split(" ")])


@given(st.lists(PIECES, max_size=60).map("".join) | st.text(max_size=80))
def test_any_text_is_read_or_malformed(text: str) -> None:
    try:
        script = parse(text, 5)
    except Malformed as error:
        assert str(error).startswith("line ")
        return
    assert all(5 <= one.line <= 5 + text.count("\n") for one in commands(script))


HARD = [
    "$((",
    "`",
    "a;",
    "a|",
    "$(a) ",
    '"$a"',
    "'a' ",
    "<<E\n",
    "a=(",
    "${a",
    "\\\n",
    "((",
    "case x in ",
    "#\n",
    "x() ",
    "[[ ",
]


@pytest.mark.parametrize("piece", HARD)
def test_it_takes_no_longer_than_the_text(piece: str) -> None:
    """Sixteen times the text takes about sixteen times the time: a second loop would make it 256 times."""
    short, long = (min(seconds(piece * (length // len(piece))) for _unused in range(3)) for length in (1_000, 16_000))
    assert long < 80 * short


def seconds(text: str) -> float:
    begun = time.process_time()
    try:
        parse(text)
    except Malformed as error:
        assert "line" in str(error)
    return time.process_time() - begun
