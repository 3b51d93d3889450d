# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The text of a shell script as a tree of its commands: the language of POSIX (XCU chapter 2) and what bash adds to it.

It is read, and never run. shlex of the standard library splits what is one simple command; of a script it cannot say
which words were quoted (``'$x'`` is no variable), where a line ends that a comment stands on, what a here-document or
a ``$(…)`` holds, so it serves as the measure of this reader in the tests only.
"""

import re
from bisect import bisect_right
from typing import Dict, List, Match, NamedTuple, NoReturn, Optional, Pattern, Tuple, Union

from ..errors import Malformed

LIMIT = 256 * 1024  # characters
COMMANDS_LIMIT = 10000
DEPTH_LIMIT = 25  # of commands within commands
TEXT_LIMIT = 2000  # characters that are kept of a command's own text

AND, OR = "&&", "||"


class Literal(NamedTuple):
    """Characters that mean themselves. quoted: they are neither split into words nor a pattern."""

    text: str
    quoted: bool


class Variable(NamedTuple):
    """``$name`` or ``${name}``. operator: ``:-``, ``#``, ``%%`` and so on, "" for none; operand: what follows it."""

    name: str
    operator: str
    operand: Tuple["Part", ...]
    quoted: bool


class Substitution(NamedTuple):
    """What a ``$(…)``, a backquote or a ``<(…)`` runs, whose output stands in its place."""

    script: Tuple["Item", ...]
    quoted: bool


class Opaque(NamedTuple):
    """What only running can tell, such as ``$((…))``."""

    text: str


Part = Union[Literal, Variable, Substitution, Opaque]
Word = Tuple[Part, ...]


class Assignment(NamedTuple):
    """name=value. more: it is appended, as by ``+=``."""

    name: str
    value: Word
    more: bool


class Input(NamedTuple):
    """What a command reads. word: the name of a file, or where ``itself`` the text, as of a here-document."""

    word: Word
    itself: bool


class Simple(NamedTuple):
    """A simple command. line: from 1. text: as it stands there. input: None where nothing is said of it."""

    line: int
    text: str
    assignments: Tuple[Assignment, ...]
    words: Tuple[Word, ...]
    input: Optional[Input]


class Pipeline(NamedTuple):
    commands: Tuple["Node", ...]
    negated: bool


class Chain(NamedTuple):
    """``first && second || third``. rest: each with the AND or OR before it."""

    first: Pipeline
    rest: Tuple[Tuple[str, Pipeline], ...]


class Item(NamedTuple):
    """A command of a list. background: it is followed by ``&``, so nothing waits for it."""

    chain: Chain
    background: bool


Script = Tuple[Item, ...]


class If(NamedTuple):
    """branches: of each ``if`` and ``elif`` the condition and what it guards. otherwise: of ``else``, () for none."""

    branches: Tuple[Tuple[Script, Script], ...]
    otherwise: Script


class While(NamedTuple):
    """negated: it is ``until``. input: what its body reads."""

    condition: Script
    body: Script
    negated: bool
    input: Optional[Input]


class For(NamedTuple):
    """words: None for those of ``$@``."""

    name: str
    words: Optional[Tuple[Word, ...]]
    body: Script


class Case(NamedTuple):
    """branches: of each its patterns, what it guards, and whether the next is run after it (``;&``)."""

    word: Word
    branches: Tuple[Tuple[Tuple[Word, ...], Script, bool], ...]


class Function(NamedTuple):
    name: str
    body: "Node"


class Group(NamedTuple):
    """``{ …; }``, or as a subshell ``( … )``."""

    body: Script
    subshell: bool


Node = Union[Simple, If, While, For, Case, Function, Group]

