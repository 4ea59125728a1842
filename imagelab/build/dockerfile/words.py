"""Words of a Dockerfile: variables are replaced, quotes and escapes removed.

The grammar is BuildKit's (frontend/dockerfile/shell/lex.go), ported in the library e2b-dockerfile-utils. The limits are
imagelab's own: a word that doubles itself forty times, or a pattern that would run for hours, is an error at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from e2b_dockerfile_utils import ShellLex

T = TypeVar("T", str, list[str])

MAX_WORD = 1 << 20  # characters of one expanded word
MAX_TRIES = 10_000_000  # positions at which the pattern of one `${name#pattern}` may be tried
_PATTERN = re.compile(r"\$\{(\w+)([#%/])")
_NAME = re.compile(r"\$\{?(\w+)")


def word(text: str, values: Mapping[str, str], escape: str = "\\") -> str:
    """One word with variables replaced and quotes removed; raises ValueError for a malformed or too long word."""
    return _read(text, values, escape, ShellLex.process_word)


def words(text: str, values: Mapping[str, str], escape: str = "\\") -> list[str]:
    """The same for an instruction where one word may become several or none, such as EXPOSE."""
    return _read(text, values, escape, ShellLex.process_words)


def document(text: str, values: Mapping[str, str]) -> str:
    """A heredoc's text with variables replaced and quotes kept; raises ValueError as `word` does."""
    return _read(text, values, "\\", ShellLex.process_word, quotes=False)


def plain(text: str, escape: str = "\\") -> str:
    """A word with quotes and escapes removed and variables left as they are; raises ValueError as `word` does."""
    return ShellLex(escape, env={}, skip_unset_env=True).process_word(text)


def is_url(source: str) -> bool:
    """Whether ADD downloads a source."""
    return bool(re.match("https?://", source, re.IGNORECASE))


def is_git(source: str) -> bool:
    """Whether docker clones a source of ADD."""
    return bool(re.match(r"(?:git|ssh)://|git@[^/]+:|https?://[^?#]*\.git/?(?:#.*)?$", source, re.IGNORECASE))


def _read(
    text: str, values: Mapping[str, str], escape: str, process: Callable[[ShellLex, str], T], *, quotes: bool = True
) -> T:
    _check_patterns(text, values)
    lex = ShellLex(escape, env=_Counted(values, len(text)), skip_unset_env=False, skip_process_quotes=not quotes)
    try:
        result = process(lex, text)
    except ValueError as error:
        raise ValueError(f"failed to process {_cut(text)}: {_reason(error, text)}") from None
    if len(result) > MAX_WORD:  # a pattern's replacement may occur more than once
        raise ValueError(f"failed to process {_cut(text)}: {_TOO_LONG}")
    return result


_TOO_LONG = f"with its variables replaced it has more than {MAX_WORD:,} characters, the limit for one word"


class _Counted(Mapping[str, str]):
    """Variables that raise ValueError once the values read from them exceed the limit for one word."""

    def __init__(self, values: Mapping[str, str], length: int) -> None:
        self._values, self._left = values, MAX_WORD - length

    def __getitem__(self, name: str) -> str:
        value = self._values[name]
        self._left -= len(value)
        if self._left < 0:
            raise ValueError(_TOO_LONG)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _check_patterns(text: str, values: Mapping[str, str]) -> None:
    """Raise ValueError for a pattern that would run too long or give too much: `${name#p}`, `${name%p}`, `${name/p/r}`.

    A pattern of n asterisks is tried at up to (length of the value) to the power of n + 1 positions; a replacement may
    occur at each character of the value.
    """
    for start in _PATTERN.finditer(text):
        inside = _to_brace(text, start.end())
        if _PATTERN.search(inside):
            raise ValueError(f"failed to process {_cut(text)}: a pattern inside another one is not supported")
        texts = [inside, *(values.get(name, "") for name in _NAME.findall(inside))]
        length, longest = len(values.get(start[1], "")) + 1, sum(map(len, texts))
        asterisks = sum(text.count("*") for text in texts) if longest <= MAX_WORD else 0
        tries = length ** (asterisks + 1) if asterisks < 24 else MAX_TRIES + length
        if tries > MAX_TRIES or (start[2] == "/" and length * longest > MAX_WORD):
            raise ValueError(
                f"failed to process {_cut(text)}: the value of {start[1]} is too long for that pattern: "
                "use fewer asterisks, or a shorter value"
            )


def _to_brace(text: str, start: int) -> str:
    """The text from `start` to the closing brace of the variable that it is in."""
    depth = 1
    for at in range(start, len(text)):
        if text[at] == "}":
            depth -= 1
        elif text.startswith("${", at):
            depth += 1
        if not depth:
            return text[start:at]
    return text[start:]


def _cut(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}…"


def _reason(error: ValueError, text: str) -> str:
    """The lexer's message without its start, which repeats the word."""
    return str(error).removeprefix(f"failed to process {text!r}: ")
