"""A Dockerfile is a list of stages, each a base and the instructions that change it.

`parse` reads one whole and refuses, with file and line, whatever could not be built, before anything is;
`parse_instructions` reads instructions that belong to no stage, as `commit --change` has them. The grammar
(continuations, heredocs, JSON forms, quotes) is BuildKit's, ported in the library e2b-dockerfile-utils.

Implements the Dockerfile reference. Left out, and refused by name: ADD of a URL or a git repository, RUN --mount,
--network and --security, COPY --link's promise to ignore what lies below, --parents.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from e2b_dockerfile_utils import (
    DockerfileHeredoc,
    DockerfileInstruction,
    DockerfileSyntaxError,
    chomp_heredoc_content,
    parse_dockerfile_ast,
)  # fmt: skip

from ..errors import LabError
from . import words

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
_BLANK = " \t\v\f\r"
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
            return words.word(word, values, self.escape)
        except ValueError as error:
            raise it.wrong(str(error)) from None

    def expand_all(self, it: Instruction, values: Mapping[str, str]) -> list[str]:
        """The same for all words of an instruction, each of which may become several or none."""
        try:
            return [word for text in it.args for word in words.words(text, values, self.escape)]
        except ValueError as error:
            raise it.wrong(str(error)) from None

    def heredoc(self, it: Instruction, document: DockerfileHeredoc, values: Mapping[str, str] | None) -> str:
        """The text of a heredoc; its variables are replaced by `values`, if any, unless its name was quoted."""
        text = chomp_heredoc_content(document.content) if document.chomp else document.content
        if not document.expand or values is None:
            return text
        try:
            return words.document(text, values)
        except ValueError as error:
            raise it.wrong(str(error)) from None

    def stage_called(self, name: str, before: int) -> Stage | None:
        """The stage that COPY --from or --target means by a name or number, among those before stage `before`."""
        for stage in reversed(self.stages[:before]):
            if name.lower() == stage.name or (name.isdecimal() and int(name[-9:]) == stage.index):
                return stage
        return None

    def base_stage(self, stage: Stage, base: str) -> Stage | None:
        """The earlier stage that a FROM continues; `base` is its word, expanded. A number is an image's name here."""
        return next((other for other in reversed(self.stages[: stage.index]) if base and base == other.name), None)


def parse(data: bytes, name: str = "Dockerfile") -> Dockerfile:
    """Read a Dockerfile; raises DockerfileError, with file and line, for anything that could not be built."""
    escape, instructions = _read(data, name)
    whole = Dockerfile(name, escape, [], [])
    for instruction in instructions:
        if instruction.name == "FROM":
            whole.stages.append(_stage(instruction, len(whole.stages)))
        elif whole.stages:
            _check(instruction, escape)
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


def parse_instructions(lines: Sequence[str], name: str, allowed: Sequence[str]) -> tuple[Dockerfile, list[Instruction]]:
    """Read instructions that stand in no stage, one or more in each of `lines`; raises DockerfileError.

    As docker does, `lines` are joined to one text, so that one may continue the one before it. The Dockerfile has no
    stages; it expands the words.
    """
    escape, instructions = _read("\n".join(lines).encode("utf-8", "surrogateescape"), name, allowed)
    if not instructions:
        raise DockerfileError(f"{name}: no instruction in it: expected one of {', '.join(allowed)}")
    for instruction in instructions:
        _check(instruction, escape)
    return Dockerfile(name, escape, [], []), instructions


