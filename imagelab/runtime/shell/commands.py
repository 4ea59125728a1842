"""The shell's own commands: the table of their names, and `Call`, one call of a command.

A command of ours takes precedence over bashkit's own of the same name. A command is `async def NAME(call: Call) -> int`
in a module of `applets`, which is imported when one of its commands is first called.

Those in `_STREAMING` read and write bytes, a piece at a time, and wait while the pipe that they write to is full. To
such a command bashkit passes its whole standard input, even if it does not read it: in `cat list | while read x; do …`
the loop would end after it. So all other commands are registered as builtins, whose output is text, written at the end.
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
REFUSED = {  # commands of bashkit whose output would be invented
    "df": "the disk is this machine's, not the container's",
    "free": "the memory is this machine's, not the container's",
    "http": "there is no network here",
    "uptime": "the shell ends with its script",
    "watch": "it would run the command only once",
}
_STREAMING = {"cat", "dd", "head", "tail", "tar", "yes"}
# bashkit's head reads a whole file, and a pipe line by line: ours is needed for pipes and endless devices alone.
_NEEDS_HEAD = re.compile(r"\|\s*head\b|\bhead\b[^|;&\n]*/dev/(zero|u?random|full)\b")


@dataclass(frozen=True, slots=True)
class Shell:
    """The state that the commands of one shell share: the files of its root folder, and its user (uid, gid)."""

    files: Files
    user: tuple[int, int] = (0, 0)


class UsageError(Exception):
    """A call with options or operands that the command does not accept."""


class Call:
    """One call of a command: its words, environment, directory and streams."""

    def __init__(self, context: Any, shell: Shell) -> None:
        self.name: str = context.name.rsplit("/", 1)[-1]
        self.words: list[str] = list(context.argv)
        self.env: dict[str, str] = context.env
        self.cwd: str = context.cwd
        self.shell, self.files = shell, shell.files
        self.status = 0
        self._context = context

    def path(self, word: str) -> str:
        """A word as an absolute path; `..` removes the name before it, as the shell's `cd` does."""
        if not word:
            raise OSError(2, "No such file or directory", word)
        return "/" + posixpath.normpath(posixpath.join(self.cwd, word)).strip("/")

    def options(self, flags: str, valued: str = "", words: str = "") -> dict[str, str]:
        """Remove the options from the words and return them: `flags` take no value, `valued` take one.

        `words` maps long names to letters: "recursive=r no-target-directory=T". Raises UsageError.
        """
        long = dict(pair.split("=") for pair in words.split())
        options: dict[str, str] = {}
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
                    options[letters] = value if equals else self._value(letters, todo)
                else:
                    options |= dict.fromkeys(letters, "")
                continue
            if not word.startswith("-") or word == "-":
                rest.append(word)
                continue
            letters = word[1:]
            while letters:
                letter, letters = letters[0], letters[1:]
                if letter in valued:
                    options[letter], letters = letters or self._value(letter, todo), ""
                elif letter in flags:
                    options.pop(letter, None)
                    options[letter] = ""  # so that the dict has the order of their last use
                else:
                    raise UsageError(f"unrecognized option: {letter}")
        self.words = rest
        return options

    def _value(self, letter: str, todo: list[str]) -> str:
        if not todo:
            raise UsageError(f"option requires an argument: {letter}")
        return todo.pop()

    async def write(self, data: bytes | str) -> None:
        """Write to standard output."""
        if data:
            if isinstance(data, str):
                data = data.encode("utf-8", "surrogateescape")
            await self._context.stdout.write(data)

    async def complain(self, text: str) -> None:
        """Write `NAME: text` as a line to standard error; the exit code becomes 1."""
        self.status = 1
        await self.note(f"{self.name}: {text}\n")

    async def note(self, text: str) -> None:
        """Write to standard error."""
        await self._context.stderr.write(text.encode("utf-8", "surrogateescape"))

    def input(self) -> AsyncIterator[bytes]:
        """Standard input, a piece at a time."""
        return self._context.stdin  # type: ignore[no-any-return]

    async def run(self) -> int:
        """Run the command; returns its exit code, and reports errors on standard error."""
        module = import_module(f".applets.{COMMANDS[self.name]}", __package__)
        try:
            return int(await module.COMMANDS[self.name](self)) or self.status
        except UsageError as error:
            await self.complain(str(error))
        except BrokenPipeError:
            return 141  # 128 + SIGPIPE: the reader has closed the pipe
        except OSError as error:
            await self.complain(f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror))
        return 1


class _Text:
    """The streams of a command that does not stream: text in memory."""

    def __init__(self, context: Any) -> None:
        self.name, self.argv, self.env, self.cwd = context.name, context.argv, context.env, context.cwd
        self.stdin = _once((context.stdin or "").encode())
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
    """Register the commands with a Bash; `script` is the one it is going to run."""
    from bashkit import BuiltinResult

    async def stream(context: Any) -> int:
        return await Call(context, shell).run()

    async def collect(context: Any) -> BuiltinResult:
        text = _Text(context)
        code = await Call(text, shell).run()
        return BuiltinResult(text.stdout.text(), text.stderr.text(), code)

    async def refuse(context: Any) -> BuiltinResult:
        return BuiltinResult("", f"{context.name}: not supported in this shell: {REFUSED[context.name]}\n", 1)

    for name in REFUSED:
        bash.add_builtin(name, refuse)  # type: ignore[attr-defined]  # not in its stubs
    for name in COMMANDS:
        if name == "head" and not _NEEDS_HEAD.search(script):
            continue
        if name in _STREAMING:
            bash.add_command(name, stream)
        else:
            bash.add_builtin(name, collect)  # type: ignore[attr-defined]
