"""One stage of a build: each instruction makes the next image from the one before.

Most only write into the config. COPY and ADD add files; RUN runs a program in the files so far and keeps what it did.
What an instruction may refer to, its arguments and the environment so far, is the state of its stage.

Implements the Dockerfile reference; history and config are written as BuildKit writes them (dockerfile2llb/convert.go).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

from ..base_images.images import LABEL, PYTHON, SHELL, find
from ..errors import LabError, NotFound
from ..filesystem.tree import Changes, Tree
from ..filesystem.users import user_of
from ..host.space import FULL, full
from ..oci.image import Image
from ..runtime.program import PATH
from ..store.store import Store
from . import config, copying
from .cache import BuildCache, Inputs, short
from .context import Context
from .dockerfile import PREDEFINED, Argument, Dockerfile, DockerfileError, Instruction, Stage, parse
from .progress import BuildStep, Watcher
from .run import Workspace

COMMENT = "buildkit.dockerfile.v0"

# The words of --platform (containerd's platforms/database.go).
_SYSTEMS = {"aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "plan9", "solaris", "windows"}
_ARCHITECTURES = dict.fromkeys(["x86_64", "x86-64", "amd64"], "amd64") | {"aarch64": "arm64", "arm64": "arm64"}
_ARCHITECTURES |= dict.fromkeys(["armhf", "armel", "arm"], "arm") | {"i386": "386"}
_ARCHITECTURES |= {
    name: name for name in ("386", "loong64", "mips64", "mips64le", "ppc64", "ppc64le", "riscv64", "s390x", "wasm")
}


class Builder(Protocol):
    """What a stage needs of the whole build."""

    store: Store
    file: Dockerfile
    context: Context
    cache: BuildCache
    settings: str
    watcher: Watcher
    steps: list[BuildStep]
    total: int
    timeout: float | None
    results: dict[int, Image]
    globals: dict[str, str]
    bases: list[str]
    proxies: dict[str, str]

    def declare(self, it: Instruction, known: Mapping[str, str]) -> list[Argument]: ...


class StageBuild:
    """One stage on its way: the image so far, and what its instructions may refer to."""

    def __init__(self, builder: Builder, stage: Stage) -> None:
        self.builder, self.stage, self.store = builder, stage, builder.store
        self.image = builder.store.scratch()
        self.cmd_given = self.missed = False
        self.arguments: dict[str, None] = {}  # the names that ARG declared, in order
        self.values: dict[str, str] = {}  # what $NAME means here: ARG and ENV, the later over the earlier

    def run(self, labels: Mapping[str, str]) -> Image:
        """Do all of it; `labels` are those of --label, which come last."""
        with Workspace(self.store.blobs.workplace()) as self.workspace:
            self._from(self.stage.source)
            for number, trigger in enumerate(self._triggers()):
                self._do(trigger, f"{self.stage.index}.onbuild{number}")
            for number, it in enumerate(self.stage.instructions, 1):
                self._do(it, f"{self.stage.index}.{number}")
        if labels:
            self.image = self.image.with_config(None, Labels={**(self.config.get("Labels") or {}), **labels})
        return self.image

    def _triggers(self) -> list[Instruction]:
        """The base image's ONBUILD instructions, which run now and are not inherited further."""
        lines = self.config.get("OnBuild") or []
        self.builder.total += len(lines)
        if lines:
            self.image = self.image.with_config(None, OnBuild=None)
        name = f"ONBUILD of {self.stage.source.args[0]}"
        return parse("\n".join(["FROM scratch", *lines]).encode(), name).stages[0].instructions

    # The step --------------------------------------------------------------------------------------------------

    def _begin(self, it: Instruction) -> BuildStep:
        steps, stage = self.builder.steps, self.stage
        step = BuildStep(len(steps) + 1, self.builder.total, stage.name, it.line, it.text, at=stage.index)
        steps.append(step)
        self.builder.watcher.started(step)
        return step

    def _do(self, it: Instruction, place: str) -> None:
        step = self._begin(it)
        began = time.perf_counter()
        before = self.image
        try:
            if it.name in config.WRITES:
                self._write(it, step, place)
            else:
                getattr(self, "_" + it.name.lower())(it, step, place)
        except DockerfileError:
            raise
        except LabError as error:
            raise it.wrong(f"{error}{self.builder.watcher.unseen()}") from None
        except OSError as error:
            if error.errno in FULL:
                raise it.wrong(full(error, self.builder.store.home)) from None
            raise it.wrong(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")) from error
        step.image, step.seconds = self.image, time.perf_counter() - began
        if len(self.image.layers) > len(before.layers):
            step.size, step.layer = self.image.layers[-1].files_size, len(self.image.layers)
        self.builder.watcher.done(step)

    def _cached(
        self, step: BuildStep, place: str, said: str, make: Callable[[], Image], *,
        files: Callable[[], Mapping[str, str]] | None = None, stamp: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Take a step from the cache, or make it; after one miss, its stage has only misses."""
        cache, parent, settings = self.builder.cache, self.image.digest, self.builder.settings
        stamp = stamp and short(parent, settings, stamp)
        if not self.missed and (found := cache.untouched(place, stamp)):
            self.image, step.hit = found, True
            return
        if files is not None and not cache.tried(parent, said):  # then the sums come free with the packing
            self.image = make()
            inputs = Inputs(parent, said, arguments or {}, files(), settings)
            found, why = None, cache.find(place, inputs, stamp)[1]
        else:
            inputs = Inputs(parent, said, arguments or {}, files() if files else {}, settings)
            found, why = cache.find(place, inputs, stamp)
            if found and self.missed:  # the same bytes came out of a step that was done again
                found, why = None, "an earlier step was done again"
            self.image = found or make()
        step.hit, step.reason = found is not None, why
        self.missed |= found is None
        if found is None:
            cache.remember(inputs, self.image)

    def _stack(self, changes: Changes, said: str, settings: Mapping[str, Any] | None = None) -> Image:
        return self.image.stack(self.store.pack(changes), said, comment=COMMENT, settings=settings)

    def _write(self, it: Instruction, step: BuildStep, place: str) -> None:
        """A step that only writes into the config."""
        said = config.WRITES[it.name](it, self)
        values = config.pairs(it, self) if it.name == "ENV" else {}
        known = (it.text if said.text is None else said.text) + "".join(
            f" without {key}" for key, value in said.settings.items() if value is None
        )
        self._cached(
            step, place, known, lambda: self.image.with_config(said.text, comment=COMMENT, **said.settings)
        )  # fmt: skip
        self.cmd_given |= it.name == "CMD"
        self.values |= values

    # What instructions refer to --------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        return self.image.config.get("config") or {}

    def word(self, it: Instruction, word: str) -> str:
        """One word with its variables replaced, in a JSON form too."""
        return self.builder.file.word(it, word, self.values)

    def several(self, it: Instruction) -> list[str]:
        """All words of an instruction that may give more words than were written."""
        return self.builder.file.expand_all(it, self.values)

    # The instructions ------------------------------------------------------------------------------------------

    def _from(self, it: Instruction) -> None:
        step = self._begin(it)
        name = self.builder.bases[self.stage.index]
        platform = self._platform(it)
        earlier = self.builder.file.base_stage(self.stage, name)
        if name == "scratch":
            self.image = self.store.scratch({"Env": [f"PATH={PATH}"], "WorkingDir": "/"})
        elif earlier is not None:
            self.image, step.needs = self.builder.results[earlier.index], earlier.index
        else:
            step.needs = name
            other = self.builder.file.stage_called(name, len(self.builder.file.stages))
            if other and name.isdecimal():  # which the start of an image's ID could be, too
                raise it.wrong(f"there is no image {name!r} here: FROM finds a stage by its name only, given with AS")
            try:
                self.image = find(self.store, name)
            except NotFound:
                hint = f"load or build it first (imagelab images lists them), or start from {SHELL} or {PYTHON}"
                if other and other.index < self.stage.index:
                    hint = f"the stage of line {other.source.line} is called {other.name!r}, in lower case"
                elif other:
                    hint = f"the stage of that name (line {other.source.line}) does not come before this one"
                raise it.wrong(f"there is no image {name!r} here: {hint}") from None
            except LabError as error:
                raise it.wrong(str(error)) from None
            own = (self.image.os, self.image.architecture)
            if platform and own != platform and LABEL not in (self.config.get("Labels") or {}):
                asks = f"--platform asks for {'/'.join(platform)}"
                raise it.wrong(f"the image {name!r} here is for {'/'.join(own)}, and {asks}")
        self.values = dict(line.partition("=")[::2] for line in self.config.get("Env") or [])
        step.hit, step.image = True, self.image
        self.builder.watcher.done(step)

    def _platform(self, it: Instruction) -> tuple[str, str] | None:
        """The operating system and architecture that FROM --platform asks for; raises DockerfileError."""
        if (flag := it.flag("platform")) is None:
            return None
        text = self.builder.file.word(it, flag, self.builder.globals)
        if not text:
            raise it.wrong(f"empty platform value from expression {flag}: does an ARG before FROM give it a value?")
        parts = text.lower().split("/")
        if len(parts) == 1:
            parts = [parts[0], self.store.architecture] if parts[0] in _SYSTEMS else ["linux", parts[0]]
        parts[1] = _ARCHITECTURES.get(parts[1], parts[1])
        if len(parts) > 3 or parts[0] not in _SYSTEMS or parts[1] not in _ARCHITECTURES.values():
            raise it.wrong(f"failed to parse platform {text!r}: expected one such as linux/amd64")
        return parts[0], parts[1]

    def _arg(self, it: Instruction, step: BuildStep, place: str) -> None:
        said = "ARG"  # as written, not as given: a value counts where it is used, not where it is declared
        for declared in self.builder.declare(it, self.values):
            value = declared.value if declared.value is not None else self.builder.globals.get(declared.name)
            self.arguments[declared.name] = None
            if value is not None:
                self.values[declared.name] = value
            said += f" {declared.name}" + ("" if declared.default is None else f"={declared.default}")
        self._cached(step, place, said, lambda: self.image.with_config(said, comment=COMMENT))

    def _workdir(self, it: Instruction, step: BuildStep, place: str) -> None:
        path = config.workdir(it, self)
        said = f"WORKDIR {path}"

        def make() -> Image:
            settings = {"WorkingDir": path}
            if path == "/":
                return self.image.with_config(said, comment=COMMENT, **settings)
            tree = self.image.tree()
            owner = user_of(self.config.get("User") or "", tree)
            return self._stack(copying.folder(tree, path, owner, self.store.mtime()), said, settings)

        self._cached(step, place, said, make)

    def _copy(self, it: Instruction, step: BuildStep, place: str) -> None:
        *words, target = [self.word(it, word) for word in it.args]
        chown, chmod = (self.word(it, it.flag(f) or "") for f in ("chown", "chmod"))
        flags = "".join(f" --{name}={value}" for name, value in (("chown", chown), ("chmod", chmod)) if value)
        said = f"{it.name} {flags[1:] + ' ' if flags else ''}{' '.join([*words, target])} # buildkit"
        source = self._source(it, step)
        exclude = tuple(pattern for pattern in it.flags.get("exclude", ()) if pattern)
        wanted = copying.Request(
            tuple(words), target, config.directory(target, self.config), chown, chmod, exclude,
            {d.name: self.builder.file.heredoc(it, d, self.values) for d in it.heredocs}, it.name == "ADD",
        )  # fmt: skip
        plan = cache(lambda: copying.plan(wanted, source, self.image.tree(), self.store.mtime()))
        told = repr((said, wanted.directory, exclude, wanted.documents))
        self._cached(
            step, place, said, lambda: self._stack(plan().changes(), said), files=lambda: plan().sums(),
            stamp=source.stamp and source.stamp + told,
        )  # fmt: skip

    _add = _copy

    def _source(self, it: Instruction, step: BuildStep) -> Context:
        name = it.flag("from")
        if not name:
            return self.builder.context
        stage = self.builder.file.stage_called(name, self.stage.index)
        if stage is None and name == "scratch":
            return Context(Tree, "scratch, which holds no files")
        step.needs = name if stage is None else stage.index
        image = self.builder.results[stage.index] if stage else find(self.store, name)
        kind = f"the stage {name!r}" if stage else f"the image {name!r}"
        return Context(image.tree, kind, stamp=image.digest)

    def _run(self, it: Instruction, step: BuildStep, place: str) -> None:
        argv = config.shelled(it, self)
        if it.heredocs and not it.exec_form:
            argv[-1] = _with_heredocs(it, self.builder.file)
        values = {name: self.values.get(name, "") for name in self.arguments}
        prefix = f"|{len(values)} " + "".join(f"{n}={v} " for n, v in values.items()) if values else ""
        said = f"RUN {prefix}{' '.join(argv)} # buildkit"
        seen = {name: value for name, value in values.items() if name.upper() not in PREDEFINED}
        plain = f"RUN {' '.join(argv)} # buildkit"
        env = {"PATH": PATH, **self.builder.proxies, **self.values}
        directory = self.config.get("WorkingDir") or "/"

        def make() -> Image:
            changes = self.workspace.run(
                self.image, argv, env, directory, self.config.get("User") or "", self.builder.timeout,
                lambda stream, data: self.builder.watcher.output(step, stream, data),
            )  # fmt: skip
            made = self._stack(changes, said)
            self.workspace.stays(made)
            return made

        self._cached(step, place, plain, make, arguments=seen)


def _with_heredocs(it: Instruction, file: Dockerfile) -> str:
    """The script of a RUN with heredocs: the document itself, or the command with its documents after it."""
    first = it.heredocs[0]
    if len(it.heredocs) == 1 and re.fullmatch(r"\s*\d*<<-?\s*(['\"]?)[^\s'\"<>|&;]+\1\s*", it.args[0]):
        return file.heredoc(it, first, None)
    return f"{it.args[0]}\n" + "".join(f"{d.content}{d.name}\n" for d in it.heredocs)
