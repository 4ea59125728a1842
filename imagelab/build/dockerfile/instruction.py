"""The nouns of a Dockerfile: instructions in stages, as written, and the error that names a line.

An `Instruction` expands its own words, with the variables that it is given.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from e2b_dockerfile_utils import DockerfileHeredoc, chomp_heredoc_content

from ...errors import LabError
from . import words
from .mount import Mount, parse_mount

T = TypeVar("T")


class DockerfileError(LabError):
    """A Dockerfile that cannot be built; the message begins with its name and line."""


class Argument(NamedTuple):
    """One name that an ARG declares: its default, expanded, and its value, which --build-arg may give instead."""

    name: str
    default: str | None
    value: str | None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction as written, with its continuation lines joined, and where it is."""

    name: str
    args: tuple[str, ...]
    flags: Mapping[str, tuple[str | None, ...]]  # every value of each flag, in order; None for a flag without one
    exec_form: bool  # the arguments are a JSON list
    heredocs: tuple[DockerfileHeredoc, ...]
    text: str
    file: str
    line: int
    escape: str = "\\"
    last: int = 0  # its last line, that of a heredoc included

    @property
    def written(self) -> str:
        """Its name as written: RUN, run or Run."""
        return self.text.split(None, 1)[0]

    def error(self, message: str) -> DockerfileError:
        """A DockerfileError for this instruction: its message begins with file, line and name."""
        return DockerfileError(f"{self.file}:{self.line}: {self.name}: {message}")

    def flag(self, name: str) -> str | None:
        """The last value of a flag; None without the flag."""
        return self.flags[name][-1] if self.flags.get(name) else None

    def switch(self, name: str, default: bool = False) -> bool:
        """Whether a flag that is true or false is on; raises DockerfileError for any other value."""
        value = self.flag(name)
        if value not in (None, "true", "false", "1", "0"):
            raise self.error(f"expecting boolean value for flag {name}, not: {value}")
        return default if value is None else value in ("true", "1")

    @property
    def trigger(self) -> str:
        """The instruction that an ONBUILD keeps for later, as written; "" without one."""
        return (self.text.split(None, 1)[1:] or [""])[0]

    def pairs(self) -> list[tuple[str, str]]:
        """The key and value pairs of an ENV or LABEL, as written."""
        return [(self.args[i], self.args[i + 1]) for i in range(0, len(self.args), 3)]

    def declared(self, build_args: Mapping[str, str], values: Mapping[str, str]) -> list[Argument]:
        """The names that an ARG declares; raises DockerfileError."""
        arguments: list[Argument] = []
        values = dict(values)
        for word in self.args:
            name, equals, written = word.partition("=")
            default = self.word(written, values) if equals else None
            value = build_args.get(name, default)
            if value is not None:
                if len(value) > words.MAX_WORD:
                    raise self.error(
                        f"the value of {name} has {len(value):,} characters: {words.MAX_WORD:,} are the most"
                    )
                values[name] = value
            arguments.append(Argument(name, default, value))
        return arguments

    def word(self, text: str, values: Mapping[str, str]) -> str:
        """One of its words with variables replaced and quotes removed; raises DockerfileError."""
        return self._expand(words.word, text, values, self.escape)

    def words(self, values: Mapping[str, str]) -> list[str]:
        """All its arguments, expanded as by `word`; one may become several words, or none."""
        return [word for text in self.args for word in self._expand(words.words, text, values, self.escape)]

    def document(self, heredoc: DockerfileHeredoc, values: Mapping[str, str] | None) -> str:
        """The text of a heredoc, with variables replaced by `values`, if any, unless its delimiter is quoted."""
        text = chomp_heredoc_content(heredoc.content) if heredoc.chomp else heredoc.content
        return text if values is None or not heredoc.expand else self._expand(words.document, text, values)

    def mounts(self, values: Mapping[str, str]) -> list[Mount]:
        """The mounts of a RUN, in order; raises DockerfileError."""
        try:
            texts = self.flags.get("mount", ())
            return [parse_mount(text or "", lambda word: self.word(word, values)) for text in texts]
        except (ValueError, csv.Error) as error:
            raise self.error(f"--mount: {error}") from None

    def sources(self) -> list[str]:
        """The stages or images that it reads: COPY --from, and `from` of RUN --mount."""
        rows = csv.reader(text or "" for text in self.flags.get("mount", ()))
        fields = (field.partition("=") for row in rows for field in row)
        return [name for key, _, name in [("from", "", self.flag("from")), *fields] if key.lower() == "from" and name]

    def _expand(self, expand: Callable[..., T], *args: object) -> T:
        try:
            return expand(*args)
        except ValueError as error:
            raise self.error(str(error)) from None


@dataclass(slots=True)
class Stage:
    """A FROM and the instructions after it."""

    index: int
    name: str  # given with AS, in lower case; "" without
    source: Instruction  # the FROM
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(slots=True)
class Dockerfile:
    """A whole Dockerfile: the ARGs before the first FROM, and the stages."""

    name: str
    arguments: list[Instruction] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    text: str = ""
    empty_continuations: tuple[int, ...] = ()  # lines

    def find_stage(self, name: str, before: int) -> Stage | None:
        """The stage that COPY --from or --target names, by name or number, among those before index `before`."""
        for stage in reversed(self.stages[:before]):
            if name.lower() == stage.name or (name.isdecimal() and int(name[-9:]) == stage.index):
                return stage
        return None

    def base_stage(self, stage: Stage, base: str) -> Stage | None:
        """The earlier stage that a FROM continues, by the name in it, expanded; a number names an image here."""
        return next((other for other in reversed(self.stages[: stage.index]) if base and base == other.name), None)
