"""`docker create` and `docker run`.

Flags come before the image; the words after it are the container's own command line. A flag for what containers do not
have here (a network, a terminal, more capabilities) is rejected with an error that names the flag.

Follows docker/cli (container/create.go, run.go, opts.go), version 20.10.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import InvalidReference, LabError
from ..golang.quote import go_quoted
from ..oci.reference import Reference
from ..runtime.program import RUNTIMES, CannotStart
from ..volumes.mount import read_mount
from . import foreground, unsupported
from .command import BAD_FLAG, F, Session, complain, fail, flag, option, say, verb

if TYPE_CHECKING:
    from ..containers import Container
    from ..oci.image import Image


def named_variable(text: str) -> str:
    """Check a value of `-e`: NAME or NAME=VALUE; raises ValueError with docker's message."""
    if not text.partition("=")[0]:
        raise ValueError(f"invalid environment variable: {text}")
    return text


def _label(text: str) -> str:
    if not text.partition("=")[0]:
        raise ValueError(f"invalid label '{text}': empty name")
    return text


def _pull_policy(text: str) -> str:
    if text not in ("always", "missing", "never"):
        raise ValueError("expected always, missing or never")
    return text


def _settings(command: F) -> F:
    """The flags that `run` and `create` share."""
    for add in reversed([
        option("--cidfile", kind="string", help="Write the container ID to the file", default=""),
        option("--entrypoint", kind="string", help="Overwrite the default ENTRYPOINT of the image"),
        option("-e", "--env", kind="list", help="Set environment variables", many=True, read=named_variable),
        option("--env-file", "env_files", kind="list", help="Read in a file of environment variables", many=True),
        option("-h", "--hostname", kind="string", help="Container host name", default=""),
        flag("-i", "--interactive", help="Keep STDIN open even if not attached"),
        option("-l", "--label", "labels", kind="list", help="Set meta data on a container", many=True, read=_label),
        option(
            "--mount", "mounts", kind="mount", help="Attach a filesystem mount to the container", many=True,
            read=read_mount,
        ),
        option("--name", kind="string", help="Assign a name to the container", default=""),
        option("--network", "--net", kind="network", help="Accepted: only 'none'", default="none"),
        option("--platform", kind="string", help="Accepted: images have the lab's platform", default=""),
        option(
            "--pull", kind="string", help='Pull image before creating ("always"|"missing"|"never")', default="missing",
            read=_pull_policy,
        ),
        flag("--read-only", help="Mount the container's root filesystem as read only"),
        flag("--rm", help="Automatically remove the container when it exits"),
        option("--runtime", kind="string", help=f"Runtime to use ({', '.join(RUNTIMES)})", default=""),
        option("--tmpfs", kind="list", help="Mount a tmpfs directory", many=True),
        option("-u", "--user", kind="string", help="Username or UID (format: <name|uid>[:<group|gid>])", default=""),
        option("-v", "--volume", "volumes", kind="list", help="Bind mount a volume", many=True),
        option("--volumes-from", kind="list", help="Mount volumes from the specified container(s)", many=True),
        option("-w", "--workdir", kind="string", help="Working directory inside the container", default=""),
    ]):  # fmt: skip
        command = add(command)
    return command


@verb("IMAGE [COMMAND] [ARG...]", takes=(1, None), flags_first=True, instead=unsupported.RUN)
@_settings
def create(session: Session, args: tuple[str, ...], **settings: Any) -> None:
    """Create a new container."""
    say(f"{_created(session, args, **settings).id}\n")


@verb("IMAGE [COMMAND] [ARG...]", takes=(1, None), flags_first=True, instead=unsupported.RUN)
@flag("-d", "--detach", help="Run container in background and print container ID")
@_settings
def run(session: Session, args: tuple[str, ...], detach: bool, rm: bool, **settings: Any) -> None:
    """Run a command in a new container."""
    ctx = click.get_current_context()
    try:
        container = _created(session, args, rm=rm, **settings)
    except LabError as error:
        fail(f"{ctx.find_root().info_name}: {error}\nSee '{ctx.command_path} --help'.", BAD_FLAG)
    if detach:
        say(f"{container.id}\n")
    try:
        if detach:
            container.start()
            return
        code = foreground.start(session, container, settings["interactive"])
    except LabError as error:
        if rm and not container.gone:
            container.remove(force=True)
        fail(f"{ctx.find_root().info_name}: {error}", error.code if isinstance(error, CannotStart) else BAD_FLAG)
    ctx.exit(code)


