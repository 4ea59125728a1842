"""One idea: `container:path` is a place in a container, anything else one on this machine, and `-` is a tar.

Docker's `cp` and `export`. Where a copy lands is told in `containers.transfer`; that a path of a container never means
a file of this machine, in `rooted`.

Follows docker/cli (container/cp.go, export.go), version 20.10.
"""

from __future__ import annotations

import os
import posixpath
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import NotFound
from ..rooted import Root
from .moving import stdin_of
from .verbs import Desk, fail, flag, option, verb

if TYPE_CHECKING:
    from ..containers import Container


@verb("CONTAINER:SRC_PATH DEST_PATH|- | SRC_PATH|- CONTAINER:DEST_PATH", wants=(2, 2))
@flag("-a", "--archive", help="Archive mode (copy all uid/gid information)")
@flag("-L", "--follow-link", help="Always follow symbol link in SRC_PATH")
def cp(desk: Desk, args: tuple[str, ...], archive: bool, follow_link: bool) -> None:
    """Copy files/folders between a container and the local filesystem."""
    (source, source_path), (target, target_path) = map(_split, args)
    if source and target:
        fail("copying between containers is not supported")
    if not source and not target:
        fail("must specify at least one container source")
    try:
        container = desk.lab.container(source or target)
    except NotFound:
        fail(f"Error: No such container:path: {args[0] if source else args[1]}")
    if source:
        _out(desk, container, source_path, target_path, follow_link)
    elif source_path == "-":
        if _kind(container, target_path) != "dir":
            fail(f'destination "{target}:{target_path}" must be a directory')
        container.copy_in(stdin_of(desk), target_path)
    else:
        real = os.path.realpath(source_path) if follow_link else source_path
        above = posixpath.dirname("/" + target_path.strip("/"))
        is_there = _kind(container, target_path) or _kind(container, above, follow=True) == "dir"
        if os.path.lexists(real) and not is_there:
            fail(f"Error: No such container:path: {target}:{above}")
        container.copy_in(real, target_path, archive=archive)


def _out(desk: Desk, container: Container, path: str, to: str, follow: bool) -> None:
    if not _kind(container, path):
        fail(f"Error: No such container:path: {container.name}:{path}")
    if to == "-":
        container.copy_out(path, _stdout(desk))
        return
    above = Path(to.rstrip("/") or "/").absolute().parent
    if not above.is_dir():
        fail(f'invalid output path: directory "{above}" does not exist')
    if follow and _kind(container, path, follow=True):
        to = os.path.join(to, posixpath.basename(path)) if os.path.isdir(to) else to
        path = "/" + Root(container.root).resolve(path)
    container.copy_out(path, to)


@verb("CONTAINER", wants=(1, 1))
@option("-o", "--output", kind="string", help="Write to a file, instead of STDOUT")
def export(desk: Desk, args: tuple[str, ...], output: str | None) -> None:
    """Export a container's filesystem as a tar archive."""
    container = desk.lab.container(args[0])
    if output is not None and not Path(output).absolute().parent.is_dir():
        fail(f'failed to export container: invalid output path: directory "{Path(output).parent}" does not exist')
    container.export(_stdout(desk) if output is None else output)


def _split(place: str) -> tuple[str, str]:
    """A container and a path in it; or no container, and a path here, which may be told by a leading '.' or '/'."""
    container, colon, path = place.partition(":")
    return ("", place) if not colon or place[:1] in ("/", ".") else (container, path)


def _kind(container: Container, path: str, *, follow: bool = False) -> str:
    """What is at a path of a container: "file", "dir", "symlink", "other", or "" for nothing."""
    try:
        with container.files.readable():
            return Root(container.root).kind(path, follow=follow or path.endswith(("/", "/.")))
    except NotFound:
        return ""


def _stdout(desk: Desk) -> BinaryIO:
    if desk.notebook or sys.stdout.isatty():
        fail("cowardly refusing to save to a terminal. Use the -o flag or redirect")
    return sys.stdout.buffer
