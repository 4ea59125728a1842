"""Go templates: parse a text into a tree of nodes.

`{{range .Config.Env}}{{println .}}{{end}}` becomes a tree of nodes, which `template` walks. Read here:
text, comments, `{{- -}}` trimming, fields and chains of them, `$variables`, strings, numbers, pipes,
parentheses, `range … else … end` and the functions in FUNCTIONS. The rest of Go's language (`if`, `with`,
`printf`, `eq`, …) is rejected with an error that names it.

Follows Go's text/template/parse (lex.go, parse.go), in the wording of its errors too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import LabError

FUNCTIONS = ("json", "index", "join", "println", "len", "lower", "upper", "title", "split", "truncate", "pad")
_LEFT_OUT = re.compile(
    "if|with|define|template|block|break|continue|nil|and|or|not|eq|ne|lt|le|gt|ge"
    "|print|printf|slice|html|js|urlquery|call"
)
_SPACE = " \t\r\n"
_TOKEN = re.compile(
    r"""(?P<string>"(?:\\.|[^"\\\n])*") | (?P<raw>`[^`]*`) | (?P<number>[+-]?\d+(?:\.\d+)?)
      | (?P<field>\.[^\W\d]\w*) | (?P<variable>\$\w*) | (?P<word>[^\W\d]\w*) | (?P<mark>:=|[.|(),=])""",
    re.VERBOSE,
)
_ENDS_NAME = re.compile(r"[\s.,|:()]|-?\}\}|$")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v", "\\": "\\", '"': '"'}
_MAX_DEPTH = 100  # of nested ranges and parentheses, far below the limit of Python's stack


class TemplateError(LabError):
    """A template that cannot be executed on a value, for example because of a field that it does not have."""


class ParseError(TemplateError):
    """A syntax error in a template; `left_out` if it is valid Go that imagelab does not support."""

    left_out = False


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a template: its offset in the source, and how Go's errors quote it."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A string, number or boolean; also the text between actions."""

    value: Any


