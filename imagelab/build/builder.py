"""Build the stages of a Dockerfile that the target needs, in order.

Every step makes an image of its own, which the cache finds the next time; only the last image gets a name.

Implements the Dockerfile reference for FROM, --target and the ARGs before the first FROM; `stage` does the rest.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..base_images.images import LABEL, PYTHON, SHELL, CannotPull, find
from ..errors import LabError, NotFound
from ..oci.image import Image
from ..oci.reference import Reference
from ..runtime.program import PATH
from ..shown import Listing
from ..store.store import Store
from .cache import BuildCache
from .checks.check import check
from .checks.rules import Warning, settings_of
from .context import Context
from .dockerfile import PREDEFINED, Dockerfile, Instruction, Stage
from .progress import BuildStage, Built, Quiet, StepLog, Watcher
from .stage import Options, Shared, StageBuild

# The words of --platform (containerd's platforms/database.go).
_SYSTEMS = {"aix", "android", "darwin", "freebsd", "linux", "netbsd", "openbsd", "plan9", "solaris", "windows"}
_ARCHITECTURES = {
    **{name: name for name in ("386", "amd64", "arm", "arm64", "loong64", "mips64", "mips64le", "ppc64", "ppc64le")},
    **{name: name for name in ("riscv64", "s390x", "wasm")},
    "x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "armhf": "arm", "armel": "arm", "i386": "386",
}  # fmt: skip


def build(
    store: Store, dockerfile: Dockerfile, context: Context, options: Options, names: Sequence[Reference] = (),
    watcher: Watcher | None = None,
) -> Built:  # fmt: skip
    """Build the last stage, or `options.target`, and the stages it needs; point `names` to its image.

    Raises DockerfileError, with file and line, for a step that cannot be done, and LabError for a target that is not
    there: then no name moves, and the cache keeps the steps that were done.
    """
    began = time.perf_counter()
    global_args = _global_args(store, dockerfile, options)
    settings = settings_of(dockerfile.text)
    if settings.error:
        _no_warnings(check_all(store, dockerfile, context, options))
    bases = [_base_name(stage.source, global_args) for stage in dockerfile.stages]
    stages = _needed(dockerfile, bases, options.target)
    log = StepLog(watcher or Quiet(), sum(1 + len(stage.instructions) for stage in stages))
    cache = BuildCache(store, [context.place, dockerfile.name], use=not options.no_cache)
    shared = Shared(store, dockerfile, context, options, cache, log, global_args, {})
    built: dict[int, StageBuild] = {}
    declared = {word.partition("=")[0] for instruction in dockerfile.arguments for word in instruction.args}
    try:
        with store.blobs.lease():
            for stage in stages:
                parent = dockerfile.base_stage(stage, bases[stage.index])
                base = _base(shared, stage, bases[stage.index])
                one = built[stage.index] = StageBuild(shared, stage, base, built[parent.index] if parent else None)
                image = shared.images[stage.index] = one.run()
                declared |= one.arguments.keys()
            if options.labels:
                labels = (image.config.get("config") or {}).get("Labels") or {}
                image = image.with_config(None, Labels={**labels, **options.labels})
            warnings = check_all(store, dockerfile, context, options)
            if settings.error:
                _no_warnings(warnings)
            if image.digest not in store.index.images():  # FROM scratch, and nothing more
                store.add(image)
            store.point(names, image, "build")
    finally:
        context.save_sums()
    every = tuple(
        BuildStage(stage.index, stage.name, tuple(i.text for i in (stage.source, *stage.instructions)), stage in stages)
        for stage in dockerfile.stages
    )
    unused = (name for name in options.args if name not in declared and name.upper() not in PREDEFINED)
    steps = Listing(log.steps, "steps", numbers=range(1, len(log.steps) + 1))
    return Built(
        image, steps, every, tuple(name.familiar for name in names),
        unused_args=tuple(sorted(unused)), warnings=warnings, seconds=time.perf_counter() - began,
    )  # fmt: skip


def check_all(store: Store, dockerfile: Dockerfile, context: Context, options: Options) -> Listing[Warning]:
    """What BuildKit's checks find in a Dockerfile; base images that are not here are not pulled for it."""

    def base(name: str) -> Image | None:
        with suppress(LabError):
            return find(store, name)
        return None

    global_args = _global_args(store, dockerfile, options)
    bases = [_base_name(stage.source, global_args) for stage in dockerfile.stages]
    warnings = check(
        dockerfile, settings=settings_of(dockerfile.text), global_args=global_args, build_args=options.args, base=base,
        ignore=context.ignore, needed={stage.index for stage in _needed(dockerfile, bases, options.target)},
    )  # fmt: skip
    return Listing(warnings, "warnings")


def _no_warnings(warnings: Sequence[Warning]) -> None:
    if warnings:
        raise LabError(f"lint violation found for rules: {', '.join(sorted({one.rule for one in warnings}))}")


