"""Go templates: evaluate a template against a value.

`docker images --format '{{.ID}}: {{.Size}}'` is a Go template. `Template(text).render(value)` returns docker's output:
values as Go's fmt prints them, `<no value>` for a missing key, an error for a missing field.

Values are JSON's (str, int, float, bool, None, list, dict) and `Struct`, whose fields are fixed.
Follows Go's text/template/exec.go, in the wording and position of its errors too, and docker/cli's
templates.go for docker's own functions. `template_syntax` lists the supported part of the language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from .template_syntax import Chain, Function, Literal, Node, Parser, Pipe, Range, TemplateError

# Characters that are valid in JSON but control a terminal (see units.harmless), and lone surrogates.
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Struct(Mapping[str, Any]):
    """A Go struct: another field is an error, where a missing key of a dict is `<no value>`."""

    __slots__ = ("_fields", "type_name")

    def __init__(self, type_name: str = "struct {}", /, **fields: Any) -> None:
        self.type_name = type_name
        self._fields = fields

    def __getitem__(self, name: str) -> Any:
        return self._fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def json_items(self) -> Iterator[tuple[str, Any]]:
        """The names and values of the fields in JSON."""
        yield from self._fields.items()


class Row(Struct):
    """One line of a table; docker escapes `<`, `>` and `&` only in the JSON of these."""

    __slots__ = ()


class NilList(list[Any]):
    """A nil slice of Go: empty in a template, `null` in JSON."""


class NilPointer:
    """A nil pointer of Go: `<nil>` in a template, `null` in JSON."""

    def __bool__(self) -> bool:
        return False


class Map(dict[str, Any]):
    """A Go map: `index` returns `zero` for a missing key; Map(None) is a nil map, `null` in JSON."""

    def __init__(self, items: Mapping[str, Any] | None, zero: Any = "") -> None:
        super().__init__(items or {})
        self.is_nil = items is None
        self.zero = zero


class Template:
    """A parsed template; raises ParseError with Go's message for a syntax error."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nodes = Parser(source).nodes

    def render(self, value: Any, *, strict: bool = False, header: bool = False) -> str:
        """Execute the template on a value; raises TemplateError for a field that the value does not have.

        With `strict`, a missing key of a dict is an error too. With `header`, the value holds a table's column titles,
        and functions return their first argument, so that `{{lower .Size}}` has a title as well.
        """
        return _Run(self._source, value, strict, header).all(self._nodes, value)


class _Refusal(Exception):
    """An error in a template function, before its position in the template is known."""


class _Run:
    """One execution: the variables in scope, and the current node, for error messages."""

    def __init__(self, source: str, root: Any, strict: bool, header: bool) -> None:
        self._source = source
        self._strict = strict
        self._header = header
        self._at: Node = Literal(0, "", "")
        self._variables: list[tuple[str, Any]] = [("$", root)]

    def all(self, nodes: Sequence[Node], dot: Any) -> str:
        return "".join(self._one(node, dot) for node in nodes)

    def _one(self, node: Node, dot: Any) -> str:
        if isinstance(node, Literal):
            return str(node.value)
        if isinstance(node, Range):
            return self._range(node, dot)
        assert isinstance(node, Pipe)
        value = self._pipe(node, dot)
        self._variables += [(name, value) for name in node.variables]
        return "" if node.variables else show(value, missing="<no value>")

    def _range(self, node: Range, dot: Any) -> str:
        value = self._pipe(node.pipe, dot)
        scope = len(self._variables)
        if isinstance(value, dict):
            items: list[tuple[Any, Any]] = sorted(value.items())
        elif isinstance(value, list):
            items = list(enumerate(value))
        elif value is None:
            items = []
        else:
            raise self._error(f"range can't iterate over {show(value)}")
        printed = []
        for key, element in items:
            values = (key, element) if len(node.pipe.variables) == 2 else (element,)
            self._variables += zip(node.pipe.variables, values, strict=False)
            printed.append(self.all(node.body, element))
            del self._variables[scope:]
        return "".join(printed) if items else self.all(node.otherwise, dot)

    def _pipe(self, pipe: Pipe, dot: Any) -> Any:
        self._at = pipe
        before: tuple[Any, ...] = ()
        for command in pipe.commands:
            before = (self._command(command, dot, before),)
        return before[0]

    def _command(self, command: tuple[Node, ...], dot: Any, before: tuple[Any, ...]) -> Any:
        first = command[0]
        if not isinstance(first, Function):
            self._at = first
            if len(command) > 1 and isinstance(first, Chain) and first.names:
                self._value(first, dot)  # Go reports a missing field first
                raise self._error(f"{first.names[-1]} has arguments but cannot be invoked as function")
            if len(command) > 1:
                raise self._error(f"can't give argument to non-function {first.text}")
            return self._value(first, dot)
        self._at = first
        count = len(command) - 1 + len(before)
        least, most = _ARITY[first.text]
        if not least <= count <= most:
            expected = f"{least}" if least == most else f"at least {least}"
            raise self._error(f"wrong number of args for {first.text}: want {expected} got {count}")
        values = [self._value(node, dot) for node in command[1:]]
        self._at = Node(first.at, " ".join(node.text for node in command))
        try:
            if self._header and first.text in _PASSED_ON:
                return _text((*values, *before)[0])
            return _FUNCTIONS[first.text](*values, *before)
        except _Refusal as error:
            raise self._error(f"error calling {first.text}: {error}") from None

    def _value(self, node: Node, dot: Any) -> Any:
        if isinstance(node, Literal):
            return node.value
        if isinstance(node, Function):
            return self._command((node,), dot, ())
        assert isinstance(node, Chain)
        if isinstance(node.start, Pipe):
            value = self._pipe(node.start, dot)
        elif node.start:
            value = next(value for name, value in reversed(self._variables) if name == node.start)
        else:
            value = dot
        self._at = node
        absent = False
        for name in node.names:
            value, absent = self._field(value, name, absent)
        return value

    def _field(self, value: Any, name: str, absent: bool) -> tuple[Any, bool]:
        """A field of a value, and whether the key is absent: Go distinguishes that from null."""
        if absent:
            return None, True
        if isinstance(value, Struct) and name in value:
            return value[name], False
        if isinstance(value, dict):
            if name not in value and self._strict:
                raise self._error(f'map has no entry for key "{name}"')
            return value.get(name), name not in value
        if value is None or isinstance(value, NilPointer):
            raise self._error(f"nil pointer evaluating interface {{}}.{name}")
        kind = "interface {}" if self._strict else type_name(value)
        raise self._error(f"can't evaluate field {name} in type {kind}")

    def _error(self, why: str) -> TemplateError:
        before = self._source[: self._at.at]
        column = len(before.rpartition("\n")[2].encode("utf-8", "surrogatepass"))
        line = before.count("\n") + 1
        return TemplateError(f'template: :{line}:{column}: executing "" at <{self._at.text}>: {why}')


