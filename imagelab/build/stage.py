"""One stage of a build: each instruction makes the next image from the one before.

Most instructions write only the config. COPY and ADD add files; RUN runs a program in the files so far and keeps what
it changed. Each becomes a `Task`: how to make its image, and what the cache compares first.

Implements the Dockerfile reference; history and config are written as BuildKit writes them (dockerfile2llb/convert.go).
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..base_images.images import Fetch, find
from ..errors import LabError
from ..filesystem.tree import Changes, Tree
from ..filesystem.users import user_of
from ..host.space import FULL, full
from ..oci.image import Image
from ..runtime.program import PATH
from ..store.store import Store
from . import config
from .cache import BuildCache, Inputs
from .context import Context
from .copying import Copy, Plan, folder_changes
from .dockerfile import PREDEFINED, Dockerfile, DockerfileError, Instruction, Stage, parse
from .dockerfile.words import is_url
from .mounts.caches import CacheMounts
from .mounts.prepare import Mounts, Secrets
from .progress import BuildStep, StepLog
from .remote import Download, Remote
from .run import Workspace

COMMENT = "buildkit.dockerfile.v0"  # of every line of the history that BuildKit's Dockerfile frontend writes


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `docker build` that decide what is built."""

    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    no_cache: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds for one RUN
    fetch: Fetch | None = None  # pulls an image, by name and platform ("" for this machine's)
    always: bool = False  # whether images are pulled that are here already
    download: Download | None = None  # writes what a URL has to a file, for ADD
    secrets: Secrets = field(default_factory=dict)  # for RUN --mount=type=secret

    def proxies(self) -> dict[str, str]:
        """The predefined arguments that are set, in upper and in lower case: RUN has them without an ARG."""
        set_ = {key: value for key, value in self.args.items() if key.upper() in PREDEFINED}
        return {name: value for key, value in set_.items() for name in (key.upper(), key.lower())}


@dataclass(frozen=True, slots=True)
class Shared:
    """What all stages of one build share."""

    store: Store
    dockerfile: Dockerfile
    context: Context
    options: Options
    cache: BuildCache
    log: StepLog
    global_args: Mapping[str, str]  # the values of the ARGs before the first FROM
    images: dict[int, Image]  # of the stages that are built, by index

    def image(self, name: str, platform: str = "") -> Image:
        """The image of a name: in the store, a base image, or pulled; raises NotFound, and why it cannot be pulled."""
        return find(self.store, name, self.options.fetch, platform=platform, always=self.options.always)


@dataclass(frozen=True, slots=True)
class Task:
    """What an instruction does to the image of its stage: how to make the next one, and the cache's inputs."""

    text: str  # as in the history, or nearly
    make: Callable[[], Image]
    arguments: Mapping[str, str] = field(default_factory=dict)  # the build arguments it sees
    files: Callable[[], Mapping[str, str]] | None = None  # the sums of the files it reads
    stamp: str = ""  # what stands for `files` as long as their source is unchanged


