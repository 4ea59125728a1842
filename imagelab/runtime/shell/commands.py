"""The shell's own commands: a table of names, and what each call of one is handed.

bashkit asks for a command of ours before one of its own of the same name. A command's module is loaded when the command
is first called. A command is `async def NAME(call: Call) -> int`.

Those in `_STREAMING` read and write a piece at a time, in bytes, and wait while the pipe that they write to is full.
bashkit hands such a command its whole standard input, even if it does not read it: in `cat list | while read x; do …`
the loop would end after it. So all the others are handed to bashkit in its other way: their output is text, and is
written when they end.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .files import Files

if TYPE_CHECKING:
    from bashkit import Bash

_MODULES = {
    "blocks": "dd",
    "archives": "tar",
    "copying": "cp mv",
    "ends": "head tail",
    "links": "ln mkdir realpath rm touch truncate",
    "listing": "ls stat",
    "owners": "chgrp chmod chown groups id umask whoami",
    "streams": "cat seq sleep yes",
    "usage": "du nproc",
}
COMMANDS = {name: module for module, names in _MODULES.items() for name in names.split()}
REFUSED = {  # commands of bashkit whose answers would be made up
    "df": "the disk is this machine's, not the container's",
    "free": "the memory is this machine's, not the container's",
    "http": "there is no network here",
    "uptime": "the shell ends with its script",
    "watch": "it shows a command once, and never again",
}
_STREAMING = {"cat", "dd", "head", "tail", "tar", "yes"}
# bashkit's head reads a whole file, and of a pipe one line at a time. For files our own is not needed.
_NEEDS_HEAD = re.compile(r"\|\s*head\b|\bhead\b[^|;&\n]*/dev/(zero|u?random|full)\b")


@dataclass(frozen=True, slots=True)
class Shell:
    """What the commands of one shell share: the files of its root folder, and its user (uid, gid)."""

    files: Files
    user: tuple[int, int] = (0, 0)


class UsageError(Exception):
    """A call that a command cannot make sense of; its text says why."""


class Call:
    """One call of a command."""

    def __init__(self, asked: Any, shell: Shell) -> None:
        self.name: str = asked.name.rsplit("/", 1)[-1]
        self.words: list[str] = list(asked.argv)
        self.env: dict[str, str] = asked.env
        self.cwd: str = asked.cwd
        self.shell, self.files = shell, shell.files
        self.status = 0
        self._asked = asked

    def path(self, word: str) -> str:
        """A word as an absolute path; `..` goes up by name, as the shell's `cd` does."""
        if not word:
            raise OSError(2, "No such file or directory", word)
        return "/" + posixpath.normpath(posixpath.join(self.cwd, word)).strip("/")

    def options(self, flags: str, valued: str = "", words: str = "") -> dict[str, str]:
        """Take the options off the words: `flags` stand alone, `valued` have a value.

        `words` are long names and what they stand for: "recursive=r no-target-directory=T". Raises UsageError.
        """
        long = dict(pair.split("=") for pair in words.split())
        given: dict[str, str] = {}
        rest: list[str] = []
        todo = self.words[::-1]
        while todo:
            word = todo.pop()
            if word == "--":
                rest += todo[::-1]
                break
            if word.startswith("--"):
                name, equals, value = word[2:].partition("=")
                if name not in long:
                    raise UsageError(f"unrecognized option: {word[2:]}")
                letters = long[name]
                if letters in valued:
                    given[letters] = value if equals else self._value(letters, todo)
                else:
                    given |= dict.fromkeys(letters, "")
                continue
            if not word.startswith("-") or word == "-":
                rest.append(word)
                continue
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                if letter in valued:
                    given[letter], letters = letters or self._value(letter, todo), ""
                elif letter in flags:
                    given.pop(letter, None)
                    given[letter] = ""  # the last one given is the last one in the dict
                else:
                    raise UsageError(f"unrecognized option: {letter}")
        self.words = rest
        return given

    def _value(self, letter: str, todo: list[str]) -> str:
        if not todo:
            raise UsageError(f"option requires an argument: {letter}")
        return todo.pop()

    async def write(self, data: bytes | str) -> None:
        """Write to standard output."""
        if data:
            await self._asked.stdout.write(data if isinstance(data, bytes) else data.encode("utf-8", "surrogateescape"))

    async def complain(self, text: str) -> None:
        """Write a line to standard error, with the command's name before it; the exit code becomes 1."""
        self.status = 1
        await self.note(f"{self.name}: {text}\n")

    async def note(self, text: str) -> None:
        """Write to standard error."""
        await self._asked.stderr.write(text.encode("utf-8", "surrogateescape"))

    def input(self) -> AsyncIterator[bytes]:
        """Standard input, a piece at a time."""
        return self._asked.stdin  # type: ignore[no-any-return]

    async def run(self) -> int:
        """Run the command to its end; what it cannot do is a line on standard error."""
        module = import_module(f".applets.{COMMANDS[self.name]}", __package__)
        try:
            return int(await module.COMMANDS[self.name](self)) or self.status
        except UsageError as error:
            await self.complain(str(error))
        except BrokenPipeError:
            return 141  # 128 + SIGPIPE: whoever read has read enough
        except OSError as error:
            await self.complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror))
        return 1


class _Text:
    """What a command that does not stream reads from and writes to."""

    def __init__(self, asked: Any) -> None:
        self.name, self.argv, self.env, self.cwd = asked.name, asked.argv, asked.env, asked.cwd
        self.stdin = _once((asked.stdin or "").encode())
        self.stdout, self.stderr = _Pieces(), _Pieces()


class _Pieces(list[bytes]):
    async def write(self, data: bytes) -> None:
        self.append(data)

    def text(self) -> str:
        return b"".join(self).decode("utf-8", "replace")


async def _once(data: bytes) -> AsyncIterator[bytes]:
    if data:
        yield data


def add(bash: Bash, shell: Shell, script: str = "") -> None:
    """Let a Bash have these commands; `script` is what it is going to run."""
    from bashkit import BuiltinResult

    async def stream(asked: Any) -> int:
        return await Call(asked, shell).run()

    async def wait(asked: Any) -> BuiltinResult:
        text = _Text(asked)
        code = await Call(text, shell).run()
        return BuiltinResult(text.stdout.text(), text.stderr.text(), code)

    async def refuse(asked: Any) -> BuiltinResult:
        return BuiltinResult("", f"{asked.name}: not supported in this shell: {REFUSED[asked.name]}\n", 1)

    for name in REFUSED:
        bash.add_builtin(name, refuse)  # type: ignore[attr-defined]  # not in its stubs
    for name in COMMANDS:
        if name == "head" and not _NEEDS_HEAD.search(script):
            continue
        if name in _STREAMING:
            bash.add_command(name, stream)
        else:
            bash.add_builtin(name, wait)  # type: ignore[attr-defined]
