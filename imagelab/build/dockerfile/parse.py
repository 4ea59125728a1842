"""Dockerfiles: parsed into stages of instructions, and checked before anything is built.

`parse` reads a whole Dockerfile; `parse_instructions` reads instructions that belong to no stage, as `commit --change`
has them. What could not be built is an error with file and line.

Implements the Dockerfile reference. The grammar (continuation lines, heredocs, JSON forms, quotes) is BuildKit's,
ported in the library e2b-dockerfile-utils. Not supported, with an error that names it: ADD of a git
repository, RUN --device. COPY --link is accepted and copies as without it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from difflib import get_close_matches

from e2b_dockerfile_utils import DockerfileInstruction, DockerfileSyntaxError, parse_dockerfile_ast

from . import words
from .instruction import Dockerfile, DockerfileError, Instruction, Stage

# Build arguments that need no ARG, and are recorded neither in the history nor in the cache. Also in lower case.
PREDEFINED = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY")
MAX_BYTES = 1 << 20  # of a Dockerfile
INSTRUCTIONS = (
    "ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD",
    "RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
)  # fmt: skip
MAX_INSTRUCTIONS = 1_000  # each makes an image, whose config repeats the history before it

# The flags that each instruction supports here, and those that only docker supports.
_FLAGS = {
    "FROM": {"platform"}, "RUN": {"mount", "network", "security"},
    "COPY": {"from", "chown", "chmod", "exclude", "link", "parents"},
    "ADD": {"chown", "chmod", "exclude", "link", "checksum", "unpack"},
    "HEALTHCHECK": {"interval", "timeout", "start-period", "start-interval", "retries"},
}  # fmt: skip
_UNSUPPORTED = {"RUN": {"device"}, "ADD": {"keep-git-dir"}}
_SWITCHES = ("link", "parents", "unpack")  # flags that are on without a value
_LEAST_ARGUMENTS = {
    "RUN": 1, "COPY": 2, "ADD": 2, "FROM": 1, "ENV": 1, "ARG": 1, "LABEL": 1, "EXPOSE": 1, "VOLUME": 1, "USER": 1,
    "WORKDIR": 1, "STOPSIGNAL": 1, "SHELL": 1, "HEALTHCHECK": 1, "MAINTAINER": 1,
}  # fmt: skip
_ONE_ARGUMENT = {"USER", "WORKDIR", "STOPSIGNAL", "MAINTAINER"}
_BLANK = " \t\v\f\r"
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*")


def parse(data: bytes, name: str = "Dockerfile") -> Dockerfile:
    """Read and check a whole Dockerfile; raises DockerfileError, with file and line, for what could not be built."""
    instructions, empty_continuations = _read(data, name)
    dockerfile = Dockerfile(name, text=data.decode("utf-8-sig"), empty_continuations=empty_continuations)
    for instruction in instructions:
        if instruction.name == "FROM":
            dockerfile.stages.append(_stage(instruction, len(dockerfile.stages)))
        elif dockerfile.stages:
            _check(instruction)
            dockerfile.stages[-1].instructions.append(instruction)
        elif instruction.name == "ARG":
            dockerfile.arguments.append(instruction)
        else:
            raise instruction.error("no build stage in current context: a Dockerfile begins with FROM")
    if not dockerfile.stages:
        raise DockerfileError(f"{name}: there is no FROM: a Dockerfile names the image it starts from, or scratch")
    _check_stages(dockerfile)
    return dockerfile


def parse_instructions(lines: Sequence[str], name: str, allowed: Sequence[str]) -> list[Instruction]:
    """Read and check instructions that are in no stage, one or more in each of `lines`; raises DockerfileError.

    As docker does, `lines` are joined to one text, so that an instruction may continue on the next line.
    """
    instructions, _ = _read("\n".join(lines).encode("utf-8", "surrogateescape"), name, allowed)
    if not instructions:
        raise DockerfileError(f"{name}: no instruction in it: expected one of {', '.join(allowed)}")
    for instruction in instructions:
        _check(instruction)
    return instructions


def _read(data: bytes, name: str, allowed: Sequence[str] = ()) -> tuple[list[Instruction], tuple[int, ...]]:
    """The instructions of a text, and the lines of empty continuations; with `allowed`, any other is an error."""
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
        meant = get_close_matches(unknown[1].upper(), INSTRUCTIONS, 1) if unknown else []
        suggestion = f" (did you mean {meant[0]}?)" if meant else ""  # as BuildKit says it
        raise DockerfileError(f"{name}:{error.line or 1}: {why}{suggestion}") from None
    if len(tree.instructions) > MAX_INSTRUCTIONS:
        line = tree.instructions[MAX_INSTRUCTIONS].start_line
        raise DockerfileError(f"{name}:{line}: more than {MAX_INSTRUCTIONS:,} instructions: join some")
    for instruction in tree.instructions:
        if allowed and instruction.name not in allowed:
            raise _not_allowed(instruction.name, allowed)
    instructions = [_instruction(instruction, name, tree.escape_token) for instruction in tree.instructions]
    return instructions, tuple(warning.line for warning in tree.warnings if warning.line)


def _not_allowed(name: str, allowed: Sequence[str]) -> DockerfileError:
    return DockerfileError(f"{name.lower()} is not a valid change command: expected one of {', '.join(allowed)}")


def _instruction(parsed: DockerfileInstruction, file: str, escape: str) -> Instruction:
    flags: dict[str, tuple[str | None, ...]] = {}
    for flag in parsed.flags:
        key, equals, value = flag.removeprefix("--").partition("=")
        flags[key] = (*flags.get(key, ()), value if equals else "true" if key in _SWITCHES else None)
    return Instruction(
        parsed.name, tuple(parsed.args), flags, parsed.json, tuple(parsed.heredocs), parsed.original, file,
        parsed.start_line, escape, parsed.end_line or parsed.start_line,
    )  # fmt: skip


def _stage(source: Instruction, index: int) -> Stage:
    _check(source)
    words = source.args
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise source.error("expected 'FROM image' or 'FROM image AS name'")
    name = words[2].lower() if len(words) == 3 else ""
    if name and not _STAGE_NAME.fullmatch(name):
        raise source.error(
            f"{name!r} is not a valid stage name: it starts with a letter and contains only a-z, 0-9, '-', '_', '.'"
        )
    return Stage(index, name, source)


def _check(instruction: Instruction) -> None:
    """Raise DockerfileError for an instruction that could not be built."""
    name, args, error = instruction.name, instruction.args, instruction.error
    for flag, values in instruction.flags.items():
        if flag in _UNSUPPORTED.get(name, ()):
            raise error(f"imagelab does not support --{flag}: leave it out, or build with docker")
        if flag not in _FLAGS.get(name, ()):
            raise error(f"unknown flag: --{flag}")
        if len(values) > 1 and flag not in ("exclude", "mount"):
            raise error(f"duplicate flag: --{flag}")
        if None in values:
            raise error(f"missing a value on flag: --{flag}")
        if flag in _SWITCHES:
            instruction.switch(flag)
    if name == "RUN":
        _check_run(instruction)
    copies = name in ("COPY", "ADD")
    least = _LEAST_ARGUMENTS.get(name, 0)
    if len(args) + (copies and bool(instruction.heredocs) and len(args) > 1) < least:
        raise error(f"requires at least {'one argument' if least == 1 else 'two arguments: sources and a destination'}")
    if name in _ONE_ARGUMENT and len(args) != 1:
        raise error("requires exactly one argument")
    if copies:
        _check_copy(instruction)
    if name == "SHELL" and not instruction.exec_form:
        raise error('SHELL must be a JSON list, such as SHELL ["/bin/sh", "-c"]')
    if name == "ONBUILD":
        _check_trigger(instruction)
    if name == "HEALTHCHECK":
        _check_health(instruction)
    keys = [key for key, _ in instruction.pairs()] if name in ("ENV", "LABEL") else []
    if "" in keys or (name == "ARG" and any(word.startswith("=") for word in args)):
        raise error("a name can't be blank")


def _check_copy(instruction: Instruction) -> None:
    args = instruction.args
    for source in args[:-1]:
        if instruction.name == "COPY" and words.is_url(source):
            raise instruction.error(f"source can't be a URL for COPY: {source}: ADD downloads it")
        if instruction.name == "ADD" and words.is_git(source):
            raise instruction.error(f"imagelab clones no git repository: {source}: clone it, and COPY the folder")
    if not instruction.exec_form and any(c in _BLANK for word in args for c in word):
        if instruction.heredocs:
            raise instruction.error("a path beside a heredoc cannot contain a space: docker splits the line at each")
        flags = [flag for flag in instruction.text.split()[1:] if flag.startswith("--")]
        paths = json.dumps([_unquoted(word, instruction.escape) for word in args], ensure_ascii=False)
        json_form = " ".join([instruction.name, *flags, paths])
        raise instruction.error(
            f"docker splits this line at each space, quoted or not: write it in JSON form: {json_form}"
        )
    stage = instruction.flag("from") or ""
    if "$" in stage:
        raise instruction.error(
            f"--from={stage}: variables are not replaced in --from: give the image a stage of its own, "
            f"'FROM {stage} AS name' with an ARG before the first FROM, and copy with --from=name"
        )


def _check_run(instruction: Instruction) -> None:
    for flag, allowed in (("network", ("default", "none")), ("security", ("sandbox",))):
        if (value := instruction.flag(flag)) not in (None, *allowed):
            raise instruction.error(f"--{flag}={value}: a RUN here has only --{flag}={' or '.join(allowed)}")
    mounts = [text for text in instruction.flags.get("mount", ()) if text]
    if not any("$" in text for text in mounts):
        instruction.mounts({})


def _unquoted(word: str, escape: str) -> str:
    """A word for a JSON form: without quotes and escapes, unless its variables would expand differently without."""
    values = dict.fromkeys(re.findall(r"\w+", word), "value")
    try:
        bare = words.plain(word, escape)
        return bare if words.word(bare, values, escape) == words.word(word, values, escape) else word
    except ValueError:
        return word


def _check_health(instruction: Instruction) -> None:
    kind, command = instruction.args[0].upper(), "".join(instruction.args[1:])
    if kind not in ("CMD", "NONE"):
        raise instruction.error(f"unknown type {instruction.args[0]!r}: expected CMD or NONE")
    if kind == "CMD" and not command:
        raise instruction.error("missing command after CMD")
    if kind == "NONE" and command:
        raise instruction.error("NONE takes no arguments")


def _check_trigger(instruction: Instruction) -> None:
    trigger = instruction.trigger
    name = trigger.split(None, 1)[0].upper() if trigger else ""
    if name in ("", "ONBUILD", "FROM", "MAINTAINER"):
        raise instruction.error(f"{name or 'nothing'} isn't allowed as an ONBUILD trigger")
    try:
        parse(f"FROM scratch\n{trigger}\n".encode(), instruction.file)
    except DockerfileError as error:
        raise instruction.error(str(error).partition(": ")[2]) from None


def _check_stages(dockerfile: Dockerfile) -> None:
    """Raise DockerfileError for a COPY --from or mount that could only mean its own stage or a later one."""
    for stage in dockerfile.stages:
        for instruction in stage.instructions:
            for name in instruction.sources():
                _check_source(dockerfile, stage, instruction, name)


def _check_source(dockerfile: Dockerfile, stage: Stage, instruction: Instruction, name: str) -> None:
    if dockerfile.find_stage(name, stage.index):
        return
    if later := dockerfile.find_stage(name, len(dockerfile.stages)):
        which = "its own stage" if later is stage else f"a later stage (line {later.source.line})"
        raise instruction.error(f"--from={name} is {which}: stages can only copy from those before them")
    if name.isdigit():
        raise instruction.error(f"--from={name}: there is no stage of that number")
