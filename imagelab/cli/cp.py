"""`docker cp` and `docker export`: `container:path` is in a container, `-` is a tar, anything else is on this machine.

Follows docker/cli (container/cp.go, export.go), version 20.10.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import BinaryIO

from ..cp.landing import NoOutput, NoSuchPath, NotAFolder, Place, landing, local_source
from ..errors import NotFound
from .archive import stdin_of
from .command import Session, fail, flag, option, verb


@verb("CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH", takes=(2, 2))
@flag("-a", "--archive", help="Archive mode (copy all uid/gid information)")
@flag("-L", "--follow-link", help="Always follow symbol link in SRC_PATH")
def cp(session: Session, args: tuple[str, ...], archive: bool, follow_link: bool) -> None:
    """Copy files/folders between a container and the local filesystem."""
    for place, what in zip(args, ("source", "destination"), strict=True):
        if not place:
            fail(f"{what} can not be empty")
    (source, source_path), (target, target_path) = map(_split, args)
    if source and target:
        fail("copying between containers is not supported")
    if not source and not target:
        fail("must specify at least one container source")
    name = source or target
    try:
        container = session.lab.container(name)
    except NotFound:
        if target and source_path == "-":
            fail(f'destination "{args[1]}" must be a directory')
        path = source_path
        if target:  # docker asks for the folder that it would write to
            path, _ = landing(local_source(source_path, follow_link), Place(target_path, exists=False))
        fail(f"Error: No such container:path: {name}:{path}")
    try:
        if source:
            to = _stdout(session) if target_path == "-" else target_path
            container.copy_out(source_path, to, follow=follow_link)
        else:
            from_ = stdin_of(session) if source_path == "-" else source_path
            container.copy_in(from_, target_path, archive=archive, follow=follow_link)
    except NoSuchPath as error:
        fail(f"Error: No such container:path: {name}:{error.path}")
    except NoOutput as error:
        fail(str(error))
    except NotAFolder:
        fail(f'destination "{args[1]}" must be a directory')


@verb("CONTAINER", takes=(1, 1))
@option("-o", "--output", kind="string", help="Write to a file, instead of STDOUT")
def export(session: Session, args: tuple[str, ...], output: str | None) -> None:
    """Export a container's filesystem as a tar archive."""
    container = session.lab.container(args[0])
    if output is not None and not Path(output).absolute().parent.is_dir():
        fail(f'failed to export container: invalid output path: directory "{Path(output).parent}" does not exist')
    container.export(_stdout(session) if output is None else output)


def _split(place: str) -> tuple[str, str]:
    """A container and a path in it, or "" and a path of this machine, which may start with '.' or '/'."""
    container, colon, path = place.partition(":")
    return ("", place) if not colon or place[:1] in ("/", ".") else (container, path)


def _stdout(session: Session) -> BinaryIO:
    if session.notebook or sys.stdout.isatty():
        fail("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    return sys.stdout.buffer
