"""One idea: a Dockerfile is a list of stages, each a base and the instructions that change it.

`parse` reads one whole and refuses, with file and line, whatever could not be built, before anything is. The grammar
(continuations, heredocs, JSON forms, quotes) is BuildKit's, ported in the library e2b-dockerfile-utils.

Implements the Dockerfile reference. Left out, and refused by name: ADD of a URL or a git repository, RUN --mount,
--network and --security, COPY --link's promise to ignore what lies below, --parents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from e2b_dockerfile_utils import (
    DockerfileHeredoc,
    DockerfileInstruction,
    DockerfileSyntaxError,
    ShellLex,
    chomp_heredoc_content,
    parse_dockerfile_ast,
)  # fmt: skip

from .errors import LabError

PREDEFINED = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")  # and in lower case; never recorded
MAX_BYTES = 1 << 20  # of a Dockerfile
MAX_INSTRUCTIONS = 1_000  # each makes an image of its own, whose config tells all before it

# The flags that each instruction may have here; and those that docker has and imagelab does not.
_FLAGS = {
    "FROM": {"platform"}, "COPY": {"from", "chown", "chmod", "exclude", "link"},
    "ADD": {"chown", "chmod", "exclude", "link"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
}  # fmt: skip
_NOT_DONE = {
    "RUN": {"mount", "network", "security", "device"}, "COPY": {"parents"},
    "ADD": {"checksum", "keep-git-dir", "unpack"},
}  # fmt: skip
_NEEDS = {"RUN": 1, "COPY": 2, "ADD": 2, "FROM": 1, "ENV": 1, "ARG": 1, "LABEL": 1, "EXPOSE": 1, "VOLUME": 1, "USER": 1,
          "WORKDIR": 1, "STOPSIGNAL": 1, "SHELL": 1, "HEALTHCHECK": 1, "MAINTAINER": 1}  # fmt: skip
_ONLY_ONE = {"USER", "WORKDIR", "STOPSIGNAL", "MAINTAINER"}
_REMOTE = re.compile(r"(?:https?|ftp|git|ssh)://|git@|.*\.git(?:#.*)?$")
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


class DockerfileError(LabError):
    """A Dockerfile that cannot be built; the text begins with its name and line."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction as written, continuation lines joined, and where it stands."""

    name: str
    args: tuple[str, ...]
    flags: Mapping[str, tuple[str | None, ...]]  # None for one without a value
    exec_form: bool
    heredocs: tuple[DockerfileHeredoc, ...]
    text: str
    file: str
    line: int

    def wrong(self, why: str) -> DockerfileError:
        """An error that says where this instruction stands."""
        return DockerfileError(f"{self.file}:{self.line}: {self.name}: {why}")

    def flag(self, name: str) -> str | None:
        """The last value given for a flag."""
        return self.flags[name][-1] if self.flags.get(name) else None

    def pairs(self) -> list[tuple[str, str]]:
        """The key and value pairs of an ENV or LABEL, as written."""
        return [(self.args[i], self.args[i + 1]) for i in range(0, len(self.args), 3)]


@dataclass(frozen=True, slots=True)
class Argument:
    """One name that an ARG declares: its default as it reads here, and the value that counts, where there is one."""

    name: str
    default: str | None
    value: str | None


@dataclass(slots=True)
class Stage:
    """A FROM and what follows it."""

    index: int
    name: str
    source: Instruction
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(slots=True)
class Dockerfile:
    """A whole Dockerfile: the ARGs before the first FROM, and the stages."""

    name: str
    escape: str
    arguments: list[Instruction]
    stages: list[Stage]

    def word(self, it: Instruction, word: str, values: Mapping[str, str]) -> str:
        """One word with its variables replaced and its quotes taken off; raises DockerfileError."""
        try:
            return ShellLex(self.escape, env=values, skip_unset_env=False).process_word(word)
        except ValueError as error:
            raise it.wrong(f"failed to process {word!r}: {error}") from None

    def expand_all(self, words: tuple[str, ...], values: Mapping[str, str]) -> list[str]:
        """The same for several words, each of which may become several or none."""
        lex = ShellLex(self.escape, env=values, skip_unset_env=False)
        return [word for text in words for word in lex.process_words(text)]

    def heredoc(self, document: DockerfileHeredoc, values: Mapping[str, str] | None) -> str:
        """The text of a heredoc; its variables are replaced by `values`, if any, unless its name was quoted."""
        text = chomp_heredoc_content(document.content) if document.chomp else document.content
        if not document.expand or values is None:
            return text
        return ShellLex("\\", env=values, skip_unset_env=False, skip_process_quotes=True).process_word(text)

    def stage_called(self, name: str, before: int) -> Stage | None:
        """The stage that COPY --from or FROM means by a name or number, among those before stage `before`."""
        for stage in reversed(self.stages[:before]):
            if name.lower() == stage.name or name == str(stage.index):
                return stage
        return None