def _global_args(store: Store, dockerfile: Dockerfile, options: Options) -> dict[str, str]:
    """The ARGs before the first FROM, with the values that --build-arg gives, and the platform's arguments."""
    platform = {"PLATFORM": f"{store.os}/{store.architecture}", "OS": store.os, "ARCH": store.architecture}
    platform["VARIANT"] = ""
    values = {f"{side}{name}": value for side in ("TARGET", "BUILD") for name, value in platform.items()}
    for instruction in dockerfile.arguments:
        arguments = instruction.declared(options.args, values)
        values |= {name: value for name, _, value in arguments if value is not None}
    return values


def _base_name(source: Instruction, global_args: Mapping[str, str]) -> str:
    """The image or stage that a FROM names, expanded; raises DockerfileError."""
    name = source.word(source.args[0], global_args)
    if not name:
        raise source.error(
            f"base name ({source.args[0]}) should not be blank: does an ARG before FROM give it a value?"
        )
    return name


def _needed(dockerfile: Dockerfile, bases: Sequence[str], target: str) -> list[Stage]:
    """The target and the stages that it needs, in order; BuildKit builds no others either. Raises LabError."""
    last = dockerfile.find_stage(target, len(dockerfile.stages)) if target else dockerfile.stages[-1]
    if last is None:
        raise LabError(f"failed to reach build target {target} in Dockerfile: there is no such stage")
    needed: set[int] = set()
    queue: list[Stage | None] = [last]
    while queue:
        stage = queue.pop()
        if stage is None or stage.index in needed:
            continue
        needed.add(stage.index)
        names = (name for instruction in stage.instructions for name in instruction.sources())
        queue += [dockerfile.find_stage(name, stage.index) for name in names]
        queue.append(dockerfile.base_stage(stage, bases[stage.index]))
    return [stage for stage in dockerfile.stages if stage.index in needed]


def _base(shared: Shared, stage: Stage, name: str) -> Image:
    """Do a stage's FROM: the image that `name` stands for; raises DockerfileError."""
    store, source = shared.store, stage.source
    step = shared.log.begin(stage, source)
    platform = _platform(source, shared.global_args, store)
    if name == "scratch":
        image = store.scratch({"Env": [f"PATH={PATH}"], "WorkingDir": "/"})
    elif earlier := shared.dockerfile.base_stage(stage, name):
        image, step.needs = shared.images[earlier.index], earlier.index
    else:
        image, step.needs = _find(shared, stage, name, "/".join(platform or ())), name
        own = (image.os, image.architecture)
        made_here = LABEL in ((image.config.get("config") or {}).get("Labels") or {})  # runs on any platform
        if platform and own != platform and not made_here:
            raise source.error(
                f"the image {name!r} here is for {'/'.join(own)}, and --platform asks for {'/'.join(platform)}"
            )
    step.hit = True
    shared.log.end(step, image)
    return image


def _find(shared: Shared, stage: Stage, name: str, platform: str) -> Image:
    """The image of this name: in the store, a base image, or pulled; raises DockerfileError."""
    other = shared.dockerfile.find_stage(name, len(shared.dockerfile.stages))
    if other and name.isdecimal():  # which could also be the start of an image's ID
        raise stage.source.error(f"there is no image {name!r} here: FROM finds a stage by its name only, given with AS")
    try:
        return shared.image(name, platform) if other is None else find(shared.store, name)
    except NotFound as error:
        why = f", and it cannot be pulled: {error.why}" if isinstance(error, CannotPull) else ""
        hint = f"load or build it first (imagelab images lists them), or start from {SHELL} or {PYTHON}"
        if other and other.index < stage.index:
            hint = f"the stage of line {other.source.line} is called {other.name!r}, in lower case"
        elif other:
            hint = f"the stage of that name (line {other.source.line}) does not come before this one"
        raise stage.source.error(f"there is no image {name!r} here{why}: {hint}") from None
    except LabError as error:
        raise stage.source.error(str(error)) from None


def _platform(source: Instruction, global_args: Mapping[str, str], store: Store) -> tuple[str, str] | None:
    """The operating system and architecture that FROM --platform asks for; raises DockerfileError."""
    if (flag := source.flag("platform")) is None:
        return None
    text = source.word(flag, global_args)
    if not text:
        raise source.error(f"empty platform value from expression {flag}: does an ARG before FROM give it a value?")
    parts = text.lower().split("/")
    if len(parts) == 1:
        parts = [parts[0], store.architecture] if parts[0] in _SYSTEMS else ["linux", parts[0]]
    architecture = _ARCHITECTURES.get(parts[1])
    if len(parts) > 3 or parts[0] not in _SYSTEMS or architecture is None:
        raise source.error(f"failed to parse platform {text!r}: expected one such as linux/amd64")
    return parts[0], architecture