def show(value: Any, missing: str = "<nil>") -> str:
    """A value as Go's fmt prints it (`%v`)."""
    if value is None:
        return missing
    if isinstance(value, NilPointer):
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{show(value[key])}' for key in sorted(value))}]"
    if isinstance(value, Struct):
        return f"{{{' '.join(map(show, value.values()))}}}"
    if isinstance(value, list):
        return f"[{' '.join(map(show, value))}]"
    return str(value)


def to_json(value: Any, *, indent: int | None = None) -> str:
    """A value as docker's JSON, compact or indented by this many spaces."""
    separators = None if indent else (",", ":")
    text = json.dumps(_plain(value), ensure_ascii=False, indent=indent, separators=separators)
    for char in "<>&" if isinstance(value, Row) else "":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def type_name(value: Any) -> str:
    """The Go name of a value's type."""
    if isinstance(value, Struct):
        return value.type_name
    names = {str: "string", bool: "bool", int: "int", float: "float64", type(None): "interface {}"}
    return names.get(type(value), "map[string]string" if isinstance(value, dict) else "[]string")


def _plain(value: Any) -> Any:
    if isinstance(value, NilList | NilPointer) or (isinstance(value, Map) and value.is_nil):
        return None
    if isinstance(value, Struct):
        return {name: _plain(each) for name, each in value.json_items()}
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _index(value: Any, *keys: Any) -> Any:
    for key in keys:
        if value is None:
            raise _Refusal("index of untyped nil")
        if isinstance(value, dict):
            if not isinstance(key, str):
                raise _Refusal(f"value has type {type_name(key)}; should be string")
            value = value.get(key, getattr(value, "zero", None))
        elif isinstance(value, list | str):
            if not isinstance(key, int) or isinstance(key, bool):
                raise _Refusal(f"cannot index slice/array with type {type_name(key)}")
            if not 0 <= key < len(value):
                raise _Refusal(f"index out of range: {key}")
            value = value[key] if isinstance(value, list) else value.encode()[key]
        else:
            raise _Refusal(f"can't index item of type {type_name(value)}")
    return value


def _join(values: Any, separator: Any) -> str:
    if isinstance(values, dict):
        values = sorted(show(value) for value in values.values())
    if values is not None and not isinstance(values, list):
        raise _Refusal(f"expected slice, got {type_name(values)}")
    return _text(separator).join(map(show, values or ()))


def _len(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode("utf-8", "surrogateescape"))
    if isinstance(value, list | dict):
        return len(value)
    raise _Refusal(f"len of {'nil pointer' if value is None else 'type ' + type_name(value)}")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Refusal(f"wrong type for value; expected string; got {type_name(value)}")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _Refusal(f"wrong type for value; expected int; got {type_name(value)}")
    if not 0 <= value <= 1000:
        raise _Refusal(f"{value} is not a number of characters from 0 to 1000")
    return value


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json": to_json,
    "index": _index,
    "join": _join,
    "println": lambda *values: " ".join(map(show, values)) + "\n",
    "len": _len,
    "lower": lambda text: _text(text).lower(),
    "upper": lambda text: _text(text).upper(),
    "title": lambda text: re.sub(r"(?<!\w)\w", lambda match: match[0].upper(), _text(text)),
    "split": lambda text, separator: _text(text).split(_text(separator)) if separator else list(_text(text)),
    "truncate": lambda text, length: _text(text)[: _count(length)],
    "pad": lambda text, left, right: " " * _count(left) + _text(text) + " " * _count(right) if text else "",
}
_PASSED_ON = frozenset(("json", "split", "join", "title", "lower", "upper", "truncate"))
_MANY = 1_000
_ARITY = {
    "json": (1, 1), "index": (1, _MANY), "join": (2, 2), "println": (0, _MANY), "len": (1, 1),
    "lower": (1, 1), "upper": (1, 1), "title": (1, 1), "split": (2, 2), "truncate": (2, 2), "pad": (3, 3),
}  # fmt: skip
