"""`draw.containers`: containers, the layers they share, and the writable layer of each.

Layers lie at the bottom, one box each however many stand on them; images above them; and on each image its containers,
oldest first, with what they changed. A container keeps the image it was made from: no tag is drawn between the two.

Left out: PIDs and times, which are others each time. `Container.state` has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import graphviz

from ..errors import LabError
from .drawing import ADDED, CHANGED, CONFIG, LAYER, QUIET, REMOVED, Drawing, box, called, count, digraph, row, text

if TYPE_CHECKING:
    from ..containers import Container
    from ..lab import Lab
    from ..oci.digest import Digest
    from ..oci.image import Image

WRITABLE = "#E8C3DA"  # Okabe and Ito's reddish purple, lightened
COLOURS = {"A": ADDED, "C": CHANGED, "D": REMOVED}
MOST = 8  # containers, and images that none is of: the newest; more than that shows nothing
MOST_PATHS = 6  # of one container


@dataclass(frozen=True, slots=True)
class Instance:
    """A container as it is at one moment: its state in words, what it changed, and the bytes of files in that."""

    name: str
    short: str
    image_id: str
    state: str
    running: bool
    diff: tuple[tuple[str, str], ...]
    own: int

    @classmethod
    def of(cls, one: Container) -> Instance:
        """Look at a container; what is damaged is told in its state."""
        state = one.state
        said = f"exited ({state.exit_code})" if state.status == "exited" else state.status
        try:
            diff, own = tuple(one.diff()), one.layer_size
        except (LabError, OSError):
            diff, own, said = (), 0, f"{said}, its files cannot be read"
        return cls(one.name, one.short, one.image_id, said, one.running, diff, own)


def containers(lab: Lab) -> Drawing:
    """The containers of a lab on their images: which layers they share, what each has of its own, and which run."""
    found = lab.containers()
    seen = [Instance.of(one) for one in reversed(found[:MOST])]
    images = _images(lab, found[:MOST])
    graph = digraph(rankdir="BT", nodesep="0.3", ranksep="0.4")
    words: list[str] = []
    drawn: set[tuple[str, str]] = set()
    at: dict[str, tuple[int, Image]] = {}
    for number, image in enumerate(images.values()):
        at[image.id] = number, image
        upon = sum(one.image_id == image.id for one in seen)
        subtitle = f"image {image.id.short}, " + (count(upon, "container") if upon else "no container")
        graph.node(f"i{number}", box(called(image), fill=CONFIG, subtitle=subtitle))
        below = [f"l{chain_id.hex}" for chain_id in image.chain_ids] + [f"i{number}"]
        for pair in pairwise(below):
            if pair not in drawn:
                graph.edge(*pair, arrowhead="none")
                drawn.add(pair)
    words += _layers(graph, images.values(), seen)
    for number, one in enumerate(seen):
        where, of = at.get(one.image_id, (0, None))
        graph.node(f"c{number}", _container(one, of))
        if of:
            graph.edge(f"i{where}", f"c{number}", arrowhead="none")
        words.append(_words(one, of))
    for left_out, noun in ((len(found) - len(seen), "older container"), (_hidden(lab, images), "more image")):
        if left_out:
            words.append(f"And {count(left_out, noun)}, not drawn.")
            graph.node(noun.replace(" ", ""), box(f"and {count(left_out, noun)}", fill=QUIET))
    if not words:
        graph.node("none", box("no images, and no containers", fill=QUIET))
    return Drawing(graph, "Containers, and the layers they share", "\n".join(words) or "No images, and no containers.")


def _images(lab: Lab, found: Iterable[Container]) -> Mapping[Digest, Image]:
    """The images of these containers, and the newest of the others that have a name, oldest first."""
    used = {one.image_id for one in found}
    every = sorted(lab.images(all=True), key=lambda image: image.moment)
    others = [image for image in every if image.names and image.id not in used][-MOST:]
    shown = {image.id for image in others} | used
    return {image.id: image for image in every if image.id in shown}


def _hidden(lab: Lab, images: Mapping[Digest, Image]) -> int:
    return len({image.id for image in lab.images() if image.names} - set(images))


def _layers(graph: graphviz.Digraph, images: Iterable[Image], seen: Iterable[Instance]) -> list[str]:
    """Draw each layer once; returns what stands on it, in words."""
    upon: dict[Digest, tuple[int, int]] = {}
    layers = {}
    for image in images:
        instances = sum(one.image_id == image.id for one in seen)
        for chain_id, layer in zip(image.chain_ids, image.layers, strict=True):
            layers[chain_id] = layer
            before = upon.get(chain_id, (0, 0))
            upon[chain_id] = (before[0] + 1, before[1] + instances)
    words = []
    for chain_id, layer in layers.items():
        of_images, of_containers = upon[chain_id]
        said = f"of {count(of_images, 'image')}" + f" and {count(of_containers, 'container')}" * bool(of_containers)
        shared = of_images + of_containers > 1
        said += ", kept once" * shared
        rows = [row(text(f"{layer.files_size:,} bytes in files", bold=True), text(f"diffID {layer.diff_id.short}"))]
        graph.node(f"l{chain_id.hex}", box(f"layer {said}", rows, fill=LAYER if shared else QUIET))
        words.append(f"Layer {layer.diff_id.short} ({layer.files_size:,} bytes) is {said}.")
    return words


def _container(one: Instance, image: Image | None) -> str:
    rows = [row(text(f"shared: {count(image.size, 'byte')}" if image else "its image is gone"))]
    rows.append(row(text(f"its writable layer: {count(one.own, 'byte')}", bold=True), fill=WRITABLE))
    if one.diff:
        shown = (text(f"{letter}  {path}", colour=COLOURS[letter], limit=40) for letter, path in one.diff[:MOST_PATHS])
        rows.append(row(*shown))
    if len(one.diff) > MOST_PATHS:
        rows.append(row(text(f"and {count(len(one.diff) - MOST_PATHS, 'more path')}"), fill=QUIET))
    ground = WRITABLE if one.running else QUIET
    return box(f"{one.name}: {one.state}", rows, fill=ground, subtitle=f"container {one.short}")


def _words(one: Instance, image: Image | None) -> str:
    shared = f"it shares {count(image.size, 'byte')} with image {image.id.short}" if image else "its image is gone"
    paths = [f"{letter} {path}" for letter, path in one.diff[:MOST_PATHS]]
    if len(one.diff) > MOST_PATHS:
        paths.append(f"and {len(one.diff) - MOST_PATHS:,} more")
    changed = f": {'; '.join(paths)}" if paths else ""
    said = f"{one.name} (container {one.short}) is {one.state}; {shared}"
    return f"{said}, and has {count(one.own, 'byte')} of its own{changed}."
