"""`docker build --output` and --push: what a build gives besides an image in the store.

`-o DIR` and `type=local,dest=DIR` write the files of the image to a folder, in which other files stay; `type=registry`
and `type=image,push=true` push its names, as --push does. Then no archive is written: `save` does that afterwards.

Follows buildx (util/buildflags/export.go).
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..host.root import Root

if TYPE_CHECKING:
    from ..oci.image import Image


@dataclass(frozen=True, slots=True)
class Output:
    """One --output: the folder that the files go to, or "" for an image in the store, and whether it is pushed."""

    folder: str = ""
    push: bool = False


def read_output(text: str) -> Output:
    """Parse the value of --output; raises ValueError, with buildx's message where it has one."""
    fields = dict(field.partition("=")[::2] for field in next(csv.reader([text]), [])) if "=" in text else {}
    kind, dest = (fields.get("type", ""), fields.get("dest", "")) if fields else ("local", text)
    if not kind:
        raise ValueError("type is required for output")
    if kind == "local":
        if dest in ("", "-"):
            raise ValueError("dest is required for local exporter")
        return Output(dest)
    if kind in ("image", "registry") or (kind == "docker" and not dest):
        return Output(push=kind == "registry" or fields.get("push", "") == "true")
    raise ValueError("expected a folder, or type=local, image, docker or registry: save writes archives")


def write_files(image: Image, folder: str) -> None:
    """Write the files of an image to a folder, which is made if needed; raises Conflict where something is in the way.

    The owner is the user who runs the build, as with buildx.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    root = Root(Path(os.path.realpath(folder)))
    for path, entry in image.tree().items():
        if path:
            root.write(path, entry, None)


def push_all(tags: Sequence[str]) -> None:
    """Push each tag, as `docker push` does."""
    from .pull import push

    for tag in tags:
        click.get_current_context().invoke(push, args=(tag,), all_tags=False, compression="gzip", quiet=False)
