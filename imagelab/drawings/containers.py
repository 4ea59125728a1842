"""`draw.containers`: containers, the layers they share, the writable layer of each, and what they mount.

Layers are at the bottom, one box for each, however many images share it; images above them; above each image its
containers, oldest first, with the paths they changed; and on top volumes and paths of this machine, one box for each,
however many containers mount it, and volumes that none mounts.

Left out: PIDs and times, which differ from run to run; `Container.state` has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import graphviz

from ..analysis.docker_stores import shown_id
from ..errors import LabError
from .drawing import (
    ADDED,
    CHANGED,
    CONFIG,
    LAYER,
    QUIET,
    REMOVED,
    TAG,
    Drawing,
    box,
    count,
    digraph,
    first_name,
    row,
    text,
)

if TYPE_CHECKING:
    from ..containers import Container
    from ..lab import Lab
    from ..oci.digest import Digest
    from ..oci.image import Image
    from ..volumes.mount import Mount

WRITABLE = "#E8C3DA"  # Okabe and Ito's reddish purple, lightened
VOLUME = TAG
COLOURS = {"A": ADDED, "C": CHANGED, "D": REMOVED}
MOST = 8  # containers, and images without a container: the newest
MOST_PATHS = 6  # of one container


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container at one moment: its state as text, the paths it changed, and the bytes of files in its own layer."""

    name: str
    short: str
    image_id: str
    state: str
    running: bool
    diff: tuple[tuple[str, str], ...]
    own: int
    mounts: tuple[Mount, ...] = ()

    @classmethod
    def of(cls, container: Container) -> ContainerView:
        """Read a container; if its files are damaged, its state says so."""
        state = container.state
        text = f"exited ({state.exit_code})" if state.status == "exited" else state.status
        try:
            diff, own = tuple(container.diff()), container.layer_size
        except (LabError, OSError):
            diff, own, text = (), 0, f"{text}, its files cannot be read"
        running = state.status == "running"
        spec = container.spec
        return cls(spec.name, container.short, container.image_id, text, running, diff, own, spec.mounts)


@dataclass(frozen=True, slots=True)
class Picture:
    """What the picture shows of a lab: containers and images by ID, both oldest first, and how many more there are."""

    views: tuple[ContainerView, ...]
    images: Mapping[Digest, Image]
    more_containers: int
    more_images: int
    docker: str = "20-28"  # whose image IDs are shown: a key of docker_stores.STORES
    volumes: Mapping[str, int] = field(default_factory=dict)  # the bytes in the files of each

    @classmethod
    def of(
        cls, lab: Lab, newest: Sequence[ContainerView], more_containers: int = 0, docker: str = "20-28"
    ) -> Picture:
        """The picture of a lab with these containers, the newest first, of which it shows the first `MOST`."""
        shown = newest[:MOST]
        images = _images(lab, shown)
        left_out = more_containers + len(newest) - len(shown)
        volumes = _volumes(lab, shown)
        return cls(tuple(reversed(shown)), images, left_out, _hidden(lab, images), docker, volumes)

    def image_id(self, image: Image) -> str:
        """The short ID of an image."""
        return str(shown_id(image, self.docker).short)


def containers(lab: Lab) -> Drawing:
    """The containers of a lab on their images: which layers they share, what each has of its own, and which run."""
    newest = lab.containers()
    views = [ContainerView.of(container) for container in newest[:MOST]]
    return draw_picture(Picture.of(lab, views, len(newest) - len(views)))


def draw_picture(picture: Picture) -> Drawing:
    """The drawing of containers and images that have been read."""
    views, images = picture.views, picture.images
    graph = digraph(rankdir="BT", nodesep="0.3", ranksep="0.4")
    words: list[str] = []
    drawn: set[tuple[str, str]] = set()
    at: dict[str, tuple[int, Image]] = {}
    for number, image in enumerate(images.values()):
        at[image.id] = number, image
        upon = sum(one.image_id == image.id for one in views)
        subtitle = f"image {picture.image_id(image)}, " + (count(upon, "container") if upon else "no container")
        graph.node(f"i{number}", box(first_name(image), fill=CONFIG, subtitle=subtitle), id=f"image:{image.id.short}")
        below = [f"l{chain_id.hex}" for chain_id in image.chain_ids] + [f"i{number}"]
        for pair in pairwise(below):
            if pair not in drawn:
                graph.edge(*pair, arrowhead="none")
                drawn.add(pair)
    words += _layers(graph, images.values(), views)
    for number, one in enumerate(views):
        where, of = at.get(one.image_id, (0, None))
        graph.node(f"c{number}", _container(one, of), id=f"container:{one.name}")
        if of:
            graph.edge(f"i{where}", f"c{number}", arrowhead="none")
        words.append(_description(one, of, picture.image_id(of) if of else ""))
    words += _mounts(graph, views, picture.volumes)
    for left_out, noun in ((picture.more_containers, "older container"), (picture.more_images, "more image")):
        if left_out:
            words.append(f"And {count(left_out, noun)}, not drawn.")
            graph.node(noun.replace(" ", ""), box(f"and {count(left_out, noun)}", fill=QUIET))
    if not words:
        graph.node("none", box("no images, and no containers", fill=QUIET))
    return Drawing(graph, "Containers, and the layers they share", "\n".join(words) or "No images, and no containers.")


