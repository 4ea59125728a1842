"""What Docker 29 prints where it differs from Docker 20-28: with `--as 29`, or $IMAGELAB_DOCKER set to 29.

A freshly installed Docker 29 keeps images in the containerd store. It identifies an image by the digest that the
image's name points to: the manifest's, or an index's, which imagelab does not make. It prints what it would of the
lab's images once it has loaded them: so each step in a history but the last is `<missing>`, and the images of the other
steps are neither counted nor named.

Read from the sources of 29.7.2, and not run: docker/cli (image/list.go, image/tree.go: what it prints where stdout is
no terminal; image/prune.go, formatter/container.go, formatter/disk_usage.go) and moby (daemon/containerd:
image_history.go, image_inspect.go, image_delete.go, image_prune.go, service.go; daemon/disk_usage.go, delete.go).
Only the words differ, and the ID and the sizes in them: which images `image prune -a` removes stays as in Docker 20-28.
Left out: `docker images --tree`; the fields `.Platform` and `.HealthStatus` of `ps --format`; that `inspect` leaves out
fields that are empty; in a container's size, the layer that Docker puts between the image and the writable layer (/dev,
/etc/hosts). After 29.7, `inspect` counts the unpacked files in an image's Size too (moby#53426).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from .. import units
from ..analysis import docker_stores
from .command import say

if TYPE_CHECKING:
    from ..oci.digest import Digest
    from ..oci.image import Image, Step
    from ..oci.reference import Reference

UNTAGGED = "<untagged>"
IN_USE = "U"


def id_and_size(image: Image) -> tuple[Digest, int]:
    """What it shows as ID and SIZE of an image: disk usage, the blobs and the unpacked files together."""
    shown = docker_stores.containerd(image)
    return shown.id, shown.size


def print_images(listed: Iterable[tuple[Image, Reference | None]], used: Collection[str]) -> None:
    """Print images by name, those without one last; `used` are the manifest digests that containers were made from."""
    rows = []
    for image, name in sorted(listed, key=lambda pair: (pair[1] is None, pair[1] and pair[1].familiar)):
        id_, size = id_and_size(image)
        content = units.size(docker_stores.content_size(image), 3)
        extra = IN_USE if image.digest in used else ""
        rows.append((name.familiar if name else "", id_.short, units.size(size, 3), content, extra))
    say(images_table(rows))


def images_table(rows: Iterable[tuple[str, str, str, str, str]]) -> str:
    """The table of `docker images`: rows of name ("" for none), ID, disk usage, content size, and U or nothing."""
    lines = [("IMAGE", "ID", "DISK USAGE", "CONTENT SIZE", "EXTRA"), *rows]
    width = max(len(name or UNTAGGED) for name, *_ in lines)
    return "".join(
        f"{name or UNTAGGED:{width}}   {id_:12}   {usage:>10}   {content:>12}   {extra:5}\n"
        for name, id_, usage, content, extra in lines
    )


def ids_and_sizes(image: Image, steps: Sequence[Step]) -> list[tuple[Digest | None, int]]:
    """ID and SIZE of each step: the last one has the image's ID, the others none; a layer's size is on the disk."""
    sizes = [docker_stores.unpacked_layer(step.layer) if step.layer else 0 for step in steps]
    last = len(steps) - 1
    return [(image.digest if number == last else None, size) for number, size in enumerate(sizes)]