def _read(data: bytes, name: str, allowed: Sequence[str] = ()) -> tuple[str, list[Instruction]]:
    """The escape character and the instructions of a text; `allowed`, if any, are the only ones it may have."""
    if len(data) > MAX_BYTES:
        raise DockerfileError(f"{name}: {len(data):,} bytes are too many for a Dockerfile: the limit is {MAX_BYTES:,}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DockerfileError(f"{name}:{line}: not UTF-8 text, at byte {error.start}") from None
    if "\0" in text:
        raise DockerfileError(f"{name}:{text[: text.index(chr(0))].count(chr(10)) + 1}: the text contains a NUL byte")
    try:
        tree = parse_dockerfile_ast(text.replace("\r\n", "\n"))
    except DockerfileSyntaxError as error:
        why = re.sub(r"^Dockerfile parse error( on line \d+)?: ", "", str(error))
        unknown = re.fullmatch(r"unknown instruction: (.*)", why)
        if unknown and allowed:
            raise _not_allowed(unknown[1], allowed) from None
        raise DockerfileError(f"{name}:{error.line or 1}: {why}") from None
    if len(tree.instructions) > MAX_INSTRUCTIONS:
        line = tree.instructions[MAX_INSTRUCTIONS].start_line
        raise DockerfileError(f"{name}:{line}: more than {MAX_INSTRUCTIONS:,} instructions are too many: join some")
    for found in tree.instructions:
        if allowed and found.name not in allowed:
            raise _not_allowed(found.name, allowed)
    return tree.escape_token, [_instruction(found, name) for found in tree.instructions]


def _not_allowed(name: str, allowed: Sequence[str]) -> DockerfileError:
    return DockerfileError(f"{name.lower()} is not a valid change command: expected one of {', '.join(allowed)}")


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
    _check(source, "\\")
    words = source.args
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise source.wrong("expected 'FROM image' or 'FROM image AS name'")
    name = words[2].lower() if len(words) == 3 else ""
    if name and not _STAGE_NAME.fullmatch(name):
        raise source.wrong(
            f"{name!r} is no name for a stage: it starts with a letter, and may hold a-z, 0-9, '-', '_', '.'"
        )
    return Stage(index, name, source)


def _check(it: Instruction, escape: str) -> None:
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
    if it.name in ("COPY", "ADD"):
        _check_copy(it, escape)
    if it.name == "SHELL" and not it.exec_form:
        raise it.wrong('the shell is written as JSON: SHELL ["/bin/sh", "-c"]')
    if it.name == "ONBUILD":
        _check_trigger(it)
    if it.name == "HEALTHCHECK":
        _check_health(it)
    names = [name for name, _ in it.pairs()] if it.name in ("ENV", "LABEL") else []
    if "" in names or (it.name == "ARG" and any(word.startswith("=") for word in it.args)):
        raise it.wrong("a name can't be blank")


def _check_copy(it: Instruction, escape: str) -> None:
    for source in it.args[:-1]:
        if it.name == "ADD" and _REMOTE.match(source):
            raise it.wrong(f"imagelab does not fetch {source!r}: download it and COPY the file")
    if not it.exec_form and any(c in _BLANK for word in it.args for c in word):
        if it.heredocs:
            raise it.wrong("a path beside a heredoc cannot contain a space: docker splits the line at each")
        flags = [flag for flag in it.text.split()[1:] if flag.startswith("--")]
        paths = json.dumps([_unquoted(word, escape) for word in it.args], ensure_ascii=False)
        form = " ".join([it.name, *flags, paths])
        raise it.wrong(f"docker splits this line at each space, quoted or not: write it in JSON form: {form}")
    stage = it.flag("from") or ""
    if "$" in stage:
        raise it.wrong(
            f"--from={stage}: variables are not replaced in --from: give the image a stage of its own, "
            f"'FROM {stage} AS name' with an ARG before the first FROM, and copy with --from=name"
        )


def _unquoted(word: str, escape: str) -> str:
    """A word for a JSON form: without its quotes and escapes, where it means the same without them."""
    known = dict.fromkeys(re.findall(r"\w+", word), "value")
    try:
        bare = words.plain(word, escape)
        return bare if words.word(bare, known, escape) == words.word(word, known, escape) else word
    except ValueError:
        return word


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
            if it.name != "COPY" or not wanted or whole.stage_called(wanted, stage.index):
                continue
            for later in whole.stages[stage.index :]:
                if wanted in (later.name, str(later.index)):
                    where = "its own stage" if later is stage else f"a later stage (line {later.source.line})"
                    raise it.wrong(f"--from={wanted} is {where}: stages can only copy from those before them")
            if wanted.isdigit():
                raise it.wrong(f"--from={wanted}: there is no stage of that number")
