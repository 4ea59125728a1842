"""`docker exec`, `logs`, `diff` and `commit`.

Follows docker/cli (container/exec.go, logs.go, diff.go, commit.go), version 20.10.
"""

from __future__ import annotations

import click

from ..analysis import docker_stores
from ..errors import InvalidReference
from ..oci.reference import Reference
from ..runtime.program import CANNOT_RUN, CannotStart
from ..units import one_line, parse_time
from . import filters, unsupported
from .command import Session, fail, flag, option, say, verb
from .create import named_variable, variables
from .foreground import printer, typed


@verb("CONTAINER COMMAND [ARG...]", takes=(2, None), flags_first=True, instead=unsupported.EXEC)
@option("-e", "--env", kind="list", help="Set environment variables", many=True, read=named_variable)
@option("--env-file", "env_files", kind="list", help="Read in a file of environment variables", many=True)
@flag("-i", "--interactive", help="Keep STDIN open even if not attached")
@option("-w", "--workdir", kind="string", help="Working directory inside the container", default="")
def exec_(
    session: Session, args: tuple[str, ...], env: tuple[str, ...], env_files: tuple[str, ...],
    interactive: bool, workdir: str,
) -> None:  # fmt: skip
    """Run a command in a running container."""
    container = session.busy_lab.container(args[0])
    stdin = typed(session) if interactive else None
    try:
        code = container.exec(
            *args[1:], env=variables(env, env_files), workdir=workdir, input=stdin, output=printer(session)
        )  # fmt: skip
    except CannotStart as error:
        fail(f"Error: exec failed: {error}", max(error.code, CANNOT_RUN))
    click.get_current_context().exit(code)


@verb("CONTAINER", takes=(1, 1), instead=unsupported.LOGS)
@flag("-f", "--follow", help="Follow log output")
@option("--since", kind="string", help="Show logs since timestamp or relative (e.g. 42m for 42 minutes)", default="")
@option("-n", "--tail", kind="string", help="Number of lines to show from the end of the logs", default="all")
@flag("-t", "--timestamps", help="Show timestamps")
@option("--until", kind="string", help="Show logs before a timestamp or relative (e.g. 42m for 42 minutes)", default="")
def logs(
    session: Session, args: tuple[str, ...], follow: bool, since: str, tail: str, timestamps: bool, until: str
) -> None:  # fmt: skip
    """Fetch the logs of a container."""
    first = filters.moment(since, 'invalid value for "since"') if since else None
    last = filters.moment(until, 'invalid value for "until"') if until else None
    write = printer(session)
    container = session.lab.container(args[0])
    for line in container.log(tail=int(tail) if tail.isdecimal() else None, follow=follow):
        when = parse_time(line.time)
        if (first is None or when >= first) and (last is None or when <= last):
            write(line.stream, (f"{line.time} {line.text}" if timestamps else line.text).encode())


@verb("CONTAINER", takes=(1, 1))
def diff(session: Session, args: tuple[str, ...]) -> None:
    """Inspect changes to files or directories on a container's filesystem."""
    say("".join(f"{kind} {one_line(path)}\n" for kind, path in session.lab.container(args[0]).diff()))


@verb("CONTAINER [REPOSITORY[:TAG]]", takes=(1, 2))
@option("-a", "--author", kind="string", help='Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', default="")
@option("-c", "--change", "changes", kind="list", help="Apply Dockerfile instruction to the created image", many=True)
@option("-m", "--message", kind="string", help="Commit message", default="")
@flag("-p", "--pause", help="Accepted for compatibility: the container is not paused", default=None)
def commit(
    session: Session, args: tuple[str, ...], author: str, changes: tuple[str, ...], message: str, pause: bool | None
) -> None:
    """Create a new image from a container's changes."""
    name = args[1] if len(args) > 1 else None
    if name is not None:
        try:
            Reference.parse(name)
        except InvalidReference as error:
            fail(str(error))
    container = session.lab.container(args[0])
    image = container.commit(name, message=message, author=author, changes=changes)
    say(f"{docker_stores.shown_id(image, session.docker)}\n")