@dataclass(frozen=True, slots=True)
class Function(Node):
    """The name of a function."""


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Fields looked up one in the other, from the dot (`.A.B`), a variable (`$x.A`) or a pipe (`(…).A`)."""

    start: str | Pipe
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipe(Node):
    """Commands, each a tuple of operands; a later one gets the result before it as its last argument."""

    variables: tuple[str, ...]
    commands: tuple[tuple[Node, ...], ...]


@dataclass(frozen=True, slots=True)
class Range(Node):
    """A body for each element, and another for when there are no elements."""

    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


class Parser:
    """Parses a template into `nodes`. Raises ParseError."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._pieces = self._split()
        self._variables = ["$"]
        self._depth = 0
        self._tokens: list[_Token] = []
        self._end = 0  # of the last token
        self.nodes, end = self._until_end()
        if end:
            raise self._error(f"unexpected {{{{{end}}}}}", self._tokens[0].at)

    def _error(self, why: str, at: int) -> ParseError:
        return ParseError(f"template: :{self.source.count(chr(10), 0, at) + 1}: {why}")

    def _split(self) -> Iterator[str | list[_Token]]:
        """Yield text and the tokens of each action in turn, with white space trimmed by `{{- ` and ` -}}`."""
        at, trim = 0, False
        while at < len(self.source):
            start = self.source.find("{{", at)
            end = start if start >= 0 else len(self.source)
            text = self.source[at:end].lstrip(_SPACE if trim else "")
            inside = end + 2
            if re.compile(r"-[ \t\r\n]").match(self.source, inside):
                text = text.rstrip(_SPACE)
                inside += 1
            yield text
            if start < 0:
                return
            comment = re.compile(r"\s*/\*.*?\*/(\s-)?\}\}", re.DOTALL).match(self.source, inside)
            if comment:
                at, trim = comment.end(), bool(comment[1])
                continue
            tokens, at, trim = self._action(inside)
            yield tokens

    def _action(self, at: int) -> tuple[list[_Token], int, bool]:
        """The tokens of one action, the offset behind its }}, and whether that was ` -}}`."""
        tokens: list[_Token] = []
        start = at
        while at < len(self.source):
            closing = re.compile(r"([ \t\r\n]-)?\}\}").match(self.source, at)
            if closing:
                return [*tokens, _Token("end", "", at)], closing.end(), bool(closing[1])
            char = self.source[at]
            if char in _SPACE:
                at += 1
                continue
            match = _TOKEN.match(self.source, at)
            if not match:
                unterminated = {'"': "unterminated quoted string", "`": "unterminated raw quoted string"}
                raise self._error(unterminated.get(char, f"unrecognized character in action: {_rune(char)}"), at)
            tokens.append(_Token(str(match.lastgroup), match[0], at))
            at = match.end()
            if tokens[-1].kind in ("field", "variable", "word") and not _ENDS_NAME.match(self.source, at):
                raise self._error(f"bad character {_rune(self.source[at])}", at)
        started = self.source.count("\n", 0, start) + 1
        several = f" started at :{started}" if started <= self.source.count("\n") else ""
        raise self._error(f"unclosed action{several}", at)

    def _until_end(self) -> tuple[tuple[Node, ...], str]:
        """The nodes before the next {{else}}, {{end}} or the end of the source; returns which: "else", "end" or ""."""
        nodes: list[Node] = []
        for piece in self._pieces:
            if isinstance(piece, str):
                nodes.append(Literal(0, piece, piece))
                continue
            self._tokens = piece
            first = piece[0]
            if first.text in ("else", "end"):
                if len(piece) > 2:
                    raise self._error(f"unexpected {piece[1].text!r} after {first.text}", first.at)
                return tuple(nodes), first.text
            nodes.append(self._range() if first.text == "range" else self._pipe("command"))
        return tuple(nodes), ""

    def _range(self) -> Range:
        first = self._tokens.pop(0)
        outside = len(self._variables)
        self._deeper(first.at)
        pipe = self._pipe("range")
        body, end = self._until_end()
        otherwise: tuple[Node, ...] = ()
        if end == "else":
            otherwise, end = self._until_end()
        if end != "end":
            raise self._error("expected end; found {{else}}" if end else "unexpected EOF", len(self.source))
        self._depth -= 1
        del self._variables[outside:]
        return Range(first.at, "range", pipe, body, otherwise)

    def _deeper(self, at: int) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error("nested too deeply", at)

    def _pipe(self, context: str, closed_by: str = "") -> Pipe:
        at = self._tokens[0].at
        variables = self._declaration(context)
        commands: list[tuple[Node, ...]] = []
        command: list[Node] = []
        while True:
            token = self._tokens[0]
            if token.text not in ("|", closed_by):
                command.append(self._operand(context))
                continue
            if not command:
                raise self._error(f"missing value for {context}", token.at)
            if commands and not isinstance(command[0], Function):
                raise self._error(f"non executable command in pipeline stage {len(commands) + 1}", token.at)
            commands.append(tuple(command))
            command = []
            self._next()
            if token.text == closed_by:
                break
        self._variables += variables
        written = " | ".join(" ".join(node.text for node in each) for each in commands)
        return Pipe(at, written, variables, tuple(commands))

    def _declaration(self, context: str) -> tuple[str, ...]:
        """Parse `$x :=`, or in a range `$i, $x :=`; returns no names if there is no declaration."""
        ahead = self._tokens[:4]
        shape = [token.kind if token.kind == "variable" else token.text for token in ahead]
        if shape[:2] == ["variable", ":="]:
            count = 1
        elif shape == ["variable", ",", "variable", ":="] and context == "range":
            count = 3
        else:
            return ()
        del self._tokens[: count + 1]
        return tuple(token.text for token in ahead[:count:2])

    def _operand(self, context: str) -> Node:
        kind, text, at = self._next()
        start: str | Pipe = ""
        if kind == "string":
            return Literal(at, text, _ESCAPE.sub(lambda match: self._unescape(match, at), text[1:-1]))
        if kind == "raw":
            return Literal(at, text, text[1:-1])
        if kind == "number":
            return Literal(at, text, float(text) if "." in text else int(text))
        if kind == "word":
            return self._word(text, at)
        if text == "(":
            self._deeper(at)
            start = self._pipe("parenthesized pipeline", closed_by=")")
            text = f"({start.text})"
            self._depth -= 1
        elif kind == "variable":
            start = text
            if text not in self._variables:
                raise self._error(f'undefined variable "{text}"', at)
        elif kind == "end":
            raise self._error("unclosed left paren", at)
        elif kind != "field" and text != ".":
            raise self._error(f'unexpected "{text}" in {context}', at)
        names = [text[1:]] if kind == "field" else []
        more: list[_Token] = []
        while self._tokens[0].kind == "field" and self._tokens[0].at == self._end:
            more.append(self._next())
        if self._tokens[0].text == "." and self._tokens[0].at == self._end:
            raise self._error("unexpected <.> in operand", at)
        names += [token.text[1:] for token in more]
        text += "".join(token.text for token in more)
        return Chain(more[0].at if more else at, text, start, tuple(names))

    def _word(self, text: str, at: int) -> Node:
        if text in ("true", "false"):
            return Literal(at, text, text == "true")
        if text in FUNCTIONS:
            return Function(at, text)
        if _LEFT_OUT.fullmatch(text):
            refusal = self._error(
                f'"{text}" is a part of Go templates that imagelab leaves out; it has fields, $variables, '
                f"pipes, range, else, end, {', '.join(FUNCTIONS)}",
                at,
            )
            refusal.left_out = True
            raise refusal
        raise self._error(f'function "{text}" not defined', at)

    def _next(self) -> _Token:
        token = self._tokens.pop(0)
        self._end = token.at + len(token.text)
        return token

    def _unescape(self, match: re.Match[str], at: int) -> str:
        if match[3] is None:
            return chr(int(match[1] or match[2], 16))
        if match[3] not in _ESCAPES:
            raise self._error(f"unknown escape {match[0]} in a string", at)
        return _ESCAPES[match[3]]


def _rune(char: str) -> str:
    return f"U+{ord(char):04X} {char!r}"
