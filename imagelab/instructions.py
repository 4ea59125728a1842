"""One idea: each instruction makes the next image from the one before, and knows what it is called in the history.

Most only write into the config. COPY and ADD add files; RUN runs a program in the files so far and keeps what it did.
What an instruction may refer to, its arguments and the environment so far, is the state of its stage.

Implements the Dockerfile reference; history and config are written as BuildKit writes them (dockerfile2llb/convert.go).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from . import copying
from .bases import provide
from .cache import BuildCache, Inputs
from .context import Context
from .dockerfile import PREDEFINED, Argument, Dockerfile, DockerfileError, Instruction, Stage, parse
from .errors import LabError, NotFound
from .gowords import go_list, nanoseconds
from .image import Image
from .progress import BuildStep, Watcher
from .running import Workspace
from .store import Store

COMMENT = "buildkit.dockerfile.v0"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SHELL = ("/bin/sh", "-c")


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
    proxies: dict[str, str]

    def declare(self, it: Instruction, known: Mapping[str, str]) -> list[Argument]: ...


class StageBuild:
    """One stage on its way: the image so far, and what its instructions may refer to."""

    def __init__(self, builder: Builder, stage: Stage) -> None:
        self.builder, self.stage, self.store = builder, stage, builder.store
        self.image = builder.store.scratch()
        self.arguments: dict[str, None] = {}  # the names that ARG declared, in order
        self.values: dict[str, str] = {}  # what $NAME means here: ARG and ENV, the later over the earlier

    def run(self, labels: Mapping[str, str]) -> Image:
        """Do all of it; `labels` are those of --label, which come last."""
        with Workspace(self.store.home / "tmp") as self.workspace:
            self._from(self.stage.source)
            for number, trigger in enumerate(self._triggers()):
                self._do(trigger, f"{self.stage.index}.onbuild{number}")
            for number, it in enumerate(self.stage.instructions, 1):
                self._do(it, f"{self.stage.index}.{number}")
        if labels:
            said = "LABEL " + " ".join(f"{name}={value}" for name, value in labels.items())
            self.image = self._configured(said, Labels={**self._labels(), **labels})
        return self.image

    def _triggers(self) -> list[Instruction]:
        """The base image's ONBUILD instructions, which run now and are not inherited further."""
        lines = self.config.get("OnBuild") or []
        if lines:
            self.image = self.image.with_config("", OnBuild=None)
        name = f"ONBUILD of {self.stage.source.args[0]}"
        return parse("\n".join(["FROM scratch", *lines]).encode(), name).stages[0].instructions

    # The step --------------------------------------------------------------------------------------------------

    def _do(self, it: Instruction, place: str) -> None:
        step = BuildStep(len(self.builder.steps) + 1, self.builder.total, self.stage.name, it.line, it.text)
        self.builder.steps.append(step)
        self.builder.watcher.started(step)
        began = time.perf_counter()
        before = self.image
        try:
            getattr(self, "_" + it.name.lower())(it, step, place)
        except DockerfileError:
            raise
        except LabError as error:
            raise it.wrong(str(error)) from None
        except OSError as error:
            raise it.wrong(f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")) from error
        step.image, step.seconds = self.image, time.perf_counter() - began
        if len(self.image.layers) > len(before.layers):
            step.size = self.image.layers[-1].files_size
        self.builder.watcher.done(step)

    def _cached(
        self, step: BuildStep, place: str, said: str, make: Callable[[], Image], *,
        files: Callable[[], Mapping[str, str]] | None = None, arguments: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """Take a step from the cache, or make it; after one miss, its stage has only misses."""
        cache, parent, settings = self.builder.cache, self.image.digest, self.builder.settings
        if files is not None and not cache.tried(
            parent, said
        ):  # it cannot be there: the sums come free with the packing
            self.image, found, why = make(), None, ""
            inputs = Inputs(parent, said, arguments or {}, files(), settings)
            _, why = cache.find(place, inputs)
        else:
            inputs = Inputs(parent, said, arguments or {}, files() if files else {}, settings)
            found, why = cache.find(place, inputs)
            self.image = found or make()
        step.hit, step.reason = found is not None, why
        if found is None:
            cache.remember(inputs, self.image)

    def _configured(self, said: str, **settings: Any) -> Image:
        return self.image.with_config(said, comment=COMMENT, **settings)

    def _set(self, step: BuildStep, place: str, said: str, **settings: Any) -> None:
        """A step that only writes into the config."""
        self._cached(step, place, said, lambda: self._configured(said, **settings))

    # What instructions refer to --------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        return self.image.config.get("config") or {}

    def _labels(self) -> dict[str, str]:
        return dict(self.config.get("Labels") or {})

    def _word(self, it: Instruction, word: str) -> str:
        return word if it.exec_form else self.builder.file.word(it, word, self.values)

    def _shelled(self, it: Instruction) -> list[str]:
        shell = self.config.get("Shell") or _SHELL
        return list(it.args) if it.exec_form else [*shell, it.args[0] if it.args else ""]

    def _directory(self, path: str) -> str:
        """A path in the image, relative to WORKDIR unless it is absolute; '/' at its end stays."""
        base = self.config.get("WorkingDir") or "/"
        parts: list[str] = []
        for part in (path if path.startswith("/") else f"{base}/{path}").split("/"):
            if part == "..":
                del parts[-1:]
            elif part not in ("", "."):
                parts.append(part)
        return "/" + "/".join(parts)

    # The instructions ------------------------------------------------------------------------------------------

    def _from(self, it: Instruction) -> None:
        step = BuildStep(len(self.builder.steps) + 1, self.builder.total, self.stage.name, it.line, it.text)
        self.builder.steps.append(step)
        self.builder.watcher.started(step)
        name = self.builder.file.word(it, it.args[0], self.builder.globals)
        if not name:
            raise it.wrong(f"base name ({it.args[0]}) should not be blank: does an ARG before FROM give it a value?")
        earlier = self.builder.file.stage_called(name, self.stage.index)
        if name == "scratch":
            self.image = self.store.scratch({"Env": [f"PATH={PATH}"], "WorkingDir": "/"})
        elif earlier is not None and earlier.index in self.builder.results:
            self.image = self.builder.results[earlier.index]
        else:
            try:
                self.image = self._base(name)
            except NotFound:
                raise it.wrong(
                    f"there is no image {name!r} here: load or build it first (imagelab images lists them)"
                ) from None
            except LabError as error:
                raise it.wrong(str(error)) from None
        self.values = dict(line.partition("=")[::2] for line in self.config.get("Env") or [])
        step.hit, step.image = True, self.image
        self.builder.watcher.done(step)

    def _base(self, name: str) -> Image:
        try:
            return self.store.find(name)
        except NotFound:
            if (made := provide(self.store, name)) is None:
                raise
            return made

    def _arg(self, it: Instruction, step: BuildStep, place: str) -> None:
        said = "ARG"  # as written, not as given: a value counts where it is used, not where it is declared
        for declared in self.builder.declare(it, self.values):
            value = declared.value if declared.value is not None else self.builder.globals.get(declared.name)
            self.arguments[declared.name] = None
            if value is not None:
                self.values[declared.name] = value
            said += f" {declared.name}" + ("" if declared.default is None else f"={declared.default}")
        self._set(step, place, said)

    def _env(self, it: Instruction, step: BuildStep, place: str) -> None:
        given = {self._word(it, name): self._word(it, value) for name, value in it.pairs()}
        lines = list(self.config.get("Env") or [])
        for name, value in given.items():
            at = next((i for i, line in enumerate(lines) if line.partition("=")[0] == name), len(lines))
            lines[at : at + 1] = [f"{name}={value}"]
        self.values |= given
        self._set(step, place, "ENV " + " ".join(f"{n}={v}" for n, v in given.items()), Env=lines)

    def _label(self, it: Instruction, step: BuildStep, place: str) -> None:
        given = {self._word(it, name): self._word(it, value) for name, value in it.pairs()}
        said = "LABEL " + " ".join(f"{name}={value}" for name, value in given.items())
        self._set(step, place, said, Labels={**self._labels(), **given})

    def _maintainer(self, it: Instruction, step: BuildStep, place: str) -> None:
        said = f"MAINTAINER {it.args[0]}"
        self._cached(step, place, said, lambda: self.image.with_config(said, comment=COMMENT, author=it.args[0]))

    def _workdir(self, it: Instruction, step: BuildStep, place: str) -> None:
        path = self._directory(self._word(it, it.args[0]))
        said = f"WORKDIR {path}"

        def make() -> Image:
            changes = copying.folder(self.image.tree(), path, self.store.mtime())
            settings = {"WorkingDir": path}
            if path == "/":
                return self._configured(said, **settings)
            return self.image.stack(self.store.pack(changes), said, comment=COMMENT, settings=settings)

        self._cached(step, place, said, make)

    def _user(self, it: Instruction, step: BuildStep, place: str) -> None:
        user = self._word(it, it.args[0])
        self._set(step, place, f"USER {user}", User=user)

    def _stopsignal(self, it: Instruction, step: BuildStep, place: str) -> None:
        signal = self._word(it, it.args[0])
        self._set(step, place, f"STOPSIGNAL {signal}", StopSignal=signal)

    def _shell(self, it: Instruction, step: BuildStep, place: str) -> None:
        self._set(step, place, f"SHELL [{' '.join(it.args)}]", Shell=list(it.args))

    def _cmd(self, it: Instruction, step: BuildStep, place: str) -> None:
        self._set(step, place, f"CMD {go_list(command := self._shelled(it))}", Cmd=command)
        self.cmd_given = True

    def _entrypoint(self, it: Instruction, step: BuildStep, place: str) -> None:
        command = self._shelled(it)
        settings: dict[str, Any] = {"Entrypoint": command}
        if not getattr(self, "cmd_given", False):  # an inherited CMD was meant for another entrypoint
            settings["Cmd"] = None
        self._set(step, place, f"ENTRYPOINT {go_list(command)}", **settings)

    def _expose(self, it: Instruction, step: BuildStep, place: str) -> None:
        ports: dict[str, Any] = {}
        for word in self.builder.file.expand_all(it.args, self.values):
            number, _, protocol = word.partition("/")
            first, _, last = number.partition("-")
            if not first.isdigit() or not (last or first).isdigit() or protocol not in ("", "tcp", "udp", "sctp"):
                raise it.wrong(f"invalid containerPort: {word}")
            for port in range(int(first), int(last or first) + 1):
                ports[f"{port}/{protocol or 'tcp'}"] = {}
        said = f"EXPOSE map[{' '.join(f'{port}:{{}}' for port in sorted(ports))}]"
        self._set(step, place, said, ExposedPorts={**(self.config.get("ExposedPorts") or {}), **ports})

    def _volume(self, it: Instruction, step: BuildStep, place: str) -> None:
        paths = [self._word(it, word) for word in it.args]
        volumes = {**(self.config.get("Volumes") or {}), **{path: {} for path in paths}}
        self._set(step, place, f"VOLUME [{' '.join(paths)}]", Volumes=volumes)

    def _onbuild(self, it: Instruction, step: BuildStep, place: str) -> None:
        trigger = it.text.split(None, 1)[1]
        self._set(step, place, f"ONBUILD {trigger}", OnBuild=[*(self.config.get("OnBuild") or []), trigger])

    def _healthcheck(self, it: Instruction, step: BuildStep, place: str) -> None:
        check: dict[str, Any] = {"Test": ["NONE"]}
        if it.args[0].upper() == "CMD":
            check["Test"] = ["CMD", *it.args[1:]] if it.exec_form else ["CMD-SHELL", it.args[1]]
            for flag, key in (("interval", "Interval"), ("timeout", "Timeout"), ("start-period", "StartPeriod")):
                if value := it.flag(flag):
                    check[key] = _duration(it, flag, value)
            if value := it.flag("retries"):
                check["Retries"] = int(value)
        self._set(step, place, f"HEALTHCHECK {go_list(check['Test'])}", Healthcheck=check)

    def _copy(self, it: Instruction, step: BuildStep, place: str) -> None:
        *words, target = [self._word(it, word) for word in it.args]
        chown, chmod = (self._word(it, it.flag(f) or "") for f in ("chown", "chmod"))
        flags = "".join(f" --{name}={value}" for name, value in (("chown", chown), ("chmod", chmod)) if value)
        said = f"{it.name} {flags[1:] + ' ' if flags else ''}{' '.join([*words, target])} # buildkit"
        source = self._source(it)
        wanted = copying.Request(
            it, tuple(words), target, self._directory(target), chown, chmod, it.flags.get("exclude", ()),
            {d.name: self.builder.file.heredoc(d, self.values) for d in it.heredocs}, it.name == "ADD",
        )  # fmt: skip
        plan = copying.plan(wanted, source, self.image.tree(), self.store.mtime())
        self._cached(
            step, place, said,
            lambda: self.image.stack(self.store.pack(plan.changes()), said, comment=COMMENT),
            files=plan.sums,
        )  # fmt: skip

    _add = _copy

    def _source(self, it: Instruction) -> Context:
        name = self._word(it, it.flag("from") or "")
        if not name:
            return self.builder.context
        stage = self.builder.file.stage_called(name, self.stage.index)
        image = self.builder.results[stage.index] if stage else self.store.find(name)
        return Context(image.tree(), f"image {image.id}")

    def _run(self, it: Instruction, step: BuildStep, place: str) -> None:
        argv = self._shelled(it)
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
            made = self.image.stack(self.store.pack(changes), said, comment=COMMENT)
            self.workspace.stays(made)
            return made

        self._cached(step, place, plain, make, arguments=seen)


def _with_heredocs(it: Instruction, file: Dockerfile) -> str:
    """The script of a RUN with heredocs: the document itself, or the command with its documents after it."""
    first = it.heredocs[0]
    text = file.heredoc(first, {}) if not first.expand else first.content
    if len(it.heredocs) == 1 and it.args[0].strip().startswith("<<"):
        return text
    documents = "".join(f"{d.content}{d.name}\n" for d in it.heredocs)
    return f"{it.args[0]}\n{documents}"


def _duration(it: Instruction, flag: str, text: str) -> int:
    try:
        return nanoseconds(text)
    except ValueError as error:
        raise it.wrong(f"--{flag}: {error}") from None