_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_WORD_END = " \t\n;&|<>()"  # a carriage return is a character of a word, as the shell has it
_PLAIN = re.compile(r"[^ \t\n;&|<>()'\"\\$`]+")
_PLAIN_IN_QUOTES = re.compile(r"[^\"\\$`]+")
_PLAIN_IN_BRACES = re.compile(r"[^}'\"\\$`]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]")
_SHORT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-]")
_OPERATOR = re.compile(r":[-=+?]|[-=+?]|##?|%%?|//?|:|\^\^?|,,?|@")
_INDEX = re.compile(r"\[[^\]\n]{0,100}\]")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:\[[^\]]{0,100}\])?(\+?)=")
_REDIRECTION = re.compile(r"([0-9]*|\{[A-Za-z_]\w*\})(<<-|<<<|<<|<&|<>|<(?!\()|&>>|&>|>>|>\||>&|>(?!\())")
_SEPARATOR = re.compile(r";(?![;&])|&(?![&>])|\n")
_RESERVED = re.compile(
    r"(?:if|then|elif|else|fi|while|until|for|select|do|done|case|esac|in|function|time|[{}!]|\[\[)"
    r"(?=[ \t\n;&|<>()]|\Z)"
)
_ENDS = ("then", "elif", "else", "fi", "do", "done", "esac", "}")
_FUNCTION = re.compile(r"([^\s;&|<>()'\"\\$`=]{1,200})[ \t]*\([ \t]*\)")
_FUNCTION_NAME = re.compile(r"[^\s;&|<>()'\"\\$`]{1,200}")
_NO_ARGUMENTS = re.compile(r"[ \t]*\([ \t]*\)")
_LOOP_NAME = re.compile(r"[A-Za-z_]\w*")
_PARENTHESIS = re.compile(r"[()]")
_PREFIXED = re.compile(r"[#!](?=[A-Za-z_0-9@*])")
_ANSI = re.compile(r"'[^'\\]*(?:\\.[^'\\]*)*'", re.DOTALL)
_BACKQUOTED = re.compile(r"`[^`\\]*(?:\\.[^`\\]*)*`", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_DECLARING = tuple((Literal(name, False),) for name in ("export", "readonly", "local", "declare", "typeset"))
_ESCAPED_IN_BACKQUOTES = re.compile(r"\\([$`\\])")


def parse(text: str, first_line: int = 1) -> Script:
    """Return the commands of a script, whose lines are counted from ``first_line`` on.

    Raises Malformed with the line where no shell would read it, or where it is larger or deeper than any is.
    """
    if len(text) > LIMIT:
        raise Malformed(f"line {first_line}: longer than {LIMIT} characters")
    reader = _Reader(text, first_line, 0)
    script = reader.script()
    reader.demand_end()
    return script


class _Reader:
    """Reads one text from its beginning to its end; each character is looked at a bounded number of times."""

    def __init__(self, text: str, first_line: int, depth: int) -> None:
        self.text = text
        self.place = 0
        self.depth = depth
        self._commands = 0
        self._ends = [found.start() for found in re.finditer("\n", text)]
        self._first_line = first_line
        self._bodies: Dict[int, int] = {}  # where here-documents end that begin after an end of a line

    def demand_end(self) -> None:
        self._blank()
        if self.place < len(self.text):
            self._fail(f"{self.text[self.place]!r} has no beginning")

    def script(self) -> Script:
        """Read commands up to the end, or to a word or sign that ends what they stand in."""
        self._enter()
        items: List[Item] = []
        while True:
            self._lines()
            if self._is_at_end():
                break
            chain = self._chain()
            self._blank()
            found = self._match(_SEPARATOR, keep=True)
            items.append(Item(chain, found == "&"))
            if found is None:
                break
            if found != "\n":
                self.place += 1
        self.depth -= 1
        return tuple(items)

    # Where the reader stands

    def _line(self) -> int:
        return self._first_line + bisect_right(self._ends, self.place - 1)

    def _fail(self, problem: str) -> NoReturn:
        raise Malformed(f"line {self._line()}: {problem}")

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            self._fail(f"more than {DEPTH_LIMIT} commands within one another")

    def _match(self, pattern: Pattern[str], keep: bool = False) -> Optional[str]:
        found = pattern.match(self.text, self.place)
        if found is None:
            return None
        if not keep:
            self.place = found.end()
        return found.group()

    def _at(self, sign: str) -> bool:
        return self.text.startswith(sign, self.place)

    def _take(self, sign: str) -> bool:
        if not self._at(sign):
            return False
        self.place += len(sign)
        return True

    def _demand(self, sign: str) -> None:
        self._blank()
        if not self._take(sign):
            self._fail(f"{sign!r} is missing")

    def _since(self, start: int) -> str:
        return self.text[start : min(self.place, start + TEXT_LIMIT)]

    def _blank(self) -> None:
        """Skip blanks, continued lines and a comment."""
        self._match(_BLANK)
        if self._at("#"):
            self._match(_COMMENT)

    def _lines(self) -> None:
        """Skip blanks, ends of lines with the here-documents that begin there, and signs that part commands."""
        self._blank()
        while self._at("\n") or (self._at(";") and not self.text.startswith((";;", ";&"), self.place)):
            self.place += 1
            if self.text[self.place - 1] == "\n":
                self.place = self._bodies.get(self.place - 1, self.place)
            self._blank()

    def _document(self, end: str, stripped: bool) -> str:
        """Return a here-document: the lines after this one, or after the document before, up to one that is ``end``."""
        number = bisect_right(self._ends, self.place - 1)
        if number == len(self._ends):
            return ""
        newline = self._ends[number]
        place = self._bodies.get(newline, newline + 1)
        lines: List[str] = []
        while place < len(self.text):
            after = self.text.find("\n", place)
            line = self.text[place : len(self.text) if after < 0 else after]
            place = len(self.text) if after < 0 else after + 1
            line = line.lstrip("\t") if stripped else line
            if line == end:
                break
            lines.append(line)
        self._bodies[newline] = place
        return "\n".join(lines)

    def _reserved(self) -> Optional[str]:
        """Return the word of the shell's own that stands here, and nothing where it is part of a longer one."""
        return self._match(_RESERVED, keep=True)

    def _is_at_end(self) -> bool:
        at_sign = self.place >= len(self.text) or self.text[self.place] in ")" or self._at(";;") or self._at(";&")
        return at_sign or self._reserved() in _ENDS

    def _keyword(self, word: str) -> None:
        self._lines()
        if self._reserved() != word:
            self._fail(f"{word!r} is missing")
        self.place += len(word)

    def _takes_keyword(self, word: str) -> bool:
        self._lines()
        if self._reserved() != word:
            return False
        self.place += len(word)
        return True

    # Commands

    def _chain(self) -> Chain:
        first = self._pipeline()
        rest: List[Tuple[str, Pipeline]] = []
        while True:
            self._blank()
            joiner = AND if self._take(AND) else OR if self._take(OR) else None
            if joiner is None:
                return Chain(first, tuple(rest))
            self._lines()
            rest.append((joiner, self._pipeline()))

    def _pipeline(self) -> Pipeline:
        negated = False
        self._blank()
        while self._reserved() in ("!", "time"):
            negated = negated != self._at("!")
            self.place += 1 if self._at("!") else 4
            self._blank()
            if self._at("-p "):
                self.place += 3
                self._blank()
        commands = [self._command()]
        while True:
            self._blank()
            if self._at("||") or not self._take("|"):
                return Pipeline(tuple(commands), negated)
            self._take("&")
            self._lines()
            commands.append(self._command())

    def _command(self) -> Node:
        self._blank()
        word = self._reserved()
        if self._at("(("):
            return self._arithmetic()
        if self._take("("):
            body = self.script()
            self._demand(")")
            self._redirections()
            return Group(body, True)
        if word is None or word == "[[":
            function = _FUNCTION.match(self.text, self.place)
            return self._simple() if function is None else self._function(function.group(1), function.end())
        if word in _ENDS or word in ("in", "!", "time"):
            self._fail(f"{word!r} stands where a command should")
        self.place += len(word)
        return self._compound(word)

    def _compound(self, word: str) -> Node:
        if word == "{":
            body = self.script()
            self._keyword("}")
            self._redirections()
            return Group(body, False)
        if word == "if":
            return self._if()
        if word in ("while", "until"):
            condition = self.script()
            body = self._body()
            return While(condition, body, word == "until", self._redirections())
        if word in ("for", "select"):
            return self._for()
        if word == "case":
            return self._case()
        self._blank()
        name = self._match(_FUNCTION_NAME)
        if name is None:
            self._fail("a function has no name")
        self._match(_NO_ARGUMENTS)
        return self._function(name, self.place)

    def _function(self, name: str, place: int) -> Function:
        self.place = place
        self._lines()
        self._enter()
        body = self._command()
        self.depth -= 1
        return Function(name, body)

    def _body(self) -> Script:
        self._keyword("do")
        body = self.script()
        self._keyword("done")
        return body

    def _if(self) -> If:
        branches: List[Tuple[Script, Script]] = []
        otherwise: Script = ()
        while True:
            condition = self.script()
            self._keyword("then")
            branches.append((condition, self.script()))
            if self._takes_keyword("elif"):
                continue
            if self._takes_keyword("else"):
                otherwise = self.script()
            self._keyword("fi")
            self._redirections()
            return If(tuple(branches), otherwise)

    def _for(self) -> Node:
        self._blank()
        if self._at("(("):
            start = self.place
            self._skip_arithmetic()
            counter = _LOOP_NAME.search(self.text, start, self.place)
            name = counter.group() if counter else "_"
            words: Tuple[Word, ...] = ((Opaque(self._since(start)),),)
            self._lines()
        else:
            found = self._match(_LOOP_NAME)
            if found is None:
                self._fail("a loop has no variable")
            name = found
            self._lines()
            if self._reserved() != "in":
                body = self._body()
                self._redirections()
                return For(name, None, body)
            self.place += 2
            words = self._words()
        body = self._body()
        self._redirections()
        return For(name, words, body)

    def _words(self) -> Tuple[Word, ...]:
        words: List[Word] = []
        self._blank()
        while self.place < len(self.text) and self.text[self.place] not in ";&|\n)":
            words.append(self._word())
            self._blank()
        return tuple(words)

    def _case(self) -> Case:
        self._blank()
        word = self._word()
        self._keyword("in")
        branches: List[Tuple[Tuple[Word, ...], Script, bool]] = []
        while not self._takes_keyword("esac"):
            self._take("(")
            patterns = []
            while True:
                self._blank()
                patterns.append(self._word())
                self._blank()
                if not self._take("|"):
                    break
            self._demand(")")
            body = self.script()
            self._lines()
            goes_on = self._at(";&") or self._at(";;&")
            if not (self._take(";;&") or self._take(";;") or self._take(";&")) and self._reserved() != "esac":
                self._fail("'esac' is missing")
            branches.append((tuple(patterns), body, goes_on))
        self._redirections()
        return Case(word, tuple(branches))

    def _arithmetic(self) -> Simple:
        line, start = self._line(), self.place
        self._skip_arithmetic()
        text = self._since(start)
        self._redirections()
        return Simple(line, text, (), ((Literal("((", False),), (Opaque(text),)), None)

    def _skip_arithmetic(self) -> None:
        open_ones = 0
        for found in _PARENTHESIS.finditer(self.text, self.place):
            open_ones += 1 if found.group() == "(" else -1
            if open_ones == 0:
                self.place = found.end()
                return
        self._fail("'))' is missing")

    def _simple(self) -> Simple:
        line, start = self._line(), self.place
        assignments: List[Assignment] = []
        words: List[Word] = []
        source: Optional[Input] = None
        bracketed = self._reserved() == "[["
        self._commands += 1
        if self._commands > COMMANDS_LIMIT:
            self._fail(f"more than {COMMANDS_LIMIT} commands")
        while True:
            self._blank()
            sign = self.text[self.place : self.place + 1]
            redirection = None if bracketed else _REDIRECTION.match(self.text, self.place)
            if redirection is not None:
                source = self._redirection(redirection) or source
            elif bracketed and words and words[-1] == (Literal("]]", False),):
                bracketed = False
            elif bracketed and sign and sign in "&|<>()\n":
                words.append((Literal(self._sign(), False),))
            elif sign == "" or sign in ";&|)\n":
                break
            elif sign == "(":
                self._fail("'(' stands where no command begins")
            else:
                self._word_or_assignment(assignments, words)
        if self.place == start:
            self._fail(f"{self.text[start : start + 1]!r} stands where a command should")
        return Simple(line, self._since(start), tuple(assignments), tuple(words), source)

    def _sign(self) -> str:
        sign = self.text[self.place]
        sign = sign * 2 if sign in "&|" and self._at(sign * 2) else sign
        self.place += len(sign)
        return sign

    def _word_or_assignment(self, assignments: List[Assignment], words: List[Word]) -> None:
        declares = words and words[0] in _DECLARING
        found = _ASSIGNMENT.match(self.text, self.place) if declares or not words else None
        if found is None:
            words.append(self._word())
            return
        self.place = found.end()
        if self._take("("):  # an array: as one text of all its words
            values = ((Literal(" ", False),) if found.group(2) else ()) + self._elements()
        elif self.text[self.place : self.place + 1] in _WORD_END:
            values = ()
        else:
            values = self._word()
        assignments.append(Assignment(found.group(1), values, found.group(2) == "+"))

    def _elements(self) -> Word:
        parts: List[Part] = []
        self._lines()
        while self.place < len(self.text) and not self._at(")"):
            if self.text[self.place] in ";&|<>(":
                self._fail("an array is not closed")
            parts += [*([Literal(" ", False)] if parts else []), *self._word()]
            self._lines()
        self._demand(")")
        return tuple(parts)

    def _redirections(self) -> Optional[Input]:
        source = None
        self._blank()
        found = _REDIRECTION.match(self.text, self.place)
        while found:
            source = self._redirection(found) or source
            self._blank()
            found = _REDIRECTION.match(self.text, self.place)
        return source

    def _redirection(self, found: Match[str]) -> Optional[Input]:
        """Skip a redirection; return what is read where it is one of the input."""
        number, operator = found.groups()
        self.place = found.end()
        self._blank()
        if self.place >= len(self.text) or self.text[self.place] in ";&|)\n":
            self._fail(f"{operator!r} names no file")
        word = self._word()
        if operator in ("<<", "<<-"):
            end = "".join(part.text for part in word if isinstance(part, Literal))
            return Input((Literal(self._document(end, operator == "<<-"), True),), True)
        if operator in ("<", "<<<") and number in ("", "0"):
            return Input(word, operator == "<<<")
        return None

    # Words

    def _word(self) -> Word:
        parts: List[Part] = []
        start = self.place
        while self.place < len(self.text):
            sign = self.text[self.place]
            if sign in "<>" and self.text.startswith("(", self.place + 1) and self.place == start:
                self.place += 2
                parts.append(self._nested(False))
            elif sign in _WORD_END:
                break
            else:
                self._part(parts, sign, _PLAIN, False)
        if self.place == start:
            self._fail(f"{self.text[start : start + 1]!r} stands where a word should")
        return tuple(parts)

    def _part(self, parts: List[Part], sign: str, plain: Pattern[str], quoted: bool) -> None:
        """Read one part of a word, of what double quotes hold (quoted), or of what braces do."""
        if sign == "\\":
            self._escaped(parts, quoted)
        elif sign == "'" and not quoted:
            end = self.text.find("'", self.place + 1)
            if end < 0:
                self._fail("a quote is not closed")
            parts.append(Literal(self.text[self.place + 1 : end], True))
            self.place = end + 1
        elif sign == '"':
            self.place += 1
            parts += self._until('"', _PLAIN_IN_QUOTES, True) or [Literal("", True)]
        elif sign == "$":
            parts.append(self._dollar(quoted))
        elif sign == "`":
            parts.append(self._backquoted(quoted))
        else:
            parts.append(Literal(self._match(plain) or "", quoted))

    def _until(self, end: str, plain: Pattern[str], quoted: bool) -> List[Part]:
        """Read up to a sign that ends it, and past that."""
        parts: List[Part] = []
        while not self._take(end):
            if self.place >= len(self.text):
                self._fail(f"{end!r} is missing")
            self._part(parts, self.text[self.place], plain, quoted)
        return parts

    def _escaped(self, parts: List[Part], quoted: bool) -> None:
        following = self.text[self.place + 1 : self.place + 2]
        self.place += 2
        if following == "\n":
            return
        kept = "\\" if quoted and following not in ("$", "`", '"', "\\") else ""
        parts.append(Literal(kept + following if following else "\\", True))

    def _dollar(self, quoted: bool) -> Part:
        self.place += 1
        if self._at("(("):
            return self._arithmetic_value(quoted)
        if self._take("("):
            return self._nested(quoted)
        if self._take("{"):
            return self._braced(quoted)
        if not quoted and self._at("'"):
            found = self._match(_ANSI)
            if found is None:
                self._fail("a quote is not closed")
            return Literal(_ESCAPED.sub(_ansi, found[1:-1]), True)
        if not quoted and self._at('"'):
            return Literal("", True)  # $"…" is "…" in another language
        name = self._match(_SHORT_NAME)
        return Literal("$", quoted) if name is None else Variable(name, "", (), quoted)

    def _arithmetic_value(self, quoted: bool) -> Part:
        start = self.place
        self._skip_arithmetic()
        if self.text[self.place - 2 : self.place] == "))":
            return Opaque(self._since(start))
        self.place = start + 1  # $((a); b): a subshell within
        return self._nested(quoted)

    def _nested(self, quoted: bool) -> Substitution:
        script = self.script()
        self._lines()
        self._demand(")")
        return Substitution(script, quoted)

    def _backquoted(self, quoted: bool) -> Substitution:
        line = self._line()
        found = self._match(_BACKQUOTED)
        if found is None:
            self._fail("a backquote is not closed")
        text = _ESCAPED_IN_BACKQUOTES.sub(r"\1", found[1:-1])
        reader = _Reader(text.replace('\\"', '"') if quoted else text, line, self.depth)
        script = reader.script()
        reader.demand_end()
        return Substitution(script, quoted)

    def _braced(self, quoted: bool) -> Part:
        start = self.place
        self._enter()
        prefixed = self._match(_PREFIXED)
        name = self._match(_NAME)
        if name is None:
            self._fail("'${' names no variable")
        every = self._match(_INDEX) in ("[@]", "[*]")
        operator = self._match(_OPERATOR) or ""
        if not operator and not self._at("}"):
            self._fail("'}' is missing")
        operand = self._until("}", _PLAIN_IN_BRACES, False)
        self.depth -= 1
        if prefixed:
            return Opaque(self._since(start - 2))
        return Variable(name, operator, tuple(operand), quoted and not every)  # an array is parted even in quotes


def _ansi(found: Match[str]) -> str:
    return {"n": "\n", "t": "\t", "r": "\r"}.get(found.group(1), found.group(1))
