"""Root folders of containers, cloned from an image's unpacked files.

An image is unpacked once, into a cache that is shared and never written through; each container gets a clone of it,
which shares its blocks where the disk can (reflink: Btrfs, XFS, APFS).
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
    """Make a folder that holds an image's merged files; raises OSError as the disk does, and leaves nothing then."""
    source = _unpacked(store, image)
    try:
        if PRIVILEGED or not source.with_name(f"{source.name}{_LOCKED}").exists():
            _copy(source, target)
        else:  # an ordinary user cannot read back what the image locks
            unpack(image.tree(), target)
    except BaseException:
        remove(target)
        raise


def _locks(image: Image) -> bool:
    """Whether an image has files that their own owner may not read."""
    needed = {"dir": 0o500, "file": 0o400}
    return any(entry.mode & (bits := needed.get(entry.kind, 0)) != bits for entry in image.tree().values())


def _unpacked(store: Store, image: Image) -> Path:
    """The image's files, unpacked by whoever needs them first; `.lock` is held while they are made."""
    above = store.home / "cache" / "unpacked"
    make_private(above)
    folder = above / _key(image)
    if folder.is_dir():
        return folder
    with flock(above / ".lock"):
        if not folder.is_dir():
            new = above / f".new-{os.urandom(16).hex()}"
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
    """Remove from the cache what was unpacked of images that are gone, and what a crash left half done."""
    above = store.home / "cache" / "unpacked"
    if above.is_dir():
        kept = {".lock", *(_key(image) for image in images)}
        with flock(above / ".lock"):
            for folder in above.iterdir():
                if folder.name.removesuffix(_LOCKED) not in kept:
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
        remove(target)  # an older or a smaller cp: slower, but surely
    shutil.copytree(source, target, symlinks=True)
