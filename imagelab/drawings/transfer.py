"""`draw.transfer`: what a push or a pull moved, blob by blob, between a lab and a registry.

On the left stand the parts of the image under the names that the lab has for them (diffID, image ID, manifest digest),
on the right the blobs of the registry, by the digests that travel. An arrow in between says what happened to each: it
was sent, it was there already, or the registry took it over from another repository. `layout` adds the lab's names and
the registry's tags above, which the transfer board takes hold of, and shows a transfer that is not finished yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..oci.digest import Digest
from ..oci.reference import Reference
from .drawing import CONFIG, INK, LAYER, MANIFEST, PLAIN, QUIET, TAG, Drawing, box, count, digraph, row, text

if TYPE_CHECKING:
    import graphviz

    from ..registry.transfer import Moved, Transfer

MOST = 12  # blobs; of a larger image the last ones
MOST_NAMES = 8  # names of the lab, and tags of the registry
BLUE, GREEN = "#0072B2", "#00694B"
FILLS = {"layer": LAYER, "config": CONFIG, "manifest": MANIFEST, "index": MANIFEST}
OWN_NAMES = {"layer": "diffID", "config": "image ID", "manifest": "digest", "index": "digest"}
LOOKS = {
    "sent": {"color": BLUE, "fontcolor": BLUE, "penwidth": "2"},
    "received": {"color": BLUE, "fontcolor": BLUE, "penwidth": "2"},
    "mounted": {"color": GREEN, "fontcolor": GREEN, "style": "dashed", "penwidth": "2", "dir": "none"},
}
THERE = {"color": INK, "fontcolor": INK, "style": "dotted", "dir": "none"}  # nothing travelled


def transfer(transfer: Transfer) -> Drawing:
    """What a push or a pull moved, and what it did not have to move."""
    return layout(transfer)


def layout(
    transfer: Transfer | None, done: int | None = None, names: Mapping[str, str] | None = None,
    tags: Mapping[str, Mapping[str, str]] | None = None, registry: str = "",
) -> Drawing:  # fmt: skip
    """The picture of a transfer after its first `done` blobs (None: all of them).

    `names` are the lab's tags and short image IDs, `tags` those of each repository and their digests; left out, there
    are no boxes for them.
    """
    graph = digraph(rankdir="LR", nodesep="0.25", ranksep="1.6")
    words: list[str] = []
    left, right = [], []
    if names is not None and tags is not None:
        _names(graph, names, tags, registry, words)
        left, right = ["names"], ["tags"]
    title = f"The lab and {registry}"
    if transfer is not None:
        title = _blobs(graph, transfer, done, words)
        left, right = [*left, "here"], [*right, "there"]
    for nodes in (left, right):
        with graph.subgraph() as column:
            column.attr(rank="same")
            for node in nodes:
                column.node(node)
            if len(nodes) == 2:
                column.edge(*nodes, style="invis")
    return Drawing(graph, title, "\n".join(words))


def ids(blobs: Sequence[Moved]) -> list[tuple[str, str]]:
    """The ids of each blob's two rows: `layer:1` in the lab, `blob:layer:1` in the registry."""
    return [(name := kind.replace(" ", ":"), f"blob:{name}") for kind in kinds(blobs)]


def own_name(blob: Moved) -> str:
    """The first 12 digits of the name that the lab has for a blob: a layer's diffID, else its digest."""
    return Digest(blob.diff_id or blob.digest).short


def kinds(blobs: Sequence[Moved]) -> list[str]:
    """What to call each blob: `layer 1`, `layer 2`, `config`, `manifest`; of several manifests each has its number."""
    several = {"layer"} | {blob.kind for blob in blobs if sum(other.kind == blob.kind for other in blobs) > 1}
    numbers = {kind: iter(range(1, len(blobs) + 1)) for kind in several}
    return [f"{blob.kind} {next(numbers[blob.kind])}" if blob.kind in several else blob.kind for blob in blobs]


def verdict(blob: Moved) -> str:
    """What happened to a blob, in words."""
    if blob.verdict == "mounted":
        return f"mounted from {blob.mounted_from}" if blob.mounted_from else "mounted"
    return {"exists": "already there", "skipped": "not needed"}.get(blob.verdict, blob.verdict)


