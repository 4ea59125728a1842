"""What can be reached in the drawing of a container playground: each group lights up with what it shares."""

from __future__ import annotations

from ..drawings.containers import Picture
from ..drawings.drawing import count, first_name
from .touch import Node


def nodes(picture: Picture, chosen: str) -> dict[str, Node]:
    """The groups of the drawing by their ids; `chosen` is the container that the playground acts on."""
    views, images = picture.views, picture.images
    layers = {image.id: [f"layer:{chain_id.short}" for chain_id in image.chain_ids] for image in images.values()}
    parts, users = {}, dict[str, list[str]]()
    for one in views:
        image = next((image for image in images.values() if image.id == one.image_id), None)
        below = [f"image:{image.id.short}", *layers[image.id]] if image else []
        for part in below:
            users.setdefault(part, []).append(f"container:{one.name}")
        paths = f"{count(len(one.diff), 'path')} changed, {count(one.own, 'byte')} of its own"
        shares = f"It shares {count(len(layers[image.id]), 'layer')} with its image." if image else ""
        parts[f"container:{one.name}"] = Node(
            f"container {one.name}, {one.state}, {paths}", same=tuple(below), pressed=one.name == chosen,
            note=f"{one.name} is {one.state}: {paths}. {shares}",
        )  # fmt: skip
    for image in images.values():
        upon = users.get(f"image:{image.id.short}", [])
        note = f"Image {first_name(image)}: {count(len(image.layers), 'layer')}, {count(len(upon), 'container')}."
        parts[f"image:{image.id.short}"] = Node(note, same=(*layers[image.id], *upon), note=note)
        for chain_id, layer in zip(image.chain_ids, image.layers, strict=True):
            name = f"layer:{chain_id.short}"
            by = [f"image:{other.id.short}" for other in images.values() if name in layers[other.id]]
            by += users.get(name, [])
            note = f"Layer {layer.diff_id.short}, {count(layer.files_size, 'byte')} in files, is kept once for "
            note += " and ".join([", ".join(by[:-1]), by[-1]] if len(by) > 1 else by).replace(":", " ") + "."
            parts[name] = Node(note, same=tuple(by), note=note)
    return parts