def _images(lab: Lab, containers: Iterable[ContainerView]) -> Mapping[Digest, Image]:
    """The images of these containers, and the newest other images with a name; oldest first."""
    used = {container.image_id for container in containers}
    every = sorted(lab.images(all=True), key=lambda image: image.moment)
    others = [image for image in every if image.names and image.id not in used][-MOST:]
    shown = {image.id for image in others} | used
    return {image.id: image for image in every if image.id in shown}


def _hidden(lab: Lab, images: Mapping[Digest, Image]) -> int:
    return len({image.id for image in lab.images() if image.names} - set(images))


def _layers(graph: graphviz.Digraph, images: Iterable[Image], views: Iterable[ContainerView]) -> list[str]:
    """Draw each layer once; returns a line of description for each."""
    upon: dict[Digest, tuple[int, int]] = {}
    layers = {}
    for image in images:
        containers = sum(one.image_id == image.id for one in views)
        for chain_id, layer in zip(image.chain_ids, image.layers, strict=True):
            layers[chain_id] = layer
            before = upon.get(chain_id, (0, 0))
            upon[chain_id] = (before[0] + 1, before[1] + containers)
    lines = []
    for chain_id, layer in layers.items():
        of_images, of_containers = upon[chain_id]
        users = f"of {count(of_images, 'image')}" + f" and {count(of_containers, 'container')}" * bool(of_containers)
        shared = of_images + of_containers > 1
        users += ", kept once" * shared
        rows = [row(text(f"{layer.files_size:,} bytes in files", bold=True), text(f"diffID {layer.diff_id.short}"))]
        label = box(f"layer {users}", rows, fill=LAYER if shared else QUIET)
        graph.node(f"l{chain_id.hex}", label, id=f"layer:{chain_id.short}")
        lines.append(f"Layer {layer.diff_id.short} ({layer.files_size:,} bytes) is {users}.")
    return lines


def _volumes(lab: Lab, views: Iterable[ContainerView]) -> dict[str, int]:
    """The volumes of these containers, and the first others; the bytes in each."""
    used = {mount.source for one in views for mount in one.mounts if mount.type == "volume"}
    every = lab.volumes()
    others = [one.name for one in every if one.name not in used][:MOST]
    return {one.name: one.size for one in every if one.name in used or one.name in others}


def _mounts(graph: graphviz.Digraph, views: Sequence[ContainerView], volumes: Mapping[str, int]) -> list[str]:
    """Draw each volume, and each path of this machine, once; returns a line of description for each."""
    nodes = [("volume", name) for name in volumes]
    nodes += dict.fromkeys(("bind", one.source) for view in views for one in view.mounts if one.type == "bind")
    lines = []
    for number, (kind, source) in enumerate(nodes):
        short = source[:12] if len(source) == 64 else source
        title = f"volume {short}" if kind == "volume" else f"this machine's {source}"
        size = count(volumes[source], "byte") if kind == "volume" else "its files, not a copy"
        users = []
        for at, view in enumerate(views):
            for mount in view.mounts:
                if (mount.type, mount.source) == (kind, source):
                    where = f"{mount.target} (read-only)" if mount.readonly else mount.target
                    graph.edge(f"c{at}", f"v{number}", label=f" {where} ", arrowhead="none", style="dashed")
                    users.append(f"{view.name} at {where}")
        label = box(title, [row(text(size))], fill=VOLUME, subtitle="outside of all layers")
        graph.node(f"v{number}", label, id=f"{'volume' if kind == 'volume' else 'mount'}:{short}")
        mounted = f"is mounted by {' and '.join(users)}" if users else "is mounted by no container"
        lines.append(f"{title[:1].upper()}{title[1:]} ({size}) {mounted}.")
    return lines


def _container(one: ContainerView, image: Image | None) -> str:
    rows = [row(text(f"shared: {count(image.size, 'byte')}" if image else "its image is gone"))]
    rows.append(row(text(f"its writable layer: {count(one.own, 'byte')}", bold=True), fill=WRITABLE))
    if one.diff:
        shown = (text(f"{letter}  {path}", colour=COLOURS[letter], limit=40) for letter, path in one.diff[:MOST_PATHS])
        rows.append(row(*shown))
    if empty := [mount.target for mount in one.mounts if mount.type == "tmpfs"]:
        rows.append(row(text(f"tmpfs, empty at each start: {', '.join(empty)}"), fill=VOLUME))
    if len(one.diff) > MOST_PATHS:
        rows.append(row(text(f"and {count(len(one.diff) - MOST_PATHS, 'more path')}"), fill=QUIET))
    fill = WRITABLE if one.running else QUIET
    return box(f"{one.name}: {one.state}", rows, fill=fill, subtitle=f"container {one.short}")


def _description(one: ContainerView, image: Image | None, image_id: str) -> str:
    shared = f"it shares {count(image.size, 'byte')} with image {image_id}" if image else "its image is gone"
    paths = [f"{letter} {path}" for letter, path in one.diff[:MOST_PATHS]]
    if len(one.diff) > MOST_PATHS:
        paths.append(f"and {len(one.diff) - MOST_PATHS:,} more")
    changed = f": {'; '.join(paths)}" if paths else ""
    start = f"{one.name} (container {one.short}) is {one.state}; {shared}"
    return f"{start}, and has {count(one.own, 'byte')} of its own{changed}."