def totals(blobs: Sequence[Moved]) -> str:
    """`2 sent (1,234 bytes), 1 already there, 1 mounted`, without what there is none of."""
    moved = [blob for blob in blobs if blob.verdict in ("sent", "received")]
    parts = []
    if moved:
        parts.append(f"{len(moved)} {moved[0].verdict} ({sum(blob.size for blob in moved):,} bytes)")
    for key, word in (("exists", "already there"), ("mounted", "mounted"), ("skipped", "not needed")):
        if number := sum(blob.verdict == key for blob in blobs):
            parts.append(f"{number} {word}")
    return ", ".join(parts) or "nothing yet"


def _blobs(graph: graphviz.Digraph, transfer: Transfer, done: int | None, words: list[str]) -> str:
    """The two boxes of a transfer and its arrows; returns the picture's title."""
    pull = transfer.verb == "pull"
    blobs = list(transfer.blobs)
    finished = blobs if done is None else blobs[:done]
    named = list(zip(blobs, kinds(blobs), ids(blobs), strict=True))
    here, there = [], []
    if len(blobs) > MOST:
        here.append(row(text(f"and {count(len(blobs) - MOST, 'more layer')} below"), fill=QUIET))
        there.append(here[0])
    for number, (blob, kind, (left, right)) in [*enumerate(named)][-MOST:]:
        is_done = number < len(finished)
        kept = blob.verdict == "exists" or (is_done and blob.verdict != "skipped") if pull else True  # the lab has it
        own = f"{OWN_NAMES[blob.kind]} {own_name(blob)}"
        lines = [text(kind, bold=True), text(own if kept else "not here", size=11)]
        here.append(row(*lines, port=f"h{number}", fill=FILLS[blob.kind] if kept else PLAIN, id=left))
        known = is_done or pull or blob.verdict == "exists"  # the registry has it
        lines = [text(f"blob {Digest(blob.digest).short}" if known else "not there yet", bold=True),
                 text(f"{blob.size:,} bytes" if known else "-", size=11)]  # fmt: skip
        there.append(row(*lines, port=f"t{number}", fill=FILLS[blob.kind] if known else PLAIN, id=right))
        if is_done:
            looks = LOOKS.get(blob.verdict, THERE)
            back = {"dir": "back"} if blob.verdict == "received" else {}
            graph.edge(f"here:h{number}:e", f"there:t{number}:w", label=f" {verdict(blob)} ", id=f"{left}->{right}",
                       **looks, **back)  # fmt: skip
        else:
            graph.edge(f"here:h{number}:e", f"there:t{number}:w", style="invis")
        words.append(f"{kind}, {own}, as blob {Digest(blob.digest).short}: {verdict(blob) if is_done else 'not yet'}, "
                     f"{blob.size:,} bytes.")  # fmt: skip
    reference = Reference.parse(transfer.name)
    graph.node("here", box("the lab", here, fill=TAG, subtitle=transfer.name))
    graph.node("there", box(reference.domain, there, fill=TAG, subtitle=f"repository {reference.path}"))
    summary = totals(finished)
    words.append(f"{'Pulled' if pull else 'Pushed'}: {summary}.")
    graph.attr(label=summary, labelloc="b")
    return f"{'Pull' if pull else 'Push'} of {transfer.name}"


def _names(
    graph: graphviz.Digraph, names: Mapping[str, str], tags: Mapping[str, Mapping[str, str]], registry: str,
    words: list[str],
) -> None:  # fmt: skip
    """The box of the lab's names, and that of the registry's repositories and tags."""
    here = [row(text(name, bold=True), text(f"image {image_id}", size=11), fill=TAG, id=f"name:{name}")
            for name, image_id in list(names.items())[:MOST_NAMES]]  # fmt: skip
    there = []
    for repository, pointers in list(tags.items())[:MOST_NAMES]:
        there.append(row(text(repository, bold=True), text("repository" if pointers else "repository, empty", size=11),
                         fill=QUIET, id=f"repository:{repository}"))  # fmt: skip
        there += [
            row(text(f"{repository}:{tag}"), text(f"digest {Digest(digest).short}", size=11), fill=TAG,
                id=f"pointer:{repository}:{tag}")
            for tag, digest in list(pointers.items())[:MOST_NAMES]
        ]  # fmt: skip
    graph.node("names", box("names in the lab", here or [row(text("none"))], fill=PLAIN, id="lab"))
    graph.node("tags", box(registry, there or [row(text("no repositories"))], fill=PLAIN, subtitle="registry"))
    graph.edge("names:head:e", "tags:head:w", style="invis")
    words += [f"The lab has {name}, image {image_id}." for name, image_id in names.items()]
    words += [f"The registry has {repository}:{tag}, digest {Digest(digest).short}."
              for repository, pointers in tags.items() for tag, digest in pointers.items()]  # fmt: skip
