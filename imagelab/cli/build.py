"""`docker build`: prints each step with its cache result and the reason.

Progress goes to stderr, as BuildKit's does, so that stdout holds only the result. On a terminal a step's line is
written when it starts and completed when it ends; otherwise only whole lines are written. A notebook shows a progress
bar; when a program runs the notebook, progress goes to stdout without times, so that the output is the same each time.

Follows docker/cli (image/build.go), version 20.10, and buildx (commands/build.go) for the flags that change nothing.
"""

from __future__ import annotations

import csv
import os
import sys
from functools import partial, reduce
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import units
from ..analysis import docker_stores
from ..build.progress import BuildStep, Quiet, Watcher
from ..errors import InvalidReference
from ..oci.reference import Reference
from .archive import stdin_of
from .check import report
from .command import Checked, F, Session, complain, fail, flag, option, say, verb
from .output import Output, push_all, read_output, write_files
from .unsupported import BUILD

if TYPE_CHECKING:
    from ..oci.image import Image


def _name(text: str) -> str:
    """Check a new image's name; raises ValueError with docker's message."""
    try:
        Reference.parse(text)
    except InvalidReference as error:
        raise ValueError(str(error)) from None
    return text


# Docker's flags that change nothing in the image: limits, which BuildKit mostly ignores, other caches to look in,
# what is done anyway, and attestations, which imagelab does not make. Accepted, and not listed in the help.
_IGNORED_SWITCHES = ("--compress", "--disable-content-trust", "--force-rm", "--load", "--rm", "--stream")
_IGNORED_VALUES = (
    "--cache-from", "--cgroup-parent", "--cpu-period", "--cpu-quota", "--cpuset-cpus", "--cpuset-mems", "--isolation",
    "--memory-swap", "--provenance", "--sbom", "--security-opt", "--shm-size", "--ulimit",
)  # fmt: skip
_IGNORED_SHORT = (("-c", "--cpu-shares"), ("-m", "--memory"))


def _ignored(function: F) -> F:
    """Give a command docker's flags that change nothing."""
    ignore = partial(click.option, hidden=True, expose_value=False)
    flags = [ignore(name, is_flag=True) for name in _IGNORED_SWITCHES]
    flags += [ignore(name, multiple=True) for name in _IGNORED_VALUES]
    flags += [ignore(*names) for names in _IGNORED_SHORT]
    flags += [ignore("--network", type=Checked("string", _network))]
    return reduce(lambda made, add: add(made), flags, function)


def _network(text: str) -> str:
    """Check --network; raises ValueError for one that a RUN does not have."""
    if text not in ("default", "none"):
        raise ValueError("a RUN has no network of this machine: expected default or none")
    return text


def _secret(text: str) -> tuple[str, Path | bytes]:
    """Read --secret: an id, and a file or the bytes of a variable; raises ValueError with buildx's messages."""
    values: dict[str, str] = {}
    for field in next(csv.reader([text]), []):
        key, equals, value = field.partition("=")
        key = {"src": "source"}.get(key.lower(), key.lower())
        if not equals:
            raise ValueError(f"invalid field '{field}' must be a key=value pair")
        if key not in ("type", "id", "source", "env"):
            raise ValueError(f"unexpected key '{key}' in '{field}'")
        values[key] = value
    id, file, name = values.get("id", ""), values.get("source", ""), values.get("env", "")
    if values.get("type", "file") not in ("file", "env"):
        raise ValueError(f'unsupported secret type "{values["type"]}"')
    if not id:
        raise ValueError("secret missing ID")
    if values.get("type") == "env" and not name:
        file, name = "", file
    if not file and not name:
        file, name = ("", id) if id in os.environ else (id, "")
    if name:
        return id, os.environb.get(os.fsencode(name), b"")
    if not os.path.isfile(file):
        raise ValueError(f"failed to stat {file}: no such file")
    return id, Path(file)