def _created(
    session: Session, args: tuple[str, ...], *, cidfile: str, env: tuple[str, ...], env_files: tuple[str, ...],
    labels: tuple[str, ...], network: str, platform: str, pull: str, rm: bool, **settings: Any,
) -> Container:  # fmt: skip
    """The new container, its ID in `cidfile`; the other flags are settings of `Lab.create`, whose errors it raises."""
    from ..base_images.images import CannotPull

    if network != "none":
        raise LabError(f"network {network} not found: a container here has no network, which --network none says")
    if platform and not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_.-]+){0,2}", platform):
        why = "cannot parse platform specifier: invalid argument"
        raise LabError(f"error parsing specified platform: {go_quoted(platform)}: {why}")
    settings |= {"env": variables(env, env_files), "remove": rm}
    settings["labels"] = dict(text.partition("=")[::2] for text in labels)

    def fetch(name: str, _: str) -> Image:
        full_name = Reference.parse(name).with_default_tag().familiar
        if pull == "missing":
            complain(f"Unable to find image '{full_name}' locally")
        return _pulled(session, full_name, platform)

    with _id_file(cidfile) as write_id:
        try:
            container = session.busy_lab.create(args[0], *args[1:], pull=pull, fetch=fetch, **settings)
        except CannotPull as error:
            raise error.why from None
        write_id(container.id)
    return container


@contextmanager
def _id_file(path: str) -> Iterator[Callable[[str], object]]:
    """What writes an ID into a new file, which is removed if it is not called; "" is no file. Raises LabError."""
    if not path:
        yield lambda _: None
        return
    try:
        file = open(path, "x", encoding="ascii")  # noqa: SIM115  # before there is a container, as in docker
    except FileExistsError:
        raise LabError(
            f"container ID file found, make sure the other container isn't running or delete {path}"
        ) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise LabError(f"failed to create the container ID file: open {path}: {why}") from None
    written = False
    try:
        with file:
            yield file.write
            written = file.tell() > 0
    finally:
        if not written:
            os.unlink(path)


def _pulled(session: Session, name: str, platform: str) -> Image:
    """Pull an image for a container; what docker prints of it goes to stderr. Raises LabError in docker's words."""
    from .pull import DAEMON, pull_image, words_of

    lines: list[str] = []
    try:
        image = pull_image(session, name, platform=platform, write=lines.append).image
        assert image is not None
        return image
    except InvalidReference:
        raise
    except LabError as error:
        raise LabError(f"{DAEMON}{words_of(error)}") from None
    finally:
        for line in lines[:-1] if lines and "Status:" in "".join(lines) else lines:  # docker leaves out the name
            complain(line.removesuffix("\n"))


def variables(env: Iterable[str], files: Iterable[str]) -> dict[str, str | None]:
    """The variables of some files, and then those of `-e`, which count more; raises LabError for an unreadable file.

    `A=b` has a value; `A` has the one that A has outside, or None, which unsets it.
    """
    texts = [*(line for path in files for line in _env_file(path)), *env]
    pairs = (text.partition("=") for text in texts)
    return {name: value if equals else os.environ.get(name) for name, equals, value in pairs}


def _env_file(path: str) -> list[str]:
    """The variables of a file: one per line, without quotes; lines that start with `#` are comments."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            lines = [line.lstrip() for line in file.read().splitlines()]
    except OSError as error:
        raise LabError(f"open {path}: {(error.strerror or str(error)).lower()}.") from None
    variables = []
    for line in lines:
        name, equals, _ = line.partition("=")
        if not line or line.startswith("#"):
            continue
        if not name or re.search(r"\s", name):
            raise LabError(f"poorly formatted environment: {path}: {line!r} is not NAME=VALUE.")
        if equals or name in os.environ:
            variables.append(line)
    return variables
