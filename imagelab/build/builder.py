"""Build the stages that the target needs, in order.

Only the stages that the target needs are built. Every step is an image of its own, which is what the cache finds the
next time; only the last one gets a name.

Implements the Dockerfile reference; what each instruction does stands in `instructions`.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import LabError
from ..oci.image import Image
from ..shown import Listing
from ..store.store import Store
from .cache import BuildCache
from .context import Context
from .dockerfile import PREDEFINED, Argument, Dockerfile, Instruction, Stage
from .progress import BuildStage, BuildStep, Built, Quiet, Watcher
from .stage import StageBuild
from .words import MAX_WORD


@dataclass(frozen=True, slots=True)
class Options:
    """What `docker build` is told besides the Dockerfile and the context."""

    args: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    no_cache: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None  # seconds for one RUN


def build(
    store: Store, dockerfile: Dockerfile, context: Context, options: Options, watcher: Watcher | None = None
) -> Built:
    """Build the last stage, or `options.target`, and the stages it needs.

    Raises DockerfileError, with file and line, for a step that cannot be done; what was done before it stays in the
    cache, and no name moves.
    """
    return _Builder(store, dockerfile, context, options, watcher or Quiet()).build()


class _Builder:
    def __init__(
        self, store: Store, dockerfile: Dockerfile, context: Context, options: Options, watcher: Watcher
    ) -> None:
        self.store, self.file, self.context, self.options, self.watcher = store, dockerfile, context, options, watcher
        self.cache = BuildCache(store, [context.place, dockerfile.name], use=not options.no_cache)
        self.settings = f"{store.epoch} {store.os}/{store.architecture}"
        self.timeout = options.timeout
        self.total = 0
        self.globals: dict[str, str] = {}
        self.bases: list[str] = []  # what each stage starts from, variables replaced
        self.proxies = {  # reach RUN undeclared, under both names, and are recorded nowhere
            name: value for key, value in options.args.items() if key.upper() in PREDEFINED
            for name in (key.upper(), key.lower())
        }  # fmt: skip
        self.results: dict[int, Image] = {}
        self.steps: list[BuildStep] = []
        self.used: set[str] = set()

    def build(self) -> Built:
        began, options = time.perf_counter(), self.options
        self.globals = self._global_arguments()
        self.bases = [self._base(stage.source) for stage in self.file.stages]
        stages = self._wanted()
        self.total = sum(1 + len(stage.instructions) for stage in stages)
        try:
            with self.store.blobs.lease():
                for stage in stages:
                    self.results[stage.index] = StageBuild(self, stage).run(
                        options.labels if stage is stages[-1] else {}
                    )
                image = self.results[stages[-1].index]
                if image.digest not in self.store.index.images():  # FROM scratch, and nothing more
                    self.store.add(image)
        finally:
            self.context.finish()
        every = tuple(
            BuildStage(at.index, at.name, tuple(it.text for it in (at.source, *at.instructions)), at in stages)
            for at in self.file.stages
        )
        unused = sorted(set(options.args) - self.used - {n for p in PREDEFINED for n in (p, p.lower())})
        seconds = time.perf_counter() - began
        steps = Listing(self.steps, "steps", numbers=range(1, len(self.steps) + 1))
        return Built(image, steps, every, unused_args=tuple(unused), seconds=seconds)

    def _wanted(self) -> list[Stage]:
        """The target and what it needs, in order; as BuildKit, nothing else is built."""
        if target := self.options.target:
            last = self.file.stage_called(target, len(self.file.stages))
            if last is None:
                raise LabError(f"failed to reach build target {target} in Dockerfile: there is no such stage")
        else:
            last = self.file.stages[-1]
        needed, todo = set(), [last]
        while todo:
            stage = todo.pop()
            if stage.index in needed:
                continue
            needed.add(stage.index)
            names = [it.flag("from") or "" for it in stage.instructions]
            todo += [found for name in names if name and (found := self.file.stage_called(name, stage.index))]
            if below := self.file.base_stage(stage, self.bases[stage.index]):
                todo.append(below)
        return [stage for stage in self.file.stages if stage.index in needed]

    def _base(self, it: Instruction) -> str:
        """What a FROM names, its variables replaced by the ARGs before the first FROM; raises DockerfileError."""
        base = self.file.word(it, it.args[0], self.globals)
        if not base:
            raise it.wrong(f"base name ({it.args[0]}) should not be blank: does an ARG before FROM give it a value?")
        return base

    def _global_arguments(self) -> dict[str, str]:
        """The ARGs before the first FROM, with what --build-arg says."""
        values = dict(_platform_arguments(self.store))
        for it in self.file.arguments:
            values |= {it.name: it.value for it in self.declare(it, values) if it.value is not None}
        return values

    def declare(self, it: Instruction, known: Mapping[str, str]) -> list[Argument]:
        """What an ARG instruction gives each of its names: --build-arg first, then its default, then nothing."""
        declared: list[Argument] = []
        known = dict(known)
        for word in it.args:
            name, equals, written = word.partition("=")
            self.used.add(name)
            default = self.file.word(it, written, known) if equals else None
            value = self.options.args.get(name, default)
            if value is not None and len(value) > MAX_WORD:
                raise it.wrong(f"the value of {name} has {len(value):,} characters: {MAX_WORD:,} are the most")
            declared.append(Argument(name, default, value))
            if value is not None:
                known[name] = value
        return declared


def _platform_arguments(store: Store) -> dict[str, str]:
    names = {"PLATFORM": f"{store.os}/{store.architecture}", "OS": store.os, "ARCH": store.architecture, "VARIANT": ""}
    return {f"{where}{name}": value for where in ("TARGET", "BUILD") for name, value in names.items()}
