"""Draw the committed pictures again, from real images: `python tools/pictures.py`.

README's pictures stand in docs/, those of the glossary's notes in notebooks/pictures/. The same bytes on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from imagelab import Digest, Image, Lab, draw
from imagelab.build.progress import Built
from imagelab.drawings.drawing import LAYER, MANIFEST, QUIET, TAG, Drawing, box, digraph, row, short, text
from imagelab.oci import manifest
from imagelab.oci.tar import BLOCK

ROOT = Path(__file__).resolve().parents[1]
PROVENANCE = "https://slsa.dev/provenance/v0.2"


def main(folder: Path) -> None:
    """Write README's anatomy.svg, stack.svg, sharing.svg and containers.svg."""
    lab = Lab.temporary(epoch=0)
    base = lab.append(None, {"bin/sh": b"#!" * 50, "etc/os-release": "NAME=lab\n"}, "base:1.0", created_by="base")
    copied = base.append({"app/app.py": "print('hi')\n", "app/secret.txt": b"s" * 1000}, "COPY . /app")
    app = copied.append({"app/secret.txt": None}, "RUN rm /app/secret.txt")
    app = app.with_config('CMD ["python" "app.py"]', Cmd=["python", "app.py"])
    lab.tag(app, "myapp:1.0")
    lab.tag(app, "myapp:latest")
    other = lab.append("base:1.0", {"srv/index.html": "<h1>hi</h1>\n"}, "web:1.0", created_by="COPY index.html /srv/")
    pictures = {"anatomy": draw.anatomy(app), "stack": draw.stack(app), "sharing": draw.sharing([app, other])}
    write(folder, pictures | {"containers": draw.containers(shop())})


def glossary(folder: Path) -> None:
    """Write the pictures that the glossary's notes show."""
    lab = Lab.temporary(epoch=0)
    base = lab.append(None, {"etc/os-release": "NAME=lab\n"}, "base:1.0", created_by="COPY os-release /etc/")
    image = lab.append(base, {"menu.txt": "soup 4\n"}, "shop:1.0", created_by="COPY menu.txt /")
    web = lab.append(base, {"index.html": "<h1>hi</h1>\n"}, "web:1.0", created_by="COPY index.html /")
    pictures = {
        "anatomy": draw.anatomy(image),
        "build": draw.build(two_stages()),
        "chain": draw.merkle(image),
        "containers": draw.containers(shop()),
        "index": index(),
        "sharing": draw.sharing([image, web]),
        "stack": draw.stack(image.append({"menu.txt": None}, "RUN rm /menu.txt")),
        "tags": draw.tags(moved()),
        "tar": tar(image),
    }
    write(folder, pictures)


def write(folder: Path, pictures: Mapping[str, Drawing]) -> None:
    folder.mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(folder / f"{name}.svg")


def shop() -> Lab:
    """A lab with two containers of one image, which have gone different ways; one has become an image."""
    lab = Lab.temporary(epoch=0)
    image = lab.base().append({"menu.txt": "soup 4\n"}, "COPY menu.txt /")
    lab.tag(image.with_config("CMD open", Cmd=["sh", "-c", "while true; do sleep 1; done"]), "shop:1.0")
    left, right = (lab.run("shop:1.0", name=name, detach=True) for name in ("left", "right"))
    left.exec("sh", "-c", "echo soup 5 > /menu.txt; echo table 4 > /orders.txt")
    left.commit("shop:2.0")
    right.exec("rm", "/menu.txt")
    right.stop(0)
    return lab


def moved() -> Lab:
    """A lab with two tags, one of which has moved, so that no tag points to the first image."""
    lab = Lab.temporary(epoch=0)
    for price in (4, 5):
        lab.append(None, {"menu.txt": f"soup {price}\n"}, "shop:1.0")
    lab.tag("shop:1.0", "shop:latest")
    return lab


def two_stages() -> Built:
    """A build of two stages, done for the second time, after a file has changed that only the last step copies."""
    dockerfile = """\
FROM lab/shell:1.0 AS make
COPY prices.csv .
RUN sort prices.csv > sorted.csv

FROM lab/shell:1.0
COPY --from=make sorted.csv /
COPY menu.txt /
"""
    lab = Lab.temporary(epoch=0)
    for menu in ("soup 4\n", "soup 5\n"):
        files = {"Dockerfile": dockerfile, "prices.csv": "tea,2\nsoup,4\n", "menu.txt": menu}
        built = lab.build(files, "shop:1.0")
    return built