@verb("PATH | -", takes=(1, 1), instead=BUILD)
@_ignored
@option("--build-arg", "build_args", kind="list", help="Set build-time variables", many=True)
@flag("--check", help="Check the build configuration: shows what BuildKit's rules find, and builds nothing")
@option("-f", "--file", "file", kind="string", help="Name of the Dockerfile ('-': read it from STDIN)")
@option("--iidfile", kind="string", help="Write the image ID to the file")
@option("--label", "labels", kind="list", help="Set metadata for an image", many=True)
@flag("--no-cache", help="Do not use cache when building the image")
@option(
    "-o", "--output", "outputs", kind="stringArray", many=True, read=read_output,
    help="Output destination: a folder, or type=local,dest=path",
)
@option("--platform", kind="string", help="Accepted for compatibility: images have the lab's platform", default="")
@option("--progress", kind="string", help="How to show the build (auto, plain, tty)", default="auto")
@flag("--pull", help="Always attempt to pull a newer version of the image")
@option(
    "--secret", "secrets", kind="list", many=True, read=_secret,
    help="Secret to expose to the build: id=mysecret,src=/local/secret (or env=VARIABLE)",
)
@flag("--push", help="Push the image's names after the build")
@flag("-q", "--quiet", help="Suppress the build output and print image ID on success")
@option(
    "-t", "--tag", "tags", kind="list", help="Name and optionally a tag in the 'name:tag' format", many=True, read=_name
)
@option("--target", kind="string", help="Set the target build stage to build.", default="")
def build(
    session: Session, args: tuple[str, ...], build_args: tuple[str, ...], check: bool, file: str | None,
    iidfile: str | None, labels: tuple[str, ...], no_cache: bool, outputs: tuple[Output, ...], platform: str,
    progress: str, pull: bool, push: bool, quiet: bool, secrets: tuple[tuple[str, Path | bytes], ...],
    tags: tuple[str, ...], target: str,
) -> None:  # fmt: skip
    """Build an image from a Dockerfile."""
    if progress not in ("auto", "plain", "tty"):
        fail(f"invalid progress value: {progress}")
    if args[0] == "-" and file == "-":
        fail("invalid argument: can't use stdin for both build context and dockerfile")
    if os.path.exists(args[0]) and not os.path.isdir(args[0]):
        where = os.path.abspath(args[0])
        fail(f"unable to prepare context: context must be a directory: {where}: pass a tar on STDIN, with '-'")
    pushes = push or any(output.push for output in outputs)
    if pushes and not tags:
        fail("tag is needed when pushing to registry")
    folders = [output.folder for output in outputs if output.folder]
    if folders and len(folders) == len(outputs) and not push:
        tags = ()  # as in docker: the files are all that is wanted
    context = stdin_of(session) if args[0] == "-" else args[0]
    dockerfile = stdin_of(session).read() if file == "-" else file
    if check:
        report(session.lab.check(context, dockerfile=dockerfile, build_args=_arguments(build_args), target=target))
        return
    built = session.busy_lab.build(
        context,
        tags,
        dockerfile=dockerfile,
        build_args=_arguments(build_args),
        labels={name: value for name, _, value in (label.partition("=") for label in labels)},
        no_cache=no_cache,
        target=target,
        watcher=Quiet() if quiet else _watcher(session, progress),
        fetch=partial(_fetched, session),
        pull="always" if pull else "missing",
        secrets=dict(secrets),
    )
    if built.unused_args and not quiet:
        complain(f"[Warning] One or more build-args [{' '.join(built.unused_args)}] were not consumed")
    if built.warnings and not quiet:
        several = "1 warning" if len(built.warnings) == 1 else f"{len(built.warnings)} warnings"
        lines = [f"\n {several} found (use build --check to expand):", *(f" - {one}" for one in built.warnings), ""]
        show = say if session.notebook else complain  # a notebook paints the error stream red
        show("\n".join(lines))
    id_ = docker_stores.shown_id(built.image, session.docker)
    if iidfile:
        Path(iidfile).write_text(id_)
    for folder in folders:
        write_files(built.image, folder)
    if quiet:
        say(f"{id_}\n")
    else:
        say("".join([f"Successfully built {id_.short}\n", *(f"Successfully tagged {tag}\n" for tag in built.tags)]))
    if pushes:
        push_all(built.tags)


def _fetched(session: Session, name: str, platform: str) -> Image:
    """Pull a base image, without a word: the build's own lines say what it does."""
    from .pull import access_of

    image = session.lab.pull(name, platform=platform or None, access=access_of(session)).image
    assert image is not None
    return image


def _arguments(build_args: tuple[str, ...]) -> dict[str, str]:
    """`--build-arg A=b`, or `--build-arg A` for the value that A has in the environment."""
    values = {}
    for argument in build_args:
        name, equals, value = argument.partition("=")
        if equals or name in os.environ:
            values[name] = value if equals else os.environ[name]
    return values


def _watcher(session: Session, progress: str) -> Watcher:
    """The progress display: a bar in a notebook with a frontend, otherwise lines of text."""
    if progress == "auto" and session.notebook:
        from ..widgets.build_progress import BuildProgress, is_watched

        if is_watched():
            return BuildProgress(opened=True)
        if not sys.stderr.isatty():
            return Story(live=False, output=True)
    return Story(live=progress == "tty" or (progress == "auto" and sys.stderr.isatty()))


class Story(Watcher):
    """Prints a build's progress on stderr; with `output`, as part of a notebook, on stdout and without times."""

    def __init__(self, *, live: bool, output: bool = False) -> None:
        self._live, self._output = live, output
        self._open = ""

    def started(self, step: BuildStep) -> None:
        """Write the line that `done` completes, on a terminal."""
        if self._live:
            self._open = _head(step)
            sys.stderr.write(units.harmless(self._open))
            sys.stderr.flush()

    def output(self, step: BuildStep, stream: str, data: bytes) -> None:
        """Write a program's output, line by line, under its step."""
        if self._open:
            sys.stderr.write("\n")
            self._open = ""
        for line in data.decode("utf-8", "replace").splitlines():
            self._line(f"  | {line}")

    def done(self, step: BuildStep) -> None:
        """Write the step's result."""
        line = f"{_head(step)}  {_outcome(step, times=not self._output)}".rstrip()
        if self._open:
            sys.stderr.write("\r")
            self._open = ""
        self._line(line)

    def _line(self, text: str) -> None:
        if self._output:
            say(f"{text}\n")
        else:
            complain(text)


def _head(step: BuildStep) -> str:
    stage = f"{step.stage} " if step.stage else ""
    return f"[{stage}{step.number}/{step.total}] {units.ellipsis(' '.join(step.instruction.split()), 60)}"


def _outcome(step: BuildStep, *, times: bool) -> str:
    if step.cache != "MISS":
        return "CACHED" if step.cache else ""
    size = units.size(step.size) if step.size else ""
    done = ", ".join(word for word in (f"done in {step.seconds:.1f}s" if times else "", size) if word)
    return f"{done} (not cached: {step.reason})".strip()
