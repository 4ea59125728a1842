"""`docker start`, `stop`, `restart`, `rename`, `kill`, `wait`, `rm` and `container prune`.

A command goes on with the other containers after an error; all errors are printed at the end.

Follows docker/cli (container/start.go, stop.go, restart.go, rename.go, kill.go, wait.go, rm.go, prune.go), 20.10.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click

from .. import units
from ..analysis import docker_stores
from ..errors import Conflict, LabError, NotFound
from . import filters, foreground, unsupported
from .command import Session, explain, fail, flag, option, say, verb, whole
from .tags import agreed


@verb("CONTAINER [CONTAINER...]", takes=(1, None), instead=unsupported.START)
@flag("-a", "--attach", help="Attach STDOUT/STDERR and forward signals")
@flag("-i", "--interactive", help="Attach container's STDIN")
def start(session: Session, args: tuple[str, ...], attach: bool, interactive: bool) -> None:
    """Start one or more stopped containers."""
    if attach or interactive:
        if len(args) > 1:
            fail("you cannot start and attach multiple containers at once")
        click.get_current_context().exit(foreground.start(session, session.busy_lab.container(args[0]), interactive))
    errors = _each(args, lambda ref: session.busy_lab.container(ref).start())
    if errors:
        fail("\n".join([*errors.values(), f"Error: failed to start containers: {', '.join(errors)}"]))


@verb("CONTAINER [CONTAINER...]", takes=(1, None))
@option("-t", "--time", "seconds", kind="int", help="Seconds to wait before killing it", default=10, read=whole)
def stop(session: Session, args: tuple[str, ...], seconds: int) -> None:
    """Stop one or more running containers."""
    _all_of(args, lambda ref: session.lab.container(ref).stop(_patience(seconds)))


@verb("CONTAINER [CONTAINER...]", takes=(1, None))
@option("-t", "--time", "seconds", kind="int", help="Seconds to wait before killing it", default=10, read=whole)
def restart(session: Session, args: tuple[str, ...], seconds: int) -> None:
    """Restart one or more containers."""
    _all_of(args, lambda ref: session.busy_lab.container(ref).stop(_patience(seconds)).start())


def _patience(seconds: int) -> float:
    """How long to wait for a program to end: for ever if `seconds` is negative."""
    return float("inf") if seconds < 0 else seconds


@verb("CONTAINER NEW_NAME", takes=(2, 2))
def rename(session: Session, args: tuple[str, ...]) -> None:
    """Rename a container."""
    old, new = map(str.strip, args)
    if not old or not new:
        fail("Error: Neither old nor new names may be empty")
    try:
        session.lab.rename_container(old, new)
    except LabError as error:
        fail(f"{explain(error)}\nError: failed to rename container named {old}")


@verb("CONTAINER [CONTAINER...]", takes=(1, None))
@option("-s", "--signal", "name", kind="string", help="Signal to send to the container", default="KILL")
def kill(session: Session, args: tuple[str, ...], name: str) -> None:
    """Kill one or more running containers."""

    def send(ref: str) -> None:
        try:
            session.lab.container(ref).kill(name or "KILL")
        except (Conflict, NotFound) as error:
            raise type(error)(f"Cannot kill container: {ref}: {error}") from None

    _all_of(args, send)


@verb("CONTAINER [CONTAINER...]", takes=(1, None))
def wait(session: Session, args: tuple[str, ...]) -> None:
    """Block until one or more containers stop, then print their exit codes."""
    _all_of(args, lambda ref: session.lab.container(ref).wait(), line=lambda ref, code: str(code))


@verb("CONTAINER [CONTAINER...]", takes=(1, None), instead=unsupported.RM)
@flag("-f", "--force", help="Force the removal of a running container (uses SIGKILL)")
@flag("-v", "--volumes", help="Remove anonymous volumes associated with the container")
def rm(session: Session, args: tuple[str, ...], force: bool, volumes: bool) -> None:
    """Remove one or more containers."""
    fatal = False

    def remove(ref: str) -> None:
        nonlocal fatal
        try:
            session.lab.container(ref).remove(force, volumes)
        except LabError as error:
            fatal = fatal or not (force and isinstance(error, NotFound))  # with -f, a missing one counts as removed
            if session.docker == "29" and isinstance(error, Conflict):
                raise Conflict(docker_stores.running(ref)) from None
            raise

    if errors := _each(args, remove):
        fail("\n".join(errors.values()), 1 if fatal else 0)


@verb()
@option("--filter", "texts", kind="filter", help="Provide filter values (e.g. 'until=<timestamp>')", many=True)
@flag("-f", "--force", help="Do not prompt for confirmation")
def prune(session: Session, args: tuple[str, ...], texts: tuple[str, ...], force: bool) -> None:
    """Remove all stopped containers."""
    passes = filters.prune_condition(filters.parse(texts, filters.PRUNE))
    warning = "WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] "
    if not force and not agreed(session, warning):
        say("" if session.docker == "29" else f"Total reclaimed space: {units.size(0)}\n")
        return
    removed, freed = session.lab.prune_containers(
        keep=lambda container: not passes(container.labels, container.created)
    )
    if removed:
        say("Deleted Containers:\n" + "".join(f"{id_}\n" for id_ in removed) + "\n")
    say(f"Total reclaimed space: {units.size(freed)}\n")


def _each(
    refs: Iterable[str], act: Callable[[str], object], line: Callable[[str, object], str] = lambda ref, result: ref
) -> dict[str, str]:
    """Act on each and print its line; returns the error messages by reference."""
    errors: dict[str, str] = {}
    for ref in refs:
        try:
            say(f"{line(ref, act(ref))}\n")
        except (LabError, OSError) as error:
            errors[ref] = explain(error)
    return errors


def _all_of(refs: Iterable[str], act: Callable[[str], object], **line: Callable[[str, object], str]) -> None:
    if errors := _each(refs, act, **line):
        fail("\n".join(errors.values()))
