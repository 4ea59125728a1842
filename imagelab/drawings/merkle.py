"""`draw.merkle`: the chain of digests from a file's bytes to the tag.

A file is in a tar, whose digest is the diffID. The config lists the diffID; the digest of the config is the image ID.
The manifest lists the image ID; its digest is the digest of the image. That is a Merkle chain. With a second image that
differs in one thing, each part says whether its digest changed.

Follows the OCI image-spec (config.md, manifest.md). Left out: the other layers, which config and manifest list too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import Invalid, NotFound
from ..oci.digest import Digest
from .drawing import CONFIG, LAYER, MANIFEST, PLAIN, QUIET, TAG, Drawing, box, digraph, first_name, row, short, text

if TYPE_CHECKING:
    from ..oci.image import Image

CHANGED = "#FBE6BF"  # background of a digest that changed
WIDTH = 210  # points, the same for all links


@dataclass(frozen=True, slots=True)
class _Link:
    """One link of the chain: its title, its digest (`name`), the term for that, and what it is the digest `of`."""

    title: str
    subtitle: str
    fill: str
    term: str
    of: str
    name: Digest


def merkle(image: Image, path: str = "", other: Image | None = None) -> Drawing:
    """The chain of digests from a file (by default the first of the topmost layer that has one) to the tag.

    With `other`, the same image with one thing changed, each digest is shown before and after. Raises NotFound for a
    file that is not in the image, and Invalid if `other` has another number of layers.
    """
    if other is not None and len(other.layers) != len(image.layers):
        raise Invalid(f"expected images of the same number of layers, not {len(image.layers)} and {len(other.layers)}")
    path = image.tree().resolve(path) if path else _some_file(image)
    number = image.origin()[path] + 1
    links = _links(image, path, number)
    after = _links(other, path, number) if other is not None else links
    graph = digraph(rankdir="TB", nodesep="0.45", ranksep="0.35")
    words = []
    for key, link in links.items():
        rows = [row(text(f"{link.term} = {link.of}", size=11), text(short(link.name), bold=True))]
        line = f"{link.title}: {link.term} {short(link.name)}, {link.of}"
        if other is not None:
            new = after[key].name
            changed = new != link.name
            verdict = f"changed: {short(new)}" if changed else "the same as before"
            rows.append(row(text(verdict, bold=changed, size=0 if changed else 11), fill=CHANGED if changed else QUIET))
            line += f"; {verdict}"
        label = box(link.title, rows, fill=link.fill, subtitle=link.subtitle, width=WIDTH)
        graph.node(key, label, id=f"link:{key}")
        words.append(line + ".")
    layer = image.layers[number - 1]
    graph.edge("file", "tar", label=" its bytes lie in ")
    graph.edge("tar", "config", label=" its diffID stands in ")
    graph.edge("tar", "blob", label=" is kept compressed " if layer.compressed else " is kept as it is ")
    graph.edge("config", "manifest", label=" its image ID stands in ", weight="9")
    graph.edge("blob", "manifest", label=" its layer digest stands in ", style="dashed")
    graph.edge("tar", "chain", label=" its diffID goes into ", style="dashed")
    names = [name.familiar for name in image.names]
    if names:
        label = box(", ".join(names), fill=TAG, subtitle="a tag: a name people move", width=WIDTH)
        graph.node("tag", label, id="link:tag")
        graph.edge("manifest", "tag", label=" points to ", dir="back")
        words.append(f"The tag {', '.join(names)} points to the manifest; it stands in none of these bytes.")
    title = f"The chain of names of {first_name(image)}" + (", before and after" if other is not None else "")
    return Drawing(graph, title, "\n".join(words))


def _links(image: Image, path: str, number: int) -> dict[str, _Link]:
    layer = image.layers[number - 1]
    content = layer.read(path)
    tar = sum(len(piece) for piece in layer.pieces())
    alone = "the diffID: no layer is below" if number == 1 else f"sha256 of chainID {number - 1} and diffID {number}"
    stored = "compressed" if layer.compressed else "the same bytes"
    below = f"layers 1 to {number}" if number > 1 else "layer 1 and nothing below"
    return {
        "file": _Link(path, "a file", PLAIN, "digest", _of(len(content)), Digest.of(content)),
        "tar": _Link(f"layer {number}", "a tar", LAYER, "diffID", _of(tar), layer.diff_id),
        "chain": _Link(below, "no bytes of their own", QUIET, "chainID", alone, image.chain_ids[number - 1]),
        "config": _Link("config", "JSON", CONFIG, "image ID", _of(len(image.config_bytes)), image.id),
        "blob": _Link(f"layer {number} as stored", stored, LAYER, "layer digest", _of(layer.size), layer.digest),
        "manifest": _Link("manifest", "JSON", MANIFEST, "digest", _of(len(image.manifest_bytes)), image.digest),
    }


def _of(size: int) -> str:
    return f"sha256 of its {size:,} bytes"


def _some_file(image: Image) -> str:
    origin = image.origin()
    files = [path for path, entry in image.tree().items() if entry.kind == "file" and entry.size]
    if not files:
        raise NotFound("the image has no file with content: a chain begins with a byte of one")
    return max(files, key=lambda path: origin[path])
