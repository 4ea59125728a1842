"""Check a Dockerfile by BuildKit's rules: nothing is built, and nothing is an error.

Each stage is walked with the variables that it would have, so that words are expanded as in a build. What a rule needs
to know of a base image is asked for with `base`; where the image is not here, the rules that need it are left out.

Follows BuildKit (dockerfile2llb/validations.go, and where convert.go and instructions/parse.go call a rule).
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from e2b_dockerfile_utils import PatternMatcher

from ...base_images.images import LABEL
from ...errors import LabError
from ...oci.image import Image
from ...oci.reference import Reference
from ..dockerfile import Dockerfile, DockerfileError, Instruction, Stage
from ..dockerfile.words import is_git, is_url
from .rules import MESSAGES, CheckSettings, Warning, excerpt

Config = Mapping[str, Any]
_SECRET = re.compile(
    "(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)", re.IGNORECASE
)
_NO_SECRET = re.compile("(?:_|^)(?:public|file|version)(?:_|$)", re.IGNORECASE)
_SPECIAL = re.compile(r"[$'\"\\`]")
_ONCE = ("CMD", "ENTRYPOINT", "HEALTHCHECK")
_EXPANDED = ("ENV", "LABEL", "ADD", "COPY", "WORKDIR", "USER", "VOLUME", "STOPSIGNAL")
_WHOLE_CONTEXT = ("*", "**", "**/*")


def check(
    dockerfile: Dockerfile, *, settings: CheckSettings, global_args: Mapping[str, str], build_args: Mapping[str, str],
    base: Callable[[str], Image | None], ignore: Sequence[str] = (), needed: Collection[int],
) -> list[Warning]:  # fmt: skip
    """What the rules find, by line.

    `global_args` are the arguments before the first FROM and the platform's, with their values; `base` gives the image
    that a FROM names, expanded; `ignore` the lines of .dockerignore; `needed` the
    stages that are built, by index: the instructions of others are only looked at one by one, as BuildKit does.
    """
    checker = _Checker(dockerfile, global_args, build_args, base, ignore)
    checker.run(needed)
    warnings = {one for one in checker.warnings if not settings.skip_all and one.rule not in settings.skip}
    return sorted(warnings)


class _Values(Mapping[str, str]):
    """Variables, which note what was asked for: those that are known, and those that are missing."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = dict(known)
        self.missing: dict[str, None] = {}
        self.read: dict[str, None] = {}

    def __getitem__(self, name: str) -> str:
        (self.read if name in self._known else self.missing)[name] = None
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


class _StageState:
    """What is known of a stage so far, and a stage that continues it begins with."""

    def __init__(self, config: Config | None) -> None:
        config = config or {}
        self.values = dict(line.partition("=")[::2] for line in config.get("Env") or [])
        self.declared: set[str] = set()  # by ARG, with or without a value
        self.shell_set = bool(config.get("Shell"))
        self.workdir_set = False

    def continued(self) -> _StageState:
        state = _StageState(None)
        state.values, state.declared = dict(self.values), set(self.declared)
        state.shell_set, state.workdir_set = self.shell_set, self.workdir_set
        return state


