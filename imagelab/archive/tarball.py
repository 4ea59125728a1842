"""Layers and images made from a tar or a folder that no image tool wrote: `append` and `docker import`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

from ..errors import Invalid
from ..filesystem.streams import pieces_of
from ..filesystem.tree import Changes, Tree
from ..host.disk import scan
from ..oci.image import Image
from ..store.ingest import LIMIT, settle_layer, stage_layer
from ..store.store import Store

Source = str | os.PathLike[str] | BinaryIO


def append_tar(store: Store, image: Image, path: str | os.PathLike[str], created_by: str, comment: str) -> Image:
    """The image with a tar on top, as the layer that it is. The caller holds a lease.

    Raises Invalid for a file that is no tar, and for a tar that cannot be applied to the image.
    """
    with open(path, "rb") as file:
        staged = stage_layer(store, pieces_of(file), what=os.path.basename(path))
    assert staged.changes is not None
    image.tree().apply(staged.changes)  # raises before anything is stored
    return image.stack(settle_layer(store, staged), created_by, comment=comment)


def folder_changes(store: Store, folder: str | os.PathLike[str], to: str) -> Changes:
    """The files of a folder, under the directory `to` of an image; raises Invalid for `..` in it."""
    changes = scan(folder, portable=store.epoch is not None)
    prefix = "/".join(part for part in to.split("/") if part not in ("", "."))
    if ".." in prefix.split("/"):
        raise Invalid(f"{to!r} holds '..': name a directory inside the image")
    return Changes({f"{prefix}/{path}": e for path, e in changes.entries.items()}) if prefix else changes


def import_tar(
    store: Store, source: Source, config: Mapping[str, Any] | None, changes: Sequence[str], *, message: str = "",
    limit: int = LIMIT,
) -> Image:  # fmt: skip
    """An image of one layer from a root file system's tar. The caller holds a lease.

    `changes` are Dockerfile instructions that set keys of the config, which begins as `config`. Raises Invalid for
    what is no tar, and DockerfileError for an instruction that cannot be there.
    """
    if changes:
        from ..build.config import applied

        config = {**(config or {}), **applied(changes, config or {})}
    with _opened(source) as (file, name):
        staged = stage_layer(store, pieces_of(file), what=name, limit=limit)
    assert staged.changes is not None
    Tree().apply(staged.changes)  # raises before anything is stored
    return store.scratch().stack(settle_layer(store, staged), comment=message or "Imported from -", settings=config)


@contextmanager
def _opened(source: Source) -> Iterator[tuple[BinaryIO, str]]:
    """The file to read, and its name in messages."""
    if isinstance(source, str | os.PathLike):
        with open(source, "rb") as file:
            yield file, os.path.basename(source)
    else:
        yield source, "the imported tar"
