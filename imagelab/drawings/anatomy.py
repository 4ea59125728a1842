"""`draw.anatomy`: tag, manifest, config and layers of an image, and the digests that link them.

A tag points to a manifest. The manifest lists a config, whose digest is the image ID, and the layers by the digests of
their blobs. The config lists the same layers by diffID. Each row of the picture is a digest in one of these documents;
each arrow goes to the bytes it is the digest of, and is labelled with the term of the specification.

Follows the OCI image-spec (manifest.md, config.md). Left out: an index, which chooses a manifest by platform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .drawing import CONFIG, LAYER, MANIFEST, QUIET, TAG, Drawing, box, count, digraph, first_name, row, short, text

if TYPE_CHECKING:
    from ..oci.digest import Digest
    from ..oci.image import Image

MOST_LAYERS = 12  # the rest is counted in one row
STORED, UNPACKED = "#8A5A00", "#0072B2"  # the two names of a layer; one arrow is dashed, the other is not


def anatomy(image: Image) -> Drawing:
    """The parts of one image and the digests that link them: tags, manifest, config, layers."""
    names = [reference.familiar for reference in image.names]
    shown = list(enumerate(image.layers, 1))[:MOST_LAYERS]
    left_out = len(image.layers) - len(shown)
    more = [row(text(f"and {left_out} more"), fill=QUIET)] if left_out else []

    graph = digraph(rankdir="LR", nodesep="0.3", ranksep="0.8")
    tags = [row(text(name, bold=True), id=f"tag:{name}") for name in names] or [row(text("(none)"))]
    graph.node("tag", box("tag", tags, fill=TAG, subtitle="a name people move"))

    rows = [_name("config", image.id, "id", "manifest.config")]
    rows += more + [_name(f"layer {n}", layer.digest, f"l{n}", f"manifest.layer:{n}") for n, layer in reversed(shown)]
    graph.node("manifest", _blob("manifest", "digest", image.digest, image.manifest_bytes, rows, MANIFEST))

    rows = more + [_name(f"layer {n}", layer.diff_id, f"l{n}", f"config.layer:{n}") for n, layer in reversed(shown)]
    rows = [_settings(image), *rows]
    graph.node("config", _blob("config", "image ID", image.id, image.config_bytes, rows, CONFIG))

    rows = more + [
        row(
            text(f"layer {n}", bold=True), text(f"{layer.size:,} bytes, {_form(layer.compressed)}"), port=f"l{n}",
            id=f"layer:{n}",
        )
        for n, layer in reversed(shown)
    ]
    graph.node("layers", box("layers", rows or [row(text("(none)"))], fill=LAYER, subtitle="the files, oldest below"))

    graph.edge("tag:head:e", "manifest:own:w", label=" digest ")
    graph.edge("manifest:id:e", "config:own:w", label=" image ID ", constraint="false")
    for n, _ in shown:
        last = n == len(shown)
        graph.edge(f"manifest:l{n}:e", f"layers:l{n}:w", label=" layer digest " if last else "", style="dashed",
                   color=STORED, fontcolor=STORED)
        graph.edge(f"layers:l{n}:e", f"config:l{n}:w", label=" diffID " if last else "", dir="back",
                   color=UNPACKED, fontcolor=UNPACKED)
    if not shown:
        graph.edge("manifest", "layers", style="invis")
        graph.edge("layers", "config", style="invis")
    return Drawing(graph, f"Anatomy of {first_name(image)}", _description(image, names))


@dataclass(frozen=True, slots=True)
class Place:
    """A group of the picture in which a digest stands, or to whose bytes it belongs: its id, the digest, the place."""

    id: str
    digest: Digest
    words: str


def places(image: Image) -> list[Place]:
    """Where each digest of an image stands: for each place that `anatomy` draws, one or two."""
    parts = [
        Place(f"tag:{name.familiar}", image.digest, f"the index, under the tag {name.familiar}") for name in image.names
    ]
    parts += [
        Place("manifest", image.digest, "the name of the manifest: sha256 of its bytes"),
        Place("manifest.config", image.id, "the manifest's config"),
        Place("config", image.id, "the name of the config: sha256 of its bytes, which is the image ID"),
    ]
    for n, layer in list(enumerate(image.layers, 1))[:MOST_LAYERS]:
        parts += [
            Place(f"manifest.layer:{n}", layer.digest, f"the manifest's layer {n}"),
            Place(f"layer:{n}", layer.digest, f"the name of layer {n} as it is stored: sha256 of its bytes"),
            Place(f"layer:{n}", layer.diff_id, f"the name of layer {n} unpacked: sha256 of its tar"),
            Place(f"config.layer:{n}", layer.diff_id, f"the config's diffID of layer {n}"),
        ]
    return parts


def _blob(kind: str, term: str, digest: str, data: bytes, rows: list[str], fill: str) -> str:
    """A box for a JSON document: the digest of its bytes, and rows of what it says."""
    lines = text(f"{term} = sha256 of its {len(data):,} bytes", size=11), text(short(digest), bold=True)
    own = row(*lines, port="own", id=kind)
    return box(kind, [own, *rows], fill=fill, subtitle="JSON")


def _name(of_what: str, digest: str, port: str, id: str) -> str:
    return row(text(of_what, size=11), text(short(digest)), port=port, id=id)


def _settings(image: Image) -> str:
    settings = image.config.get("config") or {}
    lines = [f"{image.os}/{image.architecture}"]
    lines += [f"{key}: {' '.join(settings[key])}" for key in ("Entrypoint", "Cmd") if settings.get(key)]
    lines += [f"{key}: {len(settings[key])}" for key in ("Env", "Labels") if settings.get(key)]
    return row(*(text(line, size=11, limit=34) for line in lines))


def _form(compressed: bool) -> str:
    return "compressed tar" if compressed else "tar"


def _pointing(names: list[str]) -> str:
    if not names:
        return "No tag points"
    return f"The tag {names[0]} points" if len(names) == 1 else f"The tags {', '.join(names)} point"


def _description(image: Image, names: list[str]) -> str:
    manifest = f"the manifest {short(image.digest)}"
    lines = [
        f"{_pointing(names)} to {manifest}.",
        f"The manifest ({len(image.manifest_bytes):,} bytes of JSON) names the config {short(image.id)}, whose digest"
        f" is the image ID, and {count(len(image.layers), 'layer')} by layer digest.",
        f"The config ({len(image.config_bytes):,} bytes of JSON) names the same layers by diffID.",
    ]
    for number, layer in enumerate(image.layers, 1):
        same = "the same" if layer.digest == layer.diff_id else short(layer.digest)
        lines.append(f"Layer {number}: diffID {short(layer.diff_id)}, layer digest {same}, {layer.size:,} bytes.")
    return "\n".join(lines)