class _Checker:
    def __init__(
        self, dockerfile: Dockerfile, global_args: Mapping[str, str], build_args: Mapping[str, str],
        base: Callable[[str], Image | None], ignore: Sequence[str],
    ) -> None:  # fmt: skip
        self.dockerfile, self.global_args, self.build_args, self.base = dockerfile, global_args, build_args, base
        self.warnings: list[Warning] = []
        self.states: dict[int, _StageState] = {}
        patterns = [line.strip() for line in ignore if line.strip() and not line.startswith("#")]
        self.ignored = [] if any(line.startswith("!") for line in patterns) else patterns

    def say(self, rule: str, instruction: Instruction, *words: str) -> None:
        self._add(rule, instruction.line, instruction.last, *words)

    def _add(self, rule: str, line: int, last: int, *words: str) -> None:
        message, name, text = MESSAGES[rule].format(*words), self.dockerfile.name, self.dockerfile.text
        self.warnings.append(Warning(line, last, rule, message, name, excerpt(text, line, last)))

    def run(self, needed: Collection[int]) -> None:
        """Add all that is found."""
        stages = self.dockerfile.stages
        for line in self.dockerfile.empty_continuations:
            self._add("NoEmptyContinuation", line, line)
        self._casing([one for stage in stages for one in (stage.source, *stage.instructions)])
        names: set[str] = set()
        for stage in stages:
            self._from(stage, names, built=stage.index in needed)
            names.add(stage.name)
            for one in stage.instructions:
                if one.name == "MAINTAINER":
                    self.say("MaintainerDeprecated", one)
            if stage.index in needed:
                self._stage(stage)

    def _casing(self, instructions: Sequence[Instruction]) -> None:
        """Most instructions decide whether all should be in upper or in lower case."""
        words = [one.written for one in instructions]
        lower = sum(word.islower() for word in words) > sum(word.isupper() for word in words)
        for one in instructions:
            if not (one.written.islower() if lower else one.written.isupper()):
                self.say("ConsistentInstructionCasing", one, one.written, "lowercase" if lower else "uppercase")

    # FROM ------------------------------------------------------------------------------------------------------------

    def _from(self, stage: Stage, names: set[str], *, built: bool) -> None:
        source = stage.source
        if len(source.args) == 3:
            word, name = source.args[1:]
            if name != name.lower():
                self.say("StageNameCasing", source, name)
            alike = {source.written.lower(): word.lower(), source.written.upper(): word.upper()}
            if word != alike.get(source.written, word):
                self.say("FromAsCasing", source, source.written, word)
            if stage.name in ("context", "scratch"):
                self.say("ReservedStageName", source, stage.name)
            if stage.name in names:
                self.say("DuplicateStageName", source, stage.name)
        values = _Values(self.global_args)
        name = self._word(source, source.args[0], values)
        self._undeclared(source, values)
        self._default_name(source)
        if written := source.flag("platform"):
            self._platform(stage, written)
        earlier = self.dockerfile.base_stage(stage, name)
        if earlier and earlier.index in self.states:
            self.states[stage.index] = self.states[earlier.index].continued()
        elif name == "scratch":
            self.states[stage.index] = _StageState({"Env": ["PATH="]})
        elif built and (image := self.base(name)):
            self.states[stage.index] = _StageState(image.config.get("config"))
            own, expected = f"{image.os}/{image.architecture}", self.global_args.get("TARGETPLATFORM", "")
            made_here = LABEL in ((image.config.get("config") or {}).get("Labels") or {})  # runs on any platform
            if own != expected and not made_here and not source.flag("platform"):
                self.say("InvalidBaseImagePlatform", source, name, expected, own)

    def _undeclared(self, source: Instruction, values: _Values) -> None:
        for name in values.missing:
            self.say("UndefinedArgInFrom", source, name, _meant(name, "", [*self.global_args]))

    def _default_name(self, source: Instruction) -> None:
        """With no --build-arg, the name must be one too."""
        if "$" not in source.args[0]:
            return
        own = {word.partition("=")[0] for instruction in self.dockerfile.arguments for word in instruction.args}
        values = {name: value for name, value in self.global_args.items() if name not in own}
        try:
            for instruction in self.dockerfile.arguments:
                declared = instruction.declared({}, values)
                values |= {name: value for name, _, value in declared if value is not None}
            Reference.parse(source.word(source.args[0], values))
        except DockerfileError:
            return
        except LabError:
            self.say("InvalidDefaultArgInFrom", source, source.args[0])

    def _platform(self, stage: Stage, written: str) -> None:
        values = _Values(self.global_args)
        platform = self._word(stage.source, written, values)
        self._undeclared(stage.source, values)
        if [*values.read] == ["TARGETPLATFORM"] and platform == self.global_args.get("TARGETPLATFORM"):
            self.say("RedundantTargetPlatform", stage.source, written)
        if not values.read and not values.missing and not any(part in stage.name for part in platform.split("/")[:2]):
            self.say("FromPlatformFlagConstDisallowed", stage.source, platform)

    # The instructions of a stage -------------------------------------------------------------------------------------

    def _stage(self, stage: Stage) -> None:
        state = self.states.get(stage.index)  # None: its base image is not known
        last: dict[str, Instruction] = {}
        for one in stage.instructions:
            values = _Values(state.values if state else {})
            if one.name in _ONCE:
                if one.name in last:
                    self.say("MultipleInstructionsDisallowed", last[one.name], one.written)
                last[one.name] = one
            self._instruction(one, values, state)
            if state:
                for name in [name for name in values.missing if name not in state.declared]:
                    self.say("UndefinedVar", one, name, _meant(name, "$", [*state.values]))
                self._declare(one, values, state)

    def _instruction(self, one: Instruction, values: _Values, state: _StageState | None) -> None:
        if one.name in ("CMD", "ENTRYPOINT") and not one.exec_form and not (state and state.shell_set):
            self.say("JSONArgsRecommended", one, one.written)
        if one.name in ("ENV", "LABEL") and "" in one.args[2::3]:
            self.say("LegacyKeyValueFormat", one, one.written)
        if one.name in ("ENV", "ARG"):
            keys = [key for key, _ in one.pairs()] if one.name == "ENV" else [w.partition("=")[0] for w in one.args]
            for key in keys:
                if _SECRET.search(key) and not _NO_SECRET.search(key):
                    self.say("SecretsUsedInArgOrEnv", one, one.name, key)
        words = [self._word(one, word, values) for word in one.args] if one.name in _EXPANDED else []
        if one.name == "WORKDIR" and not words[0].startswith("/") and not (state and state.workdir_set):
            self.say("WorkdirRelativePath", one, words[0])
        if one.name in ("COPY", "ADD") and not one.flag("from"):
            self._sources(one, words[:-1])
        if one.name == "EXPOSE":
            self._ports(one, values)

    def _declare(self, one: Instruction, values: _Values, state: _StageState) -> None:
        """Note what an instruction changes for those after it."""
        if one.name == "ENV":
            state.values |= {self._word(one, k, values): self._word(one, v, values) for k, v in one.pairs()}
        elif one.name == "ARG":
            for word in one.args:
                name, _, default = word.partition("=")
                state.declared.add(name)
                missing = _Values(state.values)
                value = self.build_args.get(name)
                if value is None and "=" in word:
                    value = self._word(one, default, missing)
                    for other in [other for other in missing.missing if other not in state.declared]:
                        self.say("UndefinedVar", one, other, _meant(other, "$", [*state.values]))
                value = self.global_args.get(name) if value is None else value
                if value is not None:
                    state.values[name] = value
        state.shell_set |= one.name == "SHELL"
        state.workdir_set |= one.name == "WORKDIR"

    def _sources(self, one: Instruction, sources: Sequence[str]) -> None:
        """Sources that .dockerignore excludes, unless it has exceptions, which could be of what is in a folder."""
        if not self.ignored:
            return
        matches = PatternMatcher(list(self.ignored)).matches
        for source in sources:
            if source.startswith("<<") or is_url(source) or is_git(source):
                continue
            path = posixpath.normpath(source)
            if path in (".", "/") and not set(self.ignored) & set(_WHOLE_CONTEXT):
                continue
            if path in (".", "/") or matches(path.lstrip("/")):
                self.say("CopyIgnoredFile", one, one.name.capitalize(), path)

    def _ports(self, one: Instruction, values: _Values) -> None:
        try:
            ports = one.words(values)
        except DockerfileError:
            return
        for port in ports:
            numbers, _, protocol = port.partition("/")
            if protocol != protocol.lower():
                self.say("ExposeProtoCasing", one, port)
            if ":" in numbers:
                self.say("ExposeInvalidFormat", one, port)

    @staticmethod
    def _word(one: Instruction, text: str, values: _Values) -> str:
        """A word expanded, or as it is: the build says what is wrong with it."""
        if not _SPECIAL.search(text):  # as most: it need not go through the lexer
            return text
        try:
            return one.word(text, values)
        except DockerfileError:
            return text


def _meant(name: str, sign: str, names: Sequence[str]) -> str:
    """The suggestion for a mistyped name: the nearest of `names`, less than three changes away (BuildKit's suggest)."""
    distances = {other: _distance(name, other) for other in names if abs(len(other) - len(name)) < 3}
    nearest = min(distances, key=distances.__getitem__, default="")
    return f" (did you mean {sign}{nearest}?)" if nearest and distances[nearest] < 3 else ""


def _distance(one: str, other: str) -> int:
    """Levenshtein's distance: the fewest characters to insert, remove or replace."""
    row: list[int] = [*range(len(other) + 1)]
    for number, a in enumerate(one, 1):
        above, row = row, [number]
        for at, b in enumerate(other):
            row.append(min(above[at + 1] + 1, row[at] + 1, above[at] + (a != b)))
    return row[len(other)]