def parse(data: bytes, name: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile; raises DockerfileError, with file and line, for anything that could not be built."""
    if len(data) > MAX_BYTES:
        raise DockerfileError(f"{name}: {len(data):,} bytes are too many for a Dockerfile: the limit is {MAX_BYTES:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DockerfileError(f"{name}:{line}: not UTF-8 text, at byte {error.start}") from None
    if "\0" in text:
        raise DockerfileError(f"{name}:{text[: text.index(chr(0))].count(chr(10)) + 1}: a NUL is no text")
    try:
        tree = parse_dockerfile_ast(text.replace("\r\n", "\n"))
    except DockerfileSyntaxError as error:
        why = re.sub(r"^Dockerfile parse error( on line \d+)?: ", "", str(error))
        raise DockerfileError(f"{name}:{error.line or 1}: {why}") from None
    if len(tree.instructions) > MAX_INSTRUCTIONS:
        line = tree.instructions[MAX_INSTRUCTIONS].start_line
        raise DockerfileError(f"{name}:{line}: more than {MAX_INSTRUCTIONS:,} instructions are too many: join some")
    whole = Dockerfile(name, tree.escape_token, [], [])
    for found in tree.instructions:
        instruction = _instruction(found, name)
        if instruction.name == "FROM":
            whole.stages.append(_stage(instruction, len(whole.stages)))
        elif whole.stages:
            _check(instruction)
            whole.stages[-1].instructions.append(instruction)
        elif instruction.name == "ARG":
            whole.arguments.append(instruction)
        else:
            raise instruction.wrong("no build stage in current context: a Dockerfile begins with FROM")
    if not whole.stages:
        raise DockerfileError(
            f"{name}: there is no FROM in it: a Dockerfile names the image it starts from, or scratch"
        )
    _check_stages(whole)
    return whole


def _instruction(found: DockerfileInstruction, file: str) -> Instruction:
    flags: dict[str, tuple[str | None, ...]] = {}
    for written in found.flags:
        key, _, value = written.removeprefix("--").partition("=")
        bare = "true" if key == "link" else None
        flags[key] = (*flags.get(key, ()), value if "=" in written else bare)
    return Instruction(
        found.name, tuple(found.args), flags, found.json, tuple(found.heredocs), found.original, file, found.start_line
    )


def _stage(source: Instruction, index: int) -> Stage:
    _check(source)
    words = source.args
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise source.wrong("expected 'FROM image' or 'FROM image AS name'")
    name = words[2].lower() if len(words) == 3 else ""
    if name and not _STAGE_NAME.fullmatch(name):
        raise source.wrong(
            f"{name!r} is no name for a stage: it starts with a letter, and may hold a-z, 0-9, '-', '_', '.'"
        )
    return Stage(index, name, source)


def _check(it: Instruction) -> None:
    """Refuse what could not be built."""
    for flag in it.flags:
        if flag in _NOT_DONE.get(it.name, ()):
            raise it.wrong(f"imagelab does not do --{flag}: leave it out, or build with docker")
        if flag not in _FLAGS.get(it.name, ()):
            raise it.wrong(f"unknown flag: --{flag}")
        if len(it.flags[flag]) > 1 and flag != "exclude":
            raise it.wrong(f"duplicate flag: --{flag}")
        if None in it.flags[flag]:
            raise it.wrong(f"missing a value on flag: --{flag}")
    least = _NEEDS.get(it.name, 0)
    given = len(it.args) + (1 if it.name in ("COPY", "ADD") and it.heredocs and len(it.args) > 1 else 0)
    if given < least:
        raise it.wrong(
            f"requires at least {'one argument' if least == 1 else 'two arguments: sources and a destination'}"
        )
    if it.name in _ONLY_ONE and len(it.args) != 1:
        raise it.wrong("requires exactly one argument")
    if it.name == "ADD":
        for source in it.args[:-1]:
            if _REMOTE.match(source):
                raise it.wrong(f"imagelab does not fetch {source!r}: download it and COPY the file")
    if it.name == "SHELL" and not it.exec_form:
        raise it.wrong('the shell is written as JSON: SHELL ["/bin/sh", "-c"]')
    if it.name == "ONBUILD":
        _check_trigger(it)
    if it.name == "HEALTHCHECK":
        _check_health(it)
    names = [name for name, _ in it.pairs()] if it.name in ("ENV", "LABEL") else []
    if "" in names or (it.name == "ARG" and any(word.startswith("=") for word in it.args)):
        raise it.wrong("a name can't be blank")


def _check_health(it: Instruction) -> None:
    kind = it.args[0].upper()
    if kind not in ("CMD", "NONE"):
        raise it.wrong(f"unknown type {it.args[0]!r}: expected CMD or NONE")
    if kind == "CMD" and not "".join(it.args[1:]):
        raise it.wrong("missing command after CMD")
    if kind == "NONE" and "".join(it.args[1:]):
        raise it.wrong("NONE takes no arguments")


def _check_trigger(it: Instruction) -> None:
    trigger = it.text.split(None, 1)[1] if len(it.text.split(None, 1)) > 1 else ""
    word = trigger.split(None, 1)[0].upper() if trigger else ""
    if word in ("", "ONBUILD", "FROM", "MAINTAINER"):
        raise it.wrong(f"{word or 'nothing'} isn't allowed as an ONBUILD trigger")
    try:
        parse(f"FROM scratch\n{trigger}\n".encode(), it.file)
    except DockerfileError as error:
        raise it.wrong(str(error).partition(": ")[2]) from None


def _check_stages(whole: Dockerfile) -> None:
    """Refuse a COPY --from that could only mean its own stage or a later one."""
    for stage in whole.stages:
        for it in stage.instructions:
            wanted = (it.flag("from") or "").lower()
            if it.name != "COPY" or not wanted or "$" in wanted or whole.stage_called(wanted, stage.index):
                continue
            for later in whole.stages[stage.index :]:
                if wanted in (later.name, str(later.index)):
                    where = "its own stage" if later is stage else f"a later stage (line {later.source.line})"
                    raise it.wrong(f"--from={wanted} is {where}: stages can only copy from those before them")
            if wanted.isdigit():
                raise it.wrong(f"--from={wanted}: there is no stage of that number")
