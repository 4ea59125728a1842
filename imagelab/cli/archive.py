"""`docker save`, `load` and `import`, and imagelab's own `append`, which adds a layer to an image.

Follows docker/cli (image/save.go, image/load.go, image/import.go), version 20.10.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any, BinaryIO

from ..analysis import docker_stores
from ..errors import InvalidReference
from ..oci.reference import Reference
from .command import Session, complain, explain, fail, flag, option, say, verb

_UNITS = {"": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}


@verb("IMAGE [IMAGE...]", takes=(1, None))
@option("-o", "--output", kind="string", help="Write to a file, instead of STDOUT")
def save(session: Session, args: tuple[str, ...], output: str | None) -> None:
    """Save one or more images to a tar archive (streamed to STDOUT by default)."""
    if output is None:
        if session.notebook or sys.stdout.isatty():
            fail("cowardly refusing to save to a terminal. Use the -o flag or redirect")
        session.lab.save(args, sys.stdout.buffer)
        return
    folder = os.path.dirname(os.path.abspath(output))
    if not os.path.isdir(folder):
        fail(f'failed to save image: invalid output path: directory "{folder}" does not exist')
    session.lab.save(args, output)


@verb()
@option("-i", "--input", "path", kind="string", help="Read from tar archive file, instead of STDIN")
@option("--limit", kind="bytes", help="Reject archives that expand to more than this, e.g. 500m (default 32g)")
@option("--limit-entries", "entries", kind="number", help="Reject archives with more files than this (default 300000)")
@option("--ref", kind="string", help="Load only the image of this tag, name or ID")
@flag("-q", "--quiet", help="Suppress the load output")
def load(
    session: Session, args: tuple[str, ...], path: str | None, limit: str | None, entries: str | None, ref: str | None,
    quiet: bool,
) -> None:  # fmt: skip
    """Load an image from a tar archive or STDIN."""
    options = {} if limit is None else {"limit": _bytes(limit)}
    if entries is not None:
        if not entries.isdigit() or not int(entries):
            fail(f'invalid argument "{entries}" for "--limit-entries" flag: expected a whole number of 1 or more')
        options["limit_entries"] = int(entries)
    images = session.lab.load(_readable(path) if path is not None else stdin_of(session), ref=ref, **options)
    for loaded in images:
        for name, old in loaded.renamed:
            say(f"The image {name.familiar} already exists, renaming the old one with ID {old} to empty string\n")
        for name in loaded.names:
            say(f"Loaded image: {name.familiar}\n")
        if not loaded.names:
            say(f"Loaded image ID: {docker_stores.shown_id(loaded.image, session.docker)}\n")
    for left in images.left:
        complain(f"Passed over: {left}")


@verb("file|- [REPOSITORY[:TAG]]", takes=(1, 2))
@option("-c", "--change", "changes", kind="list", help="Apply Dockerfile instruction to the created image", many=True)
@option("--limit", kind="bytes", help="Reject archives that expand to more than this, e.g. 500m (default 32g)")
@option("-m", "--message", kind="string", help="Set commit message for imported image", default="")
def import_(session: Session, args: tuple[str, ...], changes: tuple[str, ...], limit: str | None, message: str) -> None:
    """Import the contents from a tarball to create a filesystem image."""
    source, target = args[0], args[1] if len(args) > 1 else None
    if re.match(r"https?://", source):
        fail("Error: importing from a URL is not supported: download it first, and import the file")
    if target is not None:
        try:
            Reference.parse(target)
        except InvalidReference as error:
            fail(str(error))
    options: dict[str, Any] = {} if limit is None else {"limit": _bytes(limit)}
    opened = stdin_of(session) if source == "-" else _readable(source)
    image = session.lab.import_(opened, target, message=message, changes=changes, **options)
    say(f"{docker_stores.shown_id(image, session.docker)}\n")


@verb("IMAGE CONTENT", takes=(2, 2))
@option("-t", "--tag", "name", kind="string", help="Name for the new image, and optionally a tag, as 'name:tag'")
@option("-m", "--message", kind="string", help="Comment for the history", default="")
@option("--created-by", kind="string", help="The command that the history shows for the layer", default="")
@option("--to", kind="directory", help="Where in the image a folder's contents go (default /)", default="")
def append(session: Session, args: tuple[str, ...], name: str | None, message: str, created_by: str, to: str) -> None:
    """Add a layer to an image: a folder's contents, or a tar unchanged; 'scratch' is the empty image."""
    base, content = args
    if not os.path.exists(content):
        fail(f"open {content}: no such file or directory")
    image = session.lab.append(base, content, name, comment=message, created_by=created_by, to=to)
    say(f"{docker_stores.shown_id(image, session.docker)}\n")


def _readable(path: str) -> str:
    """The path, if it can be opened; else ends the command with docker's message."""
    if os.path.isdir(path):
        return path
    try:
        with open(path, "rb"):
            return path
    except OSError as error:
        fail(explain(error).replace(f"Error: {error.filename}", f"open {path}", 1))


def stdin_of(session: Session) -> BinaryIO:
    """Standard input, unbuffered, so that Ctrl-C works between two reads; ends the command if it is a terminal."""
    if session.notebook or sys.stdin is None or sys.stdin.isatty():
        fail("requested load from stdin, but stdin is empty")
    try:
        return open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)
    except (OSError, ValueError):  # a test's
        return sys.stdin.buffer


def _bytes(text: str) -> int:
    match = re.fullmatch(r"(\d+)([kmgt]?)b?", text.lower())
    if not match:
        fail(f'invalid argument "{text}" for "--limit" flag: expected a size such as 1000, 500m or 2g')
    return int(match[1]) * _UNITS[match[2]]
