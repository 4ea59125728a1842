"""imagelab's own commands to look into an image: `layers`, `tree`, `cat`, `diff-images`, `waste` and `verify`.

`layers` prints every identifier of every layer, `tree` the merged file system with the layer of each path, `waste` the
bytes that later layers hide. Layers are numbered from 1, the base; in JSON from 0.
"""

from __future__ import annotations

import json
import stat
import sys
from typing import TYPE_CHECKING

from .. import units
from ..golang.template import Row
from ..units import one_line
from .command import Session, fail, flag, option, say, verb
from .table import aligned, print_rows

if TYPE_CHECKING:
    from ..filesystem.entry import Entry

LAYER_TITLES = {
    "Layer": "LAYER", "DiffID": "DIFF ID", "Digest": "DIGEST", "ChainID": "CHAIN ID", "BlobSize": "BLOB SIZE",
    "Size": "SIZE", "MediaType": "MEDIA TYPE", "CreatedBy": "CREATED BY",
}  # fmt: skip
_TYPE_BITS = {
    "file": stat.S_IFREG, "dir": stat.S_IFDIR, "symlink": stat.S_IFLNK, "char": stat.S_IFCHR, "block": stat.S_IFBLK,
    "fifo": stat.S_IFIFO,
}  # fmt: skip


@verb("IMAGE", takes=(1, 1))
@option("--format", "template", kind="string", help="Pretty-print layers using a Go template")
@flag("--no-trunc", help="Don't truncate output")
def layers(session: Session, args: tuple[str, ...], template: str | None, no_trunc: bool) -> None:
    """Show every identifier of every layer of an image, the base first."""
    image = session.lab.image(args[0])
    makers = [step.created_by for step in image.steps if step.layer] or [""] * len(image.layers)
    rows = []
    for number, (layer, chain_id) in enumerate(zip(image.layers, image.chain_ids, strict=True), 1):
        ids = {"DiffID": layer.diff_id, "Digest": layer.digest, "ChainID": chain_id}
        shown = {name: str(digest) if no_trunc else digest.short for name, digest in ids.items()}
        by = makers[number - 1].replace("\t", " ").replace("\n", " ")
        row = Row(
            "layer", BlobSize=units.size(layer.size, 3), ChainID=shown["ChainID"],
            CreatedBy=by if no_trunc else units.ellipsis(by, 45), DiffID=shown["DiffID"], Digest=shown["Digest"],
            Layer=str(number), MediaType=layer.media_type, Size=units.size(layer.files_size, 3),
        )  # fmt: skip
        rows.append(row)
    columns = ["Layer", "DiffID", "Digest", "ChainID", "BlobSize", "Size", "CreatedBy"]
    if no_trunc:
        columns.insert(6, "MediaType")
    print_rows(rows, LAYER_TITLES, columns, template)
    if not template:
        say(f"\nimage ID:      {image.id}\nimage digest:  {image.digest}\n")


@verb("IMAGE", takes=(1, 1))
@flag("--json", "as_json", help="Print a list of objects")
def tree(session: Session, args: tuple[str, ...], as_json: bool) -> None:
    """Show the merged file system of an image, with the layer each file comes from."""
    image = session.lab.image(args[0])
    origin = image.origin()
    rows = [(path, entry, origin[path]) for path, entry in image.tree().items() if path]
    if as_json:
        say(json.dumps([_object(*each) for each in rows], indent=1) + "\n")
        return
    lines = ["LAYER\tMODE\tOWNER\tSIZE\tPATH\n"]
    for path, entry, layer in rows:
        mode = stat.filemode(_TYPE_BITS[entry.kind] | entry.mode)
        name = one_line(path) + (f" -> {one_line(entry.link)}" if entry.kind == "symlink" else "")
        size = ",".join(map(str, entry.device)) if entry.kind in ("char", "block") else units.size(entry.size, 3)
        lines.append(f"{layer + 1}\t{mode}\t{entry.uid}:{entry.gid}\t{size}\t{name}\n")
    say(aligned("".join(lines)))


def _object(path: str, entry: Entry, layer: int) -> dict[str, str | int]:
    """A path as a JSON object: mode is a number, layers are numbered from 0 as in `.RootFS.Layers`."""
    return {
        "path": path, "kind": entry.kind, "mode": entry.mode, "uid": entry.uid, "gid": entry.gid,
        "size": entry.size, "link": entry.link, "layer": layer,
    }  # fmt: skip


@verb("IMAGE", takes=(1, 1))
@flag("--json", "as_json", help="Print an object")
def waste(session: Session, args: tuple[str, ...], as_json: bool) -> None:
    """Show which bytes of an image later layers cover or remove, and its efficiency as dive computes it."""
    result = session.lab.waste(args[0])
    if as_json:  # layers count from 0 here too
        paths = [
            {"path": each.path, "layers": [number - 1 for number in each.layers], "sizes": each.sizes,
             "visible": each.visible, "wasted": each.wasted}
            for each in result.worst
        ]  # fmt: skip
        facts = {name: getattr(result, name) for name in ("size", "visible", "hidden", "wasted", "efficiency")}
        say(json.dumps({**facts, "paths": paths}, indent=1) + "\n")
        return
    lines = ["WASTED\tBYTES IN ALL\tSMALLEST\tLAYERS\tPATH\n"] if result.worst else []
    for each in result.worst:
        sizes = "\t".join(units.size(size, 3) for size in (each.wasted, each.cumulative, each.smallest))
        lines.append(f"{sizes}\t{','.join(map(str, dict.fromkeys(each.layers)))}\t{one_line(each.path)}\n")
    say(aligned("".join(lines)) + "\n" * bool(lines))
    say(
        f"image size:   {units.size(result.size, 3)}\nmerged size:  {units.size(result.visible, 3)}\n"
        f"wasted:       {units.size(result.wasted, 3)}\nefficiency:   {units.percent(result.smallest, result.size)}\n"
    )


@verb("IMAGE PATH", takes=(2, 2))
def cat(session: Session, args: tuple[str, ...]) -> None:
    """Print a file of an image."""
    data = session.lab.image(args[0]).read(args[1])
    if not session.notebook and not sys.stdout.isatty():
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    try:
        say(data.decode())
    except UnicodeDecodeError:
        fail(f"Error: {args[1]!r} is not text: redirect its {len(data):,} bytes to a file")


@verb("IMAGE IMAGE", takes=(2, 2))
def diff_images(session: Session, args: tuple[str, ...]) -> None:
    """Show what differs between two images' file systems: A added, C changed, D deleted."""
    before, changes = session.lab.image(args[0]).tree(), session.lab.diff(*args)
    marks = {path: "C" if path in before else "A" for path in changes.entries if path}
    marks |= dict.fromkeys(changes.removed, "D")
    say("".join(f"{marks[path]} /{one_line(path)}\n" for path in sorted(marks)))


@verb()
def verify(session: Session, args: tuple[str, ...]) -> None:
    """Hash all content again and list what is damaged."""
    damage = session.lab.verify()
    for item in damage:
        where = f" (in {', '.join(item.images)})" if item.images else ""
        say(f"{item.digest}: {item.what}{where}\n")
    if damage:
        fail(f"Error: {len(damage)} of the store's blobs are damaged or missing")
    say(f"All {sum(1 for _ in session.lab.store.blobs)} blobs hold what their names say\n")
