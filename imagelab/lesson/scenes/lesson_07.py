"""Scenes of lesson 07: a soup shop's images in a registry, which each scene's lab has by the name registry.test."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING

from ...oci.digest import Digest
from ...oci.manifest import INDEX, MANIFEST
from ...registry.transfer import silent
from . import nothing

if TYPE_CHECKING:
    from ...lab import Lab

REGISTRY = "registry.test"
SHOP, KITCHEN = f"{REGISTRY}/shop", f"{REGISTRY}/kitchen/shop"


def pushed(lab: Lab) -> None:
    """A registry; the image shop:1.0, a photo and a menu, pushed to it."""
    lab.registry(name=REGISTRY)
    photo = Random(7).randbytes(1_000_000)
    below = lab.append(lab.base(), {"photo.jpg": photo}, created_by="COPY photo.jpg /")
    lab.append(below, {"menu.txt": "soup 4\n"}, "shop:1.0", created_by="COPY menu.txt /")
    lab.tag("shop:1.0", f"{SHOP}:1.0")
    lab.push(f"{SHOP}:1.0", report=silent)


def changed(lab: Lab) -> None:
    """Another price, pushed as 1.1."""
    below = lab.image("shop:1.0").parent
    lab.append(below, {"menu.txt": "soup 5\n"}, f"{SHOP}:1.1", created_by="COPY menu.txt /")
    lab.push(f"{SHOP}:1.1", report=silent)


def named(lab: Lab) -> None:
    """1.1 pushed as stable too, and to another repository."""
    for name in (f"{SHOP}:stable", f"{KITCHEN}:1.1"):
        lab.tag(f"{SHOP}:1.1", name)
        lab.push(name, report=silent)


def moved(lab: Lab) -> None:
    """1.0 moved in the registry to a third image."""
    lab.append("shop:1.0", {"menu.txt": "soup 6\n"}, f"{SHOP}:1.0", created_by="COPY menu.txt /")
    lab.push(f"{SHOP}:1.0", report=silent)


def compressed(lab: Lab) -> None:
    """shop:1.0 pushed three times, compressed in three ways."""
    for how in ("none", "gzip", "zstd"):
        lab.tag("shop:1.0", name := f"{REGISTRY}/{how}/shop:1.0")
        lab.push(name, compression=how, report=silent)
        lab.rmi(name)


def leaked(lab: Lab) -> None:
    """An image with a key in its fourth layer, which its fifth one deletes."""
    step = lab.append("shop:1.0", {"key.txt": "soup-is-42\n"}, created_by="COPY key.txt /")
    lab.append(step, {"key.txt": None}, f"{SHOP}:secret", created_by="RUN rm /key.txt")
    lab.push(f"{SHOP}:secret", report=silent)


def removed(lab: Lab) -> None:
    """1.1 without any name in the lab, and pulled again."""
    for name in (f"{SHOP}:1.1", f"{SHOP}:stable", f"{KITCHEN}:1.1"):
        lab.rmi(name)
    lab.pull(f"{SHOP}:1.1", report=silent)


def deleted(lab: Lab) -> None:
    """The manifest of 1.1 deleted in the registry."""
    shop = lab.registry().images.repository("shop")
    shop.remove(shop.tags["1.1"])


def indexed(lab: Lab) -> None:
    """An image for each of two platforms, pushed, and an index of both."""
    from ...lab import Lab

    entries = []
    for one in (lab, Lab.temporary(epoch=0, platform="linux/arm64", current=False)):
        processor = one.platform.rpartition("/")[2]
        one.append(None, {"menu.txt": "soup 4\n"}, name := f"{REGISTRY}/both:{processor}")
        pushed = one.push(name, report=silent)
        platform = {"os": "linux", "architecture": processor}
        entries.append(
            {"mediaType": MANIFEST, "digest": pushed.digest, "size": pushed.blobs[-1].size, "platform": platform}
        )
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    lab.registry().images.repository("both").put(index, INDEX, Digest.of(index), ["1.0"])


SECTIONS = [
    pushed, changed, named, moved, compressed, leaked, nothing, nothing, nothing, removed, deleted, indexed, nothing,
]  # fmt: skip
