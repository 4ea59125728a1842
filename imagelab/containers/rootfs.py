"""Root folders of containers, cloned from an image's unpacked files.

An image is unpacked once, into a shared cache that stays unchanged; each container gets a clone of it, which shares its
blocks where the file system can (reflink: Btrfs, XFS, APFS).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from ..host.beneath import make_private
from ..host.disk import unpack
from ..host.locks import flock
from ..host.snapshot import PRIVILEGED, remove
from ..oci.image import Image
from ..store.store import Store

_LOCKED = ".locked"


def clone(store: Store, image: Image, target: Path) -> None:
    """Make `target`, a folder with an image's merged files; after an OSError, nothing of it is left."""
    source = _unpacked(store, image)
    try:
        if PRIVILEGED or not source.with_name(f"{source.name}{_LOCKED}").exists():
            _copy(source, target)
        else:  # an ordinary user cannot read files whose mode forbids it
            unpack(image.tree(), target)
    except BaseException:
        remove(target)
        raise


def _locks(image: Image) -> bool:
    """Whether an image has files or folders that their owner may not read."""
    needed = {"dir": 0o500, "file": 0o400}
    return any(entry.mode & (bits := needed.get(entry.kind, 0)) != bits for entry in image.tree().values())


def _unpacked(store: Store, image: Image) -> Path:
    """The folder with the image's unpacked files, made under the cache's lock if it is not there yet."""
    cache = store.home / "cache" / "unpacked"
    make_private(cache)
    folder = cache / _key(image)
    if folder.is_dir():
        return folder
    with flock(cache / ".lock"):
        if not folder.is_dir():
            new = cache / f".new-{os.urandom(16).hex()}"
            try:
                unpack(image.tree(), new)
                if _locks(image):
                    folder.with_name(f"{folder.name}{_LOCKED}").touch()
                os.rename(new, folder)
            except BaseException:
                remove(new)
                raise
    return folder


def _key(image: Image) -> str:
    return image.chain_ids[-1].hex if image.chain_ids else "empty"


def sweep(store: Store, images: Collection[Image]) -> None:
    """Remove the unpacked files of all other images from the cache, and what a crash left unfinished."""
    cache = store.home / "cache" / "unpacked"
    if cache.is_dir():
        keys = {".lock", *(_key(image) for image in images)}
        with flock(cache / ".lock"):
            for folder in cache.iterdir():
                if folder.name.removesuffix(_LOCKED) not in keys:
                    folder.unlink() if folder.is_file() else remove(folder)


def _copy(source: Path, target: Path) -> None:
    programs = {"linux": ["cp", "-a", "--reflink=auto", "-T"], "darwin": ["cp", "-Rpc"]}
    program = programs.get(sys.platform)
    if program and shutil.which(program[0]):
        done = subprocess.run([*program, str(source), str(target)], capture_output=True)
        if done.returncode == 0:
            return
        if b"No space left" in done.stderr:
            raise OSError(28, "No space left on device", str(target))
        remove(target)  # a cp without these options, as busybox's: copy in Python
    shutil.copytree(source, target, symlinks=True)
