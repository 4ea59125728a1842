"""`draw.sharing`: which layers images have in common.

Two images share a layer if it has the same chainID in both: the layer and all layers below it are the same. Each such
layer is one box.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import graphviz

from .. import units
from .drawing import CONFIG, LAYER, QUIET, Drawing, box, count, digraph, first_name, row, text

if TYPE_CHECKING:
    from ..oci.digest import Digest
    from ..oci.image import Image
    from ..oci.layer import Layer


def sharing(images: Sequence[Image]) -> Drawing:
    """The layers that images share, and the bytes of files that each image shares and has of its own."""
    images = [image for number, image in enumerate(images) if image.id not in {other.id for other in images[:number]}]
    layers: dict[Digest, Layer] = {}
    users: dict[Digest, list[Image]] = {}
    for image in images:
        for chain_id, layer in zip(image.chain_ids, image.layers, strict=True):
            layers[chain_id] = layer
            users.setdefault(chain_id, []).append(image)

    graph = digraph(rankdir="BT", nodesep="0.35", ranksep="0.4")
    words = []
    for number, image in enumerate(images):
        shared = sum(layers[chain_id].files_size for chain_id in image.chain_ids if len(users[chain_id]) > 1)
        own = image.size - shared
        rows = [row(text(f"SIZE {units.size(image.size, 3)}", bold=True), text(f"shared {units.size(shared, 3)}"),
                    text(f"its own {units.size(own, 3)}"))]
        label = box(first_name(image), rows, fill=CONFIG, subtitle=f"image {image.id.short}")
        graph.node(f"i{number}", label, id=f"image:{image.id.short}")
        layer_count = count(len(image.layers), "layer")
        words.append(f"{first_name(image)}: {layer_count}, {shared:,} bytes shared, {own:,} its own.")
        for lower, upper in zip(image.chain_ids, image.chain_ids[1:], strict=False):
            _once(graph, f"l{lower[7:]}", f"l{upper[7:]}")
        if image.chain_ids:
            graph.edge(f"l{image.chain_ids[-1][7:]}", f"i{number}", arrowhead="none")
    for chain_id, layer in layers.items():
        by = len(users[chain_id])
        title = f"layer of {by} images, kept once" if by > 1 else "layer of one image"
        rows = [row(text(f"{layer.files_size:,} bytes in files", bold=True), text(f"diffID {layer.diff_id.short}"))]
        label = box(title, rows, fill=LAYER if by > 1 else QUIET)
        graph.node(f"l{chain_id[7:]}", label, id=f"layer:{chain_id.short}")
        if by > 1:
            words.append(f"Layer {layer.diff_id.short} ({layer.files_size:,} bytes) is in "
                         f"{', '.join(first_name(image) for image in users[chain_id])}.")
    together = sum(image.size for image in images)
    kept = sum(layer.files_size for layer in layers.values())
    words.append(f"The sizes add up to {together:,} bytes; kept on disk: {kept:,} bytes.")
    graph.attr(label=words[-1], labelloc="b")
    return Drawing(graph, f"What {count(len(images), 'image')} share", "\n".join(words))


def _once(graph: graphviz.Digraph, tail: str, head: str) -> None:
    """Add an edge, unless the graph has it already."""
    line = f"\t{tail} -> {head}"
    if not any(existing.startswith(line) for existing in graph.body):
        graph.edge(tail, head, arrowhead="none")
