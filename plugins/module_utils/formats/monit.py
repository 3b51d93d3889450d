# Copyright: (c) 2026, phpfleet.remediation contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A control file of monit(1), as far as it starts, stops or runs anything."""

import re
import shlex
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

START, STOP, RESTART, EXEC, PROGRAM = "start", "stop", "restart", "exec", "program"
_METHODS = (START, STOP, RESTART)
_ACTIONS = (RESTART, STOP, EXEC)
# Words between two tokens that mean nothing (l.l), and what may stand between a method and its command.
_FILLING = frozenset(("program", "=", "path", "with", "using"))
_TOKEN = re.compile(r'"([^"]*)"|\'([^\']*)\'|([{}=,;]|[^\s"\'{}=,;#]+)|#[^\n]*')
_EVERY = re.compile(r"[0-9*][0-9*,/-]*(?:\s+[0-9*,/-]+){4}\Z")


class Rule(NamedTuple):
    """Something that monit does to a service of its own accord, or a program that it runs each time.

    service: as monit calls it. does: RESTART, STOP, EXEC or PROGRAM. number: of its line, from 1. commands: what it
    runs, in order, each as its words; user: whom as, None for monit's own. every: a schedule in cron's notation.
    """

    service: str
    does: str
    number: int
    commands: Tuple[Tuple[str, ...], ...]
    user: Optional[str]
    every: Optional[str]


class ControlFile(NamedTuple):
    """includes: patterns of further files."""

    rules: Tuple[Rule, ...]
    includes: Tuple[str, ...]


class _Token(NamedTuple):
    text: str
    quoted: bool
    number: int


class _Command(NamedTuple):
    words: Tuple[str, ...]
    user: Optional[str]


class _Service:
    """A check while it is read: what it does is only known at its end, where all its methods are."""

    def __init__(self, name: str, number: int) -> None:
        self.name = name
        self.number = number
        self.methods: Dict[str, _Command] = {}
        self.actions: List[Tuple[str, int, Optional[_Command]]] = []
        self.every: Optional[str] = None

    def rules(self) -> Iterator[Rule]:
        for does, number, command in self.actions:
            run = self._run(does, command)
            if run:
                yield Rule(self.name, does, number, tuple(one.words for one in run), run[0].user, self.every)

    def _run(self, does: str, command: Optional[_Command]) -> List[_Command]:
        if command is not None:
            return [command]
        if does == RESTART and RESTART not in self.methods:
            return [self.methods[one] for one in (STOP, START) if one in self.methods]
        return [self.methods[does]] if does in self.methods else []


def parse(text: str) -> ControlFile:
    """Return what a file says. What it does not understand it passes over."""
    return _Reading(list(_tokens(text))).read()


def _tokens(text: str) -> Iterator[_Token]:
    number, counted = 1, 0
    for found in _TOKEN.finditer(text):
        number += text.count("\n", counted, found.start())
        counted = found.start()
        if found.lastindex is not None:
            yield _Token(found.group(found.lastindex), found.lastindex != 3, number)


class _Reading:
    def __init__(self, tokens: List[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._service: Optional[_Service] = None
        self._services: List[_Service] = []
        self._includes: List[str] = []
        self._condition = 0  # the line of the `if` that is read

    def read(self) -> ControlFile:
        while self._next < len(self._tokens):
            token = self._take()
            if not token.quoted:
                self._statement(token)
        return ControlFile(tuple(rule for one in self._services for rule in one.rules()), tuple(self._includes))

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _peek(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _Token("", False, 0)

    def _statement(self, token: _Token) -> None:
        word = token.text.lower()
        if word == "include":
            self._includes.append(self._peek().text)
        elif word == "check":
            self._begin(token)
        elif self._service is None:
            return
        elif word == "if":
            self._condition = token.number
        elif word == "then":
            self._act(token)
        elif word in _METHODS:
            command = self._command()
            if command is not None:
                self._service.methods[word] = command
        elif word == "every" and _EVERY.match(self._peek().text):
            self._service.every = self._take().text

    def _begin(self, token: _Token) -> None:
        kind = self._take().text.lower() if self._peek().text else ""
        name = self._take().text if self._peek().text else ""
        self._service = _Service(name, token.number)
        self._services.append(self._service)
        if kind == PROGRAM:
            command = self._command()
            if command is not None:
                self._service.actions.append((PROGRAM, token.number, command))

    def _act(self, token: _Token) -> None:
        action = self._peek()
        word = action.text.lower()
        if action.quoted or word not in _ACTIONS or self._service is None:
            return
        self._take()
        command = self._command() if word == EXEC else None
        if word != EXEC or command is not None:
            self._service.actions.append((word, self._condition or token.number, command))

    def _command(self) -> Optional[_Command]:
        """Take the command that stands behind a method, with the user that it runs as; None where there is none."""
        while not self._peek().quoted and self._peek().text.lower() in _FILLING:
            self._take()
        token = self._peek()
        if not (token.quoted or token.text.startswith("/")):
            return None
        self._take()
        return _Command(_split(token.text), self._user())

    def _user(self) -> Optional[str]:
        if self._peek().text.lower() != "as":
            return None
        self._take()
        while not self._peek().quoted and self._peek().text.lower() in ("uid", "="):
            self._take()
        return self._take().text if self._peek().text.lower() not in ("", "gid") else None


def _split(command: str) -> Tuple[str, ...]:
    """Return the words of a command, which monit runs without a shell."""
    try:
        return tuple(shlex.split(command))
    except ValueError:
        return tuple(command.split())