def index() -> Drawing:
    """An index of two manifests and an attestation, and the tag that points to it."""
    labs = [Lab.temporary(epoch=0, platform=f"linux/{processor}") for processor in ("amd64", "arm64")]
    images = [lab.append(None, {"bin/shop": f"program for {lab.platform}"}) for lab in labs]
    statement = manifest.dump({"_type": "https://in-toto.io/Statement/v0.1", "predicateType": PROVENANCE})
    attested = manifest.manifest_for(manifest.dump(manifest.scratch_config("unknown", "unknown")), [{
        "mediaType": "application/vnd.in-toto+json", "digest": Digest.of(statement), "size": len(statement),
    }])  # fmt: skip
    entries = [(lab.platform, image.digest, len(image.manifest_bytes)) for lab, image in zip(labs, images, strict=True)]
    entries.append(("unknown/unknown", Digest.of(attested), len(attested)))
    data = manifest.dump({
        "schemaVersion": 2,
        "mediaType": manifest.INDEX,
        "manifests": [
            {
                "mediaType": manifest.MANIFEST, "digest": digest, "size": size,
                "platform": dict(zip(("os", "architecture"), platform.split("/"), strict=True)),
            }
            for platform, digest, size in entries
        ],
    })  # fmt: skip
    titles = [f"manifest for {lab.platform}" for lab in labs] + [f"attestation: how {labs[0].platform} was made"]
    graph = digraph(rankdir="LR", nodesep="0.3", ranksep="0.6")
    graph.node("tag", box("shop:1.0", fill=TAG, subtitle="a tag"))
    own = row(text(f"digest = sha256 of its {len(data):,} bytes", size=11), text(short(Digest.of(data)), bold=True))
    rows = [row(text(platform, size=11), text(short(digest)), port=f"p{n}") for n, (platform, digest, _) in
            enumerate(entries)]  # fmt: skip
    graph.node("index", box("index", [own, *rows], fill=MANIFEST, subtitle="JSON"))
    graph.edge("tag", "index:head")
    for number, title in enumerate(titles):
        fill = MANIFEST if number < len(images) else QUIET
        rows = [row(text(short(entries[number][1]), bold=True))]
        graph.node(f"m{number}", box(title, rows, fill=fill, subtitle=f"JSON, {entries[number][2]:,} bytes"))
        graph.edge(f"index:p{number}", f"m{number}:head")
    words = f"The tag shop:1.0 points to the index {short(Digest.of(data))}, which lists: {'; '.join(titles)}."
    return Drawing(graph, "An index of two platforms", words)


def tar(image: Image) -> Drawing:
    """The blocks of a layer's tar with one file: the fields of its header, its bytes, and the end."""
    layer = image.layers[-1]
    data = b"".join(layer.pieces())
    header, content = data[:BLOCK], data[BLOCK : 2 * BLOCK]
    assert len(data) == 4 * BLOCK, "one file that fits into one block"

    def field(start: int, end: int) -> str:
        return header[start:end].strip(b"\0 ").decode()

    size = int(field(124, 136), 8)
    fields = [
        f"name   {field(0, 100)}",
        f"mode   {field(100, 108)}   in octal digits",
        f"owner   {field(108, 116)}   group   {field(116, 124)}",
        f"size   {field(124, 136)}   in octal, {size} bytes",
        f"time   {field(136, 148)}   seconds since 1970",
    ]
    graph = digraph()
    rows = [
        row(text("bytes 0 to 511: the header", bold=True), *(text(line, size=11) for line in fields)),
        row(text("bytes 512 to 1,023: the file", bold=True), text(repr(content[:size].decode()), size=11),
            text(f"and {BLOCK - size} zeros, to fill the block", size=11)),
        row(text("bytes 1,024 to 2,047: the end", bold=True), text("1,024 zeros", size=11), fill=QUIET),
    ]  # fmt: skip
    graph.node("tar", box("a layer's tar", rows, fill=LAYER, subtitle=f"its digest, the diffID: {layer.diff_id.short}"))
    return Drawing(graph, "A layer's tar, block by block", "; ".join(fields))


if __name__ == "__main__":
    main(ROOT / "docs")
    glossary(ROOT / "notebooks" / "pictures")