class StageBuild:
    """A stage while it is built: the image so far, and the variables that its instructions may refer to.

    A stage that continues another, `parent`, has its arguments too.
    """

    def __init__(self, shared: Shared, stage: Stage, base: Image, parent: StageBuild | None = None) -> None:
        self.shared, self.stage, self.store = shared, stage, shared.store
        self.image = base
        self.cmd_set = False  # by a CMD of this stage
        self.missed = False  # the cache did not have a step of this stage
        # the names that ARG declared, in order
        self.arguments: dict[str, None] = dict(parent.arguments) if parent else {}
        # what $NAME means: ARG and ENV, the later over the earlier
        self.values: dict[str, str] = dict(parent.values) if parent else config.variables(self.config)

    @property
    def config(self) -> config.Config:
        """The `config` object of the image so far."""
        return self.image.config.get("config") or {}

    def run(self) -> Image:
        """Build every instruction; raises DockerfileError for one that fails."""
        index = self.stage.index
        with closing(Workspace(self.store.blobs.workplace())) as self.workspace:
            for number, trigger in enumerate(self._triggers()):
                self._step(trigger, f"{index}.onbuild{number}")
            for number, instruction in enumerate(self.stage.instructions, 1):
                self._step(instruction, f"{index}.{number}")
        return self.image

    def _triggers(self) -> list[Instruction]:
        """The base image's ONBUILD instructions, which run now and are not inherited further."""
        lines = self.config.get("OnBuild") or []
        self.shared.log.total += len(lines)
        if lines:
            self.image = self.image.with_config(None, OnBuild=None)
        name = f"ONBUILD of {self.stage.source.args[0]}"
        return parse("\n".join(["FROM scratch", *lines]).encode(), name).stages[0].instructions

    def _step(self, instruction: Instruction, place: str) -> None:
        """Do one instruction; `place` names it in the cache's records."""
        log = self.shared.log
        step = log.begin(self.stage, instruction)
        began, layers = time.perf_counter(), len(self.image.layers)
        try:
            self.image = self._cached(self._task(instruction, step), step, place)
        except DockerfileError:
            raise
        except LabError as error:
            raise instruction.error(f"{error}{log.watcher.unseen()}") from None
        except OSError as error:
            if error.errno in FULL:
                raise instruction.error(full(error, self.store.home)) from None
            where = f": {error.filename}" if error.filename else ""
            raise instruction.error(f"{error.strerror or error}{where}") from error
        step.seconds = time.perf_counter() - began
        if len(self.image.layers) > layers:
            step.size, step.layer = self.image.layers[-1].files_size, len(self.image.layers)
        log.end(step, self.image)

    def _cached(self, task: Task, step: BuildStep, place: str) -> Image:
        """The image of a task, from the cache or made; after one miss, its stage has only misses."""
        cache, parent = self.shared.cache, self.image.digest
        stamp = cache.stamp(parent, task.stamp)
        if not self.missed and (image := cache.untouched(place, stamp)):
            step.hit = True
            return image
        made = None
        if task.files and not cache.tried(parent, task.text):
            made = task.make()  # it is certain to be made, and packing the files gives their sums at no cost
        inputs = Inputs(parent, task.text, task.arguments, task.files() if task.files else {}, cache.settings)
        image, step.reason = cache.find(place, inputs, stamp)
        if image and not made:
            if not self.missed:
                step.hit = True
                return image
            step.reason = "an earlier step was done again"
        self.missed = True
        made = made or task.make()
        cache.remember(inputs, made)
        return made

    # The instructions ------------------------------------------------------------------------------------------

    def _task(self, instruction: Instruction, step: BuildStep) -> Task:
        match instruction.name:
            case "ARG":
                return self._arg(instruction)
            case "WORKDIR":
                return self._workdir(instruction)
            case "COPY" | "ADD":
                return self._copy(instruction, step)
            case "RUN":
                return self._run(instruction, step)
            case _:
                return self._config(instruction)

    def _config(self, instruction: Instruction) -> Task:
        """An instruction that writes only the config."""
        text, settings = config.write(instruction, self.config, self.values, cmd_set=self.cmd_set)
        if instruction.name == "ENV":
            self.values |= config.pairs(instruction, self.values)
        self.cmd_set |= instruction.name == "CMD"
        removed = "".join(f" without {key}" for key, value in settings.items() if value is None)
        return Task(
            (instruction.text if text is None else text) + removed,
            lambda: self.image.with_config(text, comment=COMMENT, **settings),
        )

    def _arg(self, instruction: Instruction) -> Task:
        text = "ARG"  # with the defaults, not the values: a value counts in the RUN that sees it, not here
        for name, default, value in instruction.declared(self.shared.options.args, self.values):
            self.arguments[name] = None
            if (value := self.shared.global_args.get(name) if value is None else value) is not None:
                self.values[name] = value
            text += f" {name}" + ("" if default is None else f"={default}")
        return Task(text, lambda: self.image.with_config(text, comment=COMMENT))

    def _workdir(self, instruction: Instruction) -> Task:
        text, settings = config.write(instruction, self.config, self.values)
        path = settings["WorkingDir"]

        def make() -> Image:
            if path == "/":
                return self.image.with_config(text, comment=COMMENT, **settings)
            tree = self.image.tree()
            owner = user_of(self.config.get("User") or "", tree)
            return self._stack(folder_changes(tree, path, owner, self.store.mtime()), text or "", settings)

        return Task(text or "", make)

    def _copy(self, instruction: Instruction, step: BuildStep) -> Task:
        *sources, target = [instruction.word(word, self.values) for word in instruction.args]
        chown, chmod = (instruction.word(instruction.flag(name) or "", self.values) for name in ("chown", "chmod"))
        parents = "--parents " if instruction.switch("parents") else ""
        flags = parents + "".join(f"--{name}={value} " for name, value in (("chown", chown), ("chmod", chmod)) if value)
        text = f"{instruction.name} {flags}{' '.join([*sources, target])} # buildkit"
        urls = [source for source in sources if instruction.name == "ADD" and is_url(source)]
        checksum = instruction.word(instruction.flag("checksum") or "", self.values)
        if checksum and urls != sources:
            raise instruction.error("--checksum: expected one source, which is a URL (http or https)")
        copy = Copy(
            tuple(source for source in sources if not source.startswith("<<") and source not in urls), target,
            config.directory(target, self.config), chown, chmod,
            exclude=tuple(pattern for pattern in instruction.flags.get("exclude", ()) if pattern),
            documents={d.name: instruction.document(d, self.values) for d in instruction.heredocs},
            remotes=tuple(Remote(url, checksum, self.shared.options.download, self._folder) for url in urls),
            unpacks=instruction.switch("unpack", instruction.name == "ADD"),
            unpacks_remotes=instruction.switch("unpack"),
            parents=instruction.switch("parents"),
        )  # fmt: skip
        source = self._source(instruction.flag("from") or "", step)
        plan = cache(lambda: Plan(copy, source, self.image.tree(), self.store.mtime()))
        return Task(
            text, lambda: self._stack(plan().changes(), text),
            files=lambda: {urls[0]: checksum} if checksum else plan().sums(),
            stamp=f"{source.stamp} {text} {copy}" if source.stamp and not urls else "",
        )  # fmt: skip

    def _folder(self) -> Path:
        return self.store.blobs.workplace()

    def _source(self, name: str, step: BuildStep) -> Context:
        """The files of a stage or image that `from` names, or of the context; raises as `find`."""
        if not name:
            return self.shared.context
        if stage := self.shared.dockerfile.find_stage(name, self.stage.index):
            step.needs = stage.index
            image = self.shared.images[stage.index]
            return Context(image.tree, f"the stage {name!r}", stamp=image.digest)
        if name == "scratch":
            return Context(Tree, "scratch, which holds no files")
        step.needs = name
        image = self.shared.image(name)
        return Context(image.tree, f"the image {name!r}", stamp=image.digest)

    def _run(self, instruction: Instruction, step: BuildStep) -> Task:
        argv = config.argv(instruction, self.config)
        if instruction.heredocs and not instruction.exec_form:
            argv[-1] = _script(instruction)
        command = f"{' '.join(argv)} # buildkit"
        arguments = {name: self.values.get(name, "") for name in self.arguments}
        listed = f"|{len(arguments)} " + "".join(f"{n}={v} " for n, v in arguments.items()) if arguments else ""
        env = {"PATH": PATH, **self.shared.options.proxies(), **self.values}
        directory, user = self.config.get("WorkingDir") or "/", self.config.get("User") or ""
        mounts = Mounts(
            instruction.mounts(self.values), directory, cache(lambda name: self._source(name, step)),
            self.shared.options.secrets, CacheMounts(self.store.home),
        )  # fmt: skip

        def make() -> Image:
            changes = self.workspace.run(
                self.image, argv, env, directory, user, self.shared.options.timeout,
                lambda stream, data: self.shared.log.watcher.output(step, stream, data), mounts,
            )  # fmt: skip
            made = self._stack(changes, f"RUN {listed}{command}")
            self.workspace.holds(made)
            return made

        recorded = {name: value for name, value in arguments.items() if name.upper() not in PREDEFINED}
        flags = "".join(f"--mount={text} " for text in instruction.flags.get("mount", ()))
        return Task(f"RUN {flags}{command}", make, recorded, mounts.files if mounts.binds() else None)

    def _stack(self, changes: Changes, text: str, settings: Mapping[str, Any] | None = None) -> Image:
        return self.image.stack(self.store.pack(changes), text, comment=COMMENT, settings=settings)


def _script(instruction: Instruction) -> str:
    """The script of a RUN with heredocs: the document itself, or the command with its documents after it."""
    command, heredocs = instruction.args[0], instruction.heredocs
    if len(heredocs) == 1 and re.fullmatch(r"\s*\d*<<-?\s*(['\"]?)[^\s'\"<>|&;]+\1\s*", command):
        return instruction.document(heredocs[0], None)
    return f"{command}\n" + "".join(f"{d.content}{d.name}\n" for d in heredocs)
